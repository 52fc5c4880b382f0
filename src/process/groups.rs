//! The control groups of a site, which no process can leave: a tree of the site's own with one leaf for
//! each process of the definition, if this node allows that.
//!
//! Without systemd the tree is a folder that siteward creates. Under systemd it is a scope that systemd
//! delegates. Each supervisor asks for a new scope; processes that an earlier one left are found in its
//! old scope.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::linux::cgroup::{self, GroupMade};
use crate::linux::spawn::OwnedDoor;
use crate::linux::{files, node};
use crate::site::SitePlaces;
use crate::values::{Pid, fnv};

/// The control groups of one site.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The folder that has, or would have, the trees.
    above: PathBuf,
    manager: GroupManager,
    /// NAME-HASH, unique on this machine.
    key: String,
    /// The tree in which this supervisor creates its leaves.
    home: Option<PathBuf>,
}

/// Who creates the trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroupManager {
    Siteward,
    Systemd,
}

impl Groups {
    /// The control groups of this site, whether they exist or not. None: this node offers none, because
    /// version 2 is not mounted or systemd gives none to an ordinary user; or it cannot be looked at, as
    /// [`Self::look`] says.
    pub fn of(places: &SitePlaces) -> Option<Self> {
        Self::look(places).ok().flatten()
    }

    /// As [`Self::of`], for a proof that no process lives.
    ///
    /// # Errors
    /// It cannot be found out whether the node has control groups.
    pub fn look(places: &SitePlaces) -> io::Result<Option<Self>> {
        let Some(mount) = cgroup::mounted()? else { return Ok(None) };
        // Two nodes in PID namespaces of one machine share the tree, but not their sites.
        let namespace = node::pid_namespace()?;
        Ok(Self::below(&mount, places, &namespace))
    }

    fn below(mount: &Path, places: &SitePlaces, namespace: &str) -> Option<Self> {
        let name = places.runtime.file_name()?.to_str()?;
        let key = format!("{} {namespace}", places.runtime.display());
        let key = format!("{name}-{:016x}", fnv(key.as_bytes()));
        if !node::has_systemd() {
            let above = mount.join("siteward");
            let home = Some(above.join(&key));
            return Some(Self { above, manager: GroupManager::Siteward, key, home });
        }
        let above = mount.join(SLICE);
        files::is_root().then_some(Self { above, manager: GroupManager::Systemd, key, home: None })
    }

    /// The tree, whether it exists or not; if there are several, the one of the last supervisor.
    pub fn path(&self) -> PathBuf {
        let there = || self.trees().ok().and_then(|mut trees| trees.pop());
        self.home.clone().or_else(there).unwrap_or_else(|| self.above.join(&self.key))
    }

    /// The scope that a supervisor asks systemd for; None: siteward creates the tree.
    pub fn scope(&self, supervisor: Pid) -> Option<Scope> {
        match self.manager {
            GroupManager::Siteward => None,
            GroupManager::Systemd => {
                let unit = format!("siteward-{}-{supervisor}.scope", self.key);
                Some(Scope { tree: self.above.join(&unit), unit, slice: SLICE })
            }
        }
    }

    /// Creates leaves in this scope from now on.
    pub fn settle_in(&mut self, scope: &Scope) {
        self.home = Some(scope.tree.clone());
    }

    /// The control groups that the site has, or would get at a start, in words.
    ///
    /// # Errors
    /// Why it gets none, in words.
    pub fn describe(&self) -> Result<String, String> {
        let path = self.path();
        if self.manager == GroupManager::Systemd && !path.exists() {
            return Ok("a scope, for which systemd is asked at each start".to_owned());
        }
        let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let how = match files::may_write(there) {
            Ok(()) if cgroup::has_kill(&path) => "killed as one",
            Ok(()) => "frozen and killed (cgroup.kill came with Linux 5.14)",
            Err(error) => return Err(format!("{} may not be written: {error}", there.display())),
        };
        Ok(format!("{}, {how}", path.display()))
    }

    /// A process's leaf, for a process that is to be started in it. It is created anew, unless something is in it.
    ///
    /// # Errors
    /// The tree may not be written, or systemd gave no scope. The site then has only the other marks.
    pub fn door(&self, process: &str) -> io::Result<OwnedDoor> {
        let (leaf, made) = self.leaf(process)?;
        let folder = cgroup::folder(&leaf)?;
        Ok(match made {
            GroupMade::Anew => OwnedDoor::New(folder),
            GroupMade::Before => OwnedDoor::Old(folder),
        })
    }

    /// Moves this process to a leaf, which is created if it does not exist.
    ///
    /// # Errors
    /// As [`Self::door`].
    pub fn join(&self, process: &str) -> io::Result<()> {
        cgroup::procs_file(&self.leaf(process)?.0)?.write_all(b"0")
    }

    fn leaf(&self, process: &str) -> io::Result<(PathBuf, GroupMade)> {
        let Some(home) = &self.home else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "systemd gave no scope"));
        };
        let leaf = home.join(process);
        let made = match self.manager {
            GroupManager::Siteward => cgroup::make_anew(&leaf)?,
            // systemd creates the scope itself.
            GroupManager::Systemd => cgroup::make_anew_below(&leaf)?,
        };
        Ok((leaf, made))
    }

    fn is_ours(&self, tree: &Path) -> bool {
        let Some(name) = tree.file_name().and_then(|name| name.to_str()) else { return false };
        match self.manager {
            GroupManager::Siteward => name == self.key,
            GroupManager::Systemd => {
                let rest = name.strip_prefix("siteward-").and_then(|n| n.strip_prefix(&self.key));
                rest.is_some_and(|rest| rest.starts_with('-') && rest.ends_with(".scope"))
            }
        }
    }

    /// The group that has the trees. It is no part of any site.
    pub fn above(&self) -> &Path {
        &self.above
    }

    /// Whether a group is a tree of this site, or in one.
    pub fn contains(&self, group: &Path) -> bool {
        group.ancestors().any(|group| self.is_ours(group))
    }

    fn trees(&self) -> io::Result<Vec<PathBuf>> {
        Ok(match self.manager {
            GroupManager::Siteward => vec![self.above.join(&self.key)],
            GroupManager::Systemd => {
                let all = cgroup::below(&self.above)?;
                all.into_iter().filter(|tree| self.is_ours(tree)).collect()
            }
        })
    }

    fn leaves(&self) -> io::Result<Vec<PathBuf>> {
        let mut leaves = Vec::new();
        for tree in self.trees()? {
            leaves.extend(cgroup::below(&tree)?);
        }
        Ok(leaves)
    }

    /// Every process in the trees, with the name of its leaf.
    ///
    /// # Errors
    /// A group is there and cannot be read.
    pub fn members(&self) -> io::Result<Vec<(Pid, String)>> {
        let mut found = Vec::new();
        for leaf in self.leaves()? {
            let name = leaf.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let inside = cgroup::processes(&leaf).map_err(|error| {
                let why = format!("the control group {} cannot be read: {error}", leaf.display());
                io::Error::new(error.kind(), why)
            })?;
            found.extend(inside.into_iter().map(|pid| (pid, name.clone())));
        }
        Ok(found)
    }

    /// Kills each leaf at once if `may_be_killed` allows it for every process in it.
    pub fn kill(&self, may_be_killed: impl Fn(Pid) -> bool) {
        let leaves = self.leaves().unwrap_or_else(|error| {
            log::warn!("the control groups of the site cannot be read: {error}");
            Vec::new()
        });
        for leaf in leaves {
            let killed = cgroup::processes(&leaf).and_then(|inside| {
                let all = !inside.is_empty() && inside.into_iter().all(&may_be_killed);
                if all { cgroup::kill(&leaf) } else { Ok(()) }
            });
            if let Err(error) = killed {
                log::warn!("{} cannot be killed as one: {error}", leaf.display());
            }
        }
    }

    /// The name of the leaf that `pid` is in, if it is in a tree of this site.
    ///
    /// # Errors
    /// Its control group cannot be read.
    pub fn process_of(&self, pid: Pid) -> io::Result<Option<String>> {
        let Some(path) = cgroup::of(pid)? else { return Ok(None) };
        let (Some(above), Some(leaf)) = (path.parent(), path.file_name()) else { return Ok(None) };
        Ok(self.is_ours(above).then(|| leaf.to_string_lossy().into_owned()))
    }

    /// Removes the leaves in which there is no process.
    pub fn remove_leaves(&self) {
        self.leaves().iter().flatten().for_each(|leaf| cgroup::remove(leaf));
    }

    /// Removes the empty groups. systemd removes a scope itself.
    pub fn remove(&self) {
        match self.manager {
            GroupManager::Siteward => {
                self.trees().iter().flatten().for_each(|tree| cgroup::remove_ended(tree));
            }
            GroupManager::Systemd => self.remove_leaves(),
        }
    }
}

/// The slice for the scopes: it always exists, and no shutdown transaction stops it.
const SLICE: &str = "system.slice";

/// A scope of systemd's (systemd.scope(5)).
#[derive(Clone, Debug)]
pub struct Scope {
    pub unit: String,
    pub slice: &'static str,
    /// Its control group.
    pub tree: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_not_taken_for_one_of_a_similar_name() {
        let groups = Groups {
            above: "/sys/fs/cgroup/system.slice".into(),
            manager: GroupManager::Systemd,
            key: "shop-0123456789abcdef".to_owned(),
            home: None,
        };
        let scope = groups.scope(Pid::this()).unwrap();
        assert!(groups.is_ours(&scope.tree), "{scope:?}");
        for other in [
            "siteward-shop-fedcba9876543210-7.scope",
            "siteward-shop-0123456789abcdef.scope",
            "siteward-my-shop-0123456789abcdef-7.scope",
            "siteward-shop-0123456789abcdef-7.service",
            "pacemaker.service",
        ] {
            assert!(!groups.is_ours(&groups.above.join(other)), "{other}");
        }
        assert!(groups.contains(&scope.tree) && groups.contains(&scope.tree.join("a/b")));
        assert!(!groups.contains(groups.above()), "it has the groups of others as well");
    }
}
