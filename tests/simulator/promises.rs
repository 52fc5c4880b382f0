//! What must be so at every moment.

use siteward::control::State;
use siteward::supervisor::machine::{Clearance, Desired, Milestone, Note, Rung, SitePhase, Unit};

use crate::world::World;

impl World {
    pub(crate) fn note(&mut self, note: &Note) -> Result<(), String> {
        match note {
            Note::Ready(unit) => self.bodies[unit.0].ready = true,
            Note::GaveUp(unit) => self.bodies[unit.0].given_up = true,
            Note::Fault(unit, _) => self.bodies[unit.0].ready = false,
            Note::Site(Milestone::Resuming | Milestone::Held) => {
                for body in &mut self.bodies {
                    (body.ready, body.given_up) = (false, false);
                }
            }
            Note::Site(Milestone::Holding | Milestone::BegunHeld) => self.are_ports_released = true,
            Note::Site(Milestone::Over) => {
                if self.bodies.iter().any(|b| b.main || b.others) {
                    return Err("the site is over, and something of it lives".to_owned());
                }
            }
            Note::Site(Milestone::Up) => return self.is_up(true),
            Note::RestartIn(..) | Note::Insisting(..) | Note::NotAsked(..) | Note::Site(_) => {}
        }
        Ok(())
    }

    /// What is answered "up" is: each unit that is needed, or each of all, is ready and lives, or is done.
    fn is_up(&self, needed_only: bool) -> Result<(), String> {
        for (unit, body) in self.machine.ids().zip(&self.bodies) {
            let plan = &self.machine.plan().units[unit.0];
            let lives = body.ready && (body.main || plan.oneshot);
            if !lives && (plan.essential || !needed_only) {
                return Err(format!("the site is said to be up, and {unit:?} is not: {body:?}"));
            }
        }
        Ok(())
    }

    /// What must be so at every moment.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (unit, body) in self.machine.ids().zip(&self.bodies) {
            let lives = body.main || body.others;
            if self.machine.unit(unit).is_down() && lives {
                return Err(format!("{unit:?} counts as down, and something of it lives"));
            }
            if matches!(self.machine.unit(unit), Unit::Spawning) {
                return Err(format!("{unit:?} is left half started"));
            }
        }
        let lives = self.bodies.iter().any(|b| b.main || b.others);
        if self.is_lease_lost {
            let killed = |unit: &Unit| match unit {
                Unit::Stopping { rung, .. } => *rung == Rung::Killed,
                Unit::Clearing { rung, .. } => *rung == Clearance::Killed,
                other => other.is_down(),
            };
            if !self.machine.ids().all(|u| killed(self.machine.unit(u))) {
                return Err("the lease is lost, and something lives that has no KILL".to_owned());
            }
            if !matches!(self.machine.desired(), Desired::Down(_)) {
                return Err("the lease is lost, and the site goes on".to_owned());
            }
        }
        if self.machine.next_tick().is_some_and(|tick| tick < self.now) {
            return Err("a tick lies in the past: the loop would spin".to_owned());
        }
        if self.machine.state() == State::Running {
            self.is_up(false)?;
        }
        if !self.lost.is_empty() && self.machine.state() == State::Running {
            return Err(format!("the site counts as running without {:?}", self.lost));
        }
        if matches!(self.machine.phase(), SitePhase::Held | SitePhase::Over) && lives {
            return Err("the site counts as held or over, and something of it lives".to_owned());
        }
        if self.over_by.is_some_and(|by| self.now > by) && *self.machine.phase() != SitePhase::Over
        {
            return Err(format!("a stop has not ended in its time: {:?}", self.machine.phase()));
        }
        Ok(())
    }
}
