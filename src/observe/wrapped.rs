//! Observes a site with a wrapped supervisor. Two facts are independent of each other (source document
//! 003, LS-05): whether the supervisor lives, and whether its daemon is up.

use std::os::fd::AsFd;
use std::time::Duration;

use super::evidence::{Denied, ObserveError, held_locks, read_record};
use super::observation::{Observation, Wrapping, or_unknown, unknown};
use crate::backend::external::{Daemon, External, Look};
use crate::backend::jobcenter::{self, Conversion};
use crate::control::{Failure, Pause, ProcessView, State, View};
use crate::linux::clock::WallTime;
use crate::linux::lock;
use crate::linux::process::command_line;
use crate::linux::wait::Waiting;
use crate::process::{Ending, Identity, Members, Phase, Record, find_members};
use crate::site::{Definition, OnLoss, Prerequisite, SitePlaces, Wrapped};
use crate::surroundings::{CONFIRMED_AFTER, look_for_losses};
use crate::values::Moment;

/// How many of its last lines are told with a failure.
const LINES: usize = 5;

/// Looks until the state is known, but not longer than until `patience`.
pub(super) fn observe(
    places: &SitePlaces,
    external: &External,
    patience: Moment,
) -> Result<Observation, Denied> {
    let mut pace = Duration::from_millis(50);
    loop {
        let seen = look_once(places, external, patience);
        let seen = or_unknown(places, seen)?;
        if seen.state != State::Unknown || patience.passed() {
            return Ok(seen);
        }
        Waiting::<()>::new().wait(Some((Moment::now() + pace).min(patience)));
        pace = (pace * 2).min(external.definition.countsleep);
    }
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

/// What was seen, and is judged.
struct WrappedLook {
    look: Look,
    record: Option<Record>,
    members: Members,
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
    let handles: Vec<_> = look.supervisors.iter().filter_map(Identity::open).collect();
    let mut waiting = Waiting::new();
    for handle in &handles {
        waiting.readable(handle.as_fd(), ());
    }
    waiting.wait(Some(Moment::now() + GRACE.min(deadline.left() / 2)));
    external.look(deadline)
}

/// What the running site has lost of what it needs, a sentence for each. No supervisor of siteward watches it.
fn find_losses(
    definition: &Definition,
    record: Option<&Record>,
    deadline: Moment,
) -> Vec<(Prerequisite, String)> {
    let disk = record.and_then(|record| record.disk.as_ref());
    let look = || look_for_losses(definition, disk, deadline.left() / 2);
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

/// A state, with the reason if it is neither running nor stopped.
type Judged = (State, Option<String>);

enum RestVerdict {
    Judged(Judged),
    /// The supervisor lives, its daemons are down, and nothing says by whose order: a sentence. If that stays so, it was
    /// a person; after a failure, the supervisor ends.
    Unexplained(String),
}

impl From<Judged> for RestVerdict {
    fn from(judged: Judged) -> Self {
        Self::Judged(judged)
    }
}

/// How long a supervisor may take to notice that its last process is gone, and to end.
const GRACE: Duration = Duration::from_secs(5);

fn judge(
    places: &SitePlaces,
    external: &External,
    seen: &WrappedLook,
) -> Result<RestVerdict, ObserveError> {
    let WrappedLook { look, record, members } = seen;
    let wrapped = &external.wrapped;
    let record = record.as_ref();
    // A supervisor that changed its title is still the process that siteward started.
    let ours = match record.and_then(|r| r.processes.first()) {
        Some(ours) => ours.identity.lives().map_err(|error| ObserveError::of_proc(&error))?,
        None => false,
    };
    let supervised = !look.supervisors.is_empty() || (ours && !wrapped.detached);
    if let Some(halted) = &look.halted
        && record.and_then(|r| r.phase) != Some(Phase::Stopping)
    {
        return Ok(without_its_attention(wrapped, look, halted).into());
    }
    let judged = match (&look.daemon, supervised) {
        (Daemon::Unknown(why), _) => (State::Unknown, Some(why.clone())),
        (Daemon::NotInstalled, true) => (
            State::Unknown,
            Some("the program of its `list` command is not on this node".to_owned()),
        ),
        (Daemon::Up(_), true) => (State::Running, None),
        (Daemon::Up(_), false) if wrapped.detached => (State::Running, None),
        (Daemon::Up(daemon), false) => {
            let daemon = daemon.as_ref().map_or_else(
                || "the site is up".to_owned(),
                |d| format!("its daemon {} is up", d.pid),
            );
            let why = format!("{daemon}, and no `{}` watches it", program(wrapped));
            (State::Unsupervised, Some(why))
        }
        (Daemon::NotAsked, true) => match record.and_then(|r| r.phase) {
            Some(Phase::Stopping) => (State::StoppingOrdered, None),
            Some(Phase::Starting { .. } | Phase::Up) | None => (State::Running, None),
        },
        (Daemon::Shut(claim), true) => {
            return Ok(without_daemon(external, look, record, claim.as_deref()));
        }
        (Daemon::Absent, true) => {
            return Ok(without_daemon(external, look, record, None));
        }
        (Daemon::Shut(_) | Daemon::Absent | Daemon::NotAsked | Daemon::NotInstalled, false) => {
            without_supervisor(places, wrapped, look, record, members)?
        }
    };
    Ok(judged.into())
}

/// The supervisor was stopped by a signal.
fn without_its_attention(wrapped: &Wrapped, look: &Look, halted: &Identity) -> Judged {
    let (name, pid) = (program(wrapped), halted.pid);
    let halted = format!("`{name}` (process {pid}) is stopped by a signal");
    let advice = format!("let it go on with: kill -CONT {pid}");
    match look.daemon {
        Daemon::Shut(_) | Daemon::Absent => (
            State::FailedWithSurvivors,
            Some(format!("{halted}, and the site's daemons are down; {advice}")),
        ),
        Daemon::Up(_) | Daemon::NotAsked | Daemon::NotInstalled | Daemon::Unknown(_) => {
            (State::Unsupervised, Some(format!("{halted}, and watches nothing; {advice}")))
        }
    }
}

fn program(wrapped: &Wrapped) -> &str {
    wrapped.process.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w))
}

/// The supervisor lives, and its daemon is down.
fn without_daemon(
    external: &External,
    look: &Look,
    record: Option<&Record>,
    claim: Option<&str>,
) -> RestVerdict {
    let External { definition, wrapped, .. } = external;
    let phase = record.and_then(|r| r.phase);
    let name = program(wrapped);
    let starting = || {
        let why = match external.kinds_up(&look.supervisors) {
            Some((up, all)) => format!("{up} of {all} kinds of its processes are up"),
            None => format!("`{name}` lives, and its daemon is not up yet"),
        };
        (State::Starting, Some(why))
    };
    let is_in_time = |until: Moment| !until.passed();
    let paused = record.and_then(|r| r.paused.as_ref());
    let judged = match (phase, claim) {
        (Some(Phase::Stopping), _) => {
            (State::StoppingOrdered, Some(format!("`{name}` is being stopped")))
        }
        (Some(Phase::Starting { until }), _) if is_in_time(until) => starting(),
        _ if look.stopping => (State::StoppingOrdered, Some(format!("`{name}` is being stopped"))),
        (_, Some(claim)) => (State::StoppingFailed, Some(claim.to_owned())),
        _ if is_at_rest_by_file(wrapped, look) => {
            let why = "this machine's daemon.conf says maintenance=ON".to_owned();
            (State::Maintenance, Some(why))
        }
        (Some(Phase::Starting { .. }), None) => (
            State::FailedWithSurvivors,
            Some(format!("it was not up within its time, and `{name}` still lives")),
        ),
        // After nqsstop, or by hand (MNT-02): the supervisor stays, without daemons.
        (Some(Phase::Up) | None, None) if paused.is_some() => {
            (State::Maintenance, paused.map(ToString::to_string))
        }
        (None, None) if is_young(look, definition) => starting(),
        (Some(Phase::Up) | None, None) => return unordered(wrapped, look),
    };
    judged.into()
}

/// No order of ours explains it that the daemons are down.
fn unordered(wrapped: &Wrapped, look: &Look) -> RestVerdict {
    let name = program(wrapped);
    if look.pausing {
        let why = format!("`{name}` lives, and a command takes its daemons down or up");
        return (State::Maintenance, Some(why)).into();
    }
    if wrapped.jobcenter.is_none() {
        let why = format!("{}, and nobody has paused the site", at_rest(name));
        return (State::FailedWithSurvivors, Some(why)).into();
    }
    match look.workers.first() {
        // Of a failure, and not gone yet (SUP-04).
        Some(worker) => {
            let line = command_line(worker.pid).unwrap_or_default();
            let why = format!(
                "its nqsdaemon is down, {} ({line}) still lives, and no command is seen that pauses the site",
                worker.pid
            );
            (State::StoppingFailed, Some(why)).into()
        }
        None => RestVerdict::Unexplained(at_rest(name)),
    }
}

fn is_at_rest_by_file(wrapped: &Wrapped, look: &Look) -> bool {
    let profile = wrapped.jobcenter.as_ref();
    let read_it = |of: &Identity| profile.is_some_and(|p| jobcenter::was_in_maintenance(p, of));
    look.supervisors.iter().any(read_it)
}

/// Not started by siteward: a young supervisor is starting, an old one has its daemons down.
fn is_young(look: &Look, definition: &Definition) -> bool {
    let age = look.supervisors.first().and_then(Identity::age);
    age.is_some_and(|age| age < definition.boot_timeout)
}

fn at_rest(name: &str) -> String {
    format!("`{name}` lives, and its daemons are down")
}

fn without_supervisor(
    places: &SitePlaces,
    wrapped: &Wrapped,
    look: &Look,
    record: Option<&Record>,
    members: &Members,
) -> Result<Judged, ObserveError> {
    if let Some(worker) = look.workers.first() {
        let line = command_line(worker.pid).unwrap_or_default();
        let name = program(wrapped);
        let living = format!("`{name}` is gone, and nobody watches {} ({line})", worker.pid);
        return Ok((State::Unsupervised, Some(living)));
    }
    if !members.is_empty() {
        let living =
            format!("`{}` is gone, and nobody watches {}", program(wrapped), members.describe());
        return Ok((State::Unsupervised, Some(living)));
    }
    let held = held_locks(places)?;
    if !held.is_empty() {
        let why = "a process that this user cannot see still belongs to the site".to_owned();
        return Ok((State::Unsupervised, Some(why)));
    }
    // A resumed site: its placeholder has ended, and its own supervisor is not there yet.
    let starts = lock::is_held(&places.start_lock()).map_err(|error| {
        ObserveError::Unknown(format!(
            "the lock {} cannot be asked: {error}",
            places.start_lock().display()
        ))
    })?;
    if starts {
        return Ok((State::Starting, Some("a start of the site is in progress".to_owned())));
    }
    Ok(match record {
        Some(Record { ending: Some(Ending::Failed(failure)), .. }) => {
            (State::Failed, Some(failure.reason.clone()))
        }
        Some(Record { phase: Some(Phase::Up), ending: None, .. }) => {
            (State::Failed, Some(ended_untold(wrapped)))
        }
        Some(_) | None => (State::Stopped, look.conversion.as_ref().map(Conversion::describe)),
    })
}

/// The failure that nobody has written down: the supervisor of a site that was up is gone. A start that is in progress
/// finds it too.
fn found_failure(
    external: &External,
    state: State,
    is_watched: bool,
    record: Option<&Record>,
    why: Option<&str>,
) -> Option<Failure> {
    let record =
        record.filter(|record| record.ending.is_none() && record.phase == Some(Phase::Up))?;
    let reason = match state {
        State::Failed => why?.to_owned(),
        State::Starting if !is_watched => ended_untold(&external.wrapped),
        _ => return None,
    };
    let last_lines = external.last_lines(Some(record), LINES);
    Some(Failure { process: None, id: None, reason, at: WallTime::now(), last_lines, signal: None })
}

fn ended_untold(wrapped: &Wrapped) -> String {
    format!("`{}` ended without being told to by siteward", program(wrapped))
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
            essential: true,
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
    let supervisor = look.supervisors.first().map(|s| s.pid);
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
        Daemon::Shut(_)
        | Daemon::Absent
        | Daemon::NotAsked
        | Daemon::NotInstalled
        | Daemon::Unknown(_) => (false, None),
    };
    log::debug!("{} was seen as {state}: {why:?}", places.runtime.display());
    let found = found_failure(external, state, view.is_some(), record.as_ref(), why.as_deref());
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
        }),
    }
}
