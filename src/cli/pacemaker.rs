//! The door for Pacemaker: one word, and everything else by environment.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::absent::{Wanted, meant, nothing_lives};
use super::{give, print_metadata};
use crate::agent::{self, Deadline, Fault, FaultKind, Level, Outcome, PauseOrder, Target};
use crate::linux::node;
use crate::manager::{self, Manager, Verb};
use crate::site::{Adjustments, Overrides, Places, SiteName};
use crate::values::Moment;

pub(super) fn by_pacemaker(verb: &OsStr, begun: Moment) -> ExitCode {
    if verb == "meta-data" {
        return print_metadata();
    }
    let call = manager::read_call();
    for warning in &call.warnings {
        log::warn!("{warning}");
    }
    if let Some(name) = call.node.clone() {
        node::set_name(name);
    }
    let (kind, outcome) = do_for_pacemaker(verb, &call, begun);
    give(Manager::Pacemaker, kind, call.recurring, &outcome, false)
}

fn do_for_pacemaker(verb: &OsStr, call: &manager::Call, begun: Moment) -> (Verb, Outcome) {
    let deadline = Deadline { begun, given: call.timeout };
    let (kind, wanted) = match verb.to_str() {
        Some("start") => (Verb::Start, Wanted::Other),
        Some("stop") => (Verb::Stop, Wanted::Down),
        Some("monitor" | "status") => (Verb::Monitor, Wanted::Seen),
        Some("clean") => (Verb::Other, Wanted::Down),
        Some("validate-all" | "pause" | "resume" | "reload" | "reload-agent") => {
            (Verb::Other, Wanted::Other)
        }
        _ => {
            let sentence = format!("there is no verb `{}`", verb.to_string_lossy());
            return (Verb::Other, Fault::new(FaultKind::NoSuchVerb, sentence).into());
        }
    };
    // An instance of a clone is refused before anything is looked at: nothing of it can live.
    if call.clone {
        let why = "a site runs on one node at a time; it cannot be cloned".to_owned();
        return (kind, nothing_lives(wanted, why));
    }
    let target = match target_for_pacemaker(call, kind, wanted) {
        Ok(target) => target,
        Err(outcome) => return (kind, outcome),
    };
    let level = Level::from(call.level);
    let outcome = match verb.to_str() {
        Some("start") => agent::start(&target, &deadline),
        Some("stop") => agent::stop(&target, &deadline),
        Some("monitor" | "status") => agent::monitor(&target, level, &deadline),
        Some("validate-all") => agent::validate(&target, level, &deadline),
        Some("clean") => agent::clean(&target, &deadline),
        Some("pause") => agent::pause(&target, &PauseOrder::default(), &deadline),
        Some("resume") => agent::resume(&target, &deadline),
        Some("reload-agent") => agent::adjust(&target, &deadline),
        _ => agent::reload(&target, &deadline),
    };
    (kind, outcome)
}

fn target_for_pacemaker(
    call: &manager::Call,
    kind: Verb,
    wanted: Wanted,
) -> Result<Target, Outcome> {
    let refused = |why: String| Outcome::from(Fault::new(FaultKind::Misconfigured, why));
    let adjustments = match (&call.values, wanted) {
        (Ok(values), _) => values.adjustments.clone(),
        // A site that runs is watched and stopped by what it was started with.
        (Err(why), Wanted::Down | Wanted::Seen) => {
            log::warn!("{why}");
            Adjustments::default()
        }
        (Err(why), Wanted::Other) => return Err(refused(why.clone())),
    };
    let places = match (Places::resolve(call.overrides.clone()), kind) {
        (Ok(places), _) => places,
        // Neither needs the folder of definitions.
        (Err(error), Verb::Stop | Verb::Monitor) => {
            log::warn!("{error:#}");
            Places::resolve(Overrides::default()).map_err(|e| refused(format!("{e:#}")))?
        }
        (Err(error), _) => return Err(refused(format!("{error:#}"))),
    };
    let missing = || "the parameter `site` is missing".to_owned();
    let named = call.site.as_ref().ok_or_else(missing).and_then(|text| text.parse::<SiteName>());
    let name = meant(wanted, named, &places, call.instance.as_deref())?;
    let target = Target::new(name, places, call.instance.clone());
    Ok(Target { caller: Manager::Pacemaker.who(), adjustments, ..target })
}
