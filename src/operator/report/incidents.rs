//! What went wrong last, with the last lines of the process.

use maud::{Markup, html};

use super::drawing::{moment, time_of_day};
use crate::operator::account::Account;
use crate::operator::chart::Calendar;
use crate::operator::story::Incident;

/// How many are told.
const TOLD: usize = 12;

pub(super) fn incidents(account: &Account, calendar: &Calendar) -> Markup {
    let all = &account.story.incidents;
    html! {
        @if all.is_empty() {
            p class="none" { "Nothing went wrong in this time." }
        }
        @for incident in all.iter().rev().take(TOLD) { (one(incident, calendar)) }
        @if all.len() > TOLD {
            p class="none" {
                "The " (all.len() - TOLD) " before these stand in the history: "
                code { "siteward history " (account.site) " --failed" }
            }
        }
    }
}

fn one(incident: &Incident, calendar: &Calendar) -> Markup {
    html! {
        div class="incident" {
            h3 { (incident.cause) }
            p class="sub" {
                (moment(calendar, incident.at)) ", " (incident.node) ", " (incident.kind)
                @if let Some(process) = &incident.process { ", process " code { (process) } }
                @if let Some(exit) = incident.exit { ", " (exit) }
            }
            @if !incident.last_lines.is_empty() {
                p { "The last lines that it printed:" }
                pre { (incident.last_lines.join("\n")) }
            }
            @if incident.followed.is_empty() {
                p class="none" { "No entry says what followed." }
            } @else {
                p { "What followed:" }
                ul {
                    @for (at, words) in &incident.followed {
                        li { (time_of_day(calendar, *at)) " " (words) }
                    }
                }
            }
        }
    }
}
