//! Of the verbs by which a site is prepared and checked.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::common::SiteArgument;
use super::values::level;

#[derive(Args, Debug)]
pub(in crate::cli) struct ValidateArguments {
    /// Names of sites, or files. A word that holds a `/` or ends in `.yaml` is a file, which need not be
    /// installed yet [default: $SITEWARD_SITE, else the only site that is defined]
    #[arg(value_name = "SITE|FILE")]
    pub(in crate::cli) words: Vec<String>,
    /// 0: check the definition only; 10: also the programs, users and directories of this node
    /// [default: 10, and 0 with a file]
    #[arg(long, value_name = "LEVEL", value_parser = level())]
    pub(in crate::cli) level: Option<u32>,
    /// Print one JSON object for each definition
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct DoctorArguments {
    /// Name of the site [default: every site that is defined here]
    #[arg(value_name = "SITE")]
    pub(in crate::cli) name: Option<String>,
    /// Also check the disk and the address, as this node is to run the site now. Without it they are
    /// only checked where the site is up
    #[arg(long)]
    pub(in crate::cli) here: bool,
    /// Print one JSON object for each site
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Print the facts of this node that must be the same on every node, without secrets. On another
    /// node: ssh node2 siteward doctor shop --export > node2.json
    #[arg(long, conflicts_with_all = ["here", "compare"])]
    pub(in crate::cli) export: bool,
    /// Print the differences between the exported facts of nodes. One file alone is compared with this
    /// node; `-` stands for this node among others
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["name", "here"])]
    pub(in crate::cli) compare: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct TimingArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// Read Pacemaker's configuration from this file, which `cibadmin -Q` has written
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) cib: Option<PathBuf>,
    /// Read the resources of Clusterware from this file, which `crsctl stat res -p` has written
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) crsctl: Option<PathBuf>,
    /// Read this configuration file of a Serviceguard package
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) package: Option<PathBuf>,
    /// Name of the manager's resource or package [default: the one that runs the site]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) resource: Option<String>,
    /// Compute the times of this action script, which must be the one of JobCenter's cluster manual,
    /// instead of siteward's
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) script: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct CreateArguments {
    /// Name of the new site
    #[arg(value_name = "SITE")]
    pub(in crate::cli) name: String,
    /// Its database directory, which is made if it does not exist
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) database: Option<PathBuf>,
    /// Its virtual host name [default: SITE]
    #[arg(long = "site", value_name = "HOST")]
    pub(in crate::cli) host: Option<String>,
    /// Its machine ID; `create` needs it for a site of JobCenter
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) machine_id: Option<u32>,
    /// Its relocatable IP address, which must be on this node now
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::cli) address: Option<std::net::IpAddr>,
    /// Its supervisor is JobCenter's
    #[arg(long, conflicts_with = "words")]
    pub(in crate::cli) jobcenter: bool,
    /// Its database is not on a file system of its own that has to be mounted
    #[arg(long)]
    pub(in crate::cli) unmounted: bool,
    /// The program of its first process, and the program's arguments
    #[arg(last = true, value_name = "PROGRAM")]
    pub(in crate::cli) words: Vec<String>,
}
