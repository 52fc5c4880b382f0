//! What was probably meant, as the end of a complaint.

use super::duration;
use super::keys::{self, DefinitionKey, Place};
use super::nearest::{mistyped, shortened};
use super::yaml::Node;

/// Of a key `word` that does not belong in the map at `place`, whose keys are `known`.
pub(super) fn key_meant(place: &str, word: &str, known: &[&str]) -> String {
    if let Some(foreign) = keys::foreign(place, word) {
        let why = match foreign.why {
            "" => String::new(),
            why => format!(": {why}"),
        };
        return match keys::at(foreign.path) {
            Some(meant) if meant.key.word() == word => {
                let (map, _) = keys::split(&meant.path);
                format!(" here; `{word}` belongs {}{why}", where_it_stands(map))
            }
            Some(meant) => format!("; you may mean {}{why}", named_from(place, meant)),
            None => format!(" here{why}"),
        };
    }
    if let Some(meant) = mistyped(word, known) {
        return format!("; did you mean `{meant}`?");
    }
    if let Some(there) = belongs(place, word) {
        return format!(" here; {there}");
    }
    if let Some(meant) = shortened(word, known) {
        return format!("; did you mean `{meant}`?");
    }
    let words: Vec<&str> = keys::all().iter().map(|place| place.key.word()).collect();
    let meant = (word.len() > 4).then(|| mistyped(word, &words)).flatten();
    match meant.and_then(|meant| belongs(place, meant)) {
        Some(there) => format!(" here; {there}"),
        None => format!("; expected one of {}", known.join(", ")),
    }
}

/// A key as it is found from the map at `place`.
fn named_from(place: &str, meant: &Place) -> String {
    let word = meant.key.word();
    let path = match meant.key.also_of_process && place.starts_with("processes.*") {
        true => format!("processes.*.{}", meant.path),
        false => meant.path.clone(),
    };
    let (map, _) = keys::split(&path);
    if map == place {
        return format!("`{word}`");
    }
    format!("`{word}` {}", where_it_stands(map))
}

/// That `word` is a key of other maps, the nearest of them named.
fn belongs(place: &str, word: &str) -> Option<String> {
    let found = keys::elsewhere(place, word);
    let nearest = found.first()?.1;
    let mut maps: Vec<String> = Vec::new();
    for (at, distance) in &found {
        let words = where_it_stands(keys::split(&at.path).0);
        // A key of the site may have the name of one of a process, as `notify` has.
        let counts = *distance == nearest || at.path == word;
        if counts && !maps.contains(&words) {
            maps.push(words);
        }
    }
    maps.truncate(3);
    Some(format!("`{word}` belongs {}", maps.join(" or ")))
}

/// The map at this path, in words.
fn where_it_stands(map: &str) -> String {
    match map {
        "" => "at the top level".to_owned(),
        "processes.*" => "under a process".to_owned(),
        "operations.*" => "under an operation".to_owned(),
        "ulimits.*" | "processes.*.ulimits.*" => "under a limit".to_owned(),
        "reserve_ports[]" => "under an item of `reserve_ports`".to_owned(),
        other => match other.strip_prefix("processes.*.") {
            Some(below) => format!("under `{below}` of a process"),
            None => format!("under `{other}`"),
        },
    }
}

/// Of something else where a map is expected.
pub(super) fn map_meant(place: &str, key: &DefinitionKey, node: &Node) -> Option<String> {
    let text = match node {
        Node::Text(text) => text.as_str(),
        Node::Integer(_) | Node::Bool(_) => "",
        _ => return None,
    };
    let word = key.word();
    let below = keys::below(place);
    // `ready: notify`: the name of a key in place of the map with that key.
    if let Some(named) = mistyped(text, below)
        && let Some(inner) = keys::at(&format!("{place}.{named}"))
    {
        return Some(format!("write {word}: {{{named}: {}}}", inner.key.example));
    }
    (word != "*").then(|| format!("write for example {word}: {}", key.example))
}

/// Of something else where a list is expected.
pub(super) fn list_meant(node: &Node) -> Option<String> {
    match node {
        Node::Text(text) if !text.contains([',', '[', ']', '{', '}', '"', '\n', ':', '#']) => {
            Some(format!("write [{text}]"))
        }
        Node::Integer(number) => Some(format!("write [{number}]")),
        _ => None,
    }
}

/// Of something else where a boolean is expected.
pub(super) fn boolean_meant(node: &Node) -> Option<String> {
    let meant = match node {
        Node::Integer(1) => true,
        Node::Integer(0) => false,
        Node::Text(text) => match text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "1" | "enabled" | "enable" => true,
            "no" | "n" | "off" | "0" | "disabled" | "disable" | "none" | "never" => false,
            "true" | "false" => {
                return Some(format!("write {} without quotes", text.to_ascii_lowercase()));
            }
            other => {
                return mistyped(other, &["true", "false"]).map(|word| format!("write {word}"));
            }
        },
        _ => return None,
    };
    Some(format!("write {meant}"))
}

/// Of something else where a whole number is expected.
pub(super) fn integer_meant(node: &Node) -> Option<String> {
    let Node::Text(text) = node else { return None };
    let number: i64 = text.trim().parse().ok()?;
    Some(format!("write {number} without quotes"))
}

/// Of something that is no duration.
pub(super) fn duration_meant(node: &Node) -> Option<String> {
    let text = match node {
        Node::Text(text) => text.clone(),
        Node::Float(seconds) => seconds.to_string(),
        _ => return None,
    };
    Some(format!("write {}", duration::meant(&text)?))
}

/// Of a word that is none of a few.
pub(super) fn word_meant(word: &str, words: &[&str]) -> Option<String> {
    let meant = mistyped(word, words).or_else(|| shortened(word, words))?;
    Some(format!("did you mean `{meant}`?"))
}
