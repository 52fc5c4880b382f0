//! Carrying out what the machine says.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

use super::event_loop::Supervisor;
use super::helpers::{Helper, Role};
use super::machine::{Action, Clearance, Event, Rung, Unit, UnitEvent};
use super::output::Output;
use super::plan::UnitId;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::process::{ExitStatus, Stat};
use crate::linux::sockets::NotifySocket;
use crate::linux::spawn::{Child, ExecError, ExecReport, Stage, spawn};
use crate::linux::{Moment, Pid, PidFd, Signal, node};
use crate::process::{Identity, ProcessRecord};
use crate::site::{Process, Ready, Reload};

/// How long after a failed readiness probe the next one is made: soon at first.
const PROBE_PACE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What the supervisor holds of one unit.
pub(super) struct UnitShell {
    /// Its main process, which is a child of ours and not reaped.
    pub(super) main: Option<(Identity, PidFd)>,
    pub(super) report: Option<ExecReport>,
    pub(super) notify: Option<NotifySocket>,
    /// It has said READY=1 in this run.
    pub(super) said_ready: bool,
    /// Its own words (STATUS=).
    pub(super) status: Option<String>,
    pub(super) output: Output,
    /// When its readiness is probed again.
    pub(super) retry_at: Option<Moment>,
    retry_pause: Duration,
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
        self.main.as_ref().map(|(identity, _)| identity.pid)
    }
}

/// Sends a signal to a descendant of ours that was alive at this look.
pub(super) fn signal(pid: Pid, signal: Signal) {
    if let Some(handle) = Identity::of(pid).and_then(|identity| identity.open())
        && let Err(error) = handle.send(signal)
    {
        log::warn!("{signal} could not be sent to {pid}: {error}");
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
                if let Some((_, handle)) = &self.shells[unit.0].main {
                    // A process that was stopped takes its signal only when it goes on.
                    let sent = handle.send(signal).and_then(|()| handle.send(Signal::CONT));
                    if let Err(error) = sent {
                        log::warn!("{signal} could not be sent to `{}`: {error}", self.name(unit));
                    }
                }
            }
            Action::TermAll(unit) => self.kill_all(unit, Signal::TERM),
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
        let launch = &self.launches[self.machine.plan().units[unit.0].process];
        let mut command =
            launch.command(&process.command, &extra, (&self.places, &name), output.as_fd());
        if let Some(lock) = &lock {
            command.marks.push(lock.file().as_fd());
        }
        let Child { pid, handle, report } = spawn(&command)?;
        self.kin.started(unit, pid);
        let identity = Identity::of(pid);
        let shell = &mut self.shells[unit.0];
        shell.report = Some(report);
        shell.main = identity.map(|identity| (identity, handle));
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
                let (identity, _) = self.shells[unit.0].main.as_ref()?;
                Some(ProcessRecord { name: self.name(unit).to_owned(), identity: identity.clone() })
            })
            .collect();
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
                if let Some((identity, _)) = self.shells[unit.0].main.take() {
                    crate::linux::process::reap_one(identity.pid);
                }
                self.tell(Event::Unit(unit, UnitEvent::NotRun(error)));
            }
        }
    }

    // --- readiness ----------------------------------------------------------------------------

    /// Begins to find out when a unit is ready. True if it is ready already.
    fn await_ready(&mut self, unit: UnitId) -> bool {
        match &self.process(unit).ready {
            Ready::AtExec | Ready::Delay(_) => false,
            Ready::Notify => self.shells[unit.0].said_ready,
            Ready::Log(pattern) => {
                let pattern = pattern.clone();
                let watcher = self.watcher.as_ref();
                let output = &mut self.shells[unit.0].output;
                output.search_for(&pattern);
                output.look(watcher, Moment::now())
            }
            Ready::Tcp(_) | Ready::Socket(_) | Ready::File(_) | Ready::Exec(_) => {
                self.start_readiness_probe(unit);
                false
            }
        }
    }

    pub(super) fn start_readiness_probe(&mut self, unit: UnitId) {
        let own = |kind: &str, what: String| {
            vec!["/proc/self/exe".to_owned(), "await".to_owned(), kind.to_owned(), what]
        };
        let words = match &self.process(unit).ready {
            Ready::Tcp(address) => own("tcp", address.clone()),
            Ready::Socket(path) => own("socket", path.display().to_string()),
            Ready::File(path) => own("file", path.display().to_string()),
            Ready::Exec(words) => words.clone(),
            Ready::AtExec | Ready::Notify | Ready::Log(_) | Ready::Delay(_) => return,
        };
        if let Err(error) = self.start_helper(unit, Role::Ready, &words, &[]) {
            self.probe_said_no(unit, error.to_string());
        }
    }

    fn probe_said_no(&mut self, unit: UnitId, said: String) {
        self.shells[unit.0].last_no = Some(said);
        self.ask_again(unit);
    }

    /// Soon at first, then less and less often.
    fn ask_again(&mut self, unit: UnitId) {
        let shell = &mut self.shells[unit.0];
        shell.retry_at = Some(Moment::now() + shell.retry_pause);
        shell.retry_pause = (shell.retry_pause * 2).min(PROBE_PACE.1);
    }

    /// The time for another question has come.
    pub(super) fn retry(&mut self, unit: UnitId) {
        if !matches!(self.machine.unit(unit), Unit::Following { .. }) {
            self.start_readiness_probe(unit);
        } else if let Some(event) = self.follow(unit) {
            self.tell(event);
        }
    }

    /// Finds the main process of one that daemonised.
    fn follow(&mut self, unit: UnitId) -> Option<Event> {
        if let Some(path) = self.process(unit).pid_file.clone() {
            let words = ["/proc/self/exe", "await", "pid-file", &path.display().to_string()]
                .map(str::to_owned);
            if self.start_helper(unit, Role::Follow, &words, &[]).is_ok() {
                return None;
            }
        }
        let family = self.family();
        let mine: Vec<Pid> = family.map(|f| f.of(unit).to_vec()).unwrap_or_default();
        // The oldest orphan: it has forked the others.
        let me = Pid::this();
        let oldest = mine
            .iter()
            .filter_map(|pid| Stat::of(*pid))
            .filter(|stat| stat.parent == Some(me))
            .min_by_key(|stat| (stat.start, stat.pid));
        let event = oldest.and_then(|stat| self.new_main(unit, stat.pid));
        Some(event.unwrap_or(Event::Unit(unit, UnitEvent::NoMain)))
    }

    /// Makes `pid`, a member of the unit, its main process.
    pub(super) fn new_main(&mut self, unit: UnitId, pid: Pid) -> Option<Event> {
        let identity = Identity::of(pid)?;
        let handle = identity.open()?;
        // Only of a child of ours the kernel tells us the death and its status.
        if identity.stat()?.parent != Some(Pid::this()) {
            log::info!(
                "{pid} cannot be the main process of `{}`: its parent lives still",
                self.name(unit)
            );
            return None;
        }
        self.shells[unit.0].main = Some((identity, handle));
        self.write_record();
        log::info!("the main process of `{}` is {pid}", self.name(unit));
        Some(Event::Unit(unit, UnitEvent::Main(pid)))
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
                let mine = self.family().map(|f| f.of(unit).to_vec()).unwrap_or_default();
                // A file may name any process; only one of the unit's own is believed.
                match pid.filter(|pid| mine.contains(pid)).and_then(|pid| self.new_main(unit, pid))
                {
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
                let (_, handle) = self.shells[unit.0].main.as_ref()?;
                Some(handle.send(signal).map(|()| false).map_err(|e| e.to_string()))
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
        for pid in family.of(unit).iter().chain(strays) {
            signal(*pid, what);
            if what == Signal::TERM {
                signal(*pid, Signal::CONT);
            }
        }
    }

    // --- notices ------------------------------------------------------------------------------

    pub(super) fn on_notices(&mut self, unit: UnitId) {
        while let Some(notice) = self.shells[unit.0].notify.as_ref().and_then(NotifySocket::receive)
        {
            // The kernel vouches for the sender; it must be one of this unit's own processes.
            let family = self.family();
            let mine = family.as_ref().map_or(&[][..], |f| f.of(unit));
            let trusted = notice.from.pid.is_some_and(|pid| mine.contains(&pid));
            if !trusted {
                log::warn!(
                    "a notice for `{}` from process {} is not believed, as that is none of its own",
                    self.name(unit),
                    notice.from.pid.map_or_else(|| "unknown".to_owned(), |p| p.to_string())
                );
                continue;
            }
            for line in notice.text.lines() {
                self.on_notice_line(unit, line, mine);
            }
        }
    }

    fn on_notice_line(&mut self, unit: UnitId, line: &str, mine: &[Pid]) {
        match line.split_once('=') {
            Some(("READY", "1")) => {
                self.shells[unit.0].said_ready = true;
                self.tell(Event::Unit(unit, UnitEvent::Ready));
            }
            Some(("STATUS", text)) => {
                let text = text.chars().filter(|c| !c.is_control()).take(200).collect();
                self.shells[unit.0].status = Some(text);
            }
            Some(("STOPPING", "1")) => {
                self.shells[unit.0].status = Some("says that it is stopping".to_owned());
            }
            Some(("MAINPID", number)) => {
                let pid = number.trim().parse::<i32>().ok().and_then(|n| Pid::try_from(n).ok());
                if let Some(pid) = pid.filter(|pid| mine.contains(pid))
                    && self.shells[unit.0].main_pid() != Some(pid)
                    && let Some(event) = self.new_main(unit, pid)
                {
                    self.tell(event);
                }
            }
            _ => {}
        }
    }
}
