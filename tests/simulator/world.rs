//! A random life of a random site: its processes, its orders, and what must hold at every step.

use std::collections::BTreeMap;
use std::time::Duration;

use siteward::control::State;
use siteward::site::{OnLoss, Prerequisite};
use siteward::supervisor::machine::{
    Action, AdoptionState, Clearance, Desired, Event, Machine, Milestone, Note, Run, Rung,
    SitePhase, Unit, UnitEvent, Why,
};
use siteward::supervisor::plan::UnitId;
use siteward::values::{ExecError, ExecStage, ExitStatus, Moment, Pid, Signal};

use crate::random_plan::{Dice, random_plan};

/// What a unit's program is like; the same in every run of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Character {
    gets_ready: bool,
    /// In percent.
    exec_fails: u64,
    leaves_others: u64,
    ignores_stop: bool,
    ignores_term: bool,
    answers_health: bool,
}

#[derive(Clone, Debug, Default)]
struct Body {
    /// Which run; events of an earlier one are void.
    run: u64,
    /// Which helpers; answers of earlier ones are void.
    helpers: u64,
    main: bool,
    /// It has not daemonised yet.
    initial: bool,
    others: bool,
    /// It was said to be ready, and has not ended since.
    ready: bool,
    given_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Guard {
    Always,
    Run(u64),
    Helpers(u64),
}

#[derive(Clone, Debug)]
enum Happening {
    /// The main process ends by itself, or by a signal that came before.
    MainEnds(UnitId, ExitStatus),
    /// What it left behind ends.
    OthersEnd(UnitId),
    Tell(UnitId, UnitEvent),
    Gathered,
    Order(Order),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Stop(Duration),
    Hold,
    Resume,
    LoseLease,
    Lose(Prerequisite),
    Return(Prerequisite),
}

pub(crate) struct World {
    dice: Dice,
    now: Moment,
    /// Deaths and orders come from outside until then.
    quiet_from: Moment,
    pub(crate) machine: Machine,
    pub(crate) characters: Vec<Character>,
    bodies: Vec<Body>,
    future: BTreeMap<(Moment, u64), (UnitId, Guard, Happening)>,
    next: u64,
    /// The site must be over by then.
    over_by: Option<Moment>,
    /// Another node may be at work on the database.
    is_lease_lost: bool,
    /// What is not there of what the site needs of its node.
    lost: Vec<Prerequisite>,
    /// A pause has released the ports of the site.
    are_ports_released: bool,
    trace: bool,
    pub(crate) steps: u64,
}

const KILL_TAKES: Duration = Duration::from_millis(30);

impl World {
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        let mut dice = Dice(seed);
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
        Self {
            dice,
            now,
            quiet_from,
            machine: Machine::new(plan),
            characters,
            bodies: vec![Body::default(); count],
            future: BTreeMap::new(),
            next: 0,
            over_by: None,
            is_lease_lost: false,
            lost: Vec::new(),
            are_ports_released: false,
            trace,
            steps: 0,
        }
    }

    fn schedule(&mut self, after: Duration, unit: UnitId, guard: Guard, what: Happening) {
        self.next += 1;
        self.future.insert((self.now + after, self.next), (unit, guard, what));
    }

    pub(crate) fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.dice.below(5) {
            let order = match self.dice.below(4) {
                0 => Order::Stop(self.dice.millis(0, 20_000)),
                1 => Order::Resume,
                _ => Order::Hold,
            };
            let span = self.now.until(self.quiet_from).as_millis() as u64;
            let at = self.dice.millis(0, span);
            self.schedule(at, UnitId(0), Guard::Always, Happening::Order(order));
        }
        if self.dice.chance(10) {
            let span = self.now.until(self.quiet_from).as_millis() as u64;
            let at = self.dice.millis(0, span);
            self.schedule(at, UnitId(0), Guard::Always, Happening::Order(Order::LoseLease));
        }
        if self.dice.chance(25) {
            self.lose_something();
        }
        let held = self.dice.chance(10);
        let boot = self.machine.plan().boot_timeout;
        let rollback = self.dice.millis(0, 10_000);
        if self.dice.chance(20) {
            let units = self.found();
            self.step(Event::Adopt { units, boot })?;
        } else {
            self.step(Event::Begin { held, boot, rollback })?;
        }
        let settled_by = self.quiet_from + self.patience();
        loop {
            if self.is_settled() && self.now >= self.quiet_from {
                return Ok(());
            }
            if self.now > settled_by {
                return Err(format!(
                    "it has not reached what was asked of it: {:?}, {:?}",
                    self.machine.desired(),
                    self.machine.phase()
                ));
            }
            let tick = self.machine.next_tick();
            let happens = self.future.keys().next().map(|(at, _)| *at);
            let next = match (tick, happens) {
                (None, None) if self.now < self.quiet_from => self.quiet_from,
                (None, None) => {
                    return Err("nothing will ever happen, and it has not settled".into());
                }
                (tick, happens) => tick.into_iter().chain(happens).min().unwrap_or(self.now),
            };
            if tick.is_some_and(|t| t < self.now) {
                return Err("a tick lies in the past: the loop would spin".into());
            }
            self.now = self.now.max(next);
            if happens == Some(next) {
                self.something_happens()?;
            } else {
                self.step(Event::Tick)?;
            }
        }
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
            let order = Happening::Order(Order::Lose(what));
            self.schedule(at, UnitId(0), Guard::Always, order);
            if self.dice.chance(70) {
                let at = at + self.dice.millis(1, 10_000);
                let order = Happening::Order(Order::Return(what));
                self.schedule(at, UnitId(0), Guard::Always, order);
            }
        }
    }

    /// A site whose supervisor is gone, somewhere on its way.
    fn found(&mut self) -> Vec<AdoptionState> {
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

    fn is_settled(&self) -> bool {
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
            Happening::Tell(unit, event) => {
                if matches!(event, UnitEvent::NotRun(_)) {
                    self.bodies[unit.0].main = false;
                }
                self.step(Event::Unit(unit, event))
            }
            Happening::Gathered => self.step(Event::Gathered),
            Happening::Order(order) => self.order(order),
            Happening::MainEnds(unit, status) => {
                let leaves = self.characters[unit.0].leaves_others;
                let daemonises = self.bodies[unit.0].initial && status == ExitStatus::Code(0);
                let leaves_some = daemonises || self.dice.chance(leaves);
                let body = &mut self.bodies[unit.0];
                if !body.main {
                    return Ok(());
                }
                body.main = false;
                body.ready = false;
                body.others |= leaves_some;
                let rest = body.others;
                self.step(Event::Unit(unit, UnitEvent::Ended { status, rest }))
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

    fn order(&mut self, order: Order) -> Result<(), String> {
        let plan = self.machine.plan();
        let (stop, forcekill, boot) = (plan.stop_timeout, plan.forcekill_time, plan.boot_timeout);
        match order {
            Order::Stop(polite) => {
                let graceful_until = self.now + polite;
                let over = graceful_until + forcekill + KILL_TAKES * 2;
                self.over_by = Some(self.over_by.map_or(over, |o| o.min(over)));
                self.step(Event::Stop { graceful_until })
            }
            Order::Hold => self.step(Event::Hold { graceful_until: self.now + stop }),
            Order::Resume => self.step(Event::Resume { boot }),
            Order::LoseLease => {
                self.is_lease_lost = true;
                // Twice, as one may be forked at that moment.
                let over = self.now + KILL_TAKES * 3;
                self.over_by = Some(self.over_by.map_or(over, |o| o.min(over)));
                self.step(Event::LeaseLost)
            }
            Order::Lose(what) => self.lose(what, stop + forcekill + KILL_TAKES * 3),
            Order::Return(what) => {
                self.lost.retain(|lost| *lost != what);
                let before = self.machine.desired().clone();
                self.step(Event::Back(what))?;
                if *self.machine.desired() != before {
                    return Err(format!("the order is another one, as {what:?} is back"));
                }
                Ok(())
            }
        }
    }

    /// `over_in`: how long the stop of a site that fails for it may take.
    fn lose(&mut self, what: Prerequisite, over_in: Duration) -> Result<(), String> {
        let on_loss = self.machine.plan().when_lost.of(what);
        if on_loss == OnLoss::Ignore {
            return self.step(Event::Lost(what));
        }
        let is_new = !self.lost.contains(&what);
        if is_new {
            self.lost.push(what);
        }
        let before = self.machine.desired().clone();
        self.step(Event::Lost(what))?;
        let after = self.machine.desired();
        let is_fatal = is_new && before == Desired::Up && on_loss == OnLoss::Fail;
        match (is_fatal, after) {
            (true, Desired::Down(Why::Without(_))) => {
                let over = self.now + over_in;
                self.over_by = Some(self.over_by.map_or(over, |o| o.min(over)));
                Ok(())
            }
            (true, other) => Err(format!("{what:?} is lost, and the site is to be {other:?}")),
            // One that waits for its turn may have to be started just now.
            (false, Desired::Down(Why::Without(_))) if before == Desired::Up => Ok(()),
            (false, after) if *after == before => Ok(()),
            (false, after) => Err(format!("{what:?} is lost, which makes {before:?} {after:?}")),
        }
    }

    /// What is lost and must keep everything from being started.
    fn bars_start(&self) -> bool {
        let when_lost = self.machine.plan().when_lost;
        self.lost
            .iter()
            .any(|what| *what == Prerequisite::Disk || when_lost.of(*what) == OnLoss::Fail)
    }

    fn step(&mut self, event: Event) -> Result<(), String> {
        let mut queue = std::collections::VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            if self.trace {
                println!("{:?} {event:?}", self.now);
            }
            self.steps += 1;
            let actions = self.machine.step(event, self.now);
            let mut fault: Option<UnitId> = None;
            for action in &actions {
                if self.trace {
                    println!("        -> {action:?}");
                }
                match action {
                    Action::Note(Note::Fault(unit, _)) => fault = Some(*unit),
                    Action::Note(Note::RestartIn(..) | Note::GaveUp(_)) => fault = None,
                    _ => {}
                }
                queue.extend(self.carry_out(action)?);
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
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, action: &Action) -> Result<Option<Event>, String> {
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
        let guard = Guard::Run(body.run);
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

    fn main_ends_after(&mut self, unit: UnitId, after: Duration, status: ExitStatus) {
        let guard = Guard::Run(self.bodies[unit.0].run);
        self.schedule(after, unit, guard, Happening::MainEnds(unit, status));
    }

    fn all_ends_after(&mut self, unit: UnitId, after: Duration, signal: Signal) {
        let guard = Guard::Run(self.bodies[unit.0].run);
        // What a main process leaves behind, it has left before it ends.
        self.schedule(after, unit, guard, Happening::MainEnds(unit, ExitStatus::Signal(signal)));
        self.schedule(after + Duration::from_millis(1), unit, guard, Happening::OthersEnd(unit));
    }

    fn note(&mut self, note: &Note) -> Result<(), String> {
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
            Note::RestartIn(..) | Note::Insisting(..) | Note::NotAsked(..) | Note::Site(_) => {}
        }
        Ok(())
    }

    /// What must be so at every moment.
    fn check(&self) -> Result<(), String> {
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

fn pid(number: i32) -> Pid {
    Pid::try_from(number).expect("a positive number")
}
