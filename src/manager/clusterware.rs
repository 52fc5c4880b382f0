//! Oracle Clusterware, by its script agent: this program is the ACTION_SCRIPT, the entry point is
//! its only argument, and the resource's attributes come in the environment with the prefix `_CRS_`
//! (Clusterware Administration and Deployment Guide 12.1, "Making applications highly available").

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use super::answer::{ManagerAnswer, Verb, is_told_as_degraded};
use super::numbers;
use crate::agent::{Outcome, STOPPED_BY_HAND};
use crate::control::State;
use crate::observe::Observation;
use crate::process::Ending;

/// The attribute of our resource type that names the site.
pub const ATTRIBUTE: &str = "SITEWARD_SITE";

/// An entry point of an action script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryPoint {
    Start,
    Stop,
    Check,
    Clean,
    /// Another entry point exceeded its time limit. Nothing is done: Clusterware calls `clean` next.
    Abort,
    /// An attribute was changed.
    Modify,
    /// The resource was removed.
    Delete,
    /// There is no such entry point.
    Unknown(String),
}

impl EntryPoint {
    fn of(word: &str) -> Self {
        match word {
            "start" => Self::Start,
            "stop" => Self::Stop,
            "check" => Self::Check,
            "clean" => Self::Clean,
            "abort" => Self::Abort,
            "modify" => Self::Modify,
            "delete" => Self::Delete,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The attributes that limit its time. The first one that is set counts; 0 means not set.
    /// `STOP_TIMEOUT` limits `clean` too, if there is no `CLEAN_TIMEOUT` (new in 12.2).
    fn bounds(&self) -> &'static [&'static str] {
        match self {
            Self::Start => &["START_TIMEOUT", "SCRIPT_TIMEOUT"],
            Self::Stop => &["STOP_TIMEOUT", "SCRIPT_TIMEOUT"],
            Self::Clean => &["CLEAN_TIMEOUT", "STOP_TIMEOUT", "SCRIPT_TIMEOUT"],
            Self::Check => &["CHECK_TIMEOUT", "SCRIPT_TIMEOUT"],
            Self::Abort | Self::Modify | Self::Delete | Self::Unknown(_) => &["SCRIPT_TIMEOUT"],
        }
    }
}

/// A call by Clusterware: the entry point is the only argument, and everything else is in the
/// environment.
#[derive(Clone, Debug)]
pub struct ClusterwareCall {
    pub entry: EntryPoint,
    /// The site's name: the attribute of our type, else the name of the link that is the action script.
    pub site: Option<String>,
    /// The resource's name.
    pub resource: Option<String>,
    pub timeout: Option<Duration>,
    /// A sentence for each attribute that is not a number. It counts as not set.
    pub warnings: Vec<String>,
}

impl ClusterwareCall {
    /// Reads the call from the arguments and the environment.
    pub fn read(called_as: &OsStr, word: &OsStr) -> Self {
        Self::read_from(called_as, word, |name| env::var_os(name))
    }

    /// As [`Self::read`], from the variables that `get` returns.
    pub fn read_from(
        called_as: &OsStr,
        word: &OsStr,
        get: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let attribute = |name: &str| {
            let value = get(&format!("_CRS_{name}")).filter(|v| !v.is_empty())?;
            // A value that is not UTF-8 is kept, so that it is refused as a name or number.
            Some(value.to_string_lossy().into_owned())
        };
        let entry = EntryPoint::of(&word.to_string_lossy());
        let script = || attribute("ACTION_SCRIPT").and_then(|path| name_of_link(Path::new(&path)));
        let site =
            attribute(ATTRIBUTE).or_else(|| name_of_link(Path::new(called_as))).or_else(script);
        let mut warnings = Vec::new();
        let given = entry.bounds().iter().filter_map(|name| Some((name, attribute(name)?)));
        let mut times = given.filter_map(|(name, text)| {
            let read = numbers::seconds(&format!("_CRS_{name}"), &text);
            read.map_err(|why| warnings.push(why)).ok()
        });
        let timeout = times.find(|time| !time.is_zero());
        Self { entry, site, resource: attribute("NAME"), timeout, warnings }
    }
}

/// Whether the environment is that of a Clusterware action script.
pub(super) fn is_calling(has: impl Fn(&str) -> bool) -> bool {
    has("_CRS_NAME") || has("_CRS_ACTION_SCRIPT")
}

/// The name of a link to this program, if the link is named after a site.
pub(super) fn name_of_link(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    (!name.starts_with("siteward")).then(|| name.into_owned())
}

/// DESIGN's table, column "Clusterware check".
fn code_of_check(observation: &Observation) -> u8 {
    const ONLINE: u8 = 0;
    const UNPLANNED_OFFLINE: u8 = 1;
    const PLANNED_OFFLINE: u8 = 2;
    const UNKNOWN: u8 = 3;
    const PARTIAL: u8 = 4;
    const FAILED: u8 = 5;
    match observation.state {
        State::Running | State::Maintenance => ONLINE,
        State::Degraded if is_told_as_degraded(observation) => PARTIAL,
        State::Degraded => ONLINE,
        State::Starting | State::StoppingOrdered => PARTIAL,
        State::StoppingFailed => FAILED,
        State::Stopped if is_stopped_by_hand(observation) => PLANNED_OFFLINE,
        State::Stopped | State::Failed => UNPLANNED_OFFLINE,
        State::FailedWithSurvivors | State::Unsupervised => FAILED,
        State::Unknown => UNKNOWN,
    }
}

fn is_stopped_by_hand(observation: &Observation) -> bool {
    let ending = observation.record.as_ref().and_then(|r| r.ending.as_ref());
    matches!(ending, Some(Ending::Stopped { by, .. }) if by == STOPPED_BY_HAND)
}

pub(super) fn answer(verb: Verb, outcome: &Outcome) -> ManagerAnswer {
    let mut answer = ManagerAnswer::default();
    let say = |answer: &mut ManagerAnswer, tag: &str, text: &str| {
        answer
            .stdout
            .push(format!("CRS_{tag}:{}", text.split_whitespace().collect::<Vec<_>>().join(" ")));
    };
    match outcome {
        Outcome::Done(said) => say(&mut answer, "PROGRESS", said),
        Outcome::Seen(observation) => {
            answer.code = code_of_check(observation);
            let why = observation.why.as_ref().map_or_else(String::new, |w| format!(": {w}"));
            let text = format!("the site is {}{why}", observation.state);
            // Clusterware logs each line of a check, so a running site prints none.
            match answer.code {
                0 if observation.state == State::Running => {}
                0..=2 => say(&mut answer, "PROGRESS", &text),
                _ => say(&mut answer, "WARNING", &text),
            }
        }
        Outcome::Fault(fault) => {
            // 1 and 2 mean "stopped" for a check. A failed check must not say so.
            answer.code = if verb == Verb::Monitor { 3 } else { 1 };
            answer.stdout.extend(fault.lines());
            say(&mut answer, "ERROR", &format!("{} [{}]", fault.sentence, fault.id));
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_named_after_its_site() {
        let name = |path: &str| name_of_link(Path::new(path));
        assert_eq!(name("/opt/crs/testsite.example.com").as_deref(), Some("testsite.example.com"));
        assert_eq!(name("/usr/bin/siteward"), None);
        assert_eq!(name("siteward-1.0"), None);
    }

    #[test]
    fn entry_points_have_their_words() {
        assert_eq!(EntryPoint::of("check"), EntryPoint::Check);
        for word in ["monitor", ""] {
            assert_eq!(EntryPoint::of(word), EntryPoint::Unknown(word.to_owned()));
        }
    }
}
