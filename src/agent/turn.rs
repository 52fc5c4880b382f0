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

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::errand::Halt;
use super::{Fault, FaultKind, Target};
use crate::linux::descriptors::locked_files_below;
use crate::linux::files;
use crate::linux::lock::{self, Attempt, Lock};
use crate::linux::process::{Stat, all, command_line};
use crate::linux::wait::Waiting;
use crate::linux::watch::Watcher;
use crate::process::{Identity, Spared};
use crate::site::SitePlaces;
use crate::values::{Moment, Pid, Signal};

/// Between two attempts at a lock: nothing tells of its release.
const PACE: Duration = Duration::from_millis(10);

/// The longest that a stop lets a start that is under way come to its end by itself.
const YIELD: Duration = Duration::from_secs(10);

/// How long what a killed start had forked may hold its lock: from fork to exec.
const FORK: Duration = Duration::from_secs(1);

/// The turn of a start; over when it is dropped.
#[derive(Debug)]
pub(super) struct StartTurn<'a> {
    target: &'a Target,
    begun: Moment,
    /// None: this node cannot tell of an order at once.
    order: Option<Watcher>,
    _lock: Lock,
}

impl<'a> StartTurn<'a> {
    /// Two starts at once: the second waits here until the first one's supervisor is at work. A start
    /// that finds a stop at work waits for its end, and gives up where it was ordered after `begun`.
    pub(super) fn take(target: &'a Target, begun: Moment, until: Moment) -> Result<Self, Fault> {
        let denied = |error: io::Error| {
            let kind = match error.kind() {
                ErrorKind::PermissionDenied => FaultKind::NotPermitted,
                _ => FaultKind::Failed,
            };
            let folder = target.site.runtime.display();
            Fault::new(kind, format!("the folder {folder} cannot be used as this user: {error}"))
        };
        files::private_folder(&target.site.runtime).map_err(denied)?;
        loop {
            if is_overtaken(&target.site, begun) {
                return Err(overtaken(target));
            }
            let attempt = Lock::attempt(&target.site.start_lock()).map_err(denied)?;
            let other = match attempt {
                Attempt::Taken(lock) => {
                    if !lock::is_held(&target.site.stopping_lock()).map_err(denied)? {
                        sign(&lock);
                        let order = watch_order(&target.site);
                        let turn = Self { target, begun, order, _lock: lock };
                        turn.check()?;
                        return Ok(turn);
                    }
                    ("a stop", target.site.stopping_lock())
                }
                Attempt::Held => ("another start", target.site.start_lock()),
            };
            if until.passed() {
                let (what, lock) = other;
                let who = who_holds(&lock).unwrap_or_else(|| "wait for that".to_owned());
                return Err(Fault::failed(format!(
                    "{what} of `{}` has not come to an end: {who}",
                    target.name
                )));
            }
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        }
    }

    /// A stop that was ordered since the start began overtakes it.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match is_overtaken(&self.target.site, self.begun) {
            true => Err(overtaken(self.target)),
            false => Ok(()),
        }
    }

    /// Becomes readable when a stop is ordered.
    pub(super) fn cut(&self) -> Option<BorrowedFd<'_>> {
        self.order.as_ref().map(AsFd::as_fd)
    }

    /// Why a step of the start was not done.
    pub(super) fn fault(&self, halt: Halt) -> Fault {
        match halt {
            Halt::Interrupted => overtaken(self.target),
            Halt::Fault(fault) => fault,
        }
    }
}

/// What a start says that a stop overtook.
pub(super) fn overtaken(target: &Target) -> Fault {
    Fault::failed(format!("the start of `{}` was overtaken by stop", target.name))
}

/// Whether a stop was ordered since `begun`.
pub(super) fn is_overtaken(places: &SitePlaces, begun: Moment) -> bool {
    files::read_plain(&places.stop_order(), 1 << 10)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Moment>(&bytes).ok())
        .is_some_and(|at| at > begun)
}

/// Writes into the lock who has it, for a stop that waits in vain.
fn sign(lock: &Lock) {
    let signed = Identity::of(Pid::this())
        .ok_or_else(|| io::Error::other("/proc is not mounted"))
        .and_then(|me| lock.write(&serde_json::to_vec(&me)?));
    if let Err(error) = signed {
        log::info!("a stop cannot tell who starts the site: {error}");
    }
}

/// Who holds a lock, and what can be done about it, for the end of a sentence.
fn who_holds(lock: &Path) -> Option<String> {
    let holds = |stat: &Stat| {
        let held = locked_files_below(stat.pid, lock, files::effective_user());
        held.is_ok_and(|held| held.iter().any(|path| path == lock))
    };
    let holder = all().ok()?.into_iter().find(holds)?;
    let (pid, line) = (holder.pid, command_line(holder.pid).unwrap_or(holder.comm.clone()));
    Some(match holder.is_stopped() {
        true => format!(
            "process {pid} ({line}) is stopped by a signal; let it go on with: kill -CONT {pid}"
        ),
        false => format!("wait for process {pid} ({line}), or end it"),
    })
}

/// Watches for the order of a stop, which is there from now on, though it may be an old one.
fn watch_order(places: &SitePlaces) -> Option<Watcher> {
    let path = places.stop_order();
    // With something in it, so that an order finds room where the disk is full by then.
    let never = serde_json::to_vec(&Moment::since_boot(Duration::ZERO)).unwrap_or_default();
    let _ = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&[&never[..], &[b'\n'; 64]].concat()));
    let watcher = Watcher::new().ok()?;
    watcher.changes_of(&path).ok()?;
    Some(watcher)
}

/// The turn of a stop; over when it is dropped.
#[derive(Debug)]
pub(super) struct StopTurn<'a> {
    target: &'a Target,
    /// None: there is no folder in which a start could be under way.
    lock: Option<Lock>,
}

impl<'a> StopTurn<'a> {
    /// Keeps starts out from now on, and lets those that are under way know that they are overtaken.
    pub(super) fn begin(target: &'a Target, until: Moment) -> Result<Self, Fault> {
        let places = &target.site;
        // A first start may be about to make the folder. A name without a definition gets none.
        if fs::symlink_metadata(&places.definition).is_ok() {
            let _ = files::private_folder(&places.runtime);
        }
        if !files::is_own_folder(&places.runtime) {
            return Ok(Self { target, lock: None });
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
                return Err(Fault::failed(format!(
                    "the site `{}` is not stopped, as the lock {} cannot be had: {why}",
                    target.name,
                    path.display()
                )));
            }
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        };
        if let Ok(bytes) = serde_json::to_vec(&Moment::now())
            && let Err(error) = files::write_even_if_full(&places.stop_order(), &bytes)
        {
            log::warn!("{} cannot be written: {error}", places.stop_order().display());
        }
        Ok(Self { target, lock })
    }

    /// Waits until no start is under way: whatever one has launched is there to be seen then. One that
    /// does not yield is killed.
    pub(super) fn wait_for_starts(&self, until: Moment) -> Result<(), Fault> {
        if self.lock.is_none() {
            return Ok(());
        }
        let path = self.target.site.start_lock();
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
                    killed = kill_starter(&self.target.site).then(|| Moment::now() + FORK);
                }
                // What a dead one has forked is a program by now, or hangs and never will be.
                Some(gone) if gone.passed() => return Ok(()),
                None | Some(_) => {}
            }
            if until.passed() {
                let name = &self.target.name;
                return Err(Fault::failed(format!(
                    "the site `{name}` is not stopped: {why}; end that, then: siteward clean {name}"
                )));
            }
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        }
    }
}

/// KILL for a start that does not yield, if it can be told who that is. Says whether it is gone.
fn kill_starter(places: &SitePlaces) -> bool {
    let signed = files::read_plain(&places.start_lock(), 1 << 10).ok();
    let Some(starter) = signed.and_then(|bytes| serde_json::from_slice::<Identity>(&bytes).ok())
    else {
        return false;
    };
    let Some(handle) = starter.open() else { return !starter.lives().unwrap_or(true) };
    if !Spared::now().is_ok_and(|spared| spared.why(starter.pid).is_none()) {
        return false;
    }
    log::warn!("the start {} does not yield to the stop; it is killed", starter.pid);
    let mut waiting = Waiting::new();
    waiting.readable(handle.as_fd(), ());
    handle.send(Signal::KILL).is_ok() && !waiting.wait(Some(Moment::now() + FORK)).is_empty()
}
