//! A child whose output is captured: it is started with a pipe for what it prints, and dies with its
//! parent. Of its output the end is kept.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

use super::command::Command;
use super::pidfd::PidFd;
use super::spawn::{Child, ExecReport, pipe, spawn};
use super::tree::kill_below;
use crate::values::{ExecError, ExecStage, Pid, Signal};

/// Such a child.
#[derive(Debug)]
pub struct CapturedChild {
    pid: Pid,
    handle: PidFd,
    report: ExecReport,
    pipe: File,
    output: Vec<u8>,
    most: usize,
}

impl CapturedChild {
    /// Starts it; `prepare` makes the command that prints into the given descriptor. The last `most`
    /// bytes of its output are kept.
    ///
    /// # Errors
    /// As pipe(2) and fork(2).
    pub fn start<F>(most: usize, prepare: F) -> Result<Self, ExecError>
    where
        F: for<'a> FnOnce(BorrowedFd<'a>) -> Command<'a>,
    {
        let (reader, writer) = pipe().map_err(|error| ExecError {
            stage: ExecStage::Streams,
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        })?;
        let mut command = prepare(writer.as_fd());
        command.dies_with_parent = true;
        let Child { pid, handle, report } = spawn(&command)?;
        Ok(Self { pid, handle, report, pipe: File::from(reader), output: Vec::new(), most })
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The handle on it, which is readable once it is dead.
    pub fn handle(&self) -> &PidFd {
        &self.handle
    }

    /// The pipe, which is readable when it has printed something or has closed its output.
    pub fn pipe(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Reads what it has printed since, without waiting. False once there will be no more.
    pub fn read(&mut self) -> bool {
        let mut chunk = [0u8; 4096];
        // A child that prints without end must not keep the caller from its clock.
        for _ in 0..64 {
            match self.pipe.read(&mut chunk) {
                Ok(0) => return false,
                Ok(n) => {
                    self.output.extend_from_slice(&chunk[..n]);
                    let surplus = self.output.len().saturating_sub(self.most);
                    self.output.drain(..surplus);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// The end of what has been read.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Why its program did not run; None if it runs, or has run, or that is not known yet.
    pub fn exec_error(&mut self) -> Option<ExecError> {
        self.report.outcome()?.err()
    }

    /// Sends KILL to it and to all that it has started. It must not have been reaped.
    pub fn kill(&mut self) {
        // Before its program runs it has started nothing, and does not die with its parent yet: stopped, it would
        // be there for ever, with all that it has inherited, if this process is killed now.
        if self.report.outcome().is_some() {
            // While it is stopped it starts nothing more; and its children are killed before it, as orphans
            // can no longer be told from other processes.
            let _ = self.handle.send(Signal::STOP);
            kill_below(self.pid);
        }
        let _ = self.handle.send(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::super::reap::reap_one;
    use super::super::walk::all;
    use super::*;
    use crate::values::{ExitStatus, Moment};
    use std::ffi::OsStr;
    use std::time::Duration;

    fn shell(most: usize, script: &str) -> CapturedChild {
        let words = ["sh", "-c", script].map(OsStr::new);
        let started = CapturedChild::start(most, |output| {
            let path = vec![c"PATH=/usr/bin:/bin".to_owned()];
            Command::plain(vec![c"/bin/sh".to_owned()], &words, path, output)
        });
        started.unwrap()
    }

    #[test]
    fn the_end_of_its_output_is_kept() {
        let mut child = shell(4, "printf 123; printf 456789");
        assert_eq!(reap_one(child.pid()), Some(ExitStatus::Code(0)));
        while child.read() {}
        assert_eq!(child.output(), b"6789");
        assert_eq!(child.exec_error(), None);
    }

    #[test]
    fn all_that_it_has_started_ends_with_it() {
        // A session of its own, a child that forks all the time, and one of the session that is an
        // orphan already.
        let script = "setsid sleep 1017 & (while :; do sleep 0.01 & wait; done) &
                      (sleep 1017 &); echo up; wait";
        let mut child = shell(100, script);
        let deadline = Moment::now() + Duration::from_secs(10);
        while child.output() != b"up\n" {
            child.read();
            assert!(!deadline.passed());
        }
        let mut known = Vec::new();
        while known.len() < 4 {
            let sessions = |pid| all().unwrap().into_iter().filter(move |s| s.session == Some(pid));
            known = sessions(child.pid()).collect();
            let apart = all().unwrap().into_iter().find(|s| {
                s.parent == Some(child.pid()) && s.session == Some(s.pid) && s.comm == "sleep"
            });
            known.extend(apart);
            assert!(!deadline.passed(), "{known:?}");
        }
        child.kill();
        reap_one(child.pid());
        let lives = || {
            let now = all().unwrap();
            now.into_iter().any(|s| {
                let is_known = known.iter().any(|k| (k.pid, k.start) == (s.pid, s.start));
                s.is_alive() && (is_known || s.session == Some(child.pid()))
            })
        };
        while lives() {
            assert!(!deadline.passed());
        }
    }
}
