//! A site that is a unit of systemd: `profile: systemd`, with the real one.

use std::fs;

use super::Machine;

const UNIT: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nTimeoutStopSec=10\n\
    ExecStart=/bin/sh -c '(setsid sleep 8801 &); exec sleep 8802'\n[Install]\nWantedBy=multi-user.target\n";

fn service(number: u32, part_of: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\n{part_of}[Service]\nExecStart=/bin/sleep {number}\n")
}

fn define(machine: &Machine, site: &str, unit: &str) {
    let text = format!(
        "version: 1\nboot_timeout: 20s\nstop_timeout: 10s\nforcekill_time: 1s\nsupervisor: {{profile: systemd, unit: \
         {unit}}}\n"
    );
    fs::write(machine.root(&format!("etc/siteward/sites/{site}.yaml")), text).unwrap();
}

fn write_unit(machine: &Machine, name: &str, text: &str) {
    let file = machine.root(&format!("etc/systemd/system/{name}"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    machine.must(&["systemctl", "daemon-reload"]);
}

/// The state in which a person finds the site, and all that is said of it.
fn status(machine: &Machine, site: &str) -> String {
    machine.inside(&["siteward", "status", site]).1
}

fn until_it_is(machine: &Machine, site: &str, state: &str) -> String {
    machine.until(&format!("{site} is {state}"), || status(machine, site).starts_with(state));
    status(machine, site)
}

fn kill_main(machine: &Machine, unit: &str) -> String {
    let main = machine.must(&["systemctl", "show", "--property=MainPID", "--value", unit]);
    machine.must(&["kill", "-KILL", main.trim()]);
    main
}

fn is_gone(machine: &Machine, pattern: &str) -> bool {
    machine.inside(&["pgrep", "-f", pattern]).0 == 1
}

pub(super) fn a_unit_that_the_cluster_owns(machine: &Machine) {
    write_unit(machine, "owned.service", UNIT);
    define(machine, "owned", "owned.service");
    let fits = machine.must(&["siteward", "validate-all", "owned", "--level", "10"]);
    assert!(fits.contains("it is not proved") && !fits.contains("does not fit"), "{fits}");
    assert_eq!(machine.inside(&["siteward", "status", "owned"]).0, 3);
    machine.must(&["siteward", "start", "owned"]);
    let running = until_it_is(machine, "owned", "running");
    assert!(running.contains("owned.service"), "{running}");
    machine.must(&["siteward", "monitor", "owned", "--level", "10"]);
    // Its main process dies, and systemd ends the rest.
    kill_main(machine, "owned.service");
    let failed = until_it_is(machine, "owned", "failed");
    assert!(failed.contains("failed: signal"), "{failed}");
    machine.must(&["siteward", "start", "owned"]);
    until_it_is(machine, "owned", "running");
    machine.must(&["siteward", "stop", "owned"]);
    assert!(is_gone(machine, "sleep 880"), "what it ran and what left its session");
    assert_eq!(machine.inside(&["siteward", "status", "owned"]).0, 3);
    let history = machine.must(&["siteward", "history", "owned"]);
    assert!(history.contains("failed: signal"), "{history}");
    a_pause_that_it_does_not_know(machine);
    what_its_stop_leaves(machine);
    what_starts_it_beside_the_cluster(machine);
    a_target(machine);
}

fn a_pause_that_it_does_not_know(machine: &Machine) {
    machine.must(&["siteward", "start", "owned"]);
    machine.must(&["siteward", "pause", "owned"]);
    assert!(is_gone(machine, "sleep 880"));
    until_it_is(machine, "owned", "maintenance");
    machine.must(&["siteward", "resume", "owned"]);
    until_it_is(machine, "owned", "running");
    machine.must(&["siteward", "stop", "owned"]);
}

fn what_its_stop_leaves(machine: &Machine) {
    write_unit(machine, "owned.service.d/mode.conf", "[Service]\nKillMode=process\n");
    let told = machine.must(&["siteward", "validate-all", "owned", "--level", "10"]);
    assert!(told.contains("KillMode=process"), "{told}");
    machine.must(&["siteward", "start", "owned"]);
    kill_main(machine, "owned.service");
    let left = until_it_is(machine, "owned", "unsupervised");
    assert!(left.contains("sleep 8801"), "{left}");
    // Another start must not meet what is left of it.
    machine.must(&["siteward", "start", "owned"]);
    let all = machine.must(&["pgrep", "-f", "sleep 8801"]);
    assert_eq!(all.lines().count(), 1, "{all}");
    machine.must(&["siteward", "stop", "owned"]);
    assert!(is_gone(machine, "sleep 880"));
    fs::remove_file(machine.root("etc/systemd/system/owned.service.d/mode.conf")).unwrap();
}

fn what_starts_it_beside_the_cluster(machine: &Machine) {
    machine.must(&["systemctl", "enable", "owned.service"]);
    let (code, refused) = machine.inside(&["siteward", "start", "owned"]);
    assert!(code == 1 && refused.contains("systemctl disable owned.service"), "{code} {refused}");
    assert_ne!(machine.inside(&["siteward", "validate-all", "owned", "--level", "10"]).0, 0);
    let doctor = machine.inside(&["siteward", "doctor", "owned"]).1;
    assert!(doctor.contains("systemctl disable owned.service"), "{doctor}");
    machine.must(&["systemctl", "disable", "owned.service"]);
    // With the dependencies that systemd adds, it would be stopped beside the cluster at a shutdown.
    write_unit(
        machine,
        "owned.service.d/more.conf",
        "[Unit]\nDefaultDependencies=yes\n[Service]\nRestart=always\nRestartSec=200ms\n",
    );
    let told = machine.must(&["siteward", "validate-all", "owned", "--level", "10"]);
    assert!(told.contains("Restart=always") && told.contains("at a shutdown"), "{told}");
    machine.must(&["siteward", "start", "owned"]);
    let dead = kill_main(machine, "owned.service");
    machine.until("systemd has started it again", || {
        let now = ["systemctl", "show", "--property=MainPID", "--value", "owned.service"];
        let now = machine.must(&now);
        now != dead && now.trim() != "0" && status(machine, "owned").starts_with("running")
    });
    machine.must(&["siteward", "stop", "owned"]);
    assert!(is_gone(machine, "sleep 880"));
    fs::remove_file(machine.root("etc/systemd/system/owned.service.d/more.conf")).unwrap();
    machine.must(&["systemctl", "daemon-reload"]);
}

fn a_target(machine: &Machine) {
    write_unit(machine, "stays.service", &service(8803, "PartOf=many.target\n"));
    write_unit(machine, "forgotten.service", &service(8804, ""));
    let target = "[Unit]\nDefaultDependencies=no\nWants=stays.service forgotten.service\n";
    write_unit(machine, "many.target", target);
    define(machine, "many", "many.target");
    let told = machine.must(&["siteward", "validate-all", "many", "--level", "10"]);
    assert!(told.contains("a stop of many.target leaves forgotten.service"), "{told}");
    assert!(!told.contains("leaves stays.service"), "{told}");
    machine.must(&["siteward", "start", "many"]);
    let running = until_it_is(machine, "many", "running");
    assert!(
        running.contains("stays.service") && running.contains("forgotten.service"),
        "{running}"
    );
    kill_main(machine, "stays.service");
    let failed = until_it_is(machine, "many", "failed");
    assert!(failed.contains("`stays.service` is failed: signal"), "{failed}");
    machine.must(&["siteward", "stop", "many"]);
    assert!(is_gone(machine, "sleep 880[34]"));
    assert_eq!(machine.inside(&["siteward", "status", "many"]).0, 3);
    machine.must(&["siteward", "start", "many"]);
    machine.must(&["siteward", "clean", "many"]);
    assert!(is_gone(machine, "sleep 880[34]"));
    fs::remove_file(machine.root("etc/siteward/sites/many.yaml")).unwrap();
}

/// It runs in the cluster, and a failure is recovered with its reason.
pub(super) fn in_the_cluster(machine: &Machine) {
    machine.must(&[
        "crm",
        "configure",
        "primitive",
        "owned",
        "ocf:siteward:site",
        "params",
        "site=owned",
        "op",
        "monitor",
        "interval=1s",
        "timeout=40s",
        "op",
        "stop",
        "timeout=60s",
        "interval=0",
    ]);
    let crm_mon = || machine.inside(&["crm_mon", "-1"]).1;
    machine.until("the cluster runs it", || {
        let shown = crm_mon();
        shown.lines().any(|line| line.contains("* owned") && line.contains("Started node1"))
    });
    let dead = kill_main(machine, "owned.service");
    machine.until("the cluster has started it again", || {
        let now = ["systemctl", "show", "--property=MainPID", "--value", "owned.service"];
        machine.must(&now) != dead && status(machine, "owned").starts_with("running")
    });
    machine.until("the cluster says that it failed", || {
        crm_mon().contains("owned_monitor") || crm_mon().contains("owned 1000ms")
    });
    let shown = crm_mon();
    assert!(shown.contains("signal"), "with its reason: {shown}");
}

/// After the power-off: the cluster's stop has ended it, and not systemd.
pub(super) fn ended_by_the_cluster(machine: &Machine) {
    let history = machine.root("var/log/siteward/owned/history.jsonl");
    let history = fs::read_to_string(history).unwrap_or_default();
    let last = history.lines().next_back().unwrap_or_default();
    assert!(last.contains("\"stopped\""), "it came to its end: {history}");
    let failures = history.matches("failed: signal").count();
    assert!(history.contains("\"down\"") && failures >= 1, "{history}");
}
