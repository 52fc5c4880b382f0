//! Observes a site with a wrapped supervisor. Two facts are independent of each other (source document
//! 003, LS-05): whether the supervisor lives, and whether its daemon is up.

use std::time::Duration;

use super::evidence::{Denied, ObserveError, read_record};
use super::observation::{Observation, Wrapping, or_unknown, unknown};
use super::wrapped_state::{GRACE, Judged, RestVerdict, WrappedLook, ended_untold, judge, program};
use crate::backend::external::{Daemon, External, ListedService, Look};
use crate::backend::jobcenter;
use crate::control::{Failure, Pause, ProcessView, State, View};
use crate::linux::clock::WallTime;
use crate::linux::wait::Waiting;
use crate::process::{Identity, Members, Phase, Record, find_members, wait_for_an_end};
use crate::site::{Definition, OnLoss, Prerequisite, SitePlaces, Wrapped};
use crate::surroundings::{CONFIRMED_AFTER, Loss, look_for_losses};
use crate::values::Moment;

/// How many of its last lines are told with a failure.
const LINES: usize = 5;

/// Between the first two looks.
const FIRST_PACE: Duration = Duration::from_millis(50);

/// Looks until the state is known, but not longer than until `patience`.
pub(super) fn observe(
    places: &SitePlaces,
    external: &External,
    patience: Moment,
) -> Result<Observation, Denied> {
    let mut pace = FIRST_PACE;
    loop {
        let seen = look_once(places, external, patience);
        let seen = or_unknown(places, seen)?;
        if seen.state != State::Unknown || patience.passed() {
            return Ok(seen);
        }
        let next;
        (next, pace) = next_look(Moment::now(), pace, external.definition.countsleep, patience);
        Waiting::<()>::new().wait(Some(next));
    }
}

/// When to look again, and the pace after that.
fn next_look(
    now: Moment,
    pace: Duration,
    slowest: Duration,
    patience: Moment,
) -> (Moment, Duration) {
    ((now + pace).min(patience), (pace * 2).min(slowest))
}

/// Looks once. The list command must answer by `deadline`.
fn look_once(
    places: &SitePlaces,
    external: &External,
    deadline: Moment,
) -> Result<Observation, ObserveError> {
    let look = match external.look(deadline) {
        Ok(look) => look,
        Err(why) => return Ok(unknown(places, why)),
    };
    let definition = &external.definition;
    let (mut seen, mut verdict) = judge_at(places, external, look)?;
    if let RestVerdict::Unexplained(why) = verdict {
        let Ok(look) = look_after_grace(external, &seen.look, deadline) else {
            return Ok(unknown(places, why));
        };
        (seen, verdict) = judge_at(places, external, look)?;
    }
    let judged = match verdict {
        RestVerdict::Judged(judged) => judged,
        RestVerdict::Unexplained(why) => (State::Maintenance, Some(why)),
    };
    let WrappedLook { look, record, members } = seen;
    let losses = match judged.0 {
        State::Running => find_losses(definition, record.as_ref(), deadline),
        _ => Vec::new(),
    };
    let judged = without(definition, judged, &losses);
    let mut seen = observation(external, look, record, members, judged);
    if let Some(view) = &mut seen.view {
        view.lost = losses.into_iter().map(|(_, sentence)| sentence).collect();
    }
    Ok(seen)
}

fn judge_at(
    places: &SitePlaces,
    external: &External,
    look: Look,
) -> Result<(WrappedLook, RestVerdict), ObserveError> {
    let record = read_record(places)?;
    let members =
        find_members(places, record.as_ref()).map_err(|error| ObserveError::of_proc(&error))?;
    let seen = WrappedLook { look, record, members };
    let verdict = judge(places, external, &seen)?;
    Ok((seen, verdict))
}

/// Looks again after the time in which a supervisor ends whose site has failed (SUP-04).
fn look_after_grace(external: &External, look: &Look, deadline: Moment) -> Result<Look, String> {
    wait_for_an_end(&look.supervisors, None, end_of_grace(Moment::now(), deadline));
    external.look(deadline)
}

/// The look after it has as much time as the wait.
fn end_of_grace(now: Moment, deadline: Moment) -> Moment {
    now + GRACE.min(now.until(deadline) / 2)
}

/// What the running site has lost of what it needs, a sentence for each. No supervisor of siteward watches it.
fn find_losses(
    definition: &Definition,
    record: Option<&Record>,
    deadline: Moment,
) -> Vec<(Prerequisite, String)> {
    let disk = record.and_then(|record| record.disk.as_ref());
    confirmed_losses(|patience| look_for_losses(definition, disk, patience), deadline)
}

/// What a second look finds too. `look` is told how long it may take.
fn confirmed_losses(
    look: impl Fn(Duration) -> Vec<(Prerequisite, Loss)>,
    deadline: Moment,
) -> Vec<(Prerequisite, String)> {
    let look = || look(deadline.left() / 2);
    if look().is_empty() {
        return Vec::new();
    }
    Waiting::<()>::new().wait(Some(deadline.min(Moment::now() + CONFIRMED_AFTER)));
    look().into_iter().map(|(which, loss)| (which, loss.sentence("running"))).collect()
}

/// The state of a site that runs without what it has lost.
fn without(definition: &Definition, judged: Judged, losses: &[(Prerequisite, String)]) -> Judged {
    let when_lost = definition.prerequisites.when_lost;
    let is_fatal = |(which, _): &&(Prerequisite, String)| when_lost.of(*which) == OnLoss::Fail;
    let fatal = losses.iter().find(is_fatal).map(|(_, why)| why.clone());
    match (fatal, losses.first()) {
        (Some(why), _) => (State::FailedWithSurvivors, Some(why)),
        (None, Some((_, why))) => (State::Degraded, Some(why.clone())),
        (None, None) => judged,
    }
}

/// The failure that nobody has written down: the supervisor of a site that was up is gone. A start that is in progress
/// finds it too.
fn found_failure(
    external: &External,
    state: State,
    untold: Option<String>,
    record: Option<&Record>,
    why: Option<&str>,
) -> Option<Failure> {
    let record =
        record.filter(|record| record.ending.is_none() && record.phase == Some(Phase::Up))?;
    let reason = match state {
        State::Failed => why?.to_owned(),
        State::Starting => untold?,
        _ => return None,
    };
    let last_lines = external.last_lines(Some(record), LINES);
    Some(Failure { process: None, id: None, reason, at: WallTime::now(), last_lines, signal: None })
}

/// A service of the site as a person sees it.
fn view_of(service: &ListedService, wrapped: &Wrapped) -> ProcessView {
    let ListedService { name, identity, is_up, words, is_idle: _ } = service;
    let is_named = wrapped.services.is_empty() || wrapped.services.contains(name);
    ProcessView {
        name: name.clone(),
        pid: identity.as_ref().map(|of| of.pid),
        start: identity.as_ref().map(|of| of.start),
        doing: if *is_up { "running" } else { "down" }.to_owned(),
        up: *is_up,
        essential: is_named,
        restarts: 0,
        detail: Some(words.clone()),
    }
}

fn observation(
    external: &External,
    look: Look,
    record: Option<Record>,
    members: Members,
    (state, why): Judged,
) -> Observation {
    let (places, definition) = (&external.places, &external.definition);
    let wrapped = &external.wrapped;
    let mut processes = Vec::new();
    let mut add = |name: &str, identity: &Identity, up: bool| {
        processes.push(ProcessView {
            name: name.to_owned(),
            pid: Some(identity.pid),
            start: Some(identity.start),
            doing: if up { "running" } else { "starting" }.to_owned(),
            up,
            essential: jobcenter::is_watched(name),
            restarts: 0,
            detail: None,
        });
    };
    for supervisor in &look.supervisors {
        add(program(wrapped), supervisor, true);
    }
    let daemon = match &look.daemon {
        Daemon::Up(daemon) => daemon.as_ref(),
        Daemon::Shut(_)
        | Daemon::Partly(_)
        | Daemon::Broken(_)
        | Daemon::Absent
        | Daemon::NotAsked
        | Daemon::NotInstalled
        | Daemon::Unknown(_) => None,
    };
    let others = look.workers.iter().filter(|worker| Some(*worker) != daemon);
    let workers: Vec<(&str, &Identity)> = daemon
        .map(|daemon| (jobcenter::name_of(daemon).unwrap_or("daemon"), daemon))
        .into_iter()
        .chain(others.filter_map(|worker| Some((jobcenter::name_of(worker)?, worker))))
        .collect();
    // Of several of a kind each has a number, as an instance has.
    for (at, (name, worker)) in workers.iter().enumerate() {
        let of_kind = |those: &[(&str, &Identity)]| those.iter().filter(|w| w.0 == *name).count();
        match of_kind(&workers) {
            1 => add(name, worker, true),
            _ => add(&format!("{name}@{}", of_kind(&workers[..at]) + 1), worker, true),
        }
    }
    processes.extend(
        look.services.iter().filter(|of| !of.is_idle).map(|service| view_of(service, wrapped)),
    );
    let first =
        look.supervisors.first().or(look.workers.first().filter(|_| wrapped.unit().is_some()));
    // Nobody watches it: its end, if it was up.
    let untold = look.supervisors.is_empty().then(|| ended_untold(wrapped, &look));
    let supervisor = first.map(|s| s.pid);
    let view = supervisor.map(|supervisor| View {
        state,
        desired: match record.as_ref().and_then(|r| r.phase) {
            Some(Phase::Stopping) => "down",
            Some(Phase::Starting { .. } | Phase::Up) | None => "up",
        }
        .to_owned(),
        supervisor,
        since: record.as_ref().map_or_else(WallTime::now, |r| r.since),
        fingerprint: definition.fingerprint.clone(),
        degraded_is: definition.degraded_is,
        degraded_after: definition.degraded_after,
        // Nobody keeps the time of a wrapped site, so that it is told at once.
        degraded_for: (state == State::Degraded).then_some(definition.degraded_after),
        paused: (state == State::Maintenance)
            .then(|| {
                let ours = record.as_ref().and_then(|r| r.paused.clone());
                ours.or_else(|| why.clone().map(Pause::because))
            })
            .flatten(),
        failure: None,
        lost: Vec::new(),
        processes,
    });
    let (is_listed_up, daemon) = match look.daemon {
        Daemon::Up(daemon) => (true, daemon),
        // Its stop command has an effect.
        Daemon::Partly(_) | Daemon::Broken(_) => (true, None),
        Daemon::Shut(_)
        | Daemon::Absent
        | Daemon::NotAsked
        | Daemon::NotInstalled
        | Daemon::Unknown(_) => (false, None),
    };
    log::debug!("{} was seen as {state}: {why:?}", places.runtime.display());
    let found = found_failure(external, state, untold, record.as_ref(), why.as_deref());
    Observation {
        state,
        view,
        found,
        record,
        members,
        why,
        wrapped: Some(Wrapping {
            external: Box::new(external.clone()),
            supervisors: look.supervisors,
            daemon,
            is_listed_up,
            workers: look.workers,
            services: look.services.into_iter().filter_map(|of| of.identity).collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
