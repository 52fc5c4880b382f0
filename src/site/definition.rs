//! The parts of a definition as values: all defaults applied, all names resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::prerequisites::Prerequisites;
use super::telling::{Notify, Operation};
use super::work::{Drain, WorkKind};
use super::wrapped::{Jobcenter, Wrapped};
use crate::linux::capabilities::Capabilities;
use crate::linux::limits::Limit;
use crate::values::Signal;

/// The name of a site: its definition's file name without `.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteName(String);

impl SiteName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SiteName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        let good = !text.is_empty()
            && text.len() <= 63
            && text.chars().all(inner)
            && !text.starts_with(['.', '-']);
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` cannot be the name of a site: it must be 1 to 63 characters of a-z, 0-9, `.` \
             and `-`, and begin with a letter or digit"
        ))
    }
}

impl TryFrom<String> for SiteName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SiteName> for String {
    fn from(name: SiteName) -> Self {
        name.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole site.
#[derive(Clone, Debug)]
pub struct Definition {
    pub name: SiteName,
    /// The virtual host name.
    pub site: String,
    pub machine_id: Option<u32>,
    pub database: Option<PathBuf>,
    pub address: Option<IpAddr>,
    pub boot_timeout: Duration,
    pub stop_timeout: Duration,
    pub given: Given,
    pub forcekill_time: Duration,
    pub countmax: u32,
    pub countsleep: Duration,
    pub degraded_is: DegradedIs,
    pub degraded_after: Duration,
    pub settle: Duration,
    pub prerequisites: Prerequisites,
    pub reserve_ports: Vec<Reservation>,
    pub holders: Holders,
    /// Run before a start that follows an unclean end.
    pub on_unclean_shutdown: Option<Evidence>,
    /// The command that is told of what happens.
    pub notify: Option<Notify>,
    /// What is looked for in logs after a failover.
    pub operations: Vec<Operation>,
    /// What its programs work on, by files on the database.
    pub work: Vec<WorkKind>,
    /// How new work is stopped before a pause.
    pub drain: Option<Drain>,
    /// Its user, its directory and its limits.
    pub context: Context,
    /// How its own log is kept; a process has its own.
    pub logging: Logging,
    /// The site comes up with its processes held down.
    pub maintenance: bool,
    /// Files and folders outside the database of which each node has a copy.
    pub same_on_all_nodes: Vec<PathBuf>,
    /// In the order of the file, instances not yet told apart.
    /// Shared by all that is made of this definition: nothing changes them.
    pub processes: Arc<[Process]>,
    /// The site has a supervisor of its own, and no process that ours would start.
    pub wrapped: Option<Wrapped>,
    /// Changes whenever the text of the definition does.
    pub fingerprint: String,
    /// The text that was read: the supervisor keeps it as its snapshot.
    pub text: String,
    /// Things that are allowed and probably not meant.
    pub warnings: Vec<String>,
}

/// Which of the timeouts stand in the definition, and are not a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub boot_timeout: bool,
    pub stop_timeout: bool,
}

/// How a stop treats processes that use the site's database and are not of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holders {
    /// Names them.
    Report,
    /// TERM, and KILL `forcekill_time` later.
    Terminate,
    Kill,
}

/// How a manager is told of a degraded site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DegradedIs {
    Running,
    Degraded,
}

/// A TCP port that is held from before the first process on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub address: IpAddr,
    pub port: u16,
    /// Its process, as an index into the definition's list; None: the wrapped supervisor.
    pub process: Option<usize>,
    /// The process is given the listening socket (sd_listen_fds(3)), else it binds itself.
    pub pass: bool,
}

/// One process of a site, or several alike.
#[derive(Clone, Debug)]
pub struct Process {
    pub name: String,
    pub command: Vec<String>,
    pub instances: u32,
    /// The processes that must be ready before, as indices into the definition's list.
    pub depends_on: Vec<usize>,
    pub essential: bool,
    pub oneshot: bool,
    pub forks: bool,
    pub pid_file: Option<PathBuf>,
    pub ready: Ready,
    /// How long the process may take to get ready; None: as long as the site may take to boot.
    pub ready_timeout: Option<Duration>,
    pub healthcheck: Option<Healthcheck>,
    pub restart: Option<Restart>,
    pub stop_signal: Signal,
    pub stop_command: Option<Vec<String>>,
    pub stop_grace_period: Duration,
    pub reload: Option<Reload>,
    pub on_failure: Option<Evidence>,
    pub context: Context,
    pub logging: Logging,
}

/// How a process says that it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Its program runs.
    AtExec,
    /// It says so by sd_notify(3).
    Notify,
    /// A connection to this host and port is accepted.
    Tcp(String),
    /// A connection to this socket of unix(7) is accepted.
    Socket(PathBuf),
    /// This file is there.
    File(PathBuf),
    /// It prints something that matches.
    Log(String),
    /// This command ends with 0.
    Exec(Vec<String>),
    /// It has run for so long.
    Delay(Duration),
}

/// A periodic check, in Compose's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthcheck {
    pub test: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub retries: u32,
    pub start_period: Duration,
}

/// How often and how soon a process that died is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    pub attempts: u32,
    pub within: Duration,
    pub delay: Duration,
    pub max_delay: Duration,
}

/// How a process is told to read its configuration again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    Signal(Signal),
    Command(Vec<String>),
}

/// A command with a time of its own: one that gathers evidence before the rest of a failed site is
/// stopped, or one that looks after a database that was not closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub command: Vec<String>,
    pub timeout: Duration,
}

/// The user, the directory and the limits of a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    pub user: Option<String>,
    pub group: Option<String>,
    pub working_directory: Option<PathBuf>,
    pub environment: BTreeMap<String, String>,
    pub env_file: Vec<PathBuf>,
    pub ulimits: Vec<Limit>,
    pub umask: Option<u32>,
    /// The capabilities that the process and all its programs are bounded to; None: those of siteward.
    pub capabilities: Option<Capabilities>,
    /// No program that it starts gains rights by its mode or its file (prctl(2)).
    pub no_new_privileges: bool,
    pub oom_score_adj: Option<i32>,
}

/// How what is printed is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// The size at which a file is set aside and begun anew, in bytes.
    pub max_size: u64,
    /// How many files there are, the one that is written to included.
    pub max_file: u32,
    /// Each line also goes to the node's journal.
    pub journal: bool,
}

/// The name of one instance: the process's own where there is but one, else `web@1`, `web@2`, ...
/// (`@` is not allowed in a name, so it cannot meet another).
pub fn instance_name(process: &Process, number: u32) -> String {
    if process.instances == 1 { process.name.clone() } else { format!("{}@{number}", process.name) }
}

impl Definition {
    /// The part of a stop's deadline that is kept for KILL, sweep and proof.
    pub fn kill_reserve(&self) -> Duration {
        self.forcekill_time + Duration::from_secs(2)
    }

    /// The profile of JobCenter, if its supervisor is cjcpw.
    pub fn jobcenter(&self) -> Option<&Jobcenter> {
        self.wrapped.as_ref()?.jobcenter.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sites() {
        for good in ["a", "testsite", "a.b-c.9", "9", &"x".repeat(63)] {
            assert!(good.parse::<SiteName>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "A", "a/b", "a_b", "a b", "..", "ä", &"x".repeat(64), "a\n"] {
            assert!(bad.parse::<SiteName>().is_err(), "{bad}");
        }
    }
}
