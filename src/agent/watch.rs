//! A resident monitor: it ends when the site is no longer healthy. For managers that watch a process (a
//! Serviceguard service beside an external_script, genw's resident mode). The death of a process is
//! reported at once.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use super::{Deadline, Fault, Outcome, Target};
use crate::backend::own::{self, Asked};
use crate::control::{Reply, Request, State};
use crate::hold::Interrupts;
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::messages;
use crate::observe::{Observation, Wrapping, observe};
use crate::process::wait_for_an_end;
use crate::values::{Moment, Signal};

/// The longest time that siteward's own supervisor holds back an answer.
const HELD: Duration = Duration::from_secs(20);
/// The interval of observations of an external supervisor, or of a site in maintenance.
const PACE: Duration = Duration::from_secs(5);

/// A supervisor distinguishes held monitors by interval and level; no manager uses these levels.
const OUR_SERIES: u32 = 99;
const OF_FAILURE: u32 = 98;

/// How long a change is waited for before the site is looked at again.
struct WatchPace {
    /// With siteward's supervisor, which tells each change.
    own: Duration,
    /// With another one, whose list is a command that is run.
    wrapped: Duration,
    level: u32,
}

/// Waits for what no manager is told by its own question: until the site has failed, calls `tell` for that, and goes on
/// when the site is well again. Ends when a stop is ordered after `begun`, or when nothing of the site is up.
///
/// # Errors
/// The site cannot be watched; a sentence.
pub fn tell_failures(target: &Target, begun: Moment, mut tell: impl FnMut()) -> Result<(), String> {
    let interrupts = Interrupts::first(&target.site, begun).map_err(|e| e.to_string())?;
    interrupts.watch_orders();
    let pace = WatchPace { own: HELD, wrapped: PACE * 12, level: OF_FAILURE };
    let mut is_told = false;
    while !interrupts.is_cut() {
        let now = Moment::now();
        let seen = observe(&target.site, now, now + crate::observe::PATIENCE);
        let seen = seen.map_err(|denied| denied.0.to_string())?;
        if seen.state.is_well() {
            is_told = false;
            wait_for_change(target, &seen, &pace, interrupts.fd());
            continue;
        }
        // Its order may have come since.
        if matches!(seen.state, State::Stopped | State::StoppingOrdered) || interrupts.is_cut() {
            break;
        }
        if !is_told {
            tell();
        }
        is_told = true;
        if seen.state == State::Failed {
            break;
        }
        pause(interrupts.fd(), PACE);
    }
    Ok(())
}

/// Watches until the site is not healthy, or until SIGTERM. While the file `flag` exists, its state is
/// ignored: the maintenance convention of Serviceguard's toolkits.
pub fn watch(target: &Target, flag: Option<&Path>, deadline: &Deadline) -> Outcome {
    let inbox = match Inbox::new(&[Signal::TERM, Signal::INT]) {
        Ok(inbox) => inbox,
        Err(error) => return messages::signals_unreceivable(error).into(),
    };
    let name = &target.name;
    let patience = deadline.given.unwrap_or(crate::observe::PATIENCE);
    let mut in_maintenance = false;
    loop {
        let flagged = flag.is_some_and(Path::exists);
        if flagged != in_maintenance {
            in_maintenance = flagged;
            let word = if flagged { "entering" } else { "leaving" };
            log::warn!("{word} maintenance mode: the site `{name}` is not watched meanwhile");
        }
        if !flagged {
            let now = Moment::now();
            match observe(&target.site, now, now + patience) {
                Ok(seen) if seen.state.is_well() => {
                    // Short, so that a new flag or a signal is noticed soon.
                    let own = if flag.is_some() { PACE / 5 } else { PACE };
                    let pace = WatchPace { own, wrapped: PACE, level: OUR_SERIES };
                    wait_for_change(target, &seen, &pace, inbox.as_fd());
                }
                Ok(seen) => {
                    let why = seen.why.map_or_else(String::new, |w| format!(": {w}"));
                    return messages::not_well(name, format!("{}{why}", seen.state)).into();
                }
                Err(denied) => return Fault::from(denied).into(),
            }
        } else {
            pause(inbox.as_fd(), PACE / 5);
        }
        while let Some(signal) = inbox.next() {
            if signal == Signal::TERM || signal == Signal::INT {
                return Outcome::Done(format!("the site `{name}` is no longer watched"));
            }
        }
    }
}

/// Waits until the supervisor reports a change or dies, `cut` is readable, or the pace says so.
fn wait_for_change(target: &Target, seen: &Observation, pace: &WatchPace, cut: BorrowedFd<'_>) {
    if seen.wrapped.is_none() {
        let until = Moment::now() + pace.own;
        let interval = Duration::from_secs(1);
        let hold = Request::Hold { interval, level: pace.level, until };
        if let Asked::Answered(Reply::Done(view)) = own::ask(&target.site, &hold, until + interval)
            && view.state == seen.state
            && !until.passed()
        {
            // The first request of a series is answered at once; the next one is held.
            pause(cut, Duration::from_millis(50));
        }
        return;
    }
    let watched = seen.wrapped.iter().flat_map(Wrapping::watched);
    wait_for_an_end(watched, Some(cut), Moment::now() + pace.wrapped);
}

fn pause(cut: BorrowedFd<'_>, time: Duration) {
    let mut waiting = Waiting::new();
    waiting.readable(cut, ());
    waiting.wait(Some(Moment::now() + time));
}

/// As [`super::run`]; but if the site fails while the file `flag` exists, the verb ends only when the file
/// is removed: the maintenance convention of Serviceguard's toolkits.
pub fn run_until_unflagged(target: &Target, flag: Option<&Path>, deadline: &Deadline) -> Outcome {
    let outcome = super::run(target, deadline);
    let Some(flag) = flag.filter(|_| matches!(outcome, Outcome::Fault(_))) else { return outcome };
    let Ok(inbox) = Inbox::new(&[Signal::TERM, Signal::INT]) else { return outcome };
    let mut said = false;
    while flag.exists() {
        if !said && let Outcome::Fault(fault) = &outcome {
            log::warn!("maintenance mode, as {} is there: {fault}", flag.display());
            said = true;
        }
        pause(inbox.as_fd(), PACE / 5);
        if inbox.next().is_some() {
            let name = &target.name;
            return Outcome::Done(format!("the site `{name}` had failed; its run has ended"));
        }
    }
    outcome
}
