//! The priority of this process.

/// From `linux/ioprio.h`: the class of ordinary processes, its last level, and where the class stands in a priority.
const BEST_EFFORT: libc::c_int = 2;
const LAST: libc::c_int = 7;
const CLASS_SHIFT: libc::c_int = 13;
const OF_A_PROCESS: libc::c_int = 1;

/// A third of the processor that an ordinary process gets (sched(7)).
const NICE: libc::c_int = 5;

/// This process, and those that it starts, get less of the processor and the disks than others
/// (setpriority(2), ioprio_set(2)). Where that is not allowed, nothing changes. They get something all the same: one that
/// waits for ever does not die of a SIGKILL either, and a stop has to wait for that.
pub fn step_back() {
    // SAFETY: both calls take numbers only; 0 is this process.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
        let priority = (BEST_EFFORT << CLASS_SHIFT) | LAST;
        libc::syscall(libc::SYS_ioprio_set, OF_A_PROCESS, 0, priority);
    }
}
