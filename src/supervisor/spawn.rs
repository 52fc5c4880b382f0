//! Starting the main process of a unit: its lock, its output, its notice socket, its ports, its control
//! group.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use super::machine::{Event, UnitEvent};
use super::main_process::{Identification, MainProcess, Origin};
use super::plan::UnitId;
use super::processes::{Processes, Surroundings};
use crate::history::{Entry, HistoryEvent};
use crate::linux::lock::{Attempt, Lock};
use crate::linux::process::Stat;
use crate::linux::spawn::{Child, spawn};
use crate::process::{LeafDoor, Seen, locked_by};
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

impl Processes {
    /// Starts the main processes of units. All are recorded at once, before any of them is told of.
    pub(super) fn spawn_all(&mut self, units: &[UnitId], around: &Surroundings<'_>) -> Vec<Event> {
        self.look_anew();
        let mut spawned: Vec<(UnitId, Result<Pid, NotSpawned>)> = Vec::new();
        // Reports are read as they come: each that stays open is copied into every process that is started after it.
        let (mut awaited, mut reports) = (VecDeque::new(), Vec::new());
        for unit in units {
            let outcome = self.try_to_spawn(*unit, around);
            awaited.extend(outcome.is_ok().then_some(*unit));
            spawned.push((*unit, outcome));
            while let Some(report) = awaited.front().and_then(|unit| self.read_exec_report(*unit)) {
                reports.push(report);
                awaited.pop_front();
            }
        }
        if spawned.iter().any(|(_, spawned)| spawned.is_ok()) {
            self.write_record(around);
        }
        let mut entries = Vec::new();
        let mut events = Vec::new();
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

    fn try_to_spawn(&mut self, unit: UnitId, around: &Surroundings<'_>) -> Result<Pid, NotSpawned> {
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
        let output: File =
            runtime.output.open(around.watcher).map_err(failed(ExecStage::Streams))?;
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
        let mut command = launch.command(&process.command, &extra, mark, output.as_fd());
        if self.tracker.has_adopted()
            && let Err(why) = self.reserved.hold_again(&configuration.definition, index)
        {
            log::warn!("`{name}` is started without its port: {why}");
        }
        let sockets = self.reserved.for_process(&configuration.definition, index);
        let group = self.groups.as_ref().and_then(|groups| {
            let group = groups.door(name);
            let without = |error: &io::Error| {
                log::debug!("`{name}` has no control group of its own: {error}");
            };
            group.inspect_err(without).ok()
        });
        command.group = group.as_ref().map(LeafDoor::of_spawn);
        command.listen.extend(sockets.into_iter().map(|socket| socket.as_fd()));
        if let Some(lock) = &lock {
            command.inherited.push(lock.file().as_fd());
        }
        let Child { pid, handle, report } = spawn(&command)?;
        self.tracker.started(unit, pid);
        let start = Stat::of(pid).map(|stat| stat.start);
        if start.is_none() {
            log::warn!("`{name}`, {pid}, cannot be identified yet, as /proc cannot be read");
        }
        let runtime = &mut self.units[unit.0];
        runtime.output.started(pid);
        runtime.exec_report = Some(report);
        runtime.main = Some(MainProcess::new(pid, start, handle, Origin::Child, Moment::now()));
        Ok(pid)
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
