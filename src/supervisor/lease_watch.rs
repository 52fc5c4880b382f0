//! Watches the keeper of the database's lease: a site never runs on without it.
//!
//! Promises: the death of the keeper is noticed at once, by its pidfd. A new keeper then takes the lease
//! again, if no other owner had it since, while the loop goes on. Must never: touch the site's database, or
//! block the loop.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use super::configuration::Configuration;
use super::machine::Event;
use crate::history::{self, Entry, HistoryEvent};
use crate::lease::{self, LeaseRequest, NotTaken, Taking};
use crate::linux::PidFd;
use crate::process::Identity;
use crate::site::{Definition, SitePlaces};
use crate::values::{ExitStatus, Moment, Pid};

/// How long a lease may be without a keeper before the site is given up.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a supervisor that was given no keeper waits for the lease before it starts anything.
const FIRST: Duration = Duration::from_secs(5);

/// Between the starts of two keepers, where one after the other dies.
const PACE: Duration = Duration::from_millis(100);

/// The lease, as the supervisor sees it.
#[derive(Debug)]
pub(super) enum LeaseWatch {
    /// The site has no database, or this supervisor only replaces a wrapped one during a pause.
    NotNeeded,
    Kept {
        keeper: Identity,
        handle: PidFd,
    },
    /// Its keeper has ended, and another must have taken it by `until`.
    Wanted {
        /// None: the last one that was started has ended too.
        taking: Option<Box<Taking>>,
        /// When the last one was started.
        begun: Moment,
        until: Moment,
    },
    /// The site ends for this reason.
    Lost(String),
}

/// A keeper that this supervisor started, until it is at work: dropped before that, it ends the keeper.
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

impl LeaseWatch {
    /// With the keeper that was handed over, or a living one. Where there is none, the lease is taken here,
    /// before a process of the site is started. `lives`: the site runs already, and keeps its lease if this
    /// supervisor fails.
    ///
    /// # Errors
    /// A sentence: the lease cannot be taken.
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
            format!("the lease on {} cannot be taken: {why}", claim.database.display())
        })?;
        let keeper = taking.keeper().clone();
        let own = OwnKeeper((!lives).then(|| keeper.clone()));
        if let (Some(end), false) = (taken.unclean, lives) {
            let name = claim.site;
            return Err(format!("`{name}` {end}; start it with: siteward start {name}"));
        }
        Ok((kept(keeper)?, own))
    }

    /// Readable when the keeper has ended, or has taken the lease.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Kept { handle, .. } => Some(handle.as_fd()),
            Self::Wanted { taking, .. } => taking.as_ref().map(|taking| taking.as_fd()),
            Self::NotNeeded | Self::Lost(_) => None,
        }
    }

    /// When it must be looked at again without an event.
    pub(super) fn look_at(&self) -> Option<Moment> {
        match self {
            Self::Wanted { taking: None, begun, until } => Some((*begun + PACE).min(*until)),
            Self::Wanted { taking: Some(_), until, .. } => Some(*until),
            Self::NotNeeded | Self::Kept { .. } | Self::Lost(_) => None,
        }
    }

    /// The keeper. It may be a child of the supervisor, and is no process of the site.
    pub(super) fn keeper(&self) -> Option<Pid> {
        match self {
            Self::Kept { keeper, .. } => Some(keeper.pid),
            Self::Wanted { taking, .. } => taking.as_ref().map(|taking| taking.keeper().pid),
            Self::NotNeeded | Self::Lost(_) => None,
        }
    }

    /// Why the lease was lost, if it was.
    pub(super) fn why_lost(&self) -> Option<&str> {
        match self {
            Self::Lost(why) => Some(why),
            Self::NotNeeded | Self::Kept { .. } | Self::Wanted { .. } => None,
        }
    }

    /// The keeper may have ended, or a time has come. `is_ending`: the site ends already, for another
    /// reason. Returns an event once the lease is lost.
    pub(super) fn look(&mut self, configuration: &Configuration, is_ending: bool) -> Option<Event> {
        match self {
            Self::NotNeeded | Self::Lost(_) => None,
            Self::Kept { keeper, handle } => {
                if handle.is_dead() {
                    let ended = how(handle.exit_status(keeper.pid));
                    let pid = keeper.pid;
                    self.begin_to_take(configuration, Moment::now() + AGAIN);
                    let words =
                        format!("the keeper {pid} of the lease {ended}; the lease is taken again");
                    tell(configuration, &words);
                }
                None
            }
            Self::Wanted { taking: None, begun, until } => {
                let until = *until;
                if until.passed() {
                    let why = NotTaken::KeepersKeepEnding;
                    return Some(self.lose(&why, configuration, is_ending));
                }
                if (*begun + PACE).passed() {
                    self.begin_to_take(configuration, until);
                }
                None
            }
            Self::Wanted { taking: Some(taking), begun, until } => {
                let (begun, until) = (*begun, *until);
                match taking.outcome() {
                    Some(Ok(_)) => {
                        let keeper = taking.keeper().clone();
                        self.is_taken(keeper, begun, until, configuration);
                        None
                    }
                    Some(Err(NotTaken::KeeperEnded(_))) => {
                        *self = Self::Wanted { taking: None, begun, until };
                        None
                    }
                    Some(Err(why)) => Some(self.lose(&why, configuration, is_ending)),
                    None if until.passed() => {
                        let why = taking.late();
                        Some(self.lose(&why, configuration, is_ending))
                    }
                    None => None,
                }
            }
        }
    }

    fn begin_to_take(&mut self, configuration: &Configuration, until: Moment) {
        let begun = Moment::now();
        let claim = claim(&configuration.definition, &configuration.places, true);
        let Some(claim) = claim else { return };
        // The node may lack memory or processes for a moment.
        let taking =
            Taking::begin(&claim).inspect_err(|why| log::warn!("{why}")).ok().map(Box::new);
        *self = Self::Wanted { taking, begun, until };
    }

    fn is_taken(
        &mut self,
        keeper: Identity,
        begun: Moment,
        until: Moment,
        configuration: &Configuration,
    ) {
        *self = match keeper.open() {
            Some(handle) => {
                tell(configuration, &format!("the lease is kept again, by {}", keeper.pid));
                Self::Kept { keeper, handle }
            }
            None => Self::Wanted { taking: None, begun, until },
        };
    }

    fn lose(&mut self, why: &NotTaken, configuration: &Configuration, is_ending: bool) -> Event {
        let database = configuration.definition.database.as_deref().unwrap_or(Path::new("?"));
        let why = format!("the lease on {} was lost: {why}", database.display());
        if is_ending {
            // The site's failure keeps its own reason, so that this one is told here.
            tell(configuration, &format!("{why}; all processes of the site are killed"));
        }
        *self = Self::Lost(why);
        Event::LeaseLost
    }
}

fn tell(configuration: &Configuration, words: &str) {
    log::warn!("{words}");
    history::add(&configuration.places.history(), &Entry::new(HistoryEvent::Lease, words));
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
