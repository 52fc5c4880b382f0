//! Plain values that every room uses: a moment, a PID, a signal, an exit status, the kind of an event, the reason why a program did
//! not run.
//!
//! Promises: values are made, compared and written here, without the operating system; of the kernel only
//! constants are used.
//! Must never: make a system call, read a clock, or know what a site is.

mod exec_error;
mod exit_status;
mod fnv;
mod history_event;
mod moment;
mod pid;
mod printable;
mod signal;

pub(crate) use exec_error::MESSAGE;
pub use exec_error::{ExecError, ExecStage};
pub use exit_status::ExitStatus;
pub use fnv::{fnv, fnv_from};
pub use history_event::HistoryEvent;
pub use moment::Moment;
pub use pid::Pid;
pub use printable::{first_of, printable, printable_line};
pub use signal::Signal;
