//! HPE Serviceguard: `run` or `watch` as a service (any exit is its failure), `start` and `stop` in
//! customer defined commands, and this program as external_script with start, stop and validate
//! ("Managing Serviceguard", chapters on packages; Serviceguard Developer's Toolbox B.12.00.00).

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use super::clusterware::name_of_link;
use super::{Answer, Verb};
use crate::agent::{FaultKind, Outcome};
use crate::control::State;
use crate::linux::clock::WallTime;

/// Whether the environment is that of a package's script.
pub(super) fn is_calling() -> bool {
    env::var_os("SG_PACKAGE").is_some() || env::var_os("SG_PACKAGE_NAME").is_some()
}

/// The site's name: the package's variable, else the name of the link that is the external script.
pub fn site(called_as: Option<&OsStr>) -> Option<String> {
    let of_package = env::var_os("PEV_SITEWARD_SITE").filter(|v| !v.is_empty());
    let of_package = of_package.map(|name| name.to_string_lossy().into_owned());
    of_package.or_else(|| called_as.and_then(|n| name_of_link(Path::new(n))))
}

/// DESIGN's table, column "Serviceguard / ExpressCluster genw": 0 is well, and all else is not.
pub(super) fn code_of_state(state: State) -> u8 {
    u8::from(!state.is_well())
}

/// 2 where another node may try, 1 where none should: after a stop that failed something of the
/// site lives here, and what the package itself says wrong is wrong on every node.
fn code_of_fault(verb: Verb, kind: FaultKind) -> u8 {
    match (verb, kind) {
        (Verb::Start, FaultKind::Misconfigured | FaultKind::NoSuchVerb) => 1,
        (
            Verb::Start,
            FaultKind::Failed
            | FaultKind::WrongHere
            | FaultKind::NotPermitted
            | FaultKind::NotInstalled,
        ) => 2,
        (Verb::Stop | Verb::Monitor | Verb::Other, _) => 1,
    }
}

pub(super) fn answer(verb: Verb, outcome: &Outcome) -> Answer {
    let mut answer = Answer::new();
    // All that a package's script prints goes to the package's log, which has no times of its own.
    let mut say = |text: &str| answer.stdout.push(format!("{} siteward: {text}.", WallTime::now()));
    match outcome {
        Outcome::Done(said) => say(said),
        Outcome::Seen(observation) => {
            let why = observation.why.as_ref().map_or_else(String::new, |w| format!(": {w}"));
            say(&format!("the site is {}{why}", observation.state));
            answer.code = code_of_state(observation.state);
        }
        Outcome::Fault(fault) => {
            say(&format!("ERROR: {}", fault.sentence));
            answer.stdout.extend(fault.details.iter().map(|line| format!("  {line}")));
            answer.code = code_of_fault(verb, fault.kind);
        }
    }
    answer
}
