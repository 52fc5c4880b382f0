//! Watches what the site needs of its node: the mount of its disk and its address.
//!
//! Promises: a loss is noticed at once, as the kernel tells of each change, and confirmed by a second look, so that
//! an address that is removed and added again at once is none. Must never: touch the disk, or block the loop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::machine::Event;
use crate::control::State;
use crate::linux::addresses::AddressWatcher;
use crate::linux::mounts::{MountSource, MountTable, MountWatcher};
use crate::site::{Definition, Prerequisite};
use crate::surroundings::{CONFIRMED_AFTER, Loss, SiteDisk, address_loss, watched_address};
use crate::values::Moment;

/// How soon mounts or addresses that cannot be read are read again.
const AGAIN: Duration = Duration::from_secs(1);

/// Between two looks at the mounts, however often they change, and at a list that is being asked for.
const PACE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PrerequisiteWatch {
    disk: Option<Watched<DiskLook>>,
    address: Option<Watched<AddressLook>>,
}

/// One prerequisite that is watched.
#[derive(Debug)]
struct Watched<L> {
    look: L,
    standing: Standing,
    /// When it is looked at without an event.
    at: Option<Moment>,
}

/// What is known of it.
#[derive(Debug)]
enum Standing {
    Here,
    /// One look has not found it; the next one is at `until`.
    Doubted {
        until: Moment,
    },
    /// For this reason.
    Lost(String),
}

#[derive(Debug)]
struct DiskLook {
    disk: SiteDisk,
    watcher: MountWatcher,
    /// What was mounted when the site was started; None: any disk will do.
    expected: Option<MountSource>,
    looked: Moment,
}

#[derive(Debug)]
struct AddressLook {
    address: std::net::IpAddr,
    watcher: AddressWatcher,
}

impl PrerequisiteWatch {
    /// `expected`: what the living processes of the site have mounted.
    pub(super) fn begin(definition: &Definition, expected: Option<MountSource>) -> Self {
        // A placeholder runs nothing; the monitor looks for a wrapped supervisor.
        if definition.wrapped.is_some() {
            return Self::default();
        }
        let now = Moment::now();
        let disk = SiteDisk::of(definition).and_then(|disk| {
            let watcher = MountWatcher::new();
            let watcher = watcher.inspect_err(|error| unwatched("mounts", error)).ok()?;
            let look = DiskLook { disk, watcher, expected, looked: now };
            Some(Watched::new(look, now))
        });
        let address = watched_address(definition).and_then(|address| {
            let watcher = AddressWatcher::new(address);
            let watcher = watcher.inspect_err(|error| unwatched("addresses", error)).ok()?;
            Some(Watched::new(AddressLook { address, watcher }, now))
        });
        Self { disk, address }
    }

    /// The descriptor that has an exceptional condition when the mounts have changed.
    pub(super) fn mounts(&self) -> Option<BorrowedFd<'_>> {
        self.disk.as_ref().map(|disk| disk.look.watcher.as_fd())
    }

    /// The descriptor that is readable when the addresses have changed.
    pub(super) fn addresses(&self) -> Option<BorrowedFd<'_>> {
        self.address.as_ref().map(|address| address.look.watcher.as_fd())
    }

    /// When it must be looked at without an event.
    pub(super) fn look_at(&self) -> Option<Moment> {
        let disk = self.disk.as_ref().and_then(Watched::due);
        disk.into_iter().chain(self.address.as_ref().and_then(Watched::due)).min()
    }

    /// Why a prerequisite is lost, as a sentence.
    pub(super) fn why_lost(&self, prerequisite: Prerequisite) -> Option<&str> {
        match prerequisite {
            Prerequisite::Disk => self.disk.as_ref().and_then(Watched::why_lost),
            Prerequisite::Address => self.address.as_ref().and_then(Watched::why_lost),
        }
    }

    /// What is mounted where the site's disk must be, as the site was started with it.
    pub(super) fn disk(&self) -> Option<&MountSource> {
        self.disk.as_ref()?.look.expected.as_ref()
    }

    /// The mounts have changed.
    pub(super) fn on_mounts_changed(&mut self) {
        if let Some(disk) = &mut self.disk {
            let at = disk.look.looked + PACE;
            disk.at = Some(disk.at.map_or(at, |before| before.min(at)));
        }
    }

    /// The addresses have changed.
    pub(super) fn on_addresses_changed(&mut self) {
        if let Some(address) = &mut self.address {
            address.at = Some(Moment::now());
        }
    }

    /// Looks at what is due. `site`: the state of the site. Returns what is lost, and what is back.
    pub(super) fn look(&mut self, site: State) -> Vec<Event> {
        let now = Moment::now();
        let word = match site {
            State::Running | State::Degraded => "running",
            State::Starting => "starting",
            State::Maintenance => "paused",
            State::Stopped
            | State::StoppingOrdered
            | State::StoppingFailed
            | State::Failed
            | State::FailedWithSurvivors
            | State::Unsupervised
            | State::Unknown => "stopping",
        };
        let mut events = Vec::new();
        if let Some(disk) = &mut self.disk
            && disk.due().is_some_and(|at| at <= now)
        {
            let seen = disk.look.once(now);
            events.extend(disk.judge(Prerequisite::Disk, seen, word, now));
        }
        if let Some(address) = &mut self.address
            && address.due().is_some_and(|at| at <= now)
        {
            let seen = match address.look.watcher.look() {
                Ok(Some(presence)) => Ok(address_loss(address.look.address, presence)),
                Ok(None) => {
                    address.look_later(now + PACE);
                    return events;
                }
                Err(error) => Err(error),
            };
            events.extend(address.judge(Prerequisite::Address, seen, word, now));
        }
        events
    }
}

fn unwatched(what: &str, error: &io::Error) {
    log::warn!("the {what} of this node cannot be watched, so a loss is not noticed: {error}");
}

impl DiskLook {
    fn once(&mut self, now: Moment) -> io::Result<Option<Loss>> {
        self.looked = now;
        let table = MountTable::read()?;
        let loss = self.disk.loss(&table, self.expected.as_ref());
        if loss.is_none() && self.expected.is_none() {
            self.expected = self.disk.source(&table);
        }
        Ok(loss)
    }
}

impl<L> Watched<L> {
    fn new(look: L, now: Moment) -> Self {
        Self { look, standing: Standing::Here, at: Some(now) }
    }

    fn due(&self) -> Option<Moment> {
        let confirmed_at = match self.standing {
            Standing::Doubted { until } => Some(until),
            Standing::Here | Standing::Lost(_) => None,
        };
        self.at.into_iter().chain(confirmed_at).min()
    }

    /// It is not known now.
    fn look_later(&mut self, at: Moment) {
        self.at = Some(at);
        if let Standing::Doubted { until } = &mut self.standing {
            *until = at.max(*until);
        }
    }

    fn why_lost(&self) -> Option<&str> {
        match &self.standing {
            Standing::Lost(why) => Some(why),
            Standing::Here | Standing::Doubted { .. } => None,
        }
    }

    fn judge(
        &mut self,
        which: Prerequisite,
        seen: io::Result<Option<Loss>>,
        site: &str,
        now: Moment,
    ) -> Option<Event> {
        self.at = None;
        let loss = match seen {
            Ok(loss) => loss,
            // That it cannot be looked at says nothing of it.
            Err(error) => {
                log::warn!("what the site needs of this node cannot be looked at: {error}");
                self.look_later(now + AGAIN);
                return None;
            }
        };
        let (standing, event) = match (&self.standing, loss) {
            (Standing::Here, Some(_)) => (Standing::Doubted { until: now + CONFIRMED_AFTER }, None),
            (Standing::Doubted { until }, Some(loss)) if *until <= now => {
                (Standing::Lost(loss.sentence(site)), Some(Event::Lost(which)))
            }
            (Standing::Doubted { .. }, None) => (Standing::Here, None),
            (Standing::Lost(_), None) => (Standing::Here, Some(Event::Back(which))),
            (Standing::Here, None)
            | (Standing::Doubted { .. }, Some(_))
            | (Standing::Lost(_), Some(_)) => return None,
        };
        self.standing = standing;
        event
    }
}
