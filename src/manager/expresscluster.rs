//! NEC ExpressCluster (CLUSTERPRO): start.sh and stop.sh of an exec resource, and genw's script.
//! Why they are run comes in `CLP_EVENT`, whether the disk came in `CLP_DISK` (ExpressCluster X
//! Reference Guide, "Exec resource"; source document 003, 4.1.2).

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::serviceguard::code_of_state;
use super::{Answer, Verb};
use crate::agent::{Fault, FaultKind, Outcome};
use crate::backend::command::run_of_node;
use crate::values::Moment;

/// What a start script is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Start,
    /// The group is not this node's to start: nothing is done.
    Nothing(&'static str),
}

/// Whether the environment is that of a script of the cluster.
pub(super) fn is_calling() -> bool {
    env::var_os("CLP_EVENT").is_some() || env::var_os("CLP_GROUPNAME").is_some()
}

/// What is to be done by what the cluster says. The sample scripts end with 0 in every case
/// (source document 003, ECL-07); a failure that is told as success is started nowhere else.
///
/// # Errors
/// The site must not be started, and the cluster must know.
pub fn wanted() -> Result<Wanted, Fault> {
    let get = |name: &str| {
        env::var_os(name).map_or_else(String::new, |v| v.to_string_lossy().into_owned())
    };
    wanted_by(&get("CLP_EVENT"), &get("CLP_DISK"))
}

fn wanted_by(event: &str, disk: &str) -> Result<Wanted, Fault> {
    match event {
        "START" | "FAILOVER" => {}
        "RECOVER" => {
            return Ok(Wanted::Nothing(
                "this node came back (CLP_EVENT=RECOVER), and the group is not started here",
            ));
        }
        "" => {
            return Err(Fault::new(
                FaultKind::Misconfigured,
                "CLP_EVENT is not set, so this is no start by the cluster; by hand it is: siteward \
                 start SITE --as hand",
            ));
        }
        other => {
            return Err(Fault::new(
                FaultKind::Misconfigured,
                format!("CLP_EVENT is `{other}`, and only START, FAILOVER and RECOVER are known"),
            ));
        }
    }
    match disk {
        "" | "SUCCESS" => Ok(Wanted::Start),
        other => Err(Fault::failed(format!(
            "CLP_DISK is `{other}`: the cluster did not bring the disk; see its disk resource"
        ))),
    }
}

pub(super) fn answer(_verb: Verb, outcome: &Outcome) -> Answer {
    let mut answer = Answer::new();
    match outcome {
        Outcome::Done(said) => {
            answer.stdout.push(format!("siteward: {said}."));
            answer.alert = Some(("INFO", format!("siteward: {said}")));
        }
        Outcome::Seen(observation) => {
            let why = observation.why.as_ref().map_or_else(String::new, |w| format!(": {w}"));
            let text = format!("the site is {}{why}", observation.state);
            answer.code = code_of_state(observation.state);
            answer.stdout.push(format!("siteward: {text}."));
            // genw asks every minute or so: only what is not well belongs into the alert log.
            if answer.code != 0 {
                answer.alert = Some(("ERR", format!("siteward: {text}")));
            }
        }
        Outcome::Fault(fault) => {
            answer.code = 1;
            answer.stderr.push(format!("siteward: {}.", fault.sentence));
            answer.stderr.extend(fault.details.iter().map(|line| format!("  {line}")));
            answer.alert = Some(("ERR", format!("siteward: {}", fault.sentence)));
        }
    }
    answer
}

/// How long the cluster's own command may take to write a line.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is surely taken of a message, in characters.
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
        assert_eq!(wanted_by("START", "SUCCESS").unwrap(), Wanted::Start);
        assert_eq!(wanted_by("FAILOVER", "SUCCESS").unwrap(), Wanted::Start);
        assert_eq!(wanted_by("FAILOVER", "").unwrap(), Wanted::Start, "a group without a disk");
        assert!(matches!(wanted_by("RECOVER", "SUCCESS"), Ok(Wanted::Nothing(_))));
        for (event, disk) in
            [("START", "FAILURE"), ("FAILOVER", "FAILURE"), ("", ""), ("STOP", "SUCCESS")]
        {
            assert!(wanted_by(event, disk).is_err(), "{event} {disk}");
        }
    }
}
