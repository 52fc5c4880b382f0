//! An example for each verb and each of its options.

/// A line to type, and what it does.
#[derive(Debug)]
pub struct Example {
    pub line: &'static str,
    /// Without its full stop.
    pub does: &'static str,
}

/// The examples of one verb.
#[derive(Debug)]
pub struct VerbExamples {
    pub verb: &'static str,
    pub examples: &'static [Example],
}

const fn ex(line: &'static str, does: &'static str) -> Example {
    Example { line, does }
}

const fn of(verb: &'static str, examples: &'static [Example]) -> VerbExamples {
    VerbExamples { verb, examples }
}

/// The examples of a verb; none of a hidden one.
pub fn examples_of(verb: &str) -> &'static [Example] {
    VERB_EXAMPLES.iter().find(|of| of.verb == verb).map_or(&[], |of| of.examples)
}

/// For the options that every verb has.
pub const GLOBAL_EXAMPLES: &[Example] = &[
    ex(
        "siteward --config-dir ./sites --runtime-dir ./run --log-dir ./log --link-dir ./links start shop",
        "Start a site in directories of your own, to try it; every other verb needs the same ones",
    ),
    ex("siteward check --as clusterware shop", "Answer by the exit codes of a Clusterware check"),
    ex(
        "siteward stop --timeout 60s shop",
        "Stop the site within a minute, with SIGKILL if need be",
    ),
    ex("siteward --quiet monitor shop && echo up", "Ask in a script, which reads the exit code"),
    ex("siteward -v monitor shop", "Look once, and also print how the processes are tracked"),
];

/// In the order of the verbs.
pub const VERB_EXAMPLES: &[VerbExamples] = &[
    of(
        "start",
        &[
            ex(
                "siteward start shop",
                "Start the site `shop`, and wait until every process is ready",
            ),
            ex(
                "siteward start --no-wait shop",
                "Only order it; `siteward status shop` shows the result",
            ),
        ],
    ),
    of(
        "stop",
        &[
            ex(
                "siteward stop shop",
                "Stop the site, and wait until it is proved that nothing of it lives",
            ),
            ex(
                "siteward stop --no-wait shop",
                "Only order it; `siteward status shop` shows the result",
            ),
        ],
    ),
    of(
        "status",
        &[
            ex("siteward status", "Show every site of this node"),
            ex(
                "siteward status shop",
                "Show one site: its processes, its disk, and its last failure",
            ),
            ex(
                "siteward status --watch shop",
                "Show it, and draw it again every second until Ctrl-C",
            ),
            ex("siteward status --watch=5s", "Draw all sites every 5 seconds"),
            ex("siteward status --level 20 shop", "Run each health check once before the answer"),
            ex(
                "siteward status --explain shop",
                "Show by which marks this node tracks the processes",
            ),
            ex("siteward status --json shop", "Print all of it as one JSON object, for a program"),
            ex(
                "siteward status --clear-failure shop",
                "Show the last failure no longer, once it is dealt with",
            ),
        ],
    ),
    of(
        "monitor",
        &[
            ex("siteward monitor shop", "Ask the supervisor how the site is"),
            ex("siteward monitor --level 10 shop", "Also check that each process lives"),
            ex("siteward monitor --explain shop", "Also print how the last stop was proved"),
        ],
    ),
    of(
        "check",
        &[
            ex("siteward check shop", "Ask the supervisor how the site is"),
            ex("siteward check --level 20 shop", "Also run each health check once"),
            ex("siteward check --explain shop", "Also print how the processes are tracked"),
        ],
    ),
    of(
        "clean",
        &[
            ex(
                "siteward clean shop",
                "Kill everything of the site at once, after a stop that failed",
            ),
            ex(
                "siteward clean --break-lease shop",
                "Also take the database from another node that is certainly off",
            ),
        ],
    ),
    of(
        "run",
        &[
            ex(
                "siteward run shop",
                "Run the site as the main process of a systemd unit or a container",
            ),
            ex(
                "siteward run --maintenance-flag /run/shop.debug shop",
                "Do not end with a failed site while the file exists, as Serviceguard's toolkits do",
            ),
        ],
    ),
    of(
        "watch",
        &[
            ex("siteward watch shop", "Wait until the site is not well, and exit with 1 then"),
            ex(
                "siteward watch --maintenance-flag /run/shop.debug shop",
                "Ignore the site's state while the file exists",
            ),
        ],
    ),
    of(
        "validate-all",
        &[
            ex("siteward validate-all shop", "Check the installed definition, and this node"),
            ex("siteward validate-all ./shop.yaml", "Check a file that is not installed yet"),
            ex(
                "siteward validate-all --level 10 ./shop.yaml",
                "Check also that this node can run it",
            ),
            ex(
                "siteward validate-all --json sites/a.yaml sites/b.yaml",
                "Check files in a CI job, for a program",
            ),
        ],
    ),
    of(
        "meta-data",
        &[ex(
            "siteward meta-data > site.xml",
            "Keep what Pacemaker is told of the agent's parameters",
        )],
    ),
    of(
        "pause",
        &[
            ex(
                "siteward pause --reason \"new version\" --until 2h shop",
                "Stop the processes for maintenance; the cluster manager sees a healthy site",
            ),
            ex("siteward pause --no-wait shop", "Only order it"),
            ex(
                "siteward pause --drain --timeout 30m shop",
                "Stop new work, wait until what runs has ended, and pause then; or leave the site as it was",
            ),
            ex(
                "siteward pause --drain --anyway shop",
                "The same, but pause even if the work does not end",
            ),
        ],
    ),
    of(
        "resume",
        &[
            ex("siteward resume shop", "Start the processes again, and wait until they are ready"),
            ex("siteward resume --no-wait shop", "Only order it"),
        ],
    ),
    of(
        "adopt",
        &[ex(
            "siteward adopt shop",
            "Supervise the living processes of a site that is `unsupervised`",
        )],
    ),
    of("reload", &[ex("siteward reload shop", "Let the processes read their configuration again")]),
    of(
        "create",
        &[
            ex(
                "siteward create shop --site shop.example.com --database /mnt/shop --address 10.10.100.100 -- \
                 redis-server --dir /mnt/shop",
                "Make the definition, the database's directory and the link to it",
            ),
            ex(
                "siteward create try --database /srv/try --unmounted -- redis-server --dir /srv/try",
                "The same on a disk that need not be mounted, to try it",
            ),
            ex(
                "siteward create testsite --jobcenter --machine-id 200 --database /mnt/jobdb",
                "Make a site of JobCenter by its own command",
            ),
        ],
    ),
    of(
        "explain",
        &[
            ex("siteward explain not-stopped", "A message, by the identifier at its end"),
            ex("siteward explain unsupervised", "A state"),
            ex("siteward explain 190", "An exit code"),
            ex("siteward explain ready.tcp", "A key of the definition"),
        ],
    ),
    of(
        "generate",
        &[
            ex(
                "siteward generate pacemaker-pcs shop",
                "Print the commands for pcs, with every timeout computed",
            ),
            ex(
                "siteward generate pacemaker-pcs shop --set DEVICE=/dev/sdb1",
                "Fill in a placeholder as well",
            ),
            ex(
                "siteward generate systemd shop > /etc/systemd/system/shop.service",
                "Make a systemd unit of it",
            ),
        ],
    ),
    of(
        "history",
        &[
            ex("siteward history shop", "Show everything that happened to the site, on every node"),
            ex(
                "siteward history --failed --since yesterday shop",
                "Show what failed since yesterday, and what followed",
            ),
            ex(
                "siteward history --node node2 --lines 20 shop",
                "Show the last 20 entries of one node",
            ),
            ex("siteward history --follow shop", "Go on with each new entry until Ctrl-C"),
            ex("siteward history --json shop", "Print the entries as they stand in the file"),
            ex(
                "siteward history --interrupted shop",
                "Show which operations a failover has interrupted",
            ),
        ],
    ),
    of(
        "timing",
        &[
            ex(
                "siteward timing shop",
                "Compute the time of a failover with what this node's manager has configured",
            ),
            ex(
                "siteward timing --cib cib.xml --resource shop shop",
                "Compute it from a saved configuration of Pacemaker",
            ),
            ex(
                "siteward timing --crsctl resources.txt shop",
                "Compute it from a list of Clusterware's resources",
            ),
            ex(
                "siteward timing --package shop.conf shop",
                "Compute it from a package of Serviceguard",
            ),
            ex(
                "siteward timing --script action.scr shop",
                "Compute what JobCenter's own script takes",
            ),
            ex("siteward timing --json shop", "Print the numbers for a program"),
        ],
    ),
    of(
        "metrics",
        &[
            ex("siteward metrics", "Print the numbers of every site"),
            ex(
                "siteward metrics --write /var/lib/node_exporter/siteward.prom",
                "Replace the file that node_exporter reads, from a timer",
            ),
        ],
    ),
    of(
        "work",
        &[
            ex("siteward work shop", "Show the interrupted work that waits for a decision"),
            ex("siteward work --rerun queue/running/7 shop", "Hand one item to its command"),
            ex("siteward work --drop all shop", "Forget all of it; the history keeps it"),
            ex("siteward work --json shop", "Print it for a program"),
        ],
    ),
    of("holders", &[ex("siteward holders shop", "Show who keeps the database's file system busy")]),
    of(
        "logs",
        &[
            ex("siteward logs shop", "Print the last 100 lines of all processes"),
            ex("siteward logs --follow shop web", "Follow what the process `web` prints"),
            ex("siteward logs --since 14:00 --tail all shop", "Print everything since 14 o'clock"),
            ex(
                "siteward logs --last-run shop",
                "Print what the process that died last had printed",
            ),
            ex(
                "siteward logs --no-prefix shop store",
                "Print the lines alone, for another program",
            ),
        ],
    ),
    of(
        "report",
        &[
            ex(
                "siteward report --since 2026-11-01 --output shop.html shop",
                "Write a page about this month",
            ),
            ex("siteward report --force --output shop.html shop", "Replace the page that is there"),
        ],
    ),
    of(
        "timeline",
        &[
            ex("siteward timeline shop", "Draw the site's whole history"),
            ex("siteward timeline --since 2h shop", "Draw the last two hours"),
        ],
    ),
    of(
        "doctor",
        &[
            ex("siteward doctor", "Look for what would break any site of this node"),
            ex(
                "siteward doctor --here shop",
                "Also check the disk and the address, before a start here",
            ),
            ex("siteward doctor --json shop", "Print each finding for a program"),
            ex("siteward doctor --export shop > node1.json", "Keep the facts of this node"),
            ex(
                "siteward doctor --compare node1.json node2.json",
                "Show what differs between two nodes",
            ),
        ],
    ),
    of(
        "list",
        &[
            ex(
                "siteward list",
                "Show every site of this node: name, state, PID, database and link",
            ),
            ex("siteward list --json", "Print the same for a program"),
        ],
    ),
    of(
        "rehearse",
        &[
            ex("siteward rehearse", "Play Pacemaker with a built-in site, which harms nothing"),
            ex(
                "siteward rehearse --as all --yes shop",
                "Play every manager with a site of your own, which is killed",
            ),
            ex("siteward rehearse --json", "Print each step for a program"),
        ],
    ),
];
