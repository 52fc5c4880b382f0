//! The fast path of a monitor. A monitor runs thousands of times an hour on every node, so the supervisor
//! answers it. The command line is not parsed, no YAML is read, and /proc is not read.
//!
//! The result is running, maintenance or degraded, from the supervisor's answer of this moment. All other
//! cases are left to the full observer.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::answer::Verb;
use super::caller::Manager;
use super::clusterware::ClusterwareCall;
use super::pacemaker::{MonitorKind, OcfAction, OcfCall, SiteAction};
use crate::agent::Outcome;
use crate::backend::own::glance;
use crate::control::{Request, State, View};
use crate::observe::Observation;
use crate::process::Members;
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// The time limit of the fast path, but at most a quarter of the manager's. The full observer has the rest.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// A monitor that the supervisor alone may answer.
#[derive(Debug)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeldMonitor {
    /// Zero: a probe, which is answered at once and ends every series.
    interval: Duration,
    level: u32,
    until: Moment,
}

/// The call, if it is a plain monitor. `ocf` and `clusterware` read the rest of it from the environment.
fn read_call(
    manager: Manager,
    arguments: &[OsString],
    begun: Moment,
    ocf: impl FnOnce(&OsStr) -> OcfCall,
    clusterware: impl FnOnce(&OsStr, &OsStr) -> ClusterwareCall,
) -> Option<QuickCall> {
    match (manager, arguments) {
        (Manager::Pacemaker, [_, word]) if is_monitor(word) => {
            let call = Some(ocf(word)).filter(|c| !c.clone && c.warnings.is_empty())?;
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
            let call = clusterware(called_as, word);
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

    /// What the supervisor is asked, and until when its answer is waited for.
    fn question(&self, begun: Moment) -> (Request, Moment) {
        let patience = self.timeout.map_or(TIME_LIMIT, |given| TIME_LIMIT.min(given / 4));
        match self.hold {
            // If the supervisor does not answer soon after the wait, the full observer takes over.
            Some(HeldMonitor { interval, level, until }) if interval.is_zero() => {
                (Request::Hold { interval, level, until }, begun + patience)
            }
            Some(HeldMonitor { interval, level, until }) => (
                Request::Hold { interval, level, until },
                until + patience.min(Duration::from_secs(1)),
            ),
            None => (Request::Look, begun + patience),
        }
    }

    /// The exit code, if the supervisor answers that the site is well.
    fn answer(self, manager: Manager, begun: Moment) -> Option<u8> {
        let (request, until) = self.question(begun);
        let places = Places::resolve(self.overrides).ok()?.of(&self.name);
        let view = glance(&places, &request, until)?;
        if self.deep { None } else { code_of(manager, self.recurring, view) }
    }
}

/// The exit code for a site that is well.
fn code_of(manager: Manager, recurring: bool, view: View) -> Option<u8> {
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
    well.then(|| manager.answer(Verb::Monitor, recurring, &outcome).code)
}

/// The exit code, if this is a plain monitor of a site that is well; None: ask the full observer.
pub fn quick_monitor(arguments: &[OsString]) -> Option<u8> {
    let manager = Manager::recognise(arguments.first().map(OsString::as_os_str));
    let begun = Moment::now();
    read_call(manager, arguments, begun, OcfCall::read, ClusterwareCall::read)?
        .answer(manager, begun)
}

fn is_monitor(verb: &OsString) -> bool {
    ["monitor", "status", "check"].iter().any(|word| verb == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Reply;
    use crate::manager::samples::{SupervisorStandIn, degraded_for, view};

    const BEGUN: Moment = Moment::since_boot(Duration::from_secs(1000));
    const SECOND: Duration = Duration::from_secs(1);

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    /// The call with these variables.
    fn read(manager: Manager, arguments: &[&str], given: &[(&str, &str)]) -> Option<QuickCall> {
        let value = |name: &str| given.iter().find(|(of, _)| *of == name).map(|(_, v)| v.into());
        let all = given.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        read_call(
            manager,
            &words(arguments),
            BEGUN,
            |word| OcfCall::read_from(word, &all),
            |called_as, word| ClusterwareCall::read_from(called_as, word, value),
        )
    }

    fn by_pacemaker(word: &str, given: &[(&str, &str)]) -> Option<QuickCall> {
        read(Manager::Pacemaker, &["site", word], &[&[("OCF_RESKEY_site", "shop")], given].concat())
    }

    #[test]
    fn only_a_plain_monitor_is_answered_quickly() {
        use Manager::{Clusterware, Expresscluster, Hand, Pacemaker, Serviceguard};
        let link = "/x/crs/shop";
        for (manager, arguments, is_quick) in [
            (Pacemaker, &["site", "monitor"][..], true),
            (Pacemaker, &["site", "status"], true),
            (Pacemaker, &["site", "check"], false),
            (Pacemaker, &["site", "start"], false),
            (Pacemaker, &["site"], false),
            (Pacemaker, &["site", "monitor", "shop"], false),
            (Clusterware, &[link, "check"], true),
            (Clusterware, &[link, "monitor"], false),
            (Clusterware, &[link, "stop"], false),
            (Clusterware, &[link, "check", "shop"], false),
            (Clusterware, &["/usr/sbin/siteward", "check"], false),
            (Hand, &["siteward", "monitor", "-q", "shop"], true),
            (Hand, &["siteward", "status", "-q", "shop"], true),
            (Hand, &["siteward", "check", "-q", "shop"], true),
            (Hand, &["siteward", "monitor/", "-q", "shop"], false),
            (Hand, &["siteward", "stop", "-q", "shop"], false),
            (Hand, &["siteward", "monitor", "-v", "shop"], false),
            (Hand, &["siteward", "monitor", "-q", "No Name"], false),
            (Hand, &["siteward", "monitor", "shop"], false),
            (Serviceguard, &["siteward", "monitor", "-q", "shop"], false),
            (Serviceguard, &[link, "check"], false),
            (Expresscluster, &["siteward", "monitor", "-q", "shop"], false),
            (Expresscluster, &[link, "check"], false),
        ] {
            let call = read(manager, arguments, &[("OCF_RESKEY_site", "shop")]);
            assert_eq!(call.is_some(), is_quick, "{manager:?} {arguments:?}");
            if let Some(call) = call {
                assert_eq!((call.name.as_str(), call.deep), ("shop", false), "{arguments:?}");
            }
        }
    }

    #[test]
    fn the_environment_is_read_for_a_monitor_only() {
        let read = |manager, word| {
            let call = words(&["/x/crs/shop", word]);
            read_call(manager, &call, BEGUN, |_| panic!("{word}"), |_, _| panic!("{word}"))
        };
        for word in ["start", "stop", "meta-data", "checks"] {
            for manager in [Manager::Pacemaker, Manager::Clusterware, Manager::Hand] {
                assert!(read(manager, word).is_none());
            }
        }
    }

    #[test]
    fn a_call_that_must_be_warned_of_or_refused_is_left_to_the_full_observer() {
        assert!(by_pacemaker("monitor", &[]).is_some());
        for refused in [
            ("OCF_RESKEY_CRM_meta_clone", "0"),
            ("OCF_RESKEY_CRM_meta_timeout", "soon"),
            ("OCF_CHECK_LEVEL", "deep"),
        ] {
            assert!(by_pacemaker("monitor", &[refused]).is_none(), "{refused:?}");
        }
        for name in [&[][..], &[("OCF_RESKEY_site", "No Name")]] {
            assert!(read(Manager::Pacemaker, &["site", "monitor"], name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_recurring_monitor_is_held_and_another_one_is_answered_at_once() {
        let interval = |text| ("OCF_RESKEY_CRM_meta_interval", text);
        let at_once = HeldMonitor { interval: Duration::ZERO, level: 0, until: BEGUN };
        let call = |given: &[_]| by_pacemaker("monitor", given).unwrap();
        for given in [&[][..], &[interval("0")]] {
            let call = call(given);
            assert_eq!((call.hold, call.recurring), (Some(at_once), false), "{given:?}");
        }
        let wait = ("OCF_RESKEY_monitor_wait", "8s");
        let held = HeldMonitor { interval: SECOND, level: 0, until: BEGUN + SECOND * 8 };
        let recurring = call(&[interval("1000"), wait]);
        assert_eq!((recurring.hold, recurring.recurring), (Some(held), true));
        let unheld = call(&[interval("1000"), ("OCF_RESKEY_monitor_wait", "0")]);
        assert_eq!((unheld.hold, unheld.recurring), (None, true));
        for (level, deep) in [("9", false), ("10", true), ("20", true)] {
            let number: u32 = level.parse().unwrap();
            for given in [&[][..], &[interval("1000")]] {
                let call = call(&[&[("OCF_CHECK_LEVEL", level)], given].concat());
                assert_eq!((call.hold.unwrap().level, call.deep), (number, deep));
            }
        }
    }

    #[test]
    fn the_manager_gives_the_time_and_the_directories() {
        let timeout = ("OCF_RESKEY_CRM_meta_timeout", "20000");
        let runtime = ("OCF_RESKEY_runtime_dir", "/x/run");
        let call = by_pacemaker("monitor", &[timeout, runtime]).unwrap();
        assert_eq!(call.timeout, Some(SECOND * 20));
        assert_eq!(call.overrides.runtime, Some("/x/run".into()));
        let check = |given: &[_]| read(Manager::Clusterware, &["/x/crs/shop", "check"], given);
        let call = check(&[("_CRS_CHECK_TIMEOUT", "30")]).unwrap();
        assert_eq!((call.timeout, call.hold, call.recurring), (Some(SECOND * 30), None, false));
        let call = check(&[("_CRS_SITEWARD_SITE", "store")]).unwrap();
        assert_eq!((call.name.as_str(), call.timeout), ("store", None));
    }

    fn to_ask(hold: Option<HeldMonitor>, timeout: Option<Duration>) -> QuickCall {
        QuickCall { hold, timeout, ..QuickCall::of("shop").unwrap() }
    }

    #[test]
    fn the_answer_is_waited_for_briefly_and_after_a_wait_even_more_so() {
        let probe = HeldMonitor { interval: Duration::ZERO, level: 3, until: BEGUN };
        let held = HeldMonitor { interval: SECOND, level: 3, until: BEGUN + SECOND * 20 };
        let hold =
            |HeldMonitor { interval, level, until }| Request::Hold { interval, level, until };
        let tenth = SECOND / 10;
        for (timeout, of_all, of_held) in [
            (None, tenth * 20, tenth * 210),
            (Some(SECOND * 20), tenth * 20, tenth * 210),
            (Some(SECOND * 6), tenth * 15, tenth * 210),
            (Some(SECOND * 2), tenth * 5, tenth * 205),
        ] {
            let question = |hold| to_ask(hold, timeout).question(BEGUN);
            assert_eq!(question(None), (Request::Look, BEGUN + of_all), "{timeout:?}");
            assert_eq!(question(Some(probe)), (hold(probe), BEGUN + of_all), "{timeout:?}");
            assert_eq!(question(Some(held)), (hold(held), BEGUN + of_held), "{timeout:?}");
        }
    }

    #[test]
    fn only_a_site_that_is_well_is_answered_without_the_full_observer() {
        for state in State::ALL {
            let code = match state {
                State::Running | State::Degraded | State::Maintenance => Some(0),
                _ => None,
            };
            for manager in [Manager::Pacemaker, Manager::Clusterware, Manager::Hand] {
                assert_eq!(code_of(manager, true, view(state)), code, "{manager:?} {state:?}");
            }
        }
        assert_eq!(code_of(Manager::Pacemaker, true, degraded_for(30)), Some(190));
        assert_eq!(code_of(Manager::Pacemaker, false, degraded_for(30)), Some(0));
        assert_eq!(code_of(Manager::Clusterware, false, degraded_for(30)), Some(4));
    }

    /// The answer to a call when the supervisor answers with `reply`, and what it was asked.
    fn answered(call: QuickCall, reply: Reply) -> (Option<u8>, Option<Request>) {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = SupervisorStandIn::new(folder.path(), reply);
        let here = || Some(folder.path().to_owned());
        let overrides = Overrides { config: here(), runtime: here(), logs: here(), links: here() };
        let call = QuickCall { overrides, ..call };
        (call.answer(Manager::Pacemaker, Moment::now()), supervisor.asked())
    }

    #[test]
    fn the_supervisor_answers_and_the_full_observer_is_asked_otherwise() {
        let done = |view| Reply::Done(Box::new(view));
        let plain = || QuickCall { recurring: true, ..to_ask(None, None) };
        let looked = Some(Request::Look);
        let running = || done(view(State::Running));
        assert_eq!(answered(plain(), running()), (Some(0), looked.clone()));
        assert_eq!(answered(plain(), done(degraded_for(30))), (Some(190), looked.clone()));
        assert_eq!(answered(plain(), done(view(State::Failed))), (None, looked.clone()));
        let busy = Reply::Busy { why: "many ask".to_owned() };
        assert_eq!(answered(plain(), busy), (None, looked.clone()));
        let deep = QuickCall { deep: true, ..plain() };
        assert_eq!(answered(deep, running()), (None, looked), "its healthchecks are not run here");

        let until = Moment::now() + SECOND;
        let held = HeldMonitor { interval: SECOND, level: 3, until };
        let asked = Some(Request::Hold { interval: SECOND, level: 3, until });
        assert_eq!(answered(to_ask(Some(held), None), running()), (Some(0), asked));
    }
}
