//! Determines the state of a site, for every verb.
//!
//! Promises: the result is one of nine states, comes within the deadline, and changes nothing. It is
//! "unknown" only when nine tenths of the time are gone. Must never: change anything, report "unknown"
//! as "stopped", or trust a record over a process.

mod drift;
mod evidence;
mod missing;
mod observation;
#[cfg(test)]
pub(crate) mod samples;
mod wrapped;
mod wrapped_state;

use std::time::Duration;

use crate::backend::Backend;
use crate::backend::own::{self, Asked};
use crate::control::{Reply, Request, State, View};
use crate::linux::lock;
use crate::linux::wait::Waiting;
use crate::process::{MarkedSites, Member, Members, Record, SUPERVISOR, find_members};
use crate::site::SitePlaces;
use crate::values::Moment;
use evidence::{ObserveError, held_locks, read_record};
use observation::{or_unknown, unknown};

pub use drift::{Drift, drift, drift_of};
pub use evidence::Denied;
pub use missing::{MissingProcess, look_for_missing};
pub use observation::{Observation, Wrapping};

/// Looks at the site until its state is known, but not longer than nine tenths of the time from
/// `begun` to `deadline`.
///
/// # Errors
/// The site belongs to another user, and this user may not look at it.
pub fn observe(
    places: &SitePlaces,
    begun: Moment,
    deadline: Moment,
) -> Result<Observation, Denied> {
    observe_among(None, places, begun, deadline)
}

/// As [`observe`], for one of many sites: the marks of all processes are handed in, so that /proc is walked for a site
/// only where one of them may belong to it.
///
/// # Errors
/// As of [`observe`].
pub fn observe_among(
    marked: Option<&MarkedSites>,
    places: &SitePlaces,
    begun: Moment,
    deadline: Moment,
) -> Result<Observation, Denied> {
    let patience = patience_of(begun, deadline);
    loop {
        let answer = own::ask(places, &Request::Look, patience);
        log::debug!("the supervisor at {} was asked: {answer:?}", places.socket().display());
        match answer {
            Asked::Answered(Reply::Done(view)) => return Ok(believed(places, *view)),
            // Not because of permissions: a user without them cannot even ask.
            Asked::Answered(Reply::Refused { why }) => return Ok(unknown(places, why)),
            Asked::Answered(
                Reply::Heard
                | Reply::Failed(_)
                | Reply::Overtaken { .. }
                | Reply::Busy { .. }
                | Reply::Details(_),
            ) => {
                let why = "the supervisor's answer does not fit the question".to_owned();
                return Ok(unknown(places, why));
            }
            Asked::Denied(error) => return Err(Denied(error)),
            Asked::Silent => return Ok(silent(places)),
            Asked::Nobody => {
                if let Some(external) = Backend::at(places).external() {
                    return wrapped::observe(places, external, patience);
                }
                let seen = or_unknown(places, without_supervisor(places, marked))?;
                if !is_about_to_change(places, &seen) {
                    return Ok(seen);
                }
                if patience.passed() {
                    let why = "a supervisor of the site lives, holds no lock, and does not end"
                        .to_owned();
                    return Ok(unknown(places, why));
                }
                Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(5)));
            }
        }
    }
}

/// Until when nobody says "unknown": nine tenths of the time.
fn patience_of(begun: Moment, deadline: Moment) -> Moment {
    begun + begun.until(deadline).mul_f64(0.9)
}

/// A supervisor may live that held no lock when it was looked for. It takes the lock a moment later, has
/// released it and is about to exit, or is recreating its runtime directory.
fn is_about_to_change(places: &SitePlaces, seen: &Observation) -> bool {
    // A process that cannot be looked at may live.
    if seen.record.as_ref().is_some_and(|r| r.supervisor.lives().unwrap_or(true)) {
        return true;
    }
    // By the supervisor's own mark: its helpers are in its control group too.
    let is_supervisor = |m: &Member| m.seen().is_called(places, SUPERVISOR);
    seen.members.ours.iter().any(is_supervisor)
        || (!seen.members.is_empty() && lock::is_held(&places.lock()).unwrap_or(true))
}

fn silent(places: &SitePlaces) -> Observation {
    let record = Record::read(places).ok().flatten();
    let stat = record.as_ref().and_then(|r| r.supervisor.stat());
    let why = match (&record, stat) {
        (Some(record), Some(stat)) if stat.is_stopped() => format!(
            "the supervisor {} is stopped by a signal or a debugger; let it go on with: \
             kill -CONT {}",
            record.supervisor.pid, record.supervisor.pid
        ),
        (Some(record), _) => format!("the supervisor {} does not answer", record.supervisor.pid),
        (None, _) => "the supervisor does not answer".to_owned(),
    };
    unknown(places, why)
}

fn believed(places: &SitePlaces, view: View) -> Observation {
    let why = view.failure.as_ref().map(|f| f.reason.clone()).or_else(|| {
        let down = view.processes.iter().filter(|p| !p.up).map(|p| match &p.detail {
            Some(detail) => format!("`{}` is {} ({detail})", p.name, p.doing),
            None => format!("`{}` is {}", p.name, p.doing),
        });
        let down: Vec<String> = view.lost.iter().cloned().chain(down).collect();
        match view.state {
            State::Starting | State::Degraded if !down.is_empty() => Some(down.join("; ")),
            State::Maintenance => {
                let paused = view.paused.as_ref().map(ToString::to_string);
                let words: Vec<String> = paused.into_iter().chain(view.lost.clone()).collect();
                (!words.is_empty()).then(|| words.join("; "))
            }
            _ => None,
        }
    });
    Observation {
        state: view.state,
        record: Record::read(places).ok().flatten(),
        view: Some(view),
        members: Members::default(),
        why,
        wrapped: None,
        found: None,
    }
}

/// The state of a site whose supervisor's lock is free, from its processes and its record.
fn without_supervisor(
    places: &SitePlaces,
    marked: Option<&MarkedSites>,
) -> Result<Observation, ObserveError> {
    let record = read_record(places)?;
    let members = match (&record, marked.map(|marked| marked.has(places))) {
        (None, Some(Ok(false))) => Members::default(),
        (Some(_), _) | (None, None | Some(Ok(true) | Err(_))) => {
            find_members(places, record.as_ref()).map_err(|error| ObserveError::of_proc(&error))?
        }
    };
    let held = held_locks(places)?;
    let failed = record.as_ref().and_then(|r| Some(r.failure()?.reason.clone()));
    let (state, why) = unwatched(failed, &members, &held);
    Ok(Observation { state, view: None, record, members, why, wrapped: None, found: None })
}

/// The state of a site that nobody watches. `failed`: why it has ended; `held`: its locks that somebody holds.
fn unwatched(
    failed: Option<String>,
    members: &Members,
    held: &[String],
) -> (State, Option<String>) {
    let left = if !members.is_empty() {
        Some(format!("nobody watches {}", members.describe()))
    } else if !held.is_empty() {
        // Only processes of the site inherit these locks. This user may not look at the one that holds it.
        let of = held.join(", ");
        Some(format!("a process that this user cannot see still belongs to {of}"))
    } else {
        None
    };
    match (failed, left) {
        (Some(reason), Some(left)) => {
            (State::FailedWithSurvivors, Some(format!("{reason}; {left}")))
        }
        (Some(reason), None) => (State::Failed, Some(reason)),
        (None, Some(left)) => {
            (State::Unsupervised, Some(format!("the supervisor is gone, and {left}")))
        }
        (None, None) => (State::Stopped, None),
    }
}

/// The default time limit of a verb that a person types. Pacemaker has the same default.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
