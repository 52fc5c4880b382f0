//! The rehearsal is what a newcomer sees first: it must hold, be quick, and leave nothing.

mod common;
mod jobcenter;

use std::process::Command;
use std::time::Instant;

use common::*;

#[test]
fn the_built_in_rehearsal_holds_in_every_step() {
    // Not a test of speed: the promise to a person who waits for it.
    every_step_holds(&["rehearse", "--json"], 100, 60);
}

#[test]
fn it_holds_in_the_contract_of_every_manager() {
    every_step_holds(&["rehearse", "--as", "all", "--json"], 400, 240);
}

/// What can go wrong with a supervisor that is not ours, without one being there.
#[test]
fn a_supervisor_of_somebody_elses_is_killed_stopped_and_lies() {
    let said = succeed({
        let mut rehearse = Command::new(SITEWARD);
        rehearse.args(["rehearse", "--as", "pacemaker"]);
        rehearse
    });
    for step in [
        "SIGKILL to its process",
        "stop finds its process",
        "SIGSTOP to its supervisor",
        "its list says that it is down",
        "its list hangs",
        "stop, which cannot be proved",
    ] {
        assert!(said.contains(step), "{step}: {said}");
    }
}

#[test]
fn a_wrapped_site_is_rehearsed_as_any_other() {
    let center = jobcenter::Jobcenter::new("testsite");
    let said = succeed(center.hand(&["rehearse", "testsite", "--yes", "--as", "all"]));
    assert!(said.contains("=== ExpressCluster ===") && said.contains(" 0 broken"), "{said}");
    assert!(said.contains("SIGSTOP to its supervisor"), "{said}");
    assert_eq!(center.living(), "");
}

fn every_step_holds(words: &[&str], at_least: usize, seconds: u64) {
    let begun = Instant::now();
    let output = Command::new(SITEWARD).args(words).output().unwrap();
    let took = begun.elapsed();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut steps = 0;
    for line in text.lines() {
        let step: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(step["held"], true, "{line}");
        steps += 1;
    }
    assert!(output.status.success());
    assert!(steps >= at_least, "only {steps} steps");
    assert!(took.as_secs() < seconds, "{took:?}");
}

#[test]
fn a_site_of_ones_own_is_rehearsed_only_when_it_is_allowed() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady]}\n  y: {command: [ACT, steady], essential: false}\n");
    let refused = output(bench.hand(&["rehearse", "a"]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("confirm that with --yes"), "{}", said(&refused));
    succeed(bench.hand(&["start", "a"]));
    let refused = output(bench.hand(&["rehearse", "a", "--yes"]));
    assert!(said(&refused).contains("the site `a` is running"), "{}", said(&refused));
    succeed(bench.hand(&["stop", "a"]));
    let said = succeed(bench.hand(&["rehearse", "a", "--yes"]));
    assert!(said.contains("0 broken"), "{said}");
    assert_eq!(bench.living("a"), "");
}

#[test]
fn a_step_that_does_not_hold_is_told() {
    let bench = Bench::new();
    // It takes longer to get ready after each death than it may take to boot.
    let flag = bench.path("flag");
    bench.define(
        "a",
        &format!(
            "boot_timeout: 1s\nprocesses:\n  x: {{command: [/bin/sh, -c, \"test -e {0} && exec sleep 9; touch {0}; exec {SITEWARD} act notifier\"], ready: {{notify: true}}}}\n",
            flag.display()
        ),
    );
    let broken = output(bench.hand(&["rehearse", "a", "--yes"]));
    assert_eq!(broken.status.code(), Some(1));
    assert!(said(&broken).contains("BROKEN"), "{}", said(&broken));
}

#[test]
fn what_ends_slowly_after_a_death_is_waited_for() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady]}\n  y: {command: [ACT, stubborn], stop_grace_period: 700ms}\n");
    let said = succeed(bench.hand(&["rehearse", "a", "--yes", "--as", "serviceguard"]));
    assert!(said.contains("nothing in the end") && said.contains(" 0 broken"), "{said}");
    assert_eq!(bench.living("a"), "");
}
