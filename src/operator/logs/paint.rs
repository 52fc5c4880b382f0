//! Lines as they are printed: with the name of their process before them, and harmless on a terminal.

use std::io::{self, BufWriter, Stdout, Write};

use super::source::PrintedLine;

/// The colours of names, as Compose has them: cyan, yellow, green, magenta, blue, and the same bright.
const COLOURS: [&str; 10] = ["36", "33", "32", "35", "34", "96", "93", "92", "95", "94"];

/// See the module.
pub(super) struct Painter {
    out: BufWriter<Stdout>,
    prefixes: Vec<String>,
    width: usize,
    has_prefix: bool,
    has_colour: bool,
    /// Standard output is a terminal.
    is_seen: bool,
}

impl Painter {
    pub(super) fn new(names: &[String], has_prefix: bool, is_seen: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let mut painter = Self {
            out: BufWriter::new(io::stdout()),
            prefixes: Vec::new(),
            width: names.iter().map(String::len).max().unwrap_or(0),
            has_prefix,
            has_colour: is_seen && !no_colour && !is_dumb,
            is_seen,
        };
        names.iter().for_each(|name| painter.add(name));
        painter
    }

    /// Takes up another source.
    pub(super) fn add(&mut self, name: &str) {
        let padded = format!("{name:width$} |", width = self.width);
        let colour = COLOURS[self.prefixes.len() % COLOURS.len()];
        self.prefixes.push(match self.has_colour {
            true => format!("\x1b[{colour}m{padded}\x1b[0m "),
            false => format!("{padded} "),
        });
    }

    pub(super) fn print(&mut self, of: usize, line: &PrintedLine) -> io::Result<()> {
        if self.has_prefix {
            self.out.write_all(self.prefixes[of].as_bytes())?;
        }
        match self.is_seen {
            true => self.out.write_all(harmless(&line.bytes).as_bytes())?,
            false => self.out.write_all(&line.bytes)?,
        }
        self.out.write_all(b"\n")
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text that changes nothing of a terminal but what it shows: sequences that set colours are left out, and
/// other control characters are written as cat(1) writes them.
fn harmless(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes));
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = behind_colour(rest) {
            rest = behind;
            continue;
        }
        match c {
            '\t' => shown.push(c),
            '\0'..='\x1f' => {
                shown.push('^');
                shown.push(char::from(c as u8 + 64));
            }
            '\x7f' => shown.push_str("^?"),
            // They turn the direction of the text, or cannot be seen (Unicode, "Bidirectional Algorithm").
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => shown.push_str(&format!("<U+{:04X}>", c as u32)),
            _ => shown.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    shown
}

/// What stands behind a sequence that sets colours (`ESC [ numbers m`), if the text begins with one.
fn behind_colour(text: &str) -> Option<&str> {
    let numbers = text.strip_prefix("\x1b[")?;
    let end = numbers.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    numbers[end..].strip_prefix('m')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        for (bytes, shown) in [
            (&b"plain \xc3\xa4\ttext"[..], "plain ä\ttext"),
            (b"\x1b[1;31mred\x1b[0m\r", "red"),
            (b"\x1b[2J\x1b]0;title\x07", "^[[2J^[]0;title^G"),
            (b"\x1b[38:5:1mx\x1b[", "x^[["),
            (b"a\x00b\x7f\x08", "a^@b^?^H"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("\u{9b}2J \u{202e}evil".as_bytes(), "<U+009B>2J <U+202E>evil"),
        ] {
            assert_eq!(harmless(bytes), shown);
        }
    }
}
