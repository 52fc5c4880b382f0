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
    let also = (*runs_as == RunsAs::ItsOwner).then_some(user);
    let is_its_user = match runs_as {
        _ if user == 0 => true,
        RunsAs::Root => false,
        RunsAs::Named(name) => accounts::user(name).is_some_and(|account| account.uid == user),
        RunsAs::ItsOwner => true,
    };
    (is_its_user && is_of_the_system(&link_of(pid), &path, also))
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
    let is_listed = |line: &str| {
        line.starts_with('/') && fs::canonicalize(line).is_ok_and(|shell| shell == path)
    };
    shells.lines().map(str::trim).any(is_listed)
        && is_of_the_system(&link_of(stat.pid), Path::new(&path), None)
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
        let mut spared = HashSet::from([Pid::INIT]);
        let mut at = Some(Pid::this());
        while let Some(pid) = at.filter(|pid| spared.insert(*pid)) {
            at = match Stat::look(pid) {
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
