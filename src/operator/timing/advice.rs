//! Which number to change first, so that the worst failover becomes shorter.

use std::time::Duration;

use serde::Serialize;

use super::super::settings::{RestartsHere, Setting};
use super::inputs::{Runner, TimingInputs};
use super::measured::MeasuredSummary;
use super::phases::{TimingModel, failed_starts_here};
use crate::manager::Manager;
use crate::site::duration::{say, show};

/// How long a client of the documents waits before it gives up (source document 004, REC-14).
pub(super) const CLIENT_WAITS: Duration = Duration::from_secs(300);

/// Fewer measured starts or stops than these say nothing about the next one.
const ENOUGH: usize = 3;

/// A saving below this is none.
const LEAST: Duration = Duration::from_secs(1);

/// A change of one number.
#[derive(Clone, Debug, Serialize)]
pub struct TimingChange {
    /// The number: `RESTART_ATTEMPTS`.
    pub number: String,
    pub from: String,
    pub to: String,
    /// The worst failover after it, and after those before it in the list.
    #[serde(rename = "worst_after_ms", serialize_with = "super::millis")]
    pub worst_after: Duration,
    #[serde(rename = "saves_ms", serialize_with = "super::millis")]
    pub saves: Duration,
    /// A sentence without its full stop.
    pub why: String,
    /// How it is changed.
    pub how: String,
}

/// Changes in the order in which they save most, until the worst failover is within the time that a client
/// waits, or nothing is left to save.
pub(super) fn changes(inputs: &TimingInputs, resource: &str) -> Vec<TimingChange> {
    let mut inputs = inputs.clone();
    let mut list: Vec<TimingChange> = Vec::new();
    while let Some(now) = TimingModel::of(&inputs).worst_failover() {
        if now <= CLIENT_WAITS && !list.is_empty() {
            break;
        }
        let best = |candidates: Vec<Candidate>| {
            let rated = candidates.into_iter().filter_map(|(next, change)| {
                let after = TimingModel::of(&next).worst_failover()?;
                let saves = now.saturating_sub(after);
                let change = TimingChange { worst_after: after, saves, ..change };
                (saves >= LEAST).then_some((next, change))
            });
            rated.max_by_key(|(_, change)| change.saves)
        };
        // The loops of a script are cut last: nobody has measured how long they must be.
        let cut = || best(fewer_questions(&inputs).into_iter().collect());
        let Some((next, change)) = best(candidates(&inputs, resource)).or_else(cut) else { break };
        list.push(change);
        inputs = next;
    }
    list
}

fn change(number: &str, (from, to): (String, String), why: String, how: String) -> TimingChange {
    let zero = Duration::ZERO;
    TimingChange { number: number.to_owned(), from, to, worst_after: zero, saves: zero, why, how }
}

/// The inputs after a change, and the change.
type Candidate = (TimingInputs, TimingChange);

fn candidates(inputs: &TimingInputs, resource: &str) -> Vec<Candidate> {
    let all = [
        fewer_restarts(inputs, resource),
        shorter_boot(inputs),
        shorter_stop(inputs),
        shorter_interval(inputs, resource),
        shorter_monitor(inputs, resource),
    ];
    all.into_iter().flatten().collect()
}

fn fewer_restarts(inputs: &TimingInputs, resource: &str) -> Option<Candidate> {
    let times = failed_starts_here(inputs).filter(|times| *times > 0)?;
    let mut next = inputs.clone();
    next.restarts_here.value = RestartsHere::Times(0);
    let model = TimingModel::of(inputs);
    let cost = model.worst_failover()?.saturating_sub(TimingModel::of(&next).worst_failover()?);
    let why = format!(
        "a restart that fails here costs {} before another node may start the site; without it, a first \
         failure moves the site",
        say(cost)
    );
    let (number, values, how) = match inputs.manager {
        Manager::Clusterware => (
            "RESTART_ATTEMPTS",
            (times.to_string(), "0".to_owned()),
            format!("crsctl modify resource {resource} -attr \"RESTART_ATTEMPTS=0\""),
        ),
        Manager::Serviceguard => (
            "service_restart",
            (times.to_string(), "none".to_owned()),
            "set service_restart none in the package's file, then: cmapplyconf -P FILE".to_owned(),
        ),
        Manager::Pacemaker | Manager::Hand | Manager::Expresscluster => {
            let from = match inputs.restarts_here.value {
                RestartsHere::Times(times) => (times + 1).to_string(),
                RestartsHere::Unlimited => "never".to_owned(),
            };
            let how = format!("crm_resource --meta -r {resource} -p migration-threshold -v 1");
            ("migration-threshold", (from, "1".to_owned()), how)
        }
    };
    Some((next, change(number, values, why, how)))
}

/// Three times the slowest, in whole tens of seconds.
fn enough_for(slowest: Duration) -> Duration {
    let seconds = (slowest * 3).as_secs() + 1;
    Duration::from_secs(seconds.div_ceil(10) * 10)
}

/// "boot_timeout is 31 times the slowest of 20 starts". None: too few were measured.
pub(super) fn compared(
    setting: &Setting<Duration>,
    key: &str,
    times: &[Duration],
    kind: &str,
) -> Option<(String, MeasuredSummary)> {
    let summary = MeasuredSummary::of(times).filter(|s| s.count >= ENOUGH)?;
    let ratio = setting.value.as_millis() / summary.slowest.as_millis().max(1);
    let sentence = match ratio {
        0 | 1 => format!(
            "{key} ({}) is hardly longer than the slowest of {} {kind} ({})",
            say(setting.value),
            summary.count,
            say(summary.slowest)
        ),
        _ => format!(
            "{key} ({}) is {ratio} times the slowest of {} {kind} ({})",
            say(setting.value),
            summary.count,
            say(summary.slowest)
        ),
    };
    Some((sentence, summary))
}

fn shorter_boot(inputs: &TimingInputs) -> Option<Candidate> {
    let (why, summary) = compared(&inputs.boot, "boot_timeout", &inputs.measured.starts, "starts")?;
    let to = enough_for(summary.slowest);
    let mut next = inputs.clone();
    next.boot.value = to;
    let values = (say(inputs.boot.value), say(to));
    let how = format!("in the definition: boot_timeout: {}", show(to));
    (to < inputs.boot.value).then(|| (next, change("boot_timeout", values, why, how)))
}

/// All stops of a site.
pub(super) fn all_stops(inputs: &TimingInputs) -> Vec<Duration> {
    [&inputs.measured.stops[..], &inputs.measured.stops_after_failure].concat()
}

fn shorter_stop(inputs: &TimingInputs) -> Option<Candidate> {
    let (why, summary) = compared(&inputs.stop, "stop_timeout", &all_stops(inputs), "stops")?;
    let to = enough_for(summary.slowest);
    let mut next = inputs.clone();
    next.stop.value = to;
    let values = (say(inputs.stop.value), say(to));
    let how = format!("in the definition: stop_timeout: {}", show(to));
    (to < inputs.stop.value).then(|| (next, change("stop_timeout", values, why, how)))
}

fn shorter_interval(inputs: &TimingInputs, resource: &str) -> Option<Candidate> {
    let interval = inputs.interval.as_ref()?;
    let advised = Duration::from_secs(match inputs.runner {
        Runner::Siteward if inputs.manager == Manager::Pacemaker => 1,
        _ => 10,
    });
    let mut next = inputs.clone();
    next.interval = Some(Setting { value: advised, ..interval.clone() });
    let seconds = advised.as_secs();
    let (number, how) = match inputs.manager {
        Manager::Clusterware => (
            "CHECK_INTERVAL",
            format!("crsctl modify resource {resource} -attr \"CHECK_INTERVAL={seconds}\""),
        ),
        _ => (
            "monitor interval",
            format!("pcs resource update {resource} op monitor interval={seconds}s"),
        ),
    };
    let why =
        "until the next monitor, the manager does not know that the site has failed".to_owned();
    let values = (say(interval.value), say(advised));
    (advised < interval.value).then(|| (next, change(number, values, why, how)))
}

fn shorter_monitor(inputs: &TimingInputs, resource: &str) -> Option<Candidate> {
    let limit = inputs.monitor_limit.as_ref().filter(|_| inputs.manager == Manager::Pacemaker)?;
    let advised = Duration::from_secs(40);
    let mut next = inputs.clone();
    next.monitor_limit = Some(Setting { value: advised, ..limit.clone() });
    let why = "a supervisor that hangs is noticed when the monitor's timeout is over".to_owned();
    let how = format!("pcs resource update {resource} op monitor timeout=40s");
    let values = (say(limit.value), say(advised));
    (advised < limit.value).then(|| (next, change("monitor timeout", values, why, how)))
}

/// The loops of the manual's script.
fn fewer_questions(inputs: &TimingInputs) -> Option<Candidate> {
    let Runner::Script(numbers) = &inputs.runner else { return None };
    let least = Duration::from_secs(60);
    let seconds = numbers.sleep.as_secs().max(1);
    let count = u32::try_from(least.as_secs().div_ceil(seconds)).ok()?;
    let mut next = inputs.clone();
    let mut fewer = numbers.clone();
    fewer.count = count;
    (next.boot, next.stop) = (fewer.time(), fewer.time());
    let values = (numbers.count.to_string(), count.to_string());
    next.runner = Runner::Script(fewer);
    let why = format!(
        "each loop of the script takes up to {}; change it only if every start is over within {}",
        say(inputs.boot.value),
        say(next.boot.value)
    );
    let how = format!("in {}: countmax={count}", numbers.file);
    (count < numbers.count).then(|| (next, change("countmax", values, why, how)))
}
