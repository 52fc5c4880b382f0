//! `logging:`: how long what a process prints is kept, in Compose's words.

use super::cursor::Cursor;
use super::definition::Logging;
use super::keys::{LARGEST_LOG, SMALLEST_LOG};
use super::problem::ProblemKind;
use super::yaml::Node;

/// What holds for a site without `logging`.
pub(super) fn default_logging(root: &Cursor<'_>) -> Logging {
    let none = Node::Map(Vec::new());
    let nothing = root.empty("logging", &none);
    let max_size = nothing.default_of("max_size").bytes().unwrap_or(SMALLEST_LOG);
    let journal = nothing.boolean_of("journal");
    Logging { max_size, max_file: nothing.number_of("max_file"), journal }
}

/// The settings of `logging:` below `cursor`; what is not set is as `above`.
pub(super) fn read_logging(cursor: &Cursor<'_>, above: Logging) -> Logging {
    let mut logging = above;
    let Some(cursor) = cursor.field("logging") else { return logging };
    if cursor.check_keys().is_none() {
        return logging;
    }
    // Compose's own layout first: our words overrule it.
    if let Some(driver) = cursor.field("driver") {
        logging.journal = driver.choice(goes_to_journal).unwrap_or(logging.journal);
    }
    if let Some(options) = cursor.field("options") {
        options.check_keys();
        read_bounds(&options, ["max-size", "max-file"], &mut logging);
    }
    read_bounds(&cursor, ["max_size", "max_file"], &mut logging);
    if let Some(journal) = cursor.field("journal") {
        logging.journal = journal.boolean().unwrap_or(logging.journal);
    }
    logging
}

fn goes_to_journal(driver: &str) -> Option<bool> {
    match driver {
        "json-file" | "local" => Some(false),
        "journald" | "syslog" => Some(true),
        _ => None,
    }
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
    let number = match cursor.node {
        Node::Text(text) => text.parse().ok().map(Node::Integer),
        _ => None,
    };
    let count = match &number {
        Some(number) => cursor.as_if(number).integer(),
        None => cursor.integer(),
    };
    count.and_then(|n| u32::try_from(n).ok())
}

fn read_size(cursor: &Cursor<'_>) -> Option<u64> {
    let size = match cursor.node {
        Node::Integer(bytes) => u64::try_from(*bytes).ok(),
        Node::Text(text) => parse_size(text),
        _ => None,
    };
    let Some(size) = size else {
        let kind = match cursor.node {
            Node::Text(_) | Node::Integer(_) => ProblemKind::ValueWrong,
            _ => ProblemKind::TypeWrong,
        };
        let meant = size_meant(cursor.node).map_or_else(String::new, |m| format!("; write {m}"));
        let message = "a size like 10m, 500k, 1g or a number of bytes is expected here";
        cursor.wrong(kind, &format!("{message}{meant}"));
        return None;
    };
    if !(SMALLEST_LOG..=LARGEST_LOG).contains(&size) {
        cursor.wrong(ProblemKind::ValueWrong, "a file of a log may have 16k to 1024g");
        return None;
    }
    Some(size)
}

/// The size that was meant by `10 MB`, `10MiB` or `10 megabytes`.
fn size_meant(node: &Node) -> Option<String> {
    let Node::Text(text) = node else { return None };
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match text[end..].trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" | "ki" | "kbyte" | "kbytes" | "kilobytes" => "k",
        "m" | "mb" | "mib" | "mi" | "mbyte" | "mbytes" | "megabytes" => "m",
        "g" | "gb" | "gib" | "gi" | "gbyte" | "gbytes" | "gigabytes" => "g",
        _ => return None,
    };
    let written = format!("{}{unit}", &text[..end]);
    parse_size(&written).map(|_| written)
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
