//! The parts of a rehearsal.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use super::contract::{self, Refusal, Want};
use super::report::{Report, StepResult};
use super::stage::{RehearsedSite, Sample};
use crate::control::{ProcessView, View};
use crate::linux::thread::{self, StackSize};
use crate::linux::wait::Waiting;
use crate::manager::Manager;
use crate::process::Identity;
use crate::values::{Moment, Pid, Signal};

/// Verbs that need no running site.
pub(super) fn verbs_without_a_site(report: &mut Report, sample: &Sample, manager: Manager) {
    report.chapter("Verbs without a site");
    let bare = sample.bare(manager, "rehearsal");
    let says = |refusal| contract::refused(manager, refusal).to_string();
    if manager == Manager::Pacemaker {
        report.step("meta-data", "0, XML", || {
            let called = bare.call("meta-data", &[], Duration::from_secs(5));
            let xml =
                called.stdout.starts_with("<?xml") && called.stdout.contains("</resource-agent>");
            let what = if xml { "XML" } else { "no XML" };
            let code = called.code.unwrap_or(-1);
            StepResult::new(code == 0 && xml, format!("{code}, {what}"))
        });
        report.step("a verb that does not exist", "3", || bare.answers("promote", &[], 3));
        report.step("a clone: start", "6", || {
            bare.answers("start", &[("OCF_RESKEY_CRM_meta_clone", "0")], 6)
        });
    }
    if manager == Manager::Clusterware {
        report.step("an entry point that does not exist", "1", || bare.answers("promote", &[], 1));
        report.step("abort", "0", || bare.answers("abort", &[], 0));
    }
    let validate = match manager {
        Manager::Serviceguard => "validate",
        _ => "validate-all",
    };
    if manager != Manager::Clusterware {
        report.step("a definition that is right: validate", "0", || bare.answers(validate, &[], 0));
    }
    report.step("a definition that is wrong: start", &says(Refusal::WrongDefinition), || {
        sample.bare(manager, "wrong").refuses(Refusal::WrongDefinition)
    });
    let nowhere = sample.bare(manager, "nowhere");
    report.step("a definition that is missing: start", &says(Refusal::MissingDefinition), || {
        nowhere.refuses(Refusal::MissingDefinition)
    });
    let stopped = contract::code(manager, Want::Stopped).to_string();
    report.step("a definition that is missing: probe", &stopped, || nowhere.looks(Want::Stopped));
    report.step("a definition that is missing: stop", "0", || nowhere.answers("stop", &[], 0));
    report.step("a name that cannot be one: start", &says(Refusal::WrongName), || {
        sample.bare(manager, "No-Such").refuses(Refusal::WrongName)
    });
}

/// The environment that ExpressCluster gives to a start.
pub(super) fn events(report: &mut Report, sample: &Sample) {
    report.chapter("Why a start script is run");
    let bare = sample.bare(Manager::Expresscluster, "rehearsal");
    for (event, disk, code) in [
        ("START", "FAILURE", 1),
        ("FAILOVER", "FAILURE", 1),
        ("SURPRISE", "SUCCESS", 1),
        ("", "SUCCESS", 1),
        ("RECOVER", "SUCCESS", 0),
    ] {
        let step = format!("CLP_EVENT={event} CLP_DISK={disk}: start");
        report.step(&step, &format!("{code}, nothing started"), || {
            let seen = bare.answers("start", &[("CLP_EVENT", event), ("CLP_DISK", disk)], code);
            let down = bare.looks(Want::Stopped);
            let what = if down.as_expected { "nothing started" } else { "something runs" };
            StepResult::new(seen.as_expected && down.as_expected, format!("{}, {what}", seen.what))
        });
    }
}

/// A service of Serviceguard, or a resident genw monitor. If it exits, the site has failed.
pub(super) fn watched(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("A process that watches");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("a death while it watches", "not 0, at once", || {
        let victim = stage.view().and_then(|v| v.processes.into_iter().find_map(|p| p.pid));
        let Some(victim) = victim else { return StepResult::new(false, "nothing runs") };
        let killer = kill_later(victim, Signal::KILL);
        let begun = Moment::now();
        let called = stage.bare.call("watch", &[], Duration::from_secs(20));
        let _ = killer.map(JoinHandle::join);
        let quick = Moment::now().since(begun) < Duration::from_secs(5);
        let code = called.code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        let what = if quick { "at once" } else { "late" };
        StepResult::new(called.code == Some(1) && quick, format!("{code}, {what}"))
    });
    report.step("stop", "0", || stage.verb("stop", 0));
    report.chapter("The site in the foreground");
    report.step("run, and a death", "1", || {
        let killer = thread::start("killer", StackSize::Usual, {
            let site = stage.places();
            move || {
                let victim = super::stage::wait_for_process(&site);
                if let Some(handle) = victim.and_then(Identity::of).and_then(|i| i.open()) {
                    let _ = handle.send(Signal::KILL);
                }
            }
        });
        let called = stage.bare.call("run", &[], Duration::from_secs(20));
        let _ = killer.map(JoinHandle::join);
        let code = called.code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        StepResult::new(called.code == Some(1), code)
    });
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// Kills in another thread, because this one waits for an answer.
fn kill_later(victim: Pid, signal: Signal) -> io::Result<JoinHandle<()>> {
    thread::start("killer", StackSize::Usual, move || {
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(300)));
        if let Some(handle) = Identity::of(victim).and_then(|i| i.open()) {
            let _ = handle.send(signal);
        }
    })
}

/// All verbs from the first probe to the last stop. Each process is killed once.
pub(super) fn whole_life(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("A whole life");
    let stopped = stage.says(Want::Stopped);
    report.step("probe before the first start", &stopped, || stage.bare.looks(Want::Stopped));
    report.step("stop of a stopped site", "0", || stage.verb("stop", 0));
    report.step("start", "0", || stage.verb("start", 0));
    report.step("monitor", "0", || stage.monitor(Want::Well));
    if stage.bare.manager == Manager::Pacemaker {
        report.step("monitor, every process by identity", "0", || {
            stage.bare.answers("monitor", &[("OCF_CHECK_LEVEL", "10")], 0)
        });
        report.step("monitor, every healthcheck", "0", || {
            stage.bare.answers("monitor", &[("OCF_CHECK_LEVEL", "20")], 0)
        });
    }
    let before = stage.view();
    report.step("start of a site that runs", "0, nothing spawned", || {
        let seen = stage.verb("start", 0);
        let same = pids(before.as_ref()) == pids(stage.view().as_ref());
        let what = if same { "nothing spawned" } else { "other processes" };
        StepResult::new(seen.as_expected && same, format!("{}, {what}", seen.what))
    });
    // The death of a wrapped supervisor is rehearsed separately.
    let wrapped = before.as_ref().map(|v| v.supervisor).filter(|_| stage.is_wrapped());
    for process in before.map(|view| view.processes).unwrap_or_default() {
        // What a wrapped supervisor does not watch, it goes on without.
        let is_watched = process.essential || !stage.is_wrapped();
        if process.pid.is_some() && process.pid != wrapped && is_watched {
            killed_process(report, stage, &process);
        }
    }
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("monitor after the stop", &stopped, || stage.monitor(Want::Stopped));
    report.step("stop again", "0", || stage.verb("stop", 0));
}

fn pids(view: Option<&View>) -> Vec<Option<i32>> {
    let Some(view) = view else { return Vec::new() };
    let all = view.processes.iter().map(|p| p.pid.map(Pid::number));
    all.chain([Some(view.supervisor.number())]).collect()
}

fn killed_process(report: &mut Report, stage: &RehearsedSite, before: &ProcessView) {
    let name = &before.name;
    let now = stage.view().and_then(|v| v.processes.into_iter().find(|p| p.name == *name));
    let Some(pid) = now.and_then(|p| p.pid) else { return };
    report.step(&format!("SIGKILL to `{name}`"), "SIGKILL", || stage.signal(pid, Signal::KILL));
    let base = name.split('@').next().unwrap_or_default();
    let plan = stage.definition.processes.iter().find(|p| p.name == base);
    let (essential, restarts) =
        plan.map_or((true, stage.restarts_itself()), |p| (p.essential, p.restart.is_some()));
    if restarts {
        report.step("  it is started again by itself", "another process, ready", || {
            stage.until(|| {
                let process =
                    stage.view().and_then(|v| v.processes.into_iter().find(|p| p.name == *name));
                let new =
                    process.as_ref().is_some_and(|p| p.up && p.pid.is_some_and(|now| now != pid));
                StepResult::new(new, process.map_or_else(|| "nothing".to_owned(), |p| p.doing))
            })
        });
        report.step("  monitor", "0", || stage.monitor(Want::Well));
    } else if essential {
        let failed = format!("{}, with the reason", stage.says(Want::Failed));
        let told = || {
            let seen = stage.monitor_until(Want::Failed);
            let failure =
                stage.bare.call("monitor", &[super::stage::RECURRING], Duration::from_secs(20));
            let word = if stage.is_wrapped() { stage.word_of_death() } else { name.as_str() };
            let named = failure.reason(stage.bare.manager).is_some_and(|r| r.contains(word));
            let what = if named { "with the reason" } else { "without a reason" };
            StepResult::new(seen.as_expected && named, format!("{}, {what}", seen.what))
        };
        report.step("  monitor says so", &failed, || match stage.is_wrapped() {
            // While its supervisor still ends the rest, what is told first is that its list is not true any more.
            true => stage.until(told),
            false => told(),
        });
        // The failure may be reported while the other processes are still being stopped.
        report.step("  what lives of the site", "nothing in the end", || {
            stage.until(|| stage.nothing_lives())
        });
        report.step("  stop, as a manager does then", "0", || stage.verb("stop", 0));
        report.step("  start", "0", || stage.verb("start", 0));
    } else {
        report.step("  the site serves without it", "0, degraded", || {
            let state = stage.until(|| {
                let word = stage.view().map_or("unknown", |v| v.state.word());
                StepResult::new(word == "degraded", word)
            });
            let seen = stage.monitor(Want::Well);
            let held = seen.as_expected && state.as_expected;
            StepResult::new(held, format!("{}, {}", seen.what, state.what))
        });
        report.step("  stop", "0", || stage.verb("stop", 0));
        report.step("  start", "0", || stage.verb("start", 0));
    }
}

/// SIGKILL to the supervisor: no process is lost, and none is started twice.
pub(super) fn supervisor_killed(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("The supervisor is killed");
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    let unsupervised = stage.says(Want::Unsupervised);
    report.step("monitor: unsupervised", &unsupervised, || stage.monitor_until(Want::Unsupervised));
    report.step("stop finds everything", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    report.step("start sweeps and starts anew", "0", || stage.verb("start", 0));
    report.step("monitor", "0", || stage.monitor(Want::Well));
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    // A site with a wrapped supervisor cannot be adopted.
    if !stage.is_wrapped() {
        adopted(report, stage);
    }
}

/// The living processes get a new supervisor, without a restart.
fn adopted(report: &mut Report, stage: &RehearsedSite) {
    let processes = || -> Vec<(String, Option<Pid>)> {
        let view = stage.view().into_iter();
        view.flat_map(|v| v.processes).map(|p| (p.name, p.pid)).collect()
    };
    report.step("start", "0", || stage.verb("start", 0));
    let before = processes();
    kill_supervisor(report, stage);
    let unsupervised = stage.says(Want::Unsupervised);
    report.step("monitor: unsupervised", &unsupervised, || stage.monitor_until(Want::Unsupervised));
    report.step("adopt, by hand", "0", || stage.verb("adopt", 0));
    report.step("monitor", "0", || stage.monitor(Want::Well));
    report.step("its processes", "the same", || {
        let same = !before.is_empty() && processes() == before;
        StepResult::new(same, if same { "the same" } else { "others" })
    });
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

pub(super) fn kill_supervisor(report: &mut Report, stage: &RehearsedSite) {
    report.step("SIGKILL to the supervisor", "SIGKILL", || match stage.view() {
        Some(view) => stage.signal(view.supervisor, Signal::KILL),
        None => StepResult::new(false, "no supervisor"),
    });
}

/// SIGSTOP to the supervisor: it cannot answer, so the state is unknown.
pub(super) fn supervisor_stopped(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("The supervisor is stopped by a signal");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("SIGSTOP to the supervisor", "SIGSTOP", || match stage.view() {
        Some(view) => stage.signal(view.supervisor, Signal::STOP),
        None => StepResult::new(false, "no supervisor"),
    });
    let unknown = stage.says(Want::Unknown);
    report.step("monitor with one second: unknown", &unknown, || {
        let called = stage.bare.call("monitor", &[super::stage::RECURRING], Duration::from_secs(1));
        let code = called.code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        StepResult::new(code == unknown, code)
    });
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// A recurring monitor is held while the site is well, and answered at once when it is not. The first of a
/// series is never held, and a probe ends every series.
pub(super) fn held_monitor(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("The held monitor");
    let second = Duration::from_secs(1);
    let ask = |extra: &[(&str, &str)]| {
        let begun = Moment::now();
        let mut all =
            vec![("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", "1")];
        all.extend(extra);
        let called = stage.bare.call("monitor", &all, Duration::from_secs(20));
        (called.code, Moment::now().since(begun))
    };
    let told = |code: Option<i32>, took: Duration, held: bool| {
        let was_held = took >= second;
        let what = if was_held { "held" } else { "at once" };
        let code_text = code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        StepResult::new(code == Some(0) && was_held == held, format!("{code_text}, {what}"))
    };
    report.step("start", "0", || stage.verb("start", 0));
    report.step("the first recurring monitor", "0, at once", || {
        let (code, took) = ask(&[]);
        told(code, took, false)
    });
    report.step("the next one", "0, held", || {
        let (code, took) = ask(&[]);
        told(code, took, true)
    });
    report.step("a probe meanwhile", "0, at once", || {
        let begun = Moment::now();
        let called = stage.bare.call(
            "monitor",
            &[("OCF_RESKEY_monitor_wait", "1")],
            Duration::from_secs(20),
        );
        told(called.code, Moment::now().since(begun), false)
    });
    report.step("the first one after a probe", "0, at once", || {
        let (code, took) = ask(&[]);
        told(code, took, false)
    });
    report.step("a death while one is held", "not 0, at once", || {
        let victim = stage.view().and_then(|v| v.processes.into_iter().find_map(|p| p.pid));
        let Some(victim) = victim else { return StepResult::new(false, "nothing runs") };
        let killer = kill_later(victim, Signal::KILL);
        let (code, took) = ask(&[("OCF_RESKEY_monitor_wait", "10")]);
        let _ = killer.map(JoinHandle::join);
        let code_text = code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        let quick = took < Duration::from_secs(5);
        let what = if quick { "at once" } else { "late" };
        StepResult::new(code != Some(0) && quick, format!("{code_text}, {what}"))
    });
    report.step("stop", "0", || stage.verb("stop", 0));
}

/// A process that ignores SIGTERM, and one whose descendants leave its session.
pub(super) fn hard_to_end(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("Processes that are hard to end");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("stop, by KILL in the end", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    report.step("stop without a supervisor", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// A process that is never ready: the start fails, and no process is left.
pub(super) fn never_ready(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("A process that never gets ready");
    let refused = contract::refused(stage.bare.manager, Refusal::Here);
    report.step("start", &refused.to_string(), || stage.verb("start", refused));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("monitor: failed", &stage.says(Want::Failed), || stage.monitor(Want::Failed));
    report.step("stop", "0", || stage.verb("stop", 0));
}

/// Pause and resume: monitor reports a healthy site throughout.
pub(super) fn paused(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("Maintenance");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("pause", "0", || stage.verb("pause", 0));
    report.step("monitor", "0", || stage.monitor(Want::Well));
    report.step("processes that run", "none", || {
        let is_one = |v: &View, p: &ProcessView| p.pid.is_some() && p.pid != Some(v.supervisor);
        let running = stage
            .view()
            .map_or(usize::MAX, |v| v.processes.iter().filter(|p| is_one(&v, p)).count());
        StepResult::new(
            running == 0,
            if running == 0 { "none".to_owned() } else { running.to_string() },
        )
    });
    report.step("start of a paused site", "0", || stage.verb("start", 0));
    report.step("resume", "0", || stage.verb("resume", 0));
    report.step("monitor", "0", || stage.monitor(Want::Well));
    report.step("pause, and stop while it is paused", "0", || {
        let paused = stage.verb("pause", 0);
        if paused.as_expected { stage.verb("stop", 0) } else { paused }
    });
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    // A pause persists: the next start brings the site up paused, until it is resumed.
    let follows = stage.definition.database.is_some();
    if follows {
        report.step("start follows the pause", "0", || stage.verb("start", 0));
        report.step("resume", "0", || stage.verb("resume", 0));
        report.step("stop", "0", || stage.verb("stop", 0));
    }
}

/// `clean`, without a graceful stop.
pub(super) fn cleaned(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("Clean");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("clean", "0", || stage.verb("clean", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    let stopped = stage.says(Want::Stopped);
    report.step("monitor after it", &stopped, || stage.monitor(Want::Stopped));
    report.step("clean again", "0", || stage.verb("clean", 0));
}
