//! The time of a monitor, compared with `ocf:heartbeat:anything`, the shell agent for programs without
//! an agent of their own. Both monitor a sleep(1), first running and then stopped, in turn on one
//! machine. The medians and their ratio are printed. Run it with: cargo bench

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::*;

const PEER: &str = "/usr/lib/ocf/resource.d/heartbeat/anything";
const ROUNDS: usize = 200;

fn main() -> ExitCode {
    if !Path::new(PEER).exists() {
        eprintln!("*** NOT RUN: {PEER} is missing. Get it with: apt-get install resource-agents");
        return ExitCode::FAILURE;
    }
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [/bin/sleep, infinity]}}\n");
    let ours = |verb: &str| bench.ocf("a", verb, &[]);
    let peers = |verb: &str| {
        let mut command = Command::new(PEER);
        command
            .arg(verb)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("OCF_ROOT", "/usr/lib/ocf")
            .env("OCF_RESOURCE_INSTANCE", "peer")
            .env("OCF_RESKEY_binfile", "/bin/sleep")
            .env("OCF_RESKEY_cmdline_options", "infinity")
            .env("OCF_RESKEY_pidfile", bench.path("peer.pid"))
            .env("HA_RSCTMP", bench.path(""))
            .env("HA_LOGFILE", "/dev/null");
        command
    };
    assert_eq!(code(ours("start")), 0);
    assert_eq!(code(peers("start")), 0);
    compare("of what runs", 0, || ours("monitor"), || peers("monitor"));
    assert_eq!(code(ours("stop")), 0);
    assert_eq!(code(peers("stop")), 0);
    compare("of what is stopped", 7, || ours("monitor"), || peers("monitor"));
    ExitCode::SUCCESS
}

/// The exit code. The output is discarded, because a daemon that the command starts keeps it open.
fn code(mut command: Command) -> i32 {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().unwrap().code().unwrap()
}

fn compare(what: &str, expected: i32, ours: impl Fn() -> Command, peers: impl Fn() -> Command) {
    let timed = |command: Command| {
        let begun = Instant::now();
        assert_eq!(code(command), expected);
        begun.elapsed()
    };
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        mine.push(timed(ours()));
        theirs.push(timed(peers()));
    }
    let (mine, theirs) = (median(&mut mine), median(&mut theirs));
    let ratio = theirs.as_secs_f64() / mine.as_secs_f64();
    println!(
        "monitor {what}: siteward {mine:.1?}, anything {theirs:.1?}, {ratio:.1} times as long"
    );
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
