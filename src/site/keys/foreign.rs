//! The words that other programs have for keys of a definition.

/// A word of another program's.
#[derive(Clone, Copy, Debug)]
pub(in crate::site) struct ForeignWord {
    /// In lower case, without `_` and `-`.
    word: &'static str,
    /// The map in which it is meant so; None: any.
    under: Option<&'static str>,
    /// The key of a definition, by its path; empty: there is none.
    pub(in crate::site) path: &'static str,
    /// What else has to be known.
    pub(in crate::site) why: &'static str,
}

const fn of(word: &'static str, path: &'static str) -> ForeignWord {
    ForeignWord { word, under: None, path, why: "" }
}

const fn why(word: &'static str, path: &'static str, why: &'static str) -> ForeignWord {
    ForeignWord { word, under: None, path, why }
}

const fn under(under: &'static str, word: &'static str, path: &'static str) -> ForeignWord {
    ForeignWord { word, under: Some(under), path, why: "" }
}

const P: &str = "processes.*";
const COMMAND: &str = "processes.*.command";
const STOP_GRACE: &str = "processes.*.stop_grace_period";
const STOP_SIGNAL: &str = "processes.*.stop_signal";
const STOP_COMMAND: &str = "processes.*.stop_command";
const DEPENDS_ON: &str = "processes.*.depends_on";
const RESTART: &str = "processes.*.restart";
const ATTEMPTS: &str = "processes.*.restart.attempts";
const WITHIN: &str = "processes.*.restart.within";
const DELAY: &str = "processes.*.restart.delay";
const READY: &str = "processes.*.ready";
const READY_DELAY: &str = "processes.*.ready.delay";
const READY_TIMEOUT: &str = "processes.*.ready.timeout";
const ONESHOT: &str = "processes.*.oneshot";
const HEALTHCHECK: &str = "processes.*.healthcheck";
const TEST: &str = "processes.*.healthcheck.test";
const INSTANCES: &str = "processes.*.instances";
const ON_FAILURE: &str = "processes.*.on_failure";
const RELOAD: &str = "processes.*.reload";

const NO_CONTAINER: &str = "siteward starts programs, and no containers";
const NO_DEATH: &str = "whether a death fails the site is said by `essential` and `restart`";
const TREE: &str = "a stop always ends the process with all that it has started";
const OUTPUT: &str = "what a process prints is always kept";

/// One for a single map counts before one for any.
const WORDS: &[ForeignWord] = &[
    // Words that are keys elsewhere in a definition, or mean something else there.
    under("", "timeout", "boot_timeout"),
    under("", "command", COMMAND),
    under(P, "timeout", READY_TIMEOUT),
    under(P, "stoptimeout", STOP_GRACE),
    under(P, "boottimeout", READY_TIMEOUT),
    under(P, "signal", STOP_SIGNAL),
    under(P, "start", COMMAND),
    under(P, "stop", STOP_COMMAND),
    under(P, "delay", READY_DELAY),
    under(P, "attempts", ATTEMPTS),
    under(HEALTHCHECK, "command", TEST),
    under(HEALTHCHECK, "exec", TEST),
    under(HEALTHCHECK, "delay", "processes.*.healthcheck.start_period"),
    under(HEALTHCHECK, "attempts", "processes.*.healthcheck.retries"),
    under(HEALTHCHECK, "startinterval", "processes.*.healthcheck.start_period"),
    under(HEALTHCHECK, "initialdelayseconds", "processes.*.healthcheck.start_period"),
    under(RESTART, "retries", ATTEMPTS),
    under(RESTART, "interval", WITHIN),
    under(READY, "command", "processes.*.ready.exec"),
    under(READY, "port", "processes.*.ready.tcp"),
    under(READY, "unix", "processes.*.ready.socket"),
    under(READY, "regex", "processes.*.ready.log"),
    under(READY, "pattern", "processes.*.ready.log"),
    under("supervisor", "command", "supervisor.start"),
    under("supervisor", "status", "supervisor.list"),
    under("supervisor", "monitor", "supervisor.list"),
    under("supervisor", "name", "supervisor.profile"),
    under("prerequisites", "address", "prerequisites.address_present"),
    under("prerequisites.when_lost", "address", "prerequisites.when_lost.address_present"),
    under("prerequisites.when_lost", "disk", "prerequisites.when_lost.mounted"),
    under("prerequisites.when_lost", "database", "prerequisites.when_lost.mounted"),
    under("prerequisites", "disk", "prerequisites.mounted"),
    under("prerequisites", "mount", "prerequisites.mounted"),
    under("notify", "events", "notify.on"),
    under("operations.*", "file", "operations.*.log"),
    under("logging.options", "maxbackups", "logging.options.max-file"),
    // Compose.
    why("image", COMMAND, NO_CONTAINER),
    why("build", COMMAND, NO_CONTAINER),
    why("containername", "", "the name of a process is its key below `processes`"),
    of("entrypoint", COMMAND),
    of("services", "processes"),
    of("ports", "reserve_ports"),
    of("expose", "reserve_ports"),
    why(
        "volumes",
        "database",
        "the disk that moves with the site is mounted by the cluster manager",
    ),
    why("networks", "address", "the address is set up by the cluster manager"),
    of("deploy", INSTANCES),
    of("replicas", INSTANCES),
    of("scale", INSTANCES),
    of("restartpolicy", RESTART),
    of("maxattempts", ATTEMPTS),
    of("window", WITHIN),
    of("condition", DEPENDS_ON),
    of("env", "environment"),
    of("envfiles", "env_file"),
    of("sysctls", ""),
    of("links", DEPENDS_ON),
    of("privileged", "cap_drop"),
    why("init", "", TREE),
    of("hostname", "site"),
    // systemd.
    of("execstart", COMMAND),
    why("execstartpre", ONESHOT, "a process with `oneshot: true` before this one does the same"),
    why("execstartpost", ONESHOT, "a process with `oneshot: true` after this one does the same"),
    of("execstop", STOP_COMMAND),
    of("execstoppost", ON_FAILURE),
    of("execreload", RELOAD),
    of("execcondition", READY),
    of("timeoutstopsec", STOP_GRACE),
    of("timeoutstartsec", READY_TIMEOUT),
    of("timeoutsec", STOP_GRACE),
    of("restartsec", DELAY),
    of("startlimitburst", ATTEMPTS),
    of("startlimitintervalsec", WITHIN),
    of("startlimitinterval", WITHIN),
    of("killsignal", STOP_SIGNAL),
    of("environmentfile", "env_file"),
    of("limitnofile", "ulimits"),
    of("limitcore", "ulimits"),
    of("limitstack", "ulimits"),
    of("oomscoreadjust", "oom_score_adj"),
    of("capabilityboundingset", "cap_drop"),
    of("ambientcapabilities", "cap_add"),
    why("type", READY, "`forks: true` is systemd's forking, `oneshot: true` its oneshot"),
    of("after", DEPENDS_ON),
    of("requires", DEPENDS_ON),
    of("wants", DEPENDS_ON),
    of("bindsto", DEPENDS_ON),
    of("watchdogsec", HEALTHCHECK),
    of("standardoutput", "logging"),
    of("standarderror", "logging"),
    of("onfailure", ON_FAILURE),
    // supervisord, monit, runit.
    why("autorestart", RESTART, NO_DEATH),
    of("startretries", ATTEMPTS),
    of("stopwaitsecs", STOP_GRACE),
    of("startsecs", READY_DELAY),
    of("numprocs", INSTANCES),
    of("directory", "working_directory"),
    of("cwd", "working_directory"),
    of("chdir", "working_directory"),
    of("priority", DEPENDS_ON),
    why("stdoutlogfile", "logging", OUTPUT),
    why("stderrlogfile", "logging", OUTPUT),
    of("stdoutlogfilemaxbytes", "logging.max_size"),
    of("stdoutlogfilebackups", "logging.max_file"),
    of("autostart", "maintenance"),
    why("stopasgroup", "", TREE),
    why("killasgroup", "", TREE),
    of("programs", "processes"),
    of("program", COMMAND),
    // Kubernetes.
    of("livenessprobe", HEALTHCHECK),
    of("readinessprobe", READY),
    of("startupprobe", READY),
    why("args", COMMAND, "the arguments follow the program in the same list"),
    of("terminationgraceperiodseconds", STOP_GRACE),
    of("containers", "processes"),
    // Cluster managers and JobCenter.
    of("ip", "address"),
    of("vip", "address"),
    of("ipaddress", "address"),
    of("virtualip", "address"),
    of("sitename", "site"),
    of("host", "site"),
    of("virtualhost", "site"),
    of("mid", "machine_id"),
    of("db", "database"),
    of("dbpath", "database"),
    of("sitedb", "database"),
    of("disk", "database"),
    of("mount", "database"),
    of("filesystem", "database"),
    of("starttimeout", "boot_timeout"),
    of("forcekill", "forcekill_time"),
    of("killtimeout", "forcekill_time"),
    of("cjcpw", "supervisor"),
    of("jobcenter", "supervisor"),
    of("wrapped", "supervisor"),
    of("nqsstart", "supervisor.resume"),
    of("nqsstop", "supervisor.pause"),
    of("cjcls", "supervisor.list"),
    of("critical", "processes.*.essential"),
    of("pidfile", "processes.*.pid_file"),
    of("daemonize", "processes.*.forks"),
    of("daemon", "processes.*.forks"),
    of("dependson", DEPENDS_ON),
    of("needs", DEPENDS_ON),
];

/// What `word` in the map at `place` means where it comes from.
pub(in crate::site) fn foreign(place: &str, word: &str) -> Option<&'static ForeignWord> {
    let plain: String =
        word.chars().filter(|c| !['_', '-'].contains(c)).map(|c| c.to_ascii_lowercase()).collect();
    let fits = |under: Option<&str>| {
        WORDS.iter().find(|foreign| foreign.word == plain && foreign.under == under)
    };
    fits(Some(place)).or_else(|| fits(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::keys::{at, find};

    #[test]
    fn each_foreign_word_means_a_key_or_says_why_there_is_none() {
        for foreign in WORDS {
            assert!(foreign.path.is_empty() || at(foreign.path).is_some(), "{foreign:?}");
            let under = foreign.under.filter(|under| !under.is_empty());
            assert!(under.is_none_or(|under| at(under).is_some()), "{foreign:?}");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!(foreign.word.chars().all(plain), "{foreign:?}");
        }
        assert!(find("image").is_empty());
        assert_eq!(foreign("", "timeout").map(|f| f.path), Some("boot_timeout"));
        assert_eq!(foreign(P, "timeout").map(|f| f.path), Some(READY_TIMEOUT));
        assert_eq!(foreign("notify", "image").map(|f| f.path), Some(COMMAND));
        assert!(foreign("reload", "timeout").is_none());
    }
}
