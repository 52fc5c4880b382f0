//! What a process has open, and which locks it really holds.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::attributes::Attributes;
use super::proc::{of_process, patiently, unless_denied, whole};
use crate::values::Pid;

/// The descriptors of `pid` whose path begins with `folder`, each by its number; none where they may not
/// be seen.
fn descriptors_below(pid: Pid, folder: &Path) -> io::Result<Vec<(OsString, PathBuf)>> {
    let failed = |error: io::Error| of_process(pid, &error);
    let entries = patiently(|| fs::read_dir(format!("/proc/{pid}/fd")));
    let Some(entries) = unless_denied(entries).map_err(failed)? else { return Ok(Vec::new()) };
    let prefix = folder.as_os_str().as_bytes();
    let mut found = Vec::new();
    for entry in entries {
        let Some(entry) = unless_denied(entry).map_err(failed)? else { break };
        let path = match fs::read_link(entry.path()) {
            // The path is longer than the kernel can tell, so the file is not in `folder`.
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => continue,
            told => unless_denied(told).map_err(failed)?,
        };
        let Some(path) = path else { continue };
        if path.as_os_str().as_bytes().starts_with(prefix) {
            found.push((entry.file_name(), path));
        }
    }
    Ok(found)
}

/// The paths of `pid`'s open descriptors that begin with `folder`; none where they may not be read.
///
/// # Errors
/// They may be read, and cannot be.
pub fn open_paths_below(pid: Pid, folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(descriptors_below(pid, folder)?.into_iter().map(|(_, path)| path).collect())
}

/// The files below `folder` on which `pid` holds a lock of its open file (see `lock`), by their paths;
/// none where its descriptors may not be seen.
///
/// The path of a descriptor does not suffice: a process may have the file open without its lock, and a
/// user with a mount namespace of its own can give any file that path. So the kernel is asked for the
/// lock, and the file must be one that only root or `owner` may open.
///
/// # Errors
/// They may be seen, and cannot be looked at.
pub fn locked_files_below(pid: Pid, folder: &Path, owner: u32) -> io::Result<Vec<PathBuf>> {
    let failed = |error: io::Error| of_process(pid, &error);
    let mut held = Vec::new();
    for (number, path) in descriptors_below(pid, folder)? {
        let of = |what: &str| Path::new("/proc").join(pid.to_string()).join(what).join(&number);
        let info = unless_denied(whole(of("fdinfo"))).map_err(failed)?.unwrap_or_default();
        if !has_own_lock(&info) {
            continue;
        }
        let file = match Attributes::of(&of("fd")) {
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Err(failed(error)),
            // A file system of another user's may fail in any way; such a file does not count.
            told => told.ok(),
        };
        if file.is_some_and(|f| f.is_private() && (f.owner == 0 || f.owner == owner)) {
            held.push(path);
        }
    }
    Ok(held)
}

/// Whether proc_pid_fdinfo(5) tells of a lock of the open file itself, which its descriptors share.
fn has_own_lock(info: &[u8]) -> bool {
    info.split(|&b| b == b'\n')
        .filter_map(|line| line.strip_prefix(b"lock:"))
        .any(|lock| lock.split(u8::is_ascii_whitespace).any(|word| word == b"OFDLCK"))
}

#[cfg(test)]
mod tests {
    use super::super::files::effective_user;
    use super::super::lock::{Attempt, Lock};
    use super::*;
    use std::fs::File;

    #[test]
    fn to_have_a_file_open_is_not_to_hold_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let held = || locked_files_below(Pid::this(), folder.path(), effective_user()).unwrap();
        let Attempt::Taken(lock) = Lock::inheritable(&path).unwrap() else { panic!("free") };
        assert_eq!(held(), std::slice::from_ref(&path));
        let copy = lock.file().try_clone().unwrap();
        drop(lock);
        assert_eq!(held(), std::slice::from_ref(&path), "a copy of the descriptor holds it still");
        drop(copy);
        let _reader = File::open(&path).unwrap();
        assert_eq!(open_paths_below(Pid::this(), folder.path()).unwrap(), [path]);
        assert_eq!(held(), [] as [PathBuf; 0]);
    }

    #[test]
    fn a_lock_on_a_file_that_others_may_open_is_none() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let Attempt::Taken(_lock) = Lock::inheritable(&path).unwrap() else { panic!("free") };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let held = locked_files_below(Pid::this(), folder.path(), effective_user()).unwrap();
        assert_eq!(held, [] as [PathBuf; 0]);
    }

    #[test]
    fn a_deleted_file_is_locked_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let Attempt::Taken(_lock) = Lock::inheritable(&path).unwrap() else { panic!("free") };
        fs::remove_file(&path).unwrap();
        let held = locked_files_below(Pid::this(), folder.path(), effective_user()).unwrap();
        assert_eq!(held, [folder.path().join("a (deleted)")]);
    }
}
