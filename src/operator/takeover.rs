//! The last takeover after an unclean end, told from the history: who ended, when it was last heard of, who took over, and
//! how long nobody served.
//!
//! Must never: read a file or a clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::history::{Entry, History, HistoryEvent};
use crate::site::duration::say;

/// How long it is shown.
const SHOWN: SignedDuration = SignedDuration::from_hours(24);

/// A takeover after an unclean end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TakeoverStatus {
    /// The first start that found the unclean end.
    pub at: Timestamp,
    /// The node of that start.
    pub node: String,
    /// Who ended uncleanly, in words.
    pub end: String,
    /// When the history last tells something of the site before that start.
    pub last_heard: Option<Timestamp>,
    /// When the site was up again; None: it is not yet.
    pub up: Option<Timestamp>,
    /// Nobody served for at least so long: from the order of that start.
    pub down_at_least_seconds: Option<f64>,
    /// And at most so long: since the site was last heard of.
    pub down_at_most_seconds: Option<f64>,
}

/// The last one, if it is to be shown now, and no person has cleared the failures since.
pub(super) fn last_takeover(history: &History, now: Timestamp) -> Option<TakeoverStatus> {
    let takeover = takeover(&history.entries)?;
    let is_cleared = history
        .entries
        .iter()
        .any(|entry| entry.event == HistoryEvent::FailureCleared && entry.at > takeover.at);
    (!is_cleared && now.duration_since(takeover.at) <= SHOWN).then_some(takeover)
}

/// The last one, however long ago.
pub(super) fn takeover(entries: &[Entry]) -> Option<TakeoverStatus> {
    let last = entries.iter().rfind(|entry| entry.event == HistoryEvent::Unclean)?;
    // A start that fails tells it, and so does each one after it.
    let is_it = |entry: &Entry| entry.event == last.event && entry.detail == last.detail;
    let first = entries.iter().position(is_it)?;
    let found = &entries[first];
    let is_order =
        |entry: &Entry| entry.event == HistoryEvent::StartOrdered && entry.node == found.node;
    let ordered = entries[..first].iter().rposition(is_order).unwrap_or(first);
    let before = entries[..ordered].iter().rfind(|entry| is_of_a_life(entry.event));
    let up = entries[first..].iter().find(|entry| entry.event == HistoryEvent::Up);
    let seconds = |from: Timestamp| {
        up.map(|up| up.at.duration_since(from).as_secs_f64()).filter(|seconds| *seconds >= 0.0)
    };
    Some(TakeoverStatus {
        at: found.at,
        node: found.node.clone(),
        end: found.detail.clone(),
        last_heard: before.map(|entry| entry.at),
        up: up.map(|entry| entry.at),
        down_at_least_seconds: seconds(entries[ordered].at),
        down_at_most_seconds: before.and_then(|entry| seconds(entry.at)),
    })
}

/// It shows that somebody on a node had to do with the site, and is no order to start it.
fn is_of_a_life(event: HistoryEvent) -> bool {
    !matches!(
        event,
        HistoryEvent::StartOrdered | HistoryEvent::FailureCleared | HistoryEvent::WorkDecided
    )
}

impl TakeoverStatus {
    /// How long nobody served, for a sentence; None: the site is not up again.
    pub(super) fn downtime(&self) -> Option<String> {
        let words = |seconds: f64| say(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let least = words(self.down_at_least_seconds?);
        Some(match self.down_at_most_seconds {
            Some(most) => format!("nobody served for at least {least} and at most {}", words(most)),
            None => format!("nobody served for at least {least}"),
        })
    }

    /// Whether a client that waits so long has seen the failover to its end, for a sentence.
    pub(super) fn patience(&self, patience: Duration) -> Option<String> {
        let wait = say(patience);
        let patience = patience.as_secs_f64();
        Some(match (self.down_at_least_seconds?, self.down_at_most_seconds) {
            (least, _) if least > patience => {
                format!(
                    "a client waits {wait}: what it fetched then has failed, and is fetched again"
                )
            }
            (_, Some(most)) if most <= patience => {
                format!("a client waits {wait}: what it fetched then went on by itself")
            }
            (_, Some(_) | None) => {
                format!("a client waits {wait}, and it is not known whether that was enough")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, node: &str, event: HistoryEvent, detail: &str) -> Entry {
        let at = Timestamp::from_second(1_700_000_000 + second).unwrap();
        Entry { at, node: node.to_owned(), ..Entry::new(event, detail) }
    }

    fn life(up: i64) -> Vec<Entry> {
        use HistoryEvent as E;
        vec![
            at(0, "alpha", E::StartOrdered, "a start was ordered"),
            at(1, "alpha", E::Up, "the site is running"),
            at(100, "alpha", E::Recovered, "well again"),
            at(130, "beta", E::StartOrdered, "a start was ordered"),
            at(131, "beta", E::Unclean, "it ended uncleanly on `alpha`"),
            at(135, "beta", E::RolledBack, "no room"),
            at(140, "gamma", E::StartOrdered, "a start was ordered"),
            at(141, "gamma", E::Unclean, "it ended uncleanly on `alpha`"),
            at(up, "gamma", E::Up, "the site is running"),
        ]
    }

    #[test]
    fn rec_14_it_is_told_whether_a_client_has_waited_long_enough() {
        let patience = Duration::from_secs(300);
        let of = |up| takeover(&life(up)).unwrap();
        let short = of(150);
        assert_eq!((short.node.as_str(), short.down_at_least_seconds), ("beta", Some(20.0)));
        assert_eq!(short.down_at_most_seconds, Some(50.0));
        assert_eq!(short.downtime().unwrap(), "nobody served for at least 20 s and at most 50 s");
        assert!(short.patience(patience).unwrap().contains("went on by itself"));
        assert!(of(420).patience(patience).unwrap().contains("not known"));
        assert!(of(500).patience(patience).unwrap().contains("has failed"));
        // Not up yet.
        let entries = &life(150)[..8];
        let open = takeover(entries).unwrap();
        assert_eq!((open.up, open.downtime(), open.patience(patience)), (None, None, None));
        assert_eq!(takeover(&life(150)[..3]), None);
    }

    #[test]
    fn a_takeover_is_shown_for_a_day_unless_failures_are_cleared() {
        let history = |entries| History { entries, ..History::default() };
        let after = |seconds: i64| Timestamp::from_second(1_700_000_131 + seconds).unwrap();
        assert!(last_takeover(&history(life(150)), after(80_000)).is_some());
        assert_eq!(last_takeover(&history(life(150)), after(90_000)), None);
        let mut cleared = life(150);
        cleared.push(at(200, "gamma", HistoryEvent::FailureCleared, "cleared"));
        assert_eq!(last_takeover(&history(cleared), after(100)), None);
    }
}
