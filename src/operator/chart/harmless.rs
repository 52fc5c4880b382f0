//! Text that a process or another node wrote.

use std::fmt::Write;

/// The text with every character that controls a terminal or the direction of writing as its escape: a
/// process must not be able to make a report look otherwise than it is.
pub(in crate::operator) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        );
        // No character of XML.
        let is_no_character = matches!(c, '\u{fffe}' | '\u{ffff}');
        match c {
            '\t' => out.push_str("    "),
            _ if c.is_control() || steers || is_no_character => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_stays() {
        assert_eq!(harmless("a\x1b[31mb"), "a\\u{1b}[31mb");
        assert_eq!(harmless("\u{202e}txt\u{2066}"), "\\u{202e}txt\\u{2066}");
        assert_eq!(harmless("\0\r\n\t\u{85}\u{ffff}"), "\\u{0}\\u{d}\\u{a}    \\u{85}\\u{ffff}");
        assert_eq!(harmless("日本語 é <&>"), "日本語 é <&>");
    }
}
