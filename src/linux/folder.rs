//! Folders by descriptor (openat(2) and the like): a descriptor means the same folder even when another
//! is put at its path.
//!
//! Promises: below an open folder, no link is followed; a folder of this user is known by its descriptor,
//! never by its path.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::lock::whole_file_lock;
use super::wait::Waiting;
use crate::values::Moment;

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// A file of a file system. A name may come to mean another file; this never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// Of an open file.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self { device: found.dev(), number: found.ino() })
    }
}

impl From<&FileStat> for Inode {
    fn from(found: &FileStat) -> Self {
        Self { device: found.st_dev, number: found.st_ino }
    }
}

/// The result of overwriting a file in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Whole,
    /// The disk has no room for it: the file is there, and empty.
    NoRoom,
}

/// The length of a file that is overwritten in place is a multiple of this, in bytes.
const BLOCK: usize = 4096;

/// How often, and after which pause, the write of a file is tried that another process is writing.
const ATTEMPTS: usize = 50;
const PACE: Duration = Duration::from_millis(10);

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

impl Folder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// As open(2); ENOTDIR if it is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(nix::fcntl::open(path, flags, Mode::empty())?))
    }

    /// Opens the folder `name` in this one.
    ///
    /// # Errors
    /// There is none, it is no folder, or a link.
    pub fn below(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let opened = openat(&self.0, name, flags, Mode::empty());
        opened.map(Self).map_err(|errno| match errno {
            nix::errno::Errno::ELOOP | nix::errno::Errno::ENOTDIR => not_ours(),
            other => other.into(),
        })
    }

    /// As [`below`](Self::below), if the folder is this user's.
    ///
    /// # Errors
    /// The same; PermissionDenied if it belongs to another user.
    pub fn own(&self, name: &OsStr) -> io::Result<Self> {
        let folder = self.below(name)?;
        match fstat(&folder.0)?.st_uid == geteuid().as_raw() {
            true => Ok(folder),
            false => Err(not_ours()),
        }
    }

    /// As [`own`](Self::own), made if it does not exist; for its owner only (0700, whatever the umask is).
    ///
    /// # Errors
    /// The same, and as mkdir(2); PermissionDenied if the owner of this folder could put another in its
    /// place.
    pub fn private(&self, name: &OsStr) -> io::Result<Self> {
        let (me, above) = (geteuid().as_raw(), fstat(&self.0)?.st_uid);
        if me != 0 && above != 0 && above != me {
            return Err(io::Error::new(
                ErrorKind::PermissionDenied,
                format!("the folder above it belongs to user {above}"),
            ));
        }
        self.make(name, 0o700)?;
        let folder = self.own(name)?;
        if folder.mode()? & 0o777 != 0o700 {
            folder.set_mode(0o700)?;
        }
        Ok(folder)
    }

    /// Makes the folder `name` in this one; false if the name is taken.
    ///
    /// # Errors
    /// As mkdir(2).
    pub fn make(&self, name: &OsStr, mode: u32) -> io::Result<bool> {
        match mkdirat(&self.0, name, Mode::from_bits_truncate(mode)) {
            Ok(()) => Ok(true),
            Err(nix::errno::Errno::EEXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names in it.
    ///
    /// # Errors
    /// As readdir(3), and where /proc is not mounted.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// Its permission bits.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn mode(&self) -> io::Result<u32> {
        Ok(fstat(&self.0)?.st_mode & 0o7777)
    }

    /// # Errors
    /// As fchmod(2).
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fchmod(&self.0, Mode::from_bits_truncate(mode))?)
    }

    /// The inode of this folder.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn inode(&self) -> io::Result<Inode> {
        Ok(Inode::from(&fstat(&self.0)?))
    }

    /// The inode that `name` in this folder has now, of a link its own; None if there is none.
    ///
    /// # Errors
    /// As fstatat(2).
    pub fn inode_of(&self, name: &OsStr) -> io::Result<Option<Inode>> {
        match fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(Inode::from(&found))),
            Err(nix::errno::Errno::ENOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn file(&self, name: &OsStr, flags: OFlag) -> io::Result<File> {
        let flags =
            flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let opened = openat(&self.0, name, flags, Mode::from_bits_truncate(0o600));
        let file = File::from(opened.map_err(|errno| match errno {
            // The kernel's message for a link that may not be followed misleads.
            nix::errno::Errno::ELOOP => io::Error::new(
                ErrorKind::InvalidData,
                "it is a symbolic link; put the file itself there",
            ),
            other => other.into(),
        })?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(ErrorKind::InvalidData, "it is not a plain file")),
        }
    }

    /// Opens a plain file to append to, made if need be, for its owner only.
    ///
    /// # Errors
    /// As open(2); InvalidData if it is a link or no plain file.
    pub fn append_to(&self, name: &OsStr) -> io::Result<File> {
        self.file(name, OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT)
    }

    /// Reads a plain file of at most `limit` bytes.
    ///
    /// # Errors
    /// As open(2) and read(2); InvalidData if it is a link, no plain file, or longer.
    pub fn read_plain(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.file(name, OFlag::O_RDONLY)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("it is longer than {limit} bytes"),
            )),
            false => Ok(bytes),
        }
    }

    /// Writes a file durably: a temporary file, fsync, rename, fsync of the folder. Mode 0600.
    ///
    /// # Errors
    /// As open(2), write(2), fsync(2) and rename(2); the file then holds what it held before.
    pub fn write(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
        // The same for every writer, so that a file that a killed writer left is removed by the next.
        let mut temporary = name.to_owned();
        temporary.push(".new");
        let mut file = self.file_of_ours(&temporary)?;
        let written = (|| {
            file.write_all(bytes)?;
            file.sync_all()?;
            self.rename(&temporary, name)
        })();
        if written.is_err() {
            let _ = self.remove(&temporary);
        }
        written
    }

    /// Makes a file and locks it, so that no other process on any node writes it while it is open.
    fn file_of_ours(&self, name: &OsStr) -> io::Result<File> {
        let is_ours = |file: &File| -> io::Result<bool> {
            // A file system without locks: the file counts as this writer's.
            let locked = whole_file_lock(file).unwrap_or(true);
            Ok(locked && self.inode_of(name)? == Some(Inode::of(file)?))
        };
        for _ in 0..ATTEMPTS {
            match self.file(name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL) {
                Ok(file) if is_ours(&file)? => return Ok(file),
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            match self.file(name, OFlag::O_WRONLY) {
                // Its writer was killed.
                Ok(file) if is_ours(&file)? => self.remove(name)?,
                Ok(_) => drop(Waiting::<()>::new().wait(Some(Moment::now() + PACE))),
                Err(error) if error.kind() == ErrorKind::InvalidData => self.remove(name)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(ErrorKind::WouldBlock, "somebody else is writing it"))
    }

    /// Overwrites a file durably and in place, so that a full disk does not matter. A crash of the node can
    /// leave a mixture of old and new only in a file that is longer than a block. Blanks and a line end
    /// fill the last block. A file that does not exist is made.
    ///
    /// # Errors
    /// As open(2), write(2) and fsync(2).
    pub fn overwrite(&self, name: &OsStr, bytes: &[u8]) -> io::Result<Written> {
        let length = (bytes.len() + 1).next_multiple_of(BLOCK);
        let filled = |length: usize| {
            let mut filled = bytes.to_vec();
            filled.resize(length - 1, b' ');
            filled.push(b'\n');
            filled
        };
        match self.file(name, OFlag::O_WRONLY) {
            Ok(file) => {
                let found = file.metadata()?;
                let room = found.blocks() * 512;
                if found.len() > 0 && room >= length as u64 {
                    let old = usize::try_from(found.len()).unwrap_or(0);
                    file.write_all_at(&filled(length.max(old)), 0)?;
                    file.sync_all()?;
                    return Ok(Written::Whole);
                }
                if found.len() > 0 {
                    self.write(name, &filled(length))?;
                    return Ok(Written::Whole);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = self.file(name, OFlag::O_WRONLY | OFlag::O_CREAT)?;
        let written = file.write_all_at(&filled(length), 0).and_then(|()| file.sync_all());
        let outcome = match written {
            Ok(()) => Written::Whole,
            Err(error) if is_full(&error) => {
                file.set_len(0)?;
                file.sync_all()?;
                Written::NoRoom
            }
            Err(error) => return Err(error),
        };
        self.sync()?;
        Ok(outcome)
    }

    /// Removes a file durably, if it is there.
    ///
    /// # Errors
    /// As unlink(2).
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => self.sync(),
            Err(nix::errno::Errno::ENOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a folder that is empty.
    ///
    /// # Errors
    /// As rmdir(2).
    pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::RemoveDir)?)
    }

    /// Gives a file another name, durably.
    ///
    /// # Errors
    /// As rename(2).
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        renameat(&self.0, from, &self.0, to)?;
        self.sync()
    }

    /// Makes durable which names it has.
    ///
    /// # Errors
    /// As fsync(2).
    pub fn sync(&self) -> io::Result<()> {
        Ok(nix::unistd::fsync(&self.0)?)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn not_ours() -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, "it is there, and is not a folder of this user")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn name(name: &str) -> &OsStr {
        OsStr::new(name)
    }

    #[test]
    fn what_is_put_in_the_place_of_a_folder_is_never_written_to() {
        let scratch = tempfile::tempdir().unwrap();
        let (base, victim) = (scratch.path().join("base"), scratch.path().join("victim"));
        fs::create_dir(&base).unwrap();
        fs::create_dir(&victim).unwrap();
        let folder = Folder::open(&base).unwrap().private(name("ours")).unwrap();
        fs::rename(base.join("ours"), base.join("away")).unwrap();
        symlink(&victim, base.join("ours")).unwrap();
        folder.write(name("one"), b"1").unwrap();
        folder.overwrite(name("two"), b"2").unwrap();
        folder.append_to(name("three")).unwrap();
        folder.remove(name("three")).unwrap();
        folder.rename(name("two"), name("four")).unwrap();
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
        assert_eq!(fs::read(base.join("away/one")).unwrap(), b"1");
        assert!(base.join("away/four").exists());
        for open in [Folder::own, Folder::private, Folder::below] {
            let refused = open(&Folder::open(&base).unwrap(), name("ours")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn a_link_in_a_folder_is_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::open(scratch.path()).unwrap();
        let secret = scratch.path().join("secret");
        fs::write(&secret, "precious").unwrap();
        symlink(&secret, scratch.path().join("link")).unwrap();
        assert!(folder.read_plain(name("link"), 100).is_err());
        assert!(folder.append_to(name("link")).is_err());
        assert!(folder.overwrite(name("link"), b"x").is_err());
        folder.write(name("link"), b"x").unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"precious");
        assert_eq!(folder.read_plain(name("link"), 100).unwrap(), b"x", "the link was replaced");
        assert!(folder.read_plain(name("secret"), 7).is_err(), "longer than allowed");
    }

    #[test]
    fn what_a_killed_writer_left_is_no_hindrance_and_a_living_one_is_not_disturbed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::open(scratch.path()).unwrap();
        fs::write(scratch.path().join("mark.new"), "half of").unwrap();
        folder.write(name("mark"), b"one").unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        let theirs = folder.file_of_ours(name("mark.new")).unwrap();
        let busy = folder.write(name("mark"), b"two").unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::WouldBlock);
        assert_eq!(fs::read(scratch.path().join("mark")).unwrap(), b"one");
        drop(theirs);
        folder.write(name("mark"), b"two").unwrap();
        assert_eq!(fs::read(scratch.path().join("mark")).unwrap(), b"two");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_written_over_stays_the_same_file_and_has_no_rest_of_the_old() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::open(scratch.path()).unwrap();
        assert_eq!(folder.overwrite(name("record"), &[b'a'; 100]).unwrap(), Written::Whole);
        let before = folder.inode_of(name("record")).unwrap();
        assert_eq!(folder.overwrite(name("record"), b"short").unwrap(), Written::Whole);
        assert_eq!(folder.inode_of(name("record")).unwrap(), before);
        let text = fs::read_to_string(scratch.path().join("record")).unwrap();
        assert_eq!((text.trim_end(), text.len()), ("short", BLOCK));
        // One that an earlier version wrote is as long as its text.
        fs::write(scratch.path().join("record"), "an old one, without room").unwrap();
        folder.overwrite(name("record"), b"short").unwrap();
        let text = fs::read_to_string(scratch.path().join("record")).unwrap();
        assert_eq!(text.trim_end(), "short");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
