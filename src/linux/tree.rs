//! The processes of this node as a tree, at one moment.

use std::collections::{HashMap, HashSet};
use std::io;

use super::pidfd::PidFd;
use super::stat::Stat;
use super::walk::all;
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

    /// Of the given processes, without those that are dead.
    pub fn of(stats: impl IntoIterator<Item = Stat>) -> Self {
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
    pub fn count(&self) -> usize {
        self.stats.len()
    }

    pub fn stats(&self) -> impl Iterator<Item = &Stat> {
        self.stats.values()
    }

    pub fn stat(&self, pid: Pid) -> Option<&Stat> {
        self.stats.get(&pid)
    }

    /// The children of a process, the oldest first.
    pub fn children(&self, pid: Pid) -> &[Pid] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// What descends from `ancestor`, and the rest of its session, without itself.
    pub fn below(&self, ancestor: Pid) -> Vec<&Stat> {
        let of_session = self.stats.values().filter(|s| s.session == Some(ancestor));
        let mut queue: Vec<Pid> = of_session.map(|s| s.pid).collect();
        queue.extend(self.children(ancestor));
        let mut found = HashMap::new();
        while let Some(pid) = queue.pop() {
            if pid != ancestor
                && let Some(stat) = self.stats.get(&pid)
                && found.insert(pid, stat).is_none()
            {
                queue.extend(self.children(pid));
            }
        }
        found.into_values().collect()
    }

    /// Whether `pid` is `ancestor` or descends from it.
    pub fn descends(&self, pid: Pid, ancestor: Pid) -> bool {
        let mut at = Some(pid);
        // A tree that was read while it changed may have a loop; no path without one is longer.
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

/// How often the descendants are looked for, at most.
const WALKS: usize = 8;

/// Sends KILL to everything that descends from `ancestor`, and to the rest of its session, but not to
/// `ancestor` itself. `ancestor` must be a child that has not been reaped, so that its number is not
/// used again. A process may fork between the walk of /proc and its KILL, so the walk is repeated
/// until it finds nothing new.
pub fn kill_below(ancestor: Pid) {
    let mut signalled = HashSet::new();
    for _ in 0..WALKS {
        let Ok(tree) = Tree::look() else { return };
        let mut is_new = false;
        for stat in tree.below(ancestor) {
            if signalled.insert((stat.pid, stat.start)) {
                is_new = true;
                if let Some(handle) = PidFd::of(stat.pid, stat.start) {
                    let _ = handle.send(Signal::KILL);
                }
            }
        }
        if !is_new {
            return;
        }
    }
}
