//! Which processes are a site's, and how they are ended.
//!
//! Promises: a process is known by boot, pid and start, never by its number alone or by its name;
//! what cannot be proved to be the site's is not touched; what cannot be looked at is an error, and
//! never nothing. Must never: signal an ancestor of this process, PID 1, a cluster manager's daemon, or
//! what another site can be seen to own.

mod command_line;
mod elsewhere;
mod environment;
mod groups;
mod holders;
mod identity;
mod judge;
mod marks;
mod members;
mod membership;
mod record;
mod spared;
mod sweep;
mod token;

pub use command_line::find_by_command_line;
pub use environment::{LEASE, MARK, SUPERVISOR, mark_entry, mark_of, told_by};
pub use groups::{Groups, Scope};
pub use holders::{Holder, holders};
pub use identity::{Identity, Seen};
pub use judge::{Descendant, Judge, is_keeper, is_of_another_site, locked_by};
pub use marks::{Offer, offered, proof};
pub use members::{Member, Members, find_members};
pub use record::forget;
pub use record::{Ending, Phase, ProcessRecord, Record};
pub use spared::{MUTE, Spared, haven};
pub use sweep::{Swept, kill_groups, sweep};
pub use token::Token;

pub use crate::linux::tree::Tree;
