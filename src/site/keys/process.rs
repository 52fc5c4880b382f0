//! The keys of a process.

use super::kinds::DefaultValue::{self, Computed, Flag, Number};
use super::kinds::{DefinitionKey, ValueType as T};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example)
}

pub(super) const PROCESS: &[DefinitionKey] = &[
    key(
        "processes.*.command",
        T::Command,
        "The program and its arguments; no shell reads them.",
        "[/opt/shop/server, --port, \"8080\"]",
    )
    .required(),
    key(
        "processes.*.depends_on",
        T::Processes,
        "The processes that must be ready before this one is started; an empty list: it is started at once.",
        "[store, cache]",
    )
    .default(Computed("the process that stands before it"))
    .related("No process may wait for itself, directly or through others."),
    key(
        "processes.*.essential",
        T::Boolean,
        "If it dies, and its restarts are used up, the site fails; false: the site is degraded.",
        "false",
    )
    .default(Flag(true)),
    key(
        "processes.*.instances",
        T::Whole { from: 1, to: 1000 },
        "How many alike are started, as NAME@1, NAME@2 and so on.",
        "3",
    )
    .default(Number(1))
    .related("A site has 1000 processes at most, each of these counted."),
    key(
        "processes.*.oneshot",
        T::Boolean,
        "It must exit with 0 before the next process is started, and does not run on.",
        "true",
    )
    .default(Flag(false))
    .related("Excludes `forks`, `ready`, `healthcheck` and `reload`."),
    key(
        "processes.*.forks",
        T::Boolean,
        "The command ends when the program has gone into the background, as a daemon does.",
        "true",
    )
    .default(Flag(false))
    .related("Excludes `oneshot`."),
    key(
        "processes.*.pid_file",
        T::Path,
        "The file in which the program writes the PID of its main process.",
        "/run/shop/server.pid",
    )
    .related("Needs `forks: true`."),
    key(
        "processes.*.stop_signal",
        T::Signal,
        "The signal by which the process is asked to end.",
        "INT",
    )
    .default(DefaultValue::Written("TERM"))
    .related("KILL and STOP cannot be caught and are refused."),
    key(
        "processes.*.stop_command",
        T::Command,
        "A command that asks the process to end, in place of `stop_signal`, which is sent if it fails.",
        "[/opt/shop/server, --stop]",
    ),
    key(
        "processes.*.stop_grace_period",
        T::Duration,
        "How long the process may take to end when it is asked to; then it gets SIGTERM and SIGKILL.",
        "40s",
    )
    .default(DefaultValue::seconds(10))
    .related("`stop_timeout` of the site ends it earlier."),
    key(
        "processes.*.restart",
        T::Map,
        "How often and how soon the process is started again after it has died; without it, its first death \
         counts.",
        "{attempts: 3, within: 60s}",
    ),
    key(
        "processes.*.restart.attempts",
        T::Whole { from: 1, to: 1000 },
        "How often it is started again within `within`; one death more and it is given up.",
        "3",
    )
    .required(),
    key(
        "processes.*.restart.within",
        T::PositiveDuration,
        "The time in which `attempts` are counted.",
        "5m",
    )
    .default(DefaultValue::seconds(60)),
    key(
        "processes.*.restart.delay",
        T::Duration,
        "The time before the first new start; it doubles with each further one.",
        "2s",
    )
    .default(DefaultValue::seconds(1)),
    key(
        "processes.*.restart.max_delay",
        T::Duration,
        "The longest time before a new start.",
        "1m",
    )
    .default(Computed("30s, or `delay` if that is longer"))
    .related("Is not shorter than `delay`."),
    key(
        "processes.*.reload",
        T::Map,
        "How `siteward reload` lets the process read its configuration again.",
        "{signal: HUP}",
    )
    .related("Not with `oneshot`."),
    key(
        "processes.*.reload.signal",
        T::Signal,
        "The signal that it gets.",
        "HUP",
    )
    .related("Either `signal` or `command` must be there."),
    key(
        "processes.*.reload.command",
        T::Command,
        "The command that is run.",
        "[/opt/shop/server, --reload]",
    )
    .related("Either `signal` or `command` must be there."),
    key(
        "processes.*.on_failure",
        T::CommandOrMap,
        "A command that gathers evidence when the process has failed, before the rest of the site is stopped.",
        "{command: [/opt/shop/gather], timeout: 5s}",
    ),
    key(
        "processes.*.on_failure.command",
        T::Command,
        "The program and its arguments.",
        "[/opt/shop/gather]",
    )
    .required(),
    key(
        "processes.*.on_failure.timeout",
        T::PositiveDuration,
        "How long it may take; then it is killed, and the stop goes on.",
        "5s",
    )
    .default(DefaultValue::seconds(10)),
];
