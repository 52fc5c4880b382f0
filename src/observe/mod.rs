//! The one way to find out the state of a site. Every verb uses it.
//!
//! Promises: one of nine states, read-only, within the deadline; "unknown" only when nine tenths
//! of the time are gone, and never as "stopped". Must never: change anything, or believe a record
//! more than a process.

mod wrapped;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use crate::backend::Backend;
use crate::backend::external::External;
use crate::backend::own::{self, Asked};
use crate::control::{Failure, Reply, Request, State, View};
use crate::linux::lock;
use crate::linux::wait::Waiting;
use crate::process::{
    Ending, Identity, Member, Members, Record, RecordError, SUPERVISOR, find_members,
};
use crate::site::SitePlaces;
use crate::values::Moment;

/// The state of a site, and the facts that it was concluded from.
#[derive(Debug)]
pub struct Observation {
    pub state: State,
    /// From the supervisor, where one answered.
    pub view: Option<View>,
    /// The record, where one of this boot can be read.
    pub record: Option<Record>,
    /// The processes of the site that live without a supervisor.
    pub members: Members,
    /// Why it is not simply running or stopped, as a sentence without its full stop.
    pub why: Option<String>,
    /// Where the site has a supervisor of its own.
    pub wrapped: Option<Wrapping>,
}

/// The look at a supervisor that is not ours.
#[derive(Debug)]
pub struct Wrapping {
    /// As which it was looked at.
    pub external: Box<External>,
    pub supervisors: Vec<Identity>,
    /// The process that its list names, verified.
    pub daemon: Option<Identity>,
    /// Its list says that the site is up.
    pub is_listed_up: bool,
    /// Other processes that are known to work for the site.
    pub workers: Vec<Identity>,
}

impl Wrapping {
    /// Its supervisors, its daemon and its other processes, as far as they were seen.
    pub fn living(&self) -> impl Iterator<Item = &Identity> {
        self.supervisors.iter().chain(&self.daemon).chain(&self.workers)
    }

    /// Something is there that may hear its stop command.
    pub fn is_supervised(&self) -> bool {
        !self.supervisors.is_empty() || self.is_listed_up
    }

    /// A sentence about a kind of process that should be there and is not.
    pub fn missing_kind(&self) -> Option<String> {
        let known: Vec<Identity> = self.supervisors.iter().chain(&self.daemon).cloned().collect();
        self.external.missing_kind(&known)
    }
}

impl Observation {
    /// The failure, if the site failed.
    pub fn failure(&self) -> Option<&Failure> {
        let of_view = self.view.as_ref().and_then(|v| v.failure.as_ref());
        of_view.or_else(|| match self.record.as_ref()?.ending.as_ref()? {
            Ending::Failed(failure) => Some(failure),
            Ending::Stopped { .. } => None,
        })
    }

    /// The observation of a site that cannot exist, like a clone.
    pub fn of_nothing() -> Self {
        Self {
            state: State::Stopped,
            view: None,
            record: None,
            members: Members::default(),
            why: None,
            wrapped: None,
        }
    }

    /// Whether a supervisor answered.
    pub fn is_supervised(&self) -> bool {
        self.view.is_some()
    }
}

/// The site is another user's.
#[derive(Debug)]
pub struct Denied(pub io::Error);

/// Looks at the site until something is known, at most until nine tenths of the time from
/// `begun` to `deadline` are gone.
///
/// # Errors
/// The site is another user's, and nothing of it may be seen.
pub fn observe(
    places: &SitePlaces,
    begun: Moment,
    deadline: Moment,
) -> Result<Observation, Denied> {
    let patience = begun + begun.until(deadline).mul_f64(0.9);
    loop {
        let answer = own::ask(places, &Request::Look, patience);
        log::debug!("the supervisor at {} was asked: {answer:?}", places.socket().display());
        match answer {
            Asked::Answered(Reply::Done(view)) => return Ok(believed(places, *view)),
            // Not a matter of permission: that is refused before the question.
            Asked::Answered(Reply::Refused { why }) => return Ok(unknown(places, why)),
            Asked::Answered(
                Reply::Heard | Reply::Failed(_) | Reply::Overtaken { .. } | Reply::Busy { .. },
            ) => {
                let why = "the supervisor answered something else than was asked".to_owned();
                return Ok(unknown(places, why));
            }
            Asked::Denied(error) => return Err(Denied(error)),
            Asked::Silent => return Ok(silent(places)),
            Asked::Nobody => {
                if let Some(external) = Backend::at(places).external() {
                    return wrapped::observe(places, external, patience);
                }
                let seen = or_unknown(places, without_supervisor(places))?;
                if !is_about_to_change(places, &seen) {
                    return Ok(seen);
                }
                if patience.passed() {
                    let why = "a supervisor of it neither comes to its work nor ends".to_owned();
                    return Ok(unknown(places, why));
                }
                Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(5)));
            }
        }
    }
}

/// There may be a supervisor that holds no lock at this moment: it took the lock after we looked for it, it
/// has not taken it yet, it has released it and is about to exit, or it is recreating its runtime directory.
fn is_about_to_change(places: &SitePlaces, seen: &Observation) -> bool {
    // A process that cannot be looked at is not called gone.
    if seen.record.as_ref().is_some_and(|r| r.supervisor.lives().unwrap_or(true)) {
        return true;
    }
    // Its own mark: its helpers are in its group, and are no supervisors.
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
        let down: Vec<String> = view
            .processes
            .iter()
            .filter(|p| !p.up)
            .map(|p| match &p.detail {
                Some(detail) => format!("`{}` is {} ({detail})", p.name, p.doing),
                None => format!("`{}` is {}", p.name, p.doing),
            })
            .collect();
        match view.state {
            State::Starting | State::Degraded if !down.is_empty() => Some(down.join("; ")),
            State::Maintenance => view.paused.as_ref().map(ToString::to_string),
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
    }
}

/// The record, where there is one that can be understood.
///
/// # Errors
/// It is there and cannot be read.
fn read_record(places: &SitePlaces) -> Result<Option<Record>, Unseen> {
    match Record::read(places) {
        Ok(record) => Ok(record),
        Err(RecordError::Denied(error)) => Err(Denied(error).into()),
        // A record that cannot be understood is ignored; the other marks remain.
        Err(RecordError::NotUnderstood(why)) => {
            log::warn!("the record {} is of no use: {why}", places.record().display());
            Ok(None)
        }
        Err(RecordError::Unreadable(error)) => Err(Unseen::Unknown(format!(
            "the record {} cannot be read: {error}",
            places.record().display()
        ))),
    }
}

/// Why the site could not be observed.
#[derive(Debug)]
enum Unseen {
    /// The site is another user's.
    Denied(Denied),
    /// Something could not be read; a sentence without its full stop.
    Unknown(String),
}

impl From<Denied> for Unseen {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Unseen {
    fn of_proc(error: &io::Error) -> Self {
        Self::Unknown(format!("/proc cannot be read: {error}"))
    }
}

/// The observation; `unknown` where something that is there could not be read.
fn or_unknown(
    places: &SitePlaces,
    seen: Result<Observation, Unseen>,
) -> Result<Observation, Denied> {
    match seen {
        Ok(seen) => Ok(seen),
        Err(Unseen::Denied(denied)) => Err(denied),
        Err(Unseen::Unknown(why)) => Ok(unknown(places, why)),
    }
}

fn unknown(places: &SitePlaces, why: String) -> Observation {
    Observation {
        state: State::Unknown,
        view: None,
        record: Record::read(places).ok().flatten(),
        members: Members::default(),
        why: Some(why),
        wrapped: None,
    }
}

/// The state of a site whose supervisor's lock is free, by its processes and its record.
fn without_supervisor(places: &SitePlaces) -> Result<Observation, Unseen> {
    let record = read_record(places)?;
    let members = find_members(places, record.as_ref()).map_err(|error| Unseen::of_proc(&error))?;
    let held = held_locks(places)?;
    let failed = match record.as_ref().and_then(|r| r.ending.as_ref()) {
        Some(Ending::Failed(failure)) => Some(failure.reason.clone()),
        Some(Ending::Stopped { .. }) | None => None,
    };
    let (state, why) = if !members.is_empty() {
        let living = format!("nobody watches {}", members.describe());
        match failed {
            Some(reason) => (State::FailedWithSurvivors, Some(format!("{reason}; {living}"))),
            None => (State::Unsupervised, Some(format!("the supervisor is gone, and {living}"))),
        }
    } else if !held.is_empty() {
        // A process that this user may not look at holds a lock that only the site's processes inherit.
        let why = format!(
            "the supervisor is gone, and a process that cannot be seen from here still belongs to {}",
            held.join(", ")
        );
        (State::Unsupervised, Some(why))
    } else {
        match failed {
            Some(reason) => (State::Failed, Some(reason)),
            None => (State::Stopped, None),
        }
    };
    Ok(Observation { state, view: None, record, members, why, wrapped: None })
}

/// The processes of the site whose locks are held.
fn held_locks(places: &SitePlaces) -> Result<Vec<String>, Unseen> {
    let folder = places.process_locks();
    let unread = |path: &Path, error: io::Error| match error.kind() {
        ErrorKind::PermissionDenied => Unseen::Denied(Denied(error)),
        _ => Unseen::Unknown(format!("the lock {} cannot be asked: {error}", path.display())),
    };
    let entries = match std::fs::read_dir(&folder) {
        // Without such a directory no lock is held in it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(|error| unread(&folder, error))?,
    };
    let mut held = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(&folder, error))?.path();
        if lock::is_held(&path).map_err(|error| unread(&path, error))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            held.push(format!("`{name}`"));
        }
    }
    Ok(held)
}

/// The default time limit of a verb that a person types: Pacemaker's.
pub const PATIENCE: Duration = Duration::from_secs(20);
