//! Starting a program: fork, a short async-signal-safe way, execve.
//!
//! Not std's Command: it has no session of its own, no limits, no supplementary groups and no inherited
//! descriptors for the child, and it does not tell on which step an exec failed.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;

use super::child::EVERY_SIGNAL;
pub use super::command::{
    Command, Credentials, Descriptors, GroupDoor, MOST_SOCKETS, OwnedCommand, OwnedDoor,
};
use super::exec::{ChildPlan, LISTEN_PID, ReportTo, child_main};
use super::fork::{fork_through, not_forked, pointers, report_pipe};
use super::late::Late;
use super::pidfd::PidFd;
use super::reap::reap_one;
use crate::values::{ExecError, MESSAGE, Pid};

/// A child that has been forked; its program may not run yet.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    pub handle: PidFd,
    pub report: ExecReport,
}

/// What a child reports of the execution of its program.
#[derive(Debug)]
pub enum ExecReport {
    /// It is known already.
    Known(Result<(), ExecError>),
    /// A pipe, which is readable once the program runs (end of file) or has failed to.
    Awaited(File),
    /// The program of a batch that was given up; see there.
    Late(Late),
}

impl ExecReport {
    /// None: not known yet.
    pub fn outcome(&mut self) -> Option<Result<(), ExecError>> {
        let pipe = match self {
            Self::Known(outcome) => return Some(*outcome),
            Self::Late(late) => return late.outcome(),
            Self::Awaited(pipe) => pipe,
        };
        let mut message = [0u8; MESSAGE];
        match pipe.read(&mut message) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(MESSAGE) => Some(Err(ExecError::from_message(message))),
            Ok(_) | Err(_) => Some(Ok(())),
        }
    }

    /// The child has ended, so that it is known.
    pub fn child_has_ended(&mut self) {
        if let Self::Late(late) = self {
            *self = Self::Known(late.outcome_of_ended());
        }
    }

    /// What becomes readable once it is known; None: it is.
    pub fn awaited(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Known(_) => None,
            Self::Awaited(pipe) => Some(pipe.as_fd()),
            Self::Late(late) => Some(late.awaited()),
        }
    }
}

/// Forks. Does not wait for the child's exec, which may hang on a disk.
///
/// # Errors
/// The fork failed (EAGAIN, ENOMEM) or a descriptor could not be made (EMFILE).
pub fn spawn(command: &Command<'_>) -> Result<Child, ExecError> {
    // Everything that allocates happens before the fork.
    let null = File::open("/dev/null").map_err(|e| not_forked(&e))?;
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
        report_pipe(OFlag::O_NONBLOCK, 3 + command.listen.len()).map_err(|e| not_forked(&e))?;
    let plan = ChildPlan {
        command,
        arguments: &arguments,
        environment: &environment,
        input: command.input.as_ref().map_or(null.as_raw_fd(), AsRawFd::as_raw_fd),
        output: command.output.as_raw_fd(),
        report: ReportTo::Pipe(writer.as_raw_fd()),
        signals: EVERY_SIGNAL,
        listen_pid: listen_pid.as_mut_ptr(),
        parent: Pid::this().number(),
        shares_from: None,
        is_in_group: false,
    };
    let way = |is_in_group| child_main(&ChildPlan { is_in_group, ..plan });
    // SAFETY: the child's way keeps to what signal-safety(7) lists, on the memory of this plan.
    let pid = unsafe { fork_through(command.group, way) }?;
    drop(writer);
    match PidFd::open(pid) {
        Ok(handle) => Ok(Child { pid, handle, report: ExecReport::Awaited(File::from(reader)) }),
        Err(error) => {
            // Without a handle it could not be signalled safely later on, so it must not live.
            // SAFETY: it is our own child and not reaped yet: the number is its own.
            unsafe { libc::kill(pid.number(), libc::SIGKILL) };
            let _ = reap_one(pid);
            Err(not_forked(&error))
        }
    }
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
    use super::super::cgroup;
    use super::super::cgroup::tests::group_of_a_test;
    use super::super::limits::{Limit, LimitedResource};
    use super::*;
    use crate::values::ExecStage;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::ffi::OsStr;
    use std::os::fd::FromRawFd;

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
            limits: vec![Limit { resource: LimitedResource::Nofile, soft: 77, hard: Some(77) }],
            oom_score_adj: None,
            credentials: None,
            input: None,
            output: output.as_fd(),
            inherited: Vec::new(),
            listen: Vec::new(),
            group: None,
            dies_with_parent: false,
        }
    }

    fn wait_readable(fd: BorrowedFd<'_>) {
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        assert!(poll(&mut fds, PollTimeout::from(10_000u16)).unwrap() > 0);
    }

    #[test]
    fn a_program_runs_as_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let output = File::create(&path).unwrap();
        let script = "echo $MARK; pwd; umask; ulimit -n; ps -o sid= -p $$ | tr -d ' '";
        let mut child = spawn(&sample(&["sh", "-c", script], &output)).unwrap();
        wait_readable(child.report.awaited().unwrap());
        assert_eq!(child.report.outcome(), Some(Ok(())));
        assert_eq!(reap_one(child.pid), Some(crate::values::ExitStatus::Code(0)));
        let said = std::fs::read_to_string(&path).unwrap();
        assert_eq!(said, format!("here\n/\n0022\n77\n{}\n", child.pid));
    }

    #[test]
    fn a_program_lives_in_a_group_whose_processes_were_killed() {
        let Some(group) = group_of_a_test("killed") else { return };
        let output = File::create("/dev/null").unwrap();
        let run = |is_new: bool, program: &[&str]| {
            let folder = cgroup::folder(&group).unwrap();
            let mut command = sample(program, &output);
            command.group = Some(match is_new {
                true => GroupDoor::New(folder.as_fd()),
                false => GroupDoor::Old(folder.as_fd()),
            });
            spawn(&command).unwrap()
        };
        let killed = run(true, &["sleep", "1000"]);
        wait_readable(killed.report.awaited().unwrap());
        cgroup::kill(&group).unwrap();
        let by_kill = crate::values::ExitStatus::Signal(crate::values::Signal::KILL);
        assert_eq!(reap_one(killed.pid), Some(by_kill));
        for is_new in [false, true] {
            if is_new {
                assert_eq!(cgroup::make_anew(&group).unwrap(), cgroup::GroupMade::Anew);
            }
            let ended = reap_one(run(is_new, &["true"]).pid);
            assert_eq!(ended, Some(crate::values::ExitStatus::Code(0)), "new: {is_new}");
        }
        let inside = run(true, &["sleep", "1000"]);
        wait_readable(inside.report.awaited().unwrap());
        assert_eq!(cgroup::make_anew(&group).unwrap(), cgroup::GroupMade::Before);
        assert_eq!(cgroup::processes(&group).unwrap(), [inside.pid]);
        cgroup::kill(&group).unwrap();
        let _ = reap_one(inside.pid);
        cgroup::remove(&group);
    }

    #[test]
    fn a_failed_exec_is_told_by_stage_and_errno() {
        let output = File::create("/dev/null").unwrap();
        let mut child = spawn(&sample(&["/no/such/program"], &output)).unwrap();
        wait_readable(child.report.awaited().unwrap());
        let error = ExecError { stage: ExecStage::Exec, errno: libc::ENOENT };
        assert_eq!(child.report.outcome(), Some(Err(error)));
        let _ = reap_one(child.pid);

        let mut command = sample(&["true"], &output);
        command.directory = c"/no/such/folder".to_owned();
        let mut child = spawn(&command).unwrap();
        wait_readable(child.report.awaited().unwrap());
        let error = ExecError { stage: ExecStage::Directory, errno: libc::ENOENT };
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
        wait_readable(child.report.awaited().unwrap());
        assert_eq!(child.report.outcome(), Some(Ok(())));
        let _ = reap_one(child.pid);
        let said = std::fs::read_to_string(&path).unwrap();
        assert!(said.contains("/out") && !said.contains("/kept"), "{said}");
    }
}
