//! Reads the evidence for a site that is not a process: the record, and the locks that processes inherit.

use std::io::{self, ErrorKind};

use crate::process::{self, Record, RecordError, UnaskedLock};
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

    fn of_lock(UnaskedLock { path, error }: UnaskedLock) -> Self {
        match error.kind() {
            ErrorKind::PermissionDenied => Self::Denied(Denied(error)),
            _ => Self::Unknown(format!("the lock {} cannot be asked: {error}", path.display())),
        }
    }
}

/// The record. None: there is none, or it is not valid.
///
/// # Errors
/// The record exists and cannot be read.
pub(super) fn read_record(places: &SitePlaces) -> Result<Option<Record>, ObserveError> {
    usable(Record::read(places), places)
}

fn usable(
    read: Result<Option<Record>, RecordError>,
    places: &SitePlaces,
) -> Result<Option<Record>, ObserveError> {
    match read {
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

/// The units whose inherited locks are held, by name.
pub(super) fn held_locks(places: &SitePlaces) -> Result<Vec<String>, ObserveError> {
    let held = process::held_locks(places).map_err(ObserveError::of_lock)?;
    Ok(held.into_iter().map(|name| format!("`{name}`")).collect())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Site, record};
    use super::*;

    fn refused() -> io::Error {
        ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn a_lock_that_may_not_be_asked_is_another_users_and_one_that_cannot_be_is_unknown() {
        let of = |error| ObserveError::of_lock(UnaskedLock { path: "/run/x/web".into(), error });
        assert!(matches!(of(refused()), ObserveError::Denied(_)));
        let ObserveError::Unknown(why) = of(io::Error::other("a disk hangs")) else {
            panic!("it is no matter of permissions")
        };
        assert_eq!(why, "the lock /run/x/web cannot be asked: a disk hangs");
    }

    #[test]
    fn the_locks_that_are_held_are_told_by_name() {
        let places = Site::new().places;
        assert!(held_locks(&places).unwrap().is_empty(), "it has no locks");
        let site = Site::new();
        let held = Site::hold(&site.places.process_lock("web"));
        drop(Site::hold(&site.places.process_lock("mail")));
        assert_eq!(held_locks(&site.places).unwrap(), ["`web`"]);
        drop(held);
        assert!(held_locks(&site.places).unwrap().is_empty());
    }

    #[test]
    fn a_record_that_makes_no_sense_is_ignored_and_one_that_cannot_be_read_is_not() {
        let places = Site::new().places;
        let of = |error| usable(Err(error), &places);
        assert!(matches!(of(RecordError::Denied(refused())), Err(ObserveError::Denied(_))));
        assert!(matches!(of(RecordError::NotUnderstood("no JSON".to_owned())), Ok(None)));
        let Err(ObserveError::Unknown(why)) = of(RecordError::Unreadable(io::Error::other("EIO")))
        else {
            panic!("it is there and may name a process")
        };
        assert!(why.ends_with("record.json cannot be read: EIO"), "{why}");
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let site = Site::new();
        assert!(read_record(&site.places).unwrap().is_none());
        let record = record();
        record.write(&site.places).unwrap();
        assert_eq!(read_record(&site.places).unwrap(), Some(record));
        std::fs::write(site.places.record(), "nonsense").unwrap();
        assert!(read_record(&site.places).unwrap().is_none());
    }
}
