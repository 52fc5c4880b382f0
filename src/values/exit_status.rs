//! How a process ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    Code(i32),
    Signal(Signal),
    /// The process was no child of the one that looks, and the kernel did not tell.
    Untold,
}

/// For the end of a sentence whose subject is the process.
impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit status {code}"),
            Self::Signal(signal) => write!(f, "was killed by {signal}"),
            Self::Untold => f.write_str("ended, and nobody saw how"),
        }
    }
}
