//! The lines that tell how far a verb is.

use std::time::Duration;

use super::verb::SlowVerb;
use crate::agent::Target;
use crate::backend::own::{self, Asked};
use crate::control::{Details, Pending, ProcessDetails, ProcessView, Reply, Request, State};
use crate::history::{Entry, HistoryEvent};
use crate::site::duration::say;
use crate::values::Moment;

/// How long a supervisor has for an answer.
const PATIENCE: Duration = Duration::from_millis(300);

/// What has happened since the verb began.
#[derive(Debug)]
pub(super) struct VerbStory {
    verb: SlowVerb,
    begun: Moment,
    last: Option<HistoryEvent>,
    /// The last answer of the supervisor; None: it has not answered yet.
    details: Option<Details>,
}

/// The line of a process.
#[derive(Debug, PartialEq, Eq)]
struct ProcessLine {
    name: String,
    words: String,
    /// It is where the verb wants it.
    is_done: bool,
}

impl VerbStory {
    pub(super) fn new(verb: SlowVerb, _target: &Target) -> Self {
        Self { verb, begun: Moment::now(), last: None, details: None }
    }

    pub(super) fn add(&mut self, entries: &[Entry]) {
        self.last = entries.last().map(|entry| entry.event).or(self.last);
    }

    /// At most `most` lines, for a site as it is now.
    pub(super) fn lines(&mut self, target: &Target, is_over: bool, most: usize) -> Vec<String> {
        let until = Moment::now() + PATIENCE;
        // The supervisor of a stopped site is gone, and its last answer is what there is to show.
        if let Asked::Answered(Reply::Details(details)) =
            own::ask(&target.site, &Request::Details, until)
        {
            self.details = Some(*details);
        }
        let since = whole(Moment::now().since(self.begun));
        let name = &target.name;
        let mut lines = vec![match is_over {
            true => format!("{} of `{name}`, {since}", self.verb.word()),
            false => format!("{} of `{name}`, {since}: {}", self.verb.word(), self.phase()),
        }];
        let processes: Vec<ProcessLine> =
            self.details.iter().flat_map(|d| self.processes(d)).collect();
        lines.extend(fitted(&processes, most.saturating_sub(1)));
        lines
    }

    fn stops(&self) -> bool {
        matches!(self.verb, SlowVerb::Stop | SlowVerb::Pause)
    }

    fn phase(&self) -> String {
        let left = self.details.as_ref().and_then(|details| details.phase.as_ref()?.left);
        let left = left.map_or_else(String::new, |left| format!(", at most {} more", whole(left)));
        match (self.details.as_ref().map(|details| details.view.state), self.last) {
            (_, Some(HistoryEvent::Unclean)) => {
                "it runs the command of `on_unclean_shutdown`".to_owned()
            }
            (_, Some(HistoryEvent::WorkInterrupted)) => {
                "it hands over the interrupted work".to_owned()
            }
            (Some(State::StoppingFailed), _) => {
                format!("it has failed, and is being stopped{left}")
            }
            (Some(State::Starting), _) => format!("waits until all processes are ready{left}"),
            (Some(State::StoppingOrdered), _) => format!("its processes are being stopped{left}"),
            (Some(state), _) => format!("it is {state}{left}"),
            (None, Some(HistoryEvent::Leased)) => "its supervisor is being started".to_owned(),
            (None, _) if self.stops() => "looks for its processes".to_owned(),
            (None, _) => "checks this node, and waits for the lease of the database".to_owned(),
        }
    }

    fn processes(&self, details: &Details) -> Vec<ProcessLine> {
        let pairs = details.view.processes.iter().zip(&details.processes);
        pairs.map(|(view, details)| self.line(view, details)).collect()
    }

    fn line(&self, view: &ProcessView, details: &ProcessDetails) -> ProcessLine {
        let is_done = match self.verb {
            SlowVerb::Start | SlowVerb::Resume => view.up,
            SlowVerb::Stop | SlowVerb::Pause => view.pid.is_none(),
        };
        let words = match (&details.waits, &view.detail) {
            _ if is_done => view.doing.clone(),
            (Some(waits), _) => {
                let then = waits.then.as_ref().filter(|_| self.stops());
                let then = then.map_or_else(String::new, |then| format!("; then {then}"));
                format!("{}, waits for {}{then}", view.doing, of_pending(waits))
            }
            (None, Some(detail)) => format!("{} ({detail})", view.doing),
            (None, None) => view.doing.clone(),
        };
        ProcessLine { name: view.name.clone(), words, is_done }
    }
}

fn of_pending(pending: &Pending) -> String {
    let left = pending.left.map_or_else(String::new, |left| format!(", {} left", whole(left)));
    format!("{}{left}", pending.what)
}

/// Whole seconds.
fn whole(time: Duration) -> String {
    say(Duration::from_secs(time.as_secs()))
}

/// The rows that fit, those first that are waited for; the others are counted.
fn fitted(rows: &[ProcessLine], most: usize) -> Vec<String> {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let line = |row: &ProcessLine| {
        let mark = if row.is_done { '+' } else { '.' };
        format!("  {mark} {:width$}  {}", row.name, row.words)
    };
    if rows.len() <= most {
        return rows.iter().map(line).collect();
    }
    let (waited, done): (Vec<&ProcessLine>, Vec<&ProcessLine>) =
        rows.iter().partition(|row| !row.is_done);
    let room = most.saturating_sub(1);
    let mut lines: Vec<String> = waited.iter().chain(&done).take(room).copied().map(line).collect();
    let hidden_waiting = waited.len().saturating_sub(room);
    let hidden = rows.len().saturating_sub(room);
    lines.push(match hidden_waiting {
        0 => format!("    and {hidden} more, for which nothing is left to do"),
        waiting => format!("    and {hidden} more, {waiting} of them not there yet"),
    });
    lines
}

/// A transition in one line, without its full stop.
pub(super) fn of_entry(entry: &Entry) -> String {
    let words = match &entry.process {
        Some(name) if !entry.detail.contains(&format!("`{name}`")) => {
            format!("`{name}`: {}", entry.detail)
        }
        Some(_) | None => entry.detail.clone(),
    };
    let words: String = words.chars().filter(|c| !c.is_control()).collect();
    match entry.took.filter(|took| *took >= Duration::from_millis(100)) {
        Some(took) => format!("{words} (after {:.1} s)", took.as_secs_f64()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_shown_first_where_not_all_fits() {
        let row = |n: usize, is_done| ProcessLine {
            name: format!("p{n}"),
            words: "x".to_owned(),
            is_done,
        };
        let rows: Vec<ProcessLine> = (0..60).map(|n| row(n, n != 50)).collect();
        let lines = fitted(&rows, 5);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "  . p50  x");
        assert_eq!(lines[4], "    and 56 more, for which nothing is left to do");
        let none: Vec<ProcessLine> = (0..60).map(|n| row(n, false)).collect();
        assert_eq!(fitted(&none, 5)[4], "    and 56 more, 56 of them not there yet");
        assert_eq!(fitted(&rows, 60).len(), 60);
        assert_eq!(fitted(&rows, 0).len(), 1);
    }
}
