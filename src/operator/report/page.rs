//! The whole page. It is HTML and XML at once, so that any parser reads it; every text is escaped by maud.

use maud::{Markup, PreEscaped, html};

use super::drawing::{moment, patterns};
use super::{entries, incidents, outages, overview, settings, startups, summary};
use crate::operator::account::Account;
use crate::operator::chart::Calendar;

/// maud closes no empty element as XML wants it, so these are written out. The policy forbids everything but the
/// page's own style: a browser that opens it asks no network.
const HEAD: &str = concat!(
    r#"<meta charset="utf-8"/>"#,
    r#"<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-own'"/>"#,
    r#"<meta name="viewport" content="width=device-width, initial-scale=1"/>"#,
    r#"<meta name="referrer" content="no-referrer"/>"#,
    r#"<meta name="color-scheme" content="light"/>"#,
);

const STYLE: &str = include_str!("style.css");

/// The page as text.
pub(super) fn page(account: &Account, calendar: &Calendar) -> String {
    let site = &account.site;
    let title = format!("Site {site}: report of {}", calendar.to_the_second(account.story.now));
    let body = html! {
        html lang="en" {
            head {
                (PreEscaped(HEAD))
                title { (title) }
                style nonce="own" { (PreEscaped(STYLE)) }
            }
            body {
                (patterns())
                (content(account, calendar))
            }
        }
    };
    format!("<!DOCTYPE html>\n{}\n", body.into_string())
}

fn content(account: &Account, calendar: &Calendar) -> Markup {
    html! {
        (summary::summary(account, calendar))
        main {
            h2 { "Timeline" }
            @if account.story.lanes.is_empty() {
                p class="none" { "There is no entry in the history" @if account.since.is_some() { " in this time" } "." }
            } @else {
                (overview::overview(account, calendar))
            }
            h2 { "Outages" }
            (outages::outages(account, calendar))
            h2 { "What went wrong" }
            (incidents::incidents(account, calendar))
            h2 { "Starts" }
            (startups::startups(account, calendar))
            h2 { "Settings that matter" }
            (settings::settings(account))
            h2 { "The times as a table" }
            (entries::stretches(account, calendar))
            (entries::entries(account, calendar))
        }
        footer {
            "Made by siteward " (env!("CARGO_PKG_VERSION")) " on " (account.node) " at "
            (moment(calendar, account.story.now)) " (" (Calendar::utc(account.story.now)) "). "
            "The page needs no network and no script."
        }
    }
}
