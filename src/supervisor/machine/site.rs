//! What the machine knows of a site, and what can be asked of it without changing anything.

use std::time::Duration;

use crate::control::State;
use crate::supervisor::plan::{Plan, UnitId};
use crate::supervisor::state::{Cause, Clearance, Desired, Health, Rung, SitePhase, Unit, Why};
use crate::values::Moment;

/// A followed main process that ends with 0 this soon was the intermediate process of the double fork in
/// daemon(7); the main process is looked for again.
pub(super) const STEPPING_STONE: Duration = Duration::from_secs(1);

/// How soon a healthcheck that could not be started is tried again.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// How long a daemonising process may take to show its main process.
pub(super) const FOLLOW: Duration = Duration::from_secs(10);

/// What is remembered of a unit besides its state.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Its faults within the window of its budget.
    pub(super) faults: Vec<Moment>,
    /// Its faults since it was last ready; these do not expire.
    pub(super) in_a_row: u32,
    /// How often it was started again since the last boot.
    pub restarts: u32,
    pub last_cause: Option<Cause>,
    /// When it became ready, or was done.
    pub ready_since: Option<Moment>,
    /// Since when its healthcheck could not be started.
    pub(super) not_asked_since: Option<Moment>,
}

/// A site.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) plan: Plan,
    pub(super) desired: Desired,
    pub(super) phase: SitePhase,
    pub(super) units: Vec<Unit>,
    pub(super) memory: Vec<Memory>,
    /// How long this boot, or the next, may take.
    pub(super) boot: Duration,
    /// How long the graceful stop of a failed boot may take.
    pub(super) rollback: Duration,
    pub(super) degraded_since: Option<Moment>,
    /// Another node may use the database: nothing is started any more, and every process gets KILL.
    pub(super) is_lease_lost: bool,
}

impl Machine {
    /// A site of which nothing is known yet; `Event::Begin` or `Event::Adopt` comes first.
    pub fn new(plan: Plan) -> Self {
        Self {
            desired: Desired::Held,
            phase: SitePhase::Held,
            units: vec![Unit::Idle; plan.units.len()],
            memory: vec![Memory::default(); plan.units.len()],
            boot: plan.boot_timeout,
            rollback: plan.stop_timeout,
            degraded_since: None,
            is_lease_lost: false,
            plan,
        }
    }

    /// Uses these parameters of the manager from now on.
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
    pub fn phase(&self) -> &SitePhase {
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
            SitePhase::Booting { .. } | SitePhase::Settling { .. } | SitePhase::Serving => {
                let serving = self.phase == SitePhase::Serving;
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
            SitePhase::Gathering { .. } | SitePhase::Lowering { .. } | SitePhase::Over => {
                match &self.desired {
                    // A resume waits for the pause to end.
                    Desired::Up => State::Starting,
                    Desired::Held => State::Maintenance,
                    Desired::Down(Why::Ordered) => State::StoppingOrdered,
                    Desired::Down(Why::Failed(_) | Why::LeaseLost) => State::StoppingFailed,
                }
            }
            SitePhase::Held => State::Maintenance,
            SitePhase::Reserving => State::Starting,
        }
    }

    /// When `Event::Tick` is due; None if only an event can change anything.
    pub fn next_tick(&self) -> Option<Moment> {
        let phase = match self.phase {
            SitePhase::Booting { until } | SitePhase::Settling { until, .. } => Some(until),
            SitePhase::Gathering { until, .. } => Some(until),
            // Once it is over, only the rungs of the units have times.
            SitePhase::Lowering { graceful_until } => {
                self.ids().any(|u| self.awaits_its_rungs(u)).then_some(graceful_until)
            }
            SitePhase::Serving | SitePhase::Held | SitePhase::Reserving | SitePhase::Over => None,
        };
        let units = self.ids().filter_map(|u| self.unit_timer(u));
        units.chain(phase).min()
    }

    pub(super) fn raising(&self) -> bool {
        match self.phase {
            SitePhase::Booting { .. } | SitePhase::Settling { .. } | SitePhase::Serving => true,
            SitePhase::Gathering { .. }
            | SitePhase::Lowering { .. }
            | SitePhase::Held
            | SitePhase::Reserving
            | SitePhase::Over => false,
        }
    }

    /// It lives, and has had neither TERM nor KILL for all of its processes.
    pub(super) fn awaits_its_rungs(&self, unit: UnitId) -> bool {
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

    pub(super) fn unit_timer(&self, unit: UnitId) -> Option<Moment> {
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
}

/// The processes of a unit that live after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remains {
    Main,
    Others,
    Nothing,
}
