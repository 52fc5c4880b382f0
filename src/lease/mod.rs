//! Who owns a site's database: a lock on it that lasts as long as the owner's keeper lives, and a
//! durable record beside it of who that is.
//!
//! Promises: whoever holds the lock is named in the record; an owner that ended without releasing it
//! is told to each next one, until what that calls for has been done. It is no fence: flock(2) is
//! cluster-wide on GFS2 and OCFS2, emulated on NFS, and local on ext4 and XFS, where only one node may
//! mount. Must never: touch the database in the process of a verb or of the supervisor, which a disk
//! that hangs would hold; that is the keeper's work, a process of its own that may hang and be killed.

mod keeper;
mod record;

use std::ffi::{CString, OsStr};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::linux::own_program::{self, Unanswered};
use crate::linux::process::{Stat, all, reap_one};
use crate::linux::spawn::{self, Child, Command};
use crate::linux::wait::Waiting;
use crate::linux::{PidFd, node};
use crate::process::{Identity, LEASE, MARK, is_keeper, mark_entry};
use crate::site::{SiteName, SitePlaces};
use crate::values::{Moment, Signal};

pub use keeper::{Order, Settling, keep, settle_here};
pub use record::{Owner, UncleanEnd, owner};

/// How long a keeper is given to release the lease.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// What was found when the lease was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// An earlier end, here or there, that was unclean and is not repaired yet.
    pub unclean: Option<UncleanEnd>,
    /// The fingerprint of the definition that the last owner ran, if that was another.
    pub other_definition: Option<String>,
    /// False: the disk is full, and had no room for the record of who has it.
    pub recorded: bool,
}

/// What the keeper says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// Somebody holds it; who, if that can be read.
    Waiting(Option<Owner>),
    Taken(Taken),
    /// What was owed is not owed any more; the record says so.
    Settled,
    Failed(String),
}

/// What the keeper is told when the repair of an unclean end has ended well.
const REPAIRED: &[u8; 9] = b"repaired\n";

/// Whose lease, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub site: &'a SiteName,
    pub places: &'a SitePlaces,
    pub database: &'a Path,
    /// Of the definition that the owner runs.
    pub fingerprint: &'a str,
    /// The site lives and has lost its keeper: it is had only if nobody had it since.
    pub again: bool,
}

/// Why the lease is not had.
#[derive(Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Whoever waited for it was called away.
    Interrupted,
    /// Its keeper ended without a word.
    Silent(String),
    /// For the end of a sentence: who has it, or what keeps us from it.
    Because(String),
}

impl std::fmt::Display for NotTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interrupted => f.write_str("the wait for it was cut short"),
            Self::Silent(why) | Self::Because(why) => f.write_str(why),
        }
    }
}

/// By what this site's records are told from those of others on this node.
fn home_of(places: &SitePlaces) -> String {
    let namespace = node::pid_namespace().unwrap_or_default();
    format!("{} {namespace}", places.runtime.display())
}

/// A keeper that is to take the lease, or has it; it outlives this value.
#[derive(Debug)]
pub struct Taking {
    child: Child,
    keeper: Identity,
    socket: UnixStream,
    said: Vec<u8>,
    /// Who has it, while that is waited for; None: that is not known.
    waits_for: Option<Option<Owner>>,
}

impl Taking {
    /// Starts the keeper, which is found by its mark. Touches no disk of the site's.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn begin(claim: &Claim<'_>) -> Result<Self, NotTaken> {
        let failed = |error: &dyn std::fmt::Display| {
            NotTaken::Because(format!("its keeper cannot be started: {error}"))
        };
        let (socket, other) = UnixStream::pair().map_err(|e| failed(&e))?;
        socket.set_nonblocking(true).map_err(|e| failed(&e))?;
        let (node, home) = (node::name(), home_of(claim.places));
        let mut words = vec![
            OsStr::new("siteward"),
            OsStr::new("keep-lease"),
            OsStr::new(claim.site.as_str()),
            claim.database.as_os_str(),
            OsStr::new(claim.fingerprint),
            OsStr::new(&node),
            OsStr::new("--home"),
            OsStr::new(&home),
        ];
        if claim.again {
            words.push(OsStr::new("--again"));
        }
        let mut mark = format!("{MARK}=").into_bytes();
        mark.extend(mark_entry(claim.places, LEASE));
        let mark = CString::new(mark).into_iter().collect();
        let command = Command::plain(own_program::program(), &words, mark, other.as_fd());
        let child = spawn::spawn(&command).map_err(|error| failed(&error))?;
        // It is not reaped before this value knows it.
        let keeper = Identity::of(child.pid).ok_or_else(|| failed(&"/proc is not mounted"))?;
        Ok(Self { child, keeper, socket, said: Vec::new(), waits_for: None })
    }

    pub fn keeper(&self) -> &Identity {
        &self.keeper
    }

    /// Hears it; None: it has not come to an end yet. Never waits.
    pub fn outcome(&mut self) -> Option<Result<Taken, NotTaken>> {
        loop {
            return Some(match self.word()? {
                Ok(Word::Taken(taken)) => Ok(taken),
                Ok(Word::Failed(why)) => Err(NotTaken::Because(why)),
                Ok(Word::Waiting(owner)) => {
                    self.waits_for = Some(owner);
                    continue;
                }
                Ok(Word::Settled) => continue,
                Err(error) => Err(error),
            });
        }
    }

    fn word(&mut self) -> Option<Result<Word, NotTaken>> {
        loop {
            if let Some(end) = self.said.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.said.drain(..=end).collect();
                let garbled = || String::from_utf8_lossy(&line).trim().to_owned();
                return Some(
                    serde_json::from_slice(&line).map_err(|_| NotTaken::Because(garbled())),
                );
            }
            let mut chunk = [0u8; 4096];
            match self.socket.read(&mut chunk) {
                Ok(n) if n > 0 => self.said.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    return Some(Err(match self.child.report.outcome() {
                        Some(Err(error)) => NotTaken::Because(format!("its keeper {error}")),
                        _ => NotTaken::Silent("its keeper ended without a word".to_owned()),
                    }));
                }
            }
        }
    }

    /// Why it is not had yet.
    pub fn late(&self) -> NotTaken {
        NotTaken::Because(match &self.waits_for {
            Some(Some(owner)) => format!(
                "the node `{}` has it, since {}; stop the site there, or fence that node",
                owner.node, owner.since
            ),
            Some(None) => "somebody has it, and does not say who".to_owned(),
            None => "the disk does not answer".to_owned(),
        })
    }

    fn wait<T>(
        &mut self,
        deadline: Moment,
        cut: Option<BorrowedFd<'_>>,
        hear: impl Fn(&mut Self) -> Option<Result<T, NotTaken>>,
    ) -> Result<T, NotTaken> {
        loop {
            if let Some(heard) = hear(self) {
                return heard;
            }
            if deadline.passed() {
                return Err(self.late());
            }
            let mut waiting = Waiting::new();
            waiting.readable(self.socket.as_fd(), false);
            if let Some(cut) = cut {
                waiting.readable(cut, true);
            }
            if waiting.wait(Some(deadline)).contains(&true) {
                return Err(NotTaken::Interrupted);
            }
        }
    }

    /// The repair of the unclean end has ended well, or none is to be done: the record says so when
    /// this returns.
    ///
    /// # Errors
    /// It could not be written until `deadline`, or `cut` became readable: it is still owed.
    pub fn repaired(
        &mut self,
        deadline: Moment,
        cut: Option<BorrowedFd<'_>>,
    ) -> Result<(), NotTaken> {
        self.waits_for = None;
        let mut socket = &self.socket;
        socket
            .write_all(REPAIRED)
            .map_err(|error| NotTaken::Silent(format!("its keeper does not listen: {error}")))?;
        self.wait(deadline, cut, |taking| {
            Some(match taking.word()? {
                Ok(Word::Settled) => Ok(()),
                Ok(Word::Failed(why)) => Err(NotTaken::Because(why)),
                Ok(Word::Taken(_) | Word::Waiting(_)) => return None,
                Err(error) => Err(error),
            })
        })
    }

    /// Ends the keeper; the lease is released if it was had.
    fn give_up(self) {
        let handle = &self.child.handle;
        let _ = end(|| Ok((!handle.is_dead()).then_some(handle)), GIVE_UP, None);
        // One that hangs on the disk is not waited for.
        if self.child.handle.is_dead() {
            let _ = reap_one(self.child.pid);
        }
    }
}

impl AsFd for Taking {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Between two looks for keepers of which the first failed.
const AGAIN: Duration = Duration::from_millis(20);

/// How long a keeper that waited in vain may take to end.
const GIVE_UP: Duration = Duration::from_millis(200);

/// Takes the lease, waiting for it until `deadline`, or until `cut` is readable. Its keeper lives on.
///
/// # Errors
/// It is not had, and no keeper is left.
pub fn take(
    claim: &Claim<'_>,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(Taking, Taken), NotTaken> {
    let mut taking = Taking::begin(claim)?;
    match taking.wait(deadline, cut, Taking::outcome) {
        Ok(taken) => Ok((taking, taken)),
        Err(why) => {
            taking.give_up();
            Err(why)
        }
    }
}

/// The keepers of this site's lease on this node.
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
/// False: one could not be ended in its time, as on a disk that hangs; the lease then reads as
/// unclean.
pub fn release(places: &SitePlaces, patience: Duration) -> bool {
    release_or_cut(places, patience, None) == Ok(true)
}

/// As [`release`], until `cut` becomes readable.
///
/// # Errors
/// Interrupted.
pub fn release_or_cut(
    places: &SitePlaces,
    patience: Duration,
    cut: Option<BorrowedFd<'_>>,
) -> Result<bool, NotTaken> {
    let find = || Ok(keepers(places)?.iter().filter_map(Identity::open).collect::<Vec<_>>());
    end(find, patience, cut)
}

/// As [`release`], of one keeper.
pub fn release_by(keeper: &Identity, patience: Duration) -> bool {
    end(|| Ok(keeper.open()), patience, None) == Ok(true)
}

/// TERM for all that `find` finds, and KILL after `patience`. False: one is left, or it cannot be told.
fn end<H: std::borrow::Borrow<PidFd>, F: IntoIterator<Item = H>>(
    find: impl Fn() -> io::Result<F>,
    patience: Duration,
    cut: Option<BorrowedFd<'_>>,
) -> Result<bool, NotTaken> {
    let term_until = Moment::now() + patience;
    let kill_until = term_until + Duration::from_millis(500);
    let mut termed = false;
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
        let polite = !term_until.passed();
        for handle in handles.iter().map(H::borrow) {
            if !polite || !termed {
                let _ = handle.send(if polite { Signal::TERM } else { Signal::KILL });
                let _ = handle.send(Signal::CONT);
            }
        }
        termed = true;
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
        let until = if polite { term_until } else { Moment::now() + patience / 10 };
        if waiting.wait(Some(until)).contains(&true) {
            return Err(NotTaken::Interrupted);
        }
    }
}

/// Marks a lease as released that this node holds no more, or that a person breaks; by a keeper of
/// its own, so that a disk that hangs holds nobody.
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

/// How a lease is settled that its keeper did not release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The site ended as it should.
    Clean,
    /// It did not: that is to be repaired.
    Unclean,
    /// Whoever has it, a person takes it away.
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A keeper that says what the test says, and the test's end of its socket.
    fn keeper() -> (Taking, UnixStream) {
        let (socket, other) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let words = ["sleep", "1000"].map(OsStr::new);
        let program = Command::candidates(words[0], "/usr/bin:/bin");
        let mut command = Command::plain(program, &words, Vec::new(), socket.as_fd());
        command.dies_with_parent = true;
        let child = spawn::spawn(&command).unwrap();
        let keeper = Identity::of(child.pid).unwrap();
        (Taking { child, keeper, socket, said: Vec::new(), waits_for: None }, other)
    }

    fn soon() -> Moment {
        Moment::now() + Duration::from_millis(50)
    }

    fn late() -> Moment {
        Moment::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_wait_for_the_lease_ends_with_its_deadline_or_when_it_is_cut_short() {
        let (mut taking, mut says) = keeper();
        let missed = taking.wait(soon(), None, Taking::outcome);
        assert_eq!(missed, Err(NotTaken::Because("the disk does not answer".to_owned())));
        says.write_all(b"{\"waiting\":null}\n").unwrap();
        let missed = taking.wait(soon(), None, Taking::outcome);
        assert!(matches!(missed, Err(NotTaken::Because(why)) if why.contains("somebody has it")));
        let (cut, mut order) = UnixStream::pair().unwrap();
        order.write_all(b"x").unwrap();
        let missed = taking.wait(late(), Some(cut.as_fd()), Taking::outcome);
        assert_eq!(missed, Err(NotTaken::Interrupted));
        let (cut, _quiet) = UnixStream::pair().unwrap();
        says.write_all(
            b"{\"taken\":{\"unclean\":null,\"other_definition\":null,\"recorded\":true}}\n",
        )
        .unwrap();
        let taken = taking.wait(late(), Some(cut.as_fd()), Taking::outcome).unwrap();
        assert!(taken.recorded && taken.unclean.is_none());
        taking.give_up();
    }

    #[test]
    fn a_repair_counts_once_the_keeper_has_written_it_down() {
        let (mut taking, mut says) = keeper();
        assert!(taking.repaired(soon(), None).is_err(), "it has not answered");
        let mut heard = [0u8; 9];
        says.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, REPAIRED);
        says.write_all(b"{\"failed\":\"the disk is gone\"}\n").unwrap();
        let refused = taking.repaired(late(), None);
        assert_eq!(refused, Err(NotTaken::Because("the disk is gone".to_owned())));
        says.write_all(b"\"settled\"\n").unwrap();
        assert_eq!(taking.repaired(late(), None), Ok(()));
        drop(says);
        assert!(matches!(taking.repaired(late(), None), Err(NotTaken::Silent(_))));
        taking.give_up();
    }

    #[test]
    fn the_end_of_a_keeper_is_waited_for_until_that_is_cut_short() {
        let (taking, _says) = keeper();
        let (cut, mut order) = UnixStream::pair().unwrap();
        order.write_all(b"x").unwrap();
        let handle = &taking.child.handle;
        let deaf = || Ok(Some(handle).filter(|handle| !handle.is_dead()));
        let ended = end(deaf, Duration::from_secs(60), Some(cut.as_fd()));
        assert_eq!(ended, Err(NotTaken::Interrupted));
        taking.give_up();
    }
}
