//! Calls by managers that run an action script: Clusterware, and Serviceguard with its external script.
//! The entry point is the argument; a link or the environment names the site.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::absent::{Purpose, meant};
use super::answer::give;
use super::logs::{init_clusterware_log, init_log};
use crate::agent::{self, Deadline, Level, Outcome, Target};
use crate::manager::{
    CLUSTERWARE_ATTRIBUTE, ClusterwareCall, EntryPoint, Manager, ScriptEntry, ServiceguardCall,
    Verb,
};
use crate::messages;
use crate::operator;
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// An entry point of Clusterware's script agent.
pub(super) fn by_clusterware(called_as: &OsStr, word: &OsStr, begun: Moment) -> ExitCode {
    init_clusterware_log();
    let call = ClusterwareCall::read(called_as, word);
    for warning in &call.warnings {
        log::warn!("{warning}");
    }
    let deadline = Deadline { begun, given: call.timeout };
    let noted = |what: &str| Outcome::Done(what.to_owned());
    let with = |purpose: Purpose, verb: &dyn Fn(&Target) -> Outcome| {
        target_for_clusterware(&call, purpose).map_or_else(|outcome| outcome, |t| verb(&t))
    };
    let (verb, outcome) = match &call.entry {
        EntryPoint::Start => {
            let start = |t: &Target| {
                let outcome = agent::start(t, &deadline);
                if let (Outcome::Done(_), Some(resource)) = (&outcome, &call.resource) {
                    operator::start_asking(&t.site, resource);
                }
                outcome
            };
            (Verb::Start, with(Purpose::Other, &start))
        }
        EntryPoint::Stop => (Verb::Stop, with(Purpose::Stop, &|t| agent::stop(t, &deadline))),
        EntryPoint::Check => {
            let look = |t: &Target| agent::monitor(t, Level::Answer, &deadline);
            (Verb::Monitor, with(Purpose::Look, &look))
        }
        EntryPoint::Clean => (Verb::Other, with(Purpose::Stop, &|t| agent::clean(t, &deadline))),
        EntryPoint::Abort => {
            (Verb::Other, noted("no entry point of this agent runs longer than its timeout"))
        }
        EntryPoint::Modify => (Verb::Other, noted("the changed attributes are noted")),
        EntryPoint::Delete => (Verb::Other, noted("the removal of the resource is noted")),
        EntryPoint::Unknown(word) => {
            (Verb::Other, unknown(word, "start, stop, check, clean and abort"))
        }
    };
    give(Manager::Clusterware, verb, false, &outcome, false)
}

fn target_for_clusterware(call: &ClusterwareCall, purpose: Purpose) -> Result<Target, Outcome> {
    let how = format!(
        "name the site by the attribute {CLUSTERWARE_ATTRIBUTE}, or by a link of its name to siteward \
         in a folder `crs`"
    );
    // A check without a name answers UNKNOWN: the attribute may have been lost, and the site may run.
    let purpose = match purpose {
        Purpose::Look if call.site.is_none() => Purpose::Other,
        other => other,
    };
    let overrides = Overrides::default();
    target(call.site.clone(), &how, Manager::Clusterware, call.resource.clone(), overrides, purpose)
}

/// An external_script of a modular package.
pub(super) fn by_serviceguard(called_as: &OsStr, word: &OsStr, begun: Moment) -> ExitCode {
    init_log(0);
    let call = ServiceguardCall::read(called_as, word);
    let how = "name the site by the package's variable pev_siteward_site, or by a link of its name \
               to siteward in a folder `serviceguard`";
    let deadline = Deadline { begun, given: None };
    let with = |purpose: Purpose, verb: &dyn Fn(&Target) -> Outcome| {
        let (site, package) = (call.site.clone(), call.package.clone());
        target(site, how, Manager::Serviceguard, package, call.overrides.clone(), purpose)
            .map_or_else(|outcome| outcome, |t| verb(&t))
    };
    let (verb, outcome) = match &call.entry {
        ScriptEntry::Start => (Verb::Start, with(Purpose::Other, &|t| agent::start(t, &deadline))),
        ScriptEntry::Stop => (Verb::Stop, with(Purpose::Stop, &|t| agent::stop(t, &deadline))),
        // cmcheckconf asks on nodes where the disk is not, so this looks at the node alone.
        ScriptEntry::Validate => {
            let validate = |t: &Target| agent::validate(t, Level::Identity, &deadline);
            (Verb::Other, with(Purpose::Other, &validate))
        }
        ScriptEntry::Unknown(word) => (Verb::Other, unknown(word, "start, stop and validate")),
    };
    give(Manager::Serviceguard, verb, false, &outcome, false)
}

fn unknown(word: &str, known: &str) -> Outcome {
    messages::action_unknown(word, format!("the entry points are {known}")).into()
}

fn target(
    site: Option<String>,
    how: &str,
    manager: Manager,
    known_as: Option<String>,
    overrides: Overrides,
    purpose: Purpose,
) -> Result<Target, Outcome> {
    let places = Places::resolve(overrides)
        .map_err(|error| messages::parameter_wrong(format!("{error:#}")))?;
    let named = match site {
        Some(text) => text.parse::<SiteName>().map_err(messages::name_wrong),
        None => Err(messages::site_attribute_missing(how)),
    };
    let name = meant(purpose, named, &places, known_as.as_deref())?;
    Ok(Target { caller: manager.who(), ..Target::new(name, places, known_as) })
}
