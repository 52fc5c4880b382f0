//! The part of a source file that is built into the program.

/// The source of a file as far as its tests. A module that only tests have may stand among the others.
pub(crate) fn without_tests(text: &str) -> &str {
    let mut begin = 0;
    while let Some(at) = text[begin..].find("\n#[cfg(test)]\n") {
        let rest = &text[begin + at + "\n#[cfg(test)]\n".len()..];
        if rest.lines().next().is_some_and(|line| line.ends_with("mod tests {")) {
            return &text[..begin + at];
        }
        begin += at + 1;
    }
    text
}
