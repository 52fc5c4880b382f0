//! One look. Never changes anything.

use super::{Deadline, Fault, Outcome, Target, wrapped};
use crate::backend::own::{self, Asked};
use crate::control::{Reply, Request, State};
use crate::observe::{Observation, observe};
use crate::process::Seen;

/// How deep a monitor looks (`OCF_CHECK_LEVEL`); an unknown level means the next lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The supervisor answers, and its state.
    Answer,
    /// Also every process by identity.
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

/// Looks at the site.
pub fn monitor(target: &Target, level: Level, deadline: &Deadline) -> Outcome {
    let until = deadline.for_look();
    let observation = match observe(&target.site, deadline.begun, until) {
        Ok(observation) => observation,
        Err(denied) => return Fault::from(denied).into(),
    };
    let serves = matches!(observation.state, State::Running | State::Degraded);
    if serves && level >= Level::Identity {
        if let Some(fault) = missing_process(target, &observation) {
            return fault.into();
        }
        if let Some(wrapping) = &observation.wrapped
            && let Some(fault) = wrapped::missing_kind(target, wrapping)
        {
            return fault.into();
        }
        if level >= Level::Health
            && observation.wrapped.is_none()
            && let Some(fault) = unhealthy(target, deadline)
        {
            return fault.into();
        }
    }
    Outcome::Seen(Box::new(observation))
}

/// A process that the supervisor believes to live and /proc does not show.
fn missing_process(target: &Target, observation: &Observation) -> Option<Fault> {
    let view = observation.view.as_ref()?;
    view.processes.iter().find_map(|process| {
        let (pid, start) = (process.pid?, process.start?);
        let why = match (Seen { pid, start }).look() {
            Ok(Some(stat)) if stat.is_alive() => return None,
            Ok(_) => "that is gone".to_owned(),
            Err(error) => format!("that cannot be told: {error}"),
        };
        Some(Fault::failed(format!(
            "`{}` of the site `{}` should be process {pid}, and {why}",
            process.name, target.name
        )))
    })
}

fn unhealthy(target: &Target, deadline: &Deadline) -> Option<Fault> {
    let until = deadline.for_look();
    match own::ask(&target.site, &Request::CheckHealth { until }, until) {
        Asked::Answered(Reply::Done(_)) => None,
        Asked::Answered(Reply::Refused { why }) => {
            Some(Fault::failed(format!("the site `{}` is not healthy: {why}", target.name)))
        }
        Asked::Answered(
            Reply::Heard | Reply::Failed(_) | Reply::Overtaken { .. } | Reply::Busy { .. },
        )
        | Asked::Silent
        | Asked::Nobody
        | Asked::Denied(_) => Some(Fault::failed(format!(
            "the healthchecks of the site `{}` did not answer in time",
            target.name
        ))),
    }
}
