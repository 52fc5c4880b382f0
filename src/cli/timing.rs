//! `timing`: what a person typed, and the lines that are printed.

use std::time::Duration;

use super::arguments::{ManagerName, TimingArguments};
use super::sites::named;
use crate::agent::{Deadline, Fault};
use crate::manager::Manager;
use crate::operator::layout;
use crate::operator::settings::SettingsSource;
use crate::operator::timing::{TimingRequest, timing, timing_as_json, timing_lines};
use crate::site::Places;

/// How long the tools of the managers may take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// The lines, and whether they are for a person.
///
/// # Errors
/// Something that is needed cannot be read.
pub(super) fn compute(
    arguments: TimingArguments,
    manager: Option<ManagerName>,
    places: &Places,
    deadline: &Deadline,
) -> Result<(Vec<String>, bool), Fault> {
    let TimingArguments { site, cib, crsctl, package, resource, script, json } = arguments;
    let name = match (&script, &site.name) {
        (Some(_), None) => None,
        _ => Some(named(&site, places)?),
    };
    let request = TimingRequest {
        site: name,
        source: SettingsSource { cib, crsctl, package, resource },
        script,
        manager: manager.map_or(Manager::Pacemaker, Manager::from),
        deadline: deadline.begun + deadline.given.unwrap_or(PATIENCE),
    };
    let reports = timing(&request, places)?;
    Ok(match json {
        true => (timing_as_json(&reports), false),
        false => (timing_lines(&reports, layout::columns()), true),
    })
}
