//! System calls by name, what they work on, and by which errors they can fail (section 2 of the manual).

use std::fs;

use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::site::UNIQUE;
use crate::tracer::{Call, Failure};

/// The call that a traced task is about to make.
pub(crate) fn at_entry(pid: Pid) -> Option<Call> {
    let registers = ptrace::getregs(pid).ok()?;
    let number = registers.orig_rax.cast_signed();
    let of_descriptor = |fd: u64| {
        let link = fs::read_link(format!("/proc/{pid}/fd/{}", fd as i32)).ok()?;
        Some(kind_of(&link.to_string_lossy()))
    };
    let text = |address: u64| text_at(pid, address).map(|text| kind_of(&text));
    let object = match named(number).map_or(Nothing, |(_, first, _)| *first) {
        Descriptor => of_descriptor(registers.rdi),
        Path => text(registers.rdi),
        PathAt => text(registers.rsi),
        Nothing => None,
    };
    let mut object = object.unwrap_or_default();
    let (second, third) = (registers.rsi as i32, registers.rdx as i32);
    let is_lock =
        [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW].contains(&second);
    if number == libc::SYS_fcntl && is_lock {
        object.push_str(LOCKS);
    }
    if number == libc::SYS_openat && third & libc::O_CREAT != 0 {
        object.push_str(MAKES);
    }
    Some(Call { number, object })
}

/// Whether a task is about to make a call that can change something outside of its process, or that waits while others
/// change something. A kill before a call that follows one which only looks is the same kill as before that one.
pub(crate) fn changes(pid: Pid) -> bool {
    let Ok(registers) = ptrace::getregs(pid) else { return true };
    let number = registers.orig_rax.cast_signed();
    if ONLY_LOOK.contains(&number) {
        return false;
    }
    let link = || {
        let link = fs::read_link(format!("/proc/{pid}/fd/{}", registers.rdi as i32));
        link.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let flags = registers.rdx as i32;
    match number {
        libc::SYS_read | libc::SYS_pread64 | libc::SYS_readv => !link().starts_with('/'),
        libc::SYS_openat => flags & (libc::O_CREAT | libc::O_TRUNC) != 0,
        // The end of a lock is seen by others.
        libc::SYS_close => {
            let link = link();
            let is_lock = ["lock", "lease"].iter().any(|end| link.ends_with(end));
            !link.starts_with('/') || is_lock || link.contains("/process/")
        }
        libc::SYS_fcntl => at_entry(pid).is_none_or(|call| call.object.ends_with(LOCKS)),
        _ => true,
    }
}

/// Calls that change nothing but their own process.
const ONLY_LOOK: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getsid,
    libc::SYS_getpgid,
    libc::SYS_getpriority,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_arch_prctl,
    libc::SYS_futex,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_getcwd,
    libc::SYS_pidfd_open,
    libc::SYS_pipe2,
    libc::SYS_dup,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
];

/// At the end of an object: a lock is asked for, or a file may be made.
const LOCKS: &str = ", a lock";
const MAKES: &str = ", made";

/// Without the numbers of inodes and processes and the name of the site, so that the same object is found in another
/// run.
fn kind_of(object: &str) -> String {
    let mut kind: String = object.chars().filter(|c| !c.is_ascii_digit()).collect();
    let mut from = 0;
    while let Some(at) = kind[from..].find(UNIQUE) {
        from += at + UNIQUE.len();
        let rest = &kind[from..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        kind.replace_range(from..from + end, "");
    }
    kind
}

fn text_at(pid: Pid, mut address: u64) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < 200 {
        let word = ptrace::read(pid, address as ptrace::AddressType).ok()?;
        let word = word.to_ne_bytes();
        if let Some(end) = word.iter().position(|&b| b == 0) {
            bytes.extend_from_slice(&word[..end]);
            break;
        }
        bytes.extend_from_slice(&word);
        address += 8;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

impl Call {
    pub(crate) fn name(&self) -> String {
        named(self.number)
            .map_or_else(|| format!("call {}", self.number), |(name, ..)| (*name).to_owned())
    }

    /// How it can fail.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        let is_stream = ["/", "pipe:", "socket:"].iter().any(|kind| self.object.starts_with(kind));
        let short = is_stream && matches!(self.number, libc::SYS_read | libc::SYS_write);
        let errnos = named(self.number).map_or(&[][..], |(_, _, errnos)| errnos);
        let may_be = |errno: &i32| match self.number {
            libc::SYS_fcntl => self.object.ends_with(LOCKS),
            libc::SYS_openat => *errno != ENOSPC || self.object.ends_with(MAKES),
            _ => true,
        };
        let errnos = errnos.iter().copied().filter(may_be);
        errnos.map(Failure::Errno).chain(short.then_some(Failure::Short)).collect()
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name())?;
        if !self.object.is_empty() {
            write!(f, " ({})", self.object)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errno(errno) => f.write_str(name_of(*errno)),
            Self::Short => f.write_str("short"),
        }
    }
}

/// The errors that are injected.
pub(crate) const ERRNOS: [(&str, i32); 7] = [
    ("ENOSPC", ENOSPC),
    ("EMFILE", EMFILE),
    ("ENOMEM", ENOMEM),
    ("EAGAIN", EAGAIN),
    ("EIO", EIO),
    ("EINTR", EINTR),
    ("EACCES", EACCES),
];

fn name_of(errno: i32) -> &'static str {
    ERRNOS.iter().find(|(_, e)| *e == errno).map_or("?", |(name, _)| *name)
}

/// What the first argument of a call is.
#[derive(Clone, Copy, Debug)]
enum First {
    Descriptor,
    Path,
    /// A descriptor of a folder, and then a path.
    PathAt,
    Nothing,
}

type Row = (&'static str, First, &'static [i32]);

fn named(number: i64) -> Option<&'static Row> {
    NAMES.iter().find(|(n, _)| *n == number).map(|(_, row)| row)
}

use First::{Descriptor, Nothing, Path, PathAt};
use libc::{EACCES, EAGAIN, EINTR, EIO, EMFILE, ENOMEM, ENOSPC};

/// Every call that siteward makes. A descriptor that does not block gives EAGAIN only where it can; what cannot be told
/// here is left out. EINTR stands where a signal handler without SA_RESTART, or one of the calls that are never
/// restarted, can give it.
const NAMES: &[(i64, Row)] = &[
    (libc::SYS_read, ("read", Descriptor, &[EIO, EINTR])),
    (libc::SYS_write, ("write", Descriptor, &[ENOSPC, EIO, EINTR])),
    (libc::SYS_pread64, ("pread64", Descriptor, &[EIO, EINTR])),
    (libc::SYS_pwrite64, ("pwrite64", Descriptor, &[ENOSPC, EIO, EINTR])),
    (libc::SYS_readv, ("readv", Descriptor, &[EIO, EINTR])),
    (libc::SYS_writev, ("writev", Descriptor, &[ENOSPC, EIO, EINTR])),
    (libc::SYS_open, ("open", Path, &[ENOSPC, EMFILE, ENOMEM, EINTR, EACCES])),
    (libc::SYS_openat, ("openat", PathAt, &[ENOSPC, EMFILE, ENOMEM, EINTR, EACCES])),
    (libc::SYS_openat2, ("openat2", PathAt, &[ENOSPC, EMFILE, ENOMEM, EINTR, EACCES])),
    // One that fails has closed all the same, which cannot be done here.
    (libc::SYS_close, ("close", Descriptor, &[])),
    (libc::SYS_close_range, ("close_range", Nothing, &[ENOMEM])),
    (libc::SYS_stat, ("stat", Path, &[ENOMEM, EACCES])),
    (libc::SYS_lstat, ("lstat", Path, &[ENOMEM, EACCES])),
    (libc::SYS_fstat, ("fstat", Descriptor, &[ENOMEM])),
    (libc::SYS_newfstatat, ("newfstatat", PathAt, &[ENOMEM, EACCES])),
    (libc::SYS_statx, ("statx", PathAt, &[ENOMEM, EACCES])),
    (libc::SYS_statfs, ("statfs", Path, &[ENOMEM, EIO, EINTR, EACCES])),
    (libc::SYS_fstatfs, ("fstatfs", Descriptor, &[ENOMEM, EIO, EINTR])),
    (libc::SYS_lseek, ("lseek", Descriptor, &[])),
    (libc::SYS_getdents64, ("getdents64", Descriptor, &[EIO])),
    (libc::SYS_readlink, ("readlink", Path, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_readlinkat, ("readlinkat", PathAt, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_access, ("access", Path, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_faccessat, ("faccessat", PathAt, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_faccessat2, ("faccessat2", PathAt, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_mkdir, ("mkdir", Path, &[ENOSPC, ENOMEM, EACCES])),
    (libc::SYS_mkdirat, ("mkdirat", PathAt, &[ENOSPC, ENOMEM, EACCES])),
    (libc::SYS_rmdir, ("rmdir", Path, &[ENOMEM, EACCES])),
    (libc::SYS_unlink, ("unlink", Path, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_unlinkat, ("unlinkat", PathAt, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_rename, ("rename", Path, &[ENOSPC, ENOMEM, EACCES])),
    (libc::SYS_renameat, ("renameat", PathAt, &[ENOSPC, ENOMEM, EACCES])),
    (libc::SYS_renameat2, ("renameat2", PathAt, &[ENOSPC, ENOMEM, EACCES])),
    (libc::SYS_symlink, ("symlink", Path, &[ENOSPC, ENOMEM, EIO, EACCES])),
    (libc::SYS_symlinkat, ("symlinkat", Path, &[ENOSPC, ENOMEM, EIO, EACCES])),
    (libc::SYS_link, ("link", Path, &[ENOSPC, ENOMEM, EIO, EACCES])),
    (libc::SYS_linkat, ("linkat", PathAt, &[ENOSPC, ENOMEM, EIO, EACCES])),
    (libc::SYS_chmod, ("chmod", Path, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_fchmod, ("fchmod", Descriptor, &[EIO])),
    (libc::SYS_fchmodat, ("fchmodat", PathAt, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_chown, ("chown", Path, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_fchown, ("fchown", Descriptor, &[EIO])),
    (libc::SYS_fchownat, ("fchownat", PathAt, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_ftruncate, ("ftruncate", Descriptor, &[EIO, EINTR])),
    (libc::SYS_fallocate, ("fallocate", Descriptor, &[ENOSPC, EIO, EINTR])),
    (libc::SYS_fsync, ("fsync", Descriptor, &[ENOSPC, EIO, EINTR])),
    (libc::SYS_fdatasync, ("fdatasync", Descriptor, &[ENOSPC, EIO, EINTR])),
    (libc::SYS_utimensat, ("utimensat", PathAt, &[EACCES])),
    (libc::SYS_flock, ("flock", Descriptor, &[ENOMEM, EINTR])),
    (libc::SYS_fcntl, ("fcntl", Descriptor, &[EAGAIN, EACCES])),
    (libc::SYS_ioctl, ("ioctl", Descriptor, &[])),
    (libc::SYS_dup, ("dup", Descriptor, &[EMFILE])),
    (libc::SYS_dup2, ("dup2", Descriptor, &[EMFILE, EINTR])),
    (libc::SYS_dup3, ("dup3", Descriptor, &[EMFILE, EINTR])),
    (libc::SYS_pipe2, ("pipe2", Nothing, &[EMFILE])),
    (libc::SYS_socket, ("socket", Nothing, &[EMFILE, ENOMEM, EACCES])),
    (libc::SYS_socketpair, ("socketpair", Nothing, &[EMFILE])),
    (libc::SYS_bind, ("bind", Descriptor, &[ENOMEM, EACCES])),
    (libc::SYS_listen, ("listen", Descriptor, &[])),
    (libc::SYS_accept, ("accept", Descriptor, &[EMFILE, ENOMEM, EINTR, EAGAIN])),
    (libc::SYS_accept4, ("accept4", Descriptor, &[EMFILE, ENOMEM, EINTR, EAGAIN])),
    (libc::SYS_connect, ("connect", Descriptor, &[EAGAIN, EINTR, EACCES])),
    (libc::SYS_sendto, ("sendto", Descriptor, &[EAGAIN, ENOMEM, EINTR])),
    (libc::SYS_recvfrom, ("recvfrom", Descriptor, &[EAGAIN, ENOMEM, EINTR])),
    (libc::SYS_sendmsg, ("sendmsg", Descriptor, &[EAGAIN, ENOMEM, EINTR])),
    (libc::SYS_recvmsg, ("recvmsg", Descriptor, &[EAGAIN, ENOMEM, EINTR])),
    (libc::SYS_getsockopt, ("getsockopt", Descriptor, &[])),
    (libc::SYS_setsockopt, ("setsockopt", Descriptor, &[])),
    (libc::SYS_getsockname, ("getsockname", Descriptor, &[])),
    (libc::SYS_getpeername, ("getpeername", Descriptor, &[])),
    (libc::SYS_shutdown, ("shutdown", Descriptor, &[])),
    (libc::SYS_poll, ("poll", Nothing, &[EINTR, ENOMEM])),
    (libc::SYS_ppoll, ("ppoll", Nothing, &[EINTR, ENOMEM])),
    (libc::SYS_epoll_create1, ("epoll_create1", Nothing, &[EMFILE, ENOMEM])),
    (libc::SYS_epoll_ctl, ("epoll_ctl", Descriptor, &[ENOMEM, ENOSPC])),
    (libc::SYS_epoll_wait, ("epoll_wait", Descriptor, &[EINTR])),
    (libc::SYS_epoll_pwait, ("epoll_pwait", Descriptor, &[EINTR])),
    (libc::SYS_signalfd4, ("signalfd4", Descriptor, &[EMFILE, ENOMEM])),
    (libc::SYS_eventfd2, ("eventfd2", Nothing, &[EMFILE, ENOMEM])),
    (libc::SYS_timerfd_create, ("timerfd_create", Nothing, &[EMFILE, ENOMEM])),
    (libc::SYS_timerfd_settime, ("timerfd_settime", Descriptor, &[])),
    (libc::SYS_inotify_init1, ("inotify_init1", Nothing, &[EMFILE, ENOMEM])),
    (libc::SYS_inotify_add_watch, ("inotify_add_watch", Descriptor, &[ENOSPC, ENOMEM, EACCES])),
    (libc::SYS_inotify_rm_watch, ("inotify_rm_watch", Descriptor, &[])),
    (libc::SYS_pidfd_open, ("pidfd_open", Nothing, &[EMFILE, ENOMEM])),
    (libc::SYS_pidfd_send_signal, ("pidfd_send_signal", Descriptor, &[])),
    (libc::SYS_kill, ("kill", Nothing, &[])),
    (libc::SYS_tgkill, ("tgkill", Nothing, &[])),
    (libc::SYS_fork, ("fork", Nothing, &[EAGAIN, ENOMEM])),
    (libc::SYS_vfork, ("vfork", Nothing, &[EAGAIN, ENOMEM])),
    (libc::SYS_clone, ("clone", Nothing, &[EAGAIN, ENOMEM])),
    (libc::SYS_clone3, ("clone3", Nothing, &[EAGAIN, ENOMEM])),
    (libc::SYS_execve, ("execve", Path, &[ENOMEM, EIO, EMFILE, EACCES])),
    (libc::SYS_wait4, ("wait4", Nothing, &[EINTR])),
    (libc::SYS_waitid, ("waitid", Nothing, &[EINTR])),
    (libc::SYS_exit, ("exit", Nothing, &[])),
    (libc::SYS_exit_group, ("exit_group", Nothing, &[])),
    (libc::SYS_brk, ("brk", Nothing, &[])),
    (libc::SYS_mmap, ("mmap", Nothing, &[])),
    (libc::SYS_munmap, ("munmap", Nothing, &[])),
    (libc::SYS_mremap, ("mremap", Nothing, &[])),
    (libc::SYS_mprotect, ("mprotect", Nothing, &[])),
    (libc::SYS_madvise, ("madvise", Nothing, &[])),
    (libc::SYS_mlockall, ("mlockall", Nothing, &[ENOMEM, EAGAIN])),
    (libc::SYS_prlimit64, ("prlimit64", Nothing, &[])),
    (libc::SYS_prctl, ("prctl", Nothing, &[])),
    (libc::SYS_arch_prctl, ("arch_prctl", Nothing, &[])),
    (libc::SYS_futex, ("futex", Nothing, &[])),
    (libc::SYS_nanosleep, ("nanosleep", Nothing, &[EINTR])),
    (libc::SYS_clock_nanosleep, ("clock_nanosleep", Nothing, &[EINTR])),
    (libc::SYS_clock_gettime, ("clock_gettime", Nothing, &[])),
    (libc::SYS_getrandom, ("getrandom", Nothing, &[EINTR])),
    (libc::SYS_rt_sigaction, ("rt_sigaction", Nothing, &[])),
    (libc::SYS_rt_sigprocmask, ("rt_sigprocmask", Nothing, &[])),
    (libc::SYS_rt_sigreturn, ("rt_sigreturn", Nothing, &[])),
    (libc::SYS_rt_sigtimedwait, ("rt_sigtimedwait", Nothing, &[EAGAIN, EINTR])),
    (libc::SYS_sigaltstack, ("sigaltstack", Nothing, &[])),
    (libc::SYS_restart_syscall, ("restart_syscall", Nothing, &[])),
    (libc::SYS_set_tid_address, ("set_tid_address", Nothing, &[])),
    (libc::SYS_set_robust_list, ("set_robust_list", Nothing, &[])),
    (libc::SYS_rseq, ("rseq", Nothing, &[])),
    (libc::SYS_sched_getaffinity, ("sched_getaffinity", Nothing, &[])),
    (libc::SYS_sched_yield, ("sched_yield", Nothing, &[])),
    (libc::SYS_getpid, ("getpid", Nothing, &[])),
    (libc::SYS_getppid, ("getppid", Nothing, &[])),
    (libc::SYS_gettid, ("gettid", Nothing, &[])),
    (libc::SYS_getuid, ("getuid", Nothing, &[])),
    (libc::SYS_geteuid, ("geteuid", Nothing, &[])),
    (libc::SYS_getsid, ("getsid", Nothing, &[])),
    (libc::SYS_getpgid, ("getpgid", Nothing, &[])),
    (libc::SYS_setsid, ("setsid", Nothing, &[])),
    (libc::SYS_setpriority, ("setpriority", Nothing, &[EACCES])),
    (libc::SYS_getpriority, ("getpriority", Nothing, &[])),
    (libc::SYS_umask, ("umask", Nothing, &[])),
    (libc::SYS_uname, ("uname", Nothing, &[])),
    (libc::SYS_sysinfo, ("sysinfo", Nothing, &[])),
    (libc::SYS_chdir, ("chdir", Path, &[ENOMEM, EIO, EACCES])),
    (libc::SYS_fchdir, ("fchdir", Descriptor, &[EACCES])),
    (libc::SYS_getcwd, ("getcwd", Nothing, &[ENOMEM, EACCES])),
    (libc::SYS_keyctl, ("keyctl", Nothing, &[ENOMEM, EACCES])),
    (libc::SYS_copy_file_range, ("copy_file_range", Descriptor, &[ENOSPC, EIO, ENOMEM])),
    (libc::SYS_sendfile, ("sendfile", Descriptor, &[EIO, ENOMEM, EAGAIN])),
    (libc::SYS_process_vm_readv, ("process_vm_readv", Nothing, &[ENOMEM])),
];
