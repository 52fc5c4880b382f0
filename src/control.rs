//! The protocol between verbs and the supervisor: one line of JSON each way on the site's control socket.
//!
//! Promises: one vocabulary of states, and messages that both sides read alike. Must never: wait beyond the
//! deadline it is given, or read a line without a bound.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::linux::clock::WallTime;
use crate::linux::clock::as_it_is;
use crate::linux::{StartTicks, sockets};
use crate::site::{Adjustments, DegradedIs};
use crate::values::{Moment, Pid, Signal};

/// The nine states of a site; two of them are split, as managers answer them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Stopped,
    Starting,
    Running,
    Degraded,
    Maintenance,
    /// `stopping`, as ordered.
    StoppingOrdered,
    /// `stopping`, after a failure.
    StoppingFailed,
    /// `failed`, and none of its processes lives.
    Failed,
    /// `failed`, and some of its processes live.
    FailedWithSurvivors,
    Unsupervised,
    Unknown,
}

impl State {
    /// It needs no action.
    pub fn is_well(self) -> bool {
        match self {
            Self::Running | Self::Maintenance | Self::Degraded | Self::Starting => true,
            Self::Stopped
            | Self::StoppingOrdered
            | Self::StoppingFailed
            | Self::Failed
            | Self::FailedWithSurvivors
            | Self::Unsupervised
            | Self::Unknown => false,
        }
    }

    /// Its name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Maintenance => "maintenance",
            Self::StoppingOrdered | Self::StoppingFailed => "stopping",
            Self::Failed | Self::FailedWithSurvivors => "failed",
            Self::Unsupervised => "unsupervised",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a site is paused, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The person, the node, the time and the reason, as a sentence without its full stop.
    pub words: String,
    pub until: Option<WallTime>,
}

impl Pause {
    /// Without an end.
    pub fn because(words: impl Into<String>) -> Self {
        Self { words: words.into(), until: None }
    }

    /// Its end has passed.
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= WallTime::now())
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        match self.until {
            Some(until) if self.is_over() => {
                write!(f, "; WARNING: it was meant until {until}, which is past")
            }
            Some(until) => write!(f, "; until {until}"),
            None => Ok(()),
        }
    }
}

/// What a verb asks of the supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// The view of this moment.
    Look,
    /// Run every healthcheck once, and then the view; not beyond `until`.
    CheckHealth { until: Moment },
    /// Answered when the site is up or paused, or cannot become so.
    AwaitUp,
    /// Stop the site, gracefully until `polite_until`; answered when none of its processes lives.
    Stop { polite_until: Moment, by: String },
    /// Stop the processes and stay; answered when they are down.
    Pause { pause: Pause },
    /// Start the processes again within `boot`; answered when they are up.
    Resume { boot: Duration },
    /// A monitor, which may be held: answered with the view when the state changes, and at `until` at the
    /// latest. See the supervisor's `held` module.
    Hold {
        interval: Duration,
        level: u32,
        // Not converted between time namespaces, which would cost the fastest monitor a read. A supervisor in
        // another one answers too early or too late, and is then asked the long way.
        #[serde(with = "as_it_is")]
        until: Moment,
    },
    /// Use these parameters of the manager.
    Adjust { adjustments: Adjustments },
    /// Reload every process that has a `reload`.
    Reload { until: Moment },
}

/// What the supervisor answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The order was received, and takes time; another reply follows.
    Heard,
    /// It is done; the site as it is now.
    Done(Box<View>),
    /// It could not be done.
    Failed(Box<Failure>),
    /// Another order came first.
    Overtaken { by: String },
    /// It cannot be done in this state.
    Refused { why: String },
    /// Too many verbs wait at once; the verb may ask again.
    Busy { why: String },
}

/// The only answer to a peer that may not ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    pub denied: String,
}

/// A line from the supervisor.
#[derive(Deserialize)]
#[serde(untagged)]
enum ServerLine {
    Denial(Denial),
    Reply(Reply),
}

/// A site as its supervisor sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub state: State,
    /// What was ordered: up, held, down.
    pub desired: String,
    pub supervisor: Pid,
    pub since: WallTime,
    pub fingerprint: String,
    pub degraded_is: DegradedIs,
    pub degraded_after: Duration,
    /// How long the site has been degraded.
    pub degraded_for: Option<Duration>,
    pub paused: Option<Pause>,
    pub failure: Option<Failure>,
    pub processes: Vec<ProcessView>,
}

/// A process as the supervisor sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessView {
    pub name: String,
    /// The main process, if it has one.
    pub pid: Option<Pid>,
    pub start: Option<StartTicks>,
    /// Its state, in a word or two.
    pub doing: String,
    pub up: bool,
    pub essential: bool,
    pub restarts: u32,
    /// Its own status (`STATUS=`), or its last fault.
    pub detail: Option<String>,
}

/// What failed, when and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// None if no process failed.
    pub process: Option<String>,
    /// One sentence, without its full stop.
    pub reason: String,
    pub at: WallTime,
    /// The last lines that the process printed.
    pub last_lines: Vec<String>,
    /// The signal that killed it, if one did.
    pub signal: Option<Signal>,
}

/// The longest line that is read, in bytes: a view of a thousand processes.
const LONGEST_LINE: usize = 4 << 20;

/// Writes a message as one line.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    // Only a map with keys that are no strings cannot become JSON, and there is none here.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a message from one line.
///
/// # Errors
/// This version does not know the message.
pub fn decode<T: for<'a> Deserialize<'a>>(line: &[u8]) -> io::Result<T> {
    serde_json::from_slice(line).map_err(io::Error::from)
}

/// A verb's connection to the supervisor.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects to a supervisor that listens at `socket`.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` without a listener; `WouldBlock` at the deadline.
    pub fn connect(socket: &Path, deadline: Moment) -> io::Result<Self> {
        let stream = sockets::connect_stream(socket, deadline.left())?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// `WouldBlock` at the deadline. A supervisor that is gone, or has denied the connection, is an error of
    /// [`Self::receive`].
    pub fn send(&mut self, request: &Request, deadline: Moment) -> io::Result<()> {
        self.stream.set_write_timeout(Some(patience(deadline)))?;
        match self.stream.write_all(&encode(request)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// `UnexpectedEof` if the supervisor is gone; `TimedOut` at the deadline; `PermissionDenied` if it denied
    /// the connection.
    pub fn receive(&mut self, deadline: Moment) -> io::Result<Reply> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return match decode(&line)? {
                    ServerLine::Denial(Denial { denied }) => {
                        Err(io::Error::new(io::ErrorKind::PermissionDenied, denied))
                    }
                    ServerLine::Reply(reply) => Ok(reply),
                };
            }
            if deadline.passed() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(patience(deadline)))?;
            let mut chunk = [0u8; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer without an end"));
            }
        }
    }

    /// Sends a request, and returns the first reply that is not [`Reply::Heard`].
    ///
    /// # Errors
    /// As [`Self::send`] and [`Self::receive`].
    pub fn ask(&mut self, request: &Request, deadline: Moment) -> io::Result<Reply> {
        self.send(request, deadline)?;
        loop {
            match self.receive(deadline)? {
                Reply::Heard => {}
                answer => return Ok(answer),
            }
        }
    }
}

// A timeout of zero would mean no timeout.
fn patience(deadline: Moment) -> Duration {
    deadline.left().max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        for request in [
            Request::Look,
            Request::Stop {
                polite_until: Moment::since_boot(Duration::from_millis(1234)),
                by: "a person".to_owned(),
            },
            Request::Pause { pause: Pause::because("new\nline") },
        ] {
            let line = encode(&request);
            assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            assert_eq!(decode::<Request>(&line).unwrap(), request);
        }
        assert!(decode::<Request>(b"{\"steal\":1}").is_err());
    }

    #[test]
    fn a_busy_supervisor_is_not_taken_for_one_that_denies() {
        let busy = Reply::Busy { why: "many".to_owned() };
        assert!(
            matches!(decode(&encode(&busy)).unwrap(), ServerLine::Reply(reply) if reply == busy)
        );
        let denial = Denial { denied: "not you".to_owned() };
        assert!(matches!(decode(&encode(&denial)).unwrap(), ServerLine::Denial(_)));
    }
}
