//! NEC ExpressCluster (CLUSTERPRO): start.sh and stop.sh of an exec resource, and genw's script.
//! Why they are run comes in `CLP_EVENT`, whether the disk came in `CLP_DISK` (ExpressCluster X
//! Reference Guide, "Exec resource"; source document 003, 4.1.2).

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::serviceguard::code_of_state;
use super::{Answer, Verb, ended};
use crate::agent::{Fault, FaultKind, Outcome};
use crate::backend::command::run_of_node;
use crate::values::Moment;

/// Why the cluster runs a script (`CLP_EVENT`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClpEvent {
    Start,
    Failover,
    /// This node came back, and the group runs on another one.
    Recover,
    /// It is not set: the cluster did not run the script.
    None,
    Unknown(String),
}

/// Whether the group's disk is there (`CLP_DISK`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClpDisk {
    Success,
    /// It is not set: the group has no disk.
    None,
    /// Anything else: the cluster could not bring it.
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
    /// The group is not this node's to start: nothing is done.
    Nothing(&'static str),
}

/// Whether the environment is that of a script of the cluster.
pub(super) fn is_calling() -> bool {
    env::var_os("CLP_EVENT").is_some() || env::var_os("CLP_GROUPNAME").is_some()
}

impl ExpressclusterCall {
    pub fn read() -> Self {
        let get = |name: &str| {
            env::var_os(name).map_or_else(String::new, |v| v.to_string_lossy().into_owned())
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

    /// The task of a start script. The sample scripts end with 0 in every case (source document 003,
    /// ECL-07); a failure that is reported as success is started nowhere else.
    ///
    /// # Errors
    /// The site must not be started, and the cluster must know.
    pub fn start_order(&self) -> Result<StartOrder, Fault> {
        match (&self.event, &self.disk) {
            (ClpEvent::Start | ClpEvent::Failover, ClpDisk::Success | ClpDisk::None) => {
                Ok(StartOrder::Start)
            }
            (ClpEvent::Start | ClpEvent::Failover, ClpDisk::Failed(word)) => {
                Err(Fault::failed(format!(
                    "CLP_DISK is `{word}`: the cluster did not bring the disk; see its disk resource"
                )))
            }
            (ClpEvent::Recover, ClpDisk::Success | ClpDisk::None | ClpDisk::Failed(_)) => {
                Ok(StartOrder::Nothing(
                    "this node came back (CLP_EVENT=RECOVER), and the group is not started here",
                ))
            }
            (ClpEvent::None, ClpDisk::Success | ClpDisk::None | ClpDisk::Failed(_)) => {
                Err(Fault::new(
                    FaultKind::Misconfigured,
                    "CLP_EVENT is not set, so this is no start by the cluster; by hand it is: \
                     siteward start SITE --as hand",
                ))
            }
            (ClpEvent::Unknown(word), ClpDisk::Success | ClpDisk::None | ClpDisk::Failed(_)) => {
                Err(Fault::new(
                    FaultKind::Misconfigured,
                    format!(
                        "CLP_EVENT is `{word}`, and only START, FAILOVER and RECOVER are known"
                    ),
                ))
            }
        }
    }
}

pub(super) fn answer(_verb: Verb, outcome: &Outcome) -> Answer {
    let mut answer = Answer::new();
    match outcome {
        Outcome::Done(said) => {
            answer.stdout.push(format!("siteward: {}", ended(said)));
            answer.alert = Some(("INFO", format!("siteward: {said}")));
        }
        Outcome::Seen(observation) => {
            let why = observation.why.as_ref().map_or_else(String::new, |w| format!(": {w}"));
            let text = format!("the site is {}{why}", observation.state);
            answer.code = code_of_state(observation.state);
            answer.stdout.push(format!("siteward: {}", ended(&text)));
            // genw asks about every minute: only a state that is not well belongs into the alert log.
            if answer.code != 0 {
                answer.alert = Some(("ERR", format!("siteward: {text}")));
            }
        }
        Outcome::Fault(fault) => {
            answer.code = 1;
            answer.stderr.push(format!("siteward: {}", ended(&fault.sentence)));
            answer.stderr.extend(fault.details.iter().map(|line| format!("  {line}")));
            answer.alert = Some(("ERR", format!("siteward: {}", fault.sentence)));
        }
    }
    answer
}

/// Time limit of the cluster's own command that writes a line.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest message that the alert log takes, in characters.
const LONGEST: usize = 500;

/// Writes into the cluster's alert log, where its command is there.
pub(super) fn alert(level: &str, message: &str) {
    let installed = env::var_os("CLP_PATH").map(|p| PathBuf::from(p).join("bin/clplogcmd"));
    let usual = PathBuf::from("/opt/nec/clusterpro/bin/clplogcmd");
    let Some(program) = installed.into_iter().chain([usual]).find(|p| p.is_file()) else { return };
    let message: String = message.chars().take(LONGEST).collect();
    let path = program.display().to_string();
    let words = [path.as_str(), "-m", &message, "-l", level];
    if let Err(why) = run_of_node(&words, Moment::now() + PATIENCE) {
        log::warn!("{} {why}", program.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_with_its_disk_is_a_start() {
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
}
