//! The control groups of a site: the mark that no process can take off. One leaf for each process of
//! the definition, in a tree of the site's own, where this node lets us make one: a folder, or, where
//! systemd owns the tree, a scope that it delegates to us. Each supervisor of the site asks for a
//! scope of its own; what an earlier one has left in its scope is found there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::linux::{Pid, cgroup, files, node};
use crate::site::SitePlaces;

/// The trees of one site.
#[derive(Clone, Debug)]
pub struct Groups {
    /// Where its trees are, or would be.
    above: PathBuf,
    owner: Owner,
    /// NAME-HASH, which no other site of this machine has.
    key: String,
    /// In which this supervisor makes its leaves.
    home: Option<PathBuf>,
}

/// Who says what trees there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Ourselves,
    Systemd,
}

impl Groups {
    /// Where the trees of this site are, or would be. None: version 2 is not mounted here, or systemd
    /// owns it and gives an ordinary user nothing.
    pub fn of(places: &SitePlaces) -> Option<Self> {
        let mount = cgroup::mount()?;
        let name = places.runtime.file_name()?.to_str()?;
        // Two nodes in namespaces of one machine share the tree, and not their sites.
        let key = format!("{} {}", places.runtime.display(), node::pid_namespace());
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let key = format!("{name}-{hash:016x}");
        if !node::has_systemd() {
            let above = mount.join("siteward");
            let home = Some(above.join(&key));
            return Some(Self { above, owner: Owner::Ourselves, key, home });
        }
        let above = mount.join(SLICE);
        files::is_root().then_some(Self { above, owner: Owner::Systemd, key, home: None })
    }

    /// Where it is, or would be; of several that of the last supervisor.
    pub fn path(&self) -> PathBuf {
        let there = || self.trees().pop();
        self.home.clone().or_else(there).unwrap_or_else(|| self.above.join(&self.key))
    }

    /// The scope that a supervisor has to ask systemd for; None: nobody has to be asked.
    pub fn scope(&self, supervisor: Pid) -> Option<Scope> {
        match self.owner {
            Owner::Ourselves => None,
            Owner::Systemd => {
                let unit = format!("siteward-{}-{supervisor}.scope", self.key);
                Some(Scope { tree: self.above.join(&unit), unit, slice: SLICE })
            }
        }
    }

    /// From now on leaves are made in this scope.
    pub fn settle_in(&mut self, scope: &Scope) {
        self.home = Some(scope.tree.clone());
    }

    /// What there is, or would be at a start, in words; or why there can be none.
    ///
    /// # Errors
    /// A sentence.
    pub fn describe(&self) -> Result<String, String> {
        let path = self.path();
        if self.owner == Owner::Systemd && !path.exists() {
            return Ok("a scope, for which systemd is asked at each start".to_owned());
        }
        let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let how = match files::may_write(there) {
            Ok(()) if cgroup::kills(&path) => "killed as one",
            Ok(()) => "frozen and killed (cgroup.kill came with Linux 5.14)",
            Err(error) => return Err(format!("{} may not be written: {error}", there.display())),
        };
        Ok(format!("{}, {how}", path.display()))
    }

    /// The door to the leaf of a process, made if need be.
    ///
    /// # Errors
    /// The tree may not be written, or systemd gave none: then the other marks have to do.
    pub fn door(&self, process: &str) -> io::Result<File> {
        let Some(home) = &self.home else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "systemd gave no scope"));
        };
        let leaf = home.join(process);
        match self.owner {
            Owner::Ourselves => cgroup::make(&leaf)?,
            // The scope itself is systemd's to make.
            Owner::Systemd => cgroup::make_below(&leaf)?,
        }
        cgroup::door(&leaf)
    }

    fn is_ours(&self, tree: &Path) -> bool {
        let Some(name) = tree.file_name().and_then(|name| name.to_str()) else { return false };
        match self.owner {
            Owner::Ourselves => name == self.key,
            Owner::Systemd => {
                let rest = name.strip_prefix("siteward-").and_then(|n| n.strip_prefix(&self.key));
                rest.is_some_and(|rest| rest.starts_with('-') && rest.ends_with(".scope"))
            }
        }
    }

    fn trees(&self) -> Vec<PathBuf> {
        match self.owner {
            Owner::Ourselves => vec![self.above.join(&self.key)],
            Owner::Systemd => {
                cgroup::below(&self.above).into_iter().filter(|tree| self.is_ours(tree)).collect()
            }
        }
    }

    fn leaves(&self) -> impl Iterator<Item = PathBuf> {
        self.trees().into_iter().flat_map(|tree| cgroup::below(&tree))
    }

    /// Every process in the trees, with the leaf it is in.
    pub fn members(&self) -> Vec<(Pid, String)> {
        let leaf_name = |leaf: &Path| Some(leaf.file_name()?.to_string_lossy().into_owned());
        let all =
            self.leaves().filter_map(|leaf| Some((cgroup::processes(&leaf), leaf_name(&leaf)?)));
        all.flat_map(|(pids, name)| pids.into_iter().map(move |pid| (pid, name.clone()))).collect()
    }

    /// KILL, as one, for each leaf in which every process `may_be_killed`.
    pub fn kill(&self, may_be_killed: impl Fn(Pid) -> bool) {
        for leaf in self.leaves() {
            let inside = cgroup::processes(&leaf);
            if !inside.is_empty()
                && inside.into_iter().all(&may_be_killed)
                && let Err(error) = cgroup::kill(&leaf)
            {
                log::warn!("{} cannot be killed as one: {error}", leaf.display());
            }
        }
    }

    /// Which process's leaf `pid` is in, if it is in a tree of the site's.
    pub fn process_of(&self, pid: Pid) -> Option<String> {
        let path = cgroup::of(pid)?;
        let (above, leaf) = (path.parent()?, path.file_name()?);
        self.is_ours(above).then(|| leaf.to_string_lossy().into_owned())
    }

    /// Removes what is empty; a scope itself is systemd's to remove.
    pub fn remove(&self) {
        match self.owner {
            Owner::Ourselves => self.trees().iter().for_each(|tree| cgroup::remove(tree)),
            Owner::Systemd => self.leaves().for_each(|leaf| cgroup::remove(&leaf)),
        }
    }
}

/// Where scopes are asked for: the slice that is there, and in no transaction of a shutdown.
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
    fn a_scope_is_told_from_that_of_a_site_whose_name_begins_alike() {
        let groups = Groups {
            above: "/sys/fs/cgroup/system.slice".into(),
            owner: Owner::Systemd,
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
    }
}
