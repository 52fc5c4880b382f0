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
pub(super) mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::process::Command;

    use super::super::samples::Running;
    use super::*;
    use crate::linux::cgroup::tests::group_of_a_test;

    /// A leaf of a site, which is removed with the site's tree.
    pub(in super::super) struct Leaf {
        groups: Groups,
        pub(in super::super) path: PathBuf,
    }

    impl Leaf {
        /// None: the site can have none here, which is said.
        pub(in super::super) fn of(places: &SitePlaces, process: &str) -> Option<Self> {
            let made = Groups::look(places).and_then(|groups| match groups {
                Some(groups) => groups.leaf(process).map(|(path, _)| Self { path, groups }),
                None => Err(io::ErrorKind::Unsupported.into()),
            });
            made.inspect_err(|error| eprintln!("LEFT OUT: control groups of a site. {error}")).ok()
        }
    }

    impl Drop for Leaf {
        fn drop(&mut self) {
            self.groups.remove();
        }
    }

    fn groups(above: &Path, manager: GroupManager) -> Groups {
        let key = "shop-0123456789abcdef".to_owned();
        let home = (manager == GroupManager::Siteward).then(|| above.join(&key));
        Groups { above: above.to_owned(), manager, key, home }
    }

    /// Where a test that starts itself again finds its group.
    const ABOVE: &str = "SITEWARD_GROUP_OF_A_TEST";

    #[test]
    fn a_process_that_joins_is_in_its_leaf() {
        if let Some(above) = std::env::var_os(ABOVE) {
            let groups = groups(Path::new(&above), GroupManager::Siteward);
            assert_eq!(groups.process_of(Pid::this()).unwrap(), None);
            groups.join("a").unwrap();
            assert_eq!(groups.process_of(Pid::this()).unwrap().as_deref(), Some("a"));
            return;
        }
        let Some(above) = group_of_a_test("join") else { return };
        // By a process of its own, as this one has other tests to run.
        let name = "process::groups::tests::a_process_that_joins_is_in_its_leaf";
        let mut again = Command::new(std::env::current_exe().unwrap());
        let again = again.args(["--exact", name]).env(ABOVE, &above).output().unwrap();
        cgroup::remove_ended(&above);
        let told = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success() && told.contains("1 passed"), "{told}");
    }

    #[test]
    fn a_leaf_is_killed_as_one_and_only_if_all_in_it_may_be() {
        let Some(above) = group_of_a_test("leaves") else { return };
        let groups = groups(&above, GroupManager::Siteward);
        assert_eq!(groups.members().unwrap(), [], "there is no tree yet");
        let leaf = |name| groups.leaf(name).unwrap().0;
        let run = |name| Running::unmarked().into_group(&leaf(name));
        let (first, second, alone) = (run("a"), run("a"), run("b"));
        let beside = Running::unmarked().into_group(&above);
        leaf("empty");
        assert!(groups.path().join("empty").exists());
        groups.remove_leaves();
        assert!(!groups.path().join("empty").exists() && groups.path().join("b").exists());
        let members: BTreeSet<_> = groups.members().unwrap().into_iter().collect();
        let in_leaf = [(&first, "a"), (&second, "a"), (&alone, "b")];
        let known = in_leaf.map(|(process, name)| (process.pid(), name.to_owned()));
        assert_eq!(members, BTreeSet::from(known.clone()));
        for (pid, name) in known {
            assert_eq!(groups.process_of(pid).unwrap(), Some(name));
        }
        assert_eq!(groups.process_of(beside.pid()).unwrap(), None);
        let spared = second.pid();
        groups.kill(|pid| pid != spared);
        assert_eq!(alone.end().0.to_string(), "signal: 9 (SIGKILL)");
        assert!(first.end().0.success(), "its leaf has a process that must not be killed");
        groups.kill(|_| true);
        assert_eq!(second.end().0.to_string(), "signal: 9 (SIGKILL)");
        assert!(beside.end().0.success(), "it is in no leaf");
        groups.remove();
        assert!(!groups.path().exists());
        cgroup::remove_ended(&above);
    }

    #[test]
    fn what_a_start_would_get_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path();
        let frozen = "frozen and killed (cgroup.kill came with Linux 5.14)";
        let own = groups(above, GroupManager::Siteward);
        let tree = above.join("shop-0123456789abcdef");
        assert_eq!(own.path(), tree);
        let described = |how: &str| Ok(format!("{}, {how}", tree.display()));
        assert_eq!(own.describe(), described(frozen), "it need not be there");
        fs::create_dir(&tree).unwrap();
        assert_eq!(own.describe(), described(frozen));
        fs::write(tree.join("cgroup.kill"), "").unwrap();
        assert_eq!(own.describe(), described("killed as one"));

        let systemds = groups(above, GroupManager::Systemd);
        let asked = Ok("a scope, for which systemd is asked at each start".to_owned());
        fs::remove_dir_all(&tree).unwrap();
        assert_eq!(systemds.describe(), asked);
        let scope = systemds.scope(Pid::this()).unwrap();
        fs::create_dir(&scope.tree).unwrap();
        assert_eq!(systemds.path(), scope.tree);
        assert_eq!(systemds.describe(), Ok(format!("{}, {frozen}", scope.tree.display())));
        assert_eq!(systemds.join("a").unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut settled = systemds.clone();
        settled.settle_in(&Scope { tree: above.join("scope"), ..scope });
        assert_eq!(settled.path(), above.join("scope"));
    }

    #[test]
    fn a_site_has_groups_of_its_own_in_each_place_and_namespace() {
        let at = |runtime: &str, namespace: &str| {
            let places = SitePlaces {
                definition: "/etc/siteward/sites/shop.yaml".into(),
                runtime: runtime.into(),
                logs: "/var/log/siteward/shop".into(),
            };
            Groups::below(Path::new("/cgroup"), &places, namespace)
        };
        let Some(groups) = at("/run/siteward/shop", "pid:[1]") else {
            assert!(node::has_systemd() && !files::is_root(), "systemd serves root alone");
            return;
        };
        assert!(groups.key.starts_with("shop-"), "{}", groups.key);
        match node::has_systemd() {
            true => assert_eq!(groups.above(), Path::new("/cgroup/system.slice")),
            false => assert_eq!(groups.path(), Path::new("/cgroup/siteward").join(&groups.key)),
        }
        assert_eq!(groups.scope(Pid::this()).is_some(), node::has_systemd());
        let again = at("/run/siteward/shop", "pid:[1]").unwrap();
        assert_eq!(again.key, groups.key);
        for (runtime, namespace) in
            [("/run/siteward/shop", "pid:[2]"), ("/run/other/shop", "pid:[1]")]
        {
            assert_ne!(at(runtime, namespace).unwrap().key, groups.key, "{runtime} {namespace}");
        }
    }

    #[test]
    fn a_tree_of_its_own_is_known_by_its_whole_name() {
        let groups = groups(Path::new("/sys/fs/cgroup/siteward"), GroupManager::Siteward);
        assert!(groups.scope(Pid::this()).is_none());
        let tree = groups.path();
        assert!(groups.contains(&tree) && groups.contains(&tree.join("a/b")));
        for other in ["shop-0123456789abcdef-7", "shop", "my-shop-0123456789abcdef", "a"] {
            assert!(!groups.contains(&groups.above().join(other)), "{other}");
        }
        assert!(!groups.contains(groups.above()) && !groups.contains(Path::new("/")));
    }

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
