//! The cluster managers, one file each: how a call is read, and how it is answered.
//!
//! Promises: the exit codes of each manager are in one table, and no other module knows an exit code.
//! Must never: observe or change a site other than through the verbs.

mod alert_log;
mod answer;
mod caller;
mod cluster_log;
mod clusterware;
mod expresscluster;
mod hand;
mod manual;
mod metadata;
mod numbers;
mod pacemaker;
mod parameters;
mod quick;
#[cfg(test)]
mod samples;
mod serviceguard;
#[cfg(test)]
mod tests;

pub use answer::{ManagerAnswer, Verb};
pub use caller::Manager;
pub use cluster_log::trace_file;
pub use clusterware::{ATTRIBUTE as CLUSTERWARE_ATTRIBUTE, ClusterwareCall, EntryPoint};
pub use expresscluster::{ExpressclusterCall, StartOrder};
pub use hand::{code_by_hand, code_by_kind};
pub use manual::{MANUAL_DATE, manual};
pub use metadata::{TIMEOUTS, metadata};
pub use pacemaker::{MonitorKind, OcfAction, OcfCall, SiteAction, find_by_instance, ocf_usage};
pub use parameters::{PARAMETERS, Parameter, ParameterId, ParameterKind, adjustments_of};
pub use quick::quick_monitor;
pub use serviceguard::{ScriptEntry, ServiceguardCall};
