//! The site that a person's call is about, and the checks before it is done.

use std::env;

use super::absent::{Purpose, nothing_lives, refused};
use super::arguments::{LogsArguments, SiteArgument};
use crate::agent::{Deadline, Fault, Outcome, Target};
use crate::manager::{ExpressclusterCall, Manager, StartOrder};
use crate::messages;
use crate::operator::{self, CreateOptions};
use crate::site::{LoadError, Places, SiteName, defined_sites, load_uncompared, no_directory};

/// How many sites a message names where none was named.
const SITES_TOLD: usize = 20;

/// The site that is named, else that of `SITEWARD_SITE` (as JobCenter's commands know `NQS_SITE`), else
/// the only one that is defined here.
pub(super) fn named(site: &SiteArgument, places: &Places) -> Result<SiteName, Fault> {
    if let Some(name) = &site.name {
        return name.parse().map_err(|why: String| messages::name_wrong(why).into());
    }
    let of_environment = env::var_os("SITEWARD_SITE").filter(|name| !name.is_empty());
    if let Some(name) = of_environment {
        let name = name.to_string_lossy();
        let name: SiteName = name
            .parse()
            .map_err(|why: String| messages::site_of_environment_wrong(format!("wrong: {why}")))?;
        let known = places.of(&name);
        if !known.definition.exists() && !known.runtime.exists() {
            let why = format!("`{name}`, and there is no such site here; see: siteward list");
            return Err(messages::site_of_environment_wrong(why).into());
        }
        return Ok(name);
    }
    let all = defined_sites(places);
    match &all[..] {
        [only] => Ok(only.clone()),
        [] => Err(no_directory(places)
            .map_or_else(
                || {
                    let config = places.config.display();
                    messages::site_not_named(format!("none is defined in {config}"))
                },
                messages::directory_is_file,
            )
            .into()),
        several => {
            let names: Vec<&str> = several.iter().take(SITES_TOLD).map(SiteName::as_str).collect();
            let (count, mut names) = (several.len(), names.join(", "));
            if count > SITES_TOLD {
                names.push_str(", ...");
            }
            let why = format!("there are {count}: {names}; name one, or set SITEWARD_SITE");
            Err(messages::site_not_named(why).into())
        }
    }
}

/// The site whose logs are meant, and the names of processes. A first word that is the name of no site here is
/// a process of the site that is meant where none is named.
pub(super) fn logs_meant(
    arguments: &LogsArguments,
    places: &Places,
) -> Result<(Target, Vec<String>), Fault> {
    let target = |name: SiteName| Target::new(name, places.clone(), None);
    let unnamed = || named(&SiteArgument { name: None }, places).map(target);
    let processes = arguments.processes.clone();
    let Some(word) = &arguments.site else { return Ok((unnamed()?, processes)) };
    let missing = match word.parse::<SiteName>() {
        Ok(name) if operator::has_logs(places, &name) => return Ok((target(name), processes)),
        Ok(name) => match operator::unknown_here(&target(name.clone())) {
            None => return Ok((target(name), processes)),
            Some(fault) => fault,
        },
        Err(why) => messages::name_wrong(why).into(),
    };
    match unnamed() {
        Ok(site) if operator::has_process(&site, word) => {
            Ok((site, [word.clone()].into_iter().chain(processes).collect()))
        }
        Ok(site) => Err(operator::nearest_process(&site, word).map_or(missing, |near| {
            messages::site_or_process_unknown(word, &site.name, near).into()
        })),
        Err(_) => Err(missing),
    }
}

/// Does a verb for the site. A manager gets an answer by `purpose` for a name that no site can have.
pub(super) fn with(
    site: &SiteArgument,
    called_by: Manager,
    places: &Places,
    purpose: Purpose,
    verb: impl FnOnce(&Target) -> Outcome,
) -> Outcome {
    let impossible = site.name.as_ref().and_then(|name| name.parse::<SiteName>().err());
    if let Some(why) = impossible.filter(|_| called_by != Manager::Hand) {
        return nothing_lives(purpose, messages::name_wrong(why));
    }
    let target = match named(site, places) {
        Ok(name) => Target::new(name, places.clone(), None),
        Err(fault) => return fault.into(),
    };
    match refused(&target, called_by) {
        Some(fault) => fault.into(),
        None => verb(&Target { caller: called_by.who(), ..target }),
    }
}

/// ExpressCluster runs its start script for more reasons than a start; Some: the answer where nothing is to
/// be started.
pub(super) fn unwanted(called_by: Manager) -> Option<Outcome> {
    if called_by != Manager::Expresscluster {
        return None;
    }
    match ExpressclusterCall::read().start_order() {
        Ok(StartOrder::Start) => None,
        Ok(StartOrder::Nothing(why)) => Some(Outcome::Done(why.to_owned())),
        Err(fault) => Some(fault.into()),
    }
}

pub(super) fn create(
    name: &str,
    places: &Places,
    options: &CreateOptions,
    deadline: &Deadline,
) -> Outcome {
    let name: SiteName = match name.parse() {
        Ok(name) => name,
        Err(why) => return messages::name_wrong(why).into(),
    };
    match operator::create(&name, places, options, deadline) {
        Ok(made) => {
            let list: Vec<String> = made.iter().map(|line| format!("  {line}")).collect();
            Outcome::Done(format!("the site `{name}` is made:\n{}", list.join("\n")))
        }
        Err(error) => messages::site_not_made(&name, format!("{error:#}")).into(),
    }
}

/// A site that is nowhere defined is stopped, and a person who asks for it may have mistyped its name.
pub(super) fn hint_at_undefined(target: &Target, outcome: &Outcome) {
    if let Outcome::Seen(observation) = outcome
        && !observation.is_up()
        && let Err(error @ LoadError::Missing { .. }) =
            load_uncompared(&target.places, &target.name)
    {
        log::warn!("{error}");
    }
}
