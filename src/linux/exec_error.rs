//! Why a program did not run, as its child tells it by stage and errno.

use std::io;

use serde::{Deserialize, Serialize};

/// On which step a child failed before its program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Fork,
    Session,
    Limits,
    Streams,
    User,
    Directory,
    Exec,
}

impl Stage {
    pub(super) const ALL: [Self; 7] = [
        Self::Fork,
        Self::Session,
        Self::Limits,
        Self::Streams,
        Self::User,
        Self::Directory,
        Self::Exec,
    ];

    /// What the step was to do, for a message.
    pub fn what(self) -> &'static str {
        match self {
            Self::Fork => "make a process",
            Self::Session => "make a session of its own",
            Self::Limits => "set its limits",
            Self::Streams => "set up its output",
            Self::User => "change to its user",
            Self::Directory => "change to its working directory",
            Self::Exec => "execute its program",
        }
    }
}

/// Why a program did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecError {
    pub stage: Stage,
    /// errno(3).
    pub errno: i32,
}

impl ExecError {
    /// There is no such program.
    pub fn is_not_found(&self) -> bool {
        self.stage == Stage::Exec && matches!(self.errno, libc::ENOENT | libc::ENOTDIR)
    }
}

impl std::fmt::Display for ExecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = io::Error::from_raw_os_error(self.errno);
        write!(f, "could not {}: {error}", self.stage.what())
    }
}
