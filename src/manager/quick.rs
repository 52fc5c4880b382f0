//! The hot path: a monitor that runs thousands of times an hour on every node, answered by the
//! supervisor before anything of a command line is read, any YAML parsed or /proc looked at.
//!
//! It may say only running, maintenance or degraded, on the supervisor's answer of this moment;
//! everything else is left to the full observer.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::pacemaker::read_call;
use super::{Manager, Verb, clusterware};
use crate::agent::Outcome;
use crate::backend::own::glance;
use crate::control::{Request, State};
use crate::observe::Observation;
use crate::process::Members;
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// How long the short way may take before the long one is gone: this, or a quarter of the time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The exit code, if this is a plain monitor of a site that is well; None: go the long way.
pub fn quick_monitor(arguments: &[OsString]) -> Option<u8> {
    let manager = Manager::recognise(arguments.first().map(OsString::as_os_str));
    let begun = Moment::now();
    let mut patience = PATIENCE;
    let mut hold = None;
    let mut deep = false;
    let (name, overrides, recurring): (SiteName, Overrides, bool) = match (manager, arguments) {
        (Manager::Pacemaker, [_, verb]) if is_monitor(verb) => {
            let call = Some(read_call()).filter(|c| !c.clone && c.warnings.is_empty())?;
            deep = call.level >= 10;
            patience = call.timeout.map_or(patience, |given| patience.min(given / 4));
            hold = call.hold_until(begun).map(|until| Request::Hold {
                interval: call.interval,
                level: call.level,
                until,
            });
            (call.site?.parse().ok()?, call.overrides, call.recurring)
        }
        (Manager::Clusterware, [called_as, verb]) if verb == "check" => {
            let given = clusterware::timeout(clusterware::Entry::Check, &mut |_| {});
            patience = given.map_or(patience, |given| patience.min(given / 4));
            let name = clusterware::site(Some(called_as))?;
            (name.parse().ok()?, Overrides::default(), false)
        }
        // A person wants to see more than an exit code; a script that is quiet does not.
        (Manager::Hand, [_, verb, quiet, name]) if is_monitor(verb) && quiet == "-q" => {
            (name.to_str()?.parse().ok()?, Overrides::default(), false)
        }
        _ => return None,
    };
    let places = Places::resolve(overrides).ok()?.of(&name);
    let until = match &hold {
        // The supervisor answers when the wait is over; one that does not is looked at the long way.
        Some(Request::Hold { until, .. }) => *until + patience.min(Duration::from_secs(1)),
        _ => begun + patience,
    };
    let view = glance(&places, &hold.unwrap_or(Request::Look), until)?;
    let well = view.state.is_well() && view.state != State::Starting;
    let observation = Observation {
        state: view.state,
        view: Some(view),
        record: None,
        members: Members::default(),
        why: None,
        wrapped: None,
    };
    let outcome = Outcome::Seen(Box::new(observation));
    // A deeper look is held like any other, and then taken the long way.
    (well && !deep).then(|| manager.answer(Verb::Monitor, recurring, &outcome).code)
}

fn is_monitor(verb: &OsString) -> bool {
    ["monitor", "status", "check"].iter().any(|word| Path::new(verb) == Path::new(word))
}
