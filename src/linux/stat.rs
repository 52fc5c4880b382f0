//! Which process, and in which state: its number, when it began, and what proc_pid_stat(5) tells.

use std::fs;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Ahead;
use super::proc::{line, of_process, unless_gone, whole};
use crate::values::Pid;

impl Pid {
    /// The calling process.
    pub fn this() -> Self {
        // A process that runs has a number above 0.
        Self::from_raw(std::process::id().cast_signed()).unwrap_or(Self::INIT)
    }
}

/// When a process began, in clock ticks since the node's boot: field 22 of proc_pid_stat(5), unrounded,
/// and the same in every time namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StartTicks(u64);

impl StartTicks {
    /// The start of no process.
    pub const NEVER: Self = Self(u64::MAX);

    /// As /proc tells it to this process, whose clock may be ahead of the node's.
    fn as_told(ticks: u64) -> Self {
        Self(Ahead::get().boottime.taken_from_ticks(ticks, Self::per_second()))
    }

    fn per_second() -> u64 {
        // SAFETY: sysconf takes a number and returns one.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        u64::try_from(per_second).ok().filter(|n| *n > 0).unwrap_or(100)
    }

    /// How long ago that was.
    pub fn age(self) -> Duration {
        let began = Duration::from_millis(self.0.saturating_mul(1000) / Self::per_second());
        // The ticks count on through a suspend, as CLOCK_BOOTTIME does.
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
            .map_or(Duration::ZERO, Into::into);
        Ahead::get().boottime.taken_from(now).saturating_sub(began)
    }
}

/// One boot of this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId(String);

impl BootId {
    /// The id of no boot.
    pub fn none() -> Self {
        Self(String::new())
    }

    /// The present boot. It is read once, as no process outlives a boot.
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn current() -> io::Result<Self> {
        static PRESENT: OnceLock<BootId> = OnceLock::new();
        if let Some(present) = PRESENT.get() {
            return Ok(present.clone());
        }
        let id = whole("/proc/sys/kernel/random/boot_id")?;
        let present = Self(String::from_utf8_lossy(&id).trim().to_owned());
        Ok(PRESENT.get_or_init(|| present).clone())
    }
}

/// What proc_pid_stat(5) tells of a process.
#[derive(Clone, Debug)]
pub struct Stat {
    pub pid: Pid,
    /// The first 15 bytes of the program's name.
    pub comm: String,
    /// One letter: R S D Z T t X I.
    pub state: char,
    /// None for PID 1 and for processes whose parent lives outside this PID namespace.
    pub parent: Option<Pid>,
    /// Its process group; None where its leader lives outside this PID namespace.
    pub group: Option<Pid>,
    /// None where the session's leader lives outside this PID namespace.
    pub session: Option<Pid>,
    /// Its session has a terminal.
    pub has_terminal: bool,
    /// It is a kernel thread, without a program, an environment and open files.
    pub is_kernels: bool,
    /// The number of its threads, the leader included.
    pub(super) threads: u32,
    pub start: StartTicks,
    /// Of a zombie, if this user may see it.
    pub(super) exit_code: Option<i32>,
}

impl Stat {
    /// Of the process `pid`; None if there is none, or if it cannot be seen. [`Self::look`] tells the two
    /// apart.
    pub fn of(pid: Pid) -> Option<Self> {
        Self::look(pid).ok().flatten()
    }

    /// Of the process `pid`; None if there is none.
    ///
    /// # Errors
    /// There may be one, and it cannot be looked at; PermissionDenied where this user may not.
    pub fn look(pid: Pid) -> io::Result<Option<Self>> {
        let path = format!("/proc/{pid}/stat");
        let Some(line) = unless_gone(line(&path)).map_err(|e| of_process(pid, &e))? else {
            return Ok(None);
        };
        let misread = || of_process(pid, &io::Error::other("its stat cannot be understood"));
        Self::parse(&line).map(Some).ok_or_else(misread)
    }

    /// Of the text of /proc/PID/stat.
    pub fn parse(line: &[u8]) -> Option<Self> {
        // The name may hold spaces and parentheses; the rest of the line holds no parenthesis.
        let open = line.iter().position(|&b| b == b'(')?;
        let close = line.iter().rposition(|&b| b == b')')?;
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.trim().parse::<i64>().ok();
        let pid = Pid::from_raw(i32::try_from(number(&line[..open])?).ok()?)?;
        let rest = std::str::from_utf8(line.get(close + 2..)?).ok()?;
        // Of every process of the node, so that no list is made.
        let mut fields = [""; 50];
        fields.iter_mut().zip(rest.split(' ')).for_each(|(field, told)| *field = told);
        let as_pid = |i: usize| fields[i].parse().ok().and_then(Pid::from_raw);
        Some(Self {
            pid,
            comm: String::from_utf8_lossy(line.get(open + 1..close)?).into_owned(),
            state: fields[0].chars().next()?,
            parent: as_pid(1),
            group: as_pid(2),
            session: as_pid(3),
            has_terminal: !matches!(fields[4], "" | "0"),
            // PF_KTHREAD among the flags.
            is_kernels: fields[6].parse().is_ok_and(|flags: u32| flags & 0x20_0000 != 0),
            threads: fields[17].parse().unwrap_or(u32::MAX),
            start: StartTicks::as_told(fields[19].parse().ok()?),
            exit_code: fields[49].trim().parse().ok(),
        })
    }

    /// Whether a thread of the process lives: a zombie leader with a living thread is alive, and one whose
    /// threads cannot be looked at counts as alive.
    pub fn is_alive(&self) -> bool {
        match self.state {
            'X' => false,
            // Only the leader is left, and it is dead.
            'Z' if self.threads <= 1 => false,
            'Z' => self.has_living_thread().unwrap_or(true),
            _ => true,
        }
    }

    fn has_living_thread(&self) -> io::Result<bool> {
        let Some(tasks) = unless_gone(fs::read_dir(format!("/proc/{}/task", self.pid)))? else {
            return Ok(false);
        };
        for task in tasks {
            let Some(task) = unless_gone(task)? else { break };
            let Some(line) = unless_gone(line(task.path().join("stat")))? else { continue };
            if Self::parse(&line).is_none_or(|stat| !matches!(stat.state, 'Z' | 'X')) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether it is stopped by a signal or a debugger: then it cannot answer, though it is not at fault.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read() {
        let line = b"42 (a) b (c) Z 7 42 42 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 9876 0 0";
        let stat = Stat::parse(line).unwrap();
        let pid = |raw| Pid::from_raw(raw).unwrap();
        assert_eq!((stat.pid, stat.comm.as_str(), stat.state), (pid(42), "a) b (c", 'Z'));
        assert_eq!((stat.parent, stat.session), (Some(pid(7)), Some(pid(42))));
        assert_eq!(stat.start, StartTicks(9876));
    }

    #[test]
    fn what_is_not_there_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        child.wait().unwrap();
        assert!(Stat::look(pid).unwrap().is_none());
    }
}
