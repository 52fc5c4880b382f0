//! All that is known of what happened to a site, read once: for a page and for the terminal.

use std::time::Duration;

use jiff::Timestamp;

use super::chart::harmless;
use super::story::{Present, Story, Wiring};
use crate::agent::Target;
use crate::control::State;
use crate::history::Entry;
use crate::journal::{WholeHistory, read_all};
use crate::linux::node;
use crate::observe::observe;
use crate::site::{Definition, load_snapshot, load_uncompared, read_env_file_until};
use crate::values::Moment;

/// How long each may take: the look at the site, the site's disk, the `env_file`s.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of a site.
pub(super) struct Account {
    pub(super) site: String,
    /// On which node it was read.
    pub(super) node: String,
    /// Those of each node in its order.
    pub(super) entries: Vec<Entry>,
    pub(super) story: Story,
    pub(super) present: Option<Present>,
    /// What the supervisor runs, else what the file says.
    pub(super) definition: Option<Definition>,
    /// The definition is that of a supervisor, now or before.
    pub(super) is_snapshot: bool,
    /// Sentences about what could not be read.
    pub(super) unread: Vec<String>,
    /// Only what happened since then is told.
    pub(super) since: Option<Timestamp>,
}

impl Account {
    /// Reads it on this node. `since`: what happened before is left out.
    pub(super) fn read(target: &Target, since: Option<Timestamp>) -> Self {
        let WholeHistory { history, notes: mut unread } =
            read_all(&target.site, Moment::now() + PATIENCE);
        let mut entries = history.entries;
        let (definition, is_snapshot) = definition(target, &mut unread);
        let hidden = definition.as_ref().map(|d| environment(d, &mut unread)).unwrap_or_default();
        for entry in &mut entries {
            hide(entry, &hidden);
            disarm(entry);
        }
        let present = present(target, &hidden, &mut unread);
        let wiring = definition.as_ref().map(Wiring::of).unwrap_or_default();
        let now = Timestamp::now();
        let mut story = Story::tell(&entries, now, &wiring, present.as_ref());
        if let Some(since) = since {
            story.forget_before(since);
            entries.retain(|entry| entry.at >= since);
        }
        Self {
            site: target.name.to_string(),
            node: node::name(),
            entries,
            story,
            present,
            definition,
            is_snapshot,
            unread: unread.iter().map(|sentence| harmless(sentence)).collect(),
            since,
        }
    }
}

fn definition(target: &Target, unread: &mut Vec<String>) -> (Option<Definition>, bool) {
    if let Ok(snapshot) = load_snapshot(&target.site.snapshot(), &target.name) {
        return (Some(snapshot), true);
    }
    match load_uncompared(&target.places, &target.name) {
        Ok(definition) => (Some(definition), false),
        Err(error) => {
            unread.push(format!("the settings are not told: {error}"));
            (None, false)
        }
    }
}

fn present(
    target: &Target,
    hidden: &[(String, String)],
    unread: &mut Vec<String>,
) -> Option<Present> {
    let now = Moment::now();
    match observe(&target.site, now, now + PATIENCE) {
        Ok(seen) => Some(Present {
            node: node::name(),
            state: seen.state.to_string(),
            why: seen.why.as_deref().map(|why| harmless(&without(why, hidden))),
            is_up: seen.is_up() && seen.state != State::Unsupervised,
        }),
        Err(denied) => {
            unread.push(format!("this user may not look at the site as it is now: {}", denied.0));
            None
        }
    }
}

/// A value that is as short stands in many texts by chance.
const SHORTEST: usize = 4;

/// The variables of the environment with their values, the longest value first. A page is handed on, and the
/// processes may have printed their passwords.
fn environment(definition: &Definition, unread: &mut Vec<String>) -> Vec<(String, String)> {
    let deadline = Moment::now() + PATIENCE;
    let mut found: Vec<(String, String)> = Vec::new();
    let processes = definition.processes.iter().map(|process| &process.context);
    for context in [&definition.context].into_iter().chain(processes) {
        found.extend(context.environment.clone());
        for file in &context.env_file {
            match read_env_file_until(file, deadline) {
                Ok(pairs) => found.extend(pairs),
                Err(why) => unread.push(format!(
                    "{why}, so that its values are not hidden where a process has printed them"
                )),
            }
        }
    }
    found.retain(|(_, value)| value.len() >= SHORTEST);
    found.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.cmp(b)));
    found.dedup();
    unread.sort();
    unread.dedup();
    found
}

fn hide(entry: &mut Entry, hidden: &[(String, String)]) {
    entry.detail = without(&entry.detail, hidden);
    for line in &mut entry.last_lines {
        *line = without(line, hidden);
    }
}

/// Entries come from processes and from other nodes.
fn disarm(entry: &mut Entry) {
    let by = entry.by.iter_mut();
    let by = by.flat_map(|by| by.login.iter_mut().chain(&mut by.resource).chain([&mut by.caller]));
    for text in [&mut entry.node, &mut entry.detail]
        .into_iter()
        .chain(&mut entry.process)
        .chain(&mut entry.last_lines)
        .chain(by)
    {
        *text = harmless(text);
    }
}

/// The text with the names of variables instead of their values.
fn without(text: &str, hidden: &[(String, String)]) -> String {
    hidden.iter().fold(text.to_owned(), |text, (name, value)| match text.contains(value.as_str()) {
        true => text.replace(value.as_str(), &format!("[value of {name}]")),
        false => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_environment_are_hidden() {
        let hidden = [
            ("KEY".to_owned(), "hunter2hunter2".to_owned()),
            ("PASSWORD".to_owned(), "hunter2".to_owned()),
        ];
        let shown = without("hunter2hunter2, hunter2; hunter", &hidden);
        assert_eq!(shown, "[value of KEY], [value of PASSWORD]; hunter");
    }
}
