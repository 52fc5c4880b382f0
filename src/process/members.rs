//! Finding what belongs to a site by the marks that its processes bear.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use super::environment::Believer;
use super::groups::Groups;
use super::identity::{Seen, wait_place};
use super::judge::{Judge, Saying, locked_by};
use super::membership::{Mark, Verdict};
use super::record::Record;
use super::spared::{MUTE, Spared, haven};
use crate::linux::process::{Stat, all_with, command_line, users};
use crate::linux::tree::Tree;
use crate::linux::{StartTicks, users as accounts};
use crate::site::SitePlaces;
use crate::site::duration::show;
use crate::values::Pid;

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
        let line = command_line(self.pid)
            .unwrap_or_else(|| format!("[{}]", self.comm.replace(char::is_control, "?")));
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

/// How many strangers are described; anybody can make as many as he likes.
const STRANGERS: usize = 10;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// May be ended.
    pub ours: Vec<Member>,
    /// Those of `ours` that lead a process group with nobody else's in it.
    pub leaders: Vec<Seen>,
    /// Belong to the site and may not be signalled, with the reason.
    pub spared: Vec<(Member, &'static str)>,
    /// Say that they are the site's, and are not: nothing is done about them, and nothing said of the
    /// site by them.
    pub strangers: Vec<Member>,
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

    /// A sentence for each process that bears the site's mark and is no part of it, the first few of
    /// them.
    pub fn describe_strangers(&self) -> Vec<String> {
        let describe = |stranger: &Member| {
            let user = users(stranger.pid).ok().flatten().map(|users| users.real);
            let name = user.and_then(|uid| Some(accounts::user(&uid.to_string())?.name));
            let user = name.or(user.map(|uid| uid.to_string())).unwrap_or("unknown".to_owned());
            format!(
                "process {} of user {user} bears this site's mark and is none of its processes: it \
                 is left alone",
                stranger.describe()
            )
        };
        let mut words: Vec<String> = self.strangers.iter().take(STRANGERS).map(describe).collect();
        let more = self.strangers.len().saturating_sub(STRANGERS);
        if more > 0 {
            words.push(format!("{more} more processes bear this site's mark in the same way"));
        }
        words
    }
}

/// What is seen of a process while it is there.
struct Sighting {
    saying: io::Result<Saying>,
    /// Not looked for where the environment is believed.
    locked: io::Result<Option<String>>,
}

impl Sighting {
    /// None: of the dead and of the kernel's own there is nothing to be seen.
    fn of(stat: &Stat, places: &SitePlaces, believer: &Believer<'_>) -> Option<Self> {
        if stat.is_kernels || !stat.is_alive() {
            return None;
        }
        let saying = Saying::of(stat, places, believer);
        // Every descriptor of a process is read for it.
        let tells = matches!(&saying, Ok(s) if s.is_believed() && s.name(places).is_some());
        let locked = if tells { Ok(None) } else { locked_by(stat.pid, places) };
        Some(Self { saying, locked })
    }
}

/// Every living process that belongs to the site at `places`, but the supervisor itself; by the rule of
/// `membership`.
///
/// # Errors
/// /proc, a control group, or the site's token cannot be read: then nothing is known.
pub fn find_members(places: &SitePlaces, record: Option<&Record>) -> io::Result<Members> {
    find_members_again(places, record, &HashSet::new())
}

/// As [`find_members`], where those in `before` were seen to be the site's: whoever descended from it
/// then does so still, though those between have ended.
///
/// # Errors
/// As of [`find_members`].
pub(super) fn find_members_again(
    places: &SitePlaces,
    record: Option<&Record>,
    before: &HashSet<Seen>,
) -> io::Result<Members> {
    let believer = Believer::new(places);
    let sight = |stat: &Stat| Sighting::of(stat, places, &believer);
    let mut all: Vec<(Stat, Sighting)> =
        all_with(sight)?.into_iter().filter_map(|(stat, seen)| Some((stat, seen?))).collect();
    let grouped: HashMap<Pid, String> = match Groups::look(places)? {
        Some(groups) => groups.members()?.into_iter().collect(),
        None => HashMap::new(),
    };
    // One that has only just come into a group, or could not be seen before.
    let seen: HashSet<Pid> = all.iter().map(|(stat, _)| stat.pid).collect();
    for pid in grouped.keys().filter(|pid| !seen.contains(pid)) {
        if let Some(stat) = Stat::look(*pid)?
            && let Some(sighting) = sight(&stat)
        {
            all.push((stat, sighting));
        }
    }
    let tree = Tree::of(all.iter().map(|(stat, _)| stat.clone()));
    let judge = Judge::new(places, record, &tree)?;
    let known = &judge.known;

    let mut found: HashMap<Pid, Member> = HashMap::new();
    let mut sayings: HashMap<Pid, Saying> = HashMap::new();
    let mut unsure: HashSet<Pid> = HashSet::new();
    let mut strangers: Vec<Member> = Vec::new();
    for (stat, sighting) in all {
        if Some(Seen::from(&stat)) == known.supervisor {
            continue;
        }
        let recorded = judge.recorded(&stat);
        let leaf = grouped.get(&stat.pid).cloned();
        let is_sure = recorded.is_some() || leaf.is_some();
        let saying = match sighting.saying {
            // What says nothing that can be read is known by what cannot be forged.
            Err(_) if recorded.is_some() => Saying::Nothing,
            other => other?,
        };
        let locked = if is_sure { sighting.locked.ok().flatten() } else { sighting.locked? };
        let strong = if recorded.is_some() {
            Some(Mark::Record)
        } else if let Some(leaf) = &leaf {
            Some(judge.of_leaf(leaf, &saying))
        } else if locked.is_some() {
            Some(Mark::Lock)
        } else if stat.session.is_some_and(|s| known.sessions.contains(&s)) {
            Some(Mark::Session)
        } else if before.contains(&Seen::from(&stat)) {
            Some(Mark::Descent)
        } else {
            None
        };
        let named = saying.name(places).map(str::to_owned);
        let process = recorded.or(leaf).or(locked).or(named);
        match judge.verdict(&stat, strong, &saying)? {
            Verdict::Ours(by) => drop(found.insert(stat.pid, member(&stat, process, by))),
            Verdict::Unsure(by) => {
                unsure.insert(stat.pid);
                found.insert(stat.pid, member(&stat, process, by));
            }
            Verdict::Stranger => strangers.push(member(&stat, process, Mark::Environment)),
            Verdict::Keeper | Verdict::Another | Verdict::Not => {}
        }
        sayings.insert(stat.pid, saying);
    }
    add_descendants(&mut found, &mut unsure, &sayings, &judge, &tree)?;
    strangers.retain(|stranger| !found.contains_key(&stranger.pid));
    let mut havens = below_havens(&found, &tree);
    // It may be another site's that one of ours started.
    havens.extend(unsure.into_iter().map(|pid| (pid, MUTE)));
    let mut members = sort_out(found, &havens)?;
    members.leaders = leaders(&members.ours, &tree);
    members.strangers = strangers;
    Ok(members)
}

/// Whose group can be signalled as one without reaching anybody else.
fn leaders(ours: &[Member], tree: &Tree) -> Vec<Seen> {
    let pids: HashSet<Pid> = ours.iter().map(|m| m.pid).collect();
    let foreign: HashSet<Pid> =
        tree.stats().filter(|s| !pids.contains(&s.pid)).filter_map(|s| s.group).collect();
    let leads = |m: &&Member| {
        let leads = tree.stat(m.pid).is_some_and(|s| s.group == Some(m.pid));
        leads && !foreign.contains(&m.pid)
    };
    ours.iter().filter(leads).map(Member::seen).collect()
}

/// What is at or below a haven among what was found.
fn below_havens(found: &HashMap<Pid, Member>, tree: &Tree) -> HashMap<Pid, &'static str> {
    let is_haven = |pid: Pid| tree.stat(pid).and_then(|stat| haven(stat, tree));
    let mut queue: Vec<(Pid, &'static str)> =
        found.keys().filter_map(|pid| Some((*pid, is_haven(*pid)?))).collect();
    let mut havens = HashMap::new();
    while let Some((pid, why)) = queue.pop() {
        if havens.insert(pid, why).is_none() {
            let below = tree.children(pid).iter();
            queue.extend(below.map(|child| (*child, "below one that is spared")));
        }
    }
    havens
}

fn member(stat: &Stat, process: Option<String>, by: Mark) -> Member {
    Member {
        pid: stat.pid,
        start: stat.start,
        comm: stat.comm.clone(),
        state: stat.state,
        parent: stat.parent,
        session: stat.session,
        process,
        by: by.name(),
    }
}

fn add_descendants(
    found: &mut HashMap<Pid, Member>,
    unsure: &mut HashSet<Pid>,
    sayings: &HashMap<Pid, Saying>,
    judge: &Judge<'_>,
    tree: &Tree,
) -> io::Result<()> {
    let mut queue: Vec<(Pid, Option<String>)> =
        found.values().map(|m| (m.pid, m.process.clone())).collect();
    queue.extend(judge.known.supervisor.map(|supervisor| (supervisor.pid, None)));
    while let Some((pid, process)) = queue.pop() {
        for child in tree.children(pid).iter().filter_map(|child| tree.stat(*child)) {
            if found.contains_key(&child.pid) || judge.known.supervisor == Some(Seen::from(child)) {
                continue;
            }
            let saying = sayings.get(&child.pid).unwrap_or(&Saying::Nothing);
            match judge.verdict(child, Some(Mark::Descent), saying)? {
                Verdict::Ours(_) => {}
                Verdict::Unsure(_) => drop(unsure.insert(child.pid)),
                Verdict::Keeper | Verdict::Another | Verdict::Stranger | Verdict::Not => continue,
            }
            found.insert(child.pid, member(child, process.clone(), Mark::Descent));
            queue.push((child.pid, process.clone()));
        }
    }
    Ok(())
}

fn sort_out(
    found: HashMap<Pid, Member>,
    havens: &HashMap<Pid, &'static str>,
) -> io::Result<Members> {
    let spared = Spared::now()?;
    let mut members = Members::default();
    let mut all: Vec<Member> = found.into_values().collect();
    all.sort_by_key(|m| (m.start, m.pid));
    for member in all {
        // This very verb may have been called from within the site; it ends by itself.
        if member.pid == Pid::this() {
            continue;
        }
        match havens.get(&member.pid).copied().or_else(|| spared.why(member.pid)) {
            Some(why) => members.spared.push((member, why)),
            None => members.ours.push(member),
        }
    }
    Ok(members)
}
