//! Reading /proc so that errors are told apart: a file that does not exist, a file that may not be read,
//! and everything else, which says nothing of the process.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use nix::fcntl::OFlag;

use crate::values::Pid;

/// How often a call that was interrupted is tried again, before the interruption is an error.
const INTERRUPTIONS: usize = 100;

pub(super) fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut interrupted = 0;
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                interrupted += 1;
                if interrupted >= INTERRUPTIONS {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

/// The content of a file of /proc. Such a file has no size that could be asked for, so `fs::read` reads
/// it in small pieces, and the kernel makes the content anew for each. This reads most of them at once,
/// and does not retry for ever when every call is interrupted.
pub(super) fn whole(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let open = || Ok(nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty())?);
    let mut file = File::from(patiently(open)?);
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        match patiently(|| file.read(&mut chunk))? {
            0 => return Ok(bytes),
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

/// As [`whole`], of a file that is one line: read at once, its end need not be asked for.
pub(super) fn line(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let open = || Ok(nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty())?);
    let mut file = File::from(patiently(open)?);
    let mut chunk = [0u8; 4096];
    match patiently(|| file.read(&mut chunk))? {
        n if n < chunk.len() && chunk[..n].ends_with(b"\n") => Ok(chunk[..n].to_vec()),
        _ => whole(path),
    }
}

/// As [`whole`], of a file that the kernel copies out of a process's memory: it fills what it is given as long as there is
/// something, so that less is all of it (`environ_read` in fs/proc/base.c).
pub(super) fn copied(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let open = || Ok(nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty())?);
    let mut file = File::from(patiently(open)?);
    let mut chunk = [0u8; 16 << 10];
    match patiently(|| file.read(&mut chunk))? {
        n if n < chunk.len() => Ok(chunk[..n].to_vec()),
        _ => whole(path),
    }
}

/// None if the file, or its process, does not exist or is gone.
pub(super) fn unless_gone<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`unless_gone`]; None also if this user may not read it.
pub(super) fn unless_denied<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match unless_gone(looked) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        other => other,
    }
}

/// The error with the number of the process.
pub(super) fn of_process(pid: Pid, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("process {pid} cannot be looked at: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_interrupted_for_ever_is_an_error_and_once_is_none() {
        let interrupted = || io::Error::from(io::ErrorKind::Interrupted);
        let mut calls = 0;
        let once = patiently(|| {
            calls += 1;
            if calls == 1 { Err(interrupted()) } else { Ok(7) }
        });
        assert_eq!(once.unwrap(), 7);
        let ever: io::Result<()> = patiently(|| Err(interrupted()));
        assert_eq!(ever.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn only_what_is_not_there_is_gone() {
        let failed = |errno| unless_gone::<()>(Err(io::Error::from_raw_os_error(errno)));
        assert!(matches!(failed(libc::ENOENT), Ok(None)));
        assert!(matches!(failed(libc::ESRCH), Ok(None)));
        for errno in [libc::ENFILE, libc::EMFILE, libc::EIO, libc::ENOMEM, libc::EACCES] {
            assert!(failed(errno).is_err(), "{errno}");
        }
        let denied = |errno| unless_denied::<()>(Err(io::Error::from_raw_os_error(errno)));
        assert!(matches!(denied(libc::EACCES), Ok(None)));
        assert!(denied(libc::EMFILE).is_err());
    }
}
