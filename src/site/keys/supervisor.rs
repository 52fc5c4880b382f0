//! The keys of a supervisor that is not siteward's.

use super::kinds::DefaultValue::{self, Computed, Flag};
use super::kinds::{DefinitionKey, ValueType as T, Word};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example)
}

const PROFILES: &[Word] = &[Word {
    word: "jobcenter",
    means: "JobCenter: cjcpw starts and stops the site, cjcls lists it, nqsstart and nqsstop resume and pause \
            it.",
}];

const ROWS: &[Word] = &[
    Word {
        word: "cjcls",
        means: "The table of JobCenter's cjcls: site, PID or SHUT, database and link, ON or OFF.",
    },
    Word {
        word: "exit-status",
        means: "No table, but an exit status in the words of LSB: 0 up, 3 down.",
    },
];

const OF_PROFILE: DefaultValue = Computed("as the profile says");
const NEEDED: &str = "Required without a `profile`.";

pub(super) const SUPERVISOR: &[DefinitionKey] = &[
    key(
        "supervisor",
        T::ChoiceOrMap(PROFILES),
        "The site has a supervisor of its own, which siteward wraps: the name of a profile, or a map.",
        "jobcenter",
    )
    .related("Either `processes` or `supervisor` must be there, not both."),
    key(
        "supervisor.profile",
        T::Choice(PROFILES),
        "Brings the commands of a known supervisor along; keys beside it replace single ones.",
        "jobcenter",
    )
    .related("`jobcenter` needs `database`."),
    key(
        "supervisor.start",
        T::FilledCommand,
        "Starts the supervisor and the site.",
        "[/opt/keeper/keeper, start, \"{site}\", \"{database}\"]",
    )
    .default(OF_PROFILE)
    .related(NEEDED),
    key(
        "supervisor.stop",
        T::FilledCommand,
        "Stops the site and the supervisor.",
        "[/opt/keeper/keeper, stop, \"{site}\"]",
    )
    .default(OF_PROFILE)
    .related(NEEDED),
    key(
        "supervisor.process",
        T::FilledCommand,
        "How the command line of the supervisor's process begins, word for word, so that siteward can find it.",
        "[/opt/keeper/keeper, start, \"{site}\"]",
    )
    .default(OF_PROFILE)
    .related(NEEDED),
    key(
        "supervisor.list",
        T::Map,
        "The command that says whether the site is up, and how its answer is read.",
        "{command: [/opt/keeper/keeper, status, \"{site}\"], rows: exit-status}",
    )
    .default(OF_PROFILE),
    key(
        "supervisor.list.command",
        T::FilledCommand,
        "The program and its arguments.",
        "[/opt/keeper/keeper, status, \"{site}\"]",
    )
    .required(),
    key("supervisor.list.rows", T::Choice(ROWS), "How its answer is read.", "exit-status").required(),
    key(
        "supervisor.pause",
        T::FilledCommand,
        "Stops the processes under a supervisor that stays; `list` must say then that the site is down.",
        "[/opt/keeper/keeper, pause, \"{site}\"]",
    )
    .default(OF_PROFILE)
    .related("Needs `resume`."),
    key(
        "supervisor.resume",
        T::FilledCommand,
        "Starts the processes again after a `pause`.",
        "[/opt/keeper/keeper, resume, \"{site}\"]",
    )
    .default(OF_PROFILE)
    .related("Needs `pause`."),
    key(
        "supervisor.detached",
        T::Boolean,
        "The start command ends as soon as the site is up, and no supervisor stays.",
        "true",
    )
    .default(Flag(false))
    .related("Needs `list`."),
    key(
        "supervisor.commands",
        T::Path,
        "The folder of JobCenter's commands.",
        "/opt/nqs",
    )
    .default(DefaultValue::Written("/usr/lib/nqs"))
    .related("Needs `profile: jobcenter`."),
    key("supervisor.spool", T::Path, "JobCenter's spool folder.", "/var/spool/nqs")
        .default(DefaultValue::Written("/usr/spool/nqs"))
        .related("Needs `profile: jobcenter`."),
    key(
        "supervisor.qstat",
        T::Path,
        "The command that tells what is in the queues of a JobCenter site, for `siteward pause --drain`.",
        "/opt/nqs/bin/qstat",
    )
    .default(DefaultValue::Written("/usr/bin/qstat"))
    .related("Needs `profile: jobcenter`."),
    key(
        "supervisor.port_keeper",
        T::Boolean,
        "JobCenter's own port keeper holds its port until its daemon binds it.",
        "true",
    )
    .default(Flag(false))
    .related("Needs `profile: jobcenter`."),
    key(
        "supervisor.monitored",
        T::Boolean,
        "cjcpw stays and watches the site; false: it ends when the site is up (`cjcpw -c`).",
        "false",
    )
    .default(Flag(true))
    .related("Needs `profile: jobcenter`."),
];
