//! The priority of this process.

/// From `linux/ioprio.h`: the class of a process that reads and writes only when no other does, and where
/// the class stands in a priority.
const IDLE_CLASS: libc::c_int = 3;
const CLASS_SHIFT: libc::c_int = 13;
const OF_A_PROCESS: libc::c_int = 1;

/// This process, and those that it starts, get the processor and the disks only when no other process
/// wants them (setpriority(2), ioprio_set(2)). Where that is not allowed, nothing changes.
pub fn be_last() {
    // SAFETY: both calls take numbers only; 0 is this process.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        let priority = IDLE_CLASS << CLASS_SHIFT;
        libc::syscall(libc::SYS_ioprio_set, OF_A_PROCESS, 0, priority);
    }
}
