//! What a site does next: pure, `step(event, now) -> actions`.
//!
//! Promises: no clock, no system call, no I/O; the same events at the same moments give the same
//! actions, for ever. Every unit and the site have one state each, the process lives inside the
//! state that has one, and what is wanted (`Desired`) is kept beside what is (`Phase`, `Unit`).
//!
//! The order of a start and of a stop is derived, not counted: a unit may start when every unit
//! that it depends on is ready, and may be stopped when no unit that needs it has a process. Both
//! read the same table of the plan, by rows and by columns, so no counter can drift.
//!
//! Must never: start a second process of a unit, stop a unit before those that need it unless the
//! time for politeness is over, or say that a unit is down while something of it lives.

use std::time::Duration;

use super::plan::{Plan, ReadyPlan, UnitId};
pub use super::state::*;
use crate::control::State;
use crate::linux::Moment;
use crate::linux::process::ExitStatus;

/// A daemonising process whose chosen main process ends with 0 this soon was a stepping stone of
/// the double fork in daemon(7); the main process is looked for again.
const STEPPING_STONE: Duration = Duration::from_secs(1);

/// How long a daemonising process may take to show its main process.
const FOLLOW: Duration = Duration::from_secs(10);

/// A site.
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Plan,
    desired: Desired,
    phase: Phase,
    units: Vec<Unit>,
    memory: Vec<Memory>,
    /// How long this boot, or the next, may take.
    boot: Duration,
    /// How long a failed boot may be polite while it is rolled back.
    rollback: Duration,
    degraded_since: Option<Moment>,
}

impl Machine {
    /// A site of which nothing is known; [`Event::Begin`] or [`Event::Adopt`] comes first.
    pub fn new(plan: Plan) -> Self {
        Self {
            desired: Desired::Held,
            phase: Phase::Held,
            units: vec![Unit::Idle; plan.units.len()],
            memory: vec![Memory::default(); plan.units.len()],
            boot: plan.boot_timeout,
            rollback: plan.stop_timeout,
            degraded_since: None,
            plan,
        }
    }

    /// The manager's parameters have changed: what is computed from now on uses these.
    pub fn adjust(&mut self, boot_timeout: Duration, stop_timeout: Duration) {
        self.plan.boot_timeout = boot_timeout;
        self.plan.stop_timeout = stop_timeout;
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }
    pub fn desired(&self) -> &Desired {
        &self.desired
    }
    pub fn phase(&self) -> &Phase {
        &self.phase
    }
    pub fn unit(&self, unit: UnitId) -> &Unit {
        &self.units[unit.0]
    }
    pub fn memory(&self, unit: UnitId) -> &Memory {
        &self.memory[unit.0]
    }
    pub fn degraded_since(&self) -> Option<Moment> {
        self.degraded_since
    }
    /// Every unit, in the order of the plan.
    pub fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.units.len()).map(UnitId)
    }

    /// What a monitor is told.
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Booting { .. } | Phase::Settling { .. } | Phase::Serving => {
                let serving = self.phase == Phase::Serving;
                let missing = |essential: bool| {
                    self.ids().any(|u| {
                        self.plan.units[u.0].essential == essential && !self.unit(u).is_up()
                    })
                };
                if missing(true) && !serving {
                    State::Starting
                } else if missing(true) || missing(false) {
                    State::Degraded
                } else {
                    State::Running
                }
            }
            Phase::Gathering { .. } | Phase::Lowering { .. } | Phase::Over => match &self.desired {
                // A resume that waits for its pause to end is on its way up again.
                Desired::Up => State::Starting,
                Desired::Held => State::Maintenance,
                Desired::Down(Why::Ordered) => State::StoppingOrdered,
                Desired::Down(Why::Failed(_)) => State::StoppingFailed,
            },
            Phase::Held => State::Maintenance,
        }
    }

    /// One event at one moment. The actions are to be carried out in their order, and what they
    /// ask to be answered is answered before anything else is told.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Begin { held, boot, rollback } => {
                self.boot = boot;
                self.rollback = rollback;
                if held {
                    out.push(Action::Note(Note::Site(Milestone::Held)));
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
            Event::Tick => {}
        }
        self.advance(now, &mut out);
        let degraded = self.state() == State::Degraded;
        self.degraded_since = degraded.then(|| self.degraded_since.unwrap_or(now));
        out
    }

    /// When [`Event::Tick`] is due; None if only an event can change anything.
    pub fn next_tick(&self) -> Option<Moment> {
        let phase = match self.phase {
            Phase::Booting { until } | Phase::Settling { until, .. } => Some(until),
            Phase::Gathering { until, .. } => Some(until),
            // Once it is over, the rungs of the units are all that is left to come.
            Phase::Lowering { polite_until } => {
                self.ids().any(|u| self.is_asked_politely(u)).then_some(polite_until)
            }
            Phase::Serving | Phase::Held | Phase::Over => None,
        };
        let units = self.ids().filter_map(|u| self.unit_timer(u));
        units.chain(phase).min()
    }

    fn raising(&self) -> bool {
        match self.phase {
            Phase::Booting { .. } | Phase::Settling { .. } | Phase::Serving => true,
            Phase::Gathering { .. } | Phase::Lowering { .. } | Phase::Held | Phase::Over => false,
        }
    }

    /// It lives, and has not been told to end by a signal that leaves it no choice.
    fn is_asked_politely(&self, unit: UnitId) -> bool {
        match self.unit(unit) {
            Unit::Idle | Unit::Backoff { .. } | Unit::Done | Unit::GivenUp => false,
            Unit::Stopping { rung: Rung::Termed { .. } | Rung::Killed, .. }
            | Unit::Clearing { .. } => false,
            Unit::Spawning
            | Unit::Forked { .. }
            | Unit::Starting { .. }
            | Unit::Following { .. }
            | Unit::Ready { .. }
            | Unit::Stopping { .. } => true,
        }
    }

    fn unit_timer(&self, unit: UnitId) -> Option<Moment> {
        let raising = self.raising();
        match self.unit(unit) {
            Unit::Idle | Unit::Done | Unit::GivenUp | Unit::Spawning => None,
            Unit::Backoff { until }
            | Unit::Forked { until, .. }
            | Unit::Following { until, .. } => raising.then_some(*until),
            Unit::Starting { ready_at, until, .. } => {
                raising.then(|| ready_at.map_or(*until, |at| at.min(*until)))
            }
            Unit::Ready { health, .. } => match health {
                Health::NotAsked => None,
                Health::Waiting { at, .. } => raising.then_some(*at),
                Health::Asked { until, .. } => raising.then_some(*until),
            },
            Unit::Stopping { rung, .. } => match rung {
                Rung::Command { until } | Rung::Asked { until } | Rung::Termed { until } => {
                    Some(*until)
                }
                Rung::Killed => None,
            },
            Unit::Clearing { rung, .. } => match rung {
                Clearance::Termed { until } => Some(*until),
                Clearance::Killed => None,
            },
        }
    }

    // --- orders -------------------------------------------------------------------------------

    fn boot_now(&mut self, now: Moment) {
        self.phase = Phase::Booting { until: now + self.boot };
        for (unit, memory) in self.units.iter_mut().zip(&mut self.memory) {
            *unit = Unit::Idle;
            *memory = Memory::default();
        }
    }

    fn on_stop(&mut self, polite_until: Moment, out: &mut Vec<Action>) {
        match self.phase.clone() {
            Phase::Over => {}
            Phase::Gathering { unit, polite_until: before, .. } => {
                out.push(Action::DropHelpers(unit));
                self.lower(before.min(polite_until), out);
            }
            Phase::Lowering { polite_until: before } => {
                self.phase = Phase::Lowering { polite_until: before.min(polite_until) };
            }
            Phase::Booting { .. } | Phase::Settling { .. } | Phase::Serving | Phase::Held => {
                self.lower(polite_until, out);
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

    fn on_hold(&mut self, polite_until: Moment, out: &mut Vec<Action>) {
        match self.desired {
            Desired::Down(_) | Desired::Held => return,
            Desired::Up => self.desired = Desired::Held,
        }
        out.push(Action::Note(Note::Site(Milestone::Holding)));
        match self.phase {
            Phase::Booting { .. } | Phase::Settling { .. } | Phase::Serving => {
                self.lower(polite_until, out);
            }
            // A resume had come while a pause was under way: that one goes on.
            Phase::Lowering { .. } => {}
            Phase::Gathering { .. } | Phase::Held | Phase::Over => {}
        }
    }

    fn on_resume(&mut self, boot: Duration, now: Moment, out: &mut Vec<Action>) {
        match self.desired {
            Desired::Down(_) | Desired::Up => return,
            Desired::Held => self.desired = Desired::Up,
        }
        self.boot = boot;
        out.push(Action::Note(Note::Site(Milestone::Resuming)));
        match self.phase {
            Phase::Held => self.boot_now(now),
            // Boots when everything is down: see `lowered`.
            Phase::Lowering { .. } => {}
            Phase::Booting { .. }
            | Phase::Settling { .. }
            | Phase::Serving
            | Phase::Gathering { .. }
            | Phase::Over => {}
        }
    }

    fn on_gathered(&mut self, out: &mut Vec<Action>) {
        if let Phase::Gathering { polite_until, .. } = self.phase {
            self.lower(polite_until, out);
        }
    }

    fn lower(&mut self, polite_until: Moment, out: &mut Vec<Action>) {
        self.phase = Phase::Lowering { polite_until };
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

    // --- what units tell ----------------------------------------------------------------------

    fn on_unit(&mut self, id: UnitId, event: UnitEvent, now: Moment, out: &mut Vec<Action>) {
        use UnitEvent as E;
        let plan = &self.plan.units[id.0];
        let (oneshot, forks) = (plan.oneshot, plan.forks);
        match (self.units[id.0].clone(), event) {
            (Unit::Spawning, E::Forked(pid)) => {
                let run = Run { pid, since: now, main_since: now };
                self.units[id.0] = Unit::Forked { run, until: self.ready_limit(id, now) };
            }
            (Unit::Spawning, E::NotForked(error)) => {
                self.fault(id, Cause::NotRun(error), Remains::Nothing, now, out);
            }

            (Unit::Forked { run, until }, E::Running) => {
                self.starts(id, run, until, now, out);
            }
            (Unit::Forked { .. }, E::NotRun(error)) => {
                self.fault(id, Cause::NotRun(error), Remains::Nothing, now, out);
            }
            (Unit::Starting { run, .. }, E::Ready) => self.is_ready(id, run, now, out),

            (
                Unit::Forked { run, .. } | Unit::Starting { run, .. } | Unit::Ready { run, .. },
                E::Ended { status, rest },
            ) => {
                out.push(Action::DropHelpers(id));
                let remains = if rest { Remains::Others } else { Remains::Nothing };
                let succeeded = status == ExitStatus::Code(0);
                let first = run.main_since == run.since;
                if oneshot && succeeded {
                    out.push(Action::Note(Note::Ready(id)));
                    self.leave(id, remains, Then::Done, now, out);
                } else if forks
                    && succeeded
                    && rest
                    && self.raising()
                    && (first || now.since(run.main_since) < STEPPING_STONE)
                {
                    self.units[id.0] = Unit::Following { run, until: now + FOLLOW };
                    out.push(Action::Follow(id));
                } else if forks && succeeded && first {
                    self.fault(id, Cause::NoMain, remains, now, out);
                } else {
                    self.fault(id, Cause::Died(status), remains, now, out);
                }
            }

            (Unit::Following { run, .. }, E::Main(pid)) => {
                let run = Run { pid, main_since: now, ..run };
                let until = self.ready_limit(id, run.since);
                self.starts(id, run, until, now, out);
            }
            (Unit::Following { .. }, E::NoMain) => {
                self.fault(id, Cause::NoMain, Remains::Others, now, out);
            }
            (Unit::Following { .. }, E::Emptied | E::Ended { rest: false, .. }) => {
                self.fault(id, Cause::NoMain, Remains::Nothing, now, out);
            }

            (Unit::Starting { mut run, ready_at, until }, E::Main(pid)) => {
                (run.pid, run.main_since) = (pid, now);
                self.units[id.0] = Unit::Starting { run, ready_at, until };
            }
            (Unit::Ready { mut run, health }, E::Main(pid)) => {
                (run.pid, run.main_since) = (pid, now);
                self.units[id.0] = Unit::Ready { run, health };
            }

            (Unit::Ready { run, health: Health::Asked { failures, .. } }, E::Health(answer)) => {
                self.on_health(id, run, failures, answer, now, out);
            }

            (Unit::Stopping { rung, then, .. }, E::Ended { rest, .. }) => {
                out.push(Action::DropHelpers(id));
                match (rest, rung) {
                    (false, _) => self.settle(id, then),
                    (true, Rung::Command { .. } | Rung::Asked { .. }) => {
                        self.leave(id, Remains::Others, then, now, out);
                    }
                    // What it left has had its TERM with it, and its time runs on.
                    (true, Rung::Termed { until }) => {
                        let rung = Clearance::Termed { until };
                        self.units[id.0] = Unit::Clearing { rung, then };
                    }
                    (true, Rung::Killed) => {
                        self.units[id.0] = Unit::Clearing { rung: Clearance::Killed, then };
                        out.push(Action::KillAll(id));
                    }
                }
            }
            (
                Unit::Stopping { run, rung: Rung::Command { .. }, then },
                E::StopCommand { succeeded: false },
            ) => {
                // It did not work: the signal is the next best, with the grace begun anew.
                let until = now + self.plan.units[id.0].stop_grace;
                self.units[id.0] = Unit::Stopping { run, rung: Rung::Asked { until }, then };
                out.push(Action::AskToStop(id));
            }
            // A main process that was found too late ends like the others.
            (Unit::Clearing { then, .. }, E::Emptied | E::Ended { rest: false, .. }) => {
                self.settle(id, then);
            }

            // A notice from a process that was made only now.
            (Unit::Forked { mut run, until }, E::Main(pid)) => {
                run.pid = pid;
                self.units[id.0] = Unit::Forked { run, until };
            }

            // Answers that came too late, and facts that change nothing where the unit is.
            (
                Unit::Idle | Unit::Backoff { .. } | Unit::Done | Unit::GivenUp,
                E::Forked(_)
                | E::NotForked(_)
                | E::Running
                | E::NotRun(_)
                | E::Ready
                | E::Ended { .. }
                | E::Main(_)
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Spawning,
                E::Running
                | E::NotRun(_)
                | E::Ready
                | E::Ended { .. }
                | E::Main(_)
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Forked { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Ready
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Starting { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Running
                | E::NotRun(_)
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Following { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Running
                | E::NotRun(_)
                | E::Ready
                | E::Ended { rest: true, .. }
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Ready { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Running
                | E::NotRun(_)
                | E::Ready
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Stopping { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Running
                | E::Ready
                | E::Main(_)
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. },
            )
            | (
                Unit::Clearing { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Running
                | E::NotRun(_)
                | E::Ready
                | E::Ended { rest: true, .. }
                | E::Main(_)
                | E::NoMain
                | E::Health(_)
                | E::StopCommand { .. },
            ) => {}
            // Stopped before its exec was known, and the exec failed.
            (Unit::Stopping { then, .. }, E::NotRun(_)) => {
                self.leave(id, Remains::Nothing, then, now, out);
            }
        }
    }

    /// Its program runs, or its main process was found.
    fn starts(&mut self, id: UnitId, run: Run, until: Moment, now: Moment, out: &mut Vec<Action>) {
        let plan = &self.plan.units[id.0];
        // A daemonising process is ready no sooner than its main process is known.
        let followed_first = plan.forks && run.main_since == run.since;
        let (ready_at, ask) = match plan.ready {
            _ if plan.oneshot || followed_first => (None, false),
            ReadyPlan::AtExec => return self.is_ready(id, run, now, out),
            ReadyPlan::After(time) => (Some(now + time), false),
            ReadyPlan::WhenTold => (None, true),
        };
        self.units[id.0] = Unit::Starting { run, ready_at, until };
        if ask {
            out.push(Action::AwaitReady(id));
        }
    }

    fn is_ready(&mut self, id: UnitId, run: Run, now: Moment, out: &mut Vec<Action>) {
        let health = match self.plan.units[id.0].health {
            None => Health::NotAsked,
            Some(health) => Health::Waiting { at: now + health.interval, failures: 0 },
        };
        self.units[id.0] = Unit::Ready { run, health };
        self.memory[id.0].in_a_row = 0;
        out.push(Action::DropHelpers(id));
        out.push(Action::Note(Note::Ready(id)));
    }

    fn on_health(
        &mut self,
        id: UnitId,
        run: Run,
        failures: u32,
        answer: Result<(), String>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(plan) = self.plan.units[id.0].health else { return };
        let failures = match &answer {
            Ok(()) => 0,
            Err(_) if now.since(run.since) < plan.start_period => failures,
            Err(_) => failures + 1,
        };
        match answer {
            Err(said) if failures >= plan.retries && self.raising() => {
                let health = Health::NotAsked;
                self.units[id.0] = Unit::Ready { run, health };
                self.fault(id, Cause::Unhealthy(said), Remains::Main, now, out);
            }
            Ok(()) | Err(_) => {
                let health = Health::Waiting { at: now + plan.interval, failures };
                self.units[id.0] = Unit::Ready { run, health };
            }
        }
    }

    // --- faults -------------------------------------------------------------------------------

    /// Something went wrong with a unit; decides between again, without it, and the end.
    fn fault(
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
                // What still lives of it is ended with the rest, in its order.
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
    fn budget(&mut self, id: UnitId, cause: &Cause, now: Moment) -> Option<Duration> {
        let restart = self.plan.units[id.0].restart?;
        if matches!(cause, Cause::NotRun(_)) {
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

    fn fail(&mut self, unit: UnitId, cause: Cause, now: Moment, out: &mut Vec<Action>) {
        let booting = match self.phase {
            Phase::Booting { .. } | Phase::Settling { .. } => true,
            Phase::Serving
            | Phase::Gathering { .. }
            | Phase::Lowering { .. }
            | Phase::Held
            | Phase::Over => false,
        };
        let polite = if booting {
            self.rollback.min(self.plan.stop_timeout)
        } else {
            self.plan.stop_timeout
        };
        let failure = Failure { unit, cause, booting };
        out.push(Action::Note(Note::Site(Milestone::Failing(failure.clone()))));
        self.desired = Desired::Down(Why::Failed(failure));
        match self.plan.units[unit.0].evidence {
            Some(time) => {
                let until = now + time.min(polite / 2);
                self.phase = Phase::Gathering { unit, until, polite_until: now + polite };
                out.push(Action::GatherEvidence(unit));
            }
            None => self.lower(now + polite, out),
        }
    }

    /// Takes a unit from where it is to where nothing of it lives.
    fn leave(
        &mut self,
        id: UnitId,
        remains: Remains,
        then: Then,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        match remains {
            Remains::Main => self.stop_unit(id, then, now, out),
            Remains::Others => {
                let until = now + self.plan.forcekill_time;
                let rung = Clearance::Termed { until };
                self.units[id.0] = Unit::Clearing { rung, then };
                out.push(Action::TermAll(id));
            }
            Remains::Nothing => self.settle(id, then),
        }
    }

    /// Nothing of a unit lives any more.
    fn settle(&mut self, id: UnitId, then: Then) {
        self.units[id.0] = match then {
            Then::Idle => Unit::Idle,
            Then::Backoff(until) if self.raising() => Unit::Backoff { until },
            Then::Backoff(_) => Unit::Idle,
            Then::GivenUp => Unit::GivenUp,
            Then::Done => Unit::Done,
        };
    }

    /// Puts a unit that lives on the first rung of its end.
    fn stop_unit(&mut self, id: UnitId, then: Then, now: Moment, out: &mut Vec<Action>) {
        let plan = &self.plan.units[id.0];
        let until = now + plan.stop_grace;
        match self.units[id.0].clone() {
            Unit::Forked { run, .. } | Unit::Starting { run, .. } | Unit::Ready { run, .. } => {
                out.push(Action::DropHelpers(id));
                let rung = if self.polite_time_is_over(now) {
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

    fn polite_time_is_over(&self, now: Moment) -> bool {
        matches!(self.phase, Phase::Lowering { polite_until } if polite_until <= now)
    }

    fn ready_limit(&self, id: UnitId, from: Moment) -> Moment {
        from + self.plan.units[id.0].ready_timeout.unwrap_or(self.plan.boot_timeout)
    }

    // --- going on -----------------------------------------------------------------------------

    /// Does all that is due, until nothing more is.
    fn advance(&mut self, now: Moment, out: &mut Vec<Action>) {
        loop {
            for id in self.ids() {
                self.on_unit_timer(id, now, out);
            }
            if !self.advance_phase(now, out) {
                return;
            }
        }
    }

    fn on_unit_timer(&mut self, id: UnitId, now: Moment, out: &mut Vec<Action>) {
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
    fn advance_phase(&mut self, now: Moment, out: &mut Vec<Action>) -> bool {
        match self.phase.clone() {
            Phase::Booting { until } => {
                let started = self.start_what_may(out);
                if self.ids().all(|u| self.is_resolved(u)) {
                    self.phase =
                        Phase::Settling { until: now + self.plan.settle, boot_until: until };
                    return true;
                }
                if until > now {
                    return started;
                }
                match self.what_is_late() {
                    Some((unit, cause)) => self.fail(unit, cause, now, out),
                    None => self.serve(out),
                }
                true
            }
            Phase::Settling { until, boot_until } => {
                if !self.ids().all(|u| self.is_resolved(u)) {
                    self.phase = Phase::Booting { until: boot_until };
                    return true;
                }
                if until <= now {
                    self.serve(out);
                    return true;
                }
                false
            }
            Phase::Serving => self.start_what_may(out),
            Phase::Gathering { unit, until, polite_until } => {
                if until > now {
                    return false;
                }
                out.push(Action::DropHelpers(unit));
                self.lower(polite_until, out);
                true
            }
            Phase::Lowering { polite_until } => self.lower_what_may(polite_until, now, out),
            Phase::Held | Phase::Over => false,
        }
    }

    fn serve(&mut self, out: &mut Vec<Action>) {
        self.phase = Phase::Serving;
        out.push(Action::Note(Note::Site(Milestone::Up)));
    }

    /// It is up, or nobody waits for it any more.
    fn is_resolved(&self, id: UnitId) -> bool {
        let unit = self.unit(id);
        unit.is_up() || (*unit == Unit::GivenUp && !self.plan.units[id.0].essential)
    }

    fn start_what_may(&mut self, out: &mut Vec<Action>) -> bool {
        let mut started = false;
        for id in self.ids() {
            let waits =
                self.plan.units[id.0].depends_on.iter().any(|d| !self.is_resolved(UnitId(*d)));
            if self.units[id.0] == Unit::Idle && !waits {
                self.units[id.0] = Unit::Spawning;
                out.push(Action::Spawn(id));
                started = true;
            }
        }
        started
    }

    /// The essential unit to blame when the time to boot is over: one that runs before one that
    /// waits.
    fn what_is_late(&self) -> Option<(UnitId, Cause)> {
        let late =
            || self.ids().filter(|u| self.plan.units[u.0].essential && !self.unit(*u).is_up());
        let running = late().find(|u| !self.unit(*u).is_down());
        running.map(|u| (u, Cause::NotReady(self.boot))).or_else(|| {
            late()
                .next()
                .map(|u| (u, self.memory[u.0].last_cause.clone().unwrap_or(Cause::NeverStarted)))
        })
    }

    fn lower_what_may(&mut self, polite_until: Moment, now: Moment, out: &mut Vec<Action>) -> bool {
        let over = polite_until <= now;
        let mut changed = false;
        for id in self.ids() {
            let unit = self.unit(id).clone();
            match unit {
                Unit::Forked { .. }
                | Unit::Starting { .. }
                | Unit::Following { .. }
                | Unit::Ready { .. } => {
                    let needed = self
                        .ids()
                        .any(|other| self.plan.needs[other.0][id.0] && !self.unit(other).is_down());
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

    fn lowered(&mut self, now: Moment, out: &mut Vec<Action>) {
        match self.desired {
            Desired::Up => self.boot_now(now),
            Desired::Held => {
                self.phase = Phase::Held;
                out.push(Action::Note(Note::Site(Milestone::Held)));
            }
            Desired::Down(_) => {
                self.phase = Phase::Over;
                out.push(Action::Note(Note::Site(Milestone::Over)));
            }
        }
    }
}

/// What of a unit lives when something went wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remains {
    Main,
    Others,
    Nothing,
}

mod adopt;
#[cfg(test)]
mod tests;
