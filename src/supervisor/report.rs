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
use super::prerequisite_watch::PrerequisiteWatch;
use super::processes::Processes;
use super::site_status::SiteStatus;
use crate::control::{Failure, ProcessView, View};
use crate::history::{Entry, HistoryEvent};
use crate::linux::clock::WallTime;
use crate::messages::{self, Message};
use crate::site::duration::say;
use crate::site::{DegradedIs, Prerequisite, Ready};
use crate::values::{ExitStatus, Moment, Pid};

/// How many of its last lines go with a failure.
const LAST_LINES: usize = 5;

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

    /// With more in the entry of the history.
    fn with(self, more: impl FnOnce(Entry) -> Entry) -> Self {
        Self { history: self.history.map(more), ..self }
    }
}

/// Describes the site as it is at this moment.
#[derive(Clone, Copy)]
pub(super) struct Reporter<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) machine: &'a Machine,
    pub(super) processes: &'a Processes,
    pub(super) status: &'a SiteStatus,
    pub(super) prerequisites: &'a PrerequisiteWatch,
}

impl Reporter<'_> {
    /// What is written down about a note of the machine. `failing`: the site fails, for this reason. `told`:
    /// the fault of the unit that fails the site was written down just before.
    pub(super) fn entry(&self, note: &Note, failing: Option<&Failure>, told: bool) -> LogEntry {
        let name = |unit: &UnitId| self.configuration.name(*unit);
        let warn = |text| LogEntry::log_only(Level::Warn, text);
        match note {
            Note::Ready(unit) => {
                let text = format!("`{}` is ready", name(unit));
                let took =
                    self.processes.units[unit.0].begun.map(|begun| Moment::now().since(begun));
                LogEntry::both(Level::Info, HistoryEvent::Ready, text)
                    .with(|entry| entry.of(name(unit)).taking(took))
            }
            Note::Fault(unit, cause) => {
                let lines = self.processes.units[unit.0].output.last_lines(LAST_LINES);
                let Message { id, sentence } = self.reason(*unit, cause);
                LogEntry::both(Level::Warn, HistoryEvent::Fault, sentence).with(|entry| {
                    let entry = entry.identified(id).of(name(unit));
                    entry.exiting(exit_of(cause)).having_printed(lines)
                })
            }
            Note::RestartIn(unit, delay) => {
                let text = format!("`{}` is started again in {}", name(unit), say(*delay));
                LogEntry::both(Level::Warn, HistoryEvent::Restarting, text)
                    .with(|entry| entry.of(name(unit)))
            }
            Note::GaveUp(unit) => {
                let text = format!("`{}` stays down; the site serves without it", name(unit));
                LogEntry::both(Level::Warn, HistoryEvent::Degraded, text)
                    .with(|entry| entry.of(name(unit)))
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
        let (orders, now) = (&self.status.orders, Moment::now());
        let lowered = || orders.lowering.map(|since| now.since(since));
        let paused = self.status.paused.as_ref().map_or_else(
            || "the processes are held down".to_owned(),
            |pause| format!("the processes are held down: {pause}"),
        );
        let (event, text) = match milestone {
            Milestone::Failing(_) | Milestone::LeaseLost | Milestone::FailingWithout(_) => {
                let reason = failing.map_or_else(String::new, |failure| failure.reason.clone());
                let (level, text) = match failing.and_then(|failure| failure.process.as_ref()) {
                    Some(name) if told => {
                        (Level::Info, format!("the site fails without `{name}` and is stopped"))
                    }
                    Some(_) | None => (Level::Warn, reason.clone()),
                };
                let cause = match milestone {
                    Milestone::Failing(failure) => exit_of(&failure.cause),
                    _ => None,
                };
                let (process, lines) = failing.map_or_else(Default::default, |failure| {
                    (failure.process.clone(), failure.last_lines.clone())
                });
                let history = Entry { process, ..Entry::new(HistoryEvent::Failed, reason) };
                let history = history.identified(failing.and_then(|failure| failure.id));
                let history = Some(history.exiting(cause).having_printed(lines));
                return LogEntry { level, text, history };
            }
            Milestone::Lost(lost) => {
                let words = self.loss(*lost);
                return LogEntry::both(Level::Warn, HistoryEvent::PrerequisiteLost, words);
            }
            Milestone::Back(prerequisite) => {
                let words = match prerequisite {
                    Prerequisite::Disk => "the disk of the site is mounted again",
                    Prerequisite::Address => "the address of the site is on this node again",
                };
                (HistoryEvent::PrerequisiteBack, words.to_owned())
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
            Milestone::BegunHeld | Milestone::Held => (HistoryEvent::Paused, paused),
            Milestone::Resuming => {
                (HistoryEvent::Resuming, "the processes are started again".to_owned())
            }
            Milestone::Over => (HistoryEvent::Down, "all processes have ended".to_owned()),
        };
        let (by, took) = match milestone {
            Milestone::Up => (orders.start.clone(), Some(now.since(orders.begun))),
            Milestone::Adopted | Milestone::BegunHeld => (orders.start.clone(), None),
            Milestone::Stopping => (orders.stop.clone(), None),
            Milestone::Holding => (orders.pause.clone(), None),
            Milestone::Resuming => (orders.resume.clone(), None),
            Milestone::Held | Milestone::Over => (None, lowered()),
            Milestone::Failing(_)
            | Milestone::LeaseLost
            | Milestone::FailingWithout(_)
            | Milestone::Lost(_)
            | Milestone::Back(_) => (None, None),
        };
        LogEntry::both(Level::Info, event, text).with(|entry| entry.ordered_by(by).taking(took))
    }

    /// The site has become degraded.
    pub(super) fn degraded(&self) -> Entry {
        let down = self.machine.ids().filter(|unit| !self.machine.unit(*unit).is_up());
        let names: Vec<&str> = down.map(|unit| self.configuration.name(unit)).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let losses = self.machine.lost().iter().map(|lost| self.loss(*lost));
        let words = match quoted.is_empty() {
            true => losses.collect::<Vec<_>>().join("; "),
            false => format!("the site serves without {}", quoted.join(", ")),
        };
        let entry = Entry::new(HistoryEvent::Degraded, words);
        match names[..] {
            [name] => entry.of(name),
            _ => entry,
        }
    }

    /// The failure that a note tells of; `lease`: why the lease was lost.
    pub(super) fn failure(&self, note: &Note, lease: Option<&str>) -> Option<Failure> {
        let of_no_process = |Message { id, sentence }: Message| {
            Some(Failure {
                id: Some(id),
                process: None,
                reason: sentence,
                at: WallTime::now(),
                last_lines: Vec::new(),
                signal: None,
            })
        };
        match note {
            Note::Site(Milestone::Failing(failure)) => Some(self.unit_failure(failure)),
            Note::Site(Milestone::LeaseLost) => {
                of_no_process(messages::lease_lost(lease.unwrap_or("the lease was lost")))
            }
            Note::Site(Milestone::FailingWithout(lost)) => {
                let why = self.loss(*lost);
                of_no_process(match lost {
                    Prerequisite::Disk => messages::disk_lost(why),
                    Prerequisite::Address => messages::address_lost(why),
                })
            }
            Note::Ready(_)
            | Note::Fault(..)
            | Note::RestartIn(..)
            | Note::GaveUp(_)
            | Note::NotAsked(..)
            | Note::Insisting(..)
            | Note::Site(_) => None,
        }
    }

    /// How a prerequisite was lost, as a sentence without its full stop.
    fn loss(&self, lost: Prerequisite) -> String {
        let why = self.prerequisites.why_lost(lost);
        why.unwrap_or("the disk or the address of the site was lost").to_owned()
    }

    fn unit_failure(&self, failure: &UnitFailure) -> Failure {
        let unit = failure.unit;
        let Message { id, sentence: mut reason } = self.reason(unit, &failure.cause);
        if failure.booting {
            reason.push_str(" while the site was starting");
        }
        Failure {
            id: Some(id),
            process: Some(self.configuration.name(unit).to_owned()),
            reason,
            at: WallTime::now(),
            last_lines: self.processes.units[unit.0].output.last_lines(LAST_LINES),
            signal: match exit_of(&failure.cause) {
                Some(ExitStatus::Signal(signal)) => Some(signal),
                Some(ExitStatus::Code(_) | ExitStatus::Untold) | None => None,
            },
        }
    }

    /// What went wrong with a unit.
    pub(super) fn reason(&self, unit: UnitId, cause: &Cause) -> Message {
        let name = self.configuration.name(unit);
        match cause {
            Cause::NotRun(error) => {
                let program =
                    self.configuration.process(unit).command.first().map_or("", String::as_str);
                messages::process_not_run(name, error, program)
            }
            Cause::Died(ExitStatus::Code(code)) => messages::process_ended(name, code),
            Cause::Died(ExitStatus::Signal(signal)) => messages::process_killed(name, signal),
            Cause::Died(ExitStatus::Untold) => messages::process_ended_untold(name),
            Cause::NotReady(time) => {
                messages::process_not_ready(name, say(*time), self.why_not_ready(unit))
            }
            Cause::NotReadyAtBoot { had, boot } => {
                let defined = self.machine.plan().boot_timeout;
                // What the verb needed before the boot is not told.
                let limit = match *boot + Duration::from_secs(1) < defined {
                    true => format!("the {} of this start", say(*boot)),
                    false => format!("the boot_timeout of {}", say(defined)),
                };
                let what = self.why_not_ready(unit);
                messages::process_not_ready_at_boot(name, limit, say(*had), what)
            }
            Cause::NeverStarted => {
                let plan = &self.machine.plan().units[unit.0];
                let waits: Vec<String> = plan
                    .depends_on
                    .iter()
                    .filter(|d| !self.machine.unit(UnitId(**d)).is_up())
                    .map(|d| format!("`{}`", self.configuration.name(UnitId(*d))))
                    .collect();
                messages::process_never_started(name, waits.join(" and "))
            }
            Cause::Unhealthy(said) => {
                let check = self.configuration.process(unit).healthcheck.as_ref();
                let times = match check.map_or(0, |check| check.retries) {
                    0 | 1 => String::new(),
                    times => format!(" {times} times in a row"),
                };
                messages::process_unhealthy(name, times, said)
            }
            Cause::NotAsked(time, why) => messages::healthcheck_not_run(name, say(*time), why),
            Cause::Unidentified => messages::process_unidentified(name),
            Cause::NoMain => messages::main_process_missing(name),
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
                Desired::Down(Why::Failed(_) | Why::LeaseLost | Why::Without(_)) => {
                    "down, after a failure"
                }
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
            lost: self.machine.lost().iter().map(|lost| self.loss(*lost)).collect(),
            processes: self.machine.ids().map(|unit| self.process_view(unit)).collect(),
        }
    }

    fn process_view(&self, id: UnitId) -> ProcessView {
        let unit = self.machine.unit(id);
        let runtime = &self.processes.units[id.0];
        let memory = self.machine.memory(id);
        let status = runtime.status.clone().filter(|_| unit.run().is_some());
        let cause = || memory.last_cause.as_ref().map(|cause| self.reason(id, cause).sentence);
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

/// How the main process ended, if that is the cause.
fn exit_of(cause: &Cause) -> Option<ExitStatus> {
    match cause {
        Cause::Died(status) => Some(*status),
        Cause::NotRun(_)
        | Cause::NotReady(_)
        | Cause::NotReadyAtBoot { .. }
        | Cause::NeverStarted
        | Cause::Unhealthy(_)
        | Cause::NotAsked(..)
        | Cause::Unidentified
        | Cause::NoMain => None,
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
