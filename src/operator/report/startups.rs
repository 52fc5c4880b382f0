//! The last start, drawn: which process waited for which, and which of them the start was waiting for.

use jiff::Timestamp;
use maud::{Markup, html};

use super::drawing::{AXIS, both, grid, moment, percent, shortened};
use crate::operator::account::Account;
use crate::operator::chart::{Axis, Calendar};
use crate::operator::story::{
    ProcessStartup, ProcessStartupEnd, Startup, StartupOutcome, between, say_exactly,
};

/// How high a row is, with its label.
const ROW: u32 = 16 + 14 + 6;
/// How many starts stand in the table.
const LISTED: usize = 20;

pub(super) fn startups(account: &Account, calendar: &Calendar) -> Markup {
    let all = &account.story.startups;
    let last = all.last();
    let failed = |startup: &&Startup| matches!(startup.outcome, StartupOutcome::Failed(_));
    let last_failed = all.iter().rev().find(failed).filter(|failed| Some(*failed) != last);
    html! {
        @if let Some(last) = last {
            (one("The last start", last, calendar))
        } @else {
            p class="none" { "No start is on record in this time." }
        }
        @if let Some(failed) = last_failed {
            (one("The last start that failed", failed, calendar))
        }
        @if all.len() > 1 { (table(all, calendar)) }
    }
}

fn outcome(startup: &Startup) -> String {
    let took = say_exactly(startup.took());
    match &startup.outcome {
        StartupOutcome::Up => format!("up after {took}"),
        StartupOutcome::Paused => format!("in maintenance after {took}"),
        StartupOutcome::Failed(why) => format!("failed after {took}: {why}"),
        StartupOutcome::Open => format!("no end on record; the last entry came after {took}"),
    }
}

fn one(title: &str, startup: &Startup, calendar: &Calendar) -> Markup {
    let by =
        startup.ordered_by.as_ref().map_or_else(String::new, |by| format!(", ordered by {by}"));
    html! {
        section class="keep" {
        h3 { (title) ": " (startup.node) ", " (outcome(startup)) }
        p { "It began at " (moment(calendar, startup.from)) (by) "." }
        @if !startup.critical.is_empty() { p { (critical_path(startup)) } }
        (drawn(startup, calendar))
        }
    }
}

/// The chain in words, with the time of each.
fn critical_path(startup: &Startup) -> Markup {
    let chain: Vec<&ProcessStartup> =
        startup.critical.iter().filter_map(|at| startup.processes.get(*at)).collect();
    let first = chain.first().map_or(startup.from, |process| process.spawned);
    let last = chain.last().map_or(startup.to, |process| process.to);
    let longest = chain.iter().max_by_key(|process| between(process.spawned, process.to));
    html! {
        "Its critical path: "
        (say_exactly(between(startup.from, first))) " until the first process"
        @for process in &chain {
            ", then " code { (process.name) } " "
            (say_exactly(between(process.spawned, process.to)))
        }
        ", and " (say_exactly(between(last, startup.to))) " until the end."
        @if let Some(longest) = longest.filter(|_| startup.outcome == StartupOutcome::Up) {
            " To make the start faster, begin with " code { (longest.name) } "."
        }
    }
}

struct StartupRow {
    label: String,
    from: Timestamp,
    to: Timestamp,
    class: &'static str,
}

fn rows(startup: &Startup) -> Vec<StartupRow> {
    let mut rows: Vec<StartupRow> = startup
        .before
        .iter()
        .map(|step| StartupRow {
            label: format!("{} \u{2013} {}", step.name, say_exactly(between(step.from, step.to))),
            from: step.from,
            to: step.to,
            class: "path",
        })
        .collect();
    for (index, process) in startup.processes.iter().enumerate() {
        let is_critical = startup.is_critical(index);
        let mark = if is_critical { "\u{25c6} " } else { "" };
        let end = match process.end {
            ProcessStartupEnd::Ready => "",
            ProcessStartupEnd::Fault => ", then a fault",
            ProcessStartupEnd::NotReady => ", not ready",
        };
        let took = say_exactly(between(process.spawned, process.to));
        rows.push(StartupRow {
            label: format!("{mark}{} \u{2013} {took}{end}", shortened(&process.name, 20)),
            from: process.spawned,
            to: process.to,
            class: match (process.end, is_critical) {
                (ProcessStartupEnd::Fault, _) => "bad",
                (_, true) => "path",
                (_, false) => "off-path",
            },
        });
    }
    let last = startup.critical.last().and_then(|at| startup.processes.get(*at));
    if let Some(last) = last.filter(|last| last.to < startup.to) {
        let label = match startup.outcome {
            StartupOutcome::Up => "until it counts as up",
            _ => "until the end of the start",
        };
        let took = say_exactly(between(last.to, startup.to));
        rows.push(StartupRow {
            label: format!("{label} \u{2013} {took}"),
            from: last.to,
            to: startup.to,
            class: "path",
        });
    }
    rows
}

fn drawn(startup: &Startup, calendar: &Calendar) -> Markup {
    let axis = Axis::with_margin(startup.from, startup.to, 0.02);
    let rows = rows(startup);
    let steps = startup.before.len();
    let top = |row: usize| u32::try_from(row).unwrap_or(0) * ROW + 4;
    let height = top(rows.len()) + 6 + AXIS;
    html! {
        figure {
            figcaption {
                "Black, and with a \u{25c6}: the critical path. Grey: done while something else was waited for. "
                "A thin line leads from what was ready to the process that had waited for it. "
                "0 is when the start was ordered."
            }
            div class="chart" {
                svg height=(height) role="img" aria-label={ "The start of " (calendar.full(startup.from)) } {
                    (grid(&axis, &axis.ticks_since(startup.from, 5), height, calendar))
                    @for (index, process) in startup.processes.iter().enumerate() {
                        @if let Some(before) = process.waited_for {
                            @let x = percent(axis.place(process.spawned));
                            line class="wait" x1=(x) x2=(x) y1=(top(steps + before) + 30)
                                y2=(top(steps + index) + 16) {}
                        }
                    }
                    @for (index, row) in rows.iter().enumerate() {
                        @let (from, to) = (axis.place(row.from), axis.place(row.to));
                        g {
                            title {
                                (row.label) ": " (both(calendar, row.from)) " to "
                                (both(calendar, row.to))
                            }
                            text x="0" y=(top(index) + 12) { (row.label) }
                            rect class={ "bar " (row.class) } x=(percent(from)) y=(top(index) + 16)
                                width=(percent(to - from)) height="14" {}
                        }
                    }
                }
            }
        }
    }
}

fn table(all: &[Startup], calendar: &Calendar) -> Markup {
    html! {
        div class="wide" {
            table class="stack" {
                caption {
                    "The last " (all.len().min(LISTED)) " starts, and resumptions after a pause"
                }
                thead {
                    tr {
                        th { "Ordered" } th { "Node" } th { "By" } th class="n" { "Took" }
                        th { "Outcome" } th { "Slowest process" }
                    }
                }
                tbody {
                    @for startup in all.iter().rev().take(LISTED) {
                        @let slowest = startup.processes.iter()
                            .max_by_key(|process| between(process.spawned, process.to));
                        tr class={ @if matches!(startup.outcome, StartupOutcome::Failed(_)) { "bad" } } {
                            td class="t" data-name="Ordered" { (moment(calendar, startup.from)) }
                            td data-name="Node" { (startup.node) }
                            td data-name="By" { (startup.ordered_by.as_deref().unwrap_or_default()) }
                            td class="n" data-name="Took" { (say_exactly(startup.took())) }
                            td data-name="Outcome" {
                                @match &startup.outcome {
                                    StartupOutcome::Up => "up",
                                    StartupOutcome::Paused => "in maintenance",
                                    StartupOutcome::Failed(why) => { "failed: " (why) }
                                    StartupOutcome::Open => "no end on record",
                                }
                            }
                            td data-name="Slowest process" {
                                @if let Some(slowest) = slowest {
                                    (slowest.name) ", "
                                    (say_exactly(between(slowest.spawned, slowest.to)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
