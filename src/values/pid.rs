//! The number of a process.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a process. It may be used again for another process: see `process::Identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Pid(i32);

impl Pid {
    /// PID 1 of this PID namespace.
    pub const INIT: Self = Self(1);

    /// The bare number.
    pub fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn from_raw(raw: i32) -> Option<Self> {
        (raw > 0).then_some(Self(raw))
    }
}

impl TryFrom<i32> for Pid {
    type Error = String;
    fn try_from(raw: i32) -> Result<Self, String> {
        Self::from_raw(raw).ok_or_else(|| format!("{raw} is not the number of a process"))
    }
}

impl From<Pid> for i32 {
    fn from(pid: Pid) -> Self {
        pid.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
