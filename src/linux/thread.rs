//! Making a thread.
//!
//! Promises: a thread is named, and every signal is blocked in it from its first moment on, so that a
//! signal for the process reaches the thread that waits for signals. The mask of the thread that makes
//! it stays as it was.

use std::io;
use std::thread::{Builder, JoinHandle};

use super::signals::{block_all, set_mask};

/// How much stack a thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackSize {
    /// As much as std gives a thread.
    Usual,
    /// 64 KiB, for a thread that only makes a system call: where all memory is locked, a stack is in
    /// memory as a whole.
    Small,
}

/// Starts a thread that does `work`.
///
/// # Errors
/// As pthread_create(3).
pub fn start<T: Send + 'static>(
    name: &str,
    stack: StackSize,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let builder = Builder::new().name(name.to_owned());
    let builder = match stack {
        StackSize::Usual => builder,
        StackSize::Small => builder.stack_size(64 << 10),
    };
    // A new thread has the mask of the one that makes it.
    let mask = block_all()?;
    let started = builder.spawn(work);
    let _ = set_mask(&mask);
    started
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{SigSet, Signal};

    #[test]
    fn a_thread_has_every_signal_blocked_and_its_maker_has_the_mask_that_it_had() {
        let mut own = SigSet::empty();
        own.add(Signal::SIGUSR1);
        own.thread_block().unwrap();
        let before = SigSet::thread_get_mask().unwrap();
        let thread = start("a name", StackSize::Small, || {
            let name = std::thread::current().name().map(str::to_owned);
            (SigSet::thread_get_mask().unwrap(), name)
        });
        let (mask, name) = thread.unwrap().join().unwrap();
        assert_eq!(name.as_deref(), Some("a name"));
        // These two cannot be blocked.
        let is_apart = |signal: &Signal| matches!(signal, Signal::SIGKILL | Signal::SIGSTOP);
        for signal in Signal::iterator().filter(|signal| !is_apart(signal)) {
            assert!(mask.contains(signal), "{signal}");
        }
        let after = SigSet::thread_get_mask().unwrap();
        assert!(before.contains(Signal::SIGUSR1) && !before.contains(Signal::SIGTERM));
        assert_eq!(after, before);
    }
}
