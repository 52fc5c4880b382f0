//! What would break a site at its next start or failover, found before it.
//!
//! Promises: every check is done and reported, not only the first that finds something. Must never: change
//! anything, or wait for a disk, a name server or a manager's command without a deadline.

use super::facts;
use super::finding::Finding;
use crate::agent::{Deadline, Target};

/// How a site is examined.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoctorOptions {
    /// This node is to run the site, so its disk and its address must be here.
    pub here: bool,
}

/// Does every check for a site on this node.
pub fn examine(target: &Target, _options: DoctorOptions, deadline: &Deadline) -> Vec<Finding> {
    facts::compare_with_database(target, deadline)
}
