//! `pause --drain`: new work is stopped, and what runs is waited for; or the site is left as it was.

mod common;
#[path = "jobcenter/mod.rs"]
mod jobcenter;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use common::*;
use jobcenter::Jobcenter;
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";

/// A site whose work is in a folder, and that has a sign for "closed".
struct Shop {
    bench: Bench,
    database: PathBuf,
}

impl Shop {
    /// `DISK` stands for the database.
    fn new(head: &str) -> Self {
        let bench = Bench::new();
        let database = bench.path("disk");
        fs::create_dir_all(database.join("running")).unwrap();
        let head = head.replace("DISK", &database.display().to_string());
        let work = "work: {jobs: {files: running/*}}\n";
        let processes = "  a: {command: [ACT, steady]}\n";
        bench.define_with_database(SITE, &database, &format!("{work}{head}"), processes);
        succeed(bench.hand(&["start", SITE]));
        Self { bench, database }
    }

    fn runs(&self, name: &str) -> PathBuf {
        let path = self.database.join("running").join(name);
        fs::write(&path, "").unwrap();
        path
    }

    fn is_closed(&self) -> bool {
        self.database.join("closed").exists()
    }

    fn state(&self) -> String {
        let text = output(self.bench.hand(&["status", "--json", SITE])).stdout;
        let status: serde_json::Value = serde_json::from_slice(&text).unwrap();
        status["state"].as_str().unwrap().to_owned()
    }

    fn history(&self) -> String {
        succeed(self.bench.hand(&["history", SITE]))
    }

    fn drain(&self, more: &[&str]) -> Child {
        background(self.bench.hand(&[&["pause", "--drain", SITE], more].concat()))
    }

    fn drained(&self, more: &[&str]) -> Output {
        self.drain(more).wait_with_output().unwrap()
    }
}

const CLOSES: &str = "drain: {command: [/usr/bin/touch, DISK/closed], undo: [/bin/rm, DISK/closed], \
                      timeout: 15s}\n";

#[test]
fn a_pause_waits_until_the_work_that_runs_has_ended() {
    let shop = Shop::new(CLOSES);
    let (one, two) = (shop.runs("1"), shop.runs("2"));
    let pause = shop.drain(&[]);
    until("new work is stopped", || shop.is_closed());
    fs::remove_file(one).unwrap();
    assert_eq!(shop.state(), "running", "nothing is stopped yet");
    fs::remove_file(two).unwrap();
    let paused = pause.wait_with_output().unwrap();
    assert!(paused.status.success(), "{}", said(&paused));
    assert!(said(&paused).contains("still running: "), "{}", said(&paused));
    assert_eq!(shop.state(), "maintenance");
    assert!(shop.is_closed(), "no new work while it is paused");
    let told = shop.history();
    for words in ["draining", "drained", "paused"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // It may have moved meanwhile: the mark is on the database.
    succeed(shop.bench.hand(&["stop", SITE]));
    succeed(shop.bench.hand(&["start", SITE]));
    assert_eq!(shop.state(), "maintenance");
    let resumed = succeed(shop.bench.hand(&["resume", SITE]));
    assert!(resumed.contains("new work is let in again"), "{resumed}");
    assert!(!shop.is_closed());
    // A pause without --drain, and its resume, have nothing to do with it.
    succeed(shop.bench.hand(&["pause", SITE]));
    let resumed = succeed(shop.bench.hand(&["resume", SITE]));
    assert!(!resumed.contains("new work"), "{resumed}");
    succeed(shop.bench.hand(&["stop", SITE]));
}

#[test]
fn work_that_does_not_end_is_named_and_the_site_is_left_as_it_was() {
    let shop = Shop::new(CLOSES);
    let stays = shop.runs("two words");
    let begun = Instant::now();
    let refused = shop.drained(&["--timeout", "1s"]);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    for words in ["[not-drained]", "running/two words (jobs)", "new work is let in again"] {
        assert!(said(&refused).contains(words), "{words}: {}", said(&refused));
    }
    assert_eq!((shop.state().as_str(), shop.is_closed()), ("running", false));
    assert!(shop.history().contains("not-drained"), "{}", shop.history());
    assert!(stays.exists(), "siteward ends no work by itself");
    let anyway = shop.drained(&["--timeout", "1s", "--anyway"]);
    assert!(anyway.status.success(), "{}", said(&anyway));
    assert!(said(&anyway).contains("is paused all the same"), "{}", said(&anyway));
    assert_eq!((shop.state().as_str(), shop.is_closed()), ("maintenance", true));
    // There is nothing to drain any more.
    assert!(shop.drained(&["--timeout", "1s"]).status.success());
    succeed(shop.bench.hand(&["resume", SITE]));
    succeed(shop.bench.hand(&["stop", SITE]));
    let nobody = shop.drained(&[]);
    assert!(said(&nobody).contains("[no-supervisor]"), "{}", said(&nobody));
}

#[test]
fn a_wait_that_is_interrupted_lets_new_work_in_again() {
    let shop = Shop::new(CLOSES);
    shop.runs("1");
    for signal_sent in [Signal::INT, Signal::TERM, Signal::HUP] {
        let pause = shop.drain(&[]);
        until("new work is stopped", || shop.is_closed());
        until("it waits", || shop.history().matches(" draining ").count() > 0);
        signal(Pid::try_from(i32::try_from(pause.id()).unwrap()).unwrap(), signal_sent);
        let ended = pause.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
        assert!(said(&ended).contains("was interrupted"), "{}", said(&ended));
        assert_eq!((shop.state().as_str(), shop.is_closed()), ("running", false));
    }
    // A stop does not wait for it.
    let pause = shop.drain(&["--timeout", "5m"]);
    until("new work is stopped", || shop.is_closed());
    succeed(shop.bench.hand(&["stop", SITE]));
    let ended = pause.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(!shop.is_closed());
    assert_eq!(shop.state(), "stopped");
}

#[test]
fn a_command_that_fails_leaves_the_site_as_it_was() {
    let fails = CLOSES.replace(
        "/usr/bin/touch, DISK/closed",
        "/bin/sh, -c, \"touch DISK/closed; echo no >&2; exit 4\"",
    );
    let shop = Shop::new(&fails);
    let refused = shop.drained(&[]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("ended with exit status 4: no"), "{}", said(&refused));
    assert_eq!((shop.state().as_str(), shop.is_closed()), ("running", false));
    succeed(shop.bench.hand(&["stop", SITE]));
    // Without an `undo` it is said that new work is still stopped.
    let shop = Shop::new("drain: [/usr/bin/touch, DISK/closed]\n");
    shop.runs("1");
    let refused = shop.drained(&["--timeout", "500ms"]);
    assert!(said(&refused).contains("new work is still stopped"), "{}", said(&refused));
    succeed(shop.bench.hand(&["stop", SITE]));
    // What cannot be looked at is not taken for ended.
    let shop = Shop::new(CLOSES);
    fs::remove_dir(shop.database.join("running")).unwrap();
    std::os::unix::fs::symlink("/tmp", shop.database.join("running")).unwrap();
    let refused = shop.drained(&["--timeout", "500ms"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("cannot be looked at"), "{}", said(&refused));
    assert_eq!(shop.state(), "running");
    succeed(shop.bench.hand(&["stop", SITE]));
}

const BUSY: &str = "guilb_def@testsite; type=PIPE; [ENABLED, RUNNING]; pri=10\n\
                    0 depart; 2 route; 5 queued; 0 wait; 0 hold; 0 arrive;\n:";

#[test]
fn env_04_a_jobcenter_site_is_drained_by_the_counts_of_qstat() {
    let center = Jobcenter::new("testsite");
    let site = center.site.as_str();
    succeed(center.hand(&["start", site, "--timeout", "20s"]));
    center.switch("queues", BUSY);
    let late = output(center.hand(&["pause", "--drain", "--timeout", "1s", site]));
    assert_eq!(late.status.code(), Some(1), "{}", said(&late));
    for words in ["2 requests in guilb_def@testsite", "is not held back", "[not-drained]"] {
        assert!(said(&late).contains(words), "{words}: {}", said(&late));
    }
    let calls = || fs::read_to_string(center.root.join("calls")).unwrap();
    assert!(!calls().contains("nqsstop"), "{}", calls());
    let pause = background(center.hand(&["pause", "--drain", "--timeout", "20s", site]));
    let before = calls().matches("qstat").count();
    until("it is asked again and again", || calls().matches("qstat").count() > before + 1);
    center.switch("queues", &BUSY.replace("2 route", "0 route"));
    let paused = pause.wait_with_output().unwrap();
    assert!(paused.status.success(), "{}", said(&paused));
    assert!(calls().contains("nqsstop testsite"), "{}", calls());
    succeed(center.hand(&["stop", site, "--timeout", "20s"]));
    assert_eq!(center.living(), "");
}

#[test]
fn env_03_a_qstat_that_gives_no_counts_is_never_taken_for_quiet() {
    let center = Jobcenter::new("testsite");
    let site = center.site.as_str();
    succeed(center.hand(&["start", site, "--timeout", "20s"]));
    for (switch, value, words) in [
        ("queues", "Qstat(FATAL): Unable to setup NQS rootdir", "finds no site `testsite` here"),
        ("queues", "Segmentation fault", "a line that its manual does not show"),
        ("qstat-hangs", "", "did not end in its time"),
    ] {
        center.unswitch();
        center.switch(switch, value);
        let late = output(center.hand(&["pause", "--drain", "--timeout", "500ms", site]));
        assert_eq!(late.status.code(), Some(1), "{switch}: {}", said(&late));
        assert!(said(&late).contains(words), "{switch}: {}", said(&late));
    }
    center.unswitch();
    succeed(center.hand(&["stop", site, "--timeout", "20s"]));
    assert_eq!(center.living(), "");
}

#[test]
fn programs_that_no_start_needs_are_missed_before_they_are_needed() {
    let shop = Shop::new("");
    succeed(shop.bench.hand(&["stop", SITE]));
    let head = "on_unclean_shutdown: {command: [/no/such/repair]}\n\
                drain: {command: [/no/such/close], undo: [/no/such/open]}\n\
                work: {jobs: {files: running/*, at_failover: rerun, hand_to: [/no/such/run]}}\n";
    shop.bench.define_with_database(SITE, &shop.database, head, "  a: {command: [ACT, steady]}\n");
    let checked = output(shop.bench.hand(&["validate-all", SITE]));
    assert!(checked.status.success(), "{}", said(&checked));
    for (key, program) in [
        ("`on_unclean_shutdown`", "/no/such/repair"),
        ("`drain`", "/no/such/close"),
        ("`undo` of `drain`", "/no/such/open"),
        ("`hand_to`", "/no/such/run"),
    ] {
        let sentence = format!("{key} needs the program {program}");
        assert!(said(&checked).contains(&sentence), "{sentence}: {}", said(&checked));
    }
    // They are no reason to keep the site down.
    succeed(shop.bench.hand(&["start", SITE]));
}
