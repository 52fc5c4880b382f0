//! Which entries are shown.

use super::options::HistoryOptions;
use crate::history::{Entry, HistoryEvent};

/// The entries that were asked for, in their order.
pub(super) fn choose(entries: &[Entry], options: &HistoryOptions) -> Vec<Entry> {
    let is_meant = |entry: &&Entry| {
        options.since.is_none_or(|since| entry.at >= since)
            && options.node.as_ref().is_none_or(|node| entry.node == *node)
    };
    let meant: Vec<&Entry> = entries.iter().filter(is_meant).collect();
    let meant = if options.failed { failures(&meant) } else { meant };
    let from = options.lines.map_or(0, |lines| meant.len().saturating_sub(lines));
    meant[from..].iter().map(|entry| (*entry).clone()).collect()
}

/// The failures, each with what followed it until the site was up, down or well again.
fn failures<'a>(entries: &[&'a Entry]) -> Vec<&'a Entry> {
    let mut chosen = Vec::new();
    let mut open: Option<&Entry> = None;
    for entry in entries {
        if entry.event.is_failure() {
            open = Some(entry);
        } else if open.is_none_or(|failure| !follows(failure, entry)) {
            continue;
        }
        chosen.push(*entry);
        if open.is_some_and(|failure| ends(failure, entry)) {
            open = None;
        }
    }
    chosen
}

/// What is no step of getting well again, and no end.
fn follows(failure: &Entry, entry: &Entry) -> bool {
    match entry.event {
        HistoryEvent::Spawned
        | HistoryEvent::Leased
        | HistoryEvent::Started
        | HistoryEvent::Ended => false,
        HistoryEvent::Ready => entry.process == failure.process,
        _ => true,
    }
}

fn ends(failure: &Entry, entry: &Entry) -> bool {
    match entry.event {
        HistoryEvent::Up | HistoryEvent::Recovered | HistoryEvent::Stopped => true,
        HistoryEvent::Ready => {
            failure.event == HistoryEvent::Fault && entry.process == failure.process
        }
        _ => false,
    }
}
