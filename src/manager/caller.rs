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
