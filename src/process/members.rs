//! Finding what belongs to a site by the marks that its processes bear.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use super::groups::Groups;
use super::identity::Seen;
use super::record::Record;
use crate::linux::process::{
    Mute, Stat, all_with, arguments, command_line, environment_value, open_paths_below, waits_in,
};
use crate::linux::{Pid, StartTicks};
use crate::site::SitePlaces;
use crate::site::duration::show;

/// The environment variable that every process of a site is given: `RUNTIME_FOLDER:PROCESS`.
pub const MARK: &str = "SITEWARD_MARK";

/// The name in the supervisor's own mark; no process of a definition can begin with an `@`.
pub const SUPERVISOR: &str = "@supervisor";

/// The name in the mark of the keeper of a site's lease, which is no process of the site: it ends
/// when nothing of that lives.
pub const LEASE: &str = "@lease";

/// A process that belongs to a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub pid: Pid,
    pub start: StartTicks,
    pub comm: String,
    pub state: char,
    pub parent: Option<Pid>,
    pub session: Option<Pid>,
    /// Which process of the site it belongs to, where a mark says so.
    pub process: Option<String>,
    /// The mark by which it was found.
    pub by: &'static str,
}

impl Member {
    pub fn seen(&self) -> Seen {
        Seen { pid: self.pid, start: self.start }
    }

    /// Number and command line, as a message names it.
    pub fn describe(&self) -> String {
        let line = command_line(self.pid).unwrap_or_else(|| format!("[{}]", self.comm));
        match self.state {
            'D' => {
                let place = wait_place(self.pid);
                format!(
                    "{} ({line}), {} old, which waits uninterruptibly{place} and cannot be killed",
                    self.pid,
                    show(Duration::from_secs(self.start.age().as_secs()))
                )
            }
            _ => format!("{} ({line})", self.pid),
        }
    }
}

/// Where in the kernel a process waits, as it stands in a sentence behind that it does.
pub(super) fn wait_place(pid: Pid) -> String {
    waits_in(pid).map_or_else(String::new, |place| format!(" in {place}"))
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// May be ended.
    pub ours: Vec<Member>,
    /// Those of `ours` that lead a process group with nobody else's in it.
    pub leaders: Vec<Seen>,
    /// Belong to the site and may not be signalled, with the reason.
    pub spared: Vec<(Member, &'static str)>,
}

impl Members {
    pub fn is_empty(&self) -> bool {
        self.ours.is_empty() && self.spared.is_empty()
    }

    /// The first few by name, for a message.
    pub fn describe(&self) -> String {
        let mut names: Vec<String> = self.ours.iter().map(Member::describe).collect();
        names.extend(self.spared.iter().map(|(m, why)| format!("{}, {why}", m.describe())));
        let more = names.len().saturating_sub(3);
        names.truncate(3);
        let list = names.join("; ");
        if more == 0 { list } else { format!("{list}; and {more} more") }
    }
}

/// The value of the mark for the process `name` of the site at `places`.
pub fn mark_entry(places: &SitePlaces, name: &str) -> Vec<u8> {
    let mut entry = places.runtime.as_os_str().as_bytes().to_vec();
    entry.push(b':');
    entry.extend_from_slice(name.as_bytes());
    entry
}

/// The site's runtime folder, and the name of the process.
pub(super) type Mark = (Vec<u8>, String);

/// The mark in the environment of a process.
///
/// # Errors
/// It hangs, so that its environment cannot be read; that is said once.
pub fn told_by(stat: &Stat) -> Result<Option<Mark>, Mute> {
    let value = environment_value(stat, MARK).inspect_err(|mute| {
        if mute.is_news {
            let place = wait_place(stat.pid);
            log::warn!(
                "process {} ({}) hangs{place}: its environment cannot be read, so that it is known \
                 by its other marks alone",
                stat.pid,
                stat.comm
            );
        }
    })?;
    // No name of a process holds a colon, so the last one ends the folder.
    let parted = value.and_then(|value| {
        let colon = value.iter().rposition(|&b| b == b':')?;
        Some((value[..colon].to_vec(), String::from_utf8_lossy(&value[colon + 1..]).into_owned()))
    });
    Ok(parted)
}

impl Seen {
    /// The mark in its environment; None once it is gone.
    ///
    /// # Errors
    /// As of [`told_by`].
    pub fn told(self) -> Result<Option<Mark>, Mute> {
        self.stat().map_or(Ok(None), |stat| told_by(&stat))
    }
}

/// As [`told_by`], where it does not matter why there is none.
pub fn mark_of(stat: &Stat) -> Option<Mark> {
    told_by(stat).ok().flatten()
}

/// Why a process is left alone whose mark cannot be read, and which no other one makes the site's.
pub const MUTE: &str = "which hangs, so that it cannot be read whose it is";

/// Names of programs that a sweep never signals, whatever marks they bear: a site's job may have
/// started the cluster software, and ending that would take the node away.
const CLUSTER_DAEMONS: [&str; 20] = [
    "pacemakerd",
    "pacemaker-execd",
    "pacemaker-contr",
    "pacemaker-based",
    "pacemaker-attrd",
    "pacemaker-sched",
    "pacemaker-fence",
    "pacemaker-remot",
    "corosync",
    "sbd",
    "ohasd.bin",
    "crsd.bin",
    "ocssd.bin",
    "cssdagent",
    "scriptagent.bin",
    "oraagent.bin",
    "cmcld",
    "cmserviced",
    "clprc",
    "clppm",
];

fn cluster_daemon(comm: &str) -> Option<&'static str> {
    CLUSTER_DAEMONS.contains(&comm).then_some("a cluster manager's daemon")
}

/// Why nothing at or below this process is the site's to end, though it began there: the node's
/// cluster software or a person at a terminal has work of its own. None: it is no such process.
pub fn haven(stat: &Stat) -> Option<&'static str> {
    if let Some(why) = cluster_daemon(&stat.comm) {
        return Some(why);
    }
    // login(1), sshd(8) and su(1) say so with a dash; without a terminal it is somebody's `su -c`.
    let dashed =
        || arguments(stat).is_ok_and(|a| a.first().is_some_and(|word| word.starts_with(b"-")));
    (stat.has_terminal && dashed()).then_some("a login shell")
}

/// Every living process that belongs to the site at `places`, but the supervisor itself.
///
/// The marks: a control group of the site's; an identity in `record`; the environment; an inherited lock; the session of a
/// recorded process whose leader lives; descent from any of these or from the supervisor.
///
/// # Errors
/// /proc cannot be read: then nothing is known.
pub fn find_members(places: &SitePlaces, record: Option<&Record>) -> io::Result<Members> {
    let locks = places.process_locks();
    let marks = |stat: &Stat| {
        let may_be = stat.is_alive() && !stat.is_kernels;
        may_be.then(|| {
            let told = told_by(stat);
            // Every descriptor of a process is read for it, so only where the other does not tell.
            let tells = matches!(told, Ok(Some(_)));
            let locked = if tells { None } else { locked_by(stat.pid, &locks) };
            (told, locked)
        })
    };
    let (stats, marks): (Vec<Stat>, Vec<_>) =
        all_with(marks)?.into_iter().filter_map(|(stat, marks)| Some((stat, marks?))).unzip();
    let by_pid: HashMap<Pid, &Stat> = stats.iter().map(|s| (s.pid, s)).collect();
    let mut children: HashMap<Pid, Vec<&Stat>> = HashMap::new();
    for stat in &stats {
        if let Some(parent) = stat.parent {
            children.entry(parent).or_default().push(stat);
        }
    }
    let folder = places.runtime.as_os_str().as_bytes();
    let known = Known::new(record, &by_pid);
    let grouped: HashMap<Pid, String> =
        Groups::of(places).map(|g| g.members()).unwrap_or_default().into_iter().collect();

    let mut found: HashMap<Pid, Member> = HashMap::new();
    let mut foreign: HashSet<Pid> = HashSet::new();
    let mut mute: HashSet<Pid> = HashSet::new();
    for (stat, (told, locked)) in stats.iter().zip(marks) {
        if Some((stat.pid, stat.start)) == known.supervisor {
            continue;
        }
        if told.is_err() {
            mute.insert(stat.pid);
        }
        let mark = told.ok().flatten();
        if mark.as_ref().is_some_and(|(of, who)| of != folder || who == LEASE) {
            foreign.insert(stat.pid);
            continue;
        }
        let marked = mark.map(|(_, process)| process);
        let recorded = known.processes.get(&(stat.pid, stat.start)).cloned();
        let leaf = grouped.get(&stat.pid).cloned();
        // The supervisor bears the mark too; without a record it is found by it.
        let by = if leaf.is_some() {
            "cgroup"
        } else if recorded.is_some() {
            "record"
        } else if marked.is_some() {
            "environment"
        } else if locked.is_some() {
            "lock"
        } else if stat.session.is_some_and(|s| known.sessions.contains(&s)) {
            "session"
        } else {
            continue;
        };
        let process = recorded.or(leaf).or(marked).or(locked);
        found.insert(stat.pid, member(stat, process, by));
    }
    add_descendants(&mut found, &foreign, &children, &known);
    let mut havens = below_havens(&found, &children, &by_pid);
    // It may be another site's that one of ours started.
    let is_unsure = |m: &&Member| mute.contains(&m.pid) && ["session", "descent"].contains(&m.by);
    havens.extend(found.values().filter(is_unsure).map(|m| (m.pid, MUTE)));
    let mut members = sort_out(found, &havens);
    members.leaders = leaders(&members.ours, &stats);
    Ok(members)
}

/// Whose group can be signalled as one without reaching anybody else.
fn leaders(ours: &[Member], stats: &[Stat]) -> Vec<Seen> {
    let pids: HashSet<Pid> = ours.iter().map(|m| m.pid).collect();
    let foreign: HashSet<Pid> =
        stats.iter().filter(|s| !pids.contains(&s.pid)).filter_map(|s| s.group).collect();
    let leads = |m: &&Member| {
        let leads = stats.iter().any(|s| s.pid == m.pid && s.group == Some(m.pid));
        leads && !foreign.contains(&m.pid)
    };
    ours.iter().filter(leads).map(Member::seen).collect()
}

/// What is at or below a haven among what was found.
fn below_havens(
    found: &HashMap<Pid, Member>,
    children: &HashMap<Pid, Vec<&Stat>>,
    by_pid: &HashMap<Pid, &Stat>,
) -> HashMap<Pid, &'static str> {
    let is_haven = |pid: &&Pid| by_pid.get(pid).and_then(|stat| haven(stat));
    let mut queue: Vec<(Pid, &'static str)> =
        found.keys().filter_map(|pid| Some((*pid, is_haven(&pid)?))).collect();
    let mut havens = HashMap::new();
    while let Some((pid, why)) = queue.pop() {
        if havens.insert(pid, why).is_none() {
            let below = children.get(&pid).into_iter().flatten();
            queue.extend(below.map(|child| (child.pid, "below one that is spared")));
        }
    }
    havens
}

/// What a record says, as far as it still holds.
struct Known {
    supervisor: Option<(Pid, StartTicks)>,
    processes: HashMap<(Pid, StartTicks), String>,
    /// Sessions whose leader is a recorded process that lives: the number cannot be another's.
    sessions: HashSet<Pid>,
}

impl Known {
    fn new(record: Option<&Record>, alive: &HashMap<Pid, &Stat>) -> Self {
        let mut known =
            Self { supervisor: None, processes: HashMap::new(), sessions: HashSet::new() };
        let Some(record) = record.filter(|r| r.is_of_this_boot()) else { return known };
        let lives = |pid: Pid, start| alive.get(&pid).is_some_and(|s| s.start == start);
        known.supervisor = Some((record.supervisor.pid, record.supervisor.start))
            .filter(|(pid, start)| lives(*pid, *start));
        for process in &record.processes {
            let identity = &process.identity;
            if lives(identity.pid, identity.start) {
                known.processes.insert((identity.pid, identity.start), process.name.clone());
                known.sessions.insert(identity.pid);
            }
        }
        known
    }
}

fn member(stat: &Stat, process: Option<String>, by: &'static str) -> Member {
    Member {
        pid: stat.pid,
        start: stat.start,
        comm: stat.comm.clone(),
        state: stat.state,
        parent: stat.parent,
        session: stat.session,
        process,
        by,
    }
}

/// The process of the site whose inherited lock (one of the files in `locks`) `pid` holds.
pub fn locked_by(pid: Pid, locks: &Path) -> Option<String> {
    let path = open_paths_below(pid, locks).into_iter().next()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    // A lock file that was removed is shown with this behind its name.
    Some(name.trim_end_matches(" (deleted)").to_owned())
}

fn add_descendants(
    found: &mut HashMap<Pid, Member>,
    foreign: &HashSet<Pid>,
    children: &HashMap<Pid, Vec<&Stat>>,
    known: &Known,
) {
    let mut queue: Vec<(Pid, Option<String>)> =
        found.values().map(|m| (m.pid, m.process.clone())).collect();
    queue.extend(known.supervisor.map(|(pid, _)| (pid, None)));
    while let Some((pid, process)) = queue.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if foreign.contains(&child.pid)
                || found.contains_key(&child.pid)
                || known.supervisor.is_some_and(|(s, _)| s == child.pid)
            {
                continue;
            }
            found.insert(child.pid, member(child, process.clone(), "descent"));
            queue.push((child.pid, process.clone()));
        }
    }
}

/// Whom no verb may signal, whatever they have to do with a site.
#[derive(Debug)]
pub struct Spared(HashSet<Pid>);

impl Spared {
    /// As it is for this process: its ancestors, itself among them, and PID 1.
    pub fn now() -> Self {
        let mut spared = HashSet::from([Pid::INIT]);
        let mut at = Some(Pid::this());
        while let Some(pid) = at.filter(|pid| spared.insert(*pid)) {
            at = Stat::of(pid).and_then(|stat| stat.parent);
        }
        Self(spared)
    }

    /// Why `pid`, which is called `comm`, may not be signalled; None: it may.
    pub fn why(&self, pid: Pid, comm: &str) -> Option<&'static str> {
        let is_above = self.0.contains(&pid).then_some("from which this verb was called");
        is_above.or_else(|| cluster_daemon(comm))
    }
}

fn sort_out(found: HashMap<Pid, Member>, havens: &HashMap<Pid, &'static str>) -> Members {
    let spared = Spared::now();
    let mut members = Members::default();
    let mut all: Vec<Member> = found.into_values().collect();
    all.sort_by_key(|m| (m.start, m.pid));
    for member in all {
        // This very verb may have been called from within the site; it ends by itself.
        if member.pid == Pid::this() {
            continue;
        }
        match havens.get(&member.pid).copied().or_else(|| spared.why(member.pid, &member.comm)) {
            Some(why) => members.spared.push((member, why)),
            None => members.ours.push(member),
        }
    }
    members
}
