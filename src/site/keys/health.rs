//! The keys of a healthcheck, in Compose's words.

use super::kinds::DefaultValue::{self, Flag, Number};
use super::kinds::{DefinitionKey, ValueType as T};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example)
}

pub(super) const HEALTHCHECK: &[DefinitionKey] = &[
    key(
        "processes.*.healthcheck",
        T::Map,
        "A command that is run at an interval; when it has failed `retries` times in a row, the process counts \
         as failed.",
        "{test: [/opt/shop/ping], interval: 10s, timeout: 3s}",
    )
    .related("Not with `oneshot`."),
    key(
        "processes.*.healthcheck.test",
        T::Command,
        "The command, which exits with 0 if the process is well; as in Compose, CMD may stand before it, \
         CMD-SHELL before a line for /bin/sh, and NONE alone for no check.",
        "[CMD-SHELL, \"/opt/shop/ping | grep -q pong\"]",
    )
    .required()
    .related("Not required with `disable: true`."),
    key(
        "processes.*.healthcheck.interval",
        T::PositiveDuration,
        "The time between the end of one check and the next.",
        "10s",
    )
    .default(DefaultValue::seconds(30)),
    key(
        "processes.*.healthcheck.timeout",
        T::PositiveDuration,
        "How long a check may take; then it is killed and has failed.",
        "3s",
    )
    .default(DefaultValue::seconds(30)),
    key(
        "processes.*.healthcheck.retries",
        T::Whole { from: 1, to: 1000 },
        "How many checks must fail in a row.",
        "3",
    )
    .default(Number(3)),
    key(
        "processes.*.healthcheck.start_period",
        T::Duration,
        "How long after its start the process may fail checks that do not count.",
        "30s",
    )
    .default(DefaultValue::seconds(0)),
    key(
        "processes.*.healthcheck.disable",
        T::Boolean,
        "There is no check, whatever the other keys say; it switches off one that an anchor brings along.",
        "true",
    )
    .default(Flag(false)),
];
