//! The verbs for a site that has a supervisor of its own: started, stopped and asked by its
//! commands, and never believed without a look at the processes.

mod awaiting;
mod deep;
mod end;
mod pause;
mod run;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::deadline::StartTimes;
use super::errand::{Halt, Part, pass_gate};
use super::orders::held_down;
use super::ownership::{self, Leased};
use super::turn::{StartTurn, is_overtaken, overtaken};
use super::{Deadline, Fault, Outcome, Target, ports};
use crate::backend::command::{Marked, run as run_command};
use crate::backend::external::{self, Started};
use crate::backend::own::{self, Launched, Orders};
use crate::control::{Pause, State};
use crate::history;
use crate::linux::files;
use crate::linux::wait::Waiting;
use crate::observe::{Observation, observe};
use crate::process::{Identity, Phase, ProcessRecord, Record};
use crate::site::{Definition, WRAPPED, Wrapped, load};
use crate::supervisor::Beginning;
use crate::values::{Moment, Pid};
use awaiting::Awaiting;

pub(super) use deep::missing_kind;
pub(super) use end::{Manners, end};
pub(super) use pause::{pause, resume};
pub(super) use run::run;

/// Starts the wrapped supervisor and waits until its site is up. Already up: nothing is done.
pub(super) fn start(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    let definition = load(&target.places, &target.name);
    let patience = definition.as_ref().map_or(Duration::from_secs(60), |d| d.boot_timeout);
    let look_until = deadline.begun + deadline.given.unwrap_or(patience);
    let turn = StartTurn::take(target, deadline.begun, look_until)?;
    if let Some(outcome) = clear_the_way(target, deadline, look_until, &turn)? {
        return Ok(outcome);
    }
    let definition = definition.map_err(Fault::from)?.adjusted(&target.adjustments);
    let wrapped = wrapped_of(&definition)?;
    let times = deadline.for_start(&definition);
    let held =
        held_down(target, &definition, times.until, turn.cut()).map_err(|halt| turn.fault(halt))?;
    turn.check()?;
    if let Some(why) = held {
        return hold(target, &definition, &why, times.until);
    }
    bring_up(target, &definition, wrapped, deadline.begun, times, turn)
}

fn wrapped_of(definition: &Definition) -> Result<&Wrapped, Fault> {
    definition.wrapped.as_ref().ok_or_else(|| {
        Fault::failed(format!(
            "the definition of `{}` has no `supervisor` any more; start it again",
            definition.name
        ))
    })
}

/// A paused site has no process, and its own supervisor may not be able to come up without any: one
/// of ours is at rest in its place, so that the cluster sees a healthy site.
fn hold(
    target: &Target,
    definition: &Definition,
    why: &Pause,
    until: Moment,
) -> Result<Outcome, Fault> {
    let orders = Orders {
        name: &target.name,
        places: &target.places,
        beginning: &Beginning::Held(why.clone()),
        boot: definition.boot_timeout,
        rollback: definition.stop_timeout,
        known_as: target.known_as.as_deref(),
        adjustments: &target.adjustments,
        // Nothing of the site runs, and its own supervisor takes the lease when it does.
        keeper: None,
    };
    match own::launch(&orders, until) {
        Ok(Launched::AtWork | Launched::AnotherIs) => Ok(Outcome::Done(format!(
            "the site `{}` is in maintenance ({why}): no process of it runs until `siteward \
             resume {}`",
            target.name, target.name
        ))),
        Err(error) => {
            Err(Fault::failed(format!("the site `{}` could not be held: {error:#}", target.name)))
        }
    }
}

/// Deals with whatever is there already. The outcome, if the start ends with that.
fn clear_the_way(
    target: &Target,
    deadline: &Deadline,
    until: Moment,
    turn: &StartTurn<'_>,
) -> Result<Option<Outcome>, Fault> {
    let name = &target.name;
    loop {
        turn.check()?;
        let seen = observe(&target.site, deadline.begun, until)?;
        match seen.state {
            State::Running | State::Degraded | State::Maintenance => {
                let why = seen.why.map_or_else(String::new, |w| format!(" ({w})"));
                let words = format!("the site `{name}` is already {}{why}", up_word(seen.state));
                return Ok(Some(Outcome::Done(words)));
            }
            // Started by a person, or by a start that was cut off: its outcome is ours.
            State::Starting if seen.view.is_some() => {
                return await_begun(target, &seen, deadline).map(Some);
            }
            State::StoppingOrdered | State::StoppingFailed => {
                if until.passed() {
                    return Err(Fault::failed(format!(
                        "the site `{name}` is still being stopped; wait for that, or end it \
                         with: siteward clean {name}"
                    )));
                }
                Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(100)));
            }
            State::Unknown => {
                return Err(Fault::failed(format!(
                    "it cannot be found out whether the site `{name}` runs: {}",
                    seen.why.unwrap_or_default()
                )));
            }
            State::Unsupervised | State::FailedWithSurvivors => {
                log::warn!("{}; that is ended first", seen.why.as_deref().unwrap_or_default());
                let times = super::stop::stop_times(deadline, &target.site);
                end(target, &times, Manners::Polite)?;
                return Ok(None);
            }
            // The start that is under way is this one.
            State::Starting | State::Stopped | State::Failed => return Ok(None),
        }
    }
}

fn up_word(state: State) -> &'static str {
    match state {
        State::Maintenance => "in maintenance",
        State::Degraded => "up, but degraded",
        _ => "running",
    }
}

/// A supervisor is there, and its site is not up yet; nobody waits for it but us.
fn await_begun(target: &Target, seen: &Observation, deadline: &Deadline) -> Result<Outcome, Fault> {
    let Some(wrapping) = &seen.wrapped else { return Err(overtaken(target)) };
    let definition = (*wrapping.definition).clone();
    let wrapped = wrapped_of(&definition)?;
    let times = deadline.for_start(&definition);
    let mut awaiting = Awaiting::new(target, &definition, wrapped, deadline.begun, times);
    awaiting.known = wrapping.supervisors.first().cloned();
    awaiting.finish()
}

/// Gate, record, process, and waiting for its site.
fn bring_up(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    begun: Moment,
    times: StartTimes,
    turn: StartTurn<'_>,
) -> Result<Outcome, Fault> {
    let started = begin(target, definition, wrapped, begun, times, &turn)?;
    // A stop finds what was launched by its record and its marks.
    drop(turn);
    let mut awaiting = Awaiting::new(target, definition, wrapped, begun, times);
    awaiting.known = Identity::of(started.child.pid);
    awaiting.started = Some(started);
    awaiting.finish()
}

/// From the gate to the process; whatever fails, nothing is held any more.
fn begin(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    begun: Moment,
    times: StartTimes,
    turn: &StartTurn<'_>,
) -> Result<Started, Fault> {
    let boot_until = begun + times.boot;
    let (reserved, leased) =
        prepare(target, definition, boot_until, turn.cut()).map_err(|halt| turn.fault(halt))?;
    keep_port(target, definition, wrapped, times.until)?;
    drop(reserved);
    turn.check()?;
    let started = launch(target, definition, wrapped, boot_until)?;
    // From here on whoever ends the site lets it go.
    if let Some(leased) = leased {
        leased.hand_over();
    }
    Ok(started)
}

/// What must be so before anything is started.
fn prepare(
    target: &Target,
    definition: &Definition,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(ports::Reserved, Option<Leased>), Halt> {
    pass_gate(target, definition, Part::Whole, until, cut)?;
    let leased = ownership::take(target, definition, until, cut)?;
    pass_gate(target, definition, Part::Disk, until, cut)?;
    files::write_durably(&target.site.snapshot(), definition.text.as_bytes()).map_err(|error| {
        Fault::failed(format!("{} cannot be written: {error}", target.site.snapshot().display()))
    })?;
    Ok((ports::reserve(definition)?, leased))
}

/// JobCenter's own port keeper (PORT-01..07), which holds the port until its daemon binds it. What of
/// it stays bears the site's mark, and ends with a start that fails.
fn keep_port(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    until: Moment,
) -> Result<(), Fault> {
    let Some(profile) = wrapped.jobcenter.as_ref().filter(|p| p.port_keeper) else {
        return Ok(());
    };
    ports::check_free(definition, ports::NQS)?;
    let address = definition.address.map_or_else(|| definition.site.clone(), |a| a.to_string());
    let words = vec![profile.command("nqsportkpr"), address];
    let refused = |why: String| {
        Fault::failed(format!("the port of `{}` is not kept: `{}` {why}", target.name, words[0]))
    };
    let patience = until.min(Moment::now() + Duration::from_secs(10));
    let ran =
        run_command(&words, definition, &target.site, Marked::Yes, patience).map_err(refused)?;
    match ran.complaint() {
        Some(why) => Err(refused(why)),
        None => Ok(()),
    }
}

/// Starts the supervisor and writes down who it is.
fn launch(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    until: Moment,
) -> Result<Started, Fault> {
    let failed = |why: String| {
        Fault::failed(format!("the site `{}` could not be started: {why}", target.name))
    };
    let started = external::start(wrapped, definition, &target.site)
        .map_err(|error| failed(format!("`{}`: {error:#}", wrapped.start[0])))?;
    let identity = Identity::of(started.child.pid);
    let me = Identity::of(Pid::this()).ok_or_else(|| failed("/proc is not mounted".to_owned()))?;
    let record = Record {
        known_as: target.known_as.clone(),
        fingerprint: definition.fingerprint.clone(),
        adjustments: target.adjustments.clone(),
        processes: identity
            .into_iter()
            .map(|identity| ProcessRecord::started(WRAPPED, identity))
            .collect(),
        phase: Some(Phase::Starting { until }),
        ..Record::begun(target.name.clone(), me)
    };
    if let Err(error) = record.write(&target.site) {
        log::warn!("the record {} cannot be written: {error}", target.site.record().display());
    }
    history::add(&target.site.history(), "started", &format!("`{}` is at work", wrapped.start[0]));
    Ok(started)
}

/// Changes the record, if there is one.
pub(super) fn note(target: &Target, change: impl FnOnce(&mut Record)) {
    let Some(mut record) = Record::read(&target.site).ok().flatten() else { return };
    change(&mut record);
    if let Err(error) = record.write(&target.site) {
        log::warn!("the record {} cannot be written: {error}", target.site.record().display());
    }
}
