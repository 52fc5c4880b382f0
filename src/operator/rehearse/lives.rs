//! The lives that are rehearsed.

use std::time::Duration;

use super::report::{Report, Seen};
use super::stage::{Sample, Stage};
use crate::control::{ProcessView, View};
use crate::linux::wait::Waiting;
use crate::linux::{Moment, Signal};
use crate::process::Identity;

/// Verbs that need no site that runs, or none at all.
pub(super) fn verbs_without_a_site(report: &mut Report, sample: &Sample) {
    report.chapter("Verbs without a site");
    let bare = sample.bare("rehearsal");
    report.step("meta-data", "0, XML", || {
        let called = bare.call("meta-data", &[], Duration::from_secs(5));
        let xml = called.stdout.starts_with("<?xml") && called.stdout.contains("</resource-agent>");
        let what = if xml { "XML" } else { "no XML" };
        Seen::new(called.code == Some(0) && xml, format!("{}, {what}", called.code.unwrap_or(-1)))
    });
    report.step("a verb that does not exist", "3", || bare.answers("promote", &[], 3));
    report.step("a definition that is right: validate-all", "0", || {
        bare.answers("validate-all", &[], 0)
    });
    report.step("a definition that is wrong: start", "2", || {
        sample.bare("wrong").answers("start", &[], 2)
    });
    report.step("a definition that is missing: start", "5", || {
        sample.bare("nowhere").answers("start", &[], 5)
    });
    report.step("a definition that is missing: probe", "7", || {
        sample.bare("nowhere").answers("monitor", &[], 7)
    });
    report.step("a definition that is missing: stop", "0", || {
        sample.bare("nowhere").answers("stop", &[], 0)
    });
    report.step("a name that cannot be one: start", "6", || {
        sample.bare("No/Such").answers("start", &[], 6)
    });
    report.step("a clone: start", "6", || {
        bare.answers("start", &[("OCF_RESKEY_CRM_meta_clone", "0")], 6)
    });
}

/// From the first probe to the last stop, with every process killed in its turn.
pub(super) fn whole_life(report: &mut Report, stage: &Stage) {
    report.chapter("A whole life");
    report.step("probe before the first start", "7", || stage.bare.answers("monitor", &[], 7));
    report.step("stop of a stopped site", "0", || stage.verb("stop", 0));
    report.step("start", "0", || stage.verb("start", 0));
    report.step("monitor", "0", || stage.monitor(0));
    report.step("monitor, every process by identity", "0", || {
        stage.bare.answers("monitor", &[("OCF_CHECK_LEVEL", "10")], 0)
    });
    report.step("monitor, every healthcheck", "0", || {
        stage.bare.answers("monitor", &[("OCF_CHECK_LEVEL", "20")], 0)
    });
    let before = stage.view();
    report.step("start of a site that runs", "0, nothing spawned", || {
        let seen = stage.verb("start", 0);
        let same = pids(before.as_ref()) == pids(stage.view().as_ref());
        let what = if same { "nothing spawned" } else { "other processes" };
        Seen::new(seen.as_expected && same, format!("{}, {what}", seen.what))
    });
    for process in before.map(|view| view.processes).unwrap_or_default() {
        if process.pid.is_some() {
            killed_process(report, stage, &process);
        }
    }
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("monitor after the stop", "7", || stage.monitor(7));
    report.step("stop again", "0", || stage.verb("stop", 0));
}

fn pids(view: Option<&View>) -> Vec<Option<i32>> {
    let Some(view) = view else { return Vec::new() };
    let all = view.processes.iter().map(|p| p.pid.map(crate::linux::process::Pid::number));
    all.chain([Some(view.supervisor.number())]).collect()
}

fn killed_process(report: &mut Report, stage: &Stage, before: &ProcessView) {
    let name = &before.name;
    let now = stage.view().and_then(|v| v.processes.into_iter().find(|p| p.name == *name));
    let Some(pid) = now.and_then(|p| p.pid) else { return };
    report.step(&format!("SIGKILL to `{name}`"), "SIGKILL", || stage.signal(pid, Signal::KILL));
    let base = name.split('@').next().unwrap_or_default();
    let plan = stage.definition.processes.iter().find(|p| p.name == base);
    let (essential, restarts) = plan.map_or((true, false), |p| (p.essential, p.restart.is_some()));
    if restarts {
        report.step("  it is started again by itself", "another process, ready", || {
            stage.until(|| {
                let process =
                    stage.view().and_then(|v| v.processes.into_iter().find(|p| p.name == *name));
                let new =
                    process.as_ref().is_some_and(|p| p.up && p.pid.is_some_and(|now| now != pid));
                Seen::new(new, process.map_or_else(|| "nothing".to_owned(), |p| p.doing))
            })
        });
        report.step("  monitor", "0", || stage.monitor(0));
    } else if essential {
        report.step("  monitor says so", "7, with the reason", || {
            let seen = stage.monitor_until(7);
            let failure =
                stage.bare.call("monitor", &[super::stage::RECURRING], Duration::from_secs(20));
            let named = failure.reason().is_some_and(|r| r.contains(name.as_str()));
            let what = if named { "with the reason" } else { "without a reason" };
            Seen::new(seen.as_expected && named, format!("{}, {what}", seen.what))
        });
        report.step("  what lives of the site", "nothing", || stage.nothing_lives());
        report.step("  stop, as a manager does then", "0", || stage.verb("stop", 0));
        report.step("  start", "0", || stage.verb("start", 0));
    } else {
        report.step("  the site serves without it", "0, degraded", || {
            let state = stage.until(|| {
                let word = stage.view().map_or("unknown", |v| v.state.word());
                Seen::new(word == "degraded", word)
            });
            let seen = stage.monitor(0);
            let held = seen.as_expected && state.as_expected;
            Seen::new(held, format!("{}, {}", seen.what, state.what))
        });
        report.step("  stop", "0", || stage.verb("stop", 0));
        report.step("  start", "0", || stage.verb("start", 0));
    }
}

/// SIGKILL to the supervisor: nothing is lost, nothing starts twice.
pub(super) fn supervisor_killed(report: &mut Report, stage: &Stage) {
    report.chapter("The supervisor is killed");
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    report.step("monitor: unsupervised", "1", || stage.monitor(1));
    report.step("stop finds everything", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    report.step("start sweeps and starts anew", "0", || stage.verb("start", 0));
    report.step("monitor", "0", || stage.monitor(0));
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

fn kill_supervisor(report: &mut Report, stage: &Stage) {
    report.step("SIGKILL to the supervisor", "SIGKILL", || match stage.view() {
        Some(view) => stage.signal(view.supervisor, Signal::KILL),
        None => Seen::new(false, "no supervisor"),
    });
}

/// SIGSTOP to the supervisor: it cannot answer, which is no proof of anything.
pub(super) fn supervisor_stopped(report: &mut Report, stage: &Stage) {
    report.chapter("The supervisor is stopped by a signal");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("SIGSTOP to the supervisor", "SIGSTOP", || match stage.view() {
        Some(view) => stage.signal(view.supervisor, Signal::STOP),
        None => Seen::new(false, "no supervisor"),
    });
    report.step("monitor with one second: unknown", "1", || {
        let called = stage.bare.call("monitor", &[super::stage::RECURRING], Duration::from_secs(1));
        Seen::new(called.code == Some(1), called.code.map_or_else(String::new, |c| c.to_string()))
    });
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// A recurring monitor is held while all is well, and answered at once when it is not.
pub(super) fn held_monitor(report: &mut Report, stage: &Stage) {
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
        Seen::new(code == Some(0) && was_held == held, format!("{code_text}, {what}"))
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
    report.step("a death while one is held", "not 0, at once", || {
        let victim = stage.view().and_then(|v| v.processes.into_iter().find_map(|p| p.pid));
        let Some(victim) = victim else { return Seen::new(false, "nothing runs") };
        // From another thread, as this one waits for the answer.
        let killer = std::thread::spawn(move || {
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(300)));
            if let Some(handle) = Identity::of(victim).and_then(|i| i.open()) {
                let _ = handle.send(Signal::KILL);
            }
        });
        let (code, took) = ask(&[("OCF_RESKEY_monitor_wait", "10")]);
        let _ = killer.join();
        let code_text = code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        let quick = took < Duration::from_secs(5);
        let what = if quick { "at once" } else { "late" };
        Seen::new(code != Some(0) && quick, format!("{code_text}, {what}"))
    });
    report.step("stop", "0", || stage.verb("stop", 0));
}

/// A process that ignores TERM, and one whose descendants leave its session.
pub(super) fn hard_to_end(report: &mut Report, stage: &Stage) {
    report.chapter("Processes that are hard to end");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("stop, by KILL in the end", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    report.step("stop without a supervisor", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// A process that never gets ready: the start fails and leaves nothing.
pub(super) fn never_ready(report: &mut Report, stage: &Stage) {
    report.chapter("A process that never gets ready");
    report.step("start", "1", || stage.verb("start", 1));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("monitor: failed", "7", || stage.monitor(7));
    report.step("stop", "0", || stage.verb("stop", 0));
}

/// Pause and resume: the cluster sees a healthy site all the while.
pub(super) fn paused(report: &mut Report, stage: &Stage) {
    report.chapter("Maintenance");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("pause", "0", || stage.verb("pause", 0));
    report.step("monitor", "0", || stage.monitor(0));
    report.step("processes that run", "none", || {
        let running = stage
            .view()
            .map_or(usize::MAX, |v| v.processes.iter().filter(|p| p.pid.is_some()).count());
        Seen::new(running == 0, if running == 0 { "none".to_owned() } else { running.to_string() })
    });
    report.step("start of a paused site", "0", || stage.verb("start", 0));
    report.step("resume", "0", || stage.verb("resume", 0));
    report.step("monitor", "0", || stage.monitor(0));
    report.step("pause, and stop while it is paused", "0", || {
        let paused = stage.verb("pause", 0);
        if paused.as_expected { stage.verb("stop", 0) } else { paused }
    });
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    // A pause follows the site: the next start comes up held, until it is resumed.
    let follows = stage.definition.database.is_some();
    if follows {
        report.step("start follows the pause", "0", || stage.verb("start", 0));
        report.step("resume", "0", || stage.verb("resume", 0));
        report.step("stop", "0", || stage.verb("stop", 0));
    }
}

/// No politeness at all.
pub(super) fn cleaned(report: &mut Report, stage: &Stage) {
    report.chapter("Clean");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("clean", "0", || stage.verb("clean", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
    report.step("monitor after it", "7", || stage.monitor(7));
    report.step("clean again", "0", || stage.verb("clean", 0));
}
