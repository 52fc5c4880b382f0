//! Whole lives under the managers that are played by their documents: start, failures, recovery
//! on the same node, the move to the other, maintenance, stop; and nothing left on any node.

mod common;
mod jobcenter;
mod players;

use std::process::Command;
use std::time::{Duration, Instant};

use common::*;
use players::Node;
use players::clusterware::{self, Clusterware};
use players::expresscluster::{self, Expresscluster};
use players::serviceguard::{self, Serviceguard};
use siteward::values::Signal;

fn two(make: fn(&str) -> Node) -> Vec<Node> {
    vec![make("shop.example.com"), make("shop.example.com")]
}

fn nothing_left(nodes: &[Node]) {
    for node in nodes {
        assert_eq!(node.living(), "");
    }
}

#[test]
fn clusterware_drives_a_site_of_ours() {
    in_clusterware(two(Node::ours));
}

#[test]
fn clusterware_drives_a_wrapped_site() {
    in_clusterware(two(Node::wrapped));
}

fn in_clusterware(nodes: Vec<Node>) {
    use clusterware::State;
    let mut crs = Clusterware::with_siteward(nodes);
    for node in 0..2 {
        assert_eq!(crs.check(node), 1, "INITIAL, nowhere");
    }
    assert_eq!(crs.start(0), State::Online(0));
    let before = crs.nodes[0].processes();
    assert_eq!(crs.call(0, "start").code, Some(0), "it is up already");
    assert_eq!(crs.nodes[0].processes(), before);
    crs.pester(0);
    assert_eq!(crs.check(1), 1, "the other node has nothing");
    assert_eq!(crs.call(1, "stop").code, Some(0), "a stop of nothing");
    // A failure is mended here once, and by the other node then.
    let mut restarts = 0;
    crs.nodes[0].kill_one();
    assert_eq!(crs.recover(0, &mut restarts), State::Online(0));
    crs.nodes[0].kill_supervisor();
    until("nobody watches it", || crs.check(0) == 5);
    assert_eq!(crs.recover(0, &mut restarts), State::Online(1));
    assert_eq!(crs.nodes[0].living(), "");
    // Maintenance is no failure.
    crs.nodes[1].hand(&["pause", "shop.example.com"]);
    assert_eq!(crs.check(1), 0);
    crs.nodes[1].hand(&["resume", "shop.example.com"]);
    assert_eq!(crs.check(1), 0);
    // Relocated by a person.
    assert_eq!(crs.stop(1), State::Offline);
    assert_eq!(crs.check(1), 1);
    assert_eq!(crs.start(0), State::Online(0));
    // Stopped by hand, behind Clusterware's back: it lets it be.
    crs.nodes[0].hand(&["stop", "shop.example.com"]);
    assert_eq!(crs.check(0), 2);
    assert_eq!(crs.recover(0, &mut restarts), State::Offline);
    assert_eq!(crs.start(0), State::Online(0));
    assert_eq!(crs.stop(0), State::Offline);
    assert_eq!(crs.clean(0), State::Offline, "clean of nothing");
    assert_eq!(crs.breaches, Vec::<String>::new());
    nothing_left(&crs.nodes);
}

/// It asks each CHECK_INTERVAL; a failure is not left for so long.
#[test]
fn clusterware_is_asked_to_check_at_once_when_a_site_fails() {
    for make in [Node::ours, Node::wrapped] {
        asked_to_check(&make("shop.example.com"));
    }
}

fn asked_to_check(node: &Node) {
    let (bench, site) = (node.bench(), node.site());
    let (home, log) = (bench.path("grid"), bench.path("asked"));
    std::fs::create_dir_all(home.join("bin")).unwrap();
    let crsctl = home.join("bin/crsctl");
    let says = |then: &str| {
        let script = format!("#!/bin/sh\necho \"$* $$\" >>{}\n{then}\n", log.display());
        std::fs::write(&crsctl, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&crsctl, mode).unwrap();
    };
    let asked = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let askers = || marked_of(bench, site).into_iter().filter(|(_, who)| who == "@asker").count();
    let script = bench.path("crs").join(site);
    std::fs::create_dir_all(script.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(SITEWARD, &script).unwrap();
    let call = |entry: &str| {
        let mut command = Command::new(&script);
        command.arg(entry).env_clear().env("PATH", "/bin:/usr/bin");
        command.env("_CRS_NAME", "shop_res").env("CRS_HOME", &home).current_dir("/");
        node.with_folders(&mut command);
        let output = output(command);
        assert_eq!(output.status.code(), Some(0), "{entry}: {}", said(&output));
    };
    says("");
    call("start");
    call("start");
    until("one watches", || askers() == 1);
    let killed = Instant::now();
    node.kill_one();
    until("it is asked to check", || !asked().is_empty());
    println!("{site}: asked {:?} after the death", killed.elapsed());
    assert!(asked()[0].starts_with("check resource shop_res "), "{:?}", asked());
    until("it ends with the site", || askers() == 0);
    call("clean");
    // A stop is no failure.
    call("start");
    until("one watches", || askers() == 1);
    call("stop");
    until("it ends with the site", || askers() == 0);
    assert_eq!(asked().len(), 1, "{:?}", asked());
    // A tool that hangs is given up.
    says("exec sleep 1000");
    call("start");
    until("one watches", || askers() == 1);
    node.kill_supervisor();
    until("it is asked to check", || asked().len() == 2);
    let hangs: i32 = asked()[1].rsplit(' ').next().unwrap().parse().unwrap();
    until("it is killed", || !exists(std::path::Path::new(&format!("/proc/{hangs}"))));
    call("clean");
    until("nobody is left", || askers() == 0);
    assert_eq!(node.living(), "");
}

#[test]
fn clusterware_names_the_site_by_an_attribute_of_our_type() {
    let node = Node::ours("shop.example.com");
    let mut command = Command::new(SITEWARD);
    command.arg("check").env_clear().env("_CRS_NAME", "any").env("_CRS_TYPE", "siteward.type");
    node.with_folders(&mut command);
    let nameless = output({
        let mut command = Command::new(SITEWARD);
        command.arg("check").env_clear().env("_CRS_NAME", "any");
        command
    });
    assert_eq!(nameless.status.code(), Some(3));
    assert!(said(&nameless).contains("CRS_ERROR:no site is named"), "{}", said(&nameless));
    command.env("_CRS_SITEWARD_SITE", node.site());
    assert_eq!(code(command), 1, "stopped");
}

#[test]
fn a_link_of_a_site_is_about_that_site_whatever_stands_behind_the_entry_point() {
    let mut crs = Clusterware::with_siteward(vec![Node::ours("shop.example.com")]);
    assert_eq!(crs.start(0), clusterware::State::Online(0));
    let mut command = Command::new(&crs.scripts[0]);
    command.args(["check", "another"]).env_clear();
    crs.nodes[0].with_folders(&mut command);
    assert_eq!(code(command), 0);
    assert_eq!(crs.stop(0), clusterware::State::Offline);
}

#[test]
fn serviceguard_drives_a_site_of_ours() {
    in_serviceguard(two(Node::ours));
}

#[test]
fn serviceguard_drives_a_wrapped_site() {
    in_serviceguard(two(Node::wrapped));
}

fn in_serviceguard(nodes: Vec<Node>) {
    use serviceguard::State;
    const SITE: &str = "shop.example.com";
    let mut sg = Serviceguard::new(nodes);
    let flag = sg.nodes[0].bench().path("shop.debug");
    let flag_text = flag.display().to_string();
    // As it is generated, but for the folder of the flag, which is not this machine's to write to.
    let printed = succeed(sg.nodes[0].bench().hand(&["generate", "serviceguard", SITE]));
    let line = printed.lines().find_map(|l| l.strip_prefix("service_cmd")).unwrap().trim();
    let words: Vec<&str> = line.trim_matches('"').split(' ').collect();
    assert_eq!(words[0], SITEWARD);
    let usual = "/etc/siteward/serviceguard/shop.example.com.debug";
    assert!(words.contains(&usual), "{words:?}");
    let watch: Vec<&str> =
        words[1..].iter().map(|w| if *w == usual { flag_text.as_str() } else { w }).collect();
    for node in 0..2 {
        assert_eq!(sg.external(node, "validate").code, Some(0), "cmcheckconf");
    }
    // A modular package: an external script, and a service that watches.
    let (state, service) = sg.run(0, &watch);
    assert_eq!(state, State::Up(0));
    let mut service = service.unwrap();
    sg.nodes[0].kill_one();
    until("the service ends", || service.has_failed());
    let (state, service) = sg.fail_over(0, &watch);
    assert_eq!(state, State::Up(1));
    let mut service = service.unwrap();
    sg.nodes[1].kill_supervisor();
    until("the service ends", || service.has_failed());
    let (state, service) = sg.fail_over(1, &watch);
    assert_eq!(state, State::Up(0));
    let mut service = service.unwrap();
    // The toolkits' maintenance: while the flag is there nobody looks.
    std::fs::write(&flag, "").unwrap();
    settle();
    sg.nodes[0].hand(&["stop", SITE]);
    settle();
    assert!(!service.has_failed(), "it is not watched meanwhile");
    sg.nodes[0].hand(&["start", SITE]);
    std::fs::remove_file(&flag).unwrap();
    settle();
    assert!(!service.has_failed());
    // Our own maintenance.
    sg.nodes[0].hand(&["pause", SITE]);
    settle();
    assert!(!service.has_failed());
    sg.nodes[0].hand(&["resume", SITE]);
    assert_eq!(sg.halt_package(0, Some(service)), State::Down);
    assert_eq!(sg.external(0, "stop").code, Some(0), "a stop of nothing");

    // A legacy package: the site in the foreground is the service.
    let legacy = succeed(sg.nodes[0].bench().hand(&["generate", "serviceguard-legacy", SITE]));
    let line = legacy.lines().find_map(|l| l.strip_prefix("SERVICE_CMD[0]=")).unwrap();
    let run: Vec<&str> = line.trim_matches('"').split(' ').skip(1).collect();
    // The test's directories are not the default, so they stand behind it.
    assert_eq!(run[..4], ["run", SITE, "--as", "serviceguard"]);
    assert_eq!(run[4], "--config-dir");
    for function in ["customer_defined_run_cmds", "customer_defined_halt_cmds"] {
        let code = sg.customer_defined(0, &legacy, function);
        assert_eq!(code, 0, "{function}, with nothing to do");
    }
    let up = |node: &Node| node.is_complete() && node.bench().monitor(SITE).0 == 0;
    let service = sg.service(0, &run);
    until("it is up", || up(&sg.nodes[0]));
    assert!(sg.halt(service, Duration::from_secs(30)), "TERM is an ordered stop");
    assert_eq!(sg.nodes[0].living(), "");
    let mut service = sg.service(0, &run);
    until("it is up", || up(&sg.nodes[0]));
    sg.nodes[0].kill_one();
    until("the service ends", || service.has_failed());
    assert_eq!(sg.nodes[0].living(), "");
    // KILL to the service itself leaves what the halt commands then end.
    let service = sg.service(1, &run);
    until("it is up", || up(&sg.nodes[1]));
    Serviceguard::signal(&service, Signal::KILL);
    drop(service);
    assert_eq!(sg.halt_package(1, None), State::Down);
    assert_eq!(sg.breaches, Vec::<String>::new());
    nothing_left(&sg.nodes);
}

#[test]
fn serviceguard_tries_another_node_where_that_may_help_and_none_where_it_cannot() {
    use serviceguard::State;
    let nodes = two(Node::ours);
    let broken = nodes[0].bench().places.config.join("shop.example.com.yaml");
    let mut sg = Serviceguard::new(nodes);
    std::fs::write(broken, "version: 1\nprocesses: {a: {command: [/no/such/program]}}\n").unwrap();
    assert_ne!(sg.external(0, "validate").code, Some(0));
    let (state, service) = sg.run(0, &["watch", "shop.example.com", "--as", "serviceguard"]);
    assert_eq!(state, State::Up(1), "2: the next node");
    assert_eq!(sg.halt_package(1, service), State::Down);
    let mut nameless = Command::new(SITEWARD);
    nameless.arg("start").env_clear().env("SG_PACKAGE", "pkg").env("PEV_SITEWARD_SITE", "No Name");
    assert_eq!(code(nameless), 1, "wrong on every node");
    assert_eq!(sg.breaches, Vec::<String>::new());
}

/// Longer than a watching service takes to notice.
fn settle() {
    let until = siteward::values::Moment::now() + Duration::from_millis(1500);
    siteward::linux::wait::Waiting::<()>::new().wait(Some(until));
}

#[test]
fn expresscluster_drives_a_site_of_ours() {
    in_expresscluster(two(Node::ours));
}

#[test]
fn expresscluster_drives_a_wrapped_site() {
    in_expresscluster(two(Node::wrapped));
}

fn in_expresscluster(nodes: Vec<Node>) {
    use expresscluster::State;
    const SITE: &str = "shop.example.com";
    let mut clp = Expresscluster::new(nodes);
    for (event, disk, code) in [
        ("START", "FAILURE", 1),
        ("FAILOVER", "FAILURE", 1),
        ("WHATEVER", "SUCCESS", 1),
        ("", "SUCCESS", 1),
        ("RECOVER", "SUCCESS", 0),
    ] {
        let called = clp.script_with(0, "start.sh", event, disk, &[]);
        assert_eq!(called.code, Some(code), "{event} {disk}: {}", called.said);
        assert_eq!(clp.nodes[0].living(), "", "{event} {disk}");
    }
    assert!(clp.alerts(0).contains("-l ERR") && clp.alerts(0).contains("did not bring the disk"));
    assert_eq!(clp.activate(0, "START"), State::Active(0));
    assert!(clp.alerts(0).contains("-l INFO"), "{}", clp.alerts(0));
    let mut reactivations = 0;
    clp.nodes[0].kill_one();
    assert_eq!(clp.recover(0, &mut reactivations), State::Active(0));
    clp.nodes[0].kill_supervisor();
    assert_eq!(clp.recover(0, &mut reactivations), State::Active(1));
    clp.nodes[1].hand(&["pause", SITE]);
    assert_eq!(clp.genw(1), 0);
    clp.nodes[1].hand(&["resume", SITE]);
    assert_eq!(clp.deactivate(1, "GROUPMOVE"), State::Inactive);
    assert_eq!(clp.genw(1), 1);
    assert_eq!(clp.deactivate(1, "GROUPSTOP"), State::Inactive, "again");
    // Asynchronous: start.sh with `run` for `start`, and pidw on the process that it becomes.
    let script = clp.nodes[0].bench().path("clp/scripts/start.sh");
    let text = std::fs::read_to_string(&script).unwrap().replace(" start ", " run ");
    std::fs::write(&script, text).unwrap();
    let mut command = Command::new(&script);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("CLP_EVENT", "START");
    command.env("CLP_DISK", "SUCCESS");
    clp.nodes[0].with_folders(&mut command);
    let mut watched = background(command);
    until("it is up", || clp.genw(0) == 0 && clp.nodes[0].is_complete());
    clp.nodes[0].kill_one();
    until("the process that pidw watches ends", || watched.try_wait().unwrap().is_some());
    assert_eq!(clp.deactivate(0, "GROUPFAILOVER"), State::Inactive);
    assert_eq!(clp.breaches, Vec::<String>::new());
    nothing_left(&clp.nodes);
}

#[test]
fn a_deep_monitor_leaves_a_death_to_the_restart_budget() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes:\n  a: {command: [ACT, steady], restart: {attempts: 1000, within: 1h, delay: 0s}}\n",
    );
    succeed(bench.ocf("a", "start", &[]));
    let rounds = std::env::var("SITEWARD_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(80);
    for round in 0..rounds {
        let deep = [("OCF_CHECK_LEVEL", "10"), ("OCF_RESKEY_CRM_meta_interval", "1000")];
        let monitor = background(bench.ocf("a", "monitor", &deep));
        // At a distance that is another one in each round.
        let until = siteward::values::Moment::now() + Duration::from_micros(round * 250);
        siteward::linux::wait::Waiting::<()>::new().wait(Some(until));
        signal_if_there(bench.pid("a", "a"), Signal::KILL);
        let answered = monitor.wait_with_output().unwrap();
        assert_eq!(answered.status.code(), Some(0), "round {round}: {}", said(&answered));
    }
    succeed(bench.ocf("a", "stop", &[]));
}
