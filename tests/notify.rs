//! `notify:`: the command is told of events, and whatever it does, nothing else changes.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::*;
use siteward::linux::process::all;
use siteward::values::Signal;

const SITE: &str = "shop";

/// With a command for a shell that is told of these events.
fn with_notify(script: &str, on: &str, timeout: &str) -> Bench {
    let bench = Bench::new();
    let words = serde_json::to_string(script).unwrap();
    bench.define(
        SITE,
        &format!(
            "notify: {{command: [/bin/sh, -c, {words}], on: [{on}], timeout: {timeout}}}\n\
             processes:\n  a: {{command: [ACT, steady]}}\n"
        ),
    );
    bench
}

/// A whole life: how long each verb took.
fn life(bench: &Bench) -> Vec<Duration> {
    let timed = |command| {
        let begun = Instant::now();
        succeed(command);
        begun.elapsed()
    };
    let times = vec![
        timed(bench.hand(&["start", SITE])),
        timed(bench.hand(&["status", SITE])),
        timed(bench.hand(&["pause", SITE])),
        timed(bench.hand(&["resume", SITE])),
        timed(bench.hand(&["stop", SITE])),
    ];
    assert_eq!(bench.living(SITE), "");
    times
}

fn lives(word: &str) -> bool {
    all()
        .unwrap()
        .iter()
        .any(|stat| stat.is_alive() && words_of(stat.pid).iter().any(|w| w == word.as_bytes()))
}

#[test]
fn the_command_gets_the_event_as_json_and_as_variables() {
    let bench = Bench::new();
    let told = bench.path("told");
    let script =
        format!("cat >> {0}; echo \"$SITEWARD_EVENT $SITEWARD_SITE\" >> {0}", told.display());
    let words = serde_json::to_string(&script).unwrap();
    bench.define(
        SITE,
        &format!(
            "notify: {{command: [/bin/sh, -c, {words}], on: [up, failed, stopped]}}\n\
             processes:\n  a: {{command: [ACT, steady]}}\n"
        ),
    );
    succeed(bench.hand(&["start", SITE]));
    let text = || fs::read_to_string(&told).unwrap_or_default();
    until("it is told that the site is up", || text().contains("up shop"));
    signal(bench.pid(SITE, "a"), Signal::KILL);
    until("it is told of the failure", || text().contains("failed shop"));
    let line = text().lines().find(|line| line.contains("\"failed\"")).unwrap().to_owned();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["site"], SITE);
    assert_eq!(value["process"], "a");
    assert_eq!(value["exit"]["Signal"], "SIGKILL");
    assert!(!text().contains("\"spawned\""), "only what was asked for: {}", text());
}

#[test]
fn a_command_that_hangs_floods_forks_or_fails_changes_nothing_else() {
    let usual = life(&with_notify("exit 0", "up", "10s"));
    let every = "start-ordered, started, spawned, ready, up, pausing, paused, resuming, stopping, ended, \
                 down, stopped";
    for (script, what) in [
        ("exec sleep 3019.1", "hangs"),
        ("while :; do echo flood; done", "floods"),
        (
            "setsid sleep 3019.1 & sleep 3019.1 & (trap '' TERM; exec sleep 3019.1) & exit 0",
            "forks",
        ),
        ("echo no route to the mail server; exit 7", "fails"),
        ("kill -KILL $$", "kills itself"),
    ] {
        let bench = with_notify(script, every, "2s");
        let times = life(&bench);
        for (time, usual) in times.iter().zip(&usual) {
            let limit = *usual * 4 + Duration::from_millis(1500);
            assert!(*time < limit, "it {what}: {times:?}, and else {usual:?}");
        }
        until("nothing of it is left", || !lives("3019.1") && !lives(script));
        if what == "forks" {
            continue;
        }
        until("its failure is told", || bench.log(SITE, "history.jsonl").contains("notify-failed"));
        let history = bench.log(SITE, "history.jsonl");
        match what {
            "hangs" | "floods" => assert!(history.contains("did not end in its time"), "{history}"),
            "fails" => assert!(history.contains("no route to the mail server"), "{history}"),
            _ => assert!(history.contains("was killed by SIGKILL"), "{history}"),
        }
        until("the last helper has ended", || marked_of(&bench, SITE).is_empty());
    }
}

#[test]
fn a_command_that_does_not_exist_is_told() {
    let bench = Bench::new();
    bench.define(
        SITE,
        "notify: {command: [/no/such/command], on: [up]}\nprocesses:\n  a: {command: [ACT, steady]}\n",
    );
    succeed(bench.hand(&["start", SITE]));
    until("it is told", || bench.log(SITE, "history.jsonl").contains("notify-failed"));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_command_at_work_holds_no_stop_and_no_start() {
    let bench = with_notify("exec sleep 3019.2", "up", "20s");
    succeed(bench.hand(&["start", SITE]));
    until("it is at work", || lives("3019.2"));
    let begun = Instant::now();
    succeed(bench.hand(&["stop", SITE]));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(
        !bench.log(SITE, "history.jsonl").contains("\"swept\""),
        "it is no process of the site"
    );
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    // It goes on until its timeout.
    let all = all().unwrap();
    let sleeps = all.iter().filter(|s| words_of(s.pid).iter().any(|w| w == b"3019.2"));
    for stat in sleeps {
        signal_if_there(stat.pid, Signal::KILL);
    }
    until("it has ended", || !lives("3019.2") && marked_of(&bench, SITE).is_empty());
}
