//! The doors for managers that call an action script: Clusterware's, and Serviceguard's external
//! script. One word says what to do; a link or the environment says of which site.

use std::ffi::OsStr;
use std::io::Write;
use std::process::ExitCode;

use super::absent::{Wanted, meant};
use super::give;
use crate::agent::{self, Deadline, Fault, FaultKind, Level, Outcome, Target};
use crate::manager::clusterware::{self, Entry};
use crate::manager::{Manager, Verb, serviceguard};
use crate::site::{Overrides, Places, SiteName};
use crate::values::Moment;

/// An entry point of Clusterware's script agent.
pub(super) fn by_clusterware(called_as: &OsStr, word: &OsStr, begun: Moment) -> ExitCode {
    init_tagged_log();
    let (verb, outcome) = match word.to_str().and_then(Entry::of) {
        Some(entry) => do_for_clusterware(called_as, entry, begun),
        None => (Verb::Other, unknown(word, "start, stop, check, clean and abort")),
    };
    give(Manager::Clusterware, verb, false, &outcome, false)
}

fn do_for_clusterware(called_as: &OsStr, entry: Entry, begun: Moment) -> (Verb, Outcome) {
    let (verb, wanted) = match entry {
        Entry::Start => (Verb::Start, Wanted::Other),
        Entry::Stop => (Verb::Stop, Wanted::Down),
        Entry::Check => (Verb::Monitor, Wanted::Seen),
        Entry::Clean | Entry::Abort | Entry::Noted => (Verb::Other, Wanted::Down),
    };
    let site = clusterware::site(Some(called_as));
    let how = format!(
        "name the site by the attribute {}, or by a link of its name to siteward in a folder `crs`",
        clusterware::ATTRIBUTE
    );
    let known_as = variable("_CRS_NAME");
    // A check without a name cannot tell, and says so: there may be a site, whose name got lost.
    let wanted = if site.is_none() && wanted == Wanted::Seen { Wanted::Other } else { wanted };
    let target = match target(site, &how, Manager::Clusterware, known_as, wanted) {
        Ok(target) => target,
        Err(outcome) => return (verb, outcome),
    };
    let given = clusterware::timeout(entry, &mut |why| log::warn!("{why}"));
    let deadline = Deadline { begun, given };
    let outcome = match entry {
        Entry::Start => agent::start(&target, &deadline),
        Entry::Stop => agent::stop(&target, &deadline),
        Entry::Check => agent::monitor(&target, Level::Answer, &deadline),
        Entry::Clean => agent::clean(&target, &deadline),
        Entry::Abort => Outcome::Done("no entry point of this agent outlives its time".to_owned()),
        Entry::Noted => Outcome::Done("noted; nothing of the site depends on it".to_owned()),
    };
    (verb, outcome)
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// An external_script of a modular package.
pub(super) fn by_serviceguard(called_as: &OsStr, word: &OsStr, begun: Moment) -> ExitCode {
    super::init_log(0);
    let verb = match word.to_str() {
        Some("start") => Verb::Start,
        Some("stop") => Verb::Stop,
        Some("validate") => Verb::Other,
        _ => {
            let outcome = unknown(word, "start, stop and validate");
            return give(Manager::Serviceguard, Verb::Other, false, &outcome, false);
        }
    };
    let how = "name the site by the package's variable pev_siteward_site, or by a link of its name \
               to siteward in a folder `serviceguard`";
    let known_as = ["SG_PACKAGE", "SG_PACKAGE_NAME"].iter().find_map(|v| variable(v));
    let site = serviceguard::site(Some(called_as));
    let deadline = Deadline { begun, given: None };
    let outcome = match target(site, how, Manager::Serviceguard, known_as, verb.into()) {
        Err(outcome) => outcome,
        Ok(target) => match verb {
            Verb::Start => agent::start(&target, &deadline),
            Verb::Stop => agent::stop(&target, &deadline),
            // cmcheckconf asks on nodes where the disk is not, so this looks at the node alone.
            Verb::Monitor | Verb::Other => agent::validate(&target, Level::Identity, &deadline),
        },
    };
    give(Manager::Serviceguard, verb, false, &outcome, false)
}

fn unknown(word: &OsStr, known: &str) -> Outcome {
    let word = word.to_string_lossy();
    let sentence = format!("there is no entry point `{word}`; there are {known}");
    Fault::new(FaultKind::NoSuchVerb, sentence).into()
}

fn target(
    site: Option<String>,
    how: &str,
    manager: Manager,
    known_as: Option<String>,
    wanted: Wanted,
) -> Result<Target, Outcome> {
    let places = Places::resolve(Overrides::default())
        .map_err(|e| Fault::new(FaultKind::Misconfigured, format!("{e:#}")))?;
    let named = site.ok_or_else(|| format!("no site is named; {how}"));
    let named = named.and_then(|text| text.parse::<SiteName>());
    let name = meant(wanted, named, &places, known_as.as_deref())?;
    Ok(Target { caller: manager.who(), ..Target::new(name, places, known_as) })
}

/// What crsctl shows of a script are the lines with a tag.
fn init_tagged_log() {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .target(env_logger::Target::Stdout)
        .format(|out, record| {
            writeln!(out, "CRS_WARNING:{}", record.args().to_string().replace('\n', " "))
        })
        .init();
}
