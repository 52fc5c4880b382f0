//! Lines for a person in the width of the terminal: text that is broken between words, and tables, which
//! become blocks where they do not fit.

use std::fmt::Write;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::control::State;

/// How a piece of text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Warning,
    Bad,
}

impl Tone {
    /// The parameter of the control sequence for colours (ECMA-48, SGR).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// The colour of a state.
pub fn tone_of(state: State) -> Tone {
    match state {
        State::Running => Tone::Good,
        State::Starting | State::Degraded | State::Maintenance | State::StoppingOrdered => {
            Tone::Warning
        }
        State::StoppingFailed
        | State::Failed
        | State::FailedWithSurvivors
        | State::Unsupervised
        | State::Unknown => Tone::Bad,
        State::Stopped => Tone::Plain,
    }
}

/// One line, of which a piece may be coloured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageLine {
    pub text: String,
    pub tone: Tone,
    /// The coloured piece, in bytes.
    pub toned: Range<usize>,
}

impl From<String> for PageLine {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain, toned: 0..0 }
    }
}

impl PageLine {
    /// The line as it is printed.
    pub fn print(&self, colours: bool) -> String {
        let Some(code) = self.tone.code().filter(|_| colours && !self.toned.is_empty()) else {
            return self.text.clone();
        };
        let Range { start, end } = self.toned;
        let (before, inside, after) =
            (&self.text[..start], &self.text[start..end], &self.text[end..]);
        format!("{before}\x1b[{code}m{inside}\x1b[0m{after}")
    }

    /// Cut to a width, with a sign that it was.
    pub fn cut(mut self, width: usize) -> Self {
        if self.text.width() <= width {
            return self;
        }
        let mut kept = 0;
        for (at, char) in self.text.char_indices() {
            if self.text[..at + char.len_utf8()].width() >= width {
                break;
            }
            kept = at + char.len_utf8();
        }
        self.text.truncate(kept);
        self.toned = self.toned.start.min(kept)..self.toned.end.min(kept);
        self.text.push('…');
        self
    }
}

/// A text whose first `toned` bytes are coloured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub text: String,
    pub tone: Tone,
    pub toned: usize,
}

impl Words {
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The whole text so far in this colour.
    #[must_use]
    pub fn in_tone(self, tone: Tone) -> Self {
        Self { toned: self.text.len(), tone, ..self }
    }

    /// More text, which is not coloured.
    #[must_use]
    pub fn then(mut self, more: &str) -> Self {
        self.text.push_str(more);
        self
    }
}

/// Breaks a text between words. The first line is indented by `first`, the next ones by `next`. A word that
/// is longer than the width is not broken. None: the text is one line.
pub fn wrap(words: &Words, width: Option<usize>, first: usize, next: usize) -> Vec<PageLine> {
    let Words { text, tone, toned } = words;
    let mut lines: Vec<PageLine> = Vec::new();
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    // Where the coloured piece ends on the first line.
    let mut coloured = first;
    let mut at = 0;
    for word in text.split(' ') {
        let begin = at;
        at += word.len() + 1;
        let clean: String = word.chars().filter(|c| !c.is_control()).collect();
        if clean.is_empty() {
            continue;
        }
        let needs = line.width() + usize::from(!is_empty) + clean.width();
        if !is_empty && width.is_some_and(|width| needs > width) {
            lines.push(std::mem::take(&mut line).into());
            line = " ".repeat(next);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        if begin < *toned && lines.is_empty() {
            coloured = line.len() + clean.len().min(*toned - begin);
        }
        line.push_str(&clean);
        is_empty = false;
    }
    if !is_empty {
        lines.push(line.into());
    }
    if let Some(top) = lines.first_mut() {
        top.tone = *tone;
        top.toned = first..coloured;
    }
    lines
}

/// A table. The last column takes the rest of the width, and its text is broken between words.
#[derive(Clone, Debug, Default)]
pub struct PageTable {
    pub columns: Vec<PageColumn>,
    pub rows: Vec<PageRow>,
}

/// The head of a column.
#[derive(Clone, Copy, Debug)]
pub struct PageColumn {
    pub title: &'static str,
    pub to_the_right: bool,
}

impl PageColumn {
    pub const fn left(title: &'static str) -> Self {
        Self { title, to_the_right: false }
    }

    pub const fn right(title: &'static str) -> Self {
        Self { title, to_the_right: true }
    }
}

/// A row: the cells of all columns but the last, and the paragraphs in the last one.
#[derive(Clone, Debug, Default)]
pub struct PageRow {
    pub cells: Vec<String>,
    pub last: Vec<Words>,
}

/// The spaces between two columns.
const GAP: usize = 2;

/// The least width of the last column.
const LEAST: usize = 26;

impl PageTable {
    /// How wide each column but the last is.
    fn widths(&self) -> Vec<usize> {
        let columns = self.columns.len().saturating_sub(1);
        (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
                let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
                widest.max(self.columns[column].title.width())
            })
            .collect()
    }

    /// Whether it has a column for text that is wide enough.
    pub fn fits(&self, width: Option<usize>, indent: usize) -> bool {
        let Some(width) = width else { return true };
        let before: usize = self.widths().iter().map(|width| width + GAP).sum();
        width >= indent + before + LEAST
    }

    /// The head, and the lines of each row.
    pub fn lines(&self, width: Option<usize>, indent: usize) -> (PageLine, Vec<Vec<PageLine>>) {
        let widths = self.widths();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = " ".repeat(indent);
            for ((cell, column), width) in cells.zip(&self.columns).zip(&widths) {
                let blank = " ".repeat(width.saturating_sub(cell.width()));
                let gap = " ".repeat(GAP);
                // Writing to a text never fails.
                let _ = match column.to_the_right {
                    true => write!(line, "{blank}{cell}{gap}"),
                    false => write!(line, "{cell}{blank}{gap}"),
                };
            }
            line
        };
        let head = line(&mut self.columns.iter().map(|column| column.title));
        let left = head.width();
        let head = head + self.columns.last().map_or("", |column| column.title);
        let rows = self.rows.iter().map(|row| {
            let before = line(&mut row.cells.iter().map(String::as_str));
            let mut lines: Vec<PageLine> =
                row.last.iter().flat_map(|words| wrap(words, width, left, left)).collect();
            match lines.first_mut() {
                Some(first) => {
                    let shift = before.len() as isize - left as isize;
                    first.text.replace_range(..left, &before);
                    let moved = |at: usize| at.saturating_add_signed(shift);
                    first.toned = moved(first.toned.start)..moved(first.toned.end);
                }
                None => lines.push(before.trim_end().to_owned().into()),
            }
            lines
        });
        (head.into(), rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_only_and_keeps_its_colour() {
        let text = "running shop on alpha since yesterday, and a_word_that_is_far_too_long for it";
        let words = Words { text: text.to_owned(), tone: Tone::Good, toned: 7 };
        let part = wrap(&Words::plain("failed").in_tone(Tone::Bad).then(": a"), None, 2, 2);
        assert_eq!(part[0].print(true), "  \x1b[31mfailed\x1b[0m: a");
        for width in 12..90 {
            let lines = wrap(&words, Some(width), 2, 4);
            let joined: Vec<&str> = lines.iter().flat_map(|l| l.text.split_whitespace()).collect();
            assert_eq!(joined, text.split_whitespace().collect::<Vec<_>>(), "{width}");
            for line in &lines {
                let is_one_word = line.text.split_whitespace().count() == 1;
                assert!(line.text.width() <= width || is_one_word, "{width}: {line:?}");
            }
            assert_eq!(&lines[0].text[lines[0].toned.clone()], "running");
        }
        assert!(wrap(&words, None, 0, 0)[0].print(true).starts_with("\x1b[32mrunning\x1b[0m shop"));
        assert!(wrap(&words, None, 0, 0)[0].print(false).starts_with("running shop"));
    }

    #[test]
    fn a_table_is_as_wide_as_the_terminal() {
        let row = |name: &str, text: &str| PageRow {
            cells: vec![name.to_owned(), "12".to_owned()],
            last: vec![Words::plain(text).in_tone(Tone::Bad), Words::plain("more of it")],
        };
        let table = PageTable {
            columns: vec![
                PageColumn::left("NAME"),
                PageColumn::right("PID"),
                PageColumn::left("STATE"),
            ],
            rows: vec![row("größe", "it is down, and nobody knows why"), row("b", "up")],
        };
        assert!(table.fits(Some(38), 0) && !table.fits(Some(37), 0));
        let (head, rows) = table.lines(Some(40), 0);
        assert_eq!(head.text, "NAME   PID  STATE");
        let text: Vec<&str> = rows.iter().flatten().map(|line| line.text.as_str()).collect();
        assert_eq!(
            text,
            [
                "größe   12  it is down, and nobody knows",
                "            why",
                "            more of it",
                "b       12  up",
                "            more of it",
            ]
        );
        assert!(rows[0][0].print(true).starts_with("größe   12  \x1b[31mit is"));
    }

    #[test]
    fn what_is_cut_says_so() {
        let line = PageLine::from("größer and more".to_owned());
        assert_eq!(line.clone().cut(15).text, "größer and more");
        assert_eq!(line.clone().cut(8).text, "größer …");
        assert_eq!(line.cut(3).text, "gr…");
    }
}
