//! The states of a site.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The nine states of a site. `stopping` and `failed` have two variants each, which managers answer
/// differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Stopped,
    Starting,
    Running,
    Degraded,
    Maintenance,
    /// `stopping`, because a stop was ordered.
    StoppingOrdered,
    /// `stopping`, because something failed.
    StoppingFailed,
    /// `failed`, and none of its processes lives.
    Failed,
    /// `failed`, and some of its processes live.
    FailedWithSurvivors,
    Unsupervised,
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Stopped,
        Self::Starting,
        Self::Running,
        Self::Degraded,
        Self::Maintenance,
        Self::StoppingOrdered,
        Self::StoppingFailed,
        Self::Failed,
        Self::FailedWithSurvivors,
        Self::Unsupervised,
        Self::Unknown,
    ];

    /// No recovery is needed.
    pub fn is_well(self) -> bool {
        match self {
            Self::Running | Self::Maintenance | Self::Degraded | Self::Starting => true,
            Self::Stopped
            | Self::StoppingOrdered
            | Self::StoppingFailed
            | Self::Failed
            | Self::FailedWithSurvivors
            | Self::Unsupervised
            | Self::Unknown => false,
        }
    }

    /// Its name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Maintenance => "maintenance",
            Self::StoppingOrdered | Self::StoppingFailed => "stopping",
            Self::Failed | Self::FailedWithSurvivors => "failed",
            Self::Unsupervised => "unsupervised",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
