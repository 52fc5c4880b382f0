//! What a start and a stop cost for each process, in system calls and memory of the supervisor, and what a stop and a probe
//! cost for each other process of the node. Times are not the same on two
//! machines and counts are, so that these bounds hold on any: what is done once for a turn of the loop, or for a stop,
//! must not be done once for each process.

mod common;

use std::fs;
use std::path::Path;

use common::*;
use siteward::process::Identity;
use siteward::values::Pid;

/// Sites of so many processes are compared, so that what a start and a stop cost at any size does not count.
const FEW: usize = 20;
const MANY: usize = 100;

/// The most system calls of the supervisor for each process. A change that needs more of them says why.
const AT_START: usize = 36;
const AT_STOP: usize = 14;

/// A file of /proc is read at a start to identify a process, and nothing else for each.
const PROC_AT_START: usize = 1;

/// How many files of /proc a stop reads, for any number of processes.
const PROC_AT_STOP: usize = 20;

/// What a verb opens of a process that began before the site, and a probe of a stopped site of any: how it is, and its
/// environment. Its descriptors are not read, as it can have inherited no lock.
const OF_A_BYSTANDER: usize = 2;

/// The memory of a supervisor, in KiB, as the tests are built: what it has without processes, and the most for each of
/// them. As it is released it has less than half of the first.
const MEMORY: usize = 2560;
const MEMORY_OF_EACH: usize = 6;

/// Of so many processes, so that what the supervisor has anyway does not count.
const SOME: usize = 50;
const HUNDREDS: usize = 450;

/// The system calls of the supervisor, each as strace(1) writes it.
struct Calls {
    start: Vec<String>,
    stop: Vec<String>,
}

impl Calls {
    /// Of the life of a site of so many processes that need nothing of each other.
    fn of(processes: usize) -> Self {
        let mut bench = bench_of(processes);
        let trace = bench.path("trace");
        let strace = ["strace", "-f", "-q", "-o"].map(str::to_owned);
        bench.within = [&strace[..], &[trace.display().to_string()]].concat();
        let mut run = background(bench.hand(&["run", "shop"]));
        bench.within.clear();
        until("it runs", || code(bench.hand(&["status", "shop"])) == 0);
        succeed(bench.hand(&["stop", "shop", "--timeout", "60s"]));
        assert!(run.wait().unwrap().success());
        Self::in_trace(&trace)
    }

    fn in_trace(trace: &Path) -> Self {
        let text = String::from_utf8_lossy(&fs::read(trace).unwrap()).into_owned();
        let supervisor = text.split_whitespace().next().unwrap().to_owned();
        let own = text.lines().filter_map(|line| line.strip_prefix(&supervisor)).map(str::trim);
        // std asks whether a descriptor is open before it closes it, in a build with debug assertions.
        let calls = own.filter(|call| !call.starts_with("<...") && !call.contains("F_GETFD"));
        let calls: Vec<String> = calls.map(str::to_owned).collect();
        let begin = calls.iter().position(|call| call.contains("/process/p0\"")).unwrap();
        let end = calls.iter().position(|call| call.starts_with("pidfd_send_signal")).unwrap();
        Self { start: calls[begin..end].to_vec(), stop: calls[end..].to_vec() }
    }
}

/// With the definition `shop` of so many processes that need nothing of each other.
fn bench_of(processes: usize) -> Bench {
    let bench = Bench::in_memory();
    let process = |n| format!("  p{n}: {{command: [/bin/sleep, infinity], depends_on: []}}\n");
    let all: String = (0..processes).map(process).collect();
    bench.define("shop", &format!("settle: 0\nboot_timeout: 60s\nprocesses:\n{all}"));
    bench
}

fn count(calls: &[String], what: &str) -> usize {
    calls.iter().filter(|call| call.starts_with(what) || call.contains(what)).count()
}

fn has_strace() -> bool {
    if std::process::Command::new("strace").arg("-V").output().is_ok() {
        return true;
    }
    let what = "the counts of system calls. Missing: strace. Get it with: apt-get install strace";
    assert!(!leave_out(what), "{what}");
    false
}

/// With a descriptor beside the usual ones.
fn bystander() -> Bystander {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec 9</dev/null sleep 1018"]);
    Bystander::of(command)
}

/// What is opened of a process in a trace, and what is told of its descriptors.
fn looks_at(of: &Bystander, trace: &Path) -> usize {
    let path = format!("\"/proc/{}/", of.pid());
    let text = String::from_utf8_lossy(&fs::read(trace).unwrap()).into_owned();
    text.lines().filter(|call| call.contains(&path)).count()
}

#[test]
fn a_process_of_the_node_costs_a_stop_and_a_probe_two_files() {
    if !has_strace() {
        return;
    }
    let mut bench = Bench::in_memory();
    bench.define("shop", "settle: 0\nprocesses:\n  a: {command: [/bin/sleep, infinity]}\n");
    let before = bystander();
    // A process that began in the same tick of the clock as the site is looked at as one that began later.
    let age = |pid: Pid| Identity::of(pid).and_then(|identity| identity.age()).unwrap();
    until("the clock has ticked", || age(before.pid()).as_millis() >= 30);
    succeed(bench.hand(&["start", "shop"]));
    let after = bystander();
    let trace = bench.path("trace");
    let strace = ["strace", "-q", "-o"].map(str::to_owned);
    bench.within = [&strace[..], &[trace.display().to_string()]].concat();
    succeed(bench.ocf("shop", "stop", &[]));
    let looks = [&before, &after].map(|process| looks_at(process, &trace));
    println!("looks at a stop: {looks:?}");
    assert!(looks[0] > 0 && looks[0] <= OF_A_BYSTANDER, "{looks:?}");
    assert_eq!(code(bench.ocf("shop", "monitor", &[])), 7);
    let looks = [&before, &after].map(|process| looks_at(process, &trace));
    println!("looks at a probe: {looks:?}");
    assert!(looks.iter().all(|looks| (1..=OF_A_BYSTANDER).contains(looks)), "{looks:?}");
}

/// A site whose supervisor is another has no such proof, and its commands are looked for by their words, too.
#[test]
fn a_process_of_the_node_costs_a_probe_of_a_wrapped_site_three_walks() {
    if !has_strace() {
        return;
    }
    let mut bench = Bench::in_memory();
    bench.define(
        "other",
        "supervisor:\n  start: [/bin/sleep, \"1019\"]\n  process: [/bin/sleep, \"1019\"]\n  \
         stop: [/bin/true, stop]\n  pause: [/bin/true, pause]\n  resume: [/bin/true, resume]\n  \
         list: {command: [/bin/sh, -c, exit 3], rows: exit-status}\n",
    );
    let bystander = bystander();
    let trace = bench.path("trace");
    bench.within = ["strace", "-q", "-o", &trace.display().to_string()].map(str::to_owned).into();
    assert_eq!(code(bench.ocf("other", "monitor", &[])), 7);
    let text = String::from_utf8_lossy(&fs::read(&trace).unwrap()).into_owned();
    let opened =
        |file: &str| text.matches(&format!("\"/proc/{}/{file}\"", bystander.pid())).count();
    let looks = ["stat", "cmdline", "environ"].map(opened);
    println!("looks at a probe of a wrapped site: {looks:?}");
    assert!(looks[0] <= 3 && looks[1] <= 2 && looks[2] == 1, "{looks:?}");
}

#[test]
fn a_process_costs_the_same_among_few_and_among_many() {
    if !has_strace() {
        return;
    }
    let (few, many) = (Calls::of(FEW), Calls::of(MANY));
    let each = |few: usize, many: usize| many.saturating_sub(few) / (MANY - FEW);

    let start = each(few.start.len(), many.start.len());
    let stop = each(few.stop.len(), many.stop.len());
    let read = |calls: &[String]| count(calls, "\"/proc/");
    let (read_at_start, read_at_stop) = (read(&many.start), read(&many.stop));
    println!(
        "for each process: {start} calls at a start, {stop} at a stop; of {MANY}: {read_at_start} reads of /proc at \
         the start, {read_at_stop} at the stop"
    );
    assert!(start <= AT_START, "{start} system calls for each process that is started");
    assert!(stop <= AT_STOP, "{stop} system calls for each process that is stopped");
    assert!(read_at_start <= MANY * PROC_AT_START + 20, "{read_at_start} files at a start");
    assert!(read_at_stop <= PROC_AT_STOP, "{read_at_stop} files at a stop");
    assert!(read(&few.stop) <= PROC_AT_STOP);

    // Each record is two: the file and its folder.
    for (which, calls) in [("start", &many.start), ("stop", &many.stop)] {
        let (syncs, turns) = (count(calls, "fsync("), count(calls, "poll("));
        println!("{which}: {syncs} syncs in {turns} turns");
        assert!(syncs <= 2 * turns + 6, "{syncs} syncs in {turns} turns of a {which}");
    }
    let records = count(&many.start, "record.json.new");
    assert!(records <= 3 * (count(&many.start, "poll(") + 3), "{records}");
}

/// The memory of the supervisor of a site of so many processes that is no part of a file, in KiB.
fn memory_of_a_supervisor(processes: usize) -> usize {
    let bench = bench_of(processes);
    succeed(bench.hand(&["start", "shop", "--timeout", "60s"]));
    let file = format!("/proc/{}/smaps_rollup", bench.pid("shop", "supervisor"));
    let text = fs::read_to_string(file).unwrap();
    let kib = |line: &str| line.strip_prefix("Anonymous:")?.split_whitespace().next()?.parse().ok();
    let found = text.lines().find_map(kib).expect("the memory of a process, as proc(5) tells it");
    succeed(bench.hand(&["stop", "shop", "--timeout", "60s"]));
    found
}

#[test]
fn a_supervisor_needs_little_memory_and_little_more_for_each_process() {
    let (some, hundreds) = (memory_of_a_supervisor(SOME), memory_of_a_supervisor(HUNDREDS));
    println!("private memory: {some} KiB with {SOME} processes, {hundreds} KiB with {HUNDREDS}");
    for (memory, processes) in [(some, SOME), (hundreds, HUNDREDS)] {
        let most = MEMORY + processes * MEMORY_OF_EACH;
        assert!(memory <= most, "{memory} KiB with {processes} processes, and not {most}");
    }
    assert!((hundreds - some) / (HUNDREDS - SOME) <= MEMORY_OF_EACH);
}
