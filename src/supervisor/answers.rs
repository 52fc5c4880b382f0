//! What follows from the end of a helper, and from one that could not be started.

use super::helpers::{HelperFailure, HelperResult, Role};
use super::machine::{Event, UnitEvent};
use super::plan::UnitId;
use super::processes::{Processes, Surroundings};
use crate::site::Reload;
use crate::values::{ExitStatus, Pid};

/// What follows from it for the others.
#[derive(Debug)]
pub(super) enum HelperAnswer {
    /// Tell the machine.
    Tell(Event),
    /// A part of the answer for which the verb on this connection waits.
    Part { connection: u64, outcome: Result<(), String> },
    /// Start the healthcheck of this unit again for the verb on this connection.
    Again { connection: u64, unit: UnitId },
}

/// What came of asking a unit to reload.
#[derive(Debug)]
pub(super) enum Reloading {
    /// The unit cannot reload.
    Unsupported,
    Signalled,
    /// A helper's answer follows.
    Begun,
    Failed(String),
}

impl Processes {
    /// A child has ended that is no main process.
    pub(super) fn helper_ended(
        &mut self,
        pid: Pid,
        status: ExitStatus,
        around: &Surroundings<'_>,
    ) -> Option<HelperAnswer> {
        let (unit, role, result) = self.helpers.ended(pid, status)?;
        self.on_result(unit, role, result, around)
    }

    /// A helper has printed something. What a probe says before it ends is its answer until then.
    pub(super) fn read_helper(&mut self, index: usize) {
        if let Some((unit, Role::Ready, said)) = self.helpers.read(index) {
            self.units[unit.0].probe_answer = Some(said);
        }
    }

    /// Starts the healthcheck of a unit.
    pub(super) fn check_health(
        &mut self,
        unit: UnitId,
        role: Role,
        around: &Surroundings<'_>,
    ) -> Option<HelperAnswer> {
        let check = around.configuration.process(unit).healthcheck.as_ref()?;
        let started = self.start_helper(unit, role, &check.test, around);
        started.err().and_then(|error| self.on_result(unit, role, Err(error.into()), around))
    }

    fn on_result(
        &mut self,
        unit: UnitId,
        role: Role,
        result: HelperResult,
        around: &Surroundings<'_>,
    ) -> Option<HelperAnswer> {
        let name = around.configuration.name(unit);
        let tell = |event| Some(HelperAnswer::Tell(Event::Unit(unit, event)));
        match (role, result) {
            (Role::Ready, Ok(_)) => tell(UnitEvent::Ready),
            (Role::Ready, Err(failure)) => {
                self.probe_failed(unit, failure.words());
                None
            }
            (Role::Health, Ok(_)) => {
                self.units[unit.0].health_answer = Some(Ok(()));
                tell(UnitEvent::Health(Ok(())))
            }
            (Role::Health, Err(HelperFailure::NoRoom(why))) => tell(UnitEvent::NotAsked(why)),
            (Role::Health, Err(HelperFailure::Failed(said))) => {
                log::warn!("the healthcheck of `{name}` failed: {said}");
                self.units[unit.0].health_answer = Some(Err(said.clone()));
                tell(UnitEvent::Health(Err(said)))
            }
            (Role::HealthFor(connection), Err(HelperFailure::NoRoom(_))) => {
                Some(HelperAnswer::Again { connection, unit })
            }
            (Role::HealthFor(connection), result) => {
                let outcome = part(result, &format!("the healthcheck of `{name}`"));
                Some(HelperAnswer::Part { connection, outcome })
            }
            (Role::ReloadFor(connection), result) => {
                let outcome = part(result, &format!("the reload of `{name}`"));
                Some(HelperAnswer::Part { connection, outcome })
            }
            (Role::Follow, result) => {
                let pid = result.ok().and_then(|said| said.trim().parse::<i32>().ok());
                let pid = pid.and_then(|number| Pid::try_from(number).ok());
                self.follow_pid_file(unit, pid, around).map(HelperAnswer::Tell)
            }
            (Role::Stop, result) => {
                let succeeded = result.is_ok();
                if let Err(failure) = result {
                    log::warn!("the stop_command of `{name}` failed: {}", failure.words());
                }
                tell(UnitEvent::StopCommand { succeeded })
            }
            (Role::Evidence, result) => {
                match result {
                    Ok(said) => log::info!("the evidence of `{name}`: {said}"),
                    Err(failure) => log::warn!("the evidence of `{name}`: {}", failure.words()),
                }
                Some(HelperAnswer::Tell(Event::Gathered))
            }
            (Role::ConfirmPause, result) => {
                if let Err(failure) = result {
                    let why = failure.words();
                    log::warn!("the mark of the pause cannot be settled: {why}");
                }
                None
            }
            (Role::LeaveFacts, result) => {
                if let Err(failure) = result {
                    let why = failure.words();
                    log::warn!("the facts of this node are not left on the database: {why}");
                }
                None
            }
        }
    }

    /// Starts the stop command of a unit.
    pub(super) fn run_stop_command(
        &mut self,
        unit: UnitId,
        around: &Surroundings<'_>,
    ) -> Option<Event> {
        let words = around.configuration.process(unit).stop_command.as_deref().unwrap_or_default();
        let error = self.start_helper(unit, Role::Stop, words, around).err()?;
        log::warn!("the stop_command of `{}` {error}", around.configuration.name(unit));
        Some(Event::Unit(unit, UnitEvent::StopCommand { succeeded: false }))
    }

    /// Starts the on_failure command of a unit, which failed for this reason.
    pub(super) fn gather_evidence(
        &mut self,
        unit: UnitId,
        reason: &str,
        around: &Surroundings<'_>,
    ) -> Option<Event> {
        let configuration = around.configuration;
        let Some(evidence) = &configuration.process(unit).on_failure else {
            return Some(Event::Gathered);
        };
        let mut variables = vec![("SITEWARD_REASON", reason.to_owned())];
        variables.extend(self.units[unit.0].main_pid().map(|pid| ("MAINPID", pid.to_string())));
        let role = Role::Evidence;
        let started = self.helpers.start(configuration, unit, role, &evidence.command, &variables);
        let error = started.err()?;
        log::warn!("the on_failure command of `{}` {error}", configuration.name(unit));
        Some(Event::Gathered)
    }

    /// Asks a unit to read its configuration again, for the verb on this connection.
    pub(super) fn reload(
        &mut self,
        unit: UnitId,
        connection: u64,
        around: &Surroundings<'_>,
    ) -> Reloading {
        let failed = |why: String| {
            Reloading::Failed(format!("the reload of `{}`: {why}", around.configuration.name(unit)))
        };
        match &around.configuration.process(unit).reload {
            None => Reloading::Unsupported,
            Some(Reload::Signal(signal)) => match &self.units[unit.0].main {
                None => Reloading::Unsupported,
                Some(main) => match main.handle.send(*signal) {
                    Ok(()) => Reloading::Signalled,
                    Err(error) => failed(error.to_string()),
                },
            },
            Some(Reload::Command(words)) => {
                match self.start_helper(unit, Role::ReloadFor(connection), words, around) {
                    Ok(()) => Reloading::Begun,
                    Err(error) => failed(error.to_string()),
                }
            }
        }
    }
}

/// The outcome for a verb; `what` was asked of the unit.
fn part(result: HelperResult, what: &str) -> Result<(), String> {
    result.map(drop).map_err(|failure| format!("{what}: {}", failure.words()))
}
