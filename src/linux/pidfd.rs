//! Handles on processes (pidfd_open(2)). A number may be used again for another process; a handle never
//! comes to mean another one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::stat::{StartTicks, Stat};
use crate::values::ExitStatus;
use crate::values::{Pid, Signal};

/// A handle on one process: a signal sent through it reaches that process or none.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

/// `PIDFD_SIGNAL_PROCESS_GROUP` of pidfd_send_signal(2) (Linux 6.9).
const PROCESS_GROUP: libc::c_uint = 1 << 2;

/// `PIDFD_GET_INFO` of `<linux/pidfd.h>`: `_IOWR(0xFF, 11, struct pidfd_info)`, in its first form of
/// 64 bytes. The C libraries disagree on the type of a request, and the kernel reads its 32 bits.
const GET_INFO: libc::Ioctl = ((3_u32 << 30) | (64 << 16) | (0xFF << 8) | 11) as libc::Ioctl;

/// `PIDFD_INFO_EXIT` (Linux 6.15): how a process ended, once it has been reaped.
const INFO_EXIT: u64 = 1 << 3;

/// `struct pidfd_info` of `<linux/pidfd.h>`, in its first form.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

impl From<OwnedFd> for PidFd {
    /// Of a descriptor that is one (`CLONE_PIDFD` of clone(2)).
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

impl PidFd {
    /// Opens the process that has the number `pid` now. Its identity is to be checked after that.
    ///
    /// # Errors
    /// ESRCH if there is none; EMFILE and the like.
    pub fn open(pid: Pid) -> io::Result<Self> {
        // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
        let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.number(), 0) };
        let raw = i32::try_from(raw).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(raw) }))
    }

    /// The same with a number from `first` on, if there is one.
    #[must_use]
    pub(super) fn raised(self, first: i32) -> Self {
        // SAFETY: F_DUPFD_CLOEXEC makes a new descriptor of an open one.
        let raw = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first) };
        if raw < 0 {
            return self;
        }
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        Self(unsafe { OwnedFd::from_raw_fd(raw) })
    }

    /// A handle on the process `pid` that began at `start`; None once it is gone, or where that cannot
    /// be told.
    pub fn of(pid: Pid, start: StartTicks) -> Option<Self> {
        // First the handle, then the look: either the look is at the process that the handle holds, or
        // that process is dead.
        let handle = Self::open(pid).ok()?;
        let is_it = Stat::of(pid).is_some_and(|stat| stat.start == start);
        (is_it && !handle.is_dead()).then_some(handle)
    }

    /// Sends `signal`. Succeeds if the process is gone already.
    ///
    /// # Errors
    /// EPERM if the process belongs to another user.
    pub fn send(&self, signal: Signal) -> io::Result<()> {
        self.send_with(signal, 0)
    }

    /// Sends `signal` at once to every process of the group that this one leads, if it leads one.
    ///
    /// # Errors
    /// EINVAL before Linux 6.9.
    pub fn send_to_group(&self, signal: Signal) -> io::Result<()> {
        self.send_with(signal, PROCESS_GROUP)
    }

    fn send_with(&self, signal: Signal, flags: libc::c_uint) -> io::Result<()> {
        // SAFETY: the descriptor is open; a null siginfo asks the kernel to fill it as kill(2) does.
        let rc = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal.number(),
                std::ptr::null::<libc::siginfo_t>(),
                flags,
            )
        };
        match rc {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                gone if gone.raw_os_error() == Some(libc::ESRCH) => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Whether the process and all its threads are gone.
    pub fn is_dead(&self) -> bool {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(n) if n > 0)
    }

    /// How the process `pid`, which this is the handle of, has ended; it need not be a child. Once the
    /// process has been reaped, the kernel tells it (Linux 6.15); before that, /proc does.
    pub fn exit_status(&self, pid: Pid) -> ExitStatus {
        let told = || self.told_by_kernel();
        let by_zombie = || {
            // A number is not used again before the process is reaped.
            let stat = Stat::of(pid).filter(|stat| stat.state == 'Z')?;
            ExitStatus::from_wait(stat.exit_code?)
        };
        // Once more by the kernel, as it may have been reaped between the two.
        told().or_else(by_zombie).or_else(told).unwrap_or(ExitStatus::Untold)
    }

    fn told_by_kernel(&self) -> Option<ExitStatus> {
        let mut info = Info { mask: INFO_EXIT, ..Info::default() };
        // SAFETY: the structure has the size that the request names, and outlives the call.
        let rc = unsafe { libc::ioctl(self.0.as_raw_fd(), GET_INFO, &raw mut info) };
        (rc == 0 && info.mask & INFO_EXIT != 0).then(|| ExitStatus::from_wait(info.exit_code))?
    }
}

/// Whether this kernel signals whole process groups by a handle (Linux 6.9).
pub fn signals_groups() -> bool {
    // The null signal reaches nobody.
    PidFd::open(Pid::this()).is_ok_and(|me| me.send_to_group(Signal::NONE).is_ok())
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::super::wait::Waiting;
    use super::*;
    use crate::values::Moment;
    use std::process::Command;
    use std::time::Duration;

    fn wait_for(handle: &PidFd) {
        let mut waiting = Waiting::new();
        waiting.readable(handle.as_fd(), ());
        waiting.wait(Some(Moment::now() + Duration::from_secs(10)));
    }

    #[test]
    fn how_a_process_ended_is_told_before_it_is_reaped_and_after() {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let pid = Pid::try_from(child.id().cast_signed()).unwrap();
        let handle = PidFd::open(pid).unwrap();
        wait_for(&handle);
        assert_eq!(handle.exit_status(pid), ExitStatus::Code(7), "a zombie");
        child.wait().unwrap();
        let after = handle.exit_status(pid);
        match after {
            ExitStatus::Untold => eprintln!("LEFT OUT: this kernel does not tell of the reaped"),
            told => assert_eq!(told, ExitStatus::Code(7)),
        }
    }

    #[test]
    fn a_process_that_is_not_reaped_yet_is_dead_all_the_same() {
        assert!(!PidFd::open(Pid::this()).unwrap().is_dead());
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::try_from(child.id().cast_signed()).unwrap();
        let handle = PidFd::open(pid).unwrap();
        let start = Stat::of(pid).unwrap().start;
        wait_for(&handle);
        assert!(handle.is_dead());
        assert!(!Stat::of(pid).unwrap().is_alive(), "not reaped yet, but dead");
        child.wait().unwrap();
        assert!(handle.send(Signal::TERM).is_ok(), "a signal to the dead is no error");
        assert!(PidFd::of(pid, start).is_none());
    }

    #[test]
    fn a_handle_is_on_the_process_that_was_seen_or_on_none() {
        let me = Stat::of(Pid::this()).unwrap();
        assert!(PidFd::of(me.pid, me.start).is_some());
        assert!(PidFd::of(me.pid, StartTicks::NEVER).is_none());
    }

    #[test]
    fn a_group_is_signalled_as_one() {
        if !signals_groups() {
            return eprintln!(
                "LEFT OUT: this kernel signals no groups by a handle (Linux 6.9 does)"
            );
        }
        let mut leader = Command::new("sh");
        leader.args(["-c", "sleep 1000 & wait"]);
        std::os::unix::process::CommandExt::process_group(&mut leader, 0);
        let mut leader = leader.spawn().unwrap();
        let pid = Pid::try_from(leader.id().cast_signed()).unwrap();
        let child =
            || super::super::walk::all().unwrap().into_iter().find(|s| s.parent == Some(pid));
        let deadline = Moment::now() + Duration::from_secs(10);
        let child = loop {
            if let Some(child) = child() {
                break child.pid;
            }
            assert!(!deadline.passed());
        };
        let handle = PidFd::open(child).unwrap();
        PidFd::open(pid).unwrap().send_to_group(Signal::KILL).unwrap();
        wait_for(&handle);
        assert!(handle.is_dead());
        leader.wait().unwrap();
    }
}
