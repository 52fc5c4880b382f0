//! Small sites for the cases in which Pacemaker itself is the subject.

use std::time::{Duration, Instant};

use super::lab::Lab;

/// A site of two processes that are up at once.
pub(crate) fn define(lab: &Lab, name: &str, head: &str) {
    lab.define(
        name,
        &format!(
            "version: 1\nsite: {name}.example\nboot_timeout: 10s\nstop_timeout: 10s\nforcekill_time: 1s\nsettle: 50ms\n{head}\
             processes:\n  x: {{command: [/usr/local/bin/siteward, act, steady]}}\n  \
             y: {{command: [/usr/local/bin/siteward, act, steady], depends_on: []}}\n"
        ),
    );
}

/// Makes a resource for it, as the meta-data advise, with more of the monitor and of the resource.
pub(crate) fn create(lab: &Lab, name: &str, monitor: &str, more: &str) {
    let line = format!(
        "crm configure primitive {name} ocf:siteward:site params site={name} \
         op start timeout=30s interval=0 op stop timeout=30s interval=0 \
         op monitor interval=1s timeout=40s {monitor} {more}"
    );
    lab.on("node1", &line.split_whitespace().collect::<Vec<_>>());
}

/// Defines, creates and waits until it runs; tells the node.
pub(crate) fn site(lab: &Lab, name: &str, monitor: &str, more: &str) -> String {
    define(lab, name, "");
    create(lab, name, monitor, more);
    lab.runs_on_one(name)
}

pub(crate) fn delete(lab: &Lab, name: &str) {
    lab.on("node1", &["pcs", "resource", "delete", "--force", name]);
    lab.until(&format!("nothing of {name} lives"), 40, || {
        nothing_lives(lab, "node1", name) && nothing_lives(lab, "node2", name)
    });
}

/// It is stopped there, or that node knows neither a definition nor a record nor a process of it.
pub(crate) fn nothing_lives(lab: &Lab, node: &str, name: &str) -> bool {
    let told = || lab.try_on(node, &["siteward", "status", name]).1;
    let is_none = |told: &str| {
        told.starts_with("stopped") || told.contains(&format!("there is no site `{name}` here"))
    };
    !lab.is_on(node) || is_none(&told())
}

pub(crate) fn other(node: &str) -> &'static str {
    if node == "node1" { "node2" } else { "node1" }
}

/// The number of a process, or of the supervisor.
pub(crate) fn pid(lab: &Lab, node: &str, name: &str, process: &str) -> i64 {
    let text = lab.on(node, &["cat", &format!("/run/siteward/{name}/record.json")]);
    let record: serde_json::Value = serde_json::from_str(&text).expect("a record");
    if process == "supervisor" {
        return record["supervisor"]["pid"].as_i64().expect("a number");
    }
    let all = record["processes"].as_array().expect("processes");
    let found = all.iter().find(|p| p["name"] == process).expect("it runs");
    found["identity"]["pid"].as_i64().expect("a number")
}

/// Waits until a monitor of the resource is held: it has been waiting for a second.
pub(crate) fn wait_until_held(lab: &Lab, node: &str, name: &str) {
    let script = format!(
        "for p in $(pgrep -x site); do tr '\\0' '\\n' </proc/$p/environ 2>/dev/null | \
         grep -qx OCF_RESOURCE_INSTANCE={name} && ps -o etimes= -p $p; done; true"
    );
    lab.until(&format!("a monitor of {name} is held"), 30, || {
        let ages = lab.on(node, &["sh", "-c", &script]);
        ages.split_whitespace().filter_map(|a| a.parse::<u64>().ok()).any(|age| age >= 1)
    });
}

/// Kills a process and waits, on the node itself, until another supervisor says that the site runs.
/// Tells how long that took.
pub(crate) fn kill_and_time(lab: &Lab, node: &str, name: &str, process: &str) -> Duration {
    let victim = pid(lab, node, name, process);
    let supervisor = pid(lab, node, name, "supervisor");
    let script = format!(
        "begun=$(date +%s%N); kill -KILL {victim}; n=0; \
         until siteward monitor {name} 2>/dev/null | grep '^running' | grep -qv 'supervisor {supervisor},'; do \
         n=$((n+1)); [ $n -lt 3000 ] || exit 1; done; echo $(( ($(date +%s%N) - begun) / 1000 ))"
    );
    let micros = lab.on(node, &["sh", "-c", &script]);
    Duration::from_micros(micros.trim().parse().expect("a number"))
}

/// The same where another node takes over: both read one clock.
pub(crate) fn kill_and_time_elsewhere(
    lab: &Lab,
    node: &str,
    name: &str,
    process: &str,
    there: &str,
) -> Duration {
    let victim = pid(lab, node, name, process);
    let wait = format!(
        "n=0; until siteward monitor {name} 2>/dev/null | grep -q '^running'; do n=$((n+1)); \
         [ $n -lt 5000 ] || exit 1; done; date +%s%N"
    );
    let kill = format!("sleep 0.2; date +%s%N; kill -KILL {victim}");
    let (begun, ended) = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| lab.on(there, &["sh", "-c", &wait]));
        let begun = lab.on(node, &["sh", "-c", &kill]);
        (begun, waiter.join().expect("the other node is asked"))
    });
    let nanos = |text: &str| text.trim().parse::<u64>().expect("a number");
    Duration::from_nanos(nanos(&ended).saturating_sub(nanos(&begun)))
}

pub(crate) fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

/// One active copy, nothing on the other node, and no stop has failed.
pub(crate) fn all_is_well(lab: &Lab, name: &str) -> String {
    let node = lab.runs_on_one(name);
    let there = other(&node);
    lab.until(&format!("nothing of {name} lives on {there}"), 20, || {
        nothing_lives(lab, there, name)
    });
    no_stop_failed(lab);
    node
}

pub(crate) fn no_stop_failed(lab: &Lab) {
    for node in ["node1", "node2"] {
        let log = lab.log(node);
        for line in log.lines().filter(|l| l.contains("Result of stop operation for ")) {
            assert!(line.contains(": ok"), "a stop failed: {line}");
        }
        let fenced =
            log.lines().find(|l| l.contains("will be fenced:") && l.contains(" failed there"));
        assert_eq!(fenced, None, "a failed stop asked for a fence");
    }
}

/// What crm_mon shows of failures.
pub(crate) fn failures(lab: &Lab) -> String {
    lab.on("node1", &["crm_mon", "-1rf"])
}

/// Forgets the failures of a resource, and waits until its monitor is held again.
pub(crate) fn cleanup(lab: &Lab, name: &str) {
    lab.on("node1", &["crm_resource", "-C", "-r", name]);
    let node = lab.runs_on_one(name);
    wait_until_held(lab, &node, name);
}
