//! Files that other processes append to: taking away their beginning, and files beside them that are replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};

/// The granularity in which [`take_away`] works: a multiple of the blocks of every usual file system.
pub const GRAIN: u64 = 4096;

/// Opens a file that is no link for reading and writing.
///
/// # Errors
/// As open(2).
pub fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

/// What [`take_away`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenAway {
    /// The rest has moved to the beginning of the file.
    Moved,
    /// The rest is where it was, behind a hole that takes no room.
    Hole,
    /// Nothing: this file system can do neither.
    Nothing,
}

/// Frees the first `length` bytes of a file, a multiple of [`GRAIN`] and less than the file has. What other
/// processes append meanwhile is not lost: the kernel does it under the lock of the inode
/// (`FALLOC_FL_COLLAPSE_RANGE` of fallocate(2), which ext4 and XFS have; else `FALLOC_FL_PUNCH_HOLE`).
///
/// # Errors
/// As fallocate(2), but for a file system that has neither.
pub fn take_away(file: &File, length: u64) -> io::Result<TakenAway> {
    let Ok(length) = i64::try_from(length) else { return Ok(TakenAway::Nothing) };
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    for (flags, done) in
        [(FallocateFlags::FALLOC_FL_COLLAPSE_RANGE, TakenAway::Moved), (hole, TakenAway::Hole)]
    {
        match fallocate(file, flags, 0, length) {
            Ok(()) => return Ok(done),
            // EINVAL: its blocks are larger than the grain.
            Err(
                nix::errno::Errno::EOPNOTSUPP
                | nix::errno::Errno::ENOSYS
                | nix::errno::Errno::EINVAL,
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(TakenAway::Nothing)
}

/// Puts `bytes` at `path` as a whole, for its owner only. After a crash of the node it may be empty.
///
/// # Errors
/// As open(2), write(2) and rename(2).
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new.{}", std::process::id()));
    let temporary = Path::new(&name);
    let made = match create(temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let _ = fs::remove_file(temporary);
            create(temporary)
        }
        made => made,
    };
    let written =
        made.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(temporary);
    }
    written
}

/// Makes a new file for its owner only.
///
/// # Errors
/// As open(2); EEXIST if something is at `path`.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    #[test]
    fn what_is_taken_away_is_gone_and_what_is_appended_stays() {
        for folder in ["/tmp", "/dev/shm"].map(Path::new).into_iter().filter(|f| f.is_dir()) {
            let folder = tempfile::tempdir_in(folder).unwrap();
            let path = folder.path().join("log");
            let mut writer = super::super::files::append_to(&path).unwrap();
            writer.write_all(&[b'a'; 4096]).unwrap();
            writer.write_all(b"rest").unwrap();
            let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let done = take_away(&file, 4096).unwrap();
            writer.write_all(b" and more").unwrap();
            let mut found = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut found).unwrap();
            match done {
                TakenAway::Moved => assert_eq!(found, b"rest and more"),
                TakenAway::Hole => {
                    assert_eq!(found[..4096], [0; 4096]);
                    assert_eq!(&found[4096..], b"rest and more");
                }
                TakenAway::Nothing => assert_eq!(found.len(), 4096 + 13),
            }
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
