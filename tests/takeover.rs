//! What is told after a takeover from a site that ended uncleanly: the end, how long nobody served, what becomes of the
//! jobs that ran, and what users see.

mod common;
#[path = "jobcenter/mod.rs"]
mod jobcenter;

use common::*;
use jobcenter::Jobcenter;
use siteward::values::Signal;

/// Kills cjcpw, its daemons and the keeper of the lease.
fn power_off(center: &Jobcenter) {
    signal(center.supervisor(), Signal::KILL);
    until("no daemon lives", || {
        center.daemons().into_iter().for_each(|pid| signal_if_there(pid, Signal::KILL));
        center.daemons().is_empty()
    });
    lose_power(&center.bench, &center.site);
}

#[test]
fn rec_01_to_08_and_14_to_17_an_unclean_takeover_of_jobcenter_is_told() {
    let center = Jobcenter::new("testsite");
    let site = center.site.as_str();
    succeed(center.hand(&["start", site, "--timeout", "20s"]));
    let before = succeed(center.hand(&["history", site]));
    assert!(!before.contains("RESTART"), "{before}");
    power_off(&center);
    let started = succeed(center.hand(&["start", site, "--timeout", "20s"]));
    assert!(started.contains("ended uncleanly"), "{started}");
    let rules = [
        "queue RESTART, job ENABLE: executed again",
        "queue RESTART, job DISABLE: deleted, and not executed again",
        "queue PURGE, whatever the job says: deleted, and not executed again",
        "queue STOP, MIGRATION_PURGE, MIGRATION_STOP: see the queue manual",
        "by hand: submit what was deleted",
        "their sessions of CL/Win are gone",
        "alerts may be lost",
    ];
    let history = succeed(center.hand(&["history", site]));
    let status = succeed(center.hand(&["status", site]));
    let interrupted = succeed(center.hand(&["history", "--interrupted", site]));
    for words in rules {
        for told in [&history, &status, &interrupted] {
            let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.contains(words), "{words}: {told}");
        }
    }
    assert!(!status.contains("printed: "), "{status}");
    assert!(status.contains("taken over by"), "{status}");
    for words in
        ["nobody served for at least", "a client waits 300 s: what it fetched then went on"]
    {
        let told = interrupted.replace('\n', " ");
        assert!(told.contains(words), "{words}: {interrupted}");
    }
    let json = output(center.hand(&["status", "--json", site])).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let seconds = |key: &str| json["takeover"][key].as_f64().unwrap();
    let (least, most) = (seconds("down_at_least_seconds"), seconds("down_at_most_seconds"));
    assert!(least > 0.0 && least <= most && most < 60.0, "{json}");
    // A person has read it.
    succeed(center.hand(&["status", "--clear-failure", site]));
    let status = succeed(center.hand(&["status", site]));
    assert!(!status.contains("taken over") && !status.contains("RESTART"), "{status}");
    let kept = succeed(center.hand(&["history", "--interrupted", site]));
    assert!(kept.contains("taken over by"), "{kept}");
    succeed(center.hand(&["stop", site, "--timeout", "20s"]));
    assert_eq!(center.living(), "");
}

#[test]
fn a_takeover_of_a_site_of_processes_tells_the_end_and_the_downtime() {
    let (bench, _) = Bench::with_database("shop", "", "  a: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", "shop"]));
    lose_power(&bench, "shop");
    succeed(bench.hand(&["start", "shop"]));
    let status = succeed(bench.hand(&["status", "shop"]));
    assert!(status.contains("after an unclean end: nobody served for at least"), "{status}");
    assert!(!status.contains("RESTART"), "{status}");
    let told = output(bench.hand(&["history", "--interrupted", "--json", "shop"])).stdout;
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    assert!(told["takeover"]["end"].as_str().unwrap().contains("ended uncleanly"), "{told}");
    succeed(bench.hand(&["stop", "shop"]));
    // A clean end is no takeover that is told of.
    let (bench, _) = Bench::with_database("shop", "", "  a: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", "shop"]));
    succeed(bench.hand(&["stop", "shop"]));
    succeed(bench.hand(&["start", "shop"]));
    let status = succeed(bench.hand(&["status", "shop"]));
    assert!(!status.contains("taken over"), "{status}");
    succeed(bench.hand(&["stop", "shop"]));
}
