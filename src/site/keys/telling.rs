//! The keys of `notify` and `operations`.

use super::kinds::{DefaultValue, DefinitionKey, ValueType as T};
use crate::values::HistoryEvent;

/// The events of which a command is told unless it says otherwise.
const USUAL: &[HistoryEvent] = &[
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

pub(super) const NOTIFY: &[DefinitionKey] = &[
    DefinitionKey::new(
        "notify",
        T::Map,
        "A command that is told of events; it gets the event as a JSON object on its standard input, and never \
         holds the site.",
        "{command: [/opt/shop/page-somebody], on: [failed, degraded]}",
    ),
    DefinitionKey::new(
        "notify.command",
        T::Command,
        "The program and its arguments; it runs in / as the user that siteward runs as.",
        "[/opt/shop/page-somebody]",
    )
    .required(),
    DefinitionKey::new(
        "notify.on",
        T::Events,
        "The events of which it is told, in the words of `siteward history`.",
        "[failed, degraded, recovered]",
    )
    .default(DefaultValue::Events(USUAL)),
    DefinitionKey::new(
        "notify.timeout",
        T::PositiveDuration,
        "How long it may take, at most 5m; then it is killed with all that it started.",
        "20s",
    )
    .default(DefaultValue::seconds(10)),
];

pub(super) const OPERATIONS: &[DefinitionKey] = &[
    DefinitionKey::new(
        "operations",
        T::Named("names of operations to their keys"),
        "Operations of the site's programs that a failover can interrupt, found in their logs by \
         `siteward history --interrupted`.",
        "{settle-accounts: {log: /mnt/shop/accounts.log, begins: \"begin ([0-9]+)\", ends: \"end ([0-9]+)\"}}",
    ),
    DefinitionKey::new(
        "operations.*",
        T::Map,
        "One kind of operation.",
        "{log: /mnt/shop/accounts.log, begins: \"begin ([0-9]+)\", ends: \"end ([0-9]+)\"}",
    ),
    DefinitionKey::new(
        "operations.*.log",
        T::Path,
        "The log that the operations are looked for in.",
        "/mnt/shop/accounts.log",
    )
    .required(),
    DefinitionKey::new(
        "operations.*.begins",
        T::Pattern,
        "Matches the line by which an operation begins; a group in it tells one operation from another.",
        "\"account ([0-9]+): begin\"",
    )
    .required(),
    DefinitionKey::new(
        "operations.*.ends",
        T::Pattern,
        "Matches the line by which it ends, with the same group.",
        "\"account ([0-9]+): end\"",
    )
    .required(),
    DefinitionKey::new(
        "operations.*.restarts",
        T::Pattern,
        "Matches the line by which the program says that it was started; what has not ended there was \
         interrupted.",
        "\"server started\"",
    )
    .default(DefaultValue::Computed("the starts in the history of the site, by the times in the log")),
    DefinitionKey::new(
        "operations.*.again",
        T::Text,
        "What to run again where an operation was interrupted, for a person to read; {instance} is the text of \
         the group.",
        "\"/opt/shop/settle --account {instance}\"",
    ),
];
