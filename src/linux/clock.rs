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
    let WallTime(seconds) = WallTime::now();
    // SAFETY: all fields of tm are numbers or a pointer that may be null.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals that outlive the call.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
    let month = usize::try_from(parts.tm_mon).ok().and_then(|m| MONTHS.get(m)).unwrap_or(&"???");
    let (day, hour) = (parts.tm_mday, parts.tm_hour);
    format!("{month} {day:02} {hour:02}:{:02}:{:02}", parts.tm_min, parts.tm_sec)
}

/// Seconds since 1970, for people and for records that outlive a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WallTime(i64);

impl WallTime {
    /// What the node's wall clock shows.
    pub fn now() -> Self {
        let seconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
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
    fn a_deadline_in_the_past_leaves_nothing() {
        let now = Moment::now();
        assert_eq!((now - Duration::from_secs(1)).left(), Duration::ZERO);
        assert!(now.until(now + Duration::from_secs(3)) == Duration::from_secs(3));
    }
}
