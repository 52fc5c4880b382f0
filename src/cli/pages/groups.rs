//! The manual pages: which verbs stand on which, and what is said there beside the verbs.

/// A manual page for some verbs.
#[derive(Debug)]
pub struct PageGroup {
    pub name: &'static str,
    /// For the section NAME.
    pub about: &'static str,
    pub verbs: &'static [&'static str],
    /// Paragraphs of the section DESCRIPTION.
    pub description: &'static [&'static str],
    /// What is different from the exit codes in siteward(8).
    pub exits: &'static [ExitRow],
    pub see_also: &'static [(&'static str, u8)],
}

/// An exit code.
#[derive(Debug)]
pub struct ExitRow {
    pub code: &'static str,
    pub means: &'static str,
}

/// A state of a site.
#[derive(Debug)]
pub struct StateRow {
    pub state: &'static str,
    pub means: &'static str,
}

/// A file or a directory.
#[derive(Debug)]
pub struct FileRow {
    pub path: &'static str,
    /// As an ordinary user, where that differs.
    pub of_user: Option<&'static str>,
    pub means: &'static str,
}

/// What siteward(8) says of the whole.
#[derive(Debug)]
pub struct WholePage {
    pub description: &'static [&'static str],
    /// Of `status`, `monitor` and `check`.
    pub exits_of_looks: &'static [ExitRow],
    pub exits: &'static [ExitRow],
    pub files: &'static [FileRow],
    pub see_also: &'static [(&'static str, u8)],
}

const fn exit(code: &'static str, means: &'static str) -> ExitRow {
    ExitRow { code, means }
}

const fn state(state: &'static str, means: &'static str) -> StateRow {
    StateRow { state, means }
}

/// The states that a verb can see.
pub const STATES: &[StateRow] = &[
    state("stopped", "There is no supervisor and no process of the site, and that is proved."),
    state("starting", "The supervisor is up, and not every essential process is ready yet."),
    state("running", "Every process is ready."),
    state(
        "degraded",
        "The site serves, but a process that is not essential is down, or an essential one is being restarted.",
    ),
    state("maintenance", "The supervisor is up and holds the processes down, because of a pause."),
    state("stopping", "A stop is under way, by an order or after a failure."),
    state(
        "failed",
        "A process that matters has died: the supervisor has stopped the others, written why, and ended.",
    ),
    state(
        "unsupervised",
        "Processes of the site live, and nobody watches them, as the supervisor was killed.",
    ),
    state("unknown", "The state could not be found out in time. It is never taken for stopped."),
];

/// siteward(8).
pub const WHOLE: WholePage = WholePage {
    description: &[
        "siteward runs a site and lets any cluster manager drive it. A site is what fails over as a unit: a group of \
         processes that are started in order, watched together and stopped together, with their data on a disk that \
         moves from node to node. Its definition is a file, /etc/siteward/sites/NAME.yaml, the same on every node; \
         NAME is what the verbs call the site.",
        "A verb is a short-lived command: start, stop, monitor and so on. The supervisor is the process that stays: it \
         starts the processes of one site, watches each of them, and stops the whole site if one dies that matters. \
         If a site has a supervisor of its own, such as JobCenter, siteward drives that one by its commands.",
        "siteward is no cluster manager. Where a site runs, fencing, the virtual IP address and the disk are the work \
         of Pacemaker, Oracle Clusterware, HPE Serviceguard or NEC ExpressCluster. Each of them calls the verbs, and \
         gets the exit codes that it understands. The manager is known by the name of the link by which siteward is \
         called, then by its environment; `--as` overrides that.",
    ],
    exits_of_looks: &[
        exit("0", "The site is running, degraded, starting or in maintenance."),
        exit("1", "It has failed, is stopping, or is unsupervised."),
        exit("2", "The command line is wrong."),
        exit("3", "The site is stopped."),
        exit("4", "The state is unknown, or this user may not see it."),
        exit("5, 6", "There is no such site here; or no site is named, and there are several."),
    ],
    exits: &[
        exit("0", "It is done, or was done before."),
        exit("1", "It failed; it may work on another node, or later."),
        exit("2", "The definition, or the command line, is wrong."),
        exit("3", "There is no such verb."),
        exit("4", "This user may not do it."),
        exit("5", "The definition, a program or a user is missing on this node."),
        exit("6", "The name is no name of a site; or no site is named, and there are several."),
    ],
    files: &[
        FileRow {
            path: "/etc/siteward/sites/NAME.yaml",
            of_user: Some("$XDG_CONFIG_HOME/siteward/sites/NAME.yaml"),
            means: "The definition of a site. Nobody but root may write it where root runs the site.",
        },
        FileRow {
            path: "/run/siteward/NAME/",
            of_user: Some("$XDG_RUNTIME_DIR/siteward/NAME/"),
            means: "What is true now: the lock, the socket, the record of the processes, and the definition that runs. It \
                    is gone at reboot.",
        },
        FileRow {
            path: "/var/log/siteward/NAME/",
            of_user: Some("$XDG_STATE_HOME/siteward/NAME/"),
            means: "What the processes printed, a file for each, and this node's history of the site.",
        },
        FileRow {
            path: "/var/lib/siteward/",
            of_user: Some("$XDG_STATE_HOME/siteward/@links/"),
            means: "A link to each site's database, named by its address.",
        },
        FileRow {
            path: "DATABASE/.siteward/",
            of_user: None,
            means: "On the database of a site, what follows it to the next node: the lease, the history of every node, and \
                    the mark of a pause.",
        },
        FileRow {
            path: "/usr/lib/ocf/resource.d/siteward/site",
            of_user: None,
            means: "The OCF agent ocf:siteward:site: a link to the program.",
        },
    ],
    see_also: &[("siteward.yaml", 5), ("ocf_siteward_site", 7)],
};

/// The pages of the verbs.
pub const GROUPS: &[PageGroup] = &[
    PageGroup {
        name: "siteward-start",
        about: "start, stop and run a site",
        verbs: &["start", "stop", "clean", "run", "adopt"],
        description: &[
            "`start` brings a site up under a supervisor that stays; `run` is that supervisor, in the foreground. A start of \
             a site that is up succeeds and starts nothing. Before it starts anything, a start checks that the disk is \
             mounted, that the address is present and that the programs and users are there, and takes the lease of \
             the database. If it fails, it undoes what it began, and names the process, the step and the last lines \
             that the process printed.",
            "`stop` ends the processes in reverse order, each by its own stop signal, then what is left by SIGTERM and \
             SIGKILL. It succeeds only if it is proved that nothing of the site lives; a stop of a site that is \
             stopped succeeds. `clean` does the same by SIGKILL at once. A stop overtakes a start that is under way.",
            "`adopt` gives a new supervisor to a site whose supervisor was killed, without a restart of its processes. \
             The next start would end them instead.",
            "The time for a start and a stop is that of the caller (`--timeout`, or the cluster manager's), or `boot_timeout` \
             and `stop_timeout` of the definition.",
        ],
        exits: &[],
        see_also: &[("siteward-pause", 8), ("siteward-status", 8)],
    },
    PageGroup {
        name: "siteward-pause",
        about: "pause, resume and reload a site",
        verbs: &["pause", "resume", "reload"],
        description: &[
            "`pause` stops the processes for maintenance under a supervisor that stays, so that the cluster manager sees a \
             healthy site and does not move it. The pause follows the site: a mark on its database makes a start on any \
             node come up in maintenance, until resume.",
            "`pause --drain` is for a planned move: it stops new work by the command of `drain` in the definition, and waits \
             until what runs has ended: the files of its `work`, or what qstat counts in the queues of a JobCenter site. \
             If that does not end in its time, it says what still runs, lets new work in again, and exits with 1; \
             `--anyway` pauses all the same. `resume` after such a pause lets new work in again.",
            "`reload` does not stop anything: each process that has a reload in the definition is sent the signal, or gets \
             the command, that makes it read its configuration again.",
        ],
        exits: &[],
        see_also: &[("siteward-start", 8), ("siteward-status", 8)],
    },
    PageGroup {
        name: "siteward-status",
        about: "look at a site",
        verbs: &["status", "list", "monitor", "check", "watch", "holders", "metrics"],
        description: &[
            "Each of these verbs looks, and changes nothing. `status` is for a person and shows all that is known of a site. \
             `monitor` and `check` are what the cluster managers call: one look, one exit code. `watch` stays, and ends in the \
             moment in which the site stops being well. `metrics` prints numbers for a collector.",
        ],
        exits: &[
            exit(
                "status, monitor, check",
                "As in siteward(8), by the state; status of several sites gives the worst.",
            ),
            exit(
                "watch",
                "1 as soon as the site is not well; 0 if it was ended by SIGTERM or Ctrl-C.",
            ),
        ],
        see_also: &[("siteward-history", 8), ("siteward-doctor", 8)],
    },
    PageGroup {
        name: "siteward-history",
        about: "tell what happened to a site",
        verbs: &["history", "work", "logs", "report", "timeline"],
        description: &[
            "Every start, stop, death, fault and order is written to the history of the node where it happened, and to the \
             site's database. So `history`, `report` and `timeline` tell on any node that has the database what happened on \
             all of them; without the database they tell what happened on this one.",
            "`logs` prints what the processes of the site have printed on this node.",
            "`work` shows the items of the site's `work` that a failure or an unclean end has interrupted and that nobody has decided on: \
             those of `at_failover: ask`, and those whose command failed. `--rerun` hands one to the command of `hand_to`, \
             `--drop` forgets it. It is typed where the site runs or, if it is stopped, where its disk is.",
        ],
        exits: &[exit("history --interrupted", "1 if an operation was interrupted.")],
        see_also: &[("siteward-status", 8)],
    },
    PageGroup {
        name: "siteward-doctor",
        about: "check a site before it has to fail over",
        verbs: &["doctor", "validate-all", "timing", "rehearse", "explain"],
        description: &[
            "`validate-all` checks a definition, installed or not. `doctor` checks all that a start and a failover need: the \
             node, the disk, the address, the limits, the configuration of the cluster manager, and what differs between \
             the nodes. `timing` computes how long a failover takes at worst. `rehearse` plays the cluster manager: it starts, \
             kills and stops a site, and checks every answer.",
            "`explain` says what a message, a state, an exit code or a key of the definition means, and what to do. The \
             identifier of a message stands in brackets at its end.",
        ],
        exits: &[
            exit(
                "doctor",
                "0: nothing to mend; 1: at least one error; 10: only warnings; 2 to 6: the checks could not be begun.",
            ),
            exit(
                "validate-all",
                "0: all definitions are valid. Else that of the worst: 2, a definition is wrong; 5, something is missing; 4, \
                 something may not be read; 1, it could not be found out.",
            ),
            exit("rehearse", "1 if an answer was not as it must be."),
        ],
        see_also: &[("siteward-generate", 8), ("siteward.yaml", 5)],
    },
    PageGroup {
        name: "siteward-generate",
        about: "create a site and bring it into a cluster manager",
        verbs: &["create", "generate", "meta-data"],
        description: &[
            "`create` makes a new site: its definition, the directory of its database, and a link to that. With a definition \
             that is there already it makes the other two, which is what a second node needs. `generate` prints all that \
             has to be typed for a cluster manager, with every timeout computed from the definition. What it prints holds \
             placeholders such as <DISK-RESOURCE>, which are listed at its top; `--set` fills them in.",
        ],
        exits: &[],
        see_also: &[("siteward.yaml", 5), ("ocf_siteward_site", 7)],
    },
];
