//! The door for Pacemaker: one word, and everything else by environment.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::{give, print_metadata};
use crate::agent::{self, Deadline, Fault, FaultKind, Level, Outcome, PauseOrder, Target};
use crate::linux::{Moment, node};
use crate::manager::{self, Manager, Verb};
use crate::site::{Adjustments, Places, SiteName};

pub(super) fn by_pacemaker(verb: &OsStr, begun: Moment) -> ExitCode {
    if verb == "meta-data" {
        return print_metadata();
    }
    let (kind, recurring, outcome) = match manager::read_call() {
        Ok(call) => {
            if let Some(name) = call.node.clone() {
                node::call_it(name);
            }
            let (kind, outcome) = do_for_pacemaker(verb, &call, begun);
            (kind, call.recurring, outcome)
        }
        Err(error) => {
            let fault = Fault::new(FaultKind::Misconfigured, error.0);
            (Verb::Other, false, fault.into())
        }
    };
    give(Manager::Pacemaker, kind, recurring, &outcome, false)
}

fn do_for_pacemaker(verb: &OsStr, call: &manager::Call, begun: Moment) -> (Verb, Outcome) {
    let deadline = Deadline { begun, given: call.timeout };
    let (kind, known) = match verb.to_str() {
        Some("start") => (Verb::Start, true),
        Some("stop") => (Verb::Stop, true),
        Some("monitor" | "status") => (Verb::Monitor, true),
        Some("validate-all" | "clean" | "pause" | "resume" | "reload" | "reload-agent") => {
            (Verb::Other, true)
        }
        _ => (Verb::Other, false),
    };
    if !known {
        let sentence = format!("there is no verb `{}`", verb.to_string_lossy());
        return (kind, Fault::new(FaultKind::NoSuchVerb, sentence).into());
    }
    // An instance of a clone is refused before anything is looked at: nothing of it can live.
    if call.clone {
        let refused = Fault::new(
            FaultKind::Misconfigured,
            "a site runs on one node at a time; it cannot be cloned",
        );
        return (kind, clone_outcome(kind, refused));
    }
    let values = match (&call.values, kind) {
        (Ok(values), _) => values.adjustments.clone(),
        // A site that runs is watched and stopped by what it was started with.
        (Err(_), Verb::Monitor | Verb::Stop) => Adjustments::default(),
        (Err(why), Verb::Start | Verb::Other) => {
            return (kind, Fault::new(FaultKind::Misconfigured, why.clone()).into());
        }
    };
    let target = match target_for_pacemaker(call) {
        Ok(Some(target)) => Target { adjustments: values, ..target },
        // No site is named, and none is known by the resource's name: nothing of it can live.
        Ok(None) if kind == Verb::Stop => {
            return (kind, Outcome::Done("no site of this resource is known here".to_owned()));
        }
        Ok(None) => {
            let fault = Fault::new(FaultKind::Misconfigured, "the parameter `site` is missing");
            return (kind, fault.into());
        }
        Err(fault) => return (kind, fault.into()),
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

fn clone_outcome(kind: Verb, refused: Fault) -> Outcome {
    match kind {
        Verb::Stop => Outcome::Done("a clone of a site never runs".to_owned()),
        Verb::Monitor => Outcome::Seen(Box::new(crate::observe::Observation::of_nothing())),
        Verb::Start | Verb::Other => refused.into(),
    }
}

fn target_for_pacemaker(call: &manager::Call) -> Result<Option<Target>, Fault> {
    let misconfigured = |why: String| Fault::new(FaultKind::Misconfigured, why);
    let places =
        Places::resolve(call.overrides.clone()).map_err(|e| misconfigured(format!("{e:#}")))?;
    let name: Option<SiteName> = match &call.site {
        Some(text) => Some(text.parse().map_err(misconfigured)?),
        None => call.instance.as_ref().and_then(|i| manager::find_by_instance(&places, i)),
    };
    Ok(name.map(|name| Target {
        caller: Manager::Pacemaker.who(),
        ..Target::new(name, places, call.instance.clone())
    }))
}
