//! What the supervisor tells people: the lines of its log and of the history, the view of the site, and why
//! it failed.

use std::time::Duration;

use log::Level;

use super::configuration::Configuration;
use super::held::MonitorVerdict;
use super::machine::{
    Cause, Desired, Health, Machine, Milestone, Note, Rung, Unit, UnitFailure, Why,
};
use super::main_process::MainProcess;
use super::plan::UnitId;
use super::processes::Processes;
use crate::control::{Failure, Pause, ProcessView, State, View};
use crate::history::{Entry, HistoryEvent};
use crate::linux::clock::WallTime;
use crate::site::duration::say;
use crate::site::{DegradedIs, Ready};
use crate::values::{ExitStatus, Moment, Pid};

/// How many of its last lines go with a failure.
const LAST_LINES: usize = 5;

/// What is told of the site and is not the machine's to know.
#[derive(Debug)]
pub(super) struct SiteStatus {
    pub(super) since: WallTime,
    /// Why the site is paused, if it is.
    pub(super) paused: Option<Pause>,
    /// The pause that a resume is to end; it is in force again if the ports are taken.
    pub(super) resumed_from: Option<Pause>,
    pub(super) failure: Option<Failure>,
    /// By which verb or signal it was stopped.
    pub(super) stopped_by: Option<String>,
    /// The state of the site, and since when it is in it.
    pub(super) state_since: Option<(State, Moment)>,
}

impl SiteStatus {
    /// The site is in this state now.
    pub(super) fn is_in(&mut self, state: State, now: Moment) {
        if self.state_since.is_none_or(|(before, _)| before != state) {
            self.state_since = Some((state, now));
        }
    }
}

/// What is written down about a note.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) level: Level,
    pub(super) text: String,
    pub(super) history: Option<Entry>,
}

impl LogEntry {
    fn log_only(level: Level, text: String) -> Self {
        Self { level, text, history: None }
    }

    fn both(level: Level, event: HistoryEvent, text: String) -> Self {
        Self { level, text: text.clone(), history: Some(Entry::new(event, text)) }
    }

    /// It is about this process.
    fn of(self, process: &str) -> Self {
        Self { history: self.history.map(|entry| entry.of(process)), ..self }
    }
}

/// Describes the site as it is at this moment.
#[derive(Clone, Copy)]
pub(super) struct Reporter<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) machine: &'a Machine,
    pub(super) processes: &'a Processes,
    pub(super) status: &'a SiteStatus,
}

impl Reporter<'_> {
    /// What is written down about a note of the machine. `failing`: the site fails, for this reason. `told`:
    /// the fault of the unit that fails the site was written down just before.
    pub(super) fn entry(&self, note: &Note, failing: Option<&Failure>, told: bool) -> LogEntry {
        let name = |unit: &UnitId| self.configuration.name(*unit);
        let warn = |text| LogEntry::log_only(Level::Warn, text);
        match note {
            Note::Ready(unit) => {
                LogEntry::log_only(Level::Info, format!("`{}` is ready", name(unit)))
            }
            Note::Fault(unit, cause) => {
                let entry =
                    LogEntry::both(Level::Warn, HistoryEvent::Fault, self.reason(*unit, cause));
                entry.of(name(unit))
            }
            Note::RestartIn(unit, delay) => {
                warn(format!("`{}` is started again in {}", name(unit), say(*delay)))
            }
            Note::GaveUp(unit) => {
                let text = format!("`{}` stays down; the site serves without it", name(unit));
                LogEntry::both(Level::Warn, HistoryEvent::Degraded, text).of(name(unit))
            }
            Note::NotAsked(unit, why) => warn(format!(
                "the healthcheck of `{}` {why}; it is tried again, and does not count as failed",
                name(unit)
            )),
            Note::Insisting(unit, signal) => {
                warn(format!("`{}` has not ended in its time; it gets {signal}", name(unit)))
            }
            Note::Site(milestone) => self.milestone(milestone, failing, told),
        }
    }

    fn milestone(&self, milestone: &Milestone, failing: Option<&Failure>, told: bool) -> LogEntry {
        let (event, text) = match milestone {
            Milestone::Failing(_) | Milestone::LeaseLost => {
                let reason = failing.map_or_else(String::new, |failure| failure.reason.clone());
                let (level, text) = match failing.and_then(|failure| failure.process.as_ref()) {
                    Some(name) if told => {
                        (Level::Info, format!("the site fails without `{name}` and is stopped"))
                    }
                    Some(_) | None => (Level::Warn, reason.clone()),
                };
                let history = Entry::new(HistoryEvent::Failed, reason);
                return LogEntry { level, text, history: Some(history) };
            }
            Milestone::Up => (HistoryEvent::Up, format!("the site is {}", self.machine.state())),
            Milestone::Adopted => (
                HistoryEvent::Adopted,
                "a new supervisor has taken over the living processes".to_owned(),
            ),
            Milestone::Stopping => (HistoryEvent::Stopping, "the site is being stopped".to_owned()),
            Milestone::Holding => {
                (HistoryEvent::Pausing, "the processes are being stopped".to_owned())
            }
            Milestone::BegunHeld | Milestone::Held => {
                (HistoryEvent::Paused, "the processes are held down".to_owned())
            }
            Milestone::Resuming => {
                (HistoryEvent::Resuming, "the processes are started again".to_owned())
            }
            Milestone::Over => (HistoryEvent::Down, "all processes have ended".to_owned()),
        };
        LogEntry::both(Level::Info, event, text)
    }

    /// The failure that a note tells of; `lease`: why the lease was lost.
    pub(super) fn failure(&self, note: &Note, lease: Option<&str>) -> Option<Failure> {
        match note {
            Note::Site(Milestone::Failing(failure)) => Some(self.unit_failure(failure)),
            Note::Site(Milestone::LeaseLost) => Some(Failure {
                process: None,
                reason: lease.unwrap_or("the lease was lost").to_owned(),
                at: WallTime::now(),
                last_lines: Vec::new(),
                signal: None,
            }),
            Note::Ready(_)
            | Note::Fault(..)
            | Note::RestartIn(..)
            | Note::GaveUp(_)
            | Note::NotAsked(..)
            | Note::Insisting(..)
            | Note::Site(_) => None,
        }
    }

    fn unit_failure(&self, failure: &UnitFailure) -> Failure {
        let unit = failure.unit;
        let mut reason = self.reason(unit, &failure.cause);
        if failure.booting {
            reason.push_str(" while the site was starting");
        }
        Failure {
            process: Some(self.configuration.name(unit).to_owned()),
            reason,
            at: WallTime::now(),
            last_lines: self.processes.units[unit.0].output.last_lines(LAST_LINES),
            signal: match failure.cause {
                Cause::Died(ExitStatus::Signal(signal)) => Some(signal),
                Cause::Died(ExitStatus::Code(_) | ExitStatus::Untold)
                | Cause::NotRun(_)
                | Cause::NotReady(_)
                | Cause::NotReadyAtBoot { .. }
                | Cause::NeverStarted
                | Cause::Unhealthy(_)
                | Cause::NotAsked(..)
                | Cause::Unidentified
                | Cause::NoMain => None,
            },
        }
    }

    /// What went wrong with a unit, as a sentence without its full stop.
    pub(super) fn reason(&self, unit: UnitId, cause: &Cause) -> String {
        let name = self.configuration.name(unit);
        match cause {
            Cause::NotRun(error) => {
                let program =
                    self.configuration.process(unit).command.first().map_or("", String::as_str);
                format!("`{name}` {error} ({program})")
            }
            Cause::Died(ExitStatus::Code(code)) => {
                format!("`{name}` ended with exit status {code}")
            }
            Cause::Died(ExitStatus::Signal(signal)) => {
                format!("`{name}` was killed by {signal}, which siteward did not send")
            }
            Cause::Died(ExitStatus::Untold) => {
                format!("`{name}` has ended; its exit status is not known")
            }
            Cause::NotReady(time) => {
                format!("`{name}` was not ready within {}{}", say(*time), self.why_not_ready(unit))
            }
            Cause::NotReadyAtBoot { had, boot } => {
                let defined = self.machine.plan().boot_timeout;
                // What the verb needed before the boot is not told.
                let limit = match *boot + Duration::from_secs(1) < defined {
                    true => format!("the {} of this start", say(*boot)),
                    false => format!("the boot_timeout of {}", say(defined)),
                };
                format!(
                    "`{name}` was not ready when {limit} ended; it had {}{}",
                    say(*had),
                    self.why_not_ready(unit)
                )
            }
            Cause::NeverStarted => {
                let plan = &self.machine.plan().units[unit.0];
                let waits: Vec<String> = plan
                    .depends_on
                    .iter()
                    .filter(|d| !self.machine.unit(UnitId(**d)).is_up())
                    .map(|d| format!("`{}`", self.configuration.name(UnitId(*d))))
                    .collect();
                format!("`{name}` was never started: it waits for {}", waits.join(" and "))
            }
            Cause::Unhealthy(said) => {
                let check = self.configuration.process(unit).healthcheck.as_ref();
                match check.map_or(0, |check| check.retries) {
                    0 | 1 => format!("`{name}` failed its healthcheck: {said}"),
                    times => {
                        format!("`{name}` failed its healthcheck {times} times in a row: {said}")
                    }
                }
            }
            Cause::NotAsked(time, why) => {
                format!(
                    "the healthcheck of `{name}` could not be started for {}: it {why}",
                    say(*time)
                )
            }
            Cause::Unidentified => format!(
                "`{name}` could not be identified, as /proc could not be read, and is ended"
            ),
            Cause::NoMain => format!("`{name}` was to daemonise, and no main process was found"),
        }
    }

    /// What was waited for, and the last answer to it, in parentheses.
    fn why_not_ready(&self, unit: UnitId) -> String {
        let process = self.configuration.process(unit);
        let runtime = &self.processes.units[unit.0];
        let (what, answer) = match &process.ready {
            _ if process.oneshot => ("it did not end".to_owned(), None),
            Ready::AtExec => return String::new(),
            Ready::Delay(time) => (format!("waits {} after its start", say(*time)), None),
            Ready::Notify => ("it did not send READY=1".to_owned(), runtime.status.as_ref()),
            Ready::Tcp(address) => {
                (format!("nothing accepts connections at {address}"), runtime.probe_answer.as_ref())
            }
            Ready::Socket(path) => (
                format!("nothing accepts connections at {}", path.display()),
                runtime.probe_answer.as_ref(),
            ),
            Ready::File(path) => {
                (format!("there is no {}", path.display()), runtime.probe_answer.as_ref())
            }
            // The last lines that it printed go with the failure.
            Ready::Log(pattern) => (format!("it printed nothing that matches {pattern}"), None),
            Ready::Exec(_) => match &runtime.probe_answer {
                Some(said) => (format!("its probe: {said}"), None),
                None => ("its probe did not end".to_owned(), None),
            },
        };
        let answer = answer.map_or_else(String::new, |answer| format!("; {answer}"));
        format!(" ({what}{answer})")
    }

    /// When a degraded site begins to be reported as degraded.
    pub(super) fn reported_degraded_at(&self) -> Option<Moment> {
        let definition = &self.configuration.definition;
        let wanted = definition.degraded_is == DegradedIs::Degraded;
        let since = self.machine.degraded_since().filter(|_| wanted)?;
        Some(since + definition.degraded_after)
    }

    /// What a monitor is told, as far as managers tell answers apart.
    pub(super) fn verdict(&self) -> MonitorVerdict {
        let as_degraded = self.reported_degraded_at().is_some_and(Moment::passed);
        MonitorVerdict::of(self.machine.state(), as_degraded)
    }

    pub(super) fn view(&self) -> View {
        let now = Moment::now();
        let definition = &self.configuration.definition;
        View {
            state: self.machine.state(),
            desired: match self.machine.desired() {
                Desired::Up => "up",
                Desired::Held => "held",
                Desired::Down(Why::Ordered) => "down, as ordered",
                Desired::Down(Why::Failed(_) | Why::LeaseLost) => "down, after a failure",
            }
            .to_owned(),
            supervisor: Pid::this(),
            since: self.status.since,
            fingerprint: definition.fingerprint.clone(),
            degraded_is: definition.degraded_is,
            degraded_after: definition.degraded_after,
            degraded_for: self.machine.degraded_since().map(|since| now.since(since)),
            paused: self.status.paused.clone(),
            failure: self.status.failure.clone(),
            processes: self.machine.ids().map(|unit| self.process_view(unit)).collect(),
        }
    }

    fn process_view(&self, id: UnitId) -> ProcessView {
        let unit = self.machine.unit(id);
        let runtime = &self.processes.units[id.0];
        let memory = self.machine.memory(id);
        let status = runtime.status.clone().filter(|_| unit.run().is_some());
        let cause = || memory.last_cause.as_ref().map(|cause| self.reason(id, cause));
        ProcessView {
            name: self.configuration.name(id).to_owned(),
            pid: runtime.main_pid(),
            start: runtime.main.as_ref().and_then(MainProcess::start),
            doing: doing(unit).to_owned(),
            up: unit.is_up(),
            essential: self.machine.plan().units[id.0].essential,
            restarts: memory.restarts,
            detail: status.or_else(cause),
        }
    }
}

fn doing(unit: &Unit) -> &'static str {
    match unit {
        Unit::Idle => "down",
        Unit::Backoff { .. } => "waiting to be started again",
        Unit::Done => "done",
        Unit::GivenUp => "given up",
        Unit::Spawning | Unit::Forked { .. } | Unit::Starting { .. } => "starting",
        Unit::Following { .. } => "daemonising",
        Unit::Ready { health: Health::NotAsked | Health::Waiting { failures: 0, .. }, .. }
        | Unit::Ready { health: Health::Asked { failures: 0, .. }, .. } => "ready",
        Unit::Ready { .. } => "ready, healthcheck failing",
        Unit::Stopping { rung: Rung::Killed, .. } => "being killed",
        Unit::Stopping { .. } => "stopping",
        Unit::Clearing { .. } => "its remaining processes being ended",
    }
}
