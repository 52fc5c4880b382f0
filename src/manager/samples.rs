//! Observations for the tests of this room.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::control::{Failure, Reply, Request, State, View, decode, encode};
use crate::linux::clock::WallTime;
use crate::linux::thread::{StackSize, start};
use crate::messages::{FaultKind, Message, MessageId};
use crate::observe::Observation;
use crate::process::{Ending, Identity, Record};
use crate::site::DegradedIs;
use crate::values::Pid;

/// A site as its supervisor sees it, without a process.
pub(super) fn view(state: State) -> View {
    View {
        state,
        desired: "up".to_owned(),
        supervisor: Pid::this(),
        since: WallTime::from_millis(0),
        fingerprint: String::new(),
        degraded_is: DegradedIs::Running,
        degraded_after: Duration::from_secs(30),
        degraded_for: None,
        paused: None,
        failure: None,
        lost: Vec::new(),
        processes: Vec::new(),
    }
}

/// A site that is degraded for so long, and whose definition says that this is to be told.
pub(super) fn degraded_for(seconds: u64) -> View {
    View {
        degraded_is: DegradedIs::Degraded,
        degraded_for: Some(Duration::from_secs(seconds)),
        ..view(State::Degraded)
    }
}

/// What the supervisor has answered.
pub(super) fn of_view(view: View) -> Observation {
    Observation { state: view.state, view: Some(view), ..Observation::of_nothing() }
}

/// Of a site without a supervisor and a record.
pub(super) fn of_state(state: State) -> Observation {
    Observation { state, ..Observation::of_nothing() }
}

/// The same, for a reason.
pub(super) fn because(state: State, why: &str) -> Observation {
    Observation { why: Some(why.to_owned()), ..of_state(state) }
}

/// A site that was stopped by `by`.
pub(super) fn stopped_by(by: &str) -> Observation {
    let at = WallTime::from_millis(0);
    let ending = Ending::Stopped { at, by: by.to_owned(), proved_by: Vec::new() };
    let record = Record { ending: Some(ending), ..record() };
    Observation { record: Some(record), ..of_state(State::Stopped) }
}

pub(super) fn record() -> Record {
    Record::begun("shop".parse().unwrap(), Identity::nobody())
}

pub(super) fn failure(id: Option<MessageId>, reason: &str) -> Failure {
    Failure {
        id,
        process: Some("web".to_owned()),
        reason: reason.to_owned(),
        at: WallTime::from_millis(0),
        last_lines: vec!["no memory".to_owned()],
        signal: None,
    }
}

/// A message of this kind.
pub(super) fn message(kind: FaultKind) -> Message {
    let id = crate::messages::all().find(|id| id.kind() == kind).unwrap();
    Message { id, sentence: "the disk is gone".to_owned() }
}

/// Stands in for the supervisor of the site `shop` in this runtime directory: it gives one answer.
pub(super) struct SupervisorStandIn(Receiver<Request>);

impl SupervisorStandIn {
    pub(super) fn new(runtime: &Path, reply: Reply) -> Self {
        let folder = runtime.join("shop");
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("control");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(socket).unwrap();
        let (sender, asked) = channel();
        let work = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            sender.send(decode(line.as_bytes()).unwrap()).unwrap();
            stream.write_all(&encode(&reply)).unwrap();
        };
        start("supervisor", StackSize::Usual, work).unwrap();
        Self(asked)
    }

    /// What it was asked.
    pub(super) fn asked(self) -> Option<Request> {
        self.0.recv_timeout(Duration::from_secs(5)).ok()
    }
}
