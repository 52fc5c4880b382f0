//! The words that a person or a script may type, as clap reads them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use super::hidden::Hidden;
use super::past::read_past;
use crate::linux::clock::WallTime;
use crate::manager::Manager;
use crate::operator::{FilledIn, Generator, TailLength};

/// Runs a site, the group of processes that fails over as a unit, and answers its cluster manager
#[derive(Debug, Parser)]
#[command(
    name = "siteward",
    version,
    propagate_version = true,
    // A generated command may be given another directory by hand: the last one counts.
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: CommonOptions,
    #[command(subcommand)]
    pub(super) verb: PersonVerb,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(super) struct CommonOptions {
    /// Directory of the definitions [default for root: /etc/siteward/sites]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) config_dir: Option<PathBuf>,
    /// Runtime directory, for sockets, locks and state files [default for root: /run/siteward]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) runtime_dir: Option<PathBuf>,
    /// Directory of the logs [default for root: /var/log/siteward]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) log_dir: Option<PathBuf>,
    /// Directory of the links to databases [default for root: /var/lib/siteward]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) link_dir: Option<PathBuf>,
    /// Use the exit codes and messages of this cluster manager [default: the one that calls]
    #[arg(long = "as", global = true, value_name = "MANAGER")]
    pub(super) manager: Option<ManagerName>,
    /// Time limit of the command, like 90s or 3m
    #[arg(long, global = true, value_name = "TIME", value_parser = crate::site::duration::parse)]
    pub(super) timeout: Option<Duration>,
    /// Print nothing on success
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Print more; given twice, also debug messages
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum ManagerName {
    Pacemaker,
    Clusterware,
    Serviceguard,
    Expresscluster,
    /// No cluster manager: the codes of an LSB init script
    Hand,
    /// Each of them in turn, for `rehearse` only
    All,
}

impl From<ManagerName> for Manager {
    fn from(name: ManagerName) -> Self {
        match name {
            ManagerName::Pacemaker => Self::Pacemaker,
            ManagerName::Clusterware => Self::Clusterware,
            ManagerName::Serviceguard => Self::Serviceguard,
            ManagerName::Expresscluster => Self::Expresscluster,
            // No manager is all of them, so a person typed it.
            ManagerName::Hand | ManagerName::All => Self::Hand,
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct SiteArgument {
    /// Name of the site, which is its definition's file name without `.yaml` [default:
    /// $SITEWARD_SITE, else the only site that is defined]
    #[arg(value_name = "SITE")]
    pub(super) name: Option<String>,
}

/// Of a verb that takes time.
#[derive(Args, Debug)]
pub(super) struct SlowArguments {
    #[command(flatten)]
    pub(super) site: SiteArgument,
    #[command(flatten)]
    pub(super) wait: WaitArguments,
}

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct WaitArguments {
    /// Return as soon as the order is under way; see the result with `status`
    #[arg(long)]
    pub(super) no_wait: bool,
    /// This is the process that carries it out; its answer goes to descriptor 3
    #[arg(long, hide = true)]
    pub(super) in_background: bool,
}

#[derive(Args, Debug)]
pub(super) struct MonitorArguments {
    #[command(flatten)]
    pub(super) site: SiteArgument,
    /// 0: ask the supervisor; 10: also check that each process lives; 20: also run each health check
    #[arg(long, default_value_t = 0, value_name = "LEVEL", value_parser = level())]
    pub(super) level: u32,
    /// Also print how the processes are tracked on this node, and how the last stop was proved
    #[arg(long)]
    pub(super) explain: bool,
}

#[derive(Args, Debug)]
pub(super) struct StatusArguments {
    /// Names of sites [default: $SITEWARD_SITE, else all sites that are defined]
    #[arg(value_name = "SITE")]
    pub(super) names: Vec<String>,
    /// 0: ask the supervisor; 10: also check that each process lives; 20: also run each health check
    #[arg(long, default_value_t = 0, value_name = "LEVEL", value_parser = level())]
    pub(super) level: u32,
    /// Also print how the processes are tracked on this node, and how the last stop was proved
    #[arg(long)]
    pub(super) explain: bool,
    /// Draw it again every second, or as often as given, and at once when the site is not well any more. The
    /// CPU is then the mean since the last drawing, and else since the process was started
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1s",
        value_parser = read_pace,
        conflicts_with = "explain"
    )]
    pub(super) watch: Option<Duration>,
    /// Print one JSON object for each site
    #[arg(long, conflicts_with = "explain")]
    pub(super) json: bool,
    /// Do not show the last failure any more; the history keeps it
    #[arg(long, conflicts_with_all = ["explain", "watch", "json", "level"])]
    pub(super) clear_failure: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum PersonVerb {
    /// Start the site and wait until every process is ready
    Start(SlowArguments),
    /// Stop the site: in reverse order, then SIGTERM, then SIGKILL; succeeds only if nothing of it lives
    Stop(SlowArguments),
    /// Show how a site is, or all sites: state, processes, disk, and the last failure
    Status(StatusArguments),
    /// Look at the site once, in the word of Pacemaker; `status` tells more
    Monitor(MonitorArguments),
    /// The same as `monitor`, in the word of Clusterware
    Check(MonitorArguments),
    /// Kill every process of the site at once, without a graceful stop; succeeds only if none is left
    Clean {
        #[command(flatten)]
        site: SiteArgument,
        /// Also break the database's lease of another node; only if that node is certainly off
        #[arg(long)]
        break_lease: bool,
    },
    /// Run the site in the foreground; SIGTERM stops it in order
    Run {
        #[command(flatten)]
        site: SiteArgument,
        /// While this file exists, do not exit when the site fails; exit once it is removed
        #[arg(long, value_name = "FILE")]
        maintenance_flag: Option<PathBuf>,
    },
    /// Watch the site, and exit as soon as it is not well
    Watch {
        #[command(flatten)]
        site: SiteArgument,
        /// While this file exists, ignore the state of the site
        #[arg(long, value_name = "FILE")]
        maintenance_flag: Option<PathBuf>,
    },
    /// Check the definition, and whether this node can run it
    ValidateAll {
        #[command(flatten)]
        site: SiteArgument,
        /// 0: check the definition only; 10: also the programs, users and directories of this node
        #[arg(long, default_value_t = 10, value_name = "LEVEL", value_parser = level())]
        level: u32,
    },
    /// Print the OCF meta-data of the Pacemaker agent
    MetaData,
    /// Stop the processes and keep the supervisor, so that the cluster manager sees a healthy site
    Pause {
        #[command(flatten)]
        site: SiteArgument,
        /// The reason, which `status` shows
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// The planned end, which `status` shows: a time like 18:00 or "2026-11-21 18:00", or a
        /// duration like 2h
        #[arg(long, value_name = "TIME", value_parser = read_until)]
        until: Option<WallTime>,
        #[command(flatten)]
        wait: WaitArguments,
    },
    /// Start the processes of a paused site again
    Resume(SlowArguments),
    /// Start a new supervisor for a site whose supervisor was killed, without a restart of its processes
    Adopt(SiteArgument),
    /// Tell each process that has a `reload` in the definition to read its configuration again
    Reload(SiteArgument),
    /// Create a site: its definition, its database directory and a link to that directory
    Create(CreateArguments),
    /// Print the configuration that adds the site to a cluster manager or to systemd
    Generate {
        /// The cluster manager, or the tool that configures it
        #[arg(value_name = "FOR")]
        generator: Generator,
        #[command(flatten)]
        site: SiteArgument,
        /// Put this value in the place of a placeholder, like DEVICE=/dev/sdb1; may be given for each of them
        #[arg(long = "set", value_name = "PLACEHOLDER=VALUE")]
        values: Vec<FilledIn>,
    },
    /// Show what happened to the site, on every node: when, why, by whose order, and how long it took
    History(HistoryArguments),
    /// Compute how long a failover takes: at worst, usually, and which number to change first
    Timing(TimingArguments),
    /// Print the state of all sites as numbers, in the text format of OpenMetrics and Prometheus
    Metrics {
        /// Name of the site [default: every site]
        #[arg(value_name = "SITE")]
        name: Option<String>,
        /// Replace this file instead, as node_exporter's textfile collector reads it
        #[arg(long, value_name = "FILE", value_parser = read_file_name)]
        write: Option<PathBuf>,
    },
    /// List the processes that use the site's database
    Holders(SiteArgument),
    /// Print what the processes and the supervisor of the site have printed, merged by time
    Logs(LogsArguments),
    /// Write a page of HTML about what happened to the site: a timeline, outages, faults, starts
    Report(ReportArguments),
    /// Draw in the terminal what happened to the site, on every node
    Timeline(TimelineArguments),
    /// Find what would break the site at its next start or failover
    ///
    /// Exit codes: 0 nothing to mend, 1 at least one error, 10 only warnings; 2 to 6 if the checks
    /// could not be begun.
    Doctor(DoctorArguments),
    /// List all sites that are defined on this node
    List {
        /// Print one JSON object for each site
        #[arg(long)]
        json: bool,
    },
    /// Explain a message, a state, an exit code or a key of the definition
    Explain {
        /// The identifier at the end of a message, a state, a number, or a key; without one, all are listed
        #[arg(value_name = "WORD")]
        word: Option<String>,
    },
    /// Act as the cluster manager: start, kill and stop a site, and check every answer
    Rehearse {
        /// A site of your own, which must be stopped [default: a built-in sample]
        #[arg(value_name = "SITE")]
        name: Option<String>,
        /// Print one JSON object for each step
        #[arg(long)]
        json: bool,
        /// Do not ask for confirmation before a site of your own is killed
        #[arg(long)]
        yes: bool,
    },
    #[command(flatten)]
    Hidden(Hidden),
}

#[derive(Args, Debug)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    pub(super) site: SiteArgument,
    /// Only from this time on: how long ago, like 2h, or a time like 14:00, 2026-11-21 or
    /// "2026-11-21 18:00"
    #[arg(long, value_name = "TIME", value_parser = read_past)]
    pub(super) since: Option<Timestamp>,
    /// Only what failed, with what followed
    #[arg(long)]
    pub(super) failed: bool,
    /// Only what happened on this node
    #[arg(long, value_name = "NODE")]
    pub(super) node: Option<String>,
    /// Only the last entries
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(super) lines: Option<usize>,
    /// Go on with what is added, until Ctrl-C
    #[arg(short, long, conflicts_with = "interrupted")]
    pub(super) follow: bool,
    /// Print one JSON object for each entry, as it stands in the file
    #[arg(long)]
    pub(super) json: bool,
    /// Show which operations of the definition a start of the service interrupted, and what to run
    /// again; exits with 1 if there is one
    #[arg(long, conflicts_with_all = ["failed", "node", "lines"])]
    pub(super) interrupted: bool,
}

#[derive(Args, Debug)]
pub(super) struct LogsArguments {
    /// Name of the site [default: $SITEWARD_SITE, else the only site that is defined]. If the first
    /// word is the name of no site, it is a process of the default site
    #[arg(value_name = "SITE")]
    pub(super) site: Option<String>,
    /// Only these processes; `web` is every instance of it, `siteward` the supervisor [default: all]
    #[arg(value_name = "PROCESS")]
    pub(super) processes: Vec<String>,
    /// Continue with each line that is printed, also across restarts, until Ctrl-C
    #[arg(short, long, conflicts_with = "last_run")]
    pub(super) follow: bool,
    /// Print the last lines only: N of all processes together, or `all` [default: 100, but all
    /// with --since and --last-run]
    #[arg(short = 'n', long, value_name = "N", value_parser = read_tail)]
    pub(super) tail: Option<TailLength>,
    /// Print what was printed since then: a duration like 2h, or a time like 14:00 or "2026-11-26
    /// 10:00". Lines have no time of their own: up to 5 seconds too much may be printed, more where
    /// no supervisor ran, and for times long ago
    #[arg(long, value_name = "TIME", value_parser = read_past, conflicts_with = "last_run")]
    pub(super) since: Option<Timestamp>,
    /// Print what the process that died last had printed in the run that died; of each PROCESS
    /// that is named, the run that died last, else the run that ended last
    #[arg(long)]
    pub(super) last_run: bool,
    /// Do not print the name of the process before each line
    #[arg(long, alias = "no-log-prefix")]
    pub(super) no_prefix: bool,
}

fn read_tail(text: &str) -> Result<TailLength, String> {
    match text.parse() {
        Ok(count) => Ok(TailLength::Lines(count)),
        Err(_) if text == "all" => Ok(TailLength::All),
        Err(_) => Err(format!("`{text}` is neither a number of lines nor `all`")),
    }
}

#[derive(Args, Debug)]
pub(super) struct DoctorArguments {
    /// Name of the site [default: every site that is defined here]
    #[arg(value_name = "SITE")]
    pub(super) name: Option<String>,
    /// This node is to run the site: also check its disk and its address, which are else only
    /// checked where the site is up
    #[arg(long)]
    pub(super) here: bool,
    /// Print one JSON object for each site
    #[arg(long)]
    pub(super) json: bool,
    /// Print the facts of this node that must be the same on every node, without secrets. On another
    /// node: ssh node2 siteward doctor shop --export > node2.json
    #[arg(long, conflicts_with_all = ["here", "compare"])]
    pub(super) export: bool,
    /// Print the differences between the exported facts of nodes. One file alone is compared with this
    /// node; `-` stands for this node among others
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["name", "here"])]
    pub(super) compare: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct TimingArguments {
    #[command(flatten)]
    pub(super) site: SiteArgument,
    /// Read Pacemaker's configuration from this file, which `cibadmin -Q` has written
    #[arg(long, value_name = "FILE")]
    pub(super) cib: Option<PathBuf>,
    /// Read the resources of Clusterware from this file, which `crsctl stat res -p` has written
    #[arg(long, value_name = "FILE")]
    pub(super) crsctl: Option<PathBuf>,
    /// Read this configuration file of a Serviceguard package
    #[arg(long, value_name = "FILE")]
    pub(super) package: Option<PathBuf>,
    /// Name of the manager's resource or package [default: the one that runs the site]
    #[arg(long, value_name = "NAME")]
    pub(super) resource: Option<String>,
    /// Compute the times of this action script, which must be the one of JobCenter's cluster manual,
    /// instead of siteward's
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct ReportArguments {
    #[command(flatten)]
    pub(super) site: SiteArgument,
    /// The file to write; `-` is standard output [default: SITE-DATE.html in the current directory]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(super) force: bool,
    /// Leave out what was over before that time: a duration like 2h, or a time like 14:00,
    /// 2026-11-26 or "2026-11-26 14:00" [default: the whole history]
    #[arg(long, value_name = "TIME", value_parser = read_past)]
    pub(super) since: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(super) struct TimelineArguments {
    #[command(flatten)]
    pub(super) site: SiteArgument,
    /// Leave out what was over before that time: a duration like 2h, or a time like 14:00,
    /// 2026-11-26 or "2026-11-26 14:00" [default: the whole history]
    #[arg(long, value_name = "TIME", value_parser = read_past)]
    pub(super) since: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(super) struct CreateArguments {
    /// Name of the new site
    #[arg(value_name = "SITE")]
    pub(super) name: String,
    /// Its database directory
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) database: Option<PathBuf>,
    /// Its virtual host name [default: SITE]
    #[arg(long = "site", value_name = "HOST")]
    pub(super) host: Option<String>,
    /// Its machine ID
    #[arg(long, value_name = "NUMBER")]
    pub(super) machine_id: Option<u32>,
    /// Its relocatable IP address
    #[arg(long, value_name = "ADDRESS")]
    pub(super) address: Option<std::net::IpAddr>,
    /// Its supervisor is JobCenter's
    #[arg(long, conflicts_with = "words")]
    pub(super) jobcenter: bool,
    /// Its database is not on a file system of its own that has to be mounted
    #[arg(long)]
    pub(super) unmounted: bool,
    /// The program that it runs, and its arguments
    #[arg(last = true, value_name = "PROGRAM")]
    pub(super) words: Vec<String>,
}

/// The levels that there are; Pacemaker's may be any number.
fn level() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=20)
}

/// How often a watch may draw.
const FASTEST: Duration = Duration::from_millis(200);

fn read_pace(text: &str) -> Result<Duration, String> {
    let pace = crate::site::duration::parse(text)?;
    if pace < FASTEST {
        return Err(format!("`{text}` is too short: it is drawn every 200ms at most"));
    }
    Ok(pace)
}

fn read_until(text: &str) -> Result<WallTime, String> {
    let long = crate::site::duration::parse(text).ok().map(|time| WallTime::now().after(time));
    let at = long.or_else(|| WallTime::parse(text)).ok_or_else(|| {
        format!(
            "`{text}` is neither a time like 18:00 or \"2026-11-21 18:00\" nor a duration like 2h"
        )
    })?;
    if at <= WallTime::now() {
        return Err(format!("{} is past", at.local_and_utc()));
    }
    Ok(at)
}

/// A file to write: `-` would be a file of that name.
fn read_file_name(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("a file must be named".to_owned()),
        "-" => Err("without --write the metrics are printed".to_owned()),
        name => Ok(PathBuf::from(name)),
    }
}
