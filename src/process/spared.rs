//! Whom nobody may signal, whatever they have to do with a site: the node's cluster software, a person
//! at a terminal, and those from whom this very process comes. Known by their executables and their
//! users, which the kernel tells, and never by a name that a process can give itself.

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

/// Why a process is left alone whose mark cannot be read, and which no other one makes the site's.
pub const MUTE: &str = "which hangs, so that it cannot be read whose it is";

/// As whom a daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunsAs {
    Root,
    /// Root, or the user of that name.
    Named(&'static str),
    /// Root, or the owner of the executable, which need not be root's.
    ItsOwner,
}

/// Executables that a sweep never signals, whatever marks their processes bear: a site's job may have
/// started the cluster software, and ending that would take the node away.
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

/// Executables that let a person in, and start a shell for him.
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

/// It runs a program that lets persons in, as the system has it.
fn is_login(pid: Pid) -> bool {
    let Some(path) = program(pid) else { return false };
    let is_one = path.file_name().is_some_and(|name| LOGINS.iter().any(|login| name == *login));
    is_one && is_of_the_system(&link_of(pid), &path, None)
}

/// A shell at a terminal, as shells(5) lists it, that was started by what lets persons in.
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

/// It is a login shell, or what let that person in and waits for its end.
fn is_of_a_login(stat: &Stat, tree: &Tree) -> bool {
    let below = || tree.children(stat.pid).iter().filter_map(|child| tree.stat(*child));
    is_login_shell(stat) || (is_login(stat.pid) && below().any(|child| is_of_a_login(child, tree)))
}

/// Why nothing at or below this process is the site's to end, though it began there: the node's
/// cluster software or a person at a terminal has work of its own. None: it is no such process.
pub fn haven(stat: &Stat, tree: &Tree) -> Option<&'static str> {
    cluster_daemon(stat.pid).or_else(|| is_of_a_login(stat, tree).then_some("a login shell"))
}

/// Whom no verb may signal, whatever they have to do with a site.
#[derive(Debug)]
pub struct Spared(HashSet<Pid>);

impl Spared {
    /// As it is for this process: its ancestors, itself among them, and PID 1.
    ///
    /// # Errors
    /// One of them cannot be looked at.
    pub fn now() -> io::Result<Self> {
        let mut spared = HashSet::from([Pid::INIT]);
        let mut at = Some(Pid::this());
        while let Some(pid) = at.filter(|pid| spared.insert(*pid)) {
            at = match Stat::look(pid) {
                // What may not be seen may not be signalled either.
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
