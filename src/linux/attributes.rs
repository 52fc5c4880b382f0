//! The attributes of a file, without waiting for a server that may hang: those of a file on a network
//! file system are given as they were seen last (`AT_STATX_DONT_SYNC` of statx(2)).

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The attributes of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub owner: u32,
    /// The type of the file, and its permissions.
    mode: u32,
    device: (u32, u32),
    inode: u64,
}

impl Attributes {
    /// Of the file at `path`; a link at its end is followed, also one of /proc.
    ///
    /// # Errors
    /// As statx(2).
    pub fn of(path: &Path) -> io::Result<Self> {
        look(path, 0)
    }

    /// As [`Self::of`], but of the link itself if `path` is one.
    ///
    /// # Errors
    /// As statx(2).
    pub fn of_itself(path: &Path) -> io::Result<Self> {
        look(path, libc::AT_SYMLINK_NOFOLLOW)
    }

    /// Of no file.
    #[cfg(test)]
    pub(crate) fn made_up(owner: u32, mode: u32) -> Self {
        Self { owner, mode, device: (0, 0), inode: 0 }
    }

    pub fn is_folder(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Nobody but its owner may open it.
    pub fn is_private(&self) -> bool {
        self.mode & 0o077 == 0
    }

    /// Nobody but its owner may write to it.
    pub fn is_only_the_owners_to_write(&self) -> bool {
        self.mode & 0o022 == 0
    }

    /// It is sticky: only the owner of a file in it may remove or replace that file.
    pub fn is_sticky(&self) -> bool {
        self.mode & libc::S_ISVTX != 0
    }

    /// Whether both are of the same file.
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

fn look(path: &Path, flags: i32) -> io::Result<Attributes> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all bits zero is a value of this structure of numbers.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    let flags = flags | libc::AT_STATX_DONT_SYNC;
    let mask = libc::STATX_TYPE | libc::STATX_MODE | libc::STATX_UID | libc::STATX_INO;
    // SAFETY: the path ends with a NUL, and the structure outlives the call.
    let rc = unsafe { libc::statx(libc::AT_FDCWD, path.as_ptr(), flags, mask, &raw mut found) };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Attributes {
        owner: found.stx_uid,
        mode: u32::from(found.stx_mode),
        device: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
    })
}

/// Whether only root can replace the executable at `path`, which `link` (the `exe` of a process in
/// /proc) leads to: the file and all folders above it are root's, and no other user may write to them.
/// The file itself may also belong to `also`.
pub fn is_of_the_system(link: &Path, path: &Path, also: Option<u32>) -> bool {
    let safe = |found: Attributes| found.is_only_the_owners_to_write();
    // The executable first: if it is another user's, the folders need no look.
    let is_roots = Attributes::of(link)
        .is_ok_and(|file| safe(file) && (file.owner == 0 || Some(file.owner) == also));
    is_roots
        && path.is_absolute()
        && path.ancestors().skip(1).all(|folder| {
            Attributes::of_itself(folder)
                .is_ok_and(|found| found.is_folder() && found.owner == 0 && safe(found))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_link_is_itself_or_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let link = folder.path().join("link");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        let of = |path: &Path| Attributes::of(path).unwrap();
        assert!(of(&link).is_same_file(&of(&file)) && of(&link).is_private());
        assert!(!Attributes::of_itself(&link).unwrap().is_same_file(&of(&file)));
        assert!(of(folder.path()).is_folder() && !of(&file).is_folder());
        assert!(of(Path::new("/tmp")).is_sticky());
        assert_eq!(of(&file).owner, super::super::files::effective_user());
    }

    #[test]
    fn an_executable_in_a_folder_that_everybody_may_write_to_is_not_the_systems() {
        let shell = fs::canonicalize("/bin/sh").unwrap();
        assert!(is_of_the_system(&shell, &shell, None));
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("corosync");
        fs::copy(&shell, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(!is_of_the_system(&copy, &copy, None));
        assert!(!is_of_the_system(&shell, &copy, None), "the path is not root's");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o757)).unwrap();
        assert!(!is_of_the_system(&copy, &shell, None), "anybody may write to the file");
    }
}
