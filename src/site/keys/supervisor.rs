//! The keys of a supervisor that is not siteward's.

use super::kinds::DefaultValue::{self, Computed, Flag};
use super::kinds::{DefinitionKey, ValueType as T, Word};
use crate::site::profiles::{PROFILES, Profile};

const fn key(
    path: &'static str,
    value: T,
    sentence: &'static str,
    example: &'static str,
) -> DefinitionKey {
    DefinitionKey::new(path, value, sentence, example)
}

const fn words<const N: usize>(profiles: [&Profile; N]) -> [Word; N] {
    let mut words = [Word { word: "", means: "" }; N];
    let mut at = 0;
    while at < N {
        words[at] = Word { word: profiles[at].word, means: profiles[at].means };
        at += 1;
    }
    words
}

const NAMES: &[Word] = &words(PROFILES);

/// Of those that need no other key of `supervisor`.
const ALONE: &[Word] = &words([PROFILES[0]]);

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
        T::ChoiceOrMap(ALONE),
        "The site has a supervisor of its own, which siteward wraps: the name of a profile, or a map.",
        "jobcenter",
    )
    .related("Either `processes` or `supervisor` must be there, not both."),
    key(
        "supervisor.profile",
        T::Choice(NAMES),
        "Brings the commands of a known supervisor along; keys beside it replace single ones.",
        "jobcenter",
    )
    .related(
        "`jobcenter` needs `database`; `supervisord`, `monit` and `compose` need `config`; `runit` and `s6` need \
         `directory`; `systemd` needs `unit`.",
    ),
    key(
        "supervisor.config",
        T::Path,
        "The configuration file of supervisord, the control file of monit, or the file of a Compose project.",
        "/etc/site/supervisord.conf",
    )
    .related("Needs `profile: supervisord`, `profile: monit` or `profile: compose`."),
    key(
        "supervisor.directory",
        T::Path,
        "The folder with one folder for each service.",
        "/etc/site/services",
    )
    .related("Needs `profile: runit` or `profile: s6`."),
    key(
        "supervisor.unit",
        T::Text,
        "The service or the target of systemd that is the site. It must not be enabled: the cluster starts it.",
        "site.service",
    )
    .related("Needs `profile: systemd`."),
    key(
        "supervisor.services",
        T::List,
        "The names of the programs, services or containers that must run.",
        "[web, store]",
    )
    .default(Computed("all that the supervisor has and that it starts by itself"))
    .related("Needs a `profile` other than `jobcenter`."),
    key("supervisor.services[]", T::Text, "The name of one.", "web"),
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
    .related("Required without a `profile` or a `stop_signal`."),
    key(
        "supervisor.stop_signal",
        T::Signal,
        "Sent to the supervisor itself, after its `stop` command has ended and its processes are down.",
        "HUP",
    )
    .default(OF_PROFILE),
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
        "The folder of the supervisor's programs.",
        "/opt/nqs",
    )
    .default(Computed("/usr/lib/nqs for JobCenter, else /usr/bin"))
    .related("Needs a `profile`."),
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
