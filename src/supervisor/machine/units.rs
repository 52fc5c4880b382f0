//! The events of a unit: every pair of a state and an event.

use super::site::{FOLLOW, Machine, Remains, SOON, STEPPING_STONE};
use crate::supervisor::plan::{ReadyPlan, UnitId};
use crate::supervisor::state::{
    Action, Cause, Clearance, Health, Note, Run, Rung, Then, Unit, UnitEvent,
};
use crate::values::{ExitStatus, Moment};

impl Machine {
    pub(super) fn on_unit(
        &mut self,
        id: UnitId,
        event: UnitEvent,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
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

            (Unit::Spawning, E::Occupied) => {
                // No fault: it is started in its turn when that process is ended.
                self.leave(id, Remains::Others, Then::Idle, now, out);
            }

            (Unit::Forked { .. } | Unit::Starting { .. } | Unit::Ready { .. }, E::Unidentified) => {
                self.fault(id, Cause::Unidentified, Remains::Main, now, out);
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
                    self.memory[id.0].ready_since = Some(now);
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
            (Unit::Ready { run, health: Health::Asked { failures, .. } }, E::NotAsked(why)) => {
                self.on_not_asked(id, run, failures, why, now, out);
            }

            (Unit::Stopping { rung, then, .. }, E::Ended { rest, .. }) => {
                out.push(Action::DropHelpers(id));
                match (rest, rung) {
                    (false, _) => self.settle(id, then),
                    (true, Rung::Command { .. } | Rung::Asked { .. }) => {
                        self.leave(id, Remains::Others, then, now, out);
                    }
                    // The processes that it left have had TERM with it, and the time runs on.
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
                // The signal is sent instead, with the whole grace period.
                let until = now + self.plan.units[id.0].stop_grace;
                self.units[id.0] = Unit::Stopping { run, rung: Rung::Asked { until }, then };
                out.push(Action::AskToStop(id));
            }
            // A main process that is found only now ends like the others.
            (Unit::Clearing { then, .. }, E::Emptied | E::Ended { rest: false, .. }) => {
                self.settle(id, then);
            }

            // A notice that came before the exec was reported.
            (Unit::Forked { mut run, until }, E::Main(pid)) => {
                run.pid = pid;
                self.units[id.0] = Unit::Forked { run, until };
            }

            // Answers that came too late, and events that change nothing in this state.
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied
                | E::Unidentified,
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Unidentified,
            )
            | (
                Unit::Forked { .. },
                E::Forked(_)
                | E::NotForked(_)
                | E::Ready
                | E::NoMain
                | E::Emptied
                | E::Health(_)
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied,
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied,
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied
                | E::Unidentified,
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied,
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied
                | E::Unidentified,
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
                | E::StopCommand { .. }
                | E::NotAsked(_)
                | E::Occupied
                | E::Unidentified,
            ) => {}
            // It was stopped before its exec was reported, and the exec failed.
            (Unit::Stopping { then, .. }, E::NotRun(_)) => {
                self.leave(id, Remains::Nothing, then, now, out);
            }
        }
    }

    /// Its program runs, or its main process was found.
    pub(super) fn starts(
        &mut self,
        id: UnitId,
        run: Run,
        until: Moment,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let plan = &self.plan.units[id.0];
        // A daemonising process is not ready before its main process is known.
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

    pub(super) fn is_ready(&mut self, id: UnitId, run: Run, now: Moment, out: &mut Vec<Action>) {
        let health = match self.plan.units[id.0].health {
            None => Health::NotAsked,
            Some(health) => Health::Waiting { at: now + health.interval, failures: 0 },
        };
        self.units[id.0] = Unit::Ready { run, health };
        self.memory[id.0].in_a_row = 0;
        self.memory[id.0].ready_since = Some(now);
        self.memory[id.0].not_asked_since = None;
        out.push(Action::DropHelpers(id));
        out.push(Action::Note(Note::Ready(id)));
    }

    pub(super) fn on_health(
        &mut self,
        id: UnitId,
        run: Run,
        failures: u32,
        answer: Result<(), String>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(plan) = self.plan.units[id.0].health else { return };
        self.memory[id.0].not_asked_since = None;
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

    /// The healthcheck could not be started, which says nothing about the unit. It is tried again soon, and is
    /// a fault only after the time in which a failing healthcheck would be one.
    fn on_not_asked(
        &mut self,
        id: UnitId,
        run: Run,
        failures: u32,
        why: String,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(plan) = self.plan.units[id.0].health else { return };
        let memory = &mut self.memory[id.0];
        if memory.not_asked_since.is_none() {
            out.push(Action::Note(Note::NotAsked(id, why.clone())));
        }
        let time = now.since(*memory.not_asked_since.get_or_insert(now));
        if time > plan.interval.saturating_mul(plan.retries) && self.raising() {
            self.units[id.0] = Unit::Ready { run, health: Health::NotAsked };
            self.memory[id.0].not_asked_since = None;
            return self.fault(id, Cause::NotAsked(time, why), Remains::Main, now, out);
        }
        let at = now + plan.interval.min(SOON);
        self.units[id.0] = Unit::Ready { run, health: Health::Waiting { at, failures } };
    }
}
