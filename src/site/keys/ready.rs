//! The keys by which a process says that it is ready.

use super::kinds::DefaultValue::Computed;
use super::kinds::{DefinitionKey, ValueType as T};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example)
}

/// The key beside the ways: it is none.
pub(in crate::site) const TIMEOUT: &str = "timeout";

pub(super) const READY: &[DefinitionKey] = &[
    key(
        "processes.*.ready",
        T::Map,
        "How the process says that it is ready, so that the next one is started: exactly one of the ways below.",
        "{tcp: \"127.0.0.1:8080\", timeout: 20s}",
    )
    .default(Computed("it is ready as soon as its program runs; with `forks`, when the command has ended"))
    .related("Not with `oneshot`."),
    key(
        "processes.*.ready.notify",
        T::Boolean,
        "It says so itself by sd_notify(3), with READY=1; only `true` has a meaning.",
        "true",
    ),
    key(
        "processes.*.ready.tcp",
        T::HostAndPort,
        "A TCP connection to this host and port is accepted.",
        "\"127.0.0.1:8080\"",
    ),
    key(
        "processes.*.ready.socket",
        T::Path,
        "A connection to this socket of unix(7) is accepted.",
        "/run/shop/server.sock",
    ),
    key("processes.*.ready.file", T::Path, "This file is there.", "/run/shop/ready"),
    key(
        "processes.*.ready.log",
        T::Pattern,
        "It prints a line that this regular expression matches.",
        "\"ready to accept\"",
    ),
    key(
        "processes.*.ready.exec",
        T::Command,
        "This command exits with 0; it is run again until it does.",
        "[/opt/shop/ping]",
    ),
    key("processes.*.ready.delay", T::Duration, "It has run for so long.", "2s"),
    key(
        "processes.*.ready.timeout",
        T::PositiveDuration,
        "How long it may take to get ready; then it counts as failed.",
        "20s",
    )
    .default(Computed("what is left of the site's `boot_timeout`")),
];
