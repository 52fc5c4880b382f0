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

impl MonitorSeries {
    /// Until when it may be held; a probe never is.
    fn held_until(&self) -> Option<Moment> {
        self.until.filter(|_| !self.interval.is_zero())
    }

    /// A monitor that began then continues the series of which the last one was told so.
    fn is_continued(&self, told: &LastAnswer, begun: Moment) -> bool {
        begun.since(told.answered) <= self.interval.saturating_add(SLACK)
    }

    /// Until when the end of a process is waited for before the next look.
    fn next_look(&self, now: Moment, until: Moment) -> Moment {
        until.min(now + self.interval.max(PACE))
    }
}

impl LastAnswer {
    /// A monitor that has seen this would be told the same again, and its wait is not over.
    fn holds(&self, seen: &Observation, until: Moment) -> bool {
        let is_same = |now: Self| now.state == self.state && now.supervisors == self.supervisors;
        Self::of(seen).is_some_and(is_same) && !until.passed()
    }

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
    let Some(until) = series.held_until() else { return outcome };
    if let Some(before) = before.filter(|told| series.is_continued(told, deadline.begun)) {
        while let Some(seen) = observed(&outcome)
            && before.holds(seen, until)
        {
            // Many that end one after another are looked at together.
            Waiting::<()>::new().wait(Some(until.min(Moment::now() + GAP)));
            wait_for_a_death(target, seen.wrapped.as_ref(), series.next_look(Moment::now(), until));
            outcome = monitor(target, level, &left_of(deadline, Moment::now()));
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
fn left_of(deadline: &Deadline, now: Moment) -> Deadline {
    let left = |given: Duration| given.saturating_sub(now.since(deadline.begun));
    Deadline { begun: now, given: deadline.given.map(left) }
}

/// Waits until a process of the site or the keeper of its lease ends.
fn wait_for_a_death(target: &Target, wrapping: Option<&Wrapping>, until: Moment) {
    let keeper = lease::living_keeper(&target.site);
    let living = wrapping.into_iter().flat_map(Wrapping::watched).chain(&keeper);
    wait_for_an_end(living, None, until);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::external::External;
    use crate::control::State;
    use crate::messages;
    use crate::observe::samples::{KEEPER, Site, ourselves};

    const BEGUN: Moment = Moment::since_boot(Duration::from_secs(1000));

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn seen(state: State, external: External, supervisors: Vec<Identity>) -> Observation {
        let wrapped = Some(Wrapping {
            external: Box::new(external),
            supervisors,
            daemon: None,
            is_listed_up: true,
            workers: Vec::new(),
            services: Vec::new(),
        });
        Observation { state, wrapped, ..Observation::of_nothing() }
    }

    #[test]
    fn only_a_monitor_with_an_interval_is_held() {
        for (interval, until, held) in [
            (s(10), Some(BEGUN), Some(BEGUN)),
            (s(10), None, None),
            (Duration::ZERO, Some(BEGUN), None),
        ] {
            assert_eq!(MonitorSeries { interval, until }.held_until(), held, "{interval:?}");
        }
    }

    #[test]
    fn a_series_goes_on_if_the_next_monitor_comes_within_its_interval_and_a_second() {
        let series = MonitorSeries { interval: s(10), until: None };
        let supervisors = Vec::new();
        let told = LastAnswer { answered: BEGUN, state: "running".to_owned(), supervisors };
        assert!(series.is_continued(&told, BEGUN + s(2)));
        assert!(series.is_continued(&told, BEGUN + s(11)));
        assert!(!series.is_continued(&told, BEGUN + s(11) + Duration::from_millis(1)));
    }

    #[test]
    fn a_held_monitor_looks_again_after_its_interval_and_not_more_often_than_each_ten_seconds() {
        for (interval, left, looks) in
            [(s(30), s(100), s(30)), (s(1), s(100), s(10)), (s(30), s(5), s(5))]
        {
            let series = MonitorSeries { interval, until: None };
            assert_eq!(series.next_look(BEGUN, BEGUN + left), BEGUN + looks, "{interval:?}");
        }
    }

    #[test]
    fn a_monitor_is_held_as_long_as_it_would_be_told_the_same() {
        let site = Site::new();
        let of = |state, lives: bool| {
            seen(state, site.external(KEEPER), lives.then(ourselves).into_iter().collect())
        };
        let told = LastAnswer::of(&of(State::Running, true)).unwrap();
        let later = Moment::now() + s(600);
        assert!(told.holds(&of(State::Running, true), later));
        assert!(!told.holds(&of(State::Degraded, true), later), "another state");
        assert!(!told.holds(&of(State::Running, false), later), "another supervisor");
        assert!(!told.holds(&of(State::Failed, true), later), "not well");
        assert!(!told.holds(&of(State::Running, true), BEGUN.min(Moment::now())), "it is over");
    }

    #[test]
    fn only_what_is_well_and_has_a_supervisor_of_its_own_is_waited_for_to_change() {
        let site = Site::new();
        let of = |state| LastAnswer::of(&seen(state, site.external(KEEPER), Vec::new()));
        assert_eq!(of(State::Running).unwrap().state, "running");
        assert_eq!(of(State::Unsupervised), None);
        let own = Observation { state: State::Running, ..Observation::of_nothing() };
        assert_eq!(LastAnswer::of(&own), None);
    }

    #[test]
    fn only_an_observation_is_compared() {
        let seen = Outcome::Seen(Box::new(Observation::of_nothing()));
        assert_eq!(observed(&seen).map(|seen| seen.state), Some(State::Stopped));
        assert!(observed(&Outcome::Done(String::new())).is_none());
        assert!(observed(&Outcome::from(messages::file_missing())).is_none());
    }

    #[test]
    fn a_look_after_a_wait_has_what_is_left_of_the_time() {
        let left = |given: Option<Duration>, later| {
            let left = left_of(&Deadline { begun: BEGUN, given }, BEGUN + later);
            assert_eq!(left.begun, BEGUN + later);
            left.given
        };
        assert_eq!(left(Some(s(60)), s(20)), Some(s(40)));
        assert_eq!(left(Some(s(60)), s(70)), Some(s(0)));
        assert_eq!(left(None, s(70)), None);
    }

    #[test]
    fn a_probe_ends_every_series_and_begins_none() {
        let site = Site::new();
        hold::keep_told(&site.places, "Answer-10000", b"{}");
        let deadline = Deadline { begun: Moment::now(), given: Some(s(10)) };
        let probe = MonitorSeries { interval: Duration::ZERO, until: Some(Moment::now() + s(5)) };
        let outcome = monitor_in_series(&site.target(), Level::Answer, probe, &deadline);
        assert_eq!(observed(&outcome).map(|seen| seen.state), Some(State::Stopped));
        assert_eq!(hold::take_told(&site.places, "Answer-10000"), None);
    }
}
