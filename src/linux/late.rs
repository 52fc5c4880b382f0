//! What becomes of the execution of a program that takes long, while the thread that made its process waits for it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::vfork::Birth;
use super::wait::Waiting;
use crate::values::{ExecError, Moment};

/// How long the thread may take to see the end of its child.
const SEEN: Duration = Duration::from_secs(1);

/// The report of one program, by the thread that waits for it.
#[derive(Clone, Debug)]
pub struct Late {
    birth: Arc<Birth>,
    bell: Bell,
}

impl Late {
    pub(super) fn new(birth: Arc<Birth>, bell: Bell) -> Self {
        Self { birth, bell }
    }

    /// Whether the program was executed; None: it is not known yet.
    pub fn outcome(&self) -> Option<Result<(), ExecError>> {
        self.birth.is_over.load(Ordering::Acquire).then(|| self.birth.failure.outcome())
    }

    /// The same for a child that has ended: the thread is about to see that.
    pub fn outcome_of_ended(&self) -> Result<(), ExecError> {
        let until = Moment::now() + SEEN;
        while self.outcome().is_none() && !until.passed() {
            let mut waiting = Waiting::new();
            waiting.readable(self.awaited(), ());
            waiting.wait(Some(until));
        }
        self.birth.failure.outcome()
    }

    /// Readable once it is known.
    pub fn awaited(&self) -> BorrowedFd<'_> {
        self.bell.0.as_fd()
    }
}

/// Rung by the thread (eventfd(2)).
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<File>);

impl Bell {
    /// # Errors
    /// EMFILE and the like.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes two numbers.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        Ok(Self(Arc::new(unsafe { File::from_raw_fd(raw) })))
    }

    pub(super) fn ring(&self) {
        let _ = (&*self.0).write_all(&1_u64.to_ne_bytes());
    }
}
