//! Why a step of a start was not done.

use std::io::ErrorKind;

use super::{Fault, FaultKind, Outcome, Target};
use crate::turn::{Interruption, Interrupts, NoTurn};

/// Nothing of the step is left.
#[derive(Debug)]
pub(super) enum Halt {
    /// By an order to stop, or by a signal: see [`Interrupts::why`].
    Interrupted,
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
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

    /// The outcome of the start. An order to stop is what ends a run.
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
                "the start of `{name}` was interrupted by {signal}, and nothing of it is left"
            ))
            .into(),
            (Self::Interrupted, Some(Interruption::Stop) | None) => {
                Fault::failed(format!("the start of `{name}` was overtaken by stop")).into()
            }
        }
    }
}
