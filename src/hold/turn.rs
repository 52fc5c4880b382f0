//! Whose turn it is. A start has the site to itself until its supervisor is at work. Stops share it, and
//! keep every start out until what they say of the site is proved.
//!
//! There are two locks. A stop takes its own, which all stops share, and then waits until no start has
//! theirs. A start takes that one, and lets it go again while a stop has its own. So at least one of the
//! two sees the other, and the start is the one that yields.
//!
//! Promises: no start launches anything while a stop is at work, and a start that is under way learns
//! of a stop that was ordered after it began, in every phase. Must never: let a start hold up a stop
//! beyond a part of that one's time, or let one stop wait for another.

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

/// Between two attempts at a lock: nothing tells of its release.
const PACE: Duration = Duration::from_millis(10);

/// The longest that a stop lets a start that is under way come to its end by itself.
const YIELD: Duration = Duration::from_secs(10);

/// Why a start has not had its turn.
#[derive(Debug)]
pub enum NoTurn {
    Interrupted,
    /// The runtime directory, or a lock in it, cannot be used by this user.
    Unusable(io::Error),
    /// Another verb has not come to an end; what can be done about it.
    Busy {
        what: &'static str,
        who: String,
    },
}

/// The turn of a start; over when it is dropped.
#[derive(Debug)]
pub struct StartTurn<'a> {
    pub interrupts: &'a Interrupts<'a>,
    lock: RefCell<Option<Lock>>,
}

impl<'a> StartTurn<'a> {
    /// Waits for the turn. Two starts at once: the second one waits until the first one's supervisor is
    /// at work. A start that finds a stop at work waits for its end, and gives up where that was ordered
    /// after it began.
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

    /// The supervisor is at work, and another verb may have its turn.
    pub fn end(&self) {
        self.lock.take();
    }
}

/// The turn of a stop; over when it is dropped.
#[derive(Debug)]
pub struct StopTurn<'a> {
    places: &'a SitePlaces,
    /// None: there is no folder in which a start could be under way.
    lock: Option<Lock>,
}

impl<'a> StopTurn<'a> {
    /// Keeps starts out from now on, and lets those that are under way know that they are overtaken.
    ///
    /// # Errors
    /// A sentence: the lock cannot be had.
    pub fn begin(places: &'a SitePlaces, until: Moment) -> Result<Self, String> {
        // A first start may be about to make the folder. A name without a definition gets none.
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
                // Where it cannot be made, no start can be under way that looks at it.
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

    /// Waits until no start is under way: whatever one has launched is there to be seen then. One that
    /// does not yield is killed.
    ///
    /// # Errors
    /// A sentence: a start is under way still.
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
                // What a dead one has forked is a program by now, or hangs and never will be.
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
