//! `notify:` and `operations:`: who is told of what happens, and what is looked for in logs.

use std::path::PathBuf;
use std::time::Duration;

use crate::values::HistoryEvent;

/// A command that is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    pub command: Vec<String>,
    pub on: Vec<HistoryEvent>,
    pub timeout: Duration,
}

/// Operations of a program, by what it prints to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub name: String,
    pub log: PathBuf,
    /// Regular expressions for one line.
    pub begins: String,
    pub ends: String,
    /// A line that says that the service was started.
    pub restarts: Option<String>,
    /// What to run again where it was interrupted.
    pub again: Option<String>,
}
