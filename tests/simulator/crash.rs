//! The death of a supervisor: its machine is lost, the processes and the record stay. Another supervisor takes the
//! site over, or a verb ends what is left.

use std::time::Duration;

use siteward::site::Prerequisite;
use siteward::supervisor::machine::{AdoptionState, Event, Machine, Run, Unit};
use siteward::supervisor::plan::UnitId;
use siteward::values::ExitStatus;

use crate::world::{Guard, Happening, Order, World, pid};

/// What the record says of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Recorded {
    Nothing,
    Process { ready: bool },
    Done,
}

impl World {
    /// As the supervisor writes it after each step, and after each start of a process.
    pub(crate) fn write_record(&mut self) {
        for (unit, body) in self.machine.ids().zip(&self.bodies) {
            let state = self.machine.unit(unit);
            self.recorded[unit.0] = match state {
                Unit::Done => Recorded::Done,
                _ if body.main => Recorded::Process { ready: state.is_up() },
                _ => Recorded::Nothing,
            };
        }
    }

    /// Says whether it dies now, before the next action.
    pub(crate) fn supervisor_dies(&mut self) -> bool {
        let Some(left) = self.dies_in else { return false };
        self.dies_in = left.checked_sub(1);
        if left > 0 || self.now >= self.quiet_from || self.is_lease_lost {
            return false;
        }
        if self.trace {
            println!("{:?} the supervisor dies", self.now);
        }
        self.is_alone = true;
        self.over_by = None;
        for body in &mut self.bodies {
            body.helpers += 1;
        }
        let what = if self.dice.chance(25) { Happening::Swept } else { Happening::Adopted };
        let after = self.dice.millis(0, 20_000);
        self.schedule(after, UnitId(0), Guard::Always, what);
        true
    }

    /// Without a supervisor only a stop does anything.
    pub(crate) fn order_alone(&mut self, order: Order) {
        match order {
            Order::Stop(_) => {
                self.schedule(Duration::ZERO, UnitId(0), Guard::Always, Happening::Swept);
            }
            Order::Hold | Order::Resume => {}
            Order::LoseLease => self.is_lease_lost = true,
            Order::Lose(what) => {
                if !self.lost.contains(&what) {
                    self.lost.push(what);
                }
            }
            Order::Return(what) => self.lost.retain(|lost| *lost != what),
        }
    }

    /// A new supervisor begins with what lives and with what the record says.
    pub(crate) fn is_adopted(&mut self) -> Result<(), String> {
        if !self.is_alone {
            return Ok(());
        }
        if self.is_lease_lost {
            // No supervisor begins without the lease.
            return self.is_swept_by_a_verb();
        }
        self.machine = Machine::new(self.machine.plan().clone());
        self.are_ports_released = false;
        let units = (0..self.bodies.len()).map(|index| self.finds(index)).collect();
        self.lives_on();
        let lost = std::mem::take(&mut self.lost);
        let boot = self.machine.plan().boot_timeout;
        self.step(Event::Adopt { units, boot })?;
        self.lose_again(lost)
    }

    /// It lives on under a new machine.
    fn lives_on(&mut self) {
        self.is_alone = false;
        self.quiet_from = self.quiet_from.max(self.now);
        self.dies_in = self.dice.chance(40).then(|| self.dice.below(60));
    }

    /// The new supervisor finds out what is lost.
    fn lose_again(&mut self, lost: Vec<Prerequisite>) -> Result<(), String> {
        for what in lost {
            if self.is_alone {
                self.lost.push(what);
            } else {
                self.order(Order::Lose(what))?;
            }
        }
        Ok(())
    }

    /// One unit, as an adoption finds it.
    fn finds(&mut self, index: usize) -> AdoptionState {
        let forks = self.machine.plan().units[index].forks;
        let oneshot = self.machine.plan().units[index].oneshot;
        let body = &self.bodies[index];
        let (main, others) = (body.main, body.others);
        let state = match self.recorded[index] {
            Recorded::Done => AdoptionState::Done,
            Recorded::Process { ready } if main => self.finds_alive(index, ready),
            Recorded::Process { .. } => AdoptionState::Gone { rest: others },
            // Started, and not recorded: adopted if it can only be the one that was started last.
            Recorded::Nothing if main && !others && !forks && !self.dice.chance(30) => {
                self.finds_alive(index, false)
            }
            Recorded::Nothing if main || others => AdoptionState::Gone { rest: true },
            Recorded::Nothing => AdoptionState::Never,
        };
        let body = &mut self.bodies[index];
        body.given_up = false;
        body.adopted = true;
        body.ready = match state {
            AdoptionState::Done => true,
            AdoptionState::Alive { ready, .. } => ready,
            AdoptionState::Gone { .. } | AdoptionState::Never => false,
        };
        if oneshot && state == AdoptionState::Done {
            body.main = false;
        }
        state
    }

    fn finds_alive(&mut self, index: usize, ready: bool) -> AdoptionState {
        let forks = self.machine.plan().units[index].forks;
        let since = self.now - self.dice.millis(0, 5000);
        let main_since = if forks { self.now } else { since };
        AdoptionState::Alive { run: Run { pid: pid(42), since, main_since }, ready }
    }

    /// A stop or a clean without a supervisor: nothing lives afterwards. The site may be started again.
    pub(crate) fn is_swept_by_a_verb(&mut self) -> Result<(), String> {
        if !self.is_alone {
            return Ok(());
        }
        for body in &mut self.bodies {
            let (run, helpers) = (body.run + 1, body.helpers + 1);
            *body = crate::world::Body { run, helpers, ..Default::default() };
        }
        self.recorded.fill(Recorded::Nothing);
        if self.is_lease_lost || self.bars_start() || self.dice.chance(40) {
            self.is_swept = true;
            return Ok(());
        }
        self.machine = Machine::new(self.machine.plan().clone());
        self.are_ports_released = false;
        self.lives_on();
        let lost = std::mem::take(&mut self.lost);
        let boot = self.machine.plan().boot_timeout;
        self.step(Event::Begin { held: false, boot, rollback: boot })?;
        self.lose_again(lost)
    }

    /// A site whose supervisor is gone, somewhere on its way.
    pub(crate) fn found(&mut self) -> Vec<AdoptionState> {
        let mut found: Vec<AdoptionState> = Vec::new();
        for index in 0..self.bodies.len() {
            let plan = self.machine.plan().units[index].clone();
            let may_run = plan.depends_on.iter().all(|d| self.bodies[*d].ready);
            let roll = self.dice.below(10);
            let body = &mut self.bodies[index];
            found.push(match roll {
                _ if !may_run => AdoptionState::Never,
                0 => AdoptionState::Never,
                1 => {
                    body.others = self.dice.chance(50);
                    AdoptionState::Gone { rest: body.others }
                }
                _ if plan.oneshot && roll < 8 => {
                    body.ready = true;
                    AdoptionState::Done
                }
                _ => {
                    let ready = roll < 8;
                    (body.main, body.ready, body.run) = (true, ready, 1);
                    let since = self.now - self.dice.millis(0, 5000);
                    let main_since = if plan.forks { self.now } else { since };
                    if plan.oneshot {
                        let after = self.dice.millis(1, 2000);
                        self.main_ends_after(UnitId(index), after, ExitStatus::Code(0));
                    }
                    AdoptionState::Alive { run: Run { pid: pid(42), since, main_since }, ready }
                }
            });
        }
        found
    }
}
