//! Ends siteward's supervisor and the processes that it left.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

use super::{ask, wait_for_end};
use crate::backend::orders::StopTimes;
use crate::control::{Client, ClientError, Reply, Request};
use crate::history::By;
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

/// Tells the supervisor to stop the site, and kills it if it has not done so in time. True: there was one.
/// `forcekill`: the time between TERM and KILL.
///
/// # Errors
/// See [`NotEnded`].
pub fn stop(
    places: &SitePlaces,
    record: Option<&Record>,
    times: &StopTimes,
    forcekill: Duration,
    by: &By,
) -> Result<bool, NotEnded> {
    // `phase` marks an external supervisor, which has no socket; the record of its placeholder has none.
    if record.is_some_and(|record| record.phase.is_some()) {
        return Ok(false);
    }
    if let Some(record) = record {
        continue_suspended(&record.supervisor);
    }
    match ask_to_stop(places, times, forcekill, by)? {
        StopOutcome::NoSupervisor => Ok(false),
        StopOutcome::Stopped => Ok(true),
        StopOutcome::NotStopped => {
            let name = places.name().map_or_else(String::new, |name| name.to_string());
            log::warn!("the supervisor of `{name}` has not stopped it in its time; it is killed");
            match times.kill_at.passed() {
                // Everything gets KILL now.
                true => kill(places, times.until)?,
                // The processes still have time for a graceful stop.
                false => kill_supervisor(places, times.until)?,
            };
            Ok(true)
        }
    }
}

/// Kills the supervisor, and every process in the site's control groups. True: there was one.
///
/// # Errors
/// See [`NotEnded`].
pub fn kill(places: &SitePlaces, until: Moment) -> Result<bool, NotEnded> {
    // The supervisor first, so that it starts nothing more. It dies while the groups are killed.
    let supervisor = send_kill(places)?;
    let had_group = kill_groups(places).unwrap_or_else(|error| {
        // Not an error yet: the processes are searched for again before the stop is proved.
        log::warn!("the control groups below {} cannot be read: {error}", places.runtime.display());
        false
    });
    if let Some(handle) = &supervisor {
        wait_for_death(handle, until);
    }
    Ok(kill_supervisor(places, until)? || supervisor.is_some() || had_group)
}

/// The outcome of a stop order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopOutcome {
    NoSupervisor,
    Stopped,
    /// The supervisor runs, and has not stopped the site in time.
    NotStopped,
}

/// Asks the supervisor to stop the site, and waits until it has, or until it is time to kill.
fn ask_to_stop(
    places: &SitePlaces,
    times: &StopTimes,
    forcekill: Duration,
    by: &By,
) -> Result<StopOutcome, NotEnded> {
    // With enough time, the supervisor sends KILL itself and proves the result.
    let supervisor_kills = times.graceful_until + forcekill <= times.kill_at;
    let own_proof = if supervisor_kills { Duration::from_millis(500) } else { Duration::ZERO };
    let stop_by = times.kill_at + own_proof;
    // An order is acknowledged in milliseconds, on a very busy machine in seconds.
    let graceful = Moment::now().until(times.graceful_until);
    let patience = (graceful / 2).clamp(Duration::from_secs(1), Duration::from_secs(30));
    let answer_by = (Moment::now() + patience).min(stop_by);
    let request = stop_request(times.graceful_until, by);
    let mut asked = StopOutcome::NoSupervisor;
    loop {
        let talk = || -> Result<Reply, ClientError> {
            let mut client = Client::connect(&places.socket(), answer_by)?;
            client.send(&request, answer_by)?;
            match client.receive(answer_by)? {
                Reply::Heard => client.receive(stop_by),
                reply => Ok(reply),
            }
        };
        match talk() {
            // The order is repeated while there is time.
            Ok(Reply::Refused { why } | Reply::Busy { why }) => {
                log::info!("the supervisor does not take the order: {why}");
            }
            Ok(_) => asked = StopOutcome::Stopped,
            Err(ClientError::Denied(error)) => return Err(NotEnded::Denied(error)),
            Err(_) => {}
        }
        let held = lock::is_held(&places.lock()).unwrap_or(true);
        let record = Record::read(places).ok().flatten();
        // A supervisor that cannot be observed does not count as gone.
        if !held && !record.is_some_and(|r| r.supervisor.lives().unwrap_or(true)) {
            return Ok(asked);
        }
        let limit = if asked == StopOutcome::Stopped { stop_by } else { answer_by };
        if limit.passed() {
            return Ok(StopOutcome::NotStopped);
        }
        wait_for_end(places, limit.min(Moment::now() + Duration::from_millis(20)));
    }
}

/// Kills the supervisor, and waits until it is gone. One that has just started is killed once the record
/// names it. True: there was one.
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

/// Sends KILL to the supervisor. Returns a handle to wait for its death.
fn send_kill(places: &SitePlaces) -> Result<Option<PidFd>, NotEnded> {
    // For an external supervisor, the record names only the verb that started it.
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

fn stop_request(polite_until: Moment, by: &By) -> Request {
    Request::Stop { polite_until, by: by.caller.clone(), order: Some(by.clone()) }
}

/// Ends the placeholder of an external supervisor.
pub fn end_placeholder(places: &SitePlaces, by: &By, until: Moment) {
    ask(places, &stop_request(until, by), until);
    wait_for_end(places, until);
}

/// Continues a supervisor that was suspended by a signal or a debugger.
fn continue_suspended(supervisor: &Identity) {
    if supervisor.stat().is_some_and(|stat| stat.is_stopped())
        && let Some(handle) = supervisor.open()
    {
        log::warn!("the supervisor {} was stopped by a signal; it is let go on", supervisor.pid);
        let _ = handle.send(Signal::CONT);
    }
}

/// Stops the recorded processes in reverse order, each with the stop signal and the grace period of the
/// definition. A database without a supervisor thus still has a graceful stop.
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
