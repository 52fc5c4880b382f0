//! The keys that a site may have, and each of its processes: user, directory, environment, limits and logs.

use super::kinds::DefaultValue::{self, Computed, Flag, Number};
use super::kinds::{DefinitionKey, ValueType as T, Word};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example).also_of_process()
}

const DRIVERS: &[Word] = &[
    Word { word: "json-file", means: "As `journal: false`." },
    Word { word: "local", means: "As `journal: false`." },
    Word { word: "journald", means: "As `journal: true`." },
    Word { word: "syslog", means: "As `journal: true`." },
];

/// Below it a file would be cut for every few lines.
pub(in crate::site) const SMALLEST_LOG: u64 = 16 << 10;
pub(in crate::site) const LARGEST_LOG: u64 = 1 << 40;
const FILES: T = T::Count { from: 1, to: 1000 };

pub(super) const CONTEXT: &[DefinitionKey] = &[
    key(
        "user",
        T::Text,
        "The user that the processes run as, by name or number; it must exist on every node, with the same \
         number.",
        "shop",
    )
    .default(Computed("the user that siteward runs as")),
    key("group", T::Text, "The group that the processes run as, by name or number.", "shop")
        .default(Computed("the first group of the user")),
    key("working_directory", T::Path, "The directory that the processes start in.", "/mnt/shop")
        .default(Computed("/")),
    key(
        "environment",
        T::Environment,
        "Variables of the environment; those of a process are added to those of the site and win.",
        "{LANG: C, PORT: 8080}",
    )
    .related("NOTIFY_SOCKET and the names that begin with SITEWARD_ are set by siteward itself."),
    key(
        "environment.*",
        T::Variable,
        "One variable, by its name; without a value it is empty.",
        "C.UTF-8",
    ),
    key(
        "env_file",
        T::Paths,
        "Files of KEY=VALUE lines that are read at each start of a process; `environment` wins over them.",
        "/etc/shop/env",
    ),
    key(
        "ulimits",
        T::LimitsByName,
        "Limits of what a process may use (getrlimit(2)), by the names of the resources.",
        "{nofile: 65536, core: unlimited}",
    )
    .default(Computed("the caller's limits, and 8388608 as the soft limit of the stack")),
    key(
        "ulimits.*",
        T::Limits,
        "One limit: a number for both the soft and the hard one, or a map of the two; -1 and `unlimited` are the \
         same.",
        "{soft: 1024, hard: 65536}",
    ),
    key("ulimits.*.soft", T::Limit, "The limit that counts; the process may raise it up to `hard`.", "1024")
        .related("Needs `hard`, and is not above it."),
    key("ulimits.*.hard", T::Limit, "The highest value that the process may set.", "65536")
        .related("Needs `soft`."),
    key(
        "umask",
        T::Octal,
        "The permissions that new files of the processes do not get (umask(2)).",
        "\"0027\"",
    )
    .default(Computed("\"0022\"")),
    key(
        "cap_drop",
        T::Capabilities,
        "Capabilities that the processes, and all programs that they start, can never have.",
        "[ALL]",
    )
    .default(Computed("nothing is removed")),
    key(
        "cap_add",
        T::Capabilities,
        "Capabilities that are kept of those that `cap_drop` removes.",
        "[NET_BIND_SERVICE]",
    )
    .related("Has an effect only with a `cap_drop` of the process or of its site."),
    key(
        "no_new_privileges",
        T::Boolean,
        "No program that the processes start gains rights by its mode or its file capabilities (prctl(2)).",
        "true",
    )
    .default(Flag(false)),
    key(
        "oom_score_adj",
        T::Whole { from: -1000, to: 1000 },
        "How soon the kernel kills the processes when memory runs out: -1000 never, 1000 first.",
        "-500",
    )
    .default(Computed("0")),
];

pub(super) const LOGGING: &[DefinitionKey] = &[
    key(
        "logging",
        T::Map,
        "How much of what the processes print is kept in LOG_DIR/SITE/PROCESS.log.",
        "{max_size: 50m, max_file: 5}",
    ),
    key(
        "logging.max_size",
        T::Size,
        "The length at which the beginning of a log is moved to the file `.1`.",
        "50m",
    )
    .default(DefaultValue::Bytes(10 << 20)),
    key(
        "logging.max_file",
        FILES,
        "How many files of a log there are at most, the one that is written to included.",
        "5",
    )
    .default(Number(2)),
    key(
        "logging.journal",
        T::Boolean,
        "Each line also goes to the node's journal, or to syslog where there is no journal, as \
         siteward/SITE/PROCESS.",
        "true",
    )
    .default(Flag(false)),
    key("logging.driver", T::Choice(DRIVERS), "Compose's word for `journal`.", "journald")
        .related("`journal` wins over it."),
    key(
        "logging.options",
        T::Map,
        "Compose's place for the two sizes.",
        "{max-size: 50m, max-file: \"5\"}",
    ),
    key("logging.options.max-size", T::Size, "Compose's word for `max_size`.", "50m")
        .related("`logging.max_size` wins over it."),
    key("logging.options.max-file", FILES, "Compose's word for `max_file`.", "\"5\"")
        .related("`logging.max_file` wins over it."),
];
