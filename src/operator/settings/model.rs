//! The values that are read of a manager's configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::manager::Manager;
use crate::site::{Definition, SiteName};

/// A configured value, and where it stands: `shop, op start timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub origin: String,
}

/// How often a failed site is restarted on its node before it goes to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartsHere {
    Times(u32),
    Unlimited,
}

/// All that a manager has configured for a site. None: the manager's configuration does not say it, and the
/// manager's default holds.
#[derive(Clone, Debug)]
pub struct ManagerSettings {
    pub manager: Manager,
    /// The name of the resource or package.
    pub resource: String,
    /// The resource agent, or the action script: `ocf:siteward:site`.
    pub agent: String,
    /// The command or the file that this was read from.
    pub source: String,
    pub start_timeout: Option<Setting<Duration>>,
    pub stop_timeout: Option<Setting<Duration>>,
    /// The time limit of `clean`, where the manager has one that is not that of a stop.
    pub clean_timeout: Option<Setting<Duration>>,
    pub monitor_timeout: Option<Setting<Duration>>,
    pub monitor_interval: Option<Setting<Duration>>,
    pub restarts_here: Option<Setting<RestartsHere>>,
    /// The resource that mounts the site's disk. None: none was found, or the site needs none.
    pub disk: Option<NeededResource>,
    /// The resource that holds the site's address. None: none was found, or the site needs none.
    pub address: Option<NeededResource>,
    pub details: ManagerDetails,
    /// What could not be taken into account, each a sentence without its full stop.
    pub notes: Vec<String>,
}

/// What only one of the managers has.
#[derive(Clone, Debug)]
pub enum ManagerDetails {
    Pacemaker(Box<PacemakerDetails>),
    Clusterware(Box<ClusterwareDetails>),
    Serviceguard(Box<ServiceguardDetails>),
}

/// What only Pacemaker has.
#[derive(Clone, Debug, Default)]
pub struct PacemakerDetails {
    /// The parameters of the agent.
    pub parameters: BTreeMap<String, String>,
    /// After how many failures the resource leaves a node. None as the value: INFINITY, which is never.
    pub migration_threshold: Option<Setting<Option<u32>>>,
    pub failure_timeout: Option<Setting<Duration>>,
    pub resource_stickiness: Option<Setting<String>>,
    /// `on-fail` of each operation that has one, with the operation's name.
    pub on_fail: Vec<(String, Setting<String>)>,
    pub start_failure_is_fatal: Option<Setting<bool>>,
    /// `maintenance-mode` of the cluster, or `maintenance` of the resource.
    pub maintenance: Option<Setting<bool>>,
    pub is_managed: Option<Setting<bool>>,
    pub target_role: Option<Setting<String>>,
    pub no_quorum_policy: Option<Setting<String>>,
    pub fencing: FencingSettings,
    pub group: Option<String>,
    pub is_clone: bool,
    /// The constraints that `crm_resource --move` and its like have left.
    pub left_constraints: Vec<String>,
}

/// How the cluster makes sure that a node that is lost is off.
#[derive(Clone, Debug, Default)]
pub struct FencingSettings {
    pub enabled: Option<Setting<bool>>,
    pub timeout: Option<Setting<Duration>>,
    /// The longest delay of a fence device before it acts.
    pub delay: Option<Setting<Duration>>,
    pub devices: Vec<String>,
    /// How long a node may be silent before it is lost: corosync's token and consensus.
    pub silence: Option<Setting<Duration>>,
}

/// What only Clusterware has.
#[derive(Clone, Debug, Default)]
pub struct ClusterwareDetails {
    /// Limits each action that has no timeout of its own.
    pub script_timeout: Option<Setting<Duration>>,
    pub action_script: Option<String>,
    pub uptime_threshold: Option<Setting<Duration>>,
    pub placement: Option<Setting<String>>,
    pub start_dependencies: Option<Setting<String>>,
    pub stop_dependencies: Option<Setting<String>>,
    /// Every attribute, as it was printed.
    pub attributes: BTreeMap<String, String>,
}

/// What only Serviceguard has.
#[derive(Clone, Debug)]
pub struct ServiceguardDetails {
    pub service_halt_timeout: Option<Setting<Duration>>,
    pub service_restart: Option<Setting<String>>,
    pub node_fail_fast: Option<Setting<String>>,
    pub failover_policy: Option<Setting<String>>,
}

/// A resource that has to be where the site is, before it starts: its disk, or its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededResource {
    pub id: String,
    pub agent: String,
    /// It is started before the site and stopped after it.
    pub is_ordered: bool,
    /// It is on the node of the site.
    pub is_together: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct ConfiguredManagers {
    /// One for each resource or package that is this site.
    pub found: Vec<ManagerSettings>,
    /// The managers that were asked and have no resource for this site.
    pub without: Vec<Manager>,
    /// What could not be read, each a sentence without its full stop. A manager that is not installed on this
    /// node is none of them.
    pub failures: Vec<String>,
}

/// The site whose settings are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct WantedSite<'a> {
    pub(super) name: &'a SiteName,
    /// Says which disk and address the manager has to bring. None: they are not looked for.
    pub(super) definition: Option<&'a Definition>,
    pub(super) resource: Option<&'a str>,
}
