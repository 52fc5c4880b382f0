//! The sweep: ending the processes of a site that outlived it.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::groups::Groups;
use super::identity::Seen;
use super::judge::Judge;
use super::members::{Member, Members, find_members_again};
use super::record::Record;
use super::spared::{Spared, protected};
use crate::linux::PidFd;
use crate::linux::process::Stat;
use crate::linux::tree::Tree;
use crate::linux::wait::Waiting;
use crate::site::SitePlaces;
use crate::values::{Moment, Signal};

/// The result of a sweep.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many processes were signalled.
    pub signalled: usize,
    /// The members that still live.
    pub left: Members,
}

/// Ends every process of the site but its supervisor: TERM until `term_until`, then KILL. Looks again
/// until no process is found or the deadline is past. `before` are members that were found earlier: if a
/// parent has ended since, its child may have no other mark than its claim.
///
/// # Errors
/// /proc cannot be read.
pub fn sweep(
    places: &SitePlaces,
    record: Option<&Record>,
    before: &Members,
    term_until: Moment,
    deadline: Moment,
) -> io::Result<Swept> {
    let mut signalled = HashSet::new();
    let mut has_term = HashSet::new();
    let mut known: HashSet<Seen> = before.ours.iter().map(Member::seen).collect();
    loop {
        let members = find_members_again(places, record, &known)?;
        known.extend(members.ours.iter().map(Member::seen));
        if members.ours.is_empty() || deadline.passed() {
            return Ok(Swept { signalled: signalled.len(), left: members });
        }
        let graceful = !term_until.passed();
        let signal = if graceful { Signal::TERM } else { Signal::KILL };
        if !graceful && let Some(groups) = Groups::of(places) {
            // The whole group at once, so that no process can fork between two signals.
            groups.kill(|pid| members.ours.iter().any(|m| m.pid == pid));
        }
        if !graceful {
            for leader in members.leaders.iter().filter_map(|leader| leader.open()) {
                // On an older kernel the processes are killed one by one below.
                let _ = leader.send_to_group(Signal::KILL);
            }
        }
        let mut handles = Vec::new();
        for member in &members.ours {
            let Some(handle) = member.seen().open() else { continue };
            // Only one TERM: some programs skip their cleanup at the second.
            if !graceful || has_term.insert((member.pid, member.start)) {
                signalled.insert((member.pid, member.start));
                // A stopped process handles TERM only after CONT.
                if let Err(error) = handle.send(signal).and_then(|()| handle.send(Signal::CONT)) {
                    log::warn!("{signal} could not be sent to {}: {error}", member.describe());
                }
            }
            handles.push(handle);
        }
        // Processes may fork while others die, so the pause is short.
        let pause = Duration::from_millis(if graceful { 50 } else { 20 });
        wait_for_one(&handles, pause.min(deadline.left()));
    }
}

/// Kills each of the site's control groups at once, before the sweep looks for single processes: a
/// process that forks all the time is ended so. A group with a process that must be spared is left to
/// the sweep. Says whether any process was in a group.
///
/// # Errors
/// The groups, or the processes in them, cannot be read.
pub fn kill_groups(places: &SitePlaces) -> io::Result<bool> {
    let Some(groups) = Groups::look(places)? else { return Ok(false) };
    if groups.members()?.is_empty() {
        return Ok(false);
    }
    let record = Record::read(places).ok().flatten();
    let tree = Tree::look()?;
    let judge = Judge::new(places, record.as_ref(), &tree)?;
    let spared = Spared::now()?;
    groups.kill(|pid| {
        // A process that is gone does not matter.
        let Some(stat) = Stat::of(pid) else { return true };
        judge.is_ours_in_group(&stat).unwrap_or(false)
            && spared.why(pid).is_none()
            && protected(&stat, &tree).is_none()
    });
    let until = Moment::now() + GONE;
    while !groups.members()?.is_empty() && !until.passed() {
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(1)));
    }
    Ok(true)
}

/// How long to wait for a killed group to be empty; the sweep looks for the rest.
const GONE: Duration = Duration::from_millis(100);

/// Waits until one of them is dead, at most `patience`.
fn wait_for_one(handles: &[PidFd], patience: Duration) {
    let mut waiting = Waiting::new();
    for handle in handles {
        waiting.readable(handle.as_fd(), ());
    }
    waiting.wait(Some(Moment::now() + patience));
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::super::environment::{MARK, mark_entry};
    use super::super::groups::tests::Leaf;
    use super::super::identity::Identity;
    use super::super::samples::{Running, SystemFolder, site};
    use super::*;

    fn after(milliseconds: u64) -> Moment {
        Moment::now() + Duration::from_millis(milliseconds)
    }

    /// A shell with this mark that prints `asked` at TERM, and does then what `then` says.
    fn asked(mark: &[u8], then: &str, adapt: impl FnOnce(&mut Command)) -> Running {
        let script = format!("trap 'echo asked; {then}' TERM; echo up; while :; do read x; done");
        Running::shell(&script, |command| {
            command.env(MARK, String::from_utf8_lossy(mark).as_ref());
            adapt(command);
        })
    }

    /// The signal that ended it, and what it has printed.
    fn ended(process: Running) -> (Option<i32>, String) {
        use std::os::unix::process::ExitStatusExt;
        let (status, printed) = process.end();
        (status.signal(), printed)
    }

    #[test]
    fn a_process_is_asked_once_and_killed_when_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let stubborn = asked(&mark_entry(&places, "a"), ":", |_| {});
        let swept = sweep(&places, None, &Members::default(), after(300), after(20_000)).unwrap();
        assert_eq!((swept.signalled, swept.left.is_empty()), (1, true));
        assert_eq!(ended(stubborn), (Some(9), "asked\n".to_owned()));
    }

    #[test]
    fn a_process_that_ends_in_time_is_not_killed_though_its_group_could_be() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let leaf = Leaf::of(&places, "a");
        let leads = |command: &mut Command| {
            command.process_group(0);
        };
        let mut process = asked(&mark_entry(&places, "a"), "echo ended; exit", leads);
        if let Some(leaf) = &leaf {
            process = process.into_group(&leaf.path);
        }
        // A stopped process does nothing at TERM alone.
        process.seen().open().unwrap().send(Signal::STOP).unwrap();
        let before = Members::default();
        let swept = sweep(&places, None, &before, after(20_000), after(30_000)).unwrap();
        assert!(swept.left.is_empty());
        assert_eq!(ended(process), (None, "asked\nended\n".to_owned()));
    }

    #[test]
    fn after_the_deadline_nothing_is_signalled() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let process = Running::marked(&mark_entry(&places, "a"));
        let now = Moment::now();
        let swept = sweep(&places, None, &Members::default(), now, now).unwrap();
        let left: Vec<Seen> = swept.left.ours.iter().map(Member::seen).collect();
        assert_eq!((swept.signalled, left), (0, vec![process.seen()]));
        assert_eq!(ended(process).0, None);
        let none = sweep(&places, None, &Members::default(), after(20_000), after(20_000)).unwrap();
        assert_eq!((none.signalled, none.left.is_empty()), (0, true));
    }

    #[test]
    fn a_process_that_was_a_member_before_is_ended_without_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let (process, beside) = (Running::unmarked(), Running::unmarked());
        let stat = process.stat();
        let member = Member {
            pid: stat.pid,
            start: stat.start,
            comm: stat.comm,
            state: stat.state,
            parent: stat.parent,
            session: stat.session,
            process: None,
            by: "descent",
        };
        let before = Members { ours: vec![member], ..Members::default() };
        let swept = sweep(&places, None, &before, after(20_000), after(30_000)).unwrap();
        assert_eq!((swept.signalled, swept.left.is_empty()), (1, true));
        assert_eq!(ended(process).0, Some(15));
        assert_eq!(ended(beside).0, None);
    }

    #[test]
    fn a_group_is_killed_as_one_unless_it_has_a_process_that_is_not_to_be_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (places, other) = (site(folder.path(), "shop"), site(folder.path(), "other"));
        assert!(!kill_groups(&places).unwrap(), "it has none");
        let Some(leaf) = Leaf::of(&places, "a") else { return };
        assert!(!kill_groups(&places).unwrap(), "nothing is in it");
        let process = Running::unmarked().into_group(&leaf.path);
        assert!(kill_groups(&places).unwrap());
        assert_eq!(ended(process).0, Some(9));

        let theirs = Running::marked(&mark_entry(&other, "a")).into_group(&leaf.path);
        let identity = Identity::of(theirs.pid()).unwrap();
        Record::begun("other".parse().unwrap(), identity).write(&other).unwrap();
        let process = Running::unmarked().into_group(&leaf.path);
        assert!(kill_groups(&places).unwrap());
        assert_eq!((ended(theirs).0, ended(process).0), (None, None));

        let Some(system) = SystemFolder::new() else { return };
        let program = system.copy("/bin/cat", "corosync");
        let daemon = Running::new(&mut Command::new(program)).into_group(&leaf.path);
        assert!(kill_groups(&places).unwrap());
        assert_eq!(ended(daemon).0, None);
    }
}
