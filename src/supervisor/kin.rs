//! Which of the supervisor's descendants belongs to which unit.
//!
//! As long as the supervisor lives it is the subreaper, so everything of the site descends from
//! it. A child of its own is a unit's main process, a helper, or an orphan: an orphan belongs to
//! the unit in whose session it is, whose lock it holds or whose mark it bears, or to which it
//! was found to belong before; else it is a stray, of which it is known only that it is the site's.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::plan::UnitId;
use crate::linux::{Pid, StartTicks};
use crate::process::{Groups, Tree, locked_by, mark_of};
use crate::site::SitePlaces;

/// What is known of units, to tell orphans apart.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// Sessions in which units were started. The number cannot be another's while a member lives,
    /// and without a member it does not matter.
    sessions: HashMap<Pid, UnitId>,
    /// Orphans that were recognised before, perhaps by a mark that they have lost since.
    orphans: HashMap<(Pid, StartTicks), UnitId>,
}

/// The living processes of the site, by unit.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) units: HashMap<UnitId, Vec<Pid>>,
    pub(super) strays: Vec<Pid>,
}

impl Family {
    pub(super) fn of(&self, unit: UnitId) -> &[Pid] {
        self.units.get(&unit).map_or(&[], Vec::as_slice)
    }
}

impl Kin {
    /// A unit was started as `pid`, leader of its session.
    pub(super) fn started(&mut self, unit: UnitId, pid: Pid) {
        self.sessions.retain(|_, u| *u != unit);
        self.sessions.insert(pid, unit);
    }

    /// Looks at everything that lives. `mains`: the main processes; `helpers` are left out.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(super) fn look(
        &mut self,
        places: &SitePlaces,
        names: &HashMap<String, UnitId>,
        mains: &HashMap<Pid, UnitId>,
        helpers: &HashSet<Pid>,
    ) -> io::Result<Family> {
        let tree = Tree::look()?;
        let groups = Groups::of(places);
        let folder = places.runtime.as_os_str().as_bytes();
        let mut family = Family::default();
        let mut orphans = HashMap::new();
        // Each with the unit of its parent.
        let mut queue: Vec<(Pid, Option<UnitId>)> =
            tree.children(Pid::this()).iter().map(|pid| (*pid, None)).collect();
        while let Some((pid, parent)) = queue.pop() {
            let Some(stat) = tree.stat(pid).filter(|_| !helpers.contains(&pid)) else { continue };
            let key = (pid, stat.start);
            let unit = match mains.get(&pid).copied().or(parent) {
                Some(unit) => Some(unit),
                None => {
                    let mark = mark_of(pid);
                    // Another site that one of ours started, and all that is below it.
                    if mark.as_ref().is_some_and(|(of, _)| of != folder) {
                        continue;
                    }
                    self.orphans
                        .get(&key)
                        .copied()
                        .or_else(|| names.get(&groups.as_ref()?.process_of(pid)?).copied())
                        .or_else(|| stat.session.and_then(|s| self.sessions.get(&s).copied()))
                        .or_else(|| names.get(&mark?.1).copied())
                        .or_else(|| names.get(&locked_by(pid, &places.process_locks())?).copied())
                }
            };
            match unit {
                Some(unit) => {
                    orphans.insert(key, unit);
                    family.units.entry(unit).or_default().push(pid);
                }
                None => family.strays.push(pid),
            }
            for child in tree.children(pid) {
                // A child of ours may have started another site, whose supervisor bears its mark.
                let foreign = mark_of(*child).is_some_and(|(of, _)| of != folder);
                if !foreign {
                    queue.push((*child, unit));
                }
            }
        }
        self.orphans = orphans;
        Ok(family)
    }
}
