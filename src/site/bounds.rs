//! The bounds of a definition.
//!
//! Promises: reading a file takes time and memory in proportion to these bounds, with any content. Must
//! never: refuse a definition that a person would write.

/// The longest definition that is read, in bytes.
pub(super) const LONGEST: u64 = 256 << 10;
/// How deep lists and maps may stand within each other.
pub(super) const DEEPEST: usize = 32;
/// How many keys a map and how many items a list may have.
pub(super) const MOST_ENTRIES: usize = 1000;
/// How many values there may be in all, each alias counted with all values that it repeats.
pub(super) const MOST_VALUES: usize = 50_000;
/// How much text there may be in all of them, in bytes.
pub(super) const MOST_TEXT: usize = 1 << 20;
/// The longest key, in bytes.
pub(super) const LONGEST_KEY: usize = 255;
/// How many processes a site may have, each instance counted: each may wait for each.
pub(super) const MOST_UNITS: u32 = 1000;
/// How many faults are reported one by one; the rest is counted.
pub(super) const MOST_PROBLEMS: usize = 20;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// The position at which brackets are nested deeper than [`DEEPEST`], if they are. The YAML crate's time
/// for a token grows with that depth, so this is checked first. A bracket in quotes, in a comment, in a
/// block of text or within a word does not count.
pub(super) fn too_deep(text: &str) -> Option<Position> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, line: 1, begin: 0, parent: None };
    scan.run()
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    /// Where the current line begins.
    begin: usize,
    /// The column that a block of text must stand to the right of.
    parent: Option<usize>,
}

impl Scan<'_> {
    fn run(&mut self) -> Option<Position> {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            let flow = depth > 0;
            match byte {
                b'\n' => self.end_line(),
                b' ' | b'\t' | b'\r' | b',' => self.at += 1,
                b'#' => self.skip_line(),
                b'[' | b'{' => {
                    depth += 1;
                    if depth > DEEPEST {
                        let column = self.at - self.begin + 1;
                        return Some(Position { line: self.line, column });
                    }
                    self.at += 1;
                }
                b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b'-' | b'?' if self.ends_word(1, flow) => {
                    self.parent = Some(self.at - self.begin);
                    self.at += 1;
                }
                b':' if self.ends_word(1, flow) => self.at += 1,
                b'"' | b'\'' => {
                    self.parent = Some(self.at - self.begin);
                    self.skip_quoted(byte);
                }
                b'|' | b'>' if !flow => self.skip_block(),
                b'&' | b'*' | b'!' => self.skip_word(flow),
                _ => {
                    self.note_key();
                    self.skip_plain(flow);
                }
            }
        }
        None
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn end_line(&mut self) {
        self.at += 1;
        self.line += 1;
        self.begin = self.at;
    }

    /// Up to the end of the line.
    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|b| b != b'\n') {
            self.at += 1;
        }
    }

    /// Whether a word can end before the byte that is `ahead`.
    fn ends_word(&self, ahead: usize, flow: bool) -> bool {
        match self.peek(ahead) {
            None | Some(b' ' | b'\t' | b'\r' | b'\n') => true,
            Some(b',' | b'[' | b']' | b'{' | b'}') => flow,
            Some(_) => false,
        }
    }

    /// A word that is followed by a value on its line is a key: a block there stands below it.
    fn note_key(&mut self) {
        let column = self.at - self.begin;
        let leads = self.bytes[self.begin..self.at].iter().all(|b| b" \t-?".contains(b));
        if leads {
            self.parent = Some(column);
        }
    }

    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => self.end_line(),
                b'\\' if quote == b'"' => match self.peek(1) {
                    Some(b'\n') | None => self.at += 1,
                    Some(_) => self.at += 2,
                },
                b'\'' if quote == b'\'' && self.peek(1) == Some(b'\'') => self.at += 2,
                _ => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
    }

    /// An anchor, an alias or a tag.
    fn skip_word(&mut self, flow: bool) {
        while !self.ends_word(0, flow) {
            self.at += 1;
        }
    }

    fn skip_plain(&mut self, flow: bool) {
        let begin = self.at;
        while let Some(byte) = self.peek(0) {
            let spaced = self.at > begin && matches!(self.bytes[self.at - 1], b' ' | b'\t');
            match byte {
                b'\n' => return,
                b':' if self.ends_word(1, flow) => return,
                b'#' if spaced => return,
                b',' | b'[' | b']' | b'{' | b'}' if flow => return,
                _ => self.at += 1,
            }
        }
    }

    /// A block of text: from the line after its header to the first line that stands further left.
    fn skip_block(&mut self) {
        let above = self.parent.map_or(0, |p| p + 1);
        let mut indent = None;
        self.at += 1;
        while let Some(byte @ (b'+' | b'-' | b'1'..=b'9')) = self.peek(0) {
            if byte.is_ascii_digit() {
                indent = Some(self.parent.unwrap_or(0) + usize::from(byte - b'0'));
            }
            self.at += 1;
        }
        self.skip_line();
        while self.peek(0).is_some() {
            self.end_line();
            let spaces = self.bytes[self.at..].iter().take_while(|b| **b == b' ').count();
            match self.peek(spaces) {
                None | Some(b'\n' | b'\r') => {}
                Some(_) if spaces < *indent.get_or_insert(spaces.max(above)) => return,
                Some(_) => {}
            }
            self.skip_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str) -> bool {
        too_deep(text).is_some()
    }

    #[test]
    fn brackets_are_counted_where_yaml_sees_them() {
        let open = "[".repeat(DEEPEST + 1);
        let fine = format!("a: {}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert!(!deep(&fine));
        assert_eq!(
            too_deep(&format!("a:\n  b: {open}")),
            Some(Position { line: 2, column: 6 + DEEPEST })
        );
        for text in [
            format!("- {open}"),
            format!("{{a: b, c: {open}"),
            format!("a: |\n  text\n  more\nb: {open}"),
            format!("- a: |\n    text\n  b: {open}"),
            format!("- |\n text\n- {open}"),
            format!("a: >-\nb: {open}"),
            format!("a: \"]\\\"]\" \nb: {open}"),
            "[\"]\", ".repeat(DEEPEST + 1),
            "[']''', ".repeat(DEEPEST + 1),
            "[ #]\n".repeat(DEEPEST + 1),
            "{a: &x !y ".repeat(DEEPEST + 1),
        ] {
            assert!(deep(&text), "{text}");
        }
        for text in [
            format!("a: x{open}"),
            format!("# {open}"),
            format!("a: b # {open}"),
            format!("a: \"{open}\""),
            format!("a: '{open}'"),
            format!("a: |\n  {open}\n   {open}\n\n  {open}\nb: c"),
            format!("- a: |2-\n      {open}\n  b: c"),
            format!("a:\n  |\n  {open}\n"),
            "a: [b, {c: d}]\n".repeat(DEEPEST * 2),
        ] {
            assert!(!deep(&text), "{text}");
        }
    }
}
