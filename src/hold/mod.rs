//! The locks and files that a verb holds while it works on a site: its turn among the verbs, the copy of
//! the definition to start, and the lease on the database; the processes that hold that; and what a verb writes
//! into the history.
//!
//! Promises: each is released when its value is dropped; a start learns of every stop order that was given
//! after it began. Must never: delay a stop by more than a part of its time, or change a lease that another
//! node wrote, unless a person breaks it.

mod disk_users;
mod interrupts;
mod ownership;
mod series;
mod set_aside;
mod starter;
mod turn;
mod work;
mod written_down;

pub use disk_users::end_or_report;
pub use interrupts::{Interruption, Interrupts};
pub use ownership::{HeldLease, KEEP, NotHeld, break_it, keep, keep_on, let_go, take};
pub use series::{forget_told, keep_told, take_told};
pub use set_aside::{SetAside, remove_left_files};
pub use turn::{NoTurn, StartTurn, StopTurn};
pub use work::{DecidedItem, WorkDecision, decide_work, shown as shown_work};
pub use written_down::{StartAttempt, note_end, note_found, note_swept, note_wrapped_stop};
