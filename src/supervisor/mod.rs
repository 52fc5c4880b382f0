//! The resident process that starts a site's processes in order, watches each of them, and stops the whole
//! site when an essential one fails.
//!
//! `event_loop` waits, `supervised_site` joins the parts, `machine` decides. Each part owns its fields and
//! knows nothing of those above it: it returns the actions that it needs as values.
//!
//! Promises: one thread, woken only by events; only the machine decides. Must never: open, stat, write or
//! sync anything on the site's database, block on a verb, or exit before every process of the site
//! has ended.

mod actions;
mod admission;
mod adoption;
mod answers;
mod configuration;
mod connection;
mod control_server;
mod deaths;
mod details;
mod event_loop;
mod forward;
mod held;
mod helpers;
pub mod launch;
mod lease_watch;
pub mod machine;
mod main_process;
mod notices;
mod orders;
mod output;
mod own_log;
pub mod plan;
pub mod ports;
mod prerequisite_watch;
mod processes;
mod readiness;
mod report;
mod runtime_guard;
pub mod scope;
mod site_status;
mod spawn;
mod state;
mod supervised_site;
mod tracker;

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::control;
use crate::history::{Entry, HistoryEvent, OrderedStart};
use crate::lease;
use crate::linux::clock::WallTime;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::signals::Inbox;
use crate::linux::thread::{self, StackSize};
use crate::linux::watch::Watcher;
use crate::linux::{files, inherit, limits};
use crate::process::{Ending, Groups, Identity, Record, forget_files, forget_groups};
use crate::site::{Adjustments, Definition, SitePlaces, forget_parsed};
use crate::values::{Moment, Pid, Signal};
use configuration::Configuration;
pub use connection::Connection;
use control_server::ControlServer;
use event_loop::EventLoop;
use launch::Launch;
use lease_watch::LeaseWatch;
use machine::{Event, Machine};
pub use notices::NoticeLine;
pub use output::last_lines;
use own_log::OwnLog;
pub use own_log::log_also;
use plan::Plan;
use prerequisite_watch::PrerequisiteWatch;
use processes::Processes;
use runtime_guard::RuntimeGuard;
use scope::WayBack;
use site_status::SiteStatus;
use supervised_site::SupervisedSite;

/// How long the end of a site waits until its history has reached the disks.
const SAVING: Duration = Duration::from_millis(500);

/// What a supervisor needs to begin.
#[derive(Debug)]
pub struct Setup {
    pub places: SitePlaces,
    /// As it was read; the manager's parameters are in `adjustments`.
    pub definition: Definition,
    pub adjustments: Adjustments,
    pub beginning: Beginning,
    /// How long the boot may take.
    pub boot: Duration,
    /// How long the graceful stop of a failed boot may take.
    pub rollback: Duration,
    /// The manager's name for the site.
    pub known_as: Option<String>,
    /// The process that keeps the lease of the site's database; None: it is to be found out.
    pub keeper: Option<Identity>,
    /// By whose order; None: it is not known.
    pub order: Option<OrderedStart>,
    pub foreground: bool,
}

/// What a supervisor begins with.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// No process of the site lives; they are started.
    Up,
    /// The site is paused: its processes stay down, for this reason.
    Held(control::Pause),
    /// The processes run without a supervisor, and are taken over.
    Adopt,
}

impl Beginning {
    /// The beginning of a start.
    pub fn of(held: Option<control::Pause>) -> Self {
        held.map_or(Self::Up, Self::Held)
    }
}

/// Why a supervisor did not begin its work.
#[derive(Debug)]
pub enum NotStarted {
    /// The site has a supervisor already.
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

/// What a supervisor holds after its work: the site's lock, and all that it has opened. Dropped: another
/// supervisor may begin, while this process lives on.
#[must_use]
pub struct Holdings(EventLoop);

impl Holdings {
    /// Holds it until this process is gone, so that a free lock proves that the supervisor has ended.
    pub fn keep(self) {
        std::mem::forget(self.0);
    }
}

impl std::fmt::Debug for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holdings").finish_non_exhaustive()
    }
}

/// Supervises a site from its beginning to its end. `announce` is called once verbs can connect.
///
/// # Errors
/// The supervisor did not begin its work; no process was started.
pub fn supervise(
    setup: Setup,
    announce: impl FnOnce(),
) -> Result<(Finished, Holdings), NotStarted> {
    let Setup {
        places,
        definition,
        adjustments,
        beginning,
        boot,
        rollback,
        known_as,
        keeper,
        order,
        foreground,
    } = setup;
    forget_parsed();
    let lock = take_lock(&places)?;
    let inbox = prepare_process()?;
    let lives = matches!(beginning, Beginning::Adopt);
    let (lease, own_keeper) =
        LeaseWatch::begin(&definition, &places, keeper, lives).map_err(|why| anyhow!(why))?;
    let token = launch::token(&places);
    let launches = Launch::prepare(&definition, &limits::widen(), token.as_ref())
        .map_err(|why| anyhow!(why))?;
    let reserved = match beginning {
        // A paused site holds no ports; the processes of an adopted one have theirs.
        Beginning::Held(_) | Beginning::Adopt => ports::Reserved::default(),
        Beginning::Up => ports::reserve(&definition).map_err(|why| anyhow!(why))?,
    };

    // Out of the caller's control group, which may be another site's.
    let entered = Groups::of(&places).and_then(|groups| {
        let entered = scope::enter(groups, foreground);
        let without =
            "the site has no control groups of its own here, and is tracked by its other marks";
        entered.inspect_err(|why| log::info!("{without}: {why}")).ok()
    });
    let (groups, way_back) = entered.map_or((None, None), |(groups, back)| (Some(groups), back));
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
    let began = before.as_ref().map_or(Some(identity.start), |before| before.began);
    let record = Record {
        known_as,
        began,
        since,
        fingerprint: definition.fingerprint.clone(),
        is_own: definition.wrapped.is_none(),
        adjustments: adjustments.clone(),
        group: groups.as_ref().map(Groups::path),
        disk: before.as_ref().and_then(|b| b.disk.clone()),
        processes: before.as_ref().map(|b| b.processes.clone()).unwrap_or_default(),
        done: before.as_ref().map(|b| b.done.clone()).unwrap_or_default(),
        ..Record::begun(definition.name.clone(), identity)
    };
    record
        .write(&places)
        .with_context(|| format!("the record {} cannot be written", places.record().display()))?;
    let watcher = Watcher::new().ok();
    let guard = RuntimeGuard::new(lock, &places, watcher.as_ref())
        .with_context(|| format!("the socket {} cannot be made", places.socket().display()))?;

    let disk = before.as_ref().and_then(|b| b.disk.clone());
    let prerequisites = PrerequisiteWatch::begin(&definition, disk);
    let own_log = OwnLog::begin(&places, &definition, foreground);
    let configuration = Configuration::new(places, definition, &adjustments, launches);
    let paused = match beginning {
        Beginning::Held(pause) => Some(pause),
        Beginning::Up | Beginning::Adopt => None,
    };
    let mut site = SupervisedSite {
        machine: Machine::new(Plan::of(&configuration.definition)),
        processes: Processes::new(&configuration, record, groups, reserved),
        control: ControlServer::default(),
        guard,
        lease,
        prerequisites,
        status: SiteStatus::new(since, paused, order),
        watcher,
        old_watcher: None,
        configuration,
    };
    let took = Moment::now().since(site.status.orders.begun);
    let started = Entry::new(HistoryEvent::Started, "the supervisor is at work");
    let by = site.status.orders.start.clone();
    site.configuration.note(&started.ordered_by(by).taking(took));
    let begin = match before {
        Some(before) => site.adopt(&before, boot),
        None => Event::Begin { held: site.status.paused.is_some(), boot, rollback },
    };
    own_keeper.stays();
    announce();
    let mut supervisor = EventLoop { site, inbox, own_log, foreground };
    supervisor.run(begin);
    let finished = finish(&mut supervisor.site, way_back, foreground);
    supervisor.own_log.ended(match &finished {
        Finished::Stopped => "has stopped the site",
        Finished::Failed(_) => "has given the site up",
    });
    Ok((finished, Holdings(supervisor)))
}

/// Makes the site's folders and takes its lock, which only its supervisor holds.
fn take_lock(places: &SitePlaces) -> Result<Lock, NotStarted> {
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

/// Gives this process what a supervisor needs: its signals, its orphans, and protection.
fn prepare_process() -> anyhow::Result<Inbox> {
    // Signals first: from here on a SIGTERM is an order to stop.
    let inbox = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP, Signal::CHLD])
        .context("signals cannot be received")?;
    inherit::become_subreaper().context("this process cannot become a subreaper")?;
    inherit::usual_umask();
    if let Err(error) = inherit::lock_memory() {
        log::info!("the supervisor's memory is not locked: {error}");
    }
    if let Err(error) = inherit::set_oom_score(-1000) {
        log::info!("the supervisor is not protected when memory is short: {error}");
    }
    Ok(inbox)
}

/// No process of the site lives: releases its database, records how it ended, leaves its control groups, and
/// answers the verbs.
fn finish(site: &mut SupervisedSite, way_back: Option<WayBack>, foreground: bool) -> Finished {
    // What waits for a disk, or takes the kernel long, is done at the same time.
    site.configuration.begin_to_finish_history();
    // The kernel takes as long for them as for the end of the processes.
    let groups = site.processes.groups.clone();
    let remove_leaves = move || groups.iter().for_each(Groups::remove_leaves);
    let removing = thread::start("groups", StackSize::Small, remove_leaves);
    for unit in &mut site.processes.units {
        unit.output.flush();
    }
    site.old_watcher = site.watcher.take();
    site.end_old_watcher();
    let places = &site.configuration.places;
    // While the disk is still this node's.
    site.configuration.finish_history(Moment::now() + SAVING);
    let has_lease = site.configuration.definition.database.is_some();
    if has_lease && !lease::release(places, lease::PATIENCE) {
        log::warn!("the lease on the database could not be released; it reads as unclean");
    }
    let finished = match site.status.failure.clone() {
        Some(failure) => Finished::Failed(failure),
        None => Finished::Stopped,
    };
    site.processes.record.ending = Some(match &finished {
        Finished::Failed(failure) => Ending::Failed(failure.clone()),
        Finished::Stopped => Ending::Stopped {
            at: WallTime::now(),
            by: site.status.stopped_by.clone().unwrap_or_else(|| "stop".to_owned()),
            proved_by: vec!["descent".to_owned()],
        },
    });
    let is_outside = match way_back {
        // A verb removes the groups as soon as this process is gone; to leave them takes longer.
        Some(_) if !foreground && site.control.has_stop() => false,
        Some(way_back) => way_back.go(),
        None => site.processes.groups.is_none(),
    };
    // In the foreground this process may outlive its work, and belongs to the site no more.
    if foreground && is_outside {
        let supervisor = site.processes.record.supervisor.clone();
        site.processes.record.supervisor = supervisor.ended();
    }
    site.write_record();
    forget_files(&site.configuration.places);
    let _ = removing.map(JoinHandle::join);
    forget_groups(&site.configuration.places);
    let view = site.view();
    site.control.answer_last(&view, site.status.failure.as_ref());
    finished
}
