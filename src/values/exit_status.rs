//! How a process ended.

use serde::{Deserialize, Serialize};

use super::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    Code(i32),
    Signal(Signal),
    /// It was no child of whoever looks, and the kernel did not tell.
    Untold,
}
