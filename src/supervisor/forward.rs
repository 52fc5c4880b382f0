//! What a process prints, sent to the node's own log as well.
//!
//! Promises: no process waits for that log, and no line is left out unless the log takes none for so long that
//! too much has gathered; what is left out is counted and told. Must never: wait.

use std::os::fd::BorrowedFd;

use crate::linux::syslog::{Gravity, LONGEST, NodeLog, Sent};
use crate::logs::LogWriter;

/// How much is read at a time, in bytes.
const AT_A_TIME: usize = 256 << 10;

/// If more than this has gathered, in bytes, it is left out.
const GATHERED: u64 = 1 << 20;

/// How much is sent at the end of a run at most, in shares of [`AT_A_TIME`].
const LAST: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Forward {
    to: NodeLog,
    /// The name of the process.
    name: String,
    /// Up to where the log was sent.
    sent: u64,
    /// How many lines were left out and not told of yet.
    left_out: u64,
    /// The node's log took nothing.
    is_stuck: bool,
    /// This node has no log of its own; that was told.
    is_none_told: bool,
}

/// How far a share of the lines has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    /// There is no whole line more.
    Last,
    MoreToCome,
    /// The log takes nothing now.
    Stuck,
}

impl Forward {
    /// Of the process `name`.
    pub(super) fn new(site: &str, name: &str) -> Self {
        let fields = [("SITEWARD_SITE", site), ("SITEWARD_PROCESS", name)];
        let to = NodeLog::new(format!("siteward/{site}/{name}"), &fields);
        Self {
            to,
            name: name.to_owned(),
            sent: 0,
            left_out: 0,
            is_stuck: false,
            is_none_told: false,
        }
    }

    /// What stands from this position on is sent.
    pub(super) fn begin(&mut self, from: u64) {
        self.sent = from;
    }

    /// Sends a share of the whole lines that have come. True: there is more to send soon.
    pub(super) fn send(&mut self, log: &LogWriter) -> bool {
        let share = self.share(log, false);
        self.is_stuck = share == Share::Stuck;
        share != Share::Last
    }

    /// What becomes writable when the node's log takes something again; None: it takes all.
    pub(super) fn stuck_on(&self) -> Option<BorrowedFd<'_>> {
        self.to.socket().filter(|_| self.is_stuck)
    }

    /// Sends what there is, and a last line without an end.
    pub(super) fn finish(&mut self, log: &LogWriter) {
        for _ in 0..LAST {
            if self.share(log, true) != Share::MoreToCome {
                break;
            }
        }
    }

    fn share(&mut self, log: &LogWriter, is_last: bool) -> Share {
        let Ok((from, bytes)) = log.read(self.sent, AT_A_TIME) else { return Share::Last };
        if from > self.sent {
            // It was cut off before it could be sent.
            self.left_out += log.lines_between(self.sent, from);
            self.sent = from;
        }
        if log.end().saturating_sub(self.sent) > GATHERED {
            self.left_out += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
            self.sent += bytes.len() as u64;
            return Share::MoreToCome;
        }
        if self.left_out > 0 && !self.tell() {
            return Share::Stuck;
        }
        let whole = match bytes.iter().rposition(|&byte| byte == b'\n') {
            _ if is_last => bytes.len(),
            Some(end) => end + 1,
            None if bytes.len() == AT_A_TIME => bytes.len(),
            None => 0,
        };
        for line in bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
            for piece in line.chunks(LONGEST) {
                let words = piece.strip_suffix(b"\n").unwrap_or(piece);
                let words = words.strip_suffix(b"\r").unwrap_or(words);
                match self.to.send(Gravity::Info, words) {
                    Sent::Yes => self.sent += piece.len() as u64,
                    Sent::Full => return Share::Stuck,
                    Sent::NoDaemon => {
                        self.has_none();
                        self.sent = log.end();
                        return Share::Last;
                    }
                }
            }
        }
        if bytes.len() == AT_A_TIME { Share::MoreToCome } else { Share::Last }
    }

    /// Tells of the lines that were left out, in both logs. False: not now.
    fn tell(&mut self) -> bool {
        let words = format!(
            "{} lines of `{}` were left out here, as this log took none; they are in its file",
            self.left_out, self.name
        );
        if self.to.send(Gravity::Warning, words.as_bytes()) == Sent::Full {
            return false;
        }
        log::warn!(
            "{} lines of `{}` did not get into the node's journal, which took none for a while",
            self.left_out,
            self.name
        );
        self.left_out = 0;
        true
    }

    fn has_none(&mut self) {
        if !std::mem::replace(&mut self.is_none_told, true) {
            log::warn!(
                "what `{}` prints goes to its file alone: `journal: true` is set, and this node has \
                 neither a journal nor a syslog",
                self.name
            );
        }
    }
}
