//! Reads everything that is told of a site once, into one value.
//!
//! Must never: determine the state of a site other than through `observe`; touch its disk in this process.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::failure::last_failure;
use super::report::{
    DefinitionStatus, LeaseStatus, MaintenanceStatus, PhaseStatus, ProcessStatus, SCHEMA,
    SiteStatusReport, SupervisorStatus, UsageStatus, WaitStatus, WorkStatus,
};
use super::surroundings;
use super::usage::{Meter, MeteredProcess, NodeTree};
use crate::agent::Target;
use crate::backend::own::{self, Asked};
use crate::control::{
    Details, Failure, Pending, ProcessDetails, ProcessView, Reply, Request, State, View,
};
use crate::history::{By, History, HistoryEvent};
use crate::journal;
use crate::linux::clock::WallTime;
use crate::linux::{StartTicks, files, node};
use crate::manager;
use crate::observe::{Drift, Observation, drift};
use crate::operator::takeover::last_takeover;
use crate::process::Ending;
use crate::site::{Definition, SiteName, load_file_first, load_snapshot_first};
use crate::values::{Moment, Pid};

/// How long an answer is used again that needs a helper process or reads a whole file.
const FRESH: Duration = Duration::from_secs(5);

/// How much of the end of a log is read for its last line, in bytes.
const LAST_PART: u64 = 4 << 10;

/// Gathers, and remembers what need not be read again at once.
#[derive(Default)]
pub struct Gatherer {
    meters: HashMap<SiteName, Meter>,
    node: NodeTree,
    leases: HashMap<SiteName, (Moment, Option<LeaseStatus>)>,
    works: HashMap<SiteName, (Moment, Option<WorkStatus>)>,
    histories: HashMap<SiteName, (Option<(u64, SystemTime)>, History)>,
}

/// What the supervisor answers to a person.
enum Answered {
    Details(Box<Details>),
    /// Only the view; and why no more.
    View(Option<&'static str>),
}

impl Gatherer {
    /// The sites are looked at once more: nothing that was seen of the node for the last ones counts.
    pub(super) fn begin(&mut self) {
        self.node = NodeTree::default();
    }

    /// The status of a site that was just observed. The supervisor and the disk must answer by `until`.
    pub fn look(&mut self, target: &Target, seen: &Observation, until: Moment) -> SiteStatusReport {
        let told = ask(target, seen, until);
        let (view, details) = match &told {
            Answered::Details(details) => (Some(&details.view), Some(&**details)),
            Answered::View(_) => (seen.view.as_ref(), None),
        };
        let state = view.map_or(seen.state, |view| view.state);
        let at = to_the_millisecond(Timestamp::now());
        let definition = definition(target, view.is_some());
        let is_up = !matches!(state, State::Stopped | State::Failed);
        let (compared, note) = compared(target, is_up);
        let note_on_supervisor = match told {
            Answered::View(note) => note,
            Answered::Details(_) => None,
        };
        let history = self.history(target, until);
        let current = view.map_or_else(|| seen.failure(), |view| view.failure.as_ref());
        let by = details
            .and_then(|details| details.by.clone())
            .or_else(|| ordered_by(history, state))
            .or_else(|| recorded_by(seen, state));
        let last_failure = last_failure(history, current, &node::name(), at);
        let takeover = last_takeover(history, at);
        let since = since(details, seen, view, state, at);
        let processes = self.processes(target, view, details, state, at);
        SiteStatusReport {
            schema: SCHEMA,
            site: target.name.to_string(),
            host: definition.as_ref().map(|definition| definition.site.clone()),
            node: node::name(),
            at,
            state: state.word(),
            stopping_after: match state {
                State::StoppingOrdered => Some("order"),
                State::StoppingFailed => Some("failure"),
                _ => None,
            },
            exit_code: manager::code_by_hand(state),
            why: why(seen, view, state),
            since,
            state_seconds: since.map(|since| seconds_from(since, at)),
            by,
            supervisor: view.map(|view| SupervisorStatus {
                pid: view.supervisor.number(),
                kind: if seen.wrapped.is_some() { "its own" } else { "siteward" },
                since: timestamp(view.since).unwrap_or(at),
                note: note_on_supervisor.map(str::to_owned),
            }),
            phase: details.and_then(|details| details.phase.as_ref()).map(|phase| PhaseStatus {
                what: phase.what.clone(),
                left_seconds: phase.left.map(|left| left.as_secs_f64()),
            }),
            processes,
            disk: definition.as_ref().and_then(surroundings::disk),
            lease: definition.as_ref().and_then(|of| self.lease(target, of, until)),
            address: definition.as_ref().and_then(surroundings::address),
            lost: view.map(|view| view.lost.clone()).unwrap_or_default(),
            maintenance: view.and_then(|view| view.paused.as_ref()).map(|pause| {
                MaintenanceStatus {
                    reason: pause.words.clone(),
                    until: pause.until.and_then(timestamp),
                    overdue: pause.is_over(),
                }
            }),
            definition: DefinitionStatus { file: target.site.definition.clone(), compared, note },
            work: definition.as_ref().and_then(|of| self.work(target, of, until)),
            takeover,
            last_failure,
            advice: advice(target, seen, state),
            exact_state: state,
        }
    }

    fn lease(
        &mut self,
        target: &Target,
        definition: &Definition,
        until: Moment,
    ) -> Option<LeaseStatus> {
        let now = Moment::now();
        if let Some((at, lease)) = self.leases.get(&target.name)
            && now.since(*at) < FRESH
        {
            return lease.clone();
        }
        let lease = surroundings::lease(target, definition, until);
        self.leases.insert(target.name.clone(), (Moment::now(), lease.clone()));
        lease
    }

    fn work(
        &mut self,
        target: &Target,
        definition: &Definition,
        until: Moment,
    ) -> Option<WorkStatus> {
        if let Some((at, work)) = self.works.get(&target.name)
            && Moment::now().since(*at) < FRESH
        {
            return work.clone();
        }
        let work = surroundings::work(definition, until);
        self.works.insert(target.name.clone(), (Moment::now(), work.clone()));
        work
    }

    /// The history on all nodes, which is read again only if this node's file has changed.
    fn history(&mut self, target: &Target, until: Moment) -> &History {
        let path = target.site.history();
        let stamp = std::fs::metadata(&path)
            .ok()
            .and_then(|about| Some((about.len(), about.modified().ok()?)));
        let known = self.histories.entry(target.name.clone()).or_default();
        if known.0 != stamp || stamp.is_none() {
            *known = (stamp, journal::read_all(&target.site, until).history);
        }
        &known.1
    }

    fn processes(
        &mut self,
        target: &Target,
        view: Option<&View>,
        details: Option<&Details>,
        state: State,
        at: Timestamp,
    ) -> Vec<ProcessStatus> {
        let Some(view) = view else { return Vec::new() };
        let group = details.and_then(|details| details.group.as_deref());
        let metered: Vec<MeteredProcess> = view
            .processes
            .iter()
            .filter_map(|process| {
                Some(MeteredProcess {
                    name: process.name.clone(),
                    main: process.pid?,
                    start: process.start?,
                    group: group.map(|group| group.join(&process.name)),
                    was_restarted: process.restarts > 0,
                })
            })
            .collect();
        let mut usage = match metered.is_empty() {
            true => HashMap::new(),
            false => {
                let meter = self.meters.entry(target.name.clone()).or_default();
                meter.measure(&metered, &self.node)
            }
        };
        let lines_are_wanted = !matches!(state, State::Maintenance | State::StoppingOrdered);
        let detail_of = |name: &str| details?.processes.iter().find(|known| known.name == name);
        view.processes
            .iter()
            .map(|process| {
                let more = detail_of(&process.name);
                let usage = usage.remove(&process.name);
                let log = target.site.process_log(&process.name);
                let wanted = lines_are_wanted && wants_last_line(process, more);
                let last_line = wanted.then(|| last_line(&log)).flatten();
                process_status(process, more, usage, last_line, at)
            })
            .collect()
    }
}

/// Asks the supervisor for all that it knows. One that is not siteward's is not asked.
fn ask(target: &Target, seen: &Observation, until: Moment) -> Answered {
    if seen.view.is_none() || seen.wrapped.is_some() {
        return Answered::View(None);
    }
    match own::ask(&target.site, &Request::Details, until) {
        Asked::Answered(Reply::Details(details)) => Answered::Details(details),
        Asked::Answered(Reply::Refused { .. }) => {
            Answered::View(Some("the supervisor is of an earlier version, which tells less"))
        }
        Asked::Answered(_) | Asked::Silent => {
            Answered::View(Some("the supervisor did not tell all in time"))
        }
        Asked::Nobody | Asked::Denied(_) => Answered::View(None),
    }
}

/// What the site runs, or would run.
fn definition(target: &Target, runs: bool) -> Option<Definition> {
    let definition = match runs {
        true => load_snapshot_first(&target.site, &target.name),
        false => load_file_first(&target.places, &target.name),
    };
    definition.ok()
}

fn compared(target: &Target, is_up: bool) -> (&'static str, Option<String>) {
    let drift = drift(&target.places, &target.name);
    match is_up {
        true => (drift.word(), drift.while_up(&target.site.definition)),
        false => match &drift {
            // Nothing runs that it could differ from.
            Drift::Changed => (Drift::Same.word(), None),
            Drift::Same | Drift::Broken(_) | Drift::Removed => (drift.word(), drift.while_down()),
        },
    }
}

/// The reason of the state, unless the processes tell it.
fn why(seen: &Observation, view: Option<&View>, state: State) -> Option<String> {
    let Some(view) = view else { return seen.why.clone() };
    match (&view.failure, &view.paused) {
        (Some(failure), _) => Some(failure.reason.clone()),
        (None, Some(pause)) if state == State::Maintenance => Some(pause.to_string()),
        (None, _) if seen.wrapped.is_some() => seen.why.clone(),
        (None, _) => None,
    }
}

fn advice(target: &Target, seen: &Observation, state: State) -> Option<String> {
    let name = &target.name;
    let is_ours = seen.wrapped.is_none() && seen.record.is_some();
    (state == State::Unsupervised && is_ours)
        .then(|| format!("take it over: siteward adopt {name}; or end it: siteward stop {name}"))
}

fn since(
    details: Option<&Details>,
    seen: &Observation,
    view: Option<&View>,
    state: State,
    at: Timestamp,
) -> Option<Timestamp> {
    if let Some(details) = details {
        return ago(at, details.state_for);
    }
    let ending = seen.record.as_ref().and_then(|record| record.ending.as_ref());
    match (state, ending) {
        (State::Stopped, Some(Ending::Stopped { at, .. })) => timestamp(*at),
        (State::Failed | State::FailedWithSurvivors, Some(Ending::Failed(Failure { at, .. }))) => {
            timestamp(*at)
        }
        _ => view.and_then(|view| timestamp(view.since)),
    }
}

/// By whose order the site is in its state, by the last order of that kind in the history.
fn ordered_by(history: &History, state: State) -> Option<String> {
    use HistoryEvent as E;
    let is_order = |event: HistoryEvent| match state {
        State::Running | State::Starting | State::Degraded => {
            matches!(event, E::StartOrdered | E::Resuming | E::Adopted)
        }
        State::Maintenance => matches!(event, E::Pausing | E::Paused),
        State::StoppingOrdered => event == E::Stopping,
        State::Stopped => matches!(event, E::Stopping | E::Stopped),
        State::StoppingFailed
        | State::Failed
        | State::FailedWithSurvivors
        | State::Unsupervised
        | State::Unknown => false,
    };
    let last = history.entries.iter().rev().find(|entry| is_order(entry.event))?;
    last.by.as_ref().map(in_words)
}

fn in_words(by: &By) -> String {
    let more: Vec<&str> = by.resource.iter().chain(&by.login).map(String::as_str).collect();
    match more.is_empty() {
        true => by.caller.clone(),
        false => format!("{} ({})", by.caller, more.join(", ")),
    }
}

/// By whose order, by the record.
fn recorded_by(seen: &Observation, state: State) -> Option<String> {
    let record = seen.record.as_ref()?;
    match (state, &record.ending) {
        (State::Stopped, Some(Ending::Stopped { by, .. })) => Some(by.clone()),
        (State::Running | State::Starting | State::Degraded, None) => {
            record.known_as.as_ref().map(|resource| format!("the resource {resource}"))
        }
        _ => None,
    }
}

fn process_status(
    process: &ProcessView,
    more: Option<&ProcessDetails>,
    usage: Option<UsageStatus>,
    last_line: Option<String>,
    at: Timestamp,
) -> ProcessStatus {
    let uptime = process.pid.and(process.start).map(StartTicks::age);
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    ProcessStatus {
        name: process.name.clone(),
        doing: process.doing.clone(),
        up: process.up,
        essential: process.essential,
        pid: process.pid.map(Pid::number),
        started: uptime.and_then(|uptime| ago(at, uptime)),
        uptime_seconds: seconds(uptime),
        ready_seconds: seconds(more.and_then(|more| more.ready_for)),
        restarts: process.restarts,
        next_start_seconds: seconds(more.and_then(|more| more.next_start_in)),
        usage,
        health: more.and_then(|more| more.health.clone()),
        waits: more.and_then(|more| more.waits.as_ref()).map(wait_status),
        detail: process.detail.clone(),
        last_line,
    }
}

fn wait_status(pending: &Pending) -> WaitStatus {
    WaitStatus {
        what: pending.what.clone(),
        left_seconds: pending.left.map(|left| left.as_secs_f64()),
        then: pending.then.clone(),
    }
}

/// It has begun once, and is not well. One that waits for another one has printed nothing.
fn wants_last_line(process: &ProcessView, more: Option<&ProcessDetails>) -> bool {
    let is_sick = process.up
        && more.and_then(|more| more.health.as_ref()).is_some_and(|h| h.starts_with("failed"));
    let has_begun = process.pid.is_some() || process.detail.is_some();
    is_sick || (!process.up && has_begun)
}

/// The last line of a log that holds something, without control characters.
fn last_line(log: &Path) -> Option<String> {
    let bytes = files::tail(log, LAST_PART).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(300).collect())
}

fn timestamp(wall: WallTime) -> Option<Timestamp> {
    wall.to_string().parse().ok()
}

/// So long before.
fn ago(at: Timestamp, time: Duration) -> Option<Timestamp> {
    let time = SignedDuration::try_from(time).ok()?;
    at.checked_sub(time).ok().map(to_the_millisecond)
}

fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn seconds_from(since: Timestamp, at: Timestamp) -> f64 {
    at.duration_since(since).as_secs_f64().max(0.0)
}
