//! Reads a tree and reports all faults at once, each with its position.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::advice;
use super::bounds::MOST_PROBLEMS;
use super::bounds::Position;
use super::duration;
use super::keys::{self, DefaultValue, DefinitionKey, ValueType};
use super::positions::{KeyOrValue, Positions, Step};
use super::problem::ProblemKind;
use super::yaml::Node;
use crate::messages::Message;
use crate::values::printable_line;

/// The faults of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    pub file: PathBuf,
    /// The first of them, in the order in which they stand there.
    pub problems: Vec<Located>,
    /// How many more there are.
    pub more: usize,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub kind: ProblemKind,
    pub position: Option<Position>,
    /// The way to it, like `processes.web.ready`; empty: the whole text.
    pub key: String,
    /// Begins with the key.
    pub message: String,
}

impl DefinitionError {
    /// Each problem with its place.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        let file = self.file.display();
        self.problems.iter().map(move |problem| {
            let at = problem
                .position
                .map_or_else(String::new, |at| format!("{}:{}:", at.line, at.column));
            problem.kind.message(format!("{file}:{at} {}", problem.message))
        })
    }

    /// How many more there are, as a line.
    pub fn count_of_rest(&self) -> Option<String> {
        (self.more > 0).then(|| format!("{}: and {} more", self.file.display(), self.more))
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.messages().map(|message| message.sentence).chain(self.count_of_rest());
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for DefinitionError {}

/// A complaint with the way to what it is about.
#[derive(Debug)]
struct Unlocated {
    kind: ProblemKind,
    path: Vec<Step>,
    target: KeyOrValue,
    message: String,
}

/// Collects complaints, so many at most; turned into positions only if there are any.
#[derive(Debug, Default)]
pub(super) struct Problems {
    told: RefCell<Vec<Unlocated>>,
    more: Cell<usize>,
}

impl Problems {
    pub(super) fn located(self, text: &str) -> (Vec<Located>, usize) {
        let positions = Positions::of(text);
        let mut problems: Vec<Located> = self
            .told
            .into_inner()
            .into_iter()
            .map(|told| Located {
                kind: told.kind,
                position: positions.find(&told.path, told.target),
                key: name_of(&told.path),
                message: told.message,
            })
            .collect();
        problems.sort_by_key(|p| p.position);
        (problems, self.more.get())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.borrow().is_empty()
    }

    /// Whether another one would only be counted.
    fn is_full(&self) -> bool {
        self.told.borrow().len() >= MOST_PROBLEMS
    }
}

fn name_of(path: &[Step]) -> String {
    let mut name = String::new();
    for step in path {
        match step {
            Step::Key(key) if name.is_empty() => name.push_str(key),
            Step::Key(key) => name = format!("{name}.{key}"),
            Step::Index(index) => name = format!("{name}[{index}]"),
        }
    }
    name
}

/// The longest complaint, in bytes: a value may stand in it, and be of any length.
const LONGEST_MESSAGE: usize = 1500;

/// A node with the way to it.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub(super) node: &'a Node,
    path: Vec<Step>,
    /// The path as the table of keys has it.
    place: String,
    problems: &'a Problems,
}

#[cfg(test)]
thread_local! {
    /// The places of the keys that were asked for.
    pub(super) static READ: RefCell<std::collections::BTreeSet<String>> = RefCell::default();
}

impl<'a> Cursor<'a> {
    pub(super) fn root(node: &'a Node, problems: &'a Problems) -> Self {
        Self { node, path: Vec::new(), place: String::new(), problems }
    }

    /// What the table says of it.
    fn key(&self) -> Option<&'static DefinitionKey> {
        Some(keys::at(&self.place)?.key)
    }

    /// What the table says of the key `key` in it.
    fn key_below(&self, key: &str) -> Option<&'static DefinitionKey> {
        let place = keys::at(&place_below(&self.place, &Step::Key(key.to_owned())));
        debug_assert!(place.is_some(), "the key {key} of `{}` is not in the table", self.place);
        Some(place?.key)
    }

    fn complain(&self, kind: ProblemKind, target: KeyOrValue, message: &str) {
        if self.problems.is_full() {
            self.problems.more.set(self.problems.more.get() + 1);
            return;
        }
        let name = name_of(&self.path);
        let message =
            if name.is_empty() { message.to_owned() } else { format!("{name}: {message}") };
        let mut message = printable_line(message);
        if message.len() > LONGEST_MESSAGE {
            message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
            message.push_str("...");
        }
        let path = self.path.clone();
        self.problems.told.borrow_mut().push(Unlocated { kind, path, target, message });
    }

    /// Whether another fault would only be counted, so that its message need not be made.
    pub(super) fn is_only_counted(&self) -> bool {
        self.problems.is_full()
    }

    /// Something is wrong with this value.
    pub(super) fn wrong(&self, kind: ProblemKind, message: &str) {
        self.complain(kind, KeyOrValue::Value, message);
    }

    /// Something is wrong with this key, or with all that stands below it.
    pub(super) fn wrong_key(&self, kind: ProblemKind, message: &str) {
        self.complain(kind, KeyOrValue::Key, message);
    }

    fn expected<T>(&self, kind: ProblemKind, what: &str, advice: Option<String>) -> Option<T> {
        let is = match self.node {
            Node::Text(text) => format!("`{text}`"),
            Node::Bool(value) => format!("`{value}`"),
            Node::Integer(value) => format!("`{value}`"),
            other => other.kind().to_owned(),
        };
        let target = match self.node {
            Node::Null | Node::Map(_) => KeyOrValue::Key,
            _ => KeyOrValue::Value,
        };
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        self.complain(kind, target, &format!("{what} is expected here, not {is}{advice}"));
        None
    }

    /// The value of `key`; None if it is not there.
    pub(super) fn field(&self, key: &str) -> Option<Self> {
        self.key_below(key);
        #[cfg(test)]
        READ.with_borrow_mut(|read| {
            read.insert(place_below(&self.place, &Step::Key(key.to_owned())))
        });
        let Node::Map(entries) = self.node else { return None };
        let (_, node) = entries.iter().find(|(k, _)| k == key)?;
        Some(self.below(Step::Key(key.to_owned()), node))
    }

    fn below(&self, step: Step, node: &'a Node) -> Self {
        let place = place_below(&self.place, &step);
        let mut path = self.path.clone();
        path.push(step);
        Self { node, path, place, problems: self.problems }
    }

    /// What stands at `key` as if it were `node`, for what the table has for it.
    pub(super) fn empty(&self, key: &str, node: &'a Node) -> Self {
        self.below(Step::Key(key.to_owned()), node)
    }

    /// The same place as if `node` stood there.
    pub(super) fn as_if<'b>(&self, node: &'b Node) -> Cursor<'b>
    where
        'a: 'b,
    {
        Cursor { node, path: self.path.clone(), place: self.place.clone(), problems: self.problems }
    }

    /// Every key with its value. Complains if this is no map.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        match self.node {
            Node::Map(entries) => Some(
                entries
                    .iter()
                    .map(|(key, node)| (key.as_str(), self.below(Step::Key(key.clone()), node)))
                    .collect(),
            ),
            _ => self.expected(
                ProblemKind::TypeWrong,
                "a map of keys",
                self.key().and_then(|key| advice::map_meant(&self.place, key, self.node)),
            ),
        }
    }

    /// Complains of every key that the table does not have here, with the one that was meant.
    pub(super) fn check_keys(&self) -> Option<()> {
        let names = self.key().and_then(|key| key.value.names());
        let known = names.as_deref().unwrap_or_else(|| keys::below(&self.place));
        for (key, value) in self.entries()? {
            // As in Compose, keys at the top that begin with x- are ignored: a place for anchors.
            let is_free = self.path.is_empty() && key.starts_with("x-");
            if known.contains(&key) || is_free {
                continue;
            }
            if self.is_only_counted() {
                value.wrong_key(ProblemKind::KeyUnknown, "");
                continue;
            }
            let advice = advice::key_meant(&self.place, key, known);
            value.wrong_key(ProblemKind::KeyUnknown, &format!("there is no such key{advice}"));
        }
        Some(())
    }

    /// The keys that the table has for this map.
    pub(super) fn known_keys(&self) -> &'static [&'static str] {
        keys::below(&self.place)
    }

    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match self.node {
            Node::List(list) => {
                Some(list.iter().enumerate().map(|(i, n)| self.below(Step::Index(i), n)).collect())
            }
            _ => self.expected(ProblemKind::TypeWrong, "a list", advice::list_meant(self.node)),
        }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.node {
            Node::Text(text) if text.contains('\0') => {
                self.wrong(ProblemKind::ValueWrong, "it holds a NUL character");
                None
            }
            Node::Text(text) => Some(text),
            Node::Integer(number) => {
                let message = format!("text is expected here; write \"{number}\" in quotes");
                self.wrong(ProblemKind::TypeWrong, &message);
                None
            }
            Node::Bool(value) => {
                let message = format!("text is expected here; write \"{value}\" in quotes");
                self.wrong(ProblemKind::TypeWrong, &message);
                None
            }
            _ => self.expected(ProblemKind::TypeWrong, "text", None),
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(*value),
            _ => {
                let meant = advice::boolean_meant(self.node);
                self.expected(ProblemKind::TypeWrong, "true or false", meant)
            }
        }
    }

    /// A whole number within the bounds that the table has for it.
    pub(super) fn integer(&self) -> Option<i64> {
        let bounds = self.key().and_then(|key| key.value.bounds());
        debug_assert!(bounds.is_some(), "`{}` is no number in the table", self.place);
        let (from, to) = bounds.unwrap_or((i64::MIN, i64::MAX));
        let kind = match self.node {
            Node::Integer(value) if (from..=to).contains(value) => return Some(*value),
            Node::Integer(_) => ProblemKind::ValueWrong,
            _ => ProblemKind::TypeWrong,
        };
        let meant = advice::integer_meant(self.node);
        self.expected(kind, &format!("a whole number from {from} to {to}"), meant)
    }

    /// A duration, which may be 0 only where the table says so.
    pub(super) fn duration(&self) -> Option<Duration> {
        let parsed = match self.node {
            Node::Integer(seconds) => duration::parse(&seconds.to_string()),
            Node::Text(text) => duration::parse(text),
            _ => {
                let meant = advice::duration_meant(self.node);
                return self.expected(ProblemKind::TypeWrong, "a duration like 90s or 3m", meant);
            }
        };
        let duration = match parsed {
            Ok(duration) => duration,
            Err(message) => {
                let meant = advice::duration_meant(self.node);
                let advice = meant.map_or_else(String::new, |meant| format!("; {meant}"));
                self.wrong(ProblemKind::ValueWrong, &format!("{message}{advice}"));
                return None;
            }
        };
        let needs_some = self.key().is_some_and(|key| key.value == ValueType::PositiveDuration);
        if needs_some && duration.is_zero() {
            self.wrong(ProblemKind::ValueWrong, "it must be longer than nothing");
            return None;
        }
        Some(duration)
    }

    /// The duration at `key`, or its default.
    pub(super) fn duration_of(&self, key: &str) -> Duration {
        let default = || self.default_of(key).time().unwrap_or_default();
        self.field(key).and_then(|c| c.duration()).unwrap_or_else(default)
    }

    /// The boolean at `key`, or its default.
    pub(super) fn boolean_of(&self, key: &str) -> bool {
        let default = || self.default_of(key) == DefaultValue::Flag(true);
        self.field(key).and_then(|c| c.boolean()).unwrap_or_else(default)
    }

    /// The number at `key`, or its default.
    pub(super) fn number_of(&self, key: &str) -> u32 {
        let number = self.field(key).and_then(|c| c.integer());
        let number = number.or_else(|| self.default_of(key).number());
        number.and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
    }

    /// The word at `key`, or its default, as what it means.
    pub(super) fn choice_of<T>(&self, key: &str, meaning: fn(&str) -> Option<T>) -> Option<T> {
        let default = || self.default_of(key).choice().and_then(meaning);
        self.field(key).and_then(|c| c.choice(meaning)).or_else(default)
    }

    /// The path at `key`, or its default.
    pub(super) fn path_of(&self, key: &str) -> Option<PathBuf> {
        let default = || self.default_of(key).written().map(PathBuf::from);
        self.field(key).and_then(|c| c.path()).or_else(default)
    }

    /// The default that the table has for `key`.
    pub(super) fn default_of(&self, key: &str) -> DefaultValue {
        self.key_below(key).map_or(DefaultValue::Absent, |key| key.default)
    }

    /// An absolute path without `..`, so that no two spellings of one place get past a check.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(self.text()?);
        if !path.is_absolute() {
            let message = format!("`{}` is not an absolute path", path.display());
            self.wrong(ProblemKind::ValueWrong, &message);
            return None;
        }
        if path.components().any(|c| c == std::path::Component::ParentDir) {
            self.wrong(ProblemKind::ValueWrong, "a path must not hold `..`");
            return None;
        }
        Some(path.components().collect())
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        let text = self.text()?;
        let address = text.parse().ok();
        if address.is_none() {
            self.wrong(ProblemKind::ValueWrong, &format!("`{text}` is not an IP address"));
        }
        address
    }

    /// One of the words that the table has for it, as what it means.
    pub(super) fn choice<T>(&self, meaning: fn(&str) -> Option<T>) -> Option<T> {
        let choices = self.key().map_or(&[][..], |key| key.value.choices());
        let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
        let Node::Text(text) = self.node else {
            return self.expected(ProblemKind::TypeWrong, &expected_words(&words), None);
        };
        let known = words.contains(&text.as_str()).then(|| meaning(text)).flatten();
        known.or_else(|| {
            let meant = advice::word_meant(text, &words);
            self.expected(ProblemKind::WordUnknown, &expected_words(&words), meant)
        })
    }

    /// A program and its arguments: words, never a line for a shell.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        if let Node::Text(line) = self.node {
            let words: Vec<String> = line.split_whitespace().map(|w| format!("{w:?}")).collect();
            self.wrong(
                ProblemKind::TypeWrong,
                &format!(
                    "a list of words is expected here, as no shell will read it; write [{}]",
                    words.join(", ")
                ),
            );
            return None;
        }
        let words: Option<Vec<String>> =
            self.items()?.iter().map(|word| word.text().map(str::to_owned)).collect();
        let words = words?;
        if words.first().is_none_or(String::is_empty) {
            self.wrong_key(ProblemKind::ValueWrong, "the name of a program is missing");
            return None;
        }
        Some(words)
    }
}

/// The place of what stands one step below `place`: by its own name if the table has it, else as any name.
fn place_below(place: &str, step: &Step) -> String {
    match step {
        Step::Index(_) => format!("{place}[]"),
        Step::Key(key) if place.is_empty() => key.clone(),
        Step::Key(key) => {
            let named = format!("{place}.{key}");
            if keys::at(&named).is_some() { named } else { format!("{place}.*") }
        }
    }
}

fn expected_words(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("{} or {last}", rest.join(", "))
        }
        _ => words.join(""),
    }
}

#[cfg(test)]
mod tests;
