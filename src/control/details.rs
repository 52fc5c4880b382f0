//! What a supervisor tells people of its processes beyond the view that every monitor gets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A boot or a stop under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// `start`, `settle`, `evidence`, `stop` or `pause`.
    pub what: String,
    /// How long it may still take, if it has an end.
    pub left: Option<Duration>,
}

/// What a process waits for, and for how long at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// As in "`web` waits for WHAT".
    pub what: String,
    pub left: Option<Duration>,
    /// What is done to it when that time is over, as in "it gets SIGKILL".
    pub then: Option<String>,
}

/// A process, in the order of the view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessDetails {
    pub name: String,
    /// How long ago it was started, if it has a main process.
    pub running_for: Option<Duration>,
    /// How long it has been ready.
    pub ready_for: Option<Duration>,
    /// Of one that is not ready, or that is being stopped.
    pub waits: Option<Pending>,
    /// What its healthcheck answered last; None: it has none, or is not ready.
    pub health: Option<String>,
    /// When it is started again after a fault.
    pub next_start_in: Option<Duration>,
}
