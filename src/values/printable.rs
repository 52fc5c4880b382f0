//! Texts of others in sentences of ours.

/// The text with each control character as its escape, but for line breaks: what a person or a program wrote must not
/// steer the terminal on which a sentence about it is shown.
pub fn printable(text: String) -> String {
    if !text.contains(steers) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match steers(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// The same on one line.
pub fn printable_line(text: String) -> String {
    let text = printable(text);
    if text.contains('\n') { text.replace('\n', "\\n") } else { text }
}

/// The first few of a list, and how many more there are.
pub fn first_of(all: &[String], few: usize) -> String {
    let named = all.iter().take(few).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(few) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn steers(c: char) -> bool {
    c.is_control() && c != '\n'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_its_escape() {
        let shown = |text: &str| printable(text.to_owned());
        assert_eq!(shown("a\x1b[31mb\tc\r\u{9b}d\ne"), "a\\u{1b}[31mb\\tc\\r\\u{9b}d\ne");
        assert_eq!(shown("日本語 é `\"`"), "日本語 é `\"`");
        assert_eq!(printable_line("a\nb\x07".to_owned()), "a\\nb\\u{7}");
    }
}
