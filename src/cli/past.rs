//! A time in the past, as a person writes it.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::site::duration;

/// `2h` ago, `14:00` when it was last, a date with or without a time of day, `today`, `yesterday`; local time, or
/// UTC with a `Z` at its end.
///
/// # Errors
/// It is none of these, or lies in the future.
pub fn read_past(text: &str) -> Result<Timestamp, String> {
    read(text, Timestamp::now(), &TimeZone::system())
}

fn read(text: &str, now: Timestamp, local: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(ago) = duration::parse(text) {
        return Ok(now.checked_sub(ago).unwrap_or(Timestamp::MIN));
    }
    let (words, zone) = match text.strip_suffix('Z') {
        Some(words) => (words, TimeZone::UTC),
        None => (text, local.clone()),
    };
    let today = now.to_zoned_datetime(zone.clone()).date();
    let yesterday = today.yesterday().unwrap_or(today);
    let moment = |at: DateTime| at.to_zoned_datetime(zone.clone()).ok().map(|at| at.timestamp());
    let day = |day: Date| moment(day.at(0, 0, 0, 0));
    let at = match words {
        "now" => Some(now),
        "today" => day(today),
        "yesterday" => day(yesterday),
        _ => match (words.parse::<Time>(), words.parse::<Date>(), words.parse::<DateTime>()) {
            (Ok(time), ..) if !words.contains('-') => moment(today.to_datetime(time))
                .filter(|at| *at <= now)
                .or_else(|| moment(yesterday.to_datetime(time))),
            (_, Ok(date), _) if !words.contains(':') => day(date),
            (.., Ok(at)) => moment(at),
            _ => None,
        },
    };
    let at = at.ok_or_else(|| {
        format!(
            "`{text}` is neither a duration like 2h nor a time like 14:00, \"2026-11-26 14:00\", \
             2026-11-26, today or yesterday"
        )
    })?;
    if at > now + 1.second() {
        return Err(format!("`{text}` is in the future"));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_past() {
        let now: Timestamp = "2026-11-26T03:00:00Z".parse().unwrap();
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let of = |text: &str| read(text, now, &tokyo).map(|at| at.to_string());
        for (text, at) in [
            ("2h", "2026-11-26T01:00:00Z"),
            ("90", "2026-11-26T02:58:30Z"),
            ("11:00", "2026-11-26T02:00:00Z"),
            ("14:00", "2026-11-25T05:00:00Z"),
            ("14:00Z", "2026-11-25T14:00:00Z"),
            ("today", "2026-11-25T15:00:00Z"),
            ("yesterday", "2026-11-24T15:00:00Z"),
            ("2026-11-20", "2026-11-19T15:00:00Z"),
            ("2026-11-20 10:00", "2026-11-20T01:00:00Z"),
            ("2026-11-20T10:00:30Z", "2026-11-20T10:00:30Z"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(at), "{text}");
        }
        for bad in ["", "Z", "soon", "25:00", "2h ago", "-1h", "14", "2026-13-01"] {
            if bad == "14" {
                assert_eq!(of(bad).as_deref(), Ok("2026-11-26T02:59:46Z"), "bare seconds");
                continue;
            }
            assert!(of(bad).unwrap_err().contains("is neither"), "{bad}");
        }
        assert!(of("2999-01-01").unwrap_err().contains("in the future"));
    }
}
