//! A wrapped supervisor in the foreground: its end is ours, and SIGTERM is an ordered stop.

use std::os::fd::AsFd;

use super::super::stop::stop_times;
use super::{
    Awaiting, Deadline, Fault, Identity, Manners, Outcome, Target, begin, clear_the_way, end,
    wrapped_of,
};
use crate::agent::turn::{StartTurn, is_overtaken};
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::site::load;
use crate::values::{Moment, Signal};

/// Runs the site until it ends or until it is told to end it.
pub(crate) fn run(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    let name = &target.name;
    // The caller's folder must not be busy as long as the site runs.
    std::env::set_current_dir("/")
        .map_err(|e| Fault::failed(format!("/ cannot be entered: {e}")))?;
    let definition = load(&target.places, name).map_err(Fault::from)?;
    let wrapped = wrapped_of(&definition)?;
    if wrapped.detached {
        return Err(Fault::failed(format!(
            "the supervisor of `{name}` does not stay (monitored: false), so nothing could be \
             watched in the foreground; use start and stop"
        )));
    }
    let times = deadline.for_start(&definition);
    let turn = StartTurn::take(target, deadline.begun, times.until)?;
    if clear_the_way(target, deadline, times.until, &turn)?.is_some() {
        return Err(Fault::failed(format!(
            "the site `{name}` is up already; stop it first with: siteward stop {name}"
        )));
    }
    // Signals first: a TERM that comes now is an order to stop, not the end of us.
    let inbox = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP, Signal::CHLD])
        .map_err(|e| Fault::failed(format!("signals cannot be received: {e}")))?;
    let started = begin(target, &definition, wrapped, deadline.begun, times, &turn)?;
    drop(turn);
    let pid = started.child.pid;
    let known = Identity::of(pid);
    let mut awaiting = Awaiting::new(target, &definition, wrapped, deadline.begun, times);
    awaiting.known = known.clone();
    awaiting.started = Some(started);
    let up_since = Moment::now();
    let up = awaiting.finish()?;
    if let Outcome::Done(words) = &up {
        log::info!("{words}");
    }
    // A stop, by whomever, ends the supervisor; so does its own failure.
    let mut told = false;
    loop {
        let Some(handle) = known.as_ref().and_then(Identity::open) else { break };
        let mut waiting = Waiting::new();
        waiting.readable(handle.as_fd(), ());
        waiting.readable(inbox.as_fd(), ());
        waiting.wait(None);
        while let Some(signal) = inbox.next() {
            told |= signal == Signal::TERM || signal == Signal::INT;
        }
        if told {
            break;
        }
    }
    let ordered = is_overtaken(&target.site, up_since);
    let begun = Deadline { begun: Moment::now(), given: None };
    end(target, &stop_times(&begun, &target.site), Manners::Polite)?;
    if told {
        return Ok(Outcome::Done(format!("the site `{name}` is stopped")));
    }
    if ordered {
        return Ok(Outcome::Done(format!("the site `{name}` was stopped by another verb")));
    }
    Err(Fault::failed(format!("the supervisor of the site `{name}` ended, and with it the site")))
}
