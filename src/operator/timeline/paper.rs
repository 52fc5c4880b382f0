//! The terminal that a timeline is drawn on.

use std::io::IsTerminal;

use crate::operator::chart::Axis;
use crate::operator::layout;
use crate::operator::story::{Condition, Stretch, StretchEnd};

/// The width where the output is no terminal.
const USUAL: usize = 80;
const WIDEST: usize = 200;

/// What can be drawn, and how wide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paper {
    pub(super) width: usize,
    /// Characters outside ASCII are shown.
    pub(super) unicode: bool,
    pub(super) colour: bool,
}

/// What a cell of a lane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Off,
    Unseen,
    Is(Condition),
}

impl Paper {
    pub(super) fn of_this_terminal() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self {
            width: layout::columns().unwrap_or(USUAL).min(WIDEST),
            unicode: speaks_utf8(|name| std::env::var(name).ok()),
            colour: std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !dumb,
        }
    }

    /// One of two ways to draw the same.
    pub(super) fn pick<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }

    pub(super) fn glyph(&self, cell: Cell) -> char {
        let (unicode, ascii) = match cell {
            Cell::Off => ('\u{b7}', '.'),
            Cell::Unseen => ('\u{2591}', '~'),
            Cell::Is(Condition::Running) => ('\u{2588}', '#'),
            Cell::Is(Condition::Degraded) => ('\u{2593}', '%'),
            Cell::Is(Condition::Starting) => ('\u{25b8}', '>'),
            Cell::Is(Condition::Stopping) => ('\u{25c2}', '<'),
            Cell::Is(Condition::Maintenance) => ('\u{2550}', '='),
            Cell::Is(Condition::Failed) => ('\u{2717}', 'x'),
        };
        if self.unicode { unicode } else { ascii }
    }

    /// The text in the colour of what it shows (ECMA-48, SGR).
    pub(super) fn tint(&self, cell: Cell, text: &str) -> String {
        let code = match cell {
            _ if !self.colour => return text.to_owned(),
            Cell::Off | Cell::Unseen => "2",
            Cell::Is(Condition::Running) => "32",
            Cell::Is(Condition::Degraded) => "33",
            Cell::Is(Condition::Starting) => "36",
            Cell::Is(Condition::Stopping) => "34",
            Cell::Is(Condition::Maintenance) => "35",
            Cell::Is(Condition::Failed) => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    pub(super) fn heading(&self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The cells as text, each run of the same colour tinted at once.
    pub(super) fn draw(&self, cells: &[Cell]) -> String {
        let runs = cells.chunk_by(|a, b| a == b);
        runs.map(|run| {
            let text: String = run.iter().map(|cell| self.glyph(*cell)).collect();
            run.first().map_or_else(String::new, |cell| self.tint(*cell, &text))
        })
        .collect()
    }
}

/// Whether the locale's characters are those of Unicode (locale(7)).
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale = names.into_iter().filter_map(variable).find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// How much it takes precedence in a column that is longer than several stretches.
fn weight(cell: Cell) -> u8 {
    match cell {
        Cell::Off => 0,
        Cell::Unseen => 1,
        Cell::Is(Condition::Running) => 2,
        Cell::Is(Condition::Maintenance) => 3,
        Cell::Is(Condition::Starting) => 4,
        Cell::Is(Condition::Stopping) => 5,
        Cell::Is(Condition::Degraded) => 6,
        Cell::Is(Condition::Failed) => 7,
    }
}

/// A lane in so many columns. A column shows the worst of what falls into it, so that nothing is too short to be
/// seen.
pub(super) fn cells(stretches: &[Stretch], axis: &Axis, width: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::Off; width];
    for stretch in stretches.iter().filter(|s| s.to > axis.from && s.from < axis.to) {
        let seen_to = match stretch.end {
            StretchEnd::Unseen { after } => after,
            StretchEnd::Seen | StretchEnd::Ongoing => stretch.to,
        };
        let parts =
            [(stretch.from, seen_to, Cell::Is(stretch.is)), (seen_to, stretch.to, Cell::Unseen)];
        for (from, to, cell) in parts.into_iter().filter(|(from, to, _)| from < to) {
            let first = column(axis, from, width);
            let last = column(axis, to, width);
            // A moment on the edge of two columns belongs to the second.
            let is_edge = last > first && axis.place(to) * as_float(width) <= as_float(last);
            for at in &mut cells[first..=(last - usize::from(is_edge))] {
                if weight(cell) > weight(*at) {
                    *at = cell;
                }
            }
        }
    }
    cells
}

/// The column of a moment.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place is at least 0, and a width at most 200"
)]
pub(super) fn column(axis: &Axis, at: jiff::Timestamp, width: usize) -> usize {
    let column = axis.place(at) * as_float(width);
    (column.floor() as usize).min(width.saturating_sub(1))
}

#[expect(clippy::cast_precision_loss, reason = "a width is at most 200")]
fn as_float(width: usize) -> f64 {
    width as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_whether_unicode_is_shown() {
        let of = |pairs: &'static [(&str, &str)]| {
            speaks_utf8(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[("LANG", "ja_JP.UTF-8")]));
        assert!(of(&[("LC_ALL", ""), ("LANG", "C.utf8")]));
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")]));
        assert!(!of(&[]));
    }

    #[test]
    fn a_column_shows_the_worst_that_falls_into_it() {
        let at = |second: i64| jiff::Timestamp::from_second(second).unwrap();
        let stretch = |is, from, to, end| Stretch {
            node: "a".to_owned(),
            is,
            from: at(from),
            to: at(to),
            end,
            why: String::new(),
        };
        let stretches = [
            stretch(Condition::Running, 0, 401, StretchEnd::Seen),
            stretch(Condition::Degraded, 401, 402, StretchEnd::Seen),
            stretch(Condition::Running, 402, 800, StretchEnd::Unseen { after: at(600) }),
        ];
        let axis = Axis { from: at(0), to: at(1000) };
        let paper = Paper { width: 10, unicode: false, colour: false };
        assert_eq!(paper.draw(&cells(&stretches, &axis, 10)), "####%#~~..");
        let colour = Paper { colour: true, ..paper };
        let drawn = colour.draw(&cells(&stretches, &axis, 10));
        assert!(drawn.starts_with("\u{1b}[32m####\u{1b}[0m\u{1b}[33m%\u{1b}[0m"), "{drawn:?}");
    }
}
