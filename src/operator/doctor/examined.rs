//! The data that the checks of one site need, read once.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::agent::{Deadline, Target};
use crate::control::State;
use crate::linux::mounts::MountTable;
use crate::linux::node;
use crate::observe::{Observation, observe};
use crate::site::{Definition, Jobcenter, defined_sites, load_alone};
use crate::values::Moment;

/// The time for all checks of a site, unless the caller gives one.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time for one look at the state of the site.
const LOOK: Duration = Duration::from_secs(5);

/// How a site is examined.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoctorOptions {
    /// This node is to run the site, so its disk and its address must be here.
    pub here: bool,
}

/// One site, on this node.
pub(super) struct Examined<'a> {
    pub(super) target: &'a Target,
    pub(super) definition: Definition,
    /// The other sites that are defined here, as far as their definitions can be read.
    pub(super) others: Vec<Definition>,
    /// The state of the site, or why it cannot be found out.
    pub(super) seen: Result<Observation, String>,
    /// The site is up here, or is to be: its disk and its address must be on this node.
    pub(super) is_here: bool,
    /// Its database can be looked at: it is mounted here, or needs no mount.
    pub(super) has_disk: bool,
    pub(super) interfaces: Result<Vec<(String, IpAddr)>, String>,
    pub(super) mounts: MountTable,
    /// When every check must have ended.
    pub(super) until: Moment,
}

impl<'a> Examined<'a> {
    pub(super) fn read(
        target: &'a Target,
        definition: Definition,
        options: DoctorOptions,
        deadline: &Deadline,
    ) -> Self {
        // The rest is for the checks that wait for nothing, and for the end of what was waited for.
        let most = |given: Duration| deadline.begun + given * 3 / 4;
        let until = deadline.given.map_or_else(|| Moment::now() + PATIENCE, most);
        let now = Moment::now();
        let look = until.min(now + LOOK);
        let seen = observe(&target.site, now, look).map_err(|denied| denied.0.to_string());
        let runs_here =
            seen.as_ref().is_ok_and(|seen| seen.is_up() && seen.state != State::Unknown);
        let mounted = definition.prerequisites.mounted.as_ref();
        let has_disk = mounted.is_none_or(|point| node::is_mount_point(point).unwrap_or_default());
        let others = defined_sites(&target.places);
        let others = others.iter().filter(|name| **name != target.name);
        Self {
            others: others
                .filter_map(|name| load_alone(&target.places.of(name), name).ok())
                .collect(),
            is_here: options.here || runs_here,
            has_disk,
            interfaces: node::interfaces().map_err(|e| e.to_string()),
            mounts: MountTable::read().unwrap_or_default(),
            target,
            definition,
            seen,
            until,
        }
    }

    /// Something of the site is up here, or may be.
    pub(super) fn is_up(&self) -> bool {
        self.seen.as_ref().is_ok_and(Observation::is_up)
    }

    /// The site's profile, if its supervisor is JobCenter's.
    pub(super) fn jobcenter(&self) -> Option<&Jobcenter> {
        self.definition.jobcenter()
    }

    /// When one step of the checks must have ended.
    pub(super) fn share(&self, most: Duration) -> Moment {
        self.until.min(Moment::now() + most)
    }

    /// Whether `path` may be looked at without waiting for the site's disk.
    pub(super) fn is_local(&self, path: &Path) -> bool {
        let disk = &self.definition;
        let disk = disk.prerequisites.mounted.as_ref().or(disk.database.as_ref());
        !disk.is_some_and(|disk| path.starts_with(disk))
    }
}
