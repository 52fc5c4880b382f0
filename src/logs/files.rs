//! The files of a log, and the logs of a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The size of one file, in bytes.
    pub max_size: u64,
    /// How many files there are, the one that is written to included.
    pub max_file: u32,
}

/// A file of a log, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenFile {
    pub(super) path: PathBuf,
    /// 0: the one that is written to.
    pub(super) number: u32,
    pub(super) inode: u64,
    pub(super) length: u64,
}

impl SeenFile {
    pub(super) fn look(path: PathBuf, number: u32) -> Option<Self> {
        let there = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some(Self { path, number, inode: there.ino(), length: there.len() })
    }

    /// Opens it, if it is still the file that was seen.
    pub(super) fn open(&self) -> io::Result<Option<File>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        Ok((file.metadata()?.ino() == self.inode).then_some(file))
    }
}

/// The path of a file that was set aside.
pub(super) fn numbered(log: &Path, number: u32) -> PathBuf {
    log.with_extension(format!("log.{number}"))
}

/// The files of the log at `log`, the oldest first.
pub(super) fn files_of(log: &Path) -> Vec<SeenFile> {
    let Some((folder, name)) = log.parent().zip(log.file_name().and_then(|n| n.to_str())) else {
        return Vec::new();
    };
    let mut found: Vec<SeenFile> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let of = entry.file_name();
            let rest = of.to_str()?.strip_prefix(name)?;
            let number = match rest.strip_prefix('.') {
                None if rest.is_empty() => 0,
                digits => number(digits?)?,
            };
            SeenFile::look(entry.path(), number)
        })
        .collect();
    found.sort_by_key(|file| std::cmp::Reverse(file.number));
    // A file that was renamed while the folder was read may have been seen twice.
    found.dedup_by_key(|file| file.inode);
    found
}

/// As [`files_of`], of a log that is kept in so many files, or a few more from before. Its folder has the logs of all
/// processes of the site, so that it is listed only if a log is kept in many.
pub(super) fn files_of_few(log: &Path, max_file: u32) -> Vec<SeenFile> {
    let few = max_file.max(4);
    if few > 8 {
        return files_of(log);
    }
    let of = |number| match number {
        0 => SeenFile::look(log.to_owned(), 0),
        _ => SeenFile::look(numbered(log, number), number),
    };
    let mut found: Vec<SeenFile> = (0..=few).rev().filter_map(of).collect();
    found.dedup_by_key(|file| file.inode);
    found
}

/// The number of a file that was set aside, as it is written.
fn number(digits: &str) -> Option<u32> {
    let number = digits.parse().ok().filter(|n| *n > 0)?;
    (u32::to_string(&number) == digits).then_some(number)
}

/// Why the logs of a folder cannot be listed.
#[derive(Debug)]
pub enum NoLogs {
    /// There is no such folder.
    Missing,
    Unreadable(io::Error),
}

/// The names of the logs in a folder.
///
/// # Errors
/// There is no such folder, or it cannot be read.
pub fn logs_in(folder: &Path) -> Result<BTreeSet<String>, NoLogs> {
    let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NoLogs::Missing,
        _ => NoLogs::Unreadable(error),
    })?;
    let name = |file: &str| match file.rsplit_once(".log")? {
        (name, "") => Some(name.to_owned()),
        (name, rest) => number(rest.strip_prefix('.')?).map(|_| name.to_owned()),
    };
    Ok(entries.flatten().filter_map(|entry| name(entry.file_name().to_str()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_log_are_told_from_others() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["a.log", "a.log.1", "a.log.10", "a.log.2", "a.log.x", "a.log.01", "b.log.3", "ab.log"]
        {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join("a.log.index"), "").unwrap();
        let of_a = files_of(&folder.path().join("a.log"));
        assert_eq!(of_a.iter().map(|file| file.number).collect::<Vec<_>>(), [10, 2, 1, 0]);
        let names = logs_in(folder.path()).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "ab", "b"]);
        assert!(matches!(logs_in(Path::new("/no/such/folder")), Err(NoLogs::Missing)));
    }
}
