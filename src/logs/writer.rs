//! The log of a process for the supervisor, which looks at it now and then: it is bounded, and what is seen of
//! its runs and times is written to its index.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::cut::{LogCut, shift};
use super::files::{LogBounds, files_of, files_of_few, numbered};
use super::index::{FilePart, LogIndex, Marker, WrittenIndex};
use super::stream::{LogFiles, Stream, settle};
use crate::linux::clock::unix_millis;
use crate::linux::files;

/// Between two times in the index, in milliseconds; and after a cut that failed.
const PACE: u64 = 1000;
const RETRY: u64 = 10_000;

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// By how much the log grew since the last look, in bytes.
    pub by: u64,
    /// A cut is under way, and goes on with the next look.
    pub is_busy: bool,
}

/// See the module.
#[derive(Debug)]
pub struct LogWriter {
    log: PathBuf,
    bounds: LogBounds,
    index: WrittenIndex,
    /// What the file that is written to holds.
    part: FilePart,
    /// The length of that file, and the end of the stream, at the last look.
    length: u64,
    end: u64,
    /// Where the stream ended when it was quiet.
    quiet_at: Option<u64>,
    /// When a time was last written to the index, and before which time no cut is begun.
    timed: u64,
    retry_at: u64,
    cut: Option<LogCut>,
    /// What is noted is written soon.
    is_run_near: bool,
}

impl LogWriter {
    /// Of the log at `log`, with the index at `index_at`.
    pub fn new(log: PathBuf, index_at: PathBuf, bounds: LogBounds) -> Self {
        Self {
            log,
            bounds,
            index: WrittenIndex::open(index_at),
            part: FilePart { inode: 0, from: 0, skip: 0 },
            length: 0,
            end: 0,
            quiet_at: None,
            timed: 0,
            retry_at: 0,
            cut: None,
            is_run_near: false,
        }
    }

    pub fn path(&self) -> &Path {
        &self.log
    }

    /// Opens the file for a process to append to.
    ///
    /// # Errors
    /// As open(2).
    pub fn open(&mut self) -> io::Result<File> {
        let file = files::append_to(&self.log)?;
        self.take_up(&file.metadata()?);
        if self.part.skip == 0 {
            return Ok(file);
        }
        // Its length counts the hole too; nobody writes to it any more.
        self.set_aside()
    }

    /// The same for a run that is about to begin: what is new in the index is written with [`Self::run_began`]. Nothing is
    /// written to the file before the run, so that it is quiet, and ends at [`Self::seen_end`].
    ///
    /// # Errors
    /// As open(2).
    pub fn open_for_run(&mut self) -> io::Result<File> {
        self.is_run_near = true;
        let file = self.open();
        self.is_run_near = false;
        self.quiet_at = file.is_ok().then_some(self.end);
        file
    }

    /// Where the stream ended when it was last looked at.
    pub fn seen_end(&self) -> u64 {
        self.end
    }

    /// Goes on with the file that is there.
    pub fn go_on(&mut self) {
        if let Ok(there) = fs::symlink_metadata(&self.log) {
            self.take_up(&there);
        }
    }

    /// Renames the file that is written to, and opens a new one.
    ///
    /// # Errors
    /// As rename(2) and open(2).
    pub fn set_aside(&mut self) -> io::Result<File> {
        self.cut = None;
        shift(&self.log, self.bounds.max_file)?;
        match self.bounds.max_file {
            1 => fs::remove_file(&self.log)?,
            _ => fs::rename(&self.log, numbered(&self.log, 1))?,
        }
        let file = files::append_to(&self.log)?;
        self.take_up(&file.metadata()?);
        self.tidy();
        Ok(file)
    }

    /// Where the stream ends.
    pub fn end(&self) -> u64 {
        fs::symlink_metadata(&self.log).map_or(self.end, |there| {
            match there.ino() == self.part.inode {
                true => self.position(there.len()),
                false => self.end,
            }
        })
    }

    /// Where the file that is written to begins.
    pub fn begin(&self) -> u64 {
        self.part.from
    }

    /// What the file that is written to holds from this position on, at most `limit` bytes; it may begin
    /// later.
    ///
    /// # Errors
    /// As open(2) and read(2).
    pub fn read(&self, from: u64, limit: usize) -> io::Result<(u64, Vec<u8>)> {
        use std::os::unix::fs::FileExt;
        let from = from.max(self.part.from);
        let room = usize::try_from(self.end().saturating_sub(from)).unwrap_or(limit).min(limit);
        let mut bytes = vec![0; room];
        let file = File::open(&self.log)?;
        let read = file.read_at(&mut bytes, self.part.skip + (from - self.part.from))?;
        bytes.truncate(read);
        Ok((from, bytes))
    }

    /// How many lines end between two positions, as far as they are still there.
    pub fn lines_between(&self, from: u64, to: u64) -> u64 {
        let stream = Stream::new(self.log.clone(), self.index.path().to_owned());
        let (mut at, mut lines) = (from, 0);
        while at < to {
            let limit = usize::try_from(to - at).unwrap_or(usize::MAX).min(1 << 20);
            let Ok(chunk) = stream.read(at, limit) else { break };
            let room = usize::try_from(to.saturating_sub(chunk.from)).unwrap_or(usize::MAX);
            let bytes = &chunk.bytes[..chunk.bytes.len().min(room)];
            lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
            if bytes.is_empty() {
                break;
            }
            at = chunk.from + bytes.len() as u64;
        }
        lines
    }

    // --- what is seen ---------------------------------------------------------------------------

    /// A run has begun, whose output begins at this position.
    pub fn run_began(&mut self, from: u64, pid: i32) {
        self.note(Marker::Run { from, at: unix_millis(), pid });
    }

    pub fn run_ended(&mut self, how: String) {
        let (to, at) = (self.end(), unix_millis());
        self.note_all([Marker::Time { to, at }, Marker::Ended { at, how }]);
    }

    pub fn run_failed(&mut self, why: &str) {
        let why = why.chars().take(200).collect();
        self.note(Marker::Failed { at: unix_millis(), why });
    }

    /// From now on nothing is written that is not told of.
    pub fn is_quiet(&mut self) {
        self.quiet_at = Some(self.end());
    }

    /// Looks at the file, and cuts it if it is too long.
    ///
    /// # Errors
    /// It cannot be cut now; that is tried again later.
    pub fn look(&mut self) -> io::Result<Growth> {
        let Ok(there) = fs::symlink_metadata(&self.log) else { return Ok(Growth::default()) };
        let (before, now) = (self.end, unix_millis());
        if there.ino() != self.part.inode || there.len() < self.length {
            self.cut = None;
            self.take_up(&there);
        }
        self.length = there.len();
        self.end = self.position(there.len());
        let by = self.end.saturating_sub(before);
        let quiet_at = self.quiet_at.take();
        if by > 0 && now.saturating_sub(self.timed) >= PACE {
            self.timed = now;
            let was_quiet = quiet_at.filter(|at| *at < self.end);
            if let Some(to) = was_quiet {
                self.note(Marker::Time { to, at: now });
            }
            self.note(Marker::Time { to: self.end, at: now });
        }
        if self.cut.is_none()
            && (there.len() - self.part.skip.min(there.len()) <= self.bounds.max_size
                || now < self.retry_at)
        {
            return Ok(Growth { by, is_busy: false });
        }
        match self.cut_some() {
            Ok(is_busy) => Ok(Growth { by, is_busy }),
            Err(error) => {
                self.cut = None;
                self.retry_at = now + RETRY;
                Err(error)
            }
        }
    }

    fn cut_some(&mut self) -> io::Result<bool> {
        if self.cut.is_none() {
            self.cut = LogCut::begin(&self.log, self.part, self.bounds)?;
        }
        let Some(cut) = &mut self.cut else { return Ok(false) };
        if !cut.copy_some()? {
            return Ok(true);
        }
        let Some(mut cut) = self.cut.take() else { return Ok(false) };
        if let Some(copy) = cut.keep_copy(self.bounds)? {
            self.index.add(marker_of(copy))?;
        }
        let inode = self.part.inode;
        self.index.add(Marker::Cutting { inode, to: cut.to() })?;
        let index = &mut self.index;
        let cut = match cut.take_away() {
            Ok(Some(part)) => Ok(part),
            Ok(None) => cut.empty(|to| index.add(Marker::Cutting { inode, to })),
            Err(error) => Err(error),
        };
        // Whatever happened: readers wait for this.
        self.part = cut.as_ref().map_or(self.part, |part| *part);
        self.note(marker_of(self.part));
        cut?;
        self.length = fs::symlink_metadata(&self.log)?.len();
        self.tidy();
        // It may have grown beyond its bound again.
        Ok(self.length.saturating_sub(self.part.skip) > self.bounds.max_size)
    }

    // --- the index ------------------------------------------------------------------------------

    fn position(&self, length: u64) -> u64 {
        self.part.from + length.saturating_sub(self.part.skip)
    }

    /// Finds out what the file holds that is written to now.
    fn take_up(&mut self, there: &fs::Metadata) {
        if let Some(part) = settle(&self.log, self.index.known()) {
            self.note(marker_of(part));
        }
        let inode = there.ino();
        let (known_end, known) = (self.known_end(), self.index.known().part_of(inode));
        let part = match known {
            // Somebody else has emptied it.
            _ if inode == self.part.inode && there.len() < self.length => {
                FilePart { inode, from: self.end.max(known_end), skip: 0 }
            }
            Some(part) if there.len() < part.skip => FilePart { inode, from: known_end, skip: 0 },
            // As before, or after a crash of the node that has lost its end.
            Some(part) => {
                let from = known_end.saturating_sub(there.len() - part.skip).max(part.from);
                FilePart { from, ..part }
            }
            None => self.take_up_unknown(inode),
        };
        if known != Some(part) {
            self.note(marker_of(part));
        }
        self.part = part;
        self.length = there.len();
        self.end = self.position(there.len());
    }

    /// The index says nothing of this file, and perhaps of the older ones.
    fn take_up_unknown(&mut self, inode: u64) -> FilePart {
        let files =
            LogFiles::of(files_of_few(&self.log, self.bounds.max_file), self.index.known(), None);
        for part in files.parts().filter(|part| part.inode != inode) {
            if self.index.known().part_of(part.inode).is_none() {
                self.note(marker_of(part));
            }
        }
        let ours = files.parts().find(|part| part.inode == inode);
        let from = ours.map_or(0, |part| part.from).max(self.end);
        FilePart { inode, from, skip: 0 }
    }

    fn known_end(&self) -> u64 {
        self.index.known().last_position()
    }

    fn note(&mut self, marker: Marker) {
        self.note_all([marker]);
    }

    fn note_all(&mut self, markers: impl IntoIterator<Item = Marker>) {
        let noted = match self.is_run_near {
            true => markers.into_iter().try_for_each(|marker| self.index.add_later(marker)),
            false => self.index.add_all(markers),
        };
        // The next one that can be written tells of the node's disk; the site goes on without.
        if let Err(error) = noted {
            log::debug!("the index of {} cannot be written: {error}", self.log.display());
        }
    }

    /// Leaves out of the index what tells of files that are gone.
    fn tidy(&mut self) {
        let inodes: Vec<u64> = files_of(&self.log).iter().map(|file| file.inode).collect();
        if let Err(error) = self.index.write_anew(&inodes) {
            log::debug!("the index of {} cannot be written: {error}", self.log.display());
        }
    }

    /// What is known of the log.
    pub fn known(&self) -> &LogIndex {
        self.index.known()
    }
}

fn marker_of(part: FilePart) -> Marker {
    Marker::File { inode: part.inode, from: part.from, skip: part.skip }
}
