//! Reads `notify:` and `operations:`.

use std::time::Duration;

use super::cursor::Cursor;
use super::nearest::nearest;
use super::problem::ProblemKind;
use super::processes::LARGEST_REGEX;
use super::telling::{Notify, Operation};
use crate::values::HistoryEvent;

pub(super) fn read_notify(root: &Cursor<'_>) -> Option<Notify> {
    let cursor = root.field("notify")?;
    cursor.check_keys()?;
    let on = match cursor.field("on") {
        Some(on) => on.items()?.iter().map(read_event).collect::<Option<Vec<_>>>(),
        None => cursor.default_of("on").events().map(<[HistoryEvent]>::to_vec),
    };
    let timeout = cursor.duration_of("timeout");
    if timeout > Duration::from_secs(300)
        && let Some(given) = cursor.field("timeout")
    {
        given.wrong(ProblemKind::ValueWrong, "a command is told of an event for at most 5 minutes");
    }
    let Some(command) = cursor.field("command") else {
        cursor.wrong_key(ProblemKind::KeyMissing, "`command` is missing");
        return None;
    };
    Some(Notify { command: command.command()?, on: on?, timeout })
}

fn read_event(cursor: &Cursor<'_>) -> Option<HistoryEvent> {
    let text = cursor.text()?;
    let words: Vec<String> = HistoryEvent::ALL.iter().map(ToString::to_string).collect();
    if let Some(index) = words.iter().position(|word| word == text) {
        return Some(HistoryEvent::ALL[index]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let advice = match nearest(text, &words) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("there are {}", words.join(", ")),
    };
    cursor.wrong(ProblemKind::WordUnknown, &format!("there is no event `{text}`; {advice}"));
    None
}

pub(super) fn read_operations(root: &Cursor<'_>) -> Vec<Operation> {
    let Some(entries) = root.field("operations").and_then(|cursor| cursor.entries()) else {
        return Vec::new();
    };
    entries.iter().filter_map(|(name, cursor)| read_operation(name, cursor)).collect()
}

fn read_operation(name: &str, cursor: &Cursor<'_>) -> Option<Operation> {
    cursor.check_keys()?;
    let needed = |key: &str| {
        let found = cursor.field(key);
        if found.is_none() {
            cursor.wrong_key(ProblemKind::KeyMissing, &format!("`{key}` is missing"));
        }
        found
    };
    let (log, begins, ends) = (needed("log"), needed("begins"), needed("ends"));
    Some(Operation {
        name: name.to_owned(),
        log: log?.path()?,
        begins: read_pattern(&begins?)?,
        ends: read_pattern(&ends?)?,
        restarts: cursor.field("restarts").and_then(|c| read_pattern(&c)),
        again: cursor.field("again").and_then(|c| c.text().map(str::to_owned)),
    })
}

fn read_pattern(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    if cursor.is_only_counted() {
        return None;
    }
    let read = regex_lite::RegexBuilder::new(text).size_limit(LARGEST_REGEX).build();
    if let Err(error) = read {
        let message = format!("`{text}` is not a regular expression: {error}");
        cursor.wrong(ProblemKind::ValueWrong, &message);
        return None;
    }
    Some(text.to_owned())
}
