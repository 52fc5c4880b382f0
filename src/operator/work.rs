//! `siteward work`: the work that a failover has interrupted and that nobody has decided on, and a person's decisions.

use std::path::Path;
use std::time::Duration;

use super::status::owner_of;
use crate::agent::{Fault, Target};
use crate::disk::{self, WorkItem, WorkList};
use crate::hold::{self, DecidedItem, WorkDecision};
use crate::lease;
use crate::messages;
use crate::site::{Definition, load_file_first};
use crate::values::Moment;

/// What a person asks of the list.
#[derive(Clone, Debug, Default)]
pub struct WorkOptions {
    /// To be handed over, by their paths, or `all`.
    pub rerun: Vec<String>,
    /// To be dropped.
    pub drop: Vec<String>,
    pub json: bool,
}

/// How long the disk may take to answer, unless the caller says so.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long all commands may take, unless the caller says so.
const TIME: Duration = Duration::from_secs(600);

/// All items of the list at once.
const ALL: &str = "all";

/// Shows the items that nobody has decided on, or decides on some.
///
/// # Errors
/// The list cannot be read, or not all is done.
pub fn work(
    target: &Target,
    options: &WorkOptions,
    given: Option<Duration>,
) -> Result<Vec<String>, Fault> {
    let name = &target.name;
    let definition = load_file_first(&target.places, name)?;
    let Some(database) = definition.database.as_deref() else {
        return Ok(shown(&WorkList::default(), &definition, options));
    };
    let until = Moment::now() + given.unwrap_or(PATIENCE);
    let list = disk::read_work(database, until)
        .map_err(|why| messages::work_unreadable(name, why))?
        .unwrap_or_default();
    if options.rerun.is_empty() && options.drop.is_empty() {
        return Ok(shown(&list, &definition, options));
    }
    let mut decided: Vec<(&WorkItem, WorkDecision)> = Vec::new();
    for (words, decision) in
        [(&options.rerun, WorkDecision::Rerun), (&options.drop, WorkDecision::Drop)]
    {
        for word in words {
            let meant: Vec<&WorkItem> =
                list.open().filter(|item| is_meant(item, word, database)).collect();
            if meant.is_empty() {
                return Err(messages::work_item_unknown(name, word).into());
            }
            decided.extend(meant.into_iter().map(|item| (item, decision)));
        }
    }
    refuse_elsewhere(target, database, until)?;
    let until = Moment::now() + given.unwrap_or(TIME);
    let done = hold::decide_work(&target.site, &definition, &decided, &target.by(), until)
        .map_err(|why| messages::work_undecided(name, why))?;
    let failed = done.iter().filter_map(|DecidedItem { item, done }| {
        done.as_ref().err().map(|why| format!("`{}`: {why}", hold::shown_work(item)))
    });
    let failed: Vec<String> = failed.collect();
    match failed.is_empty() {
        true => Ok(vec![match done.len() {
            1 => format!("it is done with 1 item of the work of `{name}`"),
            number => format!("it is done with {number} items of the work of `{name}`"),
        }]),
        false => Err(messages::work_undecided(name, failed.join("; ")).into()),
    }
}

fn is_meant(item: &WorkItem, word: &str, database: &Path) -> bool {
    word == ALL || item.file == word || database.join(&item.file) == Path::new(word)
}

/// Another node's start may be handing the work over.
fn refuse_elsewhere(target: &Target, database: &Path, until: Moment) -> Result<(), Fault> {
    if lease::is_kept(&target.site) {
        return Ok(());
    }
    let owner = owner_of(target, database, until)
        .map_err(|why| messages::work_unreadable(&target.name, why))?;
    match owner.filter(|owner| !owner.released) {
        Some(owner) => Err(messages::work_elsewhere(&target.name, owner.node).into()),
        None => Ok(()),
    }
}

fn shown(list: &WorkList, definition: &Definition, options: &WorkOptions) -> Vec<String> {
    let name = &definition.name;
    if options.json {
        return list.open().filter_map(|item| serde_json::to_string(item).ok()).collect();
    }
    let mut lines: Vec<String> = list.open().map(line).collect();
    match lines.is_empty() {
        true => lines.push(match definition.work.is_empty() {
            true => format!("the definition of `{name}` names no `work`"),
            false => format!("no interrupted work of `{name}` waits for a decision"),
        }),
        false => {
            lines.push(format!("hand over: siteward work {name} --rerun PATH"));
            lines.push(format!("forget it: siteward work {name} --drop PATH"));
        }
    }
    lines
}

/// An item in a line.
fn line(item: &WorkItem) -> String {
    let state = item.told();
    format!("{} ({}), {state}; the site {}", hold::shown_work(item), item.kind, item.end)
}
