//! What the phases of a failover add up to.

use std::time::Duration;

use serde::Serialize;

use super::super::settings::RestartsHere;
use super::inputs::TimingInputs;
use super::phases::{PhaseName, TimedPhase, WorstTime, phases};

/// What happens to a site, from its beginning until the site serves again.
#[derive(Clone, Debug, Serialize)]
pub struct FailoverPath {
    /// `recover-here`, `fail-over`, `lose-node`, `move`.
    pub path: &'static str,
    pub name: &'static str,
    /// The phases that the worst case is made of, as often as they come.
    pub phases: Vec<PhaseName>,
    #[serde(rename = "worst_ms")]
    pub worst: WorstTime,
    #[serde(rename = "usual_ms", serialize_with = "super::millis::some_millis")]
    pub usual: Option<Duration>,
}

/// All phases and paths of a site.
#[derive(Clone, Debug)]
pub(super) struct TimingModel {
    pub(super) phases: Vec<TimedPhase>,
    pub(super) paths: Vec<FailoverPath>,
}

impl TimingModel {
    pub(super) fn of(inputs: &TimingInputs) -> Self {
        let phases = phases(inputs);
        let paths = paths(inputs, &phases);
        Self { phases, paths }
    }

    /// The worst time of the failover to another node. None: it may never end.
    pub(super) fn worst_failover(&self) -> Option<Duration> {
        let path = self.paths.iter().find(|path| path.path == "fail-over")?;
        match path.worst {
            WorstTime::Bounded(time) => Some(time),
            WorstTime::Never | WorstTime::NotCounted => None,
        }
    }
}

/// How often a start fails on the node before the site goes to another. None: for ever.
pub(super) fn failed_starts_here(inputs: &TimingInputs) -> Option<u32> {
    match (inputs.restarts_here.value, inputs.start_failure_is_fatal) {
        (RestartsHere::Times(0), _) => Some(0),
        (RestartsHere::Times(_) | RestartsHere::Unlimited, true) => Some(1),
        (RestartsHere::Times(times), false) => Some(times),
        (RestartsHere::Unlimited, false) => None,
    }
}

fn paths(inputs: &TimingInputs, phases: &[TimedPhase]) -> Vec<FailoverPath> {
    use PhaseName::*;
    let mut all = vec![path(
        phases,
        ("recover-here", "the same node recovers"),
        &[Notice, StopAfterFailure, Start, Manager],
        &[Notice, StopAfterFailure, Start, Manager],
    )];
    let failed = failed_starts_here(inputs);
    // More than these are as good as endless.
    let times = failed.unwrap_or(0).min(1000) as usize;
    let failures = [FailedStart, ClearFailedStart].repeat(times);
    let over = [&[Notice, StopAfterFailure][..], &failures, &[Start, Manager]].concat();
    let usual = [Notice, StopAfterFailure, Start, Manager];
    let name = match times {
        0 => "it fails over",
        1 => "a restart fails, it fails over",
        _ => "all restarts fail, it fails over",
    };
    let mut fail_over = path(phases, ("fail-over", name), &over, &usual);
    if failed.is_none() {
        fail_over.worst = WorstTime::Never;
    }
    all.push(fail_over);
    if phases.iter().any(|phase| phase.phase == LoseNode) {
        let lost = [LoseNode, Repair, Start, Manager];
        let lost: Vec<PhaseName> =
            lost.into_iter().filter(|name| phases.iter().any(|p| p.phase == *name)).collect();
        all.push(path(phases, ("lose-node", "a node dies"), &lost, &lost));
    }
    let moved = [Stop, Start, Manager];
    all.push(path(phases, ("move", "an ordered move"), &moved, &moved));
    all
}

fn path(
    phases: &[TimedPhase],
    (path, name): (&'static str, &'static str),
    worst: &[PhaseName],
    usual: &[PhaseName],
) -> FailoverPath {
    let find = |name: &PhaseName| phases.iter().find(|phase| phase.phase == *name);
    let add = |sum: WorstTime, name: &PhaseName| match (sum, find(name).map(|phase| phase.worst)) {
        (WorstTime::Bounded(sum), Some(WorstTime::Bounded(time))) => {
            WorstTime::Bounded(sum.saturating_add(time))
        }
        (WorstTime::Never, _) | (_, Some(WorstTime::Never)) => WorstTime::Never,
        (sum, Some(WorstTime::NotCounted) | None) => sum,
        (WorstTime::NotCounted, Some(time)) => time,
    };
    let usual = usual
        .iter()
        .try_fold(Duration::ZERO, |sum, name| Some(sum.saturating_add(find(name)?.usual?)));
    FailoverPath {
        path,
        name,
        phases: worst.to_vec(),
        worst: worst.iter().fold(WorstTime::Bounded(Duration::ZERO), add),
        usual,
    }
}
