//! Forking, and the pipe through which a child reports why its program did not run.
//!
//! Promises: a child begins with every signal blocked, so that no handler and no default action comes
//! between fork and exec. In the unit tests, a child that allocates or frees memory before it executes ends at once
//! (`no_allocation`).

use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use nix::fcntl::OFlag;

use super::command::GroupDoor;
use super::reap::reap_one;
use super::signals::{block_all, set_mask};
use crate::values::{ExecError, ExecStage, ExitStatus, Pid};

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

/// `struct clone_args` of clone3(2), in its form of Linux 5.7.
#[repr(C)]
#[derive(Default)]
pub(super) struct CloneArguments {
    pub(super) flags: u64,
    pub(super) pidfd: u64,
    pub(super) child_tid: u64,
    pub(super) parent_tid: u64,
    pub(super) exit_signal: u64,
    pub(super) stack: u64,
    pub(super) stack_size: u64,
    pub(super) tls: u64,
    pub(super) set_tid: u64,
    pub(super) set_tid_size: u64,
    pub(super) cgroup: u64,
}

/// `CLONE_INTO_CGROUP` of clone(2).
pub(super) const INTO_CGROUP: u64 = 1 << 33;

/// As [`fork`], but the child begins its life in the control group at this door, if that may be (Linux 5.7): true. To
/// move it there later costs the kernel a grace period of 10 ms and more, in which nothing of the node can fork.
///
/// A kernel from 6.14 on compares how often processes of the *parent's* group were killed by `cgroup.kill` with how often
/// those of the child's were, and kills the child where that differs (seen with 6.18). So the group must be new, and
/// whether the parent's group is as if it were is tried once.
///
/// # Errors
/// As [`fork`].
///
/// # Safety
/// As [`fork`].
pub(super) unsafe fn fork_through(
    door: Option<GroupDoor<'_>>,
    way: impl FnOnce(bool) -> Infallible,
) -> Result<Pid, ExecError> {
    if let Some(group) = birthplace(door) {
        // SAFETY: the caller's promise.
        return unsafe { fork_into(group, || way(true)) };
    }
    // SAFETY: the caller's promise.
    unsafe { fork(|| way(false)) }
}

/// The group behind this door, if a child may begin its life there.
pub(super) fn birthplace(door: Option<GroupDoor<'_>>) -> Option<BorrowedFd<'_>> {
    static IS_SAFE: OnceLock<bool> = OnceLock::new();
    match door? {
        GroupDoor::New(group) => IS_SAFE.get_or_init(|| is_born_alive_in(group)).then_some(group),
        GroupDoor::Old(_) => None,
    }
}

/// Whether a child that begins its life in this new group lives.
fn is_born_alive_in(group: BorrowedFd<'_>) -> bool {
    // SAFETY: _exit(2) is a bare system call.
    let child = unsafe { fork_into(group, || libc::_exit(0)) };
    child.ok().and_then(reap_one) == Some(ExitStatus::Code(0))
}

/// As [`fork`], with the child in this group. After an error there is no child.
///
/// # Errors
/// ENOSYS on an older kernel or behind a filter of system calls; EACCES and the like for the group.
///
/// # Safety
/// As [`fork`].
unsafe fn fork_into(
    group: BorrowedFd<'_>,
    way: impl FnOnce() -> Infallible,
) -> Result<Pid, ExecError> {
    let mut arguments = CloneArguments {
        flags: INTO_CGROUP,
        exit_signal: libc::SIGCHLD as u64,
        // A descriptor is not negative.
        cgroup: group.as_raw_fd() as u64,
        ..CloneArguments::default()
    };
    let mask = block_all().map_err(|e| not_forked(&e))?;
    // SAFETY: the structure outlives the call and has the size that is named. Without CLONE_VM the child has a copy of
    // this process's memory, its stack included, and goes on here as after fork(2). The handlers of pthread_atfork(3)
    // do not run: the caller promises that the child is async-signal-safe, and it never returns from `way`.
    let pid = unsafe {
        let size = size_of::<CloneArguments>();
        libc::syscall(libc::SYS_clone3, &raw mut arguments, size)
    };
    if pid == 0 {
        #[cfg(test)]
        super::no_allocation::from_now_on();
        way();
    }
    let error = io::Error::last_os_error();
    let _ = set_mask(&mask);
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| not_forked(&error))
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
