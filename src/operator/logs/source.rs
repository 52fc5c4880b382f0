//! One log as lines with their times.

use std::path::PathBuf;

use crate::linux::clock::WallTime;
use crate::logs::Stream;
use crate::site::SitePlaces;

/// How much is read at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// A longer line is printed in pieces of this length, in bytes.
const LONGEST: usize = 4 << 20;

/// One line of a log, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PrintedLine {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// A log that is read from a position on.
#[derive(Debug)]
pub(super) struct Source {
    /// The name of its process, and the name that is shown.
    pub(super) name: String,
    pub(super) shown: String,
    pub(super) stream: Stream,
    /// Its lines begin with their time: it is the supervisor's own.
    has_stamps: bool,
    /// Up to where it is read at most.
    pub(super) until: Option<u64>,
    /// Lines before this time are left out; only where lines have a time.
    not_before: u64,
    /// What was read and not yet given out, and the position of its beginning.
    buffer: Vec<u8>,
    given: usize,
    begins: u64,
    /// Positions with times.
    points: Vec<(u64, u64)>,
    last_time: u64,
}

impl Source {
    pub(super) fn new(name: &str, shown: &str, log: PathBuf, has_stamps: bool) -> Self {
        let index = SitePlaces::log_index(&log);
        let stream = Stream::new(log, index);
        let (begins, _) = stream.range();
        let mut source = Self {
            name: name.to_owned(),
            shown: shown.to_owned(),
            stream,
            has_stamps,
            until: None,
            not_before: 0,
            buffer: Vec::new(),
            given: 0,
            begins,
            points: Vec::new(),
            last_time: 0,
        };
        source.learn_times();
        source
    }

    fn learn_times(&mut self) {
        let index = self.stream.index();
        let runs = index.runs.iter().map(|run| (run.from, run.at));
        let (_, end) = self.stream.range();
        let written = self.stream.written_at().map(|at| (end, at));
        self.points = runs.chain(index.times.iter().copied()).chain(written).collect();
        self.points.sort_unstable();
        // A clock that was set back must not turn the order of the lines.
        let mut latest = 0;
        for (_, at) in &mut self.points {
            latest = latest.max(*at);
            *at = latest;
        }
    }

    /// When what stands at a position was printed, as nearly as that is known.
    fn time_at(&self, position: u64) -> u64 {
        let next = self.points.partition_point(|(at, _)| *at <= position);
        match (next.checked_sub(1).map(|before| self.points[before]), self.points.get(next)) {
            (Some((from, begun)), Some(&(to, ended))) => {
                let share = u128::from(position - from) * u128::from(ended - begun);
                begun + u64::try_from(share / u128::from(to - from)).unwrap_or(0)
            }
            (Some((_, at)), None) | (None, Some(&(_, at))) => at,
            (None, None) => 0,
        }
    }

    // --- where it begins ------------------------------------------------------------------------

    pub(super) fn begin_at(&mut self, position: u64) {
        self.begins = position;
        self.buffer.clear();
        self.given = 0;
    }

    /// Leaves out what was certainly printed before a time.
    pub(super) fn begin_since(&mut self, time: u64) {
        let (from, end) = self.stream.range();
        if self.has_stamps {
            self.not_before = time;
        } else if self.stream.written_at().is_some_and(|at| at < time) {
            self.begin_at(end);
        } else {
            let since = self.stream.index().since(time);
            self.begin_at(self.line_before(since.clamp(from, end)));
        }
    }

    /// Leaves out all but so many lines at the end, of those that would be given.
    pub(super) fn begin_with_last(&mut self, count: usize) {
        let end = self.until.unwrap_or_else(|| self.stream.range().1);
        let from = self.begins;
        let (mut at, mut found) = (end, 0);
        while at > from {
            let step = (at - from).min(CHUNK as u64);
            let chunk = self.read_exactly(at - step, step);
            for (place, _) in chunk.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                let position = at - step + place as u64 + 1;
                // The end of the last line is no end of a line before it.
                if position == end {
                    continue;
                }
                found += 1;
                if found == count {
                    return self.begin_at(position);
                }
            }
            at -= step;
        }
    }

    /// The beginning of the line in which a position is.
    fn line_before(&self, position: u64) -> u64 {
        let (from, _) = self.stream.range();
        let step = (position - from.min(position)).min(CHUNK as u64);
        let chunk = self.read_exactly(position - step, step);
        match chunk.iter().rposition(|&byte| byte == b'\n') {
            Some(place) => position - step + place as u64 + 1,
            None if position - step == from => from,
            None => position,
        }
    }

    /// None of it where a part is gone meanwhile.
    fn read_exactly(&self, from: u64, length: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < length {
            let at = from + bytes.len() as u64;
            let room = usize::try_from(length - bytes.len() as u64).unwrap_or(CHUNK);
            match self.stream.read(at, room) {
                Ok(chunk) if chunk.from == at && !chunk.bytes.is_empty() => {
                    bytes.extend(chunk.bytes);
                }
                Ok(_) | Err(_) => return Vec::new(),
            }
        }
        bytes
    }

    // --- its lines ------------------------------------------------------------------------------

    /// The next line that has an end.
    pub(super) fn next_line(&mut self) -> Option<PrintedLine> {
        loop {
            let line = self.take_whole()?;
            if line.at >= self.not_before {
                return Some(line);
            }
        }
    }

    /// What stands at the end without the end of a line.
    pub(super) fn take_rest(&mut self) -> Option<PrintedLine> {
        let rest = self.buffer[self.given..].to_vec();
        if rest.is_empty() {
            return None;
        }
        let line = self.line_of(rest);
        self.given = self.buffer.len();
        Some(line).filter(|line| line.at >= self.not_before)
    }

    /// Whether there is such a rest.
    pub(super) fn has_rest(&self) -> bool {
        self.given < self.buffer.len()
    }

    fn take_whole(&mut self) -> Option<PrintedLine> {
        let mut searched = 0;
        loop {
            let rest = &self.buffer[self.given..];
            // What was read may have been dropped.
            searched = searched.min(rest.len());
            let end = rest[searched..].iter().position(|&byte| byte == b'\n');
            let (length, skipped) = match end {
                Some(place) => (searched + place, 1),
                None if rest.len() >= LONGEST => (LONGEST, 0),
                None => {
                    searched = rest.len();
                    if self.fill() { continue } else { return None }
                }
            };
            let bytes = rest[..length].to_vec();
            let line = self.line_of(bytes);
            self.given += length + skipped;
            return Some(line);
        }
    }

    /// Reads more. False: there is nothing more now.
    fn fill(&mut self) -> bool {
        self.begins += self.given as u64;
        self.buffer.drain(..self.given);
        self.given = 0;
        let at = self.begins + self.buffer.len() as u64;
        let room = self.until.map_or(CHUNK as u64, |until| until.saturating_sub(at));
        let room = usize::try_from(room).unwrap_or(CHUNK).min(CHUNK);
        let chunk = match self.stream.read(at, room) {
            Ok(chunk) if room > 0 => chunk,
            Ok(_) | Err(_) => return false,
        };
        if chunk.bytes.is_empty() {
            // Somebody has removed the log, and it began anew.
            let (from, end) = self.stream.range();
            if end < at && self.until.is_none() {
                self.begin_at(from);
                return from < end;
            }
            return false;
        }
        if chunk.from != at {
            // What stood between was set aside and is gone. A line that is torn by that begins anew.
            self.buffer.clear();
            self.begins = chunk.from;
        }
        self.buffer.extend(chunk.bytes);
        true
    }

    fn line_of(&mut self, bytes: Vec<u8>) -> PrintedLine {
        let at = match self.has_stamps {
            true => stamp_of(&bytes).unwrap_or(self.last_time),
            false => self.time_at(self.begins + self.given as u64),
        };
        self.last_time = at.max(self.last_time);
        PrintedLine { at: if self.has_stamps { at } else { self.last_time }, bytes }
    }
}

/// The time with which a line of a supervisor begins: `2026-11-26T10:00:00.250Z`, or without a fraction.
fn stamp_of(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line.get(..20.min(line.len()))?).ok()?;
    let seconds = WallTime::parse(&format!("{}Z", text.get(..19)?))?.as_millis();
    let millis = match line.get(19)? {
        b'.' => std::str::from_utf8(line.get(20..23)?).ok()?.parse().ok()?,
        b'Z' => 0,
        _ => return None,
    };
    Some(seconds + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read() {
        let whole = stamp_of(b"2026-11-20T00:00:00Z INFO  words").unwrap();
        assert_eq!(whole, 1_795_132_800_000);
        assert_eq!(stamp_of(b"2026-11-20T00:00:00.250Z INFO  words"), Some(whole + 250));
        for none in ["", "2026", "2026-11-20T00:00:00", "thread 'main' panicked at src/x.rs"] {
            assert_eq!(stamp_of(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn the_last_lines_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&log, text + "rest").unwrap();
        let lines = |count| {
            let mut source = Source::new("a", "a", log.clone(), false);
            source.begin_with_last(count);
            let mut lines: Vec<PrintedLine> = std::iter::from_fn(|| source.next_line()).collect();
            lines.extend(source.take_rest());
            lines.into_iter().map(|l| String::from_utf8(l.bytes).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(lines(1), ["rest"]);
        assert_eq!(lines(3), ["line 49998", "line 49999", "rest"]);
        assert_eq!(lines(40_000).len(), 40_000);
        assert_eq!(lines(100_000).len(), 50_001);
    }
}
