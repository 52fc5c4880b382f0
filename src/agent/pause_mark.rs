//! The mark on a site's database that makes every later start, on any node, come up in maintenance. Read
//! and written by a helper's own process, which a disk that hangs may hold.
//!
//! Promises: a pause is marked and ordered, or neither. The mark is left before the order, and counts
//! only once it is settled; until then what was in force before it stays so. Must never: be written by
//! way of a link, or on what is mounted in the place of the database meanwhile.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::control::Pause;
use crate::linux::folder::Folder;
use crate::site::on_database;

const PAUSED: &str = "paused";

/// What lies on the database.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    #[serde(flatten)]
    pause: Pause,
    /// It is not known yet whether the site was paused.
    #[serde(default)]
    begun: bool,
    /// The pause that was in force before.
    #[serde(default)]
    before: Option<Pause>,
}

impl Mark {
    fn in_force(self) -> Option<Pause> {
        if self.begun { self.before } else { Some(self.pause) }
    }
}

/// What came of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Settled {
    /// The site is paused.
    InForce,
    /// It is not, and the mark is as it was before.
    Undone,
}

/// Where the mark lies, for a message.
pub(super) fn path(database: &Path) -> PathBuf {
    on_database(database).join(PAUSED)
}

/// The folder in which it lies, opened once: what is put in the place of its path meanwhile is not
/// written to.
fn folder(database: &Path, make: bool) -> io::Result<Folder> {
    let path = on_database(database);
    let name = path.file_name().unwrap_or_default();
    let above = Folder::open(database)?;
    if make { above.private(name) } else { above.own(name) }
}

fn look(database: &Path) -> Option<Mark> {
    let bytes = folder(database, false).ok()?.read_plain(OsStr::new(PAUSED), 64 << 10).ok()?;
    // A mark that cannot be understood is a pause all the same.
    let words = || Pause::because(String::from_utf8_lossy(&bytes).trim());
    let unclear = || Mark { pause: words(), begun: false, before: None };
    Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| unclear()))
}

fn write(database: &Path, mark: &Mark) -> Result<(), String> {
    let bytes = serde_json::to_vec(mark).map_err(|e| e.to_string())?;
    // Nothing is made in the place of a disk that is gone.
    folder(database, true).and_then(|folder| folder.write(OsStr::new(PAUSED), &bytes)).map_err(
        |e| match database.is_dir() {
            true => format!("{} cannot be used: {e}", on_database(database).display()),
            false => format!("{} is no folder on this node", database.display()),
        },
    )
}

/// The pause that is in force.
pub(super) fn read(database: &Path) -> Option<Pause> {
    look(database).and_then(Mark::in_force)
}

/// Leaves the mark of a pause that is about to be ordered.
pub(super) fn begin(database: &Path, pause: Pause) -> Result<(), String> {
    let before = look(database).and_then(Mark::in_force);
    write(database, &Mark { pause, begun: true, before })
}

/// Settles a mark that was begun; one that was not is let be.
pub(super) fn settle(database: &Path, settled: Settled) -> Result<(), String> {
    let Some(mark) = look(database).filter(|mark| mark.begun) else { return Ok(()) };
    let pause = match settled {
        Settled::InForce => Some(mark.pause),
        Settled::Undone => mark.before,
    };
    match pause {
        Some(pause) => write(database, &Mark { pause, begun: false, before: None }),
        None => clear(database),
    }
}

/// For the supervisor, which has paused the site, and whose verb may be gone.
///
/// # Errors
/// A sentence.
pub fn confirm_pause(database: &Path) -> Result<(), String> {
    settle(database, Settled::InForce)
}

/// Takes the mark away, if it is there.
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
