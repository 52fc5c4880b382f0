//! Which operations a failover interrupted, and what to run again.
//!
//! An operation did not finish if the service was started between the line that it begins and the line that it
//! ends (source document 001, tables D-8 and D-9, notes). One that has only begun is open.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex_lite::{Captures, Regex};
use serde::Serialize;

use super::lines::plain;
use super::log_lines::{lines_of, time_of};
use super::options::HistoryOptions;
use crate::backend::jobcenter;
use crate::history::HistoryEvent;
use crate::journal::WholeHistory;
use crate::operator::layout;
use crate::operator::takeover::{TakeoverStatus, takeover};
use crate::site::{Definition, Operation};
use crate::values::Moment;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum OperationEnd {
    Finished,
    /// The service was started while it ran.
    Interrupted,
    /// It has begun, and neither ended nor was the service started since.
    Open,
}

/// One operation that began.
#[derive(Debug, Serialize)]
struct OperationRun<'a> {
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    verdict: OperationEnd,
    /// None: its line bears no time.
    began: Option<Timestamp>,
    /// The start of the service that interrupted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    restarted: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<String>,
}

/// A start of the service.
struct ServiceStart<'a> {
    at: Timestamp,
    node: &'a str,
}

/// An operation that has begun and not ended.
struct BegunOperation {
    at: Option<Timestamp>,
    /// A line says that the service was started since.
    restarted: Option<Option<Timestamp>>,
}

/// Shows the operations that were interrupted or are open. True: one was interrupted.
pub(super) fn show(
    definition: &Definition,
    whole: &WholeHistory,
    options: &HistoryOptions,
    patience: Duration,
) -> bool {
    let starts: Vec<ServiceStart<'_>> = whole
        .history
        .entries
        .iter()
        .filter(|entry| entry.event == HistoryEvent::Started)
        .map(|entry| ServiceStart { at: entry.at, node: &entry.node })
        .collect();
    let mut lines = Vec::new();
    let mut was_interrupted = false;
    if definition.operations.is_empty()
        && definition.work.is_empty()
        && definition.jobcenter().is_none()
    {
        log::warn!(
            "the definition of `{}` has no `operations`, so none is looked for",
            definition.name
        );
    }
    for operation in &definition.operations {
        let runs = match lines_of(&operation.log, Moment::now() + patience) {
            Ok(lines) => runs_of(operation, &lines, &starts),
            Err(why) => {
                log::warn!("whether `{}` was interrupted is not known: {why}", operation.name);
                continue;
            }
        };
        let is_new = |run: &&OperationRun<'_>| match (options.since, run.began) {
            (Some(since), Some(began)) => began >= since,
            _ => true,
        };
        let runs: Vec<&OperationRun<'_>> = runs.iter().filter(is_new).collect();
        was_interrupted |= runs.iter().any(|run| run.verdict == OperationEnd::Interrupted);
        match options.json {
            true => {
                lines.extend(runs.iter().filter_map(|run| serde_json::to_string(run).ok()));
            }
            false => {
                lines.extend(layout::fit_all(&told(operation, &runs, &starts), layout::columns()));
            }
        }
    }
    if let Some(takeover) = takeover(&whole.history.entries) {
        match options.json {
            true => lines.push(serde_json::json!({ "takeover": takeover }).to_string()),
            false => {
                let told = told_of_takeover(definition, &takeover);
                lines.extend(layout::fit_all(&told, layout::columns()));
            }
        }
    }
    let mut out = std::io::stdout().lock();
    let _ = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    was_interrupted
}

/// The last takeover after an unclean end, and what it means.
fn told_of_takeover(definition: &Definition, takeover: &TakeoverStatus) -> Vec<String> {
    let name = &definition.name;
    let mut lines = vec![
        format!("taken over by {} at {}", plain(&takeover.node), local(takeover.at)),
        format!("  {}", plain(&takeover.end)),
    ];
    let heard = takeover
        .last_heard
        .map(|at| format!("  the last that the history tells of it before is of {}", local(at)));
    lines.extend(heard);
    let downtime = takeover.downtime().unwrap_or_else(|| "the site is not up again".to_owned());
    lines.push(format!("  {downtime}"));
    if definition.jobcenter().is_some() {
        let patience = takeover.patience(jobcenter::PATIENCE);
        lines.extend(patience.map(|words| format!("  {words}")));
        lines.extend(jobcenter::after_an_unclean_end().iter().map(|line| format!("  {line}")));
    }
    if !definition.work.is_empty() {
        lines.push(format!(
            "  its interrupted work that waits for a decision: siteward work {name}"
        ));
    }
    lines
}

/// What began, in the order in which it ended or, if it did not, began.
fn runs_of<'a>(
    operation: &'a Operation,
    lines: &[String],
    starts: &[ServiceStart<'_>],
) -> Vec<OperationRun<'a>> {
    // Each was compiled when the definition was read.
    let (Ok(begins), Ok(ends)) = (Regex::new(&operation.begins), Regex::new(&operation.ends))
    else {
        return Vec::new();
    };
    let restarts = operation.restarts.as_ref().and_then(|pattern| Regex::new(pattern).ok());
    let mut open: BTreeMap<Option<String>, BegunOperation> = BTreeMap::new();
    let mut runs = Vec::new();
    for line in lines {
        if restarts.as_ref().is_some_and(|pattern| pattern.is_match(line)) {
            let at = time_of(line);
            for begun in open.values_mut() {
                begun.restarted.get_or_insert(at);
            }
        }
        if let Some(found) = ends.captures(line)
            && let Some((instance, begun)) = take_of(&mut open, instance_of(&found))
        {
            runs.push(judge(operation, instance, &begun, time_of(line), true, starts));
        } else if let Some(found) = begins.captures(line) {
            let instance = instance_of(&found);
            let new = BegunOperation { at: time_of_match(&found, line), restarted: None };
            let until = new.at;
            if let Some(before) = open.insert(instance.clone(), new) {
                runs.push(judge(operation, instance, &before, until, false, starts));
            }
        }
    }
    for (instance, begun) in open {
        runs.push(judge(operation, instance, &begun, None, false, starts));
    }
    runs
}

/// An end that names no instance ends the only one that there is.
fn take_of(
    open: &mut BTreeMap<Option<String>, BegunOperation>,
    instance: Option<String>,
) -> Option<(Option<String>, BegunOperation)> {
    if let Some(begun) = open.remove(&instance) {
        return Some((instance, begun));
    }
    let only = instance.is_none() && open.len() == 1;
    if only { open.pop_first() } else { None }
}

fn judge<'a>(
    operation: &'a Operation,
    instance: Option<String>,
    begun: &BegunOperation,
    until: Option<Timestamp>,
    has_ended: bool,
    starts: &[ServiceStart<'_>],
) -> OperationRun<'a> {
    let by_history = begun.at.and_then(|from| {
        let is_between = |start: &&ServiceStart<'_>| {
            start.at > from && until.is_none_or(|until| start.at < until)
        };
        // Without the time of the end nothing is known about what was between.
        let is_known = until.is_some() || !has_ended;
        starts.iter().find(is_between).filter(|_| is_known).map(|start| start.at)
    });
    let restarted = by_history.or(begun.restarted.flatten());
    let verdict = match (by_history.is_some() || begun.restarted.is_some(), has_ended) {
        (true, _) => OperationEnd::Interrupted,
        (false, true) => OperationEnd::Finished,
        (false, false) => OperationEnd::Open,
    };
    let name = instance.as_deref().unwrap_or(&operation.name);
    let again = operation.again.as_ref().map(|again| again.replace("{instance}", name));
    OperationRun {
        operation: &operation.name,
        instance,
        verdict,
        began: begun.at,
        restarted,
        again,
    }
}

/// The first group that has a match, but for `time`.
fn instance_of(found: &Captures<'_>) -> Option<String> {
    let time = found.name("time").map(|time| time.range());
    let groups = (1..found.len()).filter_map(|index| found.get(index));
    let mut named = groups.filter(|group| Some(group.range()) != time);
    named.next().map(|group| group.as_str().to_owned())
}

fn time_of_match(found: &Captures<'_>, line: &str) -> Option<Timestamp> {
    found.name("time").map_or_else(|| time_of(line), |time| time_of(time.as_str()))
}

fn told(
    operation: &Operation,
    runs: &[&OperationRun<'_>],
    starts: &[ServiceStart<'_>],
) -> Vec<String> {
    let count = |end: OperationEnd| runs.iter().filter(|run| run.verdict == end).count();
    let (finished, interrupted, open) = (
        count(OperationEnd::Finished),
        count(OperationEnd::Interrupted),
        count(OperationEnd::Open),
    );
    let mut lines = vec![format!(
        "{}: {interrupted} interrupted, {open} open, {finished} finished",
        operation.name
    )];
    for run in runs.iter().filter(|run| run.verdict != OperationEnd::Finished) {
        let what =
            run.instance.as_ref().map_or_else(String::new, |name| format!(" `{}`", plain(name)));
        let began = run
            .began
            .map_or_else(|| "at an unknown time".to_owned(), |at| format!("at {}", local(at)));
        let (word, mut words) = match (run.verdict, run.restarted) {
            (OperationEnd::Interrupted, Some(at)) => {
                let node = starts.iter().find(|start| start.at == at);
                let node =
                    node.map_or_else(String::new, |start| format!(" on {}", plain(start.node)));
                ("interrupted", format!("by the start of {}{node}", local(at)))
            }
            (OperationEnd::Interrupted, None) => {
                ("interrupted", "by a start of the service".to_owned())
            }
            _ if run.began.is_none() && operation.restarts.is_none() => (
                "open",
                "or interrupted: its line bears no time, and there is no `restarts`".to_owned(),
            ),
            _ => ("open", "it still runs, or its service was not started since".to_owned()),
        };
        if let Some(again) = &run.again {
            words.push_str(&format!("; run again: {}", plain(again)));
        }
        lines.push(format!("  {word:11}{what} began {began}, {words}"));
    }
    lines
}

fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(restarts: Option<&str>) -> Operation {
        Operation {
            name: "backup".to_owned(),
            log: "/x".into(),
            begins: "begin (\\w+)".to_owned(),
            ends: "end (\\w+)".to_owned(),
            restarts: restarts.map(str::to_owned),
            again: Some("backup --of {instance}".to_owned()),
        }
    }

    fn verdicts(restarts: Option<&str>, log: &str, starts: &[&str]) -> Vec<(String, OperationEnd)> {
        let lines: Vec<String> = log.lines().map(str::to_owned).collect();
        let starts: Vec<ServiceStart<'_>> = starts
            .iter()
            .map(|at| ServiceStart { at: at.parse().unwrap(), node: "alpha" })
            .collect();
        let operation = operation(restarts);
        let runs = runs_of(&operation, &lines, &starts);
        runs.into_iter().map(|run| (run.instance.unwrap(), run.verdict)).collect()
    }

    #[test]
    fn a_start_of_the_service_between_begin_and_end_interrupts_an_operation() {
        use OperationEnd::{Finished, Interrupted, Open};
        let log = "2026-01-01T00:00:00Z begin a\n2026-01-01T00:01:00Z begin b\n\
                   2026-01-01T00:02:00Z end a\n2026-01-01T00:04:00Z begin c\n\
                   2026-01-01T00:06:00Z end b\n2026-01-01T00:07:00Z begin d\n";
        let named = |all: &[(&str, OperationEnd)]| {
            all.iter().map(|(name, end)| ((*name).to_owned(), *end)).collect::<Vec<_>>()
        };
        assert_eq!(
            verdicts(None, log, &["2026-01-01T00:05:00Z"]),
            named(&[("a", Finished), ("b", Interrupted), ("c", Interrupted), ("d", Open)])
        );
        assert_eq!(
            verdicts(None, log, &[]),
            named(&[("a", Finished), ("b", Finished), ("c", Open), ("d", Open)])
        );
        // By a line alone, without any time.
        let log = "begin a\nservice up\nbegin b\nend b\nbegin a\n";
        assert_eq!(
            verdicts(Some("service up"), log, &[]),
            named(&[("b", Finished), ("a", Interrupted), ("a", Open)])
        );
    }
}
