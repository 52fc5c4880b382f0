//! The kinds of events in a history.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happened. The words are the same in the file, in `--json` and in `notify: {on: [..]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryEvent {
    /// A start was ordered.
    StartOrdered,
    /// The lease on the database is taken; `took`: the wait for it.
    Leased,
    /// The last owner of the database did not end cleanly.
    Unclean,
    /// The command of `on_unclean_shutdown` has succeeded.
    Repaired,
    /// The supervisor is at work; `took`: since the order.
    Started,
    /// The main process of `process` was started.
    Spawned,
    /// `process` is ready; `took`: since it was started.
    Ready,
    /// Every essential process is ready; `took`: since the order.
    Up,
    /// A start failed, and what it had begun is ended.
    RolledBack,
    /// A new supervisor has taken over the living processes.
    Adopted,
    /// `process` has a fault: it died, was not ready in time, or failed its healthchecks.
    Fault,
    /// `process` is started again after a fault.
    Restarting,
    /// The site serves without `process`.
    Degraded,
    /// The site was degraded, and every process is ready again.
    Recovered,
    /// The site is given up.
    Failed,
    /// The disk or the address of the site is gone.
    PrerequisiteLost,
    /// The disk or the address is back.
    PrerequisiteBack,
    /// The processes are being stopped.
    Stopping,
    /// The main process of `process` has ended, as it was told; `took`: since it was told.
    Ended,
    /// All processes have ended, and the supervisor exits; `took`: since the stop began.
    Down,
    /// A stop has proved that nothing of the site lives; `took`: since its order.
    Stopped,
    /// A stop could not prove it.
    NotStopped,
    /// Processes without a supervisor were ended.
    Swept,
    /// The processes are being stopped for a pause.
    Pausing,
    Paused,
    /// The processes of a paused site are being started.
    Resuming,
    /// The processes read their configuration again.
    Reloaded,
    /// The keeper of the lease was replaced, or the lease was lost.
    Lease,
    /// Files in the runtime directory were removed, and are restored.
    Restored,
    /// Processes that bear the site's mark, and are left alone.
    Spared,
    /// Processes that use the site's database.
    Holders,
    /// A command of `notify` has failed.
    NotifyFailed,
    /// A later version wrote it.
    #[serde(other)]
    Other,
}

impl HistoryEvent {
    /// Something went wrong.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Fault
                | Self::Failed
                | Self::RolledBack
                | Self::Degraded
                | Self::Unclean
                | Self::PrerequisiteLost
                | Self::NotStopped
        )
    }
}

/// Its word.
impl fmt::Display for HistoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
