//! Starting the main process of a unit: its lock, its output, its notice socket, its ports, its control
//! group.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;

use super::machine::{Event, UnitEvent};
use super::main_process::{Identification, MainProcess, Origin};
use super::plan::UnitId;
use super::processes::{Processes, Surroundings};
use crate::history::{Entry, HistoryEvent};
use crate::linux::batch::{Batch, Carried};
use crate::linux::lock::{Attempt, Lock};
use crate::linux::process::Stat;
use crate::linux::spawn::{Child, Descriptors, OwnedCommand, spawn};
use crate::process::{Seen, locked_by};
use crate::site::Ready;
use crate::values::{ExecError, ExecStage, Moment, Pid};

/// errno(3): used where the kernel named none, and for a lock that is held.
const EIO: i32 = 5;
const EBUSY: i32 = 16;

/// Why a unit was not started.
enum NotSpawned {
    /// A process of an earlier run lives, and is to be ended first.
    Occupied,
    Error(ExecError),
}

impl From<ExecError> for NotSpawned {
    fn from(error: ExecError) -> Self {
        Self::Error(error)
    }
}

fn failed(stage: ExecStage) -> impl Fn(io::Error) -> ExecError {
    move |error| ExecError { stage, errno: error.raw_os_error().unwrap_or(EIO) }
}

/// How many commands the batch is ahead of, at most: each holds descriptors, which every child copies.
const AHEAD: usize = 8;

/// Units that are being started together.
struct Spawning {
    /// None for one unit alone, for which a thread costs more than it saves, and where there can be none.
    batch: Option<Batch<UnitId>>,
    /// How many commands the batch has.
    handed_over: usize,
    outcomes: HashMap<UnitId, Result<Pid, NotSpawned>>,
    /// Units whose programs are being executed, and what was reported of others.
    awaited: VecDeque<UnitId>,
    reports: Vec<Event>,
}

impl Spawning {
    fn of(units: &[UnitId]) -> Self {
        let begin = || {
            let without = |error: &io::Error| {
                log::debug!("processes are started without a thread for that: {error}");
            };
            Batch::begin(units.len()).inspect_err(without).ok()
        };
        Self {
            batch: (units.len() > 1).then(begin).flatten(),
            handed_over: 0,
            outcomes: HashMap::new(),
            awaited: VecDeque::new(),
            reports: Vec::new(),
        }
    }

    fn came_to(&mut self, unit: UnitId, outcome: Result<Pid, NotSpawned>) {
        self.awaited.extend(outcome.is_ok().then_some(unit));
        self.outcomes.insert(unit, outcome);
    }
}

impl Processes {
    /// Starts the main processes of units. All are recorded at once, before any of them is told of.
    pub(super) fn spawn_all(&mut self, units: &[UnitId], around: &Surroundings<'_>) -> Vec<Event> {
        self.look_anew();
        let mut spawning = Spawning::of(units);
        for unit in units {
            match self.prepare(*unit, around) {
                Ok(command) => self.spawn_in(&mut spawning, *unit, command, around),
                Err(error) => spawning.came_to(*unit, Err(error)),
            }
            self.take_back(&mut spawning, AHEAD, around);
        }
        self.take_back(&mut spawning, 0, around);
        let Spawning { mut outcomes, mut reports, awaited, .. } = spawning;
        reports.extend(awaited.into_iter().filter_map(|unit| self.read_exec_report(unit)));
        if outcomes.values().any(Result::is_ok) {
            self.write_record(around);
        }
        let mut entries = Vec::new();
        let mut events = Vec::new();
        let spawned = units.iter().filter_map(|unit| Some((*unit, outcomes.remove(unit)?)));
        for (unit, spawned) in spawned {
            let event = match spawned {
                Ok(pid) => {
                    let name = around.configuration.name(unit);
                    let words = format!("`{name}` is started as {pid}");
                    log::info!("{words}");
                    entries.push(Entry::new(HistoryEvent::Spawned, words).of(name));
                    UnitEvent::Forked(pid)
                }
                Err(NotSpawned::Occupied) => UnitEvent::Occupied,
                Err(NotSpawned::Error(error)) => UnitEvent::NotForked(error),
            };
            events.push(Event::Unit(unit, event));
        }
        around.configuration.note_all(&entries);
        events.extend(reports);
        events
    }

    /// Has the command of a unit carried out by the batch, or at once.
    fn spawn_in(
        &mut self,
        spawning: &mut Spawning,
        unit: UnitId,
        command: OwnedCommand,
        around: &Surroundings<'_>,
    ) {
        match &spawning.batch {
            Some(batch) => {
                batch.hand_over(unit, command);
                spawning.handed_over += 1;
            }
            None => {
                let child = spawn(command.get()).map_err(NotSpawned::from);
                spawning.came_to(unit, child.map(|child| self.began(unit, child, around)));
            }
        }
    }

    /// Takes what the batch has done, and waits while it has more than `at_most` commands.
    fn take_back(&mut self, spawning: &mut Spawning, at_most: usize, around: &Surroundings<'_>) {
        while let Some(batch) = &spawning.batch {
            let carried = match spawning.handed_over > at_most {
                true => batch.wait(),
                false => batch.carried(),
            };
            let Some((unit, carried)) = carried else { return };
            let child = match carried {
                Carried::Out(child) => Ok(child),
                Carried::Back(command) => spawn(command.get()).map_err(NotSpawned::from),
            };
            spawning.handed_over -= 1;
            let outcome = child.map(|child| self.began(unit, child, around));
            spawning.came_to(unit, outcome);
            // Reports are read as they come: each that stays open is copied into every process that is started later.
            while let Some(unit) = spawning.awaited.front()
                && let Some(report) = self.read_exec_report(*unit)
            {
                spawning.reports.push(report);
                spawning.awaited.pop_front();
            }
        }
    }

    /// All that a unit is started with, as it is started next.
    fn prepare(
        &mut self,
        unit: UnitId,
        around: &Surroundings<'_>,
    ) -> Result<OwnedCommand, NotSpawned> {
        let configuration = around.configuration;
        let name = configuration.name(unit);
        let process = configuration.process(unit);
        let index = configuration.process_index(unit);
        // An adoption looks for no process of a unit that is recorded as done: of a run before a pause, here.
        if self.record.done.iter().any(|done| done == name) {
            self.write_record(around);
        }
        // From here on only this process and its descendants hold it.
        let lock = self.lock_of(unit, around)?;
        let runtime = &mut self.units[unit.0];
        runtime.begin_run();
        self.notices.close(unit);
        let output = runtime.output.open(around.watcher).map_err(failed(ExecStage::Streams))?;
        let mut extra = vec![("SITEWARD_PROCESS", name.to_owned())];
        if process.instances > 1 {
            extra.push(("SITEWARD_INSTANCE", configuration.instance(unit).to_string()));
        }
        if process.ready == Ready::Notify {
            let target = self.notices.open(unit, configuration, around.watcher);
            let target = target.map_err(|error| {
                log::error!("the notice socket of `{name}` cannot be made: {error}");
                failed(ExecStage::Streams)(error)
            })?;
            extra.push(("NOTIFY_SOCKET", target));
        }
        let mark = (&configuration.places, name);
        let launch = configuration.launch(unit);
        if self.tracker.has_adopted()
            && let Err(why) = self.reserved.hold_again(&configuration.definition, index)
        {
            log::warn!("`{name}` is started without its port: {why}");
        }
        let sockets = self.reserved.for_process(&configuration.definition, index);
        let listen: io::Result<Vec<OwnedFd>> =
            sockets.into_iter().map(OwnedFd::try_clone).collect();
        let group = self.groups.as_ref().and_then(|groups| {
            let group = groups.door(name);
            let without = |error: &io::Error| {
                log::debug!("`{name}` has no control group of its own: {error}");
            };
            group.inspect_err(without).ok()
        });
        let descriptors = Descriptors {
            output: output.into(),
            inherited: lock.map(Lock::into_descriptor).into_iter().collect(),
            listen: listen.map_err(failed(ExecStage::Streams))?,
            group,
        };
        Ok(OwnedCommand::new(descriptors, |output| {
            launch.command(&process.command, &extra, mark, output)
        }))
    }

    /// The process of a unit is there.
    fn began(&mut self, unit: UnitId, child: Child, around: &Surroundings<'_>) -> Pid {
        let Child { pid, handle, report } = child;
        self.tracker.started(unit, pid);
        let start = Stat::of(pid).map(|stat| stat.start);
        if start.is_none() {
            let name = around.configuration.name(unit);
            log::warn!("`{name}`, {pid}, cannot be identified yet, as /proc cannot be read");
        }
        let runtime = &mut self.units[unit.0];
        runtime.output.started(pid);
        runtime.exec_report = Some(report);
        runtime.main = Some(MainProcess::new(pid, start, handle, Origin::Child, Moment::now()));
        pid
    }

    /// The lock of a unit, which its process and all that it starts will hold. None: a process that is not
    /// the site's to end holds it.
    fn lock_of(
        &mut self,
        unit: UnitId,
        around: &Surroundings<'_>,
    ) -> Result<Option<Lock>, NotSpawned> {
        let name = around.configuration.name(unit);
        let places = &around.configuration.places;
        let path = places.process_lock(name);
        if let Attempt::Taken(lock) = Lock::inheritable(&path).map_err(failed(ExecStage::Alone))? {
            return Ok(Some(lock));
        }
        let found = self.look(around).unwrap_or_default();
        if !found.of(unit).is_empty() {
            log::warn!("what an earlier process of `{name}` left is ended before it is started");
            // Their death may not be reported.
            self.look_soon();
            return Err(NotSpawned::Occupied);
        }
        let holds =
            |seen: &Seen| locked_by(seen.pid, places).ok().flatten().is_some_and(|of| of == name);
        if let Some((seen, why)) = found.spared.iter().find(|(seen, _)| holds(seen)) {
            log::warn!("{}, {why}, holds the lock of `{name}`, which is started without", seen.pid);
            return Ok(None);
        }
        // The holder may have ended since.
        match Lock::inheritable(&path).map_err(failed(ExecStage::Alone))? {
            Attempt::Taken(lock) => Ok(Some(lock)),
            Attempt::Held => Err(ExecError { stage: ExecStage::Alone, errno: EBUSY }.into()),
        }
    }

    /// Tries again to identify the main process of a unit, if it is time. A process that stays unidentified
    /// could not be found by a later verb, so it is ended.
    pub(super) fn identify(
        &mut self,
        unit: UnitId,
        now: Moment,
        around: &Surroundings<'_>,
    ) -> Option<Event> {
        let main = self.units[unit.0].main.as_mut()?;
        match main.identify(now, |pid| Stat::of(pid).map(|stat| stat.start)) {
            Identification::Unchanged => None,
            Identification::Found => {
                self.write_record(around);
                None
            }
            Identification::Failed => Some(Event::Unit(unit, UnitEvent::Unidentified)),
        }
    }
}
