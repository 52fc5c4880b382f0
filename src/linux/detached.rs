//! Starting a program that outlives its starter: the supervisor.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::child::{default_signals, end_at_exec_from, errno, join_new_keyring, unblock_signals};
use super::process::reap_one;
use super::signals::{block_all, set_mask};
use super::spawn::pointers;
use crate::values::MESSAGE;
use crate::values::Pid;
use crate::values::{ExecError, Stage};

/// Starts `program` in a session of its own with nothing of ours but `handover`, which it finds as
/// descriptor 3; for the supervisor, which outlives its starter.
///
/// # Errors
/// As fork(2) and execve(2).
pub fn spawn_detached(
    program: &Path,
    arguments: &[CString],
    environment: &[CString],
    handover: BorrowedFd<'_>,
) -> Result<Pid, ExecError> {
    let failed = |error: io::Error| ExecError {
        stage: Stage::Fork,
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    };
    let null =
        std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").map_err(failed)?;
    let program = CString::new(program.as_os_str().as_bytes()).map_err(|e| failed(e.into()))?;
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|e| failed(e.into()))?;
    // The report must not stand where the handover goes.
    // SAFETY: F_DUPFD_CLOEXEC makes a new descriptor of an open one; it becomes ours.
    let report = unsafe {
        let raw = libc::fcntl(writer.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10);
        if raw < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        OwnedFd::from_raw_fd(raw)
    };
    drop(writer);
    let mask = block_all().map_err(failed)?;
    // SAFETY: the child calls only async-signal-safe functions on memory prepared before the
    // fork, and ends in execve or _exit.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: as above.
        unsafe {
            let give_up = |stage: Stage, errno: i32| -> ! {
                let message = ExecError::message(stage, errno);
                libc::write(report.as_raw_fd(), message.as_ptr().cast(), message.len());
                libc::_exit(127)
            };
            libc::setsid();
            default_signals();
            // It stays the same user, so that a keyring of the caller's gives it nothing new; and its
            // children join others where they become somebody else.
            let _ = join_new_keyring();
            libc::dup2(null.as_raw_fd(), 0);
            libc::dup2(null.as_raw_fd(), 1);
            libc::dup2(null.as_raw_fd(), 2);
            if handover.as_raw_fd() == 3 {
                libc::fcntl(3, libc::F_SETFD, 0);
            } else {
                libc::dup2(handover.as_raw_fd(), 3);
            }
            if let Err(error) = end_at_exec_from(4) {
                give_up(Stage::Streams, error);
            }
            unblock_signals();
            libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            give_up(Stage::Exec, errno())
        }
    }
    let fork_error = io::Error::last_os_error();
    let _ = set_mask(&mask);
    let pid = Pid::from_raw(pid).ok_or_else(|| failed(fork_error))?;
    drop(report);
    let mut message = [0u8; MESSAGE];
    match File::from(reader).read(&mut message) {
        Ok(MESSAGE) => {
            let _ = reap_one(pid);
            Err(ExecError::from_message(message))
        }
        _ => Ok(pid),
    }
}
