//! What is told of a site.

use std::time::Duration;

use serde::Serialize;

use super::advice::TimingChange;
use super::paths::FailoverPath;
use super::phases::TimedPhase;

/// The times of one site in one manager.
#[derive(Debug, Serialize)]
pub struct TimingReport {
    pub site: String,
    pub script: Option<String>,
    pub manager: &'static str,
    /// None: no settings were found, and those that `generate` advises are assumed.
    pub resource: Option<String>,
    /// Where the manager's settings come from.
    pub source: String,
    pub phases: Vec<TimedPhase>,
    pub paths: Vec<FailoverPath>,
    pub limits: Vec<NeededLimit>,
    #[serde(rename = "client_waits_ms", serialize_with = "super::millis::millis")]
    pub client_waits: Duration,
    /// The number to change first, and those after it.
    pub changes: Vec<TimingChange>,
    /// What the history says about the timeouts.
    pub sentences: Vec<String>,
    /// What could not be read or taken into account.
    pub notes: Vec<String>,
}

/// A timeout of the manager, and how long it must be at least.
#[derive(Clone, Debug, Serialize)]
pub struct NeededLimit {
    pub name: String,
    #[serde(rename = "configured_ms", serialize_with = "super::millis::some_millis")]
    pub configured: Option<Duration>,
    #[serde(rename = "needed_ms", serialize_with = "super::millis::millis")]
    pub needed: Duration,
    pub is_enough: bool,
    /// The command that makes it long enough.
    pub how: Option<String>,
}
