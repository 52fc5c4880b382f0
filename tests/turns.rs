//! A start and a stop of one site, at the same time: a stop overtakes a start in whichever phase that
//! is, and nothing that a start launches appears behind a stop that has said "stopped".

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::*;
use siteward::lease::owner;
use siteward::linux::wait::Waiting;
use siteward::values::{Moment, Pid, Signal};

const SITE: &str = "shop";

/// A node with a site that has a database.
fn node(more: &str) -> (Bench, PathBuf) {
    let bench = Bench::new();
    let database = bench.path("disk");
    fs::create_dir(&database).unwrap();
    define(&bench, &database, more);
    (bench, database)
}

fn define(bench: &Bench, database: &std::path::Path, more: &str) {
    bench.define(
        SITE,
        &format!(
            "settle: 5ms\nboot_timeout: 30s\ndatabase: {}\nprerequisites: {{mounted: false}}\n\
             {more}processes:\n  a: {{command: [ACT, steady]}}\n  b: {{command: [ACT, steady]}}\n",
            database.display()
        ),
    );
}

fn pid_of(child: &Child) -> Pid {
    Pid::try_from(child.id().cast_signed()).unwrap()
}

/// Nothing of the site lives, no keeper holds its lease, and that reads as released.
fn is_at_rest(bench: &Bench, database: &std::path::Path) {
    assert_eq!(bench.living(SITE), "");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    assert!(!siteward::lease::is_kept(&bench.places.of(&SITE.parse().unwrap())));
    assert!(owner(database).is_none_or(|owner| owner.released), "{:?}", owner(database));
}

/// The start that waits for something says that it was overtaken, and the stop did not wait for it.
fn is_overtaken(start: &Output, stop: &Output, took: Duration) {
    assert!(stop.status.success(), "{}", said(stop));
    assert_eq!(start.status.code(), Some(1), "{}", said(start));
    assert!(said(start).contains("overtaken by stop"), "{}", said(start));
    assert!(took < Duration::from_secs(5), "the stop took {took:?}");
}

#[test]
fn a_stop_overtakes_a_start_that_waits_for_the_lease() {
    let (one, database) = node("");
    let two = Bench::new();
    define(&two, &database, "");
    succeed(one.hand(&["start", SITE]));
    for verb in ["stop", "clean"] {
        let start = background(two.hand(&["start", SITE]));
        let site = two.places.of(&SITE.parse().unwrap());
        until("its keeper waits", || siteward::lease::is_kept(&site));
        let begun = Instant::now();
        let stop = output(two.hand(&[verb, SITE, "--timeout", "20s"]));
        is_overtaken(&start.wait_with_output().unwrap(), &stop, begun.elapsed());
        assert_eq!(two.living(SITE), "");
        assert!(!siteward::lease::is_kept(&site), "no keeper of it waits for the lease any more");
    }
    succeed(one.hand(&["stop", SITE]));
    is_at_rest(&two, &database);
}

#[test]
fn a_stop_overtakes_a_start_that_repairs_an_unclean_end() {
    let (bench, database) =
        node("on_unclean_shutdown: {command: [sh, -c, \"touch BEGUN; exec sleep 1000\"]}\n");
    let begun_file = bench.path("begun");
    let path = bench.places.config.join("shop.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("BEGUN", &begun_file.display().to_string())).unwrap();
    succeed(bench.hand(&["start", SITE]));
    power_off(&bench);
    let start = background(bench.hand(&["start", SITE]));
    until("the repair has begun", || begun_file.exists());
    let begun = Instant::now();
    let stop = output(bench.hand(&["stop", SITE, "--timeout", "20s"]));
    is_overtaken(&start.wait_with_output().unwrap(), &stop, begun.elapsed());
    is_at_rest(&bench, &database);
}

#[test]
fn a_start_that_does_not_yield_is_killed() {
    let (one, database) = node("");
    let two = Bench::new();
    define(&two, &database, "");
    succeed(one.hand(&["start", SITE]));
    let start = background(two.hand(&["start", SITE]));
    let site = two.places.of(&SITE.parse().unwrap());
    until("its keeper waits", || siteward::lease::is_kept(&site));
    signal(pid_of(&start), Signal::STOP);
    let stop = output(two.hand(&["stop", SITE, "--timeout", "8s"]));
    assert!(stop.status.success(), "{}", said(&stop));
    assert!(said(&stop).contains("does not yield to the stop"), "{}", said(&stop));
    let start = start.wait_with_output().unwrap();
    assert_eq!(start.status.code(), None, "it was killed: {}", said(&start));
    assert!(!siteward::lease::is_kept(&site), "no keeper of it waits for the lease any more");
    succeed(one.hand(&["stop", SITE]));
    is_at_rest(&two, &database);
}

/// A stop that was ordered by a person, and takes long, does not fail that of a cluster.
#[test]
fn a_stop_does_not_wait_for_another() {
    let bench = Bench::new();
    bench.define(SITE, "stop_timeout: 60s\nprocesses:\n  a: {command: [ACT, stubborn]}\n");
    succeed(bench.hand(&["start", SITE]));
    let long = background(bench.hand(&["stop", SITE]));
    until("it stops", || bench.monitor(SITE).2 == 1);
    let begun = Instant::now();
    let short = output(bench.ocf(SITE, "stop", &[("OCF_RESKEY_CRM_meta_timeout", "6000")]));
    assert!(short.status.success(), "{}", said(&short));
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert!(long.wait_with_output().unwrap().status.success());
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
}

/// As a stop that a person has put aside with Ctrl-Z.
#[test]
fn a_start_that_waits_for_a_stopped_stop_says_for_whom() {
    let bench = Bench::new();
    bench.define(SITE, "stop_timeout: 60s\nprocesses:\n  a: {command: [ACT, stubborn]}\n");
    succeed(bench.hand(&["start", SITE]));
    let stop = background(bench.hand(&["stop", SITE]));
    until("it stops", || bench.monitor(SITE).2 == 1);
    signal(pid_of(&stop), Signal::STOP);
    succeed(bench.hand(&["clean", SITE]));
    let refused = output(bench.hand(&["--timeout", "2s", "start", SITE]));
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let advice = format!("let it go on with: kill -CONT {}", stop.id());
    assert!(said(&refused).contains(&advice), "{}", said(&refused));
    signal(pid_of(&stop), Signal::CONT);
    assert!(stop.wait_with_output().unwrap().status.success());
    succeed(bench.hand(&["start", SITE]));
}

/// Starts and stops at random distances, in either order. A site whose stop was asked for last is at
/// rest. One whose start began after the stop was ordered runs, with its lease and its record. `SITEWARD_ROUNDS` and `SITEWARD_SEED` give more of them, and the same ones again.
#[test]
fn what_was_asked_last_is_so() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("SITEWARD_ROUNDS").unwrap_or(60);
    let seed = number("SITEWARD_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
    });
    println!("SITEWARD_SEED={seed}");
    let mut state = seed;
    let mut random = |below: u64| {
        // Knuth's MMIX: the high bits are random enough.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (bench, database) = node("");
    let site = bench.places.of(&SITE.parse().unwrap());
    for round in 0..rounds {
        let last = if random(2) == 0 { "start" } else { "stop" };
        let first: &[&str] = match (last, random(4)) {
            ("start", 0) => &["clean"],
            ("start", 1) => &["stop", "stop"],
            ("start", 2) => &["start", "stop"],
            ("start", _) => &["stop"],
            (_, 0) => &["start", "start"],
            (_, 1) => &["stop", "start"],
            (_, _) => &["start"],
        };
        let mut children = Vec::new();
        for verb in first.iter().chain([&last]) {
            let ordered = fs::read(site.stop_order()).unwrap_or_default();
            children.push((*verb, background(bench.hand(&[verb, SITE, "--timeout", "20s"]))));
            if *verb == "start" {
                // A busy machine may let the next one begin before it.
                let pid = pid_of(&children.last().expect("it was added").1);
                until("it has begun", || has_begun(pid));
            } else {
                until("it is ordered", || {
                    fs::read(site.stop_order()).is_ok_and(|now| !now.is_empty() && now != ordered)
                });
            }
            let soon = Moment::now() + Duration::from_micros(1_000 + random(60_000));
            Waiting::<()>::new().wait(Some(soon));
        }
        let mut story = format!("round {round} of seed {seed}:");
        let mut wrong = false;
        for (verb, child) in children {
            let output = child.wait_with_output().unwrap();
            wrong |= verb != "start" && !output.status.success();
            story.push_str(&format!("\n{verb}: {:?} {}", output.status.code(), said(&output)));
            if verb == "start" && !output.status.success() {
                wrong |= !said(&output).contains("overtaken by stop");
            }
        }
        assert!(!wrong, "{story}");
        match last {
            "stop" => {
                assert_eq!(bench.living(SITE), "", "{story}");
                assert_eq!(bench.monitor(SITE).2, 3, "{story}");
                assert!(!siteward::lease::is_kept(&site), "{story}");
                assert!(owner(&database).is_none_or(|owner| owner.released), "{story}");
            }
            _ => {
                assert_eq!(bench.monitor(SITE), (0, 0, 0), "{story}");
                let record = bench.record(SITE).expect("a record");
                assert!(record.supervisor.is_alive() && record.ending.is_none(), "{story}");
                assert_eq!(record.processes.len(), 2, "{story}");
                assert!(record.processes.iter().all(|p| p.identity.is_alive()), "{story}");
                assert!(siteward::lease::is_kept(&site), "it runs without its lease; {story}");
                assert!(!owner(&database).unwrap().released, "{story}");
            }
        }
    }
}

#[test]
fn a_stop_removes_the_files_that_a_killed_start_has_left() {
    for verb in ["stop", "clean"] {
        let (bench, database) = node("");
        fs::create_dir(database.join(".siteward")).unwrap();
        let lease = fs::File::create(database.join(".siteward/lease")).unwrap();
        lease.lock().unwrap();
        let mut start = bench.hand(&["start", SITE]).spawn().unwrap();
        let aside = bench.places.of(&SITE.parse().unwrap()).starting();
        until("the start waits for the lease", || aside.exists());
        start.kill().unwrap();
        let writer = start.id();
        start.wait().unwrap();
        drop(lease);
        // As if it had been killed while it wrote the copy.
        let written = aside.with_extension(format!("yaml.new.{writer}"));
        fs::copy(&aside, &written).unwrap();
        succeed(bench.hand(&[verb, SITE]));
        assert!(!aside.exists() && !written.exists(), "{verb}");
        is_at_rest(&bench, &database);
    }
}

/// It executes its program and waits for something already, or has ended.
fn has_begun(pid: Pid) -> bool {
    let stat = siteward::linux::process::Stat::of(pid);
    let executes =
        || siteward::linux::process::program(pid).is_some_and(|exe| exe.ends_with("siteward"));
    stat.is_none_or(|stat| !stat.is_alive() || (stat.state == 'S' && executes()))
}

/// KILL for all of it at once, as when a node loses its power.
fn power_off(bench: &Bench) {
    let site = bench.places.of(&SITE.parse().unwrap());
    let record = bench.record(SITE).unwrap();
    let is_ours = |stat: &siteward::linux::process::Stat| {
        siteward::process::mark_of(stat)
            .is_some_and(|(of, _)| of == site.runtime.as_os_str().as_encoded_bytes())
    };
    signal(record.supervisor.pid, Signal::KILL);
    for stat in siteward::linux::process::all().unwrap().iter().filter(|stat| is_ours(stat)) {
        signal_if_there(stat.pid, Signal::KILL);
    }
    until("all of it is gone", || bench.living(SITE).is_empty());
}
