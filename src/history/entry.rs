//! One line of a history.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HistoryEvent;
use crate::linux::{BootId, node};
use crate::values::ExitStatus;

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

/// By whose order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// `Pacemaker`, `a person`, ...
    pub caller: String,
    /// The manager's name for the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The login name of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
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
            process: None,
            by: None,
            took: None,
            exit: None,
            last_lines: Vec::new(),
        }
    }

    /// Of this process of the definition.
    #[must_use]
    pub fn of(self, process: &str) -> Self {
        Self { process: Some(process.to_owned()), ..self }
    }

    #[must_use]
    pub fn ordered_by(self, by: By) -> Self {
        Self { by: Some(by), ..self }
    }

    #[must_use]
    pub fn taking(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
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
