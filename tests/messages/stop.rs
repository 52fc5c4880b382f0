//! Why a stop does not say that the site is stopped.

use std::fs;
use std::process::Command;

use siteward::linux::lock::{Attempt, Lock};
use siteward::manager::Verb;
use siteward::process::MARK;

use crate::common::*;
use crate::jobcenter::Jobcenter;
use crate::{Test, everywhere};

pub(crate) const TESTS: &[Test] = &[
    ("members_that_come_again", true, members_that_come_again),
    ("its_lock_is_held", false, its_lock_is_held),
    ("its_list_hangs_and_the_database_is_held", false, its_list_hangs),
];

/// They run as root, so their environment is believed, and a sweep never comes to an end.
fn members_that_come_again() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [/bin/sleep, \"1000\"]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let over = bench.path("over");
    // The environment is the only mark of these. Four loops run, so that one of them lives at any time.
    let script = format!(
        "for i in 1 2 3 4; do until [ -e {} ]; do {MARK}={}:a sh -c 'trap \"\" TERM; sleep 0.2; :'; \
         done & done; wait",
        over.display(),
        bench.places.runtime.join("a").display()
    );
    let mut loops = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    everywhere("not-stopped", Verb::Stop, || bench.hand(&["stop", "a", "--timeout", "4s"]));
    fs::write(over, "").unwrap();
    loops.wait().unwrap();
    succeed(bench.hand(&["stop", "a"]));
}

fn its_lock_is_held() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let path = bench.places.of(&"a".parse().unwrap()).stopping_lock();
    let Attempt::Taken(lock) = Lock::attempt(&path).unwrap() else { panic!("it is free") };
    everywhere("stop-has-no-turn", Verb::Stop, || bench.hand(&["stop", "a", "--timeout", "2s"]));
    drop(lock);
    succeed(bench.hand(&["stop", "a"]));
}

fn its_list_hangs() {
    let center = Jobcenter::new("testsite");
    let (site, bench) = (&center.site, &center.bench);
    center.switch("ls-hangs", "");
    let held = fs::File::create(center.database.join("held")).unwrap();
    everywhere("stop-not-proved", Verb::Stop, || bench.hand(&["stop", site, "--timeout", "6s"]));
    drop(held);
    center.unswitch();
    succeed(center.hand(&["clean", site]));
}
