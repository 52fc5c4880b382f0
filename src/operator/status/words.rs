//! The words for a status: times, sizes, and a sentence for each fact.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

use super::report::{
    AddressStatus, DiskStatus, FailureStatus, LeaseStatus, PhaseStatus, ProcessStatus,
    SiteStatusReport, WaitStatus, WorkItemStatus, WorkStatus,
};
use crate::control::State;
use crate::operator::page::{Tone, Words, tone_of};
use crate::operator::takeover::TakeoverStatus;
use crate::site::duration::say;
use crate::values::printable_line;

/// In local time with its distance from UTC.
pub(super) fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A time in its two largest units: `45s`, `12m05s`, `3h12m`, `2d4h`.
pub(super) fn span(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, seconds / 3600, seconds / 60) {
        (100.., ..) => format!("{days}d"),
        (1.., ..) => format!("{days}d{hours}h"),
        (_, 1.., _) => format!("{hours}h{minutes:02}m"),
        (_, _, 1..) => format!("{minutes}m{:02}s", seconds % 60),
        _ => format!("{seconds}s"),
    }
}

/// Seconds that are left, for a sentence.
pub(super) fn left(seconds: f64) -> String {
    say(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Bytes in three digits: `812K`, `34M`, `1.2G`.
pub(super) fn size(bytes: u64) -> String {
    let mut size = bytes as f64 / 1024.0;
    for unit in ["K", "M", "G"] {
        match size {
            // Below ten with one decimal.
            ..9.95 => return format!("{size:.1}{unit}"),
            ..999.5 => return format!("{size:.0}{unit}"),
            _ => size /= 1024.0,
        }
    }
    format!("{size:.1}T")
}

pub(super) fn percent(percent: Option<f64>) -> String {
    match percent {
        None => "-".to_owned(),
        Some(percent @ ..99.95) => format!("{percent:.1}%"),
        Some(percent) => format!("{percent:.0}%"),
    }
}

/// The first line: the state, of which site, where, since when, and on whose order.
pub(super) fn headline(report: &SiteStatusReport) -> Words {
    let mut line = format!(": {} on {}", report.site, report.node);
    if let (Some(since), Some(seconds)) = (report.since, report.state_seconds) {
        line.push_str(&format!(", since {} ({})", local(since), span(seconds)));
    }
    if let Some(by) = &report.by {
        let verb = match report.exact_state {
            State::Stopped | State::StoppingOrdered => "stopped",
            State::Maintenance => "paused",
            _ => "started",
        };
        line.push_str(&format!(", {verb} by {by}"));
    }
    if let Some(supervisor) = &report.supervisor {
        let whose = if supervisor.kind == "siteward" { "supervisor" } else { "its own supervisor" };
        line.push_str(&format!(", {whose} {}", supervisor.pid));
    }
    Words::plain(report.state).in_tone(tone_of(report.exact_state)).then(&line)
}

/// What a start or a stop under way waits for, and how long it still has.
pub(super) fn phase(report: &SiteStatusReport) -> Option<String> {
    let PhaseStatus { what, left_seconds } = report.phase.as_ref()?;
    let until = left_seconds.map(|seconds| format!("{} left", left(seconds)));
    let with = |text: String| match &until {
        Some(until) => format!("{text}, {until}"),
        None => text,
    };
    let waiting: Vec<&ProcessStatus> = report.processes.iter().filter(holds_up).collect();
    let what_it_is = match what.as_str() {
        "settle" => return Some(with("all are ready, and must stay so".to_owned())),
        "evidence" => return Some(with("the command of on_failure runs".to_owned())),
        "pause" => "the pause",
        "stop" => "the stop",
        _ => "the start",
    };
    let mut names: Vec<String> = waiting.iter().take(3).map(|process| waited(process)).collect();
    match waiting.len().saturating_sub(3) {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    let list = match names.split_last() {
        None => return Some(with(format!("{what_it_is} is under way"))),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    };
    Some(with(format!("{what_it_is} waits for {list}")))
}

/// It keeps a start or a stop from going on: not one that only waits for another one.
fn holds_up(process: &&ProcessStatus) -> bool {
    let waits_for_itself = |waits: &WaitStatus| !waits.what.starts_with("the end of `");
    !process.up && process.pid.is_some() && process.waits.as_ref().is_none_or(waits_for_itself)
        || (!process.up && process.next_start_seconds.is_some())
}

fn waited(process: &ProcessStatus) -> String {
    match &process.waits {
        Some(waits) => format!("`{}` ({})", process.name, waits.what),
        None => format!("`{}`", process.name),
    }
}

/// The state of a process, with all that is to be known of it.
pub(super) fn process_state(process: &ProcessStatus) -> Words {
    let waits_for_others = process.waits.as_ref().filter(|_| process.doing == "down");
    let doing = match waits_for_others {
        Some(waits) => format!("waits for {}", waits.what),
        None => process.doing.trim_end_matches(", healthcheck failing").to_owned(),
    };
    let is_sick = process.health.as_ref().is_some_and(|health| health.starts_with("failed"));
    let tone = match (process.up, process.doing.as_str()) {
        (true, _) if is_sick => Tone::Warning,
        (true, _) => Tone::Good,
        (false, "given up") => Tone::Bad,
        (false, "down") if waits_for_others.is_none() => Tone::Plain,
        (false, _) => Tone::Warning,
    };
    let mut words = Words::plain(doing).in_tone(tone);
    if !process.essential {
        words = words.then(", not essential");
    }
    words = match process.restarts {
        0 => words,
        1 => words.then(", started again once"),
        times => words.then(&format!(", started again {times} times")),
    };
    match (process.next_start_seconds, &process.waits) {
        (Some(seconds), _) => words = words.then(&format!(", in {}", left(seconds))),
        (None, Some(waits)) if waits_for_others.is_none() => words = words.then(&waiting(waits)),
        (None, Some(_) | None) => {}
    }
    match process.health.as_deref() {
        None => {}
        Some("good") => words = words.then(", healthy"),
        Some(health) => words = words.then(&format!(", healthcheck {health}")),
    }
    match &process.detail {
        Some(detail) if !is_told(process, detail) => words.then(&format!(" ({detail})")),
        Some(_) | None => words,
    }
}

/// It is part of what the process waits for.
fn is_told(process: &ProcessStatus, detail: &str) -> bool {
    process.waits.as_ref().is_some_and(|waits| waits.what.contains(detail))
}

fn waiting(waits: &WaitStatus) -> String {
    let mut text = format!(", waits for {}", waits.what);
    if let Some(seconds) = waits.left_seconds {
        text.push_str(&format!(", {} left", left(seconds)));
    }
    if let Some(then) = &waits.then {
        text.push_str(&format!(", then {then}"));
    }
    text
}

/// It is as it should be.
pub(super) fn is_well(process: &ProcessStatus) -> bool {
    let is_sick = process.health.as_ref().is_some_and(|health| health.starts_with("failed"));
    process.up && !is_sick
}

pub(super) fn disk(disk: &DiskStatus) -> Words {
    let at = disk.database.display();
    match (&disk.mount_point, disk.mounted) {
        (None, _) => Words::plain(format!("the database is {at}")),
        (Some(_), Some(true)) => Words::plain(format!("the disk of {at} is mounted")),
        (Some(point), Some(false)) => {
            Words::plain(format!("the disk of {at} is not mounted at {}", point.display()))
                .in_tone(Tone::Bad)
        }
        (Some(point), None) => {
            Words::plain(format!("it cannot be found out whether {} is mounted", point.display()))
                .in_tone(Tone::Warning)
        }
    }
}

/// `disk`: what is written on a disk that is not mounted cannot be told.
pub(super) fn lease(lease: &LeaseStatus, disk: Option<&DiskStatus>) -> Words {
    let away = disk.is_some_and(|disk| disk.mounted == Some(false));
    let since = lease.since.map_or_else(String::new, |at| format!(" since {}", local(at)));
    let owner = lease.node.as_deref();
    match (lease.held_here, owner, lease.released, &lease.note) {
        (true, _, _, note) => {
            let note = note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
            Words::plain(format!("the lease is held by this node{since}{note}"))
        }
        (false, _, _, Some(note)) => {
            Words::plain(format!("the owner of the lease is not known: {note}"))
                .in_tone(Tone::Warning)
        }
        (false, Some(node), Some(true), None) => {
            Words::plain(format!("the lease is free; its last owner was `{node}`"))
        }
        (false, Some(node), _, None) => {
            Words::plain(format!("the lease was taken by `{node}`{since}, and not released"))
        }
        (false, None, _, None) if away => {
            Words::plain("the lease is on the disk, and not seen here")
        }
        (false, None, _, None) => Words::plain("the lease has had no owner yet"),
    }
}

/// How a takeover went after an unclean end; None: the site is not up again.
pub(super) fn takeover(site: &str, takeover: &TakeoverStatus) -> Option<Words> {
    let downtime = takeover.downtime()?;
    let heard = takeover.last_heard.map_or_else(String::new, |at| {
        format!("; the last that the history tells of it before is of {}", local(at))
    });
    let words = format!(
        " by `{}` after an unclean end: {downtime}{heard}; what it interrupted: siteward history {site} --interrupted",
        takeover.node
    );
    Some(Words::plain("taken over").in_tone(Tone::Warning).then(&words))
}

/// How many items of interrupted work are named.
const NAMED_WORK: usize = 5;

/// The interrupted work that nobody has decided on, a line for each item.
pub(super) fn work(site: &str, work: &WorkStatus) -> Vec<Words> {
    if let Some(note) = &work.note {
        let words = format!("whether interrupted work waits for a decision is not known: {note}");
        return vec![Words::plain(words).in_tone(Tone::Warning)];
    }
    let mut lines = Vec::new();
    if work.open > 0 {
        let number = match work.open {
            1 => "1 item of interrupted work waits".to_owned(),
            number => format!("{number} items of interrupted work wait"),
        };
        let words = Words::plain(number).in_tone(Tone::Warning);
        lines.push(words.then(&format!(" for a decision: siteward work {site}")));
    }
    let line = |item: &WorkItemStatus| {
        let file = printable_line(item.file.clone());
        Words::plain(format!("  {file} ({}), {}", item.kind, item.told))
    };
    lines.extend(work.items.iter().take(NAMED_WORK).map(line));
    if let Some(more @ 1..) = work.open.checked_sub(NAMED_WORK) {
        lines.push(Words::plain(format!("  and {more} more")));
    }
    lines
}

pub(super) fn address(address: &AddressStatus) -> Words {
    let at = &address.address;
    match address.on_this_node {
        Some(true) => Words::plain(format!("the address {at} is on this node")),
        Some(false) => Words::plain(format!("the address {at} is not on this node")),
        None => Words::plain(format!("it cannot be found out whether {at} is on this node"))
            .in_tone(Tone::Warning),
    }
}

pub(super) fn failure(report: &SiteStatusReport, failure: &FailureStatus) -> Words {
    let ago = span(report.at.duration_since(failure.at).as_secs_f64().max(0.0));
    let node = match failure.node == report.node {
        true => String::new(),
        false => format!(" on `{}`", failure.node),
    };
    let id = failure.message.map_or_else(String::new, |id| format!(" [{id}]"));
    let more = format!(" {} ({ago} ago){node}: {}{id}", local(failure.at), failure.reason);
    Words::plain("last failure").in_tone(Tone::Warning).then(&more)
}

/// The last failure is the reason of the present state.
pub(super) fn is_current(report: &SiteStatusReport, failure: &FailureStatus) -> bool {
    report.why.as_ref().is_some_and(|why| why.starts_with(&failure.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        for (seconds, text) in [
            (0.4, "0s"),
            (59.9, "59s"),
            (61.0, "1m01s"),
            (3599.0, "59m59s"),
            (11_520.0, "3h12m"),
            (187_200.0, "2d4h"),
            (31_536_000.0, "365d"),
            (-5.0, "0s"),
        ] {
            assert_eq!(span(seconds), text);
        }
        for (bytes, text) in [
            (0, "0.0K"),
            (831_488, "812K"),
            (35_651_584, "34M"),
            (1_288_490_189, "1.2G"),
            (1_099_511_627_776, "1.0T"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((percent(Some(0.04)), percent(Some(312.4))), ("0.0%".into(), "312%".into()));
    }
}
