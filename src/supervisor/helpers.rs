//! Short-lived programs that the supervisor runs for a unit: probes, healthchecks, stop commands.
//! Each has a session of its own, ends with the supervisor, and prints into a pipe of which only
//! the end is kept.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use super::output::last_lines;
use super::plan::UnitId;
use crate::linux::process::ExitStatus;
use crate::linux::spawn::{Child, Command, ExecError, ExecReport, pipe, spawn};
use crate::linux::{Pid, PidFd, Signal};
use crate::process::kill_below;

/// What a helper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ends with 0 when the unit is ready.
    Ready,
    Health,
    /// A healthcheck that a client asked for.
    HealthFor(u64),
    /// Prints the number of the main process.
    Follow,
    Stop,
    Evidence,
    /// A reload that a client asked for.
    ReloadFor(u64),
}

/// One that runs.
#[derive(Debug)]
pub(super) struct Helper {
    pub(super) unit: UnitId,
    pub(super) role: Role,
    pub(super) pid: Pid,
    handle: PidFd,
    report: ExecReport,
    pipe: File,
    said: Vec<u8>,
    /// It has closed its output, though it may go on.
    pub(super) is_silent: bool,
}

/// How much of what it says is kept, in bytes.
const KEPT: usize = 4 << 10;

impl Helper {
    /// Starts it; `prepare` makes the command that prints into the given descriptor.
    ///
    /// # Errors
    /// As fork(2).
    pub(super) fn start<F>(unit: UnitId, role: Role, prepare: F) -> Result<Self, ExecError>
    where
        F: for<'a> FnOnce(&'a OwnedFd) -> Command<'a>,
    {
        let (reader, writer) = pipe().map_err(|error| ExecError {
            stage: crate::linux::spawn::Stage::Streams,
            errno: error.raw_os_error().unwrap_or(0),
        })?;
        let mut command = prepare(&writer);
        command.dies_with_parent = true;
        let Child { pid, handle, report } = spawn(&command)?;
        Ok(Self {
            unit,
            role,
            pid,
            handle,
            report,
            pipe: File::from(reader),
            said: Vec::new(),
            is_silent: false,
        })
    }

    /// Takes in what it has said since. False once there will be no more.
    pub(super) fn listen(&mut self) -> bool {
        let mut chunk = [0u8; 4096];
        // A helper that never stops talking must not keep the loop from everything else.
        for _ in 0..16 {
            match self.pipe.read(&mut chunk) {
                Ok(0) => return false,
                Ok(n) => {
                    self.said.extend_from_slice(&chunk[..n]);
                    let surplus = self.said.len().saturating_sub(KEPT);
                    self.said.drain(..surplus);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// What came of it, once it has ended: how it failed in words, with its last words.
    pub(super) fn outcome(&mut self, status: ExitStatus) -> Result<String, String> {
        self.listen();
        let said = last_lines(&self.said, 2).join(" / ");
        if let Some(Err(error)) = self.report.outcome() {
            return Err(error.to_string());
        }
        let how = match status {
            ExitStatus::Code(0) => return Ok(said),
            ExitStatus::Code(code) => format!("it ended with exit status {code}"),
            ExitStatus::Signal(signal) => format!("it was killed by {signal}"),
            ExitStatus::Untold => "it ended, and nobody was told how".to_owned(),
        };
        Err(if said.is_empty() { how } else { format!("{how}: {said}") })
    }

    /// Ends it and what it has started.
    pub(super) fn kill(&self) {
        // Descendants first: an orphan would be anybody's.
        kill_below(self.pid);
        let _ = self.handle.send(Signal::KILL);
    }

    /// Becomes readable when it says something.
    pub(super) fn voice(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
