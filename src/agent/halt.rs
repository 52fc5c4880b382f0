//! Why a step of a start was not done.

use std::io::ErrorKind;

use super::{Fault, FaultKind, Outcome, Target};
use crate::hold::{Interruption, Interrupts, NoTurn, NotHeld};
use crate::lease::NotTaken;
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

impl Halt {
    pub(super) fn failed(sentence: String) -> Self {
        Self::Fault(Fault::failed(sentence))
    }

    pub(super) fn if_cut(interrupts: &Interrupts<'_>) -> Result<(), Self> {
        if interrupts.is_cut() { Err(Self::Interrupted) } else { Ok(()) }
    }

    pub(super) fn of_turn(target: &Target, why: NoTurn) -> Self {
        match why {
            NoTurn::Interrupted => Self::Interrupted,
            NoTurn::Unusable(error) => {
                let kind = match error.kind() {
                    ErrorKind::PermissionDenied => FaultKind::NotPermitted,
                    _ => FaultKind::Failed,
                };
                let folder = target.site.runtime.display();
                let words = format!("the folder {folder} cannot be used as this user: {error}");
                Self::Fault(Fault::new(kind, words))
            }
            NoTurn::Busy { what, who } => Self::Fault(Fault::failed(format!(
                "{what} of `{}` has not come to an end: {who}",
                target.name
            ))),
        }
    }

    /// The lease is not held.
    pub(super) fn not_held(target: &Target, definition: &Definition, why: NotHeld) -> Self {
        let why = match why {
            NotHeld::Interrupted => return Self::Interrupted,
            NotHeld::NotTaken(why) => format!("{} is not had: {why}", lease_of(definition)),
            NotHeld::Because(why) => why,
        };
        Self::Fault(Fault::failed(format!("the site `{}` is not started: {why}", target.name)))
    }

    /// The lease of a site that is running here is not held.
    pub(super) fn not_adopted(target: &Target, definition: &Definition, why: &NotTaken) -> Self {
        Self::Fault(Fault::failed(format!(
            "the site `{}` is not adopted, though it lives on this node: {} is not had: {why}",
            target.name,
            lease_of(definition)
        )))
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
            (Self::Interrupted, Some(Interruption::Signal(signal))) => Fault::failed(format!(
                "the start of `{name}` was interrupted by {signal} and is rolled back: nothing of it lives"
            ))
            .into(),
            (Self::Interrupted, Some(Interruption::Stop) | None) => {
                Fault::failed(format!("the start of `{name}` was overtaken by stop")).into()
            }
        }
    }
}

fn lease_of(definition: &Definition) -> String {
    let database = definition.database.as_deref().unwrap_or("?".as_ref());
    format!("the lease on {}", database.display())
}
