//! How long each part of a failover takes at worst and usually, and what the parts add up to.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::super::settings::{RestartsHere, Setting};
use super::inputs::{Runner, TimingInputs};
use super::measured::MeasuredSummary;
use super::script::STOP_COMMAND;
use crate::agent::{Deadline, reserve_of_start};
use crate::manager::Manager;
use crate::site::duration::say;
use crate::values::Moment;

/// For KILL, sweep and proof.
const PROOF: Duration = Duration::from_secs(2);

/// A check whose processes are gone, and a site of which nothing lives.
const A_LOOK: Duration = Duration::from_secs(2);

/// What Pacemaker itself takes between two steps, as measured in a cluster of two nodes.
const TRANSITION: Duration = Duration::from_millis(200);

/// The longest time of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorstTime {
    Bounded(Duration),
    /// It may never end.
    Never,
    /// It is the manager's, and is not counted.
    NotCounted,
}

/// Milliseconds, `"never"`, or null if it is not counted.
impl Serialize for WorstTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bounded(time) => super::millis(time, to),
            Self::Never => to.serialize_str("never"),
            Self::NotCounted => to.serialize_none(),
        }
    }
}

/// Which phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    Notice,
    NoticeHang,
    RestartWithin,
    StopAfterFailure,
    Start,
    FailedStart,
    ClearFailedStart,
    Stop,
    LoseNode,
    Repair,
    Manager,
}

/// A part of a failover.
#[derive(Clone, Debug, Serialize)]
pub struct TimedPhase {
    pub phase: PhaseName,
    /// In words.
    pub name: &'static str,
    #[serde(rename = "worst_ms")]
    pub worst: WorstTime,
    /// None: nothing is known.
    #[serde(rename = "usual_ms", serialize_with = "super::some_millis")]
    pub usual: Option<Duration>,
    /// Where the figures come from.
    pub origin: String,
    pub measured: Option<MeasuredSummary>,
}

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
    #[serde(rename = "usual_ms", serialize_with = "super::some_millis")]
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

fn limited(time: Setting<Duration>, limit: Option<&Setting<Duration>>) -> Setting<Duration> {
    match limit.filter(|limit| limit.value < time.value) {
        Some(limit) => Setting {
            value: limit.value,
            origin: format!(
                "{} {}, which cuts {} short",
                limit.origin,
                say(limit.value),
                time.origin
            ),
        },
        None => time,
    }
}

fn told(setting: &Setting<Duration>) -> String {
    format!("{} {}", setting.origin, say(setting.value))
}

fn phases(inputs: &TimingInputs) -> Vec<TimedPhase> {
    let mut all = vec![notice(inputs)];
    let bounded = |phase, name, setting: &Option<Setting<Duration>>| {
        let setting = setting.as_ref()?;
        let worst = WorstTime::Bounded(setting.value);
        Some(TimedPhase {
            phase,
            name,
            worst,
            usual: None,
            origin: setting.origin.clone(),
            measured: None,
        })
    };
    all.extend(bounded(PhaseName::NoticeHang, "notice a process that hangs", &inputs.health));
    let within = &inputs.restarts_within;
    all.extend(bounded(PhaseName::RestartWithin, "restart a process within it", within));
    all.push(stop_after_failure(inputs));
    all.push(start(inputs));
    all.push(failed_start(inputs));
    all.push(clear_failed_start(inputs));
    all.push(ordered_stop(inputs));
    all.extend(lost_node(inputs));
    all.extend(bounded(PhaseName::Repair, "repair after an unclean end", &inputs.repair));
    all.push(of_manager(inputs));
    all
}

fn notice(inputs: &TimingInputs) -> TimedPhase {
    let make = |worst, usual, origin| TimedPhase {
        phase: PhaseName::Notice,
        name: "notice a failure",
        worst,
        usual,
        origin,
        measured: None,
    };
    let Some(interval) = &inputs.interval else {
        let watched = matches!(inputs.manager, Manager::Serviceguard);
        return match watched {
            true => {
                let patience = Duration::from_secs(20);
                let origin =
                    "the service ends with the site; 20 s if the supervisor hangs".to_owned();
                make(WorstTime::Bounded(patience), Some(Duration::ZERO), origin)
            }
            false => {
                let origin = "there is no recurring monitor, so that nobody notices it".to_owned();
                make(WorstTime::Never, None, origin)
            }
        };
    };
    let half = Some(interval.value / 2);
    if let Runner::Script(_) = inputs.runner {
        let command =
            Setting { value: STOP_COMMAND, origin: "`cjcpw -stop` in the check".to_owned() };
        let check = limited(command, inputs.monitor_limit.as_ref());
        let worst = WorstTime::Bounded(interval.value.saturating_add(check.value));
        return make(worst, None, format!("{}, then {}", told(interval), told(&check)));
    }
    let unanswered_fails = matches!(inputs.manager, Manager::Pacemaker | Manager::Hand);
    let (check, why) = match &inputs.monitor_limit {
        Some(limit) if unanswered_fails => {
            (limit.value, format!("{}, if the supervisor hangs", told(limit)))
        }
        _ => (A_LOOK, "a check; one without an answer is no failure".to_owned()),
    };
    let worst = WorstTime::Bounded(interval.value.saturating_add(check));
    let origin = format!("{}, then {why}", told(interval));
    match inputs.held {
        true => {
            let origin = format!("{origin}; usually a monitor is held, and answers at once");
            make(worst, Some(Duration::ZERO), origin)
        }
        false => make(worst, half, format!("{origin}; usually half of the interval")),
    }
}

/// The graceful stop: until the processes have had their periods, or stop_timeout is over.
fn graceful(inputs: &TimingInputs) -> Setting<Duration> {
    match inputs.chain.as_ref().filter(|chain| chain.value < inputs.stop.value) {
        Some(chain) => chain.clone(),
        None => inputs.stop.clone(),
    }
}

/// A stop by siteward within the manager's limit.
fn stop_by_siteward(inputs: &TimingInputs) -> Setting<Duration> {
    let graceful = graceful(inputs);
    let begun = Moment::since_boot(Duration::ZERO);
    let deadline = Deadline { begun, given: inputs.stop_limit.as_ref().map(|limit| limit.value) };
    let times = deadline.for_stop(graceful.value, inputs.forcekill);
    let value = (begun.until(times.kill_at) + PROOF).min(begun.until(times.until));
    let whole = graceful.value.saturating_add(inputs.forcekill);
    let cut = inputs.stop_limit.as_ref().filter(|_| begun.until(times.kill_at) < whole);
    let origin = match cut {
        Some(limit) => format!("{}, which cuts {} short", told(limit), told(&graceful)),
        None => format!(
            "{}, then {} to SIGKILL and the proof",
            told(&graceful),
            say(inputs.forcekill + PROOF)
        ),
    };
    Setting { value, origin }
}

/// The manual's stop and clean, which are the same.
fn stop_by_script(inputs: &TimingInputs) -> Setting<Duration> {
    let value = STOP_COMMAND.saturating_add(inputs.stop.value);
    let origin = format!("`cjcpw -stop` {}, then {}", say(STOP_COMMAND), told(&inputs.stop));
    limited(Setting { value, origin }, inputs.stop_limit.as_ref())
}

fn stop_after_failure(inputs: &TimingInputs) -> TimedPhase {
    let stopped = match (&inputs.runner, inputs.manager) {
        (Runner::Script(_), _) => stop_by_script(inputs),
        // It calls `clean`, which is not graceful.
        (Runner::Siteward | Runner::Wrapped, Manager::Clusterware) => Setting {
            value: PROOF + Duration::from_secs(1),
            origin: "`clean`: SIGKILL, sweep and proof".to_owned(),
        },
        (Runner::Siteward | Runner::Wrapped, _) => stop_by_siteward(inputs),
    };
    let (value, origin) =
        match inputs.evidence.as_ref().filter(|_| inputs.manager != Manager::Clusterware) {
            Some(evidence) => (
                stopped.value.saturating_add(evidence.value),
                format!("{}, then {}", told(evidence), stopped.origin),
            ),
            None => (stopped.value, stopped.origin),
        };
    let measured = MeasuredSummary::of(&inputs.measured.stops_after_failure);
    let ordered = || MeasuredSummary::of(&inputs.measured.stops);
    let usual = match inputs.manager {
        Manager::Clusterware => None,
        _ => measured.or_else(ordered).map(|summary| summary.median),
    };
    TimedPhase {
        phase: PhaseName::StopAfterFailure,
        name: "stop what is left of it",
        worst: WorstTime::Bounded(value),
        usual,
        origin,
        measured,
    }
}

fn ordered_stop(inputs: &TimingInputs) -> TimedPhase {
    let stopped = match inputs.runner {
        Runner::Script(_) => stop_by_script(inputs),
        Runner::Siteward | Runner::Wrapped => stop_by_siteward(inputs),
    };
    let measured = MeasuredSummary::of(&inputs.measured.stops);
    let after_failure = || MeasuredSummary::of(&inputs.measured.stops_after_failure);
    TimedPhase {
        phase: PhaseName::Stop,
        name: "stop by order",
        worst: WorstTime::Bounded(stopped.value),
        usual: measured.or_else(after_failure).map(|summary| summary.median),
        origin: stopped.origin,
        measured,
    }
}

/// How long a start may take until the site is up, within the manager's limit.
fn boot(inputs: &TimingInputs) -> Setting<Duration> {
    let limit = inputs.start_limit.as_ref();
    if let Runner::Script(_) = inputs.runner {
        return limited(inputs.boot.clone(), limit);
    }
    let kill = inputs.forcekill + PROOF;
    match limit {
        Some(limit) => {
            let most = limit.value.saturating_sub(reserve_of_start(limit.value, kill));
            let usable =
                Setting { value: most, origin: format!("{} without its reserve of", told(limit)) };
            let boot = inputs.boot.clone();
            if most < boot.value {
                let origin = format!(
                    "{}, less the time to undo it, cuts {} short",
                    told(limit),
                    boot.origin
                );
                return Setting { value: usable.value, origin };
            }
            boot
        }
        None => inputs.boot.clone(),
    }
}

fn start(inputs: &TimingInputs) -> TimedPhase {
    let boot = boot(inputs);
    let measured = MeasuredSummary::of(&inputs.measured.starts);
    TimedPhase {
        phase: PhaseName::Start,
        name: "start",
        worst: WorstTime::Bounded(boot.value),
        usual: measured.map(|summary| summary.median),
        origin: boot.origin,
        measured,
    }
}

fn failed_start(inputs: &TimingInputs) -> TimedPhase {
    let boot = boot(inputs);
    let kill = inputs.forcekill + PROOF;
    let graceful = graceful(inputs).value;
    let (value, origin) = match (&inputs.runner, &inputs.start_limit) {
        (Runner::Script(_), _) => (boot.value, boot.origin),
        (Runner::Siteward | Runner::Wrapped, Some(limit)) => {
            // As `agent::Deadline` divides the time of a start.
            let report = (limit.value / 10).min(Duration::from_secs(1));
            let reserve = reserve_of_start(limit.value, kill);
            let polite = reserve.saturating_sub(kill + report).min(graceful);
            let value = (boot.value + polite + kill).min(limit.value.saturating_sub(report));
            (
                value,
                format!(
                    "{}, then {} to undo it",
                    boot.origin,
                    say(value.saturating_sub(boot.value))
                ),
            )
        }
        (Runner::Siteward | Runner::Wrapped, None) => {
            let undo = graceful.saturating_add(kill);
            (
                boot.value.saturating_add(undo),
                format!("{}, then {} to undo it", boot.origin, say(undo)),
            )
        }
    };
    TimedPhase {
        phase: PhaseName::FailedStart,
        name: "start that fails",
        worst: WorstTime::Bounded(value),
        usual: None,
        origin,
        measured: None,
    }
}

fn clear_failed_start(inputs: &TimingInputs) -> TimedPhase {
    let cleared = match inputs.runner {
        Runner::Script(_) => stop_by_script(inputs),
        Runner::Siteward | Runner::Wrapped => {
            Setting { value: A_LOOK, origin: "nothing is left, and that is proved".to_owned() }
        }
    };
    TimedPhase {
        phase: PhaseName::ClearFailedStart,
        name: "clear up after it",
        worst: WorstTime::Bounded(cleared.value),
        usual: None,
        origin: cleared.origin,
        measured: None,
    }
}

fn lost_node(inputs: &TimingInputs) -> Option<TimedPhase> {
    let silence = inputs.silence.as_ref();
    let parts: Vec<&Setting<Duration>> = silence.into_iter().chain(&inputs.fencing).collect();
    if parts.is_empty() {
        return None;
    }
    let total = parts.iter().fold(Duration::ZERO, |sum, part| sum.saturating_add(part.value));
    let told: Vec<String> = parts.iter().map(|part| told(part)).collect();
    Some(TimedPhase {
        phase: PhaseName::LoseNode,
        name: "be sure that a node is off",
        worst: WorstTime::Bounded(total),
        usual: None,
        origin: told.join(", then "),
        measured: None,
    })
}

fn of_manager(inputs: &TimingInputs) -> TimedPhase {
    let moved = inputs.neighbours.as_ref().map(|setting| setting.origin.as_str());
    let (usual, steps) = match inputs.manager {
        Manager::Pacemaker | Manager::Hand => {
            (moved.is_none().then_some(TRANSITION), "its own steps take a fifth of a second")
        }
        Manager::Clusterware | Manager::Serviceguard | Manager::Expresscluster => {
            (None, "its own steps")
        }
    };
    let origin = match moved {
        Some(moved) => format!("it moves {moved} when the node changes; {steps}"),
        None => steps.to_owned(),
    };
    TimedPhase {
        phase: PhaseName::Manager,
        name: "the manager's own part",
        worst: WorstTime::NotCounted,
        usual,
        origin,
        measured: None,
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
