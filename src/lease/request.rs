//! Asking for a lease: a keeper is started, and takes it or says why not.

use std::ffi::{CString, OsStr};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::messages::{KeeperMessage, NotTaken, REPAIRED, Taken};
use super::record::{Owner, home_of};
use super::release::end;
use crate::linux::process::reap_one;
use crate::linux::spawn::{self, Child, Command};
use crate::linux::wait::Waiting;
use crate::linux::{node, own_program};
use crate::process::{Identity, LEASE, MARK, mark_entry};
use crate::site::{SiteName, SitePlaces};
use crate::values::Moment;

/// Which lease is asked for, and for which site.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest<'a> {
    pub site: &'a SiteName,
    pub places: &'a SitePlaces,
    pub database: &'a Path,
    /// The fingerprint of the definition that the site runs.
    pub fingerprint: &'a str,
    /// The site lives and has lost its keeper: the lease is taken only if nobody else has had it since.
    pub again: bool,
}

/// A keeper that is to take the lease, or has it. It lives on when this value is dropped.
#[derive(Debug)]
pub struct Taking {
    child: Child,
    keeper: Identity,
    socket: UnixStream,
    received: Vec<u8>,
    waits_for: WaitsFor,
}

/// The cause of a keeper's wait.
#[derive(Debug, PartialEq, Eq)]
enum WaitsFor {
    /// It has not looked at the lock yet.
    Disk,
    /// For the lock, which this owner holds; None: the record names none.
    Owner(Option<Box<Owner>>),
}

impl Taking {
    /// Starts the keeper, which carries the site's mark in its environment. Touches no disk of the site.
    ///
    /// # Errors
    /// `KeeperNotStarted`.
    pub fn begin(request: &LeaseRequest<'_>) -> Result<Self, NotTaken> {
        let failed = |error: &dyn std::fmt::Display| NotTaken::KeeperNotStarted(error.to_string());
        let (socket, other) = UnixStream::pair().map_err(|e| failed(&e))?;
        socket.set_nonblocking(true).map_err(|e| failed(&e))?;
        let (node, home) = (node::name(), home_of(request.places));
        let mut words = vec![
            OsStr::new("siteward"),
            OsStr::new("keep-lease"),
            OsStr::new(request.site.as_str()),
            request.database.as_os_str(),
            OsStr::new(request.fingerprint),
            OsStr::new(&node),
            OsStr::new("--home"),
            OsStr::new(&home),
        ];
        if request.again {
            words.push(OsStr::new("--again"));
        }
        let mut mark = format!("{MARK}=").into_bytes();
        mark.extend(mark_entry(request.places, LEASE));
        let mark = CString::new(mark).into_iter().collect();
        let command = Command::plain(own_program::program(), &words, mark, other.as_fd());
        let child = spawn::spawn(&command).map_err(|error| failed(&error))?;
        // The child is not reaped yet, so the number is its own.
        let keeper = Identity::of(child.pid).ok_or_else(|| failed(&"/proc is not mounted"))?;
        Ok(Self { child, keeper, socket, received: Vec::new(), waits_for: WaitsFor::Disk })
    }

    pub fn keeper(&self) -> &Identity {
        &self.keeper
    }

    /// Whether the lease was taken; None: not decided yet. Never waits.
    pub fn outcome(&mut self) -> Option<Result<Taken, NotTaken>> {
        loop {
            return Some(match self.message()? {
                Ok(KeeperMessage::Taken(taken)) => Ok(taken),
                Ok(KeeperMessage::Failed(why)) => Err(NotTaken::Failed(why)),
                Ok(KeeperMessage::Waiting(owner)) => {
                    self.waits_for = WaitsFor::Owner(owner.map(Box::new));
                    continue;
                }
                Ok(KeeperMessage::Settled) => continue,
                Err(error) => Err(error),
            });
        }
    }

    /// The next message of the keeper; None: there is none yet.
    fn message(&mut self) -> Option<Result<KeeperMessage, NotTaken>> {
        loop {
            if let Some(end) = self.received.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let text = || String::from_utf8_lossy(&line).trim().to_owned();
                return Some(serde_json::from_slice(&line).map_err(|_| NotTaken::Failed(text())));
            }
            let mut chunk = [0u8; 4096];
            match self.socket.read(&mut chunk) {
                Ok(n) if n > 0 => self.received.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    return Some(Err(match self.child.report.outcome() {
                        Some(Err(error)) => NotTaken::Failed(format!("its keeper {error}")),
                        _ => NotTaken::KeeperEnded("its keeper ended without an answer".to_owned()),
                    }));
                }
            }
        }
    }

    /// Why the lease is not taken when the time is over.
    pub fn late(&self) -> NotTaken {
        match &self.waits_for {
            WaitsFor::Owner(Some(owner)) => NotTaken::HeldBy(owner.clone()),
            WaitsFor::Owner(None) => NotTaken::HeldBySomebody,
            WaitsFor::Disk => NotTaken::DiskSilent,
        }
    }

    /// Waits until `answer` has one, until `deadline`, or until `cut` is readable.
    fn wait<T>(
        &mut self,
        deadline: Moment,
        cut: Option<BorrowedFd<'_>>,
        answer: impl Fn(&mut Self) -> Option<Result<T, NotTaken>>,
    ) -> Result<T, NotTaken> {
        loop {
            if let Some(answer) = answer(self) {
                return answer;
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

    /// The unclean end is repaired, or needs no repair. When this returns, the record says so.
    ///
    /// # Errors
    /// It could not be written until `deadline`, or `cut` became readable: the repair is still owed.
    pub fn repaired(
        &mut self,
        deadline: Moment,
        cut: Option<BorrowedFd<'_>>,
    ) -> Result<(), NotTaken> {
        self.waits_for = WaitsFor::Disk;
        let mut socket = &self.socket;
        socket.write_all(REPAIRED).map_err(|error| {
            NotTaken::KeeperEnded(format!("its keeper does not listen: {error}"))
        })?;
        self.wait(deadline, cut, |taking| {
            Some(match taking.message()? {
                Ok(KeeperMessage::Settled) => Ok(()),
                Ok(KeeperMessage::Failed(why)) => Err(NotTaken::Failed(why)),
                Ok(KeeperMessage::Taken(_) | KeeperMessage::Waiting(_)) => return None,
                Err(error) => Err(error),
            })
        })
    }

    /// Ends the keeper; it releases the lease if it has it.
    fn give_up(self) {
        let handle = &self.child.handle;
        let _ = end(|| Ok((!handle.is_dead()).then_some(handle)), GIVE_UP, None);
        // A keeper that hangs on the disk is not waited for.
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

/// How long a keeper that waited in vain may take to end.
const GIVE_UP: Duration = Duration::from_millis(200);

/// Takes the lease, waiting for it until `deadline`, or until `cut` is readable. The keeper lives on.
///
/// # Errors
/// The lease is not taken, and no keeper is left.
pub fn take(
    request: &LeaseRequest<'_>,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(Taking, Taken), NotTaken> {
    let mut taking = Taking::begin(request)?;
    match taking.wait(deadline, cut, Taking::outcome) {
        Ok(taken) => Ok((taking, taken)),
        Err(why) => {
            taking.give_up();
            Err(why)
        }
    }
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
        (Taking { child, keeper, socket, received: Vec::new(), waits_for: WaitsFor::Disk }, other)
    }

    fn soon() -> Moment {
        Moment::now() + Duration::from_millis(50)
    }

    fn late() -> Moment {
        Moment::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_wait_for_the_lease_ends_with_its_deadline_or_when_it_is_interrupted() {
        let (mut taking, mut says) = keeper();
        let missed = taking.wait(soon(), None, Taking::outcome);
        assert_eq!(missed, Err(NotTaken::DiskSilent));
        assert_eq!(NotTaken::DiskSilent.to_string(), "the disk does not answer");
        says.write_all(b"{\"waiting\":null}\n").unwrap();
        let missed = taking.wait(soon(), None, Taking::outcome);
        assert_eq!(missed, Err(NotTaken::HeldBySomebody));
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
    fn a_repair_counts_once_the_keeper_has_recorded_it() {
        let (mut taking, mut says) = keeper();
        assert!(taking.repaired(soon(), None).is_err(), "it has not answered");
        let mut heard = [0u8; 9];
        says.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, REPAIRED);
        says.write_all(b"{\"failed\":\"the disk is gone\"}\n").unwrap();
        let refused = taking.repaired(late(), None);
        assert_eq!(refused, Err(NotTaken::Failed("the disk is gone".to_owned())));
        says.write_all(b"\"settled\"\n").unwrap();
        assert_eq!(taking.repaired(late(), None), Ok(()));
        drop(says);
        assert!(matches!(taking.repaired(late(), None), Err(NotTaken::KeeperEnded(_))));
        taking.give_up();
    }

    #[test]
    fn a_keeper_that_ends_without_an_answer_is_told_as_that() {
        let (mut taking, says) = keeper();
        drop(says);
        assert!(matches!(
            taking.wait(late(), None, Taking::outcome),
            Err(NotTaken::KeeperEnded(_))
        ));
        taking.give_up();
        // Its end with words of ours unread is an error of the connection (ECONNRESET).
        let (mut taking, says) = keeper();
        assert!(taking.repaired(soon(), None).is_err(), "it has not answered");
        drop(says);
        assert!(matches!(
            taking.wait(late(), None, Taking::outcome),
            Err(NotTaken::KeeperEnded(_))
        ));
        taking.give_up();
    }

    #[test]
    fn a_keeper_whose_program_cannot_be_executed_says_so() {
        let (socket, other) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let words = ["none"].map(OsStr::new);
        let program = Command::candidates(OsStr::new("/nowhere/none"), "");
        let command = Command::plain(program, &words, Vec::new(), other.as_fd());
        let child = spawn::spawn(&command).unwrap();
        drop(other);
        let keeper = Identity::nobody();
        let mut taking =
            Taking { child, keeper, socket, received: Vec::new(), waits_for: WaitsFor::Disk };
        let failed = taking.wait(late(), None, Taking::outcome);
        assert!(
            matches!(&failed, Err(NotTaken::Failed(why)) if why.contains("could not execute")),
            "{failed:?}"
        );
        taking.give_up();
    }

    #[test]
    fn the_wait_for_the_end_of_a_keeper_can_be_interrupted() {
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
