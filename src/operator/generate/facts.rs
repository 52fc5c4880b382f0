//! The input of every generator: the facts of the site, and its words quoted for a shell.

use std::path::Path;

use super::advice::AdvisedTimes;
use crate::manager::{Manager, PARAMETERS, ParameterId};
use crate::site::{Definition, Places};

/// A directory other than root's default, with its names.
pub(super) struct NamedFolder<'a> {
    /// The option on the command line.
    pub(super) option: &'static str,
    /// The environment variable.
    pub(super) variable: &'static str,
    /// The parameter of the OCF agent.
    pub(super) parameter: ParameterId,
    pub(super) path: &'a Path,
}

impl NamedFolder<'_> {
    pub(super) fn path(&self) -> String {
        self.path.display().to_string()
    }
}

/// The facts of the site that the generators need.
pub(super) struct SiteFacts<'a> {
    pub(super) definition: &'a Definition,
    pub(super) name: &'a str,
    /// The path of this program, which is the same on every node.
    pub(super) program: String,
    /// The manager's timeouts for a start and for a stop, in whole seconds.
    pub(super) start: u64,
    pub(super) stop: u64,
    pub(super) places: &'a Places,
}

impl SiteFacts<'_> {
    /// The directories that the manager must name, because they are not the default.
    pub(super) fn folders(&self) -> Vec<NamedFolder<'_>> {
        let Places { config, runtime, logs, links } = self.places;
        [
            ("--config-dir", "SITEWARD_CONFIG_DIR", ParameterId::ConfigDir, config),
            ("--runtime-dir", "SITEWARD_RUNTIME_DIR", ParameterId::RuntimeDir, runtime),
            ("--log-dir", "SITEWARD_LOG_DIR", ParameterId::LogDir, logs),
            ("--link-dir", "SITEWARD_LINK_DIR", ParameterId::LinkDir, links),
        ]
        .into_iter()
        .map(|(option, variable, parameter, path)| NamedFolder {
            option,
            variable,
            parameter,
            path,
        })
        .filter(|folder| Some(folder.path) != default_of(folder.parameter))
        .collect()
    }

    /// The options that name these directories, each after a blank, quoted for a shell.
    pub(super) fn options(&self) -> String {
        let folders = self.folders();
        let words = folders.iter().map(|f| format!(" {} {}", f.option, quoted(&f.path())));
        words.collect()
    }

    /// The file system that the cluster must mount, if the site needs one.
    pub(super) fn mount(&self) -> Option<String> {
        self.definition.prerequisites.mounted.as_ref().map(|m| m.display().to_string())
    }

    /// The address that the cluster must add, if the site needs one.
    pub(super) fn address(&self) -> Option<String> {
        let wanted = self.definition.prerequisites.address_present;
        self.definition.address.filter(|_| wanted).map(|a| a.to_string())
    }

    /// The times for a manager.
    pub(super) fn times(&self, manager: Manager) -> AdvisedTimes {
        AdvisedTimes::of(manager, self.definition)
    }
}

/// Root's default for a directory.
fn default_of(id: ParameterId) -> Option<&'static Path> {
    PARAMETERS.iter().find(|p| p.id == id).and_then(|p| p.default).map(Path::new)
}

/// The word, quoted for the shell if necessary.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
