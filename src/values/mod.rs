//! Plain values that every room speaks of: a moment, a process's number, a signal, how a process ended,
//! why a program did not run.
//!
//! Promises: a value here is made, compared and written; the numbers of the kernel are its constants.
//! Must never: make a system call, read a clock, or know what a site is.

mod exec_error;
mod exit_status;
mod moment;
mod pid;
mod signal;

pub(crate) use exec_error::MESSAGE;
pub use exec_error::{ExecError, Stage};
pub use exit_status::ExitStatus;
pub use moment::Moment;
pub use pid::Pid;
pub use signal::Signal;
