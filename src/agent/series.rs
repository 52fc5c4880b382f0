//! The held monitor of a site with a supervisor of its own: it is answered when a process of the site ends, or when its
//! wait is over. Siteward's own supervisor answers those of its sites itself (`supervisor::held`), by the same rule.
//!
//! Promises: a monitor is held only if it continues a series. What continues one is written down when a monitor was
//! answered, and is taken away when the next one begins, so that one that was cut off ends its series. A probe ends every
//! series. Must never: answer by what was seen before the wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Deadline, Level, Outcome, Target, monitor};
use crate::hold;
use crate::lease;
use crate::linux::wait::Waiting;
use crate::observe::{Observation, Wrapping};
use crate::process::{Identity, wait_for_an_end};
use crate::values::Moment;

/// By how much a monitor may come later than its interval and still continue its series.
const SLACK: Duration = Duration::from_secs(1);

/// Between two observations during a wait, at least: its list is a command that is run. What no end of a process tells,
/// as the loss of the disk, is seen by then.
const PACE: Duration = Duration::from_secs(10);

/// Between two observations, however many processes end.
const GAP: Duration = Duration::from_millis(100);

/// How a monitor may be held.
#[derive(Clone, Copy, Debug)]
pub struct MonitorSeries {
    /// Zero: a probe.
    pub interval: Duration,
    /// Until when it may be held; None: it is answered at once.
    pub until: Option<Moment>,
}

/// What the last monitor of a series was told.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct LastAnswer {
    answered: Moment,
    state: String,
    supervisors: Vec<Identity>,
}

impl LastAnswer {
    /// None: the answer is not one that may be waited for to change.
    fn of(seen: &Observation) -> Option<Self> {
        let wrapping = seen.wrapped.as_ref()?;
        let supervisors = wrapping.supervisors.clone();
        seen.state.is_well().then(|| Self {
            answered: Moment::now(),
            state: seen.state.to_string(),
            supervisors,
        })
    }
}

/// As [`monitor`]; one that continues a series of a site with a supervisor of its own is held.
pub fn monitor_in_series(
    target: &Target,
    level: Level,
    series: MonitorSeries,
    deadline: &Deadline,
) -> Outcome {
    let name = format!("{level:?}-{}", series.interval.as_millis());
    let before = match series.interval.is_zero() {
        true => {
            hold::forget_told(&target.site);
            None
        }
        false => {
            let told = hold::take_told(&target.site, &name);
            told.and_then(|told| serde_json::from_slice::<LastAnswer>(&told).ok())
        }
    };
    let mut outcome = monitor(target, level, deadline);
    let Some(until) = series.until.filter(|_| !series.interval.is_zero()) else { return outcome };
    let begun = deadline.begun;
    let continued =
        before.filter(|told| begun.since(told.answered) <= series.interval.saturating_add(SLACK));
    if let Some(before) = continued {
        while let Some(seen) = observed(&outcome)
            && LastAnswer::of(seen).is_some_and(|now| {
                now.state == before.state && now.supervisors == before.supervisors
            })
            && !until.passed()
        {
            // Many that end one after another are looked at together.
            Waiting::<()>::new().wait(Some(until.min(Moment::now() + GAP)));
            wait_for_a_death(
                target,
                seen.wrapped.as_ref(),
                until.min(Moment::now() + series.interval.max(PACE)),
            );
            outcome = monitor(target, level, &left_of(deadline));
        }
    }
    let told = observed(&outcome).and_then(LastAnswer::of);
    if let Some(Ok(told)) = told.map(|told| serde_json::to_vec(&told)) {
        hold::keep_told(&target.site, &name, &told);
    }
    outcome
}

fn observed(outcome: &Outcome) -> Option<&Observation> {
    match outcome {
        Outcome::Seen(seen) => Some(seen),
        Outcome::Done(_) | Outcome::Fault(_) => None,
    }
}

/// What is left of the time of a verb that begins to look again.
fn left_of(deadline: &Deadline) -> Deadline {
    let now = Moment::now();
    let left = |given: Duration| given.saturating_sub(now.since(deadline.begun));
    Deadline { begun: now, given: deadline.given.map(left) }
}

/// Waits until a process of the site or the keeper of its lease ends.
fn wait_for_a_death(target: &Target, wrapping: Option<&Wrapping>, until: Moment) {
    let keeper = lease::living_keeper(&target.site);
    let living = wrapping.into_iter().flat_map(Wrapping::watched).chain(&keeper);
    wait_for_an_end(living, None, until);
}
