//! siteward's own supervisor, addressed through its control socket.
//!
//! Promises: an answer by the deadline. Must never: report a supervisor as absent while one holds the site's
//! lock.

mod launch;
mod stop;

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

use super::orders::{Boot, Cut, NotDone};
use crate::control::{Client, ClientError, Failure, ProcessView, Reply, Request, State, View};
use crate::linux::lock;
use crate::linux::wait::Waiting;
use crate::process::Record;
use crate::site::{SitePlaces, duration};
use crate::values::Moment;

pub use launch::{be_launched, say_on_handover};
pub(super) use launch::{launch, run};
pub(super) use stop::stop_in_order;
pub use stop::{NotEnded, end_placeholder, kill, stop};

/// The outcome of a request.
#[derive(Debug)]
pub enum Asked {
    Answered(Reply),
    /// There is a supervisor, and it did not answer by the deadline.
    Silent,
    /// There is none.
    Nobody,
    /// It is another user's.
    Denied(io::Error),
}

/// Sends a request to the supervisor of a site, and repeats it until `deadline` while there is one.
pub fn ask(places: &SitePlaces, request: &Request, deadline: Moment) -> Asked {
    loop {
        let answer = Client::connect(&places.socket(), deadline)
            .and_then(|mut client| client.ask(request, deadline));
        match answer {
            // Repeated: another client may have left by then.
            Ok(Reply::Busy { why }) => log::debug!("the supervisor is busy: {why}"),
            Ok(reply) => return Asked::Answered(reply),
            Err(ClientError::Denied(error)) => return Asked::Denied(error),
            Err(_) => {}
        }
        // A supervisor that is starting or ending holds its lock, and does not answer on its socket.
        match lock::is_held(&places.lock()) {
            Ok(false) => return Asked::Nobody,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Asked::Denied(error);
            }
            Ok(true) | Err(_) => {}
        }
        if deadline.passed() {
            return Asked::Silent;
        }
        wait_for_end(places, deadline.min(Moment::now() + Duration::from_millis(20)));
    }
}

/// Asks once for the current view ([`Request::Look`]) or the next change ([`Request::Hold`]). None: there was
/// no answer.
pub fn glance(places: &SitePlaces, request: &Request, deadline: Moment) -> Option<View> {
    let mut client = Client::connect(&places.socket(), deadline).ok()?;
    match client.ask(request, deadline).ok()? {
        Reply::Done(view) => Some(*view),
        Reply::Heard
        | Reply::Failed(_)
        | Reply::Overtaken { .. }
        | Reply::Refused { .. }
        | Reply::Busy { .. }
        | Reply::Details(_) => None,
    }
}

/// Gives an order, and waits until it is carried out.
///
/// # Errors
/// See [`NotDone`].
pub(super) fn order(
    places: &SitePlaces,
    request: &Request,
    until: Moment,
) -> Result<Box<View>, NotDone> {
    outcome(ask(places, request, until))
}

fn outcome(asked: Asked) -> Result<Box<View>, NotDone> {
    Err(match asked {
        Asked::Answered(Reply::Done(view)) => return Ok(view),
        Asked::Answered(Reply::Failed(failure)) => NotDone::Failed(failure),
        Asked::Answered(Reply::Overtaken { by }) => NotDone::Overtaken(by),
        Asked::Answered(Reply::Refused { why }) => NotDone::Refused(why),
        Asked::Answered(Reply::Heard | Reply::Busy { .. } | Reply::Details(_)) | Asked::Silent => {
            NotDone::NotInTime { why: "its supervisor does not answer".to_owned(), details: vec![] }
        }
        Asked::Nobody => NotDone::Nobody,
        Asked::Denied(error) => NotDone::Denied(error),
    })
}

/// The longest wait for an answer: after it, an interruption that no descriptor reports is looked for.
const SLICE: Duration = Duration::from_secs(2);

/// How long a supervisor has to say how it is.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until the site is up, at most until `until`.
///
/// # Errors
/// See [`NotDone`].
pub(super) fn await_up(
    places: &SitePlaces,
    boot: &Boot,
    until: Moment,
    cut: Cut<'_>,
) -> Result<Box<View>, NotDone> {
    loop {
        let slice = until.min(Moment::now() + SLICE);
        match ask_or_cut(places, &Request::AwaitUp, slice, cut) {
            None => return Err(NotDone::Interrupted),
            Some(Asked::Silent) if !until.passed() => {}
            Some(Asked::Silent) => {
                let why = match ask(places, &Request::Look, Moment::now() + LOOK) {
                    Asked::Answered(Reply::Done(view)) => why_not_up(&view, boot.time),
                    Asked::Nobody => return Err(NotDone::Nobody),
                    Asked::Answered(_) | Asked::Silent | Asked::Denied(_) => {
                        match recorded_failure(places) {
                            Some(failure) => return Err(NotDone::Failed(Box::new(failure))),
                            None => "its supervisor does not answer".to_owned(),
                        }
                    }
                };
                return Err(NotDone::NotInTime { why, details: Vec::new() });
            }
            Some(asked) => return outcome(asked),
        }
    }
}

/// The failure for which the living supervisor ends the site: it is in the record before anything is stopped for it.
fn recorded_failure(places: &SitePlaces) -> Option<Failure> {
    let record = Record::read(places).ok().flatten()?;
    record.supervisor.open()?;
    record.failure().cloned()
}

/// Why a site is not up after `time`, for the end of a sentence.
fn why_not_up(view: &View, time: Duration) -> String {
    match &view.failure {
        Some(failure) => failure.reason.clone(),
        None => format!("it was not up within {}: {}", duration::say(time), waited_for(view)),
    }
}

/// What keeps a site from being up, for the end of a sentence.
fn waited_for(view: &View) -> String {
    if let Some(failure) = &view.failure {
        return format!("{}; it is stopped again", failure.reason);
    }
    let waits = |process: &&ProcessView| !process.up && process.essential;
    let words: Vec<String> = view
        .processes
        .iter()
        .filter(waits)
        .map(|p| match &p.detail {
            Some(detail) => format!("`{}` is {} ({detail})", p.name, p.doing),
            None => format!("`{}` is {}", p.name, p.doing),
        })
        .collect();
    match words.is_empty() {
        true => format!("it is {}", view.state),
        false => words.join("; "),
    }
}

/// How long an answer is waited for before a stop order, or a signal, is looked out for: to end that takes the kernel up
/// to 17 ms (see [`Cut::fd`]). The supervisor is told of an order to stop, too.
const SOON: Duration = Duration::from_millis(300);

/// As [`ask`], for a request that takes long. None: the wait was interrupted.
fn ask_or_cut(
    places: &SitePlaces,
    request: &Request,
    deadline: Moment,
    cut: Cut<'_>,
) -> Option<Asked> {
    if let Ok(mut client) = Client::connect(&places.socket(), deadline)
        && client.send(request, deadline).is_ok()
    {
        let mut soon = Some(Moment::now() + SOON);
        loop {
            if !client.has_answer() {
                let mut waiting = Waiting::new();
                waiting.readable(client.as_fd(), false);
                if soon.is_none() {
                    waiting.readable((cut.fd)(), true);
                }
                let come = waiting.wait(Some(soon.unwrap_or(deadline).min(deadline)));
                if come.contains(&true) || (cut.is_cut)() {
                    return None;
                }
                if come.is_empty() && soon.take().is_some() {
                    continue;
                }
            }
            match client.receive(deadline) {
                Ok(Reply::Heard) => {}
                Ok(Reply::Busy { .. }) | Err(_) => break,
                Ok(reply) => return Some(Asked::Answered(reply)),
            }
        }
        if deadline.passed() {
            return Some(Asked::Silent);
        }
    }
    // The supervisor is busy, starting, ending or absent.
    Some(ask(places, request, deadline))
}

/// The view of a site that is up at this moment, where siteward's supervisor answers so. A site whose
/// essential processes are all ready is up, though its start waits for `settle`.
pub fn up_now(places: &SitePlaces) -> Option<View> {
    let view = glance(places, &Request::Look, Moment::now() + LOOK)?;
    let is_ready = !view.processes.is_empty()
        && view.processes.iter().all(|process| process.up || !process.essential);
    let is_up = match view.state {
        State::Running | State::Degraded | State::Maintenance => true,
        State::Starting => is_ready,
        State::Stopped
        | State::StoppingOrdered
        | State::StoppingFailed
        | State::Failed
        | State::FailedWithSurvivors
        | State::Unsupervised
        | State::Unknown => false,
    };
    is_up.then_some(view)
}

/// Waits until no supervisor holds the site's lock and the one in the record is gone, or until
/// `deadline`.
pub fn wait_for_end(places: &SitePlaces, deadline: Moment) {
    loop {
        let handle = Record::read(places).ok().flatten().and_then(|r| r.supervisor.open());
        let held = lock::is_held(&places.lock()).unwrap_or(false);
        if (handle.is_none() && !held) || deadline.passed() {
            return;
        }
        // The record may name an earlier supervisor, so the lock is polled as well.
        let soon = Moment::now() + Duration::from_millis(20);
        let mut waiting = Waiting::new();
        if let Some(handle) = &handle {
            waiting.readable(handle.as_fd(), ());
        }
        waiting.wait(Some(if handle.is_some() { deadline } else { soon.min(deadline) }));
    }
}
