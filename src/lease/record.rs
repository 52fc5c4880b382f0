//! The lock file and the owner's record beside it, on the site's database.
//!
//! Promises: the record is overwritten in place, so that a start works on a full disk. A record that
//! cannot be read counts as an unclean end of an unknown owner; no record means that there was no owner.
//! Must never: reach the disk other than by descriptors of folders that belong to this user.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::linux::clock::WallTime;
use crate::linux::folder::{Folder, Inode, Written};
use crate::linux::lock::whole_file_lock;
use crate::linux::{BootId, node};
use crate::site::{SiteName, SitePlaces, on_database};

/// The owner's record. The fields that say whether the end was clean come first, within the first sector
/// of the disk: a crash of the node during a write leaves them old or new, and never torn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The owner ended the site and released the lease.
    pub released: bool,
    /// An earlier unclean end whose repair has not succeeded yet.
    #[serde(default)]
    pub owes: Option<UncleanEnd>,
    pub site: SiteName,
    pub node: String,
    pub boot: BootId,
    pub since: WallTime,
    /// The site's runtime folder and PID namespace on that node, which tell it from another site of the
    /// same name. Empty: not known.
    #[serde(default)]
    pub home: String,
    /// The fingerprint of the definition that the owner ran.
    pub fingerprint: String,
}

/// The end of a site whose owner did not release the lease.
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

/// Tells this site's records from those of other sites on this node.
pub(super) fn home_of(places: &SitePlaces) -> String {
    let namespace = node::pid_namespace().unwrap_or_default();
    format!("{} {namespace}", places.runtime.display())
}

impl Owner {
    /// Whether the site with this home wrote the record since this boot. The node's name is compared only
    /// where a home is missing: a person may call the node by another name than its cluster does.
    pub(super) fn is_of(&self, node: &str, boot: &BootId, home: &str) -> bool {
        let same = match self.home.is_empty() || home.is_empty() {
            true => self.node == node,
            false => self.home == home,
        };
        self.boot == *boot && same
    }

    /// The unclean end to be repaired, if the lock is free now.
    fn unclean_end(&self) -> Option<UncleanEnd> {
        let own = || UncleanEnd::At { node: self.node.clone(), since: self.since };
        self.owes.clone().or_else(|| (!self.released).then(own))
    }
}

/// The owner's record, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerRecord {
    /// There was no owner yet.
    Absent,
    Owner(Owner),
    /// It is there and cannot be understood.
    Unreadable,
}

impl OwnerRecord {
    /// Of the bytes of the record's file.
    pub fn of(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).map_or(Self::Unreadable, Self::Owner)
    }

    pub(super) fn owner(self) -> Option<Owner> {
        match self {
            Self::Owner(owner) => Some(owner),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// The unclean end to be repaired before the site may run, if the lock is free now.
    pub fn owes(&self) -> Option<UncleanEnd> {
        match self {
            Self::Absent => None,
            Self::Owner(owner) => owner.unclean_end(),
            Self::Unreadable => Some(UncleanEnd::Unknown),
        }
    }
}

const LOCK: &str = "lease";
const RECORD: &str = "owner.json";
const BROKEN: &str = "lease.broken";

/// The longest record that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// The folder on the database that holds the lock and the record.
#[derive(Debug)]
pub(super) struct LeaseFolder(Folder);

impl LeaseFolder {
    /// Opens the folder that is there now; creates it if `make`.
    ///
    /// # Errors
    /// It is no folder of this user, or the disk's error.
    pub(super) fn open(database: &Path, make: bool) -> io::Result<Self> {
        let above = Folder::open(database)?;
        let path = on_database(database);
        let name = path.file_name().unwrap_or_default();
        let folder = if make { above.private(name)? } else { above.own(name)? };
        Ok(Self(folder))
    }

    /// Takes the lock on the file that has its name now; None: another process holds it.
    ///
    /// # Errors
    /// The file system has no such locks, or the disk's error.
    pub(super) fn lock(&self) -> io::Result<Option<LeaseLock>> {
        loop {
            let file = self.0.append_to(OsStr::new(LOCK))?;
            if !whole_file_lock(&file)? {
                return Ok(None);
            }
            let held = LeaseLock { inode: Inode::of(&file)?, _file: file };
            // If the file was renamed meanwhile, the lock on it protects nothing.
            if self.has(&held)? {
                return Ok(Some(held));
            }
        }
    }

    /// Whether the lock file still has its name, so that others ask for the same lock.
    ///
    /// # Errors
    /// The disk's error.
    pub(super) fn has(&self, held: &LeaseLock) -> io::Result<bool> {
        Ok(self.0.inode_of(OsStr::new(LOCK))? == Some(held.inode))
    }

    /// Renames the lock file. Its holder keeps a lock that nobody asks for any more.
    ///
    /// # Errors
    /// The disk's error.
    pub(super) fn set_lock_aside(&self) -> io::Result<()> {
        match self.0.rename(OsStr::new(LOCK), OsStr::new(BROKEN)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// # Errors
    /// The disk's error: then nothing is known.
    pub(super) fn read(&self) -> io::Result<OwnerRecord> {
        match self.0.read_plain(OsStr::new(RECORD), LONGEST) {
            Ok(bytes) => Ok(OwnerRecord::of(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(OwnerRecord::Absent),
            Err(error) if error.kind() == ErrorKind::InvalidData => Ok(OwnerRecord::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// False: the disk is full, and the record did not exist before. It exists then and is empty, which
    /// counts as an unclean end.
    ///
    /// # Errors
    /// The disk's error.
    pub(super) fn write(&self, owner: &Owner) -> io::Result<bool> {
        let bytes = serde_json::to_vec(owner)?;
        Ok(self.0.overwrite(OsStr::new(RECORD), &bytes)? == Written::Whole)
    }

    /// Removes a record for which the disk had no room. The lease has no owner and no repair is owed.
    ///
    /// # Errors
    /// The disk's error.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.0.remove(OsStr::new(RECORD))
    }
}

/// The lock; released when it is dropped.
#[derive(Debug)]
pub(super) struct LeaseLock {
    inode: Inode,
    _file: File,
}

/// The present or last owner of the lease on this database. Reads the disk: only for keepers and persons.
pub fn owner(database: &Path) -> Option<Owner> {
    LeaseFolder::open(database, false).ok()?.read().ok()?.owner()
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
    fn a_record_is_absent_or_there_or_cannot_be_understood() {
        let database = tempfile::tempdir().unwrap();
        let place = LeaseFolder::open(database.path(), true).unwrap();
        let file = on_database(database.path()).join(RECORD);
        assert_eq!(place.read().unwrap(), OwnerRecord::Absent);
        std::os::unix::fs::symlink("/dev/null", &file).unwrap();
        assert_eq!(place.read().unwrap(), OwnerRecord::Unreadable, "a link");
        std::fs::remove_file(&file).unwrap();
        // A socket cannot be opened: that is an error, and says nothing of a record.
        let socket = std::os::unix::net::UnixListener::bind(&file).unwrap();
        place.read().expect_err("ENXIO");
        drop(socket);
        std::fs::remove_file(&file).unwrap();
        assert!(place.write(&sample()).unwrap());
        assert_eq!(place.read().unwrap().owner().unwrap().node, "alpha");
        place.remove().unwrap();
        assert_eq!(place.read().unwrap(), OwnerRecord::Absent);
    }

    #[test]
    fn where_a_home_is_missing_the_names_of_the_nodes_are_compared() {
        let boot = BootId::none();
        let is_of = |own: &str, node: &str, home: &str| {
            Owner { home: own.to_owned(), ..sample() }.is_of(node, &boot, home)
        };
        for (own, home) in [("", "/run/one"), ("/run/one", ""), ("", "")] {
            assert!(is_of(own, "alpha", home), "{own:?} {home:?}");
            assert!(!is_of(own, "beta", home), "{own:?} {home:?}");
        }
        assert!(is_of("/run/one", "beta", "/run/one"));
        assert!(!is_of("/run/one", "alpha", "/run/two"));
    }

    #[test]
    fn a_lock_is_set_aside_if_there_is_one() {
        let database = tempfile::tempdir().unwrap();
        let place = LeaseFolder::open(database.path(), true).unwrap();
        place.set_lock_aside().expect("without a lock there is nothing to do");
        let held = place.lock().unwrap();
        assert!(held.is_some());
        // No file can be renamed to the name of a folder.
        std::fs::create_dir(on_database(database.path()).join(BROKEN)).unwrap();
        place.set_lock_aside().expect_err("it is still there");
    }

    #[test]
    fn homes_differ_by_site_and_namespace() {
        let places = crate::site::Places::resolve(crate::site::Overrides::default()).unwrap();
        let home = |site: &str| home_of(&places.of(&site.parse().unwrap()));
        let namespace = node::pid_namespace().unwrap();
        for site in ["shop", "shop2"] {
            let runtime = places.of(&site.parse().unwrap()).runtime;
            assert!(home(site).contains(&runtime.display().to_string()));
            assert!(home(site).ends_with(&namespace.to_string()), "{}", home(site));
        }
        assert_ne!(home("shop"), home("shop2"));
    }

    #[test]
    fn a_lock_file_that_was_renamed_is_not_taken_for_the_lock() {
        let database = tempfile::tempdir().unwrap();
        let place = LeaseFolder::open(database.path(), true).unwrap();
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
    fn an_unreadable_record_is_an_unclean_end_and_a_missing_one_is_none() {
        let database = tempfile::tempdir().unwrap();
        let place = LeaseFolder::open(database.path(), true).unwrap();
        assert_eq!(place.read().unwrap(), OwnerRecord::Absent);
        assert_eq!(OwnerRecord::Absent.owes(), None);
        assert!(place.write(&sample()).unwrap());
        let whole = std::fs::read(on_database(database.path()).join(RECORD)).unwrap();
        for torn in [0, 1, 100] {
            std::fs::write(on_database(database.path()).join(RECORD), &whole[..torn]).unwrap();
            assert_eq!(place.read().unwrap().owes(), Some(UncleanEnd::Unknown), "{torn} bytes");
        }
        assert!(place.write(&sample()).unwrap());
        assert_eq!(place.read().unwrap(), OwnerRecord::Owner(sample()));
    }

    #[test]
    fn an_unclean_end_keeps_its_first_owner_until_it_is_repaired() {
        let first = sample();
        let at = UncleanEnd::At { node: first.node.clone(), since: first.since };
        assert_eq!(OwnerRecord::Owner(first).owes(), Some(at.clone()));
        for released in [true, false] {
            let second =
                Owner { node: "beta".into(), owes: Some(at.clone()), released, ..sample() };
            assert_eq!(OwnerRecord::Owner(second).owes(), Some(at.clone()));
        }
        assert_eq!(OwnerRecord::Owner(Owner { released: true, ..sample() }).owes(), None);
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
    fn the_fields_about_the_end_lie_in_the_first_sector() {
        let long = Owner {
            owes: Some(UncleanEnd::At { node: "n".repeat(253), since: WallTime::now() }),
            ..sample()
        };
        let text = serde_json::to_string(&long).unwrap();
        assert!(text.find("\"site\"").unwrap() < 512, "{text}");
    }
}
