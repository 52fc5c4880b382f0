//! Reads a tree and reports all faults at once, each with its position.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::bounds::MOST_PROBLEMS;
use super::bounds::Position;
use super::duration;
use super::positions::{KeyOrValue, Positions, Step};
use super::yaml::Node;

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
    pub position: Option<Position>,
    /// The way to it, like `processes.web.ready`; empty: the whole text.
    pub key: String,
    /// Begins with the key.
    pub message: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file.display())?;
            if let Some(at) = problem.position {
                write!(f, "{}:{}:", at.line, at.column)?;
            }
            write!(f, " {}", problem.message)?;
        }
        if self.more > 0 {
            write!(f, "\n{}: and {} more", self.file.display(), self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionError {}

/// Collects complaints, so many at most; turned into positions only if there are any.
#[derive(Debug, Default)]
pub(super) struct Problems {
    told: RefCell<Vec<(Vec<Step>, KeyOrValue, String)>>,
    more: Cell<usize>,
}

impl Problems {
    pub(super) fn located(self, text: &str) -> (Vec<Located>, usize) {
        let positions = Positions::of(text);
        let mut problems: Vec<Located> = self
            .told
            .into_inner()
            .into_iter()
            .map(|(path, target, message)| Located {
                position: positions.find(&path, target),
                key: name_of(&path),
                message,
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
    problems: &'a Problems,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(node: &'a Node, problems: &'a Problems) -> Self {
        Self { node, path: Vec::new(), problems }
    }

    fn complain(&self, target: KeyOrValue, message: &str) {
        if self.problems.is_full() {
            self.problems.more.set(self.problems.more.get() + 1);
            return;
        }
        let name = name_of(&self.path);
        let mut message =
            if name.is_empty() { message.to_owned() } else { format!("{name}: {message}") };
        if message.len() > LONGEST_MESSAGE {
            message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
            message.push_str("...");
        }
        self.problems.told.borrow_mut().push((self.path.clone(), target, message));
    }

    /// Whether another fault would only be counted, so that its message need not be made.
    pub(super) fn is_only_counted(&self) -> bool {
        self.problems.is_full()
    }

    /// Something is wrong with this value.
    pub(super) fn wrong(&self, message: &str) {
        self.complain(KeyOrValue::Value, message);
    }

    /// Something is wrong with this key, or with all that stands below it.
    pub(super) fn wrong_key(&self, message: &str) {
        self.complain(KeyOrValue::Key, message);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
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
        self.complain(target, &format!("{what} is expected here, not {is}"));
        None
    }

    /// The value of `key`; None if it is not there.
    pub(super) fn field(&self, key: &str) -> Option<Self> {
        let Node::Map(entries) = self.node else { return None };
        let (_, node) = entries.iter().find(|(k, _)| k == key)?;
        Some(self.below(Step::Key(key.to_owned()), node))
    }

    fn below(&self, step: Step, node: &'a Node) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { node, path, problems: self.problems }
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
            _ => self.expected("a map of keys"),
        }
    }

    /// Complains of every key that is not among `known`, with the nearest that is.
    pub(super) fn check_keys(&self, known: &[&str]) -> Option<()> {
        for (key, value) in self.entries()? {
            if !known.contains(&key) {
                if self.is_only_counted() {
                    value.wrong_key("");
                    continue;
                }
                let advice = nearest(key, known)
                    .map_or_else(|| expected_one_of(known), |k| format!("did you mean `{k}`?"));
                value.wrong_key(&format!("there is no such key; {advice}"));
            }
        }
        Some(())
    }

    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match self.node {
            Node::List(list) => {
                Some(list.iter().enumerate().map(|(i, n)| self.below(Step::Index(i), n)).collect())
            }
            _ => self.expected("a list"),
        }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.node {
            Node::Text(text) if text.contains('\0') => {
                self.wrong("it holds a NUL character");
                None
            }
            Node::Text(text) => Some(text),
            Node::Integer(number) => {
                self.wrong(&format!("text is expected here; write \"{number}\" in quotes"));
                None
            }
            Node::Bool(value) => {
                self.wrong(&format!("text is expected here; write \"{value}\" in quotes"));
                None
            }
            _ => self.expected("text"),
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(*value),
            _ => self.expected("true or false"),
        }
    }

    pub(super) fn integer(&self, from: i64, to: i64) -> Option<i64> {
        match self.node {
            Node::Integer(value) if (from..=to).contains(value) => Some(*value),
            _ => self.expected(&format!("a whole number from {from} to {to}")),
        }
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        let parsed = match self.node {
            Node::Integer(seconds) => duration::parse(&seconds.to_string()),
            Node::Text(text) => duration::parse(text),
            _ => return self.expected("a duration like 90s or 3m"),
        };
        parsed.map_err(|message| self.wrong(&message)).ok()
    }

    /// As [`Self::duration`], and not 0.
    pub(super) fn positive_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.wrong("it must be longer than nothing");
            return None;
        }
        Some(duration)
    }

    /// An absolute path without `..`, so that no two spellings of one place get past a check.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(self.text()?);
        if !path.is_absolute() {
            self.wrong(&format!("`{}` is not an absolute path", path.display()));
            return None;
        }
        if path.components().any(|c| c == std::path::Component::ParentDir) {
            self.wrong("a path must not hold `..`");
            return None;
        }
        Some(path.components().collect())
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let Node::Text(text) = self.node else { return self.expected(&expected_words(&words)) };
        if let Some((_, value)) = choices.iter().find(|(word, _)| word == text) {
            return Some(*value);
        }
        self.expected(&expected_words(&words))
    }

    /// A program and its arguments: words, never a line for a shell.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        if let Node::Text(line) = self.node {
            let words: Vec<String> = line.split_whitespace().map(|w| format!("{w:?}")).collect();
            self.wrong(&format!(
                "a list of words is expected here, as no shell will read it; write [{}]",
                words.join(", ")
            ));
            return None;
        }
        let words: Option<Vec<String>> =
            self.items()?.iter().map(|word| word.text().map(str::to_owned)).collect();
        let words = words?;
        if words.first().is_none_or(String::is_empty) {
            self.wrong_key("the name of a program is missing");
            return None;
        }
        Some(words)
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

fn expected_one_of(known: &[&str]) -> String {
    format!("expected one of {}", known.join(", "))
}

/// The word of `known` that is nearest to `word`, if one is near enough.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // No key or name here is longer.
    if word.len() > 255 {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let limit = (word.len() / 3).max(1);
    let near = known
        .iter()
        .map(|k| (distance(&word, &k.to_ascii_lowercase().replace('-', "_")), *k))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k);
    // `working_dir` is Compose's, `working_directory` ours: a beginning is near enough as well.
    let same_start = |k: &&&str| word.len() > 2 && (k.starts_with(&word) || word.starts_with(**k));
    near.or_else(|| known.iter().filter(|k| k.len() > 2).find(same_start).copied())
}

/// The edit distance in which two neighbours that changed places count as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_one_that_was_meant() {
        let known = ["command", "ready", "depends_on", "working_directory", "user"];
        for (word, meant) in [
            ("comand", Some("command")),
            ("redy", Some("ready")),
            ("raedy", Some("ready")),
            ("depends-on", Some("depends_on")),
            ("working_dir", Some("working_directory")),
            ("User", Some("user")),
            ("image", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
