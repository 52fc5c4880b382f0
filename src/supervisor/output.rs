//! The output of processes. Each unit writes to a file of its own, so that it survives the supervisor. The
//! file is bounded in size, and searched for the line that means "ready".

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex_lite::{Regex, RegexBuilder};

use crate::linux::files;
use crate::linux::watch::{Watch, Watcher};
use crate::values::Moment;

/// The size at which a file is set aside as `.1` and emptied, in bytes.
pub(super) const BOUND: u64 = 10 << 20;

/// Between two looks at a file that is written to: the shortest and the longest pause.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// A file that grows by more than this between two looks, in bytes, is looked at more often.
const FAST: u64 = 128 << 10;

/// How many bytes of the end are read to find the last lines.
const TAIL: u64 = 8 << 10;

/// The output of one unit.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    /// Where the present run's output begins.
    begins: u64,
    /// What is searched for, and from where.
    search: Option<(Regex, u64)>,
    watch: Option<Watch>,
    /// When the file is looked at without an event.
    look_at: Option<Moment>,
    last_size: u64,
    /// The pause before the next look; it follows the growth of the file.
    pause: Duration,
}

impl Output {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            begins: 0,
            search: None,
            watch: None,
            look_at: None,
            last_size: 0,
            pause: PAUSE.0,
        }
    }

    /// Opens the file for a new run, for the process to write to.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn open(&mut self, watcher: Option<&Watcher>) -> io::Result<File> {
        let file = files::append_to(&self.path)?;
        self.last_size = file.metadata()?.len();
        self.begins = self.last_size;
        self.search = None;
        self.bound();
        self.arm(watcher);
        Ok(file)
    }

    /// Goes on with the file of a run that began `from` there, under another supervisor.
    pub(super) fn go_on(&mut self, from: u64, watcher: Option<&Watcher>) {
        self.last_size = self.size();
        // It may have been emptied since.
        self.begins = if from <= self.last_size { from } else { 0 };
        self.arm(watcher);
    }

    /// How much is in the file, in bytes.
    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |m| m.len())
    }

    /// Where in the file the present run begins, in bytes.
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// Searches what the present run prints from now on, and has printed; `^` and `$` mean the
    /// ends of a line.
    pub(super) fn search_for(&mut self, pattern: &str) {
        let regex = RegexBuilder::new(pattern).multi_line(true).build();
        self.search = regex.ok().map(|regex| (regex, self.begins));
    }

    pub(super) fn stop_searching(&mut self) {
        self.search = None;
    }

    pub(super) fn is_watched_by(&self, watch: Watch) -> bool {
        self.watch == Some(watch)
    }

    /// When it wants to be looked at.
    pub(super) fn look_at(&self) -> Option<Moment> {
        self.look_at
    }

    /// Looks at what was written: bounds the file, and says whether the searched line is there.
    pub(super) fn look(&mut self, watcher: Option<&Watcher>, now: Moment) -> bool {
        let grown = self.bound();
        self.watch = None;
        self.look_at = None;
        if self.search.is_some() {
            // Before the search: a line that comes meanwhile would be told of by nothing.
            self.arm(watcher);
        } else {
            let slow = grown <= FAST;
            self.pause = if slow { (self.pause * 2).min(PAUSE.1) } else { PAUSE.0 };
            self.look_at = Some(now + self.pause);
        }
        self.found()
    }

    /// The time for a look has come: a file that grows fast is looked at again, another at its next write.
    pub(super) fn look_again(&mut self, watcher: Option<&Watcher>, now: Moment) {
        self.look_at = None;
        if self.bound() > FAST {
            self.pause = PAUSE.0;
            self.look_at = Some(now + self.pause);
        } else {
            self.arm(watcher);
        }
    }

    fn arm(&mut self, watcher: Option<&Watcher>) {
        self.watch = watcher.and_then(|w| w.next_write(&self.path).ok());
    }

    /// Empties a file that has grown too long, keeping what was in it once. Says by how much it grew.
    fn bound(&mut self) -> u64 {
        let Ok(size) = fs::metadata(&self.path).map(|m| m.len()) else { return 0 };
        let grown = size.saturating_sub(self.last_size);
        self.last_size = size;
        if size > BOUND {
            let old = self.path.with_extension("log.1");
            // The end is kept.
            let kept = read_from(&self.path, size - BOUND)
                .and_then(|end| files::write_durably(&old, &end));
            let emptied = kept.and_then(|()| files::append_to(&self.path)?.set_len(0));
            match emptied {
                Ok(()) => {
                    self.begins = 0;
                    self.last_size = 0;
                    if let Some((_, from)) = &mut self.search {
                        *from = 0;
                    }
                }
                Err(error) => log::warn!("{} cannot be bounded: {error}", self.path.display()),
            }
        }
        grown
    }

    fn found(&mut self) -> bool {
        let Some((regex, from)) = &mut self.search else { return false };
        let Ok(bytes) = read_from(&self.path, *from) else { return false };
        let text = String::from_utf8_lossy(&bytes);
        let found = regex.is_match(&text);
        // What does not end a line yet is read again with the rest of it.
        if let Some(end) = bytes.iter().rposition(|&b| b == b'\n') {
            *from += end as u64 + 1;
        }
        if found {
            self.search = None;
        }
        found
    }

    /// The last few lines that the present run printed.
    pub(super) fn last_lines(&self, count: usize) -> Vec<String> {
        let size = fs::metadata(&self.path).map_or(0, |m| m.len());
        let window = size.saturating_sub(self.begins).min(TAIL);
        let bytes = files::tail(&self.path, window).unwrap_or_default();
        last_lines(&bytes, count)
    }
}

fn read_from(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(BOUND).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last few lines of some output, without control characters, each cut to what fits a message.
pub(super) fn last_lines(bytes: &[u8], count: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(count);
    lines[from..]
        .iter()
        .map(|line| line.chars().filter(|c| !c.is_control()).take(300).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_line_is_found_even_if_it_comes_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "an earlier run: ready\n").unwrap();
        let mut output = Output::new(path);
        let mut file = output.open(None).unwrap();
        output.search_for("^ready to (serve|work)|: ready");
        assert!(!output.look(None, Moment::now()), "an earlier run does not count");
        file.write_all(b"starting\nready to").unwrap();
        assert!(!output.look(None, Moment::now()));
        file.write_all(b" serve").unwrap();
        assert!(output.look(None, Moment::now()), "the pieces belong together");
    }

    #[test]
    fn a_file_that_grew_too_long_is_emptied_and_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut output = Output::new(path.clone());
        let mut file = output.open(None).unwrap();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..11 {
            file.write_all(&chunk).unwrap();
        }
        output.look(None, Moment::now());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(fs::metadata(path.with_extension("log.1")).unwrap().len(), BOUND);
        file.write_all(b"the process goes on\n").unwrap();
        assert_eq!(output.last_lines(3), ["the process goes on"]);
    }

    #[test]
    fn last_lines_fit_a_message() {
        assert_eq!(last_lines(b"a\n\nb\x1b[1mc\r\nd\n", 2), ["b[1mc", "d"]);
    }
}
