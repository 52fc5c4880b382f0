//! Whether a definition is right, and whether this node can run it.

use super::errand::{Part, pass_gate};
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
    if level >= Level::Identity
        && let Err(halt) = pass_gate(target, &definition, Part::Node, deadline.for_look(), None)
    {
        return Fault::from(halt).into();
    }
    Outcome::Done(format!("the definition of `{}` is valid", target.name))
}
