//! The times in which no node served.

use std::time::Duration;

use jiff::Timestamp;

use super::durations::between;
use super::lane::{Lane, Stretch, StretchEnd};
use crate::history::{Entry, HistoryEvent};

/// A time in which no node served, between two in which one did, or since the last.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Outage {
    /// Where it was served before.
    pub(in crate::operator) from_node: String,
    pub(in crate::operator) from: Timestamp,
    /// Nobody saw the service end: it may have been as early as this.
    pub(in crate::operator) not_before: Option<Timestamp>,
    /// None: the site is not served again.
    pub(in crate::operator) to_node: Option<String>,
    /// Now, if the site is not served again.
    pub(in crate::operator) to: Timestamp,
    pub(in crate::operator) kind: OutageKind,
    /// A sentence without its full stop.
    pub(in crate::operator) cause: String,
    /// Without a gap between them, and as long as the outage together.
    pub(in crate::operator) steps: Vec<OutageStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operator) enum OutageKind {
    Failure,
    /// The node or the supervisor was lost.
    Lost,
    Stop,
    Pause,
}

impl OutageKind {
    pub(in crate::operator) fn words(self) -> &'static str {
        match self {
            Self::Failure => "the site failed",
            Self::Lost => "the node or the supervisor was lost",
            Self::Stop => "the site was stopped",
            Self::Pause => "the site was paused",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct OutageStep {
    pub(in crate::operator) name: &'static str,
    pub(in crate::operator) node: String,
    pub(in crate::operator) from: Timestamp,
    pub(in crate::operator) to: Timestamp,
}

impl Outage {
    /// How long it was; at least so long, if nobody saw the service end.
    pub(in crate::operator) fn took(&self) -> Duration {
        between(self.from, self.to)
    }

    /// Somebody ordered it.
    pub(in crate::operator) fn is_planned(&self) -> bool {
        matches!(self.kind, OutageKind::Stop | OutageKind::Pause)
    }

    pub(in crate::operator) fn is_failover(&self) -> bool {
        self.to_node.as_ref().is_some_and(|to| *to != self.from_node)
    }

    pub(in crate::operator) fn is_open(&self) -> bool {
        self.to_node.is_none()
    }
}

/// The time in which a node served without a break.
struct Service<'a> {
    node: &'a str,
    from: Timestamp,
    to: Timestamp,
    end: StretchEnd,
}

fn services(lanes: &[Lane]) -> Vec<Service<'_>> {
    let mut serving: Vec<&Stretch> = lanes.iter().flat_map(|lane| &lane.stretches).collect();
    serving.retain(|stretch| stretch.is.serves());
    serving.sort_by_key(|stretch| (stretch.from, stretch.to));
    let mut found: Vec<Service<'_>> = Vec::new();
    for stretch in serving {
        let node = stretch.node.as_str();
        match found.last_mut().filter(|last| last.node == node && last.to == stretch.from) {
            Some(last) => (last.to, last.end) = (stretch.to, stretch.end),
            None => {
                found.push(Service { node, from: stretch.from, to: stretch.to, end: stretch.end });
            }
        }
    }
    found
}

/// `all`: the entries of every node, in the order of time.
pub(super) fn outages(lanes: &[Lane], all: &[&Entry], now: Timestamp) -> Vec<Outage> {
    let services = services(lanes);
    let mut found = Vec::new();
    let mut before: Option<&Service<'_>> = None;
    for service in &services {
        found.extend(
            before
                .filter(|before| before.to < service.from)
                .map(|before| outage(before, Some(service), service.from, all)),
        );
        // The clocks of two nodes may differ, so that one ends after a later one.
        before = before.filter(|before| before.to > service.to).or(Some(service));
    }
    let last = before.filter(|last| last.end != StretchEnd::Ongoing && last.to < now);
    found.extend(last.map(|last| outage(last, None, now, all)));
    found
}

fn outage(
    before: &Service<'_>,
    next: Option<&Service<'_>>,
    to: Timestamp,
    all: &[&Entry],
) -> Outage {
    let (kind, cause) = cause(before, to, all);
    Outage {
        from_node: before.node.to_owned(),
        from: before.to,
        not_before: match before.end {
            StretchEnd::Unseen { after } => Some(after),
            StretchEnd::Seen | StretchEnd::Ongoing => None,
        },
        to_node: next.map(|next| next.node.to_owned()),
        to,
        kind,
        cause,
        steps: steps(before, to, next.map(|next| next.node), all),
    }
}

/// Why the service ended; `to`: when it was there again.
fn cause(before: &Service<'_>, to: Timestamp, all: &[&Entry]) -> (OutageKind, String) {
    if let StretchEnd::Unseen { .. } = before.end {
        let unclean = all.iter().find(|entry| {
            (before.to..=to).contains(&entry.at) && entry.event == HistoryEvent::Unclean
        });
        let words = unclean.map_or_else(
            || format!("nobody saw the site end on {}", before.node),
            |entry| entry.detail.clone(),
        );
        return (OutageKind::Lost, words);
    }
    let of_end = |event: HistoryEvent| {
        matches!(
            event,
            HistoryEvent::Failed
                | HistoryEvent::Stopping
                | HistoryEvent::Pausing
                | HistoryEvent::Stopped
                | HistoryEvent::Swept
        )
    };
    let ending = all
        .iter()
        .find(|entry| entry.node == before.node && entry.at == before.to && of_end(entry.event));
    let Some(ending) = ending else {
        return (OutageKind::Stop, format!("the site ended on {}", before.node));
    };
    let ordered = |entry: &Entry| {
        let by = entry.by.as_ref().map(|by| format!("by order of {by}"));
        by.unwrap_or_else(|| entry.detail.clone())
    };
    match ending.event {
        HistoryEvent::Failed => (OutageKind::Failure, ending.detail.clone()),
        HistoryEvent::Pausing => {
            let paused = all.iter().find(|entry| {
                entry.node == ending.node
                    && (ending.at..=to).contains(&entry.at)
                    && entry.event == HistoryEvent::Paused
            });
            let words = paused.map_or_else(String::new, |paused| format!("; {}", paused.detail));
            (OutageKind::Pause, format!("{}{words}", ordered(ending)))
        }
        _ => (OutageKind::Stop, ordered(ending)),
    }
}

/// The steps of an outage. Each ends with an entry.
fn steps(
    before: &Service<'_>,
    to: Timestamp,
    next: Option<&str>,
    all: &[&Entry],
) -> Vec<OutageStep> {
    let mut found = Vec::new();
    let mut from = before.to;
    for entry in all.iter().filter(|entry| entry.at > before.to && entry.at <= to) {
        let Some(name) = step_that_ends_with(entry.event) else { continue };
        if entry.at > from {
            found.push(OutageStep { name, node: entry.node.clone(), from, to: entry.at });
            from = entry.at;
        }
    }
    if from < to {
        let node = next.unwrap_or(before.node).to_owned();
        let name = if next.is_some() { "not known" } else { "not served since" };
        found.push(OutageStep { name, node, from, to });
    }
    found
}

fn step_that_ends_with(event: HistoryEvent) -> Option<&'static str> {
    Some(match event {
        HistoryEvent::Failed => "until it failed",
        HistoryEvent::Down => "stopping the processes",
        HistoryEvent::Stopped => "proving that nothing lives",
        HistoryEvent::NotStopped => "a stop without proof",
        HistoryEvent::Swept => "ending what was left",
        HistoryEvent::Paused => "stopping for the pause",
        HistoryEvent::Resuming => "paused",
        HistoryEvent::StartOrdered => "until the start was ordered",
        HistoryEvent::Unclean => "finding the unclean end",
        HistoryEvent::Leased => "checks and lease",
        HistoryEvent::Repaired => "repair after the unclean end",
        HistoryEvent::Started => "starting the supervisor",
        HistoryEvent::RolledBack => "rolling the start back",
        HistoryEvent::Up => "starting the processes",
        _ => return None,
    })
}
