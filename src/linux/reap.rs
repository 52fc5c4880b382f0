//! Reaping children (wait(2)).

use std::io;

use crate::values::{ExitStatus, Pid, Signal};

impl ExitStatus {
    /// From the status of wait(2); None for a child that has only stopped.
    pub(super) fn from_wait(status: i32) -> Option<Self> {
        if libc::WIFEXITED(status) {
            Some(Self::Code(libc::WEXITSTATUS(status)))
        } else if libc::WIFSIGNALED(status) {
            Some(Self::Signal(Signal::from_raw(libc::WTERMSIG(status))))
        } else {
            None
        }
    }
}

/// Reaps one child that has ended; None if there is none at present.
pub fn reap() -> Option<(Pid, ExitStatus)> {
    wait(-1, libc::WNOHANG)
}

/// Waits for the end of `child`, a child of this process, and reaps it.
pub fn reap_one(child: Pid) -> Option<ExitStatus> {
    wait(child.number(), 0).map(|(_, status)| status)
}

// Not nix's waitpid: for a child killed by a real-time signal it reaps the child and fails with EINVAL.
fn wait(which: i32, flags: i32) -> Option<(Pid, ExitStatus)> {
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to a local that outlives the call.
        let pid = unsafe { libc::waitpid(which, &raw mut status, flags) };
        if pid < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        let pid = Pid::from_raw(pid)?;
        if let Some(status) = ExitStatus::from_wait(status) {
            return Some((pid, status));
        }
    }
}
