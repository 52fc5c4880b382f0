//! Whether a node is in order: its clock, the room on a file system, the label of a file.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether the clock is kept right by another one (adjtimex(2)).
///
/// # Errors
/// As adjtimex(2).
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: all fields of timex are numbers; with no mode set, nothing is changed.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local that outlives the call.
    match unsafe { libc::adjtimex(&raw mut state) } {
        -1 => Err(io::Error::last_os_error()),
        code => Ok(code != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0),
    }
}

/// Whether a process here may be given the right to set the clock. In a container it may not, and the
/// clock is its host's.
pub fn may_set_clock() -> bool {
    const CAP_SYS_TIME: libc::c_ulong = 25;
    let nothing: libc::c_ulong = 0;
    // SAFETY: this call reads the bounding set and takes no pointer.
    unsafe { libc::prctl(libc::PR_CAPBSET_READ, CAP_SYS_TIME, nothing, nothing, nothing) == 1 }
}

/// The room that is left on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub bytes: u64,
    /// None: the file system has no fixed number of files.
    pub files: Option<u64>,
    pub read_only: bool,
}

/// Of the file system that `path` is on. It may hang.
///
/// # Errors
/// As statvfs(3).
pub fn room(path: &Path) -> io::Result<Room> {
    let found = nix::sys::statvfs::statvfs(path)?;
    let flags = found.flags();
    Ok(Room {
        bytes: found.blocks_available().saturating_mul(found.fragment_size()),
        files: (found.files() > 0).then(|| found.files_available()),
        read_only: flags.contains(nix::sys::statvfs::FsFlags::ST_RDONLY),
    })
}

/// The label that SELinux has given a file; None if it has none.
///
/// # Errors
/// As getxattr(2).
pub fn selinux_label(path: &Path) -> io::Result<Option<String>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut label = [0u8; 256];
    // SAFETY: both strings end with a NUL, and the buffer is as long as is said.
    let length = unsafe {
        libc::getxattr(
            path.as_ptr(),
            c"security.selinux".as_ptr(),
            label.as_mut_ptr().cast(),
            label.len(),
        )
    };
    if let Ok(length) = usize::try_from(length) {
        let text = String::from_utf8_lossy(&label[..length]);
        return Ok(Some(text.trim_end_matches('\0').to_owned()));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENODATA | libc::EOPNOTSUPP) => Ok(None),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_node_can_be_asked() {
        clock_is_synchronised().unwrap();
        assert!(room(Path::new("/")).unwrap().bytes > 0);
        assert!(room(Path::new("/no/such/path")).is_err());
        assert!(selinux_label(Path::new("/no/such/path")).is_err());
        selinux_label(Path::new("/")).unwrap();
    }
}
