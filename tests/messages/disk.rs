//! The disk, the lease on it, and the mark of a pause.

use std::fs;
use std::path::Path;
use std::process::Command;

use siteward::manager::Verb;
use siteward::values::Signal;

use crate::common::*;
use crate::{Test, by_hand, everywhere, is_seen};

pub(crate) const TESTS: &[Test] = &[
    ("another_owner", false, another_owner),
    ("a_lease_that_cannot_be_written", false, a_lease_that_cannot_be_written),
    ("a_repair_that_fails", false, a_repair_that_fails),
    ("adopted_after_another_took_it", false, adopted_after_another_took_it),
    ("its_keeper_is_killed_and_another_is_faster", false, its_keeper_is_killed),
    ("a_pause_that_cannot_be_written", false, a_pause_that_cannot_be_written),
    ("who_uses_it_after_an_end", false, who_uses_it_after_an_end),
    ("the_address_goes", true, the_address_goes),
    ("the_disk_goes", true, the_disk_goes),
];

const STEADY: &str = "  a: {command: [ACT, steady]}\n";

/// Two nodes in one: each has runtime folders of its own, and the same database.
fn two_nodes(head: &str) -> (Bench, Bench) {
    let (one, database) = Bench::with_database("a", head, STEADY);
    let two = Bench::new();
    two.define_with_database("a", &database, head, STEADY);
    (one, two)
}

fn another_owner() {
    let (one, two) = two_nodes("");
    succeed(one.hand(&["start", "a"]));
    everywhere("lease-held", Verb::Start, || two.hand(&["start", "a", "--timeout", "2s"]));
    succeed(one.hand(&["stop", "a"]));
}

fn a_lease_that_cannot_be_written() {
    let (bench, database) = Bench::with_database("a", "", STEADY);
    fs::write(database.join(".siteward"), "").unwrap();
    everywhere("lease-not-taken", Verb::Start, || bench.hand(&["start", "a"]));
}

fn a_repair_that_fails() {
    let repair = "on_unclean_shutdown: {command: [/bin/false]}\n";
    let (bench, _) = Bench::with_database("a", repair, STEADY);
    succeed(bench.hand(&["start", "a"]));
    lose_power(&bench, "a");
    everywhere("repair-failed", Verb::Start, || bench.hand(&["start", "a"]));
}

fn adopted_after_another_took_it() {
    let (one, two) = two_nodes("");
    succeed(one.hand(&["start", "a"]));
    kill_supervisor_and_keeper(&one);
    succeed(two.hand(&["start", "a"]));
    by_hand("not-adopted-without-lease", Verb::Start, one.hand(&["adopt", "a", "--timeout", "2s"]));
    succeed(two.hand(&["stop", "a"]));
    succeed(one.hand(&["clean", "a"]));
}

fn keeper(bench: &Bench) -> siteward::values::Pid {
    let marked = marked_of(bench, "a");
    let keeper = marked.iter().find(|(_, who)| who == siteward::process::LEASE);
    keeper.expect("its lease is kept").0
}

fn kill_supervisor_and_keeper(bench: &Bench) {
    let (supervisor, keeper) = (bench.pid("a", "supervisor"), keeper(bench));
    signal(supervisor, Signal::KILL);
    signal_if_there(keeper, Signal::KILL);
    until("nobody watches it", || code(bench.hand(&["monitor", "-q", "a"])) == 1);
}

/// Its supervisor cannot take the lease again in time, as on a node that was frozen for a while.
fn its_keeper_is_killed() {
    let (one, two) = two_nodes("");
    succeed(one.hand(&["start", "a"]));
    let supervisor = one.pid("a", "supervisor");
    signal(supervisor, Signal::STOP);
    signal(keeper(&one), Signal::KILL);
    succeed(two.hand(&["start", "a"]));
    signal(supervisor, Signal::CONT);
    until("it has given up", || one.record("a").is_some_and(|r| !r.supervisor.is_alive()));
    is_seen("lease-lost", &one, "a", 1);
    succeed(two.hand(&["stop", "a"]));
    succeed(one.hand(&["stop", "a"]));
}

fn a_pause_that_cannot_be_written() {
    let (bench, database) = Bench::with_database("a", "", STEADY);
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["pause", "a"]));
    let mark = mark(&database);
    let aside = database.join("aside");
    fs::rename(&mark, &aside).unwrap();
    obstruct(&mark);
    by_hand("pause-not-removed", Verb::Other, bench.hand(&["resume", "a"]));
    succeed(bench.hand(&["clean", "a"]));
    unobstruct(&mark);
    succeed(bench.hand(&["start", "a"]));
    for file in fs::read_dir(database.join(".siteward")).unwrap().flatten() {
        assert!(!file.file_name().to_string_lossy().contains("paus"), "{file:?}");
    }
    obstruct(&mark);
    by_hand("pause-not-written", Verb::Other, bench.hand(&["pause", "a"]));
    unobstruct(&mark);
    succeed(bench.hand(&["stop", "a"]));
}

fn mark(database: &Path) -> std::path::PathBuf {
    siteward::disk::pause_path(database)
}

/// A folder with something in it can be neither written over nor removed.
fn obstruct(path: &Path) {
    fs::create_dir_all(path.join("x")).unwrap();
}

fn unobstruct(path: &Path) {
    fs::remove_dir_all(path).unwrap();
}

/// `holders: kill` would end this test, which called the stop, so it is spared.
fn who_uses_it_after_an_end() {
    let (bench, database) = Bench::with_database("a", "holders: kill\n", STEADY);
    everywhere("disk-in-use", Verb::Stop, || {
        succeed(bench.hand(&["start", "a"]));
        let held = fs::File::create(database.join("held")).unwrap();
        HELD.lock().unwrap().replace(held);
        bench.hand(&["stop", "a", "--timeout", "3s"])
    });
    HELD.lock().unwrap().take();
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["stop", "a"]));
}

static HELD: std::sync::Mutex<Option<fs::File>> = std::sync::Mutex::new(None);

fn ran(words: &[&str]) {
    assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{words:?}");
}

fn the_address_goes() {
    let bench = Bench::new();
    ran(&["ip", "address", "add", "192.0.2.7/32", "dev", "lo"]);
    bench.define("a", "address: 192.0.2.7\nprocesses: {a: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    ran(&["ip", "address", "del", "192.0.2.7/32", "dev", "lo"]);
    until("it has failed", || code(bench.hand(&["monitor", "-q", "a"])) == 1);
    until("it is given up", || bench.record("a").is_none_or(|r| !r.supervisor.is_alive()));
    is_seen("address-lost", &bench, "a", 1);
    succeed(bench.hand(&["stop", "a"]));
}

fn the_disk_goes() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    fs::create_dir(&disk).unwrap();
    let at = disk.to_str().unwrap();
    ran(&["mount", "-t", "tmpfs", "none", at]);
    let processes = "processes: {a: {command: [ACT, steady], working_directory: /}}\n";
    bench.define("a", &format!("database: {at}\n{processes}"));
    succeed(bench.hand(&["start", "a"]));
    ran(&["umount", "--lazy", at]);
    until("it has failed", || code(bench.hand(&["monitor", "-q", "a"])) == 1);
    until("it is given up", || bench.record("a").is_none_or(|r| !r.supervisor.is_alive()));
    is_seen("disk-lost", &bench, "a", 1);
    succeed(bench.hand(&["stop", "a"]));
}
