//! What the world does with the actions of the machine.

use std::time::Duration;

use siteward::supervisor::machine::{Action, Event, UnitEvent};
use siteward::supervisor::plan::UnitId;
use siteward::values::{ExecError, ExecStage, ExitStatus, Signal};

use crate::crash::Recorded;
use crate::world::{Guard, Happening, KILL_TAKES, World, pid};

impl World {
    pub(crate) fn carry_out(&mut self, action: &Action) -> Result<Option<Event>, String> {
        if self.is_lease_lost
            && !matches!(action, Action::KillAll(_) | Action::DropHelpers(_) | Action::Note(_))
        {
            return Err(format!("{action:?}, though the lease is lost"));
        }
        match action {
            Action::ReservePorts => return self.reserve_ports().map(Some),
            Action::Spawn(unit) => return self.spawn(*unit).map(Some),
            Action::AwaitReady(unit) => {
                let guard = Guard::Helpers(self.bodies[unit.0].helpers);
                if self.characters[unit.0].gets_ready {
                    let after = self.dice.millis(1, 2000);
                    self.schedule(after, *unit, guard, Happening::Tell(*unit, UnitEvent::Ready));
                }
            }
            Action::Follow(unit) => {
                let guard = Guard::Helpers(self.bodies[unit.0].helpers);
                if !self.bodies[unit.0].others {
                    return Err(format!("{unit:?} is followed, and nothing of it lives"));
                }
                if self.dice.chance(90) {
                    self.bodies[unit.0].main = true;
                    self.bodies[unit.0].initial = false;
                    self.bodies[unit.0].others = self.dice.chance(30);
                    return Ok(Some(Event::Unit(*unit, UnitEvent::Main(pid(77)))));
                }
                let event = if self.dice.chance(50) { UnitEvent::NoMain } else { UnitEvent::Ready };
                let after = self.dice.millis(1, 500);
                self.schedule(after, *unit, guard, Happening::Tell(*unit, event));
            }
            Action::CheckHealth(unit) => {
                let guard = Guard::Helpers(self.bodies[unit.0].helpers);
                if self.now < self.quiet_from && self.dice.chance(25) {
                    let why = "could not make a process".to_owned();
                    let tell = Happening::Tell(*unit, UnitEvent::NotAsked(why));
                    let after = self.dice.millis(0, 20);
                    self.schedule(after, *unit, guard, tell);
                } else if self.characters[unit.0].answers_health {
                    let bad = self.now < self.quiet_from && self.dice.chance(20);
                    let answer = if bad { Err("no".to_owned()) } else { Ok(()) };
                    let after = self.dice.millis(1, 1500);
                    self.schedule(
                        after,
                        *unit,
                        guard,
                        Happening::Tell(*unit, UnitEvent::Health(answer)),
                    );
                }
            }
            Action::RunStopCommand(unit) => {
                let guard = Guard::Helpers(self.bodies[unit.0].helpers);
                let succeeded = self.dice.chance(70);
                let after = self.dice.millis(1, 3000);
                let tell = Happening::Tell(*unit, UnitEvent::StopCommand { succeeded });
                self.schedule(after, *unit, guard, tell);
                if succeeded && self.dice.chance(80) {
                    self.main_ends_after(*unit, after, ExitStatus::Code(0));
                }
            }
            Action::GatherEvidence(unit) => {
                let guard = Guard::Helpers(self.bodies[unit.0].helpers);
                if self.dice.chance(80) {
                    let after = self.dice.millis(1, 4000);
                    self.schedule(after, *unit, guard, Happening::Gathered);
                }
            }
            Action::DropHelpers(unit) => self.bodies[unit.0].helpers += 1,
            Action::AskToStop(unit) => {
                if !self.characters[unit.0].ignores_stop {
                    let after = self.dice.millis(0, 3000);
                    self.main_ends_after(*unit, after, ExitStatus::Code(0));
                }
            }
            Action::TermAll(unit) => {
                if !self.characters[unit.0].ignores_term {
                    let after = self.dice.millis(0, 2000);
                    self.all_ends_after(*unit, after, Signal::TERM);
                }
            }
            Action::KillAll(unit) => self.all_ends_after(*unit, KILL_TAKES, Signal::KILL),
            Action::Note(note) => self.note(note)?,
        }
        Ok(None)
    }

    fn reserve_ports(&mut self) -> Result<Event, String> {
        if self.bodies.iter().any(|body| body.main || body.others) {
            return Err("ports are reserved while processes of the site may have them".to_owned());
        }
        if self.dice.chance(20) {
            return Ok(Event::PortsTaken);
        }
        self.are_ports_released = false;
        Ok(Event::PortsReserved)
    }

    fn spawn(&mut self, unit: UnitId) -> Result<Event, String> {
        let body = &self.bodies[unit.0];
        if body.main || body.others {
            return Err(format!("{unit:?} is started a second time while something of it lives"));
        }
        if self.machine.plan().reserves_ports && self.are_ports_released {
            return Err(format!("{unit:?} is started, and the site's ports are not reserved"));
        }
        if self.bars_start() {
            return Err(format!("{unit:?} is started without {:?}", self.lost));
        }
        let plan = self.machine.plan().units[unit.0].clone();
        for dependency in &plan.depends_on {
            let body = &self.bodies[*dependency];
            let essential = self.machine.plan().units[*dependency].essential;
            if !(body.ready || (body.given_up && !essential)) {
                return Err(format!(
                    "{unit:?} is started before {dependency}, on which it depends, is ready"
                ));
            }
        }
        // Before the start: of one that is recorded as done nothing would be looked for.
        if self.recorded[unit.0] == Recorded::Done {
            self.write_record();
        }
        let error = ExecError { stage: ExecStage::Exec, errno: 2 };
        if self.dice.chance(1) {
            return Ok(Event::Unit(unit, UnitEvent::NotForked(error)));
        }
        if self.now < self.quiet_from && self.dice.chance(2) {
            // Something turns up that was not seen before.
            self.bodies[unit.0].others = true;
            return Ok(Event::Unit(unit, UnitEvent::Occupied));
        }
        let body = &mut self.bodies[unit.0];
        body.run += 1;
        body.main = true;
        body.initial = plan.forks;
        body.given_up = false;
        body.adopted = false;
        let guard = Guard::Run(body.run);
        // It may die between the start and the record of it.
        if !self.supervisor_dies() {
            self.write_record();
        }
        let exec_after = self.dice.millis(0, 20);
        if self.dice.chance(self.characters[unit.0].exec_fails) {
            self.schedule(exec_after, unit, guard, Happening::Tell(unit, UnitEvent::NotRun(error)));
            return Ok(Event::Unit(unit, UnitEvent::Forked(pid(42))));
        }
        self.schedule(exec_after, unit, guard, Happening::Tell(unit, UnitEvent::Running));
        let may_die = self.now < self.quiet_from;
        if may_die && self.dice.chance(3) {
            let after = exec_after + self.dice.millis(1, 6000);
            let tell = Happening::Tell(unit, UnitEvent::Unidentified);
            self.schedule(after, unit, guard, tell);
        }
        if plan.oneshot || plan.forks {
            let code = if may_die && self.dice.chance(10) { 1 } else { 0 };
            let after = exec_after + self.dice.millis(1, 2000);
            self.main_ends_after(unit, after, ExitStatus::Code(code));
        } else if may_die && self.dice.chance(40) {
            let after = exec_after + self.dice.millis(1, 40_000);
            if self.now + after < self.quiet_from {
                self.main_ends_after(unit, after, ExitStatus::Signal(Signal::KILL));
            }
        }
        Ok(Event::Unit(unit, UnitEvent::Forked(pid(42))))
    }

    pub(crate) fn main_ends_after(&mut self, unit: UnitId, after: Duration, status: ExitStatus) {
        let guard = Guard::Run(self.bodies[unit.0].run);
        self.schedule(after, unit, guard, Happening::MainEnds(unit, status));
    }

    fn all_ends_after(&mut self, unit: UnitId, after: Duration, signal: Signal) {
        let guard = Guard::Run(self.bodies[unit.0].run);
        // What a main process leaves behind, it has left before it ends.
        self.schedule(after, unit, guard, Happening::MainEnds(unit, ExitStatus::Signal(signal)));
        self.schedule(after + Duration::from_millis(1), unit, guard, Happening::OthersEnd(unit));
    }
}
