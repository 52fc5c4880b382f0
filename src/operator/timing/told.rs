//! The times of a site as lines for a person.

use std::time::Duration;

use super::advice::CLIENT_WAITS;
use super::measured::MeasuredSummary;
use super::phases::{TimedPhase, WorstTime};
use super::{NeededLimit, TimingReport};
use crate::site::duration::say;

/// Below this width each row is a paragraph.
const TABLE: usize = 64;

/// The widths of the first three columns.
const NAME: usize = 32;
const TIME: usize = 8;

/// `width`: None, if the output is no terminal.
pub(super) fn lines(report: &TimingReport, width: Option<usize>) -> Vec<String> {
    let narrow = width.is_some_and(|width| width < TABLE);
    let mut lines = vec![head(report)];
    lines.extend(report.notes.iter().map(|note| format!("  {note}")));
    lines.push(String::new());
    lines.extend(if narrow {
        Vec::new()
    } else {
        vec![row("PHASE", "WORST", "USUAL", "MEASURED")]
    });
    for phase in &report.phases {
        let measured = phase.measured.as_ref().map(said).unwrap_or_default();
        lines.extend(shown(phase.name, phase.worst, phase.usual, &measured, narrow));
        lines.push(format!("    {}", phase.origin));
    }
    lines.push(String::new());
    let until = "UNTIL IT SERVES AGAIN";
    lines.extend(if narrow {
        vec![until.to_owned()]
    } else {
        vec![row(until, "WORST", "USUAL", "")]
    });
    for path in &report.paths {
        lines.extend(shown(path.name, path.worst, path.usual, "", narrow));
        let parts: Vec<String> = counted(report, &path.phases);
        lines.push(format!("    {}", parts.join(" + ")));
    }
    lines.push(String::new());
    lines.extend(report.limits.iter().flat_map(limit));
    lines.extend(report.sentences.iter().cloned());
    lines.extend(advice(report));
    lines
}

fn head(report: &TimingReport) -> String {
    let site = match &report.script {
        Some(script) => format!("the action script {script}"),
        None => format!("the site `{}`", report.site),
    };
    match &report.resource {
        Some(resource) => {
            format!("{site} in {}: `{resource}`, by {}", report.manager, report.source)
        }
        None => format!("{site} in {}, {}", report.manager, report.source),
    }
}

fn row(name: &str, worst: &str, usual: &str, rest: &str) -> String {
    let line = format!("{name:NAME$} {worst:>TIME$} {usual:>TIME$}  {rest}");
    line.trim_end().to_owned()
}

fn worst(time: WorstTime) -> String {
    match time {
        WorstTime::Bounded(time) => say(time),
        WorstTime::Never => "never".to_owned(),
        WorstTime::NotCounted => "-".to_owned(),
    }
}

fn shown(
    name: &str,
    time: WorstTime,
    usual: Option<Duration>,
    measured: &str,
    narrow: bool,
) -> Vec<String> {
    let usual = usual.map_or_else(|| "-".to_owned(), say);
    if !narrow {
        return vec![row(name, &worst(time), &usual, measured)];
    }
    let mut lines = vec![name.to_owned(), format!("  worst {}, usual {usual}", worst(time))];
    lines.extend((!measured.is_empty()).then(|| format!("  measured: {measured}")));
    lines
}

fn said(summary: &MeasuredSummary) -> String {
    let MeasuredSummary { count, median, slowest } = summary;
    match count {
        1 => format!("{} once", say(*median)),
        _ => format!("{} of {count}, at most {}", say(*median), say(*slowest)),
    }
}

/// The phases of a path with their times: `41 s notice a failure`.
fn counted(report: &TimingReport, phases: &[super::PhaseName]) -> Vec<String> {
    let mut parts: Vec<(&TimedPhase, usize)> = Vec::new();
    for name in phases {
        let Some(phase) = report.phases.iter().find(|phase| phase.phase == *name) else { continue };
        match parts.iter_mut().find(|(known, _)| known.phase == *name) {
            Some((_, times)) => *times += 1,
            None => parts.push((phase, 1)),
        }
    }
    let part = |(phase, times): &(&TimedPhase, usize)| match (phase.worst, times) {
        (WorstTime::Bounded(time), 1) => format!("{} {}", say(time), phase.name),
        (WorstTime::Bounded(time), times) => format!("{times} x {} {}", say(time), phase.name),
        (WorstTime::Never | WorstTime::NotCounted, _) => phase.name.to_owned(),
    };
    parts.iter().map(part).collect()
}

fn limit(limit: &NeededLimit) -> Vec<String> {
    let NeededLimit { name, configured, needed, is_enough, how } = limit;
    let has = configured.map_or_else(|| "not set".to_owned(), say);
    let word = if *is_enough { "" } else { "TOO SMALL: " };
    let line = format!("{word}{name} must be at least {}, and is {has}", say(*needed));
    std::iter::once(line).chain(how.iter().map(|how| format!("    {how}"))).collect()
}

/// Whether a client waits long enough, and what to change first.
fn advice(report: &TimingReport) -> Vec<String> {
    let mut lines = Vec::new();
    let failover = report.paths.iter().find(|path| path.path == "fail-over").map(|path| path.worst);
    lines.push(match failover {
        Some(WorstTime::Bounded(time)) if time <= CLIENT_WAITS => format!(
            "a client that waits {} for a failover waits long enough: at worst it takes {}",
            say(CLIENT_WAITS),
            say(time)
        ),
        Some(WorstTime::Bounded(time)) => format!(
            "a client that waits {} for a failover gives up before the worst one is over, which takes {}",
            say(CLIENT_WAITS),
            say(time)
        ),
        _ => "the worst failover never ends".to_owned(),
    });
    for (index, change) in report.changes.iter().enumerate() {
        let word = if index == 0 { "CHANGE FIRST" } else { "then" };
        lines.push(format!(
            "{word}: {} from {} to {}, which saves {}: at worst {} are left",
            change.number,
            change.from,
            change.to,
            say(change.saves),
            say(change.worst_after)
        ));
        lines.push(format!("    {}", change.why));
        lines.push(format!("    {}", change.how));
    }
    if report.changes.is_empty() && matches!(failover, Some(WorstTime::Bounded(_))) {
        lines.push("no number was found whose change would save time".to_owned());
    }
    lines
}
