//! Starting a program: fork, a short async-signal-safe way, execve.
//!
//! Not std's Command: a site's process needs a session of its own, limits, supplementary groups,
//! inherited marks and a report that tells a failed exec from a program that ended with 127.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::values::{ExecError, Stage};

use super::PidFd;
use super::capabilities::Capabilities;
use super::child::{
    default_signals, end_at_exec_from, errno, is_orphan_of, join_new_keyring, unblock_signals,
};
use super::limits::Limit;
use super::process::reap_one;
use super::signals::{block_all, set_mask};
use crate::values::MESSAGE;
use crate::values::Pid;

/// What is to be started, everything decided: the child only carries it out.
#[derive(Debug)]
pub struct Command<'a> {
    /// Tried in turn, as execvp(3) goes along PATH.
    pub candidates: Vec<CString>,
    pub arguments: Vec<CString>,
    pub environment: Vec<CString>,
    pub directory: CString,
    pub umask: u32,
    /// The bounding set; None leaves it as it is.
    pub capabilities: Option<Capabilities>,
    pub no_new_privileges: bool,
    pub limits: Vec<Limit>,
    /// None leaves it at 0: what the supervisor is protected from, its children are not.
    pub oom_score_adj: Option<i32>,
    /// None: as whom we run.
    pub credentials: Option<Credentials>,
    /// Standard output and error; standard input is /dev/null.
    pub output: BorrowedFd<'a>,
    /// Descriptors the program inherits, at numbers from 100 on.
    pub marks: Vec<BorrowedFd<'a>>,
    /// Listening sockets that the program inherits from descriptor 3 on, told of as
    /// sd_listen_fds(3) wants it.
    pub listen: Vec<BorrowedFd<'a>>,
    /// The `cgroup.procs` of the control group that it joins.
    pub group: Option<BorrowedFd<'a>>,
    /// For helpers: KILL when the supervisor is gone.
    pub dies_with_parent: bool,
}

/// As whom a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, `gid` among them.
    pub groups: Vec<u32>,
}

impl<'a> Command<'a> {
    /// A program of the node, in the root folder and as whom we run, with no environment but
    /// `environment` and nothing of anybody's open.
    pub fn plain(
        candidates: Vec<CString>,
        words: &[&OsStr],
        environment: Vec<CString>,
        output: BorrowedFd<'a>,
    ) -> Self {
        Self {
            candidates,
            arguments: words.iter().filter_map(|w| CString::new(w.as_bytes()).ok()).collect(),
            environment,
            directory: c"/".to_owned(),
            umask: 0o022,
            capabilities: None,
            no_new_privileges: false,
            limits: Vec::new(),
            oom_score_adj: None,
            credentials: None,
            output,
            marks: Vec::new(),
            listen: Vec::new(),
            group: None,
            dies_with_parent: false,
        }
    }

    /// Takes a variable out of the environment again.
    pub fn remove_variable(&mut self, name: &str) {
        let is_it = |entry: &CString| {
            let rest = entry.as_bytes().strip_prefix(name.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"="))
        };
        self.environment.retain(|entry| !is_it(entry));
    }

    /// The files that `program` may mean: itself if it holds a slash, else one in each folder of `path`.
    pub fn candidates(program: &OsStr, path: &str) -> Vec<CString> {
        let c_string = |bytes: &[u8]| CString::new(bytes).ok();
        if program.as_bytes().contains(&b'/') {
            return c_string(program.as_bytes()).into_iter().collect();
        }
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .filter_map(|folder| c_string(Path::new(folder).join(program).as_os_str().as_bytes()))
            .collect()
    }
}

/// A child that has been forked; its program may not run yet.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    pub handle: PidFd,
    pub report: ExecReport,
}

/// The pipe through which a child says that its program could not run. It is readable when the
/// program runs (end of file) or when it never will.
#[derive(Debug)]
pub struct ExecReport(File);

impl ExecReport {
    /// None: not known yet.
    pub fn outcome(&mut self) -> Option<Result<(), ExecError>> {
        let mut message = [0u8; MESSAGE];
        match self.0.read(&mut message) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(MESSAGE) => Some(Err(ExecError::from_message(message))),
            Ok(_) | Err(_) => Some(Ok(())),
        }
    }
}

impl AsFd for ExecReport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Forks and lets the child go its way; does not wait for the exec, which may hang on a disk.
///
/// # Errors
/// The fork failed (EAGAIN, ENOMEM) or a descriptor could not be made (EMFILE).
pub fn spawn(command: &Command<'_>) -> Result<Child, ExecError> {
    let failed = |error: io::Error| ExecError {
        stage: Stage::Fork,
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    };
    // Everything that allocates happens before the fork.
    let null = File::open("/dev/null").map_err(failed)?;
    let arguments = pointers(&command.arguments);
    let mut environment = pointers(&command.environment);
    // The child writes its number behind this once it has one.
    let mut listen_pid = *LISTEN_PID;
    let listen_fds = CString::new(format!("LISTEN_FDS={}", command.listen.len()));
    if let (false, Ok(count)) = (command.listen.is_empty(), &listen_fds) {
        environment.pop();
        environment.extend([
            listen_pid.as_mut_ptr().cast_const().cast(),
            count.as_ptr(),
            std::ptr::null(),
        ]);
    }
    let (reader, writer) =
        nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|e| failed(e.into()))?;
    let writer = above(&writer, 3 + command.listen.len()).map_err(failed)?;
    let plan = ChildPlan {
        command,
        arguments: &arguments,
        environment: &environment,
        null: null.as_raw_fd(),
        output: command.output.as_raw_fd(),
        report: writer.as_raw_fd(),
        listen_pid: listen_pid.as_mut_ptr(),
        parent: Pid::this().number(),
    };

    let mask = block_all().map_err(failed)?;
    // SAFETY: the child calls only async-signal-safe functions and never returns (see child_main).
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        child_main(&plan);
    }
    let fork_error = io::Error::last_os_error();
    let _ = set_mask(&mask);
    drop(writer);
    let pid = Pid::from_raw(pid).ok_or_else(|| failed(fork_error))?;
    match PidFd::open(pid) {
        Ok(handle) => Ok(Child { pid, handle, report: ExecReport(File::from(reader)) }),
        Err(error) => {
            // Without a handle it could not be signalled safely, so it must not be.
            // SAFETY: it is our own child and not reaped yet: the number is its own.
            unsafe { libc::kill(pid.number(), libc::SIGKILL) };
            let _ = reap_one(pid);
            Err(failed(error))
        }
    }
}

struct ChildPlan<'a> {
    command: &'a Command<'a>,
    arguments: &'a [*const libc::c_char],
    environment: &'a [*const libc::c_char],
    null: RawFd,
    output: RawFd,
    report: RawFd,
    /// A buffer of [`LISTEN_PID`]'s form.
    listen_pid: *mut u8,
    /// Whose child it is.
    parent: libc::pid_t,
}

/// `LISTEN_PID=` and room for the digits of a number and the final NUL.
const LISTEN_PID: &[u8; 24] = b"LISTEN_PID=\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The same open file at a number not below `first`, where nothing else will be put.
fn above(fd: &OwnedFd, first: usize) -> io::Result<OwnedFd> {
    let first = i32::try_from(first).unwrap_or(i32::MAX);
    // SAFETY: F_DUPFD_CLOEXEC makes a new descriptor of an open one; it becomes ours.
    unsafe {
        let raw = libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first);
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(raw))
    }
}

pub(super) fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}

/// The child's way from fork to exec: no allocation, no lock, no panic.
fn child_main(plan: &ChildPlan<'_>) -> ! {
    let (stage, errno) = child_steps(plan);
    let message = ExecError::message(stage, errno);
    // SAFETY: write(2) and _exit(2) are async-signal-safe; the buffer is a local.
    unsafe {
        libc::write(plan.report, message.as_ptr().cast(), message.len());
        libc::_exit(127)
    }
}

/// Returns only when a step failed, with the step and errno.
fn child_steps(plan: &ChildPlan<'_>) -> (Stage, i32) {
    let command = plan.command;
    // SAFETY: from here on only system calls that signal-safety(7) lists, or bare ones, on
    // memory that was prepared before the fork and is not touched by anyone else.
    unsafe {
        if libc::setsid() < 0 {
            return (Stage::Session, errno());
        }
        // Where that fails the other marks have to do.
        if let Some(group) = &command.group {
            libc::write(group.as_raw_fd(), c"0".as_ptr().cast(), 1);
        }
        default_signals();
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
                return (Stage::Limits, errno());
            }
            libc::close(file);
        }

        if libc::dup2(plan.null, 0) < 0
            || libc::dup2(plan.output, 1) < 0
            || libc::dup2(plan.output, 2) < 0
        {
            return (Stage::Streams, errno());
        }
        // Whatever else is open ends with the exec, the report among it.
        if let Err(error) = end_at_exec_from(3) {
            return (Stage::Streams, error);
        }
        for mark in &command.marks {
            // Out of the way of what a program opens; lower where it may not open so many.
            let inherit = |from: i32| libc::fcntl(mark.as_raw_fd(), libc::F_DUPFD, from) >= 0;
            if !inherit(100) && !inherit(10) {
                return (Stage::Streams, errno());
            }
        }
        if !command.listen.is_empty() && !pass_sockets(plan) {
            return (Stage::Streams, errno());
        }
        for limit in &command.limits {
            let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(limit.resource.raw(), &raw mut value);
            if let Some(hard) = limit.hard {
                value.rlim_max = hard;
            }
            value.rlim_cur = if limit.soft < value.rlim_max { limit.soft } else { value.rlim_max };
            if libc::setrlimit(limit.resource.raw(), &raw const value) < 0 {
                return (Stage::Limits, errno());
            }
        }
        if command.capabilities.is_some_and(|bound| !bound_capabilities(bound)) {
            return (Stage::User, errno());
        }
        if let Some(who) = &command.credentials {
            let failed = libc::syscall(libc::SYS_setgroups, who.groups.len(), who.groups.as_ptr())
                < 0
                || libc::syscall(libc::SYS_setresgid, who.gid, who.gid, who.gid) < 0
                || libc::syscall(libc::SYS_setresuid, who.uid, who.uid, who.uid) < 0;
            if failed {
                return (Stage::User, errno());
            }
            // Where the old user has no room for one, the new user may.
            if joined.is_err() {
                joined = join_new_keyring();
            }
            if let Err(error) = joined {
                return (Stage::Keyring, error);
            }
        }
        if command.no_new_privileges && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
            return (Stage::User, errno());
        }
        if command.dies_with_parent {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // A death before that call sends nothing.
            if is_orphan_of(plan.parent) {
                return (Stage::Session, libc::ESRCH);
            }
        }
        if libc::chdir(command.directory.as_ptr()) < 0 {
            return (Stage::Directory, errno());
        }
        unblock_signals();

        let mut error = libc::ENOENT;
        for candidate in &command.candidates {
            libc::execve(candidate.as_ptr(), plan.arguments.as_ptr(), plan.environment.as_ptr());
            // As execvp(3): go on where there is nothing, remember where access was denied.
            match errno() {
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => error = libc::EACCES,
                other => return (Stage::Exec, other),
            }
        }
        (Stage::Exec, error)
    }
}

/// Takes everything out of the bounding set that is not in `bound`, and out of what an exec would
/// inherit.
fn bound_capabilities(bound: Capabilities) -> bool {
    // SAFETY: called between fork and exec; prctl(2) alone, with numbers.
    unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        for number in 0..64_u32 {
            // The kernel has no more than these.
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

/// The most listening sockets that one program can be given.
pub const MOST_SOCKETS: usize = 64;

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
        // First out of the way, so that none is written over before it was moved.
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

/// A pipe whose reading end does not block: (reader, writer).
///
/// # Errors
/// EMFILE and the like.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: F_SETFL on a descriptor that is open.
    if unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((reader, writer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::limits::Resource;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    fn sample<'a>(words: &[&str], output: &'a File) -> Command<'a> {
        let text = |w: &&str| CString::new(*w).unwrap();
        Command {
            candidates: Command::candidates(OsStr::new(words[0]), "/nowhere:/usr/bin:/bin"),
            arguments: words.iter().map(text).collect(),
            environment: vec![c"MARK=here".to_owned()],
            directory: c"/".to_owned(),
            umask: 0o022,
            capabilities: None,
            no_new_privileges: false,
            limits: vec![Limit { resource: Resource::Nofile, soft: 77, hard: Some(77) }],
            oom_score_adj: None,
            credentials: None,
            output: output.as_fd(),
            marks: Vec::new(),
            listen: Vec::new(),
            group: None,
            dies_with_parent: false,
        }
    }

    fn wait_readable(fd: impl AsFd) {
        let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        assert!(poll(&mut fds, PollTimeout::from(10_000u16)).unwrap() > 0);
    }

    #[test]
    fn a_program_runs_as_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let output = File::create(&path).unwrap();
        let script = "echo $MARK; pwd; umask; ulimit -n; ps -o sid= -p $$ | tr -d ' '";
        let mut child = spawn(&sample(&["sh", "-c", script], &output)).unwrap();
        wait_readable(&child.report);
        assert_eq!(child.report.outcome(), Some(Ok(())));
        assert_eq!(reap_one(child.pid), Some(crate::values::ExitStatus::Code(0)));
        let said = std::fs::read_to_string(&path).unwrap();
        assert_eq!(said, format!("here\n/\n0022\n77\n{}\n", child.pid));
    }

    #[test]
    fn a_failed_exec_is_told_by_stage_and_errno() {
        let output = File::create("/dev/null").unwrap();
        let mut child = spawn(&sample(&["/no/such/program"], &output)).unwrap();
        wait_readable(&child.report);
        let error = ExecError { stage: Stage::Exec, errno: libc::ENOENT };
        assert_eq!(child.report.outcome(), Some(Err(error)));
        let _ = reap_one(child.pid);

        let mut command = sample(&["true"], &output);
        command.directory = c"/no/such/folder".to_owned();
        let mut child = spawn(&command).unwrap();
        wait_readable(&child.report);
        let error = ExecError { stage: Stage::Directory, errno: libc::ENOENT };
        assert_eq!(child.report.outcome(), Some(Err(error)));
        let _ = reap_one(child.pid);
    }

    #[test]
    fn what_is_open_here_does_not_reach_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let (path, kept) = (folder.path().join("out"), folder.path().join("kept"));
        let (output, kept) = (File::create(&path).unwrap(), File::create(&kept).unwrap());
        // SAFETY: F_DUPFD makes a new descriptor of an open one; it becomes ours.
        let _leaky = unsafe {
            OwnedFd::from_raw_fd(libc::fcntl(kept.as_raw_fd(), libc::F_DUPFD, 60).max(60))
        };
        let mut child = spawn(&sample(&["ls", "-l", "/proc/self/fd"], &output)).unwrap();
        wait_readable(&child.report);
        assert_eq!(child.report.outcome(), Some(Ok(())));
        let _ = reap_one(child.pid);
        let said = std::fs::read_to_string(&path).unwrap();
        assert!(said.contains("/out") && !said.contains("/kept"), "{said}");
    }

    #[test]
    fn numbers_are_written_without_allocation() {
        for n in [0, 7, 10, 999, 1000, -1, -999, -1000] {
            assert_eq!(format_number(n, &mut [0; 12]), n.to_string().as_bytes());
        }
    }
}
