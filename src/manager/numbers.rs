//! Numbers in a manager's call.
//!
//! Promises: a value that is not a number is reported and counts as not given. It is never a fault, because
//! a stop and a monitor must be done in any case. Must never: accept a number that overflows.

use std::time::Duration;

use crate::values::printable_line;

/// The longest time limit that is accepted: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// The number in `text`, the value of the variable `name`. The error is a sentence.
pub(super) fn read(name: &str, text: &str, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| {
        printable_line(format!(
            "{name} is `{text}`, which is no number from 0 to {most}; it counts as not given"
        ))
    })
}

/// As [`read`], in milliseconds.
pub(super) fn milliseconds(name: &str, text: &str) -> Result<Duration, String> {
    let most = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
    read(name, text, most).map(Duration::from_millis)
}

/// As [`read`], in seconds.
pub(super) fn seconds(name: &str, text: &str) -> Result<Duration, String> {
    read(name, text, LONGEST.as_secs()).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_told_as_such() {
        assert_eq!(milliseconds("x", "20000"), Ok(Duration::from_secs(20)));
        assert_eq!(seconds("x", "0"), Ok(Duration::ZERO));
        for text in ["", "-5", "abc", " 1", "1.5", "9999999999999", "18446744073709551616", "٣"] {
            let why = milliseconds("CRM_x", text).unwrap_err();
            assert!(why.starts_with(&format!("CRM_x is `{text}`, which is no number")), "{why}");
            assert!(seconds("x", text).is_err());
        }
    }

    #[test]
    fn the_largest_number_is_accepted_and_a_larger_one_is_not() {
        assert_eq!((read("x", "7", 7), read("x", "8", 7).is_err()), (Ok(7), true));
        assert_eq!(seconds("x", "31536000"), Ok(LONGEST));
        assert!(seconds("x", "31536001").is_err());
        assert_eq!(milliseconds("x", "31536000000"), Ok(LONGEST));
        assert!(milliseconds("x", "31536000001").is_err());
    }
}
