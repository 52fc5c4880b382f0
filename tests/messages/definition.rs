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
    bench.define("a", "procesess: {a: {command: [ACT, steady]}}\n");
    everywhere("definition-wrong", Verb::Start, || bench.hand(&["start", "a"]));
    everywhere("definition-wrong", Verb::Other, || bench.hand(&["validate-all", "a"]));
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
