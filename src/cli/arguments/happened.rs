//! Of the verbs that tell what happened to a site.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::common::SiteArgument;
use super::values::read_tail;
use crate::cli::past::read_past;
use crate::operator::TailLength;

#[derive(Args, Debug)]
pub(in crate::cli) struct HistoryArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// Only from this time on: how long ago, like 2h, or a time like 14:00, 2026-11-21 or
    /// "2026-11-21 18:00"
    #[arg(long, value_name = "TIME", value_parser = read_past)]
    pub(in crate::cli) since: Option<Timestamp>,
    /// Only what failed, with what followed
    #[arg(long)]
    pub(in crate::cli) failed: bool,
    /// Only what happened on this node
    #[arg(long, value_name = "NODE")]
    pub(in crate::cli) node: Option<String>,
    /// Only the last NUMBER entries
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(in crate::cli) lines: Option<usize>,
    /// Go on with what is added, until Ctrl-C
    #[arg(short, long, conflicts_with = "interrupted")]
    pub(in crate::cli) follow: bool,
    /// Print one JSON object for each entry, as it stands in the file
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Show which operations of the definition a start of the service interrupted, and what to run
    /// again; exits with 1 if there is one. Also the last takeover after an unclean end: how long nobody
    /// served, and what becomes of the jobs of a JobCenter site
    #[arg(long, conflicts_with_all = ["failed", "node", "lines"])]
    pub(in crate::cli) interrupted: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct LogsArguments {
    /// Name of the site [default: $SITEWARD_SITE, else the only site that is defined]. If the first
    /// word is the name of no site, it is a process of the default site
    #[arg(value_name = "SITE")]
    pub(in crate::cli) site: Option<String>,
    /// Only these processes; `web` is every instance of it, `siteward` the supervisor [default: all]
    #[arg(value_name = "PROCESS")]
    pub(in crate::cli) processes: Vec<String>,
    /// Continue with each line that is printed, also across restarts, until Ctrl-C
    #[arg(short, long, conflicts_with = "last_run")]
    pub(in crate::cli) follow: bool,
    /// Print the last lines only: N of all processes together, or `all` [default: 100, but all
    /// with --since and --last-run]
    #[arg(short = 'n', long, value_name = "N", value_parser = read_tail)]
    pub(in crate::cli) tail: Option<TailLength>,
    /// Print what was printed since then: a duration like 2h, or a time like 14:00 or "2026-11-26
    /// 10:00". Lines have no time of their own: up to 5 seconds too much may be printed, more where
    /// no supervisor ran, and for times long ago
    #[arg(long, value_name = "TIME", value_parser = read_past, conflicts_with = "last_run")]
    pub(in crate::cli) since: Option<Timestamp>,
    /// Print what the process that died last had printed in the run that died; of each PROCESS
    /// that is named, the run that died last, else the run that ended last
    #[arg(long)]
    pub(in crate::cli) last_run: bool,
    /// Do not print the name of the process before each line
    #[arg(long, alias = "no-log-prefix")]
    pub(in crate::cli) no_prefix: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct ReportArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// The file to write; `-` is standard output [default: SITE-DATE.html in the current directory]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Leave out what was over before that time: a duration like 2h, or a time like 14:00,
    /// 2026-11-26 or "2026-11-26 14:00" [default: the whole history]
    #[arg(long, value_name = "TIME", value_parser = read_past)]
    pub(in crate::cli) since: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct TimelineArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// Leave out what was over before that time: a duration like 2h, or a time like 14:00,
    /// 2026-11-26 or "2026-11-26 14:00" [default: the whole history]
    #[arg(long, value_name = "TIME", value_parser = read_past)]
    pub(in crate::cli) since: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct WorkArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// Hand this item, by its path as it is shown, or `all`, to the command of `hand_to`; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) rerun: Vec<String>,
    /// Do nothing with this item, or `all`; the history keeps it; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) drop: Vec<String>,
    /// Print one JSON object for each item
    #[arg(long, conflicts_with_all = ["rerun", "drop"])]
    pub(in crate::cli) json: bool,
}
