//! The head of the page: what it is about, how the site is, and what the page does not know.

use std::time::Duration;

use maud::{Markup, html};

use super::drawing::{moment, second};
use super::outages::length;
use crate::operator::account::Account;
use crate::operator::chart::Calendar;
use crate::operator::story::{Outage, StartupOutcome, between, say_exactly};

pub(super) fn summary(account: &Account, calendar: &Calendar) -> Markup {
    let story = &account.story;
    html! {
        header {
            h1 { "What happened to the site " (account.site) }
            p class="sub" {
                (moment(calendar, story.from)) " to " (moment(calendar, story.now)) ", "
                (count(account.entries.len(), "entry", "entries")) " of "
                @if story.lanes.is_empty() { "no node" }
                @for (index, lane) in story.lanes.iter().enumerate() {
                    @if index > 0 { ", " }
                    (lane.node)
                }
            }
            dl class="facts" {
                (now(account, calendar))
                div {
                    dt { "Failovers to another node" }
                    dd { (story.outages.iter().filter(|outage| outage.is_failover()).count()) }
                }
                div {
                    dt { "Outages that nobody ordered" }
                    dd { (sum(&story.outages, false)) }
                }
                div {
                    dt { "Stops and pauses" }
                    dd { (sum(&story.outages, true)) }
                }
                (longest(account, calendar))
                (last_incident(account, calendar))
                (last_start(account, calendar))
            }
            @for doubt in account.unread.iter().chain(&story.doubts) {
                p class="doubt" { (doubt) "." }
            }
        }
    }
}

pub(super) fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn now(account: &Account, calendar: &Calendar) -> Markup {
    let ongoing = account.story.ongoing();
    html! {
        div {
            dt { "Now" }
            @match (&account.present, ongoing) {
                (_, Some(stretch)) if account.present.as_ref().is_none_or(|p| p.node != stretch.node) => dd {
                    (stretch.is.word()) " on " (stretch.node)
                    small { "by the last entry, since " (second(calendar, stretch.from)) }
                },
                (Some(present), Some(stretch)) => dd {
                    (present.state) " on " (present.node)
                    small {
                        "since " (second(calendar, stretch.from)) ", "
                        (say_exactly(between(stretch.from, stretch.to)))
                    }
                },
                (Some(present), None) => dd {
                    (present.state) " on " (present.node)
                    @if let Some(why) = &present.why { small { (why) } }
                },
                (None, _) => dd { "not known" },
            }
        }
    }
}

fn sum(outages: &[Outage], is_planned: bool) -> Markup {
    let of_kind: Vec<&Outage> = outages.iter().filter(|o| o.is_planned() == is_planned).collect();
    let time: Duration = of_kind.iter().map(|outage| outage.took()).sum();
    html! {
        (of_kind.len())
        @if !of_kind.is_empty() { small { (say_exactly(time)) " without service" } }
    }
}

fn longest(account: &Account, calendar: &Calendar) -> Markup {
    let unordered = account.story.outages.iter().filter(|outage| !outage.is_planned());
    let longest = unordered.max_by_key(|outage| outage.took());
    html! {
        div {
            dt { "The longest that nobody ordered" }
            dd {
                @if let Some(outage) = longest {
                    (length(outage))
                    small { (second(calendar, outage.from)) ", " (outage.kind.words()) }
                } @else { "none" }
            }
        }
    }
}

fn last_incident(account: &Account, calendar: &Calendar) -> Markup {
    html! {
        div {
            dt { "What went wrong last" }
            dd {
                @if let Some(incident) = account.story.incidents.last() {
                    (incident.cause)
                    small { (second(calendar, incident.at)) ", " (incident.node) }
                } @else { "nothing" }
            }
        }
    }
}

fn last_start(account: &Account, calendar: &Calendar) -> Markup {
    let ups = account.story.startups.iter().filter(|s| s.outcome == StartupOutcome::Up);
    let slowest = ups.clone().max_by_key(|startup| startup.took());
    html! {
        div {
            dt { "The last start that came up" }
            dd {
                @if let Some(startup) = ups.clone().next_back() {
                    (say_exactly(startup.took()))
                    small {
                        (second(calendar, startup.from)) ", " (startup.node)
                        @if let Some(slowest) = slowest {
                            "; slowest of " (ups.count()) ": " (say_exactly(slowest.took()))
                        }
                    }
                } @else { "none" }
            }
        }
    }
}
