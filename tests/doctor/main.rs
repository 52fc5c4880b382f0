//! `siteward doctor`, on a node of its own in namespaces: silent on a healthy one, and finding each planted
//! fault, alone and with all others.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod life;
mod node;

use std::process::ExitCode;

use common::*;
use faults::{Fault, Scene};
use node::{Node, Verdict};

fn a_healthy_node_has_nothing_to_mend() {
    for active in [true, false] {
        let verdict = Node::new().doctor(active, "");
        assert!(verdict.found.is_empty(), "active {active}: {:#?}", verdict.found);
        assert_eq!(verdict.codes, [0, 0]);
        assert!(verdict.checks > 80, "{}", verdict.checks);
    }
}

fn is_active(scene: Scene) -> bool {
    scene != Scene::Passive
}

fn has(verdict: &Verdict, fault: &Fault) -> bool {
    verdict.found.iter().any(|found| {
        found.check == fault.check
            && found.sentence.contains(fault.says)
            && found.mend.contains(fault.mend)
    })
}

/// What was found beyond the fault and its direct consequences.
fn beyond(verdict: &Verdict, fault: &Fault) -> Vec<String> {
    let known = |check: &str| check == fault.check || fault.also.contains(&check);
    let found = verdict.found.iter().filter(|found| !known(&found.check));
    found.map(|found| format!("{}: {}: {}", found.site, found.check, found.sentence)).collect()
}

fn each_fault_is_found_alone() {
    let mut wrong = Vec::new();
    for fault in faults::all() {
        let node = Node::new();
        (fault.files)(&node);
        let verdict = node.doctor(is_active(fault.scene), &fault.commands());
        let more = beyond(&verdict, &fault);
        if !has(&verdict, &fault) {
            wrong.push(format!(
                "{}: not found by {}: {:#?}",
                fault.name, fault.check, verdict.found
            ));
        } else if !more.is_empty() {
            wrong.push(format!("{}: found as well: {more:#?}", fault.name));
        } else if verdict.codes.iter().all(|code| *code == 0) {
            wrong.push(format!("{}: the exit codes are 0", fault.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn all_faults_are_found_at_once() {
    let mut wrong = Vec::new();
    for scene in [Scene::Active, Scene::ActiveToo, Scene::Passive] {
        let node = Node::new();
        let planted: Vec<Fault> = faults::all().into_iter().filter(|f| f.scene == scene).collect();
        let mut commands = String::new();
        for fault in &planted {
            (fault.files)(&node);
            commands.push_str(&fault.commands());
        }
        let verdict = node.doctor(is_active(scene), &commands);
        let missing = planted.iter().filter(|fault| !has(&verdict, fault));
        wrong.extend(missing.map(|fault| {
            let of_check = verdict.by_check().get(fault.check).map(|all| format!("{all:#?}"));
            format!("{scene:?}: {}: not found by {}: {of_check:?}", fault.name, fault.check)
        }));
        println!("{scene:?}: {} faults at once", planted.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn there_are_more_than_forty_faults() {
    let all = faults::all();
    assert!(all.len() >= 60, "{}", all.len());
    let mut names: Vec<&str> = all.iter().map(|fault| fault.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len(), "each is another one");
}

fn a_mend_mends() {
    let mut wrong = Vec::new();
    for fault in faults::all().into_iter().filter(|fault| fault.can_be_run) {
        let node = Node::new();
        (fault.files)(&node);
        let before = node.doctor(is_active(fault.scene), &fault.commands());
        let mend = before.found.iter().find(|found| found.check == fault.check).map(|f| &f.mend);
        let Some(mend) = mend else {
            wrong.push(format!("{}: not found", fault.name));
            continue;
        };
        let mended = Node::new();
        (fault.files)(&mended);
        let commands = format!("{}PATH=$PATH:/usr/local/sbin\n{mend}\n", fault.commands());
        let after = mended.doctor(is_active(fault.scene), &commands);
        if !after.found.is_empty() {
            wrong.push(format!("{}: after {mend}: {:#?}", fault.name, after.found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn main() -> ExitCode {
    let missing = missing_root().or_else(|| {
        let packages = [
            (
                "/usr/sbin/pacemakerd",
                "pacemaker, which the node has. Get it: apt-get install pacemaker",
            ),
            ("/usr/bin/python3", "python3. Get it: apt-get install python3-minimal"),
            ("/usr/sbin/ip", "ip. Get it: apt-get install iproute2"),
        ];
        let gone = packages.into_iter().find(|(file, _)| !std::path::Path::new(file).exists());
        gone.map(|(_, words)| words)
    });
    live_through(
        missing,
        missing_root().is_none(),
        &[
            ("a_healthy_node_has_nothing_to_mend", a_healthy_node_has_nothing_to_mend),
            ("there_are_more_than_forty_faults", there_are_more_than_forty_faults),
            ("each_fault_is_found_alone", each_fault_is_found_alone),
            ("all_faults_are_found_at_once", all_faults_are_found_at_once),
            ("a_mend_mends", a_mend_mends),
            ("a_site_that_is_up_is_looked_at", life::a_site_that_is_up_is_looked_at),
            ("the_answer_fits_the_reader", life::the_answer_fits_the_reader),
        ],
    )
}
