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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ProcessView;
    use crate::manager::samples::{because, failure, message, of_state, of_view, record, view};
    use crate::process::{Ending, Record};
    use crate::values::Pid;

    fn told(observation: Observation) -> Vec<String> {
        answer(Verb::Monitor, &Outcome::Seen(Box::new(observation))).stdout
    }

    /// The first line of a site with a supervisor.
    fn head(state: State) -> String {
        format!("{state}, supervisor {}, since 1970-01-01T00:00:00Z", Pid::this())
    }

    fn process(name: &str) -> ProcessView {
        ProcessView {
            name: name.to_owned(),
            pid: None,
            start: None,
            doing: "up".to_owned(),
            up: true,
            essential: true,
            restarts: 0,
            detail: None,
        }
    }

    #[test]
    fn each_process_is_told_in_a_line() {
        let processes = vec![
            ProcessView { pid: Some(Pid::try_from(42).unwrap()), ..process("store") },
            ProcessView { essential: false, doing: "down".to_owned(), ..process("web") },
            ProcessView { restarts: 1, ..process("engine") },
            ProcessView { restarts: 2, detail: Some("busy".to_owned()), ..process("a") },
        ];
        let lines = told(of_view(View { processes, ..view(State::Running) }));
        let expected = [
            head(State::Running),
            "  store        42  up".to_owned(),
            "  web           -  down, not essential".to_owned(),
            "  engine        -  up, started again once".to_owned(),
            "  a             -  up, started again 2 times (busy)".to_owned(),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_reason_is_told_once() {
        assert_eq!(told(of_state(State::Stopped)), ["stopped"]);
        assert_eq!(told(because(State::Unknown, "a disk hangs")), ["unknown", "  a disk hangs"]);
        let lost = || vec!["the address is gone".to_owned()];
        let why = || Some("the address is gone, `web` is down".to_owned());
        let degraded = View { lost: lost(), ..view(State::Degraded) };
        let degraded = Observation { why: why(), ..of_view(degraded) };
        let expected = [head(State::Degraded), "  the address is gone".to_owned()];
        assert_eq!(told(degraded), expected, "the table shows the rest");
        let paused = View { lost: lost(), ..view(State::Maintenance) };
        let paused = Observation { why: Some("a backup".to_owned()), ..of_view(paused) };
        assert_eq!(told(paused), [head(State::Maintenance), "  a backup".to_owned()]);
    }

    #[test]
    fn a_failure_is_told_with_its_time_and_the_last_lines_of_the_process() {
        let id = message(FaultKind::Failed).id;
        let failed = View { failure: Some(failure(Some(id), "it died")), ..view(State::Failed) };
        let failed = Observation { why: Some("it died".to_owned()), ..of_view(failed) };
        let rest = ["  at 1970-01-01T00:00:00Z", "  web: no memory"].map(str::to_owned);
        let [at, last] = &rest;
        let expected = [head(State::Failed), format!("  it died [{id}]"), at.clone(), last.clone()];
        assert_eq!(told(failed), expected);
        let ending = Ending::Failed(failure(None, "it died"));
        let record = Record { ending: Some(ending), ..record() };
        let recorded = Observation { record: Some(record), ..because(State::Failed, "it died") };
        let expected = ["failed".to_owned(), "  it died".to_owned(), at.clone(), last.clone()];
        assert_eq!(told(recorded), expected);
        let lost = vec!["the address is gone".to_owned()];
        let failed = View { lost, failure: Some(failure(None, "it died")), ..view(State::Failed) };
        let expected = [head(State::Failed), at.clone(), last.clone()];
        assert_eq!(told(of_view(failed)), expected, "what is lost besides is no news");
    }

    #[test]
    fn what_nobody_watches_can_be_taken_over() {
        let unwatched = |state| Observation { record: Some(record()), ..of_state(state) };
        let lines = told(unwatched(State::Unsupervised));
        let advice = "  take it over: siteward adopt shop; or end it: siteward stop shop";
        assert_eq!(lines, ["unsupervised", advice]);
        assert_eq!(told(unwatched(State::Stopped)), ["stopped"]);
        assert_eq!(told(of_state(State::Unsupervised)), ["unsupervised"]);
    }
}
