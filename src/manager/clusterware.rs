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

    fn call(called_as: &str, word: &str, given: &[(&str, &str)]) -> ClusterwareCall {
        ClusterwareCall::read_from(OsStr::new(called_as), OsStr::new(word), |name| {
            given.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn each_entry_point_has_its_word() {
        for (word, entry) in [
            ("start", EntryPoint::Start),
            ("stop", EntryPoint::Stop),
            ("check", EntryPoint::Check),
            ("clean", EntryPoint::Clean),
            ("abort", EntryPoint::Abort),
            ("modify", EntryPoint::Modify),
            ("delete", EntryPoint::Delete),
        ] {
            assert_eq!(call("/x/crs/shop", word, &[]).entry, entry);
        }
    }

    #[test]
    fn the_attribute_of_our_type_names_the_site_before_the_link_does() {
        let (attribute, script) =
            (("_CRS_SITEWARD_SITE", "shop"), ("_CRS_ACTION_SCRIPT", "/x/crs/script"));
        let (link, usual) = ("/x/crs/link", "/usr/sbin/siteward");
        for (called_as, given, site) in [
            (link, &[attribute, script][..], Some("shop")),
            (link, &[script], Some("link")),
            (link, &[("_CRS_SITEWARD_SITE", "")], Some("link")),
            (usual, &[script], Some("script")),
            (usual, &[("_CRS_ACTION_SCRIPT", usual)], None),
            (usual, &[], None),
        ] {
            assert_eq!(call(called_as, "check", given).site.as_deref(), site, "{given:?}");
        }
        let named = call(link, "check", &[("_CRS_NAME", "shop_res")]);
        assert_eq!(named.resource.as_deref(), Some("shop_res"));
        assert_eq!(call(link, "check", &[]).resource, None);
    }

    #[test]
    fn the_first_attribute_that_is_set_limits_the_time_of_an_entry_point() {
        let all = [
            ("_CRS_START_TIMEOUT", "1"),
            ("_CRS_STOP_TIMEOUT", "2"),
            ("_CRS_CHECK_TIMEOUT", "3"),
            ("_CRS_CLEAN_TIMEOUT", "4"),
            ("_CRS_SCRIPT_TIMEOUT", "5"),
        ];
        let timeout = |word, given: &[_]| {
            call("/x/crs/shop", word, given).timeout.map(|timeout| timeout.as_secs())
        };
        for (word, of_all, without_clean, of_script) in [
            ("start", 1, 1, 5),
            ("stop", 2, 2, 5),
            ("check", 3, 3, 5),
            ("clean", 4, 2, 5),
            ("abort", 5, 5, 5),
            ("modify", 5, 5, 5),
            ("delete", 5, 5, 5),
        ] {
            assert_eq!(timeout(word, &all), Some(of_all), "{word}");
            let others = [all[0], all[1], all[2], all[4]];
            assert_eq!(timeout(word, &others), Some(without_clean), "{word}");
            assert_eq!(timeout(word, &all[4..]), Some(of_script), "{word}");
            assert_eq!(timeout(word, &[]), None, "{word}");
        }
        assert_eq!(timeout("start", &[("_CRS_START_TIMEOUT", "0"), all[4]]), Some(5));
        assert_eq!(timeout("start", &[("_CRS_START_TIMEOUT", "0")]), None);
        let wrong = call("/x/crs/shop", "start", &[("_CRS_START_TIMEOUT", "soon"), all[4]]);
        assert_eq!(wrong.timeout, Some(Duration::from_secs(5)));
        assert_eq!(wrong.warnings.len(), 1);
        assert!(wrong.warnings[0].starts_with("_CRS_START_TIMEOUT is `soon`"), "{wrong:?}");
    }

    #[test]
    fn a_running_site_prints_nothing_and_only_an_ill_one_is_warned_of() {
        let printed = |state| {
            let seen = super::super::samples::of_state(state);
            answer(Verb::Monitor, &Outcome::Seen(Box::new(seen))).stdout
        };
        assert_eq!(printed(State::Running), [""; 0], "Clusterware logs each line of a check");
        for (state, tag) in [
            (State::Maintenance, "PROGRESS"),
            (State::Degraded, "PROGRESS"),
            (State::Stopped, "PROGRESS"),
            (State::Starting, "WARNING"),
            (State::StoppingFailed, "WARNING"),
            (State::Unknown, "WARNING"),
        ] {
            assert_eq!(printed(state), [format!("CRS_{tag}:the site is {state}")]);
        }
        let by_hand = super::super::samples::stopped_by(STOPPED_BY_HAND);
        let by_hand = answer(Verb::Monitor, &Outcome::Seen(Box::new(by_hand)));
        assert_eq!(by_hand.stdout, ["CRS_PROGRESS:the site is stopped"]);
    }
}
