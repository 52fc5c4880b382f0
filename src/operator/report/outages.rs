//! A chart of each outage, with its steps and its processes.

use jiff::Timestamp;
use maud::{Markup, html};

use super::drawing::{AXIS, BAR, bars, both, cross, grid, moment, percent, shortened, time_of_day};
use crate::operator::account::Account;
use crate::operator::chart::{Axis, Calendar};
use crate::operator::story::{Lane, Outage, ProcessLane, between, say_exactly};

/// How many outages are drawn; all stand in the table.
const DRAWN: usize = 8;
/// How many processes of a node are drawn.
const PROCESSES: usize = 12;
/// How high the lane of a node is, with its name.
const LANE: u32 = 20 + BAR + 8;
/// The same of a process.
const PROCESS: u32 = 15 + 10 + 6;

pub(super) fn outages(account: &Account, calendar: &Calendar) -> Markup {
    let all = &account.story.outages;
    html! {
        @if all.is_empty() {
            p class="none" { "Since the site first served in this time, it has served without a break." }
        } @else {
            (table(all, calendar))
            @for (index, outage) in all.iter().enumerate().rev().take(DRAWN) {
                (one(account, index + 1, outage, calendar))
            }
            @if all.len() > DRAWN {
                p class="none" {
                    "The " (all.len() - DRAWN) " outages before these are not drawn; `--since` draws others."
                }
            }
        }
    }
}

/// From where to where the service went.
fn route(outage: &Outage) -> String {
    match &outage.to_node {
        Some(to) if *to == outage.from_node => format!("on {to}"),
        Some(to) => format!("{} \u{2192} {to}", outage.from_node),
        None => format!("on {}, not served since", outage.from_node),
    }
}

/// How long it was, and how sure that is.
pub(super) fn length(outage: &Outage) -> String {
    let took = say_exactly(outage.took());
    match (outage.not_before, outage.is_open()) {
        (Some(_), _) => format!("at least {took}"),
        (None, true) => format!("{took} so far"),
        (None, false) => took,
    }
}

fn table(all: &[Outage], calendar: &Calendar) -> Markup {
    html! {
        div class="wide" {
            table class="stack" {
                caption { "All outages, the newest first" }
                thead {
                    tr {
                        th class="n" { "No." }
                        th { "Service ended" }
                        th { "Served again" }
                        th class="n" { "Without service" }
                        th { "Where" }
                        th { "Cause" }
                    }
                }
                tbody {
                    @for (index, outage) in all.iter().enumerate().rev().take(100) {
                        tr class={ @if !outage.is_planned() { "bad" } } {
                            td class="n" data-name="Outage" { (index + 1) }
                            td class="t" data-name="Service ended" { (moment(calendar, outage.from)) }
                            td class="t" data-name="Served again" {
                                @if outage.is_open() { "not yet" } @else { (moment(calendar, outage.to)) }
                            }
                            td class="n" data-name="Without service" { (length(outage)) }
                            td data-name="Where" { (route(outage)) }
                            td data-name="Cause" { (outage.kind.words()) ": " (outage.cause) }
                        }
                    }
                }
            }
        }
    }
}

fn one(account: &Account, number: usize, outage: &Outage, calendar: &Calendar) -> Markup {
    html! {
        section class="keep" {
        h3 id={ "outage-" (number) } {
            "Outage " (number) ", " (route(outage)) ": " (length(outage)) " without service"
        }
        p {
            (capital(outage.kind.words())) ": " (outage.cause) "."
            @if let Some(not_before) = outage.not_before {
                " Nobody saw the service end. The last entry of " (outage.from_node) " is of "
                (moment(calendar, not_before)) "; the end was found at " (moment(calendar, outage.from)) "."
            }
        }
        (drawn(account, outage, calendar))
        }
        (steps(outage, calendar))
    }
}

fn capital(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// The lanes that have something on the axis.
fn lanes_on<'a>(account: &'a Account, outage: &Outage, axis: &Axis) -> Vec<&'a Lane> {
    let takes_part = |lane: &&Lane| {
        lane.node == outage.from_node
            || outage.to_node.as_ref() == Some(&lane.node)
            || lane.stretches.iter().any(|s| s.from < axis.to && s.to > axis.from)
    };
    account.story.lanes.iter().filter(takes_part).collect()
}

fn processes_on<'a>(account: &'a Account, node: &str, axis: &Axis) -> Vec<&'a ProcessLane> {
    let is_on = |lane: &&ProcessLane| {
        lane.node == node
            && (lane.stretches.iter().any(|s| s.from < axis.to && s.to > axis.from)
                || lane.faults.iter().any(|at| *at >= axis.from && *at <= axis.to))
    };
    account.story.process_lanes.iter().filter(is_on).collect()
}

fn drawn(account: &Account, outage: &Outage, calendar: &Calendar) -> Markup {
    let axis = Axis::with_margin(outage.from, outage.to, 0.14);
    let mut rows: Vec<Markup> = Vec::new();
    let mut y = 34;
    for lane in lanes_on(account, outage, &axis) {
        rows.push(html! {
            text class="strong" x="0" y=(y + 14) { (shortened(&lane.node, 32)) }
            (bars(&lane.stretches, &axis, y + 20, BAR, true, calendar))
        });
        y += LANE;
        let processes = processes_on(account, &lane.node, &axis);
        for process in processes.iter().take(PROCESSES) {
            rows.push(html! {
                text class="small" x="0" y=(y + 11) { (shortened(&process.process, 36)) }
                (bars(&process.stretches, &axis, y + 15, 10, false, calendar))
                @for at in process.faults.iter().filter(|at| **at >= axis.from && **at <= axis.to) {
                    (cross(&axis, *at, y + 20, &format!("fault at {}", both(calendar, *at))))
                }
            });
            y += PROCESS;
        }
        if processes.len() > PROCESSES {
            let more = processes.len() - PROCESSES;
            rows.push(html! {
                text class="small" x="0" y=(y + 11) { "and " (more) " more processes" }
            });
            y += 18;
        }
        y += 6;
    }
    let height = y + AXIS;
    html! {
        figure {
            figcaption {
                "0 is " (moment(calendar, outage.from)) ", when the service ended. "
                "The row of letters is the outage, step by step, as in the table below."
            }
            div class="chart" {
                svg height=(height) role="img" aria-label={ "The outage of " (calendar.full(outage.from)) } {
                    (grid(&axis, &axis.ticks_since(outage.from, 5), height, calendar))
                    (step_row(outage, &axis))
                    (edge(outage.from, &axis, y))
                    @if !outage.is_open() { (edge(outage.to, &axis, y)) }
                    @for row in &rows { (row) }
                }
            }
        }
    }
}

fn edge(at: Timestamp, axis: &Axis, bottom: u32) -> Markup {
    let x = percent(axis.place(at));
    html! { line class="rule" x1=(x) x2=(x) y1="4" y2=(bottom) {} }
}

/// The letter of a step.
fn letter(index: usize) -> char {
    u8::try_from(index % 26).map_or('?', |index| char::from(b'a' + index))
}

fn step_row(outage: &Outage, axis: &Axis) -> Markup {
    html! {
        @for (index, step) in outage.steps.iter().enumerate() {
            @let (from, to) = (axis.place(step.from), axis.place(step.to));
            g {
                title {
                    (letter(index)) ": " (step.name) " (" (step.node) "), "
                    (say_exactly(between(step.from, step.to)))
                }
                rect class=(if index % 2 == 0 { "step-a" } else { "step-b" }) x=(percent(from)) y="8"
                    width=(percent(to - from)) height="16" {}
                @if to - from > 0.05 {
                    text class="on-dark" x=(percent((from + to) / 2.0)) y="20" text-anchor="middle" {
                        (letter(index))
                    }
                }
            }
        }
    }
}

fn steps(outage: &Outage, calendar: &Calendar) -> Markup {
    html! {
        div class="wide" {
            table class="tight" {
                thead {
                    tr { th { "" } th { "Step" } th { "Node" } th class="spare" { "From" } th class="n" { "Took" } }
                }
                tbody {
                    @for (index, step) in outage.steps.iter().enumerate() {
                        tr {
                            td { (letter(index)) }
                            td { (step.name) }
                            td { (step.node) }
                            td class="t spare" { (time_of_day(calendar, step.from)) }
                            td class="n" { (say_exactly(between(step.from, step.to))) }
                        }
                    }
                    tr {
                        td {}
                        td { strong { "without service" } }
                        td {}
                        td class="t spare" { (time_of_day(calendar, outage.from)) }
                        td class="n" { strong { (length(outage)) } }
                    }
                }
            }
        }
    }
}
