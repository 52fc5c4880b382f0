//! Calls by Pacemaker: the action is the argument, everything else is in the environment.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use super::absent::{Purpose, meant, nothing_lives};
use super::answer::{give, print_lines, print_metadata};
use crate::agent::{self, Deadline, Level, MonitorSeries, Outcome, PauseOrder, Target};
use crate::linux::node;
use crate::manager::{Manager, MonitorKind, OcfAction, OcfCall, SiteAction, Verb, ocf_usage};
use crate::messages;
use crate::site::{Adjustments, Overrides, Places, SiteName};
use crate::values::Moment;

pub(super) fn by_pacemaker(word: &OsStr, begun: Moment) -> ExitCode {
    let call = OcfCall::read(word);
    let action = match &call.action {
        OcfAction::MetaData => return print_metadata(),
        OcfAction::Usage => return print_lines(&[ocf_usage()]),
        OcfAction::Unknown(word) => {
            let fault = messages::action_unknown(word, ocf_usage());
            return give(Manager::Pacemaker, Verb::Other, false, &fault.into(), false);
        }
        OcfAction::OfSite(action) => *action,
    };
    for warning in &call.warnings {
        log::warn!("{warning}");
    }
    if let Some(name) = call.node.clone() {
        node::set_name(name);
    }
    let (verb, purpose) = match action {
        SiteAction::Start => (Verb::Start, Purpose::Other),
        SiteAction::Stop => (Verb::Stop, Purpose::Stop),
        SiteAction::Monitor(_) => (Verb::Monitor, Purpose::Look),
        SiteAction::Clean => (Verb::Other, Purpose::Stop),
        SiteAction::ValidateAll
        | SiteAction::Pause
        | SiteAction::Resume
        | SiteAction::Reload
        | SiteAction::ReloadAgent => (Verb::Other, Purpose::Other),
    };
    let outcome = match target_for_pacemaker(&call, verb, purpose) {
        Ok(target) => act(action, &target, &call, begun),
        Err(outcome) => outcome,
    };
    give(Manager::Pacemaker, verb, call.is_recurring(), &outcome, false)
}

fn act(action: SiteAction, target: &Target, call: &OcfCall, begun: Moment) -> Outcome {
    let deadline = Deadline { begun, given: call.timeout };
    let level = Level::from(call.level);
    match action {
        SiteAction::Start => agent::start(target, &deadline),
        SiteAction::Stop => agent::stop(target, &deadline),
        SiteAction::Monitor(MonitorKind::Probe | MonitorKind::Once) => {
            let series = MonitorSeries { interval: Duration::ZERO, until: None };
            agent::monitor_in_series(target, level, series, &deadline)
        }
        SiteAction::Monitor(MonitorKind::Recurring { interval }) => {
            let series = MonitorSeries { interval, until: call.hold_until(begun) };
            agent::monitor_in_series(target, level, series, &deadline)
        }
        SiteAction::Clean => agent::clean(target, &deadline),
        SiteAction::ValidateAll => agent::validate(target, level, &deadline),
        SiteAction::Pause => agent::pause(target, &PauseOrder::default(), &deadline),
        SiteAction::Resume => agent::resume(target, &deadline),
        SiteAction::Reload => agent::reload(target, &deadline),
        SiteAction::ReloadAgent => agent::adjust(target, &deadline),
    }
}

fn target_for_pacemaker(call: &OcfCall, verb: Verb, purpose: Purpose) -> Result<Target, Outcome> {
    let refused = |why: String| Outcome::from(messages::parameter_wrong(why));
    // An instance of a clone is refused before anything is looked at: nothing of it can live.
    if call.clone {
        return Err(nothing_lives(purpose, messages::clone_refused()));
    }
    let adjustments = match (&call.values, purpose) {
        (Ok(values), Purpose::Stop | Purpose::Look | Purpose::Other) => values.adjustments.clone(),
        // A running site is monitored and stopped with the parameters that it was started with.
        (Err(why), Purpose::Stop | Purpose::Look) => {
            log::warn!("{why}");
            Adjustments::default()
        }
        (Err(why), Purpose::Other) => return Err(refused(why.clone())),
    };
    let places = match (Places::resolve(call.overrides.clone()), verb) {
        (Ok(places), Verb::Start | Verb::Stop | Verb::Monitor | Verb::Other) => places,
        // Neither needs the directory of definitions.
        (Err(error), Verb::Stop | Verb::Monitor) => {
            log::warn!("{error:#}");
            let rest = Overrides { config: None, ..call.overrides.clone() };
            Places::resolve(rest).map_err(|e| refused(format!("{e:#}")))?
        }
        (Err(error), Verb::Start | Verb::Other) => return Err(refused(format!("{error:#}"))),
    };
    let named = match &call.site {
        Some(text) => text.parse::<SiteName>().map_err(messages::name_wrong),
        None => Err(messages::site_parameter_missing()),
    };
    let name = meant(purpose, named, &places, call.instance.as_deref())?;
    let target = Target::new(name, places, call.instance.clone());
    Ok(Target { caller: Manager::Pacemaker.who(), adjustments, ..target })
}
