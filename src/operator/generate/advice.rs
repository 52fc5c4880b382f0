//! The numbers that the generated configurations set, for those who compare them with what is configured.

use std::time::Duration;

use crate::agent::{time_for_start, time_for_stop};
use crate::manager::Manager;
use crate::site::Definition;

/// The time that Serviceguard needs for disks and addresses.
pub(super) const SERVICEGUARD_RESERVE: Duration = Duration::from_secs(120);
/// The halt timeout of a Serviceguard service that only watches.
pub(super) const WATCHER_HALT: Duration = Duration::from_secs(10);
/// The timeouts of a resource of ExpressCluster exceed those of its scripts by this.
pub(super) const EXPRESSCLUSTER_RESERVE: Duration = Duration::from_secs(180);

/// The times that a manager is to be configured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AdvisedTimes {
    pub(crate) start: Duration,
    pub(crate) stop: Duration,
    pub(crate) monitor_interval: Duration,
    pub(crate) monitor_timeout: Duration,
}

impl AdvisedTimes {
    pub(crate) fn of(manager: Manager, definition: &Definition) -> Self {
        let (start, stop) = (time_for_start(definition), time_for_stop(definition));
        let s = Duration::from_secs;
        let wrapped = definition.wrapped.is_some();
        let (start, stop, interval, timeout) = match manager {
            // A monitor is held, so this costs one process in 20 seconds.
            Manager::Pacemaker | Manager::Hand => (start, stop, 1, 40),
            // Each monitor of a wrapped supervisor runs a command, so its interval is longer.
            Manager::Clusterware => (start, stop, if wrapped { 30 } else { 10 }, 60),
            Manager::Serviceguard => {
                let run = start + SERVICEGUARD_RESERVE;
                (run, stop + WATCHER_HALT + SERVICEGUARD_RESERVE, 10, 60)
            }
            Manager::Expresscluster => {
                (start + EXPRESSCLUSTER_RESERVE, stop + EXPRESSCLUSTER_RESERVE, 60, 60)
            }
        };
        Self { start, stop, monitor_interval: s(interval), monitor_timeout: s(timeout) }
    }
}

/// After how many failures the site leaves a node, by the generated configuration of Pacemaker.
pub(crate) const ADVISED_THRESHOLD: u32 = 2;

/// How often Clusterware restarts the site on its node, by the generated configuration.
pub(crate) const ADVISED_RESTARTS: u32 = 1;
