//! The parts of every chart. Places across are in percent, so that a chart is as wide as the page while its text
//! keeps its size; places down are in pixels.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::operator::chart::{Axis, Calendar, Tick};
use crate::operator::story::{Condition, Stretch, StretchEnd, between, say_exactly};

/// How high the bar of a node is.
pub(super) const BAR: u32 = 24;
/// How high the axis with its labels is.
pub(super) const AXIS: u32 = 24;

/// A place across a chart.
pub(super) fn percent(part: f64) -> String {
    format!("{:.3}%", part * 100.0)
}

/// The class of a bar.
pub(super) fn class(is: Condition) -> &'static str {
    is.word()
}

/// A moment for a tooltip: local time with its offset, and UTC.
pub(super) fn both(calendar: &Calendar, at: Timestamp) -> String {
    format!("{} ({})", calendar.full(at), Calendar::utc(at))
}

/// A moment in a text: local time with its offset, and UTC for machines and when pointed at.
pub(super) fn moment(calendar: &Calendar, at: Timestamp) -> Markup {
    let utc = Calendar::utc(at);
    html! { time datetime=(utc) title=(utc) { (calendar.full(at)) } }
}

/// The same to the second.
pub(super) fn second(calendar: &Calendar, at: Timestamp) -> Markup {
    let utc = Calendar::utc(at);
    html! { time datetime=(utc) title=(utc) { (calendar.to_the_second(at)) } }
}

/// The same, its time of day.
pub(super) fn time_of_day(calendar: &Calendar, at: Timestamp) -> Markup {
    let utc = Calendar::utc(at);
    html! { time datetime=(utc) title=(utc) { (calendar.time_of_day(at)) } }
}

/// A name that fits a narrow chart. The tables have the whole of it.
pub(super) fn shortened(name: &str, most: usize) -> String {
    match name.chars().count() > most {
        true => name.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect(),
        false => name.to_owned(),
    }
}

/// Lines at the ticks, down to their labels.
pub(super) fn grid(axis: &Axis, ticks: &[Tick], height: u32, calendar: &Calendar) -> Markup {
    html! {
        @for tick in ticks {
            @let x = percent(axis.place(tick.at));
            line class="grid" x1=(x) x2=(x) y1="0" y2=(height - AXIS + 4) {}
            text class="small" x=(x) y=(height - 7) text-anchor="middle" {
                title { (both(calendar, tick.at)) }
                (tick.label)
            }
        }
    }
}

/// The bars of a lane, on a track as long as the axis. `titled`: a bar that is long enough bears its word.
pub(super) fn bars(
    stretches: &[Stretch],
    axis: &Axis,
    y: u32,
    height: u32,
    titled: bool,
    calendar: &Calendar,
) -> Markup {
    html! {
        rect class="track" x="0" y=(y) width="100%" height=(height) {}
        @for stretch in stretches.iter().filter(|s| s.from < axis.to && s.to > axis.from) {
            (bar(stretch, axis, y, height, titled, calendar))
        }
    }
}

fn bar(
    stretch: &Stretch,
    axis: &Axis,
    y: u32,
    height: u32,
    titled: bool,
    calendar: &Calendar,
) -> Markup {
    let (from, to) = (axis.place(stretch.from), axis.place(stretch.to));
    let word = stretch.is.word();
    html! {
        g {
            title { (told(stretch, calendar)) }
            rect class={ "bar " (class(stretch.is)) } x=(percent(from)) y=(y)
                width=(percent(to - from)) height=(height) {}
            @if let StretchEnd::Unseen { after } = stretch.end {
                @let after = axis.place(after);
                rect class="unseen" x=(percent(after)) y=(y) width=(percent(to - after))
                    height=(height) {}
            }
            // Below that, the word is wider than the bar on a narrow page.
            @if titled && to - from > 0.25 {
                @let middle = percent((from + to) / 2.0);
                @let baseline = y + height / 2 + 4;
                @if stretch.is != Condition::Running || matches!(stretch.end, StretchEnd::Unseen { .. }) {
                    svg x=(middle) y=(y) overflow="visible" width="1" height=(height) {
                        rect x="-42" y="4" width="84" height=(height - 8) fill="#fff" {}
                    }
                    text x=(middle) y=(baseline) text-anchor="middle" { (word) }
                } @else {
                    text class="on-dark" x=(middle) y=(baseline) text-anchor="middle" { (word) }
                }
            }
        }
    }
}

/// A stretch in words.
pub(super) fn told(stretch: &Stretch, calendar: &Calendar) -> String {
    let took = say_exactly(between(stretch.from, stretch.to));
    let until = match stretch.end {
        StretchEnd::Seen => format!("to {}", both(calendar, stretch.to)),
        StretchEnd::Ongoing => "and goes on".to_owned(),
        StretchEnd::Unseen { after } => format!(
            "to some moment between {} and {}: nobody saw its end",
            both(calendar, after),
            both(calendar, stretch.to)
        ),
    };
    let why = if stretch.why.is_empty() { String::new() } else { format!("; {}", stretch.why) };
    format!(
        "{}: {} from {} {until}; {took}{why}",
        stretch.node,
        stretch.is.word(),
        both(calendar, stretch.from)
    )
}

/// A cross at a moment.
pub(super) fn cross(axis: &Axis, at: Timestamp, y: u32, words: &str) -> Markup {
    html! {
        svg x=(percent(axis.place(at))) y=(y) width="1" height="1" overflow="visible" {
            title { (words) }
            path class="cross" d="M-4 -4L4 4M-4 4L4 -4" {}
        }
    }
}

/// The patterns with which bars are filled, so that no condition is told by its colour alone.
pub(super) fn patterns() -> Markup {
    let tile = |id: &str, colour: &str, line: &str, path: &str| {
        html! {
            pattern id=(id) width="8" height="8" patternUnits="userSpaceOnUse" {
                rect width="8" height="8" fill=(colour) {}
                path d=(path) stroke=(line) stroke-width="1.4" fill="none" {}
            }
        }
    };
    html! {
        svg class="defs" aria-hidden="true" {
            defs {
                (tile("f-starting", "#8ccbf0", "#1c6a9c", "M2 2h.01M6 6h.01M2 1.4v1.2M6 5.4v1.2"))
                (tile("f-degraded", "#f0b429", "#5f4100", "M-2 2L2 -2M0 8L8 0M6 10L10 6"))
                (tile("f-stopping", "#c3c8ce", "#5d646b", "M2 0V8M6 0V8"))
                (tile("f-maintenance", "#e3b3cd", "#8e4a70", "M0 2H8M0 6H8"))
                (tile("f-failed", "#f0894a", "#7a2f00", "M0 0L8 8M0 8L8 0"))
                pattern id="f-unseen" width="8" height="8" patternUnits="userSpaceOnUse" {
                    path d="M-2 6L2 10M0 0L8 8M6 -2L10 2" stroke="#fff" stroke-width="3.2" fill="none" {}
                }
            }
        }
    }
}

/// What the bars and marks mean.
pub(super) fn legend(conditions: &[Condition], has_unseen: bool) -> Markup {
    html! {
        ul class="legend" {
            @for condition in conditions {
                li {
                    svg aria-hidden="true" {
                        rect class={ "bar " (class(*condition)) } x="0" y="1" width="26" height="14" {}
                    }
                    (condition.word())
                }
            }
            @if has_unseen {
                li {
                    svg aria-hidden="true" {
                        rect class="bar running" x="0" y="1" width="26" height="14" {}
                        rect class="unseen" x="0" y="1" width="26" height="14" {}
                    }
                    "white stripes: it ended somewhere in here, and nobody saw it"
                }
            }
            li {
                svg aria-hidden="true" { rect class="track" x="0" y="1" width="26" height="14" {} }
                "stopped, or nothing known"
            }
        }
    }
}
