//! The parts of a rehearsal for a site with a supervisor of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::contract::Want;
use super::lives::kill_supervisor;
use super::report::{Report, StepResult};
use super::stage::{Called, RECURRING, RehearsedSite};
use crate::operator::warden::{LIES, WORKER, numbered};
use crate::values::Signal;

/// The time of a verb that is to give up.
const SHORT: Duration = Duration::from_secs(1);

/// Its supervisor is stopped by a signal: it lives, and watches nothing.
pub(super) fn supervisor_stopped(report: &mut Report, stage: &RehearsedSite) {
    report.chapter("Its own supervisor is stopped by a signal");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("SIGSTOP to its supervisor", "SIGSTOP", || match stage.view() {
        Some(view) => stage.signal(view.supervisor, Signal::STOP),
        None => StepResult::new(false, "no supervisor"),
    });
    let unsupervised = stage.says(Want::Unsupervised);
    report.step("monitor: unsupervised", &unsupervised, || stage.monitor_until(Want::Unsupervised));
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// A process of it dies, or its supervisor.
pub(super) fn killed(report: &mut Report, stage: &RehearsedSite, folder: &Path) {
    report.chapter("A supervisor of the site's own");
    report.step("start", "0", || stage.verb("start", 0));
    report.step("monitor", "0", || stage.monitor(Want::Well));
    report.step("SIGKILL to its process", "SIGKILL", || kill_worker(stage, folder));
    let failed = stage.says(Want::Failed);
    report.step("monitor: failed", &failed, || stage.monitor_until(Want::Failed));
    report.step("what lives of the site", "nothing in the end", || {
        stage.until(|| stage.nothing_lives())
    });
    report.step("start", "0", || stage.verb("start", 0));
    kill_supervisor(report, stage);
    let unsupervised = stage.says(Want::Unsupervised);
    report.step("monitor: unsupervised", &unsupervised, || stage.monitor_until(Want::Unsupervised));
    report.step("stop finds its process", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

/// Its list says what is not so. The processes are believed, and what cannot be settled is no success.
pub(super) fn list_lies(report: &mut Report, stage: &RehearsedSite, folder: &Path) {
    report.chapter("A supervisor whose list lies");
    let says = |word: &str| {
        let said = fs::write(folder.join(LIES), word);
        StepResult::new(said.is_ok(), if said.is_ok() { "done" } else { "it could not be written" })
    };
    let short = |verb: &str, code: &str| {
        let Called { code: said, .. } = stage.bare.call(verb, &[RECURRING], SHORT);
        let said = said.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        StepResult::new(said == code, said)
    };
    let (unsupervised, unknown) = (stage.says(Want::Unsupervised), stage.says(Want::Unknown));
    report.step("start", "0", || stage.verb("start", 0));
    report.step("its list says that it is down", "done", || says("down"));
    report.step("monitor: not well", &unsupervised, || stage.monitor_until(Want::Unsupervised));
    report.step("its list hangs", "done", || says("hangs"));
    report.step("monitor: unknown", &unknown, || short("monitor", &unknown));
    report.step("its list is true again", "done", || says("not"));
    report.step("monitor", "0", || stage.monitor_until(Want::Well));
    kill_supervisor(report, stage);
    report.step("SIGKILL to its process", "SIGKILL", || kill_worker(stage, folder));
    report.step("its list says that it is up", "done", || says("up"));
    report.step("monitor: unsupervised", &unsupervised, || stage.monitor_until(Want::Unsupervised));
    report.step("stop, which cannot be proved", "1", || short("stop", "1"));
    report.step("its list is true again", "done", || says("not"));
    report.step("stop", "0", || stage.verb("stop", 0));
    report.step("what lives of the site", "nothing", || stage.nothing_lives());
}

fn kill_worker(stage: &RehearsedSite, folder: &Path) -> StepResult {
    match numbered(folder, WORKER) {
        Some(worker) => stage.signal(worker.pid, Signal::KILL),
        None => StepResult::new(false, "it does not run"),
    }
}
