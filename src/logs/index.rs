//! What is known of a log: lines of JSON that are appended, and now and then written anew with less.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::linux::{files, growing};

/// One line of an index. Times are milliseconds since 1970, positions are in the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Marker {
    /// The file with this inode holds the stream from `from` on, and begins to do so at its offset `skip`.
    File { inode: u64, from: u64, skip: u64 },
    /// This file is about to hold the stream from `to` on, at its offset 0.
    Cutting { inode: u64, to: u64 },
    /// A run of the process begins.
    Run { from: u64, at: u64, pid: i32 },
    /// Its main process has ended, with this status in words.
    Ended { at: u64, how: String },
    /// The supervisor counts the run as failed.
    Failed { at: u64, why: String },
    /// All before the position was printed by then, and all behind it after.
    Time { to: u64, at: u64 },
}

/// The part of the stream that a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilePart {
    pub(super) inode: u64,
    pub(super) from: u64,
    pub(super) skip: u64,
}

/// One run of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSeen {
    /// Where its output begins.
    pub from: u64,
    pub at: u64,
    pub pid: i32,
    /// When its end was seen, and its status in words. None: it goes on, or nobody was there to see.
    pub ended: Option<(u64, String)>,
    /// When and why the supervisor counted it as failed.
    pub failed: Option<(u64, String)>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogIndex {
    pub(super) parts: Vec<FilePart>,
    /// A file that was being cut when the index was read, and up to where.
    pub(super) cutting: Option<(u64, u64)>,
    pub runs: Vec<RunSeen>,
    /// Positions, each with the time at which the stream ended there.
    pub times: Vec<(u64, u64)>,
}

/// A longer index is not read. One that is this long is written anew.
const LONGEST: u64 = 4 << 20;
const LONG: u64 = 256 << 10;

/// How many times and runs are kept when an index is written anew.
const TIMES: usize = 1000;
const RUNS: usize = 200;

impl LogIndex {
    /// An index that cannot be read is empty.
    pub fn read(path: &Path) -> Self {
        Self::of(&files::read_plain(path, LONGEST).unwrap_or_default())
    }

    /// Of the text of its file. A line that cannot be read is left out.
    pub fn of(text: &[u8]) -> Self {
        let mut index = Self::default();
        for line in text.split(|&byte| byte == b'\n') {
            if let Ok(marker) = serde_json::from_slice(line) {
                index.take(marker);
            }
        }
        index
    }

    fn take(&mut self, marker: Marker) {
        match marker {
            Marker::File { inode, from, skip } => {
                self.parts.retain(|part| part.inode != inode);
                self.parts.push(FilePart { inode, from, skip });
                self.cutting = None;
            }
            Marker::Cutting { inode, to } => self.cutting = Some((inode, to)),
            Marker::Run { from, at, pid } => {
                self.runs.push(RunSeen { from, at, pid, ended: None, failed: None });
            }
            Marker::Ended { at, how } => {
                if let Some(run) = self.runs.last_mut() {
                    run.ended = Some((at, how));
                }
            }
            Marker::Failed { at, why } => {
                if let Some(run) = self.runs.last_mut() {
                    run.failed.get_or_insert((at, why));
                }
            }
            Marker::Time { to, at } => self.times.push((to, at)),
        }
    }

    pub(super) fn part_of(&self, inode: u64) -> Option<FilePart> {
        self.parts.iter().find(|part| part.inode == inode).copied()
    }

    /// The last position that it tells of.
    pub(super) fn last_position(&self) -> u64 {
        let runs = self.runs.iter().map(|run| run.from);
        let times = self.times.iter().map(|(to, _)| *to);
        let parts = self.parts.iter().map(|part| part.from);
        runs.chain(times).chain(parts).max().unwrap_or(0)
    }

    /// From where on something may have been printed since a time.
    pub fn since(&self, time: u64) -> u64 {
        let before = self.times.iter().filter(|(_, at)| *at < time).map(|(to, _)| *to);
        let runs = self.runs.iter().filter(|run| run.at < time).map(|run| run.from);
        before.chain(runs).max().unwrap_or(0)
    }

    /// Where a run's output ends; None: it may go on.
    pub fn end_of_run(&self, index: usize) -> Option<u64> {
        self.runs.get(index + 1).map(|next| next.from)
    }

    /// Leaves out what tells of nothing that is kept, and thins out the times.
    fn thin_out(&mut self, kept_from: u64) {
        let needless = self.times.iter().filter(|(to, _)| *to <= kept_from).count();
        self.times.drain(..needless.saturating_sub(1));
        while self.times.len() > TIMES {
            let older = self.times.len() / 2;
            let mut place = 0;
            self.times.retain(|_| {
                place += 1;
                place > older || place % 2 == 0
            });
        }
        if self.runs.len() > RUNS {
            let newer = self.runs.split_off(self.runs.len() - RUNS);
            // The run that failed last is asked for, however long ago that is.
            let failed = self.runs.iter().rev().find(|run| run.failed.is_some());
            let none_newer = newer.iter().all(|run| run.failed.is_none());
            let kept: Vec<RunSeen> = failed.filter(|_| none_newer).cloned().into_iter().collect();
            self.runs = kept;
            self.runs.extend(newer);
        }
    }

    /// The lines that tell all that it knows.
    pub fn markers(&self) -> Vec<Marker> {
        let mut markers: Vec<Marker> = self
            .parts
            .iter()
            .map(|part| Marker::File { inode: part.inode, from: part.from, skip: part.skip })
            .collect();
        for run in &self.runs {
            markers.push(Marker::Run { from: run.from, at: run.at, pid: run.pid });
            let failed = run.failed.clone();
            markers.extend(failed.map(|(at, why)| Marker::Failed { at, why }));
            markers.extend(run.ended.clone().map(|(at, how)| Marker::Ended { at, how }));
        }
        markers.extend(self.times.iter().map(|&(to, at)| Marker::Time { to, at }));
        markers.extend(self.cutting.map(|(inode, to)| Marker::Cutting { inode, to }));
        markers
    }
}

/// An index that is written to.
#[derive(Debug)]
pub(super) struct WrittenIndex {
    path: PathBuf,
    index: LogIndex,
    /// None: it is to be written anew, after a line that a crash has torn or that is not understood.
    length: Option<u64>,
    /// Lines that are written with the next.
    waiting: Vec<u8>,
}

impl WrittenIndex {
    pub(super) fn open(path: PathBuf) -> Self {
        let (text, is_there) = match files::read_plain(&path, LONGEST) {
            Ok(text) => (text, true),
            Err(error) => (Vec::new(), error.kind() != io::ErrorKind::NotFound),
        };
        let index = LogIndex::of(&text);
        let length = (text.ends_with(b"}\n") || !is_there).then_some(text.len() as u64);
        Self { path, index, length, waiting: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn known(&self) -> &LogIndex {
        &self.index
    }

    /// Adds a line.
    ///
    /// # Errors
    /// As open(2) and write(2); it is known all the same.
    pub(super) fn add(&mut self, marker: Marker) -> io::Result<()> {
        self.add_all([marker])
    }

    /// Adds lines at once.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(super) fn add_all(&mut self, markers: impl IntoIterator<Item = Marker>) -> io::Result<()> {
        for marker in markers {
            self.add_later(marker)?;
        }
        let lines = std::mem::take(&mut self.waiting);
        let length = self.length.map(|length| length + lines.len() as u64);
        let Some(length) = length.filter(|length| *length <= LONG) else {
            return self.write_anew(&[]);
        };
        self.length = Some(length);
        let mut file = files::append_to(&self.path)?;
        file.write_all(&lines)
    }

    /// Adds a line that is written with the next one.
    ///
    /// # Errors
    /// None that a marker can cause.
    pub(super) fn add_later(&mut self, marker: Marker) -> io::Result<()> {
        serde_json::to_writer(&mut self.waiting, &marker)?;
        self.waiting.push(b'\n');
        self.index.take(marker);
        Ok(())
    }

    /// Writes it anew with what is still needed; `inodes` are those of the files that are there (none
    /// named: all).
    ///
    /// # Errors
    /// As open(2), write(2) and rename(2).
    pub(super) fn write_anew(&mut self, inodes: &[u64]) -> io::Result<()> {
        if !inodes.is_empty() {
            self.index.parts.retain(|part| inodes.contains(&part.inode));
        }
        let kept_from = self.index.parts.iter().map(|part| part.from).min().unwrap_or(0);
        self.index.thin_out(kept_from);
        let mut text = Vec::new();
        for marker in self.index.markers() {
            text.extend(serde_json::to_vec(&marker)?);
            text.push(b'\n');
        }
        self.waiting.clear();
        self.length = Some(text.len() as u64);
        growing::replace(&self.path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.index");
        let mut index = WrittenIndex::open(path.clone());
        index.add(Marker::File { inode: 7, from: 0, skip: 0 }).unwrap();
        index.add(Marker::Run { from: 0, at: 1000, pid: 4 }).unwrap();
        index.add(Marker::Time { to: 50, at: 2000 }).unwrap();
        index.add(Marker::Failed { at: 3000, why: "it died".to_owned() }).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend(b"{\"run\":{\"from\":9");
        std::fs::write(&path, text).unwrap();
        let mut index = WrittenIndex::open(path.clone());
        index.add(Marker::Run { from: 60, at: 4000, pid: 5 }).unwrap();
        let read = LogIndex::read(&path);
        assert_eq!(&read, index.known());
        assert_eq!(read.runs.len(), 2);
        assert_eq!(read.runs[0].failed, Some((3000, "it died".to_owned())));
        assert_eq!(read.end_of_run(0), Some(60));
        assert_eq!((read.since(1500), read.since(2500), read.since(9000)), (0, 50, 60));
    }

    #[test]
    fn an_index_stays_short_and_keeps_the_run_that_failed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.index");
        let mut index = WrittenIndex::open(path.clone());
        index.add(Marker::Run { from: 0, at: 1, pid: 1 }).unwrap();
        index.add(Marker::Failed { at: 2, why: "it died".to_owned() }).unwrap();
        for n in 0..10_000 {
            index.add(Marker::Run { from: n, at: n, pid: 1 }).unwrap();
            index.add(Marker::Time { to: n, at: n }).unwrap();
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * LONG);
        let read = LogIndex::read(&path);
        assert!(read.runs.iter().any(|run| run.failed.is_some()));
        assert_eq!(read.times.last(), Some(&(9999, 9999)));
        assert_eq!(read.runs.last().unwrap().from, 9999);
    }
}
