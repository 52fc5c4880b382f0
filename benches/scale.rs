//! The time of a start and a stop of 10 to 1,000 processes that need nothing of each other: siteward as Pacemaker calls
//! it, supervisord if it is installed, and the floor of both, a posix_spawn(3), a TERM and a wait(2) for each. They run
//! in turn on one machine; medians and ratios are printed as a table of Markdown. `benches/run` writes it to
//! docs/performance.md.

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use siteward::linux::PidFd;
use siteward::values::{Pid, Signal};

const SIZES: [usize; 5] = [10, 50, 200, 500, 1000];

/// How often each is run, of which the median counts. A life under supervisord takes seconds, so that there is one.
const ROUNDS: usize = 5;

const SUPERVISORD: &str = "/usr/bin/supervisord";

/// How long a start and a stop took.
#[derive(Clone, Copy)]
struct Took {
    start: Duration,
    stop: Duration,
}

fn main() {
    let has_peer = Path::new(SUPERVISORD).exists();
    if !has_peer {
        eprintln!(
            "*** LEFT OUT: {SUPERVISORD} is missing. Get it with: apt-get install supervisor"
        );
    }
    println!(
        "| processes | raw start | siteward | ratio | supervisord | raw stop | siteward | beyond raw |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for size in SIZES {
        let (mut raw, mut ours, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            raw.push(raw_life(size));
            ours.push(our_life(size));
            peers.extend((has_peer && round == 0).then(|| peers_start(size)));
        }
        let (raw, ours) = (median(&raw), median(&ours));
        let peer = peers.first().map_or_else(String::new, |start| ms(*start));
        println!(
            "| {size} | {} | {} | {:.2} | {peer} | {} | {} | {} |",
            ms(raw.start),
            ms(ours.start),
            ours.start.as_secs_f64() / raw.start.as_secs_f64(),
            ms(raw.stop),
            ms(ours.stop),
            ms(ours.stop.saturating_sub(raw.stop)),
        );
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn median(all: &[Took]) -> Took {
    let of = |time: fn(&Took) -> Duration| {
        let mut times: Vec<Duration> = all.iter().map(time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    Took { start: of(|took| took.start), stop: of(|took| took.stop) }
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn sleep() -> Command {
    let mut command = quiet(Command::new("/bin/sleep"));
    command.arg("infinity").env_clear();
    command
}

fn handle(child: &Child) -> PidFd {
    PidFd::open(Pid::try_from(child.id().cast_signed()).unwrap()).unwrap()
}

fn raw_life(size: usize) -> Took {
    let mut children = Vec::new();
    let start = timed(|| children.extend((0..size).map(|_| sleep().spawn().unwrap())));
    let handles: Vec<PidFd> = children.iter().map(handle).collect();
    let stop = timed(|| {
        handles.iter().for_each(|handle| handle.send(Signal::TERM).unwrap());
        children.iter_mut().for_each(|child| assert!(!child.wait().unwrap().success()));
    });
    Took { start, stop }
}

fn our_life(size: usize) -> Took {
    let bench = Bench::in_memory();
    let process = |n| format!("  p{n}: {{command: [/bin/sleep, infinity], depends_on: []}}\n");
    let all: String = (0..size).map(process).collect();
    bench.define("shop", &format!("settle: 0\nboot_timeout: 200s\nprocesses:\n{all}"));
    let time = ("OCF_RESKEY_CRM_meta_timeout", "300000");
    let call = |verb| assert!(quiet(bench.ocf("shop", verb, &[time])).status().unwrap().success());
    Took { start: timed(|| call("start")), stop: timed(|| call("stop")) }
}

/// Its stop is not timed: a child that has not executed its program yet does not hear of it.
fn peers_start(size: usize) -> Duration {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (log, pid) = (at("log"), at("pid"));
    let mut text = format!("[supervisord]\nlogfile={log}\npidfile={pid}\nminfds=8192\n");
    for n in 0..size {
        let out = at(&format!("p{n}.log"));
        text.push_str(&format!("[program:p{n}]\ncommand=/bin/sleep infinity\nstartsecs=0\n"));
        text.push_str(&format!("stdout_logfile={out}\nredirect_stderr=true\n"));
    }
    fs::write(folder.path().join("conf"), text).unwrap();
    let mut command = quiet(Command::new(SUPERVISORD));
    command.args(["-n", "-c", &at("conf")]);
    let mut peer = None;
    let start = timed(|| {
        let child = command.spawn().unwrap();
        let path = format!("/proc/{0}/task/{0}/children", child.id());
        let count = || fs::read_to_string(&path).unwrap_or_default().split_whitespace().count();
        until("it has started all", || count() == size);
        peer = Some(child);
    });
    let mut peer = peer.unwrap();
    handle(&peer).send(Signal::TERM).unwrap();
    peer.wait().unwrap();
    start
}
