//! What this process has inherited from its parent, and how it changes that.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::sys::stat::{Mode, umask};

/// Leaves the caller's session and process group (setsid(2)), so that a signal for that group does not
/// reach this process.
///
/// # Errors
/// EPERM if this process leads its group already.
pub fn leave_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// Closes every descriptor from `first` on. To be called before this process has opened anything, and
/// while it has one thread: otherwise a descriptor in use would be closed, and its number used again.
pub fn close_from(first: i32) {
    // SAFETY: by the promise above every number from `first` on was inherited, and is owned by no value
    // of this program.
    let rc = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if rc == 0 {
        return;
    }
    // Linux before 5.9 has no close_range(2).
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> =
        entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd >= first) {
        // SAFETY: as above; the folder that was read is closed already, and its number with it.
        unsafe { libc::close(fd) };
    }
}

/// Takes ownership of the descriptor `number`, which the parent has left open for this process.
///
/// # Errors
/// EBADF if it is not open.
pub fn take_descriptor(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: F_SETFD only sets a flag, and fails on a number that is not open.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and by the promise between the two processes it is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Makes standard input, output and error of this process the given file.
///
/// # Errors
/// As dup2(2).
pub fn replace_standard_streams(input: &OwnedFd, output: &OwnedFd) -> io::Result<()> {
    nix::unistd::dup2_stdin(input)?;
    nix::unistd::dup2_stdout(output)?;
    nix::unistd::dup2_stderr(output)?;
    Ok(())
}

/// Opens /dev/null at each of the numbers 0, 1 and 2 that is closed, so that no other file gets it.
pub fn fill_standard_streams() {
    loop {
        let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") else {
            return;
        };
        if std::os::fd::AsRawFd::as_raw_fd(&null) > 2 {
            return;
        }
        std::mem::forget(null);
    }
}

/// Sets the file mode creation mask to 0022: a cluster manager's own is 0026.
pub fn usual_umask() {
    umask(Mode::from_bits_truncate(0o022));
}

/// Makes this process the parent of its descendants that are orphaned (prctl(2),
/// `PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// EINVAL before Linux 3.4.
pub fn become_subreaper() -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

/// Keeps this process in memory, so that it never waits for a page to be swapped in.
///
/// # Errors
/// EPERM or ENOMEM for an ordinary user with a small limit.
pub fn lock_memory() -> io::Result<()> {
    use nix::sys::mman::{MlockAllFlags, mlockall};
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?;
    Ok(())
}

/// Sets how willingly the kernel kills this process when memory is short (-1000 to 1000,
/// proc_pid_oom_score_adj(5)).
///
/// # Errors
/// EACCES when an ordinary user lowers it.
pub fn set_oom_score(adjustment: i32) -> io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", adjustment.to_string())
}
