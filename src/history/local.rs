//! This node's file of a site's history.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Entry;
use crate::linux::files;

/// The size at which the file is renamed to `.1` and a new one begins, in bytes.
const BOUND: u64 = 1 << 20;

/// What the files of a history hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The oldest first.
    pub entries: Vec<Entry>,
    /// How many lines could not be read: each was cut off, for example by a power failure.
    pub torn: usize,
}

/// Appends an entry to the history at `path`.
pub fn add(path: &Path, entry: &Entry) {
    if let Err(error) = write(path, entry) {
        log::warn!("the history {} could not be written: {error}", path.display());
    }
}

fn write(path: &Path, entry: &Entry) -> io::Result<()> {
    if !path.parent().is_some_and(files::is_own_folder) {
        return Err(io::Error::other(
            "its folder is missing, is a link, or belongs to another user",
        ));
    }
    let mut file = files::append_to(path)?;
    if file.metadata()?.len() > BOUND {
        std::fs::rename(path, path.with_extension("jsonl.1"))?;
        file = files::append_to(path)?;
    }
    // A line that was cut off stays alone.
    let mut line = if ends_within_a_line(path)? { vec![b'\n'] } else { Vec::new() };
    serde_json::to_writer(&mut line, entry)?;
    line.push(b'\n');
    file.write_all(&line)
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
    let old = std::fs::read(path.with_extension("jsonl.1")).unwrap_or_default();
    let new = std::fs::read(path).unwrap_or_default();
    let mut history = History::default();
    for line in [&old, &new].iter().flat_map(|text| text.split(|&b| b == b'\n')) {
        match serde_json::from_slice(line) {
            Ok(entry) => history.entries.push(entry),
            Err(_) if line.is_empty() => {}
            Err(_) => history.torn += 1,
        }
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::HistoryEvent;

    #[test]
    fn lines_are_added_and_the_file_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        add(&path, &Entry::new(HistoryEvent::Up, "all ready"));
        add(&path, &Entry::new(HistoryEvent::Failed, "store died"));
        let entries = read(&path).entries;
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].event, HistoryEvent::Failed);
        for _ in 0..40 {
            add(&path, &Entry::new(HistoryEvent::Swept, "x".repeat(64 << 10)));
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * BOUND);
        add(
            Path::new("/no/such/folder/history.jsonl"),
            &Entry::new(HistoryEvent::Up, "does not fail"),
        );
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
            let expected = History { entries: vec![one.clone(), two.clone()], torn: 1 };
            assert_eq!(read(&path), expected, "{cut}");
        }
    }
}
