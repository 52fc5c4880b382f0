//! Pacemaker to the letter: the rules of how it treats an agent, each in a real cluster.

use std::time::Duration;

use super::lab::Lab;
use super::small::*;

const REASON: &str = "`x` was killed by SIGKILL, which siteward did not send";

/// From a death to the site running again: ten of ten, here and on the other node.
pub(crate) fn ten_deaths() {
    let lab = Lab::up();
    define(&lab, "s", "");
    // What the site itself takes to start, by hand.
    let own = timed(|| {
        lab.on("node1", &["siteward", "start", "s"]);
    });
    lab.on("node1", &["siteward", "stop", "s"]);
    create(&lab, "s", "", "");
    let node = lab.runs_on_one("s");
    let mut figures = Vec::new();
    for _ in 0..10 {
        wait_until_held(&lab, &node, "s");
        figures.push(kill_and_time(&lab, &node, "s", "x"));
        assert!(failures(&lab).contains(REASON), "the reason is shown: {}", failures(&lab));
        assert_eq!(all_is_well(&lab, "s"), node);
        cleanup(&lab, "s");
    }
    println!("own start {own:?}; from a death to running again: {figures:?}");
    let slow: Vec<_> = figures.iter().filter(|f| **f > Duration::from_millis(500) + own).collect();
    assert!(slow.is_empty(), "slower than half a second and its own start: {slow:?}");
    delete(&lab, "s");

    let mut node = site(&lab, "m", "", "meta migration-threshold=1");
    let mut figures = Vec::new();
    for _ in 0..10 {
        wait_until_held(&lab, &node, "m");
        let there = other(&node);
        figures.push(kill_and_time_elsewhere(&lab, &node, "m", "x", there));
        assert!(failures(&lab).contains(REASON), "{}", failures(&lab));
        assert_eq!(all_is_well(&lab, "m"), there);
        cleanup(&lab, "m");
        node = there.to_owned();
    }
    println!("from a death to running on the other node: {figures:?}");
    let slow: Vec<_> = figures.iter().filter(|f| **f > Duration::from_millis(500) + own).collect();
    assert!(slow.is_empty(), "slower than half a second and its own start: {slow:?}");
    delete(&lab, "m");
}

/// Whatever an administrator does while a monitor is held: Pacemaker cuts it off and goes on.
pub(crate) fn while_a_monitor_is_held() {
    let lab = Lab::up();
    let node = site(&lab, "s", "", "");
    let quick = Duration::from_secs(4);
    let held = |node: &str| wait_until_held(&lab, node, "s");

    held(&node);
    let to = other(&node);
    let took = timed(|| {
        lab.on("node1", &["crm_resource", "--move", "-r", "s", "-N", to]);
        lab.until("it has moved", 30, || lab.is_well(to, "s"));
    });
    assert!(took < quick, "move: {took:?}");
    lab.on("node1", &["crm_resource", "--clear", "-r", "s"]);
    let node = all_is_well(&lab, "s");

    held(&node);
    let took = timed(|| {
        lab.on("node1", &["crm_standby", "-N", &node, "-v", "on"]);
        lab.until("it has left the standby node", 30, || lab.is_well(other(&node), "s"));
    });
    assert!(took < quick, "standby: {took:?}");
    lab.on("node1", &["crm_standby", "-N", &node, "-D"]);
    let node = all_is_well(&lab, "s");

    held(&node);
    let took = timed(|| {
        lab.on("node1", &["crm", "resource", "stop", "s"]);
        lab.until("it is stopped", 30, || nothing_lives(&lab, &node, "s"));
    });
    assert!(took < quick, "disable: {took:?}");
    lab.on("node1", &["crm", "resource", "start", "s"]);
    let node = all_is_well(&lab, "s");

    // A parameter that can change under a site: no restart. One that cannot: a restart.
    held(&node);
    let before = pid(&lab, &node, "s", "supervisor");
    lab.on("node1", &["crm_resource", "-r", "s", "-p", "degraded_after", "-v", "7s"]);
    lab.until("it is reloaded", 20, || {
        lab.on(&node, &["cat", "/run/siteward/s/record.json"])
            .contains("\"degraded_after\":{\"secs\":7")
    });
    assert_eq!(pid(&lab, &node, "s", "supervisor"), before, "nothing was restarted");
    held(&node);
    lab.on(
        "node1",
        &["crm_resource", "-r", "s", "-p", "config_dir", "-v", "/etc/siteward/../siteward/sites"],
    );
    lab.until("it is restarted", 20, || {
        lab.is_well(&node, "s") && pid(&lab, &node, "s", "supervisor") != before
    });
    all_is_well(&lab, "s");

    held(&node);
    let dummy = |id: &str| {
        let xml =
            format!("<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>");
        timed(|| {
            lab.on("node1", &["cibadmin", "-C", "-o", "resources", "-X", &xml]);
            lab.until("the unrelated resource runs", 30, || lab.located(id).len() == 1);
        })
    };
    assert!(dummy("d1") < quick, "an unrelated resource does not wait");
    held(&node);
    lab.on("node1", &["crm_resource", "-C"]);
    assert!(dummy("d2") < quick, "nor after a cleanup");
    held(&node);
    lab.on("node1", &["crm_resource", "--wait", "--timeout=15s"]);

    // Leaving maintenance starts the monitor anew, without a probe; the transition waits for it.
    held(&node);
    let maintenance = |value: &str| {
        lab.on(
            "node1",
            &[
                "crm_attribute",
                "--type",
                "crm_config",
                "--name",
                "maintenance-mode",
                "--update",
                value,
            ],
        );
    };
    maintenance("true");
    lab.until("the monitor is cut off", 20, || {
        lab.on(&node, &["sh", "-c", "pgrep -x site; true"]).trim().is_empty()
    });
    maintenance("false");
    let took = timed(|| {
        lab.verb(&["stop-node", &node]);
    });
    assert!(took < Duration::from_secs(8), "leaving maintenance, then the node: {took:?}");
    lab.until("it runs on the other node", 30, || lab.is_well(other(&node), "s"));
    lab.verb(&["start-node", &node]);
    lab.verb(&["wait-online"]);
    // After a boot there is a probe on both nodes, and it changes nothing.
    assert_eq!(all_is_well(&lab, "s"), other(&node));
}

/// `on-fail` of each kind is honoured, and the true reason stands in crm_mon.
pub(crate) fn on_fail_of_each_kind() {
    let lab = Lab::up();
    let kill_x = |node: &str, name: &str| {
        wait_until_held(&lab, node, name);
        lab.on(node, &["kill", "-KILL", &pid(&lab, node, name, "x").to_string()]);
        lab.until("the reason is shown", 20, || failures(&lab).contains(REASON));
    };
    for kind in ["restart", "ignore", "block", "stop"] {
        let name = format!("s-{kind}");
        let node = site(&lab, &name, &format!("on-fail={kind}"), "");
        let before = pid(&lab, &node, &name, "supervisor");
        kill_x(&node, &name);
        match kind {
            "restart" => lab.until("it is restarted", 20, || {
                lab.is_well(&node, &name) && pid(&lab, &node, &name, "supervisor") != before
            }),
            // The site itself has stopped the rest; Pacemaker lets it be.
            "ignore" | "block" => lab.until("it has failed, and is left so", 20, || {
                lab.try_on(&node, &["siteward", "status", &name]).1.starts_with("failed")
            }),
            _ => lab.until("it is stopped", 20, || nothing_lives(&lab, &node, &name)),
        }
        if kind == "block" {
            assert!(failures(&lab).contains("blocked"), "{}", failures(&lab));
        }
        lab.on("node1", &["crm_resource", "-C", "-r", &name]);
        // One that is deleted while the probes of the cleanup are out is forgotten, not stopped.
        lab.on("node1", &["crm_resource", "--wait", "--timeout=30s"]);
        delete(&lab, &name);
    }
    let node = site(&lab, "s-standby", "on-fail=standby", "");
    kill_x(&node, "s-standby");
    lab.until("it runs on the other node", 20, || lab.is_well(other(&node), "s-standby"));
    assert!(failures(&lab).contains("standby"), "{}", failures(&lab));
    lab.on("node1", &["crm_resource", "-C", "-r", "s-standby"]);
    lab.on("node1", &["crm_resource", "--wait", "--timeout=30s"]);
    all_is_well(&lab, "s-standby");
    delete(&lab, "s-standby");

    let node = site(&lab, "s-fence", "on-fail=fence", "");
    wait_until_held(&lab, &node, "s-fence");
    lab.on(&node, &["kill", "-KILL", &pid(&lab, &node, "s-fence", "x").to_string()]);
    lab.until("the node is fenced", 40, || {
        let (_, history) = lab.try_on(other(&node), &["stonith_admin", "-H", &node]);
        history.contains("reboot") || history.contains("was able to")
    });
    lab.until("the fenced node is back", 60, || lab.is_on(&node));
    lab.verb(&["wait-online"]);
    lab.runs_on_one("s-fence");
    delete(&lab, "s-fence");
}

/// What else happens to a cluster.
pub(crate) fn mishaps() {
    let lab = Lab::up();

    // A group: what stands behind in it is restarted with it.
    let node = site(&lab, "front", "", "");
    define(&lab, "behind", "");
    create(&lab, "behind", "", "");
    lab.on("node1", &["crm", "configure", "group", "both", "front", "behind"]);
    lab.until("both run together", 30, || {
        lab.located("front") == lab.located("behind")
            && lab.is_well(&lab.located("front").concat(), "behind")
    });
    let node = if lab.is_well(&node, "front") { node } else { other(&node).to_owned() };
    wait_until_held(&lab, &node, "front");
    let before = pid(&lab, &node, "behind", "supervisor");
    kill_and_time(&lab, &node, "front", "x");
    lab.until("its dependant was restarted", 20, || {
        lab.is_well(&node, "behind") && pid(&lab, &node, "behind", "supervisor") != before
    });
    all_is_well(&lab, "front");
    all_is_well(&lab, "behind");
    lab.on("node1", &["pcs", "resource", "delete", "--force", "both"]);
    lab.until("nothing lives", 40, || {
        nothing_lives(&lab, &node, "front") && nothing_lives(&lab, &node, "behind")
    });

    // The supervisor is killed: known at once. Stopped by SIGSTOP: known within the monitor's time.
    define(&lab, "s", "");
    lab.on("node1", &"crm configure primitive s ocf:siteward:site params site=s monitor_wait=4s op start timeout=30s interval=0 op stop timeout=30s interval=0 op monitor interval=1s timeout=8s".split_whitespace().collect::<Vec<_>>());
    let node = lab.runs_on_one("s");
    wait_until_held(&lab, &node, "s");
    let took = kill_and_time(&lab, &node, "s", "supervisor");
    assert!(took < Duration::from_secs(2), "the supervisor killed: {took:?}");
    assert!(failures(&lab).contains("the supervisor is gone"), "{}", failures(&lab));
    all_is_well(&lab, "s");
    cleanup(&lab, "s");
    let before = pid(&lab, &node, "s", "supervisor");
    lab.on(&node, &["kill", "-STOP", &before.to_string()]);
    lab.until("the stopped supervisor is noticed", 20, || {
        lab.is_well(&node, "s") && pid(&lab, &node, "s", "supervisor") != before
    });
    all_is_well(&lab, "s");
    cleanup(&lab, "s");

    // Unmanaged: a failure is counted and nothing is done, until it is managed again.
    let managed = |value: &str| {
        lab.on("node1", &["crm_resource", "-r", "s", "--meta", "-p", "is-managed", "-v", value]);
    };
    managed("false");
    wait_until_held(&lab, &node, "s");
    lab.on(&node, &["kill", "-KILL", &pid(&lab, &node, "s", "x").to_string()]);
    lab.until("the failure is counted", 20, || {
        let shown = failures(&lab);
        shown.contains("unmanaged") && shown.contains("s: migration-threshold=1000000 fail-count=1")
    });
    let (_, status) = lab.try_on(&node, &["siteward", "status", "s"]);
    assert!(status.starts_with("failed"), "nothing was done: {status}");
    managed("true");
    let node = all_is_well(&lab, "s");
    cleanup(&lab, "s");

    // The definition is broken, then removed, under a site that runs.
    let before = pid(&lab, &node, "s", "supervisor");
    lab.define("s", "version: 1\nprocesses: nonsense\n");
    wait_until_held(&lab, &node, "s");
    lab.on("node1", &["crm_resource", "-C", "-r", "s"]);
    lab.remove("s");
    wait_until_held(&lab, &node, "s");
    assert_eq!(pid(&lab, &node, "s", "supervisor"), before, "it runs on");
    all_is_well(&lab, "s");
    // Deleted while it runs, and without its definition: an orphan, which is stopped.
    delete(&lab, "s");
    no_stop_failed(&lab);

    // A start that times out: rolled back in its time, told with the reason, nothing left.
    lab.define("late", "version: 1\nboot_timeout: 60s\nforcekill_time: 1s\nprocesses:\n  x: {command: [/usr/local/bin/siteward, act, stubborn], ready: {notify: true}}\n");
    lab.on("node1", &"crm configure primitive late ocf:siteward:site params site=late op start timeout=5s interval=0 op stop timeout=20s interval=0 op monitor interval=1s timeout=40s".split_whitespace().collect::<Vec<_>>());
    lab.until("the start has failed on both nodes", 40, || {
        let shown = failures(&lab);
        shown.contains("it did not send READY=1")
            && lab.located("late").is_empty()
            && nothing_lives_or_failed(&lab, "late")
    });
    lab.on("node1", &["crm_resource", "-C", "-r", "late"]);
    lab.until("its second try has failed too", 60, || {
        failures(&lab).contains("it did not send READY=1")
    });
    delete(&lab, "late");
    no_stop_failed(&lab);

    // A stop that would take longer than Pacemaker's default of 20 s: less polite, and in time.
    lab.define("slow", "version: 1\nforcekill_time: 2s\nprocesses:\n  x: {command: [/usr/local/bin/siteward, act, stubborn], stop_grace_period: 200s}\n");
    lab.on(
        "node1",
        &["crm", "configure", "primitive", "slow", "ocf:siteward:site", "params", "site=slow"],
    );
    lab.runs_on_one("slow");
    let took = timed(|| delete(&lab, "slow"));
    assert!(took < Duration::from_secs(22), "{took:?}");
    no_stop_failed(&lab);

    // The shared folder is gone on the standby: a probe there finds a site that does not run.
    lab.define("disk", "version: 1\ndatabase: /mnt/shared/disk\nprerequisites: {mounted: /mnt/shared}\nsettle: 50ms\nforcekill_time: 1s\nprocesses:\n  x: {command: [/usr/local/bin/siteward, act, steady]}\n  y: {command: [/usr/local/bin/siteward, act, steady]}\n");
    lab.on("node1", &["mkdir", "-p", "/mnt/shared/disk"]);
    create(&lab, "disk", "", "");
    let node = lab.runs_on_one("disk");
    lab.on(other(&node), &["umount", "/mnt/shared"]);
    lab.on("node1", &["crm_resource", "-C", "-r", "disk"]);
    assert_eq!(all_is_well(&lab, "disk"), node);

    // A node is isolated, and shot; the site goes to the one that remains.
    lab.on("node1", &["crm_resource", "--wait", "--timeout=30s"]);
    let there = other(&node);
    // It would be refused there without its disk.
    lab.verb(&["stop-node", there]);
    lab.verb(&["start-node", there]);
    lab.verb(&["wait-online"]);
    lab.verb(&["isolate", &node]);
    lab.until("the site runs where the network is, or was", 60, || {
        lab.is_well("node1", "disk") || lab.is_well("node2", "disk")
    });
    lab.verb(&["heal", &node]);
    lab.verb(&["wait-online"]);
    all_is_well(&lab, "disk");

    // A node is shut down in order.
    let node = lab.runs_on_one("disk");
    lab.verb(&["stop-node", &node]);
    lab.until("it runs on the other node", 30, || lab.is_well(other(&node), "disk"));
    lab.verb(&["start-node", &node]);
    lab.verb(&["wait-online"]);
    all_is_well(&lab, "disk");
}

fn nothing_lives_or_failed(lab: &Lab, name: &str) -> bool {
    ["node1", "node2"].iter().all(|node| {
        let (_, text) = lab.try_on(node, &["siteward", "status", name]);
        text.starts_with("stopped") || text.starts_with("failed")
    })
}

/// Forty sites at once on two nodes, all with their monitors held.
pub(crate) fn forty_sites() {
    let lab = Lab::up();
    let mut lines = String::new();
    for n in 0..40 {
        define(&lab, &format!("s{n}"), "");
        lines.push_str(&format!(
            "primitive s{n} ocf:siteward:site params site=s{n} op start timeout=60s interval=0 op stop timeout=60s interval=0 op monitor interval=1s timeout=40s\n"
        ));
    }
    lab.on(
        "node1",
        &[
            "sh",
            "-c",
            &format!("printf '%s' '{lines}' > /tmp/forty && crm configure load update /tmp/forty"),
        ],
    );
    let count = |node: &str| {
        let (_, text) = lab.try_on(node, &["siteward", "list"]);
        text.lines().filter(|l| l.ends_with(" running")).count()
    };
    lab.until("all forty run", 90, || count("node1") + count("node2") == 40);
    wait_until_held(&lab, &lab.located("s7").concat(), "s7");
    let took = timed(|| {
        lab.on("node1", &["crm_resource", "--wait", "--timeout=60s"]);
    });
    println!("forty sites: crm_resource --wait {took:?}");
    let node = lab.located("s7").concat();
    let took = kill_and_time(&lab, &node, "s7", "x");
    println!("one of forty killed: running again after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let took = timed(|| {
        lab.on("node1", &["crm_standby", "-N", "node2", "-v", "on"]);
        lab.until("all forty run on one node", 60, || count("node1") == 40);
    });
    println!("standby of a node with twenty: {took:?}");
    assert_eq!(count("node2"), 0);
    no_stop_failed(&lab);
}

/// A machine kept busy by fifty loops for five minutes: no false failure.
pub(crate) fn busy_machine() {
    let lab = Lab::up();
    let minutes: u64 =
        std::env::var("SITEWARD_BUSY_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(300);
    let sites = ["s1", "s2", "s3", "s4"];
    let before: Vec<(String, i64)> = sites
        .iter()
        .map(|s| {
            let node = site(&lab, s, "", "");
            let supervisor = pid(&lab, &node, s, "supervisor");
            (node, supervisor)
        })
        .collect();
    lab.on("node1", &["sh", "-c", "for i in $(seq 50); do setsid timeout 900 sh -c 'while :; do :; done' </dev/null >/dev/null 2>&1 & done"]);
    let quiet = siteward::values::Moment::now() + Duration::from_secs(minutes);
    siteward::linux::wait::Waiting::<()>::new().wait(Some(quiet));
    lab.on("node1", &["pkill", "-KILL", "-f", "while :; do :; done"]);
    for (s, (node, supervisor)) in sites.iter().zip(before) {
        assert_eq!(lab.runs_on_one(s), node, "{s}");
        assert_eq!(
            pid(&lab, &node, s, "supervisor"),
            supervisor,
            "{s} was restarted: {}",
            failures(&lab)
        );
    }
    assert!(!failures(&lab).contains("Failed Resource Actions"), "{}", failures(&lab));
    no_stop_failed(&lab);
}
