//! In unit tests: a child between fork and exec that allocates or frees memory ends by SIGABRT. Another thread of the
//! parent may have held the allocator's lock at the fork, and nobody gives it back in the child (fork(2), NOTES).

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// From now on, whatever allocates or frees ends this process. For a child of fork(2): its parent has its own copy.
pub(super) fn from_now_on() {
    IS_FORBIDDEN.store(true, Ordering::Relaxed);
}

struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn check() {
    if IS_FORBIDDEN.load(Ordering::Relaxed) {
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
