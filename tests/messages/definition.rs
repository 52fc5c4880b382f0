//! Definitions as files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use siteward::manager::{Manager, Verb};

use crate::common::*;
use crate::{Test, by_hand, everywhere, is_told};

pub(crate) const TESTS: &[Test] = &[
    ("missing", false, missing),
    ("wrong", false, wrong),
    ("two_claim_one_name", false, two_claim_one_name),
    ("a_file_in_the_place_of_the_directory", false, a_file_in_the_place_of_the_directory),
    ("a_path_that_is_too_long", false, a_path_that_is_too_long),
    ("others_may_write_it", true, others_may_write_it),
    ("another_users", true, another_users),
];

const STEADY: &str = "processes: {a: {command: [ACT, steady]}}\n";

fn missing() {
    let bench = Bench::new();
    let start = bench.ocf("nowhere", "start", &[]);
    is_told("definition-missing", Manager::Pacemaker, Verb::Start, &output(start));
    for (manager, word) in crate::CALLERS.iter().filter(|(m, _)| *m != Manager::Hand) {
        let mut start = bench.hand(&["start", "nowhere", "--as", word]);
        start.env("CLP_EVENT", "START");
        is_told("definition-missing", *manager, Verb::Start, &output(start));
    }
    by_hand("no-site-defined", Verb::Other, bench.hand(&["doctor"]));
}

fn wrong() {
    let bench = Bench::new();
    let file = bench.places.config.join("a.yaml");
    for (id, text) in [
        ("not-yaml", "version: 1\nprocesses: {a: {command: [x]\n".to_owned()),
        (
            "definition-too-large",
            format!("version: 1\nx-a: {}1{}\n", "[".repeat(200), "]".repeat(200)),
        ),
        ("version-unknown", format!("version: 2\n{STEADY}")),
        (
            "key-unknown",
            "version: 1\nprocesess: {a: {command: [x]}}\nprocesses: {a: {command: [x]}}\n"
                .to_owned(),
        ),
        ("key-missing", "version: 1\nprocesses: {a: {essential: true}}\n".to_owned()),
        ("key-twice", "version: 1\nsite: a\nsite: b\nprocesses: {a: {command: [x]}}\n".to_owned()),
        (
            "keys-conflict",
            "version: 1\ndatabase: /mnt/a\nsupervisor: jobcenter\nprocesses: {a: {command: [x]}}\n"
                .to_owned(),
        ),
        (
            "key-needs-another",
            "version: 1\nprocesses: {a: {command: [x], pid_file: /run/x}}\n".to_owned(),
        ),
        ("type-wrong", "version: 1\nprocesses: {a: {command: /bin/a}}\n".to_owned()),
        (
            "value-wrong",
            "version: 1\nboot_timeout: soon\nprocesses: {a: {command: [x]}}\n".to_owned(),
        ),
        (
            "word-unknown",
            "version: 1\nholders: murder\nprocesses: {a: {command: [x]}}\n".to_owned(),
        ),
        (
            "reference-unknown",
            "version: 1\nprocesses: {a: {command: [x], depends_on: [nobody]}}\n".to_owned(),
        ),
        (
            "order-circular",
            "version: 1\nprocesses: {a: {command: [x], depends_on: [b]}, b: {command: [x]}}\n"
                .to_owned(),
        ),
    ] {
        fs::write(&file, text).unwrap();
        everywhere(id, Verb::Start, || bench.hand(&["start", "a"]));
        everywhere(id, Verb::Other, || bench.hand(&["validate-all", "a"]));
        let given = file.to_str().unwrap();
        by_hand(id, Verb::Other, bench.hand(&["validate-all", given]));
        let json = said(&output(bench.hand(&["validate-all", "--json", given])));
        assert!(json.contains(&format!("\"id\":\"{id}\"")), "{json}");
    }
    by_hand("file-missing", Verb::Other, bench.hand(&["validate-all", "no/such/file.yaml"]));
    bench.define("a", STEADY);
    let generated = bench.hand(&["generate", "pacemaker-pcs", "a", "--set", "NOTHING=x"]);
    by_hand("placeholder-unknown", Verb::Other, generated);
}

fn two_claim_one_name() {
    let bench = Bench::new();
    bench.define("a", &format!("site: shop\n{STEADY}"));
    bench.define("b", &format!("site: shop\n{STEADY}"));
    everywhere("definition-unusable", Verb::Start, || bench.hand(&["start", "a"]));
}

fn a_file_in_the_place_of_the_directory() {
    let bench = Bench::new();
    let file = bench.path("file");
    fs::write(&file, "").unwrap();
    let config = ["--config-dir", file.to_str().unwrap()];
    by_hand("directory-is-file", Verb::Start, bench.hand(&["start", "a", config[0], config[1]]));
}

fn a_path_that_is_too_long() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let folder = bench.path(&"x".repeat(100));
    let runtime = folder.to_str().unwrap().to_owned();
    everywhere("path-too-long", Verb::Start, || {
        bench.hand(&["start", "a", "--runtime-dir", &runtime])
    });
}

fn others_may_write_it() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let file = bench.places.config.join("a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    everywhere("definition-untrusted", Verb::Start, || bench.hand(&["start", "a"]));
}

fn another_users() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let file = bench.places.config.join("a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&bench.places.runtime).unwrap();
    everywhere("definition-denied", Verb::Other, || as_nobody(&bench, &["validate-all", "a"]));
}

/// A call by an ordinary user.
pub(crate) fn as_nobody(bench: &Bench, words: &[&str]) -> Command {
    let by_root = bench.hand(words);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    command.arg(crate::program()).args(words).env_clear();
    for (name, value) in by_root.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}
