//! The lease on a site's database: two nodes, one disk, clean and unclean ends. Both "nodes" are folders on
//! this machine; flock(2) works between them as between two nodes on a cluster file system.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::*;
use siteward::lease::{UncleanEnd, owner};
use siteward::linux::process::{Stat, all};
use siteward::process::{LEASE, mark_of};
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";

/// Two nodes with the same definition, and a disk that both see.
fn two_nodes(more: &str) -> (Bench, Bench, PathBuf) {
    let (one, two) = (Bench::new(), Bench::new());
    let database = one.path("disk");
    fs::create_dir(&database).unwrap();
    for node in [&one, &two] {
        node.define(
            SITE,
            &format!(
                "database: {}\nprerequisites: {{mounted: false}}\n{more}processes:\n  \
                 a: {{command: [ACT, steady]}}\n",
                database.display()
            ),
        );
    }
    (one, two, database)
}

fn released(database: &Path) -> bool {
    owner(database).expect("a record").released
}

#[test]
fn a_second_node_waits_and_then_fails_with_the_owners_name() {
    let (one, two, database) = two_nodes("");
    assert_eq!(code(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "alpha")])), 0);
    let has = owner(&database).unwrap();
    assert_eq!((has.node.as_str(), has.released), ("alpha", false));
    let begun = Instant::now();
    let refused = output(two.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_timeout", "4000")]));
    assert_eq!(refused.status.code(), Some(1), "never a hard code: {}", said(&refused));
    assert!(reason(&refused).contains("alpha"), "{}", reason(&refused));
    assert!((1..4).contains(&begun.elapsed().as_secs()), "it waits, within its time");
    assert_eq!(two.living(SITE), "");
    assert_eq!(two.monitor(SITE), (7, 7, 3));
    assert_eq!(code(two.ocf(SITE, "stop", &[])), 0);
    assert_eq!(code(two.hand(&["clean", SITE])), 0);
    assert_eq!(owner(&database).unwrap(), has, "a stop and a clean there leave it alone");
    assert_eq!(one.monitor(SITE), (0, 0, 0));
    // The first node releases it while the second waits.
    let waiting = background(two.hand(&["start", SITE]));
    assert_eq!(code(one.ocf(SITE, "stop", &[])), 0);
    let started = waiting.wait_with_output().unwrap();
    assert!(started.status.success(), "{}", said(&started));
    assert!(!said(&started).contains("uncleanly"), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
    assert!(released(&database));
}

#[test]
fn a_start_that_is_killed_while_it_waits_takes_nothing_later() {
    let (one, two, database) = two_nodes("");
    assert_eq!(code(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "alpha")])), 0);
    let mut waiting = background(two.hand(&["start", SITE]));
    until("it waits", || !keepers(&two).is_empty());
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    until("nobody waits for it any more", || keepers(&two).is_empty());
    succeed(one.hand(&["stop", SITE]));
    assert_eq!(owner(&database).unwrap().node, "alpha");
    assert!(released(&database));
}

#[test]
fn the_next_owner_is_told_of_an_unclean_end() {
    let (one, two, database) = two_nodes("");
    assert_eq!(code(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "alpha")])), 0);
    power_off(&one);
    assert!(!released(&database));
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(said(&started).contains("ended uncleanly on `alpha`"), "{}", said(&started));
    assert!(two.log(SITE, "history.jsonl").contains("unclean"));
    succeed(two.hand(&["stop", SITE]));
    let again = output(two.hand(&["start", SITE]));
    assert!(!said(&again).contains("uncleanly"), "told once: {}", said(&again));
    succeed(two.hand(&["stop", SITE]));
}

/// The living processes of a site on a node with its keepers, each with the name in its mark.
fn marked(node: &Bench) -> Vec<(Pid, String)> {
    let folder = node.places.runtime.join(SITE);
    let mark = |stat: &Stat| {
        let (of, who) = mark_of(stat).filter(|_| stat.is_alive())?;
        (of == folder.as_os_str().as_encoded_bytes()).then_some((stat.pid, who))
    };
    all().unwrap().iter().filter_map(mark).collect()
}

fn keepers(node: &Bench) -> Vec<Pid> {
    marked(node).into_iter().filter(|(_, who)| who == LEASE).map(|(pid, _)| pid).collect()
}

fn keeper(node: &Bench) -> Pid {
    let found = keepers(node);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

/// Kills every process of a node at once, with the keeper of its lease.
fn power_off(node: &Bench) {
    until("it is dark", || {
        let left = marked(node);
        for (pid, _) in &left {
            signal_if_there(*pid, Signal::KILL);
        }
        left.is_empty() && node.living(SITE).is_empty()
    });
}

#[test]
fn the_lease_is_kept_until_the_last_process_has_ended() {
    let (one, two, database) = two_nodes("");
    succeed(one.hand(&["start", SITE]));
    signal(one.pid(SITE, "supervisor"), Signal::KILL);
    until("nobody watches it", || one.monitor(SITE) == (1, 1, 1));
    let refused = output(two.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_timeout", "3000")]));
    assert_eq!(refused.status.code(), Some(1), "its process still writes: {}", said(&refused));
    succeed(one.hand(&["stop", SITE]));
    assert!(released(&database));
    succeed(two.hand(&["start", SITE]));
    succeed(two.hand(&["stop", SITE]));
    // A site that fails releases the lease, and a start that fails does so too.
    succeed(one.hand(&["start", SITE]));
    signal(one.pid(SITE, "a"), Signal::KILL);
    until("it failed", || one.monitor(SITE).2 == 1 && released(&database));
    fs::write(
        one.places.config.join("shop.yaml"),
        format!(
            "version: 1\ndatabase: {}\nprerequisites: {{mounted: false}}\nboot_timeout: 1s\n\
             processes: {{a: {{command: [/bin/sleep, \"9\"], ready: {{notify: true}}}}}}\n",
            database.display()
        ),
    )
    .unwrap();
    assert_eq!(code(one.hand(&["start", SITE])), 1);
    until("it is let go", || released(&database));
}

#[test]
fn the_repair_command_runs_after_an_unclean_end() {
    let hook =
        "on_unclean_shutdown: {command: [/bin/sh, -c, \"test -e DISK/mended\"], timeout: 5s}\n";
    let (one, two, database) = two_nodes("");
    let file = two.places.config.join("shop.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let hook = hook.replace("DISK", &database.display().to_string());
    fs::write(&file, format!("{text}{hook}")).unwrap();
    succeed(one.hand(&["start", SITE]));
    power_off(&one);
    for attempt in 0..2 {
        let refused = output(two.hand(&["start", SITE]));
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains("ended with exit status 1"), "{}", said(&refused));
        // The definitions of the nodes differ, which is reported too.
        assert!(attempt > 0 || said(&refused).contains("another definition"), "{}", said(&refused));
        assert_eq!(two.living(SITE), "");
    }
    fs::write(database.join("mended"), "").unwrap();
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
}

#[test]
fn a_person_may_break_a_lease_and_a_stop_works_without_the_disk() {
    let (one, two, database) = two_nodes("");
    assert_eq!(code(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "alpha")])), 0);
    let broken = succeed(two.hand(&["clean", SITE, "--break-lease"]));
    assert!(broken.contains("is broken"), "{broken}");
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
    // The disk is removed while the site runs: the stop succeeds nevertheless.
    fs::rename(&database, database.with_extension("away")).unwrap();
    let begun = Instant::now();
    assert_eq!(code(one.ocf(SITE, "stop", &[])), 0);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(one.living(SITE), "");
    let refused = output(one.hand(&["start", SITE]));
    assert!(said(&refused).contains("is not a folder on this node"), "{}", said(&refused));
    assert!(!database.exists(), "nothing is written where the disk should be");
}

/// A process that does not belong to the site and works on its disk.
fn stranger(database: &Path, words: &str) -> std::process::Child {
    std::process::Command::new("/bin/bash")
        .args(["-c", words])
        .current_dir(database)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Ends the shell and the command in it, which both hold the disk.
fn end_strangers(database: &Path) {
    for holder in siteward::process::holders(database).unwrap() {
        signal(holder.pid, Signal::KILL);
    }
}

#[test]
fn holders_of_the_disk_are_named_and_ended_if_the_definition_says_so() {
    for (policy, words) in [
        ("report", "sleep 1000; :"),
        ("terminate", "sleep 1000; :"),
        ("terminate", "trap '' TERM; exec 5>held; cd /; while :; do sleep 1000; done"),
        ("kill", "exec 5>held; cd /; sleep 1000; :"),
    ] {
        let (one, _two, database) = two_nodes(&format!("holders: {policy}\n"));
        succeed(one.hand(&["start", SITE]));
        let mut child = stranger(&database, words);
        let number = child.id().to_string();
        until("it is named", || {
            let listed = succeed(one.hand(&["holders", SITE]));
            listed.contains(&number) && listed.contains("not of the site")
        });
        let listed = succeed(one.hand(&["holders", SITE]));
        assert!(listed.contains("the keeper of the lease"), "{listed}");
        let stopped = output(one.hand(&["stop", SITE]));
        assert!(stopped.status.success(), "{policy}: {}", said(&stopped));
        assert!(said(&stopped).contains(&number), "{policy}: {}", said(&stopped));
        if policy == "report" {
            assert!(child.try_wait().unwrap().is_none(), "only named");
            end_strangers(&database);
        }
        let _ = child.wait();
        until("its children are gone too", || {
            siteward::process::holders(&database).unwrap().is_empty()
        });
        let free = succeed(one.hand(&["holders", SITE]));
        assert!(free.contains("nobody holds"), "{free}");
        // A stop of a stopped site ends no process.
        let mut child = stranger(&database, "sleep 1000; :");
        succeed(one.hand(&["stop", SITE]));
        assert!(child.try_wait().unwrap().is_none());
        end_strangers(&database);
        let _ = child.wait();
    }
}

/// As redis does, which writes its title over its environment.
#[test]
fn a_holder_without_its_mark_is_known_as_the_sites() {
    let (one, _two, database) = two_nodes("");
    one.define_with_database(
        SITE,
        &database,
        "",
        &format!(
            "  a: {{command: [/usr/bin/env, -i, /bin/sleep, \"1000\"], working_directory: {}}}\n",
            database.display()
        ),
    );
    succeed(one.hand(&["start", SITE]));
    let number = one.pid(SITE, "a").to_string();
    let listed = succeed(one.hand(&["holders", SITE]));
    let line = listed.lines().find(|line| line.contains(&number)).unwrap_or_default();
    assert!(line.contains("`a` of the site"), "{listed}");
    succeed(one.hand(&["stop", SITE]));
}

#[test]
fn another_site_on_the_disk_is_spared_and_named() {
    let (one, _two, database) = two_nodes("holders: kill\n");
    one.define(
        "guest",
        &format!(
            "processes: {{a: {{command: [ACT, steady], working_directory: {}}}}}\n",
            database.display()
        ),
    );
    succeed(one.hand(&["start", SITE]));
    succeed(one.hand(&["start", "guest"]));
    let stopped = output(one.ocf(SITE, "stop", &[("OCF_RESKEY_CRM_meta_timeout", "8000")]));
    assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
    assert!(said(&stopped).contains("another site's mark"), "{}", said(&stopped));
    assert_eq!(one.monitor("guest"), (0, 0, 0));
    succeed(one.hand(&["stop", "guest"]));
    assert_eq!(code(one.ocf(SITE, "stop", &[])), 0);
}

#[test]
fn the_keeper_is_protected_from_the_oom_killer_as_its_supervisor_is() {
    let (one, _two, _database) = two_nodes("");
    succeed(one.hand(&["start", SITE]));
    let score = |pid| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    assert_eq!(score(keeper(&one)), score(one.pid(SITE, "supervisor")));
    // Some containers allow it to nobody.
    assert!(["-1000", "0"].contains(&score(keeper(&one)).trim()));
    succeed(one.hand(&["stop", SITE]));
}

#[test]
fn a_keeper_that_dies_is_replaced_at_once_and_the_site_goes_on() {
    let (one, two, database) = two_nodes("");
    for foreground in [false, true] {
        let run = foreground.then(|| background(one.hand(&["run", SITE])));
        if !foreground {
            succeed(one.hand(&["start", SITE]));
        }
        until("it runs", || one.monitor(SITE) == (0, 0, 0));
        let has = owner(&database).unwrap();
        // By any signal: the other node never finds the lease free.
        for how in [Signal::KILL, Signal::TERM, Signal::KILL] {
            let before = keeper(&one);
            let (process, supervisor) = (one.pid(SITE, "a"), one.pid(SITE, "supervisor"));
            let score = |pid| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
            assert_eq!(score(before), score(supervisor), "protected as its supervisor is");
            signal(before, how);
            until("another keeps it", || {
                keepers(&one).iter().any(|k| *k != before) && !released(&database)
            });
            until("that is told", || {
                one.log(SITE, "history.jsonl").contains(&format!("kept again, by {}", keeper(&one)))
            });
            let refused =
                output(two.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_timeout", "2000")]));
            assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
            assert!(reason(&refused).contains(&has.node), "{}", reason(&refused));
            assert_eq!((one.pid(SITE, "a"), one.pid(SITE, "supervisor")), (process, supervisor));
            assert_eq!(one.monitor(SITE), (0, 0, 0));
            assert_eq!(owner(&database).unwrap(), has, "the same owner, without an end");
        }
        // A keeper that descends from the supervisor does not belong to the site.
        assert_eq!(code(one.hand(&["stop", SITE])), 0);
        if let Some(run) = run {
            let ended = run.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
        }
        assert!(released(&database));
        assert_eq!(marked(&one), [], "nothing is left");
    }
}

#[test]
fn a_clean_releases_the_lease_of_any_keeper() {
    let (one, _two, database) = two_nodes("");
    for replaced in [false, true] {
        succeed(one.hand(&["start", SITE]));
        if replaced {
            let before = keeper(&one);
            signal(before, Signal::KILL);
            let kept = |k: &Pid| {
                let words = format!("kept again, by {k}");
                *k != before && one.log(SITE, "history.jsonl").contains(&words)
            };
            until("another keeps it", || keepers(&one).iter().any(kept));
        }
        succeed(one.hand(&["clean", SITE]));
        assert_eq!(marked(&one), []);
        let last = owner(&database).unwrap();
        assert_eq!((last.released, last.owes), (true, None), "replaced: {replaced}");
    }
}

#[test]
fn a_keeper_that_is_killed_never_leads_to_two_active_nodes() {
    let (one, two, database) = two_nodes("");
    succeed(one.hand(&["start", SITE]));
    // A second node waits for the lease meanwhile.
    for round in 0..6 {
        let waiting =
            background(two.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_timeout", "4000")]));
        until("it waits", || !keepers(&two).is_empty());
        for _ in 0..5 {
            let before = keeper(&one);
            signal(before, Signal::KILL);
            until("another keeps it", || keepers(&one).iter().any(|k| *k != before));
            until("it has the lease", || {
                one.log(SITE, "history.jsonl").contains(&format!("kept again, by {}", keeper(&one)))
            });
            assert!(!two.living(SITE).contains("`a`"), "round {round}");
        }
        let refused = waiting.wait_with_output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "round {round}: {}", said(&refused));
        assert_eq!(one.monitor(SITE), (0, 0, 0), "round {round}");
        assert_eq!(two.living(SITE), "");
    }
    succeed(one.hand(&["stop", SITE]));
    assert!(released(&database));
}

#[test]
fn a_site_whose_lease_another_node_has_taken_is_killed_at_once() {
    let (one, two, database) = two_nodes("");
    let last_words = database.join("last-words");
    one.define(
        SITE,
        &format!(
            "database: {}\nprerequisites: {{mounted: false}}\nprocesses:\n  a: {{command: [/bin/sh, \
             -c, \"trap 'echo x >{}' TERM; while :; do sleep 0.05; done\"]}}\n",
            database.display(),
            last_words.display()
        ),
    );
    succeed(one.hand(&["start", SITE]));
    // The supervisor cannot take the lease again in time, as on a node that was frozen for a while.
    let supervisor = one.pid(SITE, "supervisor");
    signal(supervisor, Signal::STOP);
    signal(keeper(&one), Signal::KILL);
    let started = output(two.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "beta")]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(said(&started).contains("uncleanly"), "{}", said(&started));
    signal(supervisor, Signal::CONT);
    until("it has given up", || one.monitor(SITE) == (7, 7, 1));
    let why = output(one.hand(&["status", SITE]));
    assert!(said(&why).contains("the lease on"), "{}", said(&why));
    assert!(said(&why).contains("`beta`"), "the other owner is named: {}", said(&why));
    assert!(one.log(SITE, "history.jsonl").contains("beta"));
    assert!(!last_words.exists(), "nobody is asked politely who might answer with a write");
    assert_eq!(marked(&one), []);
    assert_eq!(two.monitor(SITE), (0, 0, 0));
    let has = owner(&database).unwrap();
    assert_eq!((has.node.as_str(), has.released), ("beta", false));
    assert_eq!(code(one.ocf(SITE, "stop", &[])), 0);
    assert_eq!(owner(&database).unwrap(), has, "a stop leaves it alone");
    assert_eq!(two.monitor(SITE), (0, 0, 0));
    succeed(two.hand(&["stop", SITE]));
}

#[test]
fn a_keeper_that_ended_before_the_supervisor_begins_fails_the_start() {
    let (mut one, _two, _database) = two_nodes("");
    let said = one.path("handover");
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    let pid = Pid::try_from(gone.id().cast_signed()).unwrap();
    let keeper = siteward::process::Identity::of(pid).unwrap();
    gone.wait().unwrap();
    let keeper = serde_json::to_string(&keeper).unwrap();
    let handed = format!("exec \"$0\" \"$@\" 3>{}", said.display());
    // As a start leaves it for its supervisor.
    let runtime = one.path("run").join(SITE);
    fs::create_dir_all(&runtime).unwrap();
    fs::copy(one.path(&format!("sites/{SITE}.yaml")), runtime.join("starting.yaml")).unwrap();
    one.within = ["/bin/sh", "-c", &handed].map(str::to_owned).to_vec();
    let words = [
        "supervise",
        SITE,
        "--boot",
        "5000",
        "--rollback",
        "1000",
        "--adjust",
        "{}",
        "--node",
        "n",
        "--keeper",
        &keeper,
    ];
    assert_eq!(code(one.hand(&words)), 1);
    let said = fs::read_to_string(&said).unwrap();
    assert!(said.contains("the keeper of the lease ended"), "{said}");
    one.within.clear();
    assert_eq!(marked(&one), []);
}

#[test]
fn a_run_of_a_site_with_a_database_ends_on_term() {
    let (one, _two, database) = two_nodes("");
    for _ in 0..5 {
        let run = background(one.hand(&["run", SITE]));
        until("it runs", || one.monitor(SITE) == (0, 0, 0));
        assert!(!released(&database));
        let pid = Pid::try_from(run.id().cast_signed()).unwrap();
        signal(pid, Signal::TERM);
        let ended = run.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
        assert_eq!(marked(&one), [], "nothing is left");
        assert_eq!(one.monitor(SITE), (7, 7, 3));
        assert!(released(&database));
    }
}

#[test]
fn a_start_or_run_that_fails_early_keeps_no_lease() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (one, two, database) =
        two_nodes(&format!("reserve_ports: [{{address: 127.0.0.1, port: {port}, process: a}}]\n"));
    for verb in ["start", "run"] {
        let failed = output(one.hand(&[verb, SITE]));
        assert_eq!(failed.status.code(), Some(1), "{verb}: {}", said(&failed));
        assert!(said(&failed).contains(&port.to_string()), "{verb}: {}", said(&failed));
        assert_eq!(keepers(&one), [], "{verb}");
        assert!(released(&database), "{verb}");
    }
    drop(taken);
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(!said(&started).contains("uncleanly"), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
}

/// Two nodes whose repair command records its start, waits as long as one file exists, and ends as
/// another file says.
fn two_nodes_with_a_repair() -> (Bench, Bench, PathBuf) {
    let (one, two, database) = two_nodes("");
    let disk = database.display();
    for node in [&one, &two] {
        let file = node.places.config.join("shop.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let words = format!(
            "echo begun >>{disk}/repairs; while test -e {disk}/slow; do sleep 0.01; done; \
             test ! -e {disk}/hopeless"
        );
        let hook =
            format!("on_unclean_shutdown: {{command: [/bin/sh, -c, {words:?}], timeout: 20s}}\n");
        fs::write(&file, format!("{text}{hook}")).unwrap();
    }
    (one, two, database)
}

#[test]
fn an_unclean_end_is_owed_until_its_repair_has_succeeded() {
    let (one, two, database) = two_nodes_with_a_repair();
    let repairs =
        || fs::read_to_string(database.join("repairs")).unwrap_or_default().lines().count();
    let owed = || owner(&database).unwrap().owes;
    assert_eq!(code(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "alpha")])), 0);
    let since = owner(&database).unwrap().since;
    let first = Some(UncleanEnd::At { node: "alpha".to_owned(), since });
    power_off(&one);

    // A start that is killed during the repair; then the site is ended in different ways, on both nodes.
    for (round, (node, end)) in
        [(&two, "stop"), (&two, "clean"), (&one, "stop"), (&two, "nothing")].iter().enumerate()
    {
        fs::write(database.join("slow"), "").unwrap();
        let mut start = background(node.hand(&["start", SITE]));
        until("the repair has begun", || repairs() == round + 1);
        start.kill().unwrap();
        start.wait().unwrap();
        match *end {
            "nothing" => power_off(node),
            verb => assert_eq!(code(node.hand(&[verb, SITE])), 0),
        }
        assert_eq!(owed(), first, "round {round}");
        fs::remove_file(database.join("slow")).unwrap();
    }

    // A repair that fails.
    fs::write(database.join("hopeless"), "").unwrap();
    for node in [&one, &two] {
        let refused = output(node.hand(&["start", SITE]));
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains("ended uncleanly on `alpha`"), "{}", said(&refused));
        assert_eq!(code(node.hand(&["stop", SITE])), 0);
        assert_eq!((owed(), released(&database)), (first.clone(), true));
    }
    fs::remove_file(database.join("hopeless")).unwrap();

    let before = repairs();
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(said(&started).contains("ended uncleanly on `alpha`"), "{}", said(&started));
    assert_eq!((repairs(), owed()), (before + 1, None));
    // After a keeper was killed meanwhile, the repair is still owed.
    let old = keeper(&two);
    signal(old, Signal::KILL);
    until("another keeps it", || keepers(&two).iter().any(|k| *k != old));
    until("it says so", || two.log(SITE, "history.jsonl").contains("kept again"));
    succeed(two.hand(&["stop", SITE]));
    let again = succeed(one.hand(&["start", SITE]));
    assert!(!again.contains("uncleanly"), "{again}");
    assert_eq!(repairs(), before + 1, "once is enough");
    succeed(one.hand(&["stop", SITE]));
}

#[test]
fn an_unreadable_record_is_an_unclean_end_and_a_missing_one_is_none() {
    let (one, two, database) = two_nodes_with_a_repair();
    let record = database.join(".siteward/owner.json");
    let repairs =
        || fs::read_to_string(database.join("repairs")).unwrap_or_default().lines().count();
    succeed(one.hand(&["start", SITE]));
    succeed(one.hand(&["stop", SITE]));
    let whole = fs::read(&record).unwrap();
    for (round, torn) in [&whole[..0], &whole[..40], b"\0\0\0\0".as_slice()].iter().enumerate() {
        fs::write(&record, torn).unwrap();
        let started = output(two.hand(&["start", SITE]));
        assert!(started.status.success(), "{}", said(&started));
        assert!(said(&started).contains("does not say where"), "{}", said(&started));
        assert_eq!(repairs(), round + 1);
        succeed(two.hand(&["stop", SITE]));
        assert!(released(&database));
    }
    fs::remove_file(&record).unwrap();
    let started = output(one.hand(&["start", SITE]));
    assert!(!said(&started).contains("uncleanly"), "{}", said(&started));
    assert_eq!(repairs(), 3);
    succeed(one.hand(&["stop", SITE]));
}

#[test]
fn the_keeper_of_a_broken_lease_does_not_overwrite_the_new_owner() {
    let (one, two, database) = two_nodes("");
    succeed(one.hand(&["start", SITE]));
    succeed(two.hand(&["clean", SITE, "--break-lease"]));
    let started = output(two.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "beta")]));
    assert!(started.status.success(), "{}", said(&started));
    let has = owner(&database).unwrap();
    assert_eq!((has.node.as_str(), has.released), ("beta", false));
    succeed(one.hand(&["stop", SITE]));
    assert_eq!(marked(&one), []);
    assert_eq!(owner(&database).unwrap(), has);
    // No other node can have it meanwhile.
    let refused = output(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_timeout", "2000")]));
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(reason(&refused).contains("beta"), "{}", reason(&refused));
    succeed(two.hand(&["stop", SITE]));
    assert!(released(&database));
}

#[test]
fn a_stop_after_everything_died_on_this_node_leaves_the_repair_to_the_next_start() {
    let (one, _two, database) = two_nodes_with_a_repair();
    succeed(one.hand(&["start", SITE]));
    power_off(&one);
    succeed(one.hand(&["stop", SITE]));
    assert!(released(&database), "another node need not wait");
    let started = output(one.hand(&["start", SITE]));
    assert!(said(&started).contains("ended uncleanly"), "{}", said(&started));
    assert_eq!(fs::read_to_string(database.join("repairs")).unwrap(), "begun\n");
    succeed(one.hand(&["stop", SITE]));
}

#[test]
fn an_interrupted_command_is_killed_with_all_that_it_started() {
    use siteward::backend::command::{Marked, Ran, run_or_cut};
    use std::io::Write;
    use std::os::fd::AsFd;
    let (one, _two, database) = two_nodes("");
    let site = SITE.parse().unwrap();
    let definition = siteward::site::load(&one.places, &site).unwrap();
    let (cut, mut order) = std::os::unix::net::UnixStream::pair().unwrap();
    let begun = database.join("begun");
    let line = format!("sleep 1000 & echo $! >{}; wait", begun.display());
    let words = ["/bin/sh", "-c", &line].map(str::to_owned);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            until("it has begun", || fs::read_to_string(&begun).is_ok_and(|t| t.ends_with('\n')));
            order.write_all(b"x").unwrap();
        });
        let until = siteward::values::Moment::now() + Duration::from_secs(60);
        run_or_cut(&words, &definition, &one.places.of(&site), Marked::No, until, Some(cut.as_fd()))
    });
    assert!(matches!(ran, Ok(Ran::Interrupted)), "{ran:?}");
    let child: i32 = fs::read_to_string(&begun).unwrap().trim().parse().unwrap();
    let child = Pid::try_from(child).unwrap();
    until("what it started is gone", || Stat::of(child).is_none_or(|stat| !stat.is_alive()));
}
