//! A resident monitor: it ends when the site is no longer healthy. For managers that watch a process (a
//! Serviceguard service beside an external_script, genw's resident mode). The death of a process is
//! reported at once.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use super::{Deadline, Fault, Outcome, Target};
use crate::backend::own::{self, Asked};
use crate::control::{Reply, Request};
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::messages;
use crate::observe::{Observation, Wrapping, observe};
use crate::process::Identity;
use crate::values::{Moment, Signal};

/// The longest time that siteward's supervisor holds back an answer.
const HELD: Duration = Duration::from_secs(20);
/// The interval of observations of an external supervisor, or of a site in maintenance.
const PACE: Duration = Duration::from_secs(5);

/// A supervisor distinguishes held monitors by interval and level; no manager uses this level.
const OUR_SERIES: u32 = 99;

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
                Ok(seen) if seen.state.is_well() => wait_for_change(target, &seen, flag, &inbox),
                Ok(seen) => {
                    let why = seen.why.map_or_else(String::new, |w| format!(": {w}"));
                    return messages::not_well(name, format!("{}{why}", seen.state)).into();
                }
                Err(denied) => return Fault::from(denied).into(),
            }
        } else {
            pause(&inbox, PACE / 5);
        }
        while let Some(signal) = inbox.next() {
            if signal == Signal::TERM || signal == Signal::INT {
                return Outcome::Done(format!("the site `{name}` is no longer watched"));
            }
        }
    }
}

/// Waits until the supervisor reports a change or dies, a signal arrives, or the interval is over.
fn wait_for_change(target: &Target, seen: &Observation, flag: Option<&Path>, inbox: &Inbox) {
    if seen.wrapped.is_none() {
        // Short, so that a new flag or a signal is noticed soon.
        let long = if flag.is_some() { PACE / 5 } else { HELD };
        let until = Moment::now() + long.min(PACE);
        let interval = Duration::from_secs(1);
        let hold = Request::Hold { interval, level: OUR_SERIES, until };
        if let Asked::Answered(Reply::Done(view)) = own::ask(&target.site, &hold, until + interval)
            && view.state == seen.state
            && !until.passed()
        {
            // The first request of a series is answered at once; the next one is held.
            pause(inbox, Duration::from_millis(50));
        }
        return;
    }
    let supervisors = seen.wrapped.iter().flat_map(Wrapping::living);
    // One that has ended since it was seen is looked at, at once.
    let handles: Option<Vec<_>> = supervisors.map(Identity::open).collect();
    let Some(handles) = handles else { return };
    let mut waiting = Waiting::new();
    for handle in &handles {
        waiting.readable(handle.as_fd(), ());
    }
    waiting.readable(inbox.as_fd(), ());
    waiting.wait(Some(Moment::now() + PACE));
}

fn pause(inbox: &Inbox, time: Duration) {
    let mut waiting = Waiting::new();
    waiting.readable(inbox.as_fd(), ());
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
        pause(&inbox, PACE / 5);
        if inbox.next().is_some() {
            let name = &target.name;
            return Outcome::Done(format!("the site `{name}` had failed; its run has ended"));
        }
    }
    outcome
}
