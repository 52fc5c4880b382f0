//! Reads `work:` and `drain:`.

use super::cursor::Cursor;
use super::problem::ProblemKind;
use super::work::{AtFailover, Drain, WorkKind, WorkPattern};
use super::yaml::Node;

pub(super) fn read_work(root: &Cursor<'_>, has_database: bool) -> Vec<WorkKind> {
    let Some(work) = root.field("work") else { return Vec::new() };
    if !has_database {
        work.wrong_key(
            ProblemKind::KeyNeedsAnother,
            "the files of the work are below the `database`, and none is named",
        );
    }
    let entries = work.entries().unwrap_or_default();
    entries.iter().filter_map(|(name, cursor)| read_kind(name, cursor)).collect()
}

fn read_kind(name: &str, cursor: &Cursor<'_>) -> Option<WorkKind> {
    cursor.check_keys()?;
    let at_failover = cursor.choice_of("at_failover", at_failover);
    let hand_to = cursor.field("hand_to");
    match (at_failover, &hand_to) {
        (Some(AtFailover::Rerun), None) => cursor.wrong_key(
            ProblemKind::KeyMissing,
            "`hand_to` is missing: the command that is handed what is to run again",
        ),
        (Some(AtFailover::Drop), Some(command)) => command
            .wrong_key(ProblemKind::KeysConflict, "work that is dropped is handed to no command"),
        (Some(_) | None, _) => {}
    }
    let Some(files) = cursor.field("files") else {
        cursor.wrong_key(ProblemKind::KeyMissing, "`files` is missing");
        return None;
    };
    Some(WorkKind {
        name: name.to_owned(),
        files: read_pattern(&files)?,
        at_failover: at_failover?,
        hand_to: match hand_to {
            Some(command) => Some(command.command()?),
            None => None,
        },
        timeout: cursor.duration_of("timeout"),
    })
}

fn read_pattern(cursor: &Cursor<'_>) -> Option<WorkPattern> {
    match cursor.text()?.parse() {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            cursor.wrong(ProblemKind::ValueWrong, &why);
            None
        }
    }
}

fn at_failover(word: &str) -> Option<AtFailover> {
    match word {
        "rerun" => Some(AtFailover::Rerun),
        "drop" => Some(AtFailover::Drop),
        "ask" => Some(AtFailover::Ask),
        _ => None,
    }
}

pub(super) fn read_drain(root: &Cursor<'_>) -> Option<Drain> {
    let cursor = root.field("drain")?;
    if let Node::List(_) = cursor.node {
        let none = Node::Map(Vec::new());
        let timeout = cursor.as_if(&none).duration_of("timeout");
        return Some(Drain { command: cursor.command()?, undo: None, timeout });
    }
    cursor.check_keys()?;
    let Some(command) = cursor.field("command") else {
        cursor.wrong_key(ProblemKind::KeyMissing, "`command` is missing");
        return None;
    };
    Some(Drain {
        command: command.command()?,
        undo: cursor.field("undo").and_then(|undo| undo.command()),
        timeout: cursor.duration_of("timeout"),
    })
}
