//! Many sites on one node: what a look at one of them costs, counted by the kernel, and what is said of all.

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::*;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use siteward::values::Signal;

const SITE: &str = "processes:\n  a: {command: [ACT, steady]}\n";

/// Sites with these numbers, none of them started.
fn define(bench: &Bench, numbers: std::ops::Range<u32>) {
    for number in numbers {
        bench.define(&format!("s{number}"), SITE);
    }
}

/// The calls of read(2) that a command made until its end (proc_pid_io(5)).
fn reads(command: Command) -> u64 {
    reads_of(command, 0)
}

/// The same of a command that ends with this code.
fn reads_of(mut command: Command, code: i32) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    // The numbers of a process that has ended are there until it is waited for.
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    let told = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(code));
    let reads = told.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap();
    reads.parse().unwrap()
}

#[test]
fn a_monitor_does_not_cost_with_the_number_of_other_sites() {
    let bench = Bench::new();
    bench.define("a", SITE);
    succeed(bench.hand(&["start", "a"]));
    let by_hand = || reads(bench.hand(&["monitor", "a"]));
    let recurring =
        || reads(bench.ocf("a", "monitor", &[("OCF_RESKEY_CRM_meta_interval", "10000")]));
    let alone = (by_hand(), recurring());
    define(&bench, 0..300);
    let among = (by_hand(), recurring());
    // A read that was interrupted is made again.
    assert!(
        among.0 <= alone.0 + 5 && among.1 <= alone.1 + 5,
        "alone {alone:?}, among 300 {among:?}"
    );
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_list_costs_the_same_for_each_site_and_does_not_walk_proc_for_each() {
    let bench = Bench::new();
    define(&bench, 0..100);
    let hundred = reads(bench.hand(&["list"]));
    define(&bench, 100..400);
    let four_hundred = reads(bench.hand(&["list"]));
    let more = (four_hundred - hundred) / 300;
    // Each definition is read for what it claims and for its row. A walk of /proc reads two files of each process.
    assert!(more <= 30, "{more} reads for each site: {hundred} for 100, {four_hundred} for 400");
    assert_eq!(succeed(bench.hand(&["list"])).lines().count(), 401);
}

#[test]
fn a_list_of_many_tells_of_two_that_claim_the_same_and_of_what_lives() {
    let bench = Bench::new();
    define(&bench, 0..20);
    bench.define("twin", &format!("site: s7\n{SITE}"));
    succeed(bench.hand(&["start", "s3"]));
    let listed = succeed(bench.hand(&["list"]));
    let row = |name: &str| {
        let row = listed.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_else(|| panic!("no row of {name}: {listed}"))
    };
    for name in ["twin", "s7"] {
        assert!(row(name).contains("both claim the virtual host name s7"), "{listed}");
    }
    assert!(row("s3").ends_with("running") && row("s4").ends_with("stopped"), "{listed}");
    // A process that nobody watches is found among them all, by its marks alone.
    let record = bench.record("s3").unwrap();
    signal(record.supervisor.pid, Signal::KILL);
    until("the supervisor is dead", || !record.supervisor.lives().unwrap());
    fs::remove_file(bench.places.of(&"s3".parse().unwrap()).record()).unwrap();
    let listed = succeed(bench.hand(&["list"]));
    assert!(listed.lines().any(|l| l.starts_with("s3") && l.contains("unsupervised")), "{listed}");
    succeed(bench.hand(&["clean", "s3"]));
}

#[test]
fn a_status_of_all_does_not_walk_proc_for_each_site() {
    let bench = Bench::new();
    let sleep = || {
        let mut command = Command::new("/bin/sleep");
        command.arg("1000");
        Bystander::of(command)
    };
    let _bystanders: Vec<Bystander> = (0..300).map(|_| sleep()).collect();
    define(&bench, 0..12);
    let start = |number: u32| succeed(bench.hand(&["start", &format!("s{number}")]));
    (0..2).for_each(|number| drop(start(number)));
    // The others are stopped, which is the exit code of the whole.
    let status = || reads_of(bench.hand(&["status"]), 3);
    let two = status();
    (2..10).for_each(|number| drop(start(number)));
    let more = (status() - two) / 8;
    assert!(more <= 100, "{more} reads for each site that runs");
    (0..10).for_each(|number| drop(succeed(bench.hand(&["stop", &format!("s{number}")]))));
}

#[test]
fn where_no_site_is_named_only_some_of_many_are() {
    let bench = Bench::new();
    define(&bench, 0..100);
    let said = said(&output(bench.hand(&["start"])));
    assert!(said.contains("there are 100: s0, s1, ") && said.contains(", ...; name one"), "{said}");
    assert!(said.len() < 400, "{said}");
}
