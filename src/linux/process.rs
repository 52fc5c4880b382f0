//! What /proc tells of one process beyond its stat: its users, its environment, its command line, its
//! program, and what it has mapped. The stat of a process, the walk of /proc and the reaping of children
//! are reached through here too.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub use super::memory::Unreadable;
use super::memory::{MemoryFile, read};
use super::proc::{of_process, unless_gone, whole};
pub use super::reap::{reap, reap_one};
pub use super::stat::{BootId, StartTicks, Stat};
pub use super::tree::{Tree, kill_below};
pub use super::walk::{all, all_with};
use crate::values::Pid;

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
    let misread = || of_process(pid, &io::Error::other("its status cannot be understood"));
    Users::of_status(&status).map(Some).ok_or_else(misread)
}

impl Users {
    /// Of the text of /proc/PID/status.
    pub fn of_status(status: &[u8]) -> Option<Self> {
        let status = String::from_utf8_lossy(status);
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let mut numbers = line.split_whitespace().map_while(|n| n.parse().ok());
        Some(Self { real: numbers.next()?, effective: numbers.next()? })
    }
}

/// The environment that a process was started with; none if it may not be read. A process that
/// rewrites its title may have written over it.
#[derive(Clone, Debug)]
pub struct Environment(Vec<u8>);

impl From<Vec<u8>> for Environment {
    /// Of the text of /proc/PID/environ.
    fn from(entries: Vec<u8>) -> Self {
        Self(entries)
    }
}

impl Environment {
    /// The environment of the process that was seen.
    ///
    /// # Errors
    /// It cannot be read: the process hangs with its memory map locked, or /proc fails.
    pub fn of(stat: &Stat) -> Result<Self, Unreadable> {
        read(stat, MemoryFile::Environ).map(Self)
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
pub fn environment_value(stat: &Stat, name: &str) -> Result<Option<Vec<u8>>, Unreadable> {
    Ok(Environment::of(stat)?.get(name).map(<[u8]>::to_vec))
}

/// The command line of `pid` as a person would type it, shortened for a message.
pub fn command_line(pid: Pid) -> Option<String> {
    shown_command_line(&read(&Stat::of(pid)?, MemoryFile::Cmdline).ok()?)
}

/// The same of the text of /proc/PID/cmdline.
pub fn shown_command_line(raw: &[u8]) -> Option<String> {
    let words: Vec<_> =
        raw.split(|&b| b == 0).filter(|w| !w.is_empty()).map(String::from_utf8_lossy).collect();
    if words.is_empty() {
        return None;
    }
    // A process may put anything there, such as control sequences of a terminal.
    let line = words.join(" ").replace(char::is_control, "?");
    Some(match line.char_indices().nth(80) {
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line,
    })
}

/// The function of the kernel in which `pid` waits (proc_pid_wchan(5)); None if it does not wait, or if
/// that may not be seen.
pub fn waits_in(pid: Pid) -> Option<String> {
    let place = fs::read_to_string(format!("/proc/{pid}/wchan")).ok()?;
    Some(place).filter(|p| !p.is_empty() && p != "0")
}

/// The words of its command line; none for a kernel thread, or once it is gone.
///
/// # Errors
/// As [`Environment::of`].
pub fn arguments(stat: &Stat) -> Result<Vec<Vec<u8>>, Unreadable> {
    Ok(words_of(&read(stat, MemoryFile::Cmdline)?))
}

/// The words in the text of /proc/PID/cmdline.
pub fn words_of(raw: &[u8]) -> Vec<Vec<u8>> {
    let raw = raw.strip_suffix(b"\0").unwrap_or(raw);
    if raw.is_empty() {
        return Vec::new();
    }
    raw.split(|&b| b == 0).map(<[u8]>::to_vec).collect()
}

/// The program that `pid` executes; None where it may not be seen.
pub fn program(pid: Pid) -> Option<std::path::PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    // The kernel adds this to the name of a program whose file was removed or replaced.
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
    path_below(&read(stat, MemoryFile::Maps).ok()?, folder)
}

/// The first file below `folder` in the text of /proc/PID/maps.
pub fn path_below(maps: &[u8], folder: &Path) -> Option<std::path::PathBuf> {
    // The path is the rest of a line, from its first slash on (proc_pid_maps(5)).
    let paths = maps.split(|&b| b == b'\n').filter_map(|line| {
        let slash = line.iter().position(|&b| b == b'/')?;
        Some(Path::new(std::ffi::OsStr::from_bytes(&line[slash..])))
    });
    paths.into_iter().find(|path| path.starts_with(folder)).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_has_its_users_and_what_is_not_has_none() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        child.wait().unwrap();
        assert_eq!(users(pid).unwrap(), None);
        let me = super::super::files::effective_user();
        assert_eq!(users(Pid::this()).unwrap().unwrap().effective, me);
    }
}
