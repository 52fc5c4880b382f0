//! The history of a site: what happened, on which node, when, and by whose order. Lines of JSON that are only
//! appended.
//!
//! Promises: a line is whole or skipped; the files stay below a bound. Must never: make a verb or the
//! supervisor fail. If a line cannot be written, that is logged and the site goes on.

mod by;
mod entry;
mod file;
mod local;

pub use crate::values::HistoryEvent;
pub use by::{By, LoginSource, OrderedStart};
pub use entry::Entry;
pub use file::HistoryFile;
pub use local::{History, add, add_all, read};
