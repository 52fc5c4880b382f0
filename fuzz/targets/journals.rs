//! Files of lines that are appended to, and may be torn or interleaved.

use siteward::history::{Entry, History};
use siteward::logs::LogIndex;

use super::input::first;

/// The files of a history.
pub(crate) fn history(bytes: &[u8]) {
    let (at, text) = first(bytes);
    let whole = History::of(text);
    let mut written = Vec::new();
    for entry in &whole.entries {
        let line = serde_json::to_vec(entry).expect("an entry is JSON");
        assert_eq!(&serde_json::from_slice::<Entry>(&line).expect("it was read before"), entry);
        written.extend(line);
        written.push(b'\n');
    }
    let again = History::of(&written);
    assert_eq!((&again.entries, again.torn), (&whole.entries, 0));
    // Two nodes, each with a part of it.
    let at = text.len() * usize::from(at) / 256;
    let (one, other) = text.split_at(at);
    let (one, other) = (History::of(one), History::of(other));
    let most = one.entries.len() + other.entries.len();
    let joined = one.joined(other);
    assert!(joined.entries.len() <= most);
    assert!(joined.entries.is_sorted_by_key(|entry| entry.at));
    // A line that is cut off costs only itself.
    assert!(joined.entries.len() + 1 >= whole.entries.len());
}

/// The index of a log.
pub(crate) fn log_index(bytes: &[u8]) {
    let index = LogIndex::of(bytes);
    let mut text = Vec::new();
    for marker in index.markers() {
        text.extend(serde_json::to_vec(&marker).expect("a marker is JSON"));
        text.push(b'\n');
    }
    assert_eq!(LogIndex::of(&text), index, "{}", String::from_utf8_lossy(&text));
    for time in [0, 1, 1 << 40, u64::MAX] {
        let _ = index.since(time);
    }
    for run in 0..=index.runs.len() {
        let _ = index.end_of_run(run);
    }
}
