//! Who owns a site's database: two nodes, one disk, and ends of every kind. Both "nodes" are folders
//! on this machine, and flock(2) between them is as good as between two on a cluster file system.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::*;
use siteward::lease::owner;
use siteward::linux::Signal;

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
    // It is let go while the other waits.
    let waiting = background(two.hand(&["start", SITE]));
    assert_eq!(code(one.ocf(SITE, "stop", &[])), 0);
    let started = waiting.wait_with_output().unwrap();
    assert!(started.status.success(), "{}", said(&started));
    assert!(!said(&started).contains("uncleanly"), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
    assert!(released(&database));
}

#[test]
fn an_end_without_a_word_is_told_to_the_next_owner() {
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

/// Everything of a node dies in one moment, the keeper of its lease too.
fn power_off(node: &Bench) {
    let folder = node.places.runtime.join(SITE);
    let marked = |stat: &siteward::linux::process::Stat| {
        siteward::process::mark_of(stat)
            .is_some_and(|(of, _)| of == folder.as_os_str().as_encoded_bytes())
    };
    for stat in siteward::linux::process::all().unwrap() {
        if stat.is_alive() && marked(&stat) {
            signal(stat.pid, Signal::KILL);
        }
    }
    until("it is dark", || node.living(SITE).is_empty());
}

#[test]
fn the_lease_stays_as_long_as_a_process_lives_and_goes_with_the_last() {
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
    // A site that fails lets it go as well, and so does a start that comes to nothing.
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
fn a_command_looks_after_a_database_that_was_not_closed() {
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
        // The nodes' files differ, and that is told too.
        assert!(attempt > 0 || said(&refused).contains("another definition"), "{}", said(&refused));
        assert_eq!(two.living(SITE), "");
    }
    fs::write(database.join("mended"), "").unwrap();
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
}

#[test]
fn a_person_may_break_it_and_a_disk_that_is_gone_stops_nothing() {
    let (one, two, database) = two_nodes("");
    assert_eq!(code(one.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_on_node", "alpha")])), 0);
    let broken = succeed(two.hand(&["clean", SITE, "--break-lease"]));
    assert!(broken.contains("is broken"), "{broken}");
    let started = output(two.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    succeed(two.hand(&["stop", SITE]));
    // The disk is taken away under the site: its stop is a success all the same.
    fs::rename(&database, database.with_extension("away")).unwrap();
    let begun = Instant::now();
    assert_eq!(code(one.ocf(SITE, "stop", &[])), 0);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(one.living(SITE), "");
    let refused = output(one.hand(&["start", SITE]));
    assert!(said(&refused).contains("is not a folder on this node"), "{}", said(&refused));
    assert!(!database.exists(), "nothing is written where the disk should be");
}

/// Somebody who is not of the site, and works on its disk.
fn stranger(database: &Path, words: &str) -> std::process::Child {
    std::process::Command::new("/bin/bash")
        .args(["-c", words])
        .current_dir(database)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// A shell and what it runs both hold it.
fn end_strangers(database: &Path) {
    for holder in siteward::process::holders(database).unwrap() {
        signal(holder.pid, Signal::KILL);
    }
}

#[test]
fn whoever_holds_the_disk_is_named_and_ended_where_that_is_said() {
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
        // A stop of a stopped site ends nobody.
        let mut child = stranger(&database, "sleep 1000; :");
        succeed(one.hand(&["stop", SITE]));
        assert!(child.try_wait().unwrap().is_none());
        end_strangers(&database);
        let _ = child.wait();
    }
}

#[test]
fn another_site_on_the_disk_is_spared_and_said() {
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
