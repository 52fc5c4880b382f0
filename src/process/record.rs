//! The record of a site on this node: who its supervisor and its processes are, and how it ended.
//! Written durably before what it records is announced.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::groups::Groups;
use super::identity::Identity;
use crate::control::{Failure, Pause};
use crate::linux::clock::WallTime;
use crate::linux::{BootId, files};
use crate::site::{Adjustments, SiteName, SitePlaces};
use crate::values::Moment;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Of this form of record.
    pub version: u32,
    pub site: SiteName,
    /// By whom the manager knows the site (`OCF_RESOURCE_INSTANCE`); a stop may name nothing else.
    pub known_as: Option<String>,
    /// Ours; where the site has one of its own, the verb that started that.
    pub supervisor: Identity,
    pub since: WallTime,
    pub fingerprint: String,
    /// What the manager's parameters say differently from the snapshot.
    #[serde(default)]
    pub adjustments: Adjustments,
    pub processes: Vec<ProcessRecord>,
    /// The oneshots that have ended with 0.
    #[serde(default)]
    pub done: Vec<String>,
    /// The control group in which the supervisor makes a leaf for each of them; None: it has none.
    #[serde(default)]
    pub group: Option<PathBuf>,
    /// None while the supervisor is at work.
    pub ending: Option<Ending>,
    /// Where the site has a supervisor of its own: how far we have brought it.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// Why it is at rest, where the site has a supervisor of its own and we paused it.
    #[serde(default)]
    pub paused: Option<Pause>,
}

/// What was last ordered of a supervisor that is not ours, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It was started, and must be up by then.
    Starting { until: Moment },
    /// It has been up since.
    Up,
    /// It was told to stop.
    Stopping,
}

/// One process with a main process that was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRecord {
    pub name: String,
    pub identity: Identity,
    /// It has got ready.
    #[serde(default)]
    pub ready: bool,
    /// Where in its log its output begins, in bytes.
    #[serde(default)]
    pub printed_from: u64,
}

/// Removes the sockets, the processes' locks and the empty control groups of a site of which nothing
/// lives; never by way of a link.
pub fn forget(places: &SitePlaces) {
    if let Some(groups) = Groups::of(places) {
        groups.remove();
    }
    if !files::is_own_folder(&places.runtime) {
        return;
    }
    for socket in [places.socket(), places.notify_unseen()] {
        let _ = fs::remove_file(socket);
    }
    if files::is_own_folder(&places.notify_folder()) {
        let prefix = places.notify_prefix();
        for entry in fs::read_dir(places.notify_folder()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    if files::is_own_folder(&places.process_locks()) {
        for entry in fs::read_dir(places.process_locks()).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

impl ProcessRecord {
    /// Of one that has been started.
    pub fn started(name: &str, identity: Identity) -> Self {
        Self { name: name.to_owned(), identity, ready: false, printed_from: 0 }
    }
}

/// How the supervisor's work ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It was told to stop.
    Stopped {
        at: WallTime,
        by: String,
        /// The marks that were looked for, and found empty.
        #[serde(default)]
        proved_by: Vec<String>,
    },
    /// It gave the site up.
    Failed(Failure),
}

impl Record {
    /// The version that this siteward writes.
    pub const VERSION: u32 = 1;

    /// Of a site that `supervisor` takes up now, and of which nothing runs yet.
    pub fn begun(site: SiteName, supervisor: Identity) -> Self {
        Self {
            version: Self::VERSION,
            site,
            known_as: None,
            supervisor,
            since: WallTime::now(),
            fingerprint: String::new(),
            adjustments: Adjustments::default(),
            processes: Vec::new(),
            done: Vec::new(),
            group: None,
            ending: None,
            phase: None,
            paused: None,
        }
    }

    /// Reads the record of a site; None if there is none. A record of another boot counts as none:
    /// nothing that it names can live.
    ///
    /// # Errors
    /// It is there and cannot be read or understood.
    pub fn read(places: &SitePlaces) -> io::Result<Option<Self>> {
        let bytes = match files::read_plain(&places.record(), 16 << 20) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let record: Self = serde_json::from_slice(&bytes)?;
        let boot = BootId::current()?;
        Ok(Some(record).filter(|record| record.supervisor.boot == boot))
    }

    /// Writes it durably; where the disk is full as well as may be, as what failed must be told.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write(&self, places: &SitePlaces) -> io::Result<()> {
        if !files::is_own_folder(&places.runtime) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "its folder is a link or somebody else's",
            ));
        }
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        files::write_even_if_full(&places.record(), &bytes)
    }

    /// Whether it was written since this node was booted.
    pub fn is_of_this_boot(&self) -> bool {
        BootId::current().is_ok_and(|boot| boot == self.supervisor.boot)
    }
}
