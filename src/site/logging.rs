//! `logging:`: how long what a process prints is kept, in Compose's words.

use super::cursor::Cursor;
use super::definition::Logging;
use super::yaml::Node;

const KEYS: [&str; 5] = ["max_size", "max_file", "journal", "driver", "options"];

/// Below it a file would be cut for every few lines.
const SMALLEST: u64 = 16 << 10;
const LARGEST: u64 = 1 << 40;
const MOST_FILES: u32 = 1000;

/// The settings of `logging:` below `cursor`; what is not set is as `above`.
pub(super) fn read_logging(cursor: &Cursor<'_>, above: Logging) -> Logging {
    let mut logging = above;
    let Some(cursor) = cursor.field("logging") else { return logging };
    if cursor.check_keys(&KEYS).is_none() {
        return logging;
    }
    // Compose's own layout first: our words overrule it.
    if let Some(driver) = cursor.field("driver") {
        let drivers =
            [("json-file", false), ("local", false), ("journald", true), ("syslog", true)];
        logging.journal = driver.choice(&drivers).unwrap_or(logging.journal);
    }
    if let Some(options) = cursor.field("options") {
        options.check_keys(&["max-size", "max-file"]);
        read_bounds(&options, ["max-size", "max-file"], &mut logging);
    }
    read_bounds(&cursor, ["max_size", "max_file"], &mut logging);
    if let Some(journal) = cursor.field("journal") {
        logging.journal = journal.boolean().unwrap_or(logging.journal);
    }
    logging
}

fn read_bounds(cursor: &Cursor<'_>, [size, file]: [&str; 2], logging: &mut Logging) {
    if let Some(size) = cursor.field(size).and_then(|c| read_size(&c)) {
        logging.max_size = size;
    }
    if let Some(files) = cursor.field(file).and_then(|c| read_count(&c)) {
        logging.max_file = files;
    }
}

/// The number of files; Compose wants it as text.
fn read_count(cursor: &Cursor<'_>) -> Option<u32> {
    let digits = match cursor.node {
        Node::Text(text) => text.parse::<i64>().ok(),
        _ => cursor.integer(1, i64::from(MOST_FILES)),
    };
    let count = digits.and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=MOST_FILES).contains(n));
    if count.is_none() && matches!(cursor.node, Node::Text(_)) {
        cursor.wrong(&format!("a whole number from 1 to {MOST_FILES} is expected here"));
    }
    count
}

fn read_size(cursor: &Cursor<'_>) -> Option<u64> {
    let size = match cursor.node {
        Node::Integer(bytes) => u64::try_from(*bytes).ok(),
        Node::Text(text) => parse_size(text),
        _ => None,
    };
    let Some(size) = size else {
        cursor.wrong("a size like 10m, 500k, 1g or a number of bytes is expected here");
        return None;
    };
    if !(SMALLEST..=LARGEST).contains(&size) {
        cursor.wrong("a file of a log may have 16k to 1024g");
        return None;
    }
    Some(size)
}

/// Bytes as Compose writes them: `10m`, `500k`, `1gb`.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [
            ("10m", Some(10 << 20)),
            ("500k", Some(500 << 10)),
            ("1g", Some(1 << 30)),
            ("2GB", Some(2 << 30)),
            ("65536", Some(65536)),
            ("65536b", Some(65536)),
            ("", None),
            ("m", None),
            ("1.5m", None),
            ("-1m", None),
            ("99999999999999999999", None),
            ("18446744073709551615g", None),
        ] {
            assert_eq!(parse_size(text), size, "{text}");
        }
    }
}
