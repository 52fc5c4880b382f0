//! Ending a supervisor of ours, and what it left.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

use super::{ask, wait_for_end};
use crate::backend::orders::StopTimes;
use crate::control::{Client, ClientError, Reply, Request};
use crate::linux::wait::Waiting;
use crate::linux::{PidFd, lock};
use crate::process::{Identity, Record, kill_groups};
use crate::site::{Definition, SitePlaces};
use crate::values::{Moment, Signal};

/// Why a supervisor was not ended.
#[derive(Debug)]
pub enum NotEnded {
    /// It is another user's.
    Denied(io::Error),
    NotKilled(io::Error),
}

/// Has the supervisor stop the site in order, and kills it where it has not done so in its time. Says
/// whether there was one. `forcekill`: from TERM to KILL.
///
/// # Errors
/// See [`NotEnded`].
pub fn stop(
    places: &SitePlaces,
    record: Option<&Record>,
    times: &StopTimes,
    forcekill: Duration,
    by: &str,
) -> Result<bool, NotEnded> {
    // A supervisor that is not ours has no socket, and what stands in its place has a record of its own.
    if record.is_some_and(|record| record.phase.is_some()) {
        return Ok(false);
    }
    if let Some(record) = record {
        wake(&record.supervisor);
    }
    match ask_to_stop(places, times, forcekill, by)? {
        Heeded::Nobody => Ok(false),
        Heeded::Stopped => Ok(true),
        Heeded::Deaf => {
            let name = places.name().map_or_else(String::new, |name| name.to_string());
            log::warn!("the supervisor of `{name}` has not stopped it in its time; it is killed");
            match times.kill_at.passed() {
                // Everything gets KILL now.
                true => kill(places, times.until)?,
                // What it leaves has its time yet.
                false => kill_supervisor(places, times.until)?,
            };
            Ok(true)
        }
    }
}

/// Kills the supervisor, and the site's control groups as a whole. Says whether there was anything.
///
/// # Errors
/// See [`NotEnded`].
pub fn kill(places: &SitePlaces, until: Moment) -> Result<bool, NotEnded> {
    // Once it has its KILL it starts nothing more, and it dies while the rest is killed.
    let supervisor = send_kill(places)?;
    let had_group = kill_groups(places).unwrap_or_else(|error| {
        // What lives is looked for again, and without an answer nothing is proved.
        log::warn!("the control groups below {} cannot be read: {error}", places.runtime.display());
        false
    });
    if let Some(handle) = &supervisor {
        wait_for_death(handle, until);
    }
    Ok(kill_supervisor(places, until)? || supervisor.is_some() || had_group)
}

/// How a supervisor took an order to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heeded {
    Nobody,
    Stopped,
    /// The supervisor is there, and does not do what it was told.
    Deaf,
}

/// Asks the supervisor to stop the site, and waits until it has, or until it is time to kill.
fn ask_to_stop(
    places: &SitePlaces,
    times: &StopTimes,
    forcekill: Duration,
    by: &str,
) -> Result<Heeded, NotEnded> {
    // The supervisor sends KILL itself where there is time for it, and proves what it did.
    let kills_itself = times.graceful_until + forcekill <= times.kill_at;
    let own_proof = if kills_itself { Duration::from_millis(500) } else { Duration::ZERO };
    let insist_at = times.kill_at + own_proof;
    // An order is heard in milliseconds; a machine that is very busy may take seconds.
    let graceful = Moment::now().until(times.graceful_until);
    let patience = (graceful / 2).clamp(Duration::from_secs(1), Duration::from_secs(30));
    let hear_by = (Moment::now() + patience).min(insist_at);
    let request = Request::Stop { polite_until: times.graceful_until, by: by.to_owned() };
    let mut asked = Heeded::Nobody;
    loop {
        let talk = || -> Result<Reply, ClientError> {
            let mut client = Client::connect(&places.socket(), hear_by)?;
            client.send(&request, hear_by)?;
            match client.receive(hear_by)? {
                Reply::Heard => client.receive(insist_at),
                reply => Ok(reply),
            }
        };
        match talk() {
            // It is told again as long as there is time.
            Ok(Reply::Refused { why } | Reply::Busy { why }) => {
                log::info!("the supervisor does not take the order: {why}");
            }
            Ok(_) => asked = Heeded::Stopped,
            Err(ClientError::Denied(error)) => return Err(NotEnded::Denied(error)),
            Err(_) => {}
        }
        let held = lock::is_held(&places.lock()).unwrap_or(true);
        let record = Record::read(places).ok().flatten();
        // One that cannot be looked at is not to be called gone.
        if !held && !record.is_some_and(|r| r.supervisor.lives().unwrap_or(true)) {
            return Ok(asked);
        }
        let limit = if asked == Heeded::Stopped { insist_at } else { hear_by };
        if limit.passed() {
            return Ok(Heeded::Deaf);
        }
        wait_for_end(places, limit.min(Moment::now() + Duration::from_millis(20)));
    }
}

/// KILL for a supervisor, and waits until it is gone. One that has just begun is waited for until its
/// record names it. Says whether there was one.
fn kill_supervisor(places: &SitePlaces, until: Moment) -> Result<bool, NotEnded> {
    let mut had_one = false;
    loop {
        if let Some(handle) = send_kill(places)? {
            had_one = true;
            wait_for_death(&handle, until);
        }
        match lock::is_held(&places.lock()) {
            Ok(false) => return Ok(had_one),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(NotEnded::Denied(error));
            }
            Ok(true) | Err(_) if until.passed() => return Ok(had_one),
            Ok(true) | Err(_) => {}
        }
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(10)));
    }
}

/// KILL for the supervisor; the handle by which its death is told.
fn send_kill(places: &SitePlaces) -> Result<Option<PidFd>, NotEnded> {
    // Of a supervisor that is not ours the record names only the verb that started it.
    let record = Record::read(places).ok().flatten().filter(|r| r.phase.is_none());
    let Some(handle) = record.as_ref().and_then(|r| r.supervisor.open()) else { return Ok(None) };
    handle.send(Signal::KILL).map_err(NotEnded::NotKilled)?;
    Ok(Some(handle))
}

fn wait_for_death(handle: &PidFd, until: Moment) {
    let mut waiting = Waiting::new();
    waiting.readable(handle.as_fd(), ());
    waiting.wait(Some(until));
}

/// Ends a supervisor of ours that is at rest in the place of another one.
pub fn end_placeholder(places: &SitePlaces, by: &str, until: Moment) {
    let request = Request::Stop { polite_until: until, by: by.to_owned() };
    ask(places, &request, until);
    wait_for_end(places, until);
}

/// Lets a supervisor that was stopped by a signal or a debugger go on.
fn wake(supervisor: &Identity) {
    if supervisor.stat().is_some_and(|stat| stat.is_stopped())
        && let Some(handle) = supervisor.open()
    {
        log::warn!("the supervisor {} was stopped by a signal; it is let go on", supervisor.pid);
        let _ = handle.send(Signal::CONT);
    }
}

/// The processes that the record names, the last one first, each with the signal and the grace of the
/// definition: a database that has lost its supervisor is stopped in its own way.
pub(crate) fn stop_in_order(
    definition: Option<&Definition>,
    record: Option<&Record>,
    until: Moment,
) {
    let (Some(definition), Some(record)) = (definition, record) else { return };
    for known in record.processes.iter().rev() {
        let base = known.name.split('@').next().unwrap_or_default();
        let process = definition.processes.iter().find(|p| p.name == base);
        let (Some(handle), Some(process)) = (known.identity.open(), process) else { continue };
        let until = until.min(Moment::now() + process.stop_grace_period);
        if until.passed() {
            return;
        }
        if handle.send(process.stop_signal).and_then(|()| handle.send(Signal::CONT)).is_ok() {
            let mut waiting = Waiting::new();
            waiting.readable(handle.as_fd(), ());
            waiting.wait(Some(until));
        }
    }
}
