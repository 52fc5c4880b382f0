//! The record of a site on this node: its supervisor, its processes, and how it ended. It is written
//! durably before what it records is announced.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::groups::Groups;
use super::identity::Identity;
use crate::control::{Failure, Pause};
use crate::linux::clock::WallTime;
use crate::linux::mounts::MountSource;
use crate::linux::{BootId, StartTicks, files};
use crate::site::{Adjustments, SiteName, SitePlaces};
use crate::values::Moment;

/// The record of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub version: u32,
    pub site: SiteName,
    /// The manager's name for the site (`OCF_RESOURCE_INSTANCE`), which may be all that a stop names.
    pub known_as: Option<String>,
    /// siteward's supervisor; for a wrapped supervisor, the verb that started it.
    pub supervisor: Identity,
    /// What of the site lives began no earlier: before it was proved that nothing lived. None: that is not known.
    #[serde(default)]
    pub began: Option<StartTicks>,
    pub since: WallTime,
    pub fingerprint: String,
    /// The definition of that fingerprint names no other supervisor than siteward's.
    #[serde(default)]
    pub is_own: bool,
    /// Where the manager's parameters differ from the snapshot.
    #[serde(default)]
    pub adjustments: Adjustments,
    pub processes: Vec<ProcessRecord>,
    /// The oneshots that have ended with 0.
    #[serde(default)]
    pub done: Vec<String>,
    /// The control group in which each process has a leaf; None: the site has none.
    #[serde(default)]
    pub group: Option<PathBuf>,
    /// What was mounted where its disk must be when the site was started.
    #[serde(default)]
    pub disk: Option<MountSource>,
    /// None while the supervisor works.
    pub ending: Option<Ending>,
    /// Only for a wrapped supervisor: the last order.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// Only for a wrapped supervisor: the pause that siteward ordered.
    #[serde(default)]
    pub paused: Option<Pause>,
}

/// The last order to a wrapped supervisor, and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It was started and must be up by `until`.
    Starting { until: Moment },
    /// It was started and came up.
    Up,
    /// It was ordered to stop.
    Stopping,
}

/// One process of the definition whose main process was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRecord {
    pub name: String,
    pub identity: Identity,
    /// It became ready.
    #[serde(default)]
    pub ready: bool,
    /// The offset in its log where its output begins, in bytes.
    #[serde(default)]
    pub printed_from: u64,
}

/// Removes the sockets, the processes' locks and the empty control groups of a site without living
/// processes. Follows no link.
pub fn forget(places: &SitePlaces) {
    forget_files(places);
    forget_groups(places);
}

/// The control groups alone.
pub fn forget_groups(places: &SitePlaces) {
    if let Some(groups) = Groups::of(places) {
        groups.remove();
    }
}

/// All but the control groups.
pub fn forget_files(places: &SitePlaces) {
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
    /// The record of a process that was just started.
    pub fn started(name: &str, identity: Identity) -> Self {
        Self { name: name.to_owned(), identity, ready: false, printed_from: 0 }
    }
}

/// Why there is no record to be read, though the file is there.
#[derive(Debug)]
pub enum RecordError {
    /// The site belongs to another user.
    Denied(io::Error),
    /// It is no record, or no plain file: it names no process.
    NotUnderstood(String),
    /// It cannot be read now.
    Unreadable(io::Error),
}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied(error),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::NotUnderstood(error.to_string())
            }
            _ => Self::Unreadable(error),
        }
    }
}

impl From<RecordError> for io::Error {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Denied(error) | RecordError::Unreadable(error) => error,
            RecordError::NotUnderstood(why) => Self::new(io::ErrorKind::InvalidData, why),
        }
    }
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied(error) | Self::Unreadable(error) => write!(f, "{error}"),
            Self::NotUnderstood(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for RecordError {}

/// How the supervisor's work ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// A stop was ordered.
    Stopped {
        at: WallTime,
        by: String,
        /// The marks by which no process was found.
        #[serde(default)]
        proved_by: Vec<String>,
    },
    /// The site failed.
    Failed(Failure),
}

/// The name of the mark of a lock, in [`Ending::Stopped`].
pub(super) const LOCK: &str = "lock";

impl Record {
    /// The version that this siteward writes.
    pub const VERSION: u32 = 1;

    /// The failure for which the site has ended, or is being ended.
    pub fn failure(&self) -> Option<&Failure> {
        match self.ending.as_ref()? {
            Ending::Failed(failure) => Some(failure),
            Ending::Stopped { .. } => None,
        }
    }

    /// The record of a site that `supervisor` begins to start now.
    pub fn begun(site: SiteName, supervisor: Identity) -> Self {
        Self {
            version: Self::VERSION,
            site,
            known_as: None,
            supervisor,
            began: None,
            since: WallTime::now(),
            fingerprint: String::new(),
            is_own: false,
            adjustments: Adjustments::default(),
            processes: Vec::new(),
            done: Vec::new(),
            group: None,
            disk: None,
            ending: None,
            phase: None,
            paused: None,
        }
    }

    /// Whether a process that began then may have inherited a lock of the site. A stop that was proved by the locks found
    /// none that is held, and no process gets one but from a supervisor, which writes a record of its own before. Until
    /// then, a process has one by descent (fork(2)), so that it began after the site.
    ///
    /// One that was handed over (unix(7)) to an older process is told by the lock itself.
    pub(super) fn may_have_lock(&self, start: StartTicks) -> bool {
        if !self.is_of_this_boot() {
            return true;
        }
        match &self.ending {
            Some(Ending::Stopped { proved_by, .. }) if proved_by.iter().any(|by| by == LOCK) => {
                false
            }
            Some(Ending::Stopped { .. } | Ending::Failed(_)) | None => {
                self.began.is_none_or(|began| start >= began)
            }
        }
    }

    /// Reads the record of a site; None if there is none. A record of an earlier boot counts as none,
    /// because no process that it names can live.
    ///
    /// # Errors
    /// It is there and cannot be read or understood.
    pub fn read(places: &SitePlaces) -> Result<Option<Self>, RecordError> {
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
            Err(error) => return Err(error.into()),
        };
        let record = Self::of(&bytes)?;
        let boot = BootId::current().map_err(RecordError::Unreadable)?;
        Ok(Some(record).filter(|record| record.supervisor.boot == boot))
    }

    /// The record in the bytes of its file.
    ///
    /// # Errors
    /// It cannot be understood.
    pub fn of(bytes: &[u8]) -> Result<Self, RecordError> {
        serde_json::from_slice(bytes).map_err(|error| RecordError::NotUnderstood(error.to_string()))
    }

    /// Writes it durably. On a full disk it is written over the old one in place, so that a failure can
    /// still be recorded.
    ///
    /// # Errors
    /// The folder is not this user's, or the file system's error.
    pub fn write(&self, places: &SitePlaces) -> io::Result<()> {
        if !files::is_own_folder(&places.runtime) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "its folder is a link or belongs to another user",
            ));
        }
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        files::write_even_if_full(&places.record(), &bytes)
    }

    /// Whether it was written since this boot.
    pub fn is_of_this_boot(&self) -> bool {
        BootId::current().is_ok_and(|boot| boot == self.supervisor.boot)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::site;
    use super::*;
    use crate::values::Pid;

    #[test]
    fn a_record_is_read_or_there_is_none_or_it_is_said_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        assert_eq!(Record::read(&places).unwrap(), None);
        let me = Identity::of(Pid::this()).unwrap();
        let record = Record::begun("shop".parse().unwrap(), me.clone());
        record.write(&places).unwrap();
        assert_eq!(Record::read(&places).unwrap(), Some(record.clone()));
        let supervisor = Identity { boot: BootId::none(), ..me };
        Record { supervisor, ..record }.write(&places).unwrap();
        assert_eq!(Record::read(&places).unwrap(), None, "it is of an earlier boot");
        fs::write(places.record(), "{}").unwrap();
        assert!(matches!(Record::read(&places), Err(RecordError::NotUnderstood(_))));
        fs::remove_file(places.record()).unwrap();
        std::os::unix::fs::symlink("nowhere", places.record()).unwrap();
        assert!(matches!(Record::read(&places), Err(RecordError::NotUnderstood(_))));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let at = |runtime| SitePlaces { runtime, ..places.clone() };
        assert_eq!(Record::read(&at(file)).unwrap(), None, "there is no such folder");
        let long = at(folder.path().join("x".repeat(300)));
        assert!(matches!(Record::read(&long), Err(RecordError::Unreadable(_))));
    }

    #[test]
    fn an_error_tells_whose_the_record_is_or_that_it_is_none_or_nothing() {
        let of = |kind: io::ErrorKind| RecordError::from(io::Error::new(kind, "why"));
        assert!(matches!(of(io::ErrorKind::PermissionDenied), RecordError::Denied(_)));
        for kind in [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof] {
            assert!(matches!(of(kind), RecordError::NotUnderstood(why) if why == "why"), "{kind}");
        }
        for kind in [io::ErrorKind::OutOfMemory, io::ErrorKind::NotFound, io::ErrorKind::Other] {
            assert!(matches!(of(kind), RecordError::Unreadable(_)), "{kind}");
        }
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::InvalidData,
            io::ErrorKind::OutOfMemory,
        ] {
            assert_eq!(of(kind).to_string(), "why");
            let back = io::Error::from(of(kind));
            assert_eq!((back.kind(), back.to_string()), (kind, "why".to_owned()));
        }
    }
}
