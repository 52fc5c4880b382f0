//! A child that shares the memory of its parent until it executes its program (clone(2), `CLONE_VM | CLONE_VFORK`), so
//! that nothing is copied for it.
//!
//! Why that is sound:
//! * The child runs on a stack of its own. It shares the thread's errno and all else that is the thread's, and the
//!   kernel suspends the thread until the child has executed its program or ended: the two never run at once. Other
//!   threads run on, as beside any thread.
//! * Every signal is blocked in it until all have their default action, so that no handler of the parent's runs in it.
//!   What a C library does in the child is system calls.
//! * Its program may hang in execve(2) or chdir(2) for ever, on a disk that does not answer, and the thread with it. So
//!   this is for a thread that nothing waits for: see `batch`. A KILL ends that thread all the same (the kernel waits
//!   killably), and the child lives on: its memory stays as long as it uses it.
//! * It shares the descriptors too, and leaves them before it opens or closes one (`CLOSE_RANGE_UNSHARE` of
//!   close_range(2)), with a copy of those below the highest that it needs: what is held for each process would else be
//!   copied for every other one, and closed again at its execution. Before it comes to a step that can hang it closes
//!   those of that copy that are not its own, a lock of another process's for example.
//! * It does not change to another user: until it executes its program that user could reach into the parent's memory,
//!   were it not for the kernel, which for that reason makes the memory unreadable for the parent's own user too
//!   (`PR_SET_DUMPABLE` of prctl(2)), and leaves it so.
//! * Its oom_score_adj is its own: the kernel sets that of all who share a memory, but not where one of them is such a
//!   child (`__set_oom_adj` in fs/proc/base.c).

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use super::bell::Bell;
use super::exec::{ChildPlan, child_main};
use super::failure::ExecFailure;
use super::fork::{CloneArguments, INTO_CGROUP, birthplace};
use super::pidfd::PidFd;
use crate::values::Pid;

/// `CLONE_CLEAR_SIGHAND` of clone(2) (Linux 5.5): the child has no handler of its parent's.
const CLEAR_HANDLERS: u64 = 1 << 32;

/// What is known of such a child. The kernel writes its number and the number of a handle on it before it runs.
#[derive(Debug)]
pub(super) struct Birth {
    pid: AtomicI32,
    handle: AtomicI32,
    pub(super) failure: ExecFailure,
    /// It has executed its program or ended, and nothing of its command is open here any more.
    pub(super) is_over: AtomicBool,
    /// Rung after that, if anybody waits.
    pub(super) bell: Bell,
}

impl Birth {
    /// Of a child that is yet to be made.
    pub(super) fn new(bell: Bell) -> Self {
        Self {
            pid: AtomicI32::new(0),
            handle: AtomicI32::new(-1),
            failure: ExecFailure::default(),
            is_over: AtomicBool::new(false),
            bell,
        }
    }

    /// None: there is no child yet.
    pub(super) fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.pid.load(Ordering::Acquire))
    }

    /// The handle on the child.
    ///
    /// # Safety
    /// There is a child, and this is called once.
    pub(super) unsafe fn take_handle(&self) -> PidFd {
        // SAFETY: the kernel has made this descriptor for this process, and the caller takes it once.
        PidFd::from(unsafe { OwnedFd::from_raw_fd(self.handle.load(Ordering::Acquire)) })
    }
}

/// Memory for the stack of one child at a time, with a page below it that nothing can use.
#[derive(Debug)]
pub(super) struct Stack {
    base: NonNull<c_void>,
    length: usize,
}

/// The child's way needs 4 KiB of it.
const STACK: usize = 64 << 10;

// SAFETY: it is memory that nobody else knows.
unsafe impl Send for Stack {}

impl Stack {
    /// # Errors
    /// As mmap(2).
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: sysconf(3) takes a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).unwrap_or(STACK);
        let length = STACK + page;
        // SAFETY: new memory is asked for, at an address that the kernel chooses.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0)
        };
        let (false, Some(base)) = (base == libc::MAP_FAILED, NonNull::new(base)) else {
            return Err(io::Error::last_os_error());
        };
        let stack = Self { base, length };
        // SAFETY: all of it but the lowest page, which lies in it.
        let rc = unsafe {
            let usable = base.as_ptr().byte_add(page);
            libc::mprotect(usable, STACK, libc::PROT_READ | libc::PROT_WRITE)
        };
        if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(stack) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: it is this memory, and no child runs on it: a thread that has one waits for it.
        unsafe { libc::munmap(self.base.as_ptr(), self.length) };
    }
}

/// Makes a child that carries out `plan`, in the control group that it names, and waits until it has executed its
/// program or ended. The calling thread has every signal blocked.
///
/// # Errors
/// There is no child: as clone(2). ENOSYS, EINVAL or EPERM where the kernel, or a filter of system calls, does not know
/// this way.
///
/// # Safety
/// The plan changes to no other user; its pointers are valid, its report is the memory of `birth`, and it says from where
/// on it needs no descriptor.
pub(super) unsafe fn vfork(
    mut plan: ChildPlan<'_>,
    stack: &mut Stack,
    birth: &Birth,
) -> io::Result<()> {
    let group = birthplace(plan.command.group);
    plan.is_in_group = group.is_some();
    let shared = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
    let flags = shared | libc::CLONE_PIDFD | libc::CLONE_PARENT_SETTID;
    let into = if group.is_some() { INTO_CGROUP } else { 0 };
    let arguments = CloneArguments {
        // Flags and descriptors are not negative; addresses are numbers to clone3(2).
        flags: flags as u64 | CLEAR_HANDLERS | into,
        pidfd: birth.handle.as_ptr() as u64,
        parent_tid: birth.pid.as_ptr() as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.base.as_ptr() as u64,
        stack_size: stack.length as u64,
        cgroup: group.map_or(0, |group| group.as_raw_fd() as u64),
        ..CloneArguments::default()
    };
    let begin = (&raw const plan).cast();
    // SAFETY: what the caller promises, and the header says why the rest is sound.
    let told = unsafe { clone_onto(&arguments, begin_child, begin) };
    #[cfg(test)]
    super::no_allocation::no_more();
    match i32::try_from(told) {
        Ok(1..) => Ok(()),
        Ok(errno) => Err(io::Error::from_raw_os_error(-errno)),
        Err(_) => Err(io::Error::from_raw_os_error(libc::EIO)),
    }
}

/// The first function of the child.
///
/// # Safety
/// `plan` is a plan.
unsafe extern "C" fn begin_child(plan: *const c_void) -> ! {
    #[cfg(test)]
    super::no_allocation::from_now_on();
    // SAFETY: the thread that made it waits, and so it stands where it stood.
    child_main(unsafe { &*plan.cast::<ChildPlan<'_>>() })
}

/// clone3(2) with a stack: the child calls `begin`, which does not return. Gives the child's number or -errno.
///
/// Not by syscall(3): the child would return from it, over the return address of its parent.
///
/// # Safety
/// The arguments are valid, and name memory for a stack that nobody uses.
unsafe fn clone_onto(
    arguments: &CloneArguments,
    begin: unsafe extern "C" fn(*const c_void) -> !,
    with: *const c_void,
) -> isize {
    let told: isize;
    // SAFETY: the child has all registers of its parent but the stack pointer, which is the end of its own stack and so
    // aligned as a call wants it, and the result. The kernel changes no other register of the parent's but those that
    // are named. What the child writes to memory is as if a function that was called here did it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r8",
            "call r9",
            "ud2",
            "2:",
            inout("rax") libc::SYS_clone3 as isize => told,
            in("rdi") arguments,
            in("rsi") size_of::<CloneArguments>(),
            in("r8") with,
            in("r9") begin,
            out("rcx") _,
            out("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x9",
            "blr x10",
            "brk 1",
            "2:",
            inout("x0") arguments as *const CloneArguments as isize => told,
            in("x1") size_of::<CloneArguments>(),
            in("x8") libc::SYS_clone3,
            in("x9") with,
            in("x10") begin,
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = (arguments, begin, with);
        told = -(libc::ENOSYS as isize);
    }
    told
}
