//! Bringing a site down, and proving it.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::time::Duration;

use super::deadline::StopTimes;
use super::turn::StopTurn;
use super::wrapped::{self, Manners};
use super::{Deadline, Fault, Outcome, Target, holders, ownership};
use crate::backend::own;
use crate::control::{Client, ClientError, Reply, Request, State};
use crate::history;
use crate::linux::clock::WallTime;
use crate::linux::wait::Waiting;
use crate::linux::{PidFd, lock};
use crate::observe::{observe, wrapped_definition};
use crate::process::{Ending, Record, forget, proof, sweep};
use crate::site::{Definition, SitePlaces, load_snapshot};
use crate::values::{Moment, Signal};

/// The times of a stop, by the snapshot of the site.
pub(super) fn stop_times(deadline: &Deadline, places: &SitePlaces) -> StopTimes {
    let (stop, forcekill) = match snapshot(places) {
        Some(definition) => (definition.stop_timeout, definition.forcekill_time),
        None => (Duration::from_secs(300), Duration::from_secs(5)),
    };
    deadline.for_stop(stop, forcekill)
}

/// The definition that the supervisor ran; the file may be missing, wrong or newer.
fn snapshot(places: &SitePlaces) -> Option<Definition> {
    // The name does not matter to what is read from it here.
    let name = "snapshot".parse().ok()?;
    let definition = load_snapshot(&places.snapshot(), &name).ok()?;
    let adjustments = Record::read(places).ok().flatten().map(|r| r.adjustments);
    Some(definition.adjusted(&adjustments.unwrap_or_default()))
}

/// Stops the site: in order, then by TERM, then by KILL, and proves that nothing of it lives.
pub fn stop(target: &Target, deadline: &Deadline) -> Outcome {
    try_stop(target, deadline).unwrap_or_else(Outcome::Fault)
}

fn try_stop(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    let times = stop_times(deadline, &target.site);
    let turn = StopTurn::begin(target, times.until)?;
    let record = Record::read(&target.site).ok().flatten();
    let before = end_supervisor(target, record.as_ref(), &times)?;
    turn.wait_for_starts(times.until)?;
    // A start that was under way may have launched its supervisor meanwhile.
    let launched = Record::read(&target.site).ok().flatten();
    let asked = match end_supervisor(target, launched.as_ref(), &times)? {
        Supervisor::None => before,
        there => there,
    };
    let had_something = end_survivors(target, &times, Manners::Polite)?;
    free_the_disk(target, record.as_ref(), &times)?;
    let said = match (asked, had_something) {
        (Supervisor::None, false) => format!("the site `{}` is already stopped", target.name),
        (Supervisor::None | Supervisor::Stopped | Supervisor::Deaf, _) => {
            format!("the site `{}` is stopped", target.name)
        }
    };
    Ok(Outcome::Done(said))
}

/// Has the supervisor end the site, or ends the supervisor.
fn end_supervisor(
    target: &Target,
    record: Option<&Record>,
    times: &StopTimes,
) -> Result<Supervisor, Fault> {
    match record {
        // A supervisor that is not ours has no socket that could be asked; one of ours may stand in
        // its place all the same.
        Some(record) if record.phase.is_some() => return Ok(Supervisor::None),
        Some(record) => own::wake(&record.supervisor),
        None => {}
    }
    let asked = ask_to_stop(target, times)?;
    if asked == Supervisor::Deaf {
        log::warn!(
            "the supervisor of `{}` has not stopped it in its time; it is killed",
            target.name
        );
        kill_supervisor(target, times.until)?;
    }
    Ok(asked)
}

/// Where the site was not stopped before, who else holds its database is seen to.
pub(super) fn free_the_disk(
    target: &Target,
    before: Option<&Record>,
    times: &StopTimes,
) -> Result<(), Fault> {
    match before.map(|r| &r.ending) {
        None | Some(Some(Ending::Stopped { .. })) => Ok(()),
        Some(None | Some(Ending::Failed(_))) => {
            holders::see_to(target, snapshot(&target.site).as_ref(), times)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supervisor {
    None,
    Stopped,
    /// It is there, and does not do what it was told.
    Deaf,
}

/// Asks the supervisor to stop the site, and waits until it has, or until it is time to insist.
fn ask_to_stop(target: &Target, times: &StopTimes) -> Result<Supervisor, Fault> {
    let places = &target.site;
    let polite = Moment::now().until(times.polite_until);
    // An order is heard in milliseconds; a machine that is very busy may take seconds.
    let hear_by =
        Moment::now() + (polite / 2).clamp(Duration::from_secs(1), Duration::from_secs(30));
    let insist_at = times.kill_at + Duration::from_millis(500);
    let request = Request::Stop { polite_until: times.polite_until, by: target.caller.to_owned() };
    let mut known = Supervisor::None;
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
            // It has not heard it, for whatever reason: it is told again as long as there is time,
            // and then it is deaf.
            Ok(Reply::Refused { why } | Reply::Busy { why }) => {
                log::info!("the supervisor of `{}` does not take the order: {why}", target.name);
            }
            Ok(_) => known = Supervisor::Stopped,
            Err(ClientError::Denied(error)) => return Err(super::Denied(error).into()),
            Err(_) => {}
        }
        let held = lock::is_held(&places.lock()).unwrap_or(true);
        let record = Record::read(places).ok().flatten();
        // One that cannot be looked at is not to be called gone.
        if !held && !record.is_some_and(|r| r.supervisor.lives().unwrap_or(true)) {
            return Ok(known);
        }
        let limit = if known == Supervisor::Stopped { insist_at } else { hear_by };
        if limit.passed() {
            return Ok(Supervisor::Deaf);
        }
        own::wait_for_end(places, limit.min(Moment::now() + Duration::from_millis(20)));
    }
}

/// KILL for a supervisor, and waits until it is gone. One that has just begun is waited for until its
/// record names it.
pub(super) fn kill_supervisor(target: &Target, until: Moment) -> Result<(), Fault> {
    loop {
        if let Some(handle) = send_kill(target)? {
            wait_for_death(&handle, until);
        }
        match lock::is_held(&target.site.lock()) {
            Ok(false) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(super::Denied(error).into());
            }
            Ok(true) | Err(_) if until.passed() => return Ok(()),
            Ok(true) | Err(_) => {}
        }
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(10)));
    }
}

/// KILL for the supervisor; the handle by which its death is told.
pub(super) fn send_kill(target: &Target) -> Result<Option<PidFd>, Fault> {
    // Of a supervisor that is not ours the record names only the verb that started it.
    let record = Record::read(&target.site).ok().flatten().filter(|r| r.phase.is_none());
    let Some(handle) = record.as_ref().and_then(|r| r.supervisor.open()) else { return Ok(None) };
    handle.send(Signal::KILL).map_err(|error| {
        Fault::failed(format!("the supervisor of `{}` cannot be killed: {error}", target.name))
    })?;
    Ok(Some(handle))
}

pub(super) fn wait_for_death(handle: &PidFd, until: Moment) {
    let mut waiting = Waiting::new();
    waiting.readable(handle.as_fd(), ());
    waiting.wait(Some(until));
}

/// Ends whatever lives of a site without a supervisor, and proves that nothing does. Says whether
/// there was anything.
pub(super) fn end_survivors(
    target: &Target,
    times: &StopTimes,
    manners: Manners,
) -> Result<bool, Fault> {
    let places = &target.site;
    if wrapped_definition(places).is_some() {
        return wrapped::end(target, times, manners);
    }
    // One that cannot be reached was given its time before, and the rest belongs to the sweep.
    let now = Moment::now();
    let before = observe(places, now, now + now.until(times.until) / 4)?;
    let record = before.record.clone();
    let had_something = before.state != State::Stopped && before.state != State::Failed;
    // Where nothing was done, the first look is the proof.
    let mut after = before;
    if had_something {
        if let Some(record) = &record {
            stop_in_order(places, record, times.polite_until);
        }
        let term_until = times.kill_at.min(Moment::now() + forcekill(places));
        let mut signalled = 0;
        loop {
            let swept = sweep(places, record.as_ref(), &after.members, term_until, times.until)
                .map_err(|error| {
                    Fault::failed(format!(
                        "/proc cannot be read, so nothing can be proved: {error}"
                    ))
                })?;
            signalled += swept.signalled;
            after = observe(places, Moment::now(), times.until)?;
            // What has come since the sweep found nothing is swept as well, as long as there is time.
            if after.members.ours.is_empty() || times.until.passed() {
                break;
            }
        }
        history::add(
            &places.history(),
            "swept",
            &format!("{signalled} processes that nobody watched were ended"),
        );
    }
    match after.state {
        State::Stopped | State::Failed => {}
        _ => {
            return Err(Fault::failed(format!(
                "the site `{}` is not stopped: {}; see to that, then: siteward clean {}",
                target.name,
                after.why.unwrap_or_else(|| format!("it is {}", after.state)),
                target.name
            )));
        }
    }
    ownership::let_go(target, snapshot(places).as_ref(), after.record.as_ref());
    tidy_up(target, after.record);
    Ok(had_something)
}

fn forcekill(places: &SitePlaces) -> Duration {
    snapshot(places).map_or(Duration::from_secs(5), |d| d.forcekill_time)
}

/// The processes that the record names, the last one first, each with the signal and the grace of
/// the definition: a database that lost its supervisor still deserves its own way to stop.
fn stop_in_order(places: &SitePlaces, record: &Record, polite_until: Moment) {
    let Some(definition) = snapshot(places) else { return };
    for known in record.processes.iter().rev() {
        let base = known.name.split('@').next().unwrap_or_default();
        let process = definition.processes.iter().find(|p| p.name == base);
        let (Some(handle), Some(process)) = (known.identity.open(), process) else { continue };
        let until = polite_until.min(Moment::now() + process.stop_grace_period);
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

/// Nothing of the site lives: what is left of it in the runtime folder says so.
pub(super) fn tidy_up(target: &Target, record: Option<Record>) {
    let places = &target.site;
    forget(places);
    let Some(mut record) = record else { return };
    let proof = proof(places, &record);
    log::info!("that nothing of the site lives is proved by: {}", proof.join(", "));
    let (at, by) = match record.ending {
        Some(Ending::Stopped { ref proved_by, .. }) if *proved_by == proof => return,
        Some(Ending::Stopped { at, by, .. }) => (at, by),
        Some(Ending::Failed(_)) | None => (WallTime::now(), target.caller.to_owned()),
    };
    record.ending = Some(Ending::Stopped { at, by, proved_by: proof });
    record.processes.clear();
    if let Err(error) = record.write(places) {
        log::warn!("{} cannot be written: {error}", places.record().display());
    }
}
