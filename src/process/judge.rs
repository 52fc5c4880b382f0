//! Gathers the facts for the rule of `membership`: what record, control groups, locks and environment
//! say about one process now.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::environment::{Claim, ClaimVerifier, LEASE, SUPERVISOR, claim_of, is_apart, is_trusted};
use super::groups::Groups;
use super::identity::Seen;
use super::membership::{ClaimKind, Mark, Verdict, judge};
use super::other_sites::{OtherSites, Question, ThisSite};
use super::record::{Record, RecordError};
use crate::linux::descriptors::locked_files_below;
use crate::linux::process::{Stat, Unreadable, users};
use crate::linux::tree::Tree;
use crate::linux::{StartTicks, files};
use crate::site::SitePlaces;
use crate::values::Pid;

/// The processes that the record names and that still live.
pub(super) struct RecordedProcesses {
    pub(super) supervisor: Option<Seen>,
    pub(super) processes: HashMap<(Pid, StartTicks), String>,
    /// Sessions whose leader is a recorded process that lives, so that the number is not used again.
    pub(super) sessions: HashSet<Pid>,
}

impl RecordedProcesses {
    fn new(record: Option<&Record>, lives: impl Fn(Seen) -> io::Result<bool>) -> io::Result<Self> {
        let mut known =
            Self { supervisor: None, processes: HashMap::new(), sessions: HashSet::new() };
        let Some(record) = record.filter(|r| r.is_of_this_boot()) else { return Ok(known) };
        let supervisor = Seen { pid: record.supervisor.pid, start: record.supervisor.start };
        known.supervisor = lives(supervisor)?.then_some(supervisor);
        for process in &record.processes {
            let identity = &process.identity;
            if lives(Seen { pid: identity.pid, start: identity.start })? {
                known.processes.insert((identity.pid, identity.start), process.name.clone());
                known.sessions.insert(identity.pid);
            }
        }
        Ok(known)
    }

    fn name(&self, seen: Seen) -> Option<&String> {
        self.processes.get(&(seen.pid, seen.start))
    }
}

/// The claim of a process, and whether it is believed.
#[derive(Clone, Debug)]
pub(super) enum VerifiedClaim {
    Nothing,
    /// The process hangs, and its environment cannot be read.
    Unreadable,
    Claim {
        claim: Claim,
        believed: bool,
    },
}

/// The claim of a process. The inner error: the process hangs.
///
/// # Errors
/// The environment cannot be read, though the process does not hang.
pub(super) fn read_claim(stat: &Stat) -> io::Result<Result<Option<Claim>, Unreadable>> {
    let claim = claim_of(stat);
    match claim.as_ref().err().and_then(|unreadable| unreadable.error()) {
        None => Ok(claim),
        Some(error) => {
            let why = format!("the environment of process {} cannot be read: {error}", stat.pid);
            Err(io::Error::new(error.kind(), why))
        }
    }
}

fn folder_of(places: &SitePlaces) -> &[u8] {
    places.runtime.as_os_str().as_bytes()
}

impl VerifiedClaim {
    /// The claim of this process.
    ///
    /// # Errors
    /// It cannot be read, though the process does not hang; or the site's token cannot be read.
    pub(super) fn of(
        stat: &Stat,
        places: &SitePlaces,
        verifier: &ClaimVerifier<'_>,
    ) -> io::Result<Self> {
        let claim = match read_claim(stat)? {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(Self::Nothing),
            Err(_) => return Ok(Self::Unreadable),
        };
        let believed = if claim.folder != folder_of(places) {
            false
        } else if is_apart(&claim.name) {
            users(stat.pid)?.is_some_and(is_trusted)
        } else {
            verifier.is_believed(&claim, users(stat.pid)?)?
        };
        Ok(Self::Claim { claim, believed })
    }

    fn kind(&self, places: &SitePlaces) -> ClaimKind {
        let ours = folder_of(places);
        match self {
            Self::Nothing => ClaimKind::Nothing,
            Self::Unreadable => ClaimKind::Unreadable,
            Self::Claim { claim, .. } if claim.folder != ours => ClaimKind::AnotherSite,
            Self::Claim { claim, believed } if is_apart(&claim.name) => {
                ClaimKind::Keeper { believed: *believed }
            }
            Self::Claim { believed, .. } => ClaimKind::Ours { believed: *believed },
        }
    }

    pub(super) fn is_believed(&self) -> bool {
        matches!(self, Self::Claim { believed: true, .. })
    }

    /// The name of the process of this site that it claims to be.
    pub(super) fn name(&self, places: &SitePlaces) -> Option<&str> {
        match self {
            Self::Claim { claim, .. } if matches!(self.kind(places), ClaimKind::Ours { .. }) => {
                Some(&claim.name)
            }
            Self::Claim { .. } | Self::Nothing | Self::Unreadable => None,
        }
    }
}

/// The name of the process of the site whose inherited lock `pid` holds.
///
/// # Errors
/// The descriptors of `pid` cannot be looked at, though this user may see them.
pub fn locked_by(pid: Pid, places: &SitePlaces) -> io::Result<Option<String>> {
    let held = locked_files_below(pid, &places.process_locks(), files::effective_user())?;
    let name = |path: &std::path::PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    // /proc shows a removed file with this suffix.
    Ok(held.first().and_then(name).map(|name| name.trim_end_matches(" (deleted)").to_owned()))
}

/// Judges processes by one look at this node: do they belong to the site?
pub struct Judge<'a> {
    places: &'a SitePlaces,
    tree: &'a Tree,
    pub(super) known: RecordedProcesses,
    groups: Option<Groups>,
    verifier: ClaimVerifier<'a>,
    others: OtherSites<'a>,
}

/// The owner of a descendant of the site's supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descendant {
    /// The site; with the name of the process that it claims to be.
    Ours { named: Option<String> },
    /// Its environment cannot be read; it belongs to the site if another mark says so.
    Unreadable,
    /// Another site, or it keeps the lease. It is left out with all its descendants.
    Apart,
}

impl<'a> Judge<'a> {
    /// A judge who knows the record and the processes in `tree`.
    ///
    /// # Errors
    /// The control groups cannot be looked at.
    pub fn new(
        places: &'a SitePlaces,
        record: Option<&Record>,
        tree: &'a Tree,
    ) -> io::Result<Self> {
        let lives = |seen: Seen| Ok(tree.stat(seen.pid).is_some_and(|s| s.start == seen.start));
        Ok(Self {
            places,
            tree,
            known: RecordedProcesses::new(record, lives)?,
            groups: Groups::look(places)?,
            verifier: ClaimVerifier::new(places),
            others: OtherSites::new(places),
        })
    }

    /// The name that the record gives it.
    pub(super) fn recorded(&self, stat: &Stat) -> Option<String> {
        self.known.name(Seen::from(stat)).cloned()
    }

    /// The verdict by its strongest mark and its claim.
    ///
    /// # Errors
    /// The other site that it claims to belong to cannot be looked at.
    pub(super) fn verdict(
        &self,
        stat: &Stat,
        strong: Option<Mark>,
        claimed: &VerifiedClaim,
    ) -> io::Result<Verdict> {
        judge(strong, claimed.kind(self.places), |by| match claimed {
            VerifiedClaim::Claim { claim, .. } => {
                let (folder, name) = (claim.folder.as_slice(), claim.name.as_str());
                self.others.owns(&Question { stat, folder, name, by }, self)
            }
            VerifiedClaim::Nothing | VerifiedClaim::Unreadable => Ok(false),
        })
    }

    /// The mark of a process in the control group `leaf`. A keeper or helper that the supervisor starts is in the
    /// supervisor's own leaf, which proves no more than that it descends from it.
    pub(super) fn of_leaf(&self, leaf: &str, claimed: &VerifiedClaim) -> Mark {
        let is_keeper = matches!(claimed.kind(self.places), ClaimKind::Keeper { .. });
        if is_keeper && leaf == SUPERVISOR { Mark::Descent } else { Mark::Group }
    }

    /// The leaf of the site's control groups that it is in.
    ///
    /// # Errors
    /// Its control group cannot be read.
    pub fn leaf_of(&self, pid: Pid) -> io::Result<Option<String>> {
        self.groups.as_ref().map_or(Ok(None), |groups| groups.process_of(pid))
    }

    fn strong(&self, stat: &Stat, claimed: &VerifiedClaim) -> io::Result<Option<Mark>> {
        if self.recorded(stat).is_some() {
            return Ok(Some(Mark::Record));
        }
        Ok(if let Some(leaf) = self.leaf_of(stat.pid)? {
            Some(self.of_leaf(&leaf, claimed))
        } else if locked_by(stat.pid, self.places)?.is_some() {
            Some(Mark::Lock)
        } else if stat.session.is_some_and(|s| self.known.sessions.contains(&s)) {
            Some(Mark::Session)
        } else {
            None
        })
    }

    /// The owner of a descendant of the supervisor.
    ///
    /// # Errors
    /// A mark of it cannot be looked at.
    pub fn of_descendant(&self, stat: &Stat) -> io::Result<Descendant> {
        // Its descent decides, so a claim to belong to this site needs no verification.
        match read_claim(stat)? {
            Ok(None) => return Ok(Descendant::Ours { named: None }),
            Err(_) => return Ok(Descendant::Unreadable),
            Ok(Some(claim)) if claim.folder == folder_of(self.places) && !is_apart(&claim.name) => {
                return Ok(Descendant::Ours { named: Some(claim.name) });
            }
            Ok(Some(_)) => {}
        }
        let claimed = VerifiedClaim::of(stat, self.places, &self.verifier)?;
        let strong = self.strong(stat, &claimed)?.unwrap_or(Mark::Descent);
        Ok(match self.verdict(stat, Some(strong), &claimed)? {
            Verdict::Keeper | Verdict::AnotherSite => Descendant::Apart,
            Verdict::Ours(_) | Verdict::Unsure(_) | Verdict::Stranger | Verdict::Unrelated => {
                Descendant::Ours { named: None }
            }
        })
    }

    /// Whether a process in one of the site's control groups belongs to the site.
    ///
    /// # Errors
    /// A mark of it cannot be looked at.
    pub(super) fn is_ours_in_group(&self, stat: &Stat) -> io::Result<bool> {
        let claimed = VerifiedClaim::of(stat, self.places, &self.verifier)?;
        let strong = self.strong(stat, &claimed)?.unwrap_or(Mark::Group);
        Ok(matches!(self.verdict(stat, Some(strong), &claimed)?, Verdict::Ours(_)))
    }
}

impl ThisSite for Judge<'_> {
    fn tree(&self) -> &Tree {
        self.tree
    }

    fn is_known(&self, seen: Seen) -> bool {
        self.known.supervisor == Some(seen) || self.known.name(seen).is_some()
    }

    fn is_in_group(&self, pid: Pid) -> io::Result<bool> {
        Ok(self.leaf_of(pid)?.is_some())
    }
}

/// Whether a process keeps the lease of the site at `places`: it claims so, it runs as root or this user,
/// and has no mark of a process of the site but descent.
///
/// # Errors
/// A mark of it cannot be looked at.
pub fn is_keeper(places: &SitePlaces, stat: &Stat) -> io::Result<bool> {
    let verifier = ClaimVerifier::new(places);
    let claimed = VerifiedClaim::of(stat, places, &verifier)?;
    let is_called_so =
        matches!(&claimed, VerifiedClaim::Claim { claim, .. } if claim.name == LEASE);
    if !is_called_so || claimed.kind(places) != (ClaimKind::Keeper { believed: true }) {
        return Ok(false);
    }
    let record = match Record::read(places) {
        // A damaged record names no process.
        Err(RecordError::NotUnderstood(_)) => None,
        other => other?,
    };
    let lives = |seen: Seen| Ok(seen.look()?.is_some_and(|stat| stat.is_alive()));
    let tree = Tree::of([]);
    let judge = Judge {
        places,
        tree: &tree,
        known: RecordedProcesses::new(record.as_ref(), lives)?,
        groups: Groups::look(places)?,
        verifier,
        others: OtherSites::new(places),
    };
    let strong = judge.strong(stat, &claimed)?;
    Ok(judge.verdict(stat, strong, &claimed)? == Verdict::Keeper)
}

/// Whether a process claims to belong to another site than the one at `places`, and that site confirms it.
///
/// # Errors
/// A mark of it, or the other site, cannot be looked at.
pub fn is_of_another_site(places: &SitePlaces, stat: &Stat) -> io::Result<bool> {
    let verifier = ClaimVerifier::new(places);
    let claimed = VerifiedClaim::of(stat, places, &verifier)?;
    if claimed.kind(places) != ClaimKind::AnotherSite {
        return Ok(false);
    }
    let record = Record::read(places).ok().flatten();
    let tree = Tree::look()?;
    let judge = Judge::new(places, record.as_ref(), &tree)?;
    Ok(judge.verdict(stat, Some(Mark::Descent), &claimed)? == Verdict::AnotherSite)
}

#[cfg(test)]
mod tests {
    use super::super::environment::{HELPER, mark_entry};
    use super::super::identity::Identity;
    use super::super::samples::{Running, site};
    use super::*;

    fn places() -> SitePlaces {
        SitePlaces {
            definition: "/x/shop.yaml".into(),
            runtime: "/run/x/shop".into(),
            logs: "/x".into(),
        }
    }

    fn claim(folder: &str, name: &str, believed: bool) -> VerifiedClaim {
        let claim =
            Claim { folder: folder.as_bytes().to_vec(), name: name.to_owned(), token: None };
        VerifiedClaim::Claim { claim, believed }
    }

    #[test]
    fn a_descendant_belongs_to_the_site_unless_it_keeps_the_lease_or_another_site_owns_it() {
        let folder = tempfile::tempdir().unwrap();
        let (places, other) = (site(folder.path(), "shop"), site(folder.path(), "other"));
        let ours = |named: Option<&str>| Descendant::Ours { named: named.map(str::to_owned) };
        let of = |places, name| Running::marked(&mark_entry(places, name));
        let owned = of(&other, "a");
        let supervisor = Identity::of(owned.pid()).unwrap();
        Record::begun("other".parse().unwrap(), supervisor).write(&other).unwrap();
        for (process, whose, keeps, is_theirs) in [
            (Running::unmarked(), ours(None), false, false),
            (of(&places, "a"), ours(Some("a")), false, false),
            (of(&places, SUPERVISOR), ours(Some(SUPERVISOR)), false, false),
            (of(&places, LEASE), Descendant::Apart, true, false),
            (of(&places, HELPER), Descendant::Apart, false, false),
            (of(&other, "a"), ours(None), false, false),
            (of(&other, SUPERVISOR), ours(None), false, false),
            // That site runs, so it has a keeper.
            (of(&other, LEASE), Descendant::Apart, false, true),
            (owned, Descendant::Apart, false, true),
        ] {
            let stat = process.stat();
            let claim = claim_of(&stat);
            let tree = Tree::look().unwrap();
            let judge = Judge::new(&places, None, &tree).unwrap();
            assert_eq!(judge.of_descendant(&stat).unwrap(), whose, "{claim:?}");
            assert_eq!(is_keeper(&places, &stat).unwrap(), keeps, "{claim:?}");
            assert_eq!(is_of_another_site(&places, &stat).unwrap(), is_theirs, "{claim:?}");
        }
    }

    #[test]
    fn a_claim_is_of_this_site_of_its_keeper_or_of_another() {
        let places = places();
        assert_eq!(
            claim("/run/x/shop", "a", true).kind(&places),
            ClaimKind::Ours { believed: true }
        );
        assert_eq!(claim("/run/x/shop", "a", true).name(&places), Some("a"));
        let keeper = claim("/run/x/shop", LEASE, false);
        assert_eq!(keeper.kind(&places), ClaimKind::Keeper { believed: false });
        assert_eq!(keeper.name(&places), None);
        for folder in ["/run/x/shop2", "/run/x", "/run/x/shop/", ""] {
            assert_eq!(
                claim(folder, LEASE, false).kind(&places),
                ClaimKind::AnotherSite,
                "{folder}"
            );
            assert_eq!(claim(folder, "a", false).name(&places), None);
        }
    }
}
