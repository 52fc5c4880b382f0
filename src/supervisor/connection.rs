//! One connection to the control socket, and what the verb at its other end waits for.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::Serialize;

use super::held::SeriesKey;
use crate::control::{Reply, encode};
use crate::values::Moment;

/// The longest request, in bytes.
const LONGEST_REQUEST: usize = 64 << 10;

/// How long the last answer may take to be written.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// What a verb waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wait {
    /// Nothing: it has not asked yet, or was answered, since then.
    Nothing {
        since: Moment,
    },
    Up,
    Down,
    Paused,
    Resumed,
    /// It is a monitor that may be held.
    Held {
        key: SeriesKey,
        asked: Moment,
        until: Moment,
    },
    /// The answers of so many healthchecks or reloads; and the failures until now.
    Answers {
        missing: usize,
        failures: Vec<String>,
        until: Moment,
    },
}

/// See the module.
pub struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    pub(super) wait: Wait,
}

impl Connection {
    /// Of a stream that does not block.
    pub fn new(stream: UnixStream) -> Self {
        let wait = Wait::Nothing { since: Moment::now() };
        Self { stream, input: Vec::new(), output: Vec::new(), wait }
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads what has come. Returns the next request, if it is complete, and whether the connection is to
    /// be closed.
    pub fn read(&mut self) -> (Option<Vec<u8>>, bool) {
        self.flush();
        let mut gone = false;
        let mut chunk = [0u8; 4096];
        while !gone {
            match self.stream.read(&mut chunk) {
                Ok(0) => gone = true,
                Ok(n) => {
                    self.input.extend_from_slice(&chunk[..n]);
                    gone = self.input.len() > LONGEST_REQUEST;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => gone = true,
            }
        }
        let end = self.input.iter().position(|&b| b == b'\n');
        let line = end.map(|end| self.input.drain(..=end).collect());
        (line, gone)
    }

    /// Writes a reply after which the verb still waits.
    pub(super) fn write(&mut self, reply: &Reply) {
        self.output.extend(encode(reply));
        self.flush();
    }

    /// Writes the reply that the verb waits for.
    pub(super) fn answer(&mut self, reply: &Reply) {
        self.wait = Wait::Nothing { since: Moment::now() };
        self.write(reply);
    }

    /// Writes the last answer of the supervisor. It waits for a slow reader: the loop is over.
    pub(super) fn answer_last(&mut self, reply: &Reply) {
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.set_write_timeout(Some(LAST_WRITE));
        self.answer(reply);
    }

    /// Writes the only message on this connection, which is closed then.
    pub(super) fn send_away(&mut self, word: &impl Serialize) {
        self.output.extend(encode(word));
        self.flush();
        // A socket that is closed with unread input discards the output too (unix(7)).
        let mut unread = [0u8; LONGEST_REQUEST];
        let _ = self.stream.read(&mut unread);
    }

    fn flush(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return,
                Ok(n) => {
                    self.output.drain(..n);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Since when it waits for nothing.
    pub(super) fn idle_since(&self) -> Option<Moment> {
        match self.wait {
            Wait::Nothing { since } => Some(since),
            Wait::Up
            | Wait::Down
            | Wait::Paused
            | Wait::Resumed
            | Wait::Held { .. }
            | Wait::Answers { .. } => None,
        }
    }

    /// When it is to be answered or closed at the latest.
    pub(super) fn deadline(&self, idle: Duration) -> Option<Moment> {
        match &self.wait {
            Wait::Answers { until, .. } | Wait::Held { until, .. } => Some(*until),
            Wait::Nothing { since } => Some(*since + idle),
            Wait::Up | Wait::Down | Wait::Paused | Wait::Resumed => None,
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
