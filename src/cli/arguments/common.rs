//! What every verb has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::manager::Manager;
use crate::site::Overrides;

/// Where a site's files are.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(in crate::cli) struct FolderOptions {
    /// Directory of the definitions [default for root: /etc/siteward/sites]
    #[arg(long, global = true, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) config_dir: Option<PathBuf>,
    /// Runtime directory, for sockets, locks and state files [default for root: /run/siteward]
    #[arg(long, global = true, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runtime_dir: Option<PathBuf>,
    /// Directory of the logs [default for root: /var/log/siteward]
    #[arg(long, global = true, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) log_dir: Option<PathBuf>,
    /// Directory of the links to databases [default for root: /var/lib/siteward]
    #[arg(long, global = true, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) link_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(in crate::cli) struct CommonOptions {
    #[command(flatten)]
    pub(in crate::cli) folders: FolderOptions,
    /// Use the exit codes and messages of this cluster manager [default: the one that calls]
    #[arg(long = "as", global = true, value_name = "MANAGER")]
    pub(in crate::cli) manager: Option<ManagerName>,
    /// Time limit of the command, like 90s or 3m [default: the manager's, else the definition's]
    #[arg(long, global = true, value_name = "TIME", value_parser = crate::site::duration::parse)]
    pub(in crate::cli) timeout: Option<Duration>,
    /// Print nothing on success
    #[arg(short, long, global = true)]
    pub(in crate::cli) quiet: bool,
    /// Print more; given twice, also debug messages
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(in crate::cli) verbose: u8,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(in crate::cli) enum ManagerName {
    /// Pacemaker: the codes of an OCF resource agent
    Pacemaker,
    /// Oracle Clusterware: the codes of an action script
    Clusterware,
    /// HPE Serviceguard: the codes of an external script
    Serviceguard,
    /// NEC ExpressCluster: the codes of its scripts and monitors
    Expresscluster,
    /// No cluster manager: the codes of an LSB init script
    Hand,
    /// Each of them in turn, for `rehearse` only
    All,
}

impl From<&FolderOptions> for Overrides {
    fn from(folders: &FolderOptions) -> Self {
        Self {
            config: folders.config_dir.clone(),
            runtime: folders.runtime_dir.clone(),
            logs: folders.log_dir.clone(),
            links: folders.link_dir.clone(),
        }
    }
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
pub(in crate::cli) struct SiteArgument {
    /// Name of the site, which is its definition's file name without `.yaml` [default:
    /// $SITEWARD_SITE, else the only site that is defined]
    #[arg(value_name = "SITE")]
    pub(in crate::cli) name: Option<String>,
}
