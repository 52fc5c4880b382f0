//! A site that has a supervisor of its own: JobCenter, by a stand-in made from its manual, and any
//! other that has commands.

mod common;
mod jobcenter;

use std::fs;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use common::*;
use jobcenter::Jobcenter;
use siteward::linux::process::{Stat, all};
use siteward::linux::wait::Waiting;
use siteward::process::Identity;
use siteward::values::{Moment, Pid, Signal};

/// The exit codes of a monitor: a probe, a recurring one, a person's.
fn monitor(center: &Jobcenter) -> (i32, i32, i32) {
    center.bench.monitor(&center.site)
}

#[test]
fn a_whole_life() {
    let center = Jobcenter::new("testsite.example.com");
    let site = center.site.as_str();
    assert_eq!(monitor(&center), (7, 7, 3));
    assert!(said(&output(center.hand(&["start", site]))).contains("is running"));
    assert_eq!(monitor(&center), (0, 0, 0));
    for level in ["10", "20"] {
        let deep = center.bench.ocf(site, "monitor", &[("OCF_CHECK_LEVEL", level)]);
        assert_eq!(code(deep), 0, "{level}");
    }
    // Up already: nothing is spawned.
    let before = center.calls_of("cjcpw");
    assert_eq!(code(center.hand(&["start", site])), 0);
    assert_eq!(center.calls_of("cjcpw"), before);
    let table = succeed(center.hand(&["list"]));
    let row = table.lines().find(|l| l.starts_with(site)).unwrap();
    let link = center.root.join("spool/7F000001").display().to_string();
    assert!(row.contains(&link) && row.contains(" ON "), "{row}");
    assert_eq!(code(center.hand(&["stop", site])), 0);
    assert_eq!(monitor(&center), (7, 7, 3));
    assert_eq!(code(center.hand(&["stop", site])), 0, "again");
    let reload = output(center.hand(&["reload", site]));
    assert!(said(&reload).contains("a supervisor of its own"), "{}", said(&reload));
    assert_eq!(center.living(), "");
    // cjcpw is asked once, by its whole name; a stop of a stopped site asks nothing.
    assert_eq!(center.calls_of("cjcpw -stop"), [format!("cjcpw -stop {site}")]);
}

#[test]
fn every_kind_of_failure_is_seen_and_recovered_from() {
    let center = Jobcenter::new("testsite");
    let site = center.site.as_str();
    succeed(center.hand(&["start", site]));
    // One of its processes: cjcpw stops the rest and ends.
    signal(center.daemon("jnwengine"), Signal::KILL);
    until("the site is down", || monitor(&center).2 == 1);
    until("it is failed", || monitor(&center) == (7, 7, 1));
    let seen = said(&output(center.hand(&["status", site])));
    assert!(seen.contains("failed") && seen.contains("ended without being told"), "{seen}");
    assert_eq!(code(center.hand(&["stop", site])), 0);
    succeed(center.hand(&["start", site]));
    // Its supervisor: nobody watches what is left, and a start ends that first.
    signal(center.supervisor(), Signal::KILL);
    until("nobody watches it", || monitor(&center) == (1, 1, 1));
    let daemon = center.daemon("nqsdaemon");
    succeed(center.hand(&["start", site]));
    assert_ne!(center.daemon("nqsdaemon"), daemon);
    assert_eq!(monitor(&center), (0, 0, 0));
    signal(center.supervisor(), Signal::KILL);
    assert_eq!(code(center.hand(&["stop", site])), 0);
    assert_eq!(center.living(), "");
}

#[test]
fn a_supervisor_that_cannot_start_is_told_at_once_with_its_last_words() {
    let center = Jobcenter::new("testsite");
    center.switch("start-exits", "3");
    let begun = Instant::now();
    let failed = output(center.bench.ocf("testsite", "start", &[]));
    assert_eq!(failed.status.code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(5), "it does not wait for its whole time");
    assert!(reason(&failed).contains("ended with exit status 3"), "{}", reason(&failed));
    let all = said(&failed) + &center.bench.log("testsite", "@wrapped.log");
    assert!(all.contains("license expired"), "{all}");
    assert_eq!(monitor(&center), (7, 7, 1));
    assert_eq!(center.living(), "");
}

#[test]
fn a_start_that_comes_to_nothing_is_rolled_back() {
    let center = Jobcenter::new("testsite");
    center.switch("start-hangs", "");
    let timeout = ("OCF_RESKEY_CRM_meta_timeout", "8000");
    let begun = Instant::now();
    let failed = output(center.bench.ocf("testsite", "start", &[timeout]));
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(begun.elapsed() < Duration::from_secs(8), "within the manager's time");
    assert_eq!(center.living(), "");
    assert_eq!(monitor(&center), (7, 7, 1));
}

#[test]
fn a_stop_command_of_every_bad_kind_is_seen_through() {
    let center = Jobcenter::new("testsite");
    for (switch, value) in [
        ("stop-hangs", ""),
        ("stop-fails", "1"),
        ("stop-does-nothing", ""),
        ("stop-leaves", "comagent"),
        ("ignores-term", "jnwengine"),
        ("ignores-stop", ""),
    ] {
        if switch == "ignores-term" {
            center.switch(switch, value);
        }
        succeed(center.hand(&["start", "testsite"]));
        center.switch(switch, value);
        let begun = Instant::now();
        let timeout = ("OCF_RESKEY_CRM_meta_timeout", "9000");
        let stopped = output(center.bench.ocf("testsite", "stop", &[timeout]));
        assert_eq!(stopped.status.code(), Some(0), "{switch}: {}", said(&stopped));
        assert!(begun.elapsed() < Duration::from_secs(9), "{switch}");
        assert_eq!(center.living(), "", "{switch}");
        center.unswitch();
        assert_eq!(monitor(&center), (7, 7, 3), "{switch}");
    }
}

#[test]
fn a_list_that_hangs_or_lies_is_never_taken_for_the_truth() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    for (switch, value) in [("ls-hangs", ""), ("ls-fails", "1"), ("ls-twice", "SHUT")] {
        center.switch(switch, value);
        let begun = Instant::now();
        assert_eq!(monitor(&center), (1, 1, 4), "{switch}: unknown");
        assert!(begun.elapsed() < Duration::from_secs(9), "{switch}: within three deadlines");
        center.unswitch();
    }
    // A number of a process that is gone, and one of a process that is another's.
    for number in ["4194303".to_owned(), std::process::id().to_string()] {
        center.switch("ls-stale", &number);
        assert_eq!(monitor(&center).1, 1, "the daemon {number} is not believed");
        center.unswitch();
    }
    assert_eq!(monitor(&center), (0, 0, 0));
    // Without its list a site can still be stopped, and that is proved without it.
    center.switch("ls-hangs", "");
    let timeout = ("OCF_RESKEY_CRM_meta_timeout", "10000");
    let stopped = output(center.bench.ocf("testsite", "stop", &[timeout]));
    assert_eq!(stopped.status.code(), Some(0), "{}", said(&stopped));
    assert_eq!(center.living(), "");
    // Nothing says that it is stopped, but nothing says anything else either: unknown.
    assert_eq!(monitor(&center).2, 4);
    assert_eq!(code(center.bench.ocf("testsite", "start", &[timeout])), 1, "never blindly");
    center.unswitch();
    assert_eq!(monitor(&center), (7, 7, 3));
}

#[test]
fn a_stop_overtakes_a_start_and_never_waits_for_it() {
    let center = Jobcenter::new("testsite");
    center.switch("start-slow", "15");
    let start = background(center.hand(&["start", "testsite"]));
    until("it is starting", || monitor(&center).2 == 0 && center.living() != "");
    let begun = Instant::now();
    assert_eq!(code(center.hand(&["stop", "testsite"])), 0);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let start = start.wait_with_output().unwrap();
    assert_eq!(start.status.code(), Some(1), "{}", said(&start));
    assert!(said(&start).contains("overtaken by stop"), "{}", said(&start));
    assert_eq!(center.living(), "");
    assert_eq!(monitor(&center), (7, 7, 3));
}

#[test]
fn two_starts_at_once_start_one() {
    let center = Jobcenter::new("testsite");
    let starts: Vec<_> = (0..4).map(|_| background(center.hand(&["start", "testsite"]))).collect();
    for start in starts {
        let ended = start.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", said(&ended));
    }
    assert_eq!(center.calls_of("cjcpw testsite").len(), 1);
    succeed(center.hand(&["stop", "testsite"]));
}

#[test]
fn its_own_pause_is_maintenance_and_ours_follows_the_site() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    // By hand, as the manual says (2.5.5): nothing of ours knows of it, and yet it is no failure.
    center.run("nqsstop", &["testsite"]);
    assert_eq!(monitor(&center), (0, 0, 0));
    let seen = said(&output(center.hand(&["status", "testsite"])));
    assert!(seen.contains("maintenance"), "{seen}");
    center.run("nqsstart", &["testsite"]);
    assert_eq!(monitor(&center), (0, 0, 0));
    // By our word, with a reason and an end.
    let words = ["pause", "testsite", "--reason", "new disks", "--until", "2h"];
    let paused = succeed(center.hand(&words));
    assert!(paused.contains("meant until"), "{paused}");
    let supervisor = center.supervisor();
    for verb in [&["status", "testsite"][..], &["list"][..]] {
        let seen = said(&output(center.hand(verb)));
        assert!(seen.contains("new disks") && seen.contains("; until "), "{seen}");
    }
    succeed(center.hand(&["resume", "testsite"]));
    assert_eq!(center.supervisor(), supervisor, "cjcpw stayed");
    let seen = said(&output(center.hand(&["status", "testsite"])));
    assert!(seen.starts_with("running"), "{seen}");
    // Stopped while it is paused, it comes up at rest, whoever starts it.
    succeed(center.hand(&["pause", "testsite", "--reason", "new disks"]));
    succeed(center.hand(&["stop", "testsite"]));
    let started = succeed(center.hand(&["start", "testsite"]));
    assert!(started.contains("in maintenance") && started.contains("new disks"), "{started}");
    assert_eq!(monitor(&center), (0, 0, 0));
    assert!(!center.is_up(), "no process of it runs");
    let resumed = succeed(center.hand(&["resume", "testsite"]));
    assert!(resumed.contains("is running"), "{resumed}");
    assert!(center.is_up());
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

#[test]
fn a_pause_that_is_past_its_time_warns_and_no_longer_follows() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    succeed(center.hand(&["pause", "testsite", "--until", "1s"]));
    until("it says that the time is past", || {
        said(&output(center.hand(&["status", "testsite"]))).contains("WARNING")
    });
    assert_eq!(monitor(&center), (0, 0, 0), "it stays as it is");
    succeed(center.hand(&["stop", "testsite"]));
    let started = output(center.hand(&["start", "testsite"]));
    assert!(said(&started).contains("is running"), "{}", said(&started));
    succeed(center.hand(&["stop", "testsite"]));
}

#[test]
fn maintenance_of_the_whole_machine_is_understood() {
    let center = Jobcenter::new("testsite");
    center.daemon_conf("local_daemon=SITE\nmaintenance=ON\n");
    let begun = Instant::now();
    let started = output(center.hand(&["start", "testsite"]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(said(&started).contains("maintenance=ON"), "{}", said(&started));
    assert!(begun.elapsed() < Duration::from_secs(5), "it does not wait for daemons");
    assert_eq!(monitor(&center), (0, 0, 0));
    assert!(!center.is_up());
    let deep = center.bench.ocf("testsite", "monitor", &[("OCF_CHECK_LEVEL", "10")]);
    assert_eq!(code(deep), 0, "nothing is missed while it is at rest");
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

/// F3.8: as one of a site of ours is.
#[test]
fn a_recurring_monitor_is_held_and_what_ends_is_told_at_once() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    let recurring = || {
        let call = [("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", "8")];
        Call::begin(center.bench.ocf("testsite", "monitor", &call))
    };
    let at_once = |story: &str| {
        let ended = recurring().end_within(Duration::from_secs(5), story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
    };
    let held = |story: &str| {
        let mut call = recurring();
        until(story, || call.is_over() || waits(call.pid()));
        // It looks again at a pace, and stays.
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(2500)));
        assert!(!call.is_over(), "{story}: {}", call.said());
        call
    };
    at_once("the first of a series");
    let whole = held("the second").end_within(Duration::from_secs(12), "its wait is over");
    assert!(whole.code == Some(0) && whole.took >= Duration::from_secs(8), "{whole:?}");
    // One that is cut off ends the series, and so does a probe.
    drop(held("the third"));
    at_once("after one that was cut off");
    assert_eq!(code(center.bench.ocf("testsite", "monitor", &[])), 0);
    at_once("after a probe");
    // A person's rest is another state, and one that is answered.
    let call = held("before a rest");
    center.run("nqsstop", &["testsite"]);
    let rest = call.end_within(Duration::from_secs(15), "a rest");
    assert_eq!(rest.code, Some(0), "{}", rest.said);
    center.run("nqsstart", &["testsite"]);
    at_once("running again");
    let call = held("before the death of a daemon");
    let killed = Instant::now();
    signal(center.daemon("nqsdaemon"), Signal::KILL);
    let told = call.end_within(Duration::from_secs(5), "the death of a daemon");
    // It is stopping because of that, or has ended by now.
    assert!(matches!(told.code, Some(1 | 7)), "{}", told.said);
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?} {}", killed.elapsed(), told.said);
    succeed(center.hand(&["stop", "testsite"]));
    succeed(center.hand(&["start", "testsite"]));
    at_once("after another start");
    let call = held("before the death of cjcpw");
    signal(center.supervisor(), Signal::KILL);
    let told = call.end_within(Duration::from_secs(5), "the death of cjcpw");
    assert_eq!(told.code, Some(1), "{}", told.said);
    assert!(
        told.said.contains("nobody watches") || told.said.contains("no `cjcpw`"),
        "{}",
        told.said
    );
    succeed(center.hand(&["stop", "testsite"]));
    let runtime = center.bench.places.runtime.join("testsite");
    let left = fs::read_dir(runtime).into_iter().flatten().flatten().map(|e| e.file_name());
    let left: Vec<_> =
        left.filter(|name| name.to_string_lossy().starts_with("monitored")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// F3.3: the one that could have written it down is gone.
#[test]
fn the_failure_of_its_supervisor_is_told_with_its_last_words() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    let seen = said(&output(center.hand(&["status", "testsite"])));
    for kind in ["cjcpw", "nqsdaemon", "netdaemon", "jnwcaster", "jnwcaster-child", "jcdbs"] {
        assert!(seen.contains(&format!("  {kind} ")), "{seen}");
    }
    signal(center.daemon("jnwengine"), Signal::KILL);
    until("cjcpw has ended for that", || monitor(&center) == (7, 7, 1));
    let last = "jnwengine of testsite has ended";
    let seen = said(&output(center.hand(&["status", "testsite"])));
    assert!(seen.starts_with("failed") && seen.contains(last), "{seen}");
    succeed(center.hand(&["start", "testsite"]));
    for verb in ["history", "status"] {
        let told = said(&output(center.hand(&[verb, "testsite"])));
        assert!(told.contains("without being told to") && told.contains(last), "{told}");
    }
    succeed(center.hand(&["stop", "testsite"]));
}

/// Nobody but the verbs watches it, and without it another node could start the site.
#[test]
fn a_keeper_that_dies_is_replaced_by_the_next_monitor_or_start() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    let keepers = || -> Vec<Pid> {
        let marked = marked_of(&center.bench, "testsite").into_iter();
        marked.filter(|(_, who)| who == "@lease").map(|(pid, _)| pid).collect()
    };
    let kill_keeper = || {
        let [keeper] = keepers()[..] else { panic!("one keeper: {:?}", keepers()) };
        signal(keeper, Signal::KILL);
        until("it is dead", || keepers().is_empty());
    };
    assert_eq!(keepers().len(), 1);
    kill_keeper();
    assert_eq!(monitor(&center), (0, 0, 0));
    assert_eq!(keepers().len(), 1);
    kill_keeper();
    succeed(center.hand(&["start", "testsite"]));
    assert_eq!(keepers().len(), 1);
    assert_eq!(center.calls_of("cjcpw testsite").len(), 1, "it is the same site");
    let told = succeed(center.hand(&["history", "testsite"]));
    assert!(told.contains("it is kept again"), "{told}");
    // Another node has had it since.
    kill_keeper();
    let record = center.database.join(".siteward/owner.json");
    let mut owner: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&record).unwrap()).unwrap();
    owner["node"] = "beta".into();
    owner["home"] = "/run/beta".into();
    fs::write(&record, owner.to_string()).unwrap();
    let lost = output(center.bench.ocf("testsite", "monitor", &[]));
    assert_eq!(lost.status.code(), Some(1), "{}", said(&lost));
    assert!(said(&lost).contains("`beta`") && said(&lost).contains("is lost"), "{}", said(&lost));
    let refused = output(center.bench.ocf("testsite", "start", &[]));
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(center.is_up(), "neither ends it: that is the cluster's stop");
    succeed(center.hand(&["stop", "testsite"]));
    let after: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&record).unwrap()).unwrap();
    assert_eq!(after["node"], "beta", "and what another wrote stays");
}

/// F3.1: its daemons are dead, and the one that would end for that cannot.
#[test]
fn a_supervisor_that_a_signal_has_stopped_is_named_and_is_at_no_rest() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    let cjcpw = center.supervisor();
    signal(cjcpw, Signal::STOP);
    let status = || said(&output(center.hand(&["status", "testsite"])));
    assert_eq!(monitor(&center), (1, 1, 1));
    let advice = format!("kill -CONT {cjcpw}");
    assert!(status().starts_with("unsupervised") && status().contains(&advice), "{}", status());
    for daemon in center.daemons() {
        signal(daemon, Signal::KILL);
    }
    until("its daemons are down", || !center.is_up());
    for level in ["0", "10", "20"] {
        let seen = output(center.bench.ocf("testsite", "monitor", &[("OCF_CHECK_LEVEL", level)]));
        assert_eq!(seen.status.code(), Some(1), "{level}: {}", said(&seen));
        assert!(said(&seen).contains("stopped by a signal"), "{}", said(&seen));
    }
    assert!(status().contains("daemons are down") && status().contains(&advice), "{}", status());
    // Stopped, it cannot end its site.
    let stopped = output(center.hand(&["stop", "testsite"]));
    assert_eq!(stopped.status.code(), Some(0), "{}", said(&stopped));
    assert!(said(&stopped).contains(&format!("{cjcpw} is stopped")), "{}", said(&stopped));
    assert!(said(&stopped).contains("sent CONT"), "{}", said(&stopped));
    assert_eq!(center.living(), "");
}

/// CONF-04: what was written into the file later does not say why the daemons are down.
#[test]
fn a_site_without_its_daemon_is_at_rest_only_by_an_order() {
    let center = Jobcenter::new("testsite");
    center.switch("blind", "");
    succeed(center.hand(&["start", "testsite"]));
    signal(center.daemon("nqsdaemon"), Signal::KILL);
    until("it is dead", || !center.is_up());
    assert_eq!(monitor(&center), (1, 1, 1));
    let seen = said(&output(center.hand(&["status", "testsite"])));
    assert!(seen.contains("nqsdaemon is down") && seen.contains("still lives"), "{seen}");
    until("the file is newer than the start", || {
        center.daemon_conf("local_daemon=SITE\nmaintenance=ON\n");
        Identity::of(center.supervisor()).unwrap().age() > Some(Duration::from_secs(2))
    });
    assert_eq!(monitor(&center), (1, 1, 1));
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

/// UPG-02, UPG-03, F3.2: the site is down, and what works on its database is neither it nor left over from it.
#[test]
fn a_conversion_of_the_database_is_let_be_and_no_site_is_started_beside_it() {
    let center = Jobcenter::new("testsite");
    let conversion = center.convert();
    let jcdbs = center.daemon("jcdbs");
    let said_of = |verb: &str| said(&output(center.hand(&[verb, "testsite"])));
    let is_let_be = |words: &str| {
        assert_eq!(monitor(&center), (7, 7, 3));
        assert!(said_of("status").contains(words), "{}", said_of("status"));
        let started = output(center.hand(&["start", "testsite"]));
        assert_eq!(started.status.code(), Some(1), "{}", said(&started));
        assert!(said(&started).contains(words), "{}", said(&started));
        for verb in ["stop", "clean"] {
            succeed(center.hand(&[verb, "testsite"]));
        }
        assert_eq!(center.daemon("jcdbs"), jcdbs, "nothing of siteward's ends it");
        assert!(center.calls_of("cjcpw").is_empty(), "{:?}", center.calls_of("cjcpw"));
    };
    is_let_be(&format!("spoolconv (process {})", conversion.pid()));
    conversion.signal(Signal::KILL);
    drop(conversion);
    is_let_be(&format!("kill {jcdbs}"));
    signal(jcdbs, Signal::KILL);
    // The whole of one.
    let conversion = center.convert();
    conversion_ends(&center, conversion);
    succeed(center.hand(&["start", "testsite"]));
    assert_eq!(monitor(&center), (0, 0, 0));
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

fn conversion_ends(center: &Jobcenter, conversion: Call) {
    center.converted();
    let ended = conversion.end_within(PATIENCE, "the conversion");
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    until("its jcdbs has ended", || center.living().is_empty());
}

#[test]
fn a_site_that_nobody_watches_on_purpose_is_running() {
    let center = Jobcenter::with("testsite", "monitored: false, ");
    succeed(center.hand(&["start", "testsite"]));
    assert_eq!(center.calls_of("cjcpw -c").len(), 1);
    assert_eq!(monitor(&center), (0, 0, 0));
    let refused = output(center.hand(&["run", "testsite"]));
    assert!(said(&refused).contains("does not stay"), "{}", said(&refused));
    assert!(center.is_up(), "a look changes nothing");
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

#[test]
fn a_site_that_a_person_started_is_seen_as_it_is() {
    let center = Jobcenter::new("testsite");
    center.run("nqsstart", &["testsite"]);
    let seen = said(&output(center.hand(&["status", "testsite"])));
    assert!(seen.starts_with("unsupervised"), "{seen}");
    assert_eq!(monitor(&center), (1, 1, 1));
    assert!(center.is_up(), "and let be");
    assert!(center.calls_of("cjcpw").is_empty(), "{:?}", center.calls_of("cjcpw"));
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
    // By its own supervisor, in a terminal: as good as by ours.
    let cjcpw = center.root.join("cluster/cjcpw");
    let database = center.database.clone();
    let mut by_hand = std::process::Command::new(cjcpw)
        .arg("testsite")
        .arg(database)
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    until("it runs", || monitor(&center) == (0, 0, 0));
    succeed(center.hand(&["stop", "testsite"]));
    let _ = by_hand.wait();
    assert_eq!(center.living(), "");
    assert_eq!(monitor(&center), (7, 7, 3));
}

#[test]
fn a_database_that_is_not_jobcenters_is_told_before_anything_starts() {
    let center = Jobcenter::new("testsite");
    let refused = |what: &str, code: i32| {
        let output = output(center.bench.ocf("testsite", "start", &[]));
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(what), "{what}: {}", said(&output));
    };
    fs::rename(center.database.join("nqs"), center.database.join("away")).unwrap();
    refused("no folder nqs", 5);
    fs::rename(center.database.join("away"), center.database.join("nqs")).unwrap();
    let link = center.root.join("spool/7F000001");
    fs::remove_file(&link).unwrap();
    refused("ln -s", 5);
    std::os::unix::fs::symlink("/tmp", &link).unwrap();
    refused("leads to /tmp", 1);
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&center.database, &link).unwrap();
    center.daemon_conf("local_daemon=ON\n");
    let started = output(center.hand(&["start", "testsite"]));
    assert!(started.status.success() && said(&started).contains("local_daemon=ON"));
    succeed(center.hand(&["stop", "testsite"]));
    fs::remove_file(center.root.join("cluster/cjcpw")).unwrap();
    refused("install it", 5);
    assert_eq!(monitor(&center), (7, 7, 3));
}

#[test]
fn names_that_begin_alike_never_meet() {
    let center = Jobcenter::new("job.example");
    let others: Vec<Jobcenter> = ["job.example2", "job.example.com", "jobxexample", "job"]
        .iter()
        .map(|name| center.another(name))
        .collect();
    for other in &others {
        succeed(other.hand(&["start", &other.site]));
    }
    let whole = || -> Vec<_> { others.iter().map(|o| (o.supervisor(), o.daemons())).collect() };
    let before = whole();
    assert_eq!(monitor(&center), (7, 7, 3), "none of them is taken for it");
    let begun = Instant::now();
    succeed(center.hand(&["stop", "job.example"]));
    succeed(center.hand(&["clean", "job.example"]));
    assert!(begun.elapsed() < Duration::from_secs(5), "nor waited for");
    succeed(center.hand(&["start", "job.example"]));
    center.switch("stop-hangs", "");
    let timeout = ("OCF_RESKEY_CRM_meta_timeout", "9000");
    assert_eq!(code(center.bench.ocf("job.example", "stop", &[timeout])), 0);
    center.unswitch();
    succeed(center.hand(&["start", "job.example"]));
    succeed(center.hand(&["clean", "job.example"]));
    assert_eq!(center.living(), "");
    assert_eq!(whole(), before, "nothing of the others was touched");
    for other in &others {
        assert_eq!(monitor(other), (0, 0, 0));
        succeed(other.hand(&["stop", &other.site]));
    }
}

#[test]
fn in_the_foreground_its_end_is_ours() {
    let center = Jobcenter::new("testsite");
    let run = background(center.hand(&["run", "testsite"]));
    until("it runs", || monitor(&center) == (0, 0, 0) && center.is_up());
    let second = output(center.hand(&["run", "testsite"]));
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    signal(center.supervisor(), Signal::KILL);
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert_eq!(center.living(), "");
    let run = background(center.hand(&["run", "testsite"]));
    until("it runs", || monitor(&center) == (0, 0, 0) && center.is_up());
    let pid = Pid::try_from(i32::try_from(run.id()).unwrap()).unwrap();
    signal(pid, Signal::TERM);
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    assert_eq!(center.living(), "");
    assert_eq!(center.calls_of("cjcpw -stop").len(), 2, "each time by its own stop");
}

#[test]
fn any_other_supervisor_is_wrapped_by_its_commands() {
    let bench = Bench::new();
    let folder = bench.path("");
    let script = folder.join("keeper");
    let body = "#!/bin/sh\ncase $1 in\nstart) : >$3/up; trap 'rm -f $3/up; exit 0' TERM; sleep 1000 & wait;;\n\
                stop) pkill -TERM -f \"keeper start $2 \";;\nlist) test -e $2/up || exit 3;;\nesac\n";
    fs::write(&script, body).unwrap();
    std::process::Command::new("chmod").arg("+x").arg(&script).status().unwrap();
    let keeper = script.display();
    let at = folder.display();
    bench.define(
        "other",
        &format!(
            "supervisor:\n  start: [{keeper}, start, \"{{name}}\", \"{at}\"]\n  \
             stop: [{keeper}, stop, \"{{name}}\"]\n  process: [{keeper}, start, \"{{name}}\"]\n  \
             list: {{command: [{keeper}, list, \"{at}\"], rows: exit-status}}\n"
        ),
    );
    assert_eq!(bench.monitor("other"), (7, 7, 3));
    succeed(bench.hand(&["start", "other"]));
    assert_eq!(bench.monitor("other"), (0, 0, 0));
    // It cannot be paused itself, so one of ours stands in its place.
    succeed(bench.hand(&["pause", "other"]));
    assert_eq!(bench.monitor("other"), (0, 0, 0));
    assert!(!folder.join("up").exists());
    succeed(bench.hand(&["resume", "other"]));
    assert!(folder.join("up").exists());
    assert_eq!(bench.monitor("other"), (0, 0, 0));
    succeed(bench.hand(&["stop", "other"]));
    assert_eq!(bench.monitor("other"), (7, 7, 3));
    assert_eq!(bench.living("other"), "");
}

#[test]
fn an_exit_status_is_heard_though_the_caller_ignores_the_end_of_children() {
    let mut bench = Bench::new();
    let (keeper, up) = (bench.path("keeper"), bench.path("up"));
    bench.define(
        "other",
        &format!(
            "supervisor:\n  start: [{keeper}, here]\n  stop: [/bin/true]\n  \
             process: [{keeper}, here]\n  \
             list: {{command: [/bin/sh, -c, \"test -e {up} || exit 3\"], rows: exit-status}}\n",
            keeper = keeper.display(),
            up = up.display()
        ),
    );
    let down = bench.monitor("other");
    assert_eq!(down, (7, 7, 3));
    bench.within =
        ["/bin/bash", "-c", "trap '' CHLD; exec \"$0\" \"$@\""].map(str::to_owned).into();
    assert_eq!(bench.monitor("other"), down);
    fs::write(&up, "").unwrap();
    assert_ne!(bench.monitor("other"), down, "its list says that something of it is up");
}

#[test]
fn its_port_keeper_comes_before_it_and_a_failed_start_leaves_none() {
    let center = Jobcenter::with("testsite", "port_keeper: true, ");
    succeed(center.hand(&["start", "testsite"]));
    let calls = center.calls_of("");
    let at = |beginning: &str| calls.iter().position(|c| c.starts_with(beginning)).unwrap();
    assert!(at("nqsportkpr 127.0.0.1") < at("cjcpw testsite"), "{calls:?}");
    succeed(center.hand(&["stop", "testsite"]));
    center.switch("keeper-fails", "2");
    let refused = output(center.bench.ocf("testsite", "start", &[]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("port of `testsite` is not kept"), "{}", said(&refused));
    assert_eq!(center.calls_of("cjcpw testsite").len(), 1, "not started a second time");
    assert_eq!(center.living(), "");
    center.unswitch();
    if is_root() {
        // Nobody can have it while somebody else does (PORT-04), and it is said who.
        let thief = std::net::TcpListener::bind("127.0.0.1:607").unwrap();
        let refused = output(center.bench.ocf("testsite", "start", &[]));
        let holder = format!("process {}", std::process::id());
        assert!(said(&refused).contains(&holder), "{}", said(&refused));
        drop(thief);
        // Without a keeper it is JobCenter that does not start, and the reason stands below its own words.
        let other = center.another("other");
        other.switch("start-exits", "1");
        let _thief = std::net::TcpListener::bind("127.0.0.2:607").unwrap();
        let refused = output(center.bench.ocf("other", "start", &[]));
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains(&holder), "{}", said(&refused));
    }
    assert_eq!(monitor(&center).0, 7);
}

/// A supervisor forks for every program that it starts, and its child has its command line until
/// that is executed.
#[test]
fn a_fork_of_the_supervisor_is_no_second_one() {
    let center = Jobcenter::new("testsite");
    center.switch("twin", "");
    succeed(center.hand(&["start", "testsite"]));
    let words = [center.root.join("cluster/cjcpw").display().to_string(), "testsite".to_owned()];
    // Each of the two forks for its next sleep, and is then one more for a moment.
    until("the two of them have the words, and no third", || {
        siteward::process::find_by_command_line(&words).unwrap().len() == 2
    });
    let definition =
        siteward::site::load(&center.bench.places, &"testsite".parse().unwrap()).unwrap();
    let found = siteward::backend::external::supervisors(&definition.wrapped.unwrap()).unwrap();
    let numbers: Vec<_> = found.iter().map(|s| s.pid).collect();
    assert_eq!(numbers, [center.supervisor()]);
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

/// What leaves this node's facts on the database, by its words.
fn leavers(center: &Jobcenter) -> Vec<Pid> {
    let config = center.bench.places.config.as_os_str().as_encoded_bytes().to_vec();
    let living = all().unwrap().into_iter().filter(Stat::is_alive);
    let is_one = |words: &[Vec<u8>]| {
        words.iter().any(|word| word == b"leave-facts") && words.contains(&config)
    };
    living.map(|stat| stat.pid).filter(|&pid| is_one(&words_of(pid))).collect()
}

#[test]
fn a_stop_ends_what_leaves_facts_on_the_database() {
    let center = Jobcenter::new("testsite");
    let mut seen = 0;
    // It may have ended before it is found.
    for _ in 0..20 {
        succeed(center.hand(&["start", &center.site]));
        let found = leavers(&center);
        for &pid in &found {
            signal_if_there(pid, Signal::STOP);
        }
        seen += found.len();
        assert_eq!(monitor(&center), (0, 0, 0), "it is no process of the site");
        succeed(center.hand(&["stop", &center.site]));
        assert_eq!(leavers(&center), [], "the stop has answered 0");
        if seen > 2 {
            break;
        }
    }
    assert!(seen > 0, "it was never found");
}
