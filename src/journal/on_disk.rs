//! The histories on a site's database, one for each node: `DATABASE/.siteward/history/NODE.jsonl`. A helper
//! process writes and reads them, because the disk may hang.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::history::{Entry, History, HistoryFile};
use crate::linux::folder::Folder;
use crate::site::on_database;

const FOLDER: &str = "history";
const EXTENSION: &str = ".jsonl";

/// The most that a helper prints, in bytes; it fits into what its caller reads.
const MOST: usize = 3 << 20;

/// What stands on the disk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct OnDisk {
    pub(super) entries: Vec<Entry>,
    pub(super) torn: usize,
    /// See [`History`].
    pub(super) set_back: BTreeMap<String, Duration>,
    /// How many entries were left out.
    pub(super) left_out: usize,
}

/// The file of a node. A name that cannot be that of a file is changed.
fn file_name(node: &str) -> OsString {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = node.chars().map(|c| if is_plain(c) { c } else { '_' }).take(200).collect();
    let plain = plain.trim_start_matches('.');
    OsString::from(format!("{}{EXTENSION}", if plain.is_empty() { "_" } else { plain }))
}

/// The folder; siteward's own on the database is never made, as the disk may not be mounted.
fn folder(database: &Path, make: bool) -> io::Result<Folder> {
    let path = on_database(database);
    let ours = Folder::open(database)?.own(path.file_name().unwrap_or_default())?;
    if make { ours.private(OsStr::new(FOLDER)) } else { ours.own(OsStr::new(FOLDER)) }
}

/// Makes the history of this node durable, and copies what is new to the database.
pub(super) fn save(local: &Path, database: Option<&Path>, node: &str) -> io::Result<()> {
    let folder_of = local.parent().unwrap_or(Path::new("/"));
    let above = Folder::open(folder_of.parent().unwrap_or(Path::new("/")))?;
    // The folder of the site's logs is this user's, and no link that somebody has planted.
    let logs = above.own(folder_of.file_name().unwrap_or_default())?;
    let local = HistoryFile::new(logs, local.file_name().unwrap_or_default());
    local.settle()?;
    let Some(database) = database else { return Ok(()) };
    HistoryFile::new(folder(database, true)?, &file_name(node)).append_new(&local.text()?)
}

/// Reads the histories of all nodes.
///
/// # Errors
/// A sentence.
pub(super) fn read(database: &Path) -> Result<OnDisk, String> {
    let at = on_database(database).join(FOLDER);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no {} on this node; the disk may be mounted on another", at.display())
        }
        _ => format!("{} cannot be read: {error}", at.display()),
    };
    let folder = folder(database, false).map_err(failed)?;
    let mut history = History::default();
    for name in folder.names().map_err(failed)? {
        if !name.as_encoded_bytes().ends_with(EXTENSION.as_bytes()) {
            continue;
        }
        let copy = self::folder(database, false).map_err(failed)?;
        let text = HistoryFile::new(copy, &name).text().map_err(failed)?;
        history = history.joined(History::of(&text));
    }
    Ok(bounded(history))
}

/// Leaves out the oldest entries if there are too many: first those of processes.
fn bounded(history: History) -> OnDisk {
    let size = |entry: &Entry| serde_json::to_vec(entry).map_or(0, |line| line.len() + 1);
    let mut room = MOST;
    let mut keep = vec![false; history.entries.len()];
    for of_a_process in [false, true] {
        for (index, entry) in history.entries.iter().enumerate().rev() {
            if entry.event.is_of_a_process() == of_a_process {
                let Some(rest) = room.checked_sub(size(entry)) else { break };
                (room, keep[index]) = (rest, true);
            }
        }
    }
    let left_out = keep.iter().filter(|kept| !**kept).count();
    let entries = history.entries.into_iter().zip(keep);
    let entries = entries.filter_map(|(entry, kept)| kept.then_some(entry)).collect();
    OnDisk { entries, torn: history.torn, set_back: history.set_back, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_of_any_name_has_a_file() {
        assert_eq!(file_name("alpha.example"), "alpha.example.jsonl");
        for (node, file) in
            [("../../x", "_.._x.jsonl"), ("..", "_.jsonl"), ("", "_.jsonl"), ("ü/", "__.jsonl")]
        {
            assert_eq!(file_name(node), file, "{node}");
        }
        assert!(file_name(&"n".repeat(1000)).len() < 250);
    }
}
