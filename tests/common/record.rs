//! What a long run has shown, as docs/reliability.md prints it. A run writes its record with `--record`; `UPDATE=1 cargo
//! test --test written` makes the page of all records. A row that a run did not repeat stays as it was, with its own date.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The folder of all records, one file each.
const RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reliability/records");

/// One section of the page: a table, and what must be said beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The heading.
    pub(crate) title: String,
    /// One or two sentences: what was done, and what counts as a violation.
    pub(crate) about: String,
    /// The command that repeats it.
    pub(crate) command: String,
    /// The first is what a row is about; the page adds one for the run.
    pub(crate) columns: Vec<String>,
    /// By the text of the first column.
    pub(crate) rows: BTreeMap<String, Row>,
    /// What was found, left out or not reached; a sentence each.
    pub(crate) notes: Vec<String>,
}

/// One row, and the run that it is from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// All columns but the first.
    pub(crate) cells: Vec<String>,
    /// The day of the run, as YYYY-MM-DD.
    pub(crate) day: String,
    /// The commit that was tried.
    pub(crate) commit: String,
    /// How long it took, in seconds.
    pub(crate) seconds: u64,
}

impl Record {
    /// The record as it stands, or an empty one. Its texts are those given here.
    pub(crate) fn open(
        name: &str,
        title: &str,
        about: &str,
        command: &str,
        columns: &[&str],
    ) -> Self {
        let columns: Vec<String> = columns.iter().map(|&c| c.to_owned()).collect();
        let before = fs::read_to_string(Self::file(name))
            .ok()
            .map(|text| {
                serde_json::from_str::<Self>(&text).expect("a record that a run wrote can be read")
            })
            .filter(|before| before.columns == columns);
        Self {
            title: title.to_owned(),
            about: about.to_owned(),
            command: command.to_owned(),
            columns,
            rows: before.as_ref().map(|b| b.rows.clone()).unwrap_or_default(),
            notes: before.map(|b| b.notes).unwrap_or_default(),
        }
    }

    /// Puts a row in the place of the one with the same first column.
    pub(crate) fn put(&mut self, first: &str, cells: &[String], took: Duration) {
        assert_eq!(cells.len() + 1, self.columns.len(), "a row has a cell for each column");
        let row =
            Row { cells: cells.to_vec(), day: today(), commit: commit(), seconds: took.as_secs() };
        self.rows.insert(first.to_owned(), row);
    }

    pub(crate) fn write(&self, name: &str) {
        let text =
            serde_json::to_string_pretty(self).expect("a record has nothing that JSON has not");
        fs::write(Self::file(name), text + "\n").expect("the records' folder can be written");
    }

    /// Every record, by its file's name.
    pub(crate) fn all() -> Vec<(String, Self)> {
        let mut files: Vec<PathBuf> = fs::read_dir(RECORDS)
            .map(|folder| folder.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.retain(|file| file.extension().is_some_and(|e| e == "json"));
        files.sort();
        files.iter().map(|file| Self::named(file)).collect()
    }

    fn named(file: &Path) -> (String, Self) {
        let text = fs::read_to_string(file).expect("a record can be read");
        let record = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{} is no record: {e}", file.display()));
        let name = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        (name, record)
    }

    fn file(name: &str) -> PathBuf {
        Path::new(RECORDS).join(format!("{name}.json"))
    }
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// The commit of the tree, with a `+` where files differ from it.
fn commit() -> String {
    let git = |words: &[&str]| {
        let output =
            Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(words).output();
        output
            .ok()
            .filter(|o| o.status.success())
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=8", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let is_changed =
        git(&["status", "--porcelain", "--", "src", "Cargo.lock"]).is_some_and(|s| !s.is_empty());
    format!("{commit}{}", if is_changed { "+" } else { "" })
}
