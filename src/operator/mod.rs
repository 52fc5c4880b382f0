//! The verbs for a person that concern all sites, or siteward itself.
//!
//! Promises: no call of a cluster manager depends on this module. Must never: determine the state of a site
//! other than through `observe`.

mod account;
mod actor;
mod asker;
mod await_ready;
mod chart;
mod create;
mod doctor;
mod explain;
pub mod facts;
mod finding;
mod generate;
mod history;
mod holders;
mod known;
pub mod layout;
mod list;
mod logs;
pub mod metrics;
pub mod page;
pub mod progress;
mod rehearse;
mod report;
pub mod settings;
pub mod status;
mod story;
mod takeover;
mod timeline;
pub mod timing;
mod tracking;
mod warden;
mod work;

pub use actor::act;
pub use asker::{ask_on_failure, start_asking};
pub use await_ready::await_ready;
pub use create::{CreateOptions, create};
pub use doctor::{DoctorOptions, examine, examine_disk_here};
pub use explain::{AnsweredCodes, answered_codes, explain, explained_words, messages_document};
pub use finding::{Finding, Severity};
pub use generate::{FilledIn, Generator, generate};
pub use history::{HistoryOptions, history, read_log_here};
pub use holders::list_holders;
pub use known::unknown_here;
pub use list::{known_sites, list, list_as_json};
pub use logs::{LogsOptions, TailLength, has_logs, has_process, nearest_process, print_logs};
pub use rehearse::{RehearseOptions, rehearse};
pub use report::{ReportOptions, write_report};
pub use timeline::timeline;
pub use tracking::{definition_lines, tracking};
pub use work::{WorkOptions, work};
