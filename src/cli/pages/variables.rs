//! The environment: every variable that the program reads or sets.

/// Who sets a variable, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableUse {
    /// A person sets it, and the program reads it.
    Read,
    /// A session or the system sets it, and the program reads it.
    Session,
    /// A cluster manager sets it, and the program reads it.
    Manager,
    /// The program sets it for the processes of a site, and their commands.
    Given,
    /// The program sets it for the command of `notify`.
    Told,
}

impl VariableUse {
    pub const ALL: [Self; 5] = [Self::Read, Self::Session, Self::Manager, Self::Given, Self::Told];

    /// The heading of its variables.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Read => "Set by a person",
            Self::Session => "Set by the session or the system",
            Self::Manager => "Set by a cluster manager",
            Self::Given => "Set by siteward for the processes of a site",
            Self::Told => "Set by siteward for the command of notify",
        }
    }
}

/// One variable.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub used: VariableUse,
    /// One or two sentences.
    pub means: &'static str,
    /// An assignment, or a line with it.
    pub example: &'static str,
}

const fn read(name: &'static str, means: &'static str, example: &'static str) -> Variable {
    Variable { name, used: VariableUse::Read, means, example }
}

const fn session(name: &'static str, means: &'static str, example: &'static str) -> Variable {
    Variable { name, used: VariableUse::Session, means, example }
}

const fn manager(name: &'static str, means: &'static str, example: &'static str) -> Variable {
    Variable { name, used: VariableUse::Manager, means, example }
}

const fn given(name: &'static str, means: &'static str, example: &'static str) -> Variable {
    Variable { name, used: VariableUse::Given, means, example }
}

const fn told(name: &'static str, means: &'static str, example: &'static str) -> Variable {
    Variable { name, used: VariableUse::Told, means, example }
}

/// All of them. The parameters of the OCF agent, which come as `OCF_RESKEY_NAME`, are in
/// ocf_siteward_site(7). `SITEWARD_SITE` and `SITEWARD_PROCESS` are read, given and told.
pub const VARIABLES: &[Variable] = &[
    read(
        "SITEWARD_SITE",
        "The site that a verb works on if none is named.",
        "SITEWARD_SITE=shop siteward status",
    ),
    read(
        "SITEWARD_CONFIG_DIR",
        "The directory of the definitions, if --config-dir does not name one.",
        "SITEWARD_CONFIG_DIR=/srv/sites siteward list",
    ),
    read(
        "SITEWARD_RUNTIME_DIR",
        "The directory of sockets, locks and state files, if --runtime-dir does not name one. It must not survive a \
         reboot.",
        "SITEWARD_RUNTIME_DIR=/run/siteward-test",
    ),
    read(
        "SITEWARD_LOG_DIR",
        "The directory of the logs and the history, if --log-dir does not name one.",
        "SITEWARD_LOG_DIR=/srv/log/siteward",
    ),
    read(
        "SITEWARD_LINK_DIR",
        "The directory of the links to databases, if --link-dir does not name one.",
        "SITEWARD_LINK_DIR=/srv/links",
    ),
    read("NO_COLOR", "Print no colours, if it is set and not empty.", "NO_COLOR=1 siteward status"),
    read("CLICOLOR", "Print no colours, if it is 0.", "CLICOLOR=0 siteward status"),
    read(
        "CLICOLOR_FORCE",
        "Print colours also where the output is no terminal, if it is set, not empty and not 0.",
        "CLICOLOR_FORCE=1 siteward list | less -R",
    ),
    read(
        "COLUMNS",
        "The width of a line, if it is a number, instead of the width of the terminal.",
        "COLUMNS=120 siteward status",
    ),
    read(
        "CIB_file",
        "Handed to the commands by which the configuration of Pacemaker is read: they read this file instead of \
         asking the cluster.",
        "CIB_file=/tmp/cib.xml siteward timing shop",
    ),
    session(
        "TERM",
        "The type of the terminal. With dumb, nothing is coloured.",
        "TERM=dumb siteward start shop",
    ),
    session(
        "LC_ALL",
        "The locale. If it names UTF-8, timeline draws with block characters, else with ASCII.",
        "LC_ALL=C siteward timeline shop",
    ),
    session("LC_CTYPE", "As LC_ALL, which goes before it.", "LC_CTYPE=C.UTF-8"),
    session("LANG", "As LC_CTYPE, which goes before it.", "LANG=en_US.UTF-8"),
    session(
        "TZ",
        "The time zone in which times are printed and read.",
        "TZ=UTC siteward history shop",
    ),
    session(
        "PATH",
        "Where the commands of a cluster manager are looked for. The programs of a site are looked for in a fixed \
         PATH, or in that of its definition.",
        "PATH=/opt/pacemaker/bin:$PATH siteward timing shop",
    ),
    session(
        "HOME",
        "The home of an ordinary user, where the directories are if the XDG variables do not name them.",
        "HOME=/home/ops",
    ),
    session(
        "XDG_CONFIG_HOME",
        "Where an ordinary user's definitions are, in siteward/sites.",
        "XDG_CONFIG_HOME=/home/ops/.config",
    ),
    session(
        "XDG_STATE_HOME",
        "Where an ordinary user's logs and links are, in siteward.",
        "XDG_STATE_HOME=/home/ops/.local/state",
    ),
    session(
        "XDG_RUNTIME_DIR",
        "Where an ordinary user's sockets, locks and state files are, in siteward.",
        "XDG_RUNTIME_DIR=/run/user/1000",
    ),
    session("USER", "The name that the history has for whoever gave an order.", "USER=ops"),
    session(
        "SUDO_USER",
        "The name of the person who gave an order by sudo(8), for the history.",
        "SUDO_USER=ops",
    ),
    session(
        "SUDO_UID",
        "The number of the user in SUDO_USER, which must be the user of the session.",
        "SUDO_UID=1000",
    ),
    session(
        "JOURNAL_STREAM",
        "Set by systemd where standard error goes to the journal: the supervisor then does not write there twice.",
        "JOURNAL_STREAM=8:12345",
    ),
    session(
        "CRS_HOME",
        "The home of Oracle Clusterware, if /etc/oracle/olr.loc does not name it.",
        "CRS_HOME=/u01/app/grid siteward timing shop",
    ),
    session(
        "ORACLE_HOME",
        "Handed to the commands of Oracle Clusterware.",
        "ORACLE_HOME=/u01/app/grid siteward timing shop",
    ),
    session(
        "SGCONF",
        "The directory of Serviceguard's configuration.",
        "SGCONF=/etc/cmcluster siteward timing shop",
    ),
    manager(
        "OCF_RESOURCE_INSTANCE",
        "The name of Pacemaker's resource. If it is set, the caller is Pacemaker.",
        "OCF_RESOURCE_INSTANCE=shop",
    ),
    manager(
        "OCF_CHECK_LEVEL",
        "How deep a monitor looks: 0, 10 or 20, as the option --level.",
        "OCF_CHECK_LEVEL=10",
    ),
    manager(
        "OCF_RESKEY_CRM_meta_timeout",
        "The time that Pacemaker gives the verb, in milliseconds.",
        "OCF_RESKEY_CRM_meta_timeout=240000",
    ),
    manager(
        "OCF_RESKEY_CRM_meta_interval",
        "The interval of a recurring monitor, in milliseconds.",
        "OCF_RESKEY_CRM_meta_interval=1000",
    ),
    manager(
        "OCF_RESKEY_CRM_meta_on_node",
        "The name that the cluster has for this node.",
        "OCF_RESKEY_CRM_meta_on_node=node1",
    ),
    manager(
        "OCF_RESKEY_CRM_meta_clone",
        "Set for an instance of a clone, which a site cannot be.",
        "OCF_RESKEY_CRM_meta_clone=0",
    ),
    manager(
        "OCF_TRACE_RA",
        "Write a trace of the agent's call, if it is 1 or yes.",
        "OCF_TRACE_RA=1",
    ),
    manager(
        "OCF_RESKEY_trace_ra",
        "As OCF_TRACE_RA, set by crm resource trace.",
        "OCF_RESKEY_trace_ra=1",
    ),
    manager(
        "OCF_TRACE_FILE",
        "The file for the trace, by an absolute path.",
        "OCF_TRACE_FILE=/tmp/shop.trace",
    ),
    manager(
        "OCF_RESKEY_trace_dir",
        "The directory for traces, if OCF_TRACE_FILE names no file.",
        "OCF_RESKEY_trace_dir=/var/tmp/traces",
    ),
    manager(
        "HA_VARLIB",
        "The directory in which traces are written to trace_ra, if no other is named.",
        "HA_VARLIB=/var/lib/heartbeat",
    ),
    manager(
        "HA_LOGFACILITY",
        "The facility of syslog to which the agent's messages go.",
        "HA_LOGFACILITY=daemon",
    ),
    manager(
        "HA_LOGFILE",
        "The file to which the agent's messages are added, if it exists.",
        "HA_LOGFILE=/var/log/pacemaker/pacemaker.log",
    ),
    manager(
        "_CRS_NAME",
        "The name of Clusterware's resource. If it is set, the caller is Clusterware.",
        "_CRS_NAME=shop",
    ),
    manager(
        "_CRS_ACTION_SCRIPT",
        "If it is set, the caller is Clusterware.",
        "_CRS_ACTION_SCRIPT=/opt/siteward/crs/shop",
    ),
    manager(
        "_CRS_SITEWARD_SITE",
        "The site, by an attribute of the resource; without it, the name of the action script.",
        "_CRS_SITEWARD_SITE=shop",
    ),
    manager(
        "_CRS_START_TIMEOUT",
        "The time for a start, in seconds; 0 is not set.",
        "_CRS_START_TIMEOUT=240",
    ),
    manager(
        "_CRS_STOP_TIMEOUT",
        "The time for a stop, in seconds, and for a clean without a time of its own.",
        "_CRS_STOP_TIMEOUT=360",
    ),
    manager("_CRS_CHECK_TIMEOUT", "The time for a check, in seconds.", "_CRS_CHECK_TIMEOUT=40"),
    manager("_CRS_CLEAN_TIMEOUT", "The time for a clean, in seconds.", "_CRS_CLEAN_TIMEOUT=60"),
    manager(
        "_CRS_SCRIPT_TIMEOUT",
        "The time for every entry point that has none of its own, in seconds.",
        "_CRS_SCRIPT_TIMEOUT=60",
    ),
    manager(
        "SG_PACKAGE",
        "The name of Serviceguard's package. If it is set, the caller is Serviceguard.",
        "SG_PACKAGE=shop",
    ),
    manager("SG_PACKAGE_NAME", "As SG_PACKAGE, where that is not set.", "SG_PACKAGE_NAME=shop"),
    manager(
        "PEV_SITEWARD_SITE",
        "The site, by a variable of the package; without it, the name of the external script.",
        "PEV_SITEWARD_SITE=shop",
    ),
    manager(
        "PEV_SITEWARD_CONFIG_DIR",
        "As SITEWARD_CONFIG_DIR, by a variable of the package.",
        "PEV_SITEWARD_CONFIG_DIR=/srv/sites",
    ),
    manager(
        "PEV_SITEWARD_RUNTIME_DIR",
        "As SITEWARD_RUNTIME_DIR, by a variable of the package.",
        "PEV_SITEWARD_RUNTIME_DIR=/run/siteward-test",
    ),
    manager(
        "PEV_SITEWARD_LOG_DIR",
        "As SITEWARD_LOG_DIR, by a variable of the package.",
        "PEV_SITEWARD_LOG_DIR=/srv/log/siteward",
    ),
    manager(
        "PEV_SITEWARD_LINK_DIR",
        "As SITEWARD_LINK_DIR, by a variable of the package.",
        "PEV_SITEWARD_LINK_DIR=/srv/links",
    ),
    manager(
        "CLP_EVENT",
        "Why ExpressCluster runs a start script: START, FAILOVER or RECOVER. If it is set, the caller is ExpressCluster.",
        "CLP_EVENT=START",
    ),
    manager(
        "CLP_GROUPNAME",
        "The name of the failover group. If it is set, the caller is ExpressCluster.",
        "CLP_GROUPNAME=failover1",
    ),
    manager(
        "CLP_DISK",
        "Whether the disk of the group was mounted: SUCCESS, or the site is not started.",
        "CLP_DISK=SUCCESS",
    ),
    manager(
        "CLP_PATH",
        "Where ExpressCluster is installed, for its command that writes the alert log.",
        "CLP_PATH=/opt/nec/clusterpro",
    ),
    given(
        "SITEWARD_SITE",
        "The name of the site. The command of notify gets it too.",
        "SITEWARD_SITE=shop",
    ),
    given(
        "SITEWARD_PROCESS",
        "The name of the process, also for its helper commands. The command of notify gets the process that the event is about.",
        "SITEWARD_PROCESS=web",
    ),
    given(
        "SITEWARD_INSTANCE",
        "The number of the instance, for a process with instances.",
        "SITEWARD_INSTANCE=1",
    ),
    given(
        "SITEWARD_MARK",
        "The mark by which a process of the site is found: the runtime directory and the name. It must be left as it is.",
        "SITEWARD_MARK=/run/siteward/shop:web",
    ),
    given(
        "SITEWARD_TOKEN",
        "The secret that proves the mark. It must be left as it is, and not be printed.",
        "SITEWARD_TOKEN=6f1d0a7be24c935580c1f4a2d7e9b306",
    ),
    given(
        "SITEWARD_REASON",
        "Why the site fails, for the command of on_failure.",
        "SITEWARD_REASON='the process `web` has died: signal 11'",
    ),
    given(
        "MAINPID",
        "The PID of the main process, for helper commands such as on_failure and exec in ready.",
        "MAINPID=4711",
    ),
    given(
        "NOTIFY_SOCKET",
        "The socket to which a process with notify: true writes READY=1, as sd_notify(3) tells.",
        "NOTIFY_SOCKET=/run/siteward/.notify/c3d1",
    ),
    given(
        "LISTEN_FDS",
        "How many listening sockets a process inherits, from descriptor 3 on, as sd_listen_fds(3) tells.",
        "LISTEN_FDS=1",
    ),
    given(
        "LISTEN_PID",
        "The PID of the process that the sockets are meant for.",
        "LISTEN_PID=4711",
    ),
    told("SITEWARD_EVENT", "What happened, in one word.", "SITEWARD_EVENT=failed"),
    told("SITEWARD_NODE", "The node where it happened.", "SITEWARD_NODE=node1"),
    told("SITEWARD_AT", "When it happened, in UTC.", "SITEWARD_AT=2026-11-26T14:00:00.000Z"),
    told(
        "SITEWARD_DETAIL",
        "What happened, in a sentence.",
        "SITEWARD_DETAIL='the process `web` has died'",
    ),
];
