//! Killing what belongs to a site and outlived it.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::groups::Groups;
use super::identity::Seen;
use super::judge::Judge;
use super::members::{Member, Members, find_members_again};
use super::record::Record;
use super::spared::{Spared, haven};
use crate::linux::PidFd;
use crate::linux::process::Stat;
use crate::linux::tree::Tree;
use crate::linux::wait::Waiting;
use crate::site::SitePlaces;
use crate::values::{Moment, Signal};

/// What a sweep came to.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many processes were signalled.
    pub signalled: usize,
    /// What lives still.
    pub left: Members,
}

/// Ends every process of the site but its supervisor: TERM until `term_until`, then KILL, and
/// looks again and again until nothing is found or the deadline is past. `before` were found already:
/// one whose parent has ended since may bear no mark that it has not given itself.
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
    let mut termed = HashSet::new();
    let mut known: HashSet<Seen> = before.ours.iter().map(Member::seen).collect();
    loop {
        let members = find_members_again(places, record, &known)?;
        known.extend(members.ours.iter().map(Member::seen));
        if members.ours.is_empty() || deadline.passed() {
            return Ok(Swept { signalled: signalled.len(), left: members });
        }
        let polite = !term_until.passed();
        let signal = if polite { Signal::TERM } else { Signal::KILL };
        if !polite && let Some(groups) = Groups::of(places) {
            // As one, so that nothing can fork its way out between two signals.
            groups.kill(|pid| members.ours.iter().any(|m| m.pid == pid));
        }
        if !polite {
            for leader in members.leaders.iter().filter_map(|leader| leader.open()) {
                // Where the kernel cannot, one by one must do.
                let _ = leader.send_to_group(Signal::KILL);
            }
        }
        let mut handles = Vec::new();
        for member in &members.ours {
            let Some(handle) = member.seen().open() else { continue };
            // One TERM is a request; a second one makes some programs skip their cleaning up.
            if !polite || termed.insert((member.pid, member.start)) {
                signalled.insert((member.pid, member.start));
                // A process that was stopped takes its TERM only when it goes on.
                if let Err(error) = handle.send(signal).and_then(|()| handle.send(Signal::CONT)) {
                    log::warn!("{signal} could not be sent to {}: {error}", member.describe());
                }
            }
            handles.push(handle);
        }
        // New ones may be forked while the old ones die, so a look is never far away.
        let pause = Duration::from_millis(if polite { 50 } else { 20 });
        wait_for_one(&handles, pause.min(deadline.left()));
    }
}

/// KILL for the site's control groups, as one and before anything is looked at more closely: what
/// forks on while it is looked for is gone then. A group with a process that must be spared is left
/// to the sweep.
/// Says whether there was anything.
///
/// # Errors
/// The groups, or what is in them, cannot be read.
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
        // One that is gone meanwhile is in nobody's way.
        let Some(stat) = Stat::of(pid) else { return true };
        judge.is_ours_in_group(&stat).unwrap_or(false)
            && spared.why(pid).is_none()
            && haven(&stat, &tree).is_none()
    });
    let until = Moment::now() + GONE;
    while !groups.members()?.is_empty() && !until.passed() {
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(1)));
    }
    Ok(true)
}

/// How long a group that was killed is given to be gone; what is not is looked for.
const GONE: Duration = Duration::from_millis(100);

/// Waits until one of them is dead, but no longer than `patience`.
fn wait_for_one(handles: &[PidFd], patience: Duration) {
    let mut waiting = Waiting::new();
    for handle in handles {
        waiting.readable(handle.as_fd(), ());
    }
    waiting.wait(Some(Moment::now() + patience));
}
