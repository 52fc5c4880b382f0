//! The state of a site with a wrapped supervisor, by what one look at it has shown.

use std::time::Duration;

use super::evidence::{ObserveError, held_locks};
use crate::backend::external::{Daemon, External, Look};
use crate::backend::jobcenter::{self, Conversion};
use crate::control::State;
use crate::linux::lock;
use crate::linux::process::command_line;
use crate::process::{Ending, Identity, Members, Phase, Record};
use crate::site::{Definition, SitePlaces, Wrapped};
use crate::values::Moment;

/// What was seen, and is judged.
pub(super) struct WrappedLook {
    pub(super) look: Look,
    pub(super) record: Option<Record>,
    pub(super) members: Members,
}

/// A state, with the reason if it is neither running nor stopped.
pub(super) type Judged = (State, Option<String>);

pub(super) enum RestVerdict {
    Judged(Judged),
    /// The supervisor lives, its daemons are down, and nothing says by whose order: a sentence. If that stays so, it was
    /// a person; after a failure, the supervisor ends.
    Unexplained(String),
}

impl From<Judged> for RestVerdict {
    fn from(judged: Judged) -> Self {
        Self::Judged(judged)
    }
}

/// How long a supervisor may take to notice that its last process is gone, and to end.
pub(super) const GRACE: Duration = Duration::from_secs(5);

pub(super) fn judge(
    places: &SitePlaces,
    external: &External,
    seen: &WrappedLook,
) -> Result<RestVerdict, ObserveError> {
    let WrappedLook { look, record, members } = seen;
    let wrapped = &external.wrapped;
    let record = record.as_ref();
    // A supervisor that changed its title is still the process that siteward started.
    let ours = match record.and_then(|r| r.processes.first()) {
        Some(ours) => ours.identity.lives().map_err(|error| ObserveError::of_proc(&error))?,
        None => false,
    };
    let supervised = !look.supervisors.is_empty() || (ours && !wrapped.detached);
    if let Some(halted) = &look.halted
        && record.and_then(|r| r.phase) != Some(Phase::Stopping)
    {
        return Ok(without_its_attention(wrapped, look, halted).into());
    }
    let judged = match (&look.daemon, supervised) {
        (Daemon::Unknown(why), _) => (State::Unknown, Some(why.clone())),
        (Daemon::NotInstalled, true) => (
            State::Unknown,
            Some("the program of its `list` command is not on this node".to_owned()),
        ),
        (Daemon::Up(_), true) => (State::Running, None),
        (Daemon::Up(_), false) if wrapped.detached => (State::Running, None),
        (Daemon::Up(daemon), false) => {
            let daemon = daemon.as_ref().map_or_else(
                || "the site is up".to_owned(),
                |d| format!("its daemon {} is up", d.pid),
            );
            let why = format!("{daemon}, and no `{}` watches it", program(wrapped));
            (State::Unsupervised, Some(why))
        }
        (Daemon::Partly(why) | Daemon::Broken(why), _) if supervised || wrapped.detached => {
            without_all(external, look, record, why)
        }
        (Daemon::NotAsked, true) => match record.and_then(|r| r.phase) {
            Some(Phase::Stopping) => (State::StoppingOrdered, None),
            Some(Phase::Starting { .. } | Phase::Up) | None => (State::Running, None),
        },
        (Daemon::Shut(claim), true) => {
            return Ok(without_daemon(external, look, record, claim.as_deref()));
        }
        (Daemon::Absent, true) => {
            return Ok(without_daemon(external, look, record, None));
        }
        (
            Daemon::Shut(_)
            | Daemon::Partly(_)
            | Daemon::Broken(_)
            | Daemon::Absent
            | Daemon::NotAsked
            | Daemon::NotInstalled,
            _,
        ) => without_supervisor(places, wrapped, look, record, members)?,
    };
    Ok(judged.into())
}

/// The supervisor was stopped by a signal.
fn without_its_attention(wrapped: &Wrapped, look: &Look, halted: &Identity) -> Judged {
    let (name, pid) = (program(wrapped), halted.pid);
    let halted = format!("`{name}` (process {pid}) is stopped by a signal");
    let advice = format!("let it go on with: kill -CONT {pid}");
    match look.daemon {
        Daemon::Shut(_) | Daemon::Broken(_) | Daemon::Absent => (
            State::FailedWithSurvivors,
            Some(format!("{halted}, and the site's daemons are down; {advice}")),
        ),
        Daemon::Up(_)
        | Daemon::Partly(_)
        | Daemon::NotAsked
        | Daemon::NotInstalled
        | Daemon::Unknown(_) => {
            (State::Unsupervised, Some(format!("{halted}, and watches nothing; {advice}")))
        }
    }
}

pub(super) fn program(wrapped: &Wrapped) -> &str {
    if let Some(unit) = wrapped.unit() {
        return unit;
    }
    wrapped.process.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w))
}

/// Services of it are down, and others may be up.
fn without_all(external: &External, look: &Look, record: Option<&Record>, why: &str) -> Judged {
    let phase = record.and_then(|r| r.phase);
    let paused = record.and_then(|r| r.paused.as_ref());
    let starting = match phase {
        Some(Phase::Starting { until }) => !until.passed(),
        Some(Phase::Up | Phase::Stopping) => false,
        None => is_young(look, &external.definition),
    };
    let state = match look.daemon {
        _ if phase == Some(Phase::Stopping) || is_stopping(&external.wrapped, look, record) => {
            State::StoppingOrdered
        }
        _ if starting => State::Starting,
        _ if look.pausing || paused.is_some() => State::Maintenance,
        Daemon::Partly(_) if !matches!(phase, Some(Phase::Starting { .. })) => State::Degraded,
        Daemon::Partly(_)
        | Daemon::Broken(_)
        | Daemon::Up(_)
        | Daemon::Shut(_)
        | Daemon::Absent
        | Daemon::NotAsked
        | Daemon::NotInstalled
        | Daemon::Unknown(_) => State::FailedWithSurvivors,
    };
    let why = match (state, paused) {
        (State::Maintenance, Some(paused)) => paused.to_string(),
        _ => why.to_owned(),
    };
    (state, Some(why))
}

/// The supervisor lives, and its daemon is down.
fn without_daemon(
    external: &External,
    look: &Look,
    record: Option<&Record>,
    claim: Option<&str>,
) -> RestVerdict {
    let External { definition, wrapped, .. } = external;
    let phase = record.and_then(|r| r.phase);
    let name = program(wrapped);
    let starting = || {
        let why = match external.kinds_up(&look.supervisors) {
            Some((up, all)) => format!("{up} of {all} kinds of its processes are up"),
            None => format!("`{name}` lives, and its daemon is not up yet"),
        };
        (State::Starting, Some(why))
    };
    let is_in_time = |until: Moment| !until.passed();
    let paused = record.and_then(|r| r.paused.as_ref());
    let judged = match (phase, claim) {
        (Some(Phase::Stopping), _) => {
            (State::StoppingOrdered, Some(format!("`{name}` is being stopped")))
        }
        (Some(Phase::Starting { until }), _) if is_in_time(until) => starting(),
        _ if is_stopping(wrapped, look, record) => {
            (State::StoppingOrdered, Some(format!("`{name}` is being stopped")))
        }
        (_, Some(claim)) => (State::StoppingFailed, Some(claim.to_owned())),
        _ if is_at_rest_by_file(wrapped, look) => {
            let why = "this machine's daemon.conf says maintenance=ON".to_owned();
            (State::Maintenance, Some(why))
        }
        (Some(Phase::Starting { .. }), None) => (
            State::FailedWithSurvivors,
            Some(format!("it was not up within its time, and `{name}` still lives")),
        ),
        // After nqsstop, or by hand (MNT-02): the supervisor stays, without daemons.
        (Some(Phase::Up) | None, None) if paused.is_some() => {
            (State::Maintenance, paused.map(ToString::to_string))
        }
        (None, None) if is_young(look, definition) => starting(),
        (Some(Phase::Up) | None, None) => return unordered(wrapped, look),
    };
    judged.into()
}

/// A stop command runs, and it is not the one that pauses the site with the same words.
fn is_stopping(wrapped: &Wrapped, look: &Look, record: Option<&Record>) -> bool {
    let is_pause = wrapped.pause.as_ref() == Some(&wrapped.stop);
    look.stopping && !(is_pause && record.is_some_and(|record| record.paused.is_some()))
}

/// No order of ours explains it that the daemons are down.
fn unordered(wrapped: &Wrapped, look: &Look) -> RestVerdict {
    let name = program(wrapped);
    if look.pausing {
        let why = format!("`{name}` lives, and a command takes its daemons down or up");
        return (State::Maintenance, Some(why)).into();
    }
    if wrapped.jobcenter.is_none() {
        let why = format!("{}, and nobody has paused the site", at_rest(name));
        return (State::FailedWithSurvivors, Some(why)).into();
    }
    match look.workers.first() {
        // Of a failure, and not gone yet (SUP-04).
        Some(worker) => {
            let line = command_line(worker.pid).unwrap_or_default();
            let why = format!(
                "its nqsdaemon is down, {} ({line}) still lives, and no command is seen that pauses the site",
                worker.pid
            );
            (State::StoppingFailed, Some(why)).into()
        }
        None => RestVerdict::Unexplained(at_rest(name)),
    }
}

fn is_at_rest_by_file(wrapped: &Wrapped, look: &Look) -> bool {
    let profile = wrapped.jobcenter.as_ref();
    let read_it = |of: &Identity| profile.is_some_and(|p| jobcenter::was_in_maintenance(p, of));
    look.supervisors.iter().any(read_it)
}

/// Not started by siteward: a young supervisor is starting, an old one has its daemons down.
fn is_young(look: &Look, definition: &Definition) -> bool {
    let age = look.supervisors.first().and_then(Identity::age);
    age.is_some_and(|age| is_within_boot(age, definition.boot_timeout))
}

fn is_within_boot(age: Duration, boot_timeout: Duration) -> bool {
    age < boot_timeout
}

fn at_rest(name: &str) -> String {
    format!("`{name}` lives, and its daemons are down")
}

fn without_supervisor(
    places: &SitePlaces,
    wrapped: &Wrapped,
    look: &Look,
    record: Option<&Record>,
    members: &Members,
) -> Result<Judged, ObserveError> {
    if let Some(worker) = look.workers.first() {
        let line = command_line(worker.pid).unwrap_or_default();
        let name = program(wrapped);
        let living = format!("`{name}` is gone, and nobody watches {} ({line})", worker.pid);
        return Ok((State::Unsupervised, Some(living)));
    }
    if !members.is_empty() {
        let living =
            format!("`{}` is gone, and nobody watches {}", program(wrapped), members.describe());
        return Ok((State::Unsupervised, Some(living)));
    }
    let held = held_locks(places)?;
    if !held.is_empty() {
        let why = "a process that this user cannot see still belongs to the site".to_owned();
        return Ok((State::Unsupervised, Some(why)));
    }
    // A resumed site: its placeholder has ended, and its own supervisor is not there yet.
    let starts = lock::is_held(&places.start_lock()).map_err(|error| {
        ObserveError::Unknown(format!(
            "the lock {} cannot be asked: {error}",
            places.start_lock().display()
        ))
    })?;
    if starts {
        return Ok((State::Starting, Some("a start of the site is in progress".to_owned())));
    }
    Ok(match record {
        Some(Record { ending: Some(Ending::Failed(failure)), .. }) => {
            (State::Failed, Some(failure.reason.clone()))
        }
        Some(Record { phase: Some(Phase::Up), ending: None, .. }) => {
            (State::Failed, Some(ended_untold(wrapped, look)))
        }
        Some(_) | None => (State::Stopped, look.conversion.as_ref().map(Conversion::describe)),
    })
}

/// Of a supervisor that is gone, and that no stop has ended.
pub(super) fn ended_untold(wrapped: &Wrapped, look: &Look) -> String {
    let untold = || format!("`{}` ended without being told to by siteward", program(wrapped));
    look.daemon.claim().map_or_else(untold, str::to_owned)
}

#[cfg(test)]
mod tests;
