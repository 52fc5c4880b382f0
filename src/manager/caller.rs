//! Which cluster manager has called this program, and its answer.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use super::answer::{ManagerAnswer, Verb};
use super::{clusterware, expresscluster, hand, pacemaker, serviceguard};
use crate::agent::{Outcome, STOPPED_BY_HAND};

/// The caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    Pacemaker,
    Clusterware,
    Serviceguard,
    Expresscluster,
    /// A person, or a script that calls siteward as an LSB init script.
    Hand,
}

impl Manager {
    /// Every cluster manager.
    pub const ALL: [Self; 4] =
        [Self::Pacemaker, Self::Clusterware, Self::Serviceguard, Self::Expresscluster];

    /// By the path of this program in the call, then by the environment. Otherwise it is a person.
    pub fn recognise(called_as: Option<&OsStr>) -> Self {
        Self::recognise_from(called_as, |name| env::var_os(name).is_some())
    }

    /// As [`Self::recognise`], where `has` says which variables there are.
    pub fn recognise_from(called_as: Option<&OsStr>, has: impl Fn(&str) -> bool) -> Self {
        let folder = called_as.and_then(|name| Path::new(name).parent());
        let lies_in =
            |word: &str| folder.is_some_and(|f| f.components().any(|c| c.as_os_str() == word));
        let link_in = |word: &str| folder.is_some_and(|f| f.file_name() == Some(OsStr::new(word)));
        if lies_in("resource.d") {
            Self::Pacemaker
        } else if link_in("crs") {
            Self::Clusterware
        } else if link_in("serviceguard") {
            Self::Serviceguard
        } else if has("OCF_RESOURCE_INSTANCE") {
            Self::Pacemaker
        } else if clusterware::is_calling(&has) {
            Self::Clusterware
        } else if serviceguard::is_calling(&has) {
            Self::Serviceguard
        } else if expresscluster::is_calling(&has) {
            Self::Expresscluster
        } else {
            Self::Hand
        }
    }

    /// Whether this program was called by a link in a folder of action scripts. Such a link is named after
    /// its site. The first argument is then an entry point, and no argument can name another site.
    pub fn is_called_by_link(called_as: &OsStr) -> bool {
        let path = Path::new(called_as);
        let folder = path.parent().and_then(Path::file_name);
        let of_scripts = folder.is_some_and(|f| f == "crs" || f == "serviceguard");
        of_scripts && clusterware::name_of_link(path).is_some()
    }

    /// The name of this caller in the history of a site.
    pub fn who(self) -> &'static str {
        match self {
            Self::Pacemaker => "Pacemaker",
            Self::Clusterware => "Clusterware",
            Self::Serviceguard => "Serviceguard",
            Self::Expresscluster => "ExpressCluster",
            Self::Hand => STOPPED_BY_HAND,
        }
    }

    /// The answer to this caller for the outcome of a verb.
    pub fn answer(self, verb: Verb, recurring: bool, outcome: &Outcome) -> ManagerAnswer {
        match self {
            Self::Pacemaker => pacemaker::answer(verb, recurring, outcome),
            Self::Clusterware => clusterware::answer(verb, outcome),
            Self::Serviceguard => serviceguard::answer(verb, outcome),
            Self::Expresscluster => expresscluster::answer(verb, outcome),
            Self::Hand => hand::answer(verb, outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_link_names_the_caller_before_the_environment_does() {
        use Manager::{Clusterware, Expresscluster, Hand, Pacemaker, Serviceguard};
        let usual = "/usr/sbin/siteward";
        for (called_as, variables, caller) in [
            ("/usr/lib/ocf/resource.d/siteward/site", &[][..], Pacemaker),
            ("/usr/lib/ocf/resource.d/siteward/site", &["SG_PACKAGE"], Pacemaker),
            ("/opt/crs/shop", &[], Clusterware),
            ("/opt/crs/shop", &["OCF_RESOURCE_INSTANCE"], Clusterware),
            ("/opt/crs/bin/shop", &[], Hand),
            ("/etc/serviceguard/shop", &[], Serviceguard),
            ("/etc/serviceguard/shop", &["_CRS_NAME"], Serviceguard),
            (usual, &["OCF_RESOURCE_INSTANCE", "_CRS_NAME"], Pacemaker),
            (usual, &["_CRS_NAME", "SG_PACKAGE"], Clusterware),
            (usual, &["_CRS_ACTION_SCRIPT"], Clusterware),
            (usual, &["SG_PACKAGE", "CLP_EVENT"], Serviceguard),
            (usual, &["SG_PACKAGE_NAME"], Serviceguard),
            (usual, &["CLP_EVENT"], Expresscluster),
            (usual, &["CLP_GROUPNAME"], Expresscluster),
            (usual, &["OCF_ROOT"], Hand),
            ("siteward", &[], Hand),
        ] {
            let has = |name: &str| variables.contains(&name);
            let found = Manager::recognise_from(Some(OsStr::new(called_as)), has);
            assert_eq!(found, caller, "{called_as} {variables:?}");
        }
        assert_eq!(Manager::recognise_from(None, |_| false), Hand);
    }

    #[test]
    fn a_link_among_action_scripts_that_is_named_after_a_site_is_about_that_site() {
        for (path, is_link) in [
            ("/opt/crs/shop", true),
            ("/etc/serviceguard/shop", true),
            ("/usr/local/bin/shop", false),
            ("/opt/crs/siteward", false),
            ("/etc/serviceguard/siteward", false),
            ("shop", false),
        ] {
            assert_eq!(Manager::is_called_by_link(OsStr::new(path)), is_link, "{path}");
        }
    }

    #[test]
    fn each_caller_has_its_name_in_the_history() {
        let names = Manager::ALL.map(Manager::who);
        assert_eq!(names, ["Pacemaker", "Clusterware", "Serviceguard", "ExpressCluster"]);
        assert_eq!(Manager::Hand.who(), "a person");
    }
}
