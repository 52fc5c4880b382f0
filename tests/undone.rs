//! A start, a run or an adoption that fails at any step is undone: no lock, no lease, no keeper, no
//! process, no control group and no socket is left, and the next start works.

mod common;
mod jobcenter;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::*;
use jobcenter::Jobcenter;
use siteward::lease::owner;
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";
const STEADY: &str = "processes:\n  a: {command: [ACT, steady]}\n  b: {command: [ACT, steady]}\n";

/// A node with a site that has a database.
struct Node {
    bench: Bench,
    database: PathBuf,
}

impl Node {
    fn new() -> Self {
        let bench = Bench::new();
        let database = bench.path("disk");
        fs::create_dir(&database).unwrap();
        let node = Self { bench, database };
        node.define(STEADY);
        node
    }

    /// Of the same site, on the same disk.
    fn another(&self) -> Self {
        let node = Self { bench: Bench::new(), database: self.database.clone() };
        node.define(STEADY);
        node
    }

    fn define(&self, rest: &str) {
        let mounted = match rest.contains("prerequisites:") {
            true => "",
            false => "prerequisites: {mounted: false}\n",
        };
        self.bench.define(SITE, &format!("database: {}\n{mounted}{rest}", self.database.display()));
    }

    fn definition(&self) -> PathBuf {
        self.bench.places.config.join("shop.yaml")
    }

    /// The site's runtime folder, or a file there.
    fn runtime(&self, name: &str) -> PathBuf {
        self.bench.places.runtime.join(SITE).join(name)
    }

    fn is_kept(&self) -> bool {
        siteward::lease::is_kept(&self.bench.places.of(&SITE.parse().unwrap()))
    }

    /// Nothing is left, and the lease is free.
    fn is_at_rest(&self, story: &str) {
        nothing_is_left(&self.bench, SITE, story);
        lease_is_free(&self.database, story);
    }

    /// It is at rest and known to be, and a start works.
    fn is_undone(&self, story: &str) {
        self.is_at_rest(story);
        let (probe, recurring, person) = self.bench.monitor(SITE);
        assert_eq!((probe, recurring), (7, 7), "{story}");
        assert!(person == 1 || person == 3, "{story}: by hand {person}");
        self.starts(story);
    }

    fn starts(&self, story: &str) {
        let started = output(self.bench.hand(&["start", SITE]));
        assert!(started.status.success(), "{story}: then {}", said(&started));
        assert_eq!(self.bench.monitor(SITE), (0, 0, 0), "{story}");
        succeed(self.bench.hand(&["stop", SITE]));
        self.is_at_rest(story);
        assert_eq!(self.bench.monitor(SITE), (7, 7, 3), "{story}");
    }
}

/// Has a start, by a person and by Pacemaker, and a run of a site fail: one that is new to this node,
/// and one that has run here. `codes`: what Pacemaker may be answered.
fn fails(what: &str, codes: &[i32], spoil: impl Fn(&Node), mend: impl Fn(&Node)) {
    for (verb, has_run) in [("start", false), ("run", true), ("ocf start", true)] {
        let node = Node::new();
        if has_run {
            node.starts("at first");
        }
        spoil(&node);
        let call = Call::begin(match verb {
            "ocf start" => node.bench.ocf(SITE, "start", &[]),
            verb => node.bench.hand(&[verb, SITE]),
        });
        let ended = call.end(what);
        mend(&node);
        let story = format!("{verb}, {what}: {}", ended.said);
        match verb {
            "ocf start" => {
                assert!(ended.code.is_some_and(|c| codes.contains(&c)), "{ended:?} {story}");
            }
            _ => assert!(ended.code.is_some_and(|c| c != 0), "{ended:?} {story}"),
        }
        assert!(!ended.said.is_empty(), "{story}: it says nothing");
        node.is_undone(&story);
    }
}

/// Fails as long as the site is defined so.
fn fails_as_defined(what: &str, codes: &[i32], rest: &str) {
    fails(what, codes, |node| node.define(rest), |node| node.define(STEADY));
}

// --- what is read and looked at -------------------------------------------------------------------

#[test]
fn where_the_definition_is_missing_or_broken() {
    let away = |node: &Node| node.definition().with_extension("away");
    fails(
        "the definition is missing",
        &[5],
        |node| fs::rename(node.definition(), away(node)).unwrap(),
        |node| fs::rename(away(node), node.definition()).unwrap(),
    );
    fails_as_defined("the definition is broken", &[2], "processes: {a: {comand: [x]}}\n");
    fails(
        "the definition is no YAML",
        &[2],
        |node| fs::write(node.definition(), "a: [").unwrap(),
        |node| node.define(STEADY),
    );
}

#[test]
fn where_the_gate_is_closed() {
    let with = |head: &str| format!("{head}{STEADY}");
    fails_as_defined(
        "a program is missing",
        &[5],
        "processes:\n  a: {command: [ACT, steady]}\n  b: {command: [/no/such/program]}\n",
    );
    fails_as_defined("a user is unknown", &[5], &with("user: nobody-at-all\n"));
    fails_as_defined("the disk is not mounted", &[1], &with("prerequisites: {mounted: true}\n"));
    fails_as_defined("the address is not here", &[1], &with("address: 192.0.2.77\n"));
}

#[test]
fn where_the_disk_is_gone() {
    let away = |node: &Node| node.database.with_extension("away");
    fails(
        "the disk is gone",
        &[1],
        |node| fs::rename(&node.database, away(node)).unwrap(),
        |node| {
            assert!(!node.database.exists(), "nothing is written where the disk should be");
            fs::rename(away(node), &node.database).unwrap();
        },
    );
    fails(
        "the lease cannot be made",
        &[1],
        |node| {
            let _ = fs::remove_dir_all(node.database.join(".siteward"));
            fs::write(node.database.join(".siteward"), "").unwrap();
        },
        |node| fs::remove_file(node.database.join(".siteward")).unwrap(),
    );
}

// --- the lease ------------------------------------------------------------------------------------

#[test]
fn where_another_node_has_the_lease() {
    for verb in ["start", "run"] {
        let other = Node::new();
        succeed(other.bench.hand(&["start", SITE]));
        let has = owner(&other.database).unwrap();
        let node = other.another();
        let ended = Call::begin(node.bench.hand(&[verb, SITE, "--timeout", "2s"])).end(verb);
        let story = format!("{verb}: {}", ended.said);
        assert_eq!(ended.code, Some(1), "{story}");
        assert!(ended.took < Duration::from_secs(2), "{story} took {:?}", ended.took);
        assert!(ended.said.contains(&has.node), "{story}");
        nothing_is_left(&node.bench, SITE, &story);
        assert_eq!(node.bench.monitor(SITE), (7, 7, 3), "{story}");
        // Killed while it waits: nobody waits for it any more.
        let call = Call::begin(node.bench.hand(&[verb, SITE]));
        until("its keeper waits", || node.is_kept());
        call.signal(Signal::KILL);
        call.end(verb);
        until("its keeper goes by itself", || !node.is_kept());
        succeed(node.bench.hand(&["stop", SITE]));
        nothing_is_left(&node.bench, SITE, &story);
        assert_eq!(owner(&node.database).unwrap(), has, "{story}");
        assert_eq!(other.bench.monitor(SITE), (0, 0, 0), "{story}");
        succeed(other.bench.hand(&["stop", SITE]));
        node.starts(&story);
    }
}

#[test]
fn where_the_repair_of_an_unclean_end_fails_or_does_not_end() {
    for (what, words, timeout) in [
        ("it fails", "exit 7", "30s"),
        ("it is killed", "kill -9 $$", "30s"),
        ("it takes longer than it may", "sleep 1000 & wait", "300ms"),
        ("it takes longer than the verb", "sleep 1000 & wait", "60s"),
        ("it cannot be executed", "", "30s"),
    ] {
        for verb in ["start", "run"] {
            let node = Node::new();
            succeed(node.bench.hand(&["start", SITE]));
            lose_power(&node.bench, SITE);
            let command = match words {
                "" => "[/no/such/repair]".to_owned(),
                words => format!("[/bin/sh, -c, {words:?}]"),
            };
            node.define(&format!(
                "on_unclean_shutdown: {{command: {command}, timeout: {timeout}}}\n{STEADY}"
            ));
            let call = Call::begin(node.bench.hand(&[verb, SITE, "--timeout", "3s"]));
            let ended = call.end(what);
            let story = format!("{verb}, {what}: {}", ended.said);
            assert!(ended.code.is_some_and(|code| code != 0), "{story}");
            assert!(ended.took < Duration::from_secs(3), "{story} took {:?}", ended.took);
            node.is_at_rest(&story);
            assert!(owner(&node.database).unwrap().owes.is_some(), "it is still owed: {story}");
            assert_eq!(node.bench.monitor(SITE).0, 7, "{story}");
            let repaired = node.bench.path("repaired");
            node.define(&format!(
                "on_unclean_shutdown: {{command: [/usr/bin/touch, {}]}}\n{STEADY}",
                repaired.display()
            ));
            node.starts(&story);
            assert!(repaired.exists(), "{story}");
        }
    }
}

// --- the folders ----------------------------------------------------------------------------------

#[test]
fn where_a_file_of_the_runtime_folder_cannot_be_written() {
    for name in ["start.lock", "lock", "definition.yaml", "record.json", "control"] {
        // A folder with something in it can be neither opened for writing nor replaced.
        let kept = |node: &Node| node.bench.path(&format!("kept-{name}"));
        fails(
            &format!("{name} cannot be written"),
            &[1],
            |node| {
                let _ = fs::rename(node.runtime(name), kept(node));
                fs::create_dir_all(node.runtime(name).join("in-the-way")).unwrap();
                fs::set_permissions(node.runtime(""), fs::Permissions::from_mode(0o700)).unwrap();
            },
            |node| {
                // Whoever removed it was in the right as well.
                let _ = fs::remove_dir_all(node.runtime(name));
                let _ = fs::rename(kept(node), node.runtime(name));
            },
        );
    }
}

#[test]
fn where_a_folder_is_none() {
    let in_the_way = |path: &Path| {
        let _ = fs::remove_dir_all(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    };
    let remove = |path: PathBuf| {
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(path);
    };
    let runtime = |node: &Node| node.bench.places.runtime.join(SITE);
    fails(
        "its runtime folder is a file",
        &[1, 4],
        |n| in_the_way(&runtime(n)),
        |n| remove(runtime(n)),
    );
    let all = |node: &Node| node.bench.places.runtime.clone();
    fails("the runtime folder is a file", &[1, 4], |n| in_the_way(&all(n)), |n| remove(all(n)));
    let locks = |node: &Node| node.runtime("process");
    fails(
        "the folder of locks is a file",
        &[1, 4],
        |n| in_the_way(&locks(n)),
        |n| remove(locks(n)),
    );
    let logs = |node: &Node| node.bench.places.logs.join(SITE);
    fails("its log folder is a file", &[1, 4], |n| in_the_way(&logs(n)), |n| remove(logs(n)));
    let all = |node: &Node| node.bench.places.logs.clone();
    fails("the log folder is a file", &[1, 4], |n| in_the_way(&all(n)), |n| remove(all(n)));
}

/// A file system of its own on a folder.
fn mount(at: &Path, options: &str) {
    fs::create_dir_all(at).unwrap();
    let words = ["-t", "tmpfs", "-o", options, "siteward-test"];
    assert!(Command::new("mount").args(words).arg(at).status().unwrap().success());
}

fn unmount(at: &Path) {
    assert!(Command::new("umount").arg("-l").arg(at).status().unwrap().success());
}

#[test]
fn where_the_runtime_folder_is_full_or_read_only() {
    if !is_root() {
        return eprintln!("\n*** LEFT OUT: {} ***\n", missing_root().unwrap_or_default());
    }
    let all = |node: &Node| node.bench.places.runtime.clone();
    fails(
        "the runtime folder is full",
        &[1],
        |node| {
            mount(&all(node), "size=64k,mode=0755");
            let _ = fs::write(all(node).join("fill"), vec![0; 1 << 20]);
        },
        |node| unmount(&all(node)),
    );
    fails(
        "the runtime folder has no place for a file",
        &[1],
        |node| mount(&all(node), "size=64k,mode=0755,nr_inodes=3"),
        |node| unmount(&all(node)),
    );
    fails("the runtime folder is read-only", &[1], |n| mount(&all(n), "ro"), |n| unmount(&all(n)));
    let logs = |node: &Node| node.bench.places.logs.clone();
    fails("the log folder is read-only", &[1], |n| mount(&logs(n), "ro"), |n| unmount(&logs(n)));
}

// --- the processes --------------------------------------------------------------------------------

const FIRST: &str = "processes:\n  a: {command: [ACT, escaper]}\n";

#[test]
fn where_a_program_cannot_be_executed() {
    let script = tempfile::Builder::new().prefix("siteward-script-").tempdir().unwrap();
    let script = script.path().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let rest = format!("{FIRST}  b: {{command: [{}]}}\n", script.display());
    fails_as_defined("a program cannot be executed", &[1], &rest);
    fails_as_defined(
        "a working directory is missing",
        &[1],
        &format!("{FIRST}  b: {{command: [ACT, steady], working_directory: /no/such/folder}}\n"),
    );
}

#[test]
fn where_a_process_does_not_get_ready_or_dies() {
    fails_as_defined(
        "a process never gets ready",
        &[1],
        &format!(
            "boot_timeout: 700ms\n{FIRST}  b: {{command: [ACT, stubborn], ready: {{notify: true}}, \
             stop_grace_period: 60s}}\n"
        ),
    );
    fails_as_defined(
        "a process dies",
        &[1],
        &format!("{FIRST}  b: {{command: [ACT, failing, \"3\"], ready: {{notify: true}}}}\n"),
    );
    fails_as_defined(
        "a oneshot fails",
        &[1],
        &format!("{FIRST}  b: {{command: [ACT, failing, \"3\"], oneshot: true}}\n"),
    );
}

/// Not even an empty one, which the next start would use again.
#[test]
fn where_a_start_fails_no_control_group_is_left() {
    let node = Node::new();
    node.define(&format!("{FIRST}  b: {{command: [ACT, failing, \"3\"], oneshot: true}}\n"));
    let Some(tree) = group_of(&node.bench, SITE) else { return };
    for command in [node.bench.hand(&["start", SITE]), node.bench.ocf(SITE, "start", &[])] {
        let ended = Call::begin(command).end("a oneshot fails");
        assert_eq!(ended.code, Some(1), "{}", ended.said);
        node.is_at_rest(&ended.said);
        assert!(!exists(&tree), "{} is left; {}", tree.display(), ended.said);
    }
}

/// The second process is never ready, the first has children that get away.
const NEVER_READY: &str = "boot_timeout: 60s\nprocesses:\n  a: {command: [ACT, escaper]}\n  \
                           b: {command: [ACT, stubborn], ready: {notify: true}}\n";

fn both_are_there(node: &Node) {
    until("both processes are there", || {
        node.bench.record(SITE).is_some_and(|r| r.ending.is_none() && r.processes.len() == 2)
    });
}

#[test]
fn where_the_supervisor_is_killed() {
    for verb in ["start", "ocf start"] {
        let node = Node::new();
        node.define(NEVER_READY);
        let call = Call::begin(match verb {
            "ocf start" => node.bench.ocf(SITE, "start", &[]),
            verb => node.bench.hand(&[verb, SITE]),
        });
        both_are_there(&node);
        signal(node.bench.pid(SITE, "supervisor"), Signal::KILL);
        let ended = call.end(verb);
        let story = format!("{verb}, its supervisor was killed: {}", ended.said);
        assert_eq!(ended.code, Some(1), "{story}");
        node.is_at_rest(&story);
        node.define(STEADY);
        node.is_undone(&story);
    }
}

#[test]
fn where_the_verb_is_killed_a_stop_undoes_it() {
    for verb in ["start", "run"] {
        for end in ["stop", "clean"] {
            let story = format!("{verb} was killed, then {end}");
            let node = Node::new();
            node.define(NEVER_READY);
            let call = Call::begin(node.bench.hand(&[verb, SITE]));
            both_are_there(&node);
            call.signal(Signal::KILL);
            call.end(&story);
            // A start leaves its supervisor at work, a run is its supervisor.
            let (codes, person) = match verb {
                "start" => ((0, 0), 0),
                _ => ((1, 1), 1),
            };
            until("it is seen", || node.bench.monitor(SITE) == (codes.0, codes.1, person));
            succeed(node.bench.hand(&[end, SITE]));
            node.is_at_rest(&story);
            node.define(STEADY);
            node.is_undone(&story);
        }
    }
}

/// A verb that is killed at a random moment of its beginning is undone by a stop.
#[test]
fn where_the_verb_is_killed_at_any_moment_a_stop_undoes_it() {
    let rounds = number_of("SITEWARD_ROUNDS").unwrap_or(60);
    let mut random = Random::new();
    let node = Node::new();
    for round in 0..rounds {
        let verb = if random.below(2) == 0 { "start" } else { "run" };
        let end = if random.below(3) == 0 { "clean" } else { "stop" };
        let delay = random.below(90_000);
        let story = format!("round {round} of seed {}: {verb}, {delay} us, {end}", random.seed);
        let call = Call::begin(node.bench.hand(&[verb, SITE]));
        wait_for(Duration::from_micros(delay));
        call.signal(Signal::KILL);
        call.end(&story);
        let ended = Call::begin(node.bench.hand(&[end, SITE])).end(&story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        node.is_at_rest(&story);
        assert_eq!(code(node.bench.hand(&["status", SITE])), 3, "{story}");
    }
    node.starts("after all rounds");
}

/// A start that stood still until its time was over does not bring the site up then.
#[test]
fn where_the_start_stands_still_beyond_its_time() {
    let other = Node::new();
    succeed(other.bench.hand(&["start", SITE]));
    let node = other.another();
    let call = Call::begin(node.bench.hand(&["start", SITE, "--timeout", "2s"]));
    until("its keeper waits", || node.is_kept());
    call.signal(Signal::STOP);
    succeed(other.bench.hand(&["stop", SITE]));
    wait_for(Duration::from_millis(2200));
    call.signal(Signal::CONT);
    let ended = call.end("it stood still");
    let story = format!("it stood still: {}", ended.said);
    assert_eq!(ended.code, Some(1), "{story}");
    node.is_undone(&story);
}

/// Its supervisor is at work, so a stop need not wait for it.
#[test]
fn where_the_start_stands_still_while_its_processes_get_ready() {
    let node = Node::new();
    node.define(NEVER_READY);
    let call = Call::begin(node.bench.hand(&["start", SITE]));
    both_are_there(&node);
    until("the start has handed it over", || {
        !siteward::linux::lock::is_held(&node.runtime("start.lock")).unwrap()
    });
    call.signal(Signal::STOP);
    let stop = Call::begin(node.bench.hand(&["stop", SITE, "--timeout", "15s"])).end("stop");
    assert_eq!(stop.code, Some(0), "{}", stop.said);
    assert!(!stop.said.contains("does not yield"), "the start holds nothing up: {}", stop.said);
    node.is_at_rest(&stop.said);
    call.signal(Signal::CONT);
    let ended = call.end("it goes on");
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("overtaken by stop"), "{}", ended.said);
    node.define(STEADY);
    node.is_undone(&ended.said);
}

// --- adopt ----------------------------------------------------------------------------------------

/// Processes that nobody watches, and their keeper.
fn unsupervised() -> Node {
    let node = Node::new();
    succeed(node.bench.hand(&["start", SITE]));
    signal(node.bench.pid(SITE, "supervisor"), Signal::KILL);
    until("nobody watches it", || node.bench.monitor(SITE) == (1, 1, 1));
    node
}

/// An adoption that fails leaves the site as it was: its processes and its keeper, and nothing more. A
/// stop ends it, or, once the fault is mended, an adoption takes it over.
fn is_not_adopted(what: &str, spoil: impl Fn(&Node), mend: impl Fn(&Node)) {
    for then in ["adopt", "stop"] {
        let node = unsupervised();
        let before = marked_of(&node.bench, SITE);
        let has = owner(&node.database);
        spoil(&node);
        let ended = Call::begin(node.bench.hand(&["adopt", SITE, "--timeout", "5s"])).end(what);
        mend(&node);
        let story = format!("{what}: {}", ended.said);
        assert!(ended.code.is_some_and(|code| code != 0), "{story}");
        assert_eq!(marked_of(&node.bench, SITE), before, "{story}");
        assert_eq!(owner(&node.database), has, "{story}");
        let places = node.bench.places.of(&SITE.parse().unwrap());
        for lock in [places.lock(), places.start_lock()] {
            assert!(!siteward::linux::lock::is_held(&lock).unwrap(), "{}: {story}", lock.display());
        }
        assert_eq!(node.bench.monitor(SITE), (1, 1, 1), "{story}");
        succeed(node.bench.hand(&[then, SITE]));
        if then == "adopt" {
            assert_eq!(node.bench.monitor(SITE), (0, 0, 0), "{story}");
            succeed(node.bench.hand(&["stop", SITE]));
        }
        node.is_undone(&story);
    }
}

#[test]
fn where_an_adoption_fails() {
    let away = |node: &Node| node.bench.path("snapshot");
    is_not_adopted(
        "the snapshot is missing",
        |node| fs::rename(node.runtime("definition.yaml"), away(node)).unwrap(),
        |node| fs::rename(away(node), node.runtime("definition.yaml")).unwrap(),
    );
    is_not_adopted(
        "the snapshot is broken",
        |node| {
            fs::copy(node.runtime("definition.yaml"), away(node)).unwrap();
            fs::write(node.runtime("definition.yaml"), "processes: nonsense\n").unwrap();
        },
        |node| fs::rename(away(node), node.runtime("definition.yaml")).unwrap(),
    );
    let logs = |node: &Node| node.bench.places.logs.join(SITE);
    is_not_adopted(
        "the log folder is a file",
        |node| {
            fs::rename(logs(node), node.bench.path("logs")).unwrap();
            fs::write(logs(node), "").unwrap();
        },
        |node| {
            fs::remove_file(logs(node)).unwrap();
            fs::rename(node.bench.path("logs"), logs(node)).unwrap();
        },
    );
    is_not_adopted(
        "the start lock cannot be taken",
        |node| {
            fs::remove_file(node.runtime("start.lock")).unwrap();
            fs::create_dir(node.runtime("start.lock")).unwrap();
        },
        |node| fs::remove_dir(node.runtime("start.lock")).unwrap(),
    );
}

#[test]
fn where_another_node_has_the_lease_of_a_site_that_is_to_be_adopted() {
    let node = unsupervised();
    let processes: Vec<Pid> =
        node.bench.record(SITE).unwrap().processes.iter().map(|p| p.identity.pid).collect();
    for (pid, who) in marked_of(&node.bench, SITE) {
        if who == siteward::process::LEASE {
            signal(pid, Signal::KILL);
        }
    }
    let other = node.another();
    until("the other node has it", || code(other.bench.hand(&["start", SITE])) == 0);
    let has = owner(&node.database).unwrap();
    let ended = Call::begin(node.bench.hand(&["adopt", SITE, "--timeout", "3s"])).end("adopt");
    let story = format!("adopt without the lease: {}", ended.said);
    assert_eq!(ended.code, Some(1), "{story}");
    assert!(!node.is_kept(), "{story}");
    assert_eq!(owner(&node.database).unwrap(), has, "{story}");
    assert!(processes.iter().all(|pid| !words_of(*pid).is_empty()), "it lives as it was: {story}");
    succeed(node.bench.hand(&["stop", SITE]));
    nothing_is_left(&node.bench, SITE, &story);
    assert_eq!(owner(&node.database).unwrap(), has, "{story}");
    assert_eq!(other.bench.monitor(SITE), (0, 0, 0), "{story}");
    succeed(other.bench.hand(&["stop", SITE]));
    node.is_undone(&story);
}

#[test]
fn where_an_adoption_is_killed_at_any_moment_a_stop_undoes_it() {
    let mut random = Random::new();
    for round in 0..number_of("SITEWARD_ROUNDS").unwrap_or(15) {
        let node = unsupervised();
        let delay = random.below(60_000);
        let story = format!("round {round} of seed {}: {delay} us", random.seed);
        let call = Call::begin(node.bench.hand(&["adopt", SITE]));
        wait_for(Duration::from_micros(delay));
        call.signal(Signal::KILL);
        call.end(&story);
        succeed(node.bench.hand(&["stop", SITE]));
        node.is_at_rest(&story);
    }
}

// --- a supervisor of its own ----------------------------------------------------------------------

/// As [`fails`], for a site with JobCenter's supervisor.
fn wrapped_fails(what: &str, spoil: impl Fn(&Jobcenter), mend: impl Fn(&Jobcenter)) {
    for verb in ["start", "run"] {
        let center = Jobcenter::with("testsite", "port_keeper: true, ");
        let site = center.site.clone();
        spoil(&center);
        let ended = Call::begin(center.hand(&[verb, &site, "--timeout", "6s"])).end(what);
        mend(&center);
        center.unswitch();
        let story = format!("{verb}, {what}: {}", ended.said);
        assert!(ended.code.is_some_and(|code| code != 0), "{story}");
        assert!(ended.took < Duration::from_secs(6), "{story} took {:?}", ended.took);
        assert_eq!(center.living(), "", "{story}");
        nothing_is_left(&center.bench, &site, &story);
        lease_is_free(&center.database, &story);
        let (probe, recurring, person) = center.bench.monitor(&site);
        assert_eq!((probe, recurring), (7, 7), "{story}");
        assert!(person == 1 || person == 3, "{story}: by hand {person}");
        let started = output(center.hand(&["start", &site]));
        assert!(started.status.success(), "{story}: then {}", said(&started));
        succeed(center.hand(&["stop", &site]));
        assert_eq!(center.living(), "", "{story}");
        lease_is_free(&center.database, &story);
    }
}

#[test]
fn where_a_wrapped_site_is_not_what_it_should_be() {
    let definition = |center: &Jobcenter| center.bench.places.config.join("testsite.yaml");
    let change = |center: &Jobcenter, from: &str, to: &str| {
        let text = fs::read_to_string(definition(center)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(definition(center), text.replace(from, to)).unwrap();
    };
    wrapped_fails(
        "the definition is broken",
        |center| change(center, "database:", "databse:"),
        |center| change(center, "databse:", "database:"),
    );
    wrapped_fails(
        "the address is not here",
        |center| change(center, "address: 127.0.0.1", "address: 192.0.2.77"),
        |center| change(center, "address: 192.0.2.77", "address: 127.0.0.1"),
    );
    let program = |center: &Jobcenter| center.root.join("cluster/cjcpw");
    wrapped_fails(
        "its program is missing",
        |center| fs::rename(program(center), program(center).with_extension("away")).unwrap(),
        |center| fs::rename(program(center).with_extension("away"), program(center)).unwrap(),
    );
    wrapped_fails(
        "its database is none",
        |center| fs::rename(center.database.join("nqs"), center.database.join("away")).unwrap(),
        |center| fs::rename(center.database.join("away"), center.database.join("nqs")).unwrap(),
    );
}

#[test]
fn where_a_wrapped_supervisor_does_not_start() {
    wrapped_fails("it ends at once", |center| center.switch("start-exits", "3"), |_| {});
    wrapped_fails("it hangs", |center| center.switch("start-hangs", ""), |_| {});
    wrapped_fails("its port is not kept", |center| center.switch("keeper-fails", "2"), |_| {});
}

/// A folder with something in it can be neither opened for writing nor replaced.
fn wrapped_file_in_the_way(name: &str) {
    let path = |center: &Jobcenter| center.bench.places.runtime.join("testsite").join(name);
    wrapped_fails(
        &format!("{name} cannot be written"),
        |center| {
            fs::create_dir_all(path(center).join("in-the-way")).unwrap();
            let folder = center.bench.places.runtime.join("testsite");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        },
        |center| {
            let _ = fs::remove_dir_all(path(center));
        },
    );
}

#[test]
fn where_a_file_of_a_wrapped_site_cannot_be_written() {
    for name in ["start.lock", "definition.yaml"] {
        wrapped_file_in_the_way(name);
    }
    let logs = |center: &Jobcenter| center.bench.places.logs.join("testsite");
    wrapped_fails(
        "the log folder is a file",
        |center| {
            fs::create_dir_all(logs(center).parent().unwrap()).unwrap();
            fs::write(logs(center), "").unwrap();
        },
        |center| {
            let _ = fs::remove_file(logs(center));
        },
    );
}

#[test]
fn where_the_record_of_a_wrapped_site_cannot_be_written() {
    wrapped_file_in_the_way("record.json");
}

#[test]
fn where_another_node_has_the_lease_of_a_wrapped_site() {
    let center = Jobcenter::new("testsite");
    let other = Bench::new();
    other.define(
        "testsite",
        &format!(
            "database: {}\nprerequisites: {{mounted: false}}\n{STEADY}",
            center.database.display()
        ),
    );
    succeed(other.hand(&["start", "testsite"]));
    let has = owner(&center.database).unwrap();
    for verb in ["start", "run"] {
        let ended = Call::begin(center.hand(&[verb, "testsite", "--timeout", "3s"])).end(verb);
        let story = format!("{verb}: {}", ended.said);
        assert_eq!(ended.code, Some(1), "{story}");
        assert!(ended.said.contains(&has.node), "{story}");
        assert_eq!(center.living(), "", "{story}");
        nothing_is_left(&center.bench, "testsite", &story);
        assert_eq!(owner(&center.database).unwrap(), has, "{story}");
    }
    succeed(other.hand(&["stop", "testsite"]));
    succeed(center.hand(&["start", "testsite"]));
    succeed(center.hand(&["stop", "testsite"]));
    lease_is_free(&center.database, "after its stop");
}

#[test]
fn where_a_wrapped_verb_is_killed_a_stop_undoes_it() {
    for (verb, switch) in [("start", "start-hangs"), ("run", "start-hangs"), ("run", "")] {
        let center = Jobcenter::new("testsite");
        if !switch.is_empty() {
            center.switch(switch, "");
        }
        let call = Call::begin(center.hand(&[verb, "testsite"]));
        until("it has begun", || {
            center.bench.record("testsite").is_some_and(|r| !r.processes.is_empty())
        });
        call.signal(Signal::KILL);
        let story = format!("{verb} {switch} was killed");
        call.end(&story);
        center.unswitch();
        succeed(center.hand(&["stop", "testsite", "--timeout", "10s"]));
        assert_eq!(center.living(), "", "{story}");
        nothing_is_left(&center.bench, "testsite", &story);
        lease_is_free(&center.database, &story);
        succeed(center.hand(&["start", "testsite"]));
        succeed(center.hand(&["stop", "testsite"]));
    }
}
