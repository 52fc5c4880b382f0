//! The fast path of a monitor. A monitor runs thousands of times an hour on every node, so the supervisor
//! answers it. The command line is not parsed, no YAML is read, and /proc is not read.
//!
//! The result is running, maintenance or degraded, from the supervisor's answer of this moment. All other
//! cases are left to the full observer.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::answer::Verb;
use super::caller::Manager;
use super::clusterware::ClusterwareCall;
use super::pacemaker::{MonitorKind, OcfAction, OcfCall, SiteAction};
use crate::agent::Outcome;
use crate::backend::own::glance;
use crate::control::{Request, State};
use crate::observe::Observation;
use crate::process::Members;
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// The time limit of the fast path, but at most a quarter of the manager's. The full observer has the rest.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// A monitor that the supervisor alone may answer.
struct QuickCall {
    name: SiteName,
    overrides: Overrides,
    recurring: bool,
    /// The manager's time limit.
    timeout: Option<Duration>,
    /// For a recurring monitor that may be held.
    hold: Option<HeldMonitor>,
    /// A monitor with a check level is held too. After that the full observer answers it.
    deep: bool,
}

/// A monitor that the supervisor may answer later.
struct HeldMonitor {
    /// Zero: a probe, which is answered at once and ends every series.
    interval: Duration,
    level: u32,
    until: Moment,
}

/// The call, if it is a plain monitor.
fn read_call(manager: Manager, arguments: &[OsString], begun: Moment) -> Option<QuickCall> {
    match (manager, arguments) {
        (Manager::Pacemaker, [_, word]) if is_monitor(word) => {
            let call = Some(OcfCall::read(word)).filter(|c| !c.clone && c.warnings.is_empty())?;
            let OcfAction::OfSite(SiteAction::Monitor(kind)) = call.action else { return None };
            let hold = match kind {
                // Pacemaker calls a probe without an interval.
                MonitorKind::Probe | MonitorKind::Once => {
                    Some(HeldMonitor { interval: Duration::ZERO, level: call.level, until: begun })
                }
                MonitorKind::Recurring { interval } => call
                    .hold_until(begun)
                    .map(|until| HeldMonitor { interval, level: call.level, until }),
            };
            Some(QuickCall {
                name: call.site?.parse().ok()?,
                overrides: call.overrides,
                recurring: kind.is_recurring(),
                timeout: call.timeout,
                hold,
                deep: call.level >= 10,
            })
        }
        (Manager::Clusterware, [called_as, word]) if word == "check" => {
            let call = ClusterwareCall::read(called_as, word);
            Some(QuickCall { timeout: call.timeout, ..QuickCall::of(&call.site?)? })
        }
        // Only a quiet call: otherwise a person gets the full text.
        (Manager::Hand, [_, word, quiet, name]) if is_monitor(word) && quiet == "-q" => {
            QuickCall::of(name.to_str()?)
        }
        (
            Manager::Pacemaker
            | Manager::Clusterware
            | Manager::Serviceguard
            | Manager::Expresscluster
            | Manager::Hand,
            _,
        ) => None,
    }
}

impl QuickCall {
    /// A call that gives only the site's name.
    fn of(name: &str) -> Option<Self> {
        Some(Self {
            name: name.parse().ok()?,
            overrides: Overrides::default(),
            recurring: false,
            timeout: None,
            hold: None,
            deep: false,
        })
    }
}

/// The exit code, if this is a plain monitor of a site that is well; None: ask the full observer.
pub fn quick_monitor(arguments: &[OsString]) -> Option<u8> {
    let manager = Manager::recognise(arguments.first().map(OsString::as_os_str));
    let begun = Moment::now();
    let QuickCall { name, overrides, recurring, timeout, hold, deep } =
        read_call(manager, arguments, begun)?;
    let patience = timeout.map_or(TIME_LIMIT, |given| TIME_LIMIT.min(given / 4));
    let places = Places::resolve(overrides).ok()?.of(&name);
    let (request, until) = match hold {
        // If the supervisor does not answer soon after the wait, the full observer takes over.
        Some(HeldMonitor { interval, level, until }) if interval.is_zero() => {
            (Request::Hold { interval, level, until }, begun + patience)
        }
        Some(HeldMonitor { interval, level, until }) => {
            (Request::Hold { interval, level, until }, until + patience.min(Duration::from_secs(1)))
        }
        None => (Request::Look, begun + patience),
    };
    let view = glance(&places, &request, until)?;
    let well = view.state.is_well() && view.state != State::Starting;
    let observation = Observation {
        state: view.state,
        view: Some(view),
        record: None,
        members: Members::default(),
        why: None,
        wrapped: None,
        found: None,
    };
    let outcome = Outcome::Seen(Box::new(observation));
    (well && !deep).then(|| manager.answer(Verb::Monitor, recurring, &outcome).code)
}

fn is_monitor(verb: &OsString) -> bool {
    ["monitor", "status", "check"].iter().any(|word| Path::new(verb) == Path::new(word))
}
