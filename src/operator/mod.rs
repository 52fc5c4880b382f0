//! Commands for a person that concern all sites, or siteward itself.
//!
//! Promises: nothing here is on the way of a cluster manager. Must never: have a private idea of a
//! site's state.

mod actor;
mod await_ready;
mod create;
mod generate;
pub mod layout;
mod list;
mod rehearse;

pub use actor::act;
pub use await_ready::await_ready;
pub use create::{CreateOptions, create};
pub use generate::{Generator, generate};
pub use list::{list, list_as_json};
pub use rehearse::{RehearseOptions, rehearse};
