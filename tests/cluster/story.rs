//! A site lives through deaths, a pause, a move and a power failure, and then each node tells the same story.

use siteward::history::{Entry, HistoryEvent};
use siteward::values::{ExitStatus, Signal};

use super::lab::Lab;
use super::small::*;

const NAME: &str = "story";

const DEFINITION: &str = "version: 1
site: story.example
database: /mnt/shared/story
prerequisites: {mounted: false}
boot_timeout: 10s
stop_timeout: 10s
forcekill_time: 1s
settle: 50ms
processes:
  store: {command: [/bin/sh, -c, 'echo the store is open; exec sleep 100000']}
  web: {command: [/usr/local/bin/siteward, act, steady]}
";

fn history(lab: &Lab, node: &str, words: &[&str]) -> Vec<Entry> {
    let text = lab.on(node, &[&["siteward", "history", NAME, "--json"], words].concat());
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn restarted(lab: &Lab, node: &str, before: i64) {
    lab.until("it runs under another supervisor", 60, || {
        lab.is_well(node, NAME) && pid(lab, node, NAME, "supervisor") != before
    });
}

/// The entries of one node in order, as far as these events are concerned.
fn told(all: &[Entry], node: &str, events: &[HistoryEvent]) -> Vec<HistoryEvent> {
    let of = all.iter().filter(|entry| entry.node == node && events.contains(&entry.event));
    of.map(|entry| entry.event).collect()
}

pub(crate) fn both_nodes_tell_the_same_story() {
    use HistoryEvent as E;
    let lab = Lab::up();
    lab.on("node1", &["mkdir", "-p", "/mnt/shared/story"]);
    lab.define(NAME, DEFINITION);
    create(&lab, NAME, "", "");
    let node = lab.runs_on_one(NAME);
    let there = other(&node);

    // A process dies.
    let before = pid(&lab, &node, NAME, "supervisor");
    wait_until_held(&lab, &node, NAME);
    lab.on(&node, &["kill", "-KILL", &pid(&lab, &node, NAME, "store").to_string()]);
    restarted(&lab, &node, before);
    let status = lab.on(&node, &["siteward", "status", NAME]);
    assert!(
        status.contains("last failure") && status.contains("`store` was killed by SIGKILL"),
        "{status}"
    );
    assert!(status.contains("store: the store is open"), "its last lines: {status}");
    let logs = lab.on(&node, &["siteward", "logs", NAME, "--last-run"]);
    assert!(logs.contains("store | the store is open") && logs.contains("SIGKILL"), "{logs}");

    // Its supervisor dies.
    let before = pid(&lab, &node, NAME, "supervisor");
    lab.on(&node, &["kill", "-KILL", &before.to_string()]);
    restarted(&lab, &node, before);

    // Somebody pauses it, and it moves.
    lab.on(&node, &["siteward", "pause", NAME, "--reason", "new disks"]);
    lab.on(&node, &["siteward", "resume", NAME]);
    lab.on(&node, &["crm_resource", "--move", "-r", NAME, "--node", there]);
    lab.until("it runs on the other node", 60, || lab.is_well(there, NAME));
    lab.on(&node, &["crm_resource", "--clear", "-r", NAME]);
    let status = lab.on(there, &["siteward", "status", NAME]);
    assert!(status.contains("last failure"), "the failure on {node} is told on {there}: {status}");
    let moved = lab.on(there, &["siteward", "timeline", NAME]);
    assert!(moved.contains(&node) && moved.contains(there), "{moved}");

    lab.until("what happened on it is told on the other node", 10, || {
        told(&history(&lab, &node, &[]), there, &[E::Up]) == [E::Up]
    });

    // The node that has it loses its power.
    lab.verb(&["kill-node", there]);
    lab.until("it runs where it was", 90, || lab.is_well(&node, NAME));
    lab.until("the node is on again", 90, || lab.is_on(there));
    lab.verb(&["wait-online"]);

    // The last entries are copied to the disk within a second.
    let mut all = Vec::new();
    lab.until("both nodes tell the same", 20, || {
        all = history(&lab, &node, &[]);
        let theirs = history(&lab, there, &[]);
        let more = |one: &[Entry], two: &[Entry]| -> Vec<Entry> {
            one.iter().filter(|entry| !two.contains(entry)).cloned().collect()
        };
        let differing = [more(&all, &theirs), more(&theirs, &all)].concat();
        if theirs != all {
            println!("{} and {} entries; they differ in {differing:?}", all.len(), theirs.len());
        }
        theirs == all
    });
    let site = [E::StartOrdered, E::Up, E::Failed, E::Paused, E::Resuming, E::Unclean, E::Stopped];
    let first = told(&all, &node, &site);
    // Of the site that failed nothing was left to stop. Nobody saw the second failure; the stop found it.
    let begin = [E::StartOrdered, E::Up, E::Failed, E::StartOrdered, E::Up, E::Failed, E::Stopped];
    assert_eq!(first[..7], begin, "{first:?}");
    assert_eq!(first[first.len() - 3..], [E::StartOrdered, E::Unclean, E::Up], "{first:?}");
    assert!(first.contains(&E::Paused) && first.contains(&E::Resuming), "{first:?}");
    assert_eq!(told(&all, there, &site), [E::StartOrdered, E::Up], "then its power was gone");
    let find = |event: E| all.iter().find(|entry| entry.event == event).unwrap();
    let fault = find(E::Fault);
    assert_eq!(fault.process.as_deref(), Some("store"));
    assert_eq!(fault.exit, Some(ExitStatus::Signal(Signal::KILL)));
    assert_eq!(fault.last_lines, ["the store is open"]);
    let order = find(E::StartOrdered).by.clone().unwrap();
    assert_eq!((order.caller.as_str(), order.resource.as_deref()), ("Pacemaker", Some(NAME)));
    let pause = find(E::Pausing).by.clone().unwrap();
    assert_eq!(pause.caller, "a person", "{pause:?}");
    assert!(find(E::Paused).detail.contains("new disks"), "{all:#?}");
    assert!(all.iter().filter(|entry| entry.event == E::Up).all(|up| up.took.is_some()));
    let unclean = find(E::Unclean);
    assert!(unclean.detail.contains(there), "who lost its power: {unclean:?}");
    let failed = history(&lab, there, &["--failed"]);
    assert!(failed.iter().any(|entry| entry.event == E::Failed), "{failed:#?}");

    // The page and the picture tell of the same outages on both nodes.
    let numbers = |at: &str| {
        let page = lab.on(at, &["siteward", "report", NAME, "-o", "-"]);
        assert!(page.contains("</html>") && !page.contains("<script"), "{page}");
        for words in ["node1", "node2", "SIGKILL", "the store is open", "new disks"] {
            assert!(page.contains(words), "no {words} in the page of {at}");
        }
        let picture = lab.on(at, &["siteward", "timeline", NAME]);
        let outages = picture.lines().skip_while(|line| !line.starts_with("Outages"));
        outages.map(str::to_owned).collect::<Vec<String>>()
    };
    let here = numbers(&node);
    assert!(here.len() > 10, "{here:#?}");
    assert_eq!(numbers(there), here);
    delete(&lab, NAME);
}
