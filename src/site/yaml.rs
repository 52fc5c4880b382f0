//! A YAML document as a tree: the order is kept, duplicate keys are refused (the YAML crate accepts them),
//! merge keys are applied, and nothing is read beyond the bounds.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

use super::bounds::{
    DEEPEST, LONGEST_KEY, MOST_ENTRIES, MOST_TEXT, MOST_VALUES, Position, too_deep,
};
use super::problem::ProblemKind;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// Kept only to say that it is one.
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Node {
    /// Its kind, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map of keys",
        }
    }
}

/// Why a document cannot be read, and where.
pub(super) type Unread = (ProblemKind, Option<Position>, String);

/// Reads a document, as far as its bounds go.
pub(super) fn read(text: &str) -> Result<Node, Unread> {
    // A byte order mark says nothing of UTF-8, and some editors write one.
    let text = without_mark(text);
    if let Some(position) = too_deep(text) {
        return Err((ProblemKind::TooLarge, Some(position), nested()));
    }
    let budget = Budget::default();
    let reader = NodeReader { budget: &budget, depth: 0 };
    reader.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
        let position = position(&error);
        let mut message = error.to_string();
        // The crate's own " at line L column C" is said in front, where editors look for it.
        if let Some(cut) = message.find(" at line ") {
            message.truncate(cut);
        }
        let mut kind = ProblemKind::NotYaml;
        if let Some((id, rest)) = message.split_once(MARK).and_then(|m| m.1.split_once(MARK)) {
            kind = ProblemKind::ALL.into_iter().find(|k| k.id() == id).unwrap_or(kind);
            message = rest.to_owned();
        } else if message.contains("more than one document") {
            message = "a definition is one document, and `---` begins a second one".to_owned();
        } else if message.contains("recursion limit") {
            kind = ProblemKind::TooLarge;
            message = nested();
        } else if position.is_some_and(|p| stands_at(text, p) == Some('\t')) {
            message = "a tab stands here, and YAML is indented by spaces alone".to_owned();
        } else {
            message = format!("this is not YAML: {message}");
        }
        (kind, position, message)
    })
}

pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn nested() -> String {
    format!("lists and maps stand deeper within each other than {DEEPEST} levels here")
}

fn stands_at(text: &str, at: Position) -> Option<char> {
    text.lines().nth(at.line.checked_sub(1)?)?.chars().nth(at.column.checked_sub(1)?)
}

/// How much was read so far.
#[derive(Default)]
struct Budget {
    values: Cell<usize>,
    text: Cell<usize>,
}

impl Budget {
    fn spend<E: serde::de::Error>(&self, text: usize) -> Result<(), E> {
        self.values.set(self.values.get() + 1);
        self.text.set(self.text.get() + text);
        if self.values.get() > MOST_VALUES {
            return Err(told(
                ProblemKind::TooLarge,
                &format!("a definition may hold {MOST_VALUES} values, and here it holds more"),
            ));
        }
        if self.text.get() > MOST_TEXT {
            return Err(told(
                ProblemKind::TooLarge,
                &format!(
                    "the values of a definition may hold {MOST_TEXT} bytes, and here they hold more"
                ),
            ));
        }
        Ok(())
    }
}

fn too_many<E: serde::de::Error>(what: &str) -> E {
    told(ProblemKind::TooLarge, &format!("there are more than {MOST_ENTRIES} {what} here"))
}

// Sets our own messages apart from the crate's, which may carry a path in front.
const MARK: &str = "\u{1}";

fn told<E: serde::de::Error>(kind: ProblemKind, message: &str) -> E {
    E::custom(format!("{MARK}{}{MARK}{message}", kind.id()))
}

pub(super) fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|l| Position { line: l.line(), column: l.column() })
}

/// Reads a value at this depth.
#[derive(Clone, Copy)]
struct NodeReader<'a> {
    budget: &'a Budget,
    depth: usize,
}

impl NodeReader<'_> {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            return Err(told(ProblemKind::TooLarge, &nested()));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for NodeReader<'_> {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.budget.spend(0)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeReader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        // Beyond i64 nothing here has a meaning; as a float it is refused wherever it stands.
        Ok(i64::try_from(value).map_or(Node::Float(f64::INFINITY), Node::Integer))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }
    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        self.budget.spend(value.len())?;
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            if list.len() == MOST_ENTRIES {
                return Err(too_many("items"));
            }
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let mut map: Vec<(String, Node)> = Vec::new();
        let mut keys = BTreeSet::new();
        while let Some(key) = entries.next_key_seed(NewKey(&keys))? {
            keys.insert(key.clone());
            map.push((key, entries.next_value_seed(below)?));
        }
        merged(map).map(Node::Map)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(told(ProblemKind::TypeWrong, "a YAML tag (`!...`) has no meaning here"))
    }
}

/// The key by which a map takes the keys of others (YAML 1.1, "Merge Key"): as Compose writes them, an
/// alias or a list of aliases.
pub(super) const MERGE: &str = "<<";

/// The map with the keys of those that it merges: its own keys win, then those of an earlier map.
fn merged<E: serde::de::Error>(mut map: Vec<(String, Node)>) -> Result<Vec<(String, Node)>, E> {
    let Some(at) = map.iter().position(|(key, _)| key == MERGE) else { return Ok(map) };
    let sources = match map.remove(at).1 {
        Node::List(items) => items,
        one => vec![one],
    };
    let mut keys: BTreeSet<String> = map.iter().map(|(key, _)| key.clone()).collect();
    for source in sources {
        let Node::Map(entries) = source else {
            let is = source.kind();
            return Err(told(
                ProblemKind::TypeWrong,
                &format!(
                    "`{MERGE}` takes a map or a list of maps, as aliases (*NAME), and not {is}"
                ),
            ));
        };
        map.extend(entries.into_iter().filter(|(key, _)| keys.insert(key.clone())));
    }
    if map.len() > MOST_ENTRIES {
        return Err(too_many("keys"));
    }
    Ok(map)
}

/// A key that must be text and must not be among the ones before it.
struct NewKey<'a>(&'a BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NewKey<'_> {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is text")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if key.len() > LONGEST_KEY {
            return Err(told(
                ProblemKind::TooLarge,
                &format!("a key may have {LONGEST_KEY} bytes"),
            ));
        }
        if self.0.len() == MOST_ENTRIES {
            return Err(too_many("keys"));
        }
        if self.0.contains(key) {
            return Err(told(
                ProblemKind::KeyTwice,
                &format!("the key `{key}` stands here twice; keep one of them"),
            ));
        }
        Ok(key.to_owned())
    }
    fn visit_bool<E: serde::de::Error>(self, key: bool) -> Result<String, E> {
        Err(not_text(&key))
    }
    fn visit_i64<E: serde::de::Error>(self, key: i64) -> Result<String, E> {
        Err(not_text(&key))
    }
    fn visit_u64<E: serde::de::Error>(self, key: u64) -> Result<String, E> {
        Err(not_text(&key))
    }
    fn visit_f64<E: serde::de::Error>(self, key: f64) -> Result<String, E> {
        Err(not_text(&key))
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<String, E> {
        Err(told(ProblemKind::KeyMissing, "a key is missing before the colon"))
    }
}

fn not_text<E: serde::de::Error>(key: &dyn fmt::Display) -> E {
    told(ProblemKind::TypeWrong, &format!("the key `{key}` is not text; write \"{key}\" in quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_is_found_where_it_stands() {
        let (kind, position, message) = read("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n").unwrap_err();
        assert_eq!(
            (kind, position),
            (ProblemKind::KeyTwice, Some(Position { line: 5, column: 3 }))
        );
        assert_eq!(message, "the key `c` stands here twice; keep one of them");
    }

    #[test]
    fn the_words_no_and_off_stay_text() {
        let expected = Node::Map(vec![
            ("site".to_owned(), Node::Text("NO".to_owned())),
            ("umask".to_owned(), Node::Text("0022".to_owned())),
        ]);
        assert_eq!(read("site: NO\numask: 0022\n").unwrap(), expected);
    }
}
