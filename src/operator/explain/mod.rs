//! `siteward explain`: what a message, a state, an exit code or a key of the definition means.
//!
//! Promises: all that it says comes from the tables by which siteward itself works. Must never: look at a site.

mod answered;
mod code;
mod document;
mod key;
mod message;
mod state;

pub use answered::{AnsweredCodes, answered_codes};
pub use document::messages_document;

use crate::agent::Fault;
use crate::messages::{self, find};
use crate::site::nearest;

/// What is known of a word. Without one: all that can be asked for.
///
/// # Errors
/// There is nothing of that name.
pub fn explain(word: Option<&str>) -> Result<Vec<String>, Fault> {
    let Some(word) = word else { return Ok(contents()) };
    // As it stands at the end of a message.
    let word = word.trim_matches(['[', ']', '`', ' ']);
    let mut pages: Vec<Vec<String>> = Vec::new();
    pages.extend(find(word).map(message::page));
    pages.extend(state::page(word));
    pages.extend(key::pages(word));
    pages.extend(word.parse().ok().map(code::page));
    if pages.is_empty() {
        return Err(unknown(word));
    }
    Ok(pages.join(&String::new()))
}

/// Every word that has a page, but for the numbers.
pub fn explained_words() -> Vec<String> {
    let ids = messages::all().map(|id| id.to_string());
    ids.chain(state::words().map(str::to_owned)).chain(key::words()).collect()
}

fn unknown(word: &str) -> Fault {
    let mut words = explained_words();
    let last = |word: &String| word.rsplit_once('.').map(|(_, last)| last.to_owned());
    words.extend(words.iter().filter_map(last).collect::<Vec<_>>());
    let known: Vec<&str> = words.iter().map(String::as_str).collect();
    let next = match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`siteward explain` lists all".to_owned(),
    };
    messages::nothing_to_explain(word, next).into()
}

fn contents() -> Vec<String> {
    let mut lines = vec!["siteward explain WORD, where WORD is one of these:".to_owned()];
    lines.push(String::new());
    lines.push(format!("the states: {}", state::words().collect::<Vec<_>>().join(", ")));
    lines.push(String::new());
    lines.push("exit codes: any number that a verb has ended with".to_owned());
    lines.push(String::new());
    lines.push(format!("keys of the definition: {}", key::words().join(", ")));
    for section in &messages::SECTIONS {
        lines.push(String::new());
        lines.push(format!("messages: {}", section.title.to_lowercase()));
        lines.extend(section.ids().map(|id| {
            let entry = id.entry();
            // Where the sentence is another one each time, the cause says what it is about.
            let first = || {
                entry.cause.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
            };
            format!("  {id:26} {}", entry.sentence().unwrap_or_else(first))
        }));
    }
    lines
}
