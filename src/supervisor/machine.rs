//! What a site does next: pure, `step(event, now) -> actions`.
//!
//! Promises: no clock, no system call, no I/O; the same events at the same moments give the same
//! actions, for ever. Every unit and the site have one state each, the process lives inside the
//! state that has one, and what is wanted (`Desired`) is kept beside what is (`SitePhase`, `Unit`).
//!
//! The order of a start and of a stop is derived, not counted: a unit may start when every unit
//! that it depends on is ready, and may be stopped when no unit that needs it has a process. Both
//! read the same table of the plan, by rows and by columns, so no counter can drift.
//!
//! Must never: start a second process of a unit, stop a unit before those that need it unless the
//! time for politeness is over, or say that a unit is down while something of it lives. Once the
//! lease of the site's database is lost: start anything, or leave anything of it a chance to write.

mod adopt;
mod advance;
mod faults;
mod orders;
mod site;
mod units;

pub use super::state::*;
pub use site::Machine;

use crate::control::State;
use crate::values::Moment;

impl Machine {
    /// One event at one moment. The actions are to be carried out in their order, and what they
    /// ask to be answered is answered before anything else is told.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Begin { held, boot, rollback } => {
                self.boot = boot;
                self.rollback = rollback;
                if held {
                    out.push(Action::Note(Note::Site(Milestone::BegunHeld)));
                } else {
                    self.desired = Desired::Up;
                    self.boot_now(now);
                }
            }
            Event::Adopt { units, boot } => self.on_adopt(units, boot, now, &mut out),
            Event::Unit(unit, event) => self.on_unit(unit, event, now, &mut out),
            Event::Gathered => self.on_gathered(&mut out),
            Event::Stop { polite_until } => self.on_stop(polite_until, &mut out),
            Event::Hold { polite_until } => self.on_hold(polite_until, &mut out),
            Event::Resume { boot } => self.on_resume(boot, now, &mut out),
            Event::PortsReserved => self.on_ports_reserved(now),
            Event::PortsTaken => self.on_ports_taken(&mut out),
            Event::LeaseLost => self.on_lease_lost(now, &mut out),
            Event::Tick => {}
        }
        self.advance(now, &mut out);
        let degraded = self.state() == State::Degraded;
        self.degraded_since = degraded.then(|| self.degraded_since.unwrap_or(now));
        out
    }
}

#[cfg(test)]
mod tests;
