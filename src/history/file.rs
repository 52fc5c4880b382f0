//! A file of a history, with what was moved out of it: `NAME`, `NAME.1` and `NAME.2`.
//!
//! Lines are only appended. A file that has grown to its bound becomes `.1`; of the one that was `.1` before,
//! the entries of the whole site stay, in `.2`. So a process that dies every second does not push the
//! failovers of the last years out.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use super::Entry;
use crate::linux::folder::{Folder, Inode};
use crate::linux::lock::whole_file_lock;
use crate::linux::wait::Waiting;
use crate::values::Moment;

/// The size at which a file is moved out of the way, and of what stays of those before; in bytes.
pub(super) const BOUND: u64 = 4 << 20;
const KEPT: usize = 1 << 20;

/// The longest file that is read, in bytes. None becomes that long by siteward.
const LONGEST: u64 = 64 << 20;

/// Between two attempts to lock a file.
const PACE: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug)]
pub struct HistoryFile {
    folder: Folder,
    name: OsString,
}

/// The file, locked: no other process that appends many lines or moves it is at work.
struct LockedFile<'a> {
    of: &'a HistoryFile,
    file: File,
}

impl HistoryFile {
    pub fn new(folder: Folder, name: &OsStr) -> Self {
        Self { folder, name: name.to_owned() }
    }

    fn part(&self, suffix: &str) -> OsString {
        let mut name = self.name.clone();
        name.push(suffix);
        name
    }

    fn read(&self, suffix: &str) -> io::Result<Vec<u8>> {
        match self.folder.read_plain(&self.part(suffix), LONGEST) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }

    /// All its lines, the oldest part first.
    ///
    /// # Errors
    /// As open(2) and read(2); InvalidData if one is a link, no plain file, or too long.
    pub fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        for suffix in [".2", ".1", ""] {
            text.extend(self.read(suffix)?);
            if !text.ends_with(b"\n") && !text.is_empty() {
                text.push(b'\n');
            }
        }
        Ok(text)
    }

    /// Waits for the lock; the caller is killed if that takes too long.
    fn lock(&self) -> io::Result<LockedFile<'_>> {
        loop {
            let file = self.folder.append_to(&self.name)?;
            // A file system without locks: two writers of one node are rare, and each writes whole lines.
            if whole_file_lock(&file).unwrap_or(true) {
                // It may have been moved meanwhile.
                if self.folder.inode_of(&self.name)? == Some(Inode::of(&file)?) {
                    return Ok(LockedFile { of: self, file });
                }
            } else {
                Waiting::<()>::new().wait(Some(Moment::now() + PACE));
            }
        }
    }

    /// Makes the file durable, and moves it if it is long.
    ///
    /// # Errors
    /// The file system's.
    pub fn settle(&self) -> io::Result<()> {
        let locked = self.lock()?;
        locked.file.sync_data()?;
        locked.move_if_long()?;
        self.folder.sync()
    }

    /// Appends durably the entries of `text` that are not there yet. A line that was cut off stays alone.
    ///
    /// # Errors
    /// The file system's.
    pub fn append_new(&self, text: &[u8]) -> io::Result<()> {
        let mut locked = self.lock()?;
        let there = self.text()?;
        let known: HashSet<&[u8]> = lines(&there).collect();
        let mut new = Vec::new();
        for line in lines(text).filter(|line| !known.contains(line) && is_entry(line)) {
            new.extend_from_slice(line);
            new.push(b'\n');
        }
        if new.is_empty() {
            return Ok(());
        }
        if self.read("")?.last().is_some_and(|&b| b != b'\n') {
            new.insert(0, b'\n');
        }
        let length = locked.file.metadata()?.len();
        if let Err(error) = locked.file.write_all(&new) {
            // On a full disk, each attempt would leave a part of a line.
            let _ = locked.file.set_len(length);
            return Err(error);
        }
        locked.file.sync_data()?;
        locked.move_if_long()?;
        self.folder.sync()
    }
}

impl LockedFile<'_> {
    fn move_if_long(&self) -> io::Result<()> {
        if self.file.metadata()?.len() <= BOUND {
            return Ok(());
        }
        let mut kept = Vec::new();
        for suffix in [".2", ".1"] {
            let text = self.of.read(suffix)?;
            for line in lines(&text).filter(|line| is_of_the_site(line)) {
                kept.extend_from_slice(line);
                kept.push(b'\n');
            }
        }
        let from = kept.len().saturating_sub(KEPT);
        let rest = &kept[from..];
        let from =
            if from == 0 { 0 } else { rest.iter().position(|&b| b == b'\n').map_or(0, |n| n + 1) };
        self.of.folder.write(&self.of.part(".2"), &rest[from..])?;
        self.of.folder.rename(&self.of.name, &self.of.part(".1"))
    }
}

/// The lines of a text that are not empty.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&b| b == b'\n').filter(|line| !line.is_empty())
}

fn is_entry(line: &[u8]) -> bool {
    serde_json::from_slice::<Entry>(line).is_ok()
}

fn is_of_the_site(line: &[u8]) -> bool {
    serde_json::from_slice::<Entry>(line).is_ok_and(|entry| !entry.event.is_of_a_process())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, HistoryEvent};

    fn line(event: HistoryEvent, words: &str) -> Vec<u8> {
        let mut line = serde_json::to_vec(&Entry::new(event, words)).unwrap();
        line.push(b'\n');
        line
    }

    fn file(folder: &tempfile::TempDir) -> HistoryFile {
        HistoryFile::new(Folder::open(folder.path()).unwrap(), OsStr::new("alpha.jsonl"))
    }

    #[test]
    fn only_new_lines_are_appended_and_a_line_cut_off_anywhere_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alpha.jsonl");
        let (one, two) = (line(HistoryEvent::Up, "one"), line(HistoryEvent::Down, "two"));
        let both = [&one[..], &two[..]].concat();
        for cut in 0..both.len() {
            std::fs::write(&path, &both[..cut]).unwrap();
            file(&folder).append_new(&both).unwrap();
            file(&folder).append_new(&both).unwrap();
            let history = History::of(&file(&folder).text().unwrap());
            let words: Vec<&str> = history.entries.iter().map(|e| e.detail.as_str()).collect();
            assert_eq!(words, ["one", "two"], "{cut}");
            let is_torn =
                cut != 0 && cut != one.len() && cut != one.len() - 1 && cut != both.len() - 1;
            assert_eq!(history.torn, usize::from(is_torn), "{cut}");
        }
    }

    #[test]
    fn what_concerns_the_site_outlives_the_deaths_of_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let failover = line(HistoryEvent::Failed, "the failover");
        file(&folder).append_new(&failover).unwrap();
        let path = folder.path().join("alpha.jsonl");
        let death = line(HistoryEvent::Fault, &"x".repeat(1 << 10));
        let many = death.repeat(usize::try_from(BOUND).unwrap() / death.len() + 2);
        for _ in 0..4 {
            let mut grown = std::fs::read(&path).unwrap_or_default();
            grown.extend(&many);
            std::fs::write(&path, grown).unwrap();
            file(&folder).settle().unwrap();
        }
        let text = file(&folder).text().unwrap();
        assert!(text.len() < 3 * many.len(), "it is bounded");
        assert_eq!(lines(&text).next(), failover.strip_suffix(b"\n"));
    }
}
