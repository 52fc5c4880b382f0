//! What a person sees while a verb works: at a terminal a line for each process, redrawn in place; elsewhere
//! a line for each transition.
//!
//! Promises: the verb is the same with and without it, and never waits for it. Must never: write where a
//! cluster manager reads, or leave the terminal as it was not.

mod background;
mod display;
mod follow;
mod interrupt;
mod lines;
mod screen;
mod verb;

pub use background::{Background, go_on_in_background};
pub use display::Progress;
pub use screen::StderrBesideScreen;
pub use verb::SlowVerb;
