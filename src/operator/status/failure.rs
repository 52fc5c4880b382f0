//! The last failure of a site. It is shown for a day, whatever became of the site since, unless a person has
//! cleared it.

use jiff::{SignedDuration, Timestamp};

use super::report::FailureStatus;
use crate::control::Failure;
use crate::history::{Entry, History, HistoryEvent};

/// How long a failure is shown.
const SHOWN: SignedDuration = SignedDuration::from_hours(24);

/// How long before a site fails or degrades the fault of the process is that caused it.
const CAUSE: SignedDuration = SignedDuration::from_secs(2);

/// The last failure in the history and in the record, if it is to be shown now.
pub(super) fn last_failure(
    history: &History,
    recorded: Option<&Failure>,
    node: &str,
    now: Timestamp,
) -> Option<FailureStatus> {
    let entries = &history.entries;
    let is_clearing = |entry: &Entry| entry.event == HistoryEvent::FailureCleared;
    let from = entries.iter().rposition(is_clearing).map_or(0, |at| at + 1);
    let found = entries[from..].iter().rposition(|entry| entry.event.is_failure());
    let of_history = found.map(|at| failure_of(&entries[from..], caused_by(&entries[from..], at)));
    let cleared_at = from.checked_sub(1).map(|at| entries[at].at);
    let of_record = recorded.and_then(|failure| of_record(failure, node, cleared_at));
    let last = match (of_history, of_record) {
        (Some(mut told), Some(recorded)) => {
            if told.reason == recorded.reason && told.last_lines.is_empty() {
                told.last_lines = recorded.last_lines;
                told.process = told.process.or(recorded.process);
            } else if recorded.at > told.at + SignedDuration::from_secs(1) {
                return Some(recorded).filter(|failure| is_shown(failure, now));
            }
            told
        }
        (told, recorded) => told.or(recorded)?,
    };
    Some(last).filter(|failure| is_shown(failure, now))
}

fn is_shown(failure: &FailureStatus, now: Timestamp) -> bool {
    now.duration_since(failure.at) <= SHOWN
}

/// A start that was rolled back says again why: the place of the failure that it undid, if there is one.
fn caused_by(entries: &[Entry], at: usize) -> usize {
    let attempt = entries[..at].iter().rposition(|entry| entry.event == HistoryEvent::StartOrdered);
    let first = attempt.map_or(0, |at| at + 1);
    let failed = entries[first..at].iter().rposition(|entry| entry.event == HistoryEvent::Failed);
    match (entries[at].event, failed) {
        (HistoryEvent::RolledBack, Some(failed)) => first + failed,
        _ => at,
    }
}

/// The failure at this place, with its cause: the fault of a process just before it.
fn failure_of(entries: &[Entry], at: usize) -> FailureStatus {
    let entry = &entries[at];
    let is_cause = |earlier: &&Entry| {
        earlier.event == HistoryEvent::Fault
            && earlier.boot == entry.boot
            && (entry.process.is_none() || earlier.process == entry.process)
            && entry.at.duration_since(earlier.at) <= CAUSE
    };
    let cause = match entry.event {
        HistoryEvent::Fault => entry,
        _ => entries[..at].iter().rev().find(is_cause).unwrap_or(entry),
    };
    let reason = match entry.event {
        // It says only that the site serves without the process.
        HistoryEvent::Degraded => &cause.detail,
        _ => &entry.detail,
    };
    let last_lines = match entry.last_lines.is_empty() {
        true => &cause.last_lines,
        false => &entry.last_lines,
    };
    FailureStatus {
        at: entry.at,
        node: entry.node.clone(),
        event: entry.event.to_string(),
        process: entry.process.clone().or_else(|| cause.process.clone()),
        reason: reason.clone(),
        message: entry.message.or(cause.message),
        exit: entry.exit.or(cause.exit).map(|exit| exit.to_string()),
        last_lines: last_lines.clone(),
    }
}

fn of_record(
    failure: &Failure,
    node: &str,
    cleared_at: Option<Timestamp>,
) -> Option<FailureStatus> {
    let at: Timestamp = failure.at.to_string().parse().ok()?;
    // The record has whole seconds.
    if cleared_at.is_some_and(|cleared| at <= cleared) {
        return None;
    }
    Some(FailureStatus {
        at,
        node: node.to_owned(),
        event: HistoryEvent::Failed.to_string(),
        process: failure.process.clone(),
        reason: failure.reason.clone(),
        message: failure.id,
        exit: failure.signal.map(|signal| format!("was killed by {signal}")),
        last_lines: failure.last_lines.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(event: HistoryEvent, detail: &str, seconds_ago: i64) -> Entry {
        let at = Timestamp::now() - SignedDuration::from_secs(seconds_ago);
        Entry { at, ..Entry::new(event, detail) }
    }

    fn shown(entries: Vec<Entry>) -> Option<FailureStatus> {
        let history = History { entries, ..History::default() };
        last_failure(&history, None, "alpha", Timestamp::now())
    }

    #[test]
    fn a_failure_is_shown_for_a_day_unless_it_is_cleared() {
        use HistoryEvent as E;
        let fault = |ago| at(E::Fault, "`a` died", ago).of("a");
        let seen = shown(vec![fault(86_000), at(E::Up, "up", 10)]).unwrap();
        assert_eq!((seen.reason.as_str(), seen.process.as_deref()), ("`a` died", Some("a")));
        assert_eq!(shown(vec![fault(86_500), at(E::Up, "up", 10)]), None);
        assert_eq!(shown(vec![fault(60), at(E::FailureCleared, "by root", 10)]), None);
        let again = vec![fault(60), at(E::FailureCleared, "by root", 30), fault(20)];
        assert!(shown(again).is_some());
    }

    #[test]
    fn the_cause_of_a_failure_is_the_fault_before_it() {
        use HistoryEvent as E;
        let fault = |ago| at(E::Fault, "`a` died", ago).of("a");
        let degraded = shown(vec![fault(11), at(E::Degraded, "`a` stays down", 10)]).unwrap();
        assert_eq!((degraded.reason.as_str(), degraded.event.as_str()), ("`a` died", "degraded"));
        let failed = shown(vec![fault(11), at(E::Failed, "`a` died", 10)]).unwrap();
        assert_eq!((failed.process.as_deref(), failed.event.as_str()), (Some("a"), "failed"));
        let unrelated = shown(vec![fault(60), at(E::NotStopped, "it lives", 10)]).unwrap();
        assert_eq!((unrelated.process, unrelated.reason.as_str()), (None, "it lives"));
    }
}
