//! What the cluster managers of this node, or saved files of theirs, have configured for a site.
//!
//! Promises: a tool that hangs is killed at the deadline; a value says where it stands; what is not said is
//! None, and no default is put in its place. Must never: change anything in a cluster.

mod cib;
mod clusterware;
mod compare;
mod compare_pacemaker;
mod crm_time;
mod model;
mod pacemaker;
mod pacemaker_order;
mod serviceguard;
mod tool;

use std::path::{Path, PathBuf};

use crate::manager::Manager;
use crate::site::{Definition, SiteName};
use crate::values::Moment;
use model::WantedSite;
use tool::ToolAnswer;

pub use compare::{
    CLUSTERWARE_DEFAULT, PACEMAKER_DEFAULT, SettingDifference, Urgency, differences,
};
pub use compare_pacemaker::monitor_wait;
pub use model::{
    ClusterwareDetails, ConfiguredManagers, FencingSettings, ManagerDetails, ManagerSettings,
    NeededResource, PacemakerDetails, RestartsHere, ServiceguardDetails, Setting,
};

/// Where the settings are read. With a file, only that file is read, and no tool is run.
#[derive(Clone, Debug, Default)]
pub struct SettingsSource {
    /// What `cibadmin -Q` printed.
    pub cib: Option<PathBuf>,
    /// What `crsctl stat res -p` printed.
    pub crsctl: Option<PathBuf>,
    /// The configuration file of a Serviceguard package.
    pub package: Option<PathBuf>,
    /// The name of the resource, where the site's own name does not find it.
    pub resource: Option<String>,
}

/// Whether Clusterware can be asked to check a resource.
pub fn has_clusterware() -> bool {
    clusterware::is_here()
}

/// Asks Clusterware to check a resource now, until `deadline` at the latest.
///
/// # Errors
/// What went wrong, for the end of a sentence.
pub fn ask_clusterware_to_check(resource: &str, deadline: Moment) -> Result<(), String> {
    match clusterware::ask_to_check(resource, deadline) {
        ToolAnswer::Said(_) => Ok(()),
        ToolAnswer::Absent => Err("is not on this node".to_owned()),
        ToolAnswer::Failed(why) => Err(why),
    }
}

impl SettingsSource {
    fn is_live(&self) -> bool {
        self.cib.is_none() && self.crsctl.is_none() && self.package.is_none()
    }
}

/// What a manager has configured for the site, by the text that its tool printed or that its file holds.
///
/// # Errors
/// A sentence without its full stop.
pub fn settings_of(
    manager: Manager,
    name: &SiteName,
    definition: Option<&Definition>,
    text: &str,
) -> Result<Vec<ManagerSettings>, String> {
    let wanted = WantedSite { name, definition, resource: None };
    match manager {
        Manager::Pacemaker => pacemaker::settings(&wanted, text, "the text"),
        Manager::Clusterware => Ok(clusterware::settings(&wanted, text, "the text", true)),
        Manager::Serviceguard => {
            Ok(serviceguard::package(&wanted, Path::new("text"), text, true).into_iter().collect())
        }
        Manager::Expresscluster | Manager::Hand => Ok(Vec::new()),
    }
}

/// Reads what each manager of this node has configured for the site, until `deadline` at the latest.
pub fn read_settings(
    name: &SiteName,
    definition: Option<&Definition>,
    source: &SettingsSource,
    deadline: Moment,
) -> ConfiguredManagers {
    let wanted = WantedSite { name, definition, resource: source.resource.as_deref() };
    let mut all = ConfiguredManagers::default();
    let mut add = |manager, read: Option<Result<Vec<ManagerSettings>, String>>| match read {
        None => {}
        Some(Ok(settings)) if settings.is_empty() => all.without.push(manager),
        Some(Ok(settings)) => all.found.extend(settings),
        Some(Err(why)) => all.failures.push(why),
    };
    if source.is_live() {
        add(Manager::Pacemaker, pacemaker::read(&wanted, deadline));
        add(Manager::Clusterware, clusterware::read(&wanted, deadline));
        add(Manager::Serviceguard, serviceguard::read(&wanted));
        return all;
    }
    if let Some(file) = &source.cib {
        add(Manager::Pacemaker, Some(pacemaker::read_file(&wanted, file)));
    }
    if let Some(file) = &source.crsctl {
        add(Manager::Clusterware, Some(clusterware::read_file(&wanted, file)));
    }
    if let Some(file) = &source.package {
        add(Manager::Serviceguard, Some(serviceguard::read_file(&wanted, file)));
    }
    all
}
