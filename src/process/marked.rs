//! The sites of which any process of this node has a mark, from one walk of /proc: for a look at many sites, of which
//! most are down. For such a site a walk of its own would cost with the number of the other sites' processes.

use std::collections::HashSet;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::groups::Groups;
use super::judge::read_claim;
use crate::linux::descriptors::open_paths_below;
use crate::linux::process::{Stat, all_with};
use crate::site::{Places, SitePlaces};

/// The runtime folders of sites that may have a living process.
#[derive(Debug)]
pub struct MarkedSites(HashSet<Vec<u8>>);

impl MarkedSites {
    /// Walks /proc once. A claim counts whether it is believed or not, and an open lock whether it is held or not.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn below(places: &Places) -> io::Result<Self> {
        let look = |stat: &Stat| match stat.is_kernels || !stat.is_alive() {
            true => Ok(Vec::new()),
            false => folders_of(stat, &places.runtime),
        };
        let mut folders = HashSet::new();
        for (_, found) in all_with(look)? {
            folders.extend(found?);
        }
        Ok(Self(folders))
    }

    /// Whether a process says in its environment that it belongs to this site, or has a lock of the site open.
    pub fn claims(&self, places: &SitePlaces) -> bool {
        self.0.contains(places.runtime.as_os_str().as_bytes())
    }

    /// Whether a look at this site alone, one that has no record, could find a process.
    ///
    /// # Errors
    /// The control groups cannot be looked at.
    pub fn has(&self, places: &SitePlaces) -> io::Result<bool> {
        if self.claims(places) {
            return Ok(true);
        }
        Groups::look(places)?.map_or(Ok(false), |groups| Ok(!groups.members()?.is_empty()))
    }
}

/// The runtime folders of the sites that a process has a mark of.
fn folders_of(stat: &Stat, runtime: &Path) -> io::Result<Vec<Vec<u8>>> {
    // A process that hangs shows no claim to a look at one site either.
    let claim = read_claim(stat)?.ok().flatten();
    let mut folders: Vec<Vec<u8>> = claim.into_iter().map(|claim| claim.folder).collect();
    for path in open_paths_below(stat.pid, runtime)? {
        let site = path.strip_prefix(runtime).ok().and_then(|below| below.components().next());
        folders.extend(site.map(|site| runtime.join(site).into_os_string().into_encoded_bytes()));
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::super::environment::mark_entry;
    use super::super::samples::{Running, site};
    use super::*;

    #[test]
    fn a_site_is_marked_by_a_claim_or_by_an_open_lock_of_a_living_process() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            config: folder.path().into(),
            runtime: folder.path().into(),
            logs: folder.path().into(),
            links: folder.path().into(),
        };
        let [claimed, opened, none] = ["claimed", "opened", "none"].map(|n| site(folder.path(), n));
        let claims = Running::marked(&mark_entry(&claimed, "a"));
        let script = format!("exec 3>{}; echo up; read x", opened.lock().display());
        let opens = Running::shell(&script, |_| {});
        let marked = MarkedSites::below(&places).unwrap();
        for (site, is_marked) in [(&claimed, true), (&opened, true), (&none, false)] {
            assert_eq!(marked.claims(site), is_marked, "{}", site.runtime.display());
            assert_eq!(marked.has(site).unwrap(), is_marked, "{}", site.runtime.display());
        }
        drop((claims, opens));
        let marked = MarkedSites::below(&places).unwrap();
        assert!(!marked.claims(&claimed) && !marked.claims(&opened));
    }
}
