//! The lines of a log with their times. A helper reads the file, because its disk may hang.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::linux::files;
use crate::linux::own_program::{self, Unanswered};
use crate::values::Moment;

/// How much of the end of a file is read, in bytes.
const MOST: u64 = 3 << 20;

const WORD: &str = "read-log";

/// The lines of a log, those of `LOG.1` first. Without that file there is only the log.
///
/// # Errors
/// A sentence.
pub(super) fn lines_of(log: &Path, deadline: Moment) -> Result<Vec<String>, String> {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    let mut text = ask(&PathBuf::from(name), deadline).unwrap_or_default();
    text.extend(ask(log, deadline)?);
    Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
}

fn ask(log: &Path, deadline: Moment) -> Result<Vec<u8>, String> {
    let words = [OsStr::new("siteward"), OsStr::new(WORD), log.as_os_str()];
    let said = own_program::ask(&words, deadline, None).map_err(|why| match why {
        Unanswered::TimedOut => format!("the disk of {} does not answer", log.display()),
        other => format!("the helper that reads {} {other}", log.display()),
    })?;
    match said.split_first() {
        Some((b'+', text)) => Ok(text.to_vec()),
        Some((_, why)) => Err(String::from_utf8_lossy(why).into_owned()),
        None => Err(format!("the helper that reads {} says nothing", log.display())),
    }
}

/// Reads the end of a log in the helper process, and prints it. True: it is printed.
pub fn read_log_here(log: &Path) -> bool {
    let (sign, text) = match files::tail(log, MOST) {
        Ok(text) => (b'+', text),
        Err(error) => (b'-', format!("{} cannot be read: {error}", log.display()).into_bytes()),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&[sign]).and_then(|()| out.write_all(&text)).and_then(|()| out.flush()).is_ok()
}

/// The time at which a line was written: as RFC 3339, as `2026-11-21 18:00:00`, or as syslog writes it. Without an
/// offset it is local.
pub(super) fn time_of(text: &str) -> Option<Timestamp> {
    let text = text.trim_start_matches(['[', '<', '(', ' ']);
    let word = text.split([' ', ']', '>', ')']).next()?;
    if let Ok(time) = word.parse::<Timestamp>() {
        return Some(time);
    }
    let local = |time: DateTime| TimeZone::system().to_timestamp(time).ok();
    let as_date = |text: &str| {
        let text = text.replace('/', "-").replace(',', ".");
        text.parse::<DateTime>().ok().and_then(local)
    };
    if let Some(time) = as_date(word).filter(|_| word.contains(':')) {
        return Some(time);
    }
    for length in [23, 19] {
        if let Some(time) = text.get(..length).and_then(as_date) {
            return Some(time);
        }
    }
    of_syslog(text.get(..15)?)
}

/// `Nov 21 18:00:00`: of the last twelve months.
fn of_syslog(text: &str) -> Option<Timestamp> {
    let now = ZonedDateTime::now();
    let of_year = |year: i16| {
        let time = DateTime::strptime("%Y %b %d %H:%M:%S", format!("{year} {text}")).ok()?;
        TimeZone::system().to_timestamp(time).ok()
    };
    let this = of_year(now.year())?;
    if this <= now.timestamp() { Some(this) } else { of_year(now.year() - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_read_in_the_usual_forms() {
        let local = |text: &str| {
            TimeZone::system().to_timestamp(text.parse::<DateTime>().unwrap()).unwrap()
        };
        let time = local("2026-11-21T18:00:00");
        for line in [
            "2026-11-21 18:00:00 begins",
            "[2026-11-21 18:00:00] begins",
            "2026/11/21 18:00:00 begins",
            "2026-11-21T18:00:00 begins",
            "2026-11-21 18:00:00,000 begins",
            &format!("{time} begins"),
        ] {
            assert_eq!(time_of(line), Some(time), "{line}");
        }
        assert!(time_of("Nov 21 18:00:00 host begins").is_some());
        for line in ["", "begins", "ä 2026-11-21", "1234567890123456789012345"] {
            assert_eq!(time_of(line), None, "{line}");
        }
    }
}
