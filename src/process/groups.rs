//! The control groups of a site: the mark that no process can take off. One leaf for each process of
//! the definition, in a tree of the site's own, where this node lets us make one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::linux::{Pid, cgroup, files, node};
use crate::site::SitePlaces;

/// The tree of one site.
#[derive(Clone, Debug)]
pub struct Groups(PathBuf);

impl Groups {
    /// Where the tree of this site is, or would be. None: version 2 is not mounted here, or systemd
    /// owns the tree and would have to be asked for a part of it.
    pub fn of(places: &SitePlaces) -> Option<Self> {
        if node::has_systemd() {
            return None;
        }
        let name = places.runtime.file_name()?.to_str()?;
        // Two nodes in namespaces of one machine share the tree, and not their sites.
        let key = format!("{} {}", places.runtime.display(), node::pid_namespace());
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Some(Self(cgroup::mount()?.join("siteward").join(format!("{name}-{hash:016x}"))))
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How what is in it is killed; or why there can be none.
    ///
    /// # Errors
    /// A sentence.
    pub fn usable(&self) -> Result<&'static str, String> {
        let there = self.0.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        match files::may_write(there) {
            Ok(()) if cgroup::kills(&self.0) => Ok("killed as one"),
            Ok(()) => Ok("frozen and killed (cgroup.kill came with Linux 5.14)"),
            Err(error) => Err(format!("{} may not be written: {error}", there.display())),
        }
    }

    /// The door to the leaf of a process, made if need be.
    ///
    /// # Errors
    /// The tree may not be written: then the other marks have to do.
    pub fn door(&self, process: &str) -> io::Result<File> {
        let leaf = self.0.join(process);
        cgroup::make(&leaf)?;
        cgroup::door(&leaf)
    }

    /// Every process in the tree, with the leaf it is in.
    pub fn members(&self) -> Vec<(Pid, String)> {
        let leaf_name = |leaf: &Path| Some(leaf.file_name()?.to_string_lossy().into_owned());
        let leaves = cgroup::below(&self.0).into_iter();
        let all = leaves.filter_map(|leaf| Some((cgroup::processes(&leaf), leaf_name(&leaf)?)));
        all.flat_map(|(pids, name)| pids.into_iter().map(move |pid| (pid, name.clone()))).collect()
    }

    /// KILL, as one, for each leaf in which every process `may_be_killed`.
    pub fn kill(&self, may_be_killed: impl Fn(Pid) -> bool) {
        for leaf in cgroup::below(&self.0) {
            let inside = cgroup::processes(&leaf);
            if !inside.is_empty()
                && inside.into_iter().all(&may_be_killed)
                && let Err(error) = cgroup::kill(&leaf)
            {
                log::warn!("{} cannot be killed as one: {error}", leaf.display());
            }
        }
    }

    /// Which process's leaf `pid` is in, if it is in this tree.
    pub fn process_of(&self, pid: Pid) -> Option<String> {
        let path = cgroup::of(pid)?;
        let tree = self.0.file_name()?;
        let (above, leaf) = (path.parent()?, path.file_name()?);
        (above.file_name()? == tree).then(|| leaf.to_string_lossy().into_owned())
    }

    /// Removes what is empty.
    pub fn remove(&self) {
        cgroup::remove(&self.0);
    }
}
