//! The same as the charts, as text: for screen readers, and to be copied.

use maud::{Markup, html};

use super::drawing::moment;
use crate::operator::account::Account;
use crate::operator::chart::Calendar;
use crate::operator::story::{Stretch, StretchEnd, between, say_exactly};

/// How many stand on the page, the newest.
const LISTED: usize = 300;

pub(super) fn stretches(account: &Account, calendar: &Calendar) -> Markup {
    let mut all: Vec<&Stretch> =
        account.story.lanes.iter().flat_map(|lane| &lane.stretches).collect();
    all.sort_by_key(|stretch| std::cmp::Reverse(stretch.from));
    html! {
        div class="wide" {
            table class="stack" {
                caption { "How the site was on each node, the newest first" (omitted(all.len())) }
                thead {
                    tr {
                        th { "Node" } th { "State" } th { "From" } th { "To" }
                        th class="n" { "Took" } th { "It began with" }
                    }
                }
                tbody {
                    @for stretch in all.iter().take(LISTED) {
                        tr {
                            td class="w" data-name="Node" { (stretch.node) }
                            td data-name="State" { (stretch.is.word()) }
                            td class="t" data-name="From" { (moment(calendar, stretch.from)) }
                            td class="t long" data-name="To" {
                                @match stretch.end {
                                    StretchEnd::Seen => (moment(calendar, stretch.to)),
                                    StretchEnd::Ongoing => "goes on",
                                    StretchEnd::Unseen { after } => {
                                        "not seen: between " (moment(calendar, after)) " and "
                                        (moment(calendar, stretch.to))
                                    }
                                }
                            }
                            td class="n" data-name="Took" {
                                (say_exactly(between(stretch.from, stretch.to)))
                            }
                            td data-name="It began with" { (stretch.why) }
                        }
                    }
                }
            }
        }
    }
}

fn omitted(all: usize) -> String {
    match all.checked_sub(LISTED) {
        Some(more) if more > 0 => format!(" ({more} older ones are left out)"),
        _ => String::new(),
    }
}

pub(super) fn entries(account: &Account, calendar: &Calendar) -> Markup {
    let mut all: Vec<_> = account.entries.iter().collect();
    all.sort_by_key(|entry| entry.at);
    html! {
        div class="wide" {
            table class="stack" {
                caption { "Every entry of the history, the newest first" (omitted(all.len())) }
                thead {
                    tr {
                        th { "Local time" } th { "UTC" } th { "Node" } th { "Event" } th { "Process" }
                        th class="n" { "Took" } th { "By" } th { "Detail" }
                    }
                }
                tbody {
                    @for entry in all.iter().rev().take(LISTED) {
                        tr class={ @if entry.event.is_failure() { "bad" } } {
                            td class="t" data-name="Local time" { (calendar.local_time(entry.at)) }
                            td class="t" data-name="UTC" { (Calendar::utc(entry.at)) }
                            td class="w" data-name="Node" { (entry.node) }
                            td data-name="Event" { (entry.event) }
                            td data-name="Process" { (entry.process.as_deref().unwrap_or_default()) }
                            td class="n" data-name="Took" {
                                @if let Some(took) = entry.took { (say_exactly(took)) }
                            }
                            td data-name="By" {
                                @if let Some(by) = &entry.by { (by) }
                            }
                            td data-name="Detail" { (entry.detail) }
                        }
                    }
                }
            }
        }
    }
}
