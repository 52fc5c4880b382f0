//! One line of a history.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HistoryEvent;
use super::by::By;
use crate::linux::{BootId, node};
use crate::messages::MessageId;
use crate::values::{ExitStatus, Moment};

/// The bounds of an entry: what a process printed may be of any length.
const LONGEST_TEXT: usize = 2000;
const LONGEST_LINE: usize = 1000;
const MOST_LINES: usize = 10;

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// In UTC, to the millisecond.
    pub at: Timestamp,
    pub node: String,
    pub boot: BootId,
    pub event: HistoryEvent,
    /// A sentence without its full stop.
    pub detail: String,
    /// The failure that it is, in the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The process of the definition that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// How long the phase took that this event ends.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "milliseconds")]
    pub took: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
    /// The last lines that the process printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

impl Entry {
    /// An event on this node, now.
    pub fn new(event: HistoryEvent, detail: impl Into<String>) -> Self {
        Self {
            at: now(),
            node: node::name(),
            boot: BootId::current().unwrap_or_else(|_| BootId::none()),
            event,
            detail: detail.into(),
            message: None,
            process: None,
            by: None,
            took: None,
            exit: None,
            last_lines: Vec::new(),
        }
    }

    /// A failure of the catalogue, in these words.
    #[must_use]
    pub fn identified(self, message: impl Into<Option<MessageId>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Of this process of the definition.
    #[must_use]
    pub fn of(self, process: &str) -> Self {
        Self { process: Some(process.to_owned()), ..self }
    }

    #[must_use]
    pub fn ordered_by(self, by: impl Into<Option<By>>) -> Self {
        Self { by: by.into(), ..self }
    }

    #[must_use]
    pub fn taking(self, took: impl Into<Option<Duration>>) -> Self {
        Self { took: took.into(), ..self }
    }

    /// It happened at this moment, and not now.
    #[must_use]
    pub fn happened(self, at: Moment) -> Self {
        let ago = i64::try_from(Moment::now().since(at).as_millis()).unwrap_or(0);
        let then = Timestamp::from_millisecond(self.at.as_millisecond().saturating_sub(ago));
        Self { at: then.unwrap_or(self.at), ..self }
    }

    #[must_use]
    pub fn exiting(self, exit: impl Into<Option<ExitStatus>>) -> Self {
        Self { exit: exit.into(), ..self }
    }

    #[must_use]
    pub fn having_printed(self, last_lines: Vec<String>) -> Self {
        Self { last_lines, ..self }
    }

    /// With its texts cut to their bounds.
    pub(super) fn bounded(&self) -> Self {
        let cut = |text: &str, most: usize| match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text.to_owned(),
        };
        let first = self.last_lines.len().saturating_sub(MOST_LINES);
        let lines = self.last_lines[first..].iter();
        Self {
            detail: cut(&self.detail, LONGEST_TEXT),
            last_lines: lines.map(|line| cut(line, LONGEST_LINE)).collect(),
            ..self.clone()
        }
    }
}

/// The wall clock, to the millisecond.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
