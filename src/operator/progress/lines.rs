//! The lines that tell how far a verb is.

use std::time::Duration;

use super::verb::SlowVerb;
use crate::agent::Target;
use crate::backend::own;
use crate::control::{ProcessView, Request, State, View};
use crate::history::{Entry, HistoryEvent};
use crate::site::duration::say;
use crate::values::Moment;

/// How long a supervisor has for an answer.
const PATIENCE: Duration = Duration::from_millis(300);

/// What has happened since the verb began.
#[derive(Debug)]
pub(super) struct Story {
    verb: SlowVerb,
    begun: Moment,
    last: Option<HistoryEvent>,
    /// The last answer of the supervisor; None: it has not answered yet.
    view: Option<View>,
}

/// The line of a process.
#[derive(Debug, PartialEq, Eq)]
struct ProcessLine {
    name: String,
    words: String,
    /// It is where the verb wants it.
    is_done: bool,
}

impl Story {
    pub(super) fn new(verb: SlowVerb, _target: &Target) -> Self {
        Self { verb, begun: Moment::now(), last: None, view: None }
    }

    pub(super) fn add(&mut self, entries: &[Entry]) {
        self.last = entries.last().map(|entry| entry.event).or(self.last);
    }

    /// At most `most` lines, for a site as it is now.
    pub(super) fn lines(&mut self, target: &Target, is_over: bool, most: usize) -> Vec<String> {
        let answer = own::glance(&target.site, &Request::Look, Moment::now() + PATIENCE);
        // The supervisor of a stopped site is gone, and its last answer is what there is to show.
        if answer.is_some() || !is_over {
            self.view = answer.or(self.view.take());
        }
        let since = say(Duration::from_secs(Moment::now().since(self.begun).as_secs()));
        let name = &target.name;
        let mut lines = vec![match is_over {
            true => format!("{} of `{name}`, {since}", self.verb.word()),
            false => format!("{} of `{name}`, {since}: {}", self.verb.word(), self.phase()),
        }];
        let rows: Vec<ProcessLine> =
            self.view.iter().flat_map(|view| &view.processes).map(|p| self.row(p)).collect();
        lines.extend(fitted(&rows, most.saturating_sub(1)));
        lines
    }

    fn phase(&self) -> String {
        let stops = matches!(self.verb, SlowVerb::Stop | SlowVerb::Pause);
        match (self.view.as_ref().map(|view| view.state), self.last) {
            (_, Some(HistoryEvent::Unclean)) => {
                "it runs the command of `on_unclean_shutdown`".to_owned()
            }
            (Some(State::StoppingFailed), _) => "it has failed, and is being stopped".to_owned(),
            (Some(State::Starting), _) => "waits until all processes are ready".to_owned(),
            (Some(State::StoppingOrdered), _) => "its processes are being stopped".to_owned(),
            (Some(state), _) => format!("it is {state}"),
            (None, Some(HistoryEvent::Leased)) => "its supervisor is being started".to_owned(),
            (None, _) if stops => "looks for its processes".to_owned(),
            (None, _) => "checks this node, and waits for the lease of the database".to_owned(),
        }
    }

    fn row(&self, process: &ProcessView) -> ProcessLine {
        let is_done = match self.verb {
            SlowVerb::Start | SlowVerb::Resume => process.up,
            SlowVerb::Stop | SlowVerb::Pause => process.pid.is_none(),
        };
        let detail = process.detail.as_ref().filter(|_| !is_done);
        let words = match detail {
            Some(detail) => format!("{} ({detail})", process.doing),
            None => process.doing.clone(),
        };
        ProcessLine { name: process.name.clone(), words, is_done }
    }
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
