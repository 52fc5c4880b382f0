//! Control groups, version 2 (cgroups(7)). A process does not leave its group by forking, by changing its
//! session, or by being orphaned.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pidfd::PidFd;
use super::proc::{unless_gone, whole};
use super::wait::Waiting;
use crate::values::{Moment, Pid, Signal};

/// Where version 2 is mounted; None if no such mount can be seen.
pub fn mount() -> Option<PathBuf> {
    mounted().ok().flatten()
}

/// As [`mount`], but with an error if it cannot be told.
///
/// # Errors
/// The table of mounts cannot be read.
pub fn mounted() -> io::Result<Option<PathBuf>> {
    Ok(mount_in(&whole("/proc/self/mountinfo")?))
}

/// The same by the text of /proc/PID/mountinfo.
pub fn mount_in(table: &[u8]) -> Option<PathBuf> {
    String::from_utf8_lossy(table).lines().find_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let is_v2 = tail.split(' ').next() == Some("cgroup2");
        is_v2.then(|| head.split(' ').nth(4).map(PathBuf::from)).flatten()
    })
}

/// Whether a group was made, or had been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMade {
    Anew,
    Before,
}

/// Makes a group, and those above it; one that has no process is made anew, so that nothing in it was ever killed.
///
/// # Errors
/// The mount is read-only, or belongs to another user.
pub fn make_anew(group: &Path) -> io::Result<GroupMade> {
    match make_anew_below(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(above) = group.parent() {
                fs::create_dir_all(above)?;
            }
            make_anew_below(group)
        }
        made => made,
    }
}

/// As [`make_anew`], of a group in one that must exist.
///
/// # Errors
/// As [`make_below`].
pub fn make_anew_below(group: &Path) -> io::Result<GroupMade> {
    let make = || match fs::create_dir(group) {
        Ok(()) => Ok(GroupMade::Anew),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(GroupMade::Before),
        Err(error) => Err(error),
    };
    match make()? {
        GroupMade::Anew => Ok(GroupMade::Anew),
        GroupMade::Before => {
            // One that has a process, or a group, stays.
            let _ = fs::remove_dir(group);
            make()
        }
    }
}

/// Makes a group in one that must exist.
///
/// # Errors
/// The one above does not exist, or belongs to another user.
pub fn make_below(group: &Path) -> io::Result<()> {
    match fs::create_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// The file that a process writes `0` to, to join the group.
///
/// # Errors
/// As open(2).
pub fn procs_file(group: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(group.join("cgroup.procs"))
}

/// The folder of the group, for a process that is to begin its life in it.
///
/// # Errors
/// As open(2).
pub fn folder(group: &Path) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    Ok(OpenOptions::new().read(true).custom_flags(flags).open(group)?.into())
}

/// The processes in a group, those of groups below it included; none where there is no such group.
///
/// # Errors
/// The group exists, and cannot be read, or it holds a process that has no number here.
pub fn processes(group: &Path) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    let Some(listed) = unless_removed(whole(group.join("cgroup.procs")))? else {
        return Ok(found);
    };
    let listed = listed_in(&listed).ok_or_else(|| {
        let at = group.display();
        io::Error::other(format!("{at} holds a process that cannot be seen from here"))
    })?;
    found.extend(listed);
    for below in below(group)? {
        found.extend(processes(&below)?);
    }
    Ok(found)
}

/// The processes in the text of cgroup.procs; None: one has no number here.
pub fn listed_in(listed: &[u8]) -> Option<Vec<Pid>> {
    let listed = String::from_utf8_lossy(listed);
    // 0 stands for a process outside this PID namespace.
    let pid = |line: &str| line.parse().ok().and_then(|number: i32| Pid::try_from(number).ok());
    listed.lines().map(pid).collect()
}

/// The groups right below a group; none where there is no such group.
///
/// # Errors
/// The group exists, and cannot be read.
pub fn below(group: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Some(entries) = unless_removed(fs::read_dir(group))? else { return Ok(found) };
    for entry in entries {
        let Some(entry) = unless_removed(entry)? else { break };
        if unless_removed(entry.file_type())?.is_some_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// None if the group was removed before or during the look.
fn unless_removed<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        other => unless_gone(other),
    }
}

/// The group of a process, as a path below the root of the tree; None once the process is gone, or if it
/// is in no group of this version.
///
/// # Errors
/// It cannot be told.
pub fn of(pid: Pid) -> io::Result<Option<PathBuf>> {
    let table = match whole(format!("/proc/{pid}/cgroup")) {
        // The path is longer than the kernel can tell. Any user who may make groups can make such one.
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Ok(None),
        told => unless_gone(told)?,
    };
    Ok(table.and_then(|table| group_in(&table)))
}

/// The group in the text of /proc/PID/cgroup.
pub fn group_in(table: &[u8]) -> Option<PathBuf> {
    let table = String::from_utf8_lossy(table);
    table.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

/// The memory that is accounted to a group, in bytes, with its cached files; None where the node does not
/// account it.
pub fn memory(group: &Path) -> Option<u64> {
    let told = whole(group.join("memory.current")).ok()?;
    String::from_utf8_lossy(&told).trim().parse().ok()
}

/// The time on a CPU of all processes that are, or were, in a group.
pub fn cpu_time(group: &Path) -> Option<Duration> {
    let told = whole(group.join("cpu.stat")).ok()?;
    cpu_time_in(&told)
}

/// The same by the text of cpu.stat.
pub fn cpu_time_in(told: &[u8]) -> Option<Duration> {
    let told = String::from_utf8_lossy(told);
    let used = told.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    used.trim().parse().ok().map(Duration::from_micros)
}

/// Sends KILL to every process in a group at once.
///
/// # Errors
/// The group is gone, or may not be written.
pub fn kill(group: &Path) -> io::Result<()> {
    match fs::write(group.join(KILL), "1") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => freeze_and_kill(group),
        other => other,
    }
}

/// The file that kills a group at once (Linux 5.14).
const KILL: &str = "cgroup.kill";

/// Whether groups at or above this path have the file that kills them at once.
pub fn has_kill(group: &Path) -> bool {
    // The root has no such file. Of the other groups, either all have it or none has.
    let there = group.ancestors().find(|path| path.exists());
    let probe = |path: &Path| path.join(KILL).exists();
    there.is_some_and(|path| {
        let below = below(path).unwrap_or_default();
        probe(path) || below.first().is_some_and(|group| probe(group))
    })
}

/// The same on an older kernel: a frozen process cannot fork (Linux 5.2).
fn freeze_and_kill(group: &Path) -> io::Result<()> {
    let freeze = group.join("cgroup.freeze");
    fs::write(&freeze, "1")?;
    let inside = processes(group);
    for pid in inside.iter().flatten() {
        // A frozen process cannot end, so its number is not used again.
        if let Ok(handle) = PidFd::open(*pid) {
            let _ = handle.send(Signal::KILL);
        }
    }
    fs::write(&freeze, "0")?;
    inside.map(|_| ())
}

/// Removes a group with those below it. A group that still has a process stays.
pub fn remove(group: &Path) {
    // Most have no other below them.
    if fs::remove_dir(group).is_ok() {
        return;
    }
    for below in below(group).unwrap_or_default() {
        remove(&below);
    }
    let _ = fs::remove_dir(group);
}

/// How long the last processes of a group may take to leave it.
const LEAVING: Duration = Duration::from_millis(500);

/// As [`remove`], for a group whose processes have ended: one that is being ended can be in the group for a moment after
/// nothing of it runs any more, and so can a helper. That is waited for, unless this very process is in the group.
pub fn remove_ended(group: &Path) {
    let Ok(events) = File::open(group.join("cgroup.events")) else { return };
    let until = Moment::now() + LEAVING;
    loop {
        // A change after this is an exceptional condition.
        let _ = events.read_at(&mut [0; 256], 0);
        remove(group);
        let is_inside = || processes(group).is_ok_and(|inside| inside.contains(&Pid::this()));
        if !group.exists() || until.passed() || is_inside() {
            return;
        }
        let mut waiting = Waiting::new();
        waiting.exceptional(events.as_fd(), ());
        waiting.wait(Some(until));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// A group with nothing in it; None: there can be none here, which is said.
    pub(crate) fn group_of_a_test(name: &str) -> Option<PathBuf> {
        let Some(mount) = mount() else {
            eprintln!("LEFT OUT: control groups. Missing: a cgroup2 mount");
            return None;
        };
        let group = mount.join(format!("test-{name}-{}", std::process::id()));
        if let Err(error) = make_anew(&group) {
            eprintln!("LEFT OUT: control groups. {} cannot be written: {error}", mount.display());
            return None;
        }
        Some(group)
    }

    /// A shell in that group, which goes on when it reads a line.
    fn run_in(group: &Path, script: &str) -> std::process::Child {
        let mut child =
            Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        write!(procs_file(group).unwrap(), "{}", child.id()).unwrap();
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        child
    }

    #[test]
    fn a_group_holds_what_it_was_given_and_all_that_comes_of_it() {
        let Some(group) = group_of_a_test("as-one") else { return };
        let mut child = run_in(&group, "read x; setsid sleep 1000 & (sleep 1000 &) ; wait");
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while processes(&group).unwrap().len() < 3 {
            assert!(std::time::Instant::now() < deadline, "{:?}", processes(&group));
        }
        remove(&group);
        assert!(group.exists(), "it has processes");
        kill(&group).unwrap();
        child.wait().unwrap();
        while !processes(&group).unwrap().is_empty() {
            assert!(std::time::Instant::now() < deadline);
        }
        remove_ended(&group);
        assert!(!group.exists());
        assert_eq!(processes(&group).unwrap(), [], "a group that is not there has none");
    }

    #[test]
    fn a_group_that_cannot_be_read_is_not_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        // As where the descriptors are at an end, but for good.
        fs::create_dir(folder.path().join("cgroup.procs")).unwrap();
        assert!(processes(folder.path()).is_err());
        let list = folder.path().join("group/cgroup.procs");
        fs::create_dir(list.parent().unwrap()).unwrap();
        fs::write(&list, "1\n0\n").unwrap();
        assert!(processes(list.parent().unwrap()).is_err(), "0 is a process that is not seen here");
        fs::write(&list, "1\n").unwrap();
        assert_eq!(processes(list.parent().unwrap()).unwrap(), [Pid::INIT]);
        assert!(below(&list).is_err());
    }

    #[test]
    fn a_kernel_without_the_one_way_has_the_other() {
        let Some(group) = group_of_a_test("freeze") else { return };
        let mut child = run_in(&group, "read x; while :; do sleep 0.01 & wait; done");
        freeze_and_kill(&group).unwrap();
        child.wait().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !processes(&group).unwrap().is_empty() {
            assert!(std::time::Instant::now() < deadline);
        }
        remove(&group);
        assert!(!group.exists());
    }
}
