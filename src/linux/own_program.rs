//! Another process of this very program, for work that may hang: a disk that does not answer holds that
//! process, and the caller goes on at its deadline.

use std::ffi::{CString, OsStr};
use std::os::fd::BorrowedFd;

use super::bounded::{Bounds, Ran, run};
use super::command::Command;
use crate::values::{ExecError, ExitStatus, Moment, Signal};

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    TimedOut,
    Interrupted,
    NotRun(ExecError),
    /// A signal killed it before it had answered.
    Killed(Signal),
}

/// For the end of a sentence whose subject is the process.
impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut => f.write_str("does not answer"),
            Self::Interrupted => f.write_str("is not waited for any longer"),
            Self::NotRun(error) => error.fmt(f),
            Self::Killed(signal) => ExitStatus::Signal(*signal).fmt(f),
        }
    }
}

/// The most that an answer may hold, in bytes.
const LONGEST: usize = 4 << 20;

/// The path of this program, which is valid even if its file has been replaced or removed.
pub fn program() -> Vec<CString> {
    vec![c"/proc/self/exe".to_owned()]
}

/// Runs this program with `words`, the first of which is its name, and with an empty environment. Gives
/// what it prints. It is killed at `deadline`, or when `cut` becomes readable.
///
/// # Errors
/// See [`Unanswered`].
pub fn ask(
    words: &[&OsStr],
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Vec<u8>, Unanswered> {
    let bounds = Bounds { deadline, cut, output: LONGEST };
    match run(bounds, |output| Command::plain(program(), words, Vec::new(), output)) {
        Ran::Ended { status: ExitStatus::Signal(signal), .. } => Err(Unanswered::Killed(signal)),
        Ran::Ended { status: ExitStatus::Code(_) | ExitStatus::Untold, said } => Ok(said),
        Ran::NotRun(error) => Err(Unanswered::NotRun(error)),
        Ran::TimedOut => Err(Unanswered::TimedOut),
        Ran::Interrupted => Err(Unanswered::Interrupted),
    }
}
