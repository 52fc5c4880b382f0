//! The held monitor through the built binary, and the parameters that can change under a site.

mod common;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::*;
use siteward::values::Signal;

const SIMPLE: &str =
    "processes:\n  store: {command: [ACT, steady]}\n  web: {command: [ACT, steady]}\n";

/// A recurring monitor every second, held for so many seconds at most.
fn held(bench: &Bench, wait: &str) -> Command {
    held_with(bench, wait, &[])
}

fn held_with(bench: &Bench, wait: &str, extra: &[(&str, &str)]) -> Command {
    let mut all = vec![("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", wait)];
    all.extend(extra);
    bench.ocf("a", "monitor", &all)
}

fn timed(command: Command) -> (i32, Duration) {
    let begun = Instant::now();
    (code(command), begun.elapsed())
}

const AT_ONCE: Duration = Duration::from_millis(700);

#[test]
fn a_monitor_that_continues_a_series_is_held_until_its_wait_is_over() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    let (first, took) = timed(held(&bench, "2"));
    assert!(first == 0 && took < AT_ONCE, "the first is answered at once: {took:?}");
    let (second, took) = timed(held(&bench, "2"));
    assert!(second == 0 && took >= Duration::from_secs(2), "the second is held: {took:?}");
    let (probe, took) = timed(bench.ocf("a", "monitor", &[("OCF_RESKEY_monitor_wait", "2")]));
    assert!(probe == 0 && took < AT_ONCE, "a probe is answered at once: {took:?}");
    let (hand, took) = timed(bench.hand(&["status", "a"]));
    assert!(hand == 0 && took < AT_ONCE, "so is a person: {took:?}");
    let (none, took) = timed(held(&bench, "0"));
    assert!(none == 0 && took < AT_ONCE, "0 means at once: {took:?}");
    let (deep, took) = timed(held_with(&bench, "2", &[("OCF_CHECK_LEVEL", "10")]));
    assert!(deep == 0 && took < AT_ONCE, "another level is another series: {took:?}");
    let (deep, took) = timed(held_with(&bench, "2", &[("OCF_CHECK_LEVEL", "10")]));
    assert!(deep == 0 && took >= Duration::from_secs(2), "and is held as well: {took:?}");
}

/// After a probe the manager begins anew, and its next monitor is part of a transition.
#[test]
fn a_monitor_after_a_probe_is_answered_at_once() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    timed(held(&bench, "5"));
    assert_eq!(code(bench.ocf("a", "monitor", &[])), 0, "the probe");
    let (next, took) = timed(held(&bench, "5"));
    assert!(next == 0 && took < AT_ONCE, "{took:?}");
    let (second, took) = timed(held(&bench, "1"));
    assert!(second == 0 && took >= Duration::from_secs(1), "then it is held again: {took:?}");
}

#[test]
fn a_monitor_is_never_held_into_the_last_quarter_of_its_time() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    let short = [("OCF_RESKEY_CRM_meta_timeout", "2000")];
    timed(held_with(&bench, "60", &short));
    let (code, took) = timed(held_with(&bench, "60", &short));
    assert!(code == 0 && took.as_millis() >= 1500 && took.as_millis() < 1900, "{code} {took:?}");
}

#[test]
fn a_death_ends_the_wait_at_once_with_the_reason() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    timed(held(&bench, "15"));
    let waiting = background(held(&bench, "15"));
    wait_until_held(&bench, &waiting);
    let begun = Instant::now();
    signal(bench.pid("a", "store"), Signal::KILL);
    let told = waiting.wait_with_output().unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(matches!(told.status.code(), Some(1 | 7)), "{:?}", told.status);
    let reason = reason(&told);
    assert!(
        reason.contains("`store` was killed by SIGKILL, which siteward did not send"),
        "{reason}"
    );
}

/// The monitor in the background has been accepted by the supervisor, has asked, and waits for the
/// answer: it hears on its socket (proc_pid_syscall(5); asked before it hears).
fn wait_until_held(bench: &Bench, monitor: &Child) {
    let supervisor = bench.pid("a", "supervisor");
    let sockets = || {
        std::fs::read_dir(format!("/proc/{supervisor}/fd"))
            .unwrap()
            .flatten()
            .filter_map(|e| std::fs::read_link(e.path()).ok())
            .filter(|l| l.to_string_lossy().starts_with("socket:"))
            .count()
    };
    let hears = || {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", monitor.id()));
        let call = call.unwrap_or_default();
        // read(2) and recvfrom(2) by their numbers; 0, 1 and 2 are no sockets of its own.
        let mut words = call.split(' ');
        matches!(words.next(), Some("0" | "45"))
            && !matches!(words.next(), Some("0x0" | "0x1" | "0x2"))
    };
    // One listens.
    until("the monitor is held", || sockets() >= 2 && hears());
}

#[test]
fn the_death_of_the_supervisor_ends_the_wait_too() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    timed(held(&bench, "15"));
    let waiting = background(held(&bench, "15"));
    wait_until_held(&bench, &waiting);
    let begun = Instant::now();
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    let told = waiting.wait_with_output().unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(told.status.code(), Some(1));
    assert!(reason(&told).starts_with("unsupervised: the supervisor is gone"), "{}", reason(&told));
}

#[test]
fn a_supervisor_that_is_stopped_is_noticed_within_the_monitors_time() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    let short = [("OCF_RESKEY_CRM_meta_timeout", "4000")];
    timed(held_with(&bench, "1", &short));
    let waiting = background(held_with(&bench, "1", &short));
    wait_until_held(&bench, &waiting);
    signal(bench.pid("a", "supervisor"), Signal::STOP);
    let begun = Instant::now();
    let told = waiting.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(1));
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
    assert!(reason(&told).contains("is stopped by a signal or a debugger"), "{}", reason(&told));
}

#[test]
fn after_a_monitor_that_was_cut_off_the_next_is_answered_at_once() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    timed(held(&bench, "15"));
    let mut waiting = background(held(&bench, "15"));
    wait_until_held(&bench, &waiting);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    let (code, took) = timed(held(&bench, "15"));
    assert!(code == 0 && took < AT_ONCE, "{took:?}");
    // And one that comes after a break.
    let pause = siteward::values::Moment::now() + Duration::from_millis(2300);
    siteward::linux::wait::Waiting::<()>::new().wait(Some(pause));
    let (code, took) = timed(held(&bench, "15"));
    assert!(code == 0 && took < AT_ONCE, "{took:?}");
}

#[test]
fn what_is_told_as_degraded_is_told_when_it_is_and_then_held() {
    let bench = Bench::new();
    bench.define(
        "a",
        "degraded_is: degraded\ndegraded_after: 500ms\nprocesses:\n  x: {command: [ACT, steady]}\n  \
         extra: {command: [ACT, steady], essential: false}\n",
    );
    succeed(bench.ocf("a", "start", &[]));
    timed(held(&bench, "2"));
    let waiting = background(held(&bench, "10"));
    wait_until_held(&bench, &waiting);
    let begun = Instant::now();
    signal(bench.pid("a", "extra"), Signal::KILL);
    let told = waiting.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(190));
    let took = begun.elapsed().as_millis();
    assert!((500..1500).contains(&took), "{took} ms");
    let (code, took) = timed(held(&bench, "2"));
    assert!(code == 190 && took.as_secs() >= 2, "as long as nothing changes it is held: {took:?}");
}

#[test]
fn parameters_are_refused_before_they_can_do_harm_and_change_under_a_site_that_runs() {
    let bench = Bench::new();
    bench.define(
        "a",
        "degraded_after: 0s\nprocesses:\n  x: {command: [ACT, steady]}\n  \
         extra: {command: [ACT, steady], essential: false}\n",
    );
    for (name, value) in [
        ("boot_timeout", "soon"),
        ("stop_timeout", "0"),
        ("countmax", "-1"),
        ("degraded_is", "bad"),
        ("monitor_wait", "a while"),
    ] {
        let parameter = format!("OCF_RESKEY_{name}");
        let wrong = [(parameter.as_str(), value)];
        for verb in ["start", "validate-all", "reload-agent"] {
            let refused = output(bench.ocf("a", verb, &wrong));
            assert_eq!(refused.status.code(), Some(6), "{verb} {name}");
            assert!(
                reason(&refused).starts_with(&format!("the parameter {name}:")),
                "{}",
                reason(&refused)
            );
        }
        assert_eq!(code(bench.ocf("a", "monitor", &wrong)), 7);
        assert_eq!(code(bench.ocf("a", "stop", &wrong)), 0);
    }
    succeed(bench.ocf("a", "start", &[("OCF_RESKEY_degraded_after", "1h")]));
    signal(bench.pid("a", "extra"), Signal::KILL);
    until("degraded", || succeed(bench.hand(&["status", "a"])).starts_with("degraded"));
    let recurring = [("OCF_RESKEY_CRM_meta_interval", "1000")];
    assert_eq!(code(bench.ocf("a", "monitor", &recurring)), 0);
    let x = bench.pid("a", "x");
    succeed(bench.ocf("a", "reload-agent", &[("OCF_RESKEY_degraded_is", "degraded")]));
    assert_eq!(code(bench.ocf("a", "monitor", &recurring)), 190);
    assert_eq!(bench.pid("a", "x"), x, "nothing was restarted");
    succeed(bench.ocf("a", "reload-agent", &[]));
    assert_eq!(code(bench.ocf("a", "monitor", &recurring)), 0);
}

#[test]
fn a_changed_stop_timeout_holds_for_the_next_stop() {
    let bench = Bench::new();
    bench.define(
        "a",
        "stop_timeout: 60s\nprocesses:\n  x: {command: [ACT, stubborn], stop_grace_period: 60s}\n",
    );
    succeed(bench.ocf("a", "start", &[]));
    succeed(bench.ocf("a", "reload-agent", &[("OCF_RESKEY_stop_timeout", "1s")]));
    let begun = Instant::now();
    succeed(bench.hand(&["stop", "a"]));
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn what_happens_is_written_where_pacemakers_administrators_look() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, failing, \"3\"], ready: {notify: true}}}\n");
    let log = bench.path("pacemaker.log");
    std::fs::write(&log, "").unwrap();
    let there = [("HA_LOGFILE", log.to_str().unwrap()), ("HA_LOGFACILITY", "none")];
    let failed = output(bench.ocf("a", "start", &there));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("site(r-a)["), "{text}");
    assert!(text.contains("ERROR: x: something is very wrong"), "{text}");
    assert!(
        text.contains("ERROR: the site `a` did not start: `x` ended with exit status 3"),
        "{text}"
    );
    assert!(!said(&failed).contains("something is very wrong"), "not said twice");
    assert!(reason(&failed).len() <= 128);
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &there));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.lines().last().unwrap().ends_with("INFO: the site `a` is running"), "{text}");
}

#[test]
fn a_trace_is_written_where_it_is_asked_for() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let trace = bench.path("trace");
    let asked = [("OCF_TRACE_RA", "1"), ("OCF_TRACE_FILE", trace.to_str().unwrap())];
    assert_eq!(code(bench.ocf("a", "monitor", &asked)), 7);
    let text = std::fs::read_to_string(&trace).unwrap();
    assert!(text.contains("OCF_RESKEY_site=a") && text.contains("answered 7"), "{text}");
}
