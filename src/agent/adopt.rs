//! Taking over a site whose supervisor is gone, without a moment's interruption.

use super::deadline::StartTimes;
use super::start::{await_up, known_at_all};
use super::turn::StartTurn;
use super::{Deadline, Fault, FaultKind, Outcome, Target, ownership};
use crate::backend::own::{self, Launched, Orders};
use crate::control::State;
use crate::observe::{PATIENCE, observe, wrapped_definition};
use crate::process::{ProcessRecord, Record};
use crate::site::load_snapshot;
use crate::supervisor::Beginning;

/// Gives the living processes of an unsupervised site a new supervisor.
pub fn adopt(target: &Target, deadline: &Deadline) -> Outcome {
    try_adopt(target, deadline).unwrap_or_else(Outcome::Fault)
}

fn try_adopt(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    let name = &target.name;
    target.site.check_length().map_err(|e| Fault::new(FaultKind::WrongHere, e.to_string()))?;
    if wrapped_definition(&target.site).is_some() {
        return Err(Fault::failed(format!(
            "the site `{name}` has a supervisor of its own, and only that can watch its processes; \
             end them with: siteward stop {name}"
        )));
    }
    known_at_all(target)?;
    let look_until = deadline.begun + deadline.given.unwrap_or(PATIENCE * 3);
    let turn = StartTurn::take(target, deadline.begun, look_until)?;
    let record = match what_to_adopt(target, deadline, look_until)? {
        Ok(record) => record,
        Err(already) => return Ok(Outcome::Done(already)),
    };
    let living = living(&record);
    if living.is_empty() {
        return Err(Fault::failed(format!(
            "nothing of the site `{name}` can be adopted: no process that its record names lives, and \
             what else does cannot be verified; end it with: siteward stop {name}"
        )));
    }
    let definition = load_snapshot(&target.site.snapshot(), name).map_err(Fault::from)?;
    let definition = definition.adjusted(&record.adjustments);
    let times = deadline.for_start(&definition);
    let keeper = ownership::keep(target, &definition, look_until)?;
    turn.check()?;
    let orders = Orders {
        name,
        places: &target.places,
        beginning: &Beginning::Adopt,
        boot: times.boot,
        rollback: times.rollback,
        known_as: record.known_as.as_deref(),
        adjustments: &record.adjustments,
        keeper: keeper.as_ref(),
    };
    let launched = own::launch(&orders, times.until).map_err(|error| {
        Fault::failed(format!(
            "the site `{name}` is not adopted, and lives on as it was: {error:#}"
        ))
    })?;
    drop(turn);
    let already = launched == Launched::AnotherIs;
    let times = StartTimes { boot: times.boot, rollback: times.rollback, until: times.until };
    match await_up(target, deadline.begun, times, already)? {
        Outcome::Done(said) => {
            let names: Vec<String> =
                living.iter().map(|p| format!("`{}` ({})", p.name, p.identity.pid)).collect();
            Ok(Outcome::Done(format!("{said}; taken over as they were: {}", names.join(", "))))
        }
        other => Ok(other),
    }
}

fn living(record: &Record) -> Vec<ProcessRecord> {
    record.processes.iter().filter(|p| p.identity.is_alive()).cloned().collect()
}

/// The record by which the site is adopted; or why there is nothing to do.
fn what_to_adopt(
    target: &Target,
    deadline: &Deadline,
    until: crate::values::Moment,
) -> Result<Result<Record, String>, Fault> {
    let name = &target.name;
    let seen = observe(&target.site, deadline.begun, until)?;
    if let Some(view) = &seen.view {
        return Ok(Err(format!(
            "the site `{name}` has its supervisor, {}, and is {}",
            view.supervisor, view.state
        )));
    }
    let why = seen.why.unwrap_or_else(|| format!("it is {}", seen.state));
    match seen.state {
        State::Unsupervised => seen.record.map(Ok).ok_or_else(|| {
            Fault::failed(format!(
                "the site `{name}` has no record, so that nothing can be verified: {why}; end it \
                 with: siteward stop {name}"
            ))
        }),
        State::Stopped | State::Failed => Err(Fault::failed(format!(
            "nothing of the site `{name}` lives ({}); start it with: siteward start {name}",
            seen.state
        ))),
        State::FailedWithSurvivors => Err(Fault::failed(format!(
            "the site `{name}` was given up, and is not adopted: {why}; end the rest with: siteward \
             stop {name}"
        ))),
        State::Unknown
        | State::Starting
        | State::Running
        | State::Degraded
        | State::Maintenance
        | State::StoppingOrdered
        | State::StoppingFailed => {
            Err(Fault::failed(format!("the site `{name}` cannot be adopted: {why}")))
        }
    }
}
