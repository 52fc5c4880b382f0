//! Processes that are dead for the kernel's list alone, and one that only looks dead.

use std::fs;
use std::time::Duration;

use siteward::values::{Pid, Signal};

use crate::common::*;
use crate::{compiled, sees};

const SITE: &str = "shop";

/// It starts four children that end at once, and never waits for them.
const NEVER_WAITS: &str = "import os, time\nfor i in range(4):\n  if os.fork() == 0: os._exit(0)\n\
                           while True: time.sleep(1000)\n";

/// Its main thread ends, another one lives on. With a word: it ignores SIGTERM, or ends when a file is there.
const DEAD_LEADER: &str = "#include <pthread.h>\n#include <signal.h>\n#include <stdlib.h>\n#include <string.h>\n\
    #include <unistd.h>\n\
    static void *work(void *file) { while (!file || access(file, F_OK)) usleep(20000); exit(0); }\n\
    int main(int count, char **words) { pthread_t thread; char *file = count > 1 ? words[1] : 0;\n\
    if (file && !strcmp(file, \"deaf\")) { signal(SIGTERM, SIG_IGN); file = 0; }\n\
    pthread_create(&thread, 0, work, file); pthread_exit(0); }\n";

/// The letter of its state.
fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// How many threads of it live.
fn living_threads(pid: Pid) -> usize {
    let stats = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stats = stats.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    let is_alive = |stat: &String| {
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    stats.filter(is_alive).count()
}

fn dead_children(pid: Pid) -> usize {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let pids = children.split_whitespace().filter_map(|word| word.parse::<i32>().ok());
    pids.filter(|pid| state(Pid::try_from(*pid).unwrap()) == Some('Z')).count()
}

pub(crate) fn dead_children_that_nobody_waits_for() {
    let bench = Bench::new();
    bench.define(
        SITE,
        &format!("processes:\n  x: {{command: [/usr/bin/python3, -c, {NEVER_WAITS:?}]}}\n"),
    );
    let start = || {
        succeed(bench.hand(&["start", SITE]));
        until("they are dead", || dead_children(bench.pid(SITE, "x")) == 4);
    };
    let case = "dead children that nobody waits for";
    start();
    let words = |verb: &'static str| bench.hand(&[verb, SITE]);
    sees(&format!("{case}: monitor"), &bench, words("monitor"), 0, "running");
    assert_eq!(code(bench.hand(&["monitor", SITE, "--level", "10"])), 0);
    sees(&format!("{case}: stop"), &bench, words("stop"), 0, "is stopped");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, case);
    start();
    succeed(words("clean"));
    nothing_is_left(&bench, SITE, case);
    start();
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    until("nobody watches it", || bench.monitor(SITE) == (1, 1, 1));
    let monitor = words("monitor");
    sees(&format!("{case}, without a supervisor: monitor"), &bench, monitor, 1, "unsupervised");
    sees(&format!("{case}, without a supervisor: stop"), &bench, words("stop"), 0, "is stopped");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, case);
}

pub(crate) fn a_dead_leader_with_a_living_thread() {
    let mut bench = Bench::new();
    let Some(program) = compiled(&bench, "leader", DEAD_LEADER) else { return };
    let program = program.display().to_string();
    let end = bench.path("end");
    let case = "a process whose main thread has ended";
    bench.define(SITE, &format!("processes:\n  x: {{command: [{program}]}}\n"));
    let start = |bench: &Bench| {
        succeed(bench.hand(&["start", SITE]));
        let x = bench.pid(SITE, "x");
        until("its main thread has ended", || state(x) == Some('Z'));
        x
    };
    // With its control group, and with weaker marks alone.
    for within in [Vec::new(), no_groups()] {
        bench.within = within;
        let hand = |words: &[&str]| bench.hand(words);
        start(&bench);
        sees(&format!("{case}: monitor"), &bench, hand(&["monitor", SITE]), 0, "running");
        assert_eq!(code(hand(&["monitor", SITE, "--level", "10"])), 0);
        sees(&format!("{case}: stop"), &bench, hand(&["stop", SITE]), 0, "is stopped");
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        nothing_is_left(&bench, SITE, case);
        let x = start(&bench);
        signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        until("nobody watches it", || bench.monitor(SITE) == (1, 1, 1));
        let monitor = hand(&["monitor", SITE]);
        sees(&format!("{case}, without a supervisor"), &bench, monitor, 1, "unsupervised");
        succeed(hand(&["adopt", SITE]));
        assert_eq!((bench.pid(SITE, "x"), bench.monitor(SITE)), (x, (0, 0, 0)));
        signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        let stop = hand(&["stop", SITE]);
        sees(&format!("{case}, without a supervisor: stop"), &bench, stop, 0, "is stopped");
        assert_eq!(living_threads(x), 0, "its thread was ended too");
        nothing_is_left(&bench, SITE, case);
        start(&bench);
        succeed(hand(&["clean", SITE]));
        nothing_is_left(&bench, SITE, case);
    }
    bench.within = Vec::new();
    bench.define(
        SITE,
        &format!("processes:\n  x: {{command: [{program}, deaf], stop_grace_period: 300ms}}\n"),
    );
    start(&bench);
    succeed(bench.hand(&["stop", SITE]));
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    nothing_is_left(&bench, SITE, "it ignores SIGTERM");
    // It is dead when its last thread is.
    let words = format!("processes:\n  x: {{command: [{program}, {}]}}\n", end.display());
    bench.define(SITE, &words);
    start(&bench);
    wait_for(Duration::from_millis(300));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    fs::write(&end, "").unwrap();
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    let monitor = bench.hand(&["monitor", SITE]);
    sees(&format!("{case}: its last one ends"), &bench, monitor, 1, "[process-ended]");
    succeed(bench.hand(&["stop", SITE]));
}
