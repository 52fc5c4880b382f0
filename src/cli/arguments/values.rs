//! The values of options that are no plain words or numbers.

use std::path::PathBuf;
use std::time::Duration;

use crate::linux::clock::WallTime;
use crate::operator::TailLength;

/// The levels that there are; Pacemaker's may be any number.
pub(super) fn level() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=20)
}

/// How often a watch may draw.
const FASTEST: Duration = Duration::from_millis(200);

pub(super) fn read_pace(text: &str) -> Result<Duration, String> {
    let pace = crate::site::duration::parse(text)?;
    if pace < FASTEST {
        return Err(format!("`{text}` is too short: it is drawn every 200ms at most"));
    }
    Ok(pace)
}

pub(super) fn read_until(text: &str) -> Result<WallTime, String> {
    let long = crate::site::duration::parse(text).ok().map(|time| WallTime::now().after(time));
    let at = long.or_else(|| WallTime::parse(text)).ok_or_else(|| {
        format!(
            "`{text}` is neither a time like 18:00 or \"2026-11-21 18:00\" nor a duration like 2h"
        )
    })?;
    if at <= WallTime::now() {
        return Err(format!("{} is past", at.local_and_utc()));
    }
    Ok(at)
}

pub(super) fn read_tail(text: &str) -> Result<TailLength, String> {
    match text.parse() {
        Ok(count) => Ok(TailLength::Lines(count)),
        Err(_) if text == "all" => Ok(TailLength::All),
        Err(_) => Err(format!("`{text}` is neither a number of lines nor `all`")),
    }
}

/// A file to write: `-` would be a file of that name.
pub(super) fn read_file_name(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("a file must be named".to_owned()),
        "-" => Err("without --write the metrics are printed".to_owned()),
        name => Ok(PathBuf::from(name)),
    }
}
