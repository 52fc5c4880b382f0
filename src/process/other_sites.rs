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
    if !is_closed_to_others(folder, files::effective_user(), Attributes::of_itself)? {
        return Ok(false);
    }
    // The same folder under another name is the same site.
    match (Attributes::of_itself(folder), Attributes::of(ours)) {
        (Ok(theirs), Ok(own)) => Ok(!theirs.is_same_file(&own)),
        _ => Ok(true),
    }
}

/// Whether `folder` is there, without a link on the way, and nobody but root and `me` can have created or filled it.
fn is_closed_to_others(
    folder: &Path,
    me: u32,
    look: impl Fn(&Path) -> io::Result<Attributes>,
) -> io::Result<bool> {
    let mut way: Vec<&Path> = folder.ancestors().collect();
    way.reverse();
    for path in way {
        let found = match look(path) {
            Err(error) if is_not_usable(&error) => return Ok(false),
            found => found?,
        };
        let is_theirs = found.is_folder() && (found.owner == 0 || found.owner == me);
        let is_closed = found.is_only_the_owners_to_write();
        if !is_theirs || !(is_closed || (path != folder && found.is_sticky())) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::super::samples::{Running, another_user, pid, site, told};
    use super::*;
    use crate::linux::BootId;
    use crate::linux::lock::{Attempt, Lock};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    struct Ours {
        tree: Tree,
        known: Vec<Seen>,
        grouped: Vec<Pid>,
    }

    impl ThisSite for Ours {
        fn tree(&self) -> &Tree {
            &self.tree
        }
        fn is_known(&self, seen: Seen) -> bool {
            self.known.contains(&seen)
        }
        fn is_in_group(&self, pid: Pid) -> io::Result<bool> {
            Ok(self.grouped.contains(&pid))
        }
    }

    fn other(places: &SitePlaces, recorded: &[Seen]) -> OtherSite {
        let recorded = recorded.iter().copied().collect();
        OtherSite { places: places.clone(), groups: None, recorded }
    }

    #[test]
    fn a_keeper_serves_a_site_that_lives_and_a_supervisor_one_that_starts() {
        let folder = tempfile::tempdir().unwrap();
        let process = Running::unmarked();
        let lives = process.seen();
        let was = Seen { start: crate::linux::StartTicks::NEVER, ..lives };
        let me = Stat::of(Pid::this()).unwrap();
        let ours = |known: &[Seen]| Ours {
            tree: Tree::of([process.stat()]),
            known: known.to_vec(),
            grouped: Vec::new(),
        };
        let at_rest = site(folder.path(), "at-rest");
        for (name, recorded, known, is_served) in [
            (LEASE, vec![lives], vec![], true),
            (SUPERVISOR, vec![lives], vec![], false),
            ("a", vec![lives], vec![], false),
            (LEASE, vec![], vec![], false),
            (LEASE, vec![was], vec![], false),
            (LEASE, vec![lives], vec![lives], false),
        ] {
            let served = other(&at_rest, &recorded).is_served_by(&me, name, &ours(&known));
            assert_eq!(served.unwrap(), is_served, "{name} {recorded:?} {known:?}");
        }
        let starts = site(folder.path(), "starts");
        let works = site(folder.path(), "works");
        let taken = [starts.start_lock(), works.lock()].map(|path| Lock::attempt(&path).unwrap());
        assert!(taken.iter().all(|attempt| matches!(attempt, Attempt::Taken(_))));
        for (places, name, is_served) in [
            (&starts, LEASE, true),
            (&starts, SUPERVISOR, true),
            (&starts, "a", false),
            (&works, LEASE, true),
            (&works, SUPERVISOR, false),
            (&works, "a", false),
        ] {
            let served = other(places, &[]).is_served_by(&me, name, &ours(&[])).unwrap();
            assert_eq!(served, is_served, "{} {name}", places.runtime.display());
        }
        let Some(user) = another_user() else { return };
        let stranger = Running::new(Command::new("cat").uid(user)).stat();
        for name in [LEASE, SUPERVISOR] {
            let served = other(&starts, &[lives]).is_served_by(&stranger, name, &ours(&[]));
            assert!(!served.unwrap(), "{name}: any user can claim so");
        }
    }

    #[test]
    fn another_site_owns_what_it_records_and_what_came_of_that_or_has_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (site(folder.path(), "ours"), site(folder.path(), "theirs"));
        // Numbers that no process of this node has. The last one leads the session.
        let stats = [told(5_000_001, 5_000_002, 5_000_003), told(5_000_002, 1, 5_000_002)];
        let stats = [stats[0].clone(), stats[1].clone(), told(5_000_003, 1, 5_000_003)];
        let owns = |stat: &Stat, by: Mark, known: Option<&Stat>| {
            let known = known.map(Seen::from).into_iter().collect();
            let this = Ours { tree: Tree::of(stats.clone()), known, grouped: Vec::new() };
            let folder = theirs.runtime.as_os_str().as_bytes();
            OtherSites::new(&ours).owns(&Question { stat, folder, name: "a", by }, &this).unwrap()
        };
        assert!(!owns(&stats[0], Mark::Descent, None), "it has no record");
        for (recorded, by, known, is_theirs) in [
            (&stats[0], Mark::Group, None, true),
            (&stats[0], Mark::Group, Some(&stats[0]), false),
            (&stats[1], Mark::Descent, None, true),
            (&stats[1], Mark::Group, None, false),
            (&stats[2], Mark::Group, None, true),
            (&stats[2], Mark::Group, Some(&stats[2]), false),
        ] {
            let supervisor = Identity {
                boot: BootId::current().unwrap(),
                pid: recorded.pid,
                start: recorded.start,
            };
            Record::begun("theirs".parse().unwrap(), supervisor).write(&theirs).unwrap();
            assert_eq!(owns(&stats[0], by, known), is_theirs, "{} {by:?}", recorded.pid);
        }
        let me = Stat::of(Pid::this()).unwrap();
        assert!(!owns(&me, Mark::Group, None));
        let lock = Lock::attempt(&theirs.runtime.join("a.lock")).unwrap();
        assert!(matches!(lock, Attempt::Taken(_)) && owns(&me, Mark::Group, None));
    }

    #[test]
    fn a_lock_that_cannot_be_looked_at_is_not_taken_for_a_free_one() {
        let folder = tempfile::tempdir().unwrap();
        let me = Stat::of(Pid::this()).unwrap();
        let ours = Ours { tree: Tree::of([]), known: Vec::new(), grouped: Vec::new() };
        let places = site(folder.path(), "shop");
        symlink("nowhere", places.start_lock()).unwrap();
        assert!(other(&places, &[]).is_served_by(&me, SUPERVISOR, &ours).is_err());
        let none = SitePlaces { runtime: folder.path().join("x".repeat(300)), ..places };
        assert!(!other(&none, &[]).is_served_by(&me, SUPERVISOR, &ours).unwrap(), "no such site");
    }

    #[test]
    fn a_process_below_another_site_is_its_own_unless_this_site_is_nearer() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let stats = [told(30, 1, 30), told(40, 30, 40), told(50, 40, 50)];
        let seen = |at: usize| Seen::from(&stats[at]);
        let all = [Mark::Descent, Mark::Group, Mark::Lock, Mark::Session, Mark::Environment];
        for (by, recorded, known, grouped, is_theirs) in [
            (Mark::Descent, Some(0), None, None, true),
            (Mark::Descent, None, None, None, false),
            (Mark::Descent, Some(0), Some(1), None, false),
            (Mark::Descent, Some(1), Some(0), None, true),
            (Mark::Descent, Some(0), Some(0), None, false),
            (Mark::Group, Some(0), None, Some(30), true),
            (Mark::Group, Some(0), None, None, false),
            (Mark::Group, Some(0), None, Some(40), false),
            (Mark::Record, Some(0), None, Some(30), false),
            (Mark::Lock, Some(0), None, Some(30), false),
            (Mark::Session, Some(0), None, Some(30), false),
            (Mark::Environment, Some(0), None, Some(30), false),
        ] {
            let ours = Ours {
                tree: Tree::of(stats.clone()),
                known: known.map(seen).into_iter().collect(),
                grouped: grouped.map(pid).into_iter().collect(),
            };
            let recorded: Vec<Seen> = recorded.map(seen).into_iter().collect();
            let found = other(&places, &recorded).is_above(&stats[2], by, &ours).unwrap();
            assert_eq!(found, is_theirs, "{by:?} {recorded:?} {:?} {grouped:?}", ours.known);
        }
        let circle = [told(60, 70, 60), told(70, 60, 70)];
        let tree = Tree::of(circle.clone());
        let ours = Ours { tree, known: Vec::new(), grouped: Vec::new() };
        for by in all {
            assert!(!other(&places, &[seen(0)]).is_above(&circle[0], by, &ours).unwrap());
        }
    }

    #[test]
    fn every_folder_on_the_way_is_closed_to_other_users() {
        const ME: u32 = 1000;
        const HER: u32 = 1001;
        let file = |owner, mode| Ok((owner, mode));
        let error = |kind: ErrorKind| Err(kind);
        for (above, last, is_closed) in [
            (file(0, 0o04_0755), file(ME, 0o04_0700), Some(true)),
            (file(0, 0o04_0755), file(0, 0o04_0755), Some(true)),
            (file(ME, 0o04_0755), file(ME, 0o04_0700), Some(true)),
            (file(0, 0o04_1777), file(ME, 0o04_0700), Some(true)),
            (file(0, 0o04_0755), file(HER, 0o04_0700), Some(false)),
            (file(HER, 0o04_0755), file(ME, 0o04_0700), Some(false)),
            (file(HER, 0o04_1777), file(ME, 0o04_0700), Some(false)),
            (file(0, 0o04_0777), file(ME, 0o04_0700), Some(false)),
            (file(0, 0o04_0755), file(ME, 0o04_1777), Some(false)),
            (file(0, 0o04_0755), file(ME, 0o04_0770), Some(false)),
            (file(0, 0o04_0755), file(ME, 0o10_0600), Some(false)),
            (file(0, 0o12_0755), file(ME, 0o04_0700), Some(false)),
            (file(0, 0o04_0755), error(ErrorKind::NotFound), Some(false)),
            (error(ErrorKind::NotADirectory), file(ME, 0o04_0700), Some(false)),
            (error(ErrorKind::PermissionDenied), file(ME, 0o04_0700), Some(false)),
            // It may be there.
            (file(0, 0o04_0755), error(ErrorKind::OutOfMemory), None),
            (error(ErrorKind::StaleNetworkFileHandle), file(ME, 0o04_0700), None),
        ] {
            let look = |path: &Path| {
                let (owner, mode) = match path.to_str() {
                    Some("/run") => above,
                    Some("/run/shop") => last,
                    _ => Ok((0, 0o04_0755)),
                }?;
                Ok(Attributes::made_up(owner, mode))
            };
            let found = is_closed_to_others(Path::new("/run/shop"), ME, look).ok();
            assert_eq!(found, is_closed, "{above:?} {last:?}");
        }
    }

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
