//! Locks that belong to an open file, not to a process (fcntl_locking(2), open file description
//! locks). A child that inherits the descriptor holds the lock too, and keeps it when its parent ends.
//! The kernel tells whether a file is locked without the lock being taken.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;

/// An exclusive lock on a file; released when the last copy of the descriptor is closed.
#[derive(Debug)]
pub struct Lock(File);

/// The result of an attempt to lock.
#[derive(Debug)]
pub enum Attempt {
    Taken(Lock),
    /// Another holder has it.
    Held,
}

impl Lock {
    /// Locks the file at `path` exclusively, making it if need be; never waits.
    ///
    /// # Errors
    /// The file cannot be opened, or the file system has no locks.
    pub fn attempt(path: &Path) -> io::Result<Attempt> {
        Self::attempt_as(path, libc::F_WRLCK)
    }

    /// Locks the file at `path` together with others that share the lock; never waits. `Held` means
    /// that it is locked exclusively. On a read-only file system the file must be there.
    ///
    /// # Errors
    /// As [`Self::attempt`].
    pub fn attempt_shared(path: &Path) -> io::Result<Attempt> {
        match Self::attempt_as(path, libc::F_RDLCK) {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            attempt => return attempt,
        }
        let open = || {
            let mut read = OpenOptions::new();
            read.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(path).map(Some)
        };
        Self::take(path, open, libc::F_RDLCK)
    }

    /// Locks the file at `path` for programs that inherit the lock and must not be able to write to the
    /// file. The descriptor is therefore open for reading only, and through such a descriptor the kernel
    /// gives only a shared lock. So the lock is asked about before it is taken, and two processes that do
    /// so at once would both have it: only one process at a time may lock a file in this way. Never waits.
    ///
    /// # Errors
    /// As [`Self::attempt`].
    pub fn inheritable(path: &Path) -> io::Result<Attempt> {
        let open = || {
            let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let mode = Mode::S_IRUSR | Mode::S_IWUSR;
            let file = File::from(nix::fcntl::open(path, flags, mode)?);
            let is_free = !is_locked(&file)?;
            Ok(is_free.then_some(file))
        };
        Self::take(path, open, libc::F_RDLCK)
    }

    fn attempt_as(path: &Path, kind: libc::c_int) -> io::Result<Attempt> {
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
                .open(path)
                .map(Some)
        };
        Self::take(path, open, kind)
    }

    /// `open` gives no file if the lock is held.
    fn take(
        path: &Path,
        open: impl Fn() -> io::Result<Option<File>>,
        kind: libc::c_int,
    ) -> io::Result<Attempt> {
        loop {
            let Some(file) = open()? else { return Ok(Attempt::Held) };
            match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(kind))) {
                Ok(_) => {}
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => {
                    return Ok(Attempt::Held);
                }
                Err(error) => return Err(error.into()),
            }
            // A lock on a file that was replaced meanwhile protects nothing: look again.
            let ours = file.metadata()?;
            match std::fs::symlink_metadata(path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Attempt::Taken(Self(file)));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Replaces the content of the locked file; not durably.
    ///
    /// # Errors
    /// As write(2).
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = &self.0;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(bytes)
    }

    /// The open file, which holds the lock.
    pub fn into_descriptor(self) -> OwnedFd {
        self.0.into()
    }

    /// The open file, for a child to inherit.
    pub fn file(&self) -> &File {
        &self.0
    }
}

/// Whether anybody holds a lock on the file at `path`. Changes nothing.
///
/// # Errors
/// The file is there and cannot be read.
pub fn is_held(path: &Path) -> io::Result<bool> {
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
    {
        Ok(file) => file,
        // There is no such file, so it is not locked.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    is_locked(&file)
}

/// Whether anybody holds a lock through another opening of the file.
fn is_locked(file: &File) -> io::Result<bool> {
    let mut lock = whole_file(libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

/// Takes the lock of flock(2) on an open file; false if another holder has it. Never waits. Cluster file
/// systems share this lock among all nodes. It is released when the last copy of the descriptor is
/// closed.
///
/// # Errors
/// The file system has no such locks.
pub fn whole_file_lock(file: &File) -> io::Result<bool> {
    // SAFETY: flock takes an open descriptor and a number.
    let rc = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    match rc {
        0 => Ok(true),
        _ => match io::Error::last_os_error() {
            held if held.kind() == io::ErrorKind::WouldBlock => Ok(false),
            error => Err(error),
        },
    }
}

fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_without_being_taken_and_outlives_its_taker_in_a_child() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!is_held(&path).unwrap(), "no file, no lock");
        let Attempt::Taken(lock) = Lock::attempt(&path).unwrap() else { panic!("free") };
        assert!(is_held(&path).unwrap());
        assert!(matches!(Lock::attempt(&path).unwrap(), Attempt::Held));
        let copy = lock.file().try_clone().unwrap();
        drop(lock);
        assert!(is_held(&path).unwrap(), "a copy of the descriptor holds it still");
        drop(copy);
        assert!(!is_held(&path).unwrap());
    }

    #[test]
    fn a_shared_lock_keeps_out_exclusive_ones_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let Attempt::Taken(one) = Lock::attempt_shared(&path).unwrap() else { panic!("free") };
        let Attempt::Taken(two) = Lock::attempt_shared(&path).unwrap() else { panic!("shared") };
        drop(one);
        assert!(matches!(Lock::attempt(&path).unwrap(), Attempt::Held));
        assert!(is_held(&path).unwrap());
        drop(two);
        let Attempt::Taken(_alone) = Lock::attempt(&path).unwrap() else { panic!("free again") };
        assert!(matches!(Lock::attempt_shared(&path).unwrap(), Attempt::Held));
    }

    #[test]
    fn a_child_that_inherits_the_lock_holds_it_and_cannot_write_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let Attempt::Taken(lock) = Lock::inheritable(&path).unwrap() else { panic!("free") };
        assert!(is_held(&path).unwrap());
        assert!(matches!(Lock::inheritable(&path).unwrap(), Attempt::Held));
        assert!(matches!(Lock::attempt(&path).unwrap(), Attempt::Held));
        let mut inherited = lock.file().try_clone().unwrap();
        drop(lock);
        assert!(is_held(&path).unwrap(), "a copy of the descriptor holds it still");
        assert!(inherited.write_all(b"x").is_err(), "it is open for reading alone");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(inherited);
        assert!(!is_held(&path).unwrap());
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(Lock::attempt(&path).is_err());
        assert!(Lock::inheritable(&path).is_err());
        assert!(is_held(&path).is_err());
    }
}
