//! The mark that no process can take off: a control group. What a site's processes do to get away
//! does not matter then, and everything dies as one.

mod common;

use std::time::{Duration, Instant};

use common::*;
use siteward::linux::cgroup;
use siteward::linux::process::{Stat, all, environment_value};
use siteward::process::{Groups, MARK};
use siteward::values::{Pid, Signal};

/// What keeps this machine from having control groups of its own.
fn missing() -> Option<&'static str> {
    let probe =
        cgroup::mount().map(|mount| mount.join(format!("siteward-probe-{}", std::process::id())));
    let Some(probe) = probe else { return Some("a cgroup2 mount") };
    if siteward::linux::node::has_systemd() {
        return Some("a machine without systemd as PID 1: it owns the tree");
    }
    let made = cgroup::make_anew(&probe).is_ok();
    cgroup::remove(&probe);
    (!made).then_some("a cgroup2 mount that may be written (as root)")
}

fn main() -> std::process::ExitCode {
    let missing = missing().map(|what| format!("control groups. Missing: {what}"));
    live_through(
        missing.as_deref(),
        false,
        &[
            ("three_hundred_that_flee_end_as_one", three_hundred_that_flee_end_as_one),
            ("without_a_mark_but_the_group", without_a_mark_but_the_group),
            ("another_site_started_from_within", another_site_started_from_within),
            (
                "a_group_that_was_killed_is_lived_in_again",
                a_group_that_was_killed_is_lived_in_again,
            ),
        ],
    )
}

/// A kernel kills what is cloned into a group that was killed before.
fn a_group_that_was_killed_is_lived_in_again() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes:\n  one: {command: [ACT, steady], restart: {attempts: 5, within: 60s, delay: 0s}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let tree = group_of(&bench, "a").unwrap();
    let restarts = || {
        let status = succeed(bench.hand(&["status", "a", "--json"]));
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        (status["state"] == "running", status["processes"][0]["restarts"].as_u64().unwrap())
    };
    for times in 1..=2 {
        cgroup::kill(&tree.join("one")).unwrap();
        until("it runs again", || restarts() == (true, times));
    }
    // As a clean leaves it that is killed after it has killed.
    let supervisor = bench.pid("a", "supervisor");
    for leaf in cgroup::below(&tree).unwrap() {
        cgroup::kill(&leaf).unwrap();
    }
    until("the supervisor is dead", || Stat::of(supervisor).is_none_or(|s| !s.is_alive()));
    succeed(bench.hand(&["start", "a"]));
    assert_eq!(restarts(), (true, 0));
    succeed(bench.hand(&["stop", "a"]));
}

/// Forks, changes session, ignores TERM, and forks on while it is killed.
const FLEEING: &str = "import os,signal,time\n\
    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
    for i in range(COUNT):\n  \
      if os.fork()==0:\n    \
        os.setsid()\n    \
        if os.fork()>0: os._exit(0)\n    \
        while True:\n      \
          time.sleep(0.5)\n      \
          if os.fork()==0: os.setsid(); time.sleep(0.2); os._exit(0)\n      \
          os.waitpid(-1, os.WNOHANG)\n\
    time.sleep(1000)\n";

fn define_fleeing(bench: &Bench, count: usize) {
    let script = FLEEING.replace("COUNT", &count.to_string());
    bench.define(
        "fleeing",
        &format!("processes:\n  a: {{command: [/usr/bin/python3, -c, {script:?}]}}\n"),
    );
}

fn groups(bench: &Bench, site: &str) -> Groups {
    Groups::of(&bench.places.of(&site.parse().unwrap())).expect("control groups")
}

fn three_hundred_that_flee_end_as_one() {
    let bench = Bench::new();
    define_fleeing(&bench, 300);
    succeed(bench.hand(&["start", "fleeing"]));
    let tree = groups(&bench, "fleeing");
    until("all of them have fled", || tree.members().unwrap().len() >= 300);
    let begun = Instant::now();
    succeed(bench.hand(&["clean", "fleeing"]));
    let took = begun.elapsed();
    println!("300 processes that flee were ended, and that was proved, in {took:?}");
    assert!(tree.members().unwrap().is_empty());
    assert_eq!(bench.living("fleeing"), "");
    // With their supervisor dead, and by a plain stop.
    succeed(bench.hand(&["start", "fleeing"]));
    until("all of them have fled", || tree.members().unwrap().len() >= 300);
    signal(bench.pid("fleeing", "supervisor"), Signal::KILL);
    succeed(bench.hand(&["stop", "fleeing"]));
    assert!(tree.members().unwrap().is_empty());
    assert_eq!(bench.living("fleeing"), "");
}

/// No record, no environment, no lock, no session, no parent: only the group is left.
fn without_a_mark_but_the_group() {
    let bench = Bench::new();
    let script = "exec 100>&- 101>&- 102>&-; setsid -f env -i /bin/sleep 98765 >/dev/null 2>&1 </dev/null; exec sleep 1000";
    bench.define("bare", &format!("processes:\n  a: {{command: [/bin/bash, -c, {script:?}]}}\n"));
    succeed(bench.hand(&["start", "bare"]));
    let fled = || -> Option<Pid> {
        let members = groups(&bench, "bare").members().unwrap();
        members.into_iter().map(|(pid, _)| pid).find(|pid| {
            // Not one on its way through an exec, of which nothing can be read for a moment.
            words_of(*pid).first().is_some_and(|word| word == b"/bin/sleep")
                && Stat::of(*pid).is_some_and(|stat| environment_value(&stat, MARK) == Ok(None))
        })
    };
    until("it has fled", || fled().is_some());
    let pid = fled().expect("it sleeps for hours");
    signal(bench.pid("bare", "supervisor"), Signal::KILL);
    let record = bench.places.runtime.join("bare/record.json");
    signal(bench.pid("bare", "a"), Signal::KILL);
    std::fs::remove_file(record).unwrap();
    until("it is seen", || bench.monitor("bare") == (1, 1, 1));
    let seen = said(&output(bench.hand(&["status", "bare"])));
    assert!(seen.contains(&pid.to_string()), "{seen}");
    succeed(bench.hand(&["stop", "bare"]));
    assert!(!all().unwrap().iter().any(|s| s.pid == pid && s.is_alive()));
    assert_eq!(bench.monitor("bare"), (7, 7, 3));
}

/// A job of one site starts another one: the sweep of the first leaves that alone.
fn another_site_started_from_within() {
    let bench = Bench::new();
    bench.define("inner", "processes: {a: {command: [ACT, steady]}}\n");
    let places = &bench.places;
    let start = format!(
        "export SITEWARD_CONFIG_DIR={} SITEWARD_RUNTIME_DIR={} SITEWARD_LOG_DIR={}; \
         {SITEWARD} start inner; exec sleep 1000",
        places.config.display(),
        places.runtime.display(),
        places.logs.display()
    );
    bench.define("outer", &format!("processes: {{job: {{command: [/bin/sh, -c, {start:?}]}}}}\n"));
    succeed(bench.hand(&["start", "outer"]));
    until("the inner one runs", || bench.monitor("inner") == (0, 0, 0));
    let before = (bench.pid("inner", "supervisor"), bench.pid("inner", "a"));
    let begun = Instant::now();
    succeed(bench.hand(&["clean", "outer"]));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(bench.living("outer"), "");
    assert_eq!(bench.monitor("inner"), (0, 0, 0));
    assert_eq!((bench.pid("inner", "supervisor"), bench.pid("inner", "a")), before);
    succeed(bench.hand(&["stop", "inner"]));
}
