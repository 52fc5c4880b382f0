//! Bringing a site up: gate, supervisor, and waiting for its word; on failure everything that was
//! begun is rolled back.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use super::deadline::StartTimes;
use super::errand::{Part, pass_gate};
use super::orders::held_down;
use super::ownership::{self, Leased};
use super::stop::{end_survivors, stop_times};
use super::turn::{StartTurn, is_overtaken, overtaken};
use super::wrapped::{self, Manners};
use super::{Deadline, Fault, FaultKind, Outcome, Target};
use crate::backend::own::{self, Asked, Launched, Orders};
use crate::control::{Reply, Request, State, View};
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::observe::{observe, wrapped_definition};
use crate::site::{Definition, load};
use crate::supervisor::{self, Beginning, Finished, NotStarted, Setup};
use crate::values::{Moment, Signal};

/// Starts the site and waits until it is up or held down. Already up: nothing is done.
pub fn start(target: &Target, deadline: &Deadline) -> Outcome {
    try_start(target, deadline).unwrap_or_else(Outcome::Fault)
}

fn try_start(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    target.site.check_length().map_err(|e| Fault::new(FaultKind::WrongHere, e.to_string()))?;
    if wrapped_definition(&target.site).is_some() {
        return wrapped::start(target, deadline);
    }
    known_at_all(target)?;
    // Before the definition is read nothing can be computed from it; a minute is time to look.
    let look_until = deadline.begun + deadline.given.unwrap_or(Duration::from_secs(60));
    let turn = StartTurn::take(target, deadline.begun, look_until)?;
    if let Some(view) = clear_the_way(target, deadline, look_until, &turn)? {
        return Ok(Outcome::Done(up(target, &view, true)));
    }
    let written = load(&target.places, &target.name).map_err(Fault::from)?;
    let definition = written.adjusted(&target.adjustments);
    let times = deadline.for_start(&definition);
    let boot_until = deadline.begun + times.boot;
    let (leased, beginning) = gate_and_lease(target, &definition, boot_until, &turn)?;
    let orders = Orders {
        name: &target.name,
        places: &target.places,
        beginning: &beginning,
        boot: boot_until.left(),
        rollback: times.rollback,
        known_as: target.known_as.as_deref(),
        adjustments: &target.adjustments,
        keeper: leased.as_ref().map(Leased::keeper),
    };
    let launched = own::launch(&orders, times.until).map_err(|error| {
        Fault::failed(format!("the site `{}` could not be started: {error:#}", target.name))
    })?;
    if let (Launched::AtWork, Some(leased)) = (&launched, leased) {
        leased.hand_over();
    }
    drop(turn);
    let already = launched == Launched::AnotherIs;
    await_up(target, deadline.begun, times, already)
}

/// What must be so and be had before a supervisor is launched, and what that begins with. A stop that is
/// ordered meanwhile overtakes the start, and what was had is let go.
fn gate_and_lease(
    target: &Target,
    definition: &Definition,
    until: Moment,
    turn: &StartTurn<'_>,
) -> Result<(Option<Leased>, Beginning), Fault> {
    let told = |halt| turn.fault(halt);
    pass_gate(target, definition, Part::Whole, until, turn.cut()).map_err(told)?;
    turn.check()?;
    let leased = ownership::take(target, definition, until, turn.cut()).map_err(told)?;
    let held = held_down(target, definition, until, turn.cut()).map_err(told)?;
    turn.check()?;
    Ok((leased, Beginning::of(held)))
}

/// A name that was mistyped must leave no folder behind.
pub(super) fn known_at_all(target: &Target) -> Result<(), Fault> {
    let is_missing = |path: &Path| {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match is_missing(&target.site.runtime) && is_missing(&target.site.definition) {
        true => load(&target.places, &target.name).map(|_| ()).map_err(Fault::from),
        false => Ok(()),
    }
}

/// Deals with whatever is there already. The view, if the site is up.
fn clear_the_way(
    target: &Target,
    deadline: &Deadline,
    until: Moment,
    turn: &StartTurn<'_>,
) -> Result<Option<View>, Fault> {
    loop {
        turn.check()?;
        let observation = observe(&target.site, deadline.begun, until)?;
        match (observation.state, observation.view) {
            (State::Running | State::Degraded | State::Maintenance, Some(view)) => {
                return Ok(Some(view));
            }
            // Another start is under way: its outcome is ours.
            (State::Starting, Some(_)) => {
                let times = StartTimes { boot: Duration::ZERO, rollback: Duration::ZERO, until };
                match await_up(target, deadline.begun, times, true)? {
                    Outcome::Done(_) => {}
                    Outcome::Seen(_) | Outcome::Fault(_) => {}
                }
            }
            (State::StoppingOrdered | State::StoppingFailed, _) => {
                if until.passed() {
                    return Err(Fault::failed(format!(
                        "the site `{}` is still being stopped; wait for that, or end it with: \
                         siteward clean {}",
                        target.name, target.name
                    )));
                }
                own::wait_for_end(&target.site, until);
            }
            (State::Unknown, _) => {
                return Err(Fault::failed(format!(
                    "it cannot be found out whether the site `{}` runs: {}",
                    target.name,
                    observation.why.unwrap_or_default()
                )));
            }
            (State::Unsupervised | State::FailedWithSurvivors, _) => {
                log::warn!("{}; that is ended first", observation.why.unwrap_or_default());
                let times = stop_times(deadline, &target.site);
                end_survivors(target, &times, Manners::Polite)?;
                return Ok(None);
            }
            (State::Stopped | State::Failed, _)
            | (State::Running | State::Degraded | State::Maintenance | State::Starting, None) => {
                return Ok(None);
            }
        }
    }
}

/// Waits until the site is up, or until that will not come. `begun`: when the start did.
pub(super) fn await_up(
    target: &Target,
    begun: Moment,
    times: StartTimes,
    already: bool,
) -> Result<Outcome, Fault> {
    let answer = own::ask(&target.site, &Request::AwaitUp, times.until);
    if !matches!(answer, Asked::Answered(Reply::Done(_))) && is_overtaken(&target.site, begun) {
        return Err(overtaken(target));
    }
    match answer {
        Asked::Answered(Reply::Done(view)) => Ok(Outcome::Done(up(target, &view, already))),
        Asked::Answered(Reply::Failed(failure)) => {
            own::wait_for_end(&target.site, times.until);
            Err(Fault::of_failure(target, &failure, "did not start"))
        }
        Asked::Answered(Reply::Overtaken { by }) => {
            Err(Fault::failed(format!("the start of `{}` was overtaken by {by}", target.name)))
        }
        Asked::Answered(Reply::Refused { why }) => Err(Fault::failed(format!(
            "the supervisor of `{}` refuses to answer: {why}",
            target.name
        ))),
        Asked::Answered(Reply::Heard | Reply::Busy { .. }) | Asked::Silent => {
            Err(Fault::failed(format!(
                "the site `{}` did not come up in the manager's time; its supervisor goes on, and a \
             stop ends it",
                target.name
            )))
        }
        Asked::Nobody => {
            let observation = observe(&target.site, Moment::now(), times.until)?;
            Err(match observation.failure() {
                Some(failure) => Fault::of_failure(target, failure, "did not start"),
                None => Fault::failed(format!(
                    "the supervisor of `{}` ended without a word; see {}",
                    target.name,
                    target.site.supervisor_log().display()
                )),
            })
        }
        Asked::Denied(error) => Err(crate::observe::Denied(error).into()),
    }
}

fn up(target: &Target, view: &View, already: bool) -> String {
    let already = if already { "already " } else { "" };
    let name = &target.name;
    match view.state {
        State::Maintenance => {
            let why = view.paused.as_ref().map(ToString::to_string).filter(|p| !p.is_empty());
            let why = why.map_or_else(String::new, |p| format!(" ({p})"));
            format!(
                "the site `{name}` is {already}in maintenance{why}: no process of it runs until \
                 `siteward resume {name}`"
            )
        }
        State::Degraded => {
            let down: Vec<String> = view
                .processes
                .iter()
                .filter(|p| !p.up)
                .map(|p| format!("`{}` is {}", p.name, p.doing))
                .collect();
            format!("the site `{name}` is {already}up, but degraded: {}", down.join(", "))
        }
        _ => format!("the site `{name}` is {already}running"),
    }
}

/// As [`run`]; but a site that fails while `flag` is there does not end this verb, which then waits
/// until it is gone: the maintenance convention of Serviceguard's toolkits.
pub fn run_until_unflagged(target: &Target, flag: Option<&Path>, deadline: &Deadline) -> Outcome {
    let outcome = run(target, deadline);
    let Some(flag) = flag.filter(|_| matches!(outcome, Outcome::Fault(_))) else { return outcome };
    // A signal is taken for what it is: the end of the wait.
    let inbox = Inbox::new(&[Signal::TERM, Signal::INT]).ok();
    let mut said = false;
    while flag.exists() {
        if !said && let Outcome::Fault(fault) = &outcome {
            log::warn!("maintenance mode, as {} is there: {fault}", flag.display());
            said = true;
        }
        let mut waiting = Waiting::new();
        if let Some(inbox) = &inbox {
            waiting.readable(inbox.as_fd(), ());
        }
        waiting.wait(Some(Moment::now() + Duration::from_secs(1)));
        if inbox.as_ref().is_some_and(|i| i.next().is_some()) {
            return Outcome::Done(format!("the site `{}` is stopped", target.name));
        }
    }
    outcome
}

/// Runs the supervisor in the foreground, as this very process: SIGTERM is an ordered stop.
pub fn run(target: &Target, deadline: &Deadline) -> Outcome {
    match try_run(target, deadline) {
        Ok(outcome) => outcome,
        Err(fault) => fault.into(),
    }
}

fn try_run(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    let another = || {
        Fault::failed(format!(
            "the site `{}` is run by another supervisor already; stop it first with: siteward stop {}",
            target.name, target.name
        ))
    };
    target.site.check_length().map_err(|e| Fault::new(FaultKind::WrongHere, e.to_string()))?;
    if wrapped_definition(&target.site).is_some() {
        return wrapped::run(target, deadline);
    }
    let until = deadline.begun + deadline.given.unwrap_or(Duration::from_secs(60));
    let turn = StartTurn::take(target, deadline.begun, until)?;
    if clear_the_way(target, deadline, until, &turn)?.is_some() {
        return Err(another());
    }
    let definition = load(&target.places, &target.name).map_err(Fault::from)?;
    let boot_until = match deadline.given {
        Some(_) => until,
        None => until.max(deadline.begun + definition.boot_timeout),
    };
    let (leased, beginning) = gate_and_lease(target, &definition, boot_until, &turn)?;
    // The caller's folder must not be busy as long as the site runs.
    std::env::set_current_dir("/")
        .map_err(|e| Fault::failed(format!("/ cannot be entered: {e}")))?;
    let setup = Setup {
        places: target.site.clone(),
        beginning,
        boot: definition.boot_timeout,
        rollback: definition.stop_timeout,
        known_as: target.known_as.clone(),
        adjustments: target.adjustments.clone(),
        keeper: leased.as_ref().map(|leased| leased.keeper().clone()),
        foreground: true,
        definition,
    };
    let announce = move || {
        drop(turn);
        log::info!("the supervisor of `{}` is at work", target.name);
    };
    let finished = supervisor::supervise(setup, announce);
    // A supervisor that came to its work has let it go itself.
    if let (Ok(_), Some(leased)) = (&finished, leased) {
        leased.hand_over();
    }
    match finished {
        Ok(Finished::Stopped) => {
            Ok(Outcome::Done(format!("the site `{}` is stopped", target.name)))
        }
        Ok(Finished::Failed(failure)) => Err(Fault::of_failure(target, &failure, "failed")),
        Err(NotStarted::AnotherIs) => Err(another()),
        Err(NotStarted::Because(error)) => {
            let name = &target.name;
            Err(Fault::failed(format!("the site `{name}` could not be started: {error:#}")))
        }
    }
}
