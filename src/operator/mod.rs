//! The verbs for a person that concern all sites, or siteward itself.
//!
//! Promises: no call of a cluster manager depends on this module. Must never: determine the state of a site
//! other than through `observe`.

mod actor;
mod await_ready;
mod create;
mod doctor;
mod explain;
pub mod facts;
mod finding;
mod generate;
mod holders;
mod known;
pub mod layout;
mod list;
mod rehearse;

pub use actor::act;
pub use await_ready::await_ready;
pub use create::{CreateOptions, create};
pub use doctor::{DoctorOptions, examine};
pub use explain::{definition_lines, explain};
pub use finding::{Finding, Severity};
pub use generate::{Generator, generate};
pub use holders::list_holders;
pub use known::unknown_here;
pub use list::{list, list_as_json};
pub use rehearse::{RehearseOptions, rehearse};
