//! The work of the processes: what was interrupted, and what runs before a pause.

use std::fs;
use std::path::PathBuf;

use siteward::manager::Verb;

use crate::common::*;
use crate::{Test, by_hand, everywhere};

pub(crate) const TESTS: &[Test] = &[
    ("work_that_cannot_be_listed", false, work_that_cannot_be_listed),
    ("work_to_decide_on", false, work_to_decide_on),
    ("a_pause_that_is_drained", false, a_pause_that_is_drained),
];

const STEADY: &str = "  a: {command: [ACT, steady]}\n";

/// A site that has ended uncleanly while one item ran.
fn interrupted(head: &str) -> (Bench, PathBuf) {
    let (bench, database) = Bench::with_database("a", head, STEADY);
    succeed(bench.hand(&["start", "a"]));
    fs::create_dir_all(database.join("running")).unwrap();
    fs::write(database.join("running/1"), "").unwrap();
    lose_power(&bench, "a");
    (bench, database)
}

fn work_that_cannot_be_listed() {
    let work = "work: {jobs: {files: running/*, at_failover: rerun, hand_to: [/bin/true]}}\n";
    let (bench, database) = interrupted(work);
    fs::create_dir(database.join(".siteward/work.json")).unwrap();
    fs::create_dir(database.join(".siteward/work.broken")).unwrap();
    fs::write(database.join(".siteward/work.broken/x"), "").unwrap();
    everywhere("work-not-listed", Verb::Start, || bench.hand(&["start", "a"]));
    by_hand("work-unreadable", Verb::Other, bench.hand(&["work", "a"]));
}

fn work_to_decide_on() {
    let work = "work: {jobs: {files: running/*, hand_to: [/bin/false]}}\n";
    let (bench, _) = interrupted(work);
    let owner = bench.hand(&["work", "a", "--drop", "running/2"]);
    succeed(bench.hand(&["start", "a"]));
    by_hand("work-item-unknown", Verb::Other, owner);
    by_hand("work-undecided", Verb::Other, bench.hand(&["work", "a", "--rerun", "all"]));
    lose_power(&bench, "a");
    by_hand("work-elsewhere", Verb::Other, bench.hand(&["work", "a", "--drop", "all"]));
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["work", "a", "--drop", "all"]));
    succeed(bench.hand(&["stop", "a"]));
}

fn a_pause_that_is_drained() {
    let bench = Bench::new();
    bench.define("a", &format!("processes:\n{STEADY}"));
    succeed(bench.hand(&["start", "a"]));
    everywhere("work-not-known", Verb::Other, || bench.hand(&["pause", "--drain", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    let work =
        "work: {jobs: {files: running/*}}\ndrain: {command: [/bin/true], undo: [/bin/false]}\n";
    let (bench, database) = Bench::with_database("a", work, STEADY);
    succeed(bench.hand(&["start", "a"]));
    fs::create_dir_all(database.join("running")).unwrap();
    fs::write(database.join("running/1"), "").unwrap();
    let drain = || bench.hand(&["pause", "--drain", "--timeout", "300ms", "a"]);
    everywhere("not-drained", Verb::Other, drain);
    let mut anyway = drain();
    anyway.arg("--anyway");
    succeed(anyway);
    by_hand("drain-not-undone", Verb::Other, bench.hand(&["resume", "a"]));
    succeed(bench.hand(&["stop", "a"]));
}
