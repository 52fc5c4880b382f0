//! `siteward logs`: what the processes and the supervisor have printed, found again across cuts, restarts and
//! stops; followed while it is written; and harmless on a terminal.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::*;
use siteward::site::SitePlaces;
use siteward::values::Signal;

const SITE: &str = "shop";

fn places(bench: &Bench) -> SitePlaces {
    bench.places.of(&SITE.parse().unwrap())
}

/// Defines the site with these processes, and starts it.
fn started(processes: &str) -> Bench {
    let bench = Bench::new();
    bench.define(SITE, &format!("processes:\n{processes}"));
    succeed(bench.hand(&["start", SITE]));
    bench
}

/// What `logs` prints to standard output, which must succeed.
fn logs(bench: &Bench, words: &[&str]) -> String {
    let output = output(bench.hand(&[&["logs"], words].concat()));
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The definition of a process that runs a script of sh(1), in which `HERE` is the folder of the test.
fn sh(bench: &Bench, name: &str, script: &str, more: &str) -> String {
    let script = script.replace("HERE", &bench.path("").display().to_string());
    format!("  {name}: {{command: [/bin/sh, -c, '{}'], {more}}}\n", script.replace('\'', "''"))
}

fn define(bench: &Bench, head: &str, processes: &[String]) {
    bench.define(SITE, &format!("{head}processes:\n{}", processes.concat()));
}

// --- cuts -----------------------------------------------------------------------------------------

#[test]
fn no_line_of_a_fast_writer_is_lost_when_its_file_is_cut() {
    let bench = Bench::new();
    let script =
        "echo up; until test -e HERE/go; do sleep 0.05; done; seq 1 700000; exec sleep 1000";
    let fast = sh(&bench, "fast", script, "logging: {max_size: 300k, max_file: 100}");
    define(&bench, "", &[fast]);
    succeed(bench.hand(&["start", SITE]));
    let follower = Follower::begin(&bench, &["fast", "-n", "all", "--no-prefix"]);
    follower.until_line("up");
    fs::write(bench.path("go"), "").unwrap();
    let expected: Vec<String> = (1..=700_000).map(|n: u32| n.to_string()).collect();
    let followed = follower.until_line("700000");
    assert!(followed == expected[..699_999], "{} lines were followed", followed.len());
    let log = places(&bench).process_log("fast");
    until("it is cut to its bound", || {
        fs::metadata(&log).is_ok_and(|there| there.len() <= 300 << 10)
    });
    assert!(exists(&log.with_extension("log.2")));
    let printed = logs(&bench, &["fast", "-n", "all", "--no-prefix"]);
    assert!(printed.lines().skip(1).eq(&expected), "{} lines", printed.lines().count());
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn as_much_is_kept_as_the_definition_says() {
    let bench = Bench::new();
    let print = |more| sh(&bench, "a", "seq 1 100000; exec sleep 1000", more);
    define(&bench, "logging: {max_size: 16k, max_file: 3}\n", &[print("")]);
    let log = places(&bench).process_log("a");
    let files = || {
        let names = fs::read_dir(&places(&bench).logs).unwrap().flatten();
        let of_log = |name: &String| name.starts_with("a.log") && !name.ends_with("index");
        let names = names.map(|e| e.file_name().to_string_lossy().into_owned()).filter(of_log);
        names.filter(|name| !name.contains(".new.")).count()
    };
    succeed(bench.hand(&["start", SITE]));
    let is_short = || fs::metadata(&log).is_ok_and(|there| there.len() <= 16 << 10);
    until("it is cut", || is_short() && logs(&bench, &["-n", "1", "a"]) == "a | 100000\n");
    assert!(files() <= 3);
    let kept = logs(&bench, &["a", "-n", "all"]).lines().count();
    assert!(kept < 3 * (16 << 10) / 6, "{kept} lines");
    succeed(bench.hand(&["stop", SITE]));
    // A process overrules the site; Compose's layout is understood.
    let compose = "logging: {driver: local, options: {max-size: 16k, max-file: \"1\"}}";
    define(&bench, "logging: {max_size: 16k, max_file: 3}\n", &[print(compose)]);
    succeed(bench.hand(&["start", SITE]));
    until("it is cut", || is_short() && files() == 1);
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn wrong_sizes_are_refused_with_what_is_right() {
    let bench = Bench::new();
    for (logging, why) in [
        ("{max_size: 10x}", "logging.max_size: a size like 10m, 500k, 1g or a number of bytes"),
        ("{max_size: 1k}", "logging.max_size: a file of a log may have 16k to 1024g"),
        ("{max_file: 0}", "a whole number from 1 to 1000 is expected here, not `0`"),
        ("{max-size: 10m}", "logging.max-size: there is no such key; did you mean `max_size`?"),
        ("{driver: gelf}", "json-file, local, journald or syslog is expected here, not `gelf`"),
        ("{options: {tag: x}}", "logging.options.tag: there is no such key; expected one of"),
        ("{journal: 1}", "true or false is expected here"),
    ] {
        bench.define(SITE, &format!("logging: {logging}\nprocesses: {{a: {{command: [x]}}}}\n"));
        let output = output(bench.hand(&["validate-all", SITE, "--level", "0"]));
        assert!(!output.status.success() && said(&output).contains(why), "{}", said(&output));
    }
    bench.define(SITE, "processes: {siteward: {command: [x]}}\n");
    let output = output(bench.hand(&["validate-all", SITE, "--level", "0"]));
    assert!(said(&output).contains("no process may be called so"), "{}", said(&output));
}

// --- the run that died ------------------------------------------------------------------------------

const MORTAL: &str = "echo run $$ begins; until test -e HERE/die; do sleep 0.02; done; rm HERE/die; \
                      echo run $$ has no more paper; exit 3";

fn last_words(bench: &Bench, words: &[&str]) -> (Vec<String>, String) {
    let output = output(bench.hand(&[&["logs", SITE, "--last-run"], words].concat()));
    assert!(output.status.success(), "{}", said(&output));
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (lines, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_the_run_that_died_had_printed_is_found_after_a_restart_a_stop_and_a_start() {
    let bench = Bench::new();
    let mortal = sh(&bench, "mortal", MORTAL, "restart: {attempts: 9, delay: 10ms}");
    define(&bench, "", &[mortal, "  other: {command: [ACT, steady]}\n".to_owned()]);
    succeed(bench.hand(&["start", SITE]));
    let (none, why) = last_words(&bench, &[]);
    assert!(
        none.is_empty() && why.contains("no run of a process of `shop` is known to have ended")
    );
    let dead = bench.pid(SITE, "mortal");
    fs::write(bench.path("die"), "").unwrap();
    until("it is started again", || {
        bench.record(SITE).is_some_and(|r| {
            r.processes.iter().any(|p| p.name == "mortal" && p.identity.pid != dead)
        })
    });
    let expected = ["begins", "has no more paper"].map(|end| format!("mortal | run {dead} {end}"));
    let is_told = |story: &str| {
        let (lines, why) = last_words(&bench, &[]);
        assert_eq!(lines, expected, "{story}: {why}");
        assert!(why.contains(&format!("`mortal` was started as {dead} at ")), "{story}: {why}");
        assert!(why.contains("exited with 3") || why.contains("status 3"), "{story}: {why}");
    };
    is_told("after the restart");
    succeed(bench.hand(&["stop", SITE]));
    is_told("after a stop");
    succeed(bench.hand(&["start", SITE]));
    is_told("after a stop and a start");
    // Of one that never died, the run that ended last.
    let (lines, _) = last_words(&bench, &["other"]);
    assert_eq!(lines, ["other | steady is on", "other | SIGTERM has come"]);
    fs::remove_file(&places(&bench).definition).unwrap();
    succeed(bench.hand(&["stop", SITE]));
    is_told("after its definition is gone");
}

#[test]
fn a_death_that_fails_the_site_and_one_that_nobody_saw_are_found() {
    let bench = Bench::new();
    define(&bench, "", &[sh(&bench, "mortal", MORTAL, "")]);
    succeed(bench.hand(&["start", SITE]));
    let first = bench.pid(SITE, "mortal");
    fs::write(bench.path("die"), "").unwrap();
    until("the site has failed", || bench.monitor(SITE).2 == 1 && bench.living(SITE).is_empty());
    let (lines, _) = last_words(&bench, &["mortal", "-n", "1"]);
    assert_eq!(lines, [format!("mortal | run {first} has no more paper")]);
    succeed(bench.hand(&["start", SITE]));
    let second = bench.pid(SITE, "mortal");
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    until("it is unsupervised", || bench.monitor(SITE).2 == 1);
    assert_eq!(last_words(&bench, &[]).0.len(), 2, "the second goes on");
    succeed(bench.hand(&["stop", SITE]));
    let (lines, why) = last_words(&bench, &[]);
    assert_eq!(lines, [format!("mortal | run {second} begins")]);
    assert!(why.contains("its end was not seen"), "{why}");
}

// --- times ------------------------------------------------------------------------------------------

#[test]
fn lines_are_found_by_the_time_at_which_they_were_printed() {
    let bench = Bench::new();
    let script =
        "echo early; until test -e HERE/go; do sleep 0.05; done; echo late; exec sleep 1000";
    define(&bench, "", &[sh(&bench, "a", script, "")]);
    succeed(bench.hand(&["start", SITE]));
    let pause = || std::thread::sleep(Duration::from_secs(4));
    pause();
    fs::write(bench.path("go"), "").unwrap();
    until("it has printed", || bench.log(SITE, "a.log").contains("late"));
    assert_eq!(logs(&bench, &["a", "--since", "1500ms"]), "a | late\n");
    assert_eq!(logs(&bench, &["a", "--since", "1h"]), "a | early\na | late\n");
    assert_eq!(logs(&bench, &["a", "--since", "today", "-n", "1"]), "a | late\n");
    pause();
    assert_eq!(logs(&bench, &["--since", "1s"]), "");
    assert!(logs(&bench, &["siteward", "--since", "1h"]).contains("the site is running"));
    for (time, why) in
        [("soon", "is neither a duration like 2h"), ("2999-01-01", "is in the future")]
    {
        let output = output(bench.hand(&["logs", "--since", time]));
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(why), "{}", said(&output));
    }
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn lines_of_all_processes_are_in_the_order_of_their_times() {
    let bench = Bench::new();
    let turn = |mine: &str, next: &str, word: &str| {
        format!(
            "while :; do until test -e HERE/{mine}; do sleep 0.02; done; rm HERE/{mine}; n=$((n+1)); \
             echo {word} $n; sleep 1.2; touch HERE/{next}; done"
        )
    };
    define(
        &bench,
        "",
        &[
            sh(&bench, "ping", &turn("ping", "pong", "there"), ""),
            sh(&bench, "pong", &turn("pong", "ping", "back"), ""),
        ],
    );
    succeed(bench.hand(&["start", SITE]));
    fs::write(bench.path("ping"), "").unwrap();
    let expected =
        ["ping | there 1", "pong | back 1", "ping | there 2", "pong | back 2"].join("\n") + "\n";
    until("they have played", || bench.log(SITE, "pong.log").contains("back 2"));
    assert_eq!(logs(&bench, &[SITE, "ping", "pong"]), expected);
    let all = logs(&bench, &["-n", "all"]);
    let place = |line: &str| all.find(line).unwrap_or_else(|| panic!("{line}: {all}"));
    assert!(place("the site is running") < place("ping     | there 1"), "{all}");
    succeed(bench.hand(&["stop", SITE]));
    let last = logs(&bench, &["-n", "2"]);
    assert!(last.lines().all(|line| line.starts_with("siteward | ")), "{last}");
}

// --- following --------------------------------------------------------------------------------------

/// A `logs --follow` whose lines are awaited.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn begin(bench: &Bench, words: &[&str]) -> Self {
        let mut command = bench.hand(&["logs", SITE, "--follow"]);
        let mut child = command.args(words).stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The lines that come before one that ends so.
    fn until_line(&self, end: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("`{end}` never came after {before:?}"));
            if line.ends_with(end) {
                return before;
            }
            before.push(line);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(out: ChildStdout) -> Receiver<String> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            if tell.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    lines
}

#[test]
fn lines_are_followed_across_cuts_restarts_and_stops() {
    let bench = Bench::new();
    let script = "echo run $$; until test -e HERE/go; do sleep 0.02; done; rm HERE/go; seq 1 20000; \
                  exec sleep 1000";
    let more = "restart: {attempts: 9, delay: 10ms}, logging: {max_size: 16k, max_file: 50}";
    define(&bench, "", &[sh(&bench, "a", script, more)]);
    // Before there is anything to follow.
    let follower = Follower::begin(&bench, &[]);
    succeed(bench.hand(&["start", SITE]));
    follower.until_line(&format!("| run {}", bench.pid(SITE, "a")));
    for _ in 0..3 {
        fs::write(bench.path("go"), "").unwrap();
        let numbers = follower.until_line(" | 20000");
        let numbers: Vec<&String> = numbers.iter().filter(|l| l.starts_with("a  ")).collect();
        assert_eq!(numbers.len(), 19_999);
        let dead = bench.pid(SITE, "a");
        signal(dead, Signal::KILL);
        follower.until_line("killed by SIGKILL, which siteward did not send");
        until("it is started again", || {
            let record = bench.record(SITE).unwrap();
            record.processes.iter().any(|p| p.name == "a" && p.identity.pid != dead)
        });
        follower.until_line(&format!("| run {}", bench.pid(SITE, "a")));
    }
    succeed(bench.hand(&["stop", SITE]));
    follower.until_line("the site `shop` is stopped");
    succeed(bench.hand(&["start", SITE]));
    follower.until_line(&format!("run {}", bench.pid(SITE, "a")));
    // Somebody removes all logs.
    succeed(bench.hand(&["stop", SITE]));
    fs::remove_dir_all(&places(&bench).logs).unwrap();
    succeed(bench.hand(&["start", SITE]));
    follower.until_line(&format!("run {}", bench.pid(SITE, "a")));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn following_ends_by_ctrl_c_and_when_nobody_reads() {
    let bench = started("  a: {command: [ACT, steady]}\n");
    for (what, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
        let mut follower = Follower::begin(&bench, &["-n", "all"]);
        follower.until_line("steady is on");
        signal(siteward::values::Pid::try_from(follower.child.id().cast_signed()).unwrap(), what);
        let status = follower.child.wait().unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(status.signal(), Some(number), "as a shell expects it");
    }
    let mut child = bench.hand(&["logs", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    // Nothing more is printed: the end of the reader is enough.
    until("it has ended", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
    succeed(bench.hand(&["stop", SITE]));
}

// --- what a person types ----------------------------------------------------------------------------

#[test]
fn a_site_and_its_processes_are_named_or_meant() {
    let bench = Bench::new();
    let empty = output(bench.hand(&["logs"]));
    assert_ne!(empty.status.code(), Some(0), "there is no site");
    bench.define(
        SITE,
        "processes:\n  store: {command: [ACT, steady]}\n  web: {command: [ACT, steady], instances: 2}\n",
    );
    let nothing = output(bench.hand(&["logs"]));
    assert!(nothing.status.success() && nothing.stdout.is_empty());
    assert!(said(&nothing).contains("nothing was printed yet"), "{}", said(&nothing));
    succeed(bench.hand(&["start", SITE]));
    let store = "store | steady is on\n";
    until("all have printed", || logs(&bench, &["-n", "all"]).matches("steady is on").count() == 3);
    assert_eq!(logs(&bench, &["store"]), store);
    assert_eq!(logs(&bench, &[SITE, "store"]), store);
    assert_eq!(logs(&bench, &[SITE, "web@2"]), "web@2 | steady is on\n");
    let both = logs(&bench, &["web"]);
    assert!(both.contains("web@1 | ") && both.contains("web@2 | "), "{both}");
    assert_eq!(logs(&bench, &["store", "--no-prefix"]), "steady is on\n");
    assert_eq!(logs(&bench, &["store", "--no-log-prefix", "--tail=1"]), "steady is on\n");
    assert_eq!(logs(&bench, &["-n", "0"]), "");
    for (words, why) in [
        (
            &["logs", SITE, "stor"][..],
            "there is no process `stor` in the site `shop`; did you mean `store`?",
        ),
        (&["logs", SITE, "nginx"], "there are: siteward, store, web@1, web@2"),
        (&["logs", "stoer"], "did you mean the process `store`?"),
        (&["logs", "-n", "many"], "is neither a number of lines nor `all`"),
        (&["logs", "--follow", "--last-run"], "cannot be used with"),
    ] {
        let output = output(bench.hand(words));
        assert!(!output.status.success(), "{words:?}");
        assert!(said(&output).contains(why), "{words:?}: {}", said(&output));
    }
    bench.define("other", "processes: {a: {command: [ACT, steady]}}\n");
    let ambiguous = output(bench.hand(&["logs", "store"]));
    assert!(said(&ambiguous).contains("there is no site `store` here"), "{}", said(&ambiguous));
    succeed(bench.hand(&["stop", SITE]));
    fs::remove_dir_all(&places(&bench).runtime).unwrap();
    fs::remove_file(&places(&bench).definition).unwrap();
    let gone = logs(&bench, &[SITE, "store"]);
    assert!(gone.contains("store | SIGTERM has come"), "{gone}");
}

#[test]
fn a_run_in_the_foreground_has_a_log_too() {
    let bench = Bench::new();
    bench.define(SITE, "processes: {a: {command: [ACT, steady]}}\n");
    let run = Call::begin(bench.hand(&["run", SITE]));
    until("it runs", || run.said().contains("the site is running"));
    assert!(logs(&bench, &["siteward"]).contains("INFO  the site is running"));
    run.signal(Signal::TERM);
    assert_eq!(run.end("a stop").code, Some(0));
    assert!(logs(&bench, &["siteward"]).contains("all processes have ended"));
}

// --- hostile output -----------------------------------------------------------------------------------

/// What a call prints to a terminal of its own; by script(1).
fn on_terminal(bench: &Bench, words: &[&str], variables: &[(&str, &str)]) -> Vec<u8> {
    let call = bench.hand(words);
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let line: Vec<String> =
        std::iter::once(call.get_program()).chain(call.get_args()).map(quoted).collect();
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]).env_clear();
    for (key, value) in call.get_envs().filter_map(|(key, value)| Some((key, value?))) {
        command.env(key, value);
    }
    command.env("SHELL", "/bin/sh").env("TERM", "xterm").envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("script(1) is there");
    output.stdout
}

#[test]
fn output_is_harmless_on_a_terminal_and_exact_in_a_pipe() {
    let bench = Bench::new();
    let hostile = bench.path("hostile");
    let mut bytes =
        b"\x1b[2J\x1b]0;owned\x07bell \x1b[31mred\x1b[0m\r\n\xff\xfe\x00binary\n".to_vec();
    bytes.extend("\u{202e}desrever\n".as_bytes());
    fs::write(&hostile, &bytes).unwrap();
    define(&bench, "", &[sh(&bench, "a", "cat HERE/hostile; exec sleep 1000", "")]);
    succeed(bench.hand(&["start", SITE]));
    until("it has printed", || {
        fs::read(places(&bench).process_log("a")).is_ok_and(|printed| printed == bytes)
    });
    let piped = output(bench.hand(&["logs", "a", "--no-prefix"])).stdout;
    assert_eq!(piped, bytes);
    let seen = on_terminal(&bench, &["logs", "a"], &[]);
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("\x1b[36ma |\x1b[0m ^[[2J^[]0;owned^Gbell red\r\n"), "{text:?}");
    assert!(text.contains("^@binary") && text.contains("<U+202E>desrever"), "{text:?}");
    let plain = on_terminal(&bench, &["logs", "a"], &[("NO_COLOR", "1")]);
    assert!(!plain.contains(&0x1b) && !plain.contains(&7), "{:?}", String::from_utf8_lossy(&plain));
    assert!(!String::from_utf8_lossy(&output(bench.hand(&["logs"])).stdout).contains("\x1b[36m"));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_line_of_a_megabyte_without_an_end_comes_whole() {
    let bench = Bench::new();
    let script = "head -c 1000000 /dev/zero | tr \"\\0\" x; until test -e HERE/go; do sleep 0.02; done; \
                  echo; echo done; exec sleep 1000";
    define(&bench, "", &[sh(&bench, "a", script, "logging: {max_size: 100k, max_file: 20}")]);
    succeed(bench.hand(&["start", SITE]));
    let long = format!("a | {}\n", "x".repeat(1_000_000));
    until("it is there", || logs(&bench, &["a"]) == long);
    // One that follows waits for the end of a line for a while, and then prints what there is.
    let follower = Follower::begin(&bench, &["a"]);
    let line = follower.lines.recv_timeout(PATIENCE).unwrap();
    assert_eq!(line.len() + 1, long.len());
    fs::write(bench.path("go"), "").unwrap();
    follower.until_line("a | done");
    assert_eq!(logs(&bench, &["a"]), format!("{long}a | done\n"));
    assert_eq!(logs(&bench, &["a", "-n", "2"]), format!("{long}a | done\n"));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn no_link_in_the_folder_of_logs_is_followed() {
    let bench = started("  a: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["stop", SITE]));
    let secret = bench.path("secret");
    fs::write(&secret, "the secret\n").unwrap();
    let logs_at = places(&bench).logs;
    let links: [PathBuf; 3] = ["b.log", "a.log.1", "a.log.index"].map(|name| logs_at.join(name));
    for link in &links {
        let _ = fs::remove_file(link);
        std::os::unix::fs::symlink(&secret, link).unwrap();
    }
    let printed = logs(&bench, &["-n", "all"]);
    assert!(
        printed.contains("a        | steady is on") && !printed.contains("secret"),
        "{printed}"
    );
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "the secret\n");
}

#[test]
fn logs_of_another_version_are_read() {
    let bench = Bench::new();
    bench.define(SITE, "processes: {a: {command: [ACT, steady]}}\n");
    let logs_at = places(&bench).logs;
    siteward::linux::files::private_folder(&bench.places.logs).unwrap();
    siteward::linux::files::private_folder(&logs_at).unwrap();
    fs::write(logs_at.join("a.log.1"), "first\n").unwrap();
    let mut file = siteward::linux::files::append_to(&logs_at.join("a.log")).unwrap();
    file.write_all(b"second\n").unwrap();
    assert_eq!(logs(&bench, &["a"]), "a | first\na | second\n");
    fs::write(logs_at.join("a.log.index"), "no index at all").unwrap();
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    assert_eq!(
        logs(&bench, &["a"]),
        "a | first\na | second\na | steady is on\na | SIGTERM has come\n"
    );
    assert_eq!(last_words(&bench, &["a"]).0, ["a | steady is on", "a | SIGTERM has come"]);
}

#[test]
fn a_wrapped_supervisor_has_a_log() {
    let bench = Bench::new();
    let script = bench.path("keeper");
    let text = "#!/bin/sh\ncase $1 in\nstart) echo the keeper is up; while :; do sleep 0.1; done;;\nstop) ;;\nesac\n";
    fs::write(&script, text).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    bench.define(
        SITE,
        &format!(
            "supervisor:\n  start: [{0}, start]\n  stop: [{0}, stop]\n  \
             process: [/bin/sh, {0}, start]\n",
            script.display()
        ),
    );
    succeed(bench.hand(&["start", SITE]));
    assert_eq!(logs(&bench, &[SITE, "supervisor"]), "supervisor | the keeper is up\n");
    succeed(bench.hand(&["stop", SITE]));
    let (lines, why) = last_words(&bench, &["supervisor"]);
    assert_eq!(lines, ["supervisor | the keeper is up"], "{why}");
}
