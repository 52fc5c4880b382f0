//! Whether another site of this machine owns a process that claims to belong to it.
//!
//! Promises: only a runtime folder is looked at that root or this user alone can write to, and that is
//! on no disk or server that may hang. Must never: believe the process itself.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::environment::{LEASE, SUPERVISOR, is_trusted};
use super::groups::Groups;
use super::identity::Seen;
use super::membership::Mark;
use super::record::{Record, RecordError};
use crate::linux::attributes::Attributes;
use crate::linux::descriptors::locked_files_below;
use crate::linux::process::{Stat, users};
use crate::linux::tree::Tree;
use crate::linux::{files, lock, node};
use crate::site::SitePlaces;
use crate::values::Pid;

/// A process that claims to belong to another site.
pub(super) struct Question<'a> {
    pub(super) stat: &'a Stat,
    /// The runtime folder and the name that it claims.
    pub(super) folder: &'a [u8],
    pub(super) name: &'a str,
    /// The mark by which it belongs to this site otherwise.
    pub(super) by: Mark,
}

/// Facts about this site.
pub(super) trait ThisSite {
    fn tree(&self) -> &Tree;
    /// It is this site's supervisor, or this site's record names it: its ancestors do not count.
    fn is_known(&self, seen: Seen) -> bool;
    /// It is in a leaf of this site's control groups.
    fn is_in_group(&self, pid: Pid) -> io::Result<bool>;
}

/// The other sites that claims have named, each looked at once.
pub(super) struct OtherSites<'a> {
    ours: &'a SitePlaces,
    known: RefCell<HashMap<Vec<u8>, Option<Rc<OtherSite>>>>,
}

struct OtherSite {
    places: SitePlaces,
    groups: Option<Groups>,
    /// The processes that its record names.
    recorded: HashSet<Seen>,
}

impl<'a> OtherSites<'a> {
    pub(super) fn new(ours: &'a SitePlaces) -> Self {
        Self { ours, known: RefCell::default() }
    }

    /// Whether the site that the process names owns it.
    ///
    /// # Errors
    /// That site cannot be looked at.
    pub(super) fn owns(&self, question: &Question<'_>, this: &impl ThisSite) -> io::Result<bool> {
        let Some(other) = self.find(question.folder)? else { return Ok(false) };
        let stat = question.stat;
        if other.records(stat, this) {
            return Ok(true);
        }
        let of_session = stat.session.and_then(|leader| this.tree().stat(leader));
        if of_session.is_some_and(|leader| other.records(leader, this)) {
            return Ok(true);
        }
        if let Some(groups) = &other.groups
            && groups.process_of(stat.pid)?.is_some()
        {
            return Ok(true);
        }
        if !locked_files_below(stat.pid, &other.places.runtime, files::effective_user())?.is_empty()
            || other.is_served_by(stat, question.name, this)?
        {
            return Ok(true);
        }
        other.is_above(stat, question.by, this)
    }

    fn find(&self, folder: &[u8]) -> io::Result<Option<Rc<OtherSite>>> {
        if let Some(known) = self.known.borrow().get(folder) {
            return Ok(known.clone());
        }
        let path = Path::new(OsStr::from_bytes(folder));
        let found = match is_safe(path, &self.ours.runtime)? {
            true => Some(Rc::new(OtherSite::look(path)?)),
            false => None,
        };
        self.known.borrow_mut().insert(folder.to_vec(), found.clone());
        Ok(found)
    }
}

impl OtherSite {
    fn look(folder: &Path) -> io::Result<Self> {
        // Only its runtime folder is known, and no other place is needed.
        let places = SitePlaces {
            definition: PathBuf::new(),
            runtime: folder.to_owned(),
            logs: PathBuf::new(),
        };
        let record = match Record::read(&places) {
            Err(RecordError::Denied(_) | RecordError::NotUnderstood(_)) => None,
            Err(RecordError::Unreadable(error)) if is_not_usable(&error) => None,
            other => other?,
        };
        let recorded = record.iter().flat_map(|record| {
            let processes = record.processes.iter().map(|p| &p.identity);
            processes.chain([&record.supervisor]).map(|i| Seen { pid: i.pid, start: i.start })
        });
        Ok(Self { recorded: recorded.collect(), groups: Groups::look(&places)?, places })
    }

    fn records(&self, stat: &Stat, this: &impl ThisSite) -> bool {
        let seen = Seen::from(stat);
        self.recorded.contains(&seen) && !this.is_known(seen)
    }

    /// It is a keeper of that site while the site runs or starts, or a supervisor that starts: no record
    /// names them.
    fn is_served_by(&self, stat: &Stat, name: &str, this: &impl ThisSite) -> io::Result<bool> {
        let locks = match name {
            LEASE => vec![self.places.start_lock(), self.places.lock()],
            SUPERVISOR => vec![self.places.start_lock()],
            _ => return Ok(false),
        };
        if !users(stat.pid)?.is_some_and(is_trusted) {
            return Ok(false);
        }
        let lives = |seen: &Seen| {
            this.tree()
                .stat(seen.pid)
                .is_some_and(|s| s.start == seen.start && !this.is_known(*seen))
        };
        if name == LEASE && self.recorded.iter().any(lives) {
            return Ok(true);
        }
        for path in locks {
            match lock::is_held(&path) {
                Err(error) if is_not_usable(&error) => {}
                held => {
                    if held? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// A process of that site is an ancestor, and nearer than any process of this site.
    fn is_above(&self, stat: &Stat, by: Mark, this: &impl ThisSite) -> io::Result<bool> {
        let tree = this.tree();
        let mut at = stat;
        // The tree was read while it changed and may have a loop, so the way up is bounded.
        for _ in 0..tree.count() {
            let Some(above) = at.parent.and_then(|pid| tree.stat(pid)) else { return Ok(false) };
            if this.is_known(Seen::from(above)) {
                return Ok(false);
            }
            if self.records(above, this) {
                // If the ancestor is in this site's groups too, the process has inherited that.
                return match by {
                    Mark::Descent => Ok(true),
                    Mark::Group => this.is_in_group(above.pid),
                    Mark::Record | Mark::Lock | Mark::Session | Mark::Environment => Ok(false),
                };
            }
            at = above;
        }
        Ok(false)
    }
}

/// Whether the error lies in the path itself, so that there is no site; other errors may pass.
fn is_not_usable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::InvalidFilename
            | ErrorKind::UnexpectedEof
    )
}

/// Whether `folder` may be looked at as the runtime folder of another site than the one at `ours`: only
/// root or this user can have created or filled it, and looking into it cannot hang.
fn is_safe(folder: &Path, ours: &Path) -> io::Result<bool> {
    let is_plain = folder.is_absolute()
        && folder.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    if !is_plain || !node::needs_no_other_disk(folder, ours)? {
        return Ok(false);
    }
    let me = files::effective_user();
    let mut way: Vec<&Path> = folder.ancestors().collect();
    way.reverse();
    for path in way {
        let found = match Attributes::of_itself(path) {
            Err(error) if is_not_usable(&error) => return Ok(false),
            found => found?,
        };
        let is_theirs = found.is_folder() && (found.owner == 0 || found.owner == me);
        let is_closed = found.is_only_the_owners_to_write();
        if !is_theirs || !(is_closed || (path != folder && found.is_sticky())) {
            return Ok(false);
        }
    }
    // The same folder under another name is the same site.
    match (Attributes::of_itself(folder), Attributes::of(ours)) {
        (Ok(theirs), Ok(own)) => Ok(!theirs.is_same_file(&own)),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_a_folder_that_no_other_user_can_fill_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["ours", "theirs", "open"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::set_permissions(at("theirs"), Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(at("open"), Permissions::from_mode(0o777)).unwrap();
        fs::create_dir(at("open/below")).unwrap();
        fs::write(at("file"), "").unwrap();
        symlink(at("theirs"), at("link")).unwrap();
        symlink(folder.path(), at("way")).unwrap();
        let safe = |path: &Path| is_safe(path, &at("ours")).unwrap();
        assert!(safe(&at("theirs")));
        for name in ["open", "open/below", "file", "link", "way/theirs", "none", "ours/../theirs"] {
            assert!(!safe(&at(name)), "{name}");
        }
        for path in ["/tmp", "/proc/1", "theirs", "", "/dev/shm"] {
            assert!(!safe(Path::new(path)), "{path}");
        }
        assert!(!safe(&at(&"x".repeat(300))));
        for same in [at("ours"), at("./ours")] {
            assert!(!safe(&same), "{}: the same site is no other one", same.display());
        }
    }
}
