//! The configuration that adds a site to a cluster manager, as commands to type or files to save. Every
//! timeout is computed from the definition, so that the manager waits longer than the site needs.

mod advice;
mod clusterware;
mod expresscluster;
mod facts;
mod pacemaker;
mod serviceguard;
mod systemd;

use std::path::PathBuf;
use std::time::Duration;

use crate::agent::{time_for_start, time_for_stop};
use crate::site::{Definition, Places};
use facts::SiteFacts;

pub(super) use advice::{ADVISED_RESTARTS, ADVISED_THRESHOLD, AdvisedTimes};

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

/// The lines of the output. Placeholders look like `<THIS>`, and are listed at the top.
pub fn generate(generator: Generator, definition: &Definition, places: &Places) -> Vec<String> {
    let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/sbin/siteward"));
    let facts = SiteFacts {
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

/// Every `<PLACEHOLDER>` once, in the order of the text.
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
