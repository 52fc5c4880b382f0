//! The facts of a node that must be the same on every node of a site.
//!
//! Promises: facts are compared by content, and each difference names both nodes. Must never: contain a secret.

use std::path::PathBuf;

use super::finding::Finding;
use crate::agent::{Deadline, Fault, Target};

/// The facts of this node, as text for a file.
///
/// # Errors
/// The definition cannot be read.
pub fn export(_target: &Target, _deadline: &Deadline) -> Result<String, Fault> {
    Ok(String::new())
}

/// The differences between exported facts.
///
/// # Errors
/// A file cannot be read or understood.
pub fn compare(_files: &[PathBuf]) -> Result<Vec<Finding>, Fault> {
    Ok(Vec::new())
}

/// The differences between this node and the others whose facts are on the site's database.
pub fn compare_with_database(_target: &Target, _deadline: &Deadline) -> Vec<Finding> {
    Vec::new()
}
