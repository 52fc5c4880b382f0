//! Breaks lines for a person to the width of the terminal.

use crate::linux::terminal;

/// A smaller width is ignored.
const NARROWEST: usize = 20;

/// The width for lines: `COLUMNS` if set, else the width of the terminal. None: the output is no terminal, and
/// lines are not broken.
pub fn columns() -> Option<usize> {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
    given.or_else(terminal::columns).filter(|width| *width >= NARROWEST)
}

/// Breaks each line that is too long between two words.
pub fn fit_all(lines: &[String], width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return lines.to_vec() };
    lines.iter().flat_map(|text| text.split('\n')).flat_map(|line| fit(line, width)).collect()
}

/// Breaks a line. A word that is longer than the width is not broken.
fn fit(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let next = " ".repeat((indent + 2).min(width / 2));
    let mut lines = Vec::new();
    let mut rest = line.to_owned();
    while rest.chars().count() > width {
        let start = rest.len() - rest.trim_start().len();
        let in_width = rest.char_indices().nth(width + 1).map_or(rest.len(), |(at, _)| at);
        let cut = rest[start..in_width]
            .rfind(' ')
            .or_else(|| rest[start..].find(' '))
            .map(|at| start + at);
        let Some(cut) = cut else { break };
        let tail = rest[cut..].trim_start().to_owned();
        lines.push(rest[..cut].trim_end().to_owned());
        if tail.is_empty() {
            return lines;
        }
        rest = format!("{next}{tail}");
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_only() {
        let line = "  store     4711  restarting, not essential (ended with exit status 3)";
        for width in 20..90 {
            let fitted = fit(line, width);
            assert!(fitted.iter().all(|l| l.chars().count() <= width), "{width}: {fitted:?}");
            let words: Vec<&str> = fitted.iter().flat_map(|l| l.split_whitespace()).collect();
            assert_eq!(words, line.split_whitespace().collect::<Vec<_>>(), "{width}");
            assert!(fitted.iter().skip(1).all(|l| l.starts_with("    ")), "{fitted:?}");
        }
        assert_eq!(fit(line, 90), [line]);
    }

    #[test]
    fn a_word_that_does_not_fit_stays_whole() {
        let path = "/var/lib/a/very/long/path/to/somewhere";
        assert_eq!(fit(path, 20), [path]);
        assert_eq!(fit(&format!("see {path} ä ö"), 20), ["see", &format!("  {path}"), "  ä ö"]);
        assert_eq!(fit_all(&["a b".to_owned()], None), ["a b"]);
    }
}
