//! The numbers of a site's life that its history holds.

use std::time::Duration;

use jiff::Timestamp;

use super::super::timing::MeasuredTimes;
use crate::history::{Entry, HistoryEvent};

/// What the history says, in numbers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct LifeNumbers {
    pub(super) starts: Vec<Duration>,
    /// All stops, in the order in which they ended.
    pub(super) stops: Vec<Duration>,
    pub(super) failures: usize,
    pub(super) last_failure: Option<Timestamp>,
    /// The last start on another node than the one before, and that node.
    pub(super) last_failover: Option<(Timestamp, String)>,
}

impl LifeNumbers {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let times = MeasuredTimes::of(entries);
        let failed: Vec<&Entry> =
            entries.iter().filter(|entry| entry.event == HistoryEvent::Failed).collect();
        let ups = entries.iter().filter(|entry| entry.event == HistoryEvent::Up);
        let mut last: Option<&str> = None;
        let mut last_failover = None;
        for up in ups {
            if last.is_some_and(|node| node != up.node) {
                last_failover = Some((up.at, up.node.clone()));
            }
            last = Some(&up.node);
        }
        Self {
            starts: times.starts,
            stops: times.all_stops,
            failures: failed.len(),
            last_failure: failed.last().map(|entry| entry.at),
            last_failover,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_on_another_node_is_a_failover() {
        let up = |node: &str, second: i64| Entry {
            at: Timestamp::from_second(second).unwrap(),
            node: node.to_owned(),
            ..Entry::new(HistoryEvent::Up, "x")
        };
        let failed = Entry { event: HistoryEvent::Failed, ..up("a", 2) };
        let life = LifeNumbers::of(&[up("a", 1), failed, up("b", 3), up("b", 4)]);
        assert_eq!(life.failures, 1);
        assert_eq!(life.last_failure, Some(Timestamp::from_second(2).unwrap()));
        assert_eq!(life.last_failover, Some((Timestamp::from_second(3).unwrap(), "b".to_owned())));
        assert_eq!(LifeNumbers::of(&[]), LifeNumbers::default());
    }
}
