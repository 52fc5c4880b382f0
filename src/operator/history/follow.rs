//! Shows what is added to a history, until a signal ends that or nobody reads.

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::time::Duration;

use super::chosen;
use super::options::HistoryOptions;
use super::printer::Printer;
use crate::agent::Fault;
use crate::history::{self, Entry};
use crate::journal::read_all;
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::linux::watch::Watcher;
use crate::messages;
use crate::site::SitePlaces;
use crate::values::{Moment, Signal};

/// How often the disk, on which other nodes write, is read; this node's file is watched.
const PACE: Duration = Duration::from_secs(5);

pub(super) fn follow(
    places: &SitePlaces,
    options: &HistoryOptions,
    known: &[Entry],
    printer: &mut Printer,
    patience: Duration,
) -> Result<(), Fault> {
    let inbox = Inbox::new(&[Signal::TERM, Signal::INT]).map_err(messages::signals_unreceivable)?;
    let watcher = Watcher::new().ok();
    let key = |entry: &Entry| serde_json::to_string(entry).unwrap_or_default();
    let mut seen: HashSet<String> = known.iter().map(key).collect();
    let options = HistoryOptions { lines: None, ..options.clone() };
    let mut read_disk_at = Moment::now() + PACE;
    while inbox.next().is_none() {
        // Each time anew: the file may have been moved.
        let watch = watcher.as_ref().and_then(|w| w.changes_of(&places.history()).ok());
        let now = Moment::now();
        let entries = match read_disk_at.passed() {
            true => {
                read_disk_at = now + PACE;
                read_all(places, now + patience).history.entries
            }
            false => history::read(&places.history()).entries,
        };
        let new: Vec<Entry> = entries.into_iter().filter(|entry| seen.insert(key(entry))).collect();
        if !printer.print(&chosen::choose(&new, &options)) {
            return Ok(());
        }
        let mut waiting = Waiting::new();
        waiting.readable(inbox.as_fd(), ());
        if let Some(watcher) = &watcher {
            waiting.readable(watcher.as_fd(), ());
        }
        let poll = Moment::now() + Duration::from_secs(1);
        waiting.wait(Some(if watch.is_some() { read_disk_at } else { poll.min(read_disk_at) }));
        if let Some(watcher) = &watcher {
            watcher.told();
        }
    }
    Ok(())
}
