//! The numbers that the times are computed from: of the definition, of the manager, and of the history.

use std::time::Duration;

use super::super::generate::{ADVISED_RESTARTS, ADVISED_THRESHOLD, AdvisedTimes};
use super::super::settings::{
    CLUSTERWARE_DEFAULT, ManagerDetails, ManagerSettings, PACEMAKER_DEFAULT, PacemakerDetails,
    RestartsHere, Setting, monitor_wait,
};
use super::measured::MeasuredTimes;
use super::script::ScriptNumbers;
use crate::manager::{Manager, adjustments_of};
use crate::site::duration::say;
use crate::site::{Definition, Needs, Process};

/// Who starts and stops the processes.
#[derive(Clone, Debug)]
pub(super) enum Runner {
    Siteward,
    /// siteward, by the commands of the site's own supervisor.
    Wrapped,
    /// The script of the manual, without siteward.
    Script(ScriptNumbers),
}

/// All numbers. Where the manager does not limit or say something, it is None.
#[derive(Clone, Debug)]
pub(super) struct TimingInputs {
    pub(super) manager: Manager,
    pub(super) runner: Runner,
    pub(super) boot: Setting<Duration>,
    pub(super) stop: Setting<Duration>,
    pub(super) forcekill: Duration,
    /// The longest graceful stop by the periods of the processes.
    pub(super) chain: Option<Setting<Duration>>,
    pub(super) evidence: Option<Setting<Duration>>,
    pub(super) repair: Option<Setting<Duration>>,
    pub(super) health: Option<Setting<Duration>>,
    pub(super) restarts_within: Option<Setting<Duration>>,
    /// The limits that a verb sees.
    pub(super) start_limit: Option<Setting<Duration>>,
    pub(super) stop_limit: Option<Setting<Duration>>,
    pub(super) clean_limit: Option<Setting<Duration>>,
    pub(super) monitor_limit: Option<Setting<Duration>>,
    /// None: no recurring monitor.
    pub(super) interval: Option<Setting<Duration>>,
    /// The supervisor answers a monitor that waits, as soon as something happens.
    pub(super) held: bool,
    pub(super) restarts_here: Setting<RestartsHere>,
    /// One failed start bans the node.
    pub(super) start_failure_is_fatal: bool,
    /// How long until a lost node is known to be off: the silence, and the fencing.
    pub(super) silence: Option<Setting<Duration>>,
    pub(super) fencing: Option<Setting<Duration>>,
    /// How long the manager may take to move disk and address.
    pub(super) neighbours: Option<Setting<Duration>>,
    pub(super) measured: MeasuredTimes,
}

fn setting<T>(value: T, origin: impl Into<String>) -> Setting<T> {
    Setting { value, origin: origin.into() }
}

/// The settings that `generate` would give this manager.
fn assumed(manager: Manager, definition: &Definition) -> ManagerSettings {
    let advised = AdvisedTimes::of(manager, definition);
    let some = |time: Duration, name: &str| Some(setting(time, format!("the advised {name}")));
    let restarts = match manager {
        Manager::Clusterware => ADVISED_RESTARTS,
        Manager::Pacemaker | Manager::Hand => ADVISED_THRESHOLD - 1,
        Manager::Serviceguard | Manager::Expresscluster => 0,
    };
    ManagerSettings {
        manager,
        resource: definition.name.to_string(),
        agent: "ocf:siteward:site".to_owned(),
        source: String::new(),
        start_timeout: some(advised.start, "start timeout"),
        stop_timeout: some(advised.stop, "stop timeout"),
        clean_timeout: None,
        monitor_timeout: some(advised.monitor_timeout, "monitor timeout"),
        monitor_interval: some(advised.monitor_interval, "monitor interval"),
        restarts_here: Some(setting(RestartsHere::Times(restarts), "as advised")),
        disk: None,
        address: None,
        details: ManagerDetails::Pacemaker(Box::default()),
        notes: Vec::new(),
    }
}

impl TimingInputs {
    /// `settings`: None, if none were found; then those of `manager` are assumed as `generate` advises them.
    pub(super) fn of(
        definition: &Definition,
        settings: Option<&ManagerSettings>,
        manager: Manager,
        measured: MeasuredTimes,
    ) -> Self {
        let assumed = assumed(manager, definition);
        let settings = settings.unwrap_or(&assumed);
        let details = match &settings.details {
            ManagerDetails::Pacemaker(details) => Some(&**details),
            ManagerDetails::Clusterware(_) | ManagerDetails::Serviceguard(_) => None,
        };
        let of_agent = |name: &str| details.and_then(|d| d.parameters.get(name).cloned());
        let definition = definition.clone().adjusted(&adjustments_of(of_agent));
        let definition = &definition;
        let is_wrapped = definition.wrapped.is_some();
        let mut inputs = Self {
            manager: settings.manager,
            runner: if is_wrapped { Runner::Wrapped } else { Runner::Siteward },
            boot: key(definition.boot_timeout, "boot_timeout", definition.given.boot_timeout),
            stop: key(definition.stop_timeout, "stop_timeout", definition.given.stop_timeout),
            forcekill: definition.forcekill_time,
            chain: chain(definition),
            evidence: longest(definition, "on_failure", |p| Some(p.on_failure.as_ref()?.timeout)),
            repair: definition
                .on_unclean_shutdown
                .as_ref()
                .map(|repair| setting(repair.timeout, "on_unclean_shutdown, timeout")),
            health: health(definition),
            restarts_within: restarts_within(definition),
            start_limit: None,
            stop_limit: None,
            clean_limit: None,
            monitor_limit: None,
            interval: settings.monitor_interval.clone(),
            held: false,
            restarts_here: setting(RestartsHere::Unlimited, "the manager's default"),
            start_failure_is_fatal: true,
            silence: None,
            fencing: None,
            neighbours: None,
            measured,
        };
        inputs.set_limits(settings);
        inputs.name_once(&settings.resource);
        if let Some(restarts) = &settings.restarts_here {
            inputs.restarts_here = restarts.clone();
        }
        if let Some(details) = details {
            inputs.set_pacemaker(details);
        }
        let has = |wanted: bool, what: &'static str| wanted.then_some(what);
        let prerequisites = &definition.prerequisites;
        let moved: Vec<&str> = [
            has(prerequisites.mounted.is_some(), "disk"),
            has(prerequisites.address_present, "address"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !moved.is_empty() {
            inputs.neighbours = Some(setting(Duration::ZERO, moved.join(" and ")));
        }
        inputs
    }

    /// The script of the manual, in the place of siteward.
    pub(super) fn of_script(numbers: ScriptNumbers, settings: &ManagerSettings) -> Self {
        let mut inputs = Self {
            manager: Manager::Clusterware,
            boot: numbers.time(),
            stop: numbers.time(),
            runner: Runner::Script(numbers),
            forcekill: Duration::ZERO,
            chain: None,
            evidence: None,
            repair: None,
            health: None,
            restarts_within: None,
            start_limit: None,
            stop_limit: None,
            clean_limit: None,
            monitor_limit: None,
            interval: settings.monitor_interval.clone(),
            held: false,
            restarts_here: setting(RestartsHere::Times(1), "Clusterware's default"),
            start_failure_is_fatal: false,
            silence: Some(setting(Duration::from_secs(30), "Clusterware's default misscount")),
            fencing: None,
            neighbours: Some(setting(Duration::ZERO, "address")),
            measured: MeasuredTimes::default(),
        };
        inputs.set_limits(settings);
        inputs.name_once(&settings.resource);
        if let Some(restarts) = &settings.restarts_here {
            inputs.restarts_here = restarts.clone();
        }
        inputs
    }

    /// The resource is named at the top, and not with each of its settings.
    fn name_once(&mut self, resource: &str) {
        let prefix = format!("{resource}, ");
        let all = [
            &mut self.start_limit,
            &mut self.stop_limit,
            &mut self.clean_limit,
            &mut self.monitor_limit,
            &mut self.interval,
        ];
        for setting in all.into_iter().flatten() {
            if let Some(rest) = setting.origin.strip_prefix(&prefix) {
                setting.origin = rest.to_owned();
            }
        }
    }

    fn set_limits(&mut self, settings: &ManagerSettings) {
        let or = |found: &Option<Setting<Duration>>, default: &Setting<Duration>| {
            Some(found.clone().unwrap_or_else(|| default.clone()))
        };
        match &settings.details {
            // The timeouts of these are not seen by a verb.
            _ if matches!(self.manager, Manager::Serviceguard | Manager::Expresscluster) => {}
            ManagerDetails::Clusterware(details) => {
                let default = setting(CLUSTERWARE_DEFAULT, "Clusterware's default SCRIPT_TIMEOUT");
                let script = details.script_timeout.clone().unwrap_or(default);
                self.start_limit = or(&settings.start_timeout, &script);
                self.stop_limit = or(&settings.stop_timeout, &script);
                self.clean_limit =
                    settings.clean_timeout.clone().or_else(|| self.stop_limit.clone());
                self.monitor_limit = or(&settings.monitor_timeout, &script);
                self.start_failure_is_fatal = false;
                self.silence =
                    Some(setting(Duration::from_secs(30), "Clusterware's default misscount"));
            }
            ManagerDetails::Pacemaker(_) | ManagerDetails::Serviceguard(_) => {
                let default = setting(PACEMAKER_DEFAULT, "Pacemaker's default timeout");
                self.start_limit = or(&settings.start_timeout, &default);
                self.stop_limit = or(&settings.stop_timeout, &default);
                self.monitor_limit = or(&settings.monitor_timeout, &default);
                self.start_failure_is_fatal = self.manager != Manager::Clusterware;
            }
        }
    }

    fn set_pacemaker(&mut self, details: &PacemakerDetails) {
        if self.manager != Manager::Pacemaker && self.manager != Manager::Hand {
            return;
        }
        self.held = !monitor_wait(details).is_zero();
        self.start_failure_is_fatal =
            details.start_failure_is_fatal.as_ref().is_none_or(|setting| setting.value);
        let fencing = &details.fencing;
        self.silence = fencing.silence.clone();
        if fencing.enabled.as_ref().is_none_or(|setting| setting.value) {
            let default = setting(Duration::from_secs(60), "Pacemaker's default stonith-timeout");
            let mut time = fencing.timeout.clone().unwrap_or(default);
            if let Some(delay) = &fencing.delay {
                time.value = time.value.saturating_add(delay.value);
                time.origin = format!("{}; {} {}", time.origin, delay.origin, say(delay.value));
            }
            self.fencing = Some(time);
        }
    }
}

fn key(value: Duration, name: &str, given: bool) -> Setting<Duration> {
    setting(value, if given { name.to_owned() } else { format!("{name}, by default") })
}

/// The longest of a time that processes have.
fn longest(
    definition: &Definition,
    name: &str,
    time: impl Fn(&Process) -> Option<Duration>,
) -> Option<Setting<Duration>> {
    let all = definition.processes.iter().filter_map(|p| Some((time(p)?, &p.name)));
    let (value, process) = all.max_by_key(|(time, _)| *time)?;
    Some(setting(value, format!("`{process}`, {name}")))
}

/// A process that hangs is found by its healthcheck after so long.
fn health(definition: &Definition) -> Option<Setting<Duration>> {
    longest(definition, "healthcheck: retries x (interval + timeout)", |process| {
        let check = process.healthcheck.as_ref().filter(|_| process.essential)?;
        Some((check.interval.saturating_add(check.timeout)).saturating_mul(check.retries))
    })
}

/// How long an essential process is started again within the site, before the site fails.
fn restarts_within(definition: &Definition) -> Option<Setting<Duration>> {
    longest(definition, "restart: its delays before the last attempt", |process| {
        let restart = process.restart.filter(|_| process.essential)?;
        let mut delay = restart.delay;
        let mut total = Duration::ZERO;
        for _ in 0..restart.attempts {
            total = total.saturating_add(delay.min(restart.max_delay));
            delay = delay.saturating_mul(2);
        }
        // All attempts have to lie within this time.
        Some(total.min(restart.within))
    })
}

/// The longest way through the processes, each of which waits for those that need it.
fn chain(definition: &Definition) -> Option<Setting<Duration>> {
    let processes = &definition.processes;
    let edges: Vec<Vec<usize>> = processes.iter().map(|p| p.depends_on.clone()).collect();
    let needs = Needs::through(&edges);
    let own = |index: usize| match &processes[index] {
        process if process.oneshot => Duration::ZERO,
        process => process.stop_grace_period.saturating_add(definition.forcekill_time),
    };
    // A process comes after all that it needs, so the number of those is an order.
    let mut order: Vec<usize> = (0..processes.len()).collect();
    order.sort_by_key(|index| needs.count(*index));
    let mut below: Vec<(Duration, Vec<usize>)> = vec![Default::default(); processes.len()];
    for &index in &order {
        let nexts = edges[index].iter().map(|next| &below[*next]);
        let (time, way) = nexts.max_by_key(|(time, _)| *time).cloned().unwrap_or_default();
        let way = way.into_iter().chain([index]).collect();
        below[index] = (time.saturating_add(own(index)), way);
    }
    let (time, way) = below.into_iter().max_by_key(|(time, _)| *time)?;
    let named: Vec<String> = way
        .iter()
        .rev()
        .filter(|index| !processes[**index].oneshot)
        .map(|index| format!("`{}` {}", processes[*index].name, say(own(*index))))
        .collect();
    let shown = match named.len() {
        0..=3 => named.join(", "),
        more => format!("{} and {} more", named[..3].join(", "), more - 3),
    };
    Some(setting(time, format!("stop_grace_period + forcekill_time: {shown}; together")))
}
