//! How a child drops what it has inherited from its parent, between fork and exec.
//!
//! Promises: nothing here allocates, locks or panics, and every system call is a bare one or in the
//! list of signal-safety(7); a step that fails gives its errno.

use std::os::fd::RawFd;

/// The errno of the last call of this thread.
pub(super) fn errno() -> i32 {
    // SAFETY: the location of this thread's errno is always valid.
    unsafe { *libc::__errno_location() }
}

/// Room for `struct sigaction` of the kernel's: handler, flags, restorer and a mask of 64 bits. All zero is the default
/// action.
type KernelAction = [usize; 5];

/// A set of signals, as the kernel has it: signal 1 is the lowest bit.
pub(super) const EVERY_SIGNAL: u64 = u64::MAX;

/// Sets these signals to their default action. Not by sigaction(3), which writes down in the memory of the process what it
/// has done, and may wait for a lock there.
pub(super) fn default_signals(which: u64) {
    for signal in (1..=64_u32).filter(|signal| which >> (signal - 1) & 1 == 1) {
        let default: KernelAction = [0; 5];
        // SAFETY: SIG_DFL is no handler of ours; nothing can run in it. The structure outlives the call.
        unsafe {
            let old = std::ptr::null_mut::<KernelAction>();
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, old, size_of::<u64>())
        };
    }
}

/// The signals that this process ignores.
pub(super) fn ignored_signals() -> u64 {
    let is_ignored = |signal: &u32| {
        let mut now: KernelAction = [0; 5];
        // SAFETY: the kernel writes its structure into the local, which has its size.
        let rc = unsafe {
            let new = std::ptr::null::<KernelAction>();
            libc::syscall(libc::SYS_rt_sigaction, *signal, new, &raw mut now, size_of::<u64>())
        };
        rc == 0 && now[0] == libc::SIG_IGN
    };
    (1..=64).filter(is_ignored).fold(0, |all, signal| all | 1 << (signal - 1))
}

/// Unblocks every signal.
pub(super) fn unblock_signals() {
    // SAFETY: the set is a local, and an all-zero one is only there to be emptied.
    unsafe {
        let mut nothing: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut nothing);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const nothing, std::ptr::null_mut());
    }
}

/// Joins the control group whose folder is `group`, if that may be.
pub(super) fn join_group(group: RawFd) {
    // SAFETY: the strings are constants; the descriptor is made here and closed here.
    unsafe {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW;
        let list = libc::openat(group, c"cgroup.procs".as_ptr(), flags);
        if list >= 0 {
            libc::write(list, c"0".as_ptr().cast(), 1);
            libc::close(list);
        }
    }
}

/// Joins a new session keyring (keyrings(7)), so that the keys of the caller's can no longer be used.
/// Succeeds where no key can be used at all: the kernel has no keyrings, or a filter forbids the call,
/// and forbids it to the program too.
pub(super) fn join_new_keyring() -> Result<(), i32> {
    // SAFETY: a number and a null pointer, by which a keyring without a name is made.
    let rc = unsafe {
        let name = std::ptr::null::<libc::c_char>();
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, name)
    };
    match (rc, errno()) {
        (0.., _) | (_, libc::ENOSYS | libc::EPERM) => Ok(()),
        (_, error) => Err(error),
    }
}

/// Whether the parent, which had the number `parent`, has ended already. A parent outside this PID
/// namespace has the number 0 here, and counts as alive.
pub(super) fn is_orphan_of(parent: libc::pid_t) -> bool {
    // SAFETY: getppid(2) takes nothing and cannot fail.
    let now = unsafe { libc::getppid() };
    now != parent && now != 0
}

/// Has every descriptor from `first` on closed at the next exec.
pub(super) fn end_at_exec_from(first: RawFd) -> Result<(), i32> {
    // SAFETY: close_range(2) takes numbers, and with this flag it only sets one.
    let rc =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match rc {
        0 => Ok(()),
        // Before Linux 5.9 there is no such call, and before 5.11 no such flag; an old filter of system
        // calls may not know it either.
        _ => end_each_at_exec_from(first),
    }
}

/// Whether this kernel has close_range(2) (Linux 5.9), and whatever filters system calls lets it be called.
pub(super) fn can_leave_descriptors() -> bool {
    // SAFETY: it takes numbers, and no descriptor has this one.
    unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) == 0 }
}

/// Gives this process, which shares its descriptors with its parent, those below `first` as its own.
pub(super) fn leave_descriptors_from(first: RawFd) -> Result<(), i32> {
    // SAFETY: close_range(2) takes numbers, and with this flag it closes none of the parent's.
    let rc =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
    if rc == 0 { Ok(()) } else { Err(errno()) }
}

/// Closes every descriptor from `first` on, but none from `end` on.
pub(super) fn close_between(first: RawFd, end: RawFd) -> Result<(), i32> {
    // SAFETY: the caller is a child that has descriptors of its own, and uses none of these any more.
    let rc = unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0) };
    if rc == 0 { Ok(()) } else { Err(errno()) }
}

/// As [`end_at_exec_from`], one descriptor after the other, as /proc lists them. The limit on their
/// number is no bound for them, as it may have been lowered after they were opened.
pub(super) fn end_each_at_exec_from(first: RawFd) -> Result<(), i32> {
    // SAFETY: the path is a constant; the descriptor is made here and closed here.
    unsafe {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let folder = libc::open(c"/proc/self/fd".as_ptr(), flags);
        if folder < 0 {
            return Err(errno());
        }
        let result = end_listed_at_exec(folder, first);
        libc::close(folder);
        result
    }
}

/// Where the name begins in an entry of getdents64(2), and where its length stands.
const NAME_AT: usize = 19;
const LENGTH_AT: usize = 16;

fn end_listed_at_exec(folder: RawFd, first: RawFd) -> Result<(), i32> {
    let mut buffer = [0u8; 2048];
    loop {
        // SAFETY: the kernel writes no more than the buffer's length into it.
        let read = unsafe {
            libc::syscall(libc::SYS_getdents64, folder, buffer.as_mut_ptr(), buffer.len())
        };
        let read = match usize::try_from(read) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(_) => return Err(errno()),
        };
        let mut rest = buffer.get(..read).unwrap_or_default();
        while let Some(&[low, high]) = rest.get(LENGTH_AT..LENGTH_AT + 2) {
            let length = usize::from(u16::from_ne_bytes([low, high]));
            let Some(name) = rest.get(NAME_AT..length) else { return Err(libc::EIO) };
            if let Some(fd) = number(name).filter(|fd| *fd >= first)
                // SAFETY: F_SETFD only sets a flag, and fails on a number that is not open.
                && unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0
            {
                return Err(errno());
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// The decimal number at the beginning of `text`, up to its NUL.
fn number(text: &[u8]) -> Option<RawFd> {
    let mut value: RawFd = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            0 => return (at > 0).then_some(value),
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(RawFd::from(byte - b'0'))?;
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    /// A descriptor that an exec would leave open, at a number not below `from`.
    fn leaky(from: RawFd) -> OwnedFd {
        let null = File::open("/dev/null").unwrap();
        // SAFETY: F_DUPFD makes a new descriptor of an open one; it becomes ours.
        unsafe {
            let raw = libc::fcntl(null.as_raw_fd(), libc::F_DUPFD, from);
            assert!(raw >= 0);
            OwnedFd::from_raw_fd(raw)
        }
    }

    /// Whether an exec would leave it open.
    fn leaks(fd: &OwnedFd) -> bool {
        // SAFETY: F_GETFD on a descriptor that is open.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) & libc::FD_CLOEXEC == 0 }
    }

    #[test]
    fn without_the_call_every_descriptor_from_a_number_on_ends_at_an_exec() {
        // High numbers, which no other test of this process inherits on purpose.
        let below = leaky(300);
        let above: Vec<OwnedFd> = (0..200).map(|_| leaky(400)).collect();
        assert!(above.iter().all(leaks));
        end_each_at_exec_from(400).unwrap();
        assert!(!above.iter().any(leaks));
        assert!(leaks(&below));
        let more = leaky(400);
        end_at_exec_from(400).unwrap();
        assert!(!leaks(&more));
    }

    #[test]
    fn a_parent_that_is_another_now_has_ended() {
        // SAFETY: both calls take nothing and cannot fail.
        let (parent, me) = unsafe { (libc::getppid(), libc::getpid()) };
        assert!(!is_orphan_of(parent));
        assert!(parent == 0 || is_orphan_of(me));
    }

    #[test]
    fn only_a_whole_number_is_a_descriptor() {
        assert_eq!(number(b"17\0..."), Some(17));
        for name in [&b".\0"[..], b"..\0", b"\0", b"17", b"99999999999\0", b"1a\0"] {
            assert_eq!(number(name), None);
        }
    }
}
