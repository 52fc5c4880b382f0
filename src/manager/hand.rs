//! The answer to a person: sentences, with the exit codes of LSB ("Init Script Actions").

use super::answer::{ManagerAnswer, Verb, common_code, ended, identified};
use crate::agent::Outcome;
use crate::control::{State, View};
use crate::messages::FaultKind;
use crate::observe::Observation;

/// DESIGN's table, column "by hand (LSB status)".
pub fn code_by_hand(state: State) -> u8 {
    match state {
        State::Running | State::Maintenance | State::Degraded | State::Starting => 0,
        State::StoppingOrdered
        | State::StoppingFailed
        | State::Failed
        | State::FailedWithSurvivors
        | State::Unsupervised => 1,
        State::Stopped => 3,
        State::Unknown => 4,
    }
}

/// The code of a failure that no verb was reached for.
pub fn code_by_kind(kind: FaultKind) -> u8 {
    common_code(kind)
}

pub(super) fn answer(verb: Verb, outcome: &Outcome) -> ManagerAnswer {
    let mut answer = ManagerAnswer::default();
    match outcome {
        Outcome::Done(said) => answer.stdout.push(format!("siteward: {}", ended(said))),
        Outcome::Seen(observation) => {
            answer.code = code_by_hand(observation.state);
            describe(observation, &mut answer.stdout);
        }
        Outcome::Fault(fault) => {
            answer.code = match (verb, fault.kind()) {
                // LSB: for status, 1 to 3 mean that the program does not run, and 4 that its state is unknown.
                (Verb::Monitor, FaultKind::NotPermitted | FaultKind::WrongHere) => 4,
                (Verb::Start | Verb::Stop | Verb::Monitor | Verb::Other, kind) => common_code(kind),
            };
            answer.stderr.push(format!("siteward: {}", identified(fault)));
            answer.stderr.extend(fault.lines().iter().map(|line| format!("  {line}")));
        }
    }
    answer
}

fn describe(observation: &Observation, out: &mut Vec<String>) {
    let mut line = observation.state.to_string();
    if let Some(view) = &observation.view {
        line.push_str(&format!(", supervisor {}, since {}", view.supervisor, view.since));
    }
    out.push(line);
    let is_in_table = observation.view.is_some() && observation.failure().is_none();
    if let Some(why) =
        observation.why.as_ref().filter(|_| !is_in_table || observation.state == State::Maintenance)
    {
        let id = observation.failure().and_then(|failure| failure.id);
        let id = id.map_or_else(String::new, |id| format!(" [{id}]"));
        out.push(format!("  {why}{id}"));
    } else if let Some(view) = observation.view.as_ref().filter(|_| is_in_table) {
        out.extend(view.lost.iter().map(|sentence| format!("  {sentence}")));
    }
    if observation.state == State::Unsupervised
        && observation.wrapped.is_none()
        && let Some(record) = &observation.record
    {
        let name = &record.site;
        out.push(format!("  take it over: siteward adopt {name}; or end it: siteward stop {name}"));
    }
    if let Some(failure) = observation.failure() {
        out.push(format!("  at {}", failure.at));
        if let Some(process) = &failure.process {
            out.extend(failure.last_lines.iter().map(|l| format!("  {process}: {l}")));
        }
    }
    if let Some(view) = &observation.view {
        describe_processes(view, out);
    }
}

fn describe_processes(view: &View, out: &mut Vec<String>) {
    let width = view.processes.iter().map(|p| p.name.len()).max().unwrap_or(0);
    for process in &view.processes {
        let pid = process.pid.map_or_else(|| "-".to_owned(), |p| p.to_string());
        let mut line = format!("  {:width$}  {pid:>7}  {}", process.name, process.doing);
        if !process.essential {
            line.push_str(", not essential");
        }
        match process.restarts {
            0 => {}
            1 => line.push_str(", started again once"),
            times => line.push_str(&format!(", started again {times} times")),
        }
        if let Some(detail) = &process.detail {
            line.push_str(&format!(" ({detail})"));
        }
        out.push(line);
    }
}
