//! One observation of a site. It changes nothing, but that the lease of a wrapped site gets a new keeper if it has none:
//! no supervisor of siteward watches that one.

use super::{Deadline, Fault, Outcome, Target};
use crate::backend::own::{self, Asked};
use crate::control::{Reply, Request, State};
use crate::disk::{self, RedisAnswer};
use crate::hold;
use crate::messages;
use crate::observe::{Observation, Wrapping, look_for_missing, observe_among};
use crate::process::{Identity, MarkedSites};
use crate::values::Moment;

/// The depth of a monitor (`OCF_CHECK_LEVEL`); an unknown level means the next lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The supervisor's answer and its state.
    Answer,
    /// Also the identity of every process.
    Identity,
    /// Also each process's healthcheck, once.
    Health,
}

impl From<u32> for Level {
    fn from(number: u32) -> Self {
        match number {
            0..=9 => Self::Answer,
            10..=19 => Self::Identity,
            20.. => Self::Health,
        }
    }
}

/// Observes the site once.
pub fn monitor(target: &Target, level: Level, deadline: &Deadline) -> Outcome {
    monitor_among(None, target, level, deadline)
}

/// As [`monitor`], of one of many sites; see [`observe_among`].
pub fn monitor_among(
    marked: Option<&MarkedSites>,
    target: &Target,
    level: Level,
    deadline: &Deadline,
) -> Outcome {
    let until = deadline.for_look();
    let look = || observe_among(marked, &target.site, deadline.begun, until);
    let seen = match level {
        Level::Answer => look().map(|observation| (observation, None)),
        Level::Identity | Level::Health => look_for_missing(look, until),
    };
    let (observation, missing) = match seen {
        Ok(seen) => seen,
        Err(denied) => return Fault::from(denied).into(),
    };
    if let Some(missing) = missing {
        return missing.message(&target.name).into();
    }
    if let Some(wrapping) = &observation.wrapped
        && let Some(fault) = lost_lease(target, &observation, wrapping, until)
    {
        return fault.into();
    }
    if observation.serves() && level >= Level::Identity {
        if let Some(wrapping) = &observation.wrapped
            && let Some(missing) = wrapping.missing_kind()
        {
            return messages::wrapped_process_missing(missing).into();
        }
        if level >= Level::Health {
            let fault = match &observation.wrapped {
                Some(wrapping) => silent_redis(target, wrapping, deadline),
                None => unhealthy(target, deadline),
            };
            if let Some(fault) = fault {
                return fault.into();
            }
        }
    }
    Outcome::Seen(Box::new(observation))
}

/// A site whose supervisor is its own has lost its lease: the keeper has ended, and another cannot keep it.
fn lost_lease(
    target: &Target,
    seen: &Observation,
    wrapping: &Wrapping,
    until: Moment,
) -> Option<Fault> {
    let is_up = seen.serves() || seen.state == State::Maintenance;
    let is_known = seen.record.as_ref().is_some_and(|record| record.ending.is_none());
    if !is_up || !is_known {
        return None;
    }
    let living: Vec<Identity> = wrapping.living().cloned().collect();
    let lives = || living.iter().any(Identity::is_alive);
    let definition = &wrapping.external.definition;
    let until = until.min(Moment::now() + hold::KEEP);
    let kept = hold::keep_on(&target.site, definition, lives, until);
    kept.err().map(|why| messages::lease_lost(why).into())
}

/// JobCenter's Redis does not answer.
fn silent_redis(target: &Target, wrapping: &Wrapping, deadline: &Deadline) -> Option<Fault> {
    let external = &wrapping.external;
    external.wrapped.jobcenter.as_ref()?;
    let database = external.definition.database.as_ref()?;
    let why = match disk::ask_redis(&target.places, database, deadline.for_look()) {
        Ok(RedisAnswer::Lives | RedisAnswer::NoSocket) => return None,
        Ok(RedisAnswer::Silent(why)) => why,
        Err(undone) => undone.to_string(),
    };
    Some(messages::redis_silent(&target.name, why).into())
}

fn unhealthy(target: &Target, deadline: &Deadline) -> Option<Fault> {
    let until = deadline.for_look();
    match own::ask(&target.site, &Request::CheckHealth { until }, until) {
        Asked::Answered(Reply::Done(_)) => None,
        Asked::Answered(Reply::Refused { why }) => {
            Some(messages::site_unhealthy(&target.name, why).into())
        }
        Asked::Answered(_) | Asked::Silent | Asked::Nobody | Asked::Denied(_) => {
            Some(messages::healthchecks_silent(&target.name).into())
        }
    }
}
