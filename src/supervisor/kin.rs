//! Which process belongs to which unit.
//!
//! As long as the supervisor lives it is the subreaper, so everything of the site descends from
//! it, but what the rule of `process` says is another site's, or the keeper of the lease. A child of its
//! own is a unit's main process, a helper, or an orphan: an orphan belongs to the unit in whose group
//! or session it is, whose lock it holds or whose mark it bears, or to which it was found to belong
//! before; else it is a stray, of which it is known only that it is the site's.
//!
//! A supervisor that has adopted a site has no such descendants: those are found by their marks, as
//! a verb finds them.

use std::collections::{HashMap, HashSet};
use std::io;

use super::plan::UnitId;
use crate::linux::process::Stat;
use crate::process::{
    Descendant, Judge, Record, Seen, Tree, UNREADABLE, find_members, locked_by, protected,
};
use crate::site::SitePlaces;
use crate::values::Pid;

/// What is known of units, to tell orphans apart.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// Sessions in which units were started. The number cannot be another's while a member lives,
    /// and without a member it does not matter.
    sessions: HashMap<Pid, UnitId>,
    /// Orphans that were recognised before, perhaps by a mark that they have lost since.
    orphans: HashMap<Seen, UnitId>,
    /// What was adopted is looked for as well.
    adopted: bool,
}

/// The living processes of the site, by unit.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) units: HashMap<UnitId, Vec<Seen>>,
    pub(super) strays: Vec<Seen>,
    /// Left alone, with the reason.
    pub(super) spared: Vec<(Seen, &'static str)>,
}

impl Family {
    pub(super) fn of(&self, unit: UnitId) -> &[Seen] {
        self.units.get(&unit).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, unit: UnitId, pid: Pid) -> bool {
        self.of(unit).iter().any(|seen| seen.pid == pid)
    }
}

/// Of whom the site's processes are told apart.
pub(super) struct About<'a> {
    pub(super) places: &'a SitePlaces,
    pub(super) record: &'a Record,
    pub(super) names: &'a HashMap<String, UnitId>,
    /// The main processes.
    pub(super) mains: &'a HashMap<Pid, UnitId>,
    /// Left out.
    pub(super) helpers: &'a HashSet<Pid>,
}

impl Kin {
    /// A unit was started as `pid`, leader of its session.
    pub(super) fn started(&mut self, unit: UnitId, pid: Pid) {
        self.sessions.retain(|_, u| *u != unit);
        self.sessions.insert(pid, unit);
    }

    /// There are processes of the site that do not descend from this one.
    pub(super) fn adopts(&mut self) {
        self.adopted = true;
    }

    pub(super) fn has_adopted(&self) -> bool {
        self.adopted
    }

    /// Looks at everything that lives.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(super) fn look(&mut self, about: &About<'_>) -> io::Result<Family> {
        let About { places, record, mains, helpers, .. } = about;
        let tree = Tree::look()?;
        let judge = Judge::new(places, Some(record), &tree)?;
        let mut family = Family::default();
        let mut orphans = HashMap::new();
        // Each with the unit of its parent.
        let mut queue: Vec<(Pid, Option<UnitId>)> =
            tree.children(Pid::this()).iter().map(|pid| (*pid, None)).collect();
        while let Some((pid, parent)) = queue.pop() {
            let Some(stat) = tree.stat(pid).filter(|_| !helpers.contains(&pid)) else { continue };
            let seen = Seen::from(stat);
            let unit = match mains.get(&pid).copied() {
                // What the definition itself names is the site's, whatever it is called.
                Some(unit) => Some(unit),
                None => {
                    if let Some(why) = protected(stat, &tree) {
                        family.spared.push((seen, why));
                        continue;
                    }
                    let whose = judge.of_descendant(stat)?;
                    if whose == Descendant::Apart {
                        continue;
                    }
                    let unit = match parent {
                        Some(unit) => Some(unit),
                        None => self.unit_of_orphan(stat, &whose, about, &judge)?,
                    };
                    if unit.is_none() && whose == Descendant::Unreadable {
                        family.spared.push((seen, UNREADABLE));
                        continue;
                    }
                    unit
                }
            };
            match unit {
                Some(unit) => {
                    orphans.insert(seen, unit);
                    family.units.entry(unit).or_default().push(seen);
                }
                None => family.strays.push(seen),
            }
            queue.extend(tree.children(pid).iter().map(|child| (*child, unit)));
        }
        if self.adopted {
            add_adopted(&mut family, &tree, about)?;
        }
        self.orphans = orphans;
        Ok(family)
    }

    /// To which unit a process belongs whose parent does not tell.
    fn unit_of_orphan(
        &self,
        stat: &Stat,
        whose: &Descendant,
        about: &About<'_>,
        judge: &Judge<'_>,
    ) -> io::Result<Option<UnitId>> {
        let called = |name: Option<String>| about.names.get(&name?).copied();
        if let Some(unit) = self.orphans.get(&Seen::from(stat)) {
            return Ok(Some(*unit));
        }
        if let Some(unit) = called(judge.leaf_of(stat.pid)?) {
            return Ok(Some(unit));
        }
        if let Some(unit) = stat.session.and_then(|session| self.sessions.get(&session)) {
            return Ok(Some(*unit));
        }
        if let Some(unit) = called(locked_by(stat.pid, about.places)?) {
            return Ok(Some(unit));
        }
        Ok(match whose {
            Descendant::Ours { named } => called(named.clone()),
            Descendant::Unreadable | Descendant::Apart => None,
        })
    }
}

/// What bears the site's marks and does not descend from this process.
fn add_adopted(family: &mut Family, tree: &Tree, about: &About<'_>) -> io::Result<()> {
    let found = find_members(about.places, Some(about.record))?;
    let theirs = |pid: Pid| tree.stat(pid).is_some() && !tree.descends(pid, Pid::this());
    for member in found.ours.iter().filter(|m| theirs(m.pid)) {
        let named = || about.names.get(member.process.as_ref()?).copied();
        match about.mains.get(&member.pid).copied().or_else(named) {
            Some(unit) => family.units.entry(unit).or_default().push(member.seen()),
            None => family.strays.push(member.seen()),
        }
    }
    family.spared.extend(found.spared.iter().map(|(member, why)| (member.seen(), *why)));
    Ok(())
}
