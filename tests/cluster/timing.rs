//! What `timing` computes for a site in a real cluster, and what that cluster then measures.

use std::time::Duration;

use serde_json::Value;

use super::lab::Lab;
use super::small::{cleanup, create, delete, kill_and_time, nothing_lives, other, wait_until_held};

/// A site that is ready after five seconds and takes five seconds to stop, so that a fifth is a second.
const SITE: &str = "version: 1\nboot_timeout: 60s\nstop_timeout: 60s\nforcekill_time: 5s\nsettle: 100ms\nprocesses:\n  \
    slow:\n    command: [/bin/sh, -c, 'trap \"sleep 5; exit 0\" TERM; while :; do sleep 0.1; done']\n    \
    stop_grace_period: 20s\n  \
    late: {command: [/usr/local/bin/siteward, act, steady], ready: {delay: 5s}}\n";

fn timing(lab: &Lab, node: &str) -> Value {
    let text = lab.on(node, &["siteward", "timing", "steps", "--json"]);
    let all: Value = serde_json::from_str(text.trim()).expect("JSON");
    all["reports"][0].clone()
}

fn time(report: &Value, path: &str, key: &str) -> Duration {
    let paths = report["paths"].as_array().expect("paths");
    let found = paths.iter().find(|p| p["path"] == path).expect(path);
    Duration::from_millis(found[key].as_u64().unwrap_or_else(|| panic!("{path} {key}: {report}")))
}

/// Within a fifth of each other.
fn agree(what: &str, computed: Duration, measured: Duration) {
    println!("{what}: computed {computed:?}, measured {measured:?}");
    let off = computed.abs_diff(measured);
    assert!(off * 5 <= measured, "{what}: computed {computed:?}, measured {measured:?}");
}

/// Forgets the failure. The monitor that is held then is cut off, so that the one after the probe of the cleanup
/// is answered at once, and no transition waits for it.
fn settle(lab: &Lab, node: &str) {
    wait_until_held(lab, node, "steps");
    cleanup(lab, "steps");
}

pub(crate) fn what_is_computed_is_measured() {
    let lab = Lab::up();
    lab.define("steps", SITE);
    create(&lab, "steps", "", "meta migration-threshold=2 failure-timeout=1h");
    let node = lab.runs_on_one("steps");
    let there = other(&node);

    // The settings are read from the cluster that runs.
    let before = timing(&lab, &node);
    assert_eq!((&before["manager"], &before["resource"]), (&"Pacemaker".into(), &"steps".into()));
    assert_eq!(before["source"], "cibadmin -Q");
    let phase = |report: &Value, name: &str| -> Value {
        let phases = report["phases"].as_array().expect("phases");
        phases.iter().find(|p| p["phase"] == name).expect(name).clone()
    };
    assert_eq!(phase(&before, "notice")["worst_ms"], 41_000);
    let lost = phase(&before, "lose-node");
    assert!(lost["origin"].as_str().unwrap().contains("corosync, totem token"), "{lost}");
    lab.until("the start is in the history", 10, || {
        phase(&timing(&lab, &node), "start")["measured"]["count"] == 1
    });
    assert!(before["notes"].as_array().unwrap().is_empty(), "{before}");
    let limits = before["limits"].as_array().unwrap();
    assert!(
        limits.iter().all(|limit| limit["is_enough"] == false),
        "30 s is too little: {limits:?}"
    );

    // A first failure teaches it how long a stop takes; the second is compared.
    wait_until_held(&lab, &node, "steps");
    kill_and_time(&lab, &node, "steps", "late");
    settle(&lab, &node);
    let computed = timing(&lab, &node);
    println!("{}", lab.on(&node, &["siteward", "timing", "steps"]));
    let measured = kill_and_time(&lab, &node, "steps", "late");
    agree("a process dies", time(&computed, "recover-here", "usual_ms"), measured);
    assert!(measured < time(&computed, "recover-here", "worst_ms"));

    settle(&lab, &node);
    let computed = timing(&lab, &node);
    let begun = std::time::Instant::now();
    lab.on("node1", &["crm_resource", "-r", "steps", "--move", "--force"]);
    lab.until("it runs on the other node", 60, || lab.is_well(there, "steps"));
    agree("an ordered move", time(&computed, "move", "usual_ms"), begun.elapsed());
    assert!(nothing_lives(&lab, &node, "steps"));
    lab.on("node1", &["crm_resource", "--clear", "-r", "steps"]);
    delete(&lab, "steps");
}
