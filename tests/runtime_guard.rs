//! The runtime directory, or a file in it, is removed or replaced under a running supervisor. The supervisor
//! restores it, and at no moment the running site is taken for a stopped one.

mod common;

use std::fs;
use std::path::Path;

use common::*;
use siteward::linux::lock;
use siteward::values::Signal;

const SITE: &str = "shop";

fn started() -> Bench {
    let bench = Bench::new();
    bench
        .define(SITE, "processes:\n  a: {command: [ACT, steady]}\n  b: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", SITE]));
    bench
}

fn damage(bench: &Bench, how: impl FnOnce(&Path)) {
    let before = (bench.pid(SITE, "supervisor"), bench.pid(SITE, "a"), bench.pid(SITE, "b"));
    let places = bench.places.of(&SITE.parse().unwrap());
    how(&places.runtime);
    // Asked at once, and again while it is restored.
    for _ in 0..5 {
        assert_eq!(bench.monitor(SITE), (0, 0, 0));
    }
    until("everything is restored", || {
        [places.lock(), places.socket(), places.record(), places.snapshot()]
            .iter()
            .all(|p| exists(p))
            && lock::is_held(&places.lock()).unwrap()
    });
    assert!(bench.log(SITE, "history.jsonl").contains("restored"));
    let start = output(bench.hand(&["start", SITE]));
    assert!(said(&start).contains("already running"), "{}", said(&start));
    let after = (bench.pid(SITE, "supervisor"), bench.pid(SITE, "a"), bench.pid(SITE, "b"));
    assert_eq!(before, after, "nothing was started or ended for it");
}

#[test]
fn a_runtime_folder_that_is_removed_is_restored() {
    let bench = started();
    // It may be restored faster than it is removed.
    damage(&bench, |folder| drop(fs::remove_dir_all(folder)));
    damage(&bench, |folder| drop(fs::remove_dir_all(folder.parent().unwrap())));
    damage(&bench, |folder| fs::rename(folder, folder.with_extension("away")).unwrap());
    fs::remove_dir_all(bench.places.runtime.join("shop.away")).unwrap();
    succeed(bench.hand(&["stop", SITE]));
    assert_eq!(bench.living(SITE), "");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
}

/// In its first second a stop watches nothing.
#[test]
fn a_runtime_folder_that_is_removed_while_the_site_stops_is_restored() {
    let bench = Bench::new();
    let stubborn = "command: [ACT, stubborn], stop_grace_period: 60s";
    bench.define(SITE, &format!("stop_timeout: 120s\nprocesses:\n  a: {{{stubborn}}}\n"));
    succeed(bench.hand(&["start", SITE]));
    let mut stop = background(bench.hand(&["stop", SITE, "--timeout", "100s"]));
    let stops = || said(&output(bench.hand(&["status", SITE]))).starts_with("stopping");
    until("it stops", stops);
    let places = bench.places.of(&SITE.parse().unwrap());
    let _ = fs::remove_dir_all(&places.runtime);
    let start = output(bench.hand(&["start", SITE, "--timeout", "1s"]));
    assert!(!start.status.success(), "{}", said(&start));
    until("everything is restored", || {
        [places.lock(), places.socket(), places.record(), places.snapshot()]
            .iter()
            .all(|p| exists(p))
    });
    assert!(stops());
    signal(bench.pid(SITE, "a"), Signal::KILL);
    assert!(stop.wait().unwrap().success());
    assert_eq!(bench.living(SITE), "");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
}

#[test]
fn a_lock_that_is_replaced_lets_no_second_supervisor_in() {
    let bench = started();
    damage(&bench, |folder| {
        let other = folder.join("lock.other");
        fs::write(&other, "").unwrap();
        fs::rename(other, folder.join("lock")).unwrap();
    });
    damage(&bench, |folder| fs::remove_file(folder.join("lock")).unwrap());
    damage(&bench, |folder| fs::remove_file(folder.join("control")).unwrap());
    let run = output(bench.hand(&["run", SITE]));
    assert!(said(&run).contains("by another supervisor"), "{}", said(&run));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_record_that_is_removed_is_written_again_and_adopted_by() {
    let bench = started();
    damage(&bench, |folder| {
        fs::remove_file(folder.join("record.json")).unwrap();
        fs::remove_file(folder.join("definition.yaml")).unwrap();
    });
    let a = bench.pid(SITE, "a");
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    until("that is seen", || bench.monitor(SITE) == (1, 1, 1));
    succeed(bench.hand(&["adopt", SITE]));
    assert_eq!(bench.pid(SITE, "a"), a);
    succeed(bench.hand(&["stop", SITE]));
}

/// A supervisor that is stopped (SIGSTOP) cannot restore anything; it is not taken for dead.
#[test]
fn a_stopped_supervisor_without_its_directory_is_unknown_and_can_be_stopped() {
    let bench = started();
    let supervisor = bench.pid(SITE, "supervisor");
    signal(supervisor, Signal::STOP);
    fs::remove_dir_all(bench.places.runtime.join(SITE)).unwrap();
    assert_eq!(bench.monitor(SITE), (1, 1, 4));
    let stopped = output(bench.hand(&["stop", SITE, "--timeout", "10s"]));
    assert!(stopped.status.success(), "{}", said(&stopped));
    assert_eq!(bench.living(SITE), "");
}
