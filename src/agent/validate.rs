//! Checks a definition, and whether this node can run it.

use super::gate::{self, Part};
use super::halt::Halt;
use super::monitor::Level;
use super::{Deadline, Fault, Outcome, STOPPED_BY_HAND, Target};
use crate::messages;
use crate::observe::{Drift, drift, observe};
use crate::site::{Definition, load};

/// Level 0: the definition. Level 10: also the programs, users and files of this node; not the disk and
/// the address, which only the active node has.
pub fn validate(target: &Target, level: Level, deadline: &Deadline) -> Outcome {
    let definition = match load(&target.places, &target.name) {
        Ok(definition) => definition,
        Err(error) => {
            let mut fault = Fault::from(error);
            if of_running(target, deadline).is_some() {
                fault.details.push(
                    "the site is up, and keeps running with the definition it was started with"
                        .to_owned(),
                );
            }
            return fault.into();
        }
    };
    if let Err(error) = target.site.check_length() {
        return messages::path_too_long(error).into();
    }
    for warning in &definition.warnings {
        log::warn!("{}: {warning}", target.site.definition.display());
    }
    for unproved in unproved(&definition) {
        log::warn!("{}: {unproved}", target.site.definition.display());
    }
    if level >= Level::Identity {
        match gate::pass(target, &definition, Part::Node, deadline.for_look(), None) {
            // Without `cut` there is no interruption.
            Ok(()) | Err(Halt::Interrupted) => {}
            Err(Halt::Fault(fault)) => return fault.into(),
        }
    }
    let compared = match of_running(target, deadline) {
        Some(Drift::Same) => ", and is the one that the site runs with",
        Some(Drift::Changed) => {
            ", and differs from the one that the site runs with; it takes effect at the next start"
        }
        // The file was changed after it was read.
        Some(Drift::Broken(_) | Drift::Removed) => ", and was changed while it was checked",
        None => "",
    };
    Outcome::Done(format!("the definition of `{}` is valid{compared}", target.name))
}

/// What cannot be proved with the profile of its supervisor, a sentence for each.
pub(super) fn unproved(definition: &Definition) -> Vec<String> {
    let profile = definition.wrapped.as_ref().and_then(|wrapped| wrapped.profile);
    let unproved = profile.map_or(&[][..], |profile| profile.unproved);
    let word = profile.map_or("", |profile| profile.word);
    unproved.iter().map(|what| format!("with `profile: {word}` it is not proved {what}")).collect()
}

/// The definition compared with the one in use; None: the site is down, or a manager calls.
fn of_running(target: &Target, deadline: &Deadline) -> Option<Drift> {
    if target.caller != STOPPED_BY_HAND {
        return None;
    }
    let seen = observe(&target.site, deadline.begun, deadline.for_look()).ok()?;
    seen.is_up().then(|| drift(&target.places, &target.name))
}
