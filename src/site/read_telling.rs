//! Reads `notify:` and `operations:`.

use std::time::Duration;

use super::cursor::{Cursor, nearest};
use super::processes::LARGEST_REGEX;
use super::telling::{Notify, Operation};
use crate::values::HistoryEvent;

/// The events of which a command is told unless it says otherwise.
const USUAL: [HistoryEvent; 9] = [
    HistoryEvent::Up,
    HistoryEvent::Down,
    HistoryEvent::Degraded,
    HistoryEvent::Recovered,
    HistoryEvent::Failed,
    HistoryEvent::RolledBack,
    HistoryEvent::NotStopped,
    HistoryEvent::PrerequisiteLost,
    HistoryEvent::PrerequisiteBack,
];

pub(super) fn read_notify(root: &Cursor<'_>) -> Option<Notify> {
    let cursor = root.field("notify")?;
    cursor.check_keys(&["command", "on", "timeout"])?;
    let on = cursor.field("on").map_or(Some(USUAL.to_vec()), |on| {
        on.items()?.iter().map(read_event).collect::<Option<Vec<_>>>()
    });
    let timeout = cursor.field("timeout").and_then(|c| {
        let time = c.positive_duration()?;
        if time > Duration::from_secs(300) {
            c.wrong("a command is told of an event for at most 5 minutes");
        }
        Some(time)
    });
    let Some(command) = cursor.field("command") else {
        cursor.wrong_key("`command` is missing");
        return None;
    };
    let timeout = timeout.unwrap_or(Duration::from_secs(10));
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
    cursor.wrong(&format!("there is no event `{text}`; {advice}"));
    None
}

pub(super) fn read_operations(root: &Cursor<'_>) -> Vec<Operation> {
    let Some(entries) = root.field("operations").and_then(|cursor| cursor.entries()) else {
        return Vec::new();
    };
    entries.iter().filter_map(|(name, cursor)| read_operation(name, cursor)).collect()
}

fn read_operation(name: &str, cursor: &Cursor<'_>) -> Option<Operation> {
    cursor.check_keys(&["log", "begins", "ends", "restarts", "again"])?;
    let needed = |key: &str| {
        let found = cursor.field(key);
        if found.is_none() {
            cursor.wrong_key(&format!("`{key}` is missing"));
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
        cursor.wrong(&format!("`{text}` is not a regular expression: {error}"));
        return None;
    }
    Some(text.to_owned())
}
