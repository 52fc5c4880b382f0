//! Calls about a site whose name no site can have, or that is not defined here.
//!
//! Promises: a cluster manager never gets a failure for a name that no site can have, since a failed stop
//! fences the node; a person who mistypes a name is never told "stopped".

use crate::agent::{Fault, Outcome, Target};
use crate::manager::{Manager, find_by_instance};
use crate::messages::Message;
use crate::observe::Observation;
use crate::operator;
use crate::site::{Places, SiteName};

/// The purpose of a call, which decides the answer for a name that no site can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To stop it.
    Stop,
    /// To know its state.
    Look,
    /// Anything else.
    Other,
}

/// The answer for a name that no site can have, and `why` none can: nothing of it can live.
pub(super) fn nothing_lives(purpose: Purpose, why: Message) -> Outcome {
    match purpose {
        Purpose::Stop => Outcome::Done(format!("nothing of it can live here: {why}")),
        Purpose::Look => {
            log::warn!("{why}");
            Outcome::Seen(Box::new(Observation::of_nothing()))
        }
        Purpose::Other => why.into(),
    }
}

/// The site that a manager means: the one that it names, or, where that is no name and it must be
/// stopped or looked at, the one that was started for this resource before.
///
/// # Errors
/// The answer, where there is no such site.
pub(super) fn meant(
    purpose: Purpose,
    named: Result<SiteName, Message>,
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

/// A refusal, for a person who names a site that is not here.
pub(super) fn refused(target: &Target, called_by: Manager) -> Option<Fault> {
    if called_by != Manager::Hand {
        return None;
    }
    operator::unknown_here(target)
}
