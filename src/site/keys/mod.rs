//! The keys of a definition: one table, from which the parser, the manual, the schema and the suggestions are made.

mod find;
mod foreign;
mod health;
mod kinds;
mod manual;
mod process;
mod ready;
mod schema;
mod settings;
mod site;
mod supervisor;
mod telling;
mod work;

pub use find::{Place, all, find};
pub(super) use find::{at, below, elsewhere, split};
pub(super) use foreign::foreign;
pub use kinds::{DefaultValue, DefinitionKey, ValueType, Word};
pub use manual::manual;
pub(super) use ready::TIMEOUT;
pub use schema::schema;
pub(super) use settings::{LARGEST_LOG, SMALLEST_LOG};
