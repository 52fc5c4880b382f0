//! The page of a key of the definition.

use crate::site::PROFILES;
use crate::site::keys::{self, Place};

/// The key whose words are more than words.
const PROFILE: &str = "supervisor.profile";

/// The pages of all keys that this word may mean.
pub(super) fn pages(word: &str) -> Vec<Vec<String>> {
    keys::find(word).into_iter().map(page).collect()
}

/// Every path of a key, without the names of processes and the like. What may stand in each process too is
/// named once.
pub(super) fn words() -> Vec<String> {
    let mut words = Vec::new();
    for place in keys::all() {
        let is_copy = place.key.also_of_process && place.path.starts_with("processes.");
        let word = place.path.replace(".*", "").replace("[]", "");
        if !is_copy && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn page(place: &Place) -> Vec<String> {
    let key = place.key;
    let mut lines = vec![format!("key {}: {}", place.path, key.sentence)];
    let mut facts = vec![key.value.described()];
    facts.extend(key.value.unit().map(|unit| format!("a bare number counts {unit}")));
    facts.extend(key.required.then(|| "required".to_owned()));
    facts.extend(key.default.shown().map(|default| format!("default: {default}")));
    facts.push(format!("since {}", key.since));
    lines.push(format!("  {}", facts.join("; ")));
    for word in key.value.choices() {
        lines.push(format!("    {}: {}", word.word, word.means));
    }
    if place.path == PROFILE {
        for profile in PROFILES {
            lines.push(format!("    {}, the death of a service: {}", profile.word, profile.death));
            for what in profile.unproved {
                lines.push(format!("    {}, not proved: {what}", profile.word));
            }
        }
    }
    if !key.relations.is_empty() {
        lines.push(format!("  {}", key.relations));
    }
    lines.push("  Example:".to_owned());
    lines.extend(place.lines().into_iter().map(|line| format!("    {line}")));
    lines
}
