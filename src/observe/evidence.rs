//! Reads the evidence for a site that is not a process: the record, and the locks that processes inherit.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::linux::lock;
use crate::process::{Members, Record, RecordError, find_lock_holders, find_members};
use crate::site::SitePlaces;

/// The site belongs to another user.
#[derive(Debug)]
pub struct Denied(pub io::Error);

/// Why the site could not be observed.
#[derive(Debug)]
pub(super) enum ObserveError {
    /// The site belongs to another user.
    Denied(Denied),
    /// Something could not be read; a sentence without its full stop.
    Unknown(String),
}

impl From<Denied> for ObserveError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl ObserveError {
    pub(super) fn of_proc(error: &io::Error) -> Self {
        Self::Unknown(format!("/proc cannot be read: {error}"))
    }
}

/// The record. None: there is none, or it is not valid.
///
/// # Errors
/// The record exists and cannot be read.
pub(super) fn read_record(places: &SitePlaces) -> Result<Option<Record>, ObserveError> {
    match Record::read(places) {
        Ok(record) => Ok(record),
        Err(RecordError::Denied(error)) => Err(Denied(error).into()),
        // An invalid record is ignored; the other marks remain.
        Err(RecordError::NotUnderstood(why)) => {
            log::warn!(
                "the record {} is not valid and is ignored: {why}",
                places.record().display()
            );
            Ok(None)
        }
        Err(RecordError::Unreadable(error)) => Err(ObserveError::Unknown(format!(
            "the record {} cannot be read: {error}",
            places.record().display()
        ))),
    }
}

/// The living processes of the site, by every mark.
pub(super) fn members(
    places: &SitePlaces,
    record: Option<&Record>,
) -> Result<Members, ObserveError> {
    let of_proc = |error: io::Error| ObserveError::of_proc(&error);
    let found = find_members(places, record).map_err(of_proc)?;
    if found.is_empty() && !held_locks(places)?.is_empty() {
        return find_lock_holders(places, record).map_err(of_proc);
    }
    Ok(found)
}

/// The units whose inherited locks are held, by name.
pub(super) fn held_locks(places: &SitePlaces) -> Result<Vec<String>, ObserveError> {
    let folder = places.process_locks();
    let unread = |path: &Path, error: io::Error| match error.kind() {
        ErrorKind::PermissionDenied => ObserveError::Denied(Denied(error)),
        _ => ObserveError::Unknown(format!("the lock {} cannot be asked: {error}", path.display())),
    };
    let entries = match std::fs::read_dir(&folder) {
        // Without the directory there are no locks.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(|error| unread(&folder, error))?,
    };
    let mut held = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(&folder, error))?.path();
        if lock::is_held(&path).map_err(|error| unread(&path, error))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            held.push(format!("`{name}`"));
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::StartTicks;
    use crate::linux::clock::WallTime;
    use crate::linux::files::private_folder;
    use crate::linux::lock::{Attempt, Lock};
    use crate::process::{Ending, Identity};
    use crate::values::Pid;
    use std::process::Command;

    #[test]
    fn a_lock_that_was_handed_over_is_found_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let places = SitePlaces {
            definition: folder.path().join("shop.yaml"),
            runtime: folder.path().join("shop"),
            logs: folder.path().join("log"),
        };
        private_folder(&places.runtime).unwrap();
        private_folder(&places.process_locks()).unwrap();
        let Attempt::Taken(lock) = Lock::inheritable(&places.process_lock("a")).unwrap() else {
            panic!("it is free")
        };
        let held = lock.file().try_clone().unwrap();
        let mut holder = Command::new("sleep").arg("1017").stdin(held).spawn().unwrap();
        drop(lock);
        let pid = Pid::from_raw(holder.id().cast_signed()).unwrap();
        let began = Identity::of(pid).unwrap().start;
        let supervisor = Identity::of(Pid::this()).unwrap().ended();
        let record =
            Record { began: Some(began), ..Record::begun("shop".parse().unwrap(), supervisor) };
        let stopped = |proved_by: &str| {
            let (at, by) = (WallTime::now(), "a test".to_owned());
            Some(Ending::Stopped { at, by, proved_by: vec![proved_by.to_owned()] })
        };
        for (record, is_looked_at) in [
            (record.clone(), true),
            (Record { began: None, ..record.clone() }, true),
            (Record { ending: stopped("descent"), ..record.clone() }, true),
            (Record { began: Some(StartTicks::NEVER), ..record.clone() }, false),
            (Record { ending: stopped("lock"), ..record.clone() }, false),
        ] {
            let found = find_members(&places, Some(&record)).unwrap();
            assert_eq!(!found.is_empty(), is_looked_at, "{record:?}");
            let found = members(&places, Some(&record)).unwrap();
            let found: Vec<_> = found.ours.iter().map(|m| (m.pid, m.by)).collect();
            assert_eq!(found, [(pid, "lock")], "{record:?}");
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        let stopped = Record { ending: stopped("lock"), ..record };
        assert!(members(&places, Some(&stopped)).unwrap().is_empty());
    }
}
