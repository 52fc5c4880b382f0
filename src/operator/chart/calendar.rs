//! Moments as a person reads them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The time zone in which moments are told.
#[derive(Clone, Debug)]
pub(in crate::operator) struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// The time zone of this node, or of `TZ`.
    pub(in crate::operator) fn local() -> Self {
        Self { zone: TimeZone::system() }
    }

    #[cfg(test)]
    pub(in crate::operator) fn of(zone: &str) -> Self {
        Self { zone: TimeZone::get(zone).unwrap() }
    }

    fn formatted(&self, at: Timestamp, format: &str) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime(format).to_string()
    }

    /// `2026-11-20 12:02:17.250 +09:00`.
    pub(in crate::operator) fn full(&self, at: Timestamp) -> String {
        self.formatted(at, "%Y-%m-%d %H:%M:%S%.3f %:z")
    }

    /// `2026-11-20 12:02:17.250`, where the offset is named elsewhere.
    pub(in crate::operator) fn local_time(&self, at: Timestamp) -> String {
        self.formatted(at, "%Y-%m-%d %H:%M:%S%.3f")
    }

    /// `2026-11-20 12:02:17`.
    pub(in crate::operator) fn to_the_second(&self, at: Timestamp) -> String {
        self.formatted(at, "%Y-%m-%d %H:%M:%S")
    }

    /// `12:02:17.250`.
    pub(in crate::operator) fn time_of_day(&self, at: Timestamp) -> String {
        self.formatted(at, "%H:%M:%S%.3f")
    }

    /// `2026-11-20`.
    pub(in crate::operator) fn date(&self, at: Timestamp) -> String {
        self.formatted(at, "%Y-%m-%d")
    }

    /// `+09:00 (JST)`.
    pub(in crate::operator) fn offset(&self, at: Timestamp) -> String {
        let (offset, name) = (self.formatted(at, "%:z"), self.formatted(at, "%Z"));
        match name.starts_with(['+', '-']) || name.is_empty() {
            true => offset,
            false => format!("{offset} ({name})"),
        }
    }

    /// The offsets in that time: two, if the clocks were changed.
    pub(in crate::operator) fn offsets(&self, from: Timestamp, to: Timestamp) -> String {
        let (first, last) = (self.offset(from), self.offset(to));
        if first == last { format!("UTC{first}") } else { format!("UTC{first}, then UTC{last}") }
    }

    /// `2026-11-20T03:02:17.250Z`.
    pub(in crate::operator) fn utc(at: Timestamp) -> String {
        at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// Whether a day begins then.
    fn is_midnight(&self, at: Timestamp) -> bool {
        self.formatted(at, "%H:%M:%S%.f") == "00:00:00"
    }

    /// What a tick on an axis with this step, in milliseconds, is called.
    pub(super) fn tick(&self, at: Timestamp, step: i64) -> String {
        match step {
            _ if step >= 20 * DAY => self.formatted(at, "%b %Y"),
            _ if step >= DAY || (step >= 60_000 && self.is_midnight(at)) => {
                self.formatted(at, "%-d %b")
            }
            60_000.. => self.formatted(at, "%H:%M"),
            1000.. => self.formatted(at, "%H:%M:%S"),
            _ => self.formatted(at, "%H:%M:%S%.3f"),
        }
    }

    /// How much local time is ahead of UTC, in milliseconds.
    pub(super) fn ahead(&self, at: Timestamp) -> i64 {
        i64::from(self.zone.to_offset(at).seconds()) * 1000
    }

    pub(super) fn day(&self, at: Timestamp) -> Date {
        at.to_zoned_datetime(self.zone.clone()).date()
    }

    /// When a day begins. None: it is beyond all time.
    pub(super) fn start_of(&self, day: Date) -> Option<Timestamp> {
        Some(day.to_zoned_datetime(self.zone.clone()).ok()?.timestamp())
    }
}

/// A day, in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_with_their_offset() {
        let at: Timestamp = "2026-11-20T03:02:17.25Z".parse().unwrap();
        let tokyo = Calendar::of("Asia/Tokyo");
        assert_eq!(tokyo.full(at), "2026-11-20 12:02:17.250 +09:00");
        assert_eq!(Calendar::utc(at), "2026-11-20T03:02:17.250Z");
        assert_eq!(tokyo.offset(at), "+09:00 (JST)");
        assert_eq!(tokyo.offsets(at, at), "UTC+09:00 (JST)");
        let berlin = Calendar::of("Europe/Berlin");
        let summer: Timestamp = "2026-07-20T03:02:17.25Z".parse().unwrap();
        assert_eq!(berlin.offsets(summer, at), "UTC+02:00 (CEST), then UTC+01:00 (CET)");
    }
}
