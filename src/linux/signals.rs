//! Signals of this process: received through a descriptor, blocked, or ignored.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal as NixSignal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::values::Signal;

/// Receives the signals of this process as a readable descriptor (signalfd(2)).
#[derive(Debug)]
pub struct Inbox(SignalFd, SigSet);

impl Inbox {
    /// Blocks `signals` for the calling thread and receives them from now on.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let set: SigSet =
            signals.iter().filter_map(|s| NixSignal::try_from(s.number()).ok()).collect();
        set.thread_block()?;
        let receiver = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self(receiver, set))
    }

    /// Lets the signals have their usual effect again in the calling thread.
    pub fn close(self) {
        let _ = self.1.thread_unblock();
    }

    /// The next signal that has arrived, if any.
    pub fn next(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok()??;
        Some(Signal::from_raw(info.ssi_signo.cast_signed()))
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Blocks every signal of this thread, and gives its mask as it was.
pub(super) fn block_all() -> io::Result<SigSet> {
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), Some(&mut before))?;
    Ok(before)
}

/// Sets the mask of this thread.
pub(super) fn set_mask(mask: &SigSet) -> io::Result<()> {
    Ok(pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(mask), None)?)
}

/// Makes a write to a closed pipe, or beyond the limit of a file's size, fail with an error instead of
/// killing the process.
pub fn let_writes_fail() {
    for signal in [NixSignal::SIGPIPE, NixSignal::SIGXFSZ] {
        // SAFETY: SIG_IGN is no handler of ours; nothing can run in it.
        let _ = unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigIgn) };
    }
}

/// Ends this process by SIGALRM after so many whole seconds, whatever it waits for by then.
pub fn end_after(time: std::time::Duration) {
    nix::unistd::alarm::set(u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1));
}

/// Makes wait(2) tell how children end, even if this process was started with SIGCHLD ignored: the
/// kernel would then reap them itself.
pub fn hear_of_children() {
    // SAFETY: SIG_DFL is no handler of ours; nothing can run in it.
    let _ = unsafe {
        nix::sys::signal::signal(NixSignal::SIGCHLD, nix::sys::signal::SigHandler::SigDfl)
    };
    let child: SigSet = [NixSignal::SIGCHLD].into_iter().collect();
    let _ = child.thread_unblock();
}
