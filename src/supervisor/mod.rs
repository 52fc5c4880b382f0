//! The resident process that starts a site's processes in order, watches every one of them, and
//! stops the whole site when one that matters dies.
//!
//! Promises: one thread, woken only by events; a decision is the machine's, its carrying out the
//! loop's. Must never: open, stat, write or sync anything on the site's database, wait for a
//! client, or end while something of the site lives.

mod actions;
mod adoption;
mod clients;
mod event_loop;
mod foothold;
mod held;
mod helpers;
mod keeper;
mod kin;
pub mod launch;
pub mod machine;
mod notices;
mod output;
mod own_log;
pub mod plan;
pub mod ports;
mod readiness;
mod report;
pub mod scope;
mod state;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::control;
use crate::history;
use crate::lease;
use crate::linux::clock::WallTime;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::signals::Inbox;
use crate::linux::watch::Watcher;
use crate::linux::{files, inherit, limits};
use crate::process::{Ending, Groups, Identity, Record, forget};
use crate::site::{Adjustments, Definition, SitePlaces};
use crate::values::{Pid, Signal};
use actions::UnitShell;
use event_loop::Supervisor;
use foothold::Foothold;
use keeper::Lease;
use launch::Launch;
use machine::{Event, Machine};
use output::Output;
use plan::{Plan, UnitId};

/// What a supervisor is told at its beginning.
#[derive(Debug)]
pub struct Setup {
    pub places: SitePlaces,
    /// As it is written; what the manager says differently is in `adjustments`.
    pub definition: Definition,
    pub adjustments: Adjustments,
    pub beginning: Beginning,
    /// How long the boot may take.
    pub boot: Duration,
    /// How long a failed boot may be polite while it is rolled back.
    pub rollback: Duration,
    /// What the manager calls the site.
    pub known_as: Option<String>,
    /// Who keeps the lease of the site's database; None: that is to be found out.
    pub keeper: Option<Identity>,
    pub foreground: bool,
}

/// What a supervisor begins with.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// Nothing of the site lives, and its processes are started.
    Up,
    /// They are held down, for this reason.
    Held(control::Pause),
    /// They live, and nobody watches them.
    Adopt,
}

impl Beginning {
    /// That of a start.
    pub fn of(held: Option<control::Pause>) -> Self {
        held.map_or(Self::Up, Self::Held)
    }
}

/// Why a supervisor did not come to its work.
#[derive(Debug)]
pub enum NotStarted {
    /// Another one is at work.
    AnotherIs,
    Because(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for NotStarted {
    fn from(error: E) -> Self {
        Self::Because(error.into())
    }
}

/// How a supervisor's work ended.
#[derive(Debug)]
pub enum Finished {
    Stopped,
    Failed(control::Failure),
}

/// Supervises a site from its beginning to its end. `announce` is called once it can be spoken to.
///
/// # Errors
/// It did not come to its work; nothing was started.
pub fn supervise(setup: Setup, announce: impl FnOnce()) -> Result<Finished, NotStarted> {
    let Setup {
        places,
        definition,
        adjustments,
        beginning,
        boot,
        rollback,
        known_as,
        keeper,
        foreground,
    } = setup;
    let lock = occupy(&places)?;
    let inbox = settle_in()?;
    let lives = matches!(beginning, Beginning::Adopt);
    let (lease, own_keeper) =
        Lease::begin(&definition, &places, keeper, lives).map_err(|why| anyhow!(why))?;
    let token = launch::token(&places);
    let launches = Launch::prepare(&definition, &limits::widen(), token.as_ref())
        .map_err(|why| anyhow!(why))?;
    let reserved = match beginning {
        // What lives has its ports.
        Beginning::Held(_) | Beginning::Adopt => ports::Reserved::default(),
        Beginning::Up => ports::reserve(&definition).map_err(|why| anyhow!(why))?,
    };

    // Out of whatever group our caller is in, which may be another site's.
    let groups = Groups::of(&places).and_then(|groups| {
        let entered = scope::enter(groups, foreground);
        let without = "the site has no control groups here, and the other marks must do";
        entered.inspect_err(|why| log::info!("{without}: {why}")).ok()
    });
    let identity = Identity::of(Pid::this()).context("/proc is not mounted")?;
    let before = match beginning {
        Beginning::Adopt => {
            let record = Record::read(&places).context("the record cannot be read")?;
            Some(record.context("there is no record to adopt by")?)
        }
        Beginning::Up | Beginning::Held(_) => None,
    };
    let since = before.as_ref().map_or_else(WallTime::now, |record| record.since);
    files::write_durably(&places.snapshot(), definition.text.as_bytes())
        .with_context(|| format!("{} cannot be written", places.snapshot().display()))?;
    let record = Record {
        known_as,
        since,
        fingerprint: definition.fingerprint.clone(),
        adjustments: adjustments.clone(),
        group: groups.as_ref().map(Groups::path),
        processes: before.as_ref().map(|b| b.processes.clone()).unwrap_or_default(),
        done: before.as_ref().map(|b| b.done.clone()).unwrap_or_default(),
        ..Record::begun(definition.name.clone(), identity)
    };
    record
        .write(&places)
        .with_context(|| format!("the record {} cannot be written", places.record().display()))?;
    let watcher = Watcher::new().ok();
    let foothold = Foothold::new(lock, &places, watcher.as_ref())
        .with_context(|| format!("the socket {} cannot be made", places.socket().display()))?;

    let written = definition.clone();
    let definition = definition.adjusted(&adjustments);
    let machine = Machine::new(Plan::of(&definition));
    let units = &machine.plan().units;
    let names: HashMap<String, UnitId> =
        units.iter().enumerate().map(|(i, u)| (u.name.clone(), UnitId(i))).collect();
    let shells =
        units.iter().map(|u| UnitShell::new(Output::new(places.process_log(&u.name)))).collect();
    let mut supervisor = Supervisor {
        machine,
        shells,
        names,
        launches,
        groups,
        reserved,
        helpers: Vec::new(),
        kin: kin::Kin::default(),
        clients: clients::Clients::default(),
        lease,
        record,
        watcher,
        paused: match &beginning {
            Beginning::Held(pause) => Some(pause.clone()),
            Beginning::Up | Beginning::Adopt => None,
        },
        failure: None,
        stopped_by: None,
        since,
        foreground,
        inbox,
        foothold,
        own_log: (!foreground).then(|| own_log::OwnLog::new(places.supervisor_log())),
        look_again: None,
        series: held::Series::default(),
        written,
        definition,
        places,
    };
    history::add(&supervisor.places.history(), "started", "the supervisor is at work");
    let begin = match before {
        Some(before) => Event::Adopt { units: supervisor.adopt(&before), boot },
        None => Event::Begin { held: supervisor.paused.is_some(), boot, rollback },
    };
    own_keeper.stays();
    announce();
    supervisor.live(begin);
    let finished = supervisor.finish();
    // Its lock is let go by the kernel, when nothing of this process is left.
    std::mem::forget(supervisor);
    Ok(finished)
}

/// Makes the site's folders and takes its lock: who has that is the supervisor.
fn occupy(places: &SitePlaces) -> Result<Lock, NotStarted> {
    places.check_length()?;
    let folder = |path: &Path| {
        let unusable = || format!("the folder {} cannot be used", path.display());
        files::private_folder(path).with_context(unusable)
    };
    folder(&places.runtime)?;
    folder(&places.logs)?;
    let lock = Lock::attempt(&places.lock())
        .with_context(|| format!("the lock {} cannot be taken", places.lock().display()))?;
    let Attempt::Taken(lock) = lock else { return Err(NotStarted::AnotherIs) };
    folder(&places.process_locks())?;
    Ok(lock)
}

/// Makes this process one that can look after others.
fn settle_in() -> anyhow::Result<Inbox> {
    // Signals first: a TERM that comes now is an order to stop, not the end of us.
    let inbox = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP, Signal::CHLD])
        .context("signals cannot be received")?;
    inherit::become_subreaper().context("orphans cannot be taken in")?;
    inherit::usual_umask();
    if let Err(error) = inherit::lock_memory() {
        log::info!("the supervisor's memory is not locked: {error}");
    }
    if let Err(error) = inherit::set_oom_score(-1000) {
        log::info!("the supervisor is not protected when memory is short: {error}");
    }
    Ok(inbox)
}

impl Supervisor {
    /// Nothing of the site lives: lets its database go, writes how it ended, then says so.
    fn finish(&mut self) -> Finished {
        if self.definition.database.is_some() && !lease::release(&self.places, lease::PATIENCE) {
            log::warn!("the lease on the database could not be released; it reads as unclean");
        }
        let finished = match self.failure.clone() {
            Some(failure) => Finished::Failed(failure),
            None => Finished::Stopped,
        };
        self.record.ending = Some(match &finished {
            Finished::Failed(failure) => Ending::Failed(failure.clone()),
            Finished::Stopped => Ending::Stopped {
                at: WallTime::now(),
                by: self.stopped_by.clone().unwrap_or_else(|| "stop".to_owned()),
                proved_by: vec!["descent".to_owned()],
            },
        });
        self.write_record();
        forget(&self.places);
        self.say_farewell();
        finished
    }
}
