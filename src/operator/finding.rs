//! The result of one check of a node.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl Finding {
    /// Nothing is to be mended.
    pub fn ok(check: &'static str, sentence: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, check, sentence: sentence.into(), mend: None }
    }

    pub fn warning(
        check: &'static str,
        sentence: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self::bad(Severity::Warning, check, sentence, mend)
    }

    pub fn error(
        check: &'static str,
        sentence: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self::bad(Severity::Error, check, sentence, mend)
    }

    /// With a severity that depends on the site.
    pub fn bad(
        severity: Severity,
        check: &'static str,
        sentence: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { severity, check, sentence: sentence.into(), mend: Some(mend.into()) }
    }

    /// The check could not be done, so nothing is known.
    pub fn unchecked(check: &'static str, why: impl std::fmt::Display) -> Self {
        let who = if crate::linux::files::is_root() { "mend that" } else { "run as root" };
        Self::warning(
            check,
            format!("it could not be checked: {why}"),
            format!("{who}, and run doctor again"),
        )
    }
}
