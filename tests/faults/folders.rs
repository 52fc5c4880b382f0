//! The folders of the runtime, the logs and the database: without room, or read-only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use siteward::values::Signal;

use crate::common::*;
use crate::{see, sees};

const SITE: &str = "shop";

/// What is mounted on a folder, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// A small file system of its own.
    fn small(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let words = ["-t", "tmpfs", "-o", "size=128k,mode=0755", "siteward-test"];
        assert!(Command::new("mount").args(words).arg(at).status().unwrap().success());
        Self(at.to_owned())
    }

    /// The same folder, in which nothing can be changed by its name.
    fn read_only(at: &Path) -> Self {
        let mount = |words: &[&str]| {
            let status = Command::new("mount").args(words).arg(at).status();
            assert!(status.unwrap().success(), "{words:?}");
        };
        mount(&["--bind", &at.display().to_string()]);
        let mounted = Self(at.to_owned());
        mount(&["-o", "remount,bind,ro"]);
        mounted
    }

    /// Until nothing more can be written.
    fn fill(&self) {
        let full = fs::write(self.0.join("fill"), vec![0; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("fill")).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A process that is started again, and one that is not. They print nothing, as that would fail where there is no room.
const PROCESSES: &str = "processes:\n  x: {command: [/bin/sleep, \"100000\"], restart: {attempts: 9, within: 60s, delay: 10ms}}\n  \
                         y: {command: [/bin/sleep, \"100001\"]}\n";

/// The process dies, and another one runs in its place.
fn is_started_again(bench: &Bench) {
    let before = bench.pid(SITE, "x");
    signal(before, Signal::KILL);
    until("it runs again", || {
        let seen = said(&output(bench.hand(&["monitor", SITE])));
        seen.starts_with("running") && bench.pid_if_recorded("x") != Some(before)
    });
}

impl Bench {
    /// By what the monitor says, as a record may not be written here.
    fn pid_if_recorded(&self, process: &str) -> Option<siteward::values::Pid> {
        let seen = said(&output(self.hand(&["monitor", SITE])));
        let line = seen.lines().find(|l| l.trim_start().starts_with(process))?;
        line.split_whitespace().nth(1)?.parse::<i32>().ok()?.try_into().ok()
    }
}

pub(crate) fn a_full_log_folder_stops_nothing() {
    let bench = Bench::new();
    bench.define(SITE, PROCESSES);
    let logs = Mounted::small(&bench.places.logs);
    logs.fill();
    let start = || bench.hand(&["start", SITE]);
    sees("full log folder: start", &bench, start(), 0, "is running");
    sees("full log folder: monitor", &bench, bench.hand(&["monitor", SITE]), 0, "running");
    is_started_again(&bench);
    sees("full log folder: stop", &bench, bench.hand(&["stop", SITE]), 0, "is stopped");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, "stopped with a full log folder");
    // It becomes full while the site runs.
    logs.empty();
    succeed(start());
    logs.fill();
    is_started_again(&bench);
    sees("full log folder: clean", &bench, bench.hand(&["clean", SITE]), 0, "is cleaned up");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, "cleaned with a full log folder");
    succeed(start());
    signal(bench.pid(SITE, "y"), Signal::KILL);
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    let seen = bench.hand(&["status", SITE]);
    sees("full log folder: a process dies", &bench, seen, 1, "was killed by SIGKILL");
    succeed(bench.hand(&["stop", SITE]));
}

pub(crate) fn a_log_folder_becomes_read_only() {
    let bench = Bench::new();
    bench.define(SITE, PROCESSES);
    let start = || bench.hand(&["start", SITE]);
    for verb in ["stop", "clean"] {
        succeed(start());
        let _read_only = Mounted::read_only(&bench.places.logs);
        assert_eq!(bench.monitor(SITE), (0, 0, 0));
        let words = if verb == "stop" { "is stopped" } else { "is cleaned up" };
        sees(&format!("read-only log folder: {verb}"), &bench, bench.hand(&[verb, SITE]), 0, words);
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, verb);
    }
    succeed(start());
    let _read_only = Mounted::read_only(&bench.places.logs);
    // It cannot be started again without a file for what it prints.
    signal(bench.pid(SITE, "x"), Signal::KILL);
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    let seen = bench.hand(&["monitor", SITE]);
    sees("read-only log folder: a process dies", &bench, seen, 1, "[process-not-run]");
    succeed(bench.hand(&["stop", SITE]));
    nothing_is_left(&bench, SITE, "failed with a read-only log folder");
    sees("read-only log folder: start", &bench, start(), 1, "[process-not-run]");
    assert_eq!(bench.monitor(SITE), (7, 7, 1));
    nothing_is_left(&bench, SITE, "not started");
    succeed(bench.hand(&["stop", SITE]));
}

pub(crate) fn a_full_runtime_folder_while_it_runs() {
    let bench = Bench::new();
    bench.define(SITE, PROCESSES);
    let runtime = Mounted::small(&bench.places.runtime);
    for verb in ["stop", "clean"] {
        succeed(bench.hand(&["start", SITE]));
        runtime.fill();
        assert_eq!(bench.monitor(SITE), (0, 0, 0));
        is_started_again(&bench);
        succeed(bench.hand(&["pause", SITE]));
        succeed(bench.hand(&["resume", SITE]));
        let words = if verb == "stop" { "is stopped" } else { "is cleaned up" };
        sees(&format!("full runtime folder: {verb}"), &bench, bench.hand(&[verb, SITE]), 0, words);
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, verb);
        let start = bench.hand(&["start", SITE]);
        sees("full runtime folder: start", &bench, start, 1, "[start-not-written]");
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        runtime.empty();
    }
    succeed(bench.hand(&["start", SITE]));
    runtime.fill();
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    until("nobody watches it", || bench.monitor(SITE) == (1, 1, 1));
    let adopt = bench.hand(&["adopt", SITE]);
    sees("full runtime folder: adopt", &bench, adopt, 1, "[not-adopted]");
    assert_eq!(bench.monitor(SITE), (1, 1, 1), "it lives on");
    let stop = bench.hand(&["stop", SITE]);
    sees("full runtime folder: stop without a supervisor", &bench, stop, 0, "is stopped");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, "stopped without a supervisor");
}

pub(crate) fn a_runtime_folder_becomes_read_only() {
    let bench = Bench::new();
    bench.define(SITE, PROCESSES);
    let start = || bench.hand(&["start", SITE]);
    for verb in ["stop", "clean"] {
        succeed(start());
        let read_only = Mounted::read_only(&bench.places.runtime);
        assert_eq!(bench.monitor(SITE), (0, 0, 0));
        is_started_again(&bench);
        let words = if verb == "stop" { "is stopped" } else { "is cleaned up" };
        let call = bench.hand(&[verb, SITE]);
        sees(&format!("read-only runtime folder: {verb}"), &bench, call, 0, words);
        assert_eq!(bench.living(SITE), "");
        let case = format!("read-only runtime folder: monitor after {verb}");
        let seen = see(&case, &bench, bench.hand(&["monitor", SITE]), "");
        assert!(matches!(seen.status.code(), Some(1 | 3)), "{}", said(&seen));
        sees("read-only runtime folder: start", &bench, start(), 1, "[folder-unusable]");
        // A stop of what is stopped, and a probe.
        succeed(bench.hand(&["stop", SITE]));
        assert_eq!(code(bench.ocf(SITE, "monitor", &[])), 7);
        drop(read_only);
        succeed(bench.hand(&["stop", SITE]));
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, verb);
    }
}

/// With a database in a folder of its own.
fn with_database() -> (Bench, PathBuf) {
    Bench::with_database(SITE, "", PROCESSES.trim_start_matches("processes:\n"))
}

pub(crate) fn a_database_becomes_read_only() {
    let (bench, database) = with_database();
    let start = || bench.hand(&["start", SITE]);
    {
        let _read_only = Mounted::read_only(&database);
        sees("read-only database: start", &bench, start(), 1, "[lease-not-taken]");
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, "not started");
    }
    for verb in ["stop", "clean"] {
        succeed(start());
        {
            let _read_only = Mounted::read_only(&database);
            assert_eq!(bench.monitor(SITE), (0, 0, 0));
            is_started_again(&bench);
            let pause = bench.hand(&["pause", SITE]);
            sees("read-only database: pause", &bench, pause, 1, "[pause-not-written]");
            assert_eq!(bench.monitor(SITE), (0, 0, 0), "it runs on");
            let words = if verb == "stop" { "is stopped" } else { "is cleaned up" };
            let call = bench.hand(&[verb, SITE]);
            sees(&format!("read-only database: {verb}"), &bench, call, 0, words);
            assert_eq!(bench.monitor(SITE), (7, 7, 3));
            nothing_is_left(&bench, SITE, verb);
        }
        lease_is_free(&database, verb);
    }
}

pub(crate) fn a_database_becomes_full() {
    let bench = Bench::new();
    let database = bench.path("disk");
    let disk = Mounted::small(&database);
    let processes = PROCESSES.trim_start_matches("processes:\n");
    bench.define_with_database(SITE, &database, "", processes);
    for verb in ["stop", "clean"] {
        succeed(bench.hand(&["start", SITE]));
        disk.fill();
        assert_eq!(bench.monitor(SITE), (0, 0, 0));
        is_started_again(&bench);
        let pause = bench.hand(&["pause", SITE]);
        sees("full database: pause", &bench, pause, 1, "[pause-not-written]");
        assert_eq!(bench.monitor(SITE), (0, 0, 0), "it runs on");
        let words = if verb == "stop" { "is stopped" } else { "is cleaned up" };
        sees(&format!("full database: {verb}"), &bench, bench.hand(&[verb, SITE]), 0, words);
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, verb);
        lease_is_free(&database, verb);
        disk.empty();
    }
}
