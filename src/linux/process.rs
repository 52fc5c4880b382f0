//! Processes: their numbers as types, what /proc tells of them, signals that cannot go astray.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Ahead;
pub use super::memory::Mute;
use super::memory::{Part, read};
use super::proc::{of_process, patiently, unless_gone, whole};
use crate::values::{ExitStatus, Pid, Signal};

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
    /// When no process began.
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

/// Which boot of this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId(String);

impl BootId {
    /// Of no boot.
    pub fn none() -> Self {
        Self(String::new())
    }

    /// The present boot.
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn current() -> io::Result<Self> {
        let id = whole("/proc/sys/kernel/random/boot_id")?;
        Ok(Self(String::from_utf8_lossy(&id).trim().to_owned()))
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
    /// It is a thread of the kernel's: it has no program, no environment and no open file.
    pub is_kernels: bool,
    /// How many there are, the leader among them.
    pub(super) threads: u32,
    pub start: StartTicks,
    /// Of one that is dead and not reaped, where it may be seen.
    pub(super) exit_code: Option<i32>,
}

impl Stat {
    /// Of the process `pid`; None if there is none, or it cannot be seen. Where "gone" is to be proved,
    /// [`Self::look`] tells the two apart.
    pub fn of(pid: Pid) -> Option<Self> {
        Self::look(pid).ok().flatten()
    }

    /// Of the process `pid`; None if there is none.
    ///
    /// # Errors
    /// There may be one, and it cannot be looked at; PermissionDenied where this user may not.
    pub fn look(pid: Pid) -> io::Result<Option<Self>> {
        let path = format!("/proc/{pid}/stat");
        let Some(line) = unless_gone(whole(&path)).map_err(|e| of_process(pid, &e))? else {
            return Ok(None);
        };
        let misread = || of_process(pid, &io::Error::other("its stat cannot be understood"));
        Self::parse(&line).map(Some).ok_or_else(misread)
    }

    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        // The name may hold spaces and parentheses; nothing behind the last one can.
        let open = line.iter().position(|&b| b == b'(')?;
        let close = line.iter().rposition(|&b| b == b')')?;
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.trim().parse::<i64>().ok();
        let pid = Pid::from_raw(i32::try_from(number(&line[..open])?).ok()?)?;
        let rest = std::str::from_utf8(line.get(close + 2..)?).ok()?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let as_pid = |i: usize| fields.get(i).and_then(|f| f.parse().ok()).and_then(Pid::from_raw);
        Some(Self {
            pid,
            comm: String::from_utf8_lossy(line.get(open + 1..close)?).into_owned(),
            state: fields.first()?.chars().next()?,
            parent: as_pid(1),
            group: as_pid(2),
            session: as_pid(3),
            has_terminal: fields.get(4).is_some_and(|f| *f != "0"),
            // PF_KTHREAD among the flags.
            is_kernels: fields
                .get(6)
                .and_then(|f| f.parse().ok())
                .is_some_and(|f: u32| f & 0x20_0000 != 0),
            threads: fields.get(17).and_then(|f| f.parse().ok()).unwrap_or(u32::MAX),
            start: StartTicks::as_told(fields.get(19)?.parse().ok()?),
            exit_code: fields.get(49).and_then(|f| f.trim().parse().ok()),
        })
    }

    /// Whether a task of the process is left: a zombie leader with a living thread is alive, and one
    /// whose threads cannot be looked at is not known to be dead.
    pub fn is_alive(&self) -> bool {
        match self.state {
            'X' => false,
            // The leader alone is left, and it is dead.
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
            let Some(line) = unless_gone(whole(task.path().join("stat")))? else { continue };
            if Self::parse(&line).is_none_or(|stat| !matches!(stat.state, 'Z' | 'X')) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stopped by a signal or a debugger: it cannot answer, though nothing is wrong with it.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Every process that can be seen here, the dead among them too. `more` is asked of each as soon as
/// it is seen, as it may be gone a moment later.
///
/// /proc is read one process after the other, and a process may fork and die meanwhile, so that
/// neither it nor its child is seen. Hence the look is over only when two listings in a row are the
/// same and everything in them was read: that makes one that finds nothing worth something. What
/// comes and goes costs a listing more, not a whole look. On a machine that forks all the time the
/// listings come to an end, and what has gone since it was seen is then given as it was seen.
///
/// # Errors
/// /proc cannot be listed, or a process that is there cannot be looked at: then nothing is known.
pub fn all_with<T>(more: impl Fn(&Stat) -> T) -> io::Result<Vec<(Stat, T)>> {
    const LISTINGS: usize = 100;
    enum Looked<T> {
        Seen(Stat, T),
        /// It may not be (proc(5), hidepid=1): to look again would not help.
        Forbidden,
        Gone,
        Failed(io::Error),
    }
    let look = |pid: Pid| match Stat::look(pid) {
        Ok(Some(stat)) => {
            let told = more(&stat);
            Looked::Seen(stat, told)
        }
        Ok(None) => Looked::Gone,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Looked::Forbidden,
        Err(error) => Looked::Failed(error),
    };
    let mut listed = Vec::new();
    let mut seen: BTreeMap<Pid, Option<(Stat, T)>> = BTreeMap::new();
    let mut gone = BTreeMap::new();
    // Of the last listing.
    let mut failed: BTreeMap<Pid, io::Error> = BTreeMap::new();
    for _ in 0..LISTINGS {
        let before = std::mem::take(&mut listed);
        failed.clear();
        for pid in numbers()? {
            listed.push(pid);
            if let Entry::Vacant(new) = seen.entry(pid) {
                match look(pid) {
                    Looked::Seen(stat, told) => drop(new.insert(Some((stat, told)))),
                    Looked::Forbidden => drop(new.insert(None)),
                    Looked::Gone => {}
                    Looked::Failed(error) => drop(failed.insert(pid, error)),
                }
            }
        }
        listed.sort_unstable();
        let is_listed = |pid: &Pid| listed.binary_search(pid).is_ok();
        let is_settled = |pid: &Pid| seen.contains_key(pid) || failed.contains_key(pid);
        if listed == before && listed.iter().all(is_settled) {
            // It was tried in two listings.
            if let Some((_, error)) = failed.pop_first() {
                return Err(error);
            }
            return Ok(seen.into_values().flatten().collect());
        }
        let (here, went): (BTreeMap<_, _>, BTreeMap<_, _>) =
            seen.into_iter().partition(|(pid, _)| is_listed(pid));
        seen = here;
        gone.extend(went);
        // What has lost its parent has another one by now.
        let bereft = |stat: &Stat| stat.parent.is_some_and(|parent| !is_listed(&parent));
        for (pid, found) in &mut seen {
            if found.as_ref().is_some_and(|(stat, _)| bereft(stat))
                && let Looked::Seen(stat, told) = look(*pid)
            {
                *found = Some((stat, told));
            }
        }
    }
    if let Some((_, error)) = failed.pop_first() {
        return Err(error);
    }
    gone.extend(seen);
    Ok(gone.into_values().flatten().collect())
}

/// As [`all_with`], with nothing more asked.
///
/// # Errors
/// /proc cannot be read.
pub fn all() -> io::Result<Vec<Stat>> {
    Ok(all_with(|_| ())?.into_iter().map(|(stat, ())| stat).collect())
}

/// The numbers of all processes, one after the other.
fn numbers() -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in patiently(|| fs::read_dir("/proc"))? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        found.extend(number.and_then(Pid::from_raw));
    }
    if !found.contains(&Pid::this()) {
        return Err(io::Error::other("it does not show this very process"));
    }
    Ok(found)
}

/// As whom a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Users {
    pub real: u32,
    pub effective: u32,
}

/// As whom `pid` runs; None if there is no such process.
///
/// # Errors
/// There may be one, and it cannot be looked at.
pub fn users(pid: Pid) -> io::Result<Option<Users>> {
    let status = unless_gone(whole(format!("/proc/{pid}/status")));
    let Some(status) = status.map_err(|error| of_process(pid, &error))? else { return Ok(None) };
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let mut numbers = line.unwrap_or_default().split_whitespace().map_while(|n| n.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(real), Some(effective)) => Ok(Some(Users { real, effective })),
        _ => Err(of_process(pid, &io::Error::other("its status cannot be understood"))),
    }
}

/// The environment that a process was started with; none if it may not be read. A process that
/// rewrites its title may have written over it.
#[derive(Clone, Debug)]
pub struct Environment(Vec<u8>);

impl Environment {
    /// Of the process that was seen.
    ///
    /// # Errors
    /// It cannot be read: it hangs in such a way that nobody can look into its memory, or /proc fails.
    pub fn of(stat: &Stat) -> Result<Self, Mute> {
        read(stat, Part::Environ).map(Self)
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let value = |entry: &'_ [u8]| -> Option<usize> {
            entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::len)
        };
        self.0.split(|&b| b == 0).find_map(|entry| value(entry).map(|n| &entry[entry.len() - n..]))
    }
}

/// The value of `name` in the environment that a process was started with.
///
/// # Errors
/// As [`Environment::of`].
pub fn environment_value(stat: &Stat, name: &str) -> Result<Option<Vec<u8>>, Mute> {
    Ok(Environment::of(stat)?.get(name).map(<[u8]>::to_vec))
}

/// The command line of `pid` as a person would type it, cut to something that fits a message.
pub fn command_line(pid: Pid) -> Option<String> {
    let raw = read(&Stat::of(pid)?, Part::Cmdline).ok()?;
    let words: Vec<_> =
        raw.split(|&b| b == 0).filter(|w| !w.is_empty()).map(String::from_utf8_lossy).collect();
    if words.is_empty() {
        return None;
    }
    // A process may put there what it likes, also what a terminal would obey.
    let line = words.join(" ").replace(char::is_control, "?");
    Some(match line.char_indices().nth(80) {
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line,
    })
}

/// The place in the kernel in which `pid` waits (proc_pid_wchan(5)); None where it does not, or where
/// it may not be seen.
pub fn waits_in(pid: Pid) -> Option<String> {
    let place = fs::read_to_string(format!("/proc/{pid}/wchan")).ok()?;
    Some(place).filter(|p| !p.is_empty() && p != "0")
}

/// The words of its command line; none for a kernel thread, or once it is gone.
///
/// # Errors
/// It hangs in such a way that nobody can look into its memory.
pub fn arguments(stat: &Stat) -> Result<Vec<Vec<u8>>, Mute> {
    let raw = read(stat, Part::Cmdline)?;
    let raw = raw.strip_suffix(b"\0").unwrap_or(&raw);
    if raw.is_empty() {
        return Ok(Vec::new());
    }
    Ok(raw.split(|&b| b == 0).map(<[u8]>::to_vec).collect())
}

/// The program that `pid` executes; None where it may not be seen.
pub fn program(pid: Pid) -> Option<std::path::PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    // One that was replaced on disk is shown with this behind its name.
    let name = path.as_os_str().as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    Some(std::ffi::OsStr::from_bytes(name).into())
}

/// The working folder of `pid`; None where it may not be seen.
pub fn working_folder(pid: Pid) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The first file below `folder` that a process has mapped into its memory.
pub fn mapped_below(stat: &Stat, folder: &Path) -> Option<std::path::PathBuf> {
    let maps = read(stat, Part::Maps).ok()?;
    // The path is the rest of a line, from its first slash on (proc_pid_maps(5)).
    let paths = maps.split(|&b| b == b'\n').filter_map(|line| {
        let slash = line.iter().position(|&b| b == b'/')?;
        Some(Path::new(std::ffi::OsStr::from_bytes(&line[slash..])))
    });
    paths.into_iter().find(|path| path.starts_with(folder)).map(Path::to_owned)
}

impl ExitStatus {
    /// From the number of wait(2); None for one that has only stopped.
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

/// One child that has ended, reaped; None when there is none at present.
pub fn reap() -> Option<(Pid, ExitStatus)> {
    wait(-1, libc::WNOHANG)
}

/// Reaps `child`, which must be a child of ours, waiting for its end.
pub fn reap_one(child: Pid) -> Option<ExitStatus> {
    wait(child.number(), 0).map(|(_, status)| status)
}

// Not nix's waitpid: it answers EINVAL for a death by a real-time signal, and the child is lost.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::{PidFd, wait::Waiting};
    use std::os::fd::AsFd;

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
    fn what_is_not_there_is_gone_and_what_is_there_has_its_users() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        child.wait().unwrap();
        assert!(Stat::look(pid).unwrap().is_none());
        assert_eq!(users(pid).unwrap(), None);
        let me = super::super::files::effective_user();
        assert_eq!(users(Pid::this()).unwrap().unwrap().effective, me);
    }

    #[test]
    fn this_process_is_alive_and_among_all() {
        let me = Stat::of(Pid::this()).unwrap();
        assert!(me.is_alive());
        assert!(all().unwrap().iter().any(|s| s.pid == me.pid && s.start == me.start));
        assert!(!PidFd::open(me.pid).unwrap().is_dead());
    }

    #[test]
    fn a_zombie_leader_with_a_living_thread_is_alive_and_a_zombie_is_not() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        let handle = PidFd::open(pid).unwrap();
        let mut waiting = Waiting::new();
        waiting.readable(handle.as_fd(), ());
        waiting.wait(Some(crate::values::Moment::now() + Duration::from_secs(5)));
        assert!(handle.is_dead());
        assert!(!Stat::of(pid).unwrap().is_alive(), "not reaped yet, but dead");
        child.wait().unwrap();
        assert!(handle.send(Signal::TERM).is_ok(), "a signal to the dead is no error");
    }
}
