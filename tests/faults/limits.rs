//! A control group's limits of processes and of memory, reached.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use siteward::values::Signal;

use crate::common::*;
use crate::sees;

const SITE: &str = "shop";

/// A control group of the test's own with one controller, removed when it is dropped.
struct Limited {
    at: PathBuf,
    limit: PathBuf,
    /// There is one tree for all controllers, and siteward would leave this group for one of its own.
    is_unified: bool,
}

impl Limited {
    /// None, loudly: this machine has no such controller.
    fn new(controller: &str) -> Option<Self> {
        // Tests of one program run at the same time.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("siteward-test-{}-{controller}-{number}", std::process::id());
        let v1 = Path::new("/sys/fs/cgroup").join(controller);
        let v2 = Path::new("/sys/fs/cgroup");
        let (at, is_unified) = if v1.is_dir() {
            (v1.join(name), false)
        } else {
            let _ = fs::write(v2.join("cgroup.subtree_control"), format!("+{controller}"));
            (v2.join(name), true)
        };
        let file = match (controller, is_unified) {
            ("memory", false) => "memory.limit_in_bytes".to_owned(),
            (controller, _) => format!("{controller}.max"),
        };
        let made = fs::create_dir(&at);
        let group = Self { limit: at.join(&file), at, is_unified };
        if made.is_err() || !group.limit.exists() {
            eprintln!(
                "\n*** LEFT OUT: {file} of a control group. This machine has none that may be set ***\n"
            );
            return None;
        }
        Some(group)
    }

    fn set(&self, limit: &str) {
        // Where memory is in use, the kernel takes a lower limit only at its second try.
        until("the limit is set", || fs::write(&self.limit, limit).is_ok());
    }

    /// How many processes are in it.
    fn processes(&self) -> usize {
        fs::read_to_string(self.at.join("pids.current")).unwrap().trim().parse().unwrap()
    }

    /// As many processes as there are, and some more.
    fn room_for(&self, more: usize) {
        self.set(&(self.processes() + more).to_string());
    }

    fn no_limit(&self) {
        self.set(if self.is_unified || self.limit.ends_with("pids.max") { "max" } else { "-1" });
    }

    /// The call, and all that it starts, in this group.
    fn within(&self, command: &Command) -> Command {
        let mut inside = Command::new("/bin/sh");
        let script = "echo $$ >\"$0\" && exec \"$@\"";
        inside.args(["-c", script]).arg(self.at.join("cgroup.procs"));
        if self.is_unified {
            inside.args(no_groups());
        }
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap());
        }
        inside
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.at).is_ok() {
                return;
            }
            wait_for(Duration::from_millis(20));
        }
    }
}

pub(crate) fn no_room_for_a_process() {
    let Some(table) = Limited::new("pids") else { return };
    let bench = Bench::new();
    bench
        .define(SITE, "processes:\n  x: {command: [ACT, steady]}\n  y: {command: [ACT, steady]}\n");
    let within = |words: &[&str]| table.within(&bench.hand(words));
    // At each room a start comes up, or fails and leaves nothing.
    let mut begins = false;
    // On a busy machine one that has ended takes its place for some time.
    for room in 1..24 {
        table.set(&room.to_string());
        let started = output(within(&["start", SITE]));
        let story = format!("room for {room}: {}", said(&started));
        match started.status.code() {
            Some(0) => begins = true,
            Some(1) => {
                let is_told = ["[not-started]", "[process-not-run]"];
                assert!(is_told.iter().any(|id| story.contains(id)), "{story}");
                nothing_is_left(&bench, SITE, &story);
            }
            code => panic!("{code:?}: {story}"),
        }
        table.no_limit();
        succeed(bench.hand(&["stop", SITE]));
        assert_eq!(bench.monitor(SITE), (7, 7, 3), "{story}");
        if begins {
            break;
        }
    }
    assert!(begins, "a room of 23 is enough");
    table.set("1");
    sees("no process can be made: start", &bench, within(&["start", SITE]), 1, "[not-started]");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    // The verbs that must not fail need no other process.
    for verb in ["stop", "clean"] {
        table.no_limit();
        succeed(bench.hand(&["start", SITE]));
        table.set("1");
        sees("no process can be made: monitor", &bench, within(&["monitor", SITE]), 0, "running");
        assert_eq!(code(within(&["status", SITE])), 0);
        let words = if verb == "stop" { "is stopped" } else { "is cleaned up" };
        let case = format!("no process can be made: {verb}");
        sees(&case, &bench, within(&[verb, SITE]), 0, words);
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, verb);
    }
    succeed(bench.hand(&["start", SITE]));
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    until("nobody watches it", || code(within(&["monitor", SITE])) == 1);
    let case = "no process can be made: stop without a supervisor";
    sees(case, &bench, within(&["stop", SITE]), 0, "is stopped");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, case);
}

pub(crate) fn no_room_for_the_supervisors_processes() {
    let Some(table) = Limited::new("pids") else { return };
    let bench = Bench::new();
    bench.define(
        SITE,
        "processes:\n  x: {command: [ACT, steady], healthcheck: {test: [/bin/true], interval: 1s, \
         timeout: 1s, retries: 30}}\n  y: {command: [ACT, steady], restart: {attempts: 1, within: 60s, delay: 10ms}}\n",
    );
    succeed(table.within(&bench.hand(&["start", SITE])));
    let x = bench.pid(SITE, "x");
    until("the helpers of the start have ended", || table.processes() == 3);
    table.room_for(0);
    until("a healthcheck could not be made", || {
        bench.log(SITE, "siteward.log").contains("does not count as failed")
    });
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    assert_eq!(bench.pid(SITE, "x"), x);
    // The place of a process that died is taken by another program before it can be started again.
    signal(bench.pid(SITE, "supervisor"), Signal::STOP);
    let y = bench.pid(SITE, "y");
    table.set("1");
    signal(y, Signal::KILL);
    signal(bench.pid(SITE, "supervisor"), Signal::CONT);
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    let case = "no process can be made: a process dies";
    sees(case, &bench, bench.hand(&["monitor", SITE]), 1, "[process-not-run]");
    table.no_limit();
    succeed(bench.hand(&["stop", SITE]));
    nothing_is_left(&bench, SITE, case);
}

pub(crate) fn memory_is_used_up() {
    let Some(memory) = Limited::new("memory") else { return };
    let bench = Bench::new();
    let go = bench.path("go");
    let eats =
        format!("until rm {} 2>/dev/null; do sleep 0.05; done; exec tail /dev/zero", go.display());
    bench.define(
        SITE,
        &format!(
            "processes:\n  x: {{command: [/bin/sh, -c, \"{eats}\"], restart: {{attempts: 1, within: 60s, \
             delay: 10ms}}}}\n  y: {{command: [ACT, steady]}}\n"
        ),
    );
    memory.set("67108864");
    succeed(memory.within(&bench.hand(&["start", SITE])));
    let (supervisor, y) = (bench.pid(SITE, "supervisor"), bench.pid(SITE, "y"));
    let score = |pid| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    // Where root may not protect a process, that is told.
    let is_told = bench.log(SITE, "siteward.log").contains("is not protected when memory is short");
    assert_eq!(score(supervisor).trim(), if is_told { "0" } else { "-1000" });
    assert_eq!(score(y).trim(), "0", "no process of the site is protected");
    let before = bench.pid(SITE, "x");
    fs::write(&go, "").unwrap();
    until("the kernel has killed it, and it runs again", || {
        let next = bench.pid_if_it_runs(SITE, "x");
        bench.monitor(SITE) == (0, 0, 0) && next.is_some_and(|next| next != before)
    });
    let case = "a process has used up the memory";
    sees(case, &bench, bench.hand(&["monitor", SITE]), 0, "was killed by SIGKILL");
    assert_eq!((bench.pid(SITE, "supervisor"), bench.pid(SITE, "y")), (supervisor, y));
    fs::write(&go, "").unwrap();
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    let case = "a process has used up the memory too often";
    sees(case, &bench, bench.hand(&["monitor", SITE]), 1, "[process-killed]");
    nothing_is_left(&bench, SITE, case);
    // And what watches it, where the kernel may choose it.
    memory.no_limit();
    succeed(memory.within(&bench.hand(&["start", SITE])));
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    let case = "the kernel has killed the supervisor";
    until("nobody watches it", || bench.monitor(SITE) == (1, 1, 1));
    sees(case, &bench, bench.hand(&["monitor", SITE]), 1, "unsupervised");
    succeed(bench.hand(&["stop", SITE]));
    nothing_is_left(&bench, SITE, case);
}
