//! What `status` tells a person of each state, in every width, and as JSON.

mod common;
mod jobcenter;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;

use common::*;
use serde_json::Value;
use siteward::control::{Reply, Request, State, View, decode, encode};
use siteward::linux::clock::WallTime;
use siteward::site::DegradedIs;
use siteward::values::{Pid, Signal};

const ONE: &str = "processes: {a: {command: [ACT, steady]}}\n";

fn status(bench: &Bench, site: &str) -> String {
    said(&output(bench.hand(&["status", site])))
}

fn json(bench: &Bench, site: &str) -> Value {
    let told = output(bench.hand(&["status", site, "--json"]));
    serde_json::from_slice(&told.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&told)))
}

/// A shell's words as a command of a definition.
fn shell(script: &str) -> String {
    format!("[/bin/sh, -c, {script:?}]")
}

// --- states -------------------------------------------------------------------------------------

#[test]
fn a_start_says_what_it_waits_for_and_how_long_it_still_has() {
    let bench = Bench::new();
    let missing = bench.path("missing");
    bench.define(
        "a",
        &format!(
            "boot_timeout: 60s\nprocesses:\n  \
             store: {{command: {}, ready: {{tcp: \"127.0.0.1:1\", timeout: 50s}}}}\n  \
             file: {{command: [ACT, steady], depends_on: [], ready: {{file: {}}}}}\n  \
             told: {{command: [ACT, steady], depends_on: [], ready: {{notify: true}}}}\n  \
             line: {{command: [ACT, steady], depends_on: [], ready: {{log: \"is up$\"}}}}\n  \
             web: {{command: [ACT, steady], depends_on: [store, file]}}\n",
            shell("echo loading the index; exec sleep 1000"),
            missing.display()
        ),
    );
    let mut start = background(bench.hand(&["start", "a"]));
    until("the port is asked", || status(&bench, "a").contains("tcp 127.0.0.1:1: refused"));
    let told = status(&bench, "a");
    assert!(told.starts_with("starting: a on "), "{told}");
    assert!(told.contains("the start waits for `store` (tcp 127.0.0.1:1: refused)"), "{told}");
    let head = told.lines().find(|line| line.contains("the start waits")).unwrap();
    assert!(head.ends_with(" s left"), "{told}");
    let of = |name: &str| told.lines().find(|l| l.trim_start().starts_with(name)).unwrap();
    assert!(of("store").contains("waits for tcp 127.0.0.1:1: refused, "), "{told}");
    assert!(of("store").ends_with(" s left, then it has failed"), "{told}");
    let file = format!("waits for file {}: it is not there", missing.display());
    assert!(of("file").contains(&file), "{told}");
    assert!(of("told").contains("waits for READY=1"), "{told}");
    assert!(of("line").contains("waits for a line that matches is up$"), "{told}");
    assert!(of("web").ends_with("waits for `store` and `file`"), "{told}");
    assert!(told.contains("last line: loading the index"), "{told}");

    let told = json(&bench, "a");
    assert_eq!(told["phase"]["what"], "start");
    let left = told["phase"]["left_seconds"].as_f64().unwrap();
    assert!((1.0..60.0).contains(&left), "{left}");
    let store = &told["processes"][0];
    assert_eq!(store["waits"]["what"], "tcp 127.0.0.1:1: refused");
    assert_eq!(store["last_line"], "loading the index");
    assert_eq!(told["processes"][4]["waits"]["what"], "`store` and `file`");
    succeed(bench.hand(&["stop", "a"]));
    start.wait().unwrap();
    let why = said(&start.wait_with_output().unwrap());
    assert!(why.contains("overtaken by stop"), "{why}");
}

#[test]
fn a_stop_says_what_it_waits_for_and_what_comes_next() {
    let bench = Bench::new();
    bench.define(
        "a",
        "stop_timeout: 60s\nforcekill_time: 30s\nprocesses:\n  \
         first: {command: [ACT, steady]}\n  \
         slow: {command: [ACT, stubborn], stop_grace_period: 40s}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let stop = background(bench.hand(&["stop", "a"]));
    until("it is told", || status(&bench, "a").contains("its end after SIGTERM"));
    let told = status(&bench, "a");
    assert!(told.starts_with("stopping: a on "), "{told}");
    assert!(told.contains(", stopped by a person"), "{told}");
    assert!(told.contains("the stop waits for `slow` (its end after SIGTERM), "), "{told}");
    assert!(told.contains("s left, then all its processes get SIGTERM"), "{told}");
    assert!(told.contains("ready, waits for the end of `slow`"), "{told}");
    let told = json(&bench, "a");
    assert_eq!((&told["state"], &told["stopping_after"]), (&"stopping".into(), &"order".into()));
    assert_eq!(told["exit_code"], 1);
    signal(bench.pid("a", "slow"), Signal::KILL);
    let stopped = stop.wait_with_output().unwrap();
    assert!(stopped.status.success(), "{}", said(&stopped));
    let told = status(&bench, "a");
    assert!(told.starts_with("stopped: a on ") && told.contains("stopped by a person"), "{told}");
}

#[test]
fn a_degraded_site_and_the_last_line_of_what_is_down() {
    let bench = Bench::new();
    let extra = shell("echo cannot reach the index >&2; exit 3");
    bench.define(
        "a",
        &format!(
            "processes:\n  a: {{command: [ACT, steady]}}\n  \
             extra: {{command: {extra}, essential: false, ready: {{delay: 1s}}}}\n"
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    until("it is given up", || status(&bench, "a").contains("given up"));
    let told = status(&bench, "a");
    assert!(told.starts_with("degraded: a on "), "{told}");
    assert!(told.contains("given up, not essential (`extra` ended with exit status 3)"), "{told}");
    assert!(told.contains("last line: cannot reach the index"), "{told}");
    assert!(!told.contains("last line: steady"), "of what is well there is none: {told}");
    assert!(told.contains("last failure ") && told.contains(" ago): `extra` ended with"), "{told}");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn maintenance_has_its_reason_and_its_end() {
    let bench = Bench::new();
    bench.define("a", ONE);
    succeed(bench.hand(&["start", "a"]));
    let pause = ["pause", "a", "--reason", "new disks", "--until", "2099-11-21 23:00Z"];
    succeed(bench.hand(&pause));
    let told = status(&bench, "a");
    assert!(told.starts_with("maintenance: a on "), "{told}");
    assert!(told.contains("new disks") && told.contains("until 2099-11-21T23:00:00Z"), "{told}");
    let told = json(&bench, "a");
    assert!(told["maintenance"]["reason"].as_str().unwrap().contains("new disks"), "{told}");
    assert_eq!(told["maintenance"]["until"], "2099-11-21T23:00:00Z");
    assert_eq!((&told["maintenance"]["overdue"], &told["exit_code"]), (&false.into(), &0.into()));
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn an_unsupervised_site_says_what_can_be_done() {
    let bench = Bench::new();
    bench.define("a", ONE);
    succeed(bench.hand(&["start", "a"]));
    let pid = bench.pid("a", "a");
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    until("unsupervised", || code(bench.hand(&["status", "a", "-q"])) == 1);
    let told = status(&bench, "a");
    assert!(told.starts_with("unsupervised: a on "), "{told}");
    assert!(told.contains(&format!("nobody watches {pid} (")), "{told}");
    assert!(told.contains("take it over: siteward adopt a; or end it: siteward stop a"), "{told}");
    let told = json(&bench, "a");
    assert!(told["supervisor"].is_null() && told["processes"] == Value::Array(vec![]), "{told}");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn the_disk_the_lease_and_the_address_are_told() {
    let (bench, database) =
        Bench::with_database("a", "address: 127.0.0.1\n", "  a: {command: [ACT, steady]}\n");
    let told = status(&bench, "a");
    assert!(told.contains("the lease has had no owner yet"), "{told}");
    succeed(bench.hand(&["start", "a"]));
    let told = status(&bench, "a");
    assert!(told.contains(&format!("the database is {}", database.display())), "{told}");
    assert!(told.contains("the lease is held by this node since "), "{told}");
    assert!(told.contains("the address 127.0.0.1 is on this node"), "{told}");
    succeed(bench.hand(&["stop", "a"]));
    assert!(status(&bench, "a").contains("the lease is free; its last owner was `"));
    // Elsewhere, and with a disk that is to be mounted.
    let head = format!(
        "database: {0}\nprerequisites: {{mounted: {0}}}\naddress: 192.0.2.1\n",
        database.display()
    );
    bench.define("b", &format!("{head}{ONE}"));
    fs::remove_file(bench.places.config.join("a.yaml")).unwrap();
    let told = status(&bench, "b");
    assert!(told.contains(" is not mounted at "), "{told}");
    assert!(told.contains("the address 192.0.2.1 is not on this node"), "{told}");
    let told = json(&bench, "b");
    assert_eq!(
        (&told["disk"]["mounted"], &told["lease"]["released"]),
        (&false.into(), &true.into())
    );
    fs::remove_dir_all(database.join(".siteward")).unwrap();
    let told = status(&bench, "b");
    assert!(told.contains("the lease is on the disk, and not seen here"), "{told}");
}

#[test]
fn memory_and_cpu_are_those_of_all_processes_of_one() {
    let bench = Bench::new();
    let script = "sleep 1000 & sleep 1000 & while [ $((n+=1)) -lt 200000 ]; do :; done; wait";
    bench.define("a", &format!("processes: {{a: {{command: {}}}}}\n", shell(script)));
    succeed(bench.hand(&["start", "a"]));
    let usage = || json(&bench, "a")["processes"][0]["usage"].clone();
    // A mean over less than a moment is not shown.
    until("all are counted", || usage()["processes"] == 3 && usage()["cpu_percent"].is_number());
    let usage = usage();
    let number = |key: &str| usage[key].as_f64().unwrap_or_else(|| panic!("{key}: {usage}"));
    assert!(number("memory_bytes") > 100_000.0, "{usage}");
    assert!(number("cpu_seconds") > 0.0 && number("cpu_over_seconds") > 0.0, "{usage}");
    let expected = number("cpu_seconds") / number("cpu_over_seconds") * 100.0;
    assert!((number("cpu_percent") - expected).abs() < 0.01, "{usage}");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn the_health_of_a_process_is_told() {
    let bench = Bench::new();
    let sick = bench.path("sick");
    let test = shell(&format!("test ! -e {} || {{ echo no answer; exit 1; }}", sick.display()));
    bench.define(
        "a",
        &format!(
            "processes:\n  x: {{command: [ACT, steady], healthcheck: \
             {{test: {test}, interval: 100ms, timeout: 2s, retries: 1000}}}}\n"
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    until("it is healthy", || status(&bench, "a").contains("ready, healthy"));
    fs::write(&sick, "").unwrap();
    until("it is sick", || {
        let told = status(&bench, "a");
        told.contains("of 1000 times: it ended with exit status 1: no answer")
    });
    assert!(status(&bench, "a").contains("last line: steady is on"), "it is not well");
    succeed(bench.hand(&["stop", "a"]));
}

// --- the last failure -----------------------------------------------------------------------------

#[test]
fn the_last_failure_survives_recovery_stop_start_and_reboot_until_it_is_cleared() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {x: {command: [ACT, steady], restart: {attempts: 9, within: 60s, delay: 10ms}}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    assert!(!status(&bench, "a").contains("failure"));
    signal(bench.pid("a", "x"), Signal::KILL);
    let cause = "`x` was killed by SIGKILL, which siteward did not send";
    let is_told = |story: &str| {
        let told = status(&bench, "a");
        assert!(told.contains("last failure ") && told.contains(cause), "{story}: {told}");
        let json = json(&bench, "a");
        assert_eq!(json["last_failure"]["process"], "x", "{story}: {json}");
        assert_eq!(json["last_failure"]["reason"], cause, "{story}");
    };
    until("it has recovered", || status(&bench, "a").contains("ready, started again once"));
    is_told("after the recovery");
    succeed(bench.hand(&["stop", "a"]));
    is_told("after a stop");
    succeed(bench.hand(&["start", "a"]));
    is_told("after a start");
    assert!(status(&bench, "a").starts_with("running"));
    succeed(bench.hand(&["stop", "a"]));
    // The runtime directory is gone with a reboot.
    fs::remove_dir_all(&bench.places.runtime).unwrap();
    is_told("after a reboot");

    let cleared = succeed(bench.hand(&["status", "a", "--clear-failure"]));
    assert!(cleared.contains("are no longer shown; the history keeps them"), "{cleared}");
    assert!(!status(&bench, "a").contains("failure"));
    assert!(json(&bench, "a")["last_failure"].is_null());
    assert!(bench.log("a", "history.jsonl").contains("SIGKILL"), "the history keeps it");
    // The next one is shown.
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("it has recovered", || status(&bench, "a").contains("ready, started again once"));
    is_told("the next one");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_failure_is_shown_for_a_day_and_with_its_last_lines() {
    let bench = Bench::new();
    let command = shell("echo the index is torn; exit 7");
    bench.define("a", &format!("processes: {{x: {{command: {command}, ready: {{delay: 5s}}}}}}\n"));
    assert_eq!(code(bench.hand(&["start", "a"])), 1);
    let told = status(&bench, "a");
    assert!(told.starts_with("failed: a on "), "{told}");
    assert_eq!(told.matches("ended with exit status 7").count(), 1, "told once: {told}");
    assert!(told.contains("\n  x: the index is torn"), "{told}");
    succeed(bench.hand(&["stop", "a"]));
    let told = status(&bench, "a");
    assert!(told.contains("last failure ") && told.contains("exit status 7"), "{told}");
    // A day and an hour ago.
    let file = bench.places.logs.join("a/history.jsonl");
    let old = fs::read_to_string(&file).unwrap();
    let day = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
        entry["at"] = (at - jiff::SignedDuration::from_hours(25)).to_string().into();
        format!("{entry}\n")
    };
    fs::write(&file, old.lines().map(day).collect::<String>()).unwrap();
    assert!(!status(&bench, "a").contains("failure"), "{}", status(&bench, "a"));
}

// --- sites, widths, colours ---------------------------------------------------------------------

#[test]
fn several_sites_have_a_line_each_and_the_exit_code_of_the_worst() {
    let bench = Bench::new();
    bench.define("up", ONE);
    bench.define("down", &format!("site: down\n{ONE}"));
    bench.define("bad", &format!("site: bad\n{ONE}"));
    succeed(bench.hand(&["start", "up"]));
    assert_eq!(code(bench.hand(&["status", "up", "up"])), 0);
    assert_eq!(code(bench.hand(&["status", "up", "down"])), 3);
    assert_eq!(code(bench.hand(&["status"])), 3);
    succeed(bench.hand(&["start", "bad"]));
    signal(bench.pid("bad", "a"), Signal::KILL);
    until("it has failed", || code(bench.hand(&["status", "bad", "-q"])) == 1);
    let all = output(bench.hand(&["status"]));
    assert_eq!(all.status.code(), Some(1));
    let told = said(&all);
    assert!(told.contains("failed: `a` was killed by SIGKILL"), "{told}");
    assert!(told.lines().any(|line| line.starts_with("up ") && line.contains("1/1")), "{told}");
    let objects = said(&output(bench.hand(&["status", "--json"])));
    let sites: Vec<Value> = objects.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: Vec<&str> = sites.iter().map(|site| site["site"].as_str().unwrap()).collect();
    assert_eq!(names, ["bad", "down", "up"]);
    let wrong = output(bench.hand(&["status", "up", "dwon"]));
    assert_eq!(wrong.status.code(), Some(5), "{}", said(&wrong));
    assert_eq!(said(&output(bench.hand(&["status", "-q", "up"]))), "");
    succeed(bench.hand(&["stop", "up"]));
}

/// A site of sixty processes, of which two are not well.
fn sixty(bench: &Bench) {
    let mut text = String::from("boot_timeout: 60s\nprocesses:\n");
    for n in 0..58 {
        text.push_str(&format!(
            "  worker-{n:02}: {{command: [/bin/sleep, \"1000\"], depends_on: []}}\n"
        ));
    }
    let broken = shell("echo the index is torn and must be built again by hand; exit 3");
    for name in ["importer", "exporter"] {
        text.push_str(&format!(
            "  {name}: {{command: {broken}, depends_on: [], essential: false, ready: {{delay: 1s}}}}\n"
        ));
    }
    bench.define("many", &text);
    succeed(bench.hand(&["start", "many"]));
    until("both are given up", || status(bench, "many").matches("given up").count() == 2);
}

#[test]
fn no_line_is_wider_than_the_terminal_and_no_word_is_broken() {
    let bench = Bench::new();
    sixty(&bench);
    let wide = |columns: &str| {
        let mut command = bench.hand(&["status", "many"]);
        command.env("COLUMNS", columns);
        succeed(command)
    };
    let whole = status(&bench, "many");
    let known: Vec<&str> = whole.split_whitespace().map(|w| w.trim_end_matches(',')).collect();
    for columns in [40, 80, 200] {
        let told = wide(&columns.to_string());
        for line in told.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        let labels = ["up", "CPU"];
        for word in told.split_whitespace().map(|word| word.trim_end_matches(',')) {
            let is_figure = word.contains(|c: char| c.is_ascii_digit());
            let is_whole = known.contains(&word) || labels.contains(&word);
            assert!(is_figure || is_whole, "{columns}: {word}");
        }
        let names = told.split_whitespace().filter(|word| word.starts_with("worker-")).count();
        assert_eq!(names, 58, "{columns}: {told}");
        assert!(told.contains("importer") && told.contains("exporter"), "{told}");
    }
    assert!(!wide("40").contains("PROCESS"), "a block for each process");
    assert!(wide("80").contains("PROCESS"), "a table");
    assert!(wide("200").lines().any(|line| line.chars().count() > 80), "it uses the width");
    succeed(bench.hand(&["stop", "many"]));
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let bench = Bench::new();
    bench.define("a", ONE);
    succeed(bench.hand(&["start", "a"]));
    let told = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = bench.hand(words);
        command.envs(variables.iter().copied());
        succeed(command)
    };
    for words in [&["status", "a"][..], &["status", "a", "a"], &["list"]] {
        assert!(!told(words, &[]).contains('\x1b'), "a pipe: {words:?}");
        let forced = told(words, &[("CLICOLOR_FORCE", "1")]);
        assert!(forced.contains("\x1b[32mrunning\x1b[0m"), "{words:?}: {forced}");
        let none = told(words, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
        assert!(!none.contains('\x1b'), "NO_COLOR: {words:?}: {none}");
    }
    let object = told(&["status", "a", "--json"], &[("CLICOLOR_FORCE", "1")]);
    assert!(!object.contains('\x1b'), "{object}");
    succeed(bench.hand(&["stop", "a"]));
}

// --- JSON -----------------------------------------------------------------------------------------

/// The type that docs/status-json.md gives to each field.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../docs/status-json.md");
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let field = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((field.to_owned(), cells.next()?.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

fn check(path: &str, value: &Value, documented: &BTreeMap<String, String>) {
    if !path.is_empty() && !path.ends_with("[]") {
        let expected = documented.get(path).unwrap_or_else(|| panic!("`{path}` is not documented"));
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let first = expected.split(' ').next().unwrap();
        let fits = is == first || (is == "null" && expected.ends_with("or null"));
        assert!(fits, "`{path}` is {value}, and documented as {expected}");
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                check(&path, value, documented);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                check(&format!("{path}[]"), element, documented);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_json_is_as_it_is_documented_in_every_state() {
    let (bench, _database) = Bench::with_database(
        "a",
        "address: 127.0.0.1\nstop_timeout: 60s\n",
        "  slow: {command: [ACT, stubborn], stop_grace_period: 50s, \
         restart: {attempts: 1, within: 60s, delay: 2s}, \
         healthcheck: {test: [/bin/true], interval: 1s}}\n  \
         late: {command: [ACT, steady], ready: {delay: 500ms}}\n",
    );
    let documented = documented();
    assert!(documented.len() > 60, "{documented:?}");
    let mut states = Vec::new();
    let mut is_documented = |story: &str| {
        let told = json(&bench, "a");
        check("", &told, &documented);
        assert_eq!(told["schema"], 1);
        let code = code(bench.hand(&["status", "a", "-q"]));
        // What changes by itself may have changed.
        assert!(told["exit_code"] == code || story == "starting", "{story}: {told}");
        states.push(told["state"].as_str().unwrap().to_owned());
    };
    is_documented("stopped");
    let start = background(bench.hand(&["start", "a"]));
    until("it starts", || bench.record("a").is_some_and(|r| !r.processes.is_empty()));
    is_documented("starting");
    assert!(start.wait_with_output().unwrap().status.success());
    is_documented("running");
    signal(bench.pid("a", "slow"), Signal::KILL);
    until("it is down", || json(&bench, "a")["processes"][0]["next_start_seconds"].is_number());
    is_documented("degraded");
    until("it is up", || json(&bench, "a")["state"] == "running");
    let pause = background(bench.hand(&["pause", "a", "--until", "1h"]));
    until("it is told to stop", || json(&bench, "a")["phase"]["what"] == "pause");
    signal(bench.pid("a", "slow"), Signal::KILL);
    assert!(pause.wait_with_output().unwrap().status.success());
    is_documented("maintenance");
    succeed(bench.hand(&["resume", "a"]));
    let stop = background(bench.hand(&["stop", "a"]));
    until("it stops", || json(&bench, "a")["state"] == "stopping");
    is_documented("stopping");
    signal(bench.pid("a", "slow"), Signal::KILL);
    assert!(stop.wait_with_output().unwrap().status.success());
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "late"), Signal::KILL);
    until("it fails", || json(&bench, "a")["state"] != "running");
    signal(bench.pid("a", "slow"), Signal::KILL);
    until("it has failed", || json(&bench, "a")["state"] == "failed");
    is_documented("failed");
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    until("unsupervised", || json(&bench, "a")["state"] == "unsupervised");
    is_documented("unsupervised");
    succeed(bench.hand(&["clean", "a"]));
    assert_eq!(
        states,
        [
            "stopped",
            "starting",
            "running",
            "degraded",
            "maintenance",
            "stopping",
            "failed",
            "unsupervised"
        ]
    );
}

// --- other supervisors ----------------------------------------------------------------------------

#[test]
fn a_supervisor_that_knows_no_details_is_shown_with_what_it_tells() {
    let bench = Bench::new();
    bench.define("a", ONE);
    let folder = bench.places.runtime.join("a");
    fs::create_dir_all(&folder).unwrap();
    let listener = UnixListener::bind(folder.join("control")).unwrap();
    let view = View {
        state: State::Running,
        desired: "up".to_owned(),
        supervisor: Pid::this(),
        since: WallTime::now(),
        fingerprint: String::new(),
        degraded_is: DegradedIs::Running,
        degraded_after: std::time::Duration::ZERO,
        degraded_for: None,
        paused: None,
        failure: None,
        lost: Vec::new(),
        processes: Vec::new(),
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = Vec::new();
            BufReader::new(stream.try_clone().unwrap()).read_until(b'\n', &mut line).unwrap();
            let reply = match decode(&line) {
                Ok(Request::Look) => Reply::Done(Box::new(view.clone())),
                _ => Reply::Refused { why: "it is not understood".to_owned() },
            };
            let _ = stream.write_all(&encode(&reply));
        }
    });
    let told = status(&bench, "a");
    assert!(told.starts_with("running: a on "), "{told}");
    assert!(told.contains("the supervisor is of an earlier version, which tells less"), "{told}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrapped_site_is_told_by_its_list_and_its_record() {
    let center = jobcenter::Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    let told = said(&output(center.hand(&["status", "testsite"])));
    assert!(told.starts_with("running: testsite on "), "{told}");
    assert!(told.contains(", its own supervisor "), "{told}");
    let object = succeed(center.hand(&["status", "testsite", "--json"]));
    check("", &serde_json::from_str(&object).unwrap(), &documented());
    succeed(center.hand(&["stop", "testsite"]));
}

// --- watching without a terminal ------------------------------------------------------------------

#[test]
fn a_watch_that_is_no_terminal_prints_what_has_changed() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {x: {command: [ACT, steady], restart: {attempts: 9, within: 60s, delay: 10ms}}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    for extra in [&[][..], &["--json"]] {
        let words = [&["status", "a", "--watch=200ms"], extra].concat();
        let watch = Call::begin(bench.hand(&words));
        let begins = if extra.is_empty() { "running: a on" } else { "{\"schema\":1" };
        let count = |watch: &Call| watch.said().lines().filter(|l| l.starts_with(begins)).count();
        until("the first is printed", || count(&watch) == 1);
        wait_for(std::time::Duration::from_secs(1));
        assert_eq!(count(&watch), 1, "nothing has changed: {}", watch.said());
        let before = bench.pid("a", "x");
        signal(before, Signal::KILL);
        until("the change is printed", || {
            let now = bench.record("a").and_then(|record| record.processes.first().cloned());
            now.is_some_and(|x| {
                x.identity.pid != before && watch.said().contains(&x.identity.pid.to_string())
            })
        });
        assert!(watch.said().contains("was killed by SIGKILL"), "{}", watch.said());
        watch.signal(Signal::TERM);
        let ended = watch.end("it was told to end");
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(!ended.said.contains('\x1b'), "{}", ended.said);
    }
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    bench.define("a", ONE);
    for (words, told) in [
        (&["status", "a", "--watch=0"][..], "too short"),
        (&["status", "a", "--watch=soon"], "is not a duration"),
        (&["status", "a", "--watch", "--explain"], "cannot be used with"),
        (&["status", "a", "--clear-failure", "--json"], "cannot be used with"),
    ] {
        let refused = output(bench.hand(words));
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {}", said(&refused));
        assert!(said(&refused).contains(told), "{words:?}: {}", said(&refused));
    }
    let mut piped = Command::new("/bin/sh");
    piped.args(["-c", "\"$0\" status a --watch=200ms | head -n 2", SITEWARD]);
    for (key, value) in bench.hand(&[]).get_envs() {
        piped.env(key, value.unwrap());
    }
    assert!(succeed(piped).contains("stopped: a on"), "it ends with its reader");
}
