//! Calls about a site that cannot be, or is not there.
//!
//! Promises: a cluster manager never hears of a failure of what cannot exist, for it would fence a
//! node for a slip of the pen; a person is never told "stopped" of a name that was mistyped.

use crate::agent::{self, Fault, FaultKind, Outcome, Target};
use crate::manager::{Manager, find_by_instance};
use crate::observe::Observation;
use crate::site::{Places, SiteName};

/// What a manager calls for, as far as a site that cannot exist has an answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To stop it.
    Stop,
    /// To know its state.
    Look,
    /// Anything else.
    Other,
}

/// The answer about a site that no definition can have; `why` it cannot. Nothing of it can live.
pub(super) fn nothing_lives(purpose: Purpose, why: String) -> Outcome {
    match purpose {
        Purpose::Stop => Outcome::Done(format!("nothing of it can live here: {why}")),
        Purpose::Look => {
            log::warn!("{why}");
            Outcome::Seen(Box::new(Observation::of_nothing()))
        }
        Purpose::Other => Fault::new(FaultKind::Misconfigured, why).into(),
    }
}

/// The site that a manager means: the one that it names, or, where that is no name and it must be
/// stopped or looked at, the one that was started for this resource before.
///
/// # Errors
/// The answer, where there is no such site.
pub(super) fn meant(
    purpose: Purpose,
    named: Result<SiteName, String>,
    places: &Places,
    resource: Option<&str>,
) -> Result<SiteName, Outcome> {
    let why = match named {
        Ok(name) => return Ok(name),
        Err(why) => why,
    };
    let known = match purpose {
        Purpose::Stop | Purpose::Look => resource.and_then(|r| find_by_instance(places, r)),
        Purpose::Other => None,
    };
    known.ok_or_else(|| nothing_lives(purpose, why))
}

/// What is refused before anything is done for a person.
pub(super) fn refused(target: &Target, called_by: Manager) -> Option<Fault> {
    if called_by != Manager::Hand {
        return None;
    }
    agent::unknown_here(target)
}
