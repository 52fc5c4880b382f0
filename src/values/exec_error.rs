//! Why a program did not run: the step that failed, and its errno.

use std::io;

use serde::{Deserialize, Serialize};

/// The step that failed before a program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecStage {
    Fork,
    Session,
    Keyring,
    Limits,
    Streams,
    User,
    Directory,
    Exec,
    /// An earlier process of the same kind still lives.
    Alone,
}

impl ExecStage {
    pub(crate) const ALL: [Self; 9] = [
        Self::Fork,
        Self::Session,
        Self::Keyring,
        Self::Limits,
        Self::Streams,
        Self::User,
        Self::Directory,
        Self::Exec,
        Self::Alone,
    ];

    /// The purpose of the step, for a message.
    pub fn what(self) -> &'static str {
        match self {
            Self::Fork => "make a process",
            Self::Session => "make a session of its own",
            Self::Keyring => "join a session keyring of its own",
            Self::Limits => "set its limits",
            Self::Streams => "set up its output",
            Self::User => "change to its user",
            Self::Directory => "change to its working directory",
            Self::Exec => "execute its program",
            Self::Alone => "be alone: what an earlier process of it left holds its lock",
        }
    }
}

/// Why a program did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecError {
    pub stage: ExecStage,
    /// errno(3).
    pub errno: i32,
}

/// The length of a failure as a child reports it through a pipe, in bytes.
pub(crate) const MESSAGE: usize = 5;

impl ExecError {
    /// As a child reports it; allocates nothing.
    pub(crate) fn message(stage: ExecStage, errno: i32) -> [u8; MESSAGE] {
        let [a, b, c, d] = errno.to_ne_bytes();
        [stage as u8, a, b, c, d]
    }

    /// As it was reported by a child.
    pub(crate) fn from_message([stage, errno @ ..]: [u8; MESSAGE]) -> Self {
        let stage = ExecStage::ALL.get(usize::from(stage)).copied().unwrap_or(ExecStage::Exec);
        Self { stage, errno: i32::from_ne_bytes(errno) }
    }

    /// Whether the node had no room for one more process, or for its descriptors, at that moment: the
    /// program is not at fault.
    pub fn is_for_want_of_room(&self) -> bool {
        matches!(self.errno, libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE)
    }

    /// Whether there is no such program.
    pub fn is_not_found(&self) -> bool {
        self.stage == ExecStage::Exec && matches!(self.errno, libc::ENOENT | libc::ENOTDIR)
    }
}

impl std::fmt::Display for ExecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = io::Error::from_raw_os_error(self.errno);
        write!(f, "could not {}: {error}", self.stage.what())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_heard_as_it_was_told() {
        for stage in ExecStage::ALL {
            let error = ExecError { stage, errno: libc::EDQUOT };
            assert_eq!(ExecError::from_message(ExecError::message(stage, libc::EDQUOT)), error);
        }
    }
}
