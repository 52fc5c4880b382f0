//! Starting a program that outlives its starter: a daemon.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::child::{
    EVERY_SIGNAL, default_signals, end_at_exec_from, errno, join_new_keyring, unblock_signals,
};
use super::command::GroupDoor;
use super::fork::{fork_through, not_forked, pointers, report, report_pipe};
use super::reap::reap_one;
use crate::values::{ExecError, ExecStage, MESSAGE, Pid};

/// Starts `program` in a session of its own, with nothing of ours open but `handover`, which it finds as
/// descriptor 3. Waits until it runs.
///
/// # Errors
/// As fork(2) and execve(2).
pub fn spawn_detached(
    program: &Path,
    arguments: &[CString],
    environment: &[CString],
    handover: BorrowedFd<'_>,
) -> Result<Pid, ExecError> {
    spawn_detached_in(None, program, arguments, environment, handover)
}

/// As [`spawn_detached`]; the program begins its life in the control group `group`, where that can be: see
/// `fork_through`.
///
/// # Errors
/// As fork(2) and execve(2).
pub fn spawn_detached_in(
    group: Option<GroupDoor<'_>>,
    program: &Path,
    arguments: &[CString],
    environment: &[CString],
    handover: BorrowedFd<'_>,
) -> Result<Pid, ExecError> {
    let null =
        OpenOptions::new().read(true).write(true).open("/dev/null").map_err(|e| not_forked(&e))?;
    let program =
        CString::new(program.as_os_str().as_bytes()).map_err(|error| not_forked(&error.into()))?;
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // The report must not stand where the handover goes.
    let (reader, writer) = report_pipe(OFlag::empty(), 10).map_err(|e| not_forked(&e))?;
    let way = || -> Infallible {
        let give_up = |stage, errno| report(writer.as_raw_fd(), stage, errno);
        // SAFETY: only what signal-safety(7) lists, and bare system calls, on memory that was prepared
        // before the fork.
        unsafe {
            libc::setsid();
            default_signals(EVERY_SIGNAL);
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
                give_up(ExecStage::Streams, error);
            }
            unblock_signals();
            libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            give_up(ExecStage::Exec, errno())
        }
    };
    // One that is not in the group joins it by itself.
    // SAFETY: see there.
    let pid = unsafe { fork_through(group, |_| way()) }?;
    drop(writer);
    let mut message = [0u8; MESSAGE];
    match File::from(reader).read(&mut message) {
        Ok(MESSAGE) => {
            let _ = reap_one(pid);
            Err(ExecError::from_message(message))
        }
        _ => Ok(pid),
    }
}
