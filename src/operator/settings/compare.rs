//! What a manager has configured for a site, against what `generate` would configure.

use std::time::Duration;

use super::super::generate::{ADVISED_THRESHOLD, AdvisedTimes};
use super::model::{
    ClusterwareDetails, ManagerDetails, ManagerSettings, PacemakerDetails, RestartsHere, Setting,
};
use crate::manager::{ParameterId, TIMEOUTS};
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

struct Differences<'a> {
    definition: &'a Definition,
    settings: &'a ManagerSettings,
    found: Vec<SettingDifference>,
}

fn say(time: Duration) -> String {
    duration::say(time)
}

impl Differences<'_> {
    fn add(
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
    fn at_least(
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

    fn why_start(&self) -> String {
        format!(
            "the site has less than its boot_timeout ({}) to start, and is undone when that is over",
            say(self.definition.boot_timeout)
        )
    }

    fn why_stop(&self) -> String {
        format!(
            "the site has less than its stop_timeout ({}) to stop in order, and is killed when that is over",
            say(self.definition.stop_timeout)
        )
    }

    fn pacemaker(&mut self, details: &PacemakerDetails) {
        let settings = self.settings;
        let definition = self.definition;
        let resource = settings.resource.as_str();
        let advised = AdvisedTimes::of(settings.manager, definition);
        let update = |op: &str| format!("pcs resource update {resource} op {op}");
        let (why_start, why_stop) = (self.why_start(), self.why_stop());
        let (start, stop) = (advised.start.as_secs(), advised.stop.as_secs());
        self.at_least(
            "op start timeout",
            settings.start_timeout.as_ref(),
            PACEMAKER_DEFAULT,
            advised.start,
            &why_start,
            update(&format!("start timeout={start}s")),
        );
        self.at_least(
            "op stop timeout",
            settings.stop_timeout.as_ref(),
            PACEMAKER_DEFAULT,
            advised.stop,
            &why_stop,
            update(&format!("stop timeout={stop}s")),
        );
        self.monitor(details, &advised);
        self.recovery(details);
        self.cluster(details);
        self.neighbours();
    }

    fn monitor(&mut self, details: &PacemakerDetails, advised: &AdvisedTimes) {
        let settings = self.settings;
        let (interval, timeout) = (advised.monitor_interval, advised.monitor_timeout);
        let mend = format!(
            "pcs resource update {} op monitor interval={}s timeout={}s",
            settings.resource,
            interval.as_secs(),
            timeout.as_secs()
        );
        let Some(configured) = &settings.monitor_interval else {
            let values = ("not set".to_owned(), "a recurring monitor");
            let why = "without a recurring monitor Pacemaker never learns that the site has failed";
            return self.add(Urgency::Error, "op monitor", values, why, mend);
        };
        if configured.value > interval {
            let why = "until the next monitor, Pacemaker does not know that the site has failed";
            let values = (say(configured.value), &*say(interval));
            self.add(Urgency::Warning, "op monitor interval", values, why, mend.clone());
        }
        if !settings.agent.starts_with("ocf:siteward") {
            return;
        }
        // A monitor is held for monitor_wait, but not longer than three quarters of its timeout.
        let wait = monitor_wait(details);
        let needed = wait.max(Duration::from_secs(15)) * 4 / 3;
        let value = settings.monitor_timeout.as_ref().map_or(PACEMAKER_DEFAULT, |s| s.value);
        if value < needed {
            let configured = match &settings.monitor_timeout {
                Some(_) => say(value),
                None => format!("not set, so {}", say(value)),
            };
            let why = "a busy node may need that long to answer, and a monitor that is cut off counts as \
                       a failure";
            let wanted = say(timeout.max(needed));
            self.add(Urgency::Warning, "op monitor timeout", (configured, &wanted), why, mend);
        }
    }

    fn recovery(&mut self, details: &PacemakerDetails) {
        let resource = self.settings.resource.clone();
        let meta = |name: &str, value: &str| {
            format!("crm_resource --meta -r {resource} -p {name} -v {value}")
        };
        let unset = |name: &str| format!("crm_resource --meta -r {resource} -d {name}");
        let never = details.migration_threshold.as_ref().is_none_or(|s| s.value.is_none());
        if never {
            let why = "a site that fails again and again is restarted on its node for ever, and never moves";
            let values = ("not set, so never".to_owned(), &*ADVISED_THRESHOLD.to_string());
            let mend = meta("migration-threshold", &ADVISED_THRESHOLD.to_string());
            self.add(Urgency::Warning, "migration-threshold", values, why, mend);
        } else if details.failure_timeout.as_ref().is_none_or(|s| s.value.is_zero()) {
            let why = "failures are never forgotten, so that the site cannot return to a node without a cleanup";
            let values = ("not set, so never".to_owned(), "1h");
            self.add(
                Urgency::Warning,
                "failure-timeout",
                values,
                why,
                meta("failure-timeout", "1h"),
            );
        }
        for (operation, setting) in &details.on_fail {
            let why = match (operation.as_str(), setting.value.as_str()) {
                (_, "ignore") => "a failure is ignored, and the site stays down",
                ("stop", "fence" | "block") | ("start" | "monitor", "restart") => continue,
                (_, "block" | "stop") => "after a failure the site stays down until a person comes",
                (_, "standby" | "fence" | "restart" | "restart-container" | "demote") => continue,
                (_, _) => "Pacemaker does not know this value",
            };
            let values =
                (setting.value.clone(), if operation == "stop" { "fence" } else { "restart" });
            let mend =
                format!("pcs resource update {resource} op {operation} on-fail={}", values.1);
            self.add(Urgency::Error, &format!("op {operation} on-fail"), values, why, mend);
        }
        let off = |setting: &Option<Setting<bool>>| setting.as_ref().is_some_and(|s| !s.value);
        if off(&details.is_managed) {
            let why =
                "Pacemaker does not start, stop or fail over a resource that it does not manage";
            let mend = unset("is-managed");
            self.add(Urgency::Error, "is-managed", ("false".to_owned(), "true"), why, mend);
        }
        if details.target_role.as_ref().is_some_and(|s| s.value.eq_ignore_ascii_case("stopped")) {
            let why = "the site is to stay stopped, on every node";
            let mend = unset("target-role");
            self.add(Urgency::Warning, "target-role", ("Stopped".to_owned(), "Started"), why, mend);
        }
        if details.is_clone {
            let why = "a site runs on one node at a time, and a clone of it is refused";
            let values = ("a clone".to_owned(), "a primitive");
            self.add(
                Urgency::Error,
                "clone",
                values,
                why,
                format!("pcs resource unclone {resource}"),
            );
        }
        for constraint in &details.left_constraints {
            let why =
                "a move by hand has left it, and it binds the site to a node or bans it from one";
            let values = (constraint.clone(), "no such constraint");
            let mend = format!("crm_resource --clear -r {resource}");
            self.add(Urgency::Warning, "constraint", values, why, mend);
        }
    }

    fn cluster(&mut self, details: &PacemakerDetails) {
        let property = |name: &str, value: &str| format!("crm_attribute -n {name} -v {value}");
        if details.maintenance.as_ref().is_some_and(|s| s.value) {
            let why = "in maintenance Pacemaker neither watches the site nor fails it over";
            let mend = match details.maintenance.as_ref().map(|s| s.origin.as_str()) {
                Some(origin) if origin.starts_with("cluster property") => {
                    property("maintenance-mode", "false")
                }
                _ => format!("crm_resource --meta -r {} -d maintenance", self.settings.resource),
            };
            self.add(Urgency::Warning, "maintenance", ("true".to_owned(), "false"), why, mend);
        }
        let fencing = &details.fencing;
        if fencing.enabled.as_ref().is_some_and(|s| !s.value) {
            let why =
                "without fencing a node that is cut off keeps the disk while another node takes it";
            let values = ("false".to_owned(), "true");
            let mend = property("stonith-enabled", "true");
            self.add(Urgency::Error, "stonith-enabled", values, why, mend);
        } else if fencing.devices.is_empty() {
            let why = "fencing is on and there is no device, so Pacemaker starts nothing after a node is lost";
            let values = ("none".to_owned(), "a fence device for each node");
            self.add(Urgency::Error, "fence device", values, why, "pcs stonith create".to_owned());
        }
        if details.no_quorum_policy.as_ref().is_some_and(|s| s.value == "ignore") {
            let why = "each half of a split cluster starts the site unless fencing is faster";
            let values = ("ignore".to_owned(), "stop");
            let mend = property("no-quorum-policy", "stop");
            self.add(Urgency::Warning, "no-quorum-policy", values, why, mend);
        }
    }

    /// The disk and the address.
    fn neighbours(&mut self) {
        let definition = self.definition;
        let settings = self.settings;
        let mount = definition.prerequisites.mounted.as_ref();
        let address = definition.address.filter(|_| definition.prerequisites.address_present);
        let wanted = [
            ("disk", "Filesystem", mount.map(|m| m.display().to_string()), &settings.disk),
            ("address", "IPaddr2", address.map(|a| a.to_string()), &settings.address),
        ];
        for (what, agent, value, found) in wanted {
            let Some(value) = value else { continue };
            let name = format!("{what} {value}");
            let Some(found) = found else {
                let why =
                    format!("no resource ({agent}) brings the {what} to the node of the site");
                let mend = format!("siteward generate pacemaker-pcs {}", definition.name);
                let values =
                    ("not in the cluster".to_owned(), "a resource before the site, in its group");
                self.add(Urgency::Error, &name, values, &why, mend);
                continue;
            };
            let (resource, id) = (&settings.resource, &found.id);
            if !found.is_together {
                let why = format!("Pacemaker may start the site on a node that `{id}` is not on");
                let mend = format!("pcs constraint colocation add {resource} with {id}");
                let values = (format!("`{id}` may be elsewhere"), "on the same node");
                self.add(Urgency::Error, &name, values, &why, mend);
            }
            if !found.is_ordered {
                let why = format!("Pacemaker may start the site before `{id}`, and stop it after");
                let mend = format!("pcs constraint order {id} then {resource}");
                let values = (format!("`{id}` is not started first"), "before the site");
                self.add(Urgency::Error, &name, values, &why, mend);
            }
        }
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

/// How long a monitor is held: the parameter, or the agent's default.
pub fn monitor_wait(details: &PacemakerDetails) -> Duration {
    let given = details.parameters.get(ParameterId::MonitorWait.name());
    let given = given.and_then(|text| duration::parse(text).ok());
    given.unwrap_or(Duration::from_secs(TIMEOUTS.monitor / 2))
}
