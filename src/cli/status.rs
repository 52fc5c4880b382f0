//! `status`, as a person types it.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use super::absent::refused;
use super::answer::{give, print_fitted, print_lines, print_page, wants_colours};
use super::arguments::{CommonOptions, SiteArgument, StatusArguments};
use super::sites::{hint_at_undefined, named};
use crate::agent::{self, Deadline, Fault, Level, Outcome, Target};
use crate::manager::{Manager, Verb};
use crate::messages;
use crate::observe::PATIENCE;
use crate::operator::status::{
    AskedSites, Frame, Gatherer, StatusQuestion, clear_failure, one_site, watch, worst_code,
};
use crate::operator::{known_sites, layout, tracking};
use crate::site::{Places, SiteName};

/// How long each of several sites may take to answer.
const SHORT: Duration = Duration::from_secs(2);

pub(super) fn answer(
    arguments: &StatusArguments,
    common: &CommonOptions,
    places: &Places,
    deadline: &Deadline,
) -> ExitCode {
    let give = |outcome: &Outcome| give(Manager::Hand, Verb::Monitor, false, outcome, common.quiet);
    let sites = match asked(arguments, places) {
        Ok(sites) => sites,
        Err(fault) => return give(&fault.into()),
    };
    if arguments.clear_failure {
        return clear(&sites, common.quiet);
    }
    let is_one_look = arguments.watch.is_none() && !arguments.json;
    if let (AskedSites::One(target), true) = (&sites, is_one_look) {
        return one(target, arguments, common, deadline);
    }
    let patience = match (deadline.given, &sites, arguments.watch) {
        (Some(given), ..) => given,
        (None, AskedSites::One(_), None) => PATIENCE,
        (None, ..) => SHORT,
    };
    let question = StatusQuestion {
        places: places.clone(),
        sites,
        level: Level::from(arguments.level),
        patience,
        json: arguments.json,
        colours: wants_colours(),
    };
    if let Some(pace) = arguments.watch {
        return match watch(&question, pace) {
            Ok(code) => ExitCode::from(code),
            Err(error) => give(&messages::signals_unreceivable(error).into()),
        };
    }
    let looked = question.look(&mut Gatherer::default());
    let code = worst_code(&looked);
    if !(common.quiet && code == 0) {
        let frame = Frame { width: layout::columns(), height: None };
        print_lines(&question.print(&looked, frame));
    }
    ExitCode::from(code)
}

/// The one site that is meant, with all that is known of it.
fn one(
    target: &Target,
    arguments: &StatusArguments,
    common: &CommonOptions,
    deadline: &Deadline,
) -> ExitCode {
    let outcome = agent::monitor(target, Level::from(arguments.level), deadline);
    let code = match &outcome {
        Outcome::Seen(seen) => {
            hint_at_undefined(target, &outcome);
            let until = deadline.begun + deadline.given.unwrap_or(PATIENCE);
            let report = Gatherer::default().look(target, seen, until);
            let frame = Frame { width: layout::columns(), height: None };
            print_page(&one_site(&report, frame));
            ExitCode::from(report.exit_code)
        }
        Outcome::Done(_) | Outcome::Fault(_) => {
            give(Manager::Hand, Verb::Monitor, false, &outcome, common.quiet)
        }
    };
    if arguments.explain || common.verbose > 0 {
        print_fitted(&tracking(target));
    }
    code
}

fn clear(sites: &AskedSites, quiet: bool) -> ExitCode {
    let targets = match sites {
        AskedSites::One(target) => std::slice::from_ref(&**target),
        AskedSites::Several(targets) => &targets[..],
        AskedSites::All => {
            let fault = messages::site_to_clear_missing();
            return give(Manager::Hand, Verb::Other, false, &fault.into(), quiet);
        }
    };
    let codes = targets
        .iter()
        .map(|target| give(Manager::Hand, Verb::Other, false, &clear_failure(target), quiet));
    codes.fold(ExitCode::SUCCESS, |all, code| if code == ExitCode::SUCCESS { all } else { code })
}

/// The sites that are named, else that of `SITEWARD_SITE`, else all.
fn asked(arguments: &StatusArguments, places: &Places) -> Result<AskedSites, Fault> {
    let target = |name: SiteName| {
        let target = Target::new(name, places.clone(), None);
        refused(&target, Manager::Hand).map_or(Ok(target), Err)
    };
    let is_set = env::var_os("SITEWARD_SITE").is_some_and(|name| !name.is_empty());
    if arguments.names.is_empty() && !is_set && known_sites(places).len() > 1 {
        return Ok(AskedSites::All);
    }
    if let [] | [_] = &arguments.names[..] {
        let site = SiteArgument { name: arguments.names.first().cloned() };
        return Ok(AskedSites::One(Box::new(target(named(&site, places)?)?)));
    }
    let targets = arguments.names.iter().map(|name| {
        let name: SiteName = name.parse().map_err(|why: String| messages::name_wrong(why))?;
        target(name)
    });
    targets.collect::<Result<_, _>>().map(AskedSites::Several)
}
