//! The child's way from fork to execve.
//!
//! Promises: nothing here allocates, locks or panics, and every system call is a bare one or in the
//! list of signal-safety(7); a step that fails is told by its stage and errno.

use std::os::fd::{AsRawFd, RawFd};

use nix::sys::resource::{getrlimit, setrlimit};

use super::capabilities::Capabilities;
use super::child::{
    close_between, default_signals, end_at_exec_from, errno, is_orphan_of, join_group,
    join_new_keyring, leave_descriptors_from, unblock_signals,
};
use super::command::{Command, MOST_SOCKETS};
use super::failure::ExecFailure;
use super::fork::report;
use crate::values::ExecStage;

/// All that the child needs, prepared before the fork.
#[derive(Clone, Copy)]
pub(super) struct ChildPlan<'a> {
    pub(super) command: &'a Command<'a>,
    pub(super) arguments: &'a [*const libc::c_char],
    pub(super) environment: &'a [*const libc::c_char],
    pub(super) input: RawFd,
    pub(super) output: RawFd,
    pub(super) report: ReportTo<'a>,
    /// The signals that do not have their default action in the child.
    pub(super) signals: u64,
    /// A buffer of [`LISTEN_PID`]'s form.
    pub(super) listen_pid: *mut u8,
    /// The number of its parent.
    pub(super) parent: libc::pid_t,
    /// It shares the descriptors of its parent; those from this number on it needs none of.
    pub(super) shares_from: Option<RawFd>,
    /// It is in its control group already.
    pub(super) is_in_group: bool,
}

/// `LISTEN_PID=` and room for the digits of a number and the final NUL.
pub(super) const LISTEN_PID: &[u8; 24] = b"LISTEN_PID=\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Where a child reports the step that failed.
#[derive(Clone, Copy)]
pub(super) enum ReportTo<'a> {
    Pipe(RawFd),
    /// The child shares the memory of its parent.
    Memory(&'a ExecFailure),
}

/// The child's way; what it does is async-signal-safe.
pub(super) fn child_main(plan: &ChildPlan<'_>) -> ! {
    let (stage, errno) = child_steps(plan);
    match plan.report {
        ReportTo::Pipe(pipe) => report(pipe, stage, errno),
        ReportTo::Memory(failure) => {
            failure.set(stage, errno);
            // SAFETY: _exit(2) is async-signal-safe.
            unsafe { libc::_exit(127) }
        }
    }
}

/// Returns only when a step failed, with the step and errno.
fn child_steps(plan: &ChildPlan<'_>) -> (ExecStage, i32) {
    let command = plan.command;
    // Before it opens or closes any.
    if let Some(Err(error)) = plan.shares_from.map(leave_descriptors_from) {
        return (ExecStage::Streams, error);
    }
    // SAFETY: from here on only system calls that signal-safety(7) lists, or bare ones, on
    // memory that was prepared before the fork and is not touched by anyone else.
    unsafe {
        if libc::setsid() < 0 {
            return (ExecStage::Session, errno());
        }
        // A child that cannot join runs all the same.
        if let Some(group) = command.group.filter(|_| !plan.is_in_group) {
            join_group(group.folder().as_raw_fd());
        }
        default_signals(plan.signals);
        libc::umask(command.umask);
        // An ordinary user's programs share the user's keys anyway, and each keyring counts against how
        // many that user may have.
        let mut joined = match command.credentials.is_some() || libc::geteuid() == 0 {
            true => join_new_keyring(),
            false => Ok(()),
        };

        let score = command.oom_score_adj.unwrap_or(0);
        let mut text = [0u8; 12];
        let digits = format_number(score, &mut text);
        let file =
            libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file >= 0 {
            let written = libc::write(file, digits.as_ptr().cast(), digits.len());
            if written < 0 && command.oom_score_adj.is_some() {
                return (ExecStage::Limits, errno());
            }
            libc::close(file);
        }

        if libc::dup2(plan.input, 0) < 0
            || libc::dup2(plan.output, 1) < 0
            || libc::dup2(plan.output, 2) < 0
        {
            return (ExecStage::Streams, errno());
        }
        // Whatever else is open ends with the exec, the report among it.
        if let Err(error) = end_at_exec_from(3) {
            return (ExecStage::Streams, error);
        }
        let mut lowest = RawFd::MAX;
        for descriptor in &command.inherited {
            // Above the numbers that a program opens by itself; lower if its limit is lower.
            let inherit = |from: i32| libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD, from);
            let number = match inherit(100) {
                0.. => 100,
                _ if inherit(10) >= 0 => 10,
                _ => return (ExecStage::Streams, errno()),
            };
            lowest = lowest.min(number);
        }
        if plan.shares_from.is_some()
            && let Err(error) = close_between(3, lowest)
        {
            return (ExecStage::Streams, error);
        }
        if !command.listen.is_empty() && !pass_sockets(plan) {
            return (ExecStage::Streams, errno());
        }
        for limit in &command.limits {
            let resource = limit.resource.raw();
            let set = getrlimit(resource).and_then(|(_, old)| {
                let hard = limit.hard.unwrap_or(old);
                setrlimit(resource, limit.soft.min(hard), hard)
            });
            if let Err(error) = set {
                return (ExecStage::Limits, error as i32);
            }
        }
        if command.capabilities.is_some_and(|bound| !bound_capabilities(bound)) {
            return (ExecStage::User, errno());
        }
        if let Some(who) = &command.credentials {
            let failed = libc::syscall(libc::SYS_setgroups, who.groups.len(), who.groups.as_ptr())
                < 0
                || libc::syscall(libc::SYS_setresgid, who.gid, who.gid, who.gid) < 0
                || libc::syscall(libc::SYS_setresuid, who.uid, who.uid, who.uid) < 0;
            if failed {
                return (ExecStage::User, errno());
            }
            // The new user may have a keyring to spare where the old one has none.
            if joined.is_err() {
                joined = join_new_keyring();
            }
            if let Err(error) = joined {
                return (ExecStage::Keyring, error);
            }
        }
        if command.no_new_privileges && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
            return (ExecStage::User, errno());
        }
        if command.dies_with_parent {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // If the parent ended before that call, no signal comes.
            if is_orphan_of(plan.parent) {
                return (ExecStage::Session, libc::ESRCH);
            }
        }
        if libc::chdir(command.directory.as_ptr()) < 0 {
            return (ExecStage::Directory, errno());
        }
        unblock_signals();

        let mut error = libc::ENOENT;
        for candidate in &command.candidates {
            libc::execve(candidate.as_ptr(), plan.arguments.as_ptr(), plan.environment.as_ptr());
            // As execvp(3): a candidate that does not exist is passed over, a denied one is remembered.
            match errno() {
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => error = libc::EACCES,
                other => return (ExecStage::Exec, other),
            }
        }
        (ExecStage::Exec, error)
    }
}

/// Drops every capability that is not in `bound` from the bounding set, and all from the ambient set.
fn bound_capabilities(bound: Capabilities) -> bool {
    // SAFETY: called between fork and exec; prctl(2) alone, with numbers.
    unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        for number in 0..64_u32 {
            // The kernel has no capability of this number, and none above it.
            if libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0) < 0 {
                break;
            }
            if !bound.holds(number) && libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) < 0 {
                return false;
            }
        }
    }
    true
}

/// Puts the listening sockets at 3 and above, and this process's number behind `LISTEN_PID=`.
fn pass_sockets(plan: &ChildPlan<'_>) -> bool {
    let sockets = &plan.command.listen;
    let mut moved = [0 as libc::c_int; MOST_SOCKETS];
    if sockets.len() > moved.len() {
        return false;
    }
    // SAFETY: called between fork and exec; only fcntl(2), dup2(2) and getpid(2), and a buffer of
    // the parent's that is this process's own copy since the fork.
    unsafe {
        // First to numbers above all of these, so that none is closed by another that takes its number.
        for (far, socket) in moved.iter_mut().zip(sockets) {
            *far = libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3 + MOST_SOCKETS);
            if *far < 0 {
                return false;
            }
        }
        for (near, far) in (3..).zip(moved).take(sockets.len()) {
            if libc::dup2(far, near) < 0 {
                return false;
            }
        }
        let mut text = [0u8; 12];
        let digits = format_number(libc::getpid(), &mut text);
        let name = b"LISTEN_PID=".len();
        for (at, digit) in (name..).zip(digits) {
            plan.listen_pid.add(at).write(*digit);
        }
    }
    true
}

/// Decimal digits without allocation.
fn format_number(number: i32, buffer: &mut [u8; 12]) -> &[u8] {
    let mut at = buffer.len();
    let mut rest = number.unsigned_abs();
    while at > 1 {
        at -= 1;
        // A digit is below ten, so the cast keeps it.
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 && at > 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_allocation() {
        for n in [0, 7, 10, 999, 1000, -1, -999, -1000] {
            assert_eq!(format_number(n, &mut [0; 12]), n.to_string().as_bytes());
        }
    }
}
