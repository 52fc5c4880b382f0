//! The verbs, independent of any cluster manager.
//!
//! Promises: each verb ends within its deadline, with one outcome that states the result and its cause.
//! Must never: know an exit code, report "stopped" without proof, or let a command run past its share of
//! the time.

mod clear;
mod context;
mod deadline;
mod down;
mod gate;
mod halt;
mod monitor;
mod orders;
mod up;
mod validate;
mod validate_files;
mod waiting;
mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::NotDone;
use crate::control::Failure;
use crate::history::By;
use crate::observe::{Denied, Observation};
use crate::site::{Adjustments, LoadError, Places, SiteName, SitePlaces};

pub use deadline::{Deadline, reserve_of_start, time_for_start, time_for_stop};
pub use down::{clean, clean_and_break, stop};
pub use gate::pass_gate_here;
pub use monitor::{Level, monitor};
pub use orders::{PauseOrder, adjust, pause, reload, resume};
pub use up::{adopt, run, start};
pub use validate::validate;
pub use validate_files::{CheckedFile, DefinitionFile, FileFault, outcome_of, validate_files};
pub use watch::{run_until_unflagged, watch};

/// The site that a verb works on.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: SiteName,
    pub places: Places,
    pub site: SitePlaces,
    /// The manager's name for the site.
    pub known_as: Option<String>,
    /// The values of the definition that the manager's parameters replace.
    pub adjustments: Adjustments,
    /// The caller, for the record and the history.
    pub caller: &'static str,
}

/// The caller of a verb that a person runs. A manager can tell a site that was stopped by hand.
pub const STOPPED_BY_HAND: &str = "a person";

impl Target {
    pub fn new(name: SiteName, places: Places, known_as: Option<String>) -> Self {
        let site = places.of(&name);
        Self {
            name,
            places,
            site,
            known_as,
            adjustments: Adjustments::default(),
            caller: STOPPED_BY_HAND,
        }
    }

    /// By whose order this verb works, for the history.
    pub fn by(&self) -> By {
        match self.caller {
            STOPPED_BY_HAND => By::person(self.caller),
            manager => By::manager(manager, self.known_as.as_deref()),
        }
    }
}

/// How a site is brought down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopMode {
    /// In order, then by TERM, then by KILL.
    Graceful,
    /// By KILL at once.
    Kill,
}

/// The outcome of a verb.
#[derive(Debug)]
pub enum Outcome {
    /// It is done; a sentence for a person, without its full stop.
    Done(String),
    /// The observation of a monitor.
    Seen(Box<Observation>),
    Fault(Fault),
}

/// Why a verb did not do what it was asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// Object, cause and next step, without its full stop.
    pub sentence: String,
    /// More lines for a person: the last output of a process, or each error in a file.
    pub details: Vec<String>,
}

/// The kind of a fault, as cluster managers distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// It failed here and now; it may work elsewhere or later.
    Failed,
    /// The configuration is wrong on this node.
    WrongHere,
    NoSuchVerb,
    NotPermitted,
    /// A program, user or file is missing on this node.
    NotInstalled,
    /// The manager's parameters are wrong, and so on every node.
    Misconfigured,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Failed,
        Self::WrongHere,
        Self::NoSuchVerb,
        Self::NotPermitted,
        Self::NotInstalled,
        Self::Misconfigured,
    ];
}

impl Fault {
    pub fn new(kind: FaultKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), details: Vec::new() }
    }

    pub fn failed(sentence: impl Into<String>) -> Self {
        Self::new(FaultKind::Failed, sentence)
    }

    /// Why an order to a supervisor was not carried out.
    fn of_order(target: &Target, verb: &str, why: NotDone) -> Self {
        let name = &target.name;
        match why {
            NotDone::Failed(failure) => {
                Self::of_failure(target, &failure, &format!("failed during {verb}"))
            }
            NotDone::Overtaken(by) => {
                Self::failed(format!("the {verb} of `{name}` was overtaken by {by}"))
            }
            NotDone::Refused(why) => {
                Self::failed(format!("the {verb} of `{name}` was not done: {why}"))
            }
            NotDone::NotInTime { why, details } => Self {
                details,
                ..Self::failed(format!(
                    "the {verb} of `{name}` was not done in time, and may still be: {why}"
                ))
            },
            NotDone::Interrupted => Self::failed(format!("the {verb} of `{name}` was interrupted")),
            NotDone::Nobody => Self::failed(format!(
                "the site `{name}` has no supervisor to {verb} it; start it with: siteward start {name}"
            )),
            NotDone::Denied(error) => Denied(error).into(),
        }
    }

    /// A supervisor's report of a failed site, with the last output of the process.
    fn of_failure(target: &Target, failure: &Failure, next: &str) -> Self {
        let mut details = Vec::new();
        if let Some(process) = &failure.process {
            details.extend(failure.last_lines.iter().map(|line| format!("{process}: {line}")));
            let log = target.site.process_log(process);
            details.push(format!("all that it printed is in {}", log.display()));
        }
        Self {
            kind: FaultKind::Failed,
            sentence: format!("the site `{}` {next}: {}", target.name, failure.reason),
            details,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Self {
        let kind = match &error {
            LoadError::Missing { .. } => FaultKind::NotInstalled,
            LoadError::Denied { .. } => FaultKind::NotPermitted,
            LoadError::Untrusted(_) | LoadError::Unusable(_) | LoadError::Wrong(_) => {
                FaultKind::WrongHere
            }
        };
        let LoadError::Wrong(wrong) = &error else { return Self::new(kind, error.to_string()) };
        // The first problem is the sentence; the other lines are the details.
        let text = wrong.to_string();
        let mut lines = text.lines().map(str::to_owned);
        let first = lines.next().unwrap_or_default();
        let sentence = match wrong.problems.len() + wrong.more {
            0 | 1 => first,
            n => format!("{first} (and {} more)", n - 1),
        };
        Self { kind, sentence, details: lines.collect() }
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        Self::new(
            FaultKind::NotPermitted,
            format!("this user may not see into the site: {}; try as root", denied.0),
        )
    }
}
