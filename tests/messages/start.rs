//! Why a site is not started, run or adopted.

use std::fs;
use std::time::Duration;

use siteward::manager::{Manager, Verb};
use siteward::values::Signal;

use crate::common::*;
use crate::jobcenter::Jobcenter;
use crate::{Test, by_hand, everywhere, is_told};

pub(crate) const TESTS: &[Test] = &[
    ("it_is_interrupted", false, it_is_interrupted),
    ("it_is_overtaken", false, it_is_overtaken),
    ("others_are_at_work", false, others_are_at_work),
    ("its_supervisor_is_killed", false, its_supervisor_is_killed),
    ("its_supervisor_does_not_answer", false, its_supervisor_does_not_answer),
    ("its_copy_cannot_be_written", false, its_copy_cannot_be_written),
    ("a_second_supervisor", false, a_second_supervisor),
    ("wrapped_sites", false, wrapped_sites),
    ("adoptions", false, adoptions),
];

const STEADY: &str = "processes: {a: {command: [ACT, steady]}}\n";
/// It is never ready.
const SLOW: &str =
    "boot_timeout: 60s\nprocesses: {a: {command: [ACT, steady], ready: {file: /no/such/file}}}\n";

/// A start that is on its way until its process is ready, which it never is.
fn slow_start(bench: &Bench) -> std::process::Child {
    let start = background(bench.hand(&["start", "a"]));
    until("it is on its way", || {
        bench.record("a").is_some_and(|record| !record.processes.is_empty())
    });
    start
}

fn it_is_interrupted() {
    let bench = Bench::new();
    bench.define("a", SLOW);
    let start = Call::begin(bench.hand(&["start", "a"]));
    until("it is on its way", || {
        bench.record("a").is_some_and(|record| !record.processes.is_empty())
    });
    start.signal(Signal::INT);
    let ended = start.end("an interrupted start");
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("[start-interrupted]"), "{}", ended.said);
    crate::seen("start-interrupted");
}

fn it_is_overtaken() {
    let bench = Bench::new();
    bench.define("a", SLOW);
    let start = slow_start(&bench);
    succeed(bench.hand(&["stop", "a"]));
    is_told("overtaken", Manager::Hand, Verb::Start, &start.wait_with_output().unwrap());
}

fn others_are_at_work() {
    let bench = Bench::new();
    bench.define("a", SLOW);
    let start = slow_start(&bench);
    by_hand("still-coming-up", Verb::Start, bench.hand(&["start", "a", "--timeout", "1s"]));
    let second = Call::begin(bench.hand(&["start", "a"]));
    until("it waits too", || waits(second.pid()));
    wait_for(Duration::from_millis(300));
    second.signal(Signal::INT);
    let ended = second.end("an interrupted second start");
    assert!(ended.said.contains("[goes-on-coming-up]"), "{}", ended.said);
    assert_eq!(ended.code, Some(1));
    crate::seen("goes-on-coming-up");
    succeed(bench.hand(&["stop", "a"]));
    let _ = start.wait_with_output();
    // A stop that takes long.
    bench.define(
        "a",
        "stop_timeout: 60s\nprocesses: {a: {command: [ACT, steady], stop_command: [/bin/sleep, \"50\"], stop_grace_period: 55s}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let mut stop = background(bench.hand(&["stop", "a"]));
    until("it is being stopped", || {
        said(&output(bench.hand(&["status", "a"]))).contains("stopping")
    });
    by_hand("verb-under-way", Verb::Start, bench.hand(&["start", "a", "--timeout", "1s"]));
    // The supervisor goes on without the stop.
    stop.kill().unwrap();
    stop.wait().unwrap();
    by_hand("still-stopping", Verb::Start, bench.hand(&["start", "a", "--timeout", "4s"]));
    succeed(bench.hand(&["clean", "a"]));
}

fn its_supervisor_is_killed() {
    let bench = Bench::new();
    bench.define("a", SLOW);
    let start = slow_start(&bench);
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    let told = start.wait_with_output().unwrap();
    is_told("supervisor-gave-no-reason", Manager::Hand, Verb::Start, &told);
}

fn its_supervisor_does_not_answer() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    succeed(bench.hand(&["start", "a"]));
    let supervisor = bench.pid("a", "supervisor");
    signal(supervisor, Signal::STOP);
    by_hand("state-unknown", Verb::Start, bench.hand(&["start", "a", "--timeout", "2s"]));
    by_hand("adopt-refused", Verb::Start, bench.hand(&["adopt", "a", "--timeout", "2s"]));
    signal(supervisor, Signal::CONT);
    succeed(bench.hand(&["stop", "a"]));
}

fn its_copy_cannot_be_written() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let copy = bench.places.of(&"a".parse().unwrap()).starting();
    fs::create_dir_all(copy.join("x")).unwrap();
    everywhere("start-not-written", Verb::Start, || bench.hand(&["start", "a"]));
    fs::remove_dir_all(copy).unwrap();
}

fn a_second_supervisor() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    succeed(bench.hand(&["start", "a"]));
    everywhere("another-supervisor", Verb::Other, || bench.hand(&["run", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    // The socket's place is taken, so that the supervisor cannot begin its work.
    let socket = bench.places.of(&"a".parse().unwrap()).socket();
    fs::create_dir_all(socket.join("x")).unwrap();
    everywhere("not-started", Verb::Start, || bench.hand(&["start", "a"]));
    fs::remove_dir_all(socket).unwrap();
}

fn wrapped_sites() {
    let center = Jobcenter::new("testsite");
    let (site, bench) = (&center.site, &center.bench);
    everywhere("wrapped-not-adoptable", Verb::Start, || bench.hand(&["adopt", site]));
    center.switch("start-hangs", "");
    by_hand("did-not-start", Verb::Start, center.hand(&["start", site, "--timeout", "6s"]));
    center.unswitch();
    succeed(center.hand(&["clean", site]));
    let run = Call::begin(center.hand(&["run", site]));
    until("it is up", || run.said().contains("the site is running"));
    signal(center.supervisor(), Signal::KILL);
    let ended = run.end("a run whose supervisor is killed");
    assert!(ended.said.contains("[supervisor-left]"), "{}", ended.said);
    crate::seen("supervisor-left");
    succeed(center.hand(&["clean", site]));
    let center = Jobcenter::with("othersite", "monitored: false, ");
    by_hand("wrapped-not-runnable", Verb::Other, center.hand(&["run", &center.site]));
}

fn adoptions() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let adopt = || bench.hand(&["adopt", "a"]);
    everywhere("nothing-lives", Verb::Start, adopt);
    succeed(bench.hand(&["start", "a"]));
    let record = bench.places.of(&"a".parse().unwrap()).record();
    kill_supervisor(&bench);
    let aside = bench.path("aside");
    fs::rename(&record, &aside).unwrap();
    everywhere("no-record-to-adopt", Verb::Start, adopt);
    fs::rename(&aside, &record).unwrap();
    // The supervisor's place is taken.
    let socket = bench.places.of(&"a".parse().unwrap()).socket();
    let _ = fs::remove_file(&socket);
    fs::create_dir_all(socket.join("x")).unwrap();
    everywhere("not-adopted", Verb::Start, adopt);
    fs::remove_dir_all(socket).unwrap();
    succeed(bench.hand(&["stop", "a"]));
    // What lives is a child of what the record names.
    bench.define(
        "a",
        "processes: {a: {command: [/bin/sh, -c, \"sleep 1000 & exec sleep 1000\"]}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let main = bench.pid("a", "a");
    kill_supervisor(&bench);
    signal(main, Signal::KILL);
    until("only its child lives", || said(&output(adopt())).contains("[nothing-to-adopt]"));
    everywhere("nothing-to-adopt", Verb::Start, adopt);
    succeed(bench.hand(&["stop", "a"]));
}

fn kill_supervisor(bench: &Bench) {
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    until("nobody watches it", || code(bench.hand(&["monitor", "-q", "a"])) == 1);
}
