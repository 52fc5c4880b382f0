//! The mounts that a path lies in, and word of each change of the mounts (proc_pid_mountinfo(5)). What is
//! mounted is never touched, as it may hang.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::node::unescape;
use super::proc::whole;

const MOUNTS: &str = "/proc/self/mountinfo";

/// What is mounted, told apart from all else that could be mounted at the same place while it is in use: the
/// number of the device and the folder on it, as a bind mount shows only one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MountSource(String);

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    id: u64,
    parent: u64,
    pub source: MountSource,
    pub point: PathBuf,
    /// The type of its file system.
    pub kind: String,
    /// What is mounted, as mount(8) names it.
    pub device: String,
    /// Those of the mount, then those of the file system.
    pub options: Vec<String>,
}

impl Mount {
    /// It has this option.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }

    /// It only mounts another file system over itself when that is first used.
    pub fn is_automatic(&self) -> bool {
        self.kind == "autofs"
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let line: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
        let text = |at: usize| line.get(at).map(|field| String::from_utf8_lossy(field));
        let dash = line.iter().position(|field| *field == b"-")?;
        let unescaped = |field: &[u8]| String::from_utf8_lossy(&unescape(field)).into_owned();
        let options = [line.get(5), line.get(dash + 3)].into_iter().flatten();
        let options = options.flat_map(|list| list.split(|&b| b == b',')).map(unescaped);
        Some(Self {
            id: text(0)?.parse().ok()?,
            parent: text(1)?.parse().ok()?,
            source: MountSource(format!("{} {}", text(2)?, text(3)?)),
            point: PathBuf::from(OsString::from_vec(unescape(line.get(4)?))),
            kind: text(dash + 1)?.into_owned(),
            device: line.get(dash + 2).map_or_else(String::new, |field| unescaped(field)),
            options: options.collect(),
        })
    }
}

/// All mounts of this process's mount namespace at one moment.
#[derive(Debug, Default)]
pub struct MountTable(Vec<Mount>);

impl MountTable {
    /// As it is now.
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn read() -> io::Result<Self> {
        Ok(Self::parse(&whole(MOUNTS)?))
    }

    /// From the text of /proc/PID/mountinfo.
    pub fn parse(bytes: &[u8]) -> Self {
        Self(bytes.split(|&b| b == b'\n').filter_map(Mount::parse).collect())
    }

    /// The mount in which `path` lies; a mount that another one hides is not found. Links in `path` are not
    /// followed.
    pub fn of(&self, path: &Path) -> Option<&Mount> {
        let mut prefix = PathBuf::new();
        let mut found: Option<&Mount> = None;
        // In a table that changed while it was read, two mounts may be the parents of each other.
        let mut left = self.0.len();
        for component in path.components() {
            prefix.push(component);
            // Mounts at one place lie upon each other, each the parent of the next.
            while left > 0
                && let Some(above) = self.upon(found, &prefix)
            {
                found = Some(above);
                left -= 1;
            }
        }
        found
    }

    /// The mount at `point`, which must be the root of a mount; one that is hidden counts as none.
    pub fn at(&self, point: &Path) -> Option<&Mount> {
        self.of(point).filter(|mount| mount.point.components().eq(point.components()))
    }

    /// Whether this is mounted at `point`, hidden or not.
    pub fn has(&self, point: &Path, source: &MountSource) -> bool {
        self.0.iter().any(|mount| mount.point == point && mount.source == *source)
    }

    /// The mount that lies at `point` directly upon `below`.
    fn upon(&self, below: Option<&Mount>, point: &Path) -> Option<&Mount> {
        let is_known = |id| self.0.iter().any(|mount| mount.id == id);
        self.0.iter().filter(|mount| mount.point.components().eq(point.components())).find(
            |mount| {
                match below {
                    Some(below) => mount.parent == below.id && mount.id != below.id,
                    // The root of this process, whose parent is outside.
                    None => !is_known(mount.parent) || mount.parent == mount.id,
                }
            },
        )
    }
}

/// Word of each change of the mounts of this process's mount namespace.
#[derive(Debug)]
pub struct MountWatcher(File);

impl MountWatcher {
    /// From now on.
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn new() -> io::Result<Self> {
        Ok(Self(File::open(MOUNTS)?))
    }
}

impl AsFd for MountWatcher {
    /// Has an exceptional condition (POLLPRI) once after each change; it is readable at all times.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw - proc proc rw
30 21 8:17 / /mnt/jobdb rw - ext4 /dev/sdb1 rw
31 21 8:33 /sub /mnt/with\\040blank rw - ext4 /dev/sdc1 rw
";

    fn with(more: &str) -> MountTable {
        MountTable::parse(format!("{TEXT}{more}").as_bytes())
    }

    fn source(table: &MountTable, path: &str) -> Option<String> {
        table.of(Path::new(path)).map(|mount| mount.source.0.clone())
    }

    #[test]
    fn a_path_lies_in_the_nearest_mount() {
        let table = with("");
        for (path, expected) in [
            ("/mnt/jobdb", "8:17 /"),
            ("/mnt/jobdb/a/b", "8:17 /"),
            ("/mnt/jobdb2", "8:1 /"),
            ("/mnt/with blank/x", "8:33 /sub"),
            ("/", "8:1 /"),
        ] {
            assert_eq!(source(&table, path).as_deref(), Some(expected), "{path}");
        }
        let is_point = |path: &str| table.at(Path::new(path)).is_some();
        assert!(is_point("/mnt/jobdb") && is_point("/mnt/jobdb/") && is_point("/"));
        assert!(!is_point("/mnt") && !is_point("/mnt/jobdb/a"));
    }

    #[test]
    fn mounts_that_are_the_parents_of_each_other_end_the_search() {
        let table =
            with("40 41 0:40 / /mnt rw - tmpfs none rw\n41 40 0:41 / /mnt rw - tmpfs none rw\n");
        assert_eq!(source(&table, "/mnt/jobdb/a").as_deref(), Some("8:17 /"));
        let table = MountTable::parse(
            b"6 5 8:1 / / rw - ext4 a rw\n7 6 8:2 / / rw - ext4 b rw\n6 7 8:3 / / rw - ext4 c rw\n",
        );
        assert!(table.of(Path::new("/")).is_some());
    }

    #[test]
    fn what_is_mounted_over_a_mount_or_above_it_hides_it() {
        let table = with("40 30 0:40 / /mnt/jobdb rw - tmpfs none rw\n");
        assert_eq!(source(&table, "/mnt/jobdb/a").as_deref(), Some("0:40 /"));
        // The kernel does not list them in the order of their places.
        let table = MountTable::parse(
            format!("40 30 0:40 / /mnt/jobdb rw - tmpfs none rw\n{TEXT}").as_bytes(),
        );
        assert_eq!(source(&table, "/mnt/jobdb").as_deref(), Some("0:40 /"));
        let table = with("40 21 0:40 / /mnt rw - tmpfs none rw\n");
        assert_eq!(source(&table, "/mnt/jobdb").as_deref(), Some("0:40 /"));
        assert!(table.at(Path::new("/mnt/jobdb")).is_none());
        // Below the database, and beside it.
        let table = with("40 30 0:40 / /mnt/jobdb/tmp rw - tmpfs none rw\n");
        assert_eq!(source(&table, "/mnt/jobdb").as_deref(), Some("8:17 /"));
    }

    #[test]
    fn a_root_that_is_its_own_parent_or_is_not_listed_ends_every_search() {
        let table = MountTable::parse(b"1 1 0:2 / / rw - rootfs rootfs rw\n");
        assert_eq!(source(&table, "/a").as_deref(), Some("0:2 /"));
        let table = MountTable::parse(b"9 8 0:3 / /mnt rw - tmpfs none rw\ncut off\n");
        assert_eq!(source(&table, "/mnt/a").as_deref(), Some("0:3 /"));
        assert_eq!(source(&table, "/a"), None);
        assert!(MountTable::read().unwrap().at(Path::new("/proc")).is_some());
    }

    #[test]
    fn a_mount_is_read_with_its_options() {
        let table = MountTable::parse(
            b"36 35 98:0 /mnt1 /mnt/with\\040blank rw,noatime master:1 - nfs4 far:/x rw,soft,vers=4.2",
        );
        let mount = table.at(Path::new("/mnt/with blank")).unwrap();
        assert_eq!((mount.kind.as_str(), mount.device.as_str()), ("nfs4", "far:/x"));
        assert!(mount.has("noatime") && mount.has("soft") && !mount.has("ro"));
    }

    #[test]
    fn an_automatic_mount_is_told_from_what_it_mounts() {
        let table = with("40 21 0:40 / /far rw - autofs systemd-1 rw\n");
        assert!(table.at(Path::new("/far")).unwrap().is_automatic());
        let table = with(
            "40 21 0:40 / /far rw - autofs systemd-1 rw\n41 40 0:41 / /far rw - nfs4 far:/x rw\n",
        );
        assert!(!table.at(Path::new("/far")).unwrap().is_automatic());
    }
}
