//! In unit tests: a child between fork and exec that allocates or frees memory ends by SIGABRT. Another thread of the
//! parent may have held the allocator's lock at the fork, and nobody gives it back in the child (fork(2), NOTES).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static IS_FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// From now on, whatever allocates or frees in this thread ends the process. For a child, which has one thread: with
/// memory of its own, or with that of a thread of its parent's, which waits for it and then says [`no_more`].
pub(super) fn from_now_on() {
    IS_FORBIDDEN.set(true);
}

/// The child that shared this thread's memory does so no more.
pub(super) fn no_more() {
    IS_FORBIDDEN.set(false);
}

struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn check() {
    if IS_FORBIDDEN.get() {
        // SAFETY: abort(3) is async-signal-safe.
        unsafe { libc::abort() }
    }
}

// SAFETY: every call is handed on to the system's allocator with what the caller promised.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        check();
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fork::fork;
    use nix::sys::wait::{WaitStatus, waitpid};

    fn ends_as(way: impl FnOnce()) -> WaitStatus {
        // SAFETY: what `way` may not do is what is tried here; the child ends at once in any case.
        let child = unsafe {
            fork(|| {
                way();
                libc::_exit(0)
            })
        };
        waitpid(nix::unistd::Pid::from_raw(child.unwrap().number()), None).unwrap()
    }

    #[test]
    fn a_child_that_allocates_or_frees_before_it_executes_ends_at_once() {
        let aborted = |status| {
            matches!(status, WaitStatus::Signaled(_, nix::sys::signal::Signal::SIGABRT, _))
        };
        assert!(aborted(ends_as(|| drop(std::hint::black_box(vec![1u8; 100])))));
        let ours = vec![1u8; 100];
        assert!(aborted(ends_as(move || drop(std::hint::black_box(ours)))));
        assert!(matches!(ends_as(|| ()), WaitStatus::Exited(_, 0)));
    }
}
