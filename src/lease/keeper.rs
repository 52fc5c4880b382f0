//! In the keeper's own process: taking the lease, keeping it, and letting it go.
//!
//! Promises: the record is written before the lease is said to be had, and before it is let go; what
//! another owner wrote is not written over. Must never: be waited for without a deadline, as its disk
//! may hang.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{Found, Held, Owner, Place, UncleanEnd};
use super::{REPAIRED, Taken, Word};
use crate::linux::clock::WallTime;
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::linux::{BootId, inherit};
use crate::site::{SiteName, on_database};
use crate::values::{Moment, Signal};

/// What a keeper is told.
#[derive(Debug)]
pub struct Order {
    pub site: SiteName,
    pub database: PathBuf,
    pub fingerprint: String,
    pub node: String,
    /// Of the site, as in [`Owner`]; empty: not said.
    pub home: String,
    /// For a site that lives, whose keeper has ended: only if nobody had the lease since.
    pub again: bool,
}

/// Between two attempts at the lock: nothing tells of its release on every file system.
const PACE: Duration = Duration::from_millis(50);

/// The same for a site that lives and lost its keeper.
const PACE_AGAIN: Duration = Duration::from_millis(5);

/// How long a lock must be seen free where its owner never let go: a supervisor that lives there, and
/// has lost its keeper, takes it again first.
const GRACE: Duration = Duration::from_millis(500);

/// Takes the lease, says so, and keeps it until TERM.
pub fn keep(order: &Order) -> bool {
    let Ok(inbox) = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP]) else { return false };
    // As the supervisor's, where that is allowed: what it keeps is worth more than its memory.
    let _ = inherit::set_oom_score(-1000);
    let _ = inherit::lock_memory();
    let Ok(mut starter) = Starter::of_this_process() else { return false };
    match take(order, &inbox, &mut starter) {
        Ok(Some(tenure)) => tenure.last(&inbox, starter),
        Ok(None) => true,
        Err(why) => {
            starter.say(&Word::Failed(why));
            false
        }
    }
}

/// Whoever started this keeper, as long as it listens.
struct Starter(Option<File>);

impl Starter {
    /// The standard output is a socket of its; nothing of it may stay open once it is gone.
    fn of_this_process() -> io::Result<Self> {
        let socket = io::stdout().as_fd().try_clone_to_owned()?;
        let null = File::options().read(true).write(true).open("/dev/null")?.into();
        inherit::replace_standard_streams(&null, &null)?;
        Ok(Self(Some(socket.into())))
    }

    fn say(&mut self, word: &Word) {
        let mut line = serde_json::to_vec(word).unwrap_or_default();
        line.push(b'\n');
        if let Some(socket) = &mut self.0 {
            let _ = socket.write_all(&line);
        }
    }

    /// Whether it has said that the repair ended well; it is there to be read, or at its end.
    fn hear(&mut self) -> bool {
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

/// The lease, once it is had.
struct Tenure {
    place: Place,
    held: Held,
    owner: Owner,
}

/// What is to be done with a lock that was just had.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Take,
    /// As it was: nobody had it since.
    TakeAgain(Owner),
    /// Its owner may live, and take it again.
    LeaveAlone,
    Refuse(String),
}

/// By what the record says. `left_alone`: the same was found before, and nobody has had the lock since.
fn judge(order: &Order, boot: &BootId, found: &Found, left_alone: bool) -> Verdict {
    let is_ours = |owner: &Owner| owner.is_of(&order.node, boot, &order.home);
    match found {
        Found::Nothing => Verdict::Take,
        Found::Owner(owner) if order.again => match is_ours(owner) {
            true => Verdict::TakeAgain(Owner { released: false, ..owner.clone() }),
            false => Verdict::Refuse(had_by(owner)),
        },
        Found::Unreadable if order.again => Verdict::Refuse(
            "its owner's record cannot be read, so that somebody may have had it".to_owned(),
        ),
        // Whoever starts the site here has seen that no supervisor of it lives here.
        Found::Owner(owner) if owner.released || is_ours(owner) || left_alone => Verdict::Take,
        Found::Unreadable if left_alone => Verdict::Take,
        Found::Owner(_) | Found::Unreadable => Verdict::LeaveAlone,
    }
}

fn had_by(owner: &Owner) -> String {
    format!("the node `{}` took it, at {}", owner.node, owner.since)
}

fn take(order: &Order, inbox: &Inbox, starter: &mut Starter) -> Result<Option<Tenure>, String> {
    let folder = on_database(&order.database);
    let at = |error: io::Error| format!("{} cannot be used: {error}", folder.display());
    if !order.database.is_dir() {
        return Err("it is not a folder on this node; mount its disk, or make it".to_owned());
    }
    let boot = BootId::current().map_err(|e| format!("/proc is not mounted: {e}"))?;
    let mut said = false;
    // What was found when the lock was first seen free, and when that was.
    let mut left_alone: Option<(Found, Moment)> = None;
    loop {
        // Opened anew each time: what bears the name now is what everybody else asks for.
        let place = Place::open(&order.database, true).map_err(at)?;
        let pause = match place.lock().map_err(at)? {
            Some(held) => {
                let found = place.read().map_err(at)?;
                let same = left_alone.as_ref().filter(|(before, _)| *before == found);
                let since = same.map(|(_, since)| *since);
                let is_over = since.is_some_and(|since| (since + GRACE).passed());
                match judge(order, &boot, &found, is_over) {
                    Verdict::Take => {
                        let since = WallTime::now();
                        return begin(order, boot, since, place, held, &found, starter)
                            .map(Some)
                            .map_err(at);
                    }
                    Verdict::TakeAgain(owner) => {
                        return resume(owner, place, held, &found, starter).map(Some).map_err(at);
                    }
                    Verdict::LeaveAlone => {
                        left_alone = Some((found, since.unwrap_or_else(Moment::now)));
                        PACE
                    }
                    Verdict::Refuse(why) => return Err(why),
                }
            }
            None => {
                left_alone = None;
                let owner = place.read().map_err(at)?.owner();
                let another = |o: &&Owner| !o.is_of(&order.node, &boot, &order.home);
                if let Some(owner) = owner.as_ref().filter(another).filter(|_| order.again) {
                    return Err(had_by(owner));
                }
                if !said {
                    starter.say(&Word::Waiting(owner));
                    said = true;
                }
                if order.again { PACE_AGAIN } else { PACE }
            }
        };
        let until = Moment::now() + pause;
        while !until.passed() {
            // Whoever does not listen any more has no use for it.
            let Some(socket) = &starter.0 else { return Ok(None) };
            let mut waiting = Waiting::new();
            waiting.readable(inbox.as_fd(), false);
            waiting.readable(socket.as_fd(), true);
            if waiting.wait(Some(until)).contains(&true) {
                starter.hear();
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
    place: Place,
    held: Held,
    before: &Found,
    starter: &mut Starter,
) -> io::Result<Tenure> {
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
    let recorded = place.write(&owner)?;
    let other_definition = match before {
        Found::Owner(before) => Some(before.fingerprint.clone()),
        Found::Nothing | Found::Unreadable => None,
    };
    starter.say(&Word::Taken(Taken {
        unclean: owner.owes.clone(),
        other_definition: other_definition.filter(|f| *f != owner.fingerprint),
        recorded,
    }));
    Ok(Tenure { place, held, owner })
}

/// Nothing is written where nothing has changed: the disk may be full.
fn resume(
    owner: Owner,
    place: Place,
    held: Held,
    before: &Found,
    starter: &mut Starter,
) -> io::Result<Tenure> {
    let unchanged = matches!(before, Found::Owner(before) if *before == owner);
    let recorded = unchanged || place.write(&owner)?;
    let unclean = owner.owes.clone();
    starter.say(&Word::Taken(Taken { unclean, other_definition: None, recorded }));
    Ok(Tenure { place, held, owner })
}

impl Tenure {
    /// Keeps the lease until it is told to end.
    fn last(mut self, inbox: &Inbox, mut starter: Starter) -> bool {
        while inbox.next().is_none() {
            let mut waiting = Waiting::new();
            waiting.readable(inbox.as_fd(), false);
            if let Some(socket) = &starter.0 {
                waiting.readable(socket.as_fd(), true);
            }
            if waiting.wait(None).contains(&true) && starter.hear() {
                let word = match self.settle() {
                    Ok(()) => Word::Settled,
                    Err(error) => Word::Failed(format!("the record cannot be written: {error}")),
                };
                starter.say(&word);
            }
        }
        self.release().is_ok()
    }

    /// What was owed is repaired.
    fn settle(&mut self) -> io::Result<()> {
        let settled = Owner { owes: None, ..self.owner.clone() };
        self.place.write(&settled)?;
        self.owner = settled;
        Ok(())
    }

    fn release(&self) -> io::Result<()> {
        if !self.is_ours()? {
            return Ok(());
        }
        let written = self.place.write(&Owner { released: true, ..self.owner.clone() })?;
        match written || self.owner.owes.is_some() {
            true => Ok(()),
            false => self.place.forget(),
        }
    }

    /// Nobody has broken the lease, and nobody else has written.
    fn is_ours(&self) -> io::Result<bool> {
        if !self.place.has(&self.held)? {
            return Ok(false);
        }
        Ok(match self.place.read()? {
            Found::Owner(there) => {
                there.is_of(&self.owner.node, &self.owner.boot, &self.owner.home)
                    && there.since == self.owner.since
            }
            Found::Nothing | Found::Unreadable => true,
        })
    }
}

/// What a record is marked as that its owner did not mark itself.
#[derive(Clone, Debug)]
pub enum Settling {
    /// This node wrote it and holds the lease no more: its keeper was killed. `clean`: the site ended
    /// as it should all the same.
    Own { node: String, home: String, clean: bool },
    /// A person takes the lease away from whoever wrote it.
    Broken,
}

/// Marks the record as released. Complaints go to standard output.
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
    // Where there is no folder of ours, there is no record of ours.
    let Ok(place) = Place::open(database, false) else { return Ok(()) };
    let unreadable = |error: io::Error| format!("the record cannot be read: {error}");
    let lock = match how {
        Settling::Own { .. } => match place.lock() {
            Ok(Some(held)) => Some(held),
            Ok(None) | Err(_) => return Ok(()),
        },
        Settling::Broken => {
            place
                .set_lock_aside()
                .map_err(|error| format!("the lock cannot be set aside: {error}"))?;
            None
        }
    };
    let found = place.read().map_err(unreadable)?;
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
    place.write(&after).map_err(|error| format!("the record cannot be written: {error}"))?;
    drop(lock);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(again: bool) -> Order {
        Order {
            site: "shop".parse().unwrap(),
            database: PathBuf::from("/disk"),
            fingerprint: "f".to_owned(),
            node: "alpha".to_owned(),
            home: "/run/one".to_owned(),
            again,
        }
    }

    fn owner(node: &str, home: &str, released: bool) -> Owner {
        Owner {
            released,
            owes: None,
            site: "shop".parse().unwrap(),
            node: node.to_owned(),
            boot: BootId::none(),
            since: WallTime::now(),
            home: home.to_owned(),
            fingerprint: "f".to_owned(),
        }
    }

    fn verdict(order: &Order, found: &Found, left_alone: bool) -> Verdict {
        judge(order, &BootId::none(), found, left_alone)
    }

    #[test]
    fn a_free_lock_whose_owner_never_let_go_is_left_alone_once() {
        let start = order(false);
        for there in [owner("beta", "", false), owner("alpha", "/run/two", false)] {
            let found = Found::Owner(there);
            assert_eq!(verdict(&start, &found, false), Verdict::LeaveAlone);
            assert_eq!(verdict(&start, &found, true), Verdict::Take);
        }
        assert_eq!(verdict(&start, &Found::Unreadable, false), Verdict::LeaveAlone);
        assert_eq!(verdict(&start, &Found::Unreadable, true), Verdict::Take);
        for there in [owner("beta", "/run/two", true), owner("alpha.net", "/run/one", false)] {
            assert_eq!(verdict(&start, &Found::Owner(there), false), Verdict::Take);
        }
        assert_eq!(verdict(&start, &Found::Nothing, false), Verdict::Take);
    }

    #[test]
    fn a_lease_is_taken_again_only_if_nobody_had_it_since() {
        let again = order(true);
        for released in [true, false] {
            let ours = owner("alpha", "/run/one", released);
            let wanted = Verdict::TakeAgain(Owner { released: false, ..ours.clone() });
            assert_eq!(verdict(&again, &Found::Owner(ours), false), wanted);
            for other in [owner("beta", "", released), owner("alpha", "/run/two", released)] {
                let there = Found::Owner(other);
                assert!(matches!(verdict(&again, &there, true), Verdict::Refuse(_)));
            }
        }
        assert!(matches!(verdict(&again, &Found::Unreadable, true), Verdict::Refuse(_)));
        assert_eq!(verdict(&again, &Found::Nothing, false), Verdict::Take);
    }
}
