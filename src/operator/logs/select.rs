//! Which logs are meant.

use std::collections::BTreeSet;

use super::source::Source;
use crate::agent::{Fault, Target};
use crate::logs::{NoLogs, logs_in};
use crate::messages;
use crate::site::{
    Definition, OWN_LOG, Places, Process, SiteName, WRAPPED, instance_name, load_snapshot,
    load_uncompared, nearest,
};

/// The name under which the output of a wrapped supervisor is shown.
const SHOWN_WRAPPED: &str = "supervisor";

/// The logs that are meant.
pub(super) struct Chosen {
    pub(super) sources: Vec<Source>,
    /// Processes were named: a new one is none of them.
    pub(super) are_named: bool,
}

/// Whether the site has a folder of logs.
pub fn has_logs(places: &Places, name: &SiteName) -> bool {
    places.of(name).logs.symlink_metadata().is_ok()
}

/// Whether there is such a process in the site, or a log of one.
pub fn has_process(target: &Target, word: &str) -> bool {
    let known = known(target);
    known.is_ok_and(|known| known.iter().any(|name| is_meant(name, word)))
}

/// The process whose name is nearest to a word, if one is near enough.
pub fn nearest_process(target: &Target, word: &str) -> Option<String> {
    let known = known(target).ok()?;
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    nearest(word, &names).map(str::to_owned)
}

/// The names that can be asked for, as they are shown: those of the definition and those that have a log.
fn known(target: &Target) -> Result<BTreeSet<String>, Fault> {
    let mut names: BTreeSet<String> = match logs_in(&target.site.logs) {
        Ok(names) => names.into_iter().map(|name| shown(&name).to_owned()).collect(),
        Err(NoLogs::Missing) => BTreeSet::new(),
        Err(NoLogs::Unreadable(error)) => {
            return Err(messages::logs_denied(target.site.logs.display(), error).into());
        }
    };
    let definition = load_uncompared(&target.places, &target.name)
        .ok()
        .or_else(|| load_snapshot(&target.site.snapshot(), &target.name).ok());
    names.extend(definition.iter().flat_map(instances));
    names.insert(OWN_LOG.to_owned());
    Ok(names)
}

fn instances(definition: &Definition) -> Vec<String> {
    let of = |process: &Process| {
        let name = |number| instance_name(process, number);
        (1..=process.instances).map(name).collect::<Vec<String>>()
    };
    let mut names: Vec<String> = definition.processes.iter().flat_map(of).collect();
    if definition.wrapped.is_some() {
        names.push(SHOWN_WRAPPED.to_owned());
    }
    names
}

fn shown(name: &str) -> &str {
    if name == WRAPPED { SHOWN_WRAPPED } else { name }
}

/// `web` means every instance of it.
fn is_meant(name: &str, word: &str) -> bool {
    name == word || name.split_once('@').is_some_and(|(of, _)| of == word)
}

/// The logs of these processes; where none is named, of all of them and of the supervisor.
pub(super) fn choose(target: &Target, words: &[String]) -> Result<Chosen, Fault> {
    let known = known(target)?;
    for word in words {
        if !known.iter().any(|name| is_meant(name, word)) {
            return Err(no_such_process(target, word, &known));
        }
    }
    let is_chosen = |name: &&String| words.is_empty() || words.iter().any(|w| is_meant(name, w));
    let mut sources: Vec<Source> =
        known.iter().filter(is_chosen).map(|name| source(target, name)).collect();
    // What is done to a process comes before what it prints then.
    sources.sort_by_key(|source| source.name != OWN_LOG);
    Ok(Chosen { sources, are_named: !words.is_empty() })
}

/// The log that is shown under this name.
fn source(target: &Target, shown: &str) -> Source {
    let wrapped = target.site.wrapped_log();
    // Only a wrapped supervisor has such a log, and then there is no process.
    let (name, log) = match shown == SHOWN_WRAPPED && wrapped.exists() {
        true => (WRAPPED, wrapped),
        false => (shown, target.site.process_log(shown)),
    };
    Source::new(name, shown, log, name == OWN_LOG)
}

/// The logs that have come since.
pub(super) fn new_ones(target: &Target, sources: &[Source]) -> Vec<Source> {
    let names = logs_in(&target.site.logs).unwrap_or_default();
    let is_new = |name: &&String| sources.iter().all(|source| source.name != **name);
    names.iter().filter(is_new).map(|name| source(target, shown(name))).collect()
}

/// What a person should know who gets nothing to see.
pub(super) fn note(target: &Target, chosen: &Chosen) -> Option<String> {
    let is_empty = chosen.sources.iter().all(|source| source.stream.range().1 == 0);
    is_empty.then(|| {
        format!("nothing was printed yet: there is no line in {}", target.site.logs.display())
    })
}

fn no_such_process(target: &Target, word: &str, known: &BTreeSet<String>) -> Fault {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let advice = match nearest(word, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.join(", ")),
    };
    messages::process_unknown(word, &target.name, advice).into()
}
