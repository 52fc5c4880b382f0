//! Faults of units, and how the processes of a unit are ended.

use std::time::Duration;

use super::site::{Machine, Remains};
use crate::supervisor::plan::UnitId;
use crate::supervisor::state::{
    Action, Cause, Clearance, Desired, Milestone, Note, Rung, SitePhase, Then, Unit, UnitFailure,
    Why,
};
use crate::values::Moment;

impl Machine {
    /// A unit has a fault: it is started again, stays down, or fails the site.
    pub(super) fn fault(
        &mut self,
        id: UnitId,
        cause: Cause,
        remains: Remains,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        self.memory[id.0].last_cause = Some(cause.clone());
        if !self.raising() {
            return self.leave(id, remains, Then::Idle, now, out);
        }
        out.push(Action::Note(Note::Fault(id, cause.clone())));
        let then = match self.budget(id, &cause, now) {
            Some(delay) => {
                self.memory[id.0].restarts += 1;
                out.push(Action::Note(Note::RestartIn(id, delay)));
                Then::Backoff(now + delay)
            }
            None if self.plan.units[id.0].essential => {
                // A main process that lives is stopped with the others, in their order.
                if remains != Remains::Main {
                    self.leave(id, remains, Then::GivenUp, now, out);
                }
                return self.fail(id, cause, now, out);
            }
            None => {
                out.push(Action::Note(Note::GaveUp(id)));
                Then::GivenUp
            }
        };
        self.leave(id, remains, then, now, out);
    }

    /// How long to wait before it is started again; None if it is not.
    pub(super) fn budget(&mut self, id: UnitId, cause: &Cause, now: Moment) -> Option<Duration> {
        let restart = self.plan.units[id.0].restart?;
        // Another attempt would fail as well, unless the node only lacked room at that moment.
        if matches!(cause, Cause::NotRun(error) if !error.is_for_want_of_room()) {
            return None;
        }
        let memory = &mut self.memory[id.0];
        memory.faults.retain(|fault| now.since(*fault) < restart.within);
        let recent = u32::try_from(memory.faults.len()).unwrap_or(u32::MAX);
        let count = recent.max(memory.in_a_row);
        if count >= restart.attempts {
            return None;
        }
        memory.faults.push(now);
        memory.in_a_row += 1;
        Some(restart.delay.saturating_mul(1 << count.min(16)).min(restart.max_delay))
    }

    pub(super) fn fail(&mut self, unit: UnitId, cause: Cause, now: Moment, out: &mut Vec<Action>) {
        let booting = self.is_booting();
        let graceful = self.graceful_time();
        let failure = UnitFailure { unit, cause, booting };
        out.push(Action::Note(Note::Site(Milestone::Failing(failure.clone()))));
        self.desired = Desired::Down(Why::Failed(failure));
        match self.plan.units[unit.0].evidence {
            Some(time) => {
                let until = now + time.min(graceful / 2);
                self.phase = SitePhase::Gathering { unit, until, graceful_until: now + graceful };
                out.push(Action::GatherEvidence(unit));
            }
            None => self.lower(now + graceful, out),
        }
    }

    fn is_booting(&self) -> bool {
        match self.phase {
            SitePhase::Booting { .. } | SitePhase::Settling { .. } => true,
            SitePhase::Serving
            | SitePhase::Gathering { .. }
            | SitePhase::Lowering { .. }
            | SitePhase::Held
            | SitePhase::Reserving
            | SitePhase::Over => false,
        }
    }

    /// How long the graceful stop of a site that fails now may take.
    pub(super) fn graceful_time(&self) -> Duration {
        match self.is_booting() {
            true => self.rollback.min(self.plan.stop_timeout),
            false => self.plan.stop_timeout,
        }
    }

    /// Another node may write to the database: every process is killed at once. After a TERM many programs
    /// would write to it once more.
    pub(super) fn on_lease_lost(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.phase == SitePhase::Over {
            return;
        }
        self.is_lease_lost = true;
        if let SitePhase::Gathering { unit, .. } = self.phase {
            out.push(Action::DropHelpers(unit));
        }
        match self.desired {
            // It ends already, for another reason.
            Desired::Down(_) => {}
            Desired::Up | Desired::Held => {
                self.desired = Desired::Down(Why::LeaseLost);
                out.push(Action::Note(Note::Site(Milestone::LeaseLost)));
            }
        }
        self.lower(now, out);
        for id in self.ids() {
            match self.units[id.0].clone() {
                Unit::Stopping { run, rung, then } if rung != Rung::Killed => {
                    out.push(Action::DropHelpers(id));
                    out.push(Action::KillAll(id));
                    self.units[id.0] = Unit::Stopping { run, rung: Rung::Killed, then };
                }
                Unit::Clearing { rung, then } if rung != Clearance::Killed => {
                    out.push(Action::KillAll(id));
                    self.units[id.0] = Unit::Clearing { rung: Clearance::Killed, then };
                }
                // `advance` kills what lives of these, as the time of the graceful stop is over.
                Unit::Forked { .. }
                | Unit::Starting { .. }
                | Unit::Following { .. }
                | Unit::Ready { .. }
                | Unit::Idle
                | Unit::Backoff { .. }
                | Unit::Done
                | Unit::GivenUp
                | Unit::Spawning
                | Unit::Stopping { .. }
                | Unit::Clearing { .. } => {}
            }
        }
    }

    /// Ends the processes that remain of a unit; then it becomes what `then` says.
    pub(super) fn leave(
        &mut self,
        id: UnitId,
        remains: Remains,
        then: Then,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        match remains {
            Remains::Main => self.stop_unit(id, then, now, out),
            Remains::Others if self.is_lease_lost => {
                self.units[id.0] = Unit::Clearing { rung: Clearance::Killed, then };
                out.push(Action::KillAll(id));
            }
            Remains::Others => {
                let until = now + self.plan.forcekill_time;
                let rung = Clearance::Termed { until };
                self.units[id.0] = Unit::Clearing { rung, then };
                out.push(Action::TermAll(id));
            }
            Remains::Nothing => self.settle(id, then),
        }
    }

    /// No process of a unit lives any more.
    pub(super) fn settle(&mut self, id: UnitId, then: Then) {
        self.units[id.0] = match then {
            Then::Idle => Unit::Idle,
            Then::Backoff(until) if self.raising() => Unit::Backoff { until },
            Then::Backoff(_) => Unit::Idle,
            Then::GivenUp => Unit::GivenUp,
            Then::Done => Unit::Done,
        };
    }

    /// Begins the stop of a unit that lives, on its first rung.
    pub(super) fn stop_unit(&mut self, id: UnitId, then: Then, now: Moment, out: &mut Vec<Action>) {
        let plan = &self.plan.units[id.0];
        let until = now + plan.stop_grace;
        match self.units[id.0].clone() {
            Unit::Forked { run, .. } | Unit::Starting { run, .. } | Unit::Ready { run, .. } => {
                out.push(Action::DropHelpers(id));
                let rung = if self.is_lease_lost {
                    out.push(Action::KillAll(id));
                    Rung::Killed
                } else if self.graceful_time_is_over(now) {
                    out.push(Action::TermAll(id));
                    Rung::Termed { until: now + self.plan.forcekill_time }
                } else if plan.has_stop_command {
                    out.push(Action::RunStopCommand(id));
                    Rung::Command { until }
                } else {
                    out.push(Action::AskToStop(id));
                    Rung::Asked { until }
                };
                self.units[id.0] = Unit::Stopping { run, rung, then };
            }
            Unit::Following { .. } => {
                out.push(Action::DropHelpers(id));
                self.leave(id, Remains::Others, then, now, out);
            }
            Unit::Idle
            | Unit::Backoff { .. }
            | Unit::Done
            | Unit::GivenUp
            | Unit::Spawning
            | Unit::Stopping { .. }
            | Unit::Clearing { .. } => {}
        }
    }

    pub(super) fn graceful_time_is_over(&self, now: Moment) -> bool {
        matches!(self.phase, SitePhase::Lowering { graceful_until } if graceful_until <= now)
    }

    pub(super) fn ready_limit(&self, id: UnitId, from: Moment) -> Moment {
        from + self.plan.units[id.0].ready_timeout.unwrap_or(self.plan.boot_timeout)
    }
}
