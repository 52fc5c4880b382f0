//! A time in the past, as a person writes it.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use crate::site::duration;

/// Reads how long ago something was (`2h`), a time of day that was last (`14:00`), a day (`2026-11-21`), a time of
/// a day (`2026-11-21 18:00`), or a time with its offset (`2026-11-21T18:00:00Z`). Without an offset it is local.
///
/// # Errors
/// A sentence.
pub fn read_since(text: &str) -> Result<Timestamp, String> {
    let now = ZonedDateTime::now();
    let ago = |time: Duration| SignedDuration::try_from(time).ok();
    let local = |time: DateTime| TimeZone::system().to_timestamp(time).ok();
    let of_day = |time: Time| {
        let today = local(now.date().to_datetime(time))?;
        let yesterday = || local(now.date().yesterday().ok()?.to_datetime(time));
        if today <= now.timestamp() { Some(today) } else { yesterday() }
    };
    let found = match duration::parse(text).ok().and_then(ago) {
        Some(ago) => now.timestamp().checked_sub(ago).ok(),
        None => (text.parse::<Timestamp>().ok())
            .or_else(|| text.parse::<Time>().ok().filter(|_| !text.contains('-')).and_then(of_day))
            .or_else(|| {
                text.parse::<Date>()
                    .ok()
                    .filter(|_| !text.contains(':'))
                    .and_then(|day| local(day.into()))
            })
            .or_else(|| text.parse::<DateTime>().ok().and_then(local)),
    };
    found.ok_or_else(|| {
        format!(
            "`{text}` is no time in the past like 2h, 14:00, 2026-11-21, \"2026-11-21 18:00\" or \
             2026-11-21T18:00:00Z"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Timestamp::now();
        let since = |text: &str| read_since(text).unwrap();
        let two_hours = now.duration_since(since("2h"));
        assert!((7200..7210).contains(&two_hours.as_secs()), "{two_hours}");
        for time in ["00:00", "23:59", "12:30:15"] {
            let ago = now.duration_since(since(time)).as_hours();
            assert!((0..=25).contains(&ago), "{time}: {ago} hours");
        }
        assert_eq!(since("2026-11-21T18:00:00Z").to_string(), "2026-11-21T18:00:00Z");
        let local = |text: &str| TimeZone::system().to_timestamp(text.parse::<DateTime>().unwrap());
        assert_eq!(since("2026-11-21 18:00"), local("2026-11-21T18:00:00").unwrap());
        assert_eq!(since("2026-11-21"), local("2026-11-21T00:00:00").unwrap());
        for wrong in ["", "yesterday", "25:00", "2026-13-01", "2h ago", "-"] {
            assert!(read_since(wrong).is_err(), "{wrong}");
        }
    }
}
