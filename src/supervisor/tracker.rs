//! Which process belongs to which unit.
//!
//! The supervisor is a subreaper, so every process of the site descends from it. Descendants that belong
//! to another site, and the keeper of the lease, are left out (`process::membership`). A child of the
//! supervisor is a main process, a helper or an orphan. An orphan belongs to the unit whose control group
//! or session it is in, whose lock or mark it has, or to which it was assigned before. Otherwise it is a
//! stray: a process of the site and of no known unit.
//!
//! The processes of an adopted site are no descendants of the supervisor; they are found by their marks.

use std::collections::{HashMap, HashSet};
use std::io;

use super::configuration::Configuration;
use super::plan::UnitId;
use crate::linux::process::Stat;
use crate::process::{
    Descendant, Judge, Record, Seen, Tree, UNREADABLE, find_members, locked_by, protected,
};
use crate::values::Pid;

/// Finds the living processes of the site, and remembers what tells orphans apart.
#[derive(Debug, Default)]
pub(super) struct ProcessTracker {
    /// The sessions in which units were started. A session's number is not used again while it has a
    /// member, and without a member the entry has no effect.
    sessions: HashMap<Pid, UnitId>,
    /// Orphans that were assigned before; they may have lost their mark since.
    orphans: HashMap<Seen, UnitId>,
    /// The site was adopted: processes that are no descendants are looked for as well.
    adopted: bool,
}

/// The living processes of the site, by unit.
#[derive(Debug, Default)]
pub(super) struct UnitProcesses {
    pub(super) units: HashMap<UnitId, Vec<Seen>>,
    pub(super) strays: Vec<Seen>,
    /// Not to be signalled, with the reason.
    pub(super) spared: Vec<(Seen, &'static str)>,
}

impl UnitProcesses {
    pub(super) fn of(&self, unit: UnitId) -> &[Seen] {
        self.units.get(&unit).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, unit: UnitId, pid: Pid) -> bool {
        self.of(unit).iter().any(|seen| seen.pid == pid)
    }
}

/// What the tracker has to know to tell the processes apart.
pub(super) struct TrackerInput<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) record: &'a Record,
    pub(super) mains: &'a HashMap<Pid, UnitId>,
    /// Helpers and the keeper of the lease: left out.
    pub(super) excluded: &'a HashSet<Pid>,
}

impl ProcessTracker {
    /// A unit was started as `pid`, the leader of its session.
    pub(super) fn started(&mut self, unit: UnitId, pid: Pid) {
        self.sessions.retain(|_, u| *u != unit);
        self.sessions.insert(pid, unit);
    }

    /// From now on processes that are no descendants are looked for as well.
    pub(super) fn adopt(&mut self) {
        self.adopted = true;
    }

    pub(super) fn has_adopted(&self) -> bool {
        self.adopted
    }

    /// Looks at every living process.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(super) fn look(&mut self, input: &TrackerInput<'_>) -> io::Result<UnitProcesses> {
        let tree = Tree::look()?;
        let judge = Judge::new(&input.configuration.places, Some(input.record), &tree)?;
        let mut found = UnitProcesses::default();
        let mut orphans = HashMap::new();
        // Each with the unit of its parent.
        let mut queue: Vec<(Pid, Option<UnitId>)> =
            tree.children(Pid::this()).iter().map(|pid| (*pid, None)).collect();
        while let Some((pid, parent)) = queue.pop() {
            let Some(stat) = tree.stat(pid).filter(|_| !input.excluded.contains(&pid)) else {
                continue;
            };
            let seen = Seen::from(stat);
            let unit = match input.mains.get(&pid).copied() {
                // A main process is never spared, whatever its program is called.
                Some(unit) => Some(unit),
                None => {
                    if let Some(why) = protected(stat, &tree) {
                        found.spared.push((seen, why));
                        continue;
                    }
                    let descendant = judge.of_descendant(stat)?;
                    if descendant == Descendant::Apart {
                        continue;
                    }
                    let unit = match parent {
                        Some(unit) => Some(unit),
                        None => self.unit_of_orphan(stat, &descendant, input, &judge)?,
                    };
                    if unit.is_none() && descendant == Descendant::Unreadable {
                        found.spared.push((seen, UNREADABLE));
                        continue;
                    }
                    unit
                }
            };
            match unit {
                Some(unit) => {
                    orphans.insert(seen, unit);
                    found.units.entry(unit).or_default().push(seen);
                }
                None => found.strays.push(seen),
            }
            queue.extend(tree.children(pid).iter().map(|child| (*child, unit)));
        }
        if self.adopted {
            add_adopted(&mut found, &tree, input)?;
        }
        self.orphans = orphans;
        Ok(found)
    }

    /// The unit of a process whose parent belongs to none.
    fn unit_of_orphan(
        &self,
        stat: &Stat,
        descendant: &Descendant,
        input: &TrackerInput<'_>,
        judge: &Judge<'_>,
    ) -> io::Result<Option<UnitId>> {
        let called = |name: Option<String>| input.configuration.unit_called(&name?);
        if let Some(unit) = self.orphans.get(&Seen::from(stat)) {
            return Ok(Some(*unit));
        }
        if let Some(unit) = called(judge.leaf_of(stat.pid)?) {
            return Ok(Some(unit));
        }
        if let Some(unit) = stat.session.and_then(|session| self.sessions.get(&session)) {
            return Ok(Some(*unit));
        }
        if let Some(unit) = called(locked_by(stat.pid, &input.configuration.places)?) {
            return Ok(Some(unit));
        }
        Ok(match descendant {
            Descendant::Ours { named } => called(named.clone()),
            Descendant::Unreadable | Descendant::Apart => None,
        })
    }
}

/// Adds the processes that have the site's marks and do not descend from the supervisor.
fn add_adopted(found: &mut UnitProcesses, tree: &Tree, input: &TrackerInput<'_>) -> io::Result<()> {
    let members = find_members(&input.configuration.places, Some(input.record))?;
    let is_apart = |pid: Pid| tree.stat(pid).is_some() && !tree.descends(pid, Pid::this());
    for member in members.ours.iter().filter(|m| is_apart(m.pid)) {
        let named = || input.configuration.unit_called(member.process.as_ref()?);
        match input.mains.get(&member.pid).copied().or_else(named) {
            Some(unit) => found.units.entry(unit).or_default().push(member.seen()),
            None => found.strays.push(member.seen()),
        }
    }
    found.spared.extend(members.spared.iter().map(|(member, why)| (member.seen(), *why)));
    Ok(())
}
