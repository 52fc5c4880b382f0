//! A signal that asks a process for something.

use super::cursor::Cursor;
use super::nearest::nearest;
use super::problem::ProblemKind;
use crate::values::Signal;

pub(super) fn read_signal(cursor: &Cursor<'_>) -> Option<Signal> {
    let text = cursor.text()?;
    match text.parse::<Signal>() {
        Ok(signal) if signal == Signal::KILL || signal == Signal::STOP => {
            cursor.wrong(
                ProblemKind::ValueWrong,
                &format!("{signal} cannot be caught, so it cannot ask a process for anything"),
            );
            None
        }
        Ok(signal) => Some(signal),
        Err(message) => {
            let names: Vec<&str> = Signal::names().collect();
            let bare = text.to_ascii_uppercase();
            let advice = nearest(bare.trim_start_matches("SIG"), &names)
                .map_or_else(String::new, |n| format!("; did you mean {n}?"));
            cursor.wrong(ProblemKind::WordUnknown, &format!("{message}{advice}"));
            None
        }
    }
}
