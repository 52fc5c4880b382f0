//! What a manager has configured for a site, against what `generate` would configure.

use std::time::Duration;

use super::super::generate::AdvisedTimes;
use super::model::{ClusterwareDetails, ManagerDetails, ManagerSettings, RestartsHere, Setting};
use crate::site::Definition;
use crate::site::duration;

/// How bad a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It works, and could be better.
    Advice,
    /// A failover takes longer than it has to, or the site is not failed over as expected.
    Warning,
    /// The site is cut short, stays down, or may run twice.
    Error,
}

/// A setting that is not as it is to be.
#[derive(Clone, Debug)]
pub struct SettingDifference {
    pub urgency: Urgency,
    /// Where it stands: `shop, op start timeout`.
    pub name: String,
    /// Its value, or what holds without it: `not set, so 20 s`.
    pub configured: String,
    pub wanted: String,
    /// Why it matters: a sentence without its full stop.
    pub why: String,
    /// The command that mends it, or what has to be done.
    pub mend: String,
}

/// Pacemaker's timeout of an operation that has none.
pub const PACEMAKER_DEFAULT: Duration = Duration::from_secs(20);

/// Clusterware's timeout of an action that has none (SCRIPT_TIMEOUT).
pub const CLUSTERWARE_DEFAULT: Duration = Duration::from_secs(60);

/// The differences, the worst first.
pub fn differences(definition: &Definition, settings: &ManagerSettings) -> Vec<SettingDifference> {
    let mut list = Differences { definition, settings, found: Vec::new() };
    match &settings.details {
        ManagerDetails::Pacemaker(details) => list.pacemaker(details),
        ManagerDetails::Clusterware(details) => list.clusterware(details),
        ManagerDetails::Serviceguard(_) => list.serviceguard(),
    }
    list.found.sort_by_key(|difference| std::cmp::Reverse(difference.urgency));
    list.found
}

pub(super) struct Differences<'a> {
    pub(super) definition: &'a Definition,
    pub(super) settings: &'a ManagerSettings,
    found: Vec<SettingDifference>,
}

pub(super) fn say(time: Duration) -> String {
    duration::say(time)
}

impl Differences<'_> {
    pub(super) fn add(
        &mut self,
        urgency: Urgency,
        name: &str,
        values: (String, &str),
        why: &str,
        mend: String,
    ) {
        self.found.push(SettingDifference {
            urgency,
            name: format!("{}, {name}", self.settings.resource),
            configured: values.0,
            wanted: values.1.to_owned(),
            why: why.to_owned(),
            mend,
        });
    }

    /// A timeout that is shorter than it has to be. `default` holds if it is not set.
    pub(super) fn at_least(
        &mut self,
        name: &str,
        setting: Option<&Setting<Duration>>,
        default: Duration,
        needed: Duration,
        why: &str,
        mend: String,
    ) {
        let value = setting.map_or(default, |s| s.value);
        if value < needed {
            let configured = match setting {
                Some(_) => say(value),
                None => format!("not set, so {}", say(default)),
            };
            let wanted = format!("at least {}", say(needed));
            self.add(Urgency::Error, name, (configured, &wanted), why, mend);
        }
    }

    pub(super) fn why_start(&self) -> String {
        format!(
            "the site has less than its boot_timeout ({}) to start, and is undone when that is over",
            say(self.definition.boot_timeout)
        )
    }

    pub(super) fn why_stop(&self) -> String {
        format!(
            "the site has less than its stop_timeout ({}) to stop in order, and is killed when that is over",
            say(self.definition.stop_timeout)
        )
    }

    fn clusterware(&mut self, details: &ClusterwareDetails) {
        let settings = self.settings;
        let advised = AdvisedTimes::of(settings.manager, self.definition);
        let script = details.script_timeout.as_ref();
        let default = script.map_or(CLUSTERWARE_DEFAULT, |s| s.value);
        let modify = |attribute: &str, value: &str| {
            format!("crsctl modify resource {} -attr \"{attribute}={value}\"", settings.resource)
        };
        let (why_start, why_stop) = (self.why_start(), self.why_stop());
        let (start, stop) =
            (advised.start.as_secs().to_string(), advised.stop.as_secs().to_string());
        self.at_least(
            "START_TIMEOUT",
            settings.start_timeout.as_ref(),
            default,
            advised.start,
            &why_start,
            modify("START_TIMEOUT", &start),
        );
        self.at_least(
            "STOP_TIMEOUT",
            settings.stop_timeout.as_ref(),
            default,
            advised.stop,
            &why_stop,
            modify("STOP_TIMEOUT", &stop),
        );
        // Without one of its own, a clean has the time of a stop (CRS-15).
        if let Some(clean) = &settings.clean_timeout {
            let mend = modify("CLEAN_TIMEOUT", &stop);
            let why = "a clean that is cut off leaves the resource UNKNOWN, and nobody restarts it";
            self.at_least("CLEAN_TIMEOUT", Some(clean), default, advised.stop, why, mend);
        }
        let (key, check) = match &settings.monitor_timeout {
            Some(check) => ("CHECK_TIMEOUT", check.value),
            None => ("SCRIPT_TIMEOUT", default),
        };
        if check < advised.monitor_timeout {
            let why = "a check on a busy server is cut off, and then Clusterware does not know how the site is";
            let configured = match (key, script) {
                ("SCRIPT_TIMEOUT", None) => format!("not set, so {}", say(check)),
                _ => say(check),
            };
            let values = (configured, &*format!("at least {}", say(advised.monitor_timeout)));
            let mend = modify(key, &advised.monitor_timeout.as_secs().to_string());
            self.add(Urgency::Warning, key, values, why, mend);
        }
        if let Some(interval) =
            settings.monitor_interval.as_ref().filter(|s| s.value > advised.monitor_interval)
        {
            let why = "until the next check, Clusterware does not know that the site has failed";
            let values = (say(interval.value), &*say(advised.monitor_interval));
            let seconds = advised.monitor_interval.as_secs().to_string();
            let mend = modify("CHECK_INTERVAL", &seconds);
            self.add(Urgency::Warning, "CHECK_INTERVAL", values, why, mend);
        }
        if settings.restarts_here.as_ref().is_some_and(|s| s.value == RestartsHere::Times(0)) {
            let why = "one failed process moves the site, with its disk and its address";
            let values = ("0".to_owned(), "1");
            let mend = modify("RESTART_ATTEMPTS", "1");
            self.add(Urgency::Advice, "RESTART_ATTEMPTS", values, why, mend);
        }
        self.dependencies(details);
    }

    fn dependencies(&mut self, details: &ClusterwareDetails) {
        let definition = self.definition;
        let needs = [
            ("disk", definition.prerequisites.mounted.is_some(), &self.settings.disk),
            ("address", definition.prerequisites.address_present, &self.settings.address),
        ];
        let missing: Vec<(&str, Option<String>)> = needs
            .iter()
            .filter(|(_, needed, _)| *needed)
            .filter(|(_, _, found)| found.as_ref().is_none_or(|f| !f.is_ordered || !f.is_together))
            .map(|(what, _, found)| (*what, found.as_ref().map(|f| f.id.clone())))
            .collect();
        for (what, id) in missing {
            let why = format!("Clusterware may start the site on a server without its {what}");
            let id = id.unwrap_or_else(|| format!("<{}-RESOURCE>", what.to_uppercase()));
            let wanted = format!("hard({id}) pullup({id})");
            let configured = details
                .start_dependencies
                .as_ref()
                .map_or("not set", |s| s.value.as_str())
                .to_owned();
            let mend = format!(
                "crsctl modify resource {} -attr \"START_DEPENDENCIES='{wanted}',STOP_DEPENDENCIES='hard({id})'\"",
                self.settings.resource
            );
            self.add(Urgency::Error, "START_DEPENDENCIES", (configured, &wanted), &why, mend);
        }
    }

    fn serviceguard(&mut self) {
        let settings = self.settings;
        let file = settings.source.clone();
        let edit = |key: &str, time: Duration| {
            format!("set {key} {} in {file}, then: cmapplyconf -P {file}", time.as_secs())
        };
        let advised = AdvisedTimes::of(settings.manager, self.definition);
        let (why_start, why_stop) = (self.why_start(), self.why_stop());
        // Without a timeout Serviceguard waits for ever.
        if let Some(start) = &settings.start_timeout {
            let needed = advised.start;
            let mend = edit("run_script_timeout", advised.start);
            let none = Duration::MAX;
            self.at_least("run_script_timeout", Some(start), none, needed, &why_start, mend);
        }
        if let Some(stop) = &settings.stop_timeout {
            let needed = advised.stop;
            let mend = edit("halt_script_timeout", advised.stop);
            let none = Duration::MAX;
            self.at_least("halt_script_timeout", Some(stop), none, needed, &why_stop, mend);
        }
    }
}
