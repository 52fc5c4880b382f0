//! How the bytes of a fuzzer are divided, and what is asserted of texts.

/// The first byte and the rest; 0 and nothing where there is none.
pub(crate) fn first(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}

/// The bytes as text, where they are text.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A sentence is not empty, and no terminal can take a part of it for a command.
pub(crate) fn assert_sentence(text: &str) {
    assert!(!text.is_empty(), "a sentence is empty");
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert!(control.is_none(), "a sentence holds {control:?}: {text:?}");
}
