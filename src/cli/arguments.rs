//! The words that a person or a script may type, as clap reads them.

mod common;
mod happened;
mod prepared;
mod running;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::hidden::Hidden;
use crate::linux::clock::WallTime;
use crate::operator::{FilledIn, Generator};
use values::{read_file_name, read_until};

pub(super) use common::{CommonOptions, FolderOptions, ManagerName, SiteArgument};
pub(super) use happened::WorkArguments;
pub(super) use happened::{HistoryArguments, LogsArguments, ReportArguments, TimelineArguments};
pub(super) use prepared::{CreateArguments, DoctorArguments, TimingArguments, ValidateArguments};
pub(super) use running::{MonitorArguments, SlowArguments, StatusArguments, WaitArguments};

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

#[derive(Debug, Subcommand)]
pub(super) enum PersonVerb {
    /// Start the site and wait until every process is ready
    Start(SlowArguments),
    /// Stop the site: in reverse order, then SIGTERM, then SIGKILL; succeeds only if nothing of it lives
    Stop(SlowArguments),
    /// Show how a site is, or all sites: state, processes, disk, and the last failure
    Status(StatusArguments),
    /// Look at the site once, and answer by the exit code; `status` shows more
    Monitor(MonitorArguments),
    /// The same as `monitor`, by the name that Clusterware uses
    Check(MonitorArguments),
    /// Kill every process of the site at once, without a graceful stop; succeeds only if none is left
    Clean {
        #[command(flatten)]
        site: SiteArgument,
        /// Also break the lease that another node has on the database; only if that node is certainly off
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
    /// Check definitions, also in files that are not installed, and whether this node can run the site
    ValidateAll(ValidateArguments),
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
        /// duration like 2h. The site stays paused until `resume`
        #[arg(long, value_name = "TIME", value_parser = read_until)]
        until: Option<WallTime>,
        /// First stop new work, by `drain` of the definition, and wait until what runs has ended, at most for the
        /// time limit of the command, or that of `drain`; else the site is left as it was
        #[arg(long, conflicts_with = "no_wait")]
        drain: bool,
        /// With --drain: pause the site even if its work does not end in its time
        #[arg(long, requires = "drain")]
        anyway: bool,
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
    /// Show the work that a failover interrupted and that nobody has decided on, or decide on it
    Work(WorkArguments),
    /// Compute how long a failover takes: at worst, usually, and which number to change first
    Timing(TimingArguments),
    /// Print the state of all sites as numbers, in the text format of OpenMetrics and Prometheus
    Metrics {
        /// Name of the site [default: every site]
        #[arg(value_name = "SITE")]
        name: Option<String>,
        /// Write them to this file instead, which is replaced as a whole: for node_exporter's textfile
        /// collector
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
