//! What the processes and the supervisor print, in the node's own log: a journal or a syslog that listens in a
//! mount namespace of the test's own.

mod common;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::*;

const SITE: &str = "shop";

fn main() -> ExitCode {
    live_through(
        missing_root(),
        true,
        &[
            ("what_a_process_prints_goes_to_the_journal", to_the_journal),
            ("without_a_journal_it_goes_to_syslog", to_syslog),
            ("a_journal_that_takes_nothing_holds_nobody_up", a_stuck_journal),
            ("without_any_log_of_the_node_that_is_told_once", without_any),
        ],
    )
}

/// Each call in a mount namespace whose /run is empty, with `journal` as journald's folder or `syslog` as
/// /dev/log.
fn within(journal: Option<&Path>, syslog: Option<&Path>) -> Vec<String> {
    let mut script = String::from("mount -t tmpfs none /run");
    if let Some(folder) = journal {
        script += &format!(
            " && mkdir -p /run/systemd/journal && mount --bind '{}' /run/systemd/journal",
            folder.display()
        );
    }
    // A node of its own for /dev, as a name cannot be added to the real one.
    script += " && mkdir /run/dev && mount -t tmpfs none /run/dev && cd /run/dev \
               && for n in null zero full random urandom tty; do touch $n; \
               mount --bind /dev/$n $n; done && ln -s /proc/self/fd fd && mkdir shm";
    if let Some(socket) = syslog {
        script += &format!(" && ln -s '{}' log", socket.display());
    }
    script += " && cd / && mount --rbind /run/dev /dev && exec \"$@\"";
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", &script, "-"]
        .map(str::to_owned)
        .to_vec()
}

fn listen(at: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UnixDatagram) -> String {
    let mut buffer = vec![0; 200_000];
    let length = socket.recv(&mut buffer).expect("a line comes");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// The datagrams up to one that holds all of these words.
fn until_one_holds(socket: &UnixDatagram, words: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let one = receive(socket);
        let is_it = words.iter().all(|word| one.contains(word));
        all.push(one);
        if is_it {
            return all;
        }
    }
}

fn define(bench: &Bench, script: &str) {
    let script = script.replace("HERE", &bench.path("").display().to_string());
    bench.define(
        SITE,
        &format!(
            "logging: {{journal: true}}\nprocesses:\n  \
             a: {{command: [/bin/sh, -c, '{script}'], restart: {{attempts: 3, delay: 10ms}}}}\n  \
             b: {{command: [ACT, steady], logging: {{journal: false}}}}\n"
        ),
    );
}

fn to_the_journal() {
    let mut bench = Bench::new();
    let folder = bench.path("journal");
    fs::create_dir(&folder).unwrap();
    let socket = listen(&folder.join("socket"));
    bench.within = within(Some(&folder), None);
    define(
        &bench,
        "echo one; printf \"no end\"; until test -e HERE/die; do sleep 0.02; done; exit 3",
    );
    succeed(bench.hand(&["start", SITE]));
    let mut all =
        until_one_holds(&socket, &["MESSAGE=one\n", "SYSLOG_IDENTIFIER=siteward/shop/a\n"]);
    let line = all.last().unwrap();
    assert!(line.contains("SITEWARD_SITE=shop\nSITEWARD_PROCESS=a\n"), "{line}");
    assert!(line.contains("PRIORITY=6\n"), "{line}");
    fs::write(bench.path("die"), "").unwrap();
    // A line without an end is sent at the end of the run.
    all.extend(until_one_holds(&socket, &["MESSAGE=no end\n"]));
    let own = "SYSLOG_IDENTIFIER=siteward/shop\n";
    all.extend(until_one_holds(&socket, &["`a`", "PRIORITY=4\n", own]));
    fs::remove_file(bench.path("die")).unwrap();
    // Its socket goes, and comes again.
    drop(socket);
    fs::remove_file(folder.join("socket")).unwrap();
    assert_eq!(code(bench.hand(&["status", SITE])), 0);
    let socket = listen(&folder.join("socket"));
    succeed(bench.hand(&["stop", SITE]));
    all.extend(until_one_holds(&socket, &["the site `shop` is stopped", own]));
    let told = |words: &str| all.iter().filter(|one| one.contains(words)).count();
    assert_eq!(told("steady is on"), 0, "`b` goes to its file alone");
    assert!(told("`a` is started as") >= 1);
}

fn to_syslog() {
    let mut bench = Bench::new();
    let path = bench.path("syslog");
    let socket = listen(&path);
    bench.within = within(None, Some(&path));
    define(&bench, "echo one; exec sleep 1000");
    succeed(bench.hand(&["start", SITE]));
    let line = until_one_holds(&socket, &[" siteward/shop/a: one"]).pop().unwrap();
    assert!(line.starts_with("<30>"), "{line}");
    succeed(bench.hand(&["stop", SITE]));
    until_one_holds(&socket, &[" siteward/shop: the site `shop` is stopped"]);
}

fn a_stuck_journal() {
    let mut bench = Bench::new();
    let folder = bench.path("journal");
    fs::create_dir(&folder).unwrap();
    let socket = listen(&folder.join("socket"));
    bench.within = within(Some(&folder), None);
    let lines = 2_000_000;
    define(&bench, &format!("seq 1 {lines}; touch HERE/printed; exec sleep 1000"));
    let begun = Instant::now();
    succeed(bench.hand(&["start", SITE]));
    until("it has printed", || exists(&bench.path("printed")));
    assert!(begun.elapsed() < PATIENCE / 2, "nobody waited for the journal");
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(code(bench.hand(&["status", SITE])), 0);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let mut sent = 0;
    let mut left_out = 0;
    loop {
        let one = receive(&socket);
        if !one.contains("SYSLOG_IDENTIFIER=siteward/shop/a\n") {
            continue;
        }
        let message = one.strip_prefix("MESSAGE=").and_then(|m| m.split('\n').next()).unwrap();
        if let Some((count, _)) = message.split_once(" lines of `a` were left out") {
            left_out += count.parse::<u64>().unwrap();
        } else {
            sent += 1;
            if message == lines.to_string() {
                break;
            }
        }
    }
    assert!(left_out > 0, "{sent}");
    assert_eq!(sent + left_out, lines, "each line was sent or counted");
    assert!(bench.log(SITE, "siteward.log").contains("did not get into the node's journal"));
    succeed(bench.hand(&["stop", SITE]));
}

fn without_any() {
    let mut bench = Bench::new();
    bench.within = within(None, None);
    define(&bench, "echo one; sleep 0.5; echo two; sleep 0.5; echo three; exec sleep 1000");
    succeed(bench.hand(&["start", SITE]));
    until("all is printed", || bench.log(SITE, "a.log").contains("three"));
    let told = || {
        let log = bench.log(SITE, "siteward.log");
        log.matches("neither a journal nor a syslog").count()
    };
    until("it is told", || told() > 0);
    succeed(bench.hand(&["stop", SITE]));
    assert_eq!(told(), 1);
}
