//! Carrying out what the machine says.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

use super::event_loop::Supervisor;
use super::helpers::Role;
use super::launch::Launch;
use super::machine::{Action, Clearance, Event, Rung, Unit, UnitEvent};
use super::notices::Ear;
use super::output::Output;
use super::plan::UnitId;
use super::readiness::PROBE_PACE;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::process::Stat;
use crate::linux::spawn::{Child, ExecReport, spawn};
use crate::linux::{PidFd, StartTicks};
use crate::process::{Identity, ProcessRecord, Seen, locked_by};
use crate::site::{Process, Ready};
use crate::values::{ExecError, ExecStage};
use crate::values::{Moment, Pid, Signal};

/// A main process that lives, or whose death has not been told yet. Its number is its own as long as it
/// is kept here: a child is not reaped, and an adopted one was seen with its handle open.
pub(super) struct Main {
    pub(super) pid: Pid,
    pub(super) start: Start,
    pub(super) handle: PidFd,
    pub(super) origin: Origin,
}

/// When a main process began, which makes its number one that means it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Known(StartTicks),
    /// /proc could not be read when it was started: it is read again.
    Unknown {
        again: Moment,
        give_up: Moment,
    },
    /// It was given up, and is being ended.
    GivenUp,
}

/// errno(3) where the kernel named none, and of a lock that somebody holds.
const EIO: i32 = 5;
const EBUSY: i32 = 16;

/// Between two tries to identify a process, and how long it is tried.
const IDENTIFY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

impl Main {
    pub(super) fn start(&self) -> Option<StartTicks> {
        match self.start {
            Start::Known(start) => Some(start),
            Start::Unknown { .. } | Start::GivenUp => None,
        }
    }

    pub(super) fn identify_at(&self) -> Option<Moment> {
        match self.start {
            Start::Unknown { again, .. } => Some(again),
            Start::Known(_) | Start::GivenUp => None,
        }
    }
}

/// Who tells of a main process's death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is a child of ours and not reaped.
    Child,
    /// It was another supervisor's: its handle tells.
    Adopted,
}

/// What the supervisor holds of one unit.
pub(super) struct UnitShell {
    pub(super) main: Option<Main>,
    pub(super) report: Option<ExecReport>,
    pub(super) notify: Option<Ear>,
    /// It has said READY=1 in this run.
    pub(super) said_ready: bool,
    /// Its own words (STATUS=).
    pub(super) status: Option<String>,
    pub(super) output: Output,
    /// When its readiness is probed again.
    pub(super) retry_at: Option<Moment>,
    pub(super) retry_pause: Duration,
    /// The last answer of a probe that said no.
    pub(super) last_no: Option<String>,
}

impl UnitShell {
    pub(super) fn new(output: Output) -> Self {
        Self {
            main: None,
            report: None,
            notify: None,
            said_ready: false,
            status: None,
            output,
            retry_at: None,
            retry_pause: PROBE_PACE.0,
            last_no: None,
        }
    }

    pub(super) fn main_pid(&self) -> Option<Pid> {
        self.main.as_ref().map(|main| main.pid)
    }
}

/// Why a unit was not started.
enum NotSpawned {
    /// Something of an earlier run lives, and is to be ended first.
    Occupied,
    Error(ExecError),
}

impl From<ExecError> for NotSpawned {
    fn from(error: ExecError) -> Self {
        Self::Error(error)
    }
}

/// Sends a signal to a process of the site's that was seen alive.
pub(super) fn signal(seen: Seen, signal: Signal) {
    if let Some(handle) = seen.open()
        && let Err(error) = handle.send(signal)
    {
        log::warn!("{signal} could not be sent to {}: {error}", seen.pid);
    }
}

impl Supervisor {
    pub(super) fn process(&self, unit: UnitId) -> &Process {
        &self.definition.processes[self.machine.plan().units[unit.0].process]
    }

    pub(super) fn name(&self, unit: UnitId) -> &str {
        &self.machine.plan().units[unit.0].name
    }

    /// Does it, and says what the machine must know of it at once.
    pub(super) fn carry_out(&mut self, action: Action) -> Option<Event> {
        let answer = |unit, event| Some(Event::Unit(unit, event));
        match action {
            Action::Spawn(unit) => {
                return answer(
                    unit,
                    match self.spawn_unit(unit) {
                        Ok(pid) => UnitEvent::Forked(pid),
                        Err(NotSpawned::Occupied) => UnitEvent::Occupied,
                        Err(NotSpawned::Error(error)) => UnitEvent::NotForked(error),
                    },
                );
            }
            Action::AwaitReady(unit) => {
                if self.await_ready(unit) {
                    return answer(unit, UnitEvent::Ready);
                }
            }
            Action::Follow(unit) => return self.follow(unit),
            Action::CheckHealth(unit) => self.start_healthcheck(unit, Role::Health),
            Action::RunStopCommand(unit) => {
                let words = self.process(unit).stop_command.clone().unwrap_or_default();
                if let Err(error) = self.start_helper(unit, Role::Stop, &words, &[]) {
                    log::warn!("the stop_command of `{}` {error}", self.name(unit));
                    return answer(unit, UnitEvent::StopCommand { succeeded: false });
                }
            }
            Action::GatherEvidence(unit) => return self.gather_evidence(unit),
            Action::DropHelpers(unit) => {
                self.drop_helpers(unit, |role| {
                    !matches!(role, Role::HealthFor(_) | Role::ReloadFor(_) | Role::ConfirmPause)
                });
                let shell = &mut self.shells[unit.0];
                shell.retry_at = None;
                shell.output.stop_searching();
            }
            Action::AskToStop(unit) => {
                let signal = self.process(unit).stop_signal;
                if let Some(Main { handle, .. }) = &self.shells[unit.0].main {
                    // A process that was stopped takes its signal only when it goes on.
                    let sent = handle.send(signal).and_then(|()| handle.send(Signal::CONT));
                    if let Err(error) = sent {
                        log::warn!("{signal} could not be sent to `{}`: {error}", self.name(unit));
                    }
                }
            }
            Action::TermAll(unit) => {
                self.kill_all(unit, Signal::TERM);
                if self.kin.has_adopted() {
                    self.look_again = Some(Moment::now());
                }
            }
            Action::KillAll(unit) => {
                self.kill_all(unit, Signal::KILL);
                self.look_again = Some(Moment::now());
            }
            Action::Note(note) => self.note(&note),
        }
        None
    }

    /// The lock of a unit, to be held by its process and by what that starts; None: somebody holds
    /// it who is none of the site's to end.
    fn lock_of(&mut self, unit: UnitId) -> Result<Option<Lock>, NotSpawned> {
        let path = self.places.process_lock(self.name(unit));
        let failed = |errno| NotSpawned::Error(ExecError { stage: ExecStage::Alone, errno });
        match Lock::inheritable(&path) {
            Ok(Attempt::Taken(lock)) => return Ok(Some(lock)),
            Ok(Attempt::Held) => {}
            Err(error) => return Err(failed(error.raw_os_error().unwrap_or(EIO))),
        }
        let family = self.family().unwrap_or_default();
        let name = self.name(unit).to_owned();
        if !family.of(unit).is_empty() {
            log::warn!("what an earlier process of `{name}` left is ended before it is started");
            // Nobody may be left to tell of its death.
            self.look_again = Some(Moment::now());
            return Err(NotSpawned::Occupied);
        }
        let places = &self.places;
        let holds =
            |seen: &Seen| locked_by(seen.pid, places).ok().flatten().is_some_and(|of| of == name);
        if let Some((seen, why)) = family.spared.iter().find(|(seen, _)| holds(seen)) {
            log::warn!("{}, {why}, holds the lock of `{name}`, which is started without", seen.pid);
            return Ok(None);
        }
        // It may have ended since.
        match Lock::inheritable(&path) {
            Ok(Attempt::Taken(lock)) => Ok(Some(lock)),
            Ok(Attempt::Held) => Err(failed(EBUSY)),
            Err(error) => Err(failed(error.raw_os_error().unwrap_or(EIO))),
        }
    }

    fn spawn_unit(&mut self, unit: UnitId) -> Result<Pid, NotSpawned> {
        let failed = |stage: ExecStage| {
            move |error: std::io::Error| ExecError {
                stage,
                errno: error.raw_os_error().unwrap_or(EIO),
            }
        };
        let name = self.name(unit).to_owned();
        let process = self.process(unit).clone();
        let instance = self.machine.plan().units[unit.0].instance;
        // Held by this process's children and theirs, and by nobody else, from here on.
        let lock = self.lock_of(unit)?;
        let output: File = {
            let shell = &mut self.shells[unit.0];
            shell.said_ready = false;
            shell.status = None;
            shell.last_no = None;
            shell.retry_pause = PROBE_PACE.0;
            shell.notify = None;
            shell.output.open(self.watcher.as_ref()).map_err(failed(ExecStage::Streams))?
        };
        let mut extra = vec![("SITEWARD_PROCESS", name.clone())];
        if process.instances > 1 {
            extra.push(("SITEWARD_INSTANCE", instance.to_string()));
        }
        if process.ready == Ready::Notify {
            let ear =
                Ear::new(&self.places, self.launch_of(unit).credentials()).map_err(|error| {
                    log::error!("`{name}` has no socket to send its notices to: {error}");
                    failed(ExecStage::Streams)(error)
                })?;
            self.foothold.watch_ears(&self.places, self.watcher.as_ref());
            extra.push(("NOTIFY_SOCKET", ear.target()));
            self.shells[unit.0].notify = Some(ear);
        }
        let index = self.machine.plan().units[unit.0].process;
        let launch = &self.launches[index];
        let mut command =
            launch.command(&process.command, &extra, (&self.places, &name), output.as_fd());
        if self.kin.has_adopted()
            && let Err(why) = self.reserved.hold_again(&self.definition, index)
        {
            log::warn!("`{name}` is started without its port: {why}");
        }
        let sockets = self.reserved.for_process(&self.definition, index);
        let door = self.groups.as_ref().and_then(|groups| match groups.door(&name) {
            Ok(door) => Some(door),
            Err(error) => {
                log::debug!("`{name}` has no control group of its own: {error}");
                None
            }
        });
        command.group = door.as_ref().map(|door| door.as_fd());
        command.listen.extend(sockets.into_iter().map(|socket| socket.as_fd()));
        if let Some(lock) = &lock {
            command.inherited.push(lock.file().as_fd());
        }
        let Child { pid, handle, report } = spawn(&command)?;
        self.kin.started(unit, pid);
        let now = Moment::now();
        let start = Stat::of(pid).map_or_else(
            || {
                log::warn!("`{name}`, {pid}, cannot be identified yet, as /proc cannot be read");
                Start::Unknown { again: now + IDENTIFY.0, give_up: now + IDENTIFY.1 }
            },
            |stat| Start::Known(stat.start),
        );
        let shell = &mut self.shells[unit.0];
        shell.report = Some(report);
        shell.main = Some(Main { pid, start, handle, origin: Origin::Child });
        self.write_record();
        log::info!("`{name}` is started as {pid}");
        Ok(pid)
    }

    /// Tries again to identify the main process of a unit, if it is time. One that stays unknown could
    /// be found by nobody else, so it is given up.
    pub(super) fn identify(&mut self, unit: UnitId, now: Moment) {
        let Some(main) = &mut self.shells[unit.0].main else { return };
        let Start::Unknown { again, give_up } = main.start else { return };
        if again > now {
            return;
        }
        if let Some(stat) = Stat::of(main.pid) {
            main.start = Start::Known(stat.start);
            self.write_record();
        } else if give_up > now {
            main.start = Start::Unknown { again: now + IDENTIFY.0, give_up };
        } else {
            main.start = Start::GivenUp;
            self.tell(Event::Unit(unit, UnitEvent::Unidentified));
        }
    }

    pub(super) fn launch_of(&self, unit: UnitId) -> &Launch {
        &self.launches[self.machine.plan().units[unit.0].process]
    }

    /// Writes who the supervisor and the processes are.
    pub(super) fn write_record(&mut self) {
        self.record.processes = self
            .machine
            .ids()
            .filter_map(|unit| {
                let main = self.shells[unit.0].main.as_ref()?;
                let boot = self.record.supervisor.boot.clone();
                Some(ProcessRecord {
                    name: self.name(unit).to_owned(),
                    identity: Identity { boot, pid: main.pid, start: main.start()? },
                    ready: self.machine.unit(unit).is_up(),
                    printed_from: self.shells[unit.0].output.begins(),
                })
            })
            .collect();
        let done = self.machine.ids().filter(|unit| *self.machine.unit(*unit) == Unit::Done);
        self.record.done = done.map(|unit| self.name(unit).to_owned()).collect();
        if let Err(error) = self.record.write(&self.places) {
            log::error!("the record {} cannot be written: {error}", self.places.record().display());
        }
    }

    pub(super) fn on_exec_report(&mut self, unit: UnitId) {
        let Some(report) = &mut self.shells[unit.0].report else { return };
        let Some(outcome) = report.outcome() else { return };
        self.shells[unit.0].report = None;
        match outcome {
            Ok(()) => self.tell(Event::Unit(unit, UnitEvent::Running)),
            Err(error) => {
                // It ends by itself, at once; its exit status means nothing.
                if let Some(main) = self.shells[unit.0].main.take() {
                    crate::linux::process::reap_one(main.pid);
                }
                self.tell(Event::Unit(unit, UnitEvent::NotRun(error)));
            }
        }
    }

    // --- ending -------------------------------------------------------------------------------

    pub(super) fn is_being_cleared(&self, unit: UnitId) -> bool {
        match self.machine.unit(unit) {
            Unit::Clearing { .. } | Unit::Following { .. } => true,
            // Its main process is a child of ours: its death is told by itself.
            Unit::Stopping { rung: Rung::Killed, .. } => self.shells[unit.0].main.is_some(),
            Unit::Idle
            | Unit::Backoff { .. }
            | Unit::Done
            | Unit::GivenUp
            | Unit::Spawning
            | Unit::Forked { .. }
            | Unit::Starting { .. }
            | Unit::Ready { .. }
            | Unit::Stopping { .. } => false,
        }
    }

    pub(super) fn is_being_killed(&self, unit: UnitId) -> bool {
        matches!(
            self.machine.unit(unit),
            Unit::Clearing { rung: Clearance::Killed, .. }
                | Unit::Stopping { rung: Rung::Killed, .. }
        )
    }

    /// Signals everything that lives of a unit, and what belongs to no unit if it is the last one.
    pub(super) fn kill_all(&mut self, unit: UnitId, what: Signal) {
        let Some(family) = self.family() else { return };
        let last = self.is_last(unit);
        let strays = family.strays.iter().filter(|_| last);
        for seen in family.of(unit).iter().chain(strays) {
            signal(*seen, what);
            if what == Signal::TERM {
                signal(*seen, Signal::CONT);
            }
        }
    }
}
