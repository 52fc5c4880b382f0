//! The definition of a site, and how it is read.
//!
//! Promises: a definition is accepted or rejected as a whole; each error names the file, line and column, the
//! expected value and the nearest valid word. Must never: observe the state of a site, or change
//! anything.

mod adjust;
mod advice;
mod bounds;
mod claims;
mod context;
mod cursor;
pub mod definition;
pub mod duration;
mod environment;
mod installed;
pub mod keys;
mod load;
mod logging;
mod nearest;
mod order;
mod parse;
mod places;
mod ports;
mod positions;
mod prerequisites;
mod problem;
mod processes;
mod profiles;
mod read_telling;
mod read_work;
mod signal;
mod telling;
mod work;
mod wrapped;
mod written;
mod yaml;

pub use adjust::Adjustments;
pub use claims::{Claims, clash_of, clash_with_installed};
pub use cursor::{DefinitionError, Located};
pub use definition::*;
pub use environment::{READ_FILE, pairs_of, print_file, read_env_file, read_env_file_until};
pub use installed::{defined_sites, misnamed_files, misnamed_site, nearest_site, no_directory};
pub use load::{
    FoundDefinition, LoadError, forget_parsed, is_snapshot_of, load, load_alone, load_file,
    load_file_first, load_snapshot, load_snapshot_first, load_snapshot_to_keep, load_uncompared,
};
pub use nearest::nearest;
pub use order::Needs;
pub use parse::parse;
pub use places::{OWN_LOG, Overrides, Places, SitePlaces, WRAPPED, on_database};
pub use prerequisites::{OnLoss, Prerequisite, Prerequisites, WhenLost};
pub use problem::ProblemKind;
pub use profiles::{PROFILES, Profile, ProfileKey, Rows};
pub use telling::{Notify, Operation};
pub use work::{AtFailover, Drain, WorkKind, WorkPattern, fits, is_wild};
pub use wrapped::{Jobcenter, List, Subject, Wrapped};
pub use written::{WrittenValue, written_values};
