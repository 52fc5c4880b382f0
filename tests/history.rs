//! The history of a site: what it tells, and that it survives. Two nodes are two folders on this machine.

mod common;
mod jobcenter;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::*;
use jobcenter::Jobcenter;
use siteward::history::{Entry, HistoryEvent};
use siteward::values::{ExitStatus, Signal};

const SITE: &str = "shop";

/// Two nodes with the same definition, and a disk that both see.
fn two_nodes(processes: &str) -> (Bench, Bench, PathBuf) {
    let (one, two) = (Bench::new(), Bench::new());
    let database = one.path("disk");
    fs::create_dir(&database).unwrap();
    for node in [&one, &two] {
        node.define_with_database(SITE, &database, "", processes);
    }
    (one, two, database)
}

fn entries(bench: &Bench, words: &[&str]) -> Vec<Entry> {
    let text = succeed(bench.hand(&[&["history", SITE, "--json", "--quiet"], words].concat()));
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn events(entries: &[Entry]) -> Vec<HistoryEvent> {
    entries.iter().map(|entry| entry.event).collect()
}

fn find(entries: &[Entry], event: HistoryEvent) -> &Entry {
    let found = entries.iter().rev().find(|entry| entry.event == event);
    found.unwrap_or_else(|| panic!("no {event} in {entries:#?}"))
}

const ON_ALPHA: (&str, &str) = ("OCF_RESKEY_CRM_meta_on_node", "alpha");
const ON_BETA: (&str, &str) = ("OCF_RESKEY_CRM_meta_on_node", "beta");

#[test]
fn the_story_of_a_failover_is_told_on_the_other_node() {
    use HistoryEvent as E;
    let processes = "  store: {command: [/bin/sh, -c, \"echo open; echo 'no \\e[2Jspace'; exec sleep 1000\"]}\n";
    let (alpha, beta, database) = two_nodes(processes);
    assert_eq!(code(alpha.ocf(SITE, "start", &[ON_ALPHA])), 0);
    signal(alpha.pid(SITE, "store"), Signal::KILL);
    until("it has failed", || alpha.monitor(SITE).0 == 7);
    assert_eq!(code(alpha.ocf(SITE, "stop", &[ON_ALPHA])), 0);
    assert_eq!(code(beta.ocf(SITE, "start", &[ON_BETA])), 0);
    succeed(beta.hand(&["pause", SITE, "--reason", "new disks"]));
    succeed(beta.hand(&["resume", SITE]));
    succeed(beta.hand(&["stop", SITE]));

    let all = entries(&beta, &[]);
    let of = |node: &str| -> Vec<Entry> {
        all.iter().filter(|entry| entry.node == node).cloned().collect()
    };
    let first = [
        E::StartOrdered,
        E::Leased,
        E::Started,
        E::Spawned,
        E::Ready,
        E::Up,
        E::Fault,
        E::Failed,
        E::Down,
    ];
    assert_eq!(events(&of("alpha"))[..9], first, "{all:#?}");
    let second = [
        E::StartOrdered,
        E::Leased,
        E::Started,
        E::Spawned,
        E::Ready,
        E::Up,
        E::Pausing,
        E::Ended,
        E::Paused,
        E::Resuming,
        E::Spawned,
        E::Ready,
        E::Up,
        E::Stopping,
        E::Ended,
        E::Down,
        E::Stopped,
    ];
    let here =
        events(&entries(&beta, &[]).into_iter().filter(|e| e.node != "alpha").collect::<Vec<_>>());
    assert_eq!(here, second);
    let failed = find(&all, E::Failed);
    assert_eq!(failed.exit, Some(ExitStatus::Signal(Signal::KILL)));
    assert_eq!(failed.process.as_deref(), Some("store"));
    assert_eq!(failed.last_lines.len(), 2, "{failed:?}");
    let order = find(&of("alpha"), E::StartOrdered).by.clone().unwrap();
    assert_eq!((order.caller.as_str(), order.resource.as_deref()), ("Pacemaker", Some("r-shop")));
    let stop = find(&all, E::Stopping).by.clone().unwrap();
    assert_eq!(stop.caller, "a person");
    assert!(stop.login.is_some() && stop.login_from.is_some(), "{stop:?}");
    for event in [E::Leased, E::Started, E::Ready, E::Up, E::Ended, E::Down, E::Stopped, E::Paused]
    {
        assert!(find(&all, event).took.is_some(), "{event} has a duration");
    }
    assert!(find(&all, E::Paused).detail.contains("new disks"));
    assert!(database.join(".siteward/history/alpha.jsonl").exists());

    // For a person, at 80 columns.
    let mut command = beta.hand(&["history", SITE]);
    command.env("COLUMNS", "80");
    let page = succeed(command);
    for words in
        ["alpha", "failed", "was killed by SIGKILL", "Pacemaker (r-shop)", "a person", "| open"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains('\u{1b}'), "nothing that a terminal would obey: {page:?}");
    let failures = entries(&beta, &["--failed"]);
    assert!(failures.iter().any(|e| e.event == E::Failed) && failures.len() < all.len());
    assert!(entries(&beta, &["--node", "alpha"]).iter().all(|e| e.node == "alpha"));
    assert_eq!(entries(&beta, &["-n", "2"]).len(), 2);
    assert_eq!(entries(&beta, &["--since", "1h"]).len(), all.len());
    assert!(entries(&beta, &["--since", "1970-01-02"]).len() == all.len());
    let refused = output(beta.hand(&["history", SITE, "--since", "soon"]));
    assert!(said(&refused).contains("neither a duration like 2h nor a time"), "{}", said(&refused));

    // Where the disk is not, this node's own entries are shown, and that is said.
    fs::rename(&database, database.with_extension("away")).unwrap();
    let alone = output(beta.hand(&["history", SITE]));
    assert!(alone.status.success());
    assert!(said(&alone).contains("only what this node wrote is shown"), "{}", said(&alone));
    fs::rename(database.with_extension("away"), &database).unwrap();
    fs::remove_file(beta.places.config.join("shop.yaml")).unwrap();
    assert_eq!(entries(&beta, &[]).len(), all.len(), "without its definition");
    let unknown = output(beta.hand(&["history", "nosuch"]));
    assert!(
        !unknown.status.success() && said(&unknown).contains("no site `nosuch`"),
        "{}",
        said(&unknown)
    );
}

#[test]
fn a_line_that_is_cut_off_at_any_byte_is_left_out_and_told() {
    let bench = Bench::new();
    bench.define(SITE, "processes:\n  a: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    let path = bench.places.logs.join(SITE).join("history.jsonl");
    let whole = fs::read(&path).unwrap();
    let count = whole.iter().filter(|&&b| b == b'\n').count();
    let last = whole[..whole.len() - 1].iter().rposition(|&b| b == b'\n').unwrap() + 1;
    for cut in (last + 1..whole.len() - 1).step_by(9) {
        fs::write(&path, &whole[..cut]).unwrap();
        let shown = output(bench.hand(&["history", SITE, "--json"]));
        assert!(shown.status.success());
        let lines = String::from_utf8_lossy(&shown.stdout).lines().count();
        assert_eq!(lines, count - 1, "{cut}");
        assert!(said(&shown).contains("a line was cut off"), "{cut}: {}", said(&shown));
    }
    // What is written next stays whole.
    succeed(bench.hand(&["start", SITE]));
    assert_eq!(entries(&bench, &["-n", "1"])[0].event, HistoryEvent::Up);
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_killed_supervisor_loses_nothing_and_its_death_is_written_by_the_next_verb() {
    let (bench, database) = Bench::with_database(SITE, "", "  a: {command: [ACT, steady]}\n");
    for round in 0..6 {
        let start = Call::begin(bench.hand(&["start", SITE]));
        if round % 2 == 0 {
            assert_eq!(start.end("a start").code, Some(0));
        } else {
            until("there is a supervisor", || {
                bench.record(SITE).is_some_and(|r| r.supervisor.is_alive())
            });
        }
        signal_if_there(bench.pid(SITE, "supervisor"), Signal::KILL);
        output(bench.hand(&["stop", SITE]));
        until("nothing lives", || bench.living(SITE).is_empty());
        let found = entries(&bench, &[]);
        if round % 2 == 0 {
            let failed = find(&found, HistoryEvent::Failed);
            assert!(failed.detail.contains("found by"), "{failed:?}");
        }
    }
    // What a killed start has written is saved with the next entry.
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    let node = fs::read_dir(database.join(".siteward/history")).unwrap().next().unwrap().unwrap();
    until("all is on the disk", || {
        let on_disk = fs::read(node.path()).unwrap();
        let here = fs::read(bench.places.logs.join(SITE).join("history.jsonl")).unwrap();
        on_disk.split(|&b| b == b'\n').collect::<std::collections::HashSet<_>>()
            == here.split(|&b| b == b'\n').collect()
    });
}

/// A process that is not essential is ready a while after the others: that is no failure.
#[test]
fn a_process_that_is_still_coming_up_does_not_count_as_a_failure() {
    use HistoryEvent as E;
    let bench = Bench::new();
    bench.define(
        SITE,
        "processes:\n  store: {command: [ACT, steady]}\n  web: {command: [ACT, steady], \
         essential: false, ready: {delay: 2s}, restart: {attempts: 3, within: 60s, delay: 300ms}}\n",
    );
    succeed(bench.hand(&["start", SITE]));
    let is_ready = |times: usize| {
        let web = |e: &&Entry| e.event == E::Ready && e.process.as_deref() == Some("web");
        entries(&bench, &[]).iter().filter(web).count() == times
    };
    until("web is ready", || is_ready(1));
    let failures = |all: &[Entry]| all.iter().filter(|entry| entry.event.is_failure()).count();
    assert_eq!(failures(&entries(&bench, &[])), 0, "{:#?}", entries(&bench, &[]));
    let told = said(&output(bench.hand(&["status", SITE])));
    assert!(!told.contains("last failure"), "{told}");
    signal(bench.pid(SITE, "web"), Signal::KILL);
    until("web is ready again", || is_ready(2));
    let all = entries(&bench, &[]);
    let degraded = find(&all, E::Degraded);
    assert_eq!(degraded.process.as_deref(), Some("web"), "{all:#?}");
    until("it is well again", || events(&entries(&bench, &[])).contains(&E::Recovered));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_process_that_flaps_does_not_fill_the_history() {
    let bench = Bench::new();
    let processes = "  a: {command: [ACT, steady]}\n  flap: {command: [/bin/false], essential: false, \
                     restart: {attempts: 1000, within: 1s, delay: 0, max_delay: 0}}\n";
    bench.define(SITE, &format!("processes:\n{processes}"));
    succeed(bench.hand(&["start", SITE]));
    let count =
        |event: HistoryEvent| entries(&bench, &[]).iter().filter(|e| e.event == event).count();
    until("it has died often", || count(HistoryEvent::Fault) > 40);
    assert!(count(HistoryEvent::Spawned) < 15, "{}", count(HistoryEvent::Spawned));
    assert!(count(HistoryEvent::Restarting) < 15);
    assert_eq!(count(HistoryEvent::Up), 1);
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_wrapped_site_has_the_same_history() {
    use HistoryEvent as E;
    let center = Jobcenter::new("testsite");
    let site = center.site.as_str();
    succeed(center.hand(&["start", site]));
    succeed(center.hand(&["stop", site]));
    let shown = succeed(center.hand(&["history", site, "--json"]));
    let told: Vec<Entry> =
        shown.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for event in [E::StartOrdered, E::Leased, E::Started, E::Up, E::Stopping, E::Down, E::Stopped] {
        assert!(told.iter().any(|entry| entry.event == event), "{event}: {shown}");
    }
    // One that died since it was up is found by the next verb, once.
    succeed(center.hand(&["start", site]));
    signal(center.daemon("jnwengine"), Signal::KILL);
    until("it is failed", || center.bench.monitor(site).2 == 1);
    let failures = || {
        let shown = succeed(center.hand(&["history", site, "--json"]));
        shown.lines().filter(|line| line.contains("\"failed\"")).count()
    };
    assert_eq!(failures(), 0, "a monitor writes nothing");
    succeed(center.hand(&["stop", site]));
    succeed(center.hand(&["stop", site]));
    assert_eq!(failures(), 1);
}

#[test]
fn a_follower_shows_what_is_added_and_ends_by_a_signal() {
    let bench = Bench::new();
    bench.define(SITE, "processes:\n  a: {command: [ACT, steady]}\n");
    let follower = Call::begin(bench.hand(&["history", SITE, "-f"]));
    until("it waits", || waits(follower.pid()));
    succeed(bench.hand(&["start", SITE]));
    until("the start is shown", || follower.said().contains("the site is running"));
    succeed(bench.hand(&["stop", SITE]));
    until("the stop is shown", || follower.said().contains("it is proved"));
    follower.signal(Signal::INT);
    assert_eq!(follower.end("a follower").code, Some(0));
}

#[test]
fn operations_that_a_start_interrupted_are_found() {
    let bench = Bench::new();
    let log = bench.path("backup.log");
    bench.define(
        SITE,
        &format!(
            "operations:\n  backup:\n    log: {}\n    begins: 'begin (\\w+)'\n    ends: 'end (\\w+)'\n    \
             again: 'backup {{instance}}'\nprocesses:\n  a: {{command: [ACT, steady]}}\n",
            log.display()
        ),
    );
    let line = |words: &str| format!("{} {words}\n", jiff_now());
    let append = |words: &str| {
        let text = fs::read_to_string(&log).unwrap_or_default();
        fs::write(&log, text + &line(words)).unwrap();
    };
    append("begin one");
    append("end one");
    append("begin two");
    assert_eq!(code(bench.hand(&["history", SITE, "--interrupted"])), 0);
    succeed(bench.hand(&["start", SITE]));
    append("begin three");
    let found = output(bench.hand(&["history", SITE, "--interrupted"]));
    let text = said(&found);
    assert_eq!(found.status.code(), Some(1), "{text}");
    assert!(text.contains("1 interrupted, 1 open, 1 finished"), "{text}");
    assert!(text.contains("run again: backup two"), "{text}");
    succeed(bench.hand(&["stop", SITE]));
    fs::remove_file(&log).unwrap();
    let missing = output(bench.hand(&["history", SITE, "--interrupted"]));
    assert!(said(&missing).contains("is not known"), "{}", said(&missing));
}

/// The time as a log has it.
fn jiff_now() -> String {
    Waitless::wait(Duration::from_millis(20));
    let now = Entry::new(HistoryEvent::Other, "").at;
    now.to_string()
}

/// A pause, so that two times differ.
struct Waitless;

impl Waitless {
    fn wait(time: Duration) {
        use siteward::linux::wait::Waiting;
        use siteward::values::Moment;
        Waiting::<()>::new().wait(Some(Moment::now() + time));
    }
}

#[test]
fn a_wrong_word_in_notify_and_a_wrong_expression_are_told() {
    let bench = Bench::new();
    bench.define(
        SITE,
        "notify: {command: [/bin/true], on: [faild]}\noperations:\n  x: {log: /x, begins: '(', ends: b}\n\
         processes:\n  a: {command: [ACT, steady]}\n",
    );
    let told = said(&output(bench.hand(&["validate-all", SITE, "--level", "0"])));
    assert!(told.contains("did you mean `failed`?"), "{told}");
    assert!(told.contains("is not a regular expression"), "{told}");
    assert!(Path::new("/bin/true").exists());
}
