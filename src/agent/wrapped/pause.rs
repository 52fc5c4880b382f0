//! Maintenance of a site that has a supervisor of its own.

use std::time::Duration;

use super::{Deadline, Fault, Manners, Outcome, Target, bring_up, end, hold, note, wrapped_of};
use crate::agent::FaultKind;
use crate::agent::stop::stop_times;
use crate::agent::turn::StartTurn;
use crate::backend::command::{Marked, run as run_command};
use crate::backend::own;
use crate::control::{Pause, Request, State};
use crate::linux::wait::Waiting;
use crate::observe::observe;
use crate::site::Definition;
use crate::values::Moment;

/// Stops the processes under a supervisor that stays, or puts one of ours in its place.
pub(crate) fn pause(
    target: &Target,
    definition: &Definition,
    why: &Pause,
    deadline: &Deadline,
) -> Result<(), Fault> {
    let wrapped = wrapped_of(definition)?;
    let times = stop_times(deadline, &target.site);
    let seen = observe(&target.site, deadline.begun, times.until)?;
    let runs = match seen.state {
        State::Maintenance => return Ok(()),
        State::Running | State::Degraded => true,
        _ => false,
    };
    if !runs {
        return Err(Fault::failed(format!(
            "the site `{}` is {}, so it has no supervisor to pause it; start it with: siteward \
             start {}",
            target.name, seen.state, target.name
        )));
    }
    let Some(command) = &wrapped.pause else {
        let turn = StartTurn::take(target, deadline.begun, times.until)?;
        end(target, &times, Manners::Polite)?;
        turn.check()?;
        return hold(target, definition, why, times.until).map(drop);
    };
    note(target, |record| record.paused = Some(why.clone()));
    order(target, definition, command, times.polite_until)?;
    until_state(target, definition, State::Maintenance, times.until)
}

/// Starts the processes again, under the supervisor that stayed, or in place of ours.
pub(crate) fn resume(
    target: &Target,
    definition: &Definition,
    deadline: &Deadline,
) -> Result<Outcome, Fault> {
    let wrapped = wrapped_of(definition)?;
    let times = deadline.for_start(definition);
    let in_our_hands = own::glance(&target.site, &Request::Look, times.until).is_some();
    if in_our_hands {
        let turn = StartTurn::take(target, deadline.begun, times.until)?;
        let request = Request::Stop { polite_until: times.until, by: target.caller.to_owned() };
        own::ask(&target.site, &request, times.until);
        own::wait_for_end(&target.site, times.until);
        turn.check()?;
        return bring_up(target, definition, wrapped, deadline.begun, times, turn);
    }
    let seen = observe(&target.site, deadline.begun, times.until)?;
    match (seen.state, &wrapped.resume) {
        (State::Running | State::Degraded, _) => {}
        (State::Maintenance | State::Starting, Some(command)) => {
            order(target, definition, command, times.until)?;
            until_state(target, definition, State::Running, times.until)?;
            note(target, |record| record.paused = None);
        }
        (state, _) => {
            return Err(Fault::failed(format!(
                "the site `{}` is {state}, and cannot be resumed; start it with: siteward start {}",
                target.name, target.name
            )));
        }
    }
    Ok(Outcome::Done(format!("the site `{}` is running", target.name)))
}

fn order(
    target: &Target,
    definition: &Definition,
    words: &[String],
    until: Moment,
) -> Result<(), Fault> {
    let refused =
        |why: String| Fault::new(FaultKind::Failed, format!("`{}` {why}", words.join(" ")));
    let ran = run_command(words, definition, &target.site, Marked::Yes, until).map_err(refused)?;
    // What it says of itself is not what counts; what comes of it is.
    if let Some(why) = ran.complaint() {
        log::warn!("`{}` {why}", words.join(" "));
    }
    Ok(())
}

fn until_state(
    target: &Target,
    definition: &Definition,
    wanted: State,
    until: Moment,
) -> Result<(), Fault> {
    let mut pace = Duration::from_millis(50);
    loop {
        let seen = observe(&target.site, Moment::now(), until)?;
        if seen.state == wanted {
            return Ok(());
        }
        if until.passed() {
            return Err(Fault::failed(format!(
                "the site `{}` is not {wanted} in time, but {}: {}",
                target.name,
                seen.state,
                seen.why.unwrap_or_default()
            )));
        }
        Waiting::<()>::new().wait(Some((Moment::now() + pace).min(until)));
        pace = (pace * 2).min(definition.countsleep);
    }
}
