//! The record of what was caught, as docs/reliability.md prints it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::mutant::{Mutant, ROOMS};
use crate::results;

/// Mutants that change nothing, each with the reason.
fn explained(root: &Path) -> BTreeMap<String, String> {
    let text =
        fs::read_to_string(root.join("tests/mutants_tool/explained.txt")).unwrap_or_default();
    let mut found = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        match line.strip_prefix("    ") {
            Some(why) => {
                found.insert(name.clone(), why.to_owned());
            }
            None => name = line.to_owned(),
        }
    }
    found
}

/// Writes the record of all rooms that have results.
pub(crate) fn write(root: &Path, mutants: &[Mutant], base: &Path) {
    let found = results(base);
    let explained = explained(root);
    let refused: Vec<String> = fs::read(base.join("refused.json"))
        .ok()
        .and_then(|b| serde_json::from_slice(&b).ok())
        .unwrap_or_default();
    let file = root.join("tests/reliability/records/mutants.json");
    let before: Value =
        fs::read(&file).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or(Value::Null);
    let mut rows = before["rows"].as_object().cloned().unwrap_or_default();
    let mut notes: Vec<String> = before["notes"]
        .as_array()
        .map(|notes| notes.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    for key in explained.keys().filter(|key| !mutants.iter().any(|m| m.key == **key)) {
        println!("explained, and there is no such mutant: {key}");
    }
    for (room, begin) in ROOMS {
        let of: Vec<&Mutant> = mutants.iter().filter(|m| m.room() == room).collect();
        let not_built = of.iter().filter(|m| refused.contains(&m.key) || m.has_no_switch()).count();
        let tried: Vec<&&Mutant> = of
            .iter()
            .filter(|m| found.get(&m.key).is_some_and(|f| f.outcome != "unfinished"))
            .filter(|m| !m.has_no_switch())
            .collect();
        if tried.is_empty() {
            continue;
        }
        // What an earlier run said of this room.
        notes.retain(|note| !note.contains(&format!("`{room}`")) && !note.contains(begin));
        let caught = tried.iter().filter(|m| found[&m.key].outcome == "caught").count();
        let slipped: Vec<&&&Mutant> =
            tried.iter().filter(|m| found[&m.key].outcome != "caught").collect();
        let harmless: Vec<&&&&Mutant> =
            slipped.iter().filter(|m| explained.contains_key(&m.key)).collect();
        let missed = slipped.len() - harmless.len();
        let cells = [tried.len(), caught, missed, harmless.len(), not_built];
        let seconds: f64 = tried.iter().map(|m| found[&m.key].seconds).sum();
        let row = row(root, &cells.map(|n| n.to_string()), seconds as u64);
        rows.insert(room.to_owned(), row);
        if tried.len() + not_built < of.len() {
            notes.push(format!(
                "Of `{room}`, {} of {} mutants that can be built were tried.",
                tried.len(),
                of.len() - not_built
            ));
        }
        for mutant in harmless {
            notes.push(format!("Changes nothing: {}. {}", mutant.key, explained[&mutant.key]));
        }
        for mutant in slipped.iter().filter(|m| !explained.contains_key(&m.key)) {
            notes.push(format!("Missed: {}.", mutant.key));
        }
    }
    save(
        root,
        "mutants",
        "Changes of the code that no test notices",
        "Each mutant is one small change of the code: a condition turned round, an operator exchanged, a function that \
         does nothing. It is caught if a test fails because of it, or does not end. One that cannot be compiled is none.",
        "tests/mutants ROOM --record",
        &["room", "mutants", "caught", "missed", "explained", "not compiled"],
        &rows,
        &json!(notes),
    );
}

pub(crate) fn row(root: &Path, cells: &[String], seconds: u64) -> Value {
    json!({
        "cells": cells,
        "day": said("date", &["+%Y-%m-%d"]),
        "commit": said("git", &["-C", &root.to_string_lossy(), "rev-parse", "--short=8", "HEAD"]),
        "seconds": seconds,
    })
}

/// In the form of tests/common/record.rs.
#[allow(clippy::too_many_arguments)]
pub(crate) fn save(
    root: &Path,
    name: &str,
    title: &str,
    about: &str,
    command: &str,
    columns: &[&str],
    rows: &serde_json::Map<String, Value>,
    notes: &Value,
) {
    let record = json!({
        "title": title,
        "about": about,
        "command": command,
        "columns": columns,
        "rows": rows,
        "notes": notes,
    });
    let folder = root.join("tests/reliability/records");
    fs::create_dir_all(&folder).expect("the records' folder");
    let text = serde_json::to_string_pretty(&record).expect("a record") + "\n";
    fs::write(folder.join(format!("{name}.json")), text).expect("the records can be written");
}

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().expect("it can be run");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
