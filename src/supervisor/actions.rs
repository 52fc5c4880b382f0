//! Carrying out what the machine decides about the processes.

use super::answers::HelperAnswer;
use super::helpers::Role;
use super::machine::{Action, Event, Note};
use super::plan::UnitId;
use super::ports;
use super::processes::{Processes, Surroundings};
use crate::values::Signal;

/// What came of an action.
#[derive(Debug)]
pub(super) enum Done {
    Nothing,
    /// The machine is to be told of this next.
    Tell(Vec<Event>),
    /// The ports of the site cannot be reserved, for this reason.
    PortsTaken(String),
    /// This is to be written down.
    Note(Note),
}

impl From<Option<Event>> for Done {
    fn from(event: Option<Event>) -> Self {
        event.map_or(Self::Nothing, |event| Self::Tell(vec![event]))
    }
}

impl Processes {
    /// Does it. `reason`: why the site failed, if it did.
    pub(super) fn carry_out(
        &mut self,
        action: Action,
        reason: &str,
        around: &Surroundings<'_>,
    ) -> Done {
        match action {
            Action::ReservePorts => return self.reserve_ports(around),
            Action::Spawn(unit) => return Done::Tell(self.spawn_all(&[unit], around)),
            Action::AwaitReady(unit) => return self.await_ready(unit, around).into(),
            Action::Follow(unit) => return self.follow(unit, around).into(),
            Action::CheckHealth(unit) => {
                if let Some(HelperAnswer::Tell(event)) =
                    self.check_health(unit, Role::Health, around)
                {
                    return Done::Tell(vec![event]);
                }
            }
            Action::RunStopCommand(unit) => {
                self.is_told_to_end(unit);
                return self.run_stop_command(unit, around).into();
            }
            Action::GatherEvidence(unit) => {
                return self.gather_evidence(unit, reason, around).into();
            }
            Action::DropHelpers(unit) => {
                self.helpers.drop_of_unit(unit);
                let runtime = &mut self.units[unit.0];
                runtime.probe_at = None;
                runtime.output.stop_searching();
            }
            Action::AskToStop(unit) => {
                self.is_told_to_end(unit);
                self.send_stop_signal(unit, around);
            }
            Action::TermAll(unit) => {
                self.is_told_to_end(unit);
                self.signal_all(unit, Signal::TERM, around);
                if self.tracker.has_adopted() {
                    self.look_soon();
                }
            }
            Action::KillAll(unit) => {
                self.is_told_to_end(unit);
                self.signal_all(unit, Signal::KILL, around);
                self.look_soon();
            }
            Action::Note(note) => return Done::Note(note),
        }
        Done::Nothing
    }

    fn reserve_ports(&mut self, around: &Surroundings<'_>) -> Done {
        match ports::reserve(&around.configuration.definition) {
            Ok(reserved) => {
                self.reserved = reserved;
                Done::Tell(vec![Event::PortsReserved])
            }
            Err(why) => Done::PortsTaken(why),
        }
    }

    fn send_stop_signal(&mut self, unit: UnitId, around: &Surroundings<'_>) {
        let signal = around.configuration.process(unit).stop_signal;
        let Some(main) = &self.units[unit.0].main else { return };
        // A process that is stopped (SIGSTOP) handles its signal only when it is continued.
        let sent = main.handle.send(signal).and_then(|()| main.handle.send(Signal::CONT));
        if let Err(error) = sent {
            let name = around.configuration.name(unit);
            log::warn!("{signal} could not be sent to `{name}`: {error}");
        }
    }
}
