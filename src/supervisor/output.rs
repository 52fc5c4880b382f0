//! The output of processes. Each unit writes to a file of its own, so that it survives the supervisor. The
//! file is bounded in size, and searched for the line that means "ready".

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use regex_lite::{Regex, RegexBuilder};

use super::forward::Forward;
use crate::linux::watch::{Watch, Watcher};
use crate::logs::LogWriter;
use crate::values::{Moment, Pid};

/// Between two looks at a file that is written to: the shortest and the longest pause, and the longest if its
/// lines are forwarded.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));
const FORWARDED: Duration = Duration::from_millis(200);

/// A file that grows by more than this between two looks, in bytes, is looked at more often.
const FAST: u64 = 128 << 10;

/// How many bytes of the end are read to find the last lines.
const TAIL: u64 = 8 << 10;

/// How much is searched at a time, in bytes, and what is searched again of a line that is longer.
const SEARCHED: usize = 1 << 20;
const OVERLAP: u64 = 4 << 10;

/// The output of one unit. Positions are those of its log as one stream.
#[derive(Debug)]
pub(super) struct Output {
    log: LogWriter,
    /// None: the lines go to no other log.
    forward: Option<Forward>,
    /// Where the present run's output begins.
    begins: u64,
    /// What is searched for, and from where.
    search: Option<(Regex, u64)>,
    watch: Option<Watch>,
    /// When the file is looked at without an event.
    look_at: Option<Moment>,
    /// The pause before the next look; it follows the growth of the file.
    pause: Duration,
}

impl Output {
    pub(super) fn new(log: LogWriter, forward: Option<Forward>) -> Self {
        Self { log, forward, begins: 0, search: None, watch: None, look_at: None, pause: PAUSE.0 }
    }

    /// Opens the file for a new run, for the process to write to.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn open(&mut self, watcher: Option<&Watcher>) -> io::Result<File> {
        self.flush();
        let file = self.log.open_for_run()?;
        self.begins = self.log.seen_end();
        self.search = None;
        self.forward_from(self.begins);
        self.watch(watcher);
        Ok(file)
    }

    /// The process of the new run is started.
    pub(super) fn started(&mut self, pid: Pid) {
        self.log.run_began(self.begins, pid.number());
    }

    /// The main process has ended, with this status in words.
    pub(super) fn ended(&mut self, how: String) {
        self.flush();
        self.log.run_ended(how);
    }

    /// The run counts as failed.
    pub(super) fn failed(&mut self, why: &str) {
        self.log.run_failed(why);
    }

    /// Goes on with the file of a run that began `from` there, under another supervisor. None: what is there
    /// is of no known run.
    pub(super) fn go_on(&mut self, from: Option<u64>, watcher: Option<&Watcher>) {
        self.log.go_on();
        let end = self.log.end();
        self.begins = from.filter(|from| *from <= end).unwrap_or(end);
        self.forward_from(end);
        self.arm(watcher);
    }

    /// Where the present run begins.
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

    /// What the file was watched by is gone.
    pub(super) fn forget_watch(&mut self) {
        self.watch = None;
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    pub(super) fn is_watched_by(&self, watch: Watch) -> bool {
        self.watch == Some(watch)
    }

    /// When it wants to be looked at.
    pub(super) fn look_at(&self) -> Option<Moment> {
        self.look_at
    }

    /// Looks at what was written: searches it, bounds the file, and says whether the searched line is there.
    /// `was_told`: something was written just now; else the time for a look has come.
    pub(super) fn look(&mut self, was_told: bool, watcher: Option<&Watcher>, now: Moment) -> bool {
        self.look_at = None;
        if was_told {
            self.watch = None;
            if self.search.is_some() {
                // Before the search: a line that comes meanwhile would be told of by nothing.
                self.arm(watcher);
            }
        }
        // Before the file is cut.
        let found = self.found();
        let growth = self.log.look().unwrap_or_else(|error| {
            log::warn!("{} cannot be bounded: {error}", self.log.path().display());
            Default::default()
        });
        let waits = self.forward.as_mut().is_some_and(|forward| forward.send(&self.log));
        let is_fast = growth.by > FAST;
        let longest = if self.forward.is_some() { FORWARDED } else { PAUSE.1 };
        if growth.is_busy {
            self.look_at = Some(now);
        } else if waits || is_fast || (was_told && self.search.is_none()) {
            self.pause = if is_fast { PAUSE.0 } else { (self.pause * 2).min(longest) };
            self.look_at = Some(now + self.pause);
        } else if self.watch.is_none() {
            self.arm(watcher);
        }
        found
    }

    /// What becomes writable when lines can be forwarded that could not be.
    pub(super) fn stuck_on(&self) -> Option<BorrowedFd<'_>> {
        self.forward.as_ref().and_then(Forward::stuck_on)
    }

    /// Forwards some more lines.
    pub(super) fn forward_more(&mut self) {
        if let Some(forward) = &mut self.forward {
            forward.send(&self.log);
        }
    }

    fn arm(&mut self, watcher: Option<&Watcher>) {
        self.watch(watcher);
        self.log.is_quiet();
    }

    fn watch(&mut self, watcher: Option<&Watcher>) {
        self.watch = watcher.and_then(|w| w.next_write(self.log.path()).ok());
    }

    fn forward_from(&mut self, from: u64) {
        if let Some(forward) = &mut self.forward {
            forward.begin(from);
        }
    }

    /// Forwards what the process has printed to its end.
    pub(super) fn flush(&mut self) {
        if let Some(forward) = &mut self.forward {
            forward.finish(&self.log);
        }
    }

    fn found(&mut self) -> bool {
        let Some((regex, from)) = &mut self.search else { return false };
        let mut found = false;
        while let Ok((begins, bytes)) = self.log.read(*from, SEARCHED) {
            found = found || regex.is_match(&String::from_utf8_lossy(&bytes));
            let end = begins + bytes.len() as u64;
            // What does not end a line yet is read again with the rest of it.
            *from = match bytes.iter().rposition(|&b| b == b'\n') {
                Some(last) => begins + last as u64 + 1,
                None if bytes.len() == SEARCHED => end - OVERLAP,
                None => begins,
            };
            if found || bytes.len() < SEARCHED {
                break;
            }
        }
        if found {
            self.search = None;
        }
        found
    }

    /// The last few lines that the present run printed.
    pub(super) fn last_lines(&self, count: usize) -> Vec<String> {
        let end = self.log.end();
        let from = self.begins.max(end.saturating_sub(TAIL)).max(self.log.begin());
        let (_, bytes) = self.log.read(from, TAIL as usize).unwrap_or_default();
        // It may begin in the middle of a line.
        let cut = match from > self.begins {
            true => bytes.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1),
            false => 0,
        };
        last_lines(&bytes[cut..], count)
    }
}

/// The last few lines of some output, without control characters, each cut to what fits a message.
pub fn last_lines(bytes: &[u8], count: usize) -> Vec<String> {
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
    use crate::logs::LogBounds;
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    fn output(path: &Path) -> Output {
        let bounds = LogBounds { max_size: 10 << 20, max_file: 2 };
        Output::new(LogWriter::new(path.to_owned(), path.with_extension("log.index"), bounds), None)
    }

    #[test]
    fn a_line_is_found_even_if_it_comes_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "an earlier run: ready\n").unwrap();
        let mut output = output(&path);
        let mut file = output.open(None).unwrap();
        output.search_for("^ready to (serve|work)|: ready");
        let now = Moment::now();
        assert!(!output.look(true, None, now), "an earlier run does not count");
        file.write_all(b"starting\nready to").unwrap();
        assert!(!output.look(true, None, now));
        file.write_all(b" serve").unwrap();
        assert!(output.look(true, None, now), "the pieces belong together");
    }

    #[test]
    fn a_file_that_grew_too_long_is_cut_and_the_line_is_found_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut output = output(&path);
        let mut file = output.open(None).unwrap();
        output.search_for("^ready$");
        file.write_all(b"ready\n").unwrap();
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..11 {
            file.write_all(&chunk).unwrap();
        }
        assert!(output.look(true, None, Moment::now()));
        while output.look_at().is_some_and(Moment::passed) {
            output.look(false, None, Moment::now());
        }
        let lengths =
            [&path, &path.with_extension("log.1")].map(|p| fs::metadata(p).unwrap().len());
        assert_eq!(lengths.iter().sum::<u64>(), (11 << 20) + 6);
        assert!(lengths[0] < 2 << 20, "{lengths:?}");
        file.write_all(b"\nthe process goes on\n").unwrap();
        assert_eq!(output.last_lines(1), ["the process goes on"]);
    }

    #[test]
    fn last_lines_fit_a_message() {
        assert_eq!(last_lines(b"a\n\nb\x1b[1mc\r\nd\n", 2), ["b[1mc", "d"]);
    }
}
