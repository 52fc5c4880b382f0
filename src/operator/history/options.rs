//! What a person asks of a history.

use jiff::Timestamp;

/// What is shown of a history, and how.
#[derive(Clone, Debug, Default)]
pub struct HistoryOptions {
    pub since: Option<Timestamp>,
    pub failed: bool,
    pub node: Option<String>,
    /// Only the last ones.
    pub lines: Option<usize>,
    pub follow: bool,
    pub json: bool,
    pub interrupted: bool,
}
