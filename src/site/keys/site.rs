//! The keys of a site: what it is, what it needs, how long it may take.

use super::kinds::DefaultValue::{self, Choice, Computed, Flag, Number};
use super::kinds::{DefinitionKey, ValueType as T, Word};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example)
}

const DEGRADED_IS: &[Word] = &[
    Word { word: "running", means: "A degraded site is reported as running." },
    Word {
        word: "degraded",
        means: "After `degraded_after` a recurring monitor of Pacemaker ends with 190, and a check of \
                Clusterware with PARTIAL.",
    },
];

const HOLDERS: &[Word] = &[
    Word { word: "report", means: "They are named." },
    Word {
        word: "terminate",
        means: "They get SIGTERM, and SIGKILL when `forcekill_time` is over.",
    },
    Word { word: "kill", means: "They get SIGKILL at once." },
];

const WHEN_LOST: &[Word] = &[
    Word { word: "fail", means: "The site fails and is stopped." },
    Word {
        word: "degrade",
        means: "The site is degraded until the disk or the address is back; while the disk is away, no \
                process is started.",
    },
    Word { word: "ignore", means: "Nobody looks; it is asked for only before a start." },
];

pub(super) const IDENTITY: &[DefinitionKey] = &[
    key("version", T::Version, "The version of the form of definitions; there is only version 1.", "1")
        .required(),
    key(
        "site",
        T::HostName,
        "The virtual host name of the site, by which its clients reach it; no two sites may have the same one.",
        "shop.example.com",
    )
    .default(Computed("the name of the file without .yaml")),
    key(
        "machine_id",
        T::Whole { from: 1, to: i32::MAX as i64 },
        "The machine id of the site in NQS and JobCenter; no two sites of a node may have the same one.",
        "200",
    ),
    key(
        "database",
        T::Path,
        "The directory of the site's data, on the disk that moves from node to node; siteward keeps the lease, \
         the history and the marks of a pause in `.siteward` below it.",
        "/mnt/shop",
    ),
    key(
        "address",
        T::Address,
        "The relocatable address (virtual IP) of the site, which the cluster manager sets up.",
        "192.0.2.10",
    ),
    key(
        "processes",
        T::Named("names of processes to their keys"),
        "The processes of the site, started in this order; each waits until the one before it is ready, \
         unless it has `depends_on`.",
        "{server: {command: [/opt/shop/server]}}",
    )
    .related("Either `processes` or `supervisor` must be there, not both."),
    key(
        "processes.*",
        T::Map,
        "One process of the site; its name has 1 to 63 letters, digits, `_`, `.` and `-`, and is not \
         `siteward`.",
        "{command: [/opt/shop/server], user: shop}",
    ),
    key(
        "maintenance",
        T::Boolean,
        "The site comes up with its processes held down, as after `siteward pause`, until it is resumed.",
        "true",
    )
    .default(Flag(false)),
    key(
        "same_on_all_nodes",
        T::PathList,
        "Files and folders outside the database of which each node has a copy; `siteward doctor --compare` \
         compares them.",
        "[/etc/shop, /opt/shop/server]",
    )
    .default(DefaultValue::Written("[]")),
];

pub(super) const TIMES: &[DefinitionKey] = &[
    key(
        "boot_timeout",
        T::PositiveDuration,
        "All essential processes must be ready by then, else the start is rolled back.",
        "90s",
    )
    .default(Computed("countmax x countsleep if one of these is set, else 200s"))
    .related("A parameter `boot_timeout` of the cluster resource overrides it."),
    key(
        "stop_timeout",
        T::PositiveDuration,
        "The ordered part of a stop ends then: SIGTERM follows, and after `forcekill_time` SIGKILL.",
        "2m",
    )
    .default(Computed("countmax x countsleep if one of these is set, else 300s"))
    .related("A parameter `stop_timeout` of the cluster resource overrides it."),
    key(
        "forcekill_time",
        T::Duration,
        "The time between SIGTERM and SIGKILL for what is left when the ordered part of a stop is over.",
        "3s",
    )
    .default(DefaultValue::seconds(5)),
    key(
        "countmax",
        T::Whole { from: 1, to: 100_000 },
        "How often a wrapped supervisor is asked whether it is up or down.",
        "18",
    )
    .default(Number(18))
    .related(
        "countmax x countsleep is the default of `boot_timeout` and `stop_timeout` as soon as one of the two \
         is set.",
    ),
    key(
        "countsleep",
        T::PositiveDuration,
        "The longest time between two questions to a wrapped supervisor.",
        "10s",
    )
    .default(DefaultValue::seconds(10))
    .related("See `countmax`."),
    key(
        "settle",
        T::Duration,
        "How long all processes must stay ready before a start says that the site is up.",
        "500ms",
    )
    .default(DefaultValue::Time(std::time::Duration::from_millis(250))),
    key(
        "degraded_is",
        T::Choice(DEGRADED_IS),
        "How the cluster manager is told of a degraded site.",
        "degraded",
    )
    .default(Choice("running"))
    .related("A parameter `degraded_is` of the cluster resource overrides it."),
    key(
        "degraded_after",
        T::Duration,
        "How long a site must have been degraded before it is reported as such.",
        "1m",
    )
    .default(DefaultValue::seconds(30))
    .related("Counts only with `degraded_is: degraded`."),
];

pub(super) const NODE: &[DefinitionKey] = &[
    key(
        "prerequisites",
        T::Map,
        "What must hold on the node before a start, and as long as the site runs.",
        "{mounted: /mnt, when_lost: {mounted: fail}}",
    ),
    key(
        "prerequisites.mounted",
        T::BooleanOrPath,
        "The database, or this directory at or above it, must be a mount point; false: nobody asks.",
        "/mnt",
    )
    .default(Computed("true if there is a database"))
    .related("Needs `database`, and a path must be the database or lie above it."),
    key(
        "prerequisites.address_present",
        T::Boolean,
        "The address must be on this node; false: nobody asks.",
        "false",
    )
    .default(Computed("true if there is an address"))
    .related("Needs `address`."),
    key(
        "prerequisites.when_lost",
        T::ChoiceOrMap(WHEN_LOST),
        "What is done when the disk or the address is lost while the site runs: one word for both, or a map \
         with a word for each.",
        "{mounted: fail, address_present: degrade}",
    )
    .default(Choice("fail"))
    .related("Needs a disk that must be mounted or an address that must be present."),
    key(
        "prerequisites.when_lost.mounted",
        T::Choice(WHEN_LOST),
        "What is done when the disk is unmounted, or another one is mounted over it.",
        "fail",
    )
    .default(Choice("fail"))
    .related("Needs a disk that must be mounted."),
    key(
        "prerequisites.when_lost.address_present",
        T::Choice(WHEN_LOST),
        "What is done when the address is removed, or its interface is set down.",
        "degrade",
    )
    .default(Choice("fail"))
    .related("Needs an address that must be present."),
    key(
        "reserve_ports",
        T::List,
        "TCP ports that are held from before the first process starts, so that nothing else can bind them, and \
         are freed or handed over when their process starts.",
        "[{port: 8080, process: server}]",
    )
    .default(DefaultValue::Written("[]"))
    .related("A bare port belongs to a site with `supervisor` alone."),
    key(
        "reserve_ports[]",
        T::PortOrMap,
        "One port: its number where the site has a `supervisor`, else a map that names its process.",
        "{port: 8080, process: server}",
    ),
    key("reserve_ports[].port", T::Whole { from: 1, to: 65_535 }, "The number of the port.", "8080")
        .required(),
    key(
        "reserve_ports[].process",
        T::ProcessName,
        "The process whose port it is.",
        "server",
    )
    .related("Required with `processes`; not allowed with `supervisor`."),
    key(
        "reserve_ports[].address",
        T::Address,
        "The address at which the port is held.",
        "127.0.0.1",
    )
    .default(Computed("the site's `address`, else 0.0.0.0")),
    key(
        "reserve_ports[].pass",
        T::Boolean,
        "The process is given the listening socket (sd_listen_fds(3)); else the port is freed for it to bind.",
        "true",
    )
    .default(Flag(false))
    .related("Not with `supervisor`."),
    key(
        "holders",
        T::Choice(HOLDERS),
        "How a stop treats processes that use the site's database and are not of the site: as long as they do, \
         the disk cannot be unmounted.",
        "terminate",
    )
    .default(Choice("report")),
    key(
        "on_unclean_shutdown",
        T::CommandOrMap,
        "The command that repairs the database: run before a start that follows an unclean end, and again at \
         each later start until it has exited with 0.",
        "{command: [/opt/shop/repair, /mnt/shop], timeout: 30s}",
    )
    .related("Needs `database`."),
    key(
        "on_unclean_shutdown.command",
        T::Command,
        "The program and its arguments.",
        "[/opt/shop/repair, /mnt/shop]",
    )
    .required(),
    key(
        "on_unclean_shutdown.timeout",
        T::PositiveDuration,
        "How long it may take; then it is killed with all that it started, and the start fails.",
        "30s",
    )
    .default(DefaultValue::seconds(10)),
];
