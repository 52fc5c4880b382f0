//! Cutting off the beginning of a file that a process appends to, and keeping it.
//!
//! The beginning is copied to `.1`, some of it at a time, and then taken away by the kernel, which keeps what
//! the process appends meanwhile. Only a file system that can neither move the rest of a file nor punch a hole
//! into it (vfat, NFS before 4.2) loses something: there the rest is copied too and the file is emptied, and
//! what is written between these two system calls is lost.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::{LogBounds, files_of, numbered};
use super::index::FilePart;
use crate::linux::growing::{self, GRAIN, TakenAway, take_away};

/// How much is copied at a time, in bytes: a fraction of a millisecond.
const STEP: u64 = 1 << 20;

/// How much stays in the file when its beginning is cut off: the last lines of a process are looked for there.
const STAYS: u64 = 64 << 10;

/// A cut that is under way.
#[derive(Debug)]
pub(super) struct LogCut {
    log: PathBuf,
    file: File,
    /// What the file holds before the cut.
    part: FilePart,
    /// Up to which offset it is cut off.
    until: u64,
    /// The copy that becomes `.1`; None: what is cut off is not kept.
    copy: Option<Copied>,
}

#[derive(Debug)]
struct Copied {
    file: File,
    path: PathBuf,
    /// Up to which offset of the log.
    until: u64,
}

impl Drop for Copied {
    /// A copy that became `.1` is no longer at this path.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl LogCut {
    /// None: the file is short enough, or is another one by now.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn begin(log: &Path, part: FilePart, bounds: LogBounds) -> io::Result<Option<Self>> {
        let file = growing::open(log)?;
        let there = file.metadata()?;
        let live = there.len().saturating_sub(part.skip);
        if there.ino() != part.inode || live <= bounds.max_size {
            return Ok(None);
        }
        let all = bounds.max_size.saturating_mul(u64::from(bounds.max_file));
        let (cut_off, keeps) = match bounds.max_file {
            1 => (live - bounds.max_size / 2, false),
            // It grew so fast that its beginning would be the oldest that is not kept.
            _ if live > all => (live - bounds.max_size, false),
            _ => ((live - STAYS.min(bounds.max_size / 4)).min(bounds.max_size), true),
        };
        let until = (part.skip + cut_off) / GRAIN * GRAIN;
        let copy = match keeps {
            true => Some(Copied::begin(log, part)?),
            false => None,
        };
        Ok(Some(Self { log: log.to_owned(), file, part, until, copy }))
    }

    /// Copies some more. True: the whole is copied.
    ///
    /// # Errors
    /// As read(2) and write(2).
    pub(super) fn copy_some(&mut self) -> io::Result<bool> {
        let Some(copy) = &mut self.copy else { return Ok(true) };
        copy.copy(&mut self.file, self.until.min(copy.until + STEP))?;
        Ok(copy.until >= self.until)
    }

    /// Up to which position of the stream it cuts.
    pub(super) fn to(&self) -> u64 {
        self.part.from + (self.until - self.part.skip)
    }

    /// Makes the copy the newest of the files that are set aside; what it holds.
    ///
    /// # Errors
    /// As rename(2).
    pub(super) fn keep_copy(&mut self, bounds: LogBounds) -> io::Result<Option<FilePart>> {
        let Some(copy) = &self.copy else {
            shift(&self.log, 1)?;
            return Ok(None);
        };
        shift(&self.log, bounds.max_file)?;
        fs::rename(&copy.path, numbered(&self.log, 1))?;
        let inode = copy.file.metadata()?.ino();
        Ok(Some(FilePart { inode, from: self.part.from, skip: 0 }))
    }

    /// Cuts; what the file holds then. None: this file system cannot.
    ///
    /// # Errors
    /// As fallocate(2).
    pub(super) fn take_away(&self) -> io::Result<Option<FilePart>> {
        let (inode, from) = (self.part.inode, self.to());
        Ok(match take_away(&self.file, self.until)? {
            TakenAway::Moved => Some(FilePart { inode, from, skip: 0 }),
            TakenAway::Hole => Some(FilePart { inode, from, skip: self.until }),
            TakenAway::Nothing => None,
        })
    }

    /// Copies all that there is, and then empties the file; what it holds then. `announce` is told where the
    /// stream goes on before it is emptied.
    ///
    /// # Errors
    /// As write(2) and ftruncate(2).
    pub(super) fn empty(
        &mut self,
        announce: impl FnOnce(u64) -> io::Result<()>,
    ) -> io::Result<FilePart> {
        let mut end = self.file.metadata()?.len();
        if let Some(copy) = &mut self.copy {
            copy.copy(&mut self.file, end)?;
            end = copy.until;
        }
        let position = |end: u64| self.part.from + (end - self.part.skip);
        announce(position(end))?;
        if let Some(copy) = &mut self.copy {
            copy.copy(&mut self.file, u64::MAX)?;
            end = copy.until;
        }
        self.file.set_len(0)?;
        Ok(FilePart { inode: self.part.inode, from: position(end), skip: 0 })
    }
}

impl Copied {
    fn begin(log: &Path, part: FilePart) -> io::Result<Self> {
        let mut name = numbered(log, 1).into_os_string();
        name.push(format!(".new.{}", std::process::id()));
        let path = PathBuf::from(name);
        let _ = fs::remove_file(&path);
        Ok(Self { file: growing::create(&path)?, path, until: part.skip })
    }

    /// Up to this offset of the log, or to its end.
    fn copy(&mut self, log: &mut File, until: u64) -> io::Result<()> {
        log.seek(SeekFrom::Start(self.until))?;
        let mut source = (&*log).take(until.saturating_sub(self.until));
        self.until += io::copy(&mut source, &mut self.file)?;
        Ok(())
    }
}

/// Gives each file that is set aside the next number, and removes those for which there is none. `.1` is free
/// then.
pub(super) fn shift(log: &Path, max_file: u32) -> io::Result<()> {
    for file in files_of(log).into_iter().filter(|file| file.number > 0) {
        match file.number + 1 < max_file {
            true => fs::rename(&file.path, numbered(log, file.number + 1))?,
            false => fs::remove_file(&file.path)?,
        }
    }
    Ok(())
}
