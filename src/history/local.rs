//! This node's file of a site's history.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Entry;
use super::file::{BOUND, lines};
use crate::linux::files;
use crate::values::HistoryEvent;

/// What the files of a history hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The oldest first.
    pub entries: Vec<Entry>,
    /// How many lines could not be read: each was cut off, for example by a power failure.
    pub torn: usize,
    /// By how much the clock of a node was set back, at most.
    pub set_back: BTreeMap<String, Duration>,
}

/// A step back of a clock that is told. Writers of one file are out of order by less.
const STEP: SignedDuration = SignedDuration::from_secs(10);

impl History {
    /// Of the text of files. An entry that stands there twice counts once.
    pub fn of(text: &[u8]) -> Self {
        let mut history = Self::default();
        for line in lines(text) {
            match serde_json::from_slice(line) {
                Ok(entry) => history.entries.push(entry),
                Err(_) => history.torn += 1,
            }
        }
        history.see_steps_back();
        history.in_order()
    }

    /// Compares the entries in the order in which they were written.
    fn see_steps_back(&mut self) {
        let mut before: BTreeMap<&str, Timestamp> = BTreeMap::new();
        // An order is written when it is carried out, with the time at which it was given.
        for entry in self.entries.iter().filter(|e| e.event != HistoryEvent::StartOrdered) {
            if let Some(before) = before.insert(&entry.node, entry.at) {
                let step = before.duration_since(entry.at);
                if step >= STEP {
                    let most = self.set_back.entry(entry.node.clone()).or_default();
                    *most = step.unsigned_abs().max(*most);
                }
            }
        }
    }

    /// With those of `other`; an entry of both counts once.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self.torn += other.torn;
        for (node, step) in other.set_back {
            let most = self.set_back.entry(node).or_default();
            *most = step.max(*most);
        }
        self.in_order()
    }

    /// By time. What happened within one millisecond stays in the order in which it was written.
    fn in_order(mut self) -> Self {
        self.entries.sort_by_key(|entry| entry.at);
        let mut kept: Vec<Entry> = Vec::with_capacity(self.entries.len());
        for entry in std::mem::take(&mut self.entries) {
            let same_time = kept.iter().rev().take_while(|before| before.at == entry.at);
            if !same_time.into_iter().any(|before| *before == entry) {
                kept.push(entry);
            }
        }
        Self { entries: kept, ..self }
    }
}

/// Appends an entry to the history at `path`. It is durable once the file is settled.
pub fn add(path: &Path, entry: &Entry) {
    add_all(path, &[entry]);
}

/// As [`add`], with entries that belong to one moment.
pub fn add_all(path: &Path, entries: &[&Entry]) {
    if let Err(error) = write(path, entries) {
        log::warn!("the history {} could not be written: {error}", path.display());
    }
}

fn write(path: &Path, entries: &[&Entry]) -> io::Result<()> {
    if !path.parent().is_some_and(files::is_own_folder) {
        return Err(io::Error::other(
            "its folder is missing, is a link, or belongs to another user",
        ));
    }
    let mut file = files::append_to(path)?;
    // Only where no helper has moved it: see `HistoryFile`.
    if file.metadata()?.len() > 2 * BOUND {
        std::fs::rename(path, path.with_extension("jsonl.1"))?;
        file = files::append_to(path)?;
    }
    // A line that was cut off stays alone.
    let mut text = if ends_within_a_line(path)? { vec![b'\n'] } else { Vec::new() };
    for entry in entries {
        serde_json::to_writer(&mut text, &entry.bounded())?;
        text.push(b'\n');
    }
    file.write_all(&text)
}

fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0u8];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Reads the history at `path`.
pub fn read(path: &Path) -> History {
    let mut text = Vec::new();
    for part in [path.with_extension("jsonl.2"), path.with_extension("jsonl.1"), path.to_owned()] {
        text.extend(std::fs::read(part).unwrap_or_default());
        text.push(b'\n');
    }
    History::of(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_the_file_is_bounded_even_without_a_helper() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        add(&path, &Entry::new(HistoryEvent::Up, "all ready"));
        add(&path, &Entry::new(HistoryEvent::Failed, "store died"));
        let entries = read(&path).entries;
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].event, HistoryEvent::Failed);
        let long = Entry::new(HistoryEvent::Fault, "x".repeat(64 << 10))
            .having_printed(vec!["y".repeat(64 << 10); 100]);
        for _ in 0..1000 {
            add(&path, &long);
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * BOUND + (64 << 10));
        add(
            Path::new("/no/such/folder/history.jsonl"),
            &Entry::new(HistoryEvent::Up, "does not fail"),
        );
    }

    #[test]
    fn a_clock_that_was_set_back_is_seen() {
        let at = |second: i64, event| Entry {
            at: Timestamp::from_second(1_790_000_000 + second).unwrap(),
            node: "alpha".to_owned(),
            ..Entry::new(event, "x")
        };
        let of = |entries: &[Entry]| {
            let lines = entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n");
            History::of(lines.collect::<String>().as_bytes())
        };
        let up = of(&[at(0, HistoryEvent::Up), at(3600, HistoryEvent::Up)]);
        assert!(up.set_back.is_empty());
        let back = [at(3600, HistoryEvent::Up), at(0, HistoryEvent::Down), at(9, HistoryEvent::Up)];
        let back = up.joined(of(&back));
        assert_eq!(back.set_back["alpha"], Duration::from_secs(3600));
        assert_eq!(back.entries.len(), 4);
        // Those are no steps: two who write at once, and an order that had to wait.
        let few = [at(5, HistoryEvent::Up), at(3, HistoryEvent::Down)];
        assert!(of(&few).set_back.is_empty());
        let late = [at(100, HistoryEvent::Stopped), at(0, HistoryEvent::StartOrdered)];
        assert!(of(&late).set_back.is_empty());
    }

    #[test]
    fn a_line_that_was_cut_off_anywhere_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let (one, two) =
            (Entry::new(HistoryEvent::Up, "one"), Entry::new(HistoryEvent::Down, "two"));
        add(&path, &one);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() - 1 {
            std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            add(&path, &two);
            let entries = vec![one.clone(), two.clone()];
            let expected = History { entries, torn: 1, ..History::default() };
            assert_eq!(read(&path), expected, "{cut}");
        }
    }
}
