//! Which processes are a site's, and how they are ended.
//!
//! Promises: a process is known by boot, pid and start, never by its number alone or by its name;
//! what cannot be proved to be the site's is not touched. Must never: signal an ancestor of
//! this process, PID 1, a cluster manager's daemon, or what bears another site's mark.

mod command_line;
mod groups;
mod holders;
mod identity;
mod marks;
mod members;
mod record;
mod sweep;
mod tree;

pub use command_line::find_by_command_line;
pub use groups::{Groups, Scope};
pub use holders::{Holder, holders};
pub use identity::{Identity, Seen};
pub use marks::{Offer, offered, proof};
pub use members::{
    LEASE, MARK, MUTE, Member, Members, SUPERVISOR, Spared, find_members, haven, locked_by,
    mark_entry, mark_of, told_by,
};
pub use record::forget;
pub use record::{Ending, Phase, ProcessRecord, Record};
pub use sweep::{Swept, kill_groups, sweep};
pub use tree::{Tree, kill_below};
