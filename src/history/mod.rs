//! The history of a site: what happened, on which node, when, and by whose order. Lines of JSON that are only
//! appended.
//!
//! Promises: a line is whole or skipped; the files stay below a bound. Must never: make a verb or the
//! supervisor fail. If a line cannot be written, that is logged and the site goes on.

mod entry;
mod event;
mod local;

pub use entry::{By, Entry};
pub use event::HistoryEvent;
pub use local::{History, add, read};
