//! The processes of this node as a tree, at one moment.

use std::collections::HashMap;
use std::io;

use super::identity::Seen;
use crate::linux::process::{Stat, all};
use crate::values::{Pid, Signal};

/// Every living process with its children.
#[derive(Debug)]
pub struct Tree {
    stats: HashMap<Pid, Stat>,
    children: HashMap<Pid, Vec<Pid>>,
}

impl Tree {
    /// As it is now.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn look() -> io::Result<Self> {
        Ok(Self::of(all()?))
    }

    /// Of what was seen; the dead are left out.
    pub(super) fn of(stats: impl IntoIterator<Item = Stat>) -> Self {
        let stats: HashMap<Pid, Stat> =
            stats.into_iter().filter(Stat::is_alive).map(|s| (s.pid, s)).collect();
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for stat in stats.values() {
            if let Some(parent) = stat.parent {
                children.entry(parent).or_default().push(stat.pid);
            }
        }
        for list in children.values_mut() {
            list.sort_by_key(|pid| stats.get(pid).map(|s| (s.start, s.pid)));
        }
        Self { stats, children }
    }

    /// How many processes there are.
    pub(super) fn len(&self) -> usize {
        self.stats.len()
    }

    pub(super) fn stats(&self) -> impl Iterator<Item = &Stat> {
        self.stats.values()
    }

    pub fn stat(&self, pid: Pid) -> Option<&Stat> {
        self.stats.get(&pid)
    }

    /// The children of a process, the oldest first.
    pub fn children(&self, pid: Pid) -> &[Pid] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// Whether `pid` is `ancestor` or descends from it.
    pub fn descends(&self, pid: Pid, ancestor: Pid) -> bool {
        let mut at = Some(pid);
        // No way up is longer than there are processes; a tree read while it changes may loop.
        for _ in 0..=self.stats.len() {
            match at {
                Some(pid) if pid == ancestor => return true,
                Some(pid) => at = self.stats.get(&pid).and_then(|s| s.parent),
                None => return false,
            }
        }
        false
    }
}

/// KILL for everything that descends from `ancestor` at this moment, and for the rest of its
/// session, but not for itself. `ancestor` must be a child that has not been reaped, so that its
/// number is its own.
pub fn kill_below(ancestor: Pid) {
    let Ok(tree) = Tree::look() else { return };
    let of_session = tree.stats.values().filter(|s| s.session == Some(ancestor)).map(|s| s.pid);
    let mut queue: Vec<Pid> = of_session.filter(|pid| *pid != ancestor).collect();
    queue.extend(tree.children(ancestor));
    let mut seen = std::collections::HashSet::new();
    while let Some(pid) = queue.pop() {
        if !seen.insert(pid) {
            continue;
        }
        queue.extend(tree.children(pid));
        if let Some(handle) = tree.stat(pid).and_then(|known| Seen::from(known).open()) {
            let _ = handle.send(Signal::KILL);
        }
    }
}
