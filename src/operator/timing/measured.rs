//! How long starts and stops of a site took, by its history.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::history::{Entry, HistoryEvent};

/// The starts and stops of a site that were measured, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeasuredTimes {
    pub starts: Vec<Duration>,
    /// Stops that were ordered.
    pub stops: Vec<Duration>,
    /// Stops that followed a failure.
    pub stops_after_failure: Vec<Duration>,
}

/// What a person is told of such a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MeasuredSummary {
    pub count: usize,
    #[serde(rename = "median_ms", serialize_with = "super::millis")]
    pub median: Duration,
    #[serde(rename = "slowest_ms", serialize_with = "super::millis")]
    pub slowest: Duration,
}

impl MeasuredSummary {
    /// None: nothing was measured.
    pub fn of(times: &[Duration]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort();
        let slowest = *sorted.last()?;
        Some(Self { count: sorted.len(), median: sorted[(sorted.len() - 1) / 2], slowest })
    }
}

/// What the entry before the one that is looked at has begun.
#[derive(Clone, Copy)]
enum Begun {
    Nothing,
    Start(Timestamp),
    Stop(Timestamp, AfterFailure),
    /// The stop was measured by the supervisor; the verb may have the whole of it.
    Ended(AfterFailure),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterFailure {
    Yes,
    No,
}

impl MeasuredTimes {
    /// By the history of this node. Pauses are no starts and no stops.
    pub fn of(entries: &[Entry]) -> Self {
        let mut times = Self::default();
        let mut begun = Begun::Nothing;
        for (index, entry) in entries.iter().enumerate() {
            if index.checked_sub(1).is_some_and(|before| entries[before].boot != entry.boot) {
                begun = Begun::Nothing;
            }
            let since = |at: Timestamp| entry.at.duration_since(at).unsigned_abs();
            begun = match (entry.event, begun) {
                (HistoryEvent::StartOrdered, _) => Begun::Start(entry.at),
                (HistoryEvent::Started, Begun::Start(at)) => Begun::Start(at),
                (HistoryEvent::Started, _) => Begun::Start(entry.at),
                (HistoryEvent::Up, Begun::Start(at)) => {
                    times.starts.push(entry.took.unwrap_or_else(|| since(at)));
                    Begun::Nothing
                }
                (HistoryEvent::Failed, Begun::Start(_)) => Begun::Nothing,
                (HistoryEvent::Failed, Begun::Nothing) => Begun::Stop(entry.at, AfterFailure::Yes),
                (HistoryEvent::Stopping, Begun::Nothing) => Begun::Stop(entry.at, AfterFailure::No),
                (HistoryEvent::Down, Begun::Stop(at, which)) => {
                    // The supervisor counts from the beginning of the stop, and a failure may be earlier.
                    let took = entry.took.unwrap_or_default().max(since(at));
                    times.stops_of(which).push(took);
                    Begun::Ended(which)
                }
                (HistoryEvent::Stopped, Begun::Ended(AfterFailure::No)) => {
                    if let (Some(took), Some(last)) = (entry.took, times.stops.last_mut()) {
                        *last = took.max(*last);
                    }
                    Begun::Nothing
                }
                // A wrapped supervisor writes no history of its own.
                (HistoryEvent::Stopped, Begun::Nothing) => {
                    times.stops.extend(entry.took);
                    Begun::Nothing
                }
                (HistoryEvent::Pausing | HistoryEvent::Resuming | HistoryEvent::RolledBack, _) => {
                    Begun::Nothing
                }
                (_, begun) => begun,
            };
        }
        times
    }

    fn stops_of(&mut self, which: AfterFailure) -> &mut Vec<Duration> {
        match which {
            AfterFailure::Yes => &mut self.stops_after_failure,
            AfterFailure::No => &mut self.stops,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HistoryEvent::*;

    fn entries(events: &[(HistoryEvent, i64)]) -> Vec<Entry> {
        let entry = |(event, millis): &(HistoryEvent, i64)| Entry {
            at: Timestamp::from_millisecond(*millis).unwrap(),
            ..Entry::new(*event, "x")
        };
        events.iter().map(entry).collect()
    }

    #[test]
    fn starts_and_stops_are_told_apart() {
        let lived = entries(&[
            (StartOrdered, 0),
            (Started, 100),
            (Ready, 1000),
            (Up, 5100),
            (Fault, 9000),
            (Failed, 9000),
            (Stopping, 9100),
            (Down, 12_000),
            (Stopped, 12_100),
            (Started, 20_000),
            (Up, 21_000),
            (Pausing, 22_000),
            (Paused, 23_000),
            (Resuming, 24_000),
            (Up, 25_000),
            (Stopping, 30_000),
            (Down, 34_000),
            (Stopped, 34_100),
        ]);
        let times = MeasuredTimes::of(&lived);
        let millis = |list: &[Duration]| list.iter().map(Duration::as_millis).collect::<Vec<_>>();
        assert_eq!(millis(&times.starts), [5100, 1000]);
        assert_eq!(millis(&times.stops_after_failure), [3000]);
        assert_eq!(millis(&times.stops), [4000]);
        for cut in 0..lived.len() {
            MeasuredTimes::of(&lived[cut..]);
        }
        assert_eq!(MeasuredSummary::of(&[]), None);
        let s = Duration::from_secs;
        let summary = MeasuredSummary::of(&[s(3), s(1), s(9), s(2)]).unwrap();
        assert_eq!((summary.count, summary.median, summary.slowest), (4, s(2), s(9)));
    }

    #[test]
    fn what_an_entry_says_of_itself_counts() {
        let mut lived =
            entries(&[(Started, 0), (Up, 900), (Stopping, 2000), (Down, 3000), (Stopped, 3100)]);
        lived[1].took = Some(Duration::from_millis(1500));
        lived[4].took = Some(Duration::from_millis(1300));
        let times = MeasuredTimes::of(&lived);
        assert_eq!(times.starts, [Duration::from_millis(1500)], "since the order");
        assert_eq!(times.stops, [Duration::from_millis(1300)], "with its proof");
    }
}
