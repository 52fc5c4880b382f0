//! The owner's record beside the lock, as it lies on the disk.
//!
//! Promises: it is written over in place, so that a full disk stops no start; what cannot be read is
//! an unclean end by an owner that nobody can name, what is not there was never owned. Must never:
//! reach the disk but by descriptors of folders that are this user's.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::linux::BootId;
use crate::linux::clock::WallTime;
use crate::linux::folder::{Folder, Inode, Written};
use crate::linux::lock::whole_file_lock;
use crate::site::{SiteName, on_database};

/// The record beside the lock. What says whether the end was clean comes first, so that it lies in the
/// first sector: a write that the end of the node tears has written it or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// It ended the site and let go.
    pub released: bool,
    /// The earlier end that was unclean, and whose repair has not ended well yet.
    #[serde(default)]
    pub owes: Option<UncleanEnd>,
    pub site: SiteName,
    pub node: String,
    pub boot: BootId,
    pub since: WallTime,
    /// Where the site is on that node: its runtime folder and its PID namespace, as there may be
    /// others of its name. Empty: not known.
    #[serde(default)]
    pub home: String,
    /// Of the definition that it ran.
    pub fingerprint: String,
}

/// An end of a site without its owner's letting go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UncleanEnd {
    At {
        node: String,
        since: WallTime,
    },
    /// The record cannot be read.
    Unknown,
}

impl std::fmt::Display for UncleanEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At { node, since } => {
                write!(f, "ended uncleanly on `{node}`, where it had been up since {since}")
            }
            Self::Unknown => {
                f.write_str("ended uncleanly, and its owner's record does not say where")
            }
        }
    }
}

impl Owner {
    /// Written by the site whose home is `home`, since its node was booted. The node's name does not
    /// tell: a person may know the node by another than its cluster does.
    pub(super) fn is_of(&self, node: &str, boot: &BootId, home: &str) -> bool {
        let same = match self.home.is_empty() || home.is_empty() {
            true => self.node == node,
            false => self.home == home,
        };
        self.boot == *boot && same
    }

    /// What its owner's end leaves to be repaired, now that the lock is free.
    fn left(&self) -> Option<UncleanEnd> {
        let own = || UncleanEnd::At { node: self.node.clone(), since: self.since };
        self.owes.clone().or_else(|| (!self.released).then(own))
    }
}

/// What the record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody ever had it.
    Nothing,
    Owner(Owner),
    /// It is there, and cannot be understood.
    Unreadable,
}

impl Found {
    pub(super) fn owner(self) -> Option<Owner> {
        match self {
            Self::Owner(owner) => Some(owner),
            Self::Nothing | Self::Unreadable => None,
        }
    }

    /// What is to be repaired before the site may run, once the lock is had.
    pub(super) fn owes(&self) -> Option<UncleanEnd> {
        match self {
            Self::Nothing => None,
            Self::Owner(owner) => owner.left(),
            Self::Unreadable => Some(UncleanEnd::Unknown),
        }
    }
}

const LOCK: &str = "lease";
const RECORD: &str = "owner.json";
const BROKEN: &str = "lease.broken";

/// The most that a record may be long, in bytes.
const LONGEST: u64 = 64 << 10;

/// The folder on the database in which lock and record lie.
#[derive(Debug)]
pub(super) struct Place(Folder);

impl Place {
    /// As it is there now; made if `make`.
    ///
    /// # Errors
    /// It is no folder of this user, or the disk's answer.
    pub(super) fn open(database: &Path, make: bool) -> io::Result<Self> {
        let above = Folder::open(database)?;
        let path = on_database(database);
        let name = path.file_name().unwrap_or_default();
        let folder = if make { above.private(name)? } else { above.own(name)? };
        Ok(Self(folder))
    }

    /// Takes the lock on the file that bears its name now; None: somebody holds it.
    ///
    /// # Errors
    /// The file system has no such locks, or the disk's answer.
    pub(super) fn lock(&self) -> io::Result<Option<Held>> {
        loop {
            let file = self.0.append_to(OsStr::new(LOCK))?;
            if !whole_file_lock(&file)? {
                return Ok(None);
            }
            let held = Held { inode: Inode::of(&file)?, _file: file };
            // A lock on a file that was put aside meanwhile protects nothing.
            if self.has(&held)? {
                return Ok(Some(held));
            }
        }
    }

    /// Whether the lock is still the one that everybody asks for.
    ///
    /// # Errors
    /// The disk's answer.
    pub(super) fn has(&self, held: &Held) -> io::Result<bool> {
        Ok(self.0.inode_of(OsStr::new(LOCK))? == Some(held.inode))
    }

    /// Whoever holds the lock keeps it, on a file that nobody looks at any more.
    ///
    /// # Errors
    /// The disk's answer.
    pub(super) fn set_lock_aside(&self) -> io::Result<()> {
        match self.0.rename(OsStr::new(LOCK), OsStr::new(BROKEN)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// # Errors
    /// The disk's answer: then nothing is known.
    pub(super) fn read(&self) -> io::Result<Found> {
        match self.0.read_plain(OsStr::new(RECORD), LONGEST) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).map_or(Found::Unreadable, Found::Owner)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) if error.kind() == ErrorKind::InvalidData => Ok(Found::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// False: the disk is full, and has never had room for the record. It is then there, and empty,
    /// which reads as an unclean end.
    ///
    /// # Errors
    /// The disk's answer.
    pub(super) fn write(&self, owner: &Owner) -> io::Result<bool> {
        let bytes = serde_json::to_vec(owner)?;
        Ok(self.0.overwrite(OsStr::new(RECORD), &bytes)? == Written::Whole)
    }

    /// Nobody has it, and nothing is owed: what there was no room for is not there.
    ///
    /// # Errors
    /// The disk's answer.
    pub(super) fn forget(&self) -> io::Result<()> {
        self.0.remove(OsStr::new(RECORD))
    }
}

/// The lock; released when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    inode: Inode,
    _file: File,
}

/// Who holds, or last held, the lease on this database. Reads the disk: for keepers and persons.
pub fn owner(database: &Path) -> Option<Owner> {
    Place::open(database, false).ok()?.read().ok()?.owner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Owner {
        Owner {
            released: false,
            owes: None,
            site: "shop".parse().unwrap(),
            node: "alpha".to_owned(),
            boot: BootId::none(),
            since: WallTime::now(),
            home: "/run/siteward/shop".to_owned(),
            fingerprint: "f".repeat(32),
        }
    }

    #[test]
    fn a_lock_that_was_put_aside_is_not_taken_for_the_lock() {
        let database = tempfile::tempdir().unwrap();
        let place = Place::open(database.path(), true).unwrap();
        let old = place.lock().unwrap().unwrap();
        assert!(place.lock().unwrap().is_none());
        place.set_lock_aside().unwrap();
        assert!(!place.has(&old).unwrap());
        let new = place.lock().unwrap().expect("another file, another lock");
        drop(old);
        assert!(place.has(&new).unwrap());
        assert!(place.lock().unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_an_unclean_end_and_what_is_missing_is_none() {
        let database = tempfile::tempdir().unwrap();
        let place = Place::open(database.path(), true).unwrap();
        assert_eq!(place.read().unwrap(), Found::Nothing);
        assert_eq!(Found::Nothing.owes(), None);
        assert!(place.write(&sample()).unwrap());
        let whole = std::fs::read(on_database(database.path()).join(RECORD)).unwrap();
        for torn in [0, 1, 100] {
            std::fs::write(on_database(database.path()).join(RECORD), &whole[..torn]).unwrap();
            assert_eq!(place.read().unwrap().owes(), Some(UncleanEnd::Unknown), "{torn} bytes");
        }
        assert!(place.write(&sample()).unwrap());
        assert_eq!(place.read().unwrap(), Found::Owner(sample()));
    }

    #[test]
    fn an_unclean_end_keeps_its_first_owner_until_it_is_repaired() {
        let first = sample();
        let at = UncleanEnd::At { node: first.node.clone(), since: first.since };
        assert_eq!(Found::Owner(first).owes(), Some(at.clone()));
        for released in [true, false] {
            let second =
                Owner { node: "beta".into(), owes: Some(at.clone()), released, ..sample() };
            assert_eq!(Found::Owner(second).owes(), Some(at.clone()));
        }
        assert_eq!(Found::Owner(Owner { released: true, ..sample() }).owes(), None);
    }

    #[test]
    fn a_record_of_an_earlier_version_is_understood() {
        let text = "{\"site\":\"shop\",\"node\":\"alpha\",\"boot\":\"b\",\"fingerprint\":\"f\",\
                    \"since\":SINCE,\"released\":true}"
            .replace("SINCE", &serde_json::to_string(&WallTime::now()).unwrap());
        let owner: Owner = serde_json::from_str(&text).unwrap();
        assert_eq!((owner.released, owner.owes, owner.home.as_str()), (true, None, ""));
    }

    #[test]
    fn what_says_whether_the_end_was_clean_lies_in_the_first_sector() {
        let long = Owner {
            owes: Some(UncleanEnd::At { node: "n".repeat(253), since: WallTime::now() }),
            ..sample()
        };
        let text = serde_json::to_string(&long).unwrap();
        assert!(text.find("\"site\"").unwrap() < 512, "{text}");
    }
}
