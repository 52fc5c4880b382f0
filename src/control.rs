//! The protocol between verbs and supervisor: one line of JSON each way on the site's socket.
//!
//! Promises: one set of states and messages for both sides. Must never: wait beyond the deadline it is
//! given, or read a line of unbounded length.

mod details;
mod state;

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::history::By;
use crate::linux::clock::WallTime;
use crate::linux::clock::as_it_is;
use crate::linux::{StartTicks, sockets};
use crate::messages::MessageId;
use crate::site::{Adjustments, DegradedIs};
use crate::values::{Moment, Pid, Signal};

pub use details::{Pending, PhaseTime, ProcessDetails};
pub use state::State;

/// Why a site is paused, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// By whom, where, when and why: a sentence without its full stop.
    pub words: String,
    pub until: Option<WallTime>,
    /// New work was stopped before, and is let in again by the resume.
    #[serde(default)]
    pub drained: bool,
}

impl Pause {
    /// A pause without an end.
    pub fn because(words: impl Into<String>) -> Self {
        Self { words: words.into(), until: None, drained: false }
    }

    /// `until` is past.
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= WallTime::now())
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        match self.until {
            Some(until) if self.is_over() => {
                write!(f, "; WARNING: it was meant until {}, which is past", until.local_and_utc())
            }
            Some(until) => write!(f, "; until {}", until.local_and_utc()),
            None => Ok(()),
        }
    }
}

/// A request of a verb.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Answer with the current view.
    Look,
    /// Run every healthcheck once, at most until `until`, and answer with the view.
    CheckHealth { until: Moment },
    /// Answer when the site is running or paused, or when it can no longer get there.
    AwaitUp,
    /// Stop the site; answer when none of its processes lives. Until `polite_until` the stop is graceful.
    Stop {
        polite_until: Moment,
        by: String,
        /// For the history.
        #[serde(default)]
        order: Option<By>,
    },
    /// Stop the processes and keep the supervisor; answer when they are down.
    Pause {
        pause: Pause,
        #[serde(default)]
        order: Option<By>,
    },
    /// Start the processes again within `boot`; answer when they are up.
    Resume {
        boot: Duration,
        #[serde(default)]
        order: Option<By>,
    },
    /// Answer with the view when the site stops being well, and at `until` at the latest. Only a request
    /// that continues a series is held: see the supervisor's `held` module. One without an interval is a probe,
    /// which is answered at once and ends every series.
    Hold {
        interval: Duration,
        level: u32,
        // Written as the clock shows it, because reading the time namespace's offset would slow the
        // monitor down. A supervisor in another time namespace answers too early or too late; the
        // monitor then takes the long way.
        #[serde(with = "as_it_is")]
        until: Moment,
    },
    /// The manager's parameters have changed.
    Adjust { adjustments: Adjustments },
    /// Let every process that has a `reload` read its configuration again.
    Reload {
        until: Moment,
        #[serde(default)]
        order: Option<By>,
    },
    /// Answer with all that a person wants to know. A supervisor of an earlier version refuses it.
    Details,
}

/// An answer of the supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The first answer to an order that takes time: it was accepted.
    Heard,
    /// It is done; the view after it.
    Done(Box<View>),
    /// It was tried and failed.
    Failed(Box<Failure>),
    /// Another order replaced it.
    Overtaken { by: String },
    /// It cannot be done in the current state.
    Refused { why: String },
    /// Too many clients ask at once; the request may be sent again.
    Busy { why: String },
    /// The answer to [`Request::Details`].
    Details(Box<Details>),
}

/// Sent to a client of another user before it asks anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    pub denied: String,
}

/// A site as its supervisor sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub state: State,
    /// The state that was ordered: up, held, down.
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
    /// What the site needs of its node and has lost, a sentence for each.
    #[serde(default)]
    pub lost: Vec<String>,
    pub processes: Vec<ProcessView>,
}

impl View {
    /// The processes that are not up, each with its state, and what is lost, for a sentence.
    pub fn down(&self) -> String {
        let down = self.processes.iter().filter(|process| !process.up);
        let words = down.map(|p| format!("`{}` is {}", p.name, p.doing));
        let words: Vec<String> = self.lost.iter().cloned().chain(words).collect();
        words.join(", ")
    }
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
    /// Its own status (`STATUS=`), or its last failure.
    pub detail: Option<String>,
}

/// A site as its supervisor tells a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Details {
    pub view: View,
    /// How long the site has been in its state.
    pub state_for: Duration,
    /// On whose order it is in its state, if the supervisor was told.
    pub by: Option<String>,
    pub phase: Option<PhaseTime>,
    /// The control group in which each process has a leaf of its name.
    pub group: Option<PathBuf>,
    pub processes: Vec<ProcessDetails>,
}

/// A failure: of which process, when and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What it is; None: another version of siteward wrote it.
    #[serde(default)]
    pub id: Option<MessageId>,
    /// None: no process failed, but something else did.
    pub process: Option<String>,
    /// One sentence, without its full stop.
    pub reason: String,
    pub at: WallTime,
    /// The last lines that the process printed.
    pub last_lines: Vec<String>,
    /// The signal that killed it, if one did.
    pub signal: Option<Signal>,
}

/// The longest line that either side reads, in bytes: enough for a view of a thousand processes.
const LONGEST_LINE: usize = 4 << 20;

/// Writes a message as one line.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    // Serialization fails only for maps whose keys are no text, and no message has one.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a message from one line.
///
/// # Errors
/// This version knows no such message.
pub fn decode<T: for<'a> Deserialize<'a>>(line: &[u8]) -> io::Result<T> {
    serde_json::from_slice(line).map_err(io::Error::from)
}

/// Why a supervisor gave no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens at the socket.
    NoListener,
    /// The site belongs to another user.
    Denied(io::Error),
    /// The deadline passed first.
    TimedOut,
    /// The supervisor closed the connection.
    Closed,
    /// This version does not know the answer, or it does not end.
    NotUnderstood(String),
    /// The connection failed in another way.
    Lost(io::Error),
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::ConnectionRefused => {
                Self::NoListener
            }
            ErrorKind::PermissionDenied => Self::Denied(error),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => Self::Closed,
            ErrorKind::InvalidData => Self::NotUnderstood(error.to_string()),
            _ => Self::Lost(error),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoListener => f.write_str("no supervisor listens"),
            Self::Denied(why) => write!(f, "{why}"),
            Self::TimedOut => f.write_str("the supervisor does not answer in time"),
            Self::Closed => f.write_str("the supervisor closed the connection"),
            Self::NotUnderstood(why) => {
                write!(f, "the supervisor's answer is not understood: {why}")
            }
            Self::Lost(error) => write!(f, "the connection to the supervisor failed: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// A verb's end of the socket.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl From<UnixStream> for Client {
    /// Of a stream that is connected to a supervisor.
    fn from(stream: UnixStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }
}

impl Client {
    /// Connects to the supervisor that listens at `socket`.
    ///
    /// # Errors
    /// `NoListener`, `Denied`, or `TimedOut` at the deadline.
    pub fn connect(socket: &Path, deadline: Moment) -> Result<Self, ClientError> {
        let stream = sockets::connect_stream(socket, deadline.left())?;
        Ok(stream.into())
    }

    /// Sends a request.
    ///
    /// # Errors
    /// `TimedOut` at the deadline. If the supervisor is gone, or has denied before it was asked,
    /// [`Self::receive`] says so.
    pub fn send(&mut self, request: &Request, deadline: Moment) -> Result<(), ClientError> {
        self.stream.set_write_timeout(Some(timeout(deadline)))?;
        match self.stream.write_all(&encode(request)) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// `Closed` if the supervisor is gone, `TimedOut` at the deadline, `Denied` if it is another user's.
    pub fn receive(&mut self, deadline: Moment) -> Result<Reply, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return read_reply(&line);
            }
            if deadline.passed() {
                return Err(ClientError::TimedOut);
            }
            self.stream.set_read_timeout(Some(timeout(deadline)))?;
            let mut chunk = [0u8; 4 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error.into()),
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(ClientError::NotUnderstood("the line does not end".to_owned()));
            }
        }
    }

    /// Whether [`Self::receive`] has an answer already, so that there is nothing to wait for.
    pub fn has_answer(&self) -> bool {
        self.buffer.contains(&b'\n')
    }

    /// Sends a request and returns the first answer that is not [`Reply::Heard`].
    ///
    /// # Errors
    /// As [`Self::send`] and [`Self::receive`].
    pub fn ask(&mut self, request: &Request, deadline: Moment) -> Result<Reply, ClientError> {
        self.send(request, deadline)?;
        loop {
            match self.receive(deadline)? {
                Reply::Heard => {}
                answer => return Ok(answer),
            }
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A line from a supervisor: an answer, or the denial that comes instead.
fn read_reply(line: &[u8]) -> Result<Reply, ClientError> {
    decode(line).map_err(|error| match decode(line) {
        Ok(Denial { denied }) => {
            ClientError::Denied(io::Error::new(ErrorKind::PermissionDenied, denied))
        }
        Err(_) => ClientError::NotUnderstood(error.to_string()),
    })
}

// Zero would mean no timeout.
fn timeout(deadline: Moment) -> Duration {
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
                order: Some(By::manager("Pacemaker", Some("shop"))),
            },
            Request::Pause { pause: Pause::because("new\nline"), order: None },
        ] {
            let line = encode(&request);
            assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            assert_eq!(decode::<Request>(&line).unwrap(), request);
        }
        assert!(decode::<Request>(b"{\"steal\":1}").is_err());
    }

    #[test]
    fn a_busy_answer_is_not_taken_for_a_denial() {
        let busy = Reply::Busy { why: "many".to_owned() };
        assert!(matches!(read_reply(&encode(&busy)), Ok(reply) if reply == busy));
        let denial = Denial { denied: "another user's".to_owned() };
        let told = read_reply(&encode(&denial));
        assert!(matches!(told, Err(ClientError::Denied(why)) if why.to_string() == denial.denied));
        let other = read_reply(b"{\"sold\":1}\n");
        assert!(matches!(other, Err(ClientError::NotUnderstood(why)) if why.contains("sold")));
    }

    #[test]
    fn each_way_to_get_no_answer_has_its_own_error() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let soon = || Moment::now() + Duration::from_millis(50);
        let connect = |path: &Path| Client::connect(path, soon()).map(drop);
        assert!(matches!(connect(&socket), Err(ClientError::NoListener)));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let answered = |answer: Option<&[u8]>| {
            let mut client = Client::connect(&socket, soon()).unwrap();
            let (mut supervisor, _) = listener.accept().unwrap();
            client.send(&Request::Look, soon()).unwrap();
            match answer {
                Some(bytes) => supervisor.write_all(bytes).unwrap(),
                None => drop(supervisor),
            }
            client.receive(soon())
        };
        let denial = encode(&Denial { denied: "no".to_owned() });
        assert!(matches!(answered(Some(&denial)), Err(ClientError::Denied(_))));
        assert!(matches!(answered(Some(b"{}\n")), Err(ClientError::NotUnderstood(_))));
        assert!(matches!(answered(Some(b"\"heard\"")), Err(ClientError::TimedOut)));
        assert!(matches!(answered(Some(b"\"heard\"\n")), Ok(Reply::Heard)));
        assert!(matches!(answered(None), Err(ClientError::Closed)));
        drop(listener);
        assert!(matches!(connect(&socket), Err(ClientError::NoListener)));
    }
}
