//! What `siteward generate` prints for Pacemaker is typed here, and must end in a resource that
//! runs; and a site with a supervisor of its own lives its life in a real cluster.

use super::lab::Lab;
use super::small::{delete, nothing_lives, other, wait_until_held};

const STANDIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standin/jobcenter");

/// Fills the placeholders in for the lab: a folder that both nodes have is bound for a disk.
fn filled_in(text: &str) -> String {
    let text = text
        .replace("<DEVICE>", "/mnt/shared/disk")
        .replace("'fstype=<FSTYPE>'", "fstype=none options=bind")
        .replace("fstype=\"<FSTYPE>\"", "fstype=none options=bind")
        .replace("<NETMASK-BITS>", "24");
    // The listing at the top names what there was to fill in.
    let rest: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    assert!(!rest.iter().any(|l| l.contains('<')), "{rest:?}");
    rest.join("\n")
}

pub(crate) fn runs() {
    let lab = Lab::up();
    lab.define(
        "jobs.example",
        "version: 1\ndatabase: /mnt/jobdb\naddress: 10.77.0.100\nboot_timeout: 10s\nstop_timeout: 10s\n\
         processes:\n  x: {command: [/usr/local/bin/siteward, act, steady], working_directory: /mnt/jobdb}\n",
    );
    for node in ["node1", "node2"] {
        lab.on(node, &["mkdir", "-p", "/mnt/jobdb"]);
    }
    lab.on("node1", &["mkdir", "-p", "/mnt/shared/disk"]);
    for generator in ["pacemaker-pcs", "pacemaker-crm"] {
        let printed = lab.on("node1", &["siteward", "generate", generator, "jobs.example"]);
        assert!(printed.contains("# TO FILL IN: <DEVICE> <FSTYPE> <NETMASK-BITS>"), "{printed}");
        let typed = filled_in(&printed);
        match generator {
            "pacemaker-pcs" => lab.on("node1", &["sh", "-ec", &typed]),
            _ => {
                let save = format!("cat >/tmp/registration <<'END'\n{typed}\nEND\n");
                lab.on("node1", &["sh", "-ec", &save]);
                lab.on("node1", &["crm", "configure", "load", "update", "/tmp/registration"])
            }
        };
        let node = lab.runs_on_one("jobs.example");
        let (held, mounts) = lab.try_on(&node, &["grep", "/mnt/jobdb", "/proc/mounts"]);
        assert!(held, "the disk is where the site is: {mounts}");
        assert!(lab.on(&node, &["ip", "address"]).contains("10.77.0.100/24"));
        // Disk and address follow the site.
        lab.on("node1", &["crm_resource", "-r", "jobs.example-group", "--move", "--force"]);
        lab.until("it runs on the other node", 60, || {
            lab.located("jobs.example") == [other(&node)]
                && lab.is_well(other(&node), "jobs.example")
        });
        let (still, mounts) = lab.try_on(&node, &["grep", "/mnt/jobdb", "/proc/mounts"]);
        assert!(!still, "the disk was let go: {mounts}");
        lab.on("node1", &["pcs", "resource", "clear", "jobs.example-group"]);
        lab.on("node1", &["pcs", "resource", "delete", "--force", "jobs.example-group"]);
        lab.until("nothing of it lives", 40, || {
            nothing_lives(&lab, "node1", "jobs.example")
                && nothing_lives(&lab, "node2", "jobs.example")
        });
    }
}

pub(crate) fn a_wrapped_site_lives() {
    const ROOT: &str = "/var/lib/nqs";
    let lab = Lab::up();
    lab.share(STANDIN);
    lab.define(
        "jobs",
        &format!(
            "version: 1\ndatabase: /mnt/shared/jobdb\naddress: 127.0.0.1\nboot_timeout: 20s\n\
             stop_timeout: 20s\ncountsleep: 1s\ncountmax: 20\nprerequisites: {{mounted: false}}\n\
             supervisor: {{profile: jobcenter, commands: {ROOT}, spool: {ROOT}/spool}}\n"
        ),
    );
    let install = format!(
        "mkdir -p {ROOT}/cluster {ROOT}/switches {ROOT}/rc {ROOT}/spool {ROOT}/state /mnt/shared/jobdb/nqs\n\
         for p in cluster/cjcpw cluster/cjcls nqsstart nqsstop nqsportkpr; do cp /mnt/shared/jobcenter {ROOT}/$p; done\n\
         echo local_daemon=SITE >{ROOT}/rc/daemon.conf\necho ipaddress=127.0.0.1 >/mnt/shared/jobdb/nqs/daemon.conf\n\
         ln -sfn /mnt/shared/jobdb {ROOT}/spool/7F000001\n\
         echo jobs /mnt/shared/jobdb {ROOT}/spool/7F000001 >{ROOT}/sites\n"
    );
    for node in ["node1", "node2"] {
        lab.on(node, &["sh", "-ec", &install]);
    }
    let create = "crm configure primitive jobs ocf:siteward:site params site=jobs \
                  op start timeout=60s interval=0 op stop timeout=60s interval=0 \
                  op monitor interval=2s timeout=40s";
    lab.on("node1", &create.split_whitespace().collect::<Vec<_>>());
    let node = lab.runs_on_one("jobs");
    let daemon = |node: &str| {
        lab.try_on(node, &["cat", &format!("{ROOT}/state/jobs/nqsdaemon")]).1.trim().to_owned()
    };
    let complete =
        |node: &str| lab.try_on(node, &["pgrep", "-f", &format!("{ROOT}/gui/bin/jnwlauncher")]).0;
    // A supervisor that is stopped by a signal does not notice the death of its daemon.
    for (victim, stopped, reason) in [
        ("gui/bin/jnwengine", None, "cjc"),
        ("cluster/cjcpw jobs", None, "cjcpw"),
        ("NQS nqsdaemon", Some("cluster/cjcpw jobs"), "stopped by a signal"),
    ] {
        lab.until("it is complete", 30, || complete(&node));
        wait_until_held(&lab, &node, "jobs");
        let before = daemon(&node);
        if let Some(stopped) = stopped {
            lab.on(&node, &["pkill", "-STOP", "-f", stopped]);
        }
        let killed = std::time::Instant::now();
        lab.on(&node, &["pkill", "-KILL", "-f", victim]);
        lab.until("another daemon", 60, || !daemon(&node).is_empty() && daemon(&node) != before);
        let starts = killed.elapsed();
        lab.until("another life on the same node", 60, || lab.is_well(&node, "jobs"));
        println!(
            "{victim} killed: another nqsdaemon after {} ms, and it runs again after {} ms",
            starts.as_millis(),
            killed.elapsed().as_millis()
        );
        assert_eq!(lab.located("jobs"), std::slice::from_ref(&node));
        lab.until(&format!("crm_mon tells of {victim}: {reason}"), 10, || {
            let told = lab.on(&node, &["crm_mon", "-1"]);
            let failed = told.split("Failed Resource Actions").nth(1).unwrap_or_default();
            failed.contains("monitor on") && failed.contains(reason)
        });
    }
    lab.on(&node, &["siteward", "pause", "jobs", "--reason", "new disks"]);
    let failures = |node: &str| {
        let text = lab.on(node, &["crm_failcount", "--query", "-r", "jobs", "-N", node]);
        text.split("value=").nth(1).map(|v| v.trim().to_owned()).unwrap_or_default()
    };
    let before = failures(&node);
    // Three monitors long.
    let paused_at = std::time::Instant::now();
    lab.until("the cluster has asked again", 30, || {
        paused_at.elapsed() > std::time::Duration::from_secs(6)
    });
    assert_eq!(failures(&node), before, "maintenance is no failure");
    lab.on(&node, &["siteward", "resume", "jobs"]);
    lab.on("node1", &["crm_resource", "-r", "jobs", "--move", "--force"]);
    let next = other(&node);
    lab.until("it runs on the other node", 60, || {
        lab.located("jobs") == [next] && lab.is_well(next, "jobs")
    });
    assert!(nothing_lives(&lab, &node, "jobs"));
    lab.on("node1", &["pcs", "resource", "clear", "jobs"]);
    delete(&lab, "jobs");
    for node in ["node1", "node2"] {
        let (any, who) = lab.try_on(node, &["pgrep", "-af", ROOT]);
        assert!(!any, "{node}: {who}");
    }
}
