//! Work that a failover interrupts: found by the next owner's start, handed over, dropped, or left to a person. Both
//! "nodes" are folders on this machine with one database.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::*;
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";

/// Names that a shell would take apart.
const NAMES: [&str; 5] = ["1", "two words", "$(reboot);'\"", "-rf *", "new\nline"];

/// Three nodes, a disk that all see, and the command that is handed the work.
struct Cluster {
    nodes: [Bench; 3],
    database: PathBuf,
    calls: PathBuf,
}

impl Cluster {
    /// `work`: the lines of the definition, with `RECEIVE` for the command's program. `script`: what the command does after
    /// it has written down how it was called.
    fn new(work: &str, script: &str) -> Self {
        let nodes = [Bench::new(), Bench::new(), Bench::new()];
        let database = nodes[0].path("disk");
        let (receive, calls) = (nodes[0].path("receive"), nodes[0].path("calls"));
        for folder in ["queue/running", "queue/waiting"] {
            fs::create_dir_all(database.join(folder)).unwrap();
        }
        // In one write, so that a call that is killed is not written down by half.
        let head = format!(
            "#!/bin/sh\nfor word; do last=$word; done\ncall=$(printf '%s\\037' \"$@\"; printf '\\036')\n\
             printf '%s' \"$call\" >>'{}'\nqueue='{}'\n",
            calls.display(),
            database.join("queue").display()
        );
        fs::write(&receive, format!("{head}{script}\n")).unwrap();
        fs::set_permissions(&receive, fs::Permissions::from_mode(0o755)).unwrap();
        let work = work.replace("RECEIVE", &receive.display().to_string());
        for node in &nodes {
            node.define_with_database(SITE, &database, &work, "  a: {command: [ACT, steady]}\n");
        }
        Self { nodes, database, calls }
    }

    fn running(&self) -> PathBuf {
        self.database.join("queue/running")
    }

    /// Puts work into the queue, as a program does that works on it.
    fn runs(&self, names: &[&str]) {
        names.iter().for_each(|name| fs::write(self.running().join(name), "").unwrap());
    }

    /// How the command was called: the words after its name, each time.
    fn calls(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(&self.calls).unwrap_or_default();
        let calls = text.split('\u{1e}').filter(|call| !call.is_empty());
        calls.map(|call| call.split_terminator('\u{1f}').map(str::to_owned).collect()).collect()
    }

    /// How often it was given this item.
    fn times(&self, name: &str) -> usize {
        let path = self.running().join(name).display().to_string();
        self.calls().iter().filter(|call| call.last() == Some(&path)).count()
    }

    fn history(&self, node: usize) -> String {
        succeed(self.nodes[node].hand(&["history", SITE]))
    }

    fn status(&self, node: usize) -> serde_json::Value {
        let text = output(self.nodes[node].hand(&["status", "--json", SITE])).stdout;
        serde_json::from_slice(&text).unwrap()
    }

    fn list(&self) -> serde_json::Value {
        let text = fs::read(self.database.join(".siteward/work.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

const RERUN: &str = "work:\n  jobs:\n    files: queue/running/*\n    at_failover: rerun\n    \
                     hand_to: [RECEIVE, --queue, \"night run\", \"{x}\"]\n    timeout: 3s\n";

#[test]
fn each_interrupted_item_is_handed_over_once_exactly_as_declared() {
    let cluster = Cluster::new(RERUN, "mv -- \"$last\" \"$queue/waiting/\"");
    let [one, two, three] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&NAMES);
    cluster.runs(&[".not-yet"]);
    lose_power(one, SITE);
    let started = succeed(two.hand(&["start", SITE]));
    assert!(started.contains("5 items of `jobs` are interrupted"), "{started}");
    let mut expected: Vec<Vec<String>> = NAMES
        .iter()
        .map(|name| {
            let path = cluster.running().join(name).display().to_string();
            ["--queue", "night run", "{x}", &path].map(str::to_owned).to_vec()
        })
        .collect();
    expected.sort();
    let mut calls = cluster.calls();
    calls.sort();
    assert_eq!(calls, expected);
    let told = cluster.history(1);
    for words in ["unclean", "work-interrupted", "work-handed-over", "5 items of `jobs` are handed"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(cluster.list()["closed"], true);
    assert_eq!(cluster.status(1)["work"]["open"], 0);
    // Nothing is handed over after a clean end, or again after another unclean one.
    cluster.runs(&["left"]);
    succeed(two.hand(&["stop", SITE]));
    succeed(three.hand(&["start", SITE]));
    assert_eq!(cluster.calls().len(), 5);
    lose_power(three, SITE);
    succeed(two.hand(&["start", SITE]));
    assert_eq!((cluster.calls().len(), cluster.times("left")), (6, 1));
    succeed(two.hand(&["stop", SITE]));
}

#[test]
fn the_work_of_a_site_that_failed_is_handed_over_by_the_next_start_on_any_node() {
    // The command leaves the item where it is.
    let cluster = Cluster::new(RERUN, ":");
    let [one, two, three] = &cluster.nodes;
    let fail = |node: &Bench| {
        signal(node.pid(SITE, "a"), Signal::KILL);
        until("the site has failed", || node.monitor(SITE).0 == 7);
        // As a cluster does.
        succeed(node.hand(&["stop", SITE]));
    };
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["1"]);
    fail(one);
    let started = succeed(two.hand(&["start", SITE]));
    assert!(started.contains("1 item of `jobs` is interrupted"), "{started}");
    assert_eq!(cluster.times("1"), 1);
    assert!(cluster.history(1).contains("work-handed-over"), "{}", cluster.history(1));
    // Not again after an ordered stop.
    succeed(two.hand(&["stop", SITE]));
    succeed(two.hand(&["start", SITE]));
    assert_eq!(cluster.times("1"), 1);
    fail(two);
    // A start that fails itself hands it over, and the next one does not do so again.
    fs::write(cluster.database.join("broken"), "").unwrap();
    let command = format!("[/usr/bin/test, \"!\", -e, {}/broken]", cluster.database.display());
    let definition = three.places.config.join(format!("{SITE}.yaml"));
    let text = fs::read_to_string(&definition).unwrap();
    let check = format!("processes:\n  check: {{command: {command}, oneshot: true}}\n");
    fs::write(&definition, text.replace("processes:\n", &check)).unwrap();
    let failed = output(three.hand(&["start", SITE]));
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert_eq!(cluster.times("1"), 2);
    fs::remove_file(cluster.database.join("broken")).unwrap();
    succeed(three.hand(&["start", SITE]));
    assert_eq!(cluster.times("1"), 2);
    succeed(three.hand(&["stop", SITE]));
}

/// Kills all that a start has begun, and what it may have launched already, as a node does that loses its power.
fn lose_power_in_a_start(node: &Bench, mut start: std::process::Child) {
    start.kill().unwrap();
    start.wait().unwrap();
    lose_power(node, SITE);
}

#[test]
fn a_node_that_dies_while_it_hands_over_leaves_the_rest_to_the_next_one() {
    // The command stays in the second item until the test lets it go.
    let cluster = Cluster::new(
        RERUN,
        "case $last in */2) [ -e \"$queue/go\" ] || sleep 1000;; esac\nrm -f -- \"$last\"",
    );
    let [one, two, three] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["1", "2", "3"]);
    lose_power(one, SITE);
    let start = background(two.hand(&["start", SITE, "--timeout", "60s"]));
    until("it hands over the second", || cluster.times("2") == 1);
    let states = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&cluster.list()), ["handed-over", "begun", "due"]);
    lose_power_in_a_start(two, start);
    // Its command may have done a part of it.
    fs::remove_file(cluster.running().join("2")).unwrap();
    fs::write(cluster.database.join("queue/go"), "").unwrap();
    let started = succeed(three.hand(&["start", SITE]));
    assert!(started.contains("2 items of `jobs` are handed"), "{started}");
    let times = ["1", "2", "3"].map(|name| cluster.times(name));
    assert_eq!(times, [1, 2, 1], "the one that was cut off is handed over again");
    assert_eq!(three.monitor(SITE), (0, 0, 0));
    assert_eq!(cluster.status(2)["work"]["open"], 0);
    succeed(three.hand(&["stop", SITE]));
}

#[test]
fn items_whose_kinds_are_gone_are_left_to_a_person_kind_by_kind() {
    let mails = RERUN.replace("work:\n  jobs:", "  mails:").replace("running", "mails");
    let cluster = Cluster::new(&format!("{RERUN}{mails}"), "sleep 1000");
    let [one, two, three] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["1", "2"]);
    fs::create_dir(cluster.database.join("queue/mails")).unwrap();
    fs::write(cluster.database.join("queue/mails/3"), "").unwrap();
    lose_power(one, SITE);
    let start = background(two.hand(&["start", SITE, "--timeout", "60s"]));
    until("it hands over the first", || cluster.times("1") == 1);
    lose_power_in_a_start(two, start);
    let work = "work: {others: {files: queue/others/*}}\n";
    three.define_with_database(SITE, &cluster.database, work, "  a: {command: [ACT, steady]}\n");
    let started = succeed(three.hand(&["start", SITE]));
    for words in
        ["2 items of `jobs` are not handed over: ", "1 item of `mails` is not handed over: "]
    {
        assert!(started.contains(words), "{words}: {started}");
    }
    succeed(three.hand(&["stop", SITE]));
}

#[test]
fn a_node_that_dies_at_any_moment_of_a_start_loses_no_item() {
    let cluster = Cluster::new(RERUN, "mv -- \"$last\" \"$queue/waiting/\" 2>/dev/null; :");
    succeed(cluster.nodes[0].hand(&["start", SITE]));
    let names: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    cluster.runs(&names.iter().map(String::as_str).collect::<Vec<_>>());
    lose_power(&cluster.nodes[0], SITE);
    // Each start gets a little further than the one before.
    let mut kills = 0;
    for round in 0..30 {
        let node = &cluster.nodes[1 + round % 2];
        let mut start = background(node.hand(&["start", SITE]));
        let before = cluster.calls().len();
        let patience = std::time::Instant::now() + Duration::from_millis(600 + 20 * round as u64);
        while start.try_wait().unwrap().is_none()
            && std::time::Instant::now() < patience
            && cluster.calls().len() < before + 1 + round % 3
        {
            std::thread::yield_now();
        }
        if start.try_wait().unwrap().is_some() {
            break;
        }
        kills += 1;
        lose_power_in_a_start(node, start);
    }
    let [_, two, _] = &cluster.nodes;
    lose_power(&cluster.nodes[2], SITE);
    succeed(two.hand(&["start", SITE]));
    assert!(kills >= 3, "{kills}");
    let times: Vec<usize> = names.iter().map(|name| cluster.times(name)).collect();
    assert!(times.iter().all(|times| *times >= 1), "{times:?}");
    let all: usize = times.iter().sum();
    assert!(all <= names.len() + kills, "at most one again for each death: {times:?}, {kills}");
    assert_eq!(cluster.status(1)["work"]["open"], 0);
    succeed(two.hand(&["stop", SITE]));
}

#[test]
fn a_command_that_fails_or_hangs_keeps_no_site_down_and_its_item_waits_for_a_person() {
    let work = RERUN.replace("3s", "500ms");
    let cluster = Cluster::new(
        &work,
        "[ -e \"$queue/mended\" ] && exit 0\n\
         case $last in */bad) echo 'no such queue' >&2; exit 3;; */hangs) sleep 1000 & wait;; esac",
    );
    let [one, two, three] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["bad", "good", "hangs"]);
    lose_power(one, SITE);
    let begun = std::time::Instant::now();
    let started = succeed(two.hand(&["start", SITE]));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(started.contains("2 items of `jobs` are not handed over"), "{started}");
    assert!(started.contains("ended with exit status 3: no such queue"), "{started}");
    assert_eq!(two.monitor(SITE), (0, 0, 0), "the site serves");
    let status = succeed(two.hand(&["status", SITE]));
    for words in [
        "2 items of interrupted work wait for a decision",
        "queue/running/bad (jobs)",
        "no such queue",
    ] {
        assert!(status.contains(words), "{words}: {status}");
    }
    let waits = succeed(two.hand(&["work", SITE]));
    assert!(waits.contains("did not end in its time, and was killed"), "{waits}");
    assert!(cluster.history(1).contains("work-left"), "{}", cluster.history(1));
    // It stays when the site moves, and is decided on where the site is.
    let elsewhere = output(one.hand(&["work", "--drop", "all", SITE]));
    assert_eq!(elsewhere.status.code(), Some(1), "{}", said(&elsewhere));
    assert!(said(&elsewhere).contains("work-elsewhere"), "{}", said(&elsewhere));
    succeed(two.hand(&["stop", SITE]));
    succeed(three.hand(&["start", SITE]));
    assert_eq!(cluster.calls().len(), 3, "no start tries it again by itself");
    assert_eq!(cluster.status(2)["work"]["open"], 2);
    let unknown = output(three.hand(&["work", "--drop", "queue/running/good", SITE]));
    assert!(said(&unknown).contains("[work-item-unknown]"), "{}", said(&unknown));
    let again = output(three.hand(&["work", "--rerun", "queue/running/bad", SITE]));
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    assert!(said(&again).contains("[work-undecided]"), "{}", said(&again));
    fs::write(cluster.database.join("queue/mended"), "").unwrap();
    succeed(three.hand(&["work", "--rerun", "queue/running/bad", SITE]));
    let path = cluster.running().join("hangs").display().to_string();
    succeed(three.hand(&["work", "--drop", &path, SITE]));
    assert_eq!((cluster.times("bad"), cluster.times("hangs")), (3, 1));
    let none = succeed(three.hand(&["work", SITE]));
    assert!(none.contains("waits for a decision"), "{none}");
    assert_eq!(succeed(three.hand(&["work", "--json", SITE])), "");
    assert!(cluster.history(2).contains("work-decided"), "{}", cluster.history(2));
    succeed(three.hand(&["stop", SITE]));
}

#[test]
fn what_is_dropped_is_told_and_what_a_person_decides_is_handed_to_nobody_before() {
    let work = "work:\n  mails: {files: \"queue/running/mail-*\", at_failover: drop}\n  \
                jobs: {files: \"queue/running/job-?\", hand_to: [RECEIVE]}\n";
    let cluster = Cluster::new(work, "");
    let [one, two, _] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["mail-1", "mail-2", "job-1", "other"]);
    lose_power(one, SITE);
    let started = succeed(two.hand(&["start", SITE]));
    assert!(started.contains("2 items of `mails` are interrupted, to be dropped"), "{started}");
    assert!(
        started.contains("1 item of `jobs` is interrupted, to be left to a person"),
        "{started}"
    );
    assert!(!started.contains("other"), "{started}");
    assert_eq!(cluster.calls().len(), 0);
    assert!(cluster.running().join("mail-1").exists(), "no file is touched");
    let json = succeed(two.hand(&["work", "--json", SITE]));
    let item: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&item["file"], &item["state"]), (&"queue/running/job-1".into(), &"asked".into()));
    // One that nobody decides on is still there after the next unclean end, and once.
    lose_power(two, SITE);
    succeed(one.hand(&["start", SITE]));
    assert_eq!(cluster.status(0)["work"]["open"], 1);
    succeed(one.hand(&["work", "--rerun", "all", SITE]));
    assert_eq!((cluster.calls().len(), cluster.times("job-1")), (1, 1));
    assert_eq!(cluster.status(0)["work"]["open"], 0);
    succeed(one.hand(&["stop", SITE]));
}

#[test]
fn a_stop_ends_a_start_that_hands_over_and_the_rest_is_handed_over_later() {
    let work = RERUN.replace("3s", "60s");
    let cluster = Cluster::new(&work, "[ -e \"$queue/go\" ] || sleep 1000");
    let [one, two, _] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["1"]);
    lose_power(one, SITE);
    let start = background(two.hand(&["start", SITE, "--timeout", "5m"]));
    until("it hands over", || cluster.times("1") == 1);
    succeed(two.hand(&["stop", SITE]));
    let overtaken = start.wait_with_output().unwrap();
    assert_eq!(overtaken.status.code(), Some(1), "{}", said(&overtaken));
    assert!(sleepers(&cluster.calls).is_empty(), "its command was ended");
    fs::write(cluster.database.join("queue/go"), "").unwrap();
    succeed(one.hand(&["start", SITE]));
    assert_eq!(cluster.times("1"), 2);
    succeed(one.hand(&["stop", SITE]));
}

/// The processes that execute the command of this cluster.
fn sleepers(calls: &Path) -> Vec<Pid> {
    let receive = calls.with_file_name("receive").display().to_string();
    let all = siteward::linux::process::all().unwrap().into_iter();
    let of_it = all.filter(|stat| {
        stat.is_alive() && words_of(stat.pid).iter().any(|word| word == receive.as_bytes())
    });
    of_it.map(|stat| stat.pid).collect()
}

#[test]
fn an_unreadable_list_keeps_no_site_down_and_is_kept() {
    let cluster = Cluster::new(RERUN, "");
    let [one, two, _] = &cluster.nodes;
    succeed(one.hand(&["start", SITE]));
    cluster.runs(&["1"]);
    fs::write(cluster.database.join(".siteward/work.json"), "garbage").unwrap();
    let unreadable = output(one.hand(&["work", SITE]));
    assert!(said(&unreadable).contains("[work-unreadable]"), "{}", said(&unreadable));
    let status = succeed(one.hand(&["status", SITE]));
    assert!(status.contains("cannot be understood"), "{status}");
    signal(one.pid(SITE, "supervisor"), Signal::KILL);
    lose_power(one, SITE);
    let started = succeed(two.hand(&["start", SITE]));
    assert!(started.contains("work.broken"), "{started}");
    assert_eq!(cluster.times("1"), 1);
    assert_eq!(
        fs::read_to_string(cluster.database.join(".siteward/work.broken")).unwrap(),
        "garbage"
    );
    succeed(two.hand(&["stop", SITE]));
}
