//! The control groups of a site: the mark that no process can take off. One leaf for each process of
//! the definition, in a tree of the site's own, where this node lets us make one: a folder, or, where
//! systemd owns the tree, a scope that it delegates to us. Each supervisor of the site asks for a
//! scope of its own; what an earlier one has left in its scope is found there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::linux::{cgroup, files, node};
use crate::site::SitePlaces;
use crate::values::Pid;

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
    /// owns it and gives an ordinary user nothing; or it cannot be told, see [`Self::look`].
    pub fn of(places: &SitePlaces) -> Option<Self> {
        Self::look(places).ok().flatten()
    }

    /// As [`Self::of`], for whoever proves by them that nothing lives.
    ///
    /// # Errors
    /// It cannot be told whether there are any.
    pub fn look(places: &SitePlaces) -> io::Result<Option<Self>> {
        let Some(mount) = cgroup::mounted()? else { return Ok(None) };
        // Two nodes in namespaces of one machine share the tree, and not their sites.
        let namespace = node::pid_namespace()?;
        Ok(Self::below(&mount, places, &namespace))
    }

    fn below(mount: &Path, places: &SitePlaces, namespace: &str) -> Option<Self> {
        let name = places.runtime.file_name()?.to_str()?;
        let key = format!("{} {namespace}", places.runtime.display());
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
        let there = || self.trees().ok().and_then(|mut trees| trees.pop());
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
            Ok(()) if cgroup::has_kill(&path) => "killed as one",
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
        cgroup::procs_file(&leaf)
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

    fn trees(&self) -> io::Result<Vec<PathBuf>> {
        Ok(match self.owner {
            Owner::Ourselves => vec![self.above.join(&self.key)],
            Owner::Systemd => {
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

    /// Every process in the trees, with the leaf it is in.
    ///
    /// # Errors
    /// A group is there and cannot be read: then nothing is known.
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

    /// KILL, as one, for each leaf in which every process `may_be_killed`.
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

    /// Which process's leaf `pid` is in, if it is in a tree of the site's.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn process_of(&self, pid: Pid) -> io::Result<Option<String>> {
        let Some(path) = cgroup::of(pid)? else { return Ok(None) };
        let (Some(above), Some(leaf)) = (path.parent(), path.file_name()) else { return Ok(None) };
        Ok(self.is_ours(above).then(|| leaf.to_string_lossy().into_owned()))
    }

    /// Removes what is empty; a scope itself is systemd's to remove.
    pub fn remove(&self) {
        match self.owner {
            Owner::Ourselves => {
                self.trees().iter().flatten().for_each(|tree| cgroup::remove(tree));
            }
            Owner::Systemd => self.leaves().iter().flatten().for_each(|leaf| cgroup::remove(leaf)),
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
