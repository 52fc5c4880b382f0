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

/// The interval at which one is observed of which only a failure is to be told.
const RARE_PACE: Duration = Duration::from_secs(60);
/// The interval of looks for the file of a maintenance: short, so that a new flag or a signal is noticed soon.
const FLAG_PACE: Duration = Duration::from_secs(1);

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
    let pace = WatchPace { own: HELD, wrapped: RARE_PACE, level: OF_FAILURE };
    let mut is_told = false;
    while !interrupts.is_cut() {
        let now = Moment::now();
        let seen = observe(&target.site, now, now + crate::observe::PATIENCE);
        let seen = seen.map_err(|denied| denied.0.to_string())?;
        let told = Telling::of(seen.state, || interrupts.is_cut());
        match told {
            Telling::Well => {
                is_told = false;
                wait_for_change(target, &seen, &pace, interrupts.fd());
                continue;
            }
            Telling::Ended => break,
            Telling::Failing | Telling::Failed => {}
        }
        if !is_told {
            tell();
        }
        is_told = true;
        if told == Telling::Failed {
            break;
        }
        pause(interrupts.fd(), PACE);
    }
    Ok(())
}

/// What a state means to one who is told of failures.
#[derive(Debug, PartialEq, Eq)]
enum Telling {
    Well,
    /// By an order: there is nothing to tell.
    Ended,
    /// It is told, and the site may be well again.
    Failing,
    /// It is told, and nothing of the site is up any more.
    Failed,
}

impl Telling {
    /// `is_cut`: its order may have come since.
    fn of(state: State, is_cut: impl FnOnce() -> bool) -> Self {
        match state {
            state if state.is_well() => Self::Well,
            State::Stopped | State::StoppingOrdered => Self::Ended,
            _ if is_cut() => Self::Ended,
            State::Failed => Self::Failed,
            _ => Self::Failing,
        }
    }
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
                    let own = if flag.is_some() { FLAG_PACE } else { PACE };
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
            pause(inbox.as_fd(), FLAG_PACE);
        }
        if inbox.next().is_some() {
            return Outcome::Done(format!("the site `{name}` is no longer watched"));
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
    let (Some(flag), Outcome::Fault(fault)) = (flag, &outcome) else { return outcome };
    let Ok(inbox) = Inbox::new(&[Signal::TERM, Signal::INT]) else { return outcome };
    let mut untold = Some(fault);
    while flag.exists() {
        if let Some(fault) = untold.take() {
            log::warn!("maintenance mode, as {} is there: {fault}", flag.display());
        }
        pause(inbox.as_fd(), FLAG_PACE);
        if inbox.next().is_some() {
            let name = &target.name;
            return Outcome::Done(format!("the site `{name}` had failed; its run has ended"));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{Site, failure, record};
    use crate::process::{Ending, Record};

    #[test]
    fn a_failure_is_told_unless_a_stop_was_ordered() {
        for (state, told, told_if_cut) in [
            (State::Running, Telling::Well, Telling::Well),
            (State::Degraded, Telling::Well, Telling::Well),
            (State::Starting, Telling::Well, Telling::Well),
            (State::Maintenance, Telling::Well, Telling::Well),
            (State::Stopped, Telling::Ended, Telling::Ended),
            (State::StoppingOrdered, Telling::Ended, Telling::Ended),
            (State::StoppingFailed, Telling::Failing, Telling::Ended),
            (State::FailedWithSurvivors, Telling::Failing, Telling::Ended),
            (State::Unsupervised, Telling::Failing, Telling::Ended),
            (State::Unknown, Telling::Failing, Telling::Ended),
            (State::Failed, Telling::Failed, Telling::Ended),
        ] {
            assert_eq!(Telling::of(state, || false), told, "{state}");
            assert_eq!(Telling::of(state, || true), told_if_cut, "{state}, and a stop came");
        }
    }

    fn told(ending: Option<Ending>) -> u32 {
        let site = Site::new();
        Record { ending, ..record() }.write(&site.places).unwrap();
        let target = site.target();
        let mut told = 0;
        tell_failures(&target, Moment::now(), || told += 1).unwrap();
        told
    }

    #[test]
    fn a_site_that_failed_is_told_once_and_one_that_was_stopped_is_not() {
        assert_eq!(told(Some(Ending::Failed(failure("it fell")))), 1);
        let (at, by) = (crate::linux::clock::WallTime::now(), "a person".to_owned());
        assert_eq!(told(Some(Ending::Stopped { at, by, proved_by: Vec::new() })), 0);
    }

    #[test]
    fn a_run_that_fails_without_a_flag_ends_at_once() {
        let site = Site::new();
        let deadline = Deadline { begun: Moment::now(), given: Some(Duration::from_secs(10)) };
        for flag in [None, Some(site.folder().join("flag"))] {
            let outcome = run_until_unflagged(&site.target(), flag.as_deref(), &deadline);
            assert!(matches!(outcome, Outcome::Fault(_)), "{outcome:?}");
        }
    }
}
