//! What the supervisor tells people: its log, the history, the view of a site, and why it failed.

use super::actions::Main;
use super::event_loop::Supervisor;
use super::machine::{Cause, Desired, Health, Milestone, Note, Rung, Unit, UnitFailure, Why};
use super::plan::UnitId;
use crate::control::{self, ProcessView, View};
use crate::history;
use crate::linux::clock::WallTime;
use crate::process::Ending;
use crate::site::Ready;
use crate::site::duration::show;
use crate::values::ExitStatus;
use crate::values::{Moment, Pid};

/// How many of its last lines go with a failure.
const LAST_LINES: usize = 5;

impl Supervisor {
    pub(super) fn note(&mut self, note: &Note) {
        match note {
            Note::Ready(unit) => {
                log::info!("`{}` is ready", self.name(*unit));
                // Whoever adopts the site must not ask again for what is said but once.
                self.write_record();
            }
            Note::Fault(unit, cause) => {
                let reason = self.reason(*unit, cause);
                log::warn!("{reason}");
                history::add(&self.places.history(), "fault", &reason);
            }
            Note::RestartIn(unit, delay) => {
                log::warn!("`{}` is started again in {}", self.name(*unit), show(*delay));
            }
            Note::GaveUp(unit) => {
                let text = format!("`{}` stays down; the site serves without it", self.name(*unit));
                log::warn!("{text}");
                history::add(&self.places.history(), "degraded", &text);
            }
            Note::NotAsked(unit, why) => {
                log::warn!(
                    "the healthcheck of `{}` {why}; it is tried again, and that is no answer",
                    self.name(*unit)
                );
            }
            Note::Insisting(unit, signal) => {
                log::warn!("`{}` has not ended in its time; it gets {signal}", self.name(*unit));
            }
            Note::Site(milestone) => self.note_milestone(milestone),
        }
    }

    fn note_milestone(&mut self, milestone: &Milestone) {
        let (event, text) = match milestone {
            Milestone::Up => ("up", format!("the site is {}", self.machine.state())),
            Milestone::Failing(failure) => {
                let failure = self.describe_failure(failure);
                ("failed", self.note_failure(failure))
            }
            Milestone::LeaseLost => {
                let reason = self.lease.why_lost().unwrap_or("the lease was lost").to_owned();
                let failure = control::Failure {
                    process: None,
                    reason,
                    at: WallTime::now(),
                    last_lines: Vec::new(),
                    signal: None,
                };
                ("failed", self.note_failure(failure))
            }
            Milestone::Adopted => {
                ("adopted", "another supervisor has taken over what lives".to_owned())
            }
            Milestone::Stopping => ("stopping", "the site is being stopped".to_owned()),
            Milestone::Holding => ("pausing", "the processes are being stopped".to_owned()),
            Milestone::BegunHeld => ("paused", "the processes are held down".to_owned()),
            Milestone::Held => {
                self.confirm_pause();
                ("paused", "the processes are held down".to_owned())
            }
            Milestone::Resuming => ("resuming", "the processes are started again".to_owned()),
            Milestone::Over => ("down", "all processes have ended".to_owned()),
        };
        log::info!("{text}");
        history::add(&self.places.history(), event, &text);
    }

    /// Written before anything is stopped for it: a crash now must not lose the reason.
    fn note_failure(&mut self, failure: control::Failure) -> String {
        let reason = failure.reason.clone();
        self.record.ending = Some(Ending::Failed(failure.clone()));
        self.failure = Some(failure);
        self.write_record();
        reason
    }

    fn describe_failure(&self, failure: &UnitFailure) -> control::Failure {
        let unit = failure.unit;
        let mut reason = self.reason(unit, &failure.cause);
        if failure.booting {
            reason.push_str(" while the site was starting");
        }
        control::Failure {
            process: Some(self.name(unit).to_owned()),
            reason,
            at: WallTime::now(),
            last_lines: self.shells[unit.0].output.last_lines(LAST_LINES),
            signal: match failure.cause {
                Cause::Died(ExitStatus::Signal(signal)) => Some(signal),
                Cause::Died(ExitStatus::Code(_) | ExitStatus::Untold)
                | Cause::NotRun(_)
                | Cause::NotReady(_)
                | Cause::NeverStarted
                | Cause::Unhealthy(_)
                | Cause::NotAsked(..)
                | Cause::Unidentified
                | Cause::NoMain => None,
            },
        }
    }

    /// What went wrong with a unit, as a sentence without its full stop.
    fn reason(&self, unit: UnitId, cause: &Cause) -> String {
        let name = self.name(unit);
        match cause {
            Cause::NotRun(error) => {
                let program = self.process(unit).command.first().map_or("", String::as_str);
                format!("`{name}` {error} ({program})")
            }
            Cause::Died(ExitStatus::Code(code)) => {
                format!("`{name}` ended with exit status {code}")
            }
            Cause::Died(ExitStatus::Signal(signal)) => {
                format!("`{name}` was killed by {signal}, which siteward did not send")
            }
            Cause::Died(ExitStatus::Untold) => format!("`{name}` has ended, and nobody saw how"),
            Cause::NotReady(time) => {
                let how = match &self.process(unit).ready {
                    Ready::AtExec | Ready::Delay(_) => String::new(),
                    Ready::Notify => " (it did not send READY=1)".to_owned(),
                    Ready::Tcp(address) => format!(" (nothing accepts connections at {address})"),
                    Ready::Socket(path) => {
                        format!(" (nothing accepts connections at {})", path.display())
                    }
                    Ready::File(path) => format!(" (there is no {})", path.display()),
                    Ready::Log(pattern) => format!(" (it printed nothing that matches {pattern})"),
                    Ready::Exec(_) => match &self.shells[unit.0].last_no {
                        Some(said) => format!(" (its probe: {said})"),
                        None => " (its probe did not end)".to_owned(),
                    },
                };
                format!("`{name}` did not get ready within {}{how}", show(*time))
            }
            Cause::NeverStarted => {
                let plan = &self.machine.plan().units[unit.0];
                let waits: Vec<String> = plan
                    .depends_on
                    .iter()
                    .filter(|d| !self.machine.unit(UnitId(**d)).is_up())
                    .map(|d| format!("`{}`", self.name(UnitId(*d))))
                    .collect();
                format!("`{name}` never had its turn: it waits for {}", waits.join(" and "))
            }
            Cause::Unhealthy(said) => {
                let retries = self.process(unit).healthcheck.as_ref().map_or(0, |h| h.retries);
                format!("`{name}` failed its healthcheck {retries} times in a row: {said}")
            }
            Cause::NotAsked(time, why) => {
                format!(
                    "`{name}` could not be asked how it is for {}: its healthcheck {why}",
                    show(*time)
                )
            }
            Cause::Unidentified => format!(
                "`{name}` could not be identified, as /proc could not be read, and is ended"
            ),
            Cause::NoMain => format!("`{name}` was to daemonise and left no main process"),
        }
    }

    pub(super) fn view(&self) -> View {
        let now = Moment::now();
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
            since: self.since,
            fingerprint: self.definition.fingerprint.clone(),
            degraded_is: self.definition.degraded_is,
            degraded_after: self.definition.degraded_after,
            degraded_for: self.machine.degraded_since().map(|since| now.since(since)),
            paused: self.paused.clone(),
            failure: self.failure.clone(),
            processes: self.machine.ids().map(|unit| self.process_view(unit)).collect(),
        }
    }

    fn process_view(&self, id: UnitId) -> ProcessView {
        let unit = self.machine.unit(id);
        let shell = &self.shells[id.0];
        let memory = self.machine.memory(id);
        let detail = shell
            .status
            .clone()
            .filter(|_| unit.run().is_some())
            .or_else(|| memory.last_cause.as_ref().map(|cause| self.reason(id, cause)));
        ProcessView {
            name: self.name(id).to_owned(),
            pid: shell.main_pid(),
            start: shell.main.as_ref().and_then(Main::start),
            doing: doing(unit).to_owned(),
            up: unit.is_up(),
            essential: self.machine.plan().units[id.0].essential,
            restarts: memory.restarts,
            detail,
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
        Unit::Clearing { .. } => "leftovers being ended",
    }
}
