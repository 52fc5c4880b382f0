//! Little time: a stop kills and proves before it is polite, and a start that does not come to its end
//! is rolled back within its time and says what it waited for.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::*;
use siteward::process::{Ending, Record};
use siteward::values::Signal;

const SITE: &str = "shop";

/// One test at a time: each of them measures.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node with a site that has a database, and the times that a definition has where it says none.
fn node(processes: &str) -> (Bench, PathBuf) {
    let bench = Bench::new();
    let database = bench.path("disk");
    fs::create_dir(&database).unwrap();
    bench.define(
        SITE,
        &format!(
            "boot_timeout: 200s\nstop_timeout: 300s\nforcekill_time: 5s\ndatabase: {}\n\
             prerequisites: {{mounted: false}}\nprocesses:\n{processes}",
            database.display()
        ),
    );
    (bench, database)
}

/// Who calls, and with how many seconds.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Hand(u64),
    Pacemaker(u64),
}

impl Caller {
    fn time(self) -> Duration {
        let (Self::Hand(seconds) | Self::Pacemaker(seconds)) = self;
        Duration::from_secs(seconds)
    }

    fn call(self, bench: &Bench, verb: &str) -> Ended {
        let command = match self {
            Self::Hand(seconds) => bench.hand(&[verb, SITE, "--timeout", &format!("{seconds}s")]),
            Self::Pacemaker(seconds) => {
                let timeout = format!("{seconds}000");
                bench.ocf(SITE, verb, &[("OCF_RESKEY_CRM_meta_timeout", &timeout)])
            }
        };
        Call::begin(command).end(&format!("{verb} by {self:?}"))
    }
}

// --- stop -----------------------------------------------------------------------------------------

/// Fifty processes that ignore TERM, each with two children of which one leaves its session, and all of
/// them ignore it too.
fn fifty() -> String {
    let words = "trap '' TERM; setsid sleep 1000 & sleep 1000 & wait";
    (0..50)
        .map(|n| format!("  p{n}: {{command: [/bin/sh, -c, {words:?}], stop_grace_period: 60s}}\n"))
        .collect()
}

fn is_stopped_in_time(callers: &[Caller], kill_supervisor: bool) {
    let _alone = alone();
    let (bench, database) = node(&fifty());
    for caller in callers {
        let story = format!("stop by {caller:?}");
        succeed(bench.hand(&["start", SITE]));
        until("all of them are there", || marked_of(&bench, SITE).len() >= 150);
        if kill_supervisor {
            signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        }
        let ended = caller.call(&bench, "stop");
        // What lives is looked at first: it must not be given time to die.
        nothing_is_left(&bench, SITE, &format!("{story}: {}", ended.said));
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        assert!(ended.took < caller.time(), "{story} took {:?}", ended.took);
        lease_is_free(&database, &story);
        assert_eq!(bench.monitor(SITE), (7, 7, 3), "{story}");
    }
}

#[test]
fn a_stop_by_hand_of_fifty_deaf_processes_ends_them_in_its_time() {
    is_stopped_in_time(&[Caller::Hand(1), Caller::Hand(2), Caller::Hand(5)], false);
}

#[test]
fn a_stop_by_pacemaker_of_fifty_deaf_processes_ends_them_in_its_time() {
    is_stopped_in_time(&[Caller::Pacemaker(1), Caller::Pacemaker(2), Caller::Pacemaker(5)], false);
}

#[test]
fn a_stop_of_fifty_deaf_processes_that_nobody_watches_ends_them_in_its_time() {
    is_stopped_in_time(&[Caller::Hand(1), Caller::Pacemaker(2)], true);
}

// --- start ----------------------------------------------------------------------------------------

/// Seconds and milliseconds run together, as in `7s995ms`: no time that a person would say.
fn has_a_garbled_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b's' && w[2].is_ascii_digit())
}

/// A number with its unit, as in `7.5 s`, `926ms` or `2 seconds`.
fn says_how_long(text: &str) -> bool {
    let after_digits = text.split(|c: char| c.is_ascii_digit() || c == '.').skip(1);
    after_digits.map(str::trim_start).any(|rest| {
        ["s", "ms", "second", "seconds"].iter().any(|unit| {
            rest.strip_prefix(unit).is_some_and(|end| !end.starts_with(char::is_alphanumeric))
        })
    })
}

/// The start failed in its time, nothing of it is left at this moment, and it says for what it waited.
fn is_rolled_back(bench: &Bench, database: &Path, caller: Caller, names: &[&str], kind: &str) {
    let story = format!("start by {caller:?}, {kind}");
    let ended = caller.call(bench, "start");
    nothing_is_left(bench, SITE, &format!("{story}: {}", ended.said));
    lease_is_free(database, &story);
    assert_eq!(ended.code, Some(1), "{story}: {}", ended.said);
    assert!(ended.took < caller.time(), "{story} took {:?}", ended.took);
    for name in names {
        assert!(ended.said.contains(name), "{story}: it does not say {name}: {}", ended.said);
    }
    assert!(!ended.said.contains("goes on"), "{story}: {}", ended.said);
    // The name of the test's folder is made up, and may look like one.
    let words = ended.said.replace(&bench.path("").display().to_string(), "");
    assert!(!has_a_garbled_time(&words), "{story}: {}", ended.said);
    // The answer comes after the transitions.
    let answer = ended.said.lines().rev().find(|line| line.contains("`b`")).unwrap_or_default();
    let has_a_time = says_how_long(answer);
    assert!(has_a_time, "{story}: it does not say how long: {}", ended.said);
    assert_eq!(bench.monitor(SITE).2, 1, "{story}: it failed");
}

const WAITS_FOR_NOTIFY: &str = "  a: {command: [ACT, steady]}\n  \
                                b: {command: [ACT, stubborn], ready: {notify: true}}\n";

#[test]
fn a_start_by_hand_with_too_little_time_is_rolled_back_within_it() {
    let _alone = alone();
    let (bench, database) = node(WAITS_FOR_NOTIFY);
    for seconds in [1, 2, 8] {
        is_rolled_back(&bench, &database, Caller::Hand(seconds), &["`b`", "READY=1"], "notify");
    }
}

#[test]
fn a_start_by_pacemaker_with_too_little_time_is_rolled_back_within_it() {
    let _alone = alone();
    let (bench, database) = node(WAITS_FOR_NOTIFY);
    for seconds in [1, 2, 8] {
        is_rolled_back(
            &bench,
            &database,
            Caller::Pacemaker(seconds),
            &["`b`", "READY=1"],
            "notify",
        );
    }
}

#[test]
fn a_start_with_too_little_time_says_for_which_kind_of_readiness_it_waited() {
    let _alone = alone();
    let nowhere = tempfile::tempdir().unwrap();
    let file = nowhere.path().join("ready").display().to_string();
    for (ready, words) in [
        ("{tcp: \"127.0.0.1:1\"}".to_owned(), "127.0.0.1:1"),
        (format!("{{file: {file}}}"), file.as_str()),
        (format!("{{socket: {file}}}"), file.as_str()),
        ("{log: \"now it serves\"}".to_owned(), "now it serves"),
        ("{exec: [/bin/false]}".to_owned(), "its probe"),
        ("{delay: 60s}".to_owned(), "60"),
    ] {
        let (bench, database) = node(&format!(
            "  a: {{command: [ACT, steady]}}\n  b: {{command: [ACT, steady], ready: {ready}}}\n"
        ));
        is_rolled_back(&bench, &database, Caller::Hand(2), &["`b`", words], &ready);
    }
}

/// A process whose turn never came is not blamed for the time that another one had.
#[test]
fn a_start_with_too_little_time_names_the_one_that_was_waited_for() {
    let _alone = alone();
    let (bench, database) = node(
        "  a: {command: [ACT, steady]}\n  b: {command: [ACT, steady], ready: {notify: true}}\n  \
         c: {command: [ACT, steady], ready: {notify: true}}\n",
    );
    is_rolled_back(&bench, &database, Caller::Hand(2), &["`b`", "READY=1"], "two of them");
    let why = said(&output(bench.hand(&["status", SITE])));
    assert!(!why.contains("`c`"), "{why}");
}

/// It would be ready a moment after the start's time is over.
#[test]
fn a_start_of_a_process_that_gets_ready_just_too_late_is_rolled_back() {
    let _alone = alone();
    for (caller, late) in [
        (Caller::Hand(1), "1050ms"),
        (Caller::Pacemaker(1), "1050ms"),
        (Caller::Hand(2), "2050ms"),
        (Caller::Pacemaker(2), "2050ms"),
    ] {
        let (bench, database) = node(&format!(
            "  a: {{command: [ACT, steady]}}\n  b: {{command: [ACT, steady], ready: {{delay: {late}}}}}\n"
        ));
        is_rolled_back(&bench, &database, caller, &["`b`"], late);
        // With enough of it, the same site starts.
        succeed(bench.hand(&["start", SITE]));
        succeed(bench.hand(&["stop", SITE]));
    }
}

/// Ready at about the moment in which the time for it is over: up and said so, or rolled back.
#[test]
fn a_start_of_a_process_that_gets_ready_at_the_last_moment_is_up_or_rolled_back() {
    let _alone = alone();
    for late in [800, 850, 900, 950, 1000] {
        let caller = Caller::Hand(2);
        let (bench, database) = node(&format!(
            "  a: {{command: [ACT, steady]}}\n  \
             b: {{command: [ACT, steady], ready: {{delay: {late}ms}}}}\n"
        ));
        let ended = caller.call(&bench, "start");
        let story = format!("{late}: {}", ended.said);
        assert!(ended.took < caller.time(), "{story} took {:?}", ended.took);
        match ended.code {
            Some(0) => {
                assert_eq!(bench.monitor(SITE), (0, 0, 0), "{story}");
                succeed(bench.hand(&["stop", SITE]));
            }
            code => {
                assert_eq!(code, Some(1), "{story}");
                nothing_is_left(&bench, SITE, &story);
            }
        }
        lease_is_free(&database, &story);
    }
}

/// A supervisor that ends the site for a failure has written it down before: a start says it, though nobody answers.
#[test]
fn a_start_whose_supervisor_falls_silent_says_the_failure_in_the_record() {
    let _alone = alone();
    // `b` fails, and `a` does not end by TERM: the supervisor is still there.
    let (bench, database) = node(
        "  a: {command: [ACT, stubborn]}\n  b: {command: [/bin/false], ready: {delay: 60s}}\n",
    );
    let start = Call::begin(bench.hand(&["start", SITE, "--timeout", "3s"]));
    let failed = |record: &Record| matches!(record.ending, Some(Ending::Failed(_)));
    until("the failure is in the record", || bench.record(SITE).is_some_and(|r| failed(&r)));
    let record = bench.record(SITE).expect("it was there just now");
    signal(record.supervisor.pid, Signal::STOP);
    let ended = start.end("a start whose supervisor is stopped by a signal");
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("`b`"), "{}", ended.said);
    assert!(!ended.said.contains("does not answer"), "{}", ended.said);
    nothing_is_left(&bench, SITE, &ended.said);
    lease_is_free(&database, &ended.said);
}
