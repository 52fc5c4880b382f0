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

/// The units whose inherited locks are held, by name.
pub(super) fn held_locks(places: &SitePlaces) -> Result<Vec<String>, ObserveError> {
    let held =
        process::held_locks(places).map_err(|UnaskedLock { path, error }| match error.kind() {
            ErrorKind::PermissionDenied => ObserveError::Denied(Denied(error)),
            _ => ObserveError::Unknown(format!(
                "the lock {} cannot be asked: {error}",
                path.display()
            )),
        })?;
    Ok(held.into_iter().map(|name| format!("`{name}`")).collect())
}
