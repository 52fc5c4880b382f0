//! A time in the past, as a person writes it.

use crate::linux::clock::WallTime;
use crate::site::duration;

/// `2h` ago, `14:00` when it was last, a date with or without a time of day, `today`, `yesterday`.
///
/// # Errors
/// It is none of these, or lies in the future.
pub(super) fn read_since(text: &str) -> Result<WallTime, String> {
    let now = WallTime::now();
    if let Ok(ago) = duration::parse(text) {
        let millis = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        return Ok(WallTime::from_millis(now.as_millis().saturating_sub(millis)));
    }
    let day = |back: u64| {
        let then = WallTime::from_millis(now.as_millis().saturating_sub(back * 86_400_000));
        then.local_and_utc().get(..10).unwrap_or_default().to_owned()
    };
    let of_day = |day: &str, time: &str| WallTime::parse(&format!("{day} {time}"));
    let at = match text {
        "now" => Some(now),
        "today" => of_day(&day(0), "00:00"),
        "yesterday" => of_day(&day(1), "00:00"),
        _ => of_day(&day(0), text)
            .filter(|at| *at <= now)
            .or_else(|| of_day(&day(1), text))
            .or_else(|| WallTime::parse(text))
            .or_else(|| of_day(text, "00:00")),
    };
    let at = at.ok_or_else(|| {
        format!(
            "`{text}` is neither a duration like 2h nor a time like 14:00, \"2026-11-26 14:00\", \
             2026-11-26, today or yesterday"
        )
    })?;
    if at > now {
        return Err(format!("{} is in the future", at.local_and_utc()));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_past() {
        let now = WallTime::now();
        let ago = |text: &str| (now.as_millis() - read_since(text).unwrap().as_millis()) / 1000;
        assert!((7200..7210).contains(&ago("2h")));
        assert!((90..100).contains(&ago("90")));
        assert!(ago("00:00") < 86_400);
        assert!(ago("23:59:59") <= 90_000);
        assert!(ago("today") < 90_000 && ago("yesterday") >= 82_000);
        assert!(ago("2026-11-20 10:00") > 0);
        assert_eq!(ago("2026-11-20T10:00:00Z") - ago("2026-11-20T10:00:10Z"), 10);
        assert!(ago("2026-01-01") > ago("2026-01-02"));
        for bad in ["", "soon", "25:00", "2h ago", "-1h"] {
            assert!(read_since(bad).unwrap_err().contains("is neither"), "{bad}");
        }
        assert!(read_since("2999-01-01").unwrap_err().contains("in the future"));
    }
}
