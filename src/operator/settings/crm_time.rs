//! Times as Pacemaker's configuration writes them.

use std::time::Duration;

use crate::site::duration::LONGEST;

/// Reads `60`, `60s`, `500ms`, `2min`, `1h` or `PT1H30M`. None: it is no time.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('P') {
        return iso_8601(rest);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "ms" | "msec" => return Some(bounded(Duration::from_millis(number))),
        "us" | "usec" => return Some(bounded(Duration::from_micros(number))),
        "" | "s" | "sec" => 1,
        "m" | "min" => 60,
        "h" | "hr" => 3600,
        _ => return None,
    };
    Some(seconds(number, unit))
}

/// What follows the P of a duration.
fn iso_8601(text: &str) -> Option<Duration> {
    let (days, time) = text.split_once('T').unwrap_or((text, ""));
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let part = |text: &str, units: &[(char, u64)]| {
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: u64 = rest[..end].parse().ok()?;
            let letter = rest[end..].chars().next()?;
            let unit = units.iter().find(|(l, _)| *l == letter)?.1;
            total = total.saturating_add(seconds(number, unit));
            rest = &rest[end + letter.len_utf8()..];
        }
        Some(total)
    };
    let days = part(days, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let time = part(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    Some(bounded(days.saturating_add(time)))
}

fn seconds(number: u64, unit: u64) -> Duration {
    bounded(Duration::from_secs(number.saturating_mul(unit)))
}

fn bounded(time: Duration) -> Duration {
    time.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_pacemaker_takes_is_read() {
        for (text, millis) in [
            ("60", 60_000),
            ("60s", 60_000),
            ("500ms", 500),
            ("2min", 120_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("20 sec", 20_000),
            ("PT1H30M", 5_400_000),
            ("P1DT2S", 86_402_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "1.5s", "3 days", "P", "PT1X", "PTS", "PT1", "INFINITY", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("99999999999999999h"), Some(LONGEST));
    }
}
