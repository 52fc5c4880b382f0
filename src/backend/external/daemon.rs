//! What the list of a supervisor says of its site.

use crate::process::Identity;

/// The state of the site's daemon by the supervisor's list, after a check of the process that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// Up, as this process; None where the list names no process.
    Up(Option<Identity>),
    /// Down by the list. With a text: the list names a process that does not exist, or another program.
    Shut(Option<String>),
    /// Services are up, and others are being started again: a sentence.
    Partly(String),
    /// Services are down for good: a sentence.
    Broken(String),
    /// The list does not know the site.
    Absent,
    /// The definition has no list.
    NotAsked,
    /// The program of the list is not on this node.
    NotInstalled,
    /// The list gave no usable answer, for this reason.
    Unknown(String),
}

impl Daemon {
    /// What the list says of a site that is down, beside that.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Shut(claim) => claim.as_deref(),
            Self::Up(_)
            | Self::Partly(_)
            | Self::Broken(_)
            | Self::Absent
            | Self::NotAsked
            | Self::NotInstalled
            | Self::Unknown(_) => None,
        }
    }
}
