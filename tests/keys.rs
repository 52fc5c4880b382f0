//! The table of keys: what is suggested for a typo, every key in an example that starts, and the files that are made
//! from it. `UPDATE=1 cargo test --test keys` writes those anew.

mod common;
#[path = "keys/examples.rs"]
mod examples;
mod jobcenter;
#[path = "keys/table.rs"]
mod table;
#[path = "keys/typos.rs"]
mod typos;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use common::*;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use siteward::site::{ProblemKind, SiteName, keys, parse};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SCHEMA: &str = "schema/siteward.schema.json";
const MANUAL: &str = "man/siteward.yaml.5";
/// Debian's, whose modules are Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

fn trial(name: &str, missing: Option<&str>, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
    })
    .with_ignored_flag(missing.is_some())
}

fn has(program: &str, words: &[&str]) -> bool {
    let tried = Command::new(program).args(words).stdin(Stdio::null()).output();
    tried.is_ok_and(|output| output.status.success())
}

fn main() -> ExitCode {
    let without = |there: bool, what: &'static str| (!there).then_some(what);
    let validator = without(
        has(PYTHON, &["-c", "import jsonschema"]),
        "what the schema accepts and refuses. Missing: apt-get install python3-jsonschema",
    );
    let mandoc = without(
        Path::new("/usr/bin/mandoc").exists(),
        "mandoc's opinion of the manual. Missing: apt-get install mandoc",
    );
    let groff = without(
        Path::new("/usr/bin/groff").exists(),
        "groff's opinion of the manual. Missing: apt-get install groff",
    );
    let python = without(
        has("python3", &["-c", "import http.server"]),
        "the examples of readiness. Missing: apt-get install python3",
    );
    let supervisors = without(
        Path::new("/usr/bin/supervisord").exists() && Path::new("/usr/bin/runsvdir").exists(),
        "the examples of profiles. Missing: apt-get install supervisor runit",
    );
    for what in [validator, mandoc, groff, python, supervisors].into_iter().flatten() {
        if leave_out(what) {
            return ExitCode::FAILURE;
        }
    }
    let mut tests = vec![
        trial("each_typo_gets_the_nearest_right_word", None, typos::each_gets_its_word),
        trial("the_files_in_the_tree_are_made_from_the_table", None, files_are_made_from_the_table),
        trial("mandoc_has_nothing_to_say", mandoc, mandoc_has_nothing_to_say),
        trial("groff_has_nothing_to_say", groff, groff_has_nothing_to_say),
        trial("the_schema_accepts_what_siteward_accepts", validator, the_schema_accepts),
        trial("the_schema_refuses_unknown_keys_and_wrong_types", validator, the_schema_refuses),
        trial("each_key_stands_in_an_example", None, examples::each_key_stands_in_one),
        trial("each_example_of_the_table_is_accepted", None, table::examples_are_accepted),
        trial("each_choice_of_the_table_is_accepted", None, table::choices_are_accepted),
        trial("each_default_of_the_table_is_what_is_read", None, table::defaults_are_read),
    ];
    for (file, test) in examples::TESTS {
        let missing = match *file {
            "ready" => python,
            "supervisord" | "runit" => supervisors,
            _ => None,
        };
        tests.push(trial(&format!("the_example_starts_{file}"), missing, *test));
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn at(below: &str) -> PathBuf {
    Path::new(ROOT).join(below)
}

fn files_are_made_from_the_table() {
    for (file, text) in [(MANUAL, keys::manual()), (SCHEMA, keys::schema())] {
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            fs::write(at(file), &text).unwrap();
        }
        let written = fs::read_to_string(at(file)).unwrap_or_default();
        assert!(written == text, "{file} is old; write it with: UPDATE=1 cargo test --test keys");
    }
}

/// Runs it on the manual in the tree; all that it printed.
fn read_manual(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).arg(at(MANUAL)).output().unwrap();
    assert!(output.status.success(), "{program}: {}", said(&output));
    said(&output)
}

fn mandoc_has_nothing_to_say() {
    assert_eq!(read_manual("mandoc", &["-T", "lint"]), "");
    // What was escaped is seen as it stands in a definition.
    let shown = read_manual("mandoc", &["-T", "utf8"]).replace("\u{8}", "");
    assert!(shown.contains("x-shop: &shop"), "{shown}");
}

fn groff_has_nothing_to_say() {
    assert_eq!(read_manual("groff", &["-ww", "-man", "-z", "-Tutf8"]), "");
}

/// A definition as a JSON value, with all that it merges.
fn as_json(text: &str) -> Option<Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

const VALIDATE: &str = "
import json, sys
from jsonschema import Draft202012Validator as Validator
asked = json.load(sys.stdin)
Validator.check_schema(asked['schema'])
validator = Validator(asked['schema'])
def first(document):
    for error in validator.iter_errors(document):
        return error.json_path + ': ' + error.message[:200]
print(json.dumps([first(document) for document in asked['documents']]))
";

/// For each document what the schema says against it; None: nothing.
fn refusals(documents: &[Value]) -> Vec<Option<String>> {
    let schema: Value = serde_json::from_str(&keys::schema()).unwrap();
    let mut child = Command::new(PYTHON)
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({"schema": schema, "documents": documents}).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answer: Vec<Option<String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer.len(), documents.len());
    answer
}

fn the_schema_accepts() {
    let mut files: Vec<PathBuf> = examples::files();
    files.push(at("examples/shop/shop.yaml"));
    let mut texts: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap()))
        .collect();
    // The definitions of the tests that are meant to be accepted.
    let whole = fs::read_to_string(at("tests/definitions/whole.yaml")).unwrap();
    texts.push(("whole.yaml".to_owned(), whole));
    let name: SiteName = "a".parse().unwrap();
    for (file, text) in &texts {
        parse(&name, Path::new(file), text).unwrap_or_else(|error| panic!("{error}"));
    }
    texts.extend(table::accepted_examples());
    let documents: Vec<Value> = texts.iter().map(|(_, text)| as_json(text).unwrap()).collect();
    for ((file, _), refused) in texts.iter().zip(refusals(&documents)) {
        assert_eq!(refused, None, "{file}");
    }
}

fn the_schema_refuses() {
    let name: SiteName = "a".parse().unwrap();
    let cases = fs::read_to_string(at("tests/definitions/bad.txt")).unwrap();
    let mut texts: Vec<String> = cases
        .split("=== ")
        .skip(1)
        .map(|case| {
            let (text, _) = case.split_once('\n').unwrap().1.split_once("--- says\n").unwrap();
            text.to_owned()
        })
        .collect();
    texts.extend(typos::TYPOS.iter().map(|typo| typos::definition(typo.0, typo.1)));
    let is_for_the_schema = |text: &String| {
        let error = parse(&name, Path::new("x"), text).expect_err("it is refused");
        error.problems.iter().any(|problem| match problem.kind {
            ProblemKind::KeyUnknown | ProblemKind::TypeWrong | ProblemKind::WordUnknown => true,
            ProblemKind::NotYaml
            | ProblemKind::TooLarge
            | ProblemKind::VersionUnknown
            | ProblemKind::KeyMissing
            | ProblemKind::KeyTwice
            | ProblemKind::KeysConflict
            | ProblemKind::KeyNeedsAnother
            | ProblemKind::ValueWrong
            | ProblemKind::ReferenceUnknown
            | ProblemKind::OrderCircular => false,
        })
    };
    texts.retain(is_for_the_schema);
    // A tag and a key that is a number are lost in JSON, and placeholders are siteward's own.
    let lost = |text: &String| {
        text.contains("!secret") || text.contains("  1: {") || text.contains("{nmae}")
    };
    texts.retain(|text| !lost(text));
    let read: Vec<(String, Value)> = texts
        .into_iter()
        .filter_map(|text| Some((as_json(&text)?, text)))
        .map(|(v, t)| (t, v))
        .collect();
    let documents: Vec<Value> = read.iter().map(|(_, value)| value.clone()).collect();
    let accepted: Vec<&str> = read
        .iter()
        .zip(refusals(&documents))
        .filter(|(_, refused)| refused.is_none())
        .map(|((text, _), _)| text.as_str())
        .collect();
    assert!(accepted.is_empty(), "the schema accepts:\n{}", accepted.join("\n---\n"));
    assert!(documents.len() >= 100, "only {}", documents.len());
}

/// The paths of all keys, as the table has them.
fn all_paths() -> BTreeSet<String> {
    keys::all().iter().map(|place| place.path.clone()).collect()
}
