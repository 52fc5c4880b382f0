//! The messages between a keeper and the process that started it, and the reasons why a lease is not taken.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::{Owner, UncleanEnd};

/// The lease was taken; the state that it was in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// An earlier unclean end of the site, on any node, that is not repaired yet.
    pub unclean: Option<UncleanEnd>,
    /// The fingerprint of the definition that the last owner ran, if it ran another one.
    pub other_definition: Option<String>,
    /// False: the disk is full and has no room for the owner's record.
    pub recorded: bool,
}

/// A line of JSON from the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KeeperMessage {
    /// Another process holds the lock; its owner, if the record can be read.
    Waiting(Option<Owner>),
    Taken(Taken),
    /// The record says that the unclean end is repaired.
    Settled,
    Failed(String),
}

/// The message to a keeper that the repair of an unclean end has succeeded.
pub(super) const REPAIRED: &[u8; 9] = b"repaired\n";

/// Why the lease is not taken. As text it ends a sentence.
#[derive(Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The caller was told to stop waiting.
    Interrupted,
    /// The keeper ended or cannot be reached, and said no reason; another one may succeed.
    KeeperEnded(String),
    /// Each keeper that was started has ended.
    KeepersKeepEnding,
    /// The keeper could not be started.
    KeeperNotStarted(String),
    /// Another owner held the lease until the deadline.
    HeldBy(Box<Owner>),
    /// The lock was held until the deadline, and the record names no owner.
    HeldBySomebody,
    /// The keeper waited for the disk until the deadline.
    DiskSilent,
    /// The keeper's reason.
    Failed(String),
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("the wait for it was interrupted"),
            Self::KeeperEnded(why) | Self::Failed(why) => f.write_str(why),
            Self::KeepersKeepEnding => f.write_str("its keepers end one after the other"),
            Self::KeeperNotStarted(why) => write!(f, "its keeper cannot be started: {why}"),
            Self::HeldBy(owner) => write!(
                f,
                "the node `{}` has it, since {}; stop the site there, or fence that node",
                owner.node, owner.since
            ),
            Self::HeldBySomebody => {
                f.write_str("another process holds it, and the record names no owner")
            }
            Self::DiskSilent => f.write_str("the disk does not answer"),
        }
    }
}
