//! Gathers what the rule of `membership` judges by: what the record, the control groups, the locks and
//! the environments of this moment say of one process.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;

use super::elsewhere::{Here, Others, Question};
use super::environment::{Believer, Claim, LEASE, SUPERVISOR, claim_of, is_trusted};
use super::groups::Groups;
use super::identity::Seen;
use super::membership::{Mark, Told, Verdict, judge};
use super::record::Record;
use crate::linux::descriptors::locked_files_below;
use crate::linux::process::{Stat, Unreadable, users};
use crate::linux::tree::Tree;
use crate::linux::{StartTicks, files};
use crate::site::SitePlaces;
use crate::values::Pid;

/// What a record says, as far as it still holds.
pub(super) struct Known {
    pub(super) supervisor: Option<Seen>,
    pub(super) processes: HashMap<(Pid, StartTicks), String>,
    /// Sessions whose leader is a recorded process that lives: the number cannot be another's.
    pub(super) sessions: HashSet<Pid>,
}

impl Known {
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

/// What a process says of itself, and whether it is to be believed.
#[derive(Clone, Debug)]
pub(super) enum Saying {
    Nothing,
    Unreadable,
    Claim { claim: Claim, believed: bool },
}

/// The claim of a process, which may be mute.
///
/// # Errors
/// It cannot be read, though the process does not hang.
fn hear(stat: &Stat) -> io::Result<Result<Option<Claim>, Unreadable>> {
    let heard = claim_of(stat);
    match heard.as_ref().err().and_then(|mute| mute.error()) {
        None => Ok(heard),
        Some(error) => {
            let why = format!("the environment of process {} cannot be read: {error}", stat.pid);
            Err(io::Error::new(error.kind(), why))
        }
    }
}

fn folder_of(places: &SitePlaces) -> &[u8] {
    places.runtime.as_os_str().as_bytes()
}

impl Saying {
    /// What the process that was seen says.
    ///
    /// # Errors
    /// That cannot be read, though it does not hang; or the site's token cannot.
    pub(super) fn of(
        stat: &Stat,
        places: &SitePlaces,
        believer: &Believer<'_>,
    ) -> io::Result<Self> {
        let claim = match hear(stat)? {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(Self::Nothing),
            Err(_) => return Ok(Self::Unreadable),
        };
        let believed = if claim.folder != folder_of(places) {
            false
        } else if claim.name == LEASE {
            users(stat.pid)?.is_some_and(is_trusted)
        } else {
            believer.believes(&claim, users(stat.pid)?)?
        };
        Ok(Self::Claim { claim, believed })
    }

    fn told(&self, places: &SitePlaces) -> Told {
        let ours = folder_of(places);
        match self {
            Self::Nothing => Told::Nothing,
            Self::Unreadable => Told::Unreadable,
            Self::Claim { claim, .. } if claim.folder != ours => Told::Another,
            Self::Claim { claim, believed } if claim.name == LEASE => {
                Told::Keeper { believed: *believed }
            }
            Self::Claim { believed, .. } => Told::Ours { believed: *believed },
        }
    }

    pub(super) fn is_believed(&self) -> bool {
        matches!(self, Self::Claim { believed: true, .. })
    }

    /// Which process of this site it says it is.
    pub(super) fn name(&self, places: &SitePlaces) -> Option<&str> {
        match self {
            Self::Claim { claim, .. } if matches!(self.told(places), Told::Ours { .. }) => {
                Some(&claim.name)
            }
            Self::Claim { .. } | Self::Nothing | Self::Unreadable => None,
        }
    }
}

/// The process of the site whose inherited lock `pid` really holds.
///
/// # Errors
/// Its descriptors may be seen, and cannot be looked at.
pub fn locked_by(pid: Pid, places: &SitePlaces) -> io::Result<Option<String>> {
    let held = locked_files_below(pid, &places.process_locks(), files::effective_user())?;
    let name = |path: &std::path::PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    // A lock file that was removed is shown with this behind its name.
    Ok(held.first().and_then(name).map(|name| name.trim_end_matches(" (deleted)").to_owned()))
}

/// Judges the processes of one site, at one moment.
pub struct Judge<'a> {
    places: &'a SitePlaces,
    tree: &'a Tree,
    pub(super) known: Known,
    groups: Option<Groups>,
    believer: Believer<'a>,
    others: Others<'a>,
}

/// Whose a process is that descends from the site's supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descendant {
    /// The site's; with the name of the process that it gives itself.
    Ours { named: Option<String> },
    /// It cannot be read; the site's if anything else says so.
    Unreadable,
    /// Another site's, or the keeper of the lease: left out, with all that is below it.
    Apart,
}

impl<'a> Judge<'a> {
    /// By the record, and by what lives now.
    ///
    /// # Errors
    /// It cannot be told whether there are control groups.
    pub fn new(
        places: &'a SitePlaces,
        record: Option<&Record>,
        tree: &'a Tree,
    ) -> io::Result<Self> {
        let lives = |seen: Seen| Ok(tree.stat(seen.pid).is_some_and(|s| s.start == seen.start));
        Ok(Self {
            places,
            tree,
            known: Known::new(record, lives)?,
            groups: Groups::look(places)?,
            believer: Believer::new(places),
            others: Others::new(places),
        })
    }

    /// The name that the record has for it.
    pub(super) fn recorded(&self, stat: &Stat) -> Option<String> {
        self.known.name(Seen::from(stat)).cloned()
    }

    /// By the strongest mark that it bears, and what it says.
    ///
    /// # Errors
    /// It cannot be told whether another site owns it.
    pub(super) fn verdict(
        &self,
        stat: &Stat,
        strong: Option<Mark>,
        saying: &Saying,
    ) -> io::Result<Verdict> {
        judge(strong, saying.told(self.places), |by| match saying {
            Saying::Claim { claim, .. } => {
                let (folder, name) = (claim.folder.as_slice(), claim.name.as_str());
                self.others.own(&Question { stat, folder, name, by }, self)
            }
            Saying::Nothing | Saying::Unreadable => Ok(false),
        })
    }

    /// The mark of a process in the leaf `leaf`. What the supervisor runs for itself is in its own
    /// one, as a keeper of the lease is that it starts: that says no more than descent does.
    pub(super) fn of_leaf(&self, leaf: &str, saying: &Saying) -> Mark {
        let is_keeper = matches!(saying.told(self.places), Told::Keeper { .. });
        if is_keeper && leaf == SUPERVISOR { Mark::Descent } else { Mark::Group }
    }

    /// In which leaf of the site's control groups it is.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn leaf_of(&self, pid: Pid) -> io::Result<Option<String>> {
        self.groups.as_ref().map_or(Ok(None), |groups| groups.process_of(pid))
    }

    fn strong(&self, stat: &Stat, saying: &Saying) -> io::Result<Option<Mark>> {
        if self.recorded(stat).is_some() {
            return Ok(Some(Mark::Record));
        }
        Ok(if let Some(leaf) = self.leaf_of(stat.pid)? {
            Some(self.of_leaf(&leaf, saying))
        } else if locked_by(stat.pid, self.places)?.is_some() {
            Some(Mark::Lock)
        } else if stat.session.is_some_and(|s| self.known.sessions.contains(&s)) {
            Some(Mark::Session)
        } else {
            None
        })
    }

    /// Whose it is, which descends from the supervisor.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn of_descendant(&self, stat: &Stat) -> io::Result<Descendant> {
        // Its descent decides, and what it says of this very site need not be believed.
        match hear(stat)? {
            Ok(None) => return Ok(Descendant::Ours { named: None }),
            Err(_) => return Ok(Descendant::Unreadable),
            Ok(Some(claim)) if claim.folder == folder_of(self.places) && claim.name != LEASE => {
                return Ok(Descendant::Ours { named: Some(claim.name) });
            }
            Ok(Some(_)) => {}
        }
        let saying = Saying::of(stat, self.places, &self.believer)?;
        let strong = self.strong(stat, &saying)?.unwrap_or(Mark::Descent);
        Ok(match self.verdict(stat, Some(strong), &saying)? {
            Verdict::Keeper | Verdict::Another => Descendant::Apart,
            Verdict::Ours(_) | Verdict::Unsure(_) | Verdict::Stranger | Verdict::Not => {
                Descendant::Ours { named: None }
            }
        })
    }

    /// Whether it is the site's, though it may say otherwise, if it is in one of the site's groups.
    ///
    /// # Errors
    /// It cannot be told.
    pub(super) fn is_ours_in_group(&self, stat: &Stat) -> io::Result<bool> {
        let saying = Saying::of(stat, self.places, &self.believer)?;
        let strong = self.strong(stat, &saying)?.unwrap_or(Mark::Group);
        Ok(matches!(self.verdict(stat, Some(strong), &saying)?, Verdict::Ours(_)))
    }
}

impl Here for Judge<'_> {
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

/// Whether the process that was seen keeps the lease of the site at `places`: it says so, it is root's or
/// this user's, and nothing but its descent makes it a process of the site.
///
/// # Errors
/// It cannot be told.
pub fn is_keeper(places: &SitePlaces, stat: &Stat) -> io::Result<bool> {
    let believer = Believer::new(places);
    let saying = Saying::of(stat, places, &believer)?;
    if saying.told(places) != (Told::Keeper { believed: true }) {
        return Ok(false);
    }
    let record = match Record::read(places) {
        // What cannot be understood says nothing.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            None
        }
        other => other?,
    };
    let lives = |seen: Seen| Ok(seen.look()?.is_some_and(|stat| stat.is_alive()));
    let tree = Tree::of([]);
    let judge = Judge {
        places,
        tree: &tree,
        known: Known::new(record.as_ref(), lives)?,
        groups: Groups::look(places)?,
        believer,
        others: Others::new(places),
    };
    let strong = judge.strong(stat, &saying)?;
    Ok(judge.verdict(stat, strong, &saying)? == Verdict::Keeper)
}

/// Whether the process that was seen says that it is another site's than that at `places`, and that site
/// can be seen to own it.
///
/// # Errors
/// It cannot be told.
pub fn is_of_another_site(places: &SitePlaces, stat: &Stat) -> io::Result<bool> {
    let believer = Believer::new(places);
    let saying = Saying::of(stat, places, &believer)?;
    if saying.told(places) != Told::Another {
        return Ok(false);
    }
    let record = Record::read(places).ok().flatten();
    let tree = Tree::look()?;
    let judge = Judge::new(places, record.as_ref(), &tree)?;
    Ok(judge.verdict(stat, Some(Mark::Descent), &saying)? == Verdict::Another)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> SitePlaces {
        SitePlaces {
            definition: "/x/shop.yaml".into(),
            runtime: "/run/x/shop".into(),
            logs: "/x".into(),
        }
    }

    fn claim(folder: &str, name: &str, believed: bool) -> Saying {
        let claim =
            Claim { folder: folder.as_bytes().to_vec(), name: name.to_owned(), token: None };
        Saying::Claim { claim, believed }
    }

    #[test]
    fn a_claim_is_of_this_site_of_its_keeper_or_of_another() {
        let places = places();
        assert_eq!(claim("/run/x/shop", "a", true).told(&places), Told::Ours { believed: true });
        assert_eq!(claim("/run/x/shop", "a", true).name(&places), Some("a"));
        let keeper = claim("/run/x/shop", LEASE, false);
        assert_eq!(keeper.told(&places), Told::Keeper { believed: false });
        assert_eq!(keeper.name(&places), None);
        for folder in ["/run/x/shop2", "/run/x", "/run/x/shop/", ""] {
            assert_eq!(claim(folder, LEASE, false).told(&places), Told::Another, "{folder}");
            assert_eq!(claim(folder, "a", false).name(&places), None);
        }
    }
}
