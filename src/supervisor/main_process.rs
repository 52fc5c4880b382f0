//! The main process of a unit, as the supervisor holds it.

use std::time::Duration;

use crate::linux::{PidFd, StartTicks};
use crate::process::Seen;
use crate::values::{Moment, Pid, Signal};

/// How long after a failed attempt a process is identified again, and for how long that is tried.
const IDENTIFY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A main process that lives, or whose death is not handled yet. While it is kept here its PID is not used
/// again: a child is not reaped, and an adopted process was checked while its handle was open.
pub(super) struct MainProcess {
    pub(super) pid: Pid,
    pub(super) handle: PidFd,
    pub(super) origin: Origin,
    start: StartTime,
}

/// How the supervisor learns of a main process's death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A child of the supervisor: SIGCHLD.
    Child,
    /// It was started by an earlier supervisor: its pidfd becomes readable.
    Adopted,
}

/// When a main process began. PID and start time together identify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StartTime {
    Known(StartTicks),
    /// /proc could not be read when it was started.
    Unknown {
        again: Moment,
        give_up: Moment,
    },
    /// It could not be read in time; the process is being ended.
    GivenUp,
}

/// What came of another attempt to identify a main process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identification {
    /// Nothing to do, or not yet.
    Unchanged,
    Found,
    Failed,
}

impl MainProcess {
    /// `start`: None where /proc could not be read.
    pub(super) fn new(
        pid: Pid,
        start: Option<StartTicks>,
        handle: PidFd,
        origin: Origin,
        now: Moment,
    ) -> Self {
        let start = match start {
            Some(start) => StartTime::Known(start),
            None => StartTime::Unknown { again: now + IDENTIFY.0, give_up: now + IDENTIFY.1 },
        };
        Self { pid, handle, origin, start }
    }

    pub(super) fn start(&self) -> Option<StartTicks> {
        match self.start {
            StartTime::Known(start) => Some(start),
            StartTime::Unknown { .. } | StartTime::GivenUp => None,
        }
    }

    /// When it is to be identified again.
    pub(super) fn identify_at(&self) -> Option<Moment> {
        match self.start {
            StartTime::Unknown { again, .. } => Some(again),
            StartTime::Known(_) | StartTime::GivenUp => None,
        }
    }

    /// Tries again to identify it, if it is time; `look` reads its start time.
    pub(super) fn identify(
        &mut self,
        now: Moment,
        look: impl FnOnce(Pid) -> Option<StartTicks>,
    ) -> Identification {
        let StartTime::Unknown { again, give_up } = self.start else {
            return Identification::Unchanged;
        };
        if again > now {
            return Identification::Unchanged;
        }
        if let Some(start) = look(self.pid) {
            self.start = StartTime::Known(start);
            return Identification::Found;
        }
        if give_up > now {
            self.start = StartTime::Unknown { again: now + IDENTIFY.0, give_up };
            return Identification::Unchanged;
        }
        self.start = StartTime::GivenUp;
        Identification::Failed
    }
}

/// Sends a signal to a process of the site that was seen alive.
pub(super) fn signal(seen: Seen, signal: Signal) {
    if let Some(handle) = seen.open()
        && let Err(error) = handle.send(signal)
    {
        log::warn!("{signal} could not be sent to {}: {error}", seen.pid);
    }
}
