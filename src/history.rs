//! The history of a site: what happened, on which node, when. Lines of JSON that are only appended.
//!
//! Promises: a line is whole or absent; the file stays below a bound. Must never: make a verb or the
//! supervisor fail. If a line cannot be written, that is logged and the site goes on.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::linux::clock::WallTime;
use crate::linux::{files, node};

/// The size at which the file is renamed to `.1` and a new one begins, in bytes.
const BOUND: u64 = 1 << 20;

/// One line of the history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub at: WallTime,
    pub node: String,
    /// A word: started, failed, stopped, killed, paused, resumed, ...
    pub event: String,
    pub detail: String,
}

/// Appends a line to the history at `path`.
pub fn add(path: &Path, event: &str, detail: &str) {
    let entry = Entry {
        at: WallTime::now(),
        node: node::name(),
        event: event.to_owned(),
        detail: detail.to_owned(),
    };
    if let Err(error) = write(path, &entry) {
        log::warn!("the history {} could not be written: {error}", path.display());
    }
}

fn write(path: &Path, entry: &Entry) -> std::io::Result<()> {
    if !path.parent().is_some_and(files::is_own_folder) {
        return Err(std::io::Error::other(
            "its folder is missing, is a link, or belongs to another user",
        ));
    }
    let mut file = files::append_to(path)?;
    if file.metadata()?.len() > BOUND {
        std::fs::rename(path, path.with_extension("jsonl.1"))?;
        file = files::append_to(path)?;
    }
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Every line that can be parsed, the oldest first.
pub fn read(path: &Path) -> Vec<Entry> {
    let old = std::fs::read(path.with_extension("jsonl.1")).unwrap_or_default();
    let new = std::fs::read(path).unwrap_or_default();
    [old, new]
        .iter()
        .flat_map(|text| text.split(|&b| b == b'\n'))
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_the_file_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        add(&path, "started", "all ready");
        add(&path, "failed", "store died");
        let entries = read(&path);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].event, "failed");
        for _ in 0..40 {
            add(&path, "noise", &"x".repeat(64 << 10));
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * BOUND);
        add(Path::new("/no/such/folder/history.jsonl"), "started", "does not fail");
    }
}
