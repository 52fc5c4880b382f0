//! NEC ExpressCluster (CLUSTERPRO): start.sh and stop.sh of an exec resource, and genw's script.
//! `CLP_EVENT` tells why a script is run, and `CLP_DISK` whether the disk is there (ExpressCluster X
//! Reference Guide, "Exec resource"; source document 003, 4.1.2).

use std::env;
use std::ffi::OsString;

use super::alert_log::AlertLevel;
use super::answer::{ManagerAnswer, Verb, ended, identified};
use super::serviceguard::code_of_state;
use crate::agent::{Fault, Outcome};
use crate::messages;

/// Why the cluster runs a script (`CLP_EVENT`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClpEvent {
    Start,
    Failover,
    /// This node has rejoined the cluster, and the group runs on another node.
    Recover,
    /// It is not set: the cluster did not run the script.
    None,
    Unknown(String),
}

/// The state of the group's disk (`CLP_DISK`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClpDisk {
    Success,
    /// It is not set: the group has no disk.
    None,
    /// Any other word: the cluster could not mount it.
    Failed(String),
}

/// The environment of a start script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressclusterCall {
    event: ClpEvent,
    disk: ClpDisk,
}

/// The task of a start script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartOrder {
    Start,
    /// The group runs on another node: nothing is done.
    Nothing(&'static str),
}

/// Whether the environment is that of an ExpressCluster script.
pub(super) fn is_calling(has: impl Fn(&str) -> bool) -> bool {
    has("CLP_EVENT") || has("CLP_GROUPNAME")
}

impl ExpressclusterCall {
    /// Reads it from the environment.
    pub fn read() -> Self {
        Self::read_from(|name| env::var_os(name))
    }

    /// As [`Self::read`], from the variables that `variable` returns.
    pub fn read_from(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| {
            variable(name).map_or_else(String::new, |v| v.to_string_lossy().into_owned())
        };
        Self::of(&get("CLP_EVENT"), &get("CLP_DISK"))
    }

    fn of(event: &str, disk: &str) -> Self {
        let event = match event {
            "START" => ClpEvent::Start,
            "FAILOVER" => ClpEvent::Failover,
            "RECOVER" => ClpEvent::Recover,
            "" => ClpEvent::None,
            other => ClpEvent::Unknown(other.to_owned()),
        };
        let disk = match disk {
            "SUCCESS" => ClpDisk::Success,
            "" => ClpDisk::None,
            other => ClpDisk::Failed(other.to_owned()),
        };
        Self { event, disk }
    }

    /// The task of a start script. The sample scripts always exit with 0 (source document 003, ECL-07). If a
    /// failure were reported as success, the cluster would not start the group on another node.
    ///
    /// # Errors
    /// The site must not be started, and the cluster must be told.
    pub fn start_order(&self) -> Result<StartOrder, Fault> {
        match (&self.event, &self.disk) {
            (ClpEvent::Start | ClpEvent::Failover, ClpDisk::Success | ClpDisk::None) => {
                Ok(StartOrder::Start)
            }
            (ClpEvent::Start | ClpEvent::Failover, ClpDisk::Failed(word)) => {
                Err(messages::cluster_disk_failed(word).into())
            }
            (ClpEvent::Recover, ClpDisk::Success | ClpDisk::None | ClpDisk::Failed(_)) => {
                Ok(StartOrder::Nothing(
                    "this node has rejoined the cluster (CLP_EVENT=RECOVER), and the group is not started here",
                ))
            }
            (ClpEvent::None, ClpDisk::Success | ClpDisk::None | ClpDisk::Failed(_)) => {
                Err(messages::caller_not_cluster().into())
            }
            (ClpEvent::Unknown(word), ClpDisk::Success | ClpDisk::None | ClpDisk::Failed(_)) => {
                Err(messages::cluster_event_unknown(word).into())
            }
        }
    }
}

pub(super) fn answer(_verb: Verb, outcome: &Outcome) -> ManagerAnswer {
    let mut answer = ManagerAnswer::default();
    match outcome {
        Outcome::Done(said) => {
            answer.stdout.push(format!("siteward: {}", ended(said)));
            answer.alert = Some((AlertLevel::Info, format!("siteward: {said}")));
        }
        Outcome::Seen(observation) => {
            let why = observation.why.as_ref().map_or_else(String::new, |w| format!(": {w}"));
            let text = format!("the site is {}{why}", observation.state);
            answer.code = code_of_state(observation.state);
            answer.stdout.push(format!("siteward: {}", ended(&text)));
            // genw asks about once a minute, so a site that is well is not logged.
            if answer.code != 0 {
                answer.alert = Some((AlertLevel::Error, format!("siteward: {text}")));
            }
        }
        Outcome::Fault(fault) => {
            answer.code = 1;
            answer.stderr.push(format!("siteward: {}", identified(fault)));
            answer.stderr.extend(fault.lines().iter().map(|line| format!("  {line}")));
            answer.alert =
                Some((AlertLevel::Error, format!("siteward: {} [{}]", fault.sentence, fault.id)));
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_started_only_with_its_disk() {
        let order = |event, disk| ExpressclusterCall::of(event, disk).start_order();
        assert_eq!(order("START", "SUCCESS").unwrap(), StartOrder::Start);
        assert_eq!(order("FAILOVER", "SUCCESS").unwrap(), StartOrder::Start);
        assert_eq!(order("FAILOVER", "").unwrap(), StartOrder::Start, "a group without a disk");
        assert!(matches!(order("RECOVER", "SUCCESS"), Ok(StartOrder::Nothing(_))));
        for (event, disk) in
            [("START", "FAILURE"), ("FAILOVER", "FAILURE"), ("", ""), ("STOP", "SUCCESS")]
        {
            assert!(order(event, disk).is_err(), "{event} {disk}");
        }
    }

    #[test]
    fn a_start_script_that_does_not_start_says_why() {
        let order = |event: &str, disk: &str| {
            let get = |name: &str| match name {
                "CLP_EVENT" => Some(event.into()),
                "CLP_DISK" => Some(disk.into()),
                _ => None,
            };
            ExpressclusterCall::read_from(get).start_order()
        };
        assert_eq!(order("START", "SUCCESS").unwrap(), StartOrder::Start);
        for disk in ["SUCCESS", "", "FAILURE"] {
            assert!(matches!(order("RECOVER", disk), Ok(StartOrder::Nothing(_))), "{disk}");
            let id = |event| order(event, disk).unwrap_err().id;
            assert_eq!(id(""), messages::caller_not_cluster().id);
            assert_eq!(id("STOP"), messages::cluster_event_unknown("STOP").id);
        }
        let fault = order("FAILOVER", "FAILURE").unwrap_err();
        assert_eq!(fault.sentence, messages::cluster_disk_failed("FAILURE").sentence);
        let unset = ExpressclusterCall::read_from(|_| None).start_order().unwrap_err();
        assert_eq!(unset.id, messages::caller_not_cluster().id);
    }

    #[test]
    fn the_alert_log_has_what_is_done_and_what_is_wrong() {
        use crate::control::State;
        use crate::manager::samples::{because, message};
        let alert = |outcome: &Outcome| answer(Verb::Monitor, outcome).alert;
        let said = |level, text: &str| Some((level, format!("siteward: {text}")));
        let seen = |state| Outcome::Seen(Box::new(because(state, "a reason")));
        let done = Outcome::Done("it is done".to_owned());
        assert_eq!(alert(&done), said(AlertLevel::Info, "it is done"));
        assert_eq!(alert(&seen(State::Degraded)), None, "genw asks about once a minute");
        let failed = said(AlertLevel::Error, "the site is failed: a reason");
        assert_eq!(alert(&seen(State::Failed)), failed);
        let fault = Fault::from(message(messages::FaultKind::Failed));
        let told = said(AlertLevel::Error, &format!("the disk is gone [{}]", fault.id));
        assert_eq!(alert(&Outcome::Fault(fault)), told);
    }
}
