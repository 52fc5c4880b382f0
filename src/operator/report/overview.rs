//! The chart of all nodes over all the time.

use maud::{Markup, html};

use super::drawing::{AXIS, BAR, bars, cross, grid, legend, percent, shortened};
use crate::operator::account::Account;
use crate::operator::chart::{Axis, Calendar};
use crate::operator::story::{Condition, Outage, StretchEnd, say_exactly};

/// How high the row of the outages' numbers is.
const FLAGS: u32 = 30;
/// How high a lane is, with its name and its crosses.
const LANE: u32 = 18 + BAR + 18;

/// The chart, its caption and its legend.
pub(super) fn overview(account: &Account, calendar: &Calendar) -> Markup {
    let story = &account.story;
    let axis = Axis::with_margin(story.from, story.now, 0.01);
    let lanes = u32::try_from(story.lanes.len()).unwrap_or(u32::MAX / LANE / 2);
    let height = FLAGS + lanes * LANE + AXIS;
    let conditions: Vec<Condition> = Condition::ALL
        .into_iter()
        .filter(|is| story.lanes.iter().flat_map(|lane| &lane.stretches).any(|s| s.is == *is))
        .collect();
    let has_unseen = story
        .lanes
        .iter()
        .flat_map(|lane| &lane.stretches)
        .any(|stretch| matches!(stretch.end, StretchEnd::Unseen { .. }));
    html! {
        figure {
            figcaption {
                "Time runs from left to right: local time, "
                (calendar.offsets(story.from, story.now)) ". "
                "Point at a bar for its exact times, also in UTC."
            }
            div class="chart" {
                svg height=(height) role="img" aria-label="What each node did, over all the time" {
                    (grid(&axis, &axis.ticks(5, calendar), height, calendar))
                    (flags(&story.outages, &axis, height - AXIS))
                    @for (lane, top) in story.lanes.iter().zip((FLAGS..).step_by(LANE as usize)) {
                        text class="strong" x="0" y=(top + 13) { (shortened(&lane.node, 32)) }
                        (bars(&lane.stretches, &axis, top + 18, BAR, true, calendar))
                        @for incident in story.incidents.iter().filter(|i| i.node == lane.node) {
                            (cross(&axis, incident.at, top + 18 + BAR + 8, &format!(
                                "{}: {}", calendar.full(incident.at), incident.cause
                            )))
                        }
                    }
                }
            }
            (legend(&conditions, has_unseen))
            ul class="legend" {
                @if story.outages.iter().any(|outage| !outage.is_planned()) {
                    li { (sample_flag("1", false)) "outage that nobody ordered, told under its number below" }
                }
                @if story.outages.iter().any(Outage::is_planned) {
                    li { (sample_flag("2", true)) "outage that somebody ordered" }
                }
                @if !story.incidents.is_empty() {
                    li {
                        svg aria-hidden="true" {
                            svg x="13" y="8" overflow="visible" {
                                path class="cross" d="M-4 -4L4 4M-4 4L4 -4" {}
                            }
                        }
                        "something went wrong"
                    }
                }
            }
        }
    }
}

fn sample_flag(number: &str, is_planned: bool) -> Markup {
    html! {
        svg aria-hidden="true" {
            rect class={ "flag" @if is_planned { " planned" } } x="3" y="0" width="20" height="16" rx="8" {}
            text class={ @if !is_planned { "on-dark" } } x="13" y="12" text-anchor="middle" { (number) }
        }
    }
}

/// Outages whose numbers would stand on each other on a narrow page.
const NEAR: f64 = 0.13;

/// The numbers of the outages, with a line down through the lanes.
fn flags(outages: &[Outage], axis: &Axis, bottom: u32) -> Markup {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, outage) in outages.iter().enumerate() {
        let place = axis.place(outage.from);
        let near = |group: &&mut Vec<usize>| {
            group.first().is_some_and(|at| place - axis.place(outages[*at].from) < NEAR)
        };
        match groups.last_mut().filter(near) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    html! {
        @for outage in outages {
            @let x = percent(axis.place(outage.from));
            line class="rule" x1=(x) x2=(x) y1="22" y2=(bottom) {}
        }
        @for group in &groups {
            @let first = &outages[group[0]];
            @let label = label(group);
            @let is_planned = group.iter().all(|at| outages[*at].is_planned());
            @let width = 12 + 8 * label.chars().count();
            @let words = group.iter().map(|at| {
                let outage = &outages[*at];
                format!("{}: {}, {}", at + 1, say_exactly(outage.took()), outage.cause)
            }).collect::<Vec<_>>().join("\n");
            svg x=(percent(axis.place(first.from))) y="4" width="1" height="18" overflow="visible" {
                title { (words) }
                // The first of several stands at its moment.
                g transform={ "translate(" (if group.len() > 1 { "-10" } else { "0" }) ",0)" } {
                    @let left = if group.len() > 1 { "0".to_owned() } else { format!("-{}", width / 2) };
                    rect class={ "flag" @if is_planned { " planned" } } x=(left) y="0" width=(width)
                        height="18" rx="9" {}
                    @let middle = if group.len() > 1 { width / 2 } else { 0 };
                    text class={ @if !is_planned { "on-dark" } } x=(middle) y="13" text-anchor="middle" {
                        (label)
                    }
                }
            }
        }
    }
}

/// `3`, or `3–5` for several.
fn label(group: &[usize]) -> String {
    match group {
        [only] => (only + 1).to_string(),
        [first, .., last] => format!("{}\u{2013}{}", first + 1, last + 1),
        [] => String::new(),
    }
}
