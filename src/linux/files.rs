//! Files that are written as a whole or not at all, and folders that no other user may enter.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::lock::whole_file_lock;
use crate::values::Pid;

/// The most bytes that a path can have (`PATH_MAX`, less its final NUL), and a name in it.
pub const LONGEST_PATH: usize = libc::PATH_MAX as usize - 1;
pub const LONGEST_NAME: usize = 255;

/// The part of a temporary file's name between the name of the file that it is to become and the number
/// of the process that writes it.
const NEW: &str = ".new.";

/// Writes `bytes` to `path` durably: a temporary file, fsync, rename, fsync of the folder. Mode 0600.
/// A temporary file of the same file that a killed writer has left is removed.
///
/// # Errors
/// As open(2), write(2), fsync(2) and rename(2); `path` then holds what it held before.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_durably_as(path, bytes, 0o600)
}

/// As [`write_durably`], with this mode, whatever the umask is.
///
/// # Errors
/// As [`write_durably`].
pub fn write_durably_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_and(path, bytes, mode, |temporary| fs::rename(temporary, path))
}

/// As [`write_durably`], for a file that must not exist yet.
///
/// # Errors
/// As [`write_durably`]; AlreadyExists, also if another process made it meanwhile.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // rename(2) would replace it.
    write_and(path, bytes, 0o600, |temporary| {
        fs::hard_link(temporary, path)?;
        fs::remove_file(temporary)
    })
}

fn write_and(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    put_in_place: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let of_this = path.file_name().unwrap_or_default();
    let mut name = of_this.to_owned();
    name.push(format!("{NEW}{}", std::process::id()));
    let temporary = folder.join(name);
    let _ = fs::remove_file(&temporary);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&temporary)?;
        // It is locked for as long as it is being written.
        let _ = whole_file_lock(&file);
        file.write_all(bytes)?;
        if mode != 0o600 {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        file.sync_all()?;
        put_in_place(&temporary)?;
        File::open(folder)?.sync_all()
    })();
    match written {
        Ok(()) => remove_leftovers(folder, |of| of == of_this.as_bytes()),
        Err(_) => drop(fs::remove_file(&temporary)),
    }
    written
}

/// Removes the temporary files that killed writers have left in a folder of this user's; `folder` must
/// be no link.
pub fn clear_leftovers(folder: &Path) {
    if is_own_folder(folder) {
        remove_leftovers(folder, |_| true);
    }
}

fn remove_leftovers(folder: &Path, is_meant: impl Fn(&[u8]) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if let Some((of, writer)) = being_written(name.as_bytes())
            && is_meant(of)
            && writer != Pid::this()
            && is_abandoned(&entry.path(), writer)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// From the name of a temporary file: the name of the file that it is to become, and its writer.
fn being_written(name: &[u8]) -> Option<(&[u8], Pid)> {
    let at = name.windows(NEW.len()).rposition(|part| part == NEW.as_bytes())?;
    let number = std::str::from_utf8(&name[at + NEW.len()..]).ok()?;
    let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
    Some((&name[..at], Pid::from_raw(number)?))
}

/// Whether it is no longer being written: its writer does not exist here, and no process elsewhere, such
/// as in another PID namespace, holds its lock.
fn is_abandoned(path: &Path, writer: Pid) -> bool {
    let is_gone = || {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(writer.number()), None)
            == Err(nix::errno::Errno::ESRCH)
    };
    let is_free = || {
        let (file, there) = open_plain(path).ok()?;
        // Others may read it, at most.
        let is_ours = there.uid() == effective_user() && there.mode() & 0o7733 == 0o600;
        (is_ours && whole_file_lock(&file).ok()?).then_some(())
    };
    is_gone() && is_free().is_some()
}

/// As [`write_durably`]. If the disk is full, the old content is overwritten in place, if it is long
/// enough, and filled with line ends to its old length, so that a reader finds nothing of the old content
/// behind the new. Only a crash of the node can then leave a mixture of the two.
///
/// # Errors
/// As [`write_durably`].
pub fn write_even_if_full(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let full = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    };
    let error = match write_durably(path, bytes) {
        Err(error) if full(&error) => error,
        other => return other,
    };
    let mut file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.blocks() * 512 < bytes.len() as u64 {
        return Err(error);
    }
    let mut bytes = bytes.to_vec();
    let length = usize::try_from(found.len()).unwrap_or(0).max(bytes.len());
    bytes.resize(length, b'\n');
    file.write_all(&bytes)?;
    file.sync_all()
}

/// A file that was read, with its attributes: those of the open file, not of its path.
#[derive(Debug)]
pub struct Plain {
    pub bytes: Vec<u8>,
    /// The user that it belongs to.
    pub owner: u32,
    /// As in stat(2), with the bits of its type.
    pub mode: u32,
    /// Its path without a link.
    pub path: PathBuf,
}

/// Reads a plain file of at most `limit` bytes, which must be no link.
///
/// # Errors
/// As open(2) and read(2); InvalidData if it is a link, no plain file, or longer than `limit` bytes.
pub fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_open(&open_plain(path)?.0, limit)
}

/// As [`read_plain`], and with the file's attributes.
///
/// # Errors
/// As [`read_plain`], and where /proc is not mounted.
pub fn read_plain_of(path: &Path, limit: u64) -> io::Result<Plain> {
    let (file, there) = open_plain(path)?;
    let bytes = read_open(&file, limit)?;
    let at = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .map_err(|e| io::Error::other(format!("where it lies cannot be found out: {e}")))?;
    Ok(Plain { bytes, owner: there.uid(), mode: there.mode(), path: at })
}

fn open_plain(path: &Path) -> io::Result<(File, fs::Metadata)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            // The kernel's message for a link that may not be followed misleads.
            Some(libc::ELOOP) => io::Error::new(
                ErrorKind::InvalidData,
                "it is a symbolic link; put the file itself there",
            ),
            _ => error,
        })?;
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is not a plain file"));
    }
    Ok((file, there))
}

/// Opens a plain file to read it; a link is followed, and nothing is waited for at a FIFO.
///
/// # Errors
/// As open(2); InvalidData if it is no plain file.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidData, "it is not a plain file")),
    }
}

fn read_open(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("it is longer than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Makes the folder `path`, and the folders that are missing above it, for its owner only (0700, whatever
/// the umask is: a cluster manager's is 0026). A folder that exists already must be this user's.
///
/// # Errors
/// It cannot be made, is no folder, is a link, or belongs to another user.
pub fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent()
        && !parent.exists()
    {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let there = fs::symlink_metadata(path)?;
    let me = nix::unistd::geteuid().as_raw();
    // The owner of the folder above can put another folder in its place, as in one planted in /tmp.
    if let Some(above) = path.parent().and_then(|p| fs::metadata(p).ok())
        && ![0, me].contains(&above.uid())
        && me != 0
    {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("the folder above it belongs to user {}", above.uid()),
        ));
    }
    if !there.is_dir() || there.uid() != me {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "it is there, and is not a folder of this user",
        ));
    }
    if there.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Checks that this process may write to the file at `path`.
///
/// # Errors
/// EACCES, EROFS.
pub fn may_write(path: &Path) -> io::Result<()> {
    Ok(nix::unistd::access(path, nix::unistd::AccessFlags::W_OK)?)
}

/// Whether `path` is a folder, no link, and of this user.
pub fn is_own_folder(path: &Path) -> bool {
    let me = nix::unistd::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|there| there.is_dir() && there.uid() == me)
}

/// A file without a name that holds `bytes`, to be read from its beginning.
///
/// # Errors
/// As memfd_create(2) and write(2).
pub fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let made = nix::sys::memfd::memfd_create(c"input", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    let mut file = File::from(made);
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Opens a file to append to, for its owner only; it must be no link.
///
/// # Errors
/// As open(2).
pub fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// The last `limit` bytes of a file, from the beginning of a line.
///
/// # Errors
/// As open(2) and read(2).
pub fn tail(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(limit);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    if from > 0
        && let Some(end) = bytes.iter().position(|&b| b == b'\n')
    {
        bytes.drain(..=end);
    }
    Ok(bytes)
}

/// The effective user of this process is root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The effective user of this process.
pub fn effective_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        write_durably(&path, b"one").unwrap();
        write_durably(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let left = |name: &str| {
            let options =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(at(name));
            options.unwrap()
        };
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let alive = std::os::unix::process::parent_id();
        left(&format!("record.new.{dead}"));
        left(&format!("other.new.{dead}"));
        left(&format!("record.new.{alive}"));
        left("record.new.x");
        let written_elsewhere = left(&format!("record.new.{}", dead + 1_000_000));
        assert!(whole_file_lock(&written_elsewhere).unwrap());
        write_durably(&at("record"), b"one").unwrap();
        assert!(!at(&format!("record.new.{dead}")).exists());
        assert!(at(&format!("other.new.{dead}")).exists(), "it is another file's");
        assert!(at(&format!("record.new.{alive}")).exists());
        assert!(at("record.new.x").exists());
        assert!(at(&format!("record.new.{}", dead + 1_000_000)).exists());
        clear_leftovers(folder.path());
        assert!(!at(&format!("other.new.{dead}")).exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
        drop(written_elsewhere);
        clear_leftovers(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_was_read_is_told_by_what_was_open() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("file"), "words").unwrap();
        fs::set_permissions(real.join("file"), fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let read = read_plain_of(&link.join("file"), 100).unwrap();
        assert_eq!((read.bytes.as_slice(), read.mode & 0o7777), (&b"words"[..], 0o640));
        assert_eq!((read.owner, read.path), (effective_user(), real.join("file")));
    }

    #[test]
    fn a_private_folder_is_0700_and_never_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        private_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        assert!(private_folder(&link).is_err());
    }

    #[test]
    fn the_tail_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "first line\nsecond line\nthird line\n").unwrap();
        assert_eq!(tail(&path, 18).unwrap(), b"third line\n");
        assert_eq!(tail(&path, 1000).unwrap().len(), 34);
    }

    #[test]
    fn a_plain_file_is_no_link_and_no_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(read_plain(&link, 1 << 20).is_err());
        assert!(read_plain(Path::new("/dev/null"), 1 << 20).is_err());
        let long = folder.path().join("long");
        fs::write(&long, "12345").unwrap();
        assert!(read_plain(&long, 4).is_err());
        assert_eq!(read_plain(&long, 5).unwrap(), b"12345");
    }
}
