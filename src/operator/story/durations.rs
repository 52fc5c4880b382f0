//! Durations between moments, and how they are said.

use std::time::Duration;

use jiff::Timestamp;

/// How long it is from one moment to a later one; zero if that is not later.
pub(in crate::operator) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// A duration for a person, to the millisecond below ten seconds: a report is compared with other logs.
pub(in crate::operator) fn say_exactly(time: Duration) -> String {
    let millis = time.as_millis();
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1000;
    let minutes = (seconds + 30) / 60;
    if millis < 1000 {
        format!("{millis} ms")
    } else if millis < 10_000 {
        format!("{}.{:03} s", millis / 1000, millis % 1000)
    } else if tenths < 600 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if seconds < 3600 {
        format!("{} min {} s", seconds / 60, seconds % 60)
    } else if minutes < 1440 {
        format!("{} h {} min", minutes / 60, minutes % 60)
    } else {
        let hours = (minutes + 30) / 60;
        format!("{} d {} h", hours / 24, hours % 24)
    }
}
