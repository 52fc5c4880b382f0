//! Mutual exclusion of starts and stops. A start is exclusive until its supervisor runs. Stops run side by
//! side, and exclude every start until they have proved their result.
//!
//! There are two locks. A stop takes the stop lock, shared with other stops, and then waits until the start
//! lock is free. A start takes the start lock, and releases it again if the stop lock is held. So at least
//! one of the two sees the other, and the start yields.
//!
//! Promises: no start launches anything while a stop runs, and a start learns in every phase of a stop that
//! was ordered after it began. Must never: let a start delay a stop by more than a part of the stop's time,
//! or let one stop wait for another.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::time::Duration;

use super::interrupts::Interrupts;
use super::starter::{FORK, kill_starter, sign, who_holds};
use crate::linux::files;
use crate::linux::lock::{self, Attempt, Lock};
use crate::linux::wait::Waiting;
use crate::site::SitePlaces;
use crate::values::Moment;

/// The interval between two attempts at a lock, whose release causes no event.
const PACE: Duration = Duration::from_millis(10);

/// The longest time that a stop waits for a start to end before it kills it.
const YIELD: Duration = Duration::from_secs(10);

/// Why a start has not got its turn.
#[derive(Debug)]
pub enum NoTurn {
    Interrupted,
    /// The runtime directory, or a lock in it, cannot be used by this user.
    Unusable(io::Error),
    /// Another verb is still running. `who` names it, with advice.
    Busy {
        what: &'static str,
        who: String,
    },
}

/// The turn of a start, which ends when it is dropped.
#[derive(Debug)]
pub struct StartTurn<'a> {
    pub interrupts: &'a Interrupts<'a>,
    lock: RefCell<Option<Lock>>,
}

impl<'a> StartTurn<'a> {
    /// Waits for the turn. A second start waits until the supervisor of the first one runs. During a stop,
    /// a start waits until the stop has ended, or gives up if the stop was ordered after the start began.
    ///
    /// # Errors
    /// See [`NoTurn`].
    pub fn take(
        places: &'a SitePlaces,
        interrupts: &'a Interrupts<'a>,
        until: Moment,
    ) -> Result<Self, NoTurn> {
        files::private_folder(&places.runtime).map_err(NoTurn::Unusable)?;
        loop {
            if interrupts.is_cut() {
                return Err(NoTurn::Interrupted);
            }
            let attempt = Lock::attempt(&places.start_lock()).map_err(NoTurn::Unusable)?;
            let (what, other) = match attempt {
                Attempt::Taken(lock) => {
                    if !lock::is_held(&places.stopping_lock()).map_err(NoTurn::Unusable)? {
                        sign(&lock);
                        interrupts.watch_orders();
                        return match interrupts.is_cut() {
                            true => Err(NoTurn::Interrupted),
                            false => Ok(Self { interrupts, lock: RefCell::new(Some(lock)) }),
                        };
                    }
                    ("a stop", places.stopping_lock())
                }
                Attempt::Held => ("another start", places.start_lock()),
            };
            if until.passed() {
                let who = who_holds(&other).unwrap_or_else(|| "wait for that".to_owned());
                return Err(NoTurn::Busy { what, who });
            }
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        }
    }

    /// Ends the turn, once the supervisor runs.
    pub fn end(&self) {
        self.lock.take();
    }
}

/// The turn of a repair beside a site that runs: as that of a start, but taken only if it is free. None: a start or a stop
/// is at work.
pub(super) fn take_if_free(places: &SitePlaces) -> Option<Lock> {
    let Ok(Attempt::Taken(lock)) = Lock::attempt(&places.start_lock()) else { return None };
    let is_stopping = lock::is_held(&places.stopping_lock()).unwrap_or(true);
    (!is_stopping).then_some(lock)
}

/// The turn of a stop, which ends when it is dropped.
#[derive(Debug)]
pub struct StopTurn<'a> {
    places: &'a SitePlaces,
    /// None: without a runtime directory, no start can be under way.
    lock: Option<Lock>,
}

impl<'a> StopTurn<'a> {
    /// Excludes new starts, and orders those under way to yield.
    ///
    /// # Errors
    /// A sentence: the lock cannot be had.
    pub fn begin(places: &'a SitePlaces, until: Moment) -> Result<Self, String> {
        // A first start may be about to make the directory. A name without a definition gets none.
        if fs::symlink_metadata(&places.definition).is_ok() {
            let _ = files::private_folder(&places.runtime);
        }
        if !files::is_own_folder(&places.runtime) {
            return Ok(Self { places, lock: None });
        }
        let path = places.stopping_lock();
        let lock = loop {
            let why = match Lock::attempt_shared(&path) {
                Ok(Attempt::Taken(lock)) => break Some(lock),
                Ok(Attempt::Held) => "it is held by somebody alone".to_owned(),
                // Where this lock cannot be made, a start cannot make its own lock either.
                Err(error) if !path.exists() => {
                    log::warn!("{} cannot be made: {error}", path.display());
                    break None;
                }
                Err(error) => error.to_string(),
            };
            if until.passed() {
                return Err(format!("the lock {} cannot be had: {why}", path.display()));
            }
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        };
        if let Ok(bytes) = serde_json::to_vec(&Moment::now())
            && let Err(error) = files::write_even_if_full(&places.stop_order(), &bytes)
        {
            log::warn!("{} cannot be written: {error}", places.stop_order().display());
        }
        Ok(Self { places, lock })
    }

    /// Waits until no start is under way: the processes that one has launched can then be found. A start that
    /// does not yield is killed.
    ///
    /// # Errors
    /// A sentence: a start is still under way.
    pub fn wait_for_starts(&self, until: Moment) -> Result<(), String> {
        if self.lock.is_none() {
            return Ok(());
        }
        let path = self.places.start_lock();
        let patience = Moment::now() + (Moment::now().until(until) / 4).min(YIELD);
        let mut killed: Option<Moment> = None;
        loop {
            let why = match lock::is_held(&path) {
                Ok(false) => return Ok(()),
                Ok(true) => "a start of it has not come to an end".to_owned(),
                Err(error) => format!("the lock {} cannot be read: {error}", path.display()),
            };
            match killed {
                None if patience.passed() => {
                    killed = kill_starter(self.places).then(|| Moment::now() + FORK);
                }
                // A child of the killed start has executed its program by now, or hangs and never will.
                Some(gone) if gone.passed() => return Ok(()),
                None | Some(_) => {}
            }
            if until.passed() {
                return Err(why);
            }
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        }
    }
}
