//! The keeper of the database's lease, watched: a site never runs on without it.
//!
//! Promises: the keeper's death is told by its handle, at once; the lease is then taken again by a new
//! keeper, if nobody had it since, while the loop goes on. Must never: touch the site's database, or
//! wait for a keeper while the loop waits for nothing else.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use super::event_loop::Supervisor;
use super::machine::{Desired, Event};
use crate::history;
use crate::lease::{self, LeaseRequest, NotTaken, Taking};
use crate::linux::PidFd;
use crate::process::Identity;
use crate::site::{Definition, SitePlaces};
use crate::values::ExitStatus;
use crate::values::{Moment, Pid};

/// How long a lease may be without a keeper before the site is given up.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a supervisor that was given no keeper waits for the lease before it starts anything.
const FIRST: Duration = Duration::from_secs(5);

/// Between two keepers that are started while one after the other dies.
const PACE: Duration = Duration::from_millis(100);

/// The lease, as the supervisor sees it.
#[derive(Debug)]
pub(super) enum Lease {
    /// The site has no database, or a supervisor of its own, which this one stands in for at rest.
    NotNeeded,
    Kept {
        keeper: Identity,
        handle: PidFd,
    },
    /// Its keeper has ended, and another is to take it by then.
    Wanted {
        /// None: the last one that was started has ended too.
        taking: Option<Box<Taking>>,
        /// When the last one was started.
        begun: Moment,
        until: Moment,
    },
    /// The site ends for it, for this reason.
    Lost(String),
}

/// A keeper that was started here, as long as the supervisor is not at work: it is ended with this.
#[derive(Debug)]
pub(super) struct OwnKeeper(Option<Identity>);

impl OwnKeeper {
    /// The supervisor is at work.
    pub(super) fn stays(mut self) {
        self.0 = None;
    }
}

impl Drop for OwnKeeper {
    fn drop(&mut self) {
        if let Some(keeper) = &self.0 {
            lease::release_by(keeper, lease::PATIENCE);
        }
    }
}

impl Lease {
    /// By the keeper that was handed over, or found; where there is none the lease is taken here,
    /// before anything of the site is started. `lives`: something of it lives, and keeps its lease
    /// whatever becomes of this supervisor.
    ///
    /// # Errors
    /// A sentence: the lease is not had.
    pub(super) fn begin(
        definition: &Definition,
        places: &SitePlaces,
        handed_over: Option<Identity>,
        lives: bool,
    ) -> Result<(Self, OwnKeeper), String> {
        let claim = claim(definition, places, lives).filter(|_| definition.wrapped.is_none());
        let Some(claim) = claim else { return Ok((Self::NotNeeded, OwnKeeper(None))) };
        let kept = |keeper: Identity| match keeper.open() {
            Some(handle) => Ok(Self::Kept { keeper, handle }),
            None => Err("the keeper of the lease ended".to_owned()),
        };
        if let Some(keeper) = handed_over.or_else(|| lease::living_keeper(places)) {
            return Ok((kept(keeper)?, OwnKeeper(None)));
        }
        let (taking, taken) = lease::take(&claim, Moment::now() + FIRST, None).map_err(|why| {
            format!("the lease on {} is not had: {why}", claim.database.display())
        })?;
        let keeper = taking.keeper().clone();
        let own = OwnKeeper((!lives).then(|| keeper.clone()));
        if let (Some(end), false) = (taken.unclean, lives) {
            let name = claim.site;
            return Err(format!("`{name}` {end}; start it with: siteward start {name}"));
        }
        Ok((kept(keeper)?, own))
    }

    /// What tells that something has become of it.
    pub(super) fn voice(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Kept { handle, .. } => Some(handle.as_fd()),
            Self::Wanted { taking, .. } => taking.as_ref().map(|taking| taking.as_fd()),
            Self::NotNeeded | Self::Lost(_) => None,
        }
    }

    /// When it must be looked at again, though nobody says anything.
    pub(super) fn look_at(&self) -> Option<Moment> {
        match self {
            Self::Wanted { taking: None, begun, until } => Some((*begun + PACE).min(*until)),
            Self::Wanted { taking: Some(_), until, .. } => Some(*until),
            Self::NotNeeded | Self::Kept { .. } | Self::Lost(_) => None,
        }
    }

    /// The keeper, which may descend from this process and is none of the site's.
    pub(super) fn keeper(&self) -> Option<Pid> {
        match self {
            Self::Kept { keeper, .. } => Some(keeper.pid),
            Self::Wanted { taking, .. } => taking.as_ref().map(|taking| taking.keeper().pid),
            Self::NotNeeded | Self::Lost(_) => None,
        }
    }

    /// Why the site ends, if it ends for this.
    pub(super) fn why_lost(&self) -> Option<&str> {
        match self {
            Self::Lost(why) => Some(why),
            Self::NotNeeded | Self::Kept { .. } | Self::Wanted { .. } => None,
        }
    }
}

fn claim<'a>(
    definition: &'a Definition,
    places: &'a SitePlaces,
    again: bool,
) -> Option<LeaseRequest<'a>> {
    Some(LeaseRequest {
        site: &definition.name,
        places,
        database: definition.database.as_ref()?,
        fingerprint: &definition.fingerprint,
        again,
    })
}

/// In words, for the end of a sentence.
fn how(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("ended with exit status {code}"),
        ExitStatus::Signal(signal) => format!("was killed by {signal}"),
        ExitStatus::Untold => "has ended".to_owned(),
    }
}

impl Supervisor {
    /// Something has become of the lease, or the time has come.
    pub(super) fn look_to_lease(&mut self) {
        match &mut self.lease {
            Lease::NotNeeded | Lease::Lost(_) => {}
            Lease::Kept { keeper, handle } => {
                if handle.is_dead() {
                    let ended = how(handle.exit_status(keeper.pid));
                    let pid = keeper.pid;
                    self.begin_to_take_lease(Moment::now() + AGAIN);
                    self.tell_of_lease(&format!(
                        "the keeper {pid} of the lease {ended}; the lease is taken again"
                    ));
                }
            }
            Lease::Wanted { taking: None, begun, until } => {
                let until = *until;
                if until.passed() {
                    self.lose_lease(&NotTaken::KeepersKeepEnding);
                } else if (*begun + PACE).passed() {
                    self.begin_to_take_lease(until);
                }
            }
            Lease::Wanted { taking: Some(taking), begun, until } => {
                let (begun, until) = (*begun, *until);
                match taking.outcome() {
                    Some(Ok(_)) => self.lease_is_taken(begun, until),
                    Some(Err(NotTaken::KeeperEnded(_))) => {
                        self.lease = Lease::Wanted { taking: None, begun, until };
                    }
                    Some(Err(why)) => self.lose_lease(&why),
                    None if until.passed() => {
                        let why = taking.late();
                        self.lose_lease(&why);
                    }
                    None => {}
                }
            }
        }
    }

    fn begin_to_take_lease(&mut self, until: Moment) {
        let begun = Moment::now();
        let Some(claim) = claim(&self.definition, &self.places, true) else { return };
        // The node may be short of something for a moment.
        let taking =
            Taking::begin(&claim).inspect_err(|why| log::warn!("{why}")).ok().map(Box::new);
        self.lease = Lease::Wanted { taking, begun, until };
    }

    fn lease_is_taken(&mut self, begun: Moment, until: Moment) {
        let Lease::Wanted { taking: Some(taking), .. } = &self.lease else { return };
        let keeper = taking.keeper().clone();
        match keeper.open() {
            Some(handle) => {
                self.tell_of_lease(&format!("the lease is kept again, by {}", keeper.pid));
                self.lease = Lease::Kept { keeper, handle };
            }
            None => self.lease = Lease::Wanted { taking: None, begun, until },
        }
    }

    fn tell_of_lease(&self, words: &str) {
        log::warn!("{words}");
        history::add(&self.places.history(), "lease", words);
    }

    fn lose_lease(&mut self, why: &NotTaken) {
        let database = self.definition.database.as_deref().unwrap_or(Path::new("?"));
        let why = format!("the lease on {} was lost: {why}", database.display());
        if matches!(self.machine.desired(), Desired::Down(_)) {
            // The site ends for another reason already, and that one is told.
            self.tell_of_lease(&format!("{why}; all that lives of the site is killed"));
        }
        self.lease = Lease::Lost(why);
        self.tell(Event::LeaseLost);
    }
}
