//! The mark on a site's database that makes every later start, on any node, come up in maintenance. Read
//! and written by a helper: see the header of `disk`.
//!
//! The mark is written before the pause is ordered, and is in force only once it is settled; until then the
//! earlier pause is. It is never written through a symbolic link, or to a file system that was mounted over
//! the database meanwhile.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::control::Pause;
use crate::linux::folder::Folder;
use crate::site::on_database;

const PAUSED: &str = "paused";

/// The mark as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct PauseMark {
    #[serde(flatten)]
    pause: Pause,
    /// It is not known yet whether the site was paused.
    #[serde(default)]
    begun: bool,
    /// The pause that was in force before.
    #[serde(default)]
    before: Option<Pause>,
}

impl PauseMark {
    fn in_force(self) -> Option<Pause> {
        if self.begun { self.before } else { Some(self.pause) }
    }
}

/// The outcome of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settled {
    /// The site is paused.
    InForce,
    /// The site is not paused, and the earlier mark is restored.
    Undone,
}

/// The path of the mark, for a message.
pub fn path(database: &Path) -> PathBuf {
    on_database(database).join(PAUSED)
}

/// The folder of the mark, opened once, so that a folder that replaces it is not written to.
fn folder(database: &Path, make: bool) -> io::Result<Folder> {
    let path = on_database(database);
    let name = path.file_name().unwrap_or_default();
    let above = Folder::open(database)?;
    if make { above.private(name) } else { above.own(name) }
}

fn look(database: &Path) -> Option<PauseMark> {
    // A mark that cannot be read or parsed counts as a pause.
    let read = folder(database, false).ok()?.read_plain(OsStr::new(PAUSED), 64 << 10);
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            return Some(unclear(&format!("the mark of a pause cannot be read: {error}")));
        }
    };
    Some(mark_of(&bytes))
}

fn unclear(words: &str) -> PauseMark {
    PauseMark { pause: Pause::because(words), begun: false, before: None }
}

fn mark_of(bytes: &[u8]) -> PauseMark {
    let words = || String::from_utf8_lossy(bytes).trim().to_owned();
    serde_json::from_slice(bytes).unwrap_or_else(|_| unclear(&words()))
}

/// The pause that is in force by the bytes of the mark's file.
pub fn pause_of(bytes: &[u8]) -> Option<Pause> {
    mark_of(bytes).in_force()
}

fn write(database: &Path, mark: &PauseMark) -> Result<(), String> {
    let bytes = serde_json::to_vec(mark).map_err(|e| e.to_string())?;
    // The database folder itself is never made: its disk may be gone.
    folder(database, true).and_then(|folder| folder.write(OsStr::new(PAUSED), &bytes)).map_err(
        |e| match database.is_dir() {
            true => format!("{} cannot be used: {e}", on_database(database).display()),
            false => format!("{} is no folder on this node", database.display()),
        },
    )
}

/// The pause that is in force.
pub(super) fn read(database: &Path) -> Option<Pause> {
    look(database).and_then(PauseMark::in_force)
}

/// Writes the mark of a pause that is about to be ordered.
pub(super) fn begin(database: &Path, pause: Pause) -> Result<(), String> {
    let before = look(database).and_then(PauseMark::in_force);
    write(database, &PauseMark { pause, begun: true, before })
}

/// Settles a mark that was begun; a settled one stays as it is.
pub(super) fn settle(database: &Path, settled: Settled) -> Result<(), String> {
    let Some(mark) = look(database).filter(|mark| mark.begun) else { return Ok(()) };
    let pause = match settled {
        Settled::InForce => Some(mark.pause),
        Settled::Undone => mark.before,
    };
    match pause {
        Some(pause) => write(database, &PauseMark { pause, begun: false, before: None }),
        None => clear(database),
    }
}

/// Settles the mark for the supervisor, which has paused the site; the verb that ordered it may be gone.
///
/// # Errors
/// A sentence.
pub fn confirm_pause(database: &Path) -> Result<(), String> {
    settle(database, Settled::InForce)
}

/// Removes the mark, if it is there.
pub(super) fn clear(database: &Path) -> Result<(), String> {
    match folder(database, false).and_then(|folder| folder.remove(OsStr::new(PAUSED))) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{} cannot be used: {error}", on_database(database).display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_once_it_is_settled_and_until_then_the_one_before_does() {
        let disk = tempfile::tempdir().unwrap();
        let database = disk.path();
        let (one, two) = (Pause::because("one"), Pause::because("two"));
        assert_eq!(read(database), None);
        settle(database, Settled::InForce).unwrap();
        assert_eq!(read(database), None, "nothing was begun");
        begin(database, one.clone()).unwrap();
        assert_eq!(read(database), None);
        settle(database, Settled::Undone).unwrap();
        assert!(!path(database).exists());
        begin(database, one.clone()).unwrap();
        settle(database, Settled::InForce).unwrap();
        assert_eq!(read(database), Some(one.clone()));
        begin(database, two.clone()).unwrap();
        assert_eq!(read(database), Some(one.clone()), "the earlier one is in force");
        begin(database, two.clone()).unwrap();
        settle(database, Settled::Undone).unwrap();
        assert_eq!(read(database), Some(one));
        settle(database, Settled::Undone).unwrap();
        assert!(read(database).is_some(), "a settled one is let be");
        clear(database).unwrap();
        assert_eq!(read(database), None);
    }
}
