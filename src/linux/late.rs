//! What becomes of the execution of a program that takes long, while the thread that made its process waits for it.

use std::os::fd::BorrowedFd;
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
}

impl Late {
    pub(super) fn new(birth: Arc<Birth>) -> Self {
        Self { birth }
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
        self.birth.bell.as_fd()
    }
}
