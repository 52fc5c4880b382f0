//! Releasing a lease: its keepers are ended, or the record is marked for a keeper that was killed.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use super::messages::NotTaken;
use super::record::home_of;
use crate::linux::own_program::{self, Unanswered};
use crate::linux::process::{Stat, all};
use crate::linux::wait::Waiting;
use crate::linux::{PidFd, node};
use crate::process::{Identity, is_keeper};
use crate::site::SitePlaces;
use crate::values::{Moment, Signal};

/// How long a keeper is given to release the lease.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks for keepers of which the first failed.
const AGAIN: Duration = Duration::from_millis(20);

/// The living keepers of this site's lease on this node.
fn keepers(places: &SitePlaces) -> io::Result<Vec<Identity>> {
    let mut found = Vec::new();
    for stat in all()?.into_iter().filter(Stat::is_alive) {
        if is_keeper(places, &stat)? {
            found.extend(Identity::of(stat.pid).filter(|i| i.start == stat.start));
        }
    }
    Ok(found)
}

/// The keeper of this site's lease, if one lives on this node.
pub fn living_keeper(places: &SitePlaces) -> Option<Identity> {
    keepers(places).ok()?.into_iter().next()
}

/// Whether a keeper of this site's lease lives on this node.
pub fn is_kept(places: &SitePlaces) -> bool {
    living_keeper(places).is_some()
}

/// Ends this site's keepers on this node: they release the lease, or are killed after `patience`.
/// False: one did not end in time, as on a disk that hangs. The lease then counts as unclean.
pub fn release(places: &SitePlaces, patience: Duration) -> bool {
    release_or_cut(places, patience, None) == Ok(true)
}

/// As [`release`], until `cut` becomes readable.
///
/// # Errors
/// `Interrupted`.
pub fn release_or_cut(
    places: &SitePlaces,
    patience: Duration,
    cut: Option<BorrowedFd<'_>>,
) -> Result<bool, NotTaken> {
    let find = || Ok(keepers(places)?.iter().filter_map(Identity::open).collect::<Vec<_>>());
    end(find, patience, cut)
}

/// As [`release`], for one keeper.
pub fn release_by(keeper: &Identity, patience: Duration) -> bool {
    end(|| Ok(keeper.open()), patience, None) == Ok(true)
}

/// Sends TERM to each process that `find` returns, and KILL after `patience`. False: one is left, or
/// /proc cannot be read.
pub(super) fn end<H: std::borrow::Borrow<PidFd>, F: IntoIterator<Item = H>>(
    find: impl Fn() -> io::Result<F>,
    patience: Duration,
    cut: Option<BorrowedFd<'_>>,
) -> Result<bool, NotTaken> {
    let term_until = Moment::now() + patience;
    let kill_until = term_until + Duration::from_millis(500);
    let mut has_term = false;
    loop {
        let handles: Vec<H> = match find() {
            Ok(found) => found.into_iter().collect(),
            Err(_) if kill_until.passed() => return Ok(false),
            Err(error) => {
                log::debug!("the keepers of the lease cannot be looked for: {error}");
                Waiting::<()>::new().wait(Some(Moment::now() + AGAIN));
                continue;
            }
        };
        if handles.is_empty() {
            return Ok(true);
        }
        let graceful = !term_until.passed();
        for handle in handles.iter().map(H::borrow) {
            if !graceful || !has_term {
                let _ = handle.send(if graceful { Signal::TERM } else { Signal::KILL });
                let _ = handle.send(Signal::CONT);
            }
        }
        has_term = true;
        if kill_until.passed() {
            return Ok(false);
        }
        let mut waiting = Waiting::new();
        for handle in &handles {
            waiting.readable(handle.borrow().as_fd(), false);
        }
        if let Some(cut) = cut {
            waiting.readable(cut, true);
        }
        let until = if graceful { term_until } else { Moment::now() + patience / 10 };
        if waiting.wait(Some(until)).contains(&true) {
            return Err(NotTaken::Interrupted);
        }
    }
}

/// Marks the lease as released, where its keeper did not or a person takes it away. A process of its own
/// does it, which is killed at `deadline` if the disk hangs.
///
/// # Errors
/// A sentence.
pub fn settle(
    places: &SitePlaces,
    database: &Path,
    how: Settle,
    deadline: Moment,
) -> Result<(), String> {
    let (node, home) = (node::name(), home_of(places));
    let words: &[&str] = match how {
        Settle::Clean => &["siteward", "settle-lease", "--node", &node, "--home", &home],
        Settle::Unclean => {
            &["siteward", "settle-lease", "--node", &node, "--home", &home, "--unclean"]
        }
        Settle::Broken => &["siteward", "break-lease"],
    };
    let mut words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    words.push(database.as_os_str());
    let said = own_program::ask(&words, deadline, None).map_err(|why| match why {
        Unanswered::TimedOut => format!("{} {why}", database.display()),
        other => format!("the helper for {} {other}", database.display()),
    })?;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if said.is_empty() { Ok(()) } else { Err(said) }
}

/// How a lease is marked that its keeper did not release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The site was stopped.
    Clean,
    /// The site ended in another way, and a repair is owed.
    Unclean,
    /// A person takes the lease away from its owner, on whichever node that is.
    Broken,
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::linux::thread::{self, StackSize};
    use crate::values::Pid;

    /// A shell that has said that it is ready.
    fn shell(script: &str) -> (Child, Identity) {
        let script = format!("{script}; echo ready; while :; do sleep 0.01; done");
        let words = ["-c", &script];
        let mut child = Command::new("/bin/sh").args(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0u8; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let pid = Pid::try_from(child.id().cast_signed()).unwrap();
        let identity = Identity::of(pid).unwrap();
        (child, identity)
    }

    /// As keepers are found: those that live.
    fn living(identity: &Identity) -> io::Result<Option<PidFd>> {
        Ok(identity.open().filter(|handle| !handle.is_dead()))
    }

    #[test]
    fn one_is_told_to_end_before_it_is_killed() {
        let (mut child, identity) = shell("trap 'exit 3' TERM");
        let begun = Moment::now();
        assert_eq!(end(|| living(&identity), Duration::from_secs(60), None), Ok(true));
        assert!(Moment::now().since(begun) < Duration::from_secs(30));
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }

    #[test]
    fn one_that_does_not_end_is_killed() {
        let (mut child, identity) = shell("trap '' TERM");
        assert_eq!(end(|| living(&identity), Duration::from_millis(300), None), Ok(true));
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        // It is not there any more, so nothing is waited for.
        assert!(release_by(&identity, Duration::from_secs(60)));
    }

    #[test]
    fn a_single_keeper_is_ended() {
        let (mut child, identity) = shell("trap 'exit 3' TERM");
        let reap = move || child.wait().unwrap().code();
        let reaper = thread::start("reaper", StackSize::Usual, reap).unwrap();
        assert!(release_by(&identity, Duration::from_secs(60)));
        assert_eq!(reaper.join().unwrap(), Some(3));
    }

    #[test]
    fn keepers_that_cannot_be_looked_for_are_looked_for_again() {
        let looks = Cell::new(0);
        let no_proc = || io::Error::other("no /proc");
        let once = || {
            looks.set(looks.get() + 1);
            if looks.get() == 1 { Err(no_proc()) } else { Ok(None::<PidFd>) }
        };
        assert_eq!(end(once, Duration::from_secs(60), None), Ok(true));
        let never = || {
            looks.set(looks.get() + 1);
            Err::<Option<PidFd>, _>(no_proc())
        };
        let begun = Moment::now();
        assert_eq!(end(never, Duration::from_millis(100), None), Ok(false));
        assert!(Moment::now().since(begun) >= Duration::from_millis(600));
        assert!(looks.get() < 50, "{} looks: it does not wait between them", looks.get());
    }
}
