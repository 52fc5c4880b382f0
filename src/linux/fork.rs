//! Forking, and the pipe through which a child reports why its program did not run.
//!
//! Promises: a child begins with every signal blocked, so that no handler and no default action comes
//! between fork and exec. In the unit tests, a child that allocates or frees memory before it executes ends at once
//! (`no_allocation`).

use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::OFlag;

use super::signals::{block_all, set_mask};
use crate::values::{ExecError, ExecStage, Pid};

/// Forks; the child does `way`, and never returns from it. Gives the number of the child.
///
/// # Errors
/// As fork(2).
///
/// # Safety
/// `way` makes only bare system calls or those that signal-safety(7) lists, on memory that was prepared
/// before.
pub(super) unsafe fn fork(way: impl FnOnce() -> Infallible) -> Result<Pid, ExecError> {
    let mask = block_all().map_err(|e| not_forked(&e))?;
    // SAFETY: the caller promises that the child is async-signal-safe, and it never returns from `way`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        #[cfg(test)]
        super::no_allocation::from_now_on();
        way();
    }
    let error = io::Error::last_os_error();
    let _ = set_mask(&mask);
    Pid::from_raw(pid).ok_or_else(|| not_forked(&error))
}

/// The error of a step before the fork, or of the fork itself.
pub(super) fn not_forked(error: &io::Error) -> ExecError {
    ExecError { stage: ExecStage::Fork, errno: error.raw_os_error().unwrap_or(libc::EIO) }
}

/// The pipe for a child's report: (reader, writer). The number of the writer is `first` or above, out of
/// the way of the descriptors that the program is given.
///
/// # Errors
/// EMFILE and the like.
pub(super) fn report_pipe(flags: OFlag, first: usize) -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | flags)?;
    let first = i32::try_from(first).unwrap_or(i32::MAX);
    // SAFETY: F_DUPFD_CLOEXEC makes a new descriptor of an open one; it becomes ours.
    let writer = unsafe {
        let raw = libc::fcntl(writer.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first);
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(raw)
    };
    Ok((reader, writer))
}

/// In the child: reports the step that failed, and ends.
pub(super) fn report(pipe: RawFd, stage: ExecStage, errno: i32) -> ! {
    let message = ExecError::message(stage, errno);
    // SAFETY: write(2) and _exit(2) are async-signal-safe; the buffer is a local.
    unsafe {
        libc::write(pipe, message.as_ptr().cast(), message.len());
        libc::_exit(127)
    }
}

/// For execve(2), with the null pointer at the end.
pub(super) fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}
