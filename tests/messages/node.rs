//! What a node lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use siteward::manager::Verb;

use crate::common::*;
use crate::definition::as_nobody;
use crate::jobcenter::Jobcenter;
use crate::{Test, by_hand, everywhere};

pub(crate) const TESTS: &[Test] = &[
    ("users_and_groups", false, users_and_groups),
    ("programs", false, programs),
    ("files_and_folders", false, files_and_folders),
    ("disk_and_address", false, disk_and_address),
    ("jobcenter", false, jobcenter),
    ("profiles", false, profiles),
    ("descriptors", false, descriptors),
    ("a_runtime_folder_that_is_none", false, a_runtime_folder_that_is_none),
    ("another_users_site", true, another_users_site),
    ("no_proc", true, no_proc),
];

fn users_and_groups() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady], user: no-such-user}}\n");
    everywhere("user-unknown", Verb::Start, || bench.hand(&["start", "a"]));
    bench.define(
        "a",
        "processes: {a: {command: [ACT, steady], user: root, group: no-such-group}}\n",
    );
    everywhere("group-unknown", Verb::Start, || bench.hand(&["start", "a"]));
}

fn programs() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [/no/such/program]}}\n");
    everywhere("program-missing", Verb::Start, || bench.hand(&["start", "a"]));
    let plain = bench.path("plain");
    fs::write(&plain, "").unwrap();
    bench.define("a", &format!("processes: {{a: {{command: [{}]}}}}\n", plain.display()));
    everywhere("program-not-executable", Verb::Start, || bench.hand(&["start", "a"]));
}

fn files_and_folders() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {a: {command: [ACT, steady], working_directory: /no/such/folder}}\n",
    );
    everywhere("working-directory-missing", Verb::Other, || bench.hand(&["validate-all", "a"]));
    bench.define("a", "processes: {a: {command: [ACT, steady], env_file: [/no/such/file]}}\n");
    everywhere("env-file-unreadable", Verb::Start, || bench.hand(&["start", "a"]));
}

fn disk_and_address() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    fs::create_dir(&disk).unwrap();
    bench.define(
        "a",
        &format!("database: {}\nprocesses: {{a: {{command: [ACT, steady]}}}}\n", disk.display()),
    );
    everywhere("disk-not-mounted", Verb::Start, || bench.hand(&["start", "a"]));
    bench.define("a", "address: 192.0.2.1\nprocesses: {a: {command: [ACT, steady]}}\n");
    everywhere("address-missing", Verb::Start, || bench.hand(&["start", "a"]));
}

fn jobcenter() {
    let center = Jobcenter::new("testsite");
    let (site, bench) = (&center.site, &center.bench);
    let start = || bench.hand(&["start", site]);
    let nqs = center.database.join("nqs");
    let aside = center.database.join("aside");
    fs::rename(&nqs, &aside).unwrap();
    everywhere("jobcenter-site-missing", Verb::Start, start);
    fs::rename(&aside, &nqs).unwrap();
    let link = center.root.join("spool/7F000001");
    fs::remove_file(&link).unwrap();
    everywhere("jobcenter-link-missing", Verb::Start, start);
    std::os::unix::fs::symlink("/somewhere/else", &link).unwrap();
    everywhere("jobcenter-link-wrong", Verb::Start, start);
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&center.database, &link).unwrap();
    let conversion = center.convert();
    everywhere("jobcenter-converts", Verb::Start, start);
    center.converted();
    assert_eq!(conversion.end_within(PATIENCE, "the conversion").code, Some(0));
    // A warning, which is told and refuses nothing.
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&center.database, &link).unwrap();
    fs::write(center.root.join("rc/daemon.conf"), "").unwrap();
    let checked = output(bench.hand(&["validate-all", site]));
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("[jobcenter-unfit]"), "{}", said(&checked));
    crate::seen("jobcenter-unfit");
}

/// With fewer and fewer descriptors a call fails at each step that needs one.
fn profiles() {
    let bench = Bench::new();
    let start = || bench.hand(&["start", "a"]);
    let folder = bench.path("");
    let at = folder.display();
    bench.define(
        "a",
        &format!("supervisor: {{profile: systemd, unit: a.service, commands: {at}}}\n"),
    );
    let systemctl = bench.path("systemctl");
    for (shown, id) in [
        ("LoadState=not-found", "profile-lacks"),
        ("LoadState=loaded\\nUnitFileState=enabled", "profile-unfit"),
    ] {
        let shown = format!("Id=a.service\\n{shown}\\nActiveState=inactive\\n");
        fs::write(&systemctl, format!("#!/bin/sh\nprintf '{shown}'\n")).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        everywhere(id, Verb::Start, start);
    }
}

fn descriptors() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady]}}\n");
    let with = |limit: usize, words: &[&str]| {
        let by_itself = bench.hand(words);
        let mut command = std::process::Command::new("prlimit");
        command.arg(format!("--nofile={limit}")).arg(SITEWARD).args(words).env_clear();
        for (name, value) in by_itself.get_envs() {
            command.env(name, value.unwrap());
        }
        command
    };
    let found = |id: &str, verb: Verb, words: &[&str]| {
        let limit =
            (3..40).find(|limit| said(&output(with(*limit, words))).contains(&format!("[{id}]")));
        let limit = limit.unwrap_or_else(|| panic!("{id} is never told"));
        by_hand(id, verb, with(limit, words));
    };
    found("signals-unreceivable", Verb::Start, &["start", "a"]);
    succeed(bench.hand(&["stop", "a"]));
}

fn a_runtime_folder_that_is_none() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady]}}\n");
    let file = bench.path("file");
    fs::write(&file, "").unwrap();
    let below = file.join("run").display().to_string();
    let start = || bench.hand(&["start", "a", "--runtime-dir", &below]);
    everywhere("folder-unusable", Verb::Start, start);
}

fn another_users_site() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady]}}\n");
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let mut homeless = as_nobody(&bench, &["list"]);
    for variable in ["CONFIG", "RUNTIME", "LOG", "LINK"] {
        homeless.env_remove(format!("SITEWARD_{variable}_DIR"));
    }
    by_hand("no-place", Verb::Other, homeless);
    by_hand("folder-denied", Verb::Start, {
        fs::create_dir(&bench.places.runtime).unwrap();
        as_nobody(&bench, &["start", "a"])
    });
    succeed(bench.hand(&["start", "a"]));
    everywhere("not-permitted", Verb::Monitor, || as_nobody(&bench, &["monitor", "a"]));
    bench.define("b", "site: b\nprocesses: {a: {command: [ACT, steady], user: root}}\n");
    everywhere("needs-root", Verb::Other, || as_nobody(&bench, &["validate-all", "b"]));
    let center = Jobcenter::new("testsite");
    fs::set_permissions(center.bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let check = || as_nobody(&center.bench, &["validate-all", "testsite"]);
    everywhere("jobcenter-needs-root", Verb::Other, check);
    by_hand("metrics-denied", Verb::Other, as_nobody(&bench, &["metrics", "a"]));
    by_hand(
        "failure-not-cleared",
        Verb::Other,
        as_nobody(&bench, &["status", "a", "--clear-failure"]),
    );
    fs::set_permissions(bench.places.logs.join("a"), fs::Permissions::from_mode(0o700)).unwrap();
    by_hand("logs-denied", Verb::Other, as_nobody(&bench, &["logs", "a"]));
    succeed(bench.hand(&["stop", "a"]));
}

/// Nothing is mounted where /proc should be.
fn no_proc() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady]}}\n");
    let without = |words: &[&str]| {
        let by_itself = bench.hand(words);
        let mut command = std::process::Command::new("unshare");
        let script = "mount -t tmpfs none /proc && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script, "sh", SITEWARD]).args(words).env_clear();
        for (name, value) in by_itself.get_envs() {
            command.env(name, value.unwrap());
        }
        command
    };
    succeed(bench.hand(&["start", "a"]));
    everywhere("proc-unreadable", Verb::Stop, || without(&["clean", "a", "--timeout", "3s"]));
    succeed(bench.hand(&["stop", "a"]));
}
