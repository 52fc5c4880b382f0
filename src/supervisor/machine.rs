//! Decides what a site does next: `step(event, now)` returns the actions. `state` has the tables of states
//! and events.
//!
//! Promises: no clock, no system call, no I/O; the same events at the same moments give the same actions.
//! The site has one state (`SitePhase`) and each unit has one (`Unit`); what was ordered (`Desired`) is kept
//! apart from them.
//!
//! The order of a start and of a stop is derived from the plan: a unit may start when every unit on which it
//! depends is ready, and may be stopped when no unit that needs it has a process.
//!
//! Must never: start a second process of a unit; stop a unit before those that need it, unless the time of the
//! graceful stop is over; take a unit for down while a process of it lives; start a unit while the disk is
//! lost. Once the lease of the site's
//! database is lost: start anything, or send a signal other than KILL.

mod adopt;
mod advance;
mod faults;
mod losses;
mod orders;
mod site;
mod units;

pub use super::state::*;
pub use site::{Machine, Memory};

use crate::control::State;
use crate::values::Moment;

impl Machine {
    /// Takes one event at one moment. The actions are to be carried out in their order, and their answers are
    /// the next events.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        self.step_all([event], now)
    }

    /// Takes events that have come together, one after the other, and then does what is due: with a thousand
    /// processes, what is due is looked for once and not a thousand times.
    pub fn step_all(
        &mut self,
        events: impl IntoIterator<Item = Event>,
        now: Moment,
    ) -> Vec<Action> {
        let mut out = Vec::new();
        for event in events {
            self.take(event, now, &mut out);
        }
        self.advance(now, &mut out);
        let degraded = self.state() == State::Degraded;
        self.degraded_since = degraded.then(|| self.degraded_since.unwrap_or(now));
        out
    }

    fn take(&mut self, event: Event, now: Moment, out: &mut Vec<Action>) {
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
            Event::Adopt { units, boot } => self.on_adopt(units, boot, now, out),
            Event::Unit(unit, event) => self.on_unit(unit, event, now, out),
            Event::Gathered => self.on_gathered(out),
            Event::Stop { graceful_until } => self.on_stop(graceful_until, out),
            Event::Hold { graceful_until } => self.on_hold(graceful_until, out),
            Event::Resume { boot } => self.on_resume(boot, now, out),
            Event::PortsReserved => self.on_ports_reserved(now),
            Event::PortsTaken => self.on_ports_taken(out),
            Event::LeaseLost => self.on_lease_lost(now, out),
            Event::Lost(lost) => self.on_lost(lost, now, out),
            Event::Back(back) => self.on_back(back, out),
            Event::Tick => {}
        }
    }
}

#[cfg(test)]
mod tests;
