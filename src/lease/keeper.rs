//! The keeper's own process: it takes the lease, keeps it, and releases it.
//!
//! Promises: the record is written before the keeper says that it has the lease, and before it releases
//! it; a record of another owner is not overwritten. Must never: be waited for without a deadline,
//! because its disk may hang.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::messages::{KeeperMessage, REPAIRED, Taken};
use super::record::{LeaseFolder, LeaseLock, Owner, OwnerRecord, UncleanEnd};
use crate::linux::clock::WallTime;
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::linux::{BootId, inherit};
use crate::site::{SiteName, on_database};
use crate::values::{Moment, Signal};

/// The arguments of a keeper.
#[derive(Debug)]
pub struct Order {
    pub site: SiteName,
    pub database: PathBuf,
    pub fingerprint: String,
    pub node: String,
    /// As in [`Owner`]; empty: not known.
    pub home: String,
    /// The site lives and its keeper has ended: the lease is taken only if nobody else has had it since.
    pub again: bool,
}

/// Between two attempts at the lock: its release sends no event.
const PACE: Duration = Duration::from_millis(50);

/// The same for a site that lives and lost its keeper.
const PACE_AGAIN: Duration = Duration::from_millis(5);

/// How long a lock must be free before it is taken from an owner that did not release it. A supervisor
/// that lives there and has lost its keeper takes it again within this time.
const GRACE: Duration = Duration::from_millis(500);

/// Takes the lease, says so, and keeps it until TERM. False: it failed.
pub fn keep(order: &Order) -> bool {
    let Ok(inbox) = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP]) else { return false };
    // Protected from the OOM killer as the supervisor is, where that is allowed: the site ends without
    // its lease.
    let _ = inherit::set_oom_score(-1000);
    let _ = inherit::lock_memory();
    let Ok(mut requester) = Requester::of_this_process() else { return false };
    match take(order, &inbox, &mut requester) {
        Ok(Some(lease)) => lease.keep(&inbox, requester),
        Ok(None) => true,
        Err(why) => {
            requester.say(&KeeperMessage::Failed(why));
            false
        }
    }
}

/// The process that started this keeper; None once it has closed the connection.
struct Requester(Option<File>);

impl Requester {
    /// Its socket is this process's standard output and error, which are closed with it later.
    fn of_this_process() -> io::Result<Self> {
        let socket = io::stdout().as_fd().try_clone_to_owned()?;
        let null = File::options().read(true).write(true).open("/dev/null")?.into();
        inherit::replace_standard_streams(&null, &null)?;
        Ok(Self(Some(socket.into())))
    }

    fn say(&mut self, word: &KeeperMessage) {
        let mut line = serde_json::to_vec(word).unwrap_or_default();
        line.push(b'\n');
        if let Some(socket) = &mut self.0 {
            let _ = socket.write_all(&line);
        }
    }

    /// Whether it says that the repair has succeeded. To be called when the socket is readable.
    fn reports_repair(&mut self) -> bool {
        let Some(socket) = &mut self.0 else { return false };
        let mut said = [0u8; REPAIRED.len()];
        match socket.read(&mut said) {
            Ok(n) if n > 0 => said == *REPAIRED,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                false
            }
            Ok(_) | Err(_) => {
                self.0 = None;
                false
            }
        }
    }
}

/// The lease: its lock is held, and its record is written.
struct LockedLease {
    folder: LeaseFolder,
    lock: LeaseLock,
    owner: Owner,
}

/// The decision about a lock that was free.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Take,
    /// Nobody else has had it since: the record stays this owner's.
    TakeAgain(Owner),
    /// Its owner may live and take it again, so it gets time for that.
    LeaveAlone,
    Refuse(String),
}

/// Decides by the record. `left_alone`: it got that time, and the record is still the same.
fn decide(order: &Order, boot: &BootId, found: &OwnerRecord, left_alone: bool) -> Decision {
    let is_ours = |owner: &Owner| owner.is_of(&order.node, boot, &order.home);
    match found {
        OwnerRecord::Absent => Decision::Take,
        OwnerRecord::Owner(owner) if order.again => match is_ours(owner) {
            true => Decision::TakeAgain(Owner { released: false, ..owner.clone() }),
            false => Decision::Refuse(taken_by(owner)),
        },
        OwnerRecord::Unreadable if order.again => Decision::Refuse(
            "its record cannot be read, so another owner may have had it".to_owned(),
        ),
        // A start has seen that no supervisor of the site lives on this node.
        OwnerRecord::Owner(owner) if owner.released || is_ours(owner) || left_alone => {
            Decision::Take
        }
        OwnerRecord::Unreadable if left_alone => Decision::Take,
        OwnerRecord::Owner(_) | OwnerRecord::Unreadable => Decision::LeaveAlone,
    }
}

fn taken_by(owner: &Owner) -> String {
    format!("the node `{}` took it, at {}", owner.node, owner.since)
}

fn take(
    order: &Order,
    inbox: &Inbox,
    requester: &mut Requester,
) -> Result<Option<LockedLease>, String> {
    let folder = on_database(&order.database);
    let at = |error: io::Error| format!("{} cannot be used: {error}", folder.display());
    if !order.database.is_dir() {
        return Err("it is not a folder on this node; mount its disk, or create it".to_owned());
    }
    let boot = BootId::current().map_err(|e| format!("/proc is not mounted: {e}"))?;
    let mut has_said_so = false;
    // The record when the lock was first seen free, and when that was.
    let mut left_alone: Option<(OwnerRecord, Moment)> = None;
    loop {
        // Opened anew each time: others ask for the file that has the name now.
        let folder = LeaseFolder::open(&order.database, true).map_err(at)?;
        let pause = match folder.lock().map_err(at)? {
            Some(lock) => {
                let found = folder.read().map_err(at)?;
                let same = left_alone.as_ref().filter(|(before, _)| *before == found);
                let since = same.map(|(_, since)| *since);
                let is_over = since.is_some_and(|since| (since + GRACE).passed());
                match decide(order, &boot, &found, is_over) {
                    Decision::Take => {
                        let since = WallTime::now();
                        return begin(order, boot, since, folder, lock, &found, requester)
                            .map(Some)
                            .map_err(at);
                    }
                    Decision::TakeAgain(owner) => {
                        return take_again(owner, folder, lock, &found, requester)
                            .map(Some)
                            .map_err(at);
                    }
                    Decision::LeaveAlone => {
                        left_alone = Some((found, since.unwrap_or_else(Moment::now)));
                        PACE
                    }
                    Decision::Refuse(why) => return Err(why),
                }
            }
            None => {
                left_alone = None;
                let owner = folder.read().map_err(at)?.owner();
                let another = |o: &&Owner| !o.is_of(&order.node, &boot, &order.home);
                if let Some(owner) = owner.as_ref().filter(another).filter(|_| order.again) {
                    return Err(taken_by(owner));
                }
                if !has_said_so {
                    requester.say(&KeeperMessage::Waiting(owner));
                    has_said_so = true;
                }
                if order.again { PACE_AGAIN } else { PACE }
            }
        };
        let until = Moment::now() + pause;
        while !until.passed() {
            // A requester that has gone needs no lease.
            let Some(socket) = &requester.0 else { return Ok(None) };
            let mut waiting = Waiting::new();
            waiting.readable(inbox.as_fd(), false);
            waiting.readable(socket.as_fd(), true);
            if waiting.wait(Some(until)).contains(&true) {
                requester.reports_repair();
            }
            if inbox.next().is_some() {
                return Ok(None);
            }
        }
    }
}

fn begin(
    order: &Order,
    boot: BootId,
    since: WallTime,
    folder: LeaseFolder,
    lock: LeaseLock,
    before: &OwnerRecord,
    requester: &mut Requester,
) -> io::Result<LockedLease> {
    let owner = Owner {
        released: false,
        owes: before.owes(),
        site: order.site.clone(),
        node: order.node.clone(),
        boot,
        since,
        home: order.home.clone(),
        fingerprint: order.fingerprint.clone(),
    };
    let recorded = folder.write(&owner)?;
    let other_definition = match before {
        OwnerRecord::Owner(before) => Some(before.fingerprint.clone()),
        OwnerRecord::Absent | OwnerRecord::Unreadable => None,
    };
    requester.say(&KeeperMessage::Taken(Taken {
        unclean: owner.owes.clone(),
        other_definition: other_definition.filter(|f| *f != owner.fingerprint),
        recorded,
    }));
    Ok(LockedLease { folder, lock, owner })
}

/// The record is written only if it changes: the disk may be full.
fn take_again(
    owner: Owner,
    folder: LeaseFolder,
    lock: LeaseLock,
    before: &OwnerRecord,
    requester: &mut Requester,
) -> io::Result<LockedLease> {
    let unchanged = matches!(before, OwnerRecord::Owner(before) if *before == owner);
    let recorded = unchanged || folder.write(&owner)?;
    let unclean = owner.owes.clone();
    requester.say(&KeeperMessage::Taken(Taken { unclean, other_definition: None, recorded }));
    Ok(LockedLease { folder, lock, owner })
}

impl LockedLease {
    /// Keeps the lease until a signal says to end, then releases it. False: that failed.
    fn keep(mut self, inbox: &Inbox, mut requester: Requester) -> bool {
        while inbox.next().is_none() {
            let mut waiting = Waiting::new();
            waiting.readable(inbox.as_fd(), false);
            if let Some(socket) = &requester.0 {
                waiting.readable(socket.as_fd(), true);
            }
            if waiting.wait(None).contains(&true) && requester.reports_repair() {
                let word = match self.settle() {
                    Ok(()) => KeeperMessage::Settled,
                    Err(error) => {
                        KeeperMessage::Failed(format!("the record cannot be written: {error}"))
                    }
                };
                requester.say(&word);
            }
        }
        self.release().is_ok()
    }

    /// Records that the unclean end is repaired.
    fn settle(&mut self) -> io::Result<()> {
        let settled = Owner { owes: None, ..self.owner.clone() };
        self.folder.write(&settled)?;
        self.owner = settled;
        Ok(())
    }

    fn release(&self) -> io::Result<()> {
        if !self.is_ours()? {
            return Ok(());
        }
        let written = self.folder.write(&Owner { released: true, ..self.owner.clone() })?;
        match written || self.owner.owes.is_some() {
            true => Ok(()),
            false => self.folder.remove(),
        }
    }

    /// Whether lock and record are still this keeper's: nobody has broken the lease.
    fn is_ours(&self) -> io::Result<bool> {
        if !self.folder.has(&self.lock)? {
            return Ok(false);
        }
        Ok(match self.folder.read()? {
            OwnerRecord::Owner(there) => {
                there.is_of(&self.owner.node, &self.owner.boot, &self.owner.home)
                    && there.since == self.owner.since
            }
            OwnerRecord::Absent | OwnerRecord::Unreadable => true,
        })
    }
}

/// How the record of an owner is marked that did not mark it itself.
#[derive(Clone, Debug)]
pub enum Settling {
    /// This node wrote it, and its keeper was killed. `clean`: the site was stopped nevertheless.
    Own { node: String, home: String, clean: bool },
    /// A person takes the lease away from its owner.
    Broken,
}

/// Marks the record as released. Errors are printed on standard output.
pub fn settle_here(database: &Path, how: &Settling) -> bool {
    match settle(database, how) {
        Ok(()) => true,
        Err(why) => {
            let _ = writeln!(io::stdout(), "{why}");
            false
        }
    }
}

fn settle(database: &Path, how: &Settling) -> Result<(), String> {
    // Without the folder there is no record.
    let Ok(folder) = LeaseFolder::open(database, false) else { return Ok(()) };
    let unreadable = |error: io::Error| format!("the record cannot be read: {error}");
    let lock = match how {
        Settling::Own { .. } => match folder.lock() {
            Ok(Some(held)) => Some(held),
            Ok(None) | Err(_) => return Ok(()),
        },
        Settling::Broken => {
            folder
                .set_lock_aside()
                .map_err(|error| format!("the lock file cannot be renamed: {error}"))?;
            None
        }
    };
    let found = folder.read().map_err(unreadable)?;
    let owes = found.owes();
    let Some(before) = found.owner().filter(|owner| !owner.released) else { return Ok(()) };
    let own = UncleanEnd::At { node: before.node.clone(), since: before.since };
    let after = match how {
        Settling::Own { node, home, clean } => {
            let boot = BootId::current().map_err(|e| format!("/proc is not mounted: {e}"))?;
            if !before.is_of(node, &boot, home) {
                return Ok(());
            }
            let left = if *clean { None } else { Some(own) };
            Owner { released: true, owes: before.owes.clone().or(left), ..before }
        }
        Settling::Broken => Owner { released: true, owes, ..before },
    };
    folder.write(&after).map_err(|error| format!("the record cannot be written: {error}"))?;
    drop(lock);
    Ok(())
}

#[cfg(test)]
mod tests;
