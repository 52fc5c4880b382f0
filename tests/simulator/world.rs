//! A random life of a random site: its processes, its orders, and what must hold at every step.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use siteward::site::{OnLoss, Prerequisite};
use siteward::supervisor::machine::{
    Action, Desired, Event, Machine, Note, SitePhase, Unit, UnitEvent, Why,
};
use siteward::supervisor::plan::UnitId;
use siteward::values::{ExitStatus, Moment, Pid};

use crate::crash::Recorded;
use crate::dice::Dice;
use crate::random_plan::random_plan;

/// What a unit's program is like; the same in every run of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Character {
    pub(crate) gets_ready: bool,
    /// In percent.
    pub(crate) exec_fails: u64,
    pub(crate) leaves_others: u64,
    pub(crate) ignores_stop: bool,
    pub(crate) ignores_term: bool,
    pub(crate) answers_health: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    /// Which run; events of an earlier one are void.
    pub(crate) run: u64,
    /// Which helpers; answers of earlier ones are void.
    pub(crate) helpers: u64,
    pub(crate) main: bool,
    /// It has not daemonised yet.
    pub(crate) initial: bool,
    pub(crate) others: bool,
    /// It was said to be ready, and has not ended since.
    pub(crate) ready: bool,
    pub(crate) given_up: bool,
    /// Its supervisor did not start it: whether its program could run is told to nobody.
    pub(crate) adopted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Guard {
    Always,
    Run(u64),
    Helpers(u64),
}

#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// The main process ends by itself, or by a signal that came before.
    MainEnds(UnitId, ExitStatus),
    /// What it left behind ends.
    OthersEnd(UnitId),
    Tell(UnitId, UnitEvent),
    Gathered,
    Order(Order),
    /// The supervisor is gone: another one takes the site over.
    Adopted,
    /// The supervisor is gone: a verb ends what lives, and may start the site anew.
    Swept,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    Stop(Duration),
    Hold,
    Resume,
    LoseLease,
    Lose(Prerequisite),
    Return(Prerequisite),
}

/// What a life is full of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Trouble {
    /// The supervisor dies between any two actions.
    pub(crate) crashes: bool,
    /// Many orders come at one moment, or shortly one after the other.
    pub(crate) races: bool,
    /// Steps come late, the node is suspended, and many events have one time.
    pub(crate) clock: bool,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) trouble: Trouble,
    pub(crate) now: Moment,
    /// Deaths and orders come from outside until then.
    pub(crate) quiet_from: Moment,
    pub(crate) machine: Machine,
    pub(crate) characters: Vec<Character>,
    pub(crate) bodies: Vec<Body>,
    /// What the record says of each unit.
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) future: BTreeMap<(Moment, u64), (UnitId, Guard, Happening)>,
    next: u64,
    /// The site must be over by then.
    pub(crate) over_by: Option<Moment>,
    /// Another node may be at work on the database.
    pub(crate) is_lease_lost: bool,
    /// What is not there of what the site needs of its node.
    pub(crate) lost: Vec<Prerequisite>,
    /// A pause has released the ports of the site.
    pub(crate) are_ports_released: bool,
    /// After this many actions the supervisor dies.
    pub(crate) dies_in: Option<u64>,
    /// It has died, and no other one has come yet.
    pub(crate) is_alone: bool,
    /// A verb has ended all, and the life is over.
    pub(crate) is_swept: bool,
    /// Times are rounded down to this.
    grain: u64,
    /// By how much all steps were late.
    late: Duration,
    pub(crate) trace: bool,
    pub(crate) steps: u64,
}

pub(crate) const KILL_TAKES: Duration = Duration::from_millis(30);

impl World {
    pub(crate) fn new(mut dice: Dice, trouble: Trouble, trace: bool) -> Self {
        let plan = random_plan(&mut dice);
        let now = Moment::since_boot(Duration::from_secs(1000));
        let count = plan.units.len();
        let characters = (0..count)
            .map(|_| Character {
                gets_ready: !dice.chance(6),
                exec_fails: if dice.chance(8) { 50 } else { 0 },
                leaves_others: if dice.chance(30) { 60 } else { 0 },
                ignores_stop: dice.chance(15),
                ignores_term: dice.chance(15),
                answers_health: !dice.chance(5),
            })
            .collect();
        let quiet_from = now + dice.millis(0, 90_000);
        let grain = if trouble.clock && dice.chance(50) { 500 } else { 1 };
        let dies_in = (trouble.crashes && dice.chance(80)).then(|| dice.below(60));
        Self {
            dice,
            trouble,
            now,
            quiet_from,
            machine: Machine::new(plan),
            characters,
            bodies: vec![Body::default(); count],
            recorded: vec![Recorded::Nothing; count],
            future: BTreeMap::new(),
            next: 0,
            over_by: None,
            is_lease_lost: false,
            lost: Vec::new(),
            are_ports_released: false,
            dies_in,
            is_alone: false,
            is_swept: false,
            grain,
            late: Duration::ZERO,
            trace,
            steps: 0,
        }
    }

    pub(crate) fn schedule(
        &mut self,
        after: Duration,
        unit: UnitId,
        guard: Guard,
        what: Happening,
    ) {
        self.next += 1;
        let millis = after.as_millis() as u64;
        let after = Duration::from_millis(millis - millis % self.grain);
        self.future.insert((self.now + after, self.next), (unit, guard, what));
    }

    pub(crate) fn plan_order(&mut self, at: Duration, order: Order) {
        self.schedule(at, UnitId(0), Guard::Always, Happening::Order(order));
    }

    fn plan_orders(&mut self) {
        let span = self.now.until(self.quiet_from).as_millis() as u64;
        let count = self.dice.below(if self.trouble.races { 14 } else { 5 });
        let mut last = Duration::ZERO;
        for _ in 0..count {
            let order = match self.dice.below(4) {
                0 => Order::Stop(self.dice.millis(0, 20_000)),
                1 => Order::Resume,
                _ => Order::Hold,
            };
            // With the one before, shortly after it, or at any time; the first may come with the start.
            let roll = if self.trouble.races { self.dice.below(4) } else { 3 };
            last = match roll {
                0 => last,
                1 | 2 => last + self.dice.millis(0, 40),
                _ => self.dice.millis(0, span),
            };
            self.plan_order(last, order);
        }
        if self.dice.chance(10) {
            let at = self.dice.millis(0, span);
            self.plan_order(at, Order::LoseLease);
        }
        if self.dice.chance(25) {
            self.lose_something();
        }
    }

    /// It starts, or a supervisor finds it running.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        let held = self.dice.chance(10);
        let boot = self.machine.plan().boot_timeout;
        let rollback = self.dice.millis(0, 10_000);
        if self.dice.chance(20) {
            let units = self.found();
            self.step(Event::Adopt { units, boot })
        } else {
            self.step(Event::Begin { held, boot, rollback })
        }
    }

    pub(crate) fn live(&mut self) -> Result<(), String> {
        self.plan_orders();
        self.begin()?;
        while !self.is_swept {
            if self.is_settled() && self.now >= self.quiet_from {
                return self.stays_over();
            }
            if self.now > self.quiet_from + self.patience() + self.late {
                return Err(format!(
                    "it has not reached what was asked of it: {:?}, {:?}",
                    self.machine.desired(),
                    self.machine.phase()
                ));
            }
            let next = match self.next_moment() {
                Some(next) => next,
                None if self.now < self.quiet_from => self.quiet_from,
                None => return Err("nothing will ever happen, and it has not settled".into()),
            };
            self.go(next)?;
        }
        Ok(())
    }

    /// When something is to be done.
    pub(crate) fn next_moment(&self) -> Option<Moment> {
        let happens = self.future.keys().next().map(|(at, _)| *at);
        self.tick().into_iter().chain(happens).min()
    }

    fn tick(&self) -> Option<Moment> {
        self.machine.next_tick().filter(|_| !self.is_alone)
    }

    /// Does one thing that is due at this moment, or the tick.
    pub(crate) fn go(&mut self, at: Moment) -> Result<(), String> {
        let happens = self.future.keys().next().is_some_and(|(due, _)| *due <= at);
        let ticks = self.tick().is_some_and(|due| due <= at);
        self.now = self.now.max(at);
        if self.trouble.clock && self.dice.chance(4) {
            self.is_late();
        }
        // Of two that are due the one or the other comes first.
        if happens && !(ticks && self.trouble.clock && self.dice.chance(50)) {
            self.something_happens()
        } else {
            self.step(Event::Tick)
        }
    }

    /// The supervisor was not given the processor, or the node was suspended.
    fn is_late(&mut self) {
        let late = match self.dice.below(10) {
            9 => Duration::from_secs(3600 * (1 + self.dice.below(48))),
            _ => self.dice.millis(0, 3000),
        };
        if self.trace {
            println!("{:?} late by {late:?}", self.now);
        }
        self.now = self.now + late;
        self.late += late;
        self.over_by = self.over_by.map(|by| by + late);
    }

    /// Once or more often, and mostly it is back after a while.
    fn lose_something(&mut self) {
        let span = self.now.until(self.quiet_from).as_millis() as u64;
        for _ in 0..1 + self.dice.below(3) {
            let what = match self.dice.chance(50) {
                true => Prerequisite::Disk,
                false => Prerequisite::Address,
            };
            let at = self.dice.millis(0, span);
            self.plan_order(at, Order::Lose(what));
            if self.dice.chance(70) {
                let at = at + self.dice.millis(1, 10_000);
                self.plan_order(at, Order::Return(what));
            }
        }
    }

    /// The sum of the deadlines that may follow the last outside event.
    fn patience(&self) -> Duration {
        let plan = self.machine.plan();
        let each: Duration = plan
            .units
            .iter()
            .map(|u| {
                let ready = u.ready_timeout.unwrap_or(plan.boot_timeout);
                let health = u.health.map_or(Duration::ZERO, |h| {
                    h.start_period + (h.interval + h.timeout) * (h.retries + 1)
                });
                let once = ready
                    + health
                    + u.stop_grace
                    + plan.forcekill_time * 2
                    + Duration::from_secs(12);
                u.restart.map_or(once, |r| (once + r.max_delay) * (r.attempts + 1))
            })
            .sum();
        plan.boot_timeout * 2
            + plan.stop_timeout * 3
            + plan.forcekill_time * 4
            + plan.settle
            + each * 2
            + Duration::from_secs(60)
    }

    pub(crate) fn is_settled(&self) -> bool {
        if self.is_alone {
            return false;
        }
        match (self.machine.desired(), self.machine.phase()) {
            (Desired::Up, SitePhase::Serving) => self.machine.ids().all(|u| {
                let unit = self.machine.unit(u);
                let essential = self.machine.plan().units[u.0].essential;
                unit.is_up() || (!essential && *unit == Unit::GivenUp)
            }),
            (Desired::Held, SitePhase::Held) | (Desired::Down(_), SitePhase::Over) => true,
            _ => false,
        }
    }

    fn something_happens(&mut self) -> Result<(), String> {
        let Some((_, (unit, guard, what))) = self.future.pop_first() else { return Ok(()) };
        let body = &self.bodies[unit.0];
        let void = match guard {
            Guard::Always => false,
            Guard::Run(run) => run != body.run,
            Guard::Helpers(helpers) => helpers != body.helpers,
        };
        if void {
            return Ok(());
        }
        match what {
            Happening::Tell(unit, UnitEvent::NotRun(_)) if body.adopted => {
                self.bodies[unit.0].main = false;
                let (status, rest) = (ExitStatus::Untold, self.bodies[unit.0].others);
                self.step(Event::Unit(unit, UnitEvent::Ended { status, rest }))
            }
            Happening::Tell(unit, event) => {
                if matches!(event, UnitEvent::NotRun(_)) {
                    self.bodies[unit.0].main = false;
                }
                self.step(Event::Unit(unit, event))
            }
            Happening::Gathered => self.step(Event::Gathered),
            Happening::Order(order) if self.is_alone => {
                self.order_alone(order);
                Ok(())
            }
            Happening::Order(order) => self.order(order),
            Happening::Adopted => self.is_adopted(),
            Happening::Swept => self.is_swept_by_a_verb(),
            Happening::MainEnds(unit, status) => {
                let mut events: Vec<Event> = self.main_ends(unit, status).into_iter().collect();
                if events.is_empty() {
                    return Ok(());
                }
                // Others that were told to end may have ended before the supervisor looks.
                for other in self.machine.ids().filter(|other| *other != unit) {
                    let is_stopping = matches!(self.machine.unit(other), Unit::Stopping { .. });
                    if is_stopping && self.dice.chance(30) {
                        events.extend(self.main_ends(other, status));
                    }
                }
                self.step_all(events)
            }
            Happening::OthersEnd(unit) => {
                let body = &mut self.bodies[unit.0];
                if !body.others {
                    return Ok(());
                }
                body.others = false;
                if body.main {
                    return Ok(());
                }
                self.step(Event::Unit(unit, UnitEvent::Emptied))
            }
        }
    }

    /// The main process of a unit ends; None: it has none.
    fn main_ends(&mut self, unit: UnitId, status: ExitStatus) -> Option<Event> {
        let leaves = self.characters[unit.0].leaves_others;
        let daemonises = self.bodies[unit.0].initial && status == ExitStatus::Code(0);
        let leaves_some = daemonises || self.dice.chance(leaves);
        let body = &mut self.bodies[unit.0];
        if !body.main {
            return None;
        }
        body.main = false;
        body.ready = false;
        body.others |= leaves_some;
        Some(Event::Unit(unit, UnitEvent::Ended { status, rest: body.others }))
    }

    /// What is lost and must keep everything from being started.
    pub(crate) fn bars_start(&self) -> bool {
        let when_lost = self.machine.plan().when_lost;
        self.lost
            .iter()
            .any(|what| *what == Prerequisite::Disk || when_lost.of(*what) == OnLoss::Fail)
    }

    pub(crate) fn step(&mut self, event: Event) -> Result<(), String> {
        self.step_all(vec![event])
    }

    fn step_all(&mut self, events: Vec<Event>) -> Result<(), String> {
        let mut queue = VecDeque::from(events);
        while !queue.is_empty() {
            if self.is_alone {
                return Ok(());
            }
            // What comes together may be taken together, or one after the other.
            let together = queue.len() > 1 && self.dice.chance(50);
            let count = if together { queue.len() } else { 1 };
            let events: Vec<Event> = queue.drain(..count).collect();
            if self.trace {
                println!("{:?} {events:?}", self.now);
            }
            self.steps += 1;
            let was_over = *self.machine.phase() == SitePhase::Over;
            let mut twin = self.steps.is_multiple_of(16).then(|| self.machine.clone());
            let again = twin.as_mut().map(|twin| twin.step_all(events.clone(), self.now));
            let actions = self.machine.step_all(events, self.now);
            if again.is_some_and(|again| again != actions) {
                return Err("the same event gives other actions".to_owned());
            }
            let mut fault: Option<UnitId> = None;
            for action in &actions {
                if self.supervisor_dies() {
                    return Ok(());
                }
                if self.trace {
                    println!("        -> {action:?}");
                }
                match action {
                    Action::Note(Note::Fault(unit, _)) => fault = Some(*unit),
                    Action::Note(Note::RestartIn(..) | Note::GaveUp(_)) => fault = None,
                    _ => {}
                }
                if was_over && !matches!(action, Action::Note(_) | Action::DropHelpers(_)) {
                    return Err(format!("{action:?}, after the stop was answered"));
                }
                queue.extend(self.carry_out(action)?);
            }
            if self.is_alone {
                return Ok(());
            }
            if let Some(unit) = fault
                && !matches!(self.machine.desired(), Desired::Down(Why::Failed(_)))
            {
                return Err(format!(
                    "{unit:?} is essential, failed without budget, and the site goes on"
                ));
            }
            if queue.is_empty() {
                self.check()?;
                self.write_record();
            }
        }
        Ok(())
    }

    /// Whatever is ordered of a site that is over, nothing of it is started any more.
    fn stays_over(&mut self) -> Result<(), String> {
        if *self.machine.phase() != SitePhase::Over {
            return Ok(());
        }
        let boot = self.machine.plan().boot_timeout;
        for event in [
            Event::Resume { boot },
            Event::Hold { graceful_until: self.now },
            Event::PortsReserved,
            Event::Gathered,
            Event::Stop { graceful_until: self.now },
            Event::LeaseLost,
            Event::Tick,
        ] {
            self.step(event)?;
        }
        match self.machine.phase() {
            SitePhase::Over => Ok(()),
            other => Err(format!("it was over, and is {other:?}")),
        }
    }
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::try_from(number).expect("a positive number")
}
