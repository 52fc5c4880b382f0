//! Lines for the node's own log: systemd-journald in its native protocol, or whoever listens at /dev/log.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::clock::local_stamp;

/// Where journald listens (systemd.io/JOURNAL_NATIVE_PROTOCOL), and where every syslog daemon does.
const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";

/// A message is cut into pieces of this many bytes: journald's own `LineMax=` is the same, and a datagram
/// of this size goes through without a file in memory.
pub const LONGEST: usize = 48 << 10;

/// How grave a line is (syslog(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error = 3,
    Warning = 4,
    Info = 6,
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

/// Sends lines and never waits.
#[derive(Debug)]
pub struct NodeLog {
    socket: UnixDatagram,
    /// The name that each line bears.
    identifier: String,
    /// Further fields for the journal, as it wants them.
    fields: Vec<u8>,
}

impl NodeLog {
    /// # Errors
    /// As socket(2).
    pub fn new(identifier: String, fields: &[(&str, &str)]) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let mut written = Vec::new();
        for (key, value) in fields {
            put(&mut written, key, value.as_bytes());
        }
        Ok(Self { socket, identifier, fields: written })
    }

    /// Sends one line, of at most [`LONGEST`] bytes.
    pub fn send(&self, severity: Severity, line: &[u8]) -> Sent {
        let line = &line[..line.len().min(LONGEST)];
        match self.to(JOURNAL, || self.native(severity, line)) {
            Sent::NoDaemon => self.to(SYSLOG, || self.classic(severity, line)),
            sent => sent,
        }
    }

    fn to(&self, path: &str, datagram: impl Fn() -> Vec<u8>) -> Sent {
        if !Path::new(path).exists() {
            return Sent::NoDaemon;
        }
        match self.socket.send_to(&datagram(), path) {
            Ok(_) => Sent::Yes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Full,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Sent::Full,
            Err(_) => Sent::NoDaemon,
        }
    }

    fn native(&self, severity: Severity, line: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(line.len() + self.fields.len() + 128);
        put(&mut datagram, "MESSAGE", line);
        put(&mut datagram, "PRIORITY", (severity as u8).to_string().as_bytes());
        put(&mut datagram, "SYSLOG_IDENTIFIER", self.identifier.as_bytes());
        datagram.extend_from_slice(&self.fields);
        datagram
    }

    /// As RFC 3164 has it, facility "daemon".
    fn classic(&self, severity: Severity, line: &[u8]) -> Vec<u8> {
        let priority = (3 << 3) | severity as u8;
        let head = format!("<{priority}>{} {}: ", local_stamp(), self.identifier);
        let mut datagram = head.into_bytes();
        datagram.extend(line.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
        datagram
    }
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
        let log = NodeLog::new("a/b".to_owned(), &[("NAME", "value")]).unwrap();
        assert_eq!(
            log.native(Severity::Info, b"words"),
            b"MESSAGE=words\nPRIORITY=6\nSYSLOG_IDENTIFIER=a/b\nNAME=value\n"
        );
        assert!(
            log.native(Severity::Error, b"two\nlines")
                .starts_with(b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=3\n")
        );
        let classic = String::from_utf8(log.classic(Severity::Warning, b"a\0b")).unwrap();
        assert!(classic.starts_with("<28>") && classic.ends_with(" a/b: a b"), "{classic}");
    }
}
