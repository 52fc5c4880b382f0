//! How long a site takes to fail over: at worst, by the numbers of its definition and of its manager; and usually,
//! by its history.
//!
//! Promises: each figure has an origin. Must never: touch the site, or its disk.

mod advice;
mod inputs;
mod measured;
mod millis;
mod paths;
mod phases;
mod report;
mod script;
mod told;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::generate::AdvisedTimes;
use super::settings::{
    ConfiguredManagers, ManagerDetails, ManagerSettings, RestartsHere, Setting, SettingsSource,
    differences, read_settings,
};
use crate::agent::Fault;
use crate::journal;
use crate::manager::Manager;
use crate::messages;
use crate::site::duration::say;
use crate::site::{Definition, Places, SiteName, load_uncompared};
use crate::values::Moment;
use advice::{CLIENT_WAITS, changes, compared};
use inputs::{Runner, TimingInputs};
use paths::TimingModel;
use report::{NeededLimit, TimingReport};
use script::{STOP_COMMAND, ScriptNumbers};

/// How long the disk of the site has for the history.
const DISK: Duration = Duration::from_secs(3);

pub use measured::MeasuredTimes;

/// What is computed.
#[derive(Clone, Debug)]
pub struct TimingRequest {
    /// None: only a script is looked at.
    pub site: Option<SiteName>,
    pub source: SettingsSource,
    /// The action script of JobCenter's manual, which is computed in the place of siteward.
    pub script: Option<PathBuf>,
    /// The manager that is assumed where no settings are found.
    pub manager: Manager,
    pub deadline: Moment,
}

/// Version 1 of what `timing --json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    schema: u32,
    reports: &'a [TimingReport],
}

/// The reports as one JSON object.
pub fn timing_as_json(reports: &[TimingReport]) -> Vec<String> {
    serde_json::to_string(&Printed { schema: 1, reports }).into_iter().collect()
}

/// The reports for a person. `width`: None, if the output is no terminal.
pub fn timing_lines(reports: &[TimingReport], width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for report in reports {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(told::lines(report, width));
    }
    lines
}

/// Computes the times, for each resource of a manager that is this site.
///
/// # Errors
/// The definition, a saved file or the script cannot be read.
pub fn timing(request: &TimingRequest, places: &Places) -> Result<Vec<TimingReport>, Fault> {
    if let Some(script) = &request.script {
        let numbers = ScriptNumbers::read(script).map_err(messages::settings_unreadable)?;
        return of_script(numbers, request);
    }
    let Some(name) = &request.site else { return Ok(Vec::new()) };
    let definition = load_uncompared(places, name)?;
    let measured = MeasuredTimes::of(
        &journal::read_all(&places.of(name), Moment::now() + DISK).history.entries,
    );
    let managers = managers(request, name, Some(&definition))?;
    let failures = &managers.failures;
    let report = |settings: Option<&ManagerSettings>| {
        let manager = request.manager;
        let inputs = TimingInputs::of(&definition, settings, manager, measured.clone());
        let limits = limits(&definition, settings);
        finish(request, &inputs, settings, limits, failures)
    };
    Ok(match managers.found.is_empty() {
        true => vec![report(None)],
        false => managers.found.iter().map(|settings| report(Some(settings))).collect(),
    })
}

fn managers(
    request: &TimingRequest,
    name: &SiteName,
    definition: Option<&Definition>,
) -> Result<ConfiguredManagers, Fault> {
    let source = &request.source;
    let managers = read_settings(name, definition, source, request.deadline);
    let is_saved = source.cib.is_some() || source.crsctl.is_some() || source.package.is_some();
    // A person who named a file or a resource wants that one.
    match (&managers.failures[..], &managers.found[..]) {
        ([first, ..], []) if is_saved => Err(messages::settings_unreadable(first).into()),
        (_, []) if is_saved || source.resource.is_some() => match &source.resource {
            Some(resource) => Err(messages::resource_unknown(resource).into()),
            None => Err(messages::resource_not_found(name).into()),
        },
        _ => Ok(managers),
    }
}

fn of_script(numbers: ScriptNumbers, request: &TimingRequest) -> Result<Vec<TimingReport>, Fault> {
    // The file was given for this script, so the name is needed only where there are several resources.
    let name = match &request.site {
        Some(name) => name.clone(),
        None => "script".parse().map_err(|why: String| messages::name_wrong(why))?,
    };
    let managers = managers(request, &name, None)?;
    let is_clusterware = |settings: &&ManagerSettings| settings.manager == Manager::Clusterware;
    let found = managers.found.iter().find(is_clusterware);
    let registered = registration_of_manual();
    let settings = found.unwrap_or(&registered);
    let inputs = TimingInputs::of_script(numbers, settings);
    let limits = limits_of_script(&inputs);
    let mut report = finish(request, &inputs, found, limits, &managers.failures);
    if found.is_none() {
        report.source = "as JobCenter's manual registers it".to_owned();
    }
    let mut ours = with_siteward(&inputs);
    let worst = TimingModel::of(&ours).worst_failover();
    ours.restarts_here.value = RestartsHere::Times(0);
    if let (Some(same), Some(at_once)) = (worst, TimingModel::of(&ours).worst_failover()) {
        report.sentences.push(format!(
            "with siteward in the place of the script, and the same numbers, the worst failover takes {}; \
             with RESTART_ATTEMPTS=0 as well, {}",
            say(same),
            say(at_once)
        ));
    }
    Ok(vec![report])
}

/// The same site with the same times, started and stopped by siteward.
fn with_siteward(inputs: &TimingInputs) -> TimingInputs {
    TimingInputs { runner: Runner::Wrapped, forcekill: Duration::from_secs(5), ..inputs.clone() }
}

/// The resource of source document 003, 6.2.3.3.
const RESOURCE_OF_MANUAL: &str = "jobcenter_res";

/// As that document registers it.
fn registration_of_manual() -> ManagerSettings {
    let set = |seconds: u64, name: &str| {
        Some(Setting { value: Duration::from_secs(seconds), origin: name.to_owned() })
    };
    ManagerSettings {
        manager: Manager::Clusterware,
        resource: RESOURCE_OF_MANUAL.to_owned(),
        agent: String::new(),
        source: String::new(),
        start_timeout: set(600, "START_TIMEOUT"),
        stop_timeout: set(600, "STOP_TIMEOUT"),
        clean_timeout: None,
        monitor_timeout: set(300, "SCRIPT_TIMEOUT"),
        monitor_interval: set(30, "CHECK_INTERVAL"),
        restarts_here: Some(Setting {
            value: RestartsHere::Times(1),
            origin: "RESTART_ATTEMPTS".to_owned(),
        }),
        disk: None,
        address: None,
        details: ManagerDetails::Clusterware(Box::default()),
        notes: Vec::new(),
    }
}

fn finish(
    request: &TimingRequest,
    inputs: &TimingInputs,
    found: Option<&ManagerSettings>,
    limits: Vec<NeededLimit>,
    failures: &[String],
) -> TimingReport {
    let model = TimingModel::of(inputs);
    let name = request.site.as_ref().map(ToString::to_string).unwrap_or_default();
    let resource = found.map(|settings| settings.resource.clone());
    let assumed = if request.script.is_some() { RESOURCE_OF_MANUAL } else { &name };
    let changes = changes(inputs, resource.as_deref().unwrap_or(assumed));
    let boot = compared(&inputs.boot, "boot_timeout", &inputs.measured.starts, "starts");
    let stop = compared(&inputs.stop, "stop_timeout", &inputs.measured.all_stops, "stops");
    let notes = found.into_iter().flat_map(|settings| &settings.notes).chain(failures);
    TimingReport {
        site: name,
        script: match &inputs.runner {
            Runner::Script(numbers) => Some(numbers.file.clone()),
            Runner::Siteward | Runner::Wrapped => None,
        },
        manager: name_of(inputs.manager),
        source: found.map_or_else(
            || {
                "of which nothing is configured here: with the numbers that `generate` advises"
                    .to_owned()
            },
            |settings| settings.source.clone(),
        ),
        resource,
        phases: model.phases,
        paths: model.paths,
        limits,
        client_waits: CLIENT_WAITS,
        changes,
        sentences: [boot, stop].into_iter().flatten().map(|(sentence, _)| sentence).collect(),
        notes: notes.cloned().collect(),
    }
}

fn name_of(manager: Manager) -> &'static str {
    match manager {
        Manager::Pacemaker | Manager::Hand => "Pacemaker",
        Manager::Clusterware => "Oracle Clusterware",
        Manager::Serviceguard => "Serviceguard",
        Manager::Expresscluster => "ExpressCluster",
    }
}

/// The timeouts that are configured, and what they have to be at least for this definition.
fn limits(definition: &Definition, settings: Option<&ManagerSettings>) -> Vec<NeededLimit> {
    let Some(settings) = settings else { return Vec::new() };
    let advised = AdvisedTimes::of(settings.manager, definition);
    let (start, stop) = match settings.manager {
        Manager::Clusterware => ("START_TIMEOUT", "STOP_TIMEOUT"),
        Manager::Serviceguard => ("run_script_timeout", "halt_script_timeout"),
        Manager::Pacemaker | Manager::Expresscluster | Manager::Hand => {
            ("op start timeout", "op stop timeout")
        }
    };
    // Without a timeout Serviceguard waits for ever; the others have a default.
    let default = match (&settings.details, settings.manager) {
        (ManagerDetails::Clusterware(details), _) => details
            .script_timeout
            .as_ref()
            .map_or(super::settings::CLUSTERWARE_DEFAULT, |setting| setting.value),
        (_, Manager::Serviceguard) => Duration::MAX,
        _ => super::settings::PACEMAKER_DEFAULT,
    };
    let differences = differences(definition, settings);
    let needed = |name: &str, setting: &Option<Setting<Duration>>, needed: Duration| {
        let configured = setting.as_ref().map(|setting| setting.value);
        let full = format!("{}, {name}", settings.resource);
        let difference = differences.iter().find(|difference| difference.name == full);
        NeededLimit {
            name: name.to_owned(),
            configured,
            needed,
            is_enough: configured.unwrap_or(default) >= needed,
            how: difference.map(|difference| difference.mend.clone()),
        }
    };
    vec![
        needed(start, &settings.start_timeout, advised.start),
        needed(stop, &settings.stop_timeout, advised.stop),
    ]
}

fn limits_of_script(inputs: &TimingInputs) -> Vec<NeededLimit> {
    let clean = STOP_COMMAND.saturating_add(inputs.stop.value);
    let of = |name: &str, limit: &Option<Setting<Duration>>, needed: Duration| {
        let configured = limit.as_ref().map(|limit| limit.value);
        let is_enough = configured.is_some_and(|time| time >= needed);
        NeededLimit { name: name.to_owned(), configured, needed, is_enough, how: None }
    };
    vec![
        of("the timeout of start", &inputs.start_limit, inputs.boot.value),
        of("the timeout of stop and clean", &inputs.stop_limit, clean),
        of("the timeout of check", &inputs.monitor_limit, STOP_COMMAND),
    ]
}
