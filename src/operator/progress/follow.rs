//! The entries that are added to a history while a verb works.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::history::Entry;
use crate::linux::watch::Watcher;
use crate::values::Moment;

/// Between two looks at a file that is not watched yet, or cannot be, because it is not there.
const PACES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(50)];

/// A verb that takes longer is watched: the kernel takes a grace period of up to 17 ms to end a watch (inotify(7)), for
/// which a short verb would wait.
const SOON: Duration = Duration::from_millis(300);

/// Reads what is added to a history from now on.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    /// When it is to be watched.
    watch_from: Moment,
    watcher: Option<Watcher>,
    is_watching: bool,
    /// The file that was read, and up to where.
    inode: u64,
    read: u64,
    /// The beginning of a line that is not whole yet.
    rest: Vec<u8>,
}

impl Follower {
    pub(super) fn new(path: PathBuf) -> Self {
        let there = std::fs::metadata(&path).map_or((0, 0), |there| (there.ino(), there.len()));
        Self {
            watch_from: Moment::now() + SOON,
            watcher: None,
            is_watching: false,
            inode: there.0,
            read: there.1,
            rest: Vec::new(),
            path,
        }
    }

    fn watch(&mut self) {
        self.watcher = self.watcher.take().or_else(|| Watcher::new().ok());
        let watch = self.watcher.as_ref().map(|watcher| watcher.changes_of(&self.path));
        self.is_watching = matches!(watch, Some(Ok(_)));
    }

    /// When to look again if its descriptor tells of nothing; None: it tells of every change.
    pub(super) fn next_look(&self) -> Option<Moment> {
        let pace = PACES[usize::from(self.watch_from.passed())];
        (!self.is_watching).then(|| Moment::now() + pace)
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().map(AsFd::as_fd)
    }

    /// What was added since the last call.
    pub(super) fn new_entries(&mut self) -> Vec<Entry> {
        let told = self.watcher.as_ref().is_some_and(|watcher| !watcher.told().is_empty());
        if told || (!self.is_watching && self.watch_from.passed()) {
            // Before the file is read: what is written after it is told.
            self.watch();
        }
        let Ok(mut file) = File::open(&self.path) else { return Vec::new() };
        let Ok(there) = file.metadata() else { return Vec::new() };
        if there.ino() != self.inode || there.len() < self.read {
            // Another file, or a file that was begun anew.
            (self.inode, self.read) = (there.ino(), 0);
            self.rest.clear();
        }
        let mut bytes = std::mem::take(&mut self.rest);
        if file.seek(SeekFrom::Start(self.read)).is_ok()
            && let Ok(count) = file.read_to_end(&mut bytes)
        {
            self.read += count as u64;
        }
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        self.rest = bytes.split_off(whole);
        let lines = bytes.split(|&b| b == b'\n');
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{HistoryEvent, add};

    #[test]
    fn only_what_is_added_is_read_also_from_a_file_that_was_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let entry = |words: &str| Entry::new(HistoryEvent::Up, words);
        add(&path, &entry("before"));
        let mut follower = Follower::new(path.clone());
        assert!(follower.new_entries().is_empty());
        let (one, two) = (entry("one"), entry("two"));
        add(&path, &one);
        add(&path, &two);
        assert_eq!(follower.new_entries(), [one.clone(), two]);
        std::fs::rename(&path, folder.path().join("history.jsonl.1")).unwrap();
        add(&path, &one);
        assert_eq!(follower.new_entries(), [one]);
        assert!(follower.new_entries().is_empty());
    }
}
