//! Whether a definition is right, and whether this node can run it.

use super::errand::{Halt, Part, pass_gate};
use super::monitor::Level;
use super::{Deadline, Fault, Outcome, Target};
use crate::site::load;

/// Level 0: the definition. Level 10: also what belongs to this node; not the disk and the
/// address, which belong to whichever node is active.
pub fn validate(target: &Target, level: Level, deadline: &Deadline) -> Outcome {
    let definition = match load(&target.places, &target.name) {
        Ok(definition) => definition,
        Err(error) => return Fault::from(error).into(),
    };
    if let Err(error) = target.site.check_length() {
        return Fault::new(super::FaultKind::WrongHere, error.to_string()).into();
    }
    for warning in &definition.warnings {
        log::warn!("{}: {warning}", target.site.definition.display());
    }
    if level >= Level::Identity {
        match pass_gate(target, &definition, Part::Node, deadline.for_look(), None) {
            // Nothing was given that could cut it short.
            Ok(()) | Err(Halt::Interrupted) => {}
            Err(Halt::Fault(fault)) => return fault.into(),
        }
    }
    Outcome::Done(format!("the definition of `{}` is valid", target.name))
}
