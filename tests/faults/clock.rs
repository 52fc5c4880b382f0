//! A wall clock that is set forwards and backwards by a day, under the supervisor and the verbs, together and each alone.
//! No time limit may depend on it. (Other clocks, in a time namespace: `as_root`.)

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use siteward::values::Signal;

use crate::common::*;
use crate::{compiled, sees};

const SITE: &str = "shop";
const DAY: i64 = 86_400;

/// Clocks of a test: whatever is called within one has its wall clock.
struct Clock {
    ahead: PathBuf,
    within: Vec<String>,
}

impl Clock {
    /// None, loudly: it cannot be set here.
    fn new(bench: &Bench, name: &str) -> Option<Self> {
        let tool = compiled(bench, &format!("clock-{name}"), include_str!("clock.c"))?;
        // The time is asked of the kernel only by a program that does not find its shared page.
        let program = bench.path(&format!("siteward-{name}"));
        let mut bytes = fs::read(SITEWARD).unwrap();
        let (word, other) = (b"__vdso_", b"__none_");
        let mut found = 0;
        for at in 0..bytes.len() - word.len() {
            if &bytes[at..at + word.len()] == word {
                bytes[at..at + word.len()].copy_from_slice(other);
                found += 1;
            }
        }
        assert!(found > 0, "the program's own words for the kernel's shared page");
        fs::write(&program, bytes).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let ahead = bench.path(&format!("ahead-{name}"));
        fs::write(&ahead, "0").unwrap();
        let words = [&tool, &ahead, &program].map(|path| path.display().to_string());
        let clock = Self { ahead, within: words.to_vec() };
        let tried = std::process::Command::new(&tool)
            .arg(&clock.ahead)
            .args(["/bin/true", "true"])
            .output();
        if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
            eprintln!(
                "\n*** LEFT OUT: a wall clock that is set. This machine refuses seccomp notifications: {tried:?} ***\n"
            );
            return None;
        }
        Some(clock)
    }

    fn set(&self, ahead: i64) {
        // In one write, as it is read at any time.
        let new = self.ahead.with_extension("new");
        fs::write(&new, ahead.to_string()).unwrap();
        fs::rename(&new, &self.ahead).unwrap();
    }
}

/// A bench whose calls and supervisors have this clock.
fn under(clock: &Clock, bench: &mut Bench) {
    bench.within.clone_from(&clock.within);
}

fn took(begun: Instant, from: u64, to: u64, what: &str) {
    let took = begun.elapsed();
    let range = Duration::from_millis(from)..Duration::from_millis(to);
    assert!(range.contains(&took), "{what}: {took:?}");
}

pub(crate) fn the_clock_jumps_while_it_runs() {
    let mut bench = Bench::new();
    let Some(clock) = Clock::new(&bench, "a") else { return };
    bench.define(
        SITE,
        "processes:\n  x: {command: [ACT, steady], restart: {attempts: 9, within: 60s, delay: 600ms}, \
         healthcheck: {test: [/bin/true], interval: 1s, timeout: 1s, retries: 1}}\n  y: {command: [ACT, steady]}\n",
    );
    for (jump, case) in [(DAY, "forwards"), (-DAY, "backwards")] {
        // For all of them, for the verbs alone, and for the supervisor alone.
        for who in ["all", "verbs", "supervisor"] {
            let story = format!("the clock is set {case} by a day, for {who}");
            clock.set(0);
            under(&clock, &mut bench);
            if who == "verbs" {
                bench.within.clear();
            }
            succeed(bench.hand(&["start", SITE]));
            let y = bench.pid(SITE, "y");
            if who == "supervisor" {
                bench.within.clear();
            } else {
                under(&clock, &mut bench);
            }
            clock.set(jump);
            assert_eq!(bench.monitor(SITE), (0, 0, 0), "{story}");
            assert_eq!(code(bench.hand(&["monitor", SITE, "--level", "20"])), 0, "{story}");
            // A process that dies is started again after its delay.
            let (x, begun) = (bench.pid(SITE, "x"), Instant::now());
            signal(x, Signal::KILL);
            until("it runs again", || {
                let record = bench.record(SITE).unwrap();
                record.processes.iter().any(|p| p.name == "x" && p.identity.pid != x)
            });
            took(begun, 500, 4_000, &story);
            // A monitor is held for as long as it was asked to be.
            let held = || {
                let more = [
                    ("OCF_RESKEY_monitor_wait", "2"),
                    ("OCF_RESKEY_CRM_meta_interval", "1000"),
                    ("OCF_RESKEY_CRM_meta_timeout", "12000"),
                ];
                bench.ocf(SITE, "monitor", &more)
            };
            until("it is running", || bench.monitor(SITE) == (0, 0, 0));
            assert_eq!(code(held()), 0);
            let (begun, call) = (Instant::now(), background(held()));
            clock.set(-jump);
            assert!(call.wait_with_output().unwrap().status.success(), "{story}");
            took(begun, 1_500, 6_000, &format!("{story}: a held monitor"));
            assert_eq!(bench.pid(SITE, "y"), y, "{story}");
            let status = said(&output(bench.hand(&["status", SITE])));
            assert!(status.starts_with("running"), "{story}: {status}");
            let begun = Instant::now();
            sees(&format!("{story}: stop"), &bench, bench.hand(&["stop", SITE]), 0, "is stopped");
            took(begun, 0, 8_000, &story);
            assert_eq!(bench.monitor(SITE), (7, 7, 3), "{story}");
            nothing_is_left(&bench, SITE, &story);
        }
    }
}

pub(crate) fn the_clock_jumps_while_it_starts() {
    let mut bench = Bench::new();
    let Some(clock) = Clock::new(&bench, "a") else { return };
    under(&clock, &mut bench);
    for (jump, case) in [(DAY, "forwards"), (-DAY, "backwards")] {
        let story = format!("the clock is set {case} by a day during a start");
        bench.define(SITE, "processes:\n  x: {command: [ACT, steady], ready: {delay: 2s}}\n");
        clock.set(0);
        let (begun, start) = (Instant::now(), Call::begin(bench.hand(&["start", SITE])));
        until("it is started", || bench.record(SITE).is_some_and(|r| !r.processes.is_empty()));
        clock.set(jump);
        let ended = start.end(&story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        took(begun, 2_000, 8_000, &story);
        succeed(bench.hand(&["stop", SITE]));
        // What never gets ready has all of its time, and not more.
        bench.define(
            SITE,
            "boot_timeout: 3s\nprocesses:\n  x: {command: [ACT, stubborn], ready: {notify: true}, \
             stop_grace_period: 100ms}\n",
        );
        clock.set(0);
        let (begun, start) = (Instant::now(), Call::begin(bench.hand(&["start", SITE])));
        until("it is started", || bench.record(SITE).is_some_and(|r| !r.processes.is_empty()));
        clock.set(jump);
        let ended = start.end(&story);
        took(begun, 3_000, 12_000, &story);
        assert_eq!(ended.code, Some(1), "{story}: {}", ended.said);
        assert!(ended.said.contains("[process-not-ready-at-boot]"), "{story}: {}", ended.said);
        nothing_is_left(&bench, SITE, &story);
        succeed(bench.hand(&["stop", SITE]));
    }
}

pub(crate) fn the_clock_jumps_while_it_stops() {
    let mut bench = Bench::new();
    let Some(clock) = Clock::new(&bench, "a") else { return };
    under(&clock, &mut bench);
    bench.define(SITE, "processes:\n  x: {command: [ACT, stubborn], stop_grace_period: 1500ms}\n");
    for (jump, case) in [(DAY, "forwards"), (-DAY, "backwards")] {
        let story = format!("the clock is set {case} by a day during a stop");
        clock.set(0);
        succeed(bench.hand(&["start", SITE]));
        let (begun, stop) = (Instant::now(), Call::begin(bench.hand(&["stop", SITE])));
        until("it stops", || bench.monitor(SITE).2 == 1);
        clock.set(jump);
        let ended = stop.end(&story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        took(begun, 1_500, 10_000, &story);
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, &story);
    }
}

/// Two nodes with one disk, whose clocks are two days apart.
pub(crate) fn clocks_that_differ_share_a_lease() {
    let (mut one, mut two) = (Bench::new(), Bench::new());
    let Some(early) = Clock::new(&one, "early") else { return };
    let late = Clock::new(&two, "late").expect("as the other one");
    let database = one.path("disk");
    fs::create_dir(&database).unwrap();
    let repairs = one.path("repairs");
    for bench in [&one, &two] {
        let repair = format!(
            "on_unclean_shutdown: {{command: [/bin/sh, -c, \"echo x >>{}\"]}}\n",
            repairs.display()
        );
        bench.define_with_database(SITE, &database, &repair, "  x: {command: [ACT, steady]}\n");
    }
    let owner = |database: &Path| siteward::lease::owner(database).expect("a record of its owner");
    early.set(-DAY);
    late.set(DAY);
    under(&early, &mut one);
    under(&late, &mut two);
    for (here, there) in [(&one, &two), (&two, &one)] {
        succeed(here.hand(&["start", SITE]));
        assert!(!owner(&database).released);
        let refused = there.hand(&["start", SITE, "--timeout", "4s"]);
        sees("another node's clock differs by two days: start", there, refused, 1, "[lease-held]");
        assert_eq!(here.monitor(SITE), (0, 0, 0), "it runs on");
        succeed(here.hand(&["stop", SITE]));
        lease_is_free(&database, "stopped");
        assert!(!repairs.exists(), "no end was unclean");
    }
    // An unclean end is one for the other node too, once.
    succeed(one.hand(&["start", SITE]));
    lose_power(&one, SITE);
    let taken = two.hand(&["start", SITE]);
    sees("another node's clock differs by two days: takeover", &two, taken, 0, "is running");
    assert_eq!(fs::read_to_string(&repairs).unwrap(), "x\n");
    succeed(two.hand(&["stop", SITE]));
    succeed(one.hand(&["start", SITE]));
    succeed(one.hand(&["stop", SITE]));
    assert_eq!(fs::read_to_string(&repairs).unwrap(), "x\n");
    lease_is_free(&database, "at the end");
}

/// Every entry is told, and told once. Their order is that of their times, so it is not the true one here: that is said.
pub(crate) fn a_history_loses_nothing() {
    let mut bench = Bench::new();
    let Some(clock) = Clock::new(&bench, "a") else { return };
    under(&clock, &mut bench);
    bench.define(SITE, "processes: {x: {command: [ACT, steady]}}\n");
    let events = || -> Vec<String> {
        let told = succeed(bench.hand(&["history", SITE, "--json"]));
        let event = |line: &str| {
            let entry: serde_json::Value = serde_json::from_str(line).expect("one entry a line");
            entry["event"].as_str().expect("it has one").to_owned()
        };
        told.lines().filter(|line| line.starts_with('{')).map(event).collect()
    };
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    let life = events();
    assert_eq!(life.first().map(String::as_str), Some("start-ordered"), "{life:?}");
    assert_eq!(life.last().map(String::as_str), Some("stopped"), "{life:?}");
    succeed(bench.hand(&["start", SITE]));
    clock.set(DAY);
    succeed(bench.hand(&["stop", SITE]));
    clock.set(-DAY);
    succeed(bench.hand(&["start", SITE]));
    clock.set(0);
    succeed(bench.hand(&["stop", SITE]));
    let sorted = |mut events: Vec<String>| {
        events.sort();
        events
    };
    assert_eq!(sorted(events()), sorted([&life[..], &life[..], &life[..]].concat()));
    let page = bench.path("report.html").display().to_string();
    for words in [&["history", SITE][..], &["report", SITE, "-o", &page], &["timeline", SITE]] {
        let told = output(bench.hand(words));
        assert_eq!(told.status.code(), Some(0), "{words:?}: {}", said(&told));
    }
    let words = "was set back by at least 47h";
    sees("the clock was set back: history", &bench, bench.hand(&["history", SITE]), 0, words);
    assert!(fs::read_to_string(page).unwrap().contains(words), "the report says it too");
}
