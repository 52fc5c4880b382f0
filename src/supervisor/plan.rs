//! What the machine needs to know of a site: each instance is a unit, each duration is resolved.

use std::time::Duration;

use crate::site::{Definition, Needs, OnLoss, Ready, Restart, WhenLost, instance_name};

/// Which unit of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub usize);

/// A site as the machine sees it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub units: Vec<UnitPlan>,
    /// Which unit needs which, directly or through others.
    pub needs: Needs,
    pub boot_timeout: Duration,
    pub stop_timeout: Duration,
    /// From TERM to KILL.
    pub forcekill_time: Duration,
    pub settle: Duration,
    /// The site reserves ports, which a pause has released.
    pub reserves_ports: bool,
    /// What the loss of the disk or of the address does.
    pub when_lost: WhenLost,
}

/// One unit: a process, or one of its instances.
#[derive(Clone, Debug)]
pub struct UnitPlan {
    pub name: String,
    /// The index of its process in the definition.
    pub process: usize,
    /// Which instance it is, from 1.
    pub instance: u32,
    /// The units that must be ready before it is started.
    pub depends_on: Vec<usize>,
    pub essential: bool,
    pub oneshot: bool,
    pub forks: bool,
    pub ready: ReadyPlan,
    pub ready_timeout: Option<Duration>,
    pub health: Option<HealthPlan>,
    pub restart: Option<Restart>,
    pub has_stop_command: bool,
    pub stop_grace: Duration,
    /// How long its evidence may take to gather, if there is any.
    pub evidence: Option<Duration>,
}

/// When a unit is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyPlan {
    AtExec,
    After(Duration),
    /// When `UnitEvent::Ready` says so.
    WhenTold,
}

/// The times of a healthcheck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthPlan {
    pub interval: Duration,
    pub timeout: Duration,
    pub retries: u32,
    pub start_period: Duration,
}

impl Plan {
    /// The plan of a definition.
    pub fn of(definition: &Definition) -> Self {
        let mut units = Vec::new();
        let mut of_process: Vec<Vec<usize>> = Vec::new();
        for (index, process) in definition.processes.iter().enumerate() {
            let mut mine = Vec::new();
            for instance in 1..=process.instances {
                mine.push(units.len());
                units.push(UnitPlan {
                    name: instance_name(process, instance),
                    process: index,
                    instance,
                    depends_on: Vec::new(),
                    essential: process.essential,
                    oneshot: process.oneshot,
                    forks: process.forks,
                    ready: match process.ready {
                        Ready::AtExec => ReadyPlan::AtExec,
                        Ready::Delay(time) => ReadyPlan::After(time),
                        _ => ReadyPlan::WhenTold,
                    },
                    ready_timeout: process.ready_timeout,
                    health: process.healthcheck.as_ref().map(|h| HealthPlan {
                        interval: h.interval,
                        timeout: h.timeout,
                        retries: h.retries,
                        start_period: h.start_period,
                    }),
                    restart: process.restart,
                    has_stop_command: process.stop_command.is_some(),
                    stop_grace: process.stop_grace_period,
                    evidence: process.on_failure.as_ref().map(|e| e.timeout),
                });
            }
            of_process.push(mine);
        }
        for unit in &mut units {
            let wanted = &definition.processes[unit.process].depends_on;
            unit.depends_on = wanted.iter().flat_map(|p| of_process[*p].iter().copied()).collect();
        }
        let reserves_ports = !definition.reserve_ports.is_empty();
        let times = (definition.boot_timeout, definition.stop_timeout);
        let plan = Self::new(units, times.0, times.1, definition.forcekill_time, definition.settle);
        Self { reserves_ports, when_lost: definition.prerequisites.when_lost, ..plan }
    }

    /// A plan of these units, of a site that reserves no ports.
    pub fn new(
        units: Vec<UnitPlan>,
        boot_timeout: Duration,
        stop_timeout: Duration,
        forcekill_time: Duration,
        settle: Duration,
    ) -> Self {
        let edges: Vec<Vec<usize>> = units.iter().map(|u| u.depends_on.clone()).collect();
        let needs = Needs::through(&edges);
        Self {
            units,
            needs,
            boot_timeout,
            stop_timeout,
            forcekill_time,
            settle,
            reserves_ports: false,
            when_lost: WhenLost::all(OnLoss::Fail),
        }
    }
}
