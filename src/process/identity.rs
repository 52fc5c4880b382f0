//! The identity of a process: its number with its start, because the number alone can be used again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use serde::{Deserialize, Serialize};

use crate::linux::process::{Stat, waits_in};
use crate::linux::wait::Waiting;
use crate::linux::{BootId, PidFd, StartTicks};
use crate::values::{Moment, Pid};

/// A process of this boot. Its number may be used again, the pair never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub pid: Pid,
    pub start: StartTicks,
}

impl Seen {
    /// The process's entry in /proc; None if it is gone, or cannot be looked at.
    pub fn stat(self) -> Option<Stat> {
        self.look().ok().flatten()
    }

    /// The process's entry in /proc; None if it is gone.
    ///
    /// # Errors
    /// It cannot be looked at, and may live.
    pub fn look(self) -> io::Result<Option<Stat>> {
        Ok(Stat::look(self.pid)?.filter(|stat| stat.start == self.start))
    }

    /// A handle on the process; None if it is gone.
    pub fn open(self) -> Option<PidFd> {
        PidFd::of(self.pid, self.start)
    }
}

impl From<&Stat> for Seen {
    fn from(stat: &Stat) -> Self {
        Self { pid: stat.pid, start: stat.start }
    }
}

/// Where in the kernel a process waits: ` in PLACE`, or nothing.
pub(super) fn wait_place(pid: Pid) -> String {
    waits_in(pid).map_or_else(String::new, |place| format!(" in {place}"))
}

/// A process of any boot. Its number may be used again, the triple never.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    pub boot: BootId,
    pub pid: Pid,
    pub start: StartTicks,
}

impl Identity {
    /// The identity of the process that has the number `pid` now.
    pub fn of(pid: Pid) -> Option<Self> {
        let stat = Stat::of(pid)?;
        Some(Self { boot: BootId::current().ok()?, pid, start: stat.start })
    }

    /// The identity of no process.
    pub fn nobody() -> Self {
        Self { boot: BootId::none(), pid: Pid::INIT, start: StartTicks::NEVER }
    }

    /// Of the same number and boot, but of no process that lives.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { start: StartTicks::NEVER, ..self }
    }

    /// Whether the process lives. False also if it cannot be looked at.
    pub fn is_alive(&self) -> bool {
        self.lives().unwrap_or(false)
    }

    /// Whether the process lives.
    ///
    /// # Errors
    /// It cannot be looked at, and may live.
    pub fn lives(&self) -> io::Result<bool> {
        Ok(self.seen().look()?.is_some_and(|stat| stat.is_alive())
            && BootId::current()? == self.boot)
    }

    /// The process's entry in /proc; None if it is gone.
    pub fn stat(&self) -> Option<Stat> {
        let stat = self.seen().stat()?;
        (BootId::current().ok()? == self.boot).then_some(stat)
    }

    /// How long it has lived; None if it is gone.
    pub fn age(&self) -> Option<std::time::Duration> {
        self.stat()?;
        Some(self.start.age())
    }

    /// A handle on the process; None if it is gone.
    pub fn open(&self) -> Option<PidFd> {
        self.stat()?;
        self.seen().open()
    }

    fn seen(&self) -> Seen {
        Seen { pid: self.pid, start: self.start }
    }
}

/// Waits until one of these processes has ended, `cut` is readable, or `until`. One that has ended since it was seen is
/// not waited for.
pub fn wait_for_an_end<'a>(
    processes: impl IntoIterator<Item = &'a Identity>,
    cut: Option<BorrowedFd<'_>>,
    until: Moment,
) {
    let handles: Option<Vec<PidFd>> = processes.into_iter().map(Identity::open).collect();
    let Some(handles) = handles else { return };
    let mut waiting = Waiting::new();
    for handle in handles.iter().map(PidFd::as_fd).chain(cut) {
        waiting.readable(handle, ());
    }
    waiting.wait(Some(until));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_used_again_is_another_process() {
        let me = Identity::of(Pid::this()).unwrap();
        assert!(me.is_alive() && me.lives().unwrap());
        assert!(me.open().is_some());
        let start = serde_json::from_str("1").unwrap();
        let other = Identity { start, ..me.clone() };
        assert!(!other.is_alive() && !other.lives().unwrap());
        assert!(other.open().is_none());
        let boot = serde_json::from_str("\"another\"").unwrap();
        assert!(!Identity { boot, ..me }.is_alive());
    }
}
