//! The result of one check of a node.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Ok,
    /// It works now, and may break later.
    Warning,
    /// The site cannot start or fail over like this.
    Error,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// The name of the check, in words with hyphens.
    pub check: &'static str,
    /// What was found: one sentence, without its full stop.
    pub sentence: String,
    /// The command that mends it, or what to change.
    pub mend: Option<String>,
}
