//! The verbs, free of any manager.
//!
//! Promises: each ends within its deadline with one outcome that says what is so and why. Must
//! never: know an exit code, answer "stopped" without proof, or let anything that it runs
//! outlive its share of the time.

mod clear;
mod context;
mod deadline;
mod down;
mod gate;
mod halt;
mod holders;
mod monitor;
mod orders;
mod up;
mod validate;
mod waiting;
mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::NotDone;
use crate::control::Failure;
use crate::observe::{Denied, Observation};
use crate::site::{Adjustments, LoadError, Places, SiteName, SitePlaces};

pub use deadline::{Deadline, reserve_of_start, time_for_start, time_for_stop};
pub use down::{clean, clean_and_break, stop};
pub use gate::pass_gate_here;
pub use monitor::{Level, monitor};
pub use orders::{PauseOrder, adjust, pause, reload, resume};
pub use up::{adopt, run, start};
pub use validate::validate;
pub use watch::{run_until_unflagged, watch};

/// The site that a verb is about.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: SiteName,
    pub places: Places,
    pub site: SitePlaces,
    /// What the manager calls it.
    pub known_as: Option<String>,
    /// What the manager's parameters say differently from the definition.
    pub adjustments: Adjustments,
    /// Who calls, for a record of what happened.
    pub caller: &'static str,
}

/// The caller that is a person. A manager that sees a site which it stopped so lets it be.
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
}

/// How a site is brought down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopMode {
    /// In order, then by TERM, then by KILL.
    Graceful,
    /// By KILL at once.
    Kill,
}

/// What came of a verb.
#[derive(Debug)]
pub enum Outcome {
    /// It is done; a sentence for a person, without its full stop.
    Done(String),
    /// What a monitor saw.
    Seen(Box<Observation>),
    Fault(Fault),
}

/// Why a verb did not do what it was asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// Object, cause and next step, without its full stop.
    pub sentence: String,
    /// More lines for a person: what a process printed last, each thing that is wrong in a file.
    pub details: Vec<String>,
}

/// What sort of fault, as far as managers tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// It failed here and now; it may work elsewhere or later.
    Failed,
    /// Something said here is wrong on this node.
    WrongHere,
    NoSuchVerb,
    NotPermitted,
    /// Something is not there on this node.
    NotInstalled,
    /// The manager's own parameters are wrong, so wrong everywhere.
    Misconfigured,
}

impl FaultKind {
    /// Each of them.
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

    /// What a supervisor said of a failed site, with the process's last words.
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
        // The first is the sentence; all of them, each at its place, are the details.
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
