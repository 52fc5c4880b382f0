//! Which processes belong to a site, and how they are ended.
//!
//! Promises: a process is identified by boot, PID and start time, never by its number alone or its name.
//! A process that is not proved to be the site's is not signalled. An error while looking is an error,
//! and never "no process". Must never: signal an ancestor of this process, PID 1, a cluster manager's
//! daemon, or a process of another site.

mod beside;
mod command_line;
mod environment;
mod groups;
mod holders;
mod identity;
mod judge;
mod locks;
mod marked;
mod marks;
mod members;
mod membership;
mod other_sites;
mod record;
#[cfg(test)]
pub(crate) mod samples;
mod spared;
mod sweep;
mod token;

pub use beside::{start_beside, words_beside};
pub use command_line::{find_by_command_line, find_by_command_lines};
pub use environment::{
    ASKER, FACTS, HELPER, LEASE, MARK, SUPERVISOR, called, environment_mark, mark_entry, mark_of,
};
pub use groups::{Groups, Scope};
pub use holders::{Holder, holders, mounted_below};
pub use identity::{Identity, Seen, wait_for_an_end};
pub use judge::{Descendant, Judge, is_keeper, is_of_another_site, locked_by};
pub use locks::{UnaskedLock, held_locks};
pub use marked::MarkedSites;
pub use marks::{Offer, offered, proof};
pub use members::{Member, Members, find_members};
pub use record::{
    Ending, Phase, ProcessRecord, Record, RecordError, forget, forget_files, forget_groups,
};
pub use spared::{Spared, UNREADABLE, protected};
pub use sweep::{Swept, kill_groups, sweep};
pub use token::Token;

pub use crate::linux::tree::Tree;
