//! Pacemaker, by the OCF resource agent API 1.1. Parameters come in the environment, the time limit in
//! `OCF_RESKEY_CRM_meta_timeout`. The reason for a failure goes to stderr with the prefix
//! `ocf-exit-reason:`.

use std::collections::HashMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::answer::{ManagerAnswer, Verb, common_code, is_told_as_degraded};
use super::cluster_log::LogSeverity;
use super::numbers;
use super::parameters::{self, ParameterId, Values};
use crate::agent::Outcome;
use crate::control::State;
use crate::messages::{FaultKind, MessageId};
use crate::observe::Observation;
use crate::process::Record;
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// Pacemaker cuts longer reasons (crm_mon and the CIB show 128 characters).
const LONGEST_REASON: usize = 128;

/// The action of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OcfAction {
    MetaData,
    Usage,
    /// An action on the site that the parameters name.
    OfSite(SiteAction),
    /// The agent has no such action.
    Unknown(String),
}

/// An action on a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteAction {
    Start,
    Stop,
    Monitor(MonitorKind),
    Clean,
    ValidateAll,
    Pause,
    Resume,
    Reload,
    ReloadAgent,
}

/// Why a monitor is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonitorKind {
    /// By the cluster, with the interval 0, to learn whether the site runs on this node.
    Probe,
    /// Without an interval: by a person or a tool.
    Once,
    /// By the cluster, repeatedly at this interval.
    Recurring { interval: Duration },
}

impl MonitorKind {
    pub fn is_recurring(self) -> bool {
        match self {
            Self::Recurring { .. } => true,
            Self::Probe | Self::Once => false,
        }
    }
}

/// The actions that `usage` lists: those of the meta-data, and those for a person.
const ACTIONS: [&str; 12] = [
    "start",
    "stop",
    "monitor",
    "status",
    "reload-agent",
    "reload",
    "validate-all",
    "clean",
    "pause",
    "resume",
    "meta-data",
    "usage",
];

/// The text of the action `usage`.
pub fn ocf_usage() -> String {
    format!("usage: site {{{}}}", ACTIONS.join("|"))
}

impl OcfAction {
    fn of(word: &str, interval: Option<u64>) -> Self {
        let kind = match interval {
            None => MonitorKind::Once,
            Some(0) => MonitorKind::Probe,
            Some(ms) => MonitorKind::Recurring { interval: Duration::from_millis(ms) },
        };
        Self::OfSite(match word {
            "meta-data" => return Self::MetaData,
            "usage" => return Self::Usage,
            "start" => SiteAction::Start,
            "stop" => SiteAction::Stop,
            "monitor" | "status" => SiteAction::Monitor(kind),
            "clean" => SiteAction::Clean,
            "validate-all" => SiteAction::ValidateAll,
            "pause" => SiteAction::Pause,
            "resume" => SiteAction::Resume,
            "reload" => SiteAction::Reload,
            "reload-agent" => SiteAction::ReloadAgent,
            other => return Self::Unknown(other.to_owned()),
        })
    }
}

/// A call by Pacemaker: the action is the only argument, and everything else is in the environment.
#[derive(Clone, Debug)]
pub struct OcfCall {
    pub action: OcfAction,
    /// None: no parameter names a site, as for the stop of an orphan.
    pub site: Option<String>,
    /// `OCF_RESOURCE_INSTANCE`.
    pub instance: Option<String>,
    pub overrides: Overrides,
    pub timeout: Option<Duration>,
    /// `OCF_CHECK_LEVEL`.
    pub level: u32,
    /// This node's name in the cluster (`OCF_RESKEY_CRM_meta_on_node`).
    pub node: Option<String>,
    /// The other parameters, or a sentence about the first that is not valid.
    pub values: Result<Values, String>,
    /// The resource is a clone, which a site cannot be.
    pub clone: bool,
    /// A sentence for each value that is not a number. It counts as not given.
    pub warnings: Vec<String>,
}

impl OcfCall {
    /// Reads the call from the argument and the environment.
    pub fn read(word: &OsStr) -> Self {
        let is_meant = |name: &OsString| name.as_encoded_bytes().starts_with(b"OCF_");
        let said = env::vars_os().filter(|(name, _)| is_meant(name));
        let said = said.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::read_from(word, &said.collect())
    }

    /// As [`Self::read`], from these variables.
    pub fn read_from(word: &OsStr, variables: &HashMap<String, OsString>) -> Self {
        let given = |name: &str| variables.get(name).filter(|v| !v.is_empty());
        // A value that is not UTF-8 is kept, so that it is refused as a name or number.
        let get = |name: &str| given(name).map(|v| v.to_string_lossy().into_owned());
        let mut warnings = Vec::new();
        let mut sure = |number: Option<Result<u64, String>>| {
            number.and_then(|read| read.map_err(|why| warnings.push(why)).ok())
        };
        let millis = |name: &str| {
            let read = |text: String| numbers::milliseconds(name, &text);
            let as_number = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            get(name).map(|text| read(text).map(as_number))
        };
        let interval = sure(millis("OCF_RESKEY_CRM_meta_interval"));
        let timeout = sure(millis("OCF_RESKEY_CRM_meta_timeout"));
        let level = "OCF_CHECK_LEVEL";
        let level = sure(get(level).map(|text| numbers::read(level, &text, u32::MAX.into())));
        let parameter = |id: ParameterId| get(&format!("OCF_RESKEY_{}", id.name()));
        let folder =
            |id: ParameterId| given(&format!("OCF_RESKEY_{}", id.name())).map(PathBuf::from);
        Self {
            action: OcfAction::of(&word.to_string_lossy(), interval),
            site: parameter(ParameterId::Site),
            instance: get("OCF_RESOURCE_INSTANCE"),
            overrides: Overrides {
                config: folder(ParameterId::ConfigDir),
                runtime: folder(ParameterId::RuntimeDir),
                logs: folder(ParameterId::LogDir),
                links: folder(ParameterId::LinkDir),
            },
            timeout: timeout.filter(|ms| *ms > 0).map(Duration::from_millis),
            level: level.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            node: get("OCF_RESKEY_CRM_meta_on_node"),
            values: parameters::read(|name| get(&format!("OCF_RESKEY_{name}"))),
            clone: variables.contains_key("OCF_RESKEY_CRM_meta_clone"),
            warnings,
        }
    }

    /// Whether it is a recurring monitor.
    pub fn is_recurring(&self) -> bool {
        match &self.action {
            OcfAction::OfSite(SiteAction::Monitor(kind)) => kind.is_recurring(),
            OcfAction::OfSite(
                SiteAction::Start
                | SiteAction::Stop
                | SiteAction::Clean
                | SiteAction::ValidateAll
                | SiteAction::Pause
                | SiteAction::Resume
                | SiteAction::Reload
                | SiteAction::ReloadAgent,
            )
            | OcfAction::MetaData
            | OcfAction::Usage
            | OcfAction::Unknown(_) => false,
        }
    }

    /// The time until which a recurring monitor may be held. None: it is answered at once. The last quarter
    /// of the monitor's timeout is never used.
    pub fn hold_until(&self, begun: Moment) -> Option<Moment> {
        let wait = self.values.as_ref().map_or(Duration::ZERO, |v| v.monitor_wait);
        let timeout = self.timeout.unwrap_or(Duration::from_secs(20));
        let wait = wait.min(timeout * 3 / 4);
        (!wait.is_zero()).then(|| begun + wait)
    }
}

/// The site that was started on this node for the resource `instance`. The stop of an orphan may come
/// without parameters, so the name is taken from the records.
pub fn find_by_instance(places: &Places, instance: &str) -> Option<SiteName> {
    std::fs::read_dir(&places.runtime)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<SiteName>().ok())
        .find(|name| {
            let record = Record::read(&places.of(name)).ok().flatten();
            record.is_some_and(|r| r.known_as.as_deref() == Some(instance))
        })
}

/// DESIGN's table, column "Pacemaker (OCF)".
fn code_of_state(observation: &Observation, recurring: bool) -> u8 {
    match observation.state {
        State::Degraded if recurring && is_told_as_degraded(observation) => 190,
        State::Running | State::Maintenance | State::Degraded | State::Starting => 0,
        State::Stopped | State::Failed => 7,
        State::StoppingOrdered
        | State::StoppingFailed
        | State::FailedWithSurvivors
        | State::Unsupervised
        | State::Unknown => 1,
    }
}

pub(super) fn answer(verb: Verb, recurring: bool, outcome: &Outcome) -> ManagerAnswer {
    let code = code(verb, recurring, outcome);
    let mut answer = ManagerAnswer { code, ..ManagerAnswer::default() };
    match outcome {
        Outcome::Done(said) => answer.log.push((LogSeverity::Info, said.clone())),
        Outcome::Seen(observation) => {
            let state = observation.state;
            match state {
                // A stopped site needs no reason: a probe finds it stopped on each other node.
                State::Stopped | State::Running => {}
                State::Starting
                | State::Degraded
                | State::Maintenance
                | State::StoppingOrdered
                | State::StoppingFailed
                | State::Failed
                | State::FailedWithSurvivors
                | State::Unsupervised
                | State::Unknown => {
                    let id = observation.failure().and_then(|failure| failure.id);
                    match observation.why.as_deref() {
                        Some(why) => tell(&mut answer, &format!("{state}: {why}"), id),
                        None => tell(&mut answer, &format!("the site is {state}"), None),
                    }
                }
            }
        }
        Outcome::Fault(fault) => {
            answer.log.extend(fault.lines().into_iter().map(|line| (LogSeverity::Error, line)));
            tell(&mut answer, &fault.sentence, Some(fault.id));
        }
    }
    answer
}

fn code(verb: Verb, recurring: bool, outcome: &Outcome) -> u8 {
    match (outcome, verb) {
        (Outcome::Done(_), Verb::Start | Verb::Stop | Verb::Monitor | Verb::Other) => 0,
        // Pacemaker fences the node for any code but 0, so no other code says more.
        (Outcome::Fault(_) | Outcome::Seen(_), Verb::Stop) => 1,
        (Outcome::Seen(observation), Verb::Start | Verb::Monitor | Verb::Other) => {
            code_of_state(observation, recurring)
        }
        // start and validate-all report a wrong parameter. As the answer to a monitor, Pacemaker would take
        // it for a permanent failure on every node.
        (Outcome::Fault(fault), Verb::Monitor) if fault.kind() == FaultKind::Misconfigured => 1,
        (Outcome::Fault(fault), Verb::Start | Verb::Monitor | Verb::Other) => {
            common_code(fault.kind())
        }
    }
}

/// The reason, for Pacemaker's status; its log has the identifier as well.
fn tell(answer: &mut ManagerAnswer, sentence: &str, id: Option<MessageId>) {
    let id = id.map_or_else(String::new, |id| format!(" [{id}]"));
    answer.log.push((LogSeverity::Error, format!("{sentence}{id}")));
    answer.stderr.push(format!("ocf-exit-reason:{}", cut(sentence)));
}

/// Cut at the end of a word to the length that Pacemaker shows.
fn cut(sentence: &str) -> String {
    let one_line: String = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.len() <= LONGEST_REASON {
        return one_line;
    }
    let room = LONGEST_REASON - 3;
    let end = (0..=room).rev().find(|i| one_line.is_char_boundary(*i)).unwrap_or(0);
    let word = one_line[..end].rfind(' ').filter(|w| *w > room / 2).unwrap_or(end);
    format!("{}...", &one_line[..word])
}

#[cfg(test)]
mod tests;
