//! Monotonic time for every decision, wall time only for people.

use std::fmt;
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::values::Moment;

/// Written and read by the node's own clock, so that a deadline can be handed from one process to
/// another in a different time namespace.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Ahead::get().monotonic.taken_from(self.as_time()).serialize(to)
    }
}

impl<'a> Deserialize<'a> for Moment {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        Duration::deserialize(from)
            .map(|of_node| Self::since_boot(Ahead::get().monotonic.added_to(of_node)))
    }
}

/// A [`Moment`] between two processes of one time namespace, without reading a file. Between two time
/// namespaces it is wrong by the difference of their clocks.
pub mod as_it_is {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer};
    use crate::values::Moment;

    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
        moment.as_time().serialize(to)
    }

    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Moment, D::Error> {
        Duration::deserialize(from).map(Moment::since_boot)
    }
}

/// By how much a clock of this process is ahead of the node's, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offset(i64);

impl Offset {
    pub(super) fn taken_from(self, time: Duration) -> Duration {
        let by = Duration::from_nanos(self.0.unsigned_abs());
        if self.0 < 0 { time.saturating_add(by) } else { time.saturating_sub(by) }
    }

    fn added_to(self, time: Duration) -> Duration {
        Self(self.0.saturating_neg()).taken_from(time)
    }

    /// The same count of ticks by the node's clock.
    pub(super) fn taken_from_ticks(self, ticks: u64, per_second: u64) -> u64 {
        let by = i128::from(self.0) * i128::from(per_second) / 1_000_000_000;
        u64::try_from(i128::from(ticks) - by).unwrap_or(0)
    }
}

/// How far the clocks of this process are ahead (time_namespaces(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) monotonic: Offset,
    pub(super) boottime: Offset,
}

impl Ahead {
    /// Of this process; read once, as it does not change.
    pub(super) fn get() -> Self {
        static AHEAD: OnceLock<Ahead> = OnceLock::new();
        *AHEAD.get_or_init(|| {
            // The file tells the offsets for the children of this process. After an unshare(2) those are
            // in another namespace, and no file tells the offsets of this process.
            let namespace = |of: &str| fs::read_link(format!("/proc/self/ns/{of}")).ok();
            if namespace("time") != namespace("time_for_children") {
                return Self::default();
            }
            fs::read_to_string("/proc/self/timens_offsets")
                .map_or_else(|_| Self::default(), |text| Self::read(&text))
        })
    }

    fn read(text: &str) -> Self {
        let of = |clock: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(clock))?;
            let mut numbers = line.split_whitespace().map(str::parse::<i64>);
            let (seconds, nanos) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
            seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Offset)
        };
        Self {
            monotonic: of("monotonic").unwrap_or_default(),
            boottime: of("boottime").unwrap_or_default(),
        }
    }
}

impl Moment {
    /// The present moment.
    pub fn now() -> Self {
        // clock_gettime(2) can fail only for a clock that does not exist, and this one always does.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Into::into);
        Self::since_boot(now)
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

/// The node's local time as syslog writes it: `Nov 20 12:18:19`.
pub fn local_stamp() -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts = WallTime::now().parts(false);
    let month = usize::try_from(parts.tm_mon).ok().and_then(|m| MONTHS.get(m)).unwrap_or(&"???");
    let (day, hour) = (parts.tm_mday, parts.tm_hour);
    format!("{month} {day:02} {hour:02}:{:02}:{:02}", parts.tm_min, parts.tm_sec)
}

/// Milliseconds since 1970 by the node's wall clock.
pub fn unix_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The present in UTC, to the millisecond: `2026-11-26T10:00:00.250Z`.
pub fn utc_stamp() -> String {
    let now = unix_millis();
    let seconds = WallTime::from_millis(now).to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), now % 1000)
}

/// Seconds since 1970, for people and for records that outlive a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WallTime(i64);

impl WallTime {
    /// To the second before.
    pub fn from_millis(millis: u64) -> Self {
        Self(i64::try_from(millis / 1000).unwrap_or(i64::MAX))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0).saturating_mul(1000)
    }

    /// Since 1970.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// So much later.
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)))
    }

    /// How long ago it was; zero if it is in the future, as by the clock of another node.
    pub fn age(self) -> Duration {
        let seconds = Self::now().0.saturating_sub(self.0);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
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
            let good = (1970..10_000).contains(&year)
                && (1..=12).contains(&month)
                && (1..=31).contains(&of_month);
            good.then_some(())?;
            (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, of_month);
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

    /// In local time with its distance from UTC, and in UTC: `2026-11-21 18:00:00 +01:00,
    /// which is 2026-11-21T17:00:00Z`; in UTC alone where that is the local time.
    pub fn local_and_utc(self) -> String {
        let local = self.parts(false);
        let minutes = local.tm_gmtoff / 60;
        if minutes == 0 {
            return self.to_string();
        }
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        let (year, month) = (i64::from(local.tm_year) + 1900, local.tm_mon + 1);
        format!(
            "{year:04}-{month:02}-{:02} {:02}:{:02}:{:02} {sign}{hours:02}:{minutes:02}, which is {self}",
            local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec
        )
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
        std::time::SystemTime::now().into()
    }
}

impl From<std::time::SystemTime> for WallTime {
    fn from(time: std::time::SystemTime) -> Self {
        let seconds = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
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
    fn the_clocks_of_another_time_namespace_are_turned_into_the_nodes() {
        let ahead =
            Ahead::read("monotonic         100 500000000\nboottime         -10         0\n");
        let seconds = Duration::from_secs;
        assert_eq!(ahead.monotonic.taken_from(seconds(200)), Duration::from_millis(99_500));
        assert_eq!(ahead.monotonic.added_to(Duration::from_millis(99_500)), seconds(200));
        assert_eq!(ahead.monotonic.taken_from(seconds(1)), Duration::ZERO);
        assert_eq!(ahead.boottime.taken_from(seconds(200)), seconds(210));
        assert_eq!(ahead.boottime.taken_from_ticks(500, 100), 1500);
        assert_eq!(ahead.monotonic.taken_from_ticks(20_000, 100), 9950);
        assert_eq!(Ahead::read("nonsense"), Ahead::default());
    }

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
        let bad = ["", "soon", "25:00", "18:60", "2026-13-01 10:00", "18", "1:2:3:4", "Z"];
        for bad in bad.into_iter().chain(["-2147483648-01-01 10:00", "1970-01-2147483647 10:00"]) {
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
