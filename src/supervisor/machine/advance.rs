//! Does what is due: times that have run out, units that may be started or stopped.

use std::time::Duration;

use super::site::{Machine, Remains};
use crate::supervisor::plan::UnitId;
use crate::supervisor::state::{
    Action, Cause, Clearance, Desired, Health, Milestone, Note, Rung, SitePhase, Then, Unit,
};
use crate::values::Moment;

impl Machine {
    /// Does all that is due, until nothing more is.
    pub(super) fn advance(&mut self, now: Moment, out: &mut Vec<Action>) {
        loop {
            for id in self.ids() {
                self.on_unit_timer(id, now, out);
            }
            if !self.advance_phase(now, out) {
                return;
            }
        }
    }

    pub(super) fn on_unit_timer(&mut self, id: UnitId, now: Moment, out: &mut Vec<Action>) {
        if self.unit_timer(id).is_none_or(|at| at > now) {
            return;
        }
        let forcekill = self.plan.forcekill_time;
        match self.units[id.0].clone() {
            Unit::Backoff { .. } => self.units[id.0] = Unit::Idle,
            Unit::Starting { run, ready_at: Some(at), .. } if at <= now => {
                self.is_ready(id, run, now, out);
            }
            Unit::Forked { run, .. } | Unit::Starting { run, .. } => {
                let cause = Cause::NotReady(now.since(run.since));
                self.fault(id, cause, Remains::Main, now, out);
            }
            Unit::Following { .. } => {
                out.push(Action::DropHelpers(id));
                self.fault(id, Cause::NoMain, Remains::Others, now, out);
            }
            Unit::Ready { run, health } => match health {
                Health::NotAsked => {}
                Health::Waiting { failures, .. } => {
                    let timeout =
                        self.plan.units[id.0].health.map_or(Duration::ZERO, |h| h.timeout);
                    let health = Health::Asked { until: now + timeout, failures };
                    self.units[id.0] = Unit::Ready { run, health };
                    out.push(Action::CheckHealth(id));
                }
                Health::Asked { failures, .. } => {
                    out.push(Action::DropHelpers(id));
                    let said = "it did not answer in time".to_owned();
                    self.on_health(id, run, failures, Err(said), now, out);
                }
            },
            Unit::Stopping { run, rung, then } => match rung {
                Rung::Command { .. } | Rung::Asked { .. } => {
                    out.push(Action::DropHelpers(id));
                    out.push(Action::Note(Note::Insisting(id, "TERM")));
                    out.push(Action::TermAll(id));
                    let rung = Rung::Termed { until: now + forcekill };
                    self.units[id.0] = Unit::Stopping { run, rung, then };
                }
                Rung::Termed { .. } => {
                    out.push(Action::Note(Note::Insisting(id, "KILL")));
                    out.push(Action::KillAll(id));
                    self.units[id.0] = Unit::Stopping { run, rung: Rung::Killed, then };
                }
                Rung::Killed => {}
            },
            Unit::Clearing { then, .. } => {
                out.push(Action::Note(Note::Insisting(id, "KILL")));
                out.push(Action::KillAll(id));
                self.units[id.0] = Unit::Clearing { rung: Clearance::Killed, then };
            }
            Unit::Idle | Unit::Done | Unit::GivenUp | Unit::Spawning => {}
        }
    }

    /// Says whether anything changed, so that what follows from it is done as well.
    pub(super) fn advance_phase(&mut self, now: Moment, out: &mut Vec<Action>) -> bool {
        match self.phase.clone() {
            SitePhase::Booting { until } => {
                // What begins when the time is over would be stopped at once.
                let started = until > now && self.start_what_may(now, out);
                if !self.raising() {
                    return true;
                }
                if self.ids().all(|u| self.is_resolved(u)) {
                    self.phase =
                        SitePhase::Settling { until: now + self.plan.settle, boot_until: until };
                    return true;
                }
                if until > now {
                    return started;
                }
                match self.what_is_late(now) {
                    Some((unit, cause)) => self.fail(unit, cause, now, out),
                    None => self.serve(out),
                }
                true
            }
            SitePhase::Settling { until, boot_until } => {
                if !self.ids().all(|u| self.is_resolved(u)) {
                    self.phase = SitePhase::Booting { until: boot_until };
                    return true;
                }
                if until <= now {
                    self.serve(out);
                    return true;
                }
                false
            }
            SitePhase::Serving => self.start_what_may(now, out),
            SitePhase::Gathering { unit, until, graceful_until } => {
                if until > now {
                    return false;
                }
                out.push(Action::DropHelpers(unit));
                self.lower(graceful_until, out);
                true
            }
            SitePhase::Lowering { graceful_until } => self.lower_what_may(graceful_until, now, out),
            SitePhase::Held | SitePhase::Reserving | SitePhase::Over => false,
        }
    }

    pub(super) fn serve(&mut self, out: &mut Vec<Action>) {
        self.phase = SitePhase::Serving;
        out.push(Action::Note(Note::Site(Milestone::Up)));
    }

    /// It is up, or is not waited for any more.
    pub(super) fn is_resolved(&self, id: UnitId) -> bool {
        let unit = self.unit(id);
        unit.is_up() || (*unit == Unit::GivenUp && !self.plan.units[id.0].essential)
    }

    /// One on which it depends is not there yet.
    fn waits(&self, id: UnitId) -> bool {
        self.plan.units[id.0].depends_on.iter().any(|d| !self.is_resolved(UnitId(*d)))
    }

    /// Says whether anything changed.
    pub(super) fn start_what_may(&mut self, now: Moment, out: &mut Vec<Action>) -> bool {
        let mut changed = false;
        for id in self.ids() {
            if self.units[id.0] != Unit::Idle || self.waits(id) {
                continue;
            }
            changed = true;
            match self.bars_start() {
                None => {
                    self.units[id.0] = Unit::Spawning;
                    out.push(Action::Spawn(id));
                }
                Some(lost) if self.plan.units[id.0].essential => {
                    self.fail_without(lost, now, out);
                    return true;
                }
                Some(_) => {
                    self.units[id.0] = Unit::GivenUp;
                    out.push(Action::Note(Note::GaveUp(id)));
                }
            }
        }
        changed
    }

    /// The essential unit that is reported when the time to boot is over: one that runs rather than one that
    /// waits.
    pub(super) fn what_is_late(&self, now: Moment) -> Option<(UnitId, Cause)> {
        let late =
            || self.ids().filter(|u| self.plan.units[u.0].essential && !self.unit(*u).is_up());
        let id = late().find(|u| !self.unit(*u).is_down()).or_else(|| late().next())?;
        let remembered = self.memory[id.0].last_cause.clone();
        let cause = match self.unit(id) {
            Unit::Forked { run, .. } | Unit::Starting { run, .. } | Unit::Following { run, .. } => {
                Cause::NotReadyAtBoot { had: now.since(run.since), boot: self.boot }
            }
            // It had a fault, and is being ended or waits to be started again.
            Unit::Stopping { .. }
            | Unit::Clearing { .. }
            | Unit::Backoff { .. }
            | Unit::GivenUp
            | Unit::Idle
            | Unit::Spawning
            | Unit::Ready { .. }
            | Unit::Done => remembered.unwrap_or_else(|| match self.waits(id) {
                true => Cause::NeverStarted,
                // Its turn came only when the time was over.
                false => Cause::NotReadyAtBoot { had: Duration::ZERO, boot: self.boot },
            }),
        };
        Some((id, cause))
    }

    pub(super) fn lower_what_may(
        &mut self,
        graceful_until: Moment,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let over = graceful_until <= now;
        let mut changed = false;
        for id in self.ids() {
            let unit = self.unit(id).clone();
            match unit {
                Unit::Forked { .. }
                | Unit::Starting { .. }
                | Unit::Following { .. }
                | Unit::Ready { .. } => {
                    let needed = self.ids().any(|other| {
                        self.plan.needs.has(other.0, id.0) && !self.unit(other).is_down()
                    });
                    if over || !needed {
                        self.stop_unit(id, Then::Idle, now, out);
                        changed = true;
                    }
                }
                Unit::Stopping { run, rung: Rung::Command { .. } | Rung::Asked { .. }, then }
                    if over =>
                {
                    out.push(Action::DropHelpers(id));
                    out.push(Action::Note(Note::Insisting(id, "TERM")));
                    out.push(Action::TermAll(id));
                    let rung = Rung::Termed { until: now + self.plan.forcekill_time };
                    self.units[id.0] = Unit::Stopping { run, rung, then };
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
        if self.units.iter().all(Unit::is_down) {
            self.lowered(now, out);
            return true;
        }
        changed
    }

    pub(super) fn lowered(&mut self, now: Moment, out: &mut Vec<Action>) {
        match self.desired {
            Desired::Up => self.boot_again(now, out),
            Desired::Held => self.hold(out),
            Desired::Down(_) => {
                self.phase = SitePhase::Over;
                out.push(Action::Note(Note::Site(Milestone::Over)));
            }
        }
    }
}
