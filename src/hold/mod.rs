//! What a verb holds of a site while it works: its turn among the verbs, the definition that
//! is started, and the lease of the database.
//!
//! Promises: what is held is let go when its value is dropped; a start hears of every order to stop that
//! comes after it began. Must never: keep a stop waiting beyond a part of its time, or touch a lease that
//! another node wrote.

mod interrupts;
mod ownership;
mod set_aside;
mod starter;
mod turn;

pub use interrupts::{Interruption, Interrupts};
pub use ownership::{HeldLease, NotHeld, break_it, keep, let_go, take};
pub use set_aside::SetAside;
pub use turn::{NoTurn, StartTurn, StopTurn};
