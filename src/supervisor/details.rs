//! What a person is told of the processes: what each waits for, how long it may still take, and what is done
//! to it then.

use super::machine::{Clearance, Desired, Health, Rung, SitePhase, Unit, Why};
use super::plan::UnitId;
use super::report::Reporter;
use crate::control::{Details, Pending, PhaseTime, ProcessDetails};
use crate::site::Ready;
use crate::site::duration::say;
use crate::values::Moment;

impl Reporter<'_> {
    pub(super) fn details(&self) -> Details {
        let now = Moment::now();
        let since = self.status.state_since.map_or(now, |(_, since)| since);
        Details {
            view: self.view(),
            state_for: now.since(since),
            by: self.by(),
            phase: self.phase_time(now),
            group: self.processes.record.group.clone(),
            processes: self.machine.ids().map(|unit| self.process_details(unit, now)).collect(),
        }
    }

    /// On whose order the site is in its state.
    fn by(&self) -> Option<String> {
        let orders = &self.status.orders;
        let order = match self.machine.desired() {
            Desired::Down(Why::Ordered) => match &orders.stop {
                None => return self.status.stopped_by.clone(),
                order => order,
            },
            Desired::Down(Why::Failed(_) | Why::LeaseLost | Why::Without(_)) => return None,
            Desired::Up => &orders.start,
            Desired::Held => &orders.pause,
        };
        order.as_ref().map(ToString::to_string)
    }

    fn phase_time(&self, now: Moment) -> Option<PhaseTime> {
        let (what, until) = match self.machine.phase() {
            SitePhase::Booting { until } => ("start", Some(*until)),
            SitePhase::Settling { until, .. } => ("settle", Some(*until)),
            SitePhase::Reserving => ("start", None),
            SitePhase::Gathering { until, .. } => ("evidence", Some(*until)),
            SitePhase::Lowering { graceful_until } => match self.machine.desired() {
                Desired::Held => ("pause", Some(*graceful_until)),
                Desired::Up | Desired::Down(_) => ("stop", Some(*graceful_until)),
            },
            SitePhase::Serving | SitePhase::Held | SitePhase::Over => return None,
        };
        Some(PhaseTime { what: what.to_owned(), left: until.map(|until| now.until(until)) })
    }

    fn process_details(&self, id: UnitId, now: Moment) -> ProcessDetails {
        let unit = self.machine.unit(id);
        let memory = self.machine.memory(id);
        ProcessDetails {
            name: self.configuration.name(id).to_owned(),
            running_for: unit.run().map(|run| now.since(run.since)),
            ready_for: memory.ready_since.filter(|_| unit.is_up()).map(|at| now.since(at)),
            waits: self.pending(id, now),
            health: self.health(id),
            next_start_in: match unit {
                Unit::Backoff { until } => Some(now.until(*until)),
                _ => None,
            },
        }
    }

    fn pending(&self, id: UnitId, now: Moment) -> Option<Pending> {
        let until = |what: String, until: Moment, then: &str| {
            Some(Pending { what, left: Some(now.until(until)), then: Some(then.to_owned()) })
        };
        let plain = |what: String| Some(Pending { what, left: None, then: None });
        match self.machine.unit(id) {
            Unit::Idle => self.dependencies(id).and_then(plain),
            Unit::Backoff { until } => {
                let what = "its next start".to_owned();
                Some(Pending { what, left: Some(now.until(*until)), then: None })
            }
            Unit::Done | Unit::GivenUp => None,
            Unit::Spawning => plain("its process".to_owned()),
            Unit::Forked { .. } => plain("its program to be executed".to_owned()),
            Unit::Starting { until: at, .. } => {
                self.raised(id, now, *at).or_else(|| self.needed_by(id).and_then(plain))
            }
            Unit::Following { until: at, .. } => {
                until("its main process to show".to_owned(), *at, "it has failed")
            }
            Unit::Ready { .. } => match self.machine.phase() {
                SitePhase::Lowering { .. } => self.needed_by(id).and_then(plain),
                _ => None,
            },
            Unit::Stopping { rung, .. } => match rung {
                Rung::Command { until: at } => {
                    let what = "its stop_command and its end".to_owned();
                    until(what, self.graceful(*at), "it gets SIGTERM")
                }
                Rung::Asked { until: at } => {
                    let signal = self.configuration.process(id).stop_signal;
                    let what = format!("its end after {signal}");
                    until(what, self.graceful(*at), "all its processes get SIGTERM")
                }
                Rung::Termed { until: at } => {
                    until("its end after SIGTERM".to_owned(), *at, "all its processes get SIGKILL")
                }
                Rung::Killed => plain("its end after SIGKILL".to_owned()),
            },
            Unit::Clearing { rung: Clearance::Termed { until: at }, .. } => {
                let what = "the end of the processes that it left, after SIGTERM".to_owned();
                until(what, *at, "they get SIGKILL")
            }
            Unit::Clearing { rung: Clearance::Killed, .. } => {
                plain("the end of the processes that it left, after SIGKILL".to_owned())
            }
        }
    }

    /// What a unit that runs still lacks to be ready; None: the site is not being raised.
    fn raised(&self, id: UnitId, now: Moment, until: Moment) -> Option<Pending> {
        let until = match self.machine.phase() {
            SitePhase::Booting { until: boot } if self.machine.plan().units[id.0].essential => {
                until.min(*boot)
            }
            SitePhase::Booting { .. } | SitePhase::Settling { .. } | SitePhase::Serving => until,
            SitePhase::Gathering { .. }
            | SitePhase::Lowering { .. }
            | SitePhase::Held
            | SitePhase::Reserving
            | SitePhase::Over => return None,
        };
        let then = Some("it has failed".to_owned());
        let left = match self.machine.unit(id) {
            // It is ready then.
            Unit::Starting { ready_at: Some(at), .. } if *at < until => {
                let what = self.readiness(id);
                return Some(Pending { what, left: Some(now.until(*at)), then: None });
            }
            _ => Some(now.until(until)),
        };
        Some(Pending { what: self.readiness(id), left, then })
    }

    /// What makes a unit ready, and the last answer to that question.
    fn readiness(&self, id: UnitId) -> String {
        let process = self.configuration.process(id);
        let runtime = &self.processes.units[id.0];
        let probed = |what: String| match &runtime.probe_answer {
            Some(answer) => format!("{what}: {answer}"),
            None => what,
        };
        match &process.ready {
            _ if process.oneshot => "its end with exit status 0".to_owned(),
            Ready::AtExec => "its program to be executed".to_owned(),
            Ready::Delay(time) => format!("{} to pass after its start", say(*time)),
            Ready::Notify => match &runtime.status {
                Some(status) => format!("READY=1: {status}"),
                None => "READY=1".to_owned(),
            },
            Ready::Tcp(address) => probed(format!("tcp {address}")),
            Ready::Socket(path) => probed(format!("socket {}", path.display())),
            Ready::File(path) => probed(format!("file {}", path.display())),
            Ready::Log(pattern) => format!("a line that matches {pattern}"),
            Ready::Exec(_) => probed("its probe".to_owned()),
        }
    }

    /// The units that must be ready before this one is started.
    fn dependencies(&self, id: UnitId) -> Option<String> {
        match self.machine.phase() {
            SitePhase::Booting { .. } | SitePhase::Settling { .. } | SitePhase::Serving => {}
            SitePhase::Gathering { .. }
            | SitePhase::Lowering { .. }
            | SitePhase::Held
            | SitePhase::Reserving
            | SitePhase::Over => return None,
        }
        let needs = self.machine.plan().units[id.0].depends_on.iter().map(|unit| UnitId(*unit));
        self.listed(needs.filter(|unit| !self.machine.unit(*unit).is_up()))
    }

    /// The end of the units that need this one, which are stopped before it.
    fn needed_by(&self, id: UnitId) -> Option<String> {
        let needs = &self.machine.plan().needs;
        let above = self.machine.ids().filter(|other| needs.has(other.0, id.0));
        let names = self.listed(above.filter(|other| !self.machine.unit(*other).is_down()))?;
        Some(format!("the end of {names}"))
    }

    fn listed(&self, units: impl Iterator<Item = UnitId>) -> Option<String> {
        let names: Vec<String> =
            units.map(|unit| format!("`{}`", self.configuration.name(unit))).collect();
        let (last, others) = names.split_last()?;
        Some(match others {
            [] => last.clone(),
            others => format!("{} and {last}", others.join(", ")),
        })
    }

    /// The time of a rung ends with the graceful stop of the site.
    fn graceful(&self, until: Moment) -> Moment {
        match self.machine.phase() {
            SitePhase::Lowering { graceful_until } => until.min(*graceful_until),
            _ => until,
        }
    }

    fn health(&self, id: UnitId) -> Option<String> {
        let plan = self.machine.plan().units[id.0].health?;
        let Unit::Ready { health, .. } = self.machine.unit(id) else { return None };
        let failures = match health {
            Health::NotAsked => 0,
            Health::Waiting { failures, .. } | Health::Asked { failures, .. } => *failures,
        };
        let answer = self.processes.units[id.0].health_answer.as_ref();
        Some(match (failures, answer) {
            (0, None) => "not asked yet".to_owned(),
            (0, Some(Ok(()))) => "good".to_owned(),
            // A failure within its start_period does not count.
            (0, Some(Err(said))) => format!("failed in its start_period: {said}"),
            (n, Some(Err(said))) => format!("failed {n} of {} times: {said}", plan.retries),
            (n, None | Some(Ok(()))) => {
                format!("failed {n} of {} times: it did not answer in time", plan.retries)
            }
        })
    }
}
