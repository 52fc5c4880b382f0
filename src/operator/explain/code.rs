//! The page of an exit code: what it tells each caller.

use super::answered::{CALLERS, answered_codes};
use super::state::{STATES, told};
use crate::manager::Manager;
use crate::messages::{self, FaultKind};
use crate::values::Signal;

/// What a code means to a caller beyond the states and the failures.
const OTHER: [(Manager, u8, &str); 6] = [
    (
        Manager::Pacemaker,
        190,
        "a recurring monitor: the site is degraded, with `degraded_is: degraded`",
    ),
    (Manager::Clusterware, 2, "check: a person stopped the site by hand; it is not started again"),
    (Manager::Clusterware, 4, "check: the site is degraded, with `degraded_is: degraded`"),
    (Manager::Hand, 10, "doctor: there are warnings, and no error"),
    (
        Manager::Hand,
        1,
        "doctor: there is an error; history --interrupted: there is something to run again",
    ),
    (Manager::Hand, 2, "the command line is wrong"),
];

pub(super) fn page(code: u8) -> Vec<String> {
    let mut lines = vec![format!("exit code {code}:")];
    for (caller, name) in CALLERS {
        let meanings = meanings(caller, code);
        if !meanings.is_empty() {
            lines.push(format!("  {name}"));
            lines.extend(meanings.iter().map(|meaning| format!("    {meaning}")));
        }
    }
    let signal = code.checked_sub(128).map(|number| Signal::from_raw(number.into()));
    if let Some(signal) = signal
        .filter(|signal| Signal::names().any(|name| signal.to_string() == format!("SIG{name}")))
    {
        lines.push(format!("  from a shell: the program was ended by {signal}"));
    }
    if lines.len() == 1 {
        lines.push("  siteward ends with no such code; it may be another program's".to_owned());
    }
    lines
}

fn meanings(caller: Manager, code: u8) -> Vec<String> {
    let mut found = Vec::new();
    if code == 0 {
        found.push("every verb but monitor: it is done".to_owned());
    }
    let states: Vec<String> = STATES
        .iter()
        .flat_map(|page| page.states.iter().map(|(state, when)| (page.word, *state, *when)))
        .filter(|(_, state, _)| told(caller, *state) == code)
        .map(|(word, _, when)| match when.is_empty() {
            true => word.to_owned(),
            false => format!("{word} ({when})"),
        })
        .collect();
    if !states.is_empty() {
        found.push(format!("monitor: the site is {}", states.join(", ")));
    }
    for (kind, words) in KINDS {
        // The codes depend on the kind only, so any message of the kind will do.
        let Some(id) = messages::all().find(|id| id.kind() == kind) else { continue };
        let Some(answered) = answered_codes(id).into_iter().find(|a| a.caller == caller) else {
            continue;
        };
        let verbs = ["start", "stop", "monitor", "any other verb"];
        let of_code: Vec<&str> = verbs
            .into_iter()
            .zip(answered.codes)
            .filter(|(_, c)| *c == code)
            .map(|(v, _)| v)
            .collect();
        if !of_code.is_empty() {
            found.push(format!("{}: {words}", of_code.join(", ")));
        }
    }
    let others = OTHER.iter().filter(|(of, number, _)| *of == caller && *number == code);
    found.extend(others.map(|(_, _, words)| (*words).to_owned()));
    found
}

/// What each kind of failure means.
pub(super) const KINDS: [(FaultKind, &str); 6] = [
    (FaultKind::Failed, "it failed here and now; it may work later or on another node"),
    (
        FaultKind::WrongHere,
        "something that is said on this node is wrong: the definition, or the call",
    ),
    (FaultKind::NoSuchVerb, "there is no such verb"),
    (FaultKind::NotPermitted, "this user may not do that"),
    (FaultKind::NotInstalled, "a program, a user, a file or the definition is not on this node"),
    (FaultKind::Misconfigured, "a parameter is wrong, and so on every node"),
];
