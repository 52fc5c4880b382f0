//! Stops a site and proves it: for `stop` and `clean`, for a rollback, and for processes that a start finds
//! without a supervisor.
//!
//! The supervisor is told to stop the site, or is killed. The processes that it leaves are stopped in
//! order, then by TERM, then by KILL. The proof is an observation that finds no process by any mark.

use std::collections::HashMap;
use std::time::Duration;

use super::context::SiteContext;
use super::deadline::{first_look, later_look, term_until};
use super::{Deadline, Fault, Outcome, StopMode, Target};
use crate::backend::StopTimes;
use crate::backend::own::{self, NotEnded};
use crate::control::{Failure, State};
use crate::disk;
use crate::hold::{self, StopTurn};
use crate::linux::clock::WallTime;
use crate::linux::lock;
use crate::linux::wait::Waiting;
use crate::messages;
use crate::observe::{Observation, Wrapping, observe};
use crate::process::{Ending, Identity, Record, forget, proof, sweep};
use crate::site::load;
use crate::values::{Moment, Pid};

/// Stops the site: in order, then by TERM, then by KILL, and proves that no process of it is left.
pub fn stop(target: &Target, deadline: &Deadline) -> Outcome {
    let name = &target.name;
    match bring_down(target, deadline, StopMode::Graceful) {
        Ok(true) => Outcome::Done(format!("the site `{name}` is stopped")),
        Ok(false) => Outcome::Done(format!("the site `{name}` is already stopped")),
        Err(fault) => fault.into(),
    }
}

/// Kills the supervisor and every process of the site, and proves that none is left.
pub fn clean(target: &Target, deadline: &Deadline) -> Outcome {
    let name = &target.name;
    match bring_down(target, deadline, StopMode::Kill) {
        Ok(true) => Outcome::Done(format!("the site `{name}` is cleaned up")),
        Ok(false) => Outcome::Done(format!("there was nothing of the site `{name}` to clean up")),
        Err(fault) => fault.into(),
    }
}

/// As [`clean`]; then, with `break_lease`, breaks the lease on the database.
pub fn clean_and_break(target: &Target, break_lease: bool, deadline: &Deadline) -> Outcome {
    let cleaned = clean(target, deadline);
    let Outcome::Done(said) = &cleaned else { return cleaned };
    if !break_lease {
        return cleaned;
    }
    let broken = load(&target.places, &target.name).map_err(Fault::from).and_then(|definition| {
        let broken = hold::break_it(&target.site, &definition);
        broken.map_err(|why| messages::lease_not_broken(why).into())
    });
    match broken {
        Ok(broken) => Outcome::Done(format!("{said}; {broken}")),
        Err(fault) => fault.into(),
    }
}

/// True: there was something to stop.
fn bring_down(target: &Target, deadline: &Deadline, mode: StopMode) -> Result<bool, Fault> {
    let mut context = SiteContext::read(target, deadline);
    let times = context.stop_times(mode);
    let outcome = try_to_bring_down(&mut context, &times, mode);
    let told = outcome.as_ref().copied().map_err(|fault| (fault.id, &*fault.sentence));
    let by = (target.by(), deadline.begun);
    hold::note_end(&target.site, context.definition(), by, times.until, told);
    outcome
}

fn try_to_bring_down(
    context: &mut SiteContext<'_>,
    times: &StopTimes,
    mode: StopMode,
) -> Result<bool, Fault> {
    let target = context.target;
    let not_stopped = |why: String| messages::stop_has_no_turn(&target.name, why);
    let turn = StopTurn::begin(&target.site, times.until).map_err(not_stopped)?;
    context.refresh();
    let before = context.record.clone();
    let mut had_something = end_supervisor(context, times, mode)?;
    turn.wait_for_starts(times.until).map_err(not_stopped)?;
    // A start that was under way, or was killed, may have launched a supervisor that begins only now.
    loop {
        context.refresh();
        had_something |= end_supervisor(context, times, mode)?;
        match end_survivors(context, times, mode, !had_something) {
            Err(_)
                if !times.until.passed() && lock::is_held(&target.site.lock()).unwrap_or(false) =>
            {
                let soon = Moment::now() + Duration::from_millis(20);
                Waiting::<()>::new().wait(Some(soon.min(times.until)));
            }
            ended => {
                had_something |= ended?;
                break;
            }
        }
    }
    hold::remove_left_files(&target.site);
    // Other processes that use the disk concern only the stop that ended the site.
    match before.map(|record| record.ending) {
        None | Some(Some(Ending::Stopped { .. })) => {}
        Some(None | Some(Ending::Failed(_))) => {
            hold::end_or_report(&target.site, context.definition(), times)
                .map_err(messages::disk_in_use)?;
        }
    }
    Ok(had_something)
}

/// Ends the processes of a start that failed for `reason`; None: it was interrupted.
pub(super) fn roll_back(
    target: &Target,
    times: &StopTimes,
    mode: StopMode,
    fault: Option<&Fault>,
) -> Result<(), Fault> {
    let deadline = Deadline { begun: Moment::now(), given: None };
    end_supervisor(&SiteContext::read(target, &deadline), times, mode)?;
    end_survivors(&SiteContext::read(target, &deadline), times, mode, false)?;
    let Some(fault) = fault else { return Ok(()) };
    if let Ok(Some(mut record)) = Record::read(&target.site)
        && !matches!(record.ending, Some(Ending::Failed(_)))
    {
        record.ending = Some(Ending::Failed(Failure {
            process: None,
            id: Some(fault.id),
            reason: fault.sentence.clone(),
            at: WallTime::now(),
            last_lines: Vec::new(),
            signal: None,
        }));
        write(target, &record);
    }
    Ok(())
}

/// Tells siteward's supervisor to stop the site, or kills it. True: there was one.
fn end_supervisor(
    context: &SiteContext<'_>,
    times: &StopTimes,
    mode: StopMode,
) -> Result<bool, Fault> {
    let SiteContext { target, record, .. } = context;
    let (record, forcekill) = (record.as_ref(), context.forcekill());
    let ended = match mode {
        StopMode::Graceful => own::stop(&target.site, record, times, forcekill, &target.by()),
        StopMode::Kill => own::kill(&target.site, times.until),
    };
    ended.map_err(|why| match why {
        NotEnded::Denied(error) => super::Denied(error).into(),
        NotEnded::NotKilled(error) => messages::supervisor_not_killed(&target.name, error).into(),
    })
}

/// Ends the processes of a site without a siteward supervisor gracefully, and proves that none is left.
pub(super) fn end_unsupervised(target: &Target, deadline: &Deadline) -> Result<bool, Fault> {
    let context = SiteContext::read(target, deadline);
    end_survivors(&context, &context.stop_times(StopMode::Graceful), StopMode::Graceful, false)
}

/// Ends the processes of a site without a siteward supervisor, and proves that none is left. True: there
/// was one. `is_found`: this verb has ended no supervisor of it.
fn end_survivors(
    context: &SiteContext<'_>,
    times: &StopTimes,
    mode: StopMode,
    is_found: bool,
) -> Result<bool, Fault> {
    let (target, places) = (context.target, &context.target.site);
    let now = Moment::now();
    let mut seen = observe(places, now, first_look(now, times.until))?;
    if is_found {
        hold::note_found(places, &seen);
    }
    let mut record = seen.record.clone();
    let living = living(&seen);
    let had_something = has_something(&seen, &living);
    // If there was nothing to end, the first observation is the proof.
    if had_something {
        if let Some(external) = context.backend.external() {
            record = Some(external.note_stopping(&living));
            hold::note_wrapped_stop(places, context.definition(), Some(target.by()), None);
        }
        if ends_in_order(mode, &seen) {
            let until = times.graceful_until;
            context.backend.end_survivors(context.definition(), record.as_ref(), &living, until);
        }
        sweep_up(context, record.as_ref(), &mut seen, times)?;
        if goes_on_elsewhere(mode, &seen) {
            context.backend.end_survivors(context.definition(), record.as_ref(), &[], times.until);
            seen = observe(places, Moment::now(), times.until)?;
        }
    }
    prove(context, seen, times)?;
    if context.definition().is_some_and(|d| d.wrapped.is_some() && d.database.is_some()) {
        disk::end_detached_facts(places, times.until)
            .map_err(|why| messages::not_stopped(&target.name, why))?;
    }
    if had_something && context.backend.external().is_some() {
        hold::note_wrapped_stop(places, context.definition(), None, Some(now));
    }
    hold::let_go(&target.site, context.definition(), record.as_ref());
    tidy_up(target);
    Ok(had_something)
}

/// There is something to end. `living`: what was seen of its processes.
fn has_something(seen: &Observation, living: &[Identity]) -> bool {
    match &seen.wrapped {
        // A unit may be up without a process.
        Some(wrapping) => !living.is_empty() || wrapping.is_listed_up,
        None => !is_over(seen.state),
    }
}

/// The processes are ended in their order, or by the commands of their supervisor, before they get TERM.
fn ends_in_order(mode: StopMode, seen: &Observation) -> bool {
    let supervised = seen.wrapped.as_ref().is_none_or(Wrapping::is_supervised);
    mode == StopMode::Graceful && supervised
}

/// systemd or Docker would go on with what was killed.
fn goes_on_elsewhere(mode: StopMode, seen: &Observation) -> bool {
    mode == StopMode::Kill && seen.wrapped.as_ref().is_some_and(Wrapping::is_known_to_another)
}

fn is_over(state: State) -> bool {
    matches!(state, State::Stopped | State::Failed)
}

/// Every process that was seen and may be ended.
fn living(seen: &Observation) -> Vec<Identity> {
    let by_list = seen.wrapped.iter().flat_map(Wrapping::living).cloned();
    let by_marks = seen
        .members
        .ours
        .iter()
        .filter_map(|member| Identity::of(member.pid).filter(|i| i.start == member.start));
    let known: HashMap<Pid, Identity> = by_list.chain(by_marks).map(|i| (i.pid, i)).collect();
    known.into_values().collect()
}

/// TERM and then KILL, until no process is found or the time is over.
fn sweep_up(
    context: &SiteContext<'_>,
    record: Option<&Record>,
    seen: &mut Observation,
    times: &StopTimes,
) -> Result<(), Fault> {
    let places = &context.target.site;
    let term_until = term_until(Moment::now(), times.kill_at, context.forcekill());
    let mut signalled = 0;
    loop {
        let swept = sweep(places, record, &seen.members, term_until, times.until);
        signalled += swept.map_err(messages::proc_unreadable)?.signalled;
        *seen = observe(places, Moment::now(), times.until)?;
        // A process may have appeared since the sweep, which is repeated while there is time.
        if seen.members.ours.is_empty() || times.until.passed() {
            break;
        }
    }
    hold::note_swept(places, context.definition(), signalled);
    Ok(())
}

/// What one look says about the end of a site.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    Proved,
    /// No process is left, and the list of its supervisor does not answer: what else is there must prove it.
    WithoutList,
    /// The list may be updated late.
    NotYet,
    Refuted,
}

impl Proof {
    fn of(seen: &Observation) -> Self {
        let empty = seen.members.is_empty()
            && seen.wrapped.as_ref().is_none_or(|wrapped| wrapped.living().next().is_none());
        match (seen.state, &seen.wrapped) {
            (state, _) if is_over(state) => Self::Proved,
            // The start under way is this one, which is being rolled back.
            (State::Starting, Some(_)) if empty && seen.view.is_none() => Self::Proved,
            (State::Unknown, Some(_)) if empty => Self::WithoutList,
            (_, Some(_)) if seen.members.spared.is_empty() => Self::NotYet,
            (_, Some(_) | None) => Self::Refuted,
        }
    }
}

/// Proves that no process is left, by every mark and by the list of an external supervisor.
fn prove(context: &SiteContext<'_>, mut seen: Observation, times: &StopTimes) -> Result<(), Fault> {
    let name = &context.target.name;
    loop {
        match (Proof::of(&seen), &seen.wrapped) {
            (Proof::Proved, _) => return Ok(()),
            (Proof::WithoutList, Some(wrapped)) => {
                let why = seen.why.as_deref().unwrap_or("its list does not answer");
                let proved = wrapped.external.prove_without_list(why);
                return proved.map_err(|why| messages::stop_not_proved(name, why).into());
            }
            (Proof::NotYet, _) if !times.until.passed() => {}
            (Proof::NotYet | Proof::Refuted | Proof::WithoutList, _) => {
                let why = seen.why.unwrap_or_else(|| format!("it is {}", seen.state));
                return Err(messages::not_stopped(name, why).into());
            }
        }
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(50)));
        let now = Moment::now();
        seen = observe(&context.target.site, now, later_look(now, times.until))?;
    }
}

/// Records the proved stop, and removes what is obsolete in the runtime directory.
fn tidy_up(target: &Target) {
    let places = &target.site;
    forget(places);
    let Ok(Some(mut record)) = Record::read(places) else { return };
    let proof = proof(places, &record);
    log::info!("that nothing of the site lives is proved by: {}", proof.join(", "));
    let (at, by) = match record.ending {
        Some(Ending::Stopped { ref proved_by, .. }) if *proved_by == proof => return,
        Some(Ending::Stopped { at, by, .. }) => (at, by),
        Some(Ending::Failed(_)) | None => (WallTime::now(), target.caller.to_owned()),
    };
    record.ending = Some(Ending::Stopped { at, by, proved_by: proof });
    record.processes.clear();
    write(target, &record);
}

fn write(target: &Target, record: &Record) {
    if let Err(error) = record.write(&target.site) {
        log::warn!("{} cannot be written: {error}", target.site.record().display());
    }
}

#[cfg(test)]
mod tests;
