//! A YAML document as a tree in which nothing is lost: order kept, duplicate keys refused (the
//! YAML crate lets them through), every place found again by its path.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

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
    /// What it is, for a message.
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

/// One step from a node to a node within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Which token at the end of a path is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Key,
    Value,
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Node, (Option<Position>, String)> {
    serde_yaml::from_str::<Node>(text).map_err(|error| {
        let position = position(&error);
        let mut message = error.to_string();
        // The crate's own " at line L column C" is said in front, where editors look for it.
        if let Some(cut) = message.find(" at line ") {
            message.truncate(cut);
        }
        if let Some((_, rest)) = message.split_once(MARK) {
            message = rest.to_owned();
        } else if message.contains("more than one document") {
            message = "a definition is one document, and `---` begins a second one".to_owned();
        } else {
            message = format!("this is not YAML: {message}");
        }
        (position, message)
    })
}

// Sets our own messages apart from the crate's, which may carry a path in front.
const MARK: &str = "\u{1}";

fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|l| Position { line: l.line(), column: l.column() })
}

/// Where the node at `path` stands: the document is read again and stopped there by an error,
/// which is how the crate tells a position.
pub(super) fn locate(text: &str, path: &[Step], target: Target) -> Option<Position> {
    let walk = Walk { path, target };
    walk.deserialize(serde_yaml::Deserializer::from_str(text)).err().as_ref().and_then(position)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
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
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map: Vec<(String, Node)> = Vec::new();
        while let Some(key) = entries.next_key_seed(NewKey(&map))? {
            map.push((key, entries.next_value()?));
        }
        Ok(Node::Map(map))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(A::Error::custom(format!("{MARK}a YAML tag (`!...`) has no meaning here")))
    }
}

/// A key that must be text and must not be among the ones before it.
struct NewKey<'a>(&'a [(String, Node)]);

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
        if self.0.iter().any(|(k, _)| k == key) {
            return Err(E::custom(format!(
                "{MARK}the key `{key}` stands here twice; keep one of them"
            )));
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
        Err(E::custom(format!("{MARK}a key is missing before the colon")))
    }
}

fn not_text<E: serde::de::Error>(key: &dyn fmt::Display) -> E {
    E::custom(format!("{MARK}the key `{key}` is not text; write \"{key}\" in quotes"))
}

/// Goes along a path and fails where it ends.
#[derive(Clone, Copy)]
struct Walk<'a> {
    path: &'a [Step],
    target: Target,
}

const HERE: &str = "here";

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(E::custom(HERE))
    }
    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(E::custom(HERE))
    }
    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(E::custom(HERE))
    }
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(E::custom(HERE))
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom(HERE))
    }
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom(HERE))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let Some((Step::Index(index), rest)) = self.path.split_first() {
            for _ in 0..*index {
                items.next_element::<IgnoredAny>()?;
            }
            items.next_element_seed(Walk { path: rest, ..self })?;
        }
        Err(A::Error::custom(HERE))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if let Some((Step::Key(wanted), rest)) = self.path.split_first() {
            let fail = rest.is_empty() && self.target == Target::Key;
            while let Some(found) = entries.next_key_seed(WantedKey { wanted, fail })? {
                if found {
                    entries.next_value_seed(Walk { path: rest, ..self })?;
                } else {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Err(A::Error::custom(HERE))
    }
}

struct WantedKey<'a> {
    wanted: &'a str,
    fail: bool,
}

impl<'de> DeserializeSeed<'de> for WantedKey<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for WantedKey<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        match key == self.wanted {
            true if self.fail => Err(E::custom(HERE)),
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "site: a\nprocesses:\n  store:\n    command: [x, \"y\"]\n    ready:\n      tcp: z\n";

    fn key(text: &str) -> Step {
        Step::Key(text.to_owned())
    }

    #[test]
    fn every_place_is_found_again() {
        let at =
            |path: &[Step], target| locate(TEXT, path, target).map(|p| (p.line, p.column)).unwrap();
        assert_eq!(at(&[key("site")], Target::Key), (1, 1));
        assert_eq!(at(&[key("site")], Target::Value), (1, 7));
        let command = [key("processes"), key("store"), key("command"), Step::Index(1)];
        assert_eq!(at(&command, Target::Value), (4, 18));
        let ready = [key("processes"), key("store"), key("ready"), key("tcp")];
        assert_eq!(at(&ready, Target::Key), (6, 7));
    }

    #[test]
    fn a_duplicate_key_is_found_where_it_stands() {
        let (position, message) = read("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n").unwrap_err();
        assert_eq!(position, Some(Position { line: 5, column: 3 }));
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
