//! The orders to a site: stop, pause, resume.

use std::time::Duration;

use super::site::{Machine, Memory};
use crate::supervisor::state::{Action, Desired, Milestone, Note, SitePhase, Then, Unit, Why};
use crate::values::Moment;

impl Machine {
    pub(super) fn boot_now(&mut self, now: Moment) {
        self.phase = SitePhase::Booting { until: now + self.boot };
        for (unit, memory) in self.units.iter_mut().zip(&mut self.memory) {
            *unit = Unit::Idle;
            *memory = Memory::default();
        }
    }

    /// Boots after a pause, which has released the site's ports. Until everything is down they are in use by
    /// its own processes.
    pub(super) fn boot_again(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.plan.reserves_ports {
            self.phase = SitePhase::Reserving;
            out.push(Action::ReservePorts);
        } else {
            self.boot_now(now);
        }
    }

    pub(super) fn on_ports_reserved(&mut self, now: Moment) {
        if self.phase == SitePhase::Reserving {
            self.boot_now(now);
        }
    }

    /// The site cannot be resumed, and stays paused.
    pub(super) fn on_ports_taken(&mut self, out: &mut Vec<Action>) {
        if self.phase == SitePhase::Reserving {
            self.desired = Desired::Held;
            self.hold(out);
        }
    }

    pub(super) fn hold(&mut self, out: &mut Vec<Action>) {
        self.phase = SitePhase::Held;
        out.push(Action::Note(Note::Site(Milestone::Held)));
    }

    pub(super) fn on_stop(&mut self, graceful_until: Moment, out: &mut Vec<Action>) {
        match self.phase.clone() {
            SitePhase::Over => {}
            SitePhase::Gathering { unit, graceful_until: before, .. } => {
                out.push(Action::DropHelpers(unit));
                self.lower(before.min(graceful_until), out);
            }
            SitePhase::Lowering { graceful_until: before } => {
                self.phase = SitePhase::Lowering { graceful_until: before.min(graceful_until) };
            }
            SitePhase::Booting { .. }
            | SitePhase::Settling { .. }
            | SitePhase::Serving
            | SitePhase::Held
            | SitePhase::Reserving => {
                self.lower(graceful_until, out);
            }
        }
        match self.desired {
            Desired::Down(_) => {}
            Desired::Up | Desired::Held => {
                self.desired = Desired::Down(Why::Ordered);
                out.push(Action::Note(Note::Site(Milestone::Stopping)));
            }
        }
    }

    pub(super) fn on_hold(&mut self, graceful_until: Moment, out: &mut Vec<Action>) {
        match self.desired {
            Desired::Down(_) | Desired::Held => return,
            Desired::Up => self.desired = Desired::Held,
        }
        out.push(Action::Note(Note::Site(Milestone::Holding)));
        match self.phase {
            SitePhase::Booting { .. } | SitePhase::Settling { .. } | SitePhase::Serving => {
                self.lower(graceful_until, out);
            }
            // A resume had come while a pause was under way: the pause goes on.
            SitePhase::Lowering { .. } => {}
            SitePhase::Reserving => self.hold(out),
            SitePhase::Gathering { .. } | SitePhase::Held | SitePhase::Over => {}
        }
    }

    pub(super) fn on_resume(&mut self, boot: Duration, now: Moment, out: &mut Vec<Action>) {
        match self.desired {
            Desired::Down(_) | Desired::Up => return,
            Desired::Held if self.bars_start().is_some() => return,
            Desired::Held => self.desired = Desired::Up,
        }
        self.boot = boot;
        out.push(Action::Note(Note::Site(Milestone::Resuming)));
        match self.phase {
            SitePhase::Held => self.boot_again(now, out),
            // Boots when everything is down: see `lowered`.
            SitePhase::Lowering { .. } => {}
            SitePhase::Reserving
            | SitePhase::Booting { .. }
            | SitePhase::Settling { .. }
            | SitePhase::Serving
            | SitePhase::Gathering { .. }
            | SitePhase::Over => {}
        }
    }

    pub(super) fn on_gathered(&mut self, out: &mut Vec<Action>) {
        if let SitePhase::Gathering { graceful_until, .. } = self.phase {
            self.lower(graceful_until, out);
        }
    }

    pub(super) fn lower(&mut self, graceful_until: Moment, out: &mut Vec<Action>) {
        self.phase = SitePhase::Lowering { graceful_until };
        for id in self.ids() {
            match &mut self.units[id.0] {
                unit @ Unit::Backoff { .. } => *unit = Unit::Idle,
                Unit::Stopping { then, .. } | Unit::Clearing { then, .. } => *then = Then::Idle,
                Unit::Starting { .. } | Unit::Ready { .. } | Unit::Following { .. } => {
                    out.push(Action::DropHelpers(id));
                }
                Unit::Idle | Unit::Done | Unit::GivenUp | Unit::Spawning | Unit::Forked { .. } => {}
            }
        }
    }
}
