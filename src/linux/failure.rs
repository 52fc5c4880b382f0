//! Why a program did not run, in memory that a child shares with its parent.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::values::{ExecError, ExecStage, MESSAGE};

/// Set once by the child, if a step failed.
#[derive(Debug, Default)]
pub(super) struct ExecFailure(AtomicU64);

/// Tells a failure from none.
const IS_SET: u8 = 1;

impl ExecFailure {
    /// In the child; allocates nothing.
    pub(super) fn set(&self, stage: ExecStage, errno: i32) {
        let mut word = [0; 8];
        let [is_set, rest @ ..] = &mut word;
        *is_set = IS_SET;
        rest.iter_mut().zip(ExecError::message(stage, errno)).for_each(|(to, from)| *to = from);
        self.0.store(u64::from_ne_bytes(word), Ordering::Release);
    }

    pub(super) fn outcome(&self) -> Result<(), ExecError> {
        match self.0.load(Ordering::Acquire).to_ne_bytes() {
            [IS_SET, a, b, c, d, e, ..] => {
                let message: [u8; MESSAGE] = [a, b, c, d, e];
                Err(ExecError::from_message(message))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_told() {
        let failure = ExecFailure::default();
        assert_eq!(failure.outcome(), Ok(()));
        for stage in ExecStage::ALL {
            failure.set(stage, libc::ENOENT);
            assert_eq!(failure.outcome(), Err(ExecError { stage, errno: libc::ENOENT }));
        }
    }
}
