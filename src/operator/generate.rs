//! The configuration that adds a site to a cluster manager, as commands to type or files to save. Every
//! timeout is computed from the definition, so that the manager never gives up before the site does.

mod clusterware;
mod expresscluster;
mod pacemaker;
mod serviceguard;
mod systemd;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::agent::{time_for_start, time_for_stop};
use crate::manager::{PARAMETERS, ParameterId};
use crate::site::{Definition, Places};

/// The manager, and the tool that configures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Generator {
    PacemakerPcs,
    PacemakerCrm,
    Clusterware,
    Serviceguard,
    ServiceguardLegacy,
    Expresscluster,
    Systemd,
}

/// A directory that is not root's default, and the words that name it.
struct NamedFolder<'a> {
    /// On the command line.
    option: &'static str,
    /// In the environment.
    variable: &'static str,
    /// As a parameter of the OCF agent.
    parameter: ParameterId,
    path: &'a Path,
}

impl NamedFolder<'_> {
    fn path(&self) -> String {
        self.path.display().to_string()
    }
}

/// The facts of the site that every output needs.
struct Facts<'a> {
    definition: &'a Definition,
    name: &'a str,
    /// The path of this program, as it is on every node.
    program: String,
    /// The manager's timeouts for a start and for a stop, in whole seconds.
    start: u64,
    stop: u64,
    places: &'a Places,
}

impl Facts<'_> {
    /// The directories that the manager has to name, because they are not the default.
    fn folders(&self) -> Vec<NamedFolder<'_>> {
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

    /// The options that name them, each behind a blank, for a shell.
    fn options(&self) -> String {
        let folders = self.folders();
        let words = folders.iter().map(|f| format!(" {} {}", f.option, quoted(&f.path())));
        words.collect()
    }

    /// The file system that the cluster must mount, if the site asks for one.
    fn mount(&self) -> Option<String> {
        self.definition.prerequisites.mounted.as_ref().map(|m| m.display().to_string())
    }

    /// The address that the cluster must bring, if the site asks for one.
    fn address(&self) -> Option<String> {
        let wanted = self.definition.prerequisites.address_present;
        self.definition.address.filter(|_| wanted).map(|a| a.to_string())
    }

    /// A supervisor of its own has to be asked by a command, which is not done every second.
    fn is_wrapped(&self) -> bool {
        self.definition.wrapped.is_some()
    }
}

/// The default of a directory for root.
fn default_of(id: ParameterId) -> Option<&'static Path> {
    PARAMETERS.iter().find(|p| p.id == id).and_then(|p| p.default).map(Path::new)
}

/// Quoted for the shell, where that is needed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The output, a line for each. Placeholders stand in `<ANGLES>`, and are listed at the top.
pub fn generate(generator: Generator, definition: &Definition, places: &Places) -> Vec<String> {
    let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/sbin/siteward"));
    let facts = Facts {
        definition,
        name: definition.name.as_str(),
        program: program.display().to_string(),
        start: seconds(time_for_start(definition)),
        stop: seconds(time_for_stop(definition)),
        places,
    };
    let (title, body) = match generator {
        Generator::PacemakerPcs => pacemaker::pcs(&facts),
        Generator::PacemakerCrm => pacemaker::crm(&facts),
        Generator::Clusterware => clusterware::generate(&facts),
        Generator::Serviceguard => serviceguard::modular(&facts),
        Generator::ServiceguardLegacy => serviceguard::legacy(&facts),
        Generator::Expresscluster => expresscluster::generate(&facts),
        Generator::Systemd => systemd::generate(&facts),
    };
    let mut lines = vec![format!("# {title}")];
    lines.push(format!(
        "# By siteward {}, from the definition of `{}` ({}).",
        env!("CARGO_PKG_VERSION"),
        facts.name,
        definition.fingerprint
    ));
    let wanted = placeholders(&body);
    if wanted.is_empty() {
        lines.push("# Nothing is left to fill in.".to_owned());
    } else {
        lines.push(format!("# TO FILL IN: {}", wanted.join(" ")));
    }
    lines.push(String::new());
    lines.extend(body.lines().map(str::to_owned));
    lines
}

/// Every `<PLACEHOLDER>`, in the order in which they come.
fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split('<').skip(1) {
        let Some((word, _)) = part.split_once('>') else { continue };
        let is_one = !word.is_empty()
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
        let word = format!("<{word}>");
        if is_one && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_listed_once() {
        let text = "a <DEVICE> b <FILE-SYSTEM> <DEVICE> x < y > z <<END <end>";
        assert_eq!(placeholders(text), ["<DEVICE>", "<FILE-SYSTEM>"]);
    }
}
