//! Clearing the last failure of a site. The history keeps it.

use super::words::local;
use crate::agent::{Fault, Outcome, Target};
use crate::history::{self, Entry, HistoryEvent};

/// `status` shows no failure before this moment any more.
pub fn clear_failure(target: &Target) -> Outcome {
    let path = target.site.history();
    let entry = Entry::new(HistoryEvent::FailureCleared, "the last failure is cleared");
    history::add(&path, &entry);
    let known = history::read(&path).entries;
    if !known.iter().any(|known| known.event == entry.event && known.at == entry.at) {
        return Fault::failed(format!(
            "the failure of `{}` is not cleared, as {} cannot be written by this user",
            target.name,
            path.display()
        ))
        .into();
    }
    Outcome::Done(format!(
        "failures of `{}` before {} are no longer shown; the history keeps them",
        target.name,
        local(entry.at)
    ))
}
