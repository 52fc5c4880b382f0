//! The status of sites for a person: everything that is known of a site at one moment, as lines for a terminal
//! of any size, as JSON, or drawn again and again.

mod clear;
mod failure;
mod gather;
mod question;
mod render;
mod report;
mod surroundings;
mod usage;
mod watch;
mod words;

pub use clear::clear_failure;
pub use gather::Gatherer;
pub use question::{AskedSites, StatusQuestion, worst_code};
pub use render::{Frame, one_site};
pub use report::SiteStatusReport;
pub(in crate::operator) use surroundings::owner as owner_of;
pub use surroundings::read_owner_here;
pub use watch::watch;
