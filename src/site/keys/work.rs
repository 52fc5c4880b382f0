//! The keys of `work` and `drain`.

use super::kinds::DefaultValue::{self, Choice};
use super::kinds::{DefinitionKey, ValueType as T, Word};

const AT_FAILOVER: &[Word] = &[
    Word { word: "rerun", means: "It is handed to the command of `hand_to`." },
    Word { word: "drop", means: "It is told, and nothing is done with it." },
    Word { word: "ask", means: "A person decides, by `siteward work`." },
];

pub(super) const WORK: &[DefinitionKey] = &[
    DefinitionKey::new(
        "work",
        T::Named("names of kinds of work to their keys"),
        "What the site's programs work on, by files on the database that are there as long as it runs: a start that \
         follows a failure or an unclean end, on any node, finds what was interrupted, and `siteward pause --drain` what still runs.",
        "{jobs: {files: queue/running/*, at_failover: rerun, hand_to: [/opt/shop/requeue]}}",
    )
    .related("Needs `database`."),
    DefinitionKey::new(
        "work.*",
        T::Map,
        "One kind of work.",
        "{files: queue/running/*, at_failover: rerun, hand_to: [/opt/shop/requeue]}",
    ),
    DefinitionKey::new(
        "work.*.files",
        T::Text,
        "The files or folders, one for each item that runs, relative to the database; `*` and `?` stand for any text \
         and any character in one name.",
        "queue/running/*",
    )
    .required(),
    DefinitionKey::new(
        "work.*.at_failover",
        T::Choice(AT_FAILOVER),
        "What a start that follows a failure or an unclean end does with the items that it finds.",
        "rerun",
    )
    .default(Choice("ask")),
    DefinitionKey::new(
        "work.*.hand_to",
        T::Command,
        "The command that is given one item, whose path is added as the last word: run once for each item, before any \
         process is started, and again for an item during which the node died.",
        "[/opt/shop/requeue]",
    )
    .related("Required with `at_failover: rerun`, not allowed with `drop`."),
    DefinitionKey::new(
        "work.*.timeout",
        T::PositiveDuration,
        "How long it may take for one item; then it is killed with all that it started, and the item is left to a \
         person.",
        "30s",
    )
    .default(DefaultValue::seconds(10)),
    DefinitionKey::new(
        "drain",
        T::CommandOrMap,
        "The command by which `siteward pause --drain` stops new work, while what runs goes on.",
        "{command: [/opt/shop/close], undo: [/opt/shop/open], timeout: 30m}",
    ),
    DefinitionKey::new(
        "drain.command",
        T::Command,
        "The program and its arguments.",
        "[/opt/shop/close]",
    )
    .required(),
    DefinitionKey::new(
        "drain.undo",
        T::Command,
        "The command that lets new work in again, if the work did not end in its time and the site is not paused.",
        "[/opt/shop/open]",
    ),
    DefinitionKey::new(
        "drain.timeout",
        T::PositiveDuration,
        "How long the work that runs has to end.",
        "30m",
    )
    .default(DefaultValue::seconds(600))
    .related("`--timeout` overrides it."),
];
