//! Durations as people write them: `90s`, `3m`, `1m30s`, `250ms`, or bare seconds.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// The fault, as the end of a sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration like 90s, 3m, 1m30s, 250ms or bare seconds");
    if let Ok(seconds) = text.parse::<u64>() {
        return bounded(Duration::from_secs(seconds), text);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let tail = &rest[digits..];
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let seconds = |n: u64| number.checked_mul(n).map(Duration::from_secs);
        let part = match &tail[..letters] {
            "ms" => Some(Duration::from_millis(number)),
            "s" => seconds(1),
            "m" => seconds(60),
            "h" => seconds(3600),
            "d" => seconds(86_400),
            _ => return Err(wrong()),
        };
        total = part.and_then(|p| total.checked_add(p)).ok_or_else(wrong)?;
        rest = &tail[letters..];
    }
    if text.is_empty() { Err(wrong()) } else { bounded(total, text) }
}

/// The duration that was meant by a text that [`parse`] refuses: other units, spaces, a fraction, or a last number
/// without its unit (`90 sec`, `5 min`, `1.5h`, `1h30`), as [`parse`] reads it. None: it is none.
pub(super) fn meant(text: &str) -> Option<String> {
    let mut rest = text.trim();
    let mut millis = 0.0;
    let mut written = String::new();
    let mut last = None;
    if rest.is_empty() || rest.len() > 100 {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let digits = &rest[..end];
        let number: f64 = digits.parse().ok()?;
        rest = rest[end..].trim_start_matches([' ', '_', '-']);
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match rest[..end].to_ascii_lowercase().as_str() {
            "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            // The next smaller unit; without any, seconds.
            "" => match last {
                None => 1000.0,
                Some(1000.0) => 1.0,
                Some(86_400_000.0) => 3_600_000.0,
                Some(1.0) => return None,
                Some(unit) => unit / 60.0,
            },
            _ => return None,
        };
        millis += number * unit;
        let (_, letters) = UNITS.iter().find(|(size, _)| *size == unit)?;
        written = format!("{written}{digits}{letters}");
        last = Some(unit);
        rest = rest[end..].trim_start_matches([' ', ',', '_', '-']);
    }
    // A fraction is told by a smaller unit.
    let rounded = || Some(show(Duration::try_from_secs_f64(millis / 1000.0_f64).ok()?));
    let written = if written.contains('.') { rounded()? } else { written };
    parse(&written).is_ok_and(|time| !time.is_zero()).then_some(written)
}

/// The units in milliseconds.
const UNITS: [(f64, &str); 5] =
    [(1.0, "ms"), (1000.0, "s"), (60_000.0, "m"), (3_600_000.0, "h"), (86_400_000.0, "d")];

/// A year: a deadline beyond it is a slip of the pen, and arithmetic with it must never overflow.
pub const LONGEST: Duration = Duration::from_secs(365 * 86_400);

fn bounded(duration: Duration, text: &str) -> Result<Duration, String> {
    if duration > LONGEST {
        return Err(format!("`{text}` is longer than a year"));
    }
    Ok(duration)
}

/// Writes a duration so that [`parse`] reads it back; below a second in milliseconds.
pub fn show(duration: Duration) -> String {
    let millis = duration.subsec_millis();
    let seconds = duration.as_secs();
    match (seconds, millis) {
        (0, ms) => format!("{ms}ms"),
        (s, 0) if s % 3600 == 0 => format!("{}h", s / 3600),
        (s, 0) if s % 60 == 0 && s >= 600 => format!("{}m", s / 60),
        (s, 0) => format!("{s}s"),
        (s, ms) => format!("{s}s{ms}ms"),
    }
}

/// Says a duration to a person: to a tenth of a second below ten seconds, to a second from there on.
pub fn say(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    match tenths {
        0 if duration.is_zero() => "0 s".to_owned(),
        0 => "less than 0.1 s".to_owned(),
        1..100 if tenths.is_multiple_of(10) => format!("{} s", tenths / 10),
        1..100 => format!("{}.{} s", tenths / 10, tenths % 10),
        _ => format!("{} s", (duration.as_millis() + 500) / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("90s", 90_000),
            ("3m", 180_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("0", 0),
            ("45", 45_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "3x", "-1", "1.5s", "3 m", "99999999999999999999", "9999999d", "5m3"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant_by_other_spellings() {
        for (text, said) in [
            ("90 sec", Some("90s")),
            ("5 min", Some("5m")),
            ("3 minutes", Some("3m")),
            ("1h30", Some("1h30m")),
            ("1.5h", Some("90m")),
            ("1m 30s", Some("1m30s")),
            ("2 hours, 5 minutes", Some("2h5m")),
            ("1.5", Some("1s500ms")),
            ("soon", None),
            ("5 years", None),
            ("-5s", None),
            ("", None),
            ("0 s", None),
            ("9e99d", None),
        ] {
            assert_eq!(meant(text).as_deref(), said, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for millis in [0, 250, 1000, 1500, 90_000, 200_000, 600_000, 3_600_000, 3_601_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&show(duration)), Ok(duration));
        }
    }
    #[test]
    fn a_person_is_told_no_more_than_a_tenth_of_a_second() {
        for (millis, said) in [
            (0, "0 s"),
            (40, "less than 0.1 s"),
            (50, "0.1 s"),
            (926, "0.9 s"),
            (4996, "5 s"),
            (7540, "7.5 s"),
            (7995, "8 s"),
            (9949, "9.9 s"),
            (9950, "10 s"),
            (12_499, "12 s"),
            (200_000, "200 s"),
        ] {
            assert_eq!(say(Duration::from_millis(millis)), said, "{millis}");
        }
    }
}
