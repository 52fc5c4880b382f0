//! Control groups, version 2 (cgroups(7)): a folder whose processes cannot leave it by forking, by
//! changing their session, or by being orphaned.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Pid, PidFd, Signal};

/// Where version 2 is mounted; None: nowhere that can be seen.
pub fn mount() -> Option<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    table.lines().find_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let is_v2 = tail.split(' ').next() == Some("cgroup2");
        is_v2.then(|| head.split(' ').nth(4).map(PathBuf::from)).flatten()
    })
}

/// Makes a group, and those above it.
///
/// # Errors
/// The mount is read-only, or belongs to somebody else.
pub fn make(group: &Path) -> io::Result<()> {
    fs::create_dir_all(group)
}

/// Makes a group in one that must be there.
///
/// # Errors
/// The one above is not there, or belongs to somebody else.
pub fn make_below(group: &Path) -> io::Result<()> {
    match fs::create_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// A descriptor into which a process writes `0` to join.
///
/// # Errors
/// As open(2).
pub fn door(group: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(group.join("cgroup.procs"))
}

/// The processes in a group, those of groups below it included.
pub fn processes(group: &Path) -> Vec<Pid> {
    let mut found: Vec<Pid> = fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| Pid::try_from(line.parse::<i32>().ok()?).ok())
        .collect();
    for below in below(group) {
        found.extend(processes(&below));
    }
    found
}

/// The groups right below a group.
pub fn below(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect()
}

/// The group of a process, as a path below the root of the tree.
pub fn of(pid: Pid) -> Option<PathBuf> {
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    table.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

/// KILL for everything in a group, as one.
///
/// # Errors
/// The group is gone, or may not be written.
pub fn kill(group: &Path) -> io::Result<()> {
    match fs::write(group.join(KILL), "1") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => freeze_and_kill(group),
        other => other,
    }
}

/// What kills a group at once (Linux 5.14).
const KILL: &str = "cgroup.kill";

/// Whether groups at or above this path have what kills them at once.
pub fn kills(group: &Path) -> bool {
    // The root has none, and the groups of this kernel all have it or none has.
    let there = group.ancestors().find(|path| path.exists());
    let probe = |path: &Path| path.join(KILL).exists();
    there.is_some_and(|path| probe(path) || below(path).first().is_some_and(|g| probe(g)))
}

/// The same on an older kernel: nothing in a frozen group can fork (Linux 5.2).
fn freeze_and_kill(group: &Path) -> io::Result<()> {
    let freeze = group.join("cgroup.freeze");
    fs::write(&freeze, "1")?;
    for pid in processes(group) {
        // What is frozen cannot end, so its number is its own.
        if let Ok(handle) = PidFd::open(pid) {
            let _ = handle.send(Signal::KILL);
        }
    }
    fs::write(&freeze, "0")
}

/// Removes a group with those below it; one that still has a process stays.
pub fn remove(group: &Path) {
    for below in below(group) {
        remove(&below);
    }
    let _ = fs::remove_dir(group);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn group_of_a_test(name: &str) -> Option<PathBuf> {
        let Some(mount) = mount() else {
            eprintln!("LEFT OUT: control groups. Missing: a cgroup2 mount");
            return None;
        };
        let group = mount.join(format!("siteward-test-{name}-{}", std::process::id()));
        if let Err(error) = make(&group) {
            eprintln!("LEFT OUT: control groups. {} cannot be written: {error}", mount.display());
            return None;
        }
        Some(group)
    }

    /// A shell in that group, which goes on when it reads a line.
    fn run_in(group: &Path, script: &str) -> std::process::Child {
        let mut child =
            Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        write!(door(group).unwrap(), "{}", child.id()).unwrap();
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        child
    }

    #[test]
    fn a_group_holds_what_it_was_given_and_all_that_comes_of_it() {
        let Some(group) = group_of_a_test("as-one") else { return };
        let mut child = run_in(&group, "read x; setsid sleep 1000 & (sleep 1000 &) ; wait");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while processes(&group).len() < 3 {
            assert!(std::time::Instant::now() < deadline, "{:?}", processes(&group));
        }
        remove(&group);
        assert!(group.exists(), "it has processes");
        kill(&group).unwrap();
        child.wait().unwrap();
        while !processes(&group).is_empty() {
            assert!(std::time::Instant::now() < deadline);
        }
        remove(&group);
        assert!(!group.exists());
    }

    #[test]
    fn a_kernel_without_the_one_way_has_the_other() {
        let Some(group) = group_of_a_test("freeze") else { return };
        let mut child = run_in(&group, "read x; while :; do sleep 0.01 & wait; done");
        freeze_and_kill(&group).unwrap();
        child.wait().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !processes(&group).is_empty() {
            assert!(std::time::Instant::now() < deadline);
        }
        remove(&group);
        assert!(!group.exists());
    }
}
