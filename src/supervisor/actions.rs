//! Carrying out what the machine says.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

use super::event_loop::Supervisor;
use super::helpers::{Helper, Role};
use super::machine::{Action, Clearance, Event, Rung, Unit, UnitEvent};
use super::output::Output;
use super::plan::UnitId;
use super::readiness::PROBE_PACE;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::process::ExitStatus;
use crate::linux::sockets::NotifySocket;
use crate::linux::spawn::{Child, ExecError, ExecReport, Stage, spawn};
use crate::linux::{Moment, Pid, PidFd, Signal, node};
use crate::process::{Identity, ProcessRecord, Seen};
use crate::site::{Process, Ready, Reload};

/// A main process that lives, or whose death has not been told yet.
pub(super) struct Main {
    pub(super) identity: Identity,
    pub(super) handle: PidFd,
    pub(super) origin: Origin,
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
    pub(super) notify: Option<NotifySocket>,
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
        self.main.as_ref().map(|main| main.identity.pid)
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
            Action::Spawn(unit) => match self.spawn_unit(unit) {
                Ok(pid) => return answer(unit, UnitEvent::Forked(pid)),
                Err(error) => return answer(unit, UnitEvent::NotForked(error)),
            },
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
                    !matches!(role, Role::HealthFor(_) | Role::ReloadFor(_))
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

    fn spawn_unit(&mut self, unit: UnitId) -> Result<Pid, ExecError> {
        let failed = |stage: Stage| {
            move |error: std::io::Error| ExecError {
                stage,
                errno: error.raw_os_error().unwrap_or(5),
            }
        };
        let name = self.name(unit).to_owned();
        let process = self.process(unit).clone();
        let instance = self.machine.plan().units[unit.0].instance;
        // Held by this process's children and theirs, and by nobody else, from here on.
        let lock = match Lock::attempt(&self.places.process_lock(&name))
            .map_err(failed(Stage::Session))?
        {
            Attempt::Taken(lock) => Some(lock),
            Attempt::Held => {
                log::warn!("an earlier process of `{name}` still holds its lock");
                None
            }
        };
        let output: File = {
            let shell = &mut self.shells[unit.0];
            shell.said_ready = false;
            shell.status = None;
            shell.last_no = None;
            shell.retry_pause = PROBE_PACE.0;
            shell.notify = None;
            shell.output.open(self.watcher.as_ref()).map_err(failed(Stage::Streams))?
        };
        let mut extra = vec![("SITEWARD_PROCESS", name.clone())];
        if process.instances > 1 {
            extra.push(("SITEWARD_INSTANCE", instance.to_string()));
        }
        if process.ready == Ready::Notify {
            let socket =
                format!("siteward/{}/{name}/{}", self.definition.name, node::random_name());
            let (socket, target) = NotifySocket::bind(&socket).map_err(failed(Stage::Streams))?;
            self.shells[unit.0].notify = Some(socket);
            extra.push(("NOTIFY_SOCKET", target));
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
            command.marks.push(lock.file().as_fd());
        }
        let Child { pid, handle, report } = spawn(&command)?;
        self.kin.started(unit, pid);
        let identity = Identity::of(pid);
        let shell = &mut self.shells[unit.0];
        shell.report = Some(report);
        shell.main = identity.map(|identity| Main { identity, handle, origin: Origin::Child });
        self.write_record();
        log::info!("`{name}` is started as {pid}");
        Ok(pid)
    }

    /// Writes who the supervisor and the processes are.
    pub(super) fn write_record(&mut self) {
        self.record.processes = self
            .machine
            .ids()
            .filter_map(|unit| {
                let main = self.shells[unit.0].main.as_ref()?;
                Some(ProcessRecord {
                    name: self.name(unit).to_owned(),
                    identity: main.identity.clone(),
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
                    crate::linux::process::reap_one(main.identity.pid);
                }
                self.tell(Event::Unit(unit, UnitEvent::NotRun(error)));
            }
        }
    }

    // --- helpers ------------------------------------------------------------------------------

    pub(super) fn start_healthcheck(&mut self, unit: UnitId, role: Role) {
        let words = match &self.process(unit).healthcheck {
            Some(check) => check.test.clone(),
            None => return,
        };
        if let Err(error) = self.start_helper(unit, role, &words, &[]) {
            self.on_answer(unit, role, Err(error.to_string()));
        }
    }

    pub(super) fn start_helper(
        &mut self,
        unit: UnitId,
        role: Role,
        words: &[String],
        extra: &[(&str, String)],
    ) -> Result<(), ExecError> {
        let name = self.name(unit).to_owned();
        let launch = &self.launches[self.machine.plan().units[unit.0].process];
        let mut variables = vec![("SITEWARD_PROCESS", name.clone())];
        if let Some(pid) = self.shells[unit.0].main_pid() {
            variables.push(("MAINPID", pid.to_string()));
        }
        variables.extend(extra.iter().map(|(k, v)| (*k, v.clone())));
        let helper = Helper::start(unit, role, |output| {
            launch.command(words, &variables, (&self.places, &name), output.as_fd())
        })?;
        self.helpers.push(helper);
        Ok(())
    }

    pub(super) fn on_helper_ended(&mut self, mut helper: Helper, status: ExitStatus) {
        let outcome = helper.outcome(status);
        self.on_answer(helper.unit, helper.role, outcome);
    }

    fn on_answer(&mut self, unit: UnitId, role: Role, outcome: Result<String, String>) {
        match role {
            Role::Ready => match outcome {
                Ok(_) => self.tell(Event::Unit(unit, UnitEvent::Ready)),
                Err(said) => self.probe_said_no(unit, said),
            },
            Role::Health => {
                if let Err(said) = &outcome {
                    log::warn!("the healthcheck of `{}` failed: {said}", self.name(unit));
                }
                self.tell(Event::Unit(unit, UnitEvent::Health(outcome.map(|_| ()))));
            }
            Role::HealthFor(client) => {
                let name = self.name(unit).to_owned();
                self.clients.on_health(client, &name, outcome.map(|_| ()));
            }
            Role::Follow => {
                let pid = outcome.ok().and_then(|said| said.trim().parse::<i32>().ok());
                let pid = pid.and_then(|n| Pid::try_from(n).ok());
                let family = self.family().unwrap_or_default();
                // A file may name any process; only one of the unit's own is believed.
                let mine = pid.filter(|pid| family.has(unit, *pid));
                match mine.and_then(|pid| self.new_main(unit, pid)) {
                    Some(event) => self.tell(event),
                    // The file of an earlier run, or a process whose parent is still to end: the
                    // machine says when it has been waited for long enough.
                    None => self.ask_again(unit),
                }
            }
            Role::Stop => {
                if let Err(said) = &outcome {
                    log::warn!("the stop_command of `{}` failed: {said}", self.name(unit));
                }
                let succeeded = outcome.is_ok();
                self.tell(Event::Unit(unit, UnitEvent::StopCommand { succeeded }));
            }
            Role::Evidence => {
                match outcome {
                    Ok(said) => log::info!("the evidence of `{}`: {said}", self.name(unit)),
                    Err(said) => log::warn!("the evidence of `{}`: {said}", self.name(unit)),
                }
                self.tell(Event::Gathered);
            }
            Role::ReloadFor(client) => {
                let name = self.name(unit).to_owned();
                self.clients.on_reload(client, &name, outcome.map(|_| ()));
            }
        }
    }

    fn gather_evidence(&mut self, unit: UnitId) -> Option<Event> {
        let words = match &self.process(unit).on_failure {
            Some(evidence) => evidence.command.clone(),
            None => return Some(Event::Gathered),
        };
        let reason = self.failure.as_ref().map(|f| f.reason.clone()).unwrap_or_default();
        match self.start_helper(unit, Role::Evidence, &words, &[("SITEWARD_REASON", reason)]) {
            Ok(()) => None,
            Err(error) => {
                log::warn!("the on_failure command of `{}` {error}", self.name(unit));
                Some(Event::Gathered)
            }
        }
    }

    /// Asks one unit to read its configuration again; None if it has no way, else whether an
    /// answer is to come.
    pub(super) fn reload_unit(
        &mut self,
        unit: UnitId,
        client: u64,
    ) -> Option<Result<bool, String>> {
        match self.process(unit).reload.clone()? {
            Reload::Signal(signal) => {
                let main = self.shells[unit.0].main.as_ref()?;
                Some(main.handle.send(signal).map(|()| false).map_err(|e| e.to_string()))
            }
            Reload::Command(words) => Some(
                self.start_helper(unit, Role::ReloadFor(client), &words, &[])
                    .map(|()| true)
                    .map_err(|e| e.to_string()),
            ),
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
