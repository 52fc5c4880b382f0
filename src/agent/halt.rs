//! Why a step of a start was not done.

use std::io::ErrorKind;

use super::{Fault, Outcome, Target};
use crate::hold::{Interruption, Interrupts, NoTurn, NotHeld};
use crate::lease::NotTaken;
use crate::messages::{self, Message};
use crate::observe::Denied;
use crate::site::Definition;

/// The step has undone itself.
#[derive(Debug)]
pub(super) enum Halt {
    /// By a stop order or a signal: see [`Interrupts::why`].
    Interrupted,
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Denied> for Halt {
    fn from(denied: Denied) -> Self {
        Self::Fault(denied.into())
    }
}

impl From<Message> for Halt {
    fn from(message: Message) -> Self {
        Self::Fault(message.into())
    }
}

impl Halt {
    pub(super) fn if_cut(interrupts: &Interrupts<'_>) -> Result<(), Self> {
        if interrupts.is_cut() { Err(Self::Interrupted) } else { Ok(()) }
    }

    pub(super) fn of_turn(target: &Target, why: NoTurn) -> Self {
        match why {
            NoTurn::Interrupted => Self::Interrupted,
            NoTurn::Unusable(error) => {
                let folder = target.site.runtime.display();
                match error.kind() {
                    ErrorKind::PermissionDenied => messages::folder_denied(folder, error).into(),
                    _ => messages::folder_unusable(folder, error).into(),
                }
            }
            NoTurn::Busy { what, who } => messages::verb_under_way(what, &target.name, who).into(),
        }
    }

    /// The lease is not held.
    pub(super) fn not_held(target: &Target, definition: &Definition, why: NotHeld) -> Self {
        let (name, database) = (&target.name, database_of(definition));
        match why {
            NotHeld::Interrupted => Self::Interrupted,
            NotHeld::NotTaken(why @ (NotTaken::HeldBy(_) | NotTaken::HeldBySomebody)) => {
                messages::lease_held(name, database, why).into()
            }
            NotHeld::NotTaken(why @ NotTaken::DiskSilent) => {
                messages::lease_disk_silent(name, database, why).into()
            }
            NotHeld::NotTaken(
                why @ (NotTaken::Interrupted
                | NotTaken::KeeperEnded(_)
                | NotTaken::KeepersKeepEnding
                | NotTaken::KeeperNotStarted(_)
                | NotTaken::Failed(_)),
            ) => messages::lease_not_taken(name, database, why).into(),
            NotHeld::Because(why) => messages::repair_failed(name, why).into(),
            NotHeld::WorkNotListed(why) => messages::work_not_listed(name, why).into(),
        }
    }

    /// The lease of a site that is running here is not held.
    pub(super) fn not_adopted(target: &Target, definition: &Definition, why: &NotTaken) -> Self {
        messages::not_adopted_without_lease(&target.name, database_of(definition), why).into()
    }

    /// The outcome of the start. A signal is the normal end of `run`.
    pub(super) fn outcome(
        self,
        target: &Target,
        interrupts: &Interrupts<'_>,
        is_run: bool,
    ) -> Outcome {
        let name = &target.name;
        match (self, interrupts.why()) {
            (Self::Fault(fault), _) => fault.into(),
            (Self::Interrupted, Some(Interruption::Signal(_))) if is_run => {
                Outcome::Done(format!("the site `{name}` is stopped"))
            }
            (Self::Interrupted, Some(Interruption::Signal(signal))) => {
                messages::start_interrupted(name, signal).into()
            }
            (Self::Interrupted, Some(Interruption::Stop) | None) => {
                messages::overtaken("start", name, "stop").into()
            }
        }
    }
}

fn database_of(definition: &Definition) -> std::path::Display<'_> {
    definition.database.as_deref().unwrap_or("?".as_ref()).display()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::StopTurn;
    use crate::observe::samples::Site;
    use crate::values::Moment;
    use std::time::Duration;

    #[test]
    fn a_folder_that_is_forbidden_is_told_apart_from_one_that_cannot_be_used() {
        let target = Site::new().target();
        for (kind, id) in [
            (ErrorKind::PermissionDenied, "folder-denied"),
            (ErrorKind::NotADirectory, "folder-unusable"),
        ] {
            match Halt::of_turn(&target, NoTurn::Unusable(kind.into())) {
                Halt::Fault(fault) => assert_eq!(fault.id.to_string(), id),
                Halt::Interrupted => panic!("{kind}"),
            }
        }
    }

    #[test]
    fn a_start_goes_on_until_a_stop_is_ordered() {
        let (site, begun) = (Site::new(), Moment::now());
        let interrupts = Interrupts::first(&site.places, begun).unwrap();
        assert!(Halt::if_cut(&interrupts).is_ok());
        drop(StopTurn::begin(&site.places, begun + Duration::from_secs(10)).unwrap());
        assert!(matches!(Halt::if_cut(&interrupts), Err(Halt::Interrupted)));
        interrupts.end();
    }
}
