//! The verbs, independent of any cluster manager.
//!
//! Promises: each verb ends within its deadline, with one outcome that states the result and its cause.
//! Must never: know an exit code, report "stopped" without proof, or let a command run past its share of
//! the time.

mod clear;
mod context;
mod deadline;
mod down;
mod drain;
mod gate;
mod halt;
mod monitor;
mod orders;
#[cfg(test)]
mod samples;
mod series;
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
use crate::messages::{self, FaultKind, Message, MessageId};
use crate::observe::{Denied, Observation};
use crate::site::{Adjustments, LoadError, Places, SiteName, SitePlaces};

pub use deadline::{Deadline, reserve_of_start, time_for_start, time_for_stop};
pub use down::{clean, clean_and_break, stop};
pub use drain::{DrainOrder, Drained, drain};
pub use gate::pass_gate_here;
pub use monitor::{Level, monitor, monitor_among};
pub use orders::{PauseOrder, adjust, pause, reload, resume};
pub use series::{MonitorSeries, monitor_in_series};
pub use up::{adopt, run, start};
pub use validate::validate;
pub use validate_files::{CheckedFile, DefinitionFile, FileFault, outcome_of, validate_files};
pub use watch::{run_until_unflagged, tell_failures, watch};

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
    /// What it is, and so its kind.
    pub id: MessageId,
    /// Object, cause and next step, without its full stop.
    pub sentence: String,
    /// What was found wrong at the same time.
    pub others: Vec<Message>,
    /// More lines for a person, such as the last output of a process.
    pub details: Vec<String>,
}

impl From<Message> for Fault {
    fn from(Message { id, sentence }: Message) -> Self {
        Self { id, sentence, others: Vec::new(), details: Vec::new() }
    }
}

impl Fault {
    /// Joins what was found at once: the first is the sentence, which says how many more there are. `untold`:
    /// so many are only counted.
    fn of_all(messages: Vec<Message>, untold: usize) -> Option<Self> {
        let mut messages = messages.into_iter();
        let mut fault = Self::from(messages.next()?);
        let more = messages.len() + untold;
        if more > 0 {
            fault.sentence = format!("{} (and {more} more)", fault.sentence);
        }
        fault.others = messages.collect();
        Some(fault)
    }

    /// The lines after the sentence.
    pub fn lines(&self) -> Vec<String> {
        let others = self.others.iter().map(Message::identified);
        others.chain(self.details.iter().cloned()).collect()
    }

    pub fn kind(&self) -> FaultKind {
        self.id.kind()
    }

    fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// Why an order to a supervisor was not carried out.
    fn of_order(target: &Target, verb: &str, why: NotDone) -> Self {
        let name = &target.name;
        match why {
            NotDone::Failed(failure) => {
                Self::of_failure(target, &failure, &format!("failed during {verb}"))
            }
            NotDone::Overtaken(by) => messages::overtaken(verb, name, by).into(),
            NotDone::Refused(why) => messages::order_refused(verb, name, why).into(),
            NotDone::NotInTime { why, details } => {
                Self::from(messages::order_not_in_time(verb, name, why)).with_details(details)
            }
            NotDone::Interrupted => messages::order_interrupted(verb, name).into(),
            NotDone::Nobody => messages::no_supervisor(name, verb).into(),
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
        let Message { id, sentence } = messages::site_failed(&target.name, next, &failure.reason);
        let id = failure.id.unwrap_or(id);
        Self { id, sentence, others: Vec::new(), details }
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

impl From<Message> for Outcome {
    fn from(message: Message) -> Self {
        Self::Fault(message.into())
    }
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Self {
        let LoadError::Wrong(wrong) = &error else { return error.message().into() };
        let fault = Self::of_all(wrong.messages().collect(), wrong.more);
        let Some(fault) = fault else { return messages::definition_unusable(wrong).into() };
        fault.with_details(wrong.count_of_rest().into_iter().collect())
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        messages::not_permitted(denied.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_at_once_is_told_by_the_first_and_the_number_of_the_others() {
        let of = |count: usize, untold| {
            let messages = (1..=count).map(|at| messages::value_wrong(format!("fault {at}")));
            Fault::of_all(messages.collect(), untold)
        };
        assert!(of(0, 0).is_none() && of(0, 3).is_none());
        for (count, untold, more) in [(1, 0, ""), (1, 2, " (and 2 more)"), (3, 2, " (and 4 more)")]
        {
            let fault = of(count, untold).unwrap().with_details(vec!["a detail".to_owned()]);
            let first = of(1, 0).unwrap().sentence;
            assert_eq!(fault.to_string(), format!("{first}{more}"));
            let lines = fault.lines();
            assert_eq!(lines.len(), count, "each of the others, and the detail");
            assert_eq!(lines.last().map(String::as_str), Some("a detail"));
            assert!(count == 1 || lines[0].contains("fault 2"), "{lines:?}");
        }
    }
}
