//! What is mounted where, and with which options (proc_pid_mountinfo(5)), without touching what is mounted.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::node::unescape;
use super::proc::whole;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub point: PathBuf,
    /// The type of the file system.
    pub kind: String,
    pub source: String,
    /// Those of the mount, then those of the file system.
    pub options: Vec<String>,
}

impl Mount {
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }
}

/// Every mount of this namespace, in the order in which they were made.
///
/// # Errors
/// If /proc is not mounted.
pub fn mounts() -> io::Result<Vec<Mount>> {
    let text = whole("/proc/self/mountinfo")?;
    Ok(text.split(|&b| b == b'\n').filter_map(parse).collect())
}

/// The mount that `path` lies in: of those that it lies below, the longest, and of those the last.
pub fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let depth = |mount: &&Mount| mount.point.components().count();
    mounts.iter().filter(|mount| path.starts_with(&mount.point)).max_by_key(depth)
}

fn parse(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
    let text = |field: &[u8]| String::from_utf8_lossy(&unescape(field)).into_owned();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let options = [fields.get(5)?, fields.get(dash + 3)?];
    let options = options.iter().flat_map(|list| list.split(|&b| b == b','));
    Some(Mount {
        point: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
        kind: text(fields.get(dash + 1)?),
        source: text(fields.get(dash + 2)?),
        options: options.map(text).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_with_its_options() {
        let line = b"36 35 98:0 /mnt1 /mnt/with\\040blank rw,noatime master:1 - nfs4 far:/x rw,soft,vers=4.2";
        let mount = parse(line).unwrap();
        assert_eq!(mount.point, Path::new("/mnt/with blank"));
        assert_eq!((mount.kind.as_str(), mount.source.as_str()), ("nfs4", "far:/x"));
        assert!(mount.has("noatime") && mount.has("soft") && !mount.has("ro"));
        assert_eq!(parse(b"x y"), None);
    }

    #[test]
    fn a_path_lies_in_the_longest_mount_and_the_last() {
        let mount = |point: &str, kind: &str| Mount {
            point: point.into(),
            kind: kind.to_owned(),
            source: String::new(),
            options: Vec::new(),
        };
        let all = [mount("/", "a"), mount("/mnt", "b"), mount("/mnt", "c"), mount("/mn", "d")];
        let kind = |path: &str| mount_of(&all, Path::new(path)).unwrap().kind.clone();
        assert_eq!(kind("/mnt/jobdb"), "c");
        assert_eq!(kind("/usr"), "a");
    }
}
