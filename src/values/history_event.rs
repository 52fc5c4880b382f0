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
    /// A failure or an unclean end has interrupted work of a kind that the definition names.
    WorkInterrupted,
    /// Items of it were handed to their command; `took`: all of them.
    WorkHandedOver,
    /// Items of it could not be handed over, and wait for a person.
    WorkLeft,
    /// A person has decided on items of it.
    WorkDecided,
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
    /// The disk or the address of the site is gone. By itself no failure: a paused site may lose them. What it does
    /// to a site that serves is another entry.
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
    /// Before a pause new work is stopped, and what runs is waited for.
    Draining,
    /// Nothing of its work runs any more; `took`: the wait for it.
    Drained,
    /// Its work did not end in its time.
    NotDrained,
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
    /// A person has cleared the last failure: `status` does not show it any more.
    FailureCleared,
    /// A command of `notify` has failed.
    NotifyFailed,
    /// A later version wrote it.
    #[serde(other)]
    Other,
}

impl HistoryEvent {
    /// Every one that `notify` may be told of.
    pub const ALL: [Self; 38] = [
        Self::StartOrdered,
        Self::Leased,
        Self::Unclean,
        Self::Repaired,
        Self::WorkInterrupted,
        Self::WorkHandedOver,
        Self::WorkLeft,
        Self::WorkDecided,
        Self::Started,
        Self::Spawned,
        Self::Ready,
        Self::Up,
        Self::RolledBack,
        Self::Adopted,
        Self::Fault,
        Self::Restarting,
        Self::Degraded,
        Self::Recovered,
        Self::Failed,
        Self::PrerequisiteLost,
        Self::PrerequisiteBack,
        Self::Stopping,
        Self::Ended,
        Self::Down,
        Self::Stopped,
        Self::NotStopped,
        Self::Swept,
        Self::Draining,
        Self::Drained,
        Self::NotDrained,
        Self::Pausing,
        Self::Paused,
        Self::Resuming,
        Self::Reloaded,
        Self::Lease,
        Self::Restored,
        Self::Spared,
        Self::Holders,
    ];

    /// A process that dies every second writes many of these. They are kept for a shorter time than those
    /// of the whole site.
    pub fn is_of_a_process(self) -> bool {
        matches!(
            self,
            Self::Spawned
                | Self::Ready
                | Self::Fault
                | Self::Restarting
                | Self::Degraded
                | Self::Recovered
                | Self::Ended
                | Self::Restored
                | Self::Spared
                | Self::NotifyFailed
                | Self::Other
        )
    }

    /// Something went wrong.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Fault
                | Self::Failed
                | Self::RolledBack
                | Self::Degraded
                | Self::Unclean
                | Self::WorkLeft
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
