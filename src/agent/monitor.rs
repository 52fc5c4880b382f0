//! One observation of a site. It changes nothing, but that the lease of a wrapped site gets a new keeper if it has none:
//! no supervisor of siteward watches that one.

use super::deadline::keeper_by;
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
    let level = depth(&observation, level);
    if level >= Level::Identity {
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

/// How deep is looked into what was seen: the processes of a site that does not serve are not asked.
fn depth(seen: &Observation, level: Level) -> Level {
    if seen.serves() { level } else { Level::Answer }
}

/// The site is up by a start of siteward that no stop has ended, so that it has a lease to lose.
fn may_lose_lease(seen: &Observation) -> bool {
    let is_up = seen.serves() || seen.state == State::Maintenance;
    let is_known = seen.record.as_ref().is_some_and(|record| record.ending.is_none());
    is_up && is_known
}

/// A site whose supervisor is its own has lost its lease: the keeper has ended, and another cannot keep it.
fn lost_lease(
    target: &Target,
    seen: &Observation,
    wrapping: &Wrapping,
    until: Moment,
) -> Option<Fault> {
    if !may_lose_lease(seen) {
        return None;
    }
    let living: Vec<Identity> = wrapping.living().cloned().collect();
    let lives = || living.iter().any(Identity::is_alive);
    let definition = &wrapping.external.definition;
    let until = keeper_by(Moment::now(), until);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{failure, record};
    use crate::process::{Ending, Record};

    const STATES: [State; 11] = [
        State::Running,
        State::Degraded,
        State::Maintenance,
        State::Starting,
        State::Stopped,
        State::StoppingOrdered,
        State::StoppingFailed,
        State::Failed,
        State::FailedWithSurvivors,
        State::Unsupervised,
        State::Unknown,
    ];

    fn seen(state: State, record: Option<Record>) -> Observation {
        Observation { state, record, ..Observation::of_nothing() }
    }

    #[test]
    fn a_level_that_is_not_known_means_the_next_lower_one() {
        for (number, level) in [
            (0, Level::Answer),
            (9, Level::Answer),
            (10, Level::Identity),
            (19, Level::Identity),
            (20, Level::Health),
            (u32::MAX, Level::Health),
        ] {
            assert_eq!(Level::from(number), level, "{number}");
        }
    }

    #[test]
    fn only_a_site_that_was_started_and_is_up_can_lose_its_lease() {
        for state in STATES {
            let is_up = matches!(state, State::Running | State::Degraded | State::Maintenance);
            assert_eq!(may_lose_lease(&seen(state, Some(record()))), is_up, "{state}");
            assert!(!may_lose_lease(&seen(state, None)), "{state}, and started by hand");
        }
        let ended = Record { ending: Some(Ending::Failed(failure("it fell"))), ..record() };
        assert!(!may_lose_lease(&seen(State::Running, Some(ended))));
    }

    #[test]
    fn the_processes_of_a_site_that_does_not_serve_are_not_asked() {
        for state in STATES {
            let serves = matches!(state, State::Running | State::Degraded);
            for level in [Level::Answer, Level::Identity, Level::Health] {
                let expected = if serves { level } else { Level::Answer };
                assert_eq!(depth(&seen(state, None), level), expected, "{state}");
            }
        }
    }
}
