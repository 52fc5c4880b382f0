//! Reading a log as one stream, across its files, while it is written to and cut.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::files::{SeenFile, files_of};
use super::index::{FilePart, LogIndex};
use crate::linux::wait::Waiting;
use crate::values::Moment;

/// How long a reader waits for a cut that is under way: it takes some milliseconds.
const CUT: Duration = Duration::from_millis(300);

/// How much of two files is compared to find out whether one was cut.
const HEAD: usize = 4096;

/// A log that is read.
#[derive(Debug)]
pub struct Stream {
    log: PathBuf,
    index_at: PathBuf,
    /// The index as it was read last, and by what it is known to be the same still.
    read: RefCell<(Option<Stamp>, Rc<LogIndex>)>,
}

/// Inode, length and time of change.
type Stamp = (u64, u64, i64, i64);

/// What a file holds of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    file: SeenFile,
    part: FilePart,
}

impl Held {
    fn to(&self) -> u64 {
        self.part.from + self.file.length.saturating_sub(self.part.skip)
    }
}

/// The log as it is at one moment.
#[derive(Debug)]
pub(super) struct LogFiles {
    /// In the order of the stream.
    held: Vec<Held>,
}

/// A piece of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins; later than was asked for if what stood there is gone.
    pub from: u64,
    pub bytes: Vec<u8>,
}

impl Stream {
    /// Of the log at `log`, with the index at `index_at`.
    pub fn new(log: PathBuf, index_at: PathBuf) -> Self {
        Self { log, index_at, read: RefCell::default() }
    }

    pub fn path(&self) -> &Path {
        &self.log
    }

    /// What is known of it.
    pub fn index(&self) -> Rc<LogIndex> {
        let stamp = std::fs::symlink_metadata(&self.index_at).ok();
        let stamp = stamp.map(|t| (t.ino(), t.len(), t.mtime(), t.mtime_nsec()));
        let mut read = self.read.borrow_mut();
        if stamp.is_none() || read.0 != stamp {
            *read = (stamp, Rc::new(LogIndex::read(&self.index_at)));
        }
        Rc::clone(&read.1)
    }

    /// The parts of the stream that are there: from where to where.
    pub fn range(&self) -> (u64, u64) {
        let (_, now) = self.look();
        let from = now.held.first().map_or(0, |held| held.part.from);
        (from, now.held.iter().map(Held::to).max().unwrap_or(from))
    }

    /// When the file that is written to was last written to, in milliseconds since 1970.
    pub fn written_at(&self) -> Option<u64> {
        let at = std::fs::metadata(&self.log).and_then(|there| there.modified()).ok()?;
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    }

    /// What stands at a position: at most `limit` bytes, none at the end of the stream.
    ///
    /// # Errors
    /// As open(2) and read(2).
    pub fn read(&self, from: u64, limit: usize) -> io::Result<Chunk> {
        let deadline = Moment::now() + CUT;
        loop {
            let (known, before) = self.look();
            let chunk = before.read(from, limit)?;
            // A cut may have moved what was read. It is announced in the index before and told after.
            let after = self.index();
            let unmoved = known.parts == after.parts && known.cutting == after.cutting;
            match chunk {
                Some(chunk) if unmoved || deadline.passed() => return Ok(chunk),
                None if deadline.passed() => return Ok(Chunk { from, bytes: Vec::new() }),
                Some(_) | None => pause(),
            }
        }
    }

    /// The index, and the log as it is by that.
    fn look(&self) -> (Rc<LogIndex>, LogFiles) {
        let deadline = Moment::now() + CUT;
        let mut known = self.index();
        while known.cutting.is_some() && !deadline.passed() {
            pause();
            known = self.index();
        }
        // The supervisor may have been killed in the middle of a cut.
        let settled = settle(&self.log, &known);
        let files = LogFiles::of(files_of(&self.log), &known, settled);
        (known, files)
    }
}

/// Between two looks at a log that is being cut.
fn pause() {
    Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(2)));
}

impl LogFiles {
    /// A file of which the index says nothing follows what is known; with no index at all, each follows the
    /// older ones.
    pub(super) fn of(files: Vec<SeenFile>, index: &LogIndex, settled: Option<FilePart>) -> Self {
        let mut held: Vec<Held> = Vec::new();
        let mut end = 0;
        let knows_some = files.iter().any(|file| index.part_of(file.inode).is_some());
        for file in files {
            let part = settled.filter(|part| part.inode == file.inode);
            let part = part.or_else(|| index.part_of(file.inode));
            // Another's copy of a file that was set aside is no part of the stream.
            if part.is_none() && knows_some && file.number > 0 {
                continue;
            }
            let follows = match index.parts.is_empty() {
                true => end,
                false => end.max(index.last_position()),
            };
            let part = part.unwrap_or(FilePart { inode: file.inode, from: follows, skip: 0 });
            let of = Held { file, part };
            end = end.max(of.to());
            held.push(of);
        }
        held.sort_by_key(|held| held.part.from);
        Self { held }
    }

    /// What each file holds.
    pub(super) fn parts(&self) -> impl Iterator<Item = FilePart> {
        self.held.iter().map(|held| held.part)
    }

    /// None: the files have changed meanwhile.
    fn read(&self, from: u64, limit: usize) -> io::Result<Option<Chunk>> {
        // What was cut off is in two files for a moment; either will do.
        let Some(held) = self.held.iter().find(|held| from < held.to()) else {
            return Ok(Some(Chunk { from, bytes: Vec::new() }));
        };
        let begin = from.max(held.part.from);
        let Some(file) = held.file.open()? else { return Ok(None) };
        let room = usize::try_from(held.to() - begin).unwrap_or(usize::MAX).min(limit);
        let mut bytes = vec![0; room];
        let read = read_at(&file, &mut bytes, held.part.skip + (begin - held.part.from))?;
        bytes.truncate(read);
        Ok(if read == 0 { None } else { Some(Chunk { from: begin, bytes }) })
    }
}

fn read_at(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What a file holds of which it is not known whether it was cut: it was if it is shorter than what was to
/// be cut off, or does not begin with that. None: no file is in that state.
pub(super) fn settle(log: &Path, index: &LogIndex) -> Option<FilePart> {
    let (inode, to) = index.cutting?;
    let part = index.part_of(inode)?;
    let files = files_of(log);
    let file = files.iter().find(|file| file.inode == inode)?;
    let uncut = || {
        let older = files.iter().find(|other| {
            let known = index.part_of(other.inode);
            other.inode != inode && known.is_some_and(|known| known.from == part.from)
        })?;
        Some(head(older)? == head(file)?)
    };
    let removed = to.saturating_sub(part.from) + part.skip;
    if file.length < removed {
        return Some(FilePart { inode, from: to, skip: 0 });
    }
    if uncut() == Some(true) {
        return Some(part);
    }
    let is_hole = head(file).is_some_and(|head| head.iter().all(|&byte| byte == 0));
    Some(FilePart { inode, from: to, skip: if is_hole { removed } else { 0 } })
}

fn head(file: &SeenFile) -> Option<Vec<u8>> {
    let mut bytes = vec![0; HEAD];
    let read = read_at(&file.open().ok()??, &mut bytes, 0).ok()?;
    bytes.truncate(read);
    Some(bytes)
}
