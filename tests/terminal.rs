//! A start that a person waits for: what it shows at a terminal, and how a signal undoes it. And a run
//! whose site has failed while a flag says that somebody works on it.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::*;
use siteward::lease::owner;
use siteward::values::Signal;

const SITE: &str = "shop";

/// A start or a run that is told to end has rolled back after this long, on a busy machine.
const SOON: Duration = Duration::from_secs(6);

const STEADY: &str = "  a: {command: [ACT, steady]}\n  b: {command: [ACT, steady]}\n";
const NEVER_READY: &str = "  a: {command: [ACT, escaper]}\n  \
                           b: {command: [ACT, steady], ready: {notify: true}}\n";
const SLOW: &str =
    "  a: {command: [ACT, steady]}\n  b: {command: [ACT, steady], ready: {delay: 4s}}\n";

fn is_at_rest(bench: &Bench, database: &Path, story: &str) {
    nothing_is_left(bench, SITE, story);
    lease_is_free(database, story);
}

fn starts_again(bench: &Bench, database: &Path, story: &str) {
    bench.define_with_database(SITE, database, "", STEADY);
    let started = output(bench.hand(&["start", SITE]));
    assert!(started.status.success(), "{story}: {}", said(&started));
    assert_eq!(bench.monitor(SITE), (0, 0, 0), "{story}");
    succeed(bench.hand(&["stop", SITE]));
    is_at_rest(bench, database, story);
}

fn lease_free(database: &Path) -> bool {
    let is_free = || {
        fs::File::open(database.join(".siteward/lease"))?.try_lock().map_err(std::io::Error::from)
    };
    owner(database).is_none_or(|owner| owner.released) && is_free().is_ok()
}

fn both_are_there(bench: &Bench) {
    until("both processes are there", || {
        bench.record(SITE).is_some_and(|r| r.ending.is_none() && r.processes.len() == 2)
    });
}

// --- at a terminal --------------------------------------------------------------------------------

/// A terminal in which a call runs in the foreground; by script(1).
struct Terminal {
    child: Child,
    keyboard: std::process::ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// What the call prints to its standard output goes to a file: the screen has its standard error.
    fn open(bench: &Bench, words: &[&str], out: &Path) -> Self {
        let call = bench.hand(words);
        let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
        let line: Vec<String> =
            std::iter::once(call.get_program()).chain(call.get_args()).map(quoted).collect();
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command"])
            .arg(format!("exec {} >'{}'", line.join(" "), out.display()))
            .arg("/dev/null")
            .env_clear()
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        for (name, value) in call.get_envs() {
            command.env(name, value.unwrap());
        }
        let mut child = command.spawn().expect("script(1), of bsdutils, can be run");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut stdout, shown) = (child.stdout.take().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stdout.read(&mut chunk) {
                shown.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        Self { keyboard: child.stdin.take().unwrap(), child, screen }
    }

    fn shows(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// The exit code of the call, once all of the screen is there.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                until("all of the screen is read", || Arc::strong_count(&self.screen) == 1);
                return (status.code(), self.shows());
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.shows());
            wait_for(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[test]
fn a_start_that_takes_long_shows_at_a_terminal_what_it_waits_for() {
    let (bench, database) = Bench::with_database(SITE, "boot_timeout: 60s\n", SLOW);
    let out = bench.path("out");
    let begun = Instant::now();
    let terminal = Terminal::open(&bench, &["start", SITE], &out);
    until("it shows for what it waits", || {
        assert!(begun.elapsed() < Duration::from_secs(4), "{}", terminal.shows());
        terminal.shows().contains(". b")
    });
    let after = begun.elapsed();
    assert!(after > Duration::from_millis(600), "not for one that is quick: {after:?}");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("+ a") && shown.contains(". b"), "`a` is ready: {shown}");
    let printed = fs::read_to_string(out).unwrap();
    assert!(!printed.contains("`b`"), "that goes to the standard error: {printed}");
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    succeed(bench.hand(&["stop", SITE]));
    is_at_rest(&bench, &database, "it started");
}

#[test]
fn a_start_that_is_quick_shows_nothing_at_a_terminal() {
    let (bench, _database) = Bench::with_database(SITE, "", STEADY);
    let (code, shown) = Terminal::open(&bench, &["start", SITE], &bench.path("out")).end();
    assert_eq!((code, shown.contains("wait")), (Some(0), false), "{shown}");
    assert!(!shown.contains('`') || shown.contains("is running"), "{shown}");
    succeed(bench.hand(&["stop", SITE]));
}

/// A log of a cluster manager is no screen; a person's is told each transition in a line.
#[test]
fn where_there_is_no_terminal_a_person_is_told_each_transition_and_a_manager_nothing() {
    let (bench, _database) = Bench::with_database(SITE, "boot_timeout: 60s\n", SLOW);
    let ended = Call::begin(bench.ocf(SITE, "start", &[])).end("a start by Pacemaker");
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.said.trim(), "the site `shop` is running", "nothing more for a manager");
    succeed(bench.ocf(SITE, "stop", &[]));
    let start = output(bench.hand(&["start", SITE]));
    let told = String::from_utf8_lossy(&start.stderr).into_owned();
    assert!(told.lines().count() >= 2, "{told}");
    assert!(told.lines().all(|line| line.starts_with("siteward: ")), "{told}");
    assert!(told.contains("the site is running") && !told.contains('\x1b'), "{told}");
    let stop = output(bench.hand(&["stop", SITE]));
    let told = String::from_utf8_lossy(&stop.stderr).into_owned();
    assert!(told.contains("being stopped") && told.contains("have ended"), "{told}");
    let quiet = output(bench.hand(&["start", SITE, "--quiet"]));
    assert_eq!(said(&quiet), "", "nothing with --quiet");
    succeed(bench.hand(&["stop", SITE]));
}

/// Two processes: one that does not end before KILL, and one that is never ready.
const HARD_TO_END: &str =
    "  a: {command: [ACT, stubborn], stop_grace_period: 20s}\n  b: {command: [ACT, steady]}\n";

#[test]
fn ctrl_c_at_a_stop_says_what_goes_on_and_how_to_end_it() {
    let (bench, database) =
        Bench::with_database(SITE, "stop_timeout: 40s\nforcekill_time: 1s\n", HARD_TO_END);
    for word in ["stop", "pause"] {
        succeed(bench.hand(&["start", SITE]));
        let mut terminal = Terminal::open(&bench, &[word, SITE], &bench.path("out"));
        until("it shows for what it waits", || {
            terminal.shows().contains("20 s left")
                || terminal.shows().contains("19 s left")
                || terminal.shows().contains("18 s left")
        });
        assert!(terminal.shows().contains("SIGTERM"), "{}", terminal.shows());
        let told = Instant::now();
        terminal.press("\x03");
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(130), "{word}: {shown}");
        assert!(told.elapsed() < SOON, "{word}");
        let next = if word == "stop" { "siteward clean shop" } else { "siteward resume shop" };
        assert!(shown.contains(next) && shown.contains("siteward status shop"), "{word}: {shown}");
        let seen = said(&output(bench.hand(&["status", SITE])));
        assert!(seen.contains("`a`") || seen.contains("  a "), "it goes on: {seen}");
        succeed(bench.hand(&["clean", SITE]));
        is_at_rest(&bench, &database, word);
        succeed(bench.hand(&["stop", SITE]));
    }
}

#[test]
fn a_verb_that_need_not_be_waited_for_returns_once_its_order_is_under_way() {
    let (bench, database) = Bench::with_database(SITE, "boot_timeout: 60s\n", SLOW);
    let call = |words: &[&str]| {
        let begun = Instant::now();
        let done = output(bench.hand(&[words, &["--no-wait"]].concat()));
        (done.status.code(), said(&done), begun.elapsed())
    };
    let (code, told, took) = call(&["start", SITE]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("is starting; see: siteward status shop"), "{told}");
    assert!(took < Duration::from_secs(4), "b is ready after 4 s: {took:?}");
    until("it is up", || {
        bench.monitor(SITE) == (0, 0, 0) && {
            said(&output(bench.hand(&["status", SITE]))).starts_with("running")
        }
    });
    for (word, told_so) in [("pause", "is being paused"), ("resume", "is starting")] {
        let (code, told, _) = call(&[word, SITE]);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains(told_so), "{told}");
        let state = if word == "pause" { "maintenance" } else { "running" };
        until("it is done", || said(&output(bench.hand(&["status", SITE]))).starts_with(state));
    }
    let (code, told, _) = call(&["stop", SITE]);
    assert_eq!((code, told.contains("is being stopped")), (Some(0), true), "{told}");
    until("it is stopped", || bench.monitor(SITE) == (7, 7, 3));
    until("all of it is gone", || lease_free(&database));
    // What ends at once is told as if it had been waited for.
    let (code, told, _) = call(&["stop", SITE]);
    assert_eq!((code, told.contains("already stopped")), (Some(0), true), "{told}");
    let (code, told, _) = call(&["start", "nosuch"]);
    assert_eq!((code, told.contains("no site `nosuch`")), (Some(5), true), "{told}");
    let by_manager = output(bench.hand(&["start", SITE, "--no-wait", "--as", "pacemaker"]));
    assert_eq!(by_manager.status.code(), Some(6), "{}", said(&by_manager));
    is_at_rest(&bench, &database, "nothing is left");
}

#[test]
fn a_start_in_the_background_that_fails_is_rolled_back() {
    let (bench, database) = Bench::with_database(SITE, "boot_timeout: 2s\n", NEVER_READY);
    let done = output(bench.hand(&["start", SITE, "--no-wait"]));
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    until("its lease is free", || lease_free(&database));
    let seen = said(&output(bench.hand(&["status", SITE])));
    assert!(seen.contains("`b`"), "{seen}");
    is_at_rest(&bench, &database, "rolled back");
}

/// It is told to end while it waits, is rolled back, and says so in one sentence.
fn says_that_it_is_undone(shown: &str, story: &str) {
    let lines: Vec<&str> = shown.lines().filter(|line| line.contains("siteward: ")).collect();
    let last = lines.last().unwrap_or_else(|| panic!("{story}: it says nothing: {shown}"));
    assert!(last.contains(&format!("`{SITE}`")), "{story}: {shown}");
    let says = ["rolled back", "undone", "stopped"].iter().any(|word| last.contains(word));
    assert!(says, "{story}: it does not say what became of the site: {shown}");
    assert!(!last.contains("goes on"), "{story}: {shown}");
}

#[test]
fn ctrl_c_at_a_start_rolls_it_back() {
    for known in [false, true] {
        let story = format!("Ctrl-C, known to wait: {known}");
        let (bench, database) = Bench::with_database(SITE, "boot_timeout: 60s\n", NEVER_READY);
        let mut terminal = Terminal::open(&bench, &["start", SITE], &bench.path("out"));
        both_are_there(&bench);
        if known {
            // As a person does it: after having read for what it waits.
            let begun = Instant::now();
            until("it shows for what it waits", || {
                assert!(begun.elapsed() < Duration::from_secs(5), "{}", terminal.shows());
                terminal.shows().contains(". b")
            });
        }
        let told = Instant::now();
        terminal.press("\x03");
        let (code, shown) = terminal.end();
        is_at_rest(&bench, &database, &format!("{story}: {shown}"));
        assert_eq!(code, Some(1), "{story}: {shown}");
        assert!(told.elapsed() < SOON, "{story}");
        says_that_it_is_undone(&shown, &story);
        starts_again(&bench, &database, &story);
    }
}

// --- by a signal ----------------------------------------------------------------------------------

#[test]
fn a_signal_to_a_start_that_waits_for_a_process_rolls_it_back() {
    for signal in [Signal::TERM, Signal::INT] {
        for pacemaker in [false, true] {
            let story = format!("{signal}, by Pacemaker: {pacemaker}");
            let (bench, database) = Bench::with_database(SITE, "boot_timeout: 60s\n", NEVER_READY);
            let call = Call::begin(match pacemaker {
                true => bench.ocf(SITE, "start", &[]),
                false => bench.hand(&["start", SITE]),
            });
            both_are_there(&bench);
            call.signal(signal);
            let ended = call.end_within(SOON, &story);
            is_at_rest(&bench, &database, &format!("{story}: {}", ended.said));
            assert_eq!(ended.code, Some(1), "{story}: {}", ended.said);
            if !pacemaker {
                says_that_it_is_undone(&ended.said, &story);
            }
            assert_eq!(bench.monitor(SITE).0, 7, "{story}");
            starts_again(&bench, &database, &story);
        }
    }
}

#[test]
fn a_signal_to_a_start_that_waits_for_the_lease_or_a_repair_ends_it() {
    for signal in [Signal::TERM, Signal::INT] {
        // The lease.
        let (one, database) = Bench::with_database(SITE, "", STEADY);
        let two = Bench::new();
        two.define_with_database(SITE, &database, "", STEADY);
        succeed(one.hand(&["start", SITE]));
        let has = owner(&database).unwrap();
        let call = Call::begin(two.hand(&["start", SITE]));
        let places = two.places.of(&SITE.parse().unwrap());
        until("its keeper waits", || siteward::lease::is_kept(&places));
        call.signal(signal);
        let ended = call.end_within(SOON, "it waits for the lease");
        nothing_is_left(&two, SITE, &ended.said);
        assert_eq!(ended.code, Some(1), "{signal}: {}", ended.said);
        assert_eq!(owner(&database).unwrap(), has, "{signal}");
        // The repair.
        lose_power(&one, SITE);
        let begun = one.path("begun");
        let words = format!("echo x >{}; exec sleep 1000", begun.display());
        let hook =
            format!("on_unclean_shutdown: {{command: [/bin/sh, -c, {words:?}], timeout: 60s}}\n");
        one.define_with_database(SITE, &database, &format!("boot_timeout: 60s\n{hook}"), STEADY);
        let call = Call::begin(one.hand(&["start", SITE]));
        until("the repair has begun", || begun.exists());
        call.signal(signal);
        let ended = call.end_within(SOON, "it repairs");
        is_at_rest(&one, &database, &ended.said);
        assert_eq!(ended.code, Some(1), "{signal}: {}", ended.said);
        assert!(owner(&database).unwrap().owes.is_some(), "{signal}: it is still owed");
        starts_again(&one, &database, "after a repair that was ended");
    }
}

/// SIGTERM at random moments of the beginning of a start: undone, or up.
#[test]
fn a_start_that_is_told_to_end_at_any_moment_is_up_or_undone() {
    let mut random = Random::new();
    let (bench, database) = Bench::with_database(SITE, "settle: 5ms\n", STEADY);
    for round in 0..number_of("SITEWARD_ROUNDS").unwrap_or(60) {
        let delay = random.below(80_000);
        let story = format!("round {round} of seed {}, TERM after {delay} us", random.seed);
        let call = Call::begin(bench.hand(&["start", SITE]));
        wait_for(Duration::from_micros(delay));
        call.signal(Signal::TERM);
        let ended = call.end_within(SOON, &story);
        let story = format!("{story}: {}", ended.said);
        match ended.code {
            Some(0) => {
                assert_eq!(bench.monitor(SITE), (0, 0, 0), "{story}");
                succeed(bench.hand(&["stop", SITE]));
            }
            // None: before it was a program of ours.
            Some(1) | None => {}
            Some(code) => panic!("{code}: {story}"),
        }
        is_at_rest(&bench, &database, &story);
    }
    starts_again(&bench, &database, "after all rounds");
}

// --- run, with a flag -----------------------------------------------------------------------------

#[test]
fn a_run_whose_site_failed_while_its_flag_is_there_holds_nothing() {
    let (bench, database) = Bench::with_database(SITE, "", STEADY);
    let flag = bench.path("flag");
    let words = ["run", SITE, "--maintenance-flag", flag.to_str().unwrap()];
    for signal in [Signal::TERM, Signal::INT] {
        fs::write(&flag, "").unwrap();
        let mut run = Call::begin(bench.hand(&words));
        until("it runs", || said(&output(bench.hand(&["status", SITE]))).starts_with("running"));
        signal_if_there(bench.pid(SITE, "a"), Signal::KILL);
        until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
        let seen = said(&output(bench.hand(&["status", SITE])));
        assert!(seen.starts_with("failed") && seen.contains("`a` was killed by SIGKILL"), "{seen}");
        assert!(!run.is_over(), "the flag is there: {}", run.said());
        is_at_rest(&bench, &database, &format!("it failed: {}", run.said()));
        // Another process has it: by hand, or a second run is possible too.
        succeed(bench.hand(&["start", SITE]));
        assert_eq!(bench.monitor(SITE), (0, 0, 0));
        run.signal(signal);
        let ended = run.end_within(SOON, &format!("{signal} while the flag is there"));
        assert_eq!(ended.code, Some(0), "{signal}: {}", ended.said);
        assert_eq!(bench.monitor(SITE), (0, 0, 0), "{signal}: the start's site lives on");
        succeed(bench.hand(&["stop", SITE]));
        is_at_rest(&bench, &database, "it was stopped");
    }
}

#[test]
fn a_run_whose_site_failed_ends_when_its_flag_is_gone() {
    let (bench, database) = Bench::with_database(SITE, "", STEADY);
    let flag = bench.path("flag");
    let words = ["run", SITE, "--maintenance-flag", flag.to_str().unwrap()];
    fs::write(&flag, "").unwrap();
    let mut run = Call::begin(bench.hand(&words));
    until("it runs", || said(&output(bench.hand(&["status", SITE]))).starts_with("running"));
    signal_if_there(bench.pid(SITE, "a"), Signal::KILL);
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    // A stop of what has failed is no business of the flag's.
    succeed(bench.hand(&["stop", SITE]));
    assert!(!run.is_over(), "{}", run.said());
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    fs::remove_file(&flag).unwrap();
    let ended = run.end_within(SOON, "its flag is gone");
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("`a` was killed by SIGKILL"), "{}", ended.said);
    is_at_rest(&bench, &database, "its flag is gone");
}

#[test]
fn a_signal_to_a_start_whose_site_is_ready_leaves_it_up() {
    let (bench, database) = Bench::with_database(SITE, "settle: 30s\n", STEADY);
    let call = Call::begin(bench.hand(&["start", SITE]));
    let both_ready = || {
        let seen = said(&output(bench.hand(&["status", SITE])));
        seen.lines().filter(|line| line.ends_with(" ready")).count() == 2
    };
    until("both processes are ready", both_ready);
    call.signal(Signal::TERM);
    let ended = call.end("a start that waits for `settle`");
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    succeed(bench.hand(&["stop", SITE]));
    is_at_rest(&bench, &database, "after the stop");
}
