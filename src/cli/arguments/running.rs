//! Of the verbs that start, stop and look at a site.

use std::time::Duration;

use clap::Args;

use super::common::SiteArgument;
use super::values::{level, read_pace};

/// Of a verb that takes time.
#[derive(Args, Debug)]
pub(in crate::cli) struct SlowArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    #[command(flatten)]
    pub(in crate::cli) wait: WaitArguments,
}

#[derive(Args, Clone, Copy, Debug)]
pub(in crate::cli) struct WaitArguments {
    /// Return as soon as the order is under way; see the result with `status`
    #[arg(long)]
    pub(in crate::cli) no_wait: bool,
    /// This is the process that carries it out; its answer goes to descriptor 3
    #[arg(long, hide = true)]
    pub(in crate::cli) in_background: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct MonitorArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// 0: ask the supervisor; 10: also check that each process lives; 20: also run each health check
    #[arg(long, default_value_t = 0, value_name = "LEVEL", value_parser = level())]
    pub(in crate::cli) level: u32,
    /// Also print how the processes are tracked on this node, and how the last stop was proved
    #[arg(long)]
    pub(in crate::cli) explain: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct StatusArguments {
    /// Names of sites [default: $SITEWARD_SITE, else all sites that are defined]
    #[arg(value_name = "SITE")]
    pub(in crate::cli) names: Vec<String>,
    /// 0: ask the supervisor; 10: also check that each process lives; 20: also run each health check
    #[arg(long, default_value_t = 0, value_name = "LEVEL", value_parser = level())]
    pub(in crate::cli) level: u32,
    /// Also print how the processes are tracked on this node, and how the last stop was proved
    #[arg(long)]
    pub(in crate::cli) explain: bool,
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
    pub(in crate::cli) watch: Option<Duration>,
    /// Print one JSON object for each site
    #[arg(long, conflicts_with = "explain")]
    pub(in crate::cli) json: bool,
    /// Do not show the last failure any more; the history keeps it
    #[arg(long, conflicts_with_all = ["explain", "watch", "json", "level"])]
    pub(in crate::cli) clear_failure: bool,
}
