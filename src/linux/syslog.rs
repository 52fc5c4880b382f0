//! Lines for the node's own log: systemd-journald in its native protocol, or whoever listens at /dev/log.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::clock::local_stamp;
use crate::values::Moment;

/// Where journald listens (systemd.io/JOURNAL_NATIVE_PROTOCOL), and where every syslog daemon does.
const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";

/// A message is cut into pieces of this many bytes: journald's own `LineMax=` is the same, and a datagram
/// of this size goes through without a file in memory.
pub const LONGEST: usize = 48 << 10;

/// How soon a daemon that was not there is looked for again.
const AGAIN: Duration = Duration::from_millis(50);

/// How grave a line is (syslog(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    Error = 3,
    Warning = 4,
    Info = 6,
}

/// In which form a daemon wants its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Native,
    Classic,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Yes,
    /// The daemon does not read fast enough now.
    Full,
    /// This node has no such daemon.
    NoDaemon,
}

/// Sends lines and never waits. It is writable (poll(2)) when the daemon has taken some of them.
#[derive(Debug)]
pub struct NodeLog {
    /// None: it is connected to no daemon.
    connected: Option<(UnixDatagram, Form)>,
    /// No daemon is looked for before.
    not_before: Moment,
    /// The name that each line bears.
    identifier: String,
    /// Further fields for the journal, as it wants them.
    fields: Vec<u8>,
}

impl NodeLog {
    /// Lines with this name, and with further fields where there is a journal.
    pub fn new(identifier: String, fields: &[(&str, &str)]) -> Self {
        let mut written = Vec::new();
        for (key, value) in fields {
            put(&mut written, key, value.as_bytes());
        }
        Self { connected: None, not_before: Moment::now(), identifier, fields: written }
    }

    /// What becomes writable; None: no daemon is known.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.connected.as_ref().map(|(socket, _)| socket.as_fd())
    }

    /// Sends one line, of at most [`LONGEST`] bytes.
    pub fn send(&mut self, severity: Gravity, line: &[u8]) -> Sent {
        let line = &line[..line.len().min(LONGEST)];
        // A daemon that was started anew has another socket at the same path.
        for _ in 0..2 {
            if self.connected.is_none() && self.not_before.passed() {
                self.connected = connect();
                // Lines may come by the hundred, and each would look for it.
                self.not_before = Moment::now() + AGAIN;
            }
            let Some((socket, form)) = &self.connected else { return Sent::NoDaemon };
            let datagram = match form {
                Form::Native => self.native(severity, line),
                Form::Classic => self.classic(severity, line),
            };
            match socket.send(&datagram) {
                Ok(_) => return Sent::Yes,
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock
                        || error.raw_os_error() == Some(libc::ENOBUFS) =>
                {
                    return Sent::Full;
                }
                Err(_) => {
                    self.connected = None;
                    self.not_before = Moment::now();
                }
            }
        }
        Sent::NoDaemon
    }

    fn native(&self, severity: Gravity, line: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(line.len() + self.fields.len() + 128);
        put(&mut datagram, "MESSAGE", line);
        put(&mut datagram, "PRIORITY", (severity as u8).to_string().as_bytes());
        put(&mut datagram, "SYSLOG_IDENTIFIER", self.identifier.as_bytes());
        datagram.extend_from_slice(&self.fields);
        datagram
    }

    /// As RFC 3164 has it, facility "daemon".
    fn classic(&self, severity: Gravity, line: &[u8]) -> Vec<u8> {
        let priority = (3 << 3) | severity as u8;
        let head = format!("<{priority}>{} {}: ", local_stamp(), self.identifier);
        let mut datagram = head.into_bytes();
        datagram.extend(line.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
        datagram
    }
}

fn connect() -> Option<(UnixDatagram, Form)> {
    let to = |path: &str, form: Form| {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(path).ok()?;
        Some((socket, form))
    };
    to(JOURNAL, Form::Native).or_else(|| to(SYSLOG, Form::Classic))
}

/// A field; a value that holds a line end is written with its length.
fn put(datagram: &mut Vec<u8>, key: &str, value: &[u8]) {
    datagram.extend_from_slice(key.as_bytes());
    if value.contains(&b'\n') {
        datagram.push(b'\n');
        datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend_from_slice(value);
    datagram.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_in_both_forms() {
        let log = NodeLog::new("a/b".to_owned(), &[("NAME", "value")]);
        assert_eq!(
            log.native(Gravity::Info, b"words"),
            b"MESSAGE=words\nPRIORITY=6\nSYSLOG_IDENTIFIER=a/b\nNAME=value\n"
        );
        assert!(
            log.native(Gravity::Error, b"two\nlines")
                .starts_with(b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=3\n")
        );
        let classic = String::from_utf8(log.classic(Gravity::Warning, b"a\0b")).unwrap();
        assert!(classic.starts_with("<28>") && classic.ends_with(" a/b: a b"), "{classic}");
    }
}
