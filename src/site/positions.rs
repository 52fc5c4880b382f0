//! Where the values of a document stand, for complaints.
//!
//! Promises: the text is read again once for all of them, and a few times more at most for lists and
//! maps. Must never: be asked of a document that could not be read.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::bounds::Position;
use super::yaml::{MERGE, position, without_mark};

/// One step from a node to a node within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Which token at the end of a path is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOrValue {
    Key,
    Value,
}

/// How often a text is read again for the place of a list or a map, beyond which the place of its
/// key is told.
const EXTRA_READS: usize = 4;

/// The places of all keys and values.
pub(super) struct Positions<'a> {
    text: &'a str,
    root: Option<Placed>,
    extra: Cell<usize>,
}

impl<'a> Positions<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let text = without_mark(text);
        let root = Placing.deserialize(serde_yaml::Deserializer::from_str(text)).ok();
        Self { text, root, extra: Cell::new(EXTRA_READS) }
    }

    /// Where the node at `path` stands.
    pub(super) fn find(&self, path: &[Step], target: KeyOrValue) -> Option<Position> {
        let Some(mut node) = self.root.as_ref() else {
            return locate(self.text, path, target);
        };
        let mut key_at = None;
        for (i, step) in path.iter().enumerate() {
            let is_last = i + 1 == path.len();
            node = match (step, &node.below) {
                (Step::Key(wanted), Below::Keys(keys)) => {
                    let Some((_, at, value)) = keys.iter().find(|(key, _, _)| key == wanted) else {
                        // It was merged from elsewhere: the place is that of the merge.
                        let merge = keys.iter().find(|(key, _, _)| key == MERGE);
                        return merge.and_then(|(_, at, _)| *at);
                    };
                    key_at = *at;
                    if is_last && target == KeyOrValue::Key {
                        return key_at;
                    }
                    value
                }
                (Step::Index(index), Below::Items(items)) => items.get(*index)?,
                _ => return key_at,
            };
        }
        node.at.or_else(|| match self.extra.get().checked_sub(1) {
            Some(left) => {
                self.extra.set(left);
                locate(self.text, path, target)
            }
            None => key_at,
        })
    }
}

/// A value and where it stands; None: a list or a map, whose place costs a reading of its own.
struct Placed {
    at: Option<Position>,
    below: Below,
}

enum Below {
    Nothing,
    Keys(Vec<(String, Option<Position>, Placed)>),
    Items(Vec<Placed>),
}

/// The crate tells a position only with an error, which it adds to one of ours as text: a value that
/// is read whole and refused then is told so, and the reading goes on behind it.
fn position_in(error: &dyn fmt::Display) -> Option<Position> {
    let said = error.to_string();
    let Some((_, place)) = said.rsplit_once(" at line ") else {
        // The beginning of the text is not said.
        return Some(Position { line: 1, column: 1 });
    };
    let (line, column) = place.split_once(" column ")?;
    Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
}

struct Placing;

impl<'de> DeserializeSeed<'de> for Placing {
    type Value = Placed;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Placed, D::Error> {
        let scalar = Cell::new(false);
        match deserializer.deserialize_any(PlacingVisitor(&scalar)) {
            Err(error) if scalar.get() => {
                Ok(Placed { at: position_in(&error), below: Below::Nothing })
            }
            other => other,
        }
    }
}

/// Says whether it refused a scalar.
struct PlacingVisitor<'a>(&'a Cell<bool>);

impl PlacingVisitor<'_> {
    fn here<E: serde::de::Error>(&self) -> Result<Placed, E> {
        self.0.set(true);
        Err(E::custom(HERE))
    }
}

impl<'de> Visitor<'de> for PlacingVisitor<'_> {
    type Value = Placed;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<Placed, E> {
        self.here()
    }
    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Placed, E> {
        self.here()
    }
    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Placed, E> {
        self.here()
    }
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Placed, E> {
        self.here()
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Placed, E> {
        self.here()
    }
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Placed, E> {
        self.here()
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Placed, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Placing)? {
            list.push(item);
        }
        Ok(Placed { at: None, below: Below::Items(list) })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Placed, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, at)) = entries.next_key_seed(PlacedKey)? {
            keys.push((key, at, entries.next_value_seed(Placing)?));
        }
        Ok(Placed { at: None, below: Below::Keys(keys) })
    }
}

struct PlacedKey;

impl<'de> DeserializeSeed<'de> for PlacedKey {
    type Value = (String, Option<Position>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut key = None;
        match deserializer.deserialize_str(KeyVisitor(&mut key)) {
            Ok(()) => Ok((String::new(), None)),
            Err(error) => match key {
                Some(key) => Ok((key, position_in(&error))),
                None => Err(error),
            },
        }
    }
}

struct KeyVisitor<'a>(&'a mut Option<String>);

impl Visitor<'_> for KeyVisitor<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        *self.0 = Some(key.to_owned());
        Err(E::custom(HERE))
    }
}

/// The document is read again and stopped at the node by an error.
fn locate(text: &str, path: &[Step], target: KeyOrValue) -> Option<Position> {
    let walk = Walk { path, target };
    walk.deserialize(serde_yaml::Deserializer::from_str(text)).err().as_ref().and_then(position)
}

/// Goes along a path and fails where it ends.
#[derive(Clone, Copy)]
struct Walk<'a> {
    path: &'a [Step],
    target: KeyOrValue,
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
            let fail = rest.is_empty() && self.target == KeyOrValue::Key;
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
        let found = Positions::of(TEXT);
        let at =
            |path: &[Step], target| found.find(path, target).map(|p| (p.line, p.column)).unwrap();
        assert_eq!(at(&[key("site")], KeyOrValue::Key), (1, 1));
        assert_eq!(at(&[key("site")], KeyOrValue::Value), (1, 7));
        let command = [key("processes"), key("store"), key("command"), Step::Index(1)];
        assert_eq!(at(&command, KeyOrValue::Value), (4, 18));
        let ready = [key("processes"), key("store"), key("ready"), key("tcp")];
        assert_eq!(at(&ready, KeyOrValue::Key), (6, 7));
        let list = [key("processes"), key("store"), key("command")];
        assert_eq!(at(&list, KeyOrValue::Value), (4, 14));
        for (path, target) in [(&command[..], KeyOrValue::Value), (&ready, KeyOrValue::Key)] {
            assert_eq!(found.find(path, target), locate(TEXT, path, target));
        }
    }
}
