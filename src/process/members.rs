//! Finding the processes of a site by their marks.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use super::environment::ClaimVerifier;
use super::groups::Groups;
use super::identity::{Seen, wait_place};
use super::judge::{Judge, VerifiedClaim, locked_by};
use super::locks::held_locks;
use super::membership::{Mark, Verdict};
use super::record::Record;
use super::spared::{Spared, UNREADABLE, protected};
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
    /// The process of the definition that it belongs to, if a mark says so.
    pub process: Option<String>,
    /// The mark by which it was found.
    pub by: &'static str,
}

impl Member {
    pub fn seen(&self) -> Seen {
        Seen { pid: self.pid, start: self.start }
    }

    /// Number and command line, for a message.
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

/// How many strangers are described: any user can start any number of them.
const STRANGERS: usize = 10;

/// The processes that were found.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// They belong to the site and may be signalled.
    pub ours: Vec<Member>,
    /// Those of `ours` that lead a process group with processes of `ours` alone.
    pub leaders: Vec<Seen>,
    /// They belong to the site and must not be signalled, with the reason.
    pub spared: Vec<(Member, &'static str)>,
    /// They claim to belong to the site and do not. They are not signalled, and do not affect the site's
    /// state.
    pub strangers: Vec<Member>,
}

impl Members {
    /// The member that is this process.
    pub fn of(&self, pid: Pid, start: StartTicks) -> Option<&Member> {
        let all = self.ours.iter().chain(self.spared.iter().map(|(member, _)| member));
        all.into_iter().find(|member| member.pid == pid && member.start == start)
    }

    pub fn is_empty(&self) -> bool {
        self.ours.is_empty() && self.spared.is_empty()
    }

    /// The first few, for a message.
    pub fn describe(&self) -> String {
        let mut names: Vec<String> = self.ours.iter().map(Member::describe).collect();
        names.extend(self.spared.iter().map(|(m, why)| format!("{}, {why}", m.describe())));
        let more = names.len().saturating_sub(3);
        names.truncate(3);
        let list = names.join("; ");
        if more == 0 { list } else { format!("{list}; and {more} more") }
    }

    /// A sentence for each of the first few strangers.
    pub fn describe_strangers(&self) -> Vec<String> {
        let describe = |stranger: &Member| {
            let user = users(stranger.pid).ok().flatten().map(|users| users.real);
            let name = user.and_then(|uid| Some(accounts::user(&uid.to_string())?.name));
            let user = name.or(user.map(|uid| uid.to_string())).unwrap_or("unknown".to_owned());
            format!(
                "process {} of user {user} has this site's mark but does not belong to it: it is \
                 left alone",
                stranger.describe()
            )
        };
        let mut words: Vec<String> = self.strangers.iter().take(STRANGERS).map(describe).collect();
        let more = self.strangers.len().saturating_sub(STRANGERS);
        if more > 0 {
            words.push(format!("{more} more processes have this site's mark in the same way"));
        }
        words
    }
}

/// What is needed to look at a process.
struct Looking<'a> {
    places: &'a SitePlaces,
    verifier: ClaimVerifier<'a>,
    may_have_lock: &'a dyn Fn(&Stat) -> bool,
}

/// Facts about a process, read while it lives.
struct Sighting {
    claim: io::Result<VerifiedClaim>,
    /// None also if the claim is believed, or if it can hold none: then locks are not looked for.
    locked: io::Result<Option<String>>,
}

impl Sighting {
    /// None: it is dead or a thread of the kernel.
    fn of(stat: &Stat, looking: &Looking<'_>) -> Option<Self> {
        if stat.is_kernels || !stat.is_alive() {
            return None;
        }
        let Looking { places, verifier, may_have_lock } = looking;
        let claim = VerifiedClaim::of(stat, places, verifier);
        // Looking for locks reads every descriptor of the process, so it is left out where possible.
        let tells = matches!(&claim, Ok(s) if s.is_believed() && s.name(places).is_some());
        let locked = match tells || !may_have_lock(stat) {
            true => Ok(None),
            false => locked_by(stat.pid, places),
        };
        Some(Self { claim, locked })
    }
}

/// Every living process that belongs to the site at `places`, without its supervisor, by the rule of
/// `membership`.
///
/// # Errors
/// /proc, a control group, or the site's token cannot be read.
pub fn find_members(places: &SitePlaces, record: Option<&Record>) -> io::Result<Members> {
    find_members_again(places, record, &HashSet::new())
}

/// As [`find_members`]. The processes in `before` were members earlier; they and their descendants still
/// are, even if the processes between them and the supervisor have ended.
///
/// # Errors
/// As of [`find_members`].
pub(super) fn find_members_again(
    places: &SitePlaces,
    record: Option<&Record>,
    before: &HashSet<Seen>,
) -> io::Result<Members> {
    let Some(known) = record else { return find(places, record, before, &|_| true) };
    let found = find(places, record, before, &|stat| known.may_have_lock(stat.start))?;
    // A lock that is held by nobody who can have inherited it was handed over (unix(7)), to any process.
    let is_all = !found.is_empty() || held_locks(places).is_ok_and(|held| held.is_empty());
    if is_all { Ok(found) } else { find(places, record, before, &|_| true) }
}

fn find(
    places: &SitePlaces,
    record: Option<&Record>,
    before: &HashSet<Seen>,
    may_have_lock: &dyn Fn(&Stat) -> bool,
) -> io::Result<Members> {
    let looking = Looking { places, verifier: ClaimVerifier::new(places), may_have_lock };
    let sight = |stat: &Stat| Sighting::of(stat, &looking);
    let mut all: Vec<(Stat, Sighting)> =
        all_with(sight)?.into_iter().filter_map(|(stat, seen)| Some((stat, seen?))).collect();
    let grouped: HashMap<Pid, String> = match Groups::look(places)? {
        Some(groups) => groups.members()?.into_iter().collect(),
        None => HashMap::new(),
    };
    // Processes that joined a group only after /proc was read.
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
    let mut claims: HashMap<Pid, VerifiedClaim> = HashMap::new();
    let mut unsure: HashSet<Pid> = HashSet::new();
    let mut strangers: Vec<Member> = Vec::new();
    for (stat, sighting) in all {
        if Some(Seen::from(&stat)) == known.supervisor {
            continue;
        }
        let recorded = judge.recorded(&stat);
        let leaf = grouped.get(&stat.pid).cloned();
        let is_sure = recorded.is_some() || leaf.is_some();
        let claim = match sighting.claim {
            // The record decides, so the claim is not needed.
            Err(_) if recorded.is_some() => VerifiedClaim::Nothing,
            other => other?,
        };
        let locked = if is_sure { sighting.locked.ok().flatten() } else { sighting.locked? };
        let strong = if recorded.is_some() {
            Some(Mark::Record)
        } else if let Some(leaf) = &leaf {
            Some(judge.of_leaf(leaf, &claim))
        } else if locked.is_some() {
            Some(Mark::Lock)
        } else if stat.session.is_some_and(|s| known.sessions.contains(&s)) {
            Some(Mark::Session)
        } else if before.contains(&Seen::from(&stat)) {
            Some(Mark::Descent)
        } else {
            None
        };
        let named = claim.name(places).map(str::to_owned);
        let process = recorded.or(leaf).or(locked).or(named);
        match judge.verdict(&stat, strong, &claim)? {
            Verdict::Ours(by) => drop(found.insert(stat.pid, member(&stat, process, by))),
            Verdict::Unsure(by) => {
                unsure.insert(stat.pid);
                found.insert(stat.pid, member(&stat, process, by));
            }
            Verdict::Stranger => strangers.push(member(&stat, process, Mark::Environment)),
            Verdict::Keeper | Verdict::AnotherSite | Verdict::Unrelated => {}
        }
        claims.insert(stat.pid, claim);
    }
    add_descendants(&mut found, &mut unsure, &claims, &judge, &tree)?;
    strangers.retain(|stranger| !found.contains_key(&stranger.pid));
    let mut protected = all_protected(&found, &tree);
    // A process of another site that a member started would look the same.
    protected.extend(unsure.into_iter().map(|pid| (pid, UNREADABLE)));
    let mut members = sort_out(found, &protected)?;
    members.leaders = leaders(&members.ours, &tree);
    members.strangers = strangers;
    Ok(members)
}

/// The members whose process group has no process but members.
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

/// The protected processes among the found ones, and the descendants of these.
fn all_protected(found: &HashMap<Pid, Member>, tree: &Tree) -> HashMap<Pid, &'static str> {
    let why = |pid: Pid| tree.stat(pid).and_then(|stat| protected(stat, tree));
    let mut queue: Vec<(Pid, &'static str)> =
        found.keys().filter_map(|pid| Some((*pid, why(*pid)?))).collect();
    let mut all = HashMap::new();
    while let Some((pid, why)) = queue.pop() {
        if all.insert(pid, why).is_none() {
            let below = tree.children(pid).iter();
            queue.extend(below.map(|child| (*child, "below one that is spared")));
        }
    }
    all
}

pub(super) fn member(stat: &Stat, process: Option<String>, by: Mark) -> Member {
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
    claims: &HashMap<Pid, VerifiedClaim>,
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
            let claim = claims.get(&child.pid).unwrap_or(&VerifiedClaim::Nothing);
            match judge.verdict(child, Some(Mark::Descent), claim)? {
                Verdict::Ours(_) => {}
                Verdict::Unsure(_) => drop(unsure.insert(child.pid)),
                Verdict::Keeper | Verdict::AnotherSite | Verdict::Stranger | Verdict::Unrelated => {
                    continue;
                }
            }
            found.insert(child.pid, member(child, process.clone(), Mark::Descent));
            queue.push((child.pid, process.clone()));
        }
    }
    Ok(())
}

fn sort_out(
    found: HashMap<Pid, Member>,
    protected: &HashMap<Pid, &'static str>,
) -> io::Result<Members> {
    let spared = Spared::now()?;
    let mut members = Members::default();
    let mut all: Vec<Member> = found.into_values().collect();
    all.sort_by_key(|m| (m.start, m.pid));
    for member in all {
        // A process of the site may have called this verb, which ends by itself.
        if member.pid == Pid::this() {
            continue;
        }
        match protected.get(&member.pid).copied().or_else(|| spared.why(member.pid)) {
            Some(why) => members.spared.push((member, why)),
            None => members.ours.push(member),
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{pid, told};
    use super::*;

    #[test]
    fn a_group_is_signalled_as_one_only_if_all_in_it_are_members() {
        // Two groups of two processes each, and a member whose leader has ended.
        let stats = [told(10, 1, 10), told(11, 10, 10), told(20, 1, 20), told(21, 20, 20)];
        let tree = Tree::of(stats.into_iter().chain([told(31, 1, 30)]));
        for (ours, led) in [
            (vec![10, 11, 20, 21, 31], vec![10, 20]),
            (vec![10, 11, 20, 31], vec![10]),
            (vec![10, 20], vec![]),
            (vec![11, 21, 31], vec![]),
            (vec![], vec![]),
        ] {
            let is_ours = |number: &i32| tree.stat(pid(*number)).unwrap();
            let members: Vec<Member> =
                ours.iter().map(is_ours).map(|stat| member(stat, None, Mark::Descent)).collect();
            let found: Vec<i32> =
                leaders(&members, &tree).iter().map(|leader| leader.pid.number()).collect();
            assert_eq!(found, led, "{ours:?}");
        }
        let gone = member(&told(40, 1, 40), None, Mark::Descent);
        assert_eq!(leaders(&[gone], &tree), [], "one that is not in the tree leads nothing");
    }
}
