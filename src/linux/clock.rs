//! Monotonic time for every decision, wall time only for people.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point on the node's monotonic clock: the time since boot, the same for all processes, so
/// that a deadline can be handed from a verb to the supervisor. Meaningless after a reboot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(Duration);

impl Moment {
    /// The present moment.
    pub fn now() -> Self {
        // clock_gettime(2) can fail only for a clock that does not exist, and this one always does.
        Self(clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Into::into))
    }

    /// A moment for a clock of one's own, as a simulation has it.
    pub const fn since_boot(time: Duration) -> Self {
        Self(time)
    }

    /// How long until `later`; zero if that is past.
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }

    /// How long since `earlier`; zero if that is yet to come.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// How long from now until this moment; zero if it is past.
    pub fn left(self) -> Duration {
        Self::now().until(self)
    }

    /// Whether this moment is past.
    pub fn passed(self) -> bool {
        self.left().is_zero()
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;
    fn sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{:.3}s", self.0.as_secs_f64())
    }
}

/// The node's local time as syslog writes it: `Nov 20 12:18:19`.
pub fn local_stamp() -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts = WallTime::now().parts(false);
    let month = usize::try_from(parts.tm_mon).ok().and_then(|m| MONTHS.get(m)).unwrap_or(&"???");
    let (day, hour) = (parts.tm_mday, parts.tm_hour);
    format!("{month} {day:02} {hour:02}:{:02}:{:02}", parts.tm_min, parts.tm_sec)
}

/// Seconds since 1970, for people and for records that outlive a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WallTime(i64);

impl WallTime {
    /// So much later.
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)))
    }

    /// When this node's clock shows that time of day next (`18:00`), or that time of that day
    /// (`2026-11-21 18:00`), in local time, or in UTC with a `Z` at its end. None: it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, utc) = match text.strip_suffix('Z') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let now = Self::now();
        let (day, time) = match text.split_once(['T', ' ']) {
            Some((day, time)) => (Some(day), time),
            None => (None, text),
        };
        let mut parts = now.parts(utc);
        if let Some(day) = day {
            let [year, month, of_month] = numbers(day, '-')?;
            (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, of_month);
            let good = (1970..10_000).contains(&year)
                && (1..=12).contains(&month)
                && (1..=31).contains(&of_month);
            good.then_some(())?;
        }
        let with_seconds =
            if time.matches(':').count() == 1 { format!("{time}:00") } else { time.to_owned() };
        let [hour, minute, second] = numbers(&with_seconds, ':')?;
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second);
        let good =
            (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        good.then_some(())?;
        parts.tm_isdst = -1;
        let seconds = |mut parts: libc::tm| {
            // SAFETY: the pointer is to a local that outlives the call.
            unsafe { if utc { libc::timegm(&raw mut parts) } else { libc::mktime(&raw mut parts) } }
        };
        let mut at = Self(seconds(parts));
        if day.is_none() && at <= now {
            parts.tm_mday += 1;
            at = Self(seconds(parts));
        }
        (at.0 >= 0).then_some(at)
    }

    fn parts(self, utc: bool) -> libc::tm {
        // SAFETY: all fields of tm are numbers or a pointer that may be null.
        let mut parts: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to locals that outlive the call.
        unsafe {
            if utc {
                libc::gmtime_r(&raw const self.0, &raw mut parts);
            } else {
                libc::localtime_r(&raw const self.0, &raw mut parts);
            }
        }
        parts
    }
    /// What the node's wall clock shows.
    pub fn now() -> Self {
        let seconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

/// Three numbers with something between them.
fn numbers(text: &str, between: char) -> Option<[i32; 3]> {
    let parts: Option<Vec<i32>> = text.split(between).map(|p| p.parse().ok()).collect();
    parts?.try_into().ok()
}

/// RFC 3339 in UTC: a failover log is read from two nodes at once.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        // Days since 0000-03-01, so that the leap day ends a year (Howard Hinnant, "chrono-
        // compatible low-level date algorithms").
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_written_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_826_154, "2000-02-29T12:09:14Z"),
            (1_795_132_800, "2026-11-20T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(WallTime(seconds).to_string(), text);
        }
    }

    #[test]
    fn wall_time_is_read_in_what_a_person_writes() {
        let utc = |text: &str| WallTime::parse(text).map(|t| t.to_string());
        for text in ["2026-11-21T18:00:00Z", "2026-11-21 18:00Z", "2026-11-21T18:00Z"] {
            assert_eq!(utc(text).as_deref(), Some("2026-11-21T18:00:00Z"), "{text}");
        }
        let next = WallTime::parse("18:00").unwrap();
        assert!(
            next > WallTime::now() && next <= WallTime::now().after(Duration::from_secs(90_000))
        );
        for bad in ["", "soon", "25:00", "18:60", "2026-13-01 10:00", "18", "1:2:3:4", "Z"] {
            assert_eq!(utc(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_deadline_in_the_past_leaves_nothing() {
        let now = Moment::now();
        assert_eq!((now - Duration::from_secs(1)).left(), Duration::ZERO);
        assert!(now.until(now + Duration::from_secs(3)) == Duration::from_secs(3));
    }
}
