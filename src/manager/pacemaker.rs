//! Pacemaker, by the OCF resource agent API 1.1: parameters come in the environment, the deadline
//! in `OCF_RESKEY_CRM_meta_timeout`, the reason of a failure goes to stderr behind
//! `ocf-exit-reason:`.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::cluster_log::Grave;
use super::parameters::{self, Values};
use super::{Answer, Verb, common_code, is_told_as_degraded, numbers};
use crate::agent::{FaultKind, Outcome};
use crate::control::State;
use crate::observe::Observation;
use crate::process::Record;
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// Pacemaker cuts a reason there (`reference`: crm_mon and the CIB show 128 characters).
const LONGEST_REASON: usize = 128;

/// What Pacemaker says with a call.
#[derive(Clone, Debug)]
pub struct Call {
    /// None: no parameter names a site, as for an orphan.
    pub site: Option<String>,
    /// `OCF_RESOURCE_INSTANCE`.
    pub instance: Option<String>,
    pub overrides: Overrides,
    pub timeout: Option<Duration>,
    /// `OCF_CHECK_LEVEL`.
    pub level: u32,
    /// It is asked again and again: a probe has no interval at all.
    pub recurring: bool,
    /// What the cluster calls this node (`OCF_RESKEY_CRM_meta_on_node`).
    pub node: Option<String>,
    /// How often a recurring monitor is asked.
    pub interval: Duration,
    /// The parameters that are more than a name.
    pub values: Result<Values, String>,
    /// It is one instance of a clone, which a site cannot be.
    pub clone: bool,
    /// What of it was no number, and counts as not given.
    pub warnings: Vec<String>,
}

impl Call {
    /// Until when a monitor that is called now may be held; None: it is answered at once. Held
    /// are only recurring ones, and never into the last quarter of their time.
    pub fn hold_until(&self, begun: Moment) -> Option<Moment> {
        let wait = self.values.as_ref().map_or(Duration::ZERO, |v| v.monitor_wait);
        let timeout = self.timeout.unwrap_or(Duration::from_secs(20));
        let wait = wait.min(timeout * 3 / 4);
        (self.recurring && !wait.is_zero()).then(|| begun + wait)
    }
}

/// Reads the call from the environment.
pub fn read_call() -> Call {
    let said = env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v)));
    read_call_from(&said.collect())
}

fn read_call_from(variables: &HashMap<String, OsString>) -> Call {
    let given = |name: &str| variables.get(name).filter(|v| !v.is_empty());
    // What is no UTF-8 is not nothing: it is read as something that is nobody's name and no number.
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
    let interval = sure(millis("OCF_RESKEY_CRM_meta_interval")).unwrap_or(0);
    let timeout = sure(millis("OCF_RESKEY_CRM_meta_timeout"));
    let level = "OCF_CHECK_LEVEL";
    let level = sure(get(level).map(|text| numbers::read(level, &text, u32::MAX.into())));
    Call {
        site: get("OCF_RESKEY_site"),
        instance: get("OCF_RESOURCE_INSTANCE"),
        overrides: Overrides {
            config: given("OCF_RESKEY_config_dir").map(PathBuf::from),
            ..Overrides::default()
        },
        timeout: timeout.filter(|ms| *ms > 0).map(Duration::from_millis),
        level: level.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        node: get("OCF_RESKEY_CRM_meta_on_node"),
        recurring: interval > 0,
        interval: Duration::from_millis(interval),
        values: parameters::read(|name| get(&format!("OCF_RESKEY_{name}"))),
        clone: variables.contains_key("OCF_RESKEY_CRM_meta_clone"),
        warnings,
    }
}

/// The site that a supervisor on this node runs, or ran, under the name of this resource: the stop
/// of an orphan may carry no parameter at all.
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

pub(super) fn answer(verb: Verb, recurring: bool, outcome: &Outcome) -> Answer {
    let mut answer = Answer::new();
    answer.code = code(verb, recurring, outcome);
    match outcome {
        Outcome::Done(said) => answer.log.push((Grave::Info, said.clone())),
        Outcome::Seen(observation) => {
            let state = observation.state;
            let reason = observation.why.as_deref();
            match (state, reason) {
                // A clean stop needs no reason, and a probe finds one on every other node.
                (State::Stopped, _) | (State::Running, _) => {}
                (_, Some(why)) => tell(&mut answer, &format!("{state}: {why}")),
                (_, None) => tell(&mut answer, &format!("the site is {state}")),
            }
        }
        Outcome::Fault(fault) => {
            answer.log.extend(fault.details.iter().map(|line| (Grave::Error, line.clone())));
            tell(&mut answer, &fault.sentence);
        }
    }
    answer
}

fn code(verb: Verb, recurring: bool, outcome: &Outcome) -> u8 {
    match (verb, outcome) {
        (_, Outcome::Done(_)) => 0,
        // Every code but 0 is a failed stop and a fence; the others would only mislead a reader.
        (Verb::Stop, Outcome::Fault(_) | Outcome::Seen(_)) => 1,
        (_, Outcome::Seen(observation)) => code_of_state(observation, recurring),
        // What the cluster says wrong is told by start and validate-all; to a monitor it would be a
        // failure of the site, on every node and for good.
        (Verb::Monitor, Outcome::Fault(fault)) if fault.kind == FaultKind::Misconfigured => 1,
        (Verb::Start | Verb::Monitor | Verb::Other, Outcome::Fault(fault)) => {
            common_code(fault.kind)
        }
    }
}

fn tell(answer: &mut Answer, sentence: &str) {
    answer.log.push((Grave::Error, sentence.to_owned()));
    answer.stderr.push(format!("ocf-exit-reason:{}", cut(sentence)));
}

/// At most as long as Pacemaker shows, ended where a word ends.
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
mod tests {
    use super::*;

    fn call(pairs: &[(&str, &str)]) -> Call {
        read_call_from(&pairs.iter().map(|(k, v)| ((*k).to_owned(), v.into())).collect())
    }

    #[test]
    fn a_probe_has_no_interval_and_a_monitor_has_one() {
        assert!(!call(&[("OCF_RESKEY_site", "a")]).recurring);
        assert!(!call(&[("OCF_RESKEY_CRM_meta_interval", "0")]).recurring);
        let recurring = call(&[
            ("OCF_RESKEY_CRM_meta_interval", "3000"),
            ("OCF_RESKEY_CRM_meta_timeout", "15000"),
            ("OCF_CHECK_LEVEL", "10"),
        ]);
        assert!(recurring.recurring && recurring.level == 10);
        assert_eq!(recurring.timeout, Some(Duration::from_secs(15)));
        assert_eq!(recurring.warnings, [""; 0]);
    }

    #[test]
    fn what_is_no_number_counts_as_not_given_and_is_warned_of() {
        for name in
            ["OCF_RESKEY_CRM_meta_timeout", "OCF_RESKEY_CRM_meta_interval", "OCF_CHECK_LEVEL"]
        {
            for text in ["soon", "-5", "1e3", "18446744073709551615", "99999999999999999999"] {
                let call = call(&[(name, text)]);
                assert_eq!((call.timeout, call.level, call.recurring), (None, 0, false));
                assert_eq!(call.warnings.len(), 1, "{name}={text}");
                assert!(call.warnings[0].starts_with(&format!("{name} is `{text}`")));
            }
            assert_eq!(call(&[(name, "")]).warnings, [""; 0], "that is not given");
        }
    }

    #[test]
    fn a_stop_is_answered_with_0_or_1_whatever_comes_of_it() {
        use crate::agent::Fault;
        use crate::observe::Observation;
        for kind in FaultKind::ALL {
            let fault = Outcome::Fault(Fault::new(kind, "a reason"));
            assert_eq!(answer(Verb::Stop, false, &fault).code, 1, "{kind:?}");
            assert_ne!(answer(Verb::Start, false, &fault).code, 0, "{kind:?}");
            assert_ne!(answer(Verb::Start, false, &fault).code, 190, "{kind:?}");
            let monitored = answer(Verb::Monitor, true, &fault).code;
            assert!(![0, 6, 7, 190].contains(&monitored), "{kind:?}");
        }
        let seen = Outcome::Seen(Box::new(Observation::of_nothing()));
        assert_eq!(answer(Verb::Stop, true, &seen).code, 1);
        assert_eq!(answer(Verb::Stop, true, &Outcome::Done(String::new())).code, 0);
    }

    #[test]
    fn a_reason_is_cut_at_a_word() {
        assert_eq!(cut("short"), "short");
        let long = "the site `a` did not start: `store` did not get ready ".repeat(4);
        let reason = cut(&long);
        assert!(reason.len() <= 128 && reason.ends_with("..."), "{reason}");
        assert!(cut(&"ä".repeat(100)).len() <= 128);
    }
}
