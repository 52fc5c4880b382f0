//! A helper process of the supervisor. It waits until a unit is ready by a port, a socket or a file. The
//! supervisor does not do that itself, because it could hang; this process may be killed at any time.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use crate::linux::sockets;
use crate::linux::wait::Waiting;
use crate::values::Moment;

/// The time between the first two attempts, and the longest time between two.
const PACE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// Waits without a time limit for a port, a socket, a file, or a file with a PID. The result is printed: the
/// PID, or nothing. Until then `tell` gets why it is not ready, each time that changes. None: `kind` or `what`
/// is not valid.
pub fn await_ready(kind: &str, what: &str, mut tell: impl FnMut(&str)) -> Option<String> {
    let ask: fn(&str) -> Result<String, String> = match kind {
        "tcp" => |address| connect(address).map(|()| String::new()),
        "socket" => |path| {
            sockets::connect_stream(Path::new(path), Duration::from_secs(1))
                .map(|_| String::new())
                .map_err(|error| in_words(&error))
        },
        "file" => |path| match std::fs::metadata(path) {
            Ok(_) => Ok(String::new()),
            Err(error) => Err(in_words(&error)),
        },
        "pid-file" => |path| pid_in(path).ok_or_else(String::new),
        _ => return None,
    };
    let is_port = || what.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if kind == "tcp" && !is_port() {
        return None;
    }
    let mut pause = PACE.0;
    let mut told = String::new();
    loop {
        match ask(what) {
            Ok(answer) => return Some(answer),
            Err(why) if why != told => {
                tell(&why);
                told = why;
            }
            Err(_) => {}
        }
        Waiting::<()>::new().wait(Some(Moment::now() + pause));
        pause = (pause * 2).min(PACE.1);
    }
}

fn connect(address: &str) -> Result<(), String> {
    let addresses = address.to_socket_addrs().map_err(|error| in_words(&error))?;
    let mut answer = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) => answer = in_words(&error),
        }
    }
    Err(answer)
}

fn pid_in(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let first = text.lines().next()?.trim().parse::<u32>().ok()?;
    Some(first.to_string())
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it is not there".to_owned(),
        ErrorKind::ConnectionRefused => "refused".to_owned(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer within 1 s".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
