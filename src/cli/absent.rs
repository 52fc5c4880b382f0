//! Calls about a site that cannot be, or is not there.
//!
//! Promises: a cluster manager never hears of a failure of what cannot exist, for it would fence a
//! node for a slip of the pen; a person is never told "stopped" of a name that was mistyped.

use crate::agent::{self, Fault, FaultKind, Outcome, Target};
use crate::manager::{Manager, Verb, find_by_instance};
use crate::observe::Observation;
use crate::site::{Places, SiteName};

/// What a manager wants of a site, as far as one that cannot be has an answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// That nothing of it lives.
    Down,
    /// To know how it is.
    Seen,
    /// Anything else.
    Other,
}

impl From<Verb> for Wanted {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Stop => Self::Down,
            Verb::Monitor => Self::Seen,
            Verb::Start | Verb::Other => Self::Other,
        }
    }
}

/// The answer about a site that no definition can have; `why` it cannot. Nothing of it can live.
pub(super) fn nothing_lives(wanted: Wanted, why: String) -> Outcome {
    match wanted {
        Wanted::Down => Outcome::Done(format!("nothing of it can live here: {why}")),
        Wanted::Seen => {
            log::warn!("{why}");
            Outcome::Seen(Box::new(Observation::of_nothing()))
        }
        Wanted::Other => Fault::new(FaultKind::Misconfigured, why).into(),
    }
}

/// The site that a manager means: the one that it names, or, where that is no name and it must be
/// stopped or looked at, the one that was started for this resource before.
///
/// # Errors
/// The answer, where there is no such site.
pub(super) fn meant(
    wanted: Wanted,
    named: Result<SiteName, String>,
    places: &Places,
    resource: Option<&str>,
) -> Result<SiteName, Outcome> {
    let why = match named {
        Ok(name) => return Ok(name),
        Err(why) => why,
    };
    let known = match wanted {
        Wanted::Down | Wanted::Seen => resource.and_then(|r| find_by_instance(places, r)),
        Wanted::Other => None,
    };
    known.ok_or_else(|| nothing_lives(wanted, why))
}

/// What is refused before anything is done for a person.
pub(super) fn refused(target: &Target, called_by: Manager) -> Option<Fault> {
    if called_by != Manager::Hand {
        return None;
    }
    agent::unknown_here(target)
}
