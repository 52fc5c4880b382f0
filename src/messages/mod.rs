//! The catalogue of messages: every failure that siteward reports, with its cause, the next step and its kind.
//!
//! Promises: each failure has one entry and one identifier that never changes its meaning; the sentence is written
//! here and nowhere else, so that `siteward explain` and docs/messages.md show what is printed. Must never: know
//! an exit code (the managers' doors do), observe, or print.

mod call;
mod catalogue;
mod definition;
mod disk;
mod entry;
mod files;
mod node;
mod orders;
mod process;
mod start;
mod stop;
mod work;

pub use call::*;
pub use catalogue::{SECTIONS, Section, all, find};
pub use definition::*;
pub use disk::*;
pub use entry::{CatalogueEntry, FaultKind, Message, MessageId};
pub use files::*;
pub use node::*;
pub use orders::*;
pub use process::*;
pub use start::*;
pub use stop::*;
pub use work::*;
