//! The processes that are never signalled, even if they belong to a site: the node's cluster software,
//! login shells, and the ancestors of this process. They are recognised by executable and user, as the
//! kernel reports them, and never by a name, which a process can choose.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::linux::attributes::is_of_the_system;
use crate::linux::process::{Stat, program, users};
use crate::linux::tree::Tree;
use crate::linux::users as accounts;
use crate::values::Pid;

/// Why a process is spared whose environment cannot be read, and which has no mark that decides.
pub const UNREADABLE: &str = "which hangs, so its environment cannot be read";

/// The user that a daemon runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunsAs {
    Root,
    /// Root, or the user with this name.
    Named(&'static str),
    /// Root, or the owner of the executable, who may be another user.
    ItsOwner,
}

impl RunsAs {
    /// Whether the daemon can run as `user`, if its executable is what it should be. `uid` knows a user by name.
    fn is(self, user: u32, uid: impl FnOnce(&str) -> Option<u32>) -> bool {
        match self {
            _ if user == 0 => true,
            Self::Root => false,
            Self::Named(name) => uid(name) == Some(user),
            Self::ItsOwner => true,
        }
    }

    /// Whose the executable may be besides root's, where the daemon runs as `user`.
    fn also_owner(self, user: u32) -> Option<u32> {
        (self == Self::ItsOwner).then_some(user)
    }
}

/// Executables that are never signalled, whatever marks their processes have: a job of a site may have
/// started the cluster software, and without that the node would be fenced.
const CLUSTER_DAEMONS: [(&str, RunsAs); 20] = [
    ("pacemakerd", RunsAs::Root),
    ("pacemaker-execd", RunsAs::Root),
    ("pacemaker-remoted", RunsAs::Root),
    ("pacemaker-fenced", RunsAs::Root),
    ("pacemaker-based", RunsAs::Named("hacluster")),
    ("pacemaker-attrd", RunsAs::Named("hacluster")),
    ("pacemaker-controld", RunsAs::Named("hacluster")),
    ("pacemaker-schedulerd", RunsAs::Named("hacluster")),
    ("corosync", RunsAs::Root),
    ("sbd", RunsAs::Root),
    ("ohasd.bin", RunsAs::Root),
    ("crsd.bin", RunsAs::Root),
    ("cssdagent", RunsAs::Root),
    ("ocssd.bin", RunsAs::ItsOwner),
    ("scriptagent.bin", RunsAs::ItsOwner),
    ("oraagent.bin", RunsAs::ItsOwner),
    ("cmcld", RunsAs::Root),
    ("cmserviced", RunsAs::Root),
    ("clprc", RunsAs::Root),
    ("clppm", RunsAs::Root),
];

/// Executables that authenticate a person and start a shell.
const LOGINS: [&str; 8] =
    ["login", "sshd", "sshd-session", "su", "su-l", "sudo", "sudo-rs", "sulogin"];

fn link_of(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

fn cluster_daemon(pid: Pid) -> Option<&'static str> {
    let path = program(pid)?;
    let name = path.file_name()?.as_bytes();
    let (_, runs_as) = CLUSTER_DAEMONS.iter().find(|(daemon, _)| daemon.as_bytes() == name)?;
    let user = users(pid).ok()??.effective;
    let uid = |name: &str| accounts::user(name).map(|account| account.uid);
    (runs_as.is(user, uid) && is_of_the_system(&link_of(pid), &path, runs_as.also_owner(user)))
        .then_some("a cluster manager's daemon")
}

/// Whether it runs one of [`LOGINS`] as it is installed on the system.
fn is_login(pid: Pid) -> bool {
    let Some(path) = program(pid) else { return false };
    let is_one = path.file_name().is_some_and(|name| LOGINS.iter().any(|login| name == *login));
    is_one && is_of_the_system(&link_of(pid), &path, None)
}

/// Whether it is a shell at a terminal, listed in shells(5), that one of [`LOGINS`] started.
fn is_login_shell(stat: &Stat) -> bool {
    if !stat.has_terminal || !stat.parent.is_some_and(is_login) {
        return false;
    }
    let Some(path) = program(stat.pid) else { return false };
    let shells = fs::read_to_string("/etc/shells").unwrap_or_default();
    is_listed(&path, &shells) && is_of_the_system(&link_of(stat.pid), &path, None)
}

/// Whether `path`, without a link, is one of these shells, in the form of shells(5).
fn is_listed(path: &Path, shells: &str) -> bool {
    let is_it = |line: &str| {
        line.starts_with('/') && fs::canonicalize(line).is_ok_and(|shell| shell == path)
    };
    shells.lines().map(str::trim).any(is_it)
}

/// Whether it is a login shell, or the login program that waits for one.
fn is_of_a_login(stat: &Stat, tree: &Tree) -> bool {
    let below = || tree.children(stat.pid).iter().filter_map(|child| tree.stat(*child));
    is_login_shell(stat) || (is_login(stat.pid) && below().any(|child| is_of_a_login(child, tree)))
}

/// Why this process and its descendants are not ended with the site that they began in: it is the node's
/// cluster software or a login shell. None: it is neither.
pub fn protected(stat: &Stat, tree: &Tree) -> Option<&'static str> {
    cluster_daemon(stat.pid).or_else(|| is_of_a_login(stat, tree).then_some("a login shell"))
}

/// The processes that no verb signals, even if they belong to a site.
#[derive(Debug)]
pub struct Spared(HashSet<Pid>);

impl Spared {
    /// For this process: itself, its ancestors, and PID 1.
    ///
    /// # Errors
    /// One of them cannot be looked at.
    pub fn now() -> io::Result<Self> {
        Self::of(Pid::this(), Stat::look)
    }

    fn of(this: Pid, look: impl Fn(Pid) -> io::Result<Option<Stat>>) -> io::Result<Self> {
        let mut spared = HashSet::from([Pid::INIT]);
        let mut at = Some(this);
        while let Some(pid) = at.filter(|pid| spared.insert(*pid)) {
            at = match look(pid) {
                // This user cannot signal a process that it may not see.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
                stat => stat?.and_then(|stat| stat.parent),
            };
        }
        Ok(Self(spared))
    }

    /// Why `pid` may not be signalled; None: it may.
    pub fn why(&self, pid: Pid) -> Option<&'static str> {
        let is_above = self.0.contains(&pid).then_some("from which this verb was called");
        is_above.or_else(|| cluster_daemon(pid))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::samples::{Running, SystemFolder, copy, pid, told};
    use super::*;

    #[test]
    fn a_daemon_runs_as_root_or_as_the_user_that_its_name_has() {
        let uid = |name: &str| (name == "hacluster").then_some(189);
        for (runs_as, user, is_it, owner) in [
            (RunsAs::Root, 0, true, None),
            (RunsAs::Root, 189, false, None),
            (RunsAs::Named("hacluster"), 0, true, None),
            (RunsAs::Named("hacluster"), 189, true, None),
            (RunsAs::Named("hacluster"), 190, false, None),
            (RunsAs::Named("unknown"), 0, true, None),
            (RunsAs::Named("unknown"), 189, false, None),
            (RunsAs::ItsOwner, 0, true, Some(0)),
            (RunsAs::ItsOwner, 54_321, true, Some(54_321)),
        ] {
            assert_eq!(runs_as.is(user, uid), is_it, "{runs_as:?} {user}");
            assert_eq!(runs_as.also_owner(user), owner, "{runs_as:?} {user}");
        }
    }

    #[test]
    fn a_shell_is_listed_by_any_path_that_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let shell = fs::canonicalize("/bin/sh").unwrap();
        let link = folder.path().join("sh");
        std::os::unix::fs::symlink(&shell, &link).unwrap();
        let relative = "../".repeat(40) + shell.to_str().unwrap().trim_start_matches('/');
        for (shells, is_one) in [
            (format!("# shells\n/none\n  {}  \n", shell.display()), true),
            (link.display().to_string(), true),
            (format!("# {}", shell.display()), false),
            (relative, false),
            (folder.path().display().to_string(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_listed(&shell, &shells), is_one, "{shells}");
        }
    }

    #[test]
    fn no_program_is_spared_for_its_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        let spared = Spared(HashSet::new());
        let none = Tree::of([]);
        for name in ["corosync", "su"] {
            let program = copy("/bin/cat", &folder.path().join(name));
            let running = Running::new(&mut Command::new(program));
            assert_eq!(spared.why(running.pid()), None, "{name}");
            assert_eq!(protected(&running.stat(), &none), None, "{name}");
            assert!(!is_login(running.pid()), "{name}");
        }
    }

    #[test]
    fn a_daemon_of_the_system_is_spared_wherever_it_was_started() {
        let Some(folder) = SystemFolder::new() else { return };
        let daemon = Running::new(&mut Command::new(folder.copy("/bin/cat", "corosync")));
        let why = Some("a cluster manager's daemon");
        assert_eq!(Spared(HashSet::new()).why(daemon.pid()), why);
        assert_eq!(protected(&daemon.stat(), &Tree::of([])), why);
        let other = Running::new(&mut Command::new(folder.copy("/bin/cat", "corosyncd")));
        assert_eq!(Spared(HashSet::new()).why(other.pid()), None);
    }

    /// A program that has started another, which waits.
    fn below(above: &Path, program: &str) -> (Running, Stat) {
        let script = format!("exec 3<&0; {program} <&3 & echo $!; wait");
        let mut above = Running::new(Command::new(above).args(["-c", &script]));
        let number = above.line().trim().parse().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let wanted = fs::canonicalize(program).unwrap();
        // It is a copy of the one above until it executes its own program.
        while super::program(pid(number)).as_ref() != Some(&wanted) {
            assert!(std::time::Instant::now() < deadline);
        }
        (above, Stat::of(pid(number)).unwrap())
    }

    #[test]
    fn a_login_shell_is_one_by_its_terminal_its_parent_and_its_program() {
        let Some(folder) = SystemFolder::new() else { return };
        let login = folder.copy("/bin/sh", "su");
        let unlisted = folder.copy("/bin/sh", "unlisted");
        let unlisted = unlisted.to_str().unwrap();
        for (above, program, has_terminal, is_one) in [
            (login.as_path(), "/bin/sh", true, true),
            (login.as_path(), "/bin/sh", false, false),
            (Path::new("/bin/sh"), "/bin/sh", true, false),
            (Path::new("/bin/sh"), "/bin/sh", false, false),
            (login.as_path(), "/bin/cat", true, false),
            (login.as_path(), unlisted, true, false),
        ] {
            let (above, mut shell) = below(above, program);
            shell.has_terminal = has_terminal;
            assert_eq!(is_login_shell(&shell), is_one, "{program} {has_terminal}");
            // The login waits for its shell, and one that runs a command is no login.
            let tree = Tree::of([above.stat(), shell.clone()]);
            let why = is_one.then_some("a login shell");
            assert_eq!(protected(&above.stat(), &tree), why, "{program} {has_terminal}");
            assert_eq!(protected(&shell, &tree), why, "{program} {has_terminal}");
        }
        let (above, _below) = below(&login, "/bin/cat");
        assert!(is_login(above.pid()));
    }

    #[test]
    fn this_process_and_all_above_it_are_spared() {
        let spared = Spared::now().unwrap();
        let me = Stat::of(Pid::this()).unwrap();
        for above in [Pid::INIT, me.pid, me.parent.unwrap_or(Pid::INIT)] {
            assert_eq!(spared.why(above), Some("from which this verb was called"), "{above}");
        }
        let child = Running::unmarked();
        assert_eq!(spared.why(child.pid()), None);
    }

    #[test]
    fn the_way_up_ends_where_this_user_may_not_look_and_at_no_other_error() {
        let look = |fails: Option<io::ErrorKind>| {
            Spared::of(pid(50), move |at| match at.number() {
                50 => Ok(Some(told(50, 40, 50))),
                40 => fails.map_or_else(|| Ok(Some(told(40, 30, 40))), |kind| Err(kind.into())),
                30 => Ok(Some(told(30, 1, 30))),
                _ => Ok(None),
            })
        };
        let pids = |numbers: &[i32]| numbers.iter().map(|number| pid(*number)).collect();
        assert_eq!(look(None).unwrap().0, pids(&[1, 30, 40, 50]));
        let forbidden = look(Some(io::ErrorKind::PermissionDenied)).unwrap();
        assert_eq!(forbidden.0, pids(&[1, 40, 50]));
        assert!(look(Some(io::ErrorKind::OutOfMemory)).is_err());
        // Numbers were used again while they were read.
        let circle = Spared::of(pid(50), |at| Ok(Some(told(at.number(), 110 - at.number(), 1))));
        assert_eq!(circle.unwrap().0, pids(&[1, 50, 60]));
    }
}
