//! Clearing the last failure of a site. The history keeps it.

use std::time::Duration;

use super::words::local;
use crate::agent::{Outcome, Target};
use crate::history::{self, Entry, HistoryEvent};
use crate::journal;
use crate::messages;
use crate::site::load_snapshot;
use crate::values::Moment;

/// How long the disk of the site has for an answer.
const DISK: Duration = Duration::from_secs(2);

/// `status` shows no failure before this moment any more.
pub fn clear_failure(target: &Target) -> Outcome {
    let path = target.site.history();
    let entry = Entry::new(HistoryEvent::FailureCleared, "the last failure is cleared");
    let definition = load_snapshot(&target.site.snapshot(), &target.name).ok();
    journal::note(&target.site, definition.as_ref(), &entry);
    // So that the other nodes know it too.
    journal::save(&target.site, definition.as_ref(), Moment::now() + DISK);
    let known = history::read(&path).entries;
    if !known.iter().any(|known| known.event == entry.event && known.at == entry.at) {
        return messages::failure_not_cleared(&target.name, path.display()).into();
    }
    Outcome::Done(format!(
        "failures of `{}` before {} are no longer shown; the history keeps them",
        target.name,
        local(entry.at)
    ))
}
