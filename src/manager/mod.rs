//! One file per cluster manager: how its call is read, and how it is answered.
//!
//! Promises: the exit codes of each manager stand in one table, and nothing else in the program
//! knows an exit code. Must never: see a site but through the verbs.

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
mod serviceguard;

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use crate::agent::{FaultKind, Outcome, STOPPED_BY_HAND};
use crate::observe::Observation;
use cluster_log::LogSeverity;

pub use cluster_log::trace_file;
pub use clusterware::{ATTRIBUTE as CLUSTERWARE_ATTRIBUTE, ClusterwareCall, EntryPoint};
pub use expresscluster::{ExpressclusterCall, StartOrder};
pub use manual::manual;
pub use metadata::{TIMEOUTS, metadata};
pub use pacemaker::{MonitorKind, OcfAction, OcfCall, SiteAction, find_by_instance, ocf_usage};
pub use parameters::{Kind, PARAMETERS, Parameter, ParameterId};
pub use quick::quick_monitor;
pub use serviceguard::{ScriptEntry, ServiceguardCall};

/// The caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    Pacemaker,
    Clusterware,
    Serviceguard,
    Expresscluster,
    /// A person, in the words of LSB.
    Hand,
}

/// The verbs, as far as their answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Start,
    Stop,
    Monitor,
    Other,
}

/// An answer, ready to be given.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub code: u8,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
    /// For the cluster's log, the oldest first.
    log: Vec<(LogSeverity, String)>,
    /// For ExpressCluster's alert log.
    alert: Option<(&'static str, String)>,
}

/// A degraded site is told as such if its definition says so and it has been so for long enough.
fn is_told_as_degraded(observation: &Observation) -> bool {
    use crate::site::DegradedIs;
    observation.view.as_ref().is_some_and(|view| {
        view.degraded_is == DegradedIs::Degraded
            && view.degraded_for.is_some_and(|time| time >= view.degraded_after)
    })
}

impl Answer {
    fn new() -> Self {
        Self { code: 0, stdout: Vec::new(), stderr: Vec::new(), log: Vec::new(), alert: None }
    }

    /// Writes everything to its place; a caller that does not read it still gets the exit code.
    pub fn give(&self) {
        let mut stderr = self.stderr.clone();
        for (severity, text) in self.log.iter().rev() {
            if !cluster_log::write(*severity, text) {
                stderr.insert(0, text.clone());
            }
        }
        if let Some((level, message)) = &self.alert {
            expresscluster::alert(level, message);
        }
        let mut out = std::io::stdout().lock();
        for line in &self.stdout {
            let _ = writeln!(out, "{line}");
        }
        let mut err = std::io::stderr().lock();
        for line in &stderr {
            let _ = writeln!(err, "{line}");
        }
    }
}

impl Manager {
    /// Every cluster manager.
    pub const ALL: [Self; 4] =
        [Self::Pacemaker, Self::Clusterware, Self::Serviceguard, Self::Expresscluster];

    /// By the name that this program was called by, then by the environment; else a person.
    pub fn recognise(called_as: Option<&OsStr>) -> Self {
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
        } else if env::var_os("OCF_RESOURCE_INSTANCE").is_some() {
            Self::Pacemaker
        } else if clusterware::is_calling() {
            Self::Clusterware
        } else if serviceguard::is_calling() {
            Self::Serviceguard
        } else if expresscluster::is_calling() {
            Self::Expresscluster
        } else {
            Self::Hand
        }
    }

    /// Whether this program was called by a link in a folder of action scripts that is named after a
    /// site: then the first word is an entry point, and nothing behind it can name another site.
    pub fn is_called_by_link(called_as: &OsStr) -> bool {
        let path = Path::new(called_as);
        let folder = path.parent().and_then(Path::file_name);
        let of_scripts = folder.is_some_and(|f| f == "crs" || f == "serviceguard");
        of_scripts && clusterware::name_of_link(path).is_some()
    }

    /// Its name in the history of a site.
    pub fn who(self) -> &'static str {
        match self {
            Self::Pacemaker => "Pacemaker",
            Self::Clusterware => "Clusterware",
            Self::Serviceguard => "Serviceguard",
            Self::Expresscluster => "ExpressCluster",
            Self::Hand => STOPPED_BY_HAND,
        }
    }

    /// The answer to this manager for the outcome of a verb.
    pub fn answer(self, verb: Verb, recurring: bool, outcome: &Outcome) -> Answer {
        match self {
            Self::Pacemaker => pacemaker::answer(verb, recurring, outcome),
            Self::Clusterware => clusterware::answer(verb, outcome),
            Self::Serviceguard => serviceguard::answer(verb, outcome),
            Self::Expresscluster => expresscluster::answer(verb, outcome),
            Self::Hand => hand::answer(verb, outcome),
        }
    }
}

/// A sentence with the full stop that it has not got; a question ends itself.
fn ended(sentence: &str) -> String {
    match sentence.ends_with('?') {
        true => sentence.to_owned(),
        false => format!("{sentence}."),
    }
}

/// The numbers that OCF (1.1, "Exit status codes") and LSB ("Init script actions") have in common.
fn common_code(kind: FaultKind) -> u8 {
    match kind {
        FaultKind::Failed => 1,
        FaultKind::WrongHere => 2,
        FaultKind::NoSuchVerb => 3,
        FaultKind::NotPermitted => 4,
        FaultKind::NotInstalled => 5,
        FaultKind::Misconfigured => 6,
    }
}
