//! A helper process of the supervisor. It waits until a unit is ready by a port, a socket or a file. The
//! supervisor does not do that itself, because it could hang; this process may be killed at any time.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use crate::linux::sockets;
use crate::linux::wait::Waiting;
use crate::values::Moment;

/// The time between the first two attempts, and the longest time between two.
const PACE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// Waits without a time limit for a port, a socket, a file, or a file with a PID. The result is printed: the
/// PID, or nothing. None: `kind` or `what` is not valid.
pub fn await_ready(kind: &str, what: &str) -> Option<String> {
    let ask: fn(&str) -> Option<String> = match kind {
        "tcp" => |address| {
            let addresses = address.to_socket_addrs().ok()?;
            addresses
                .into_iter()
                .any(|a| TcpStream::connect_timeout(&a, Duration::from_secs(1)).is_ok())
                .then(String::new)
        },
        "socket" => |path| {
            sockets::connect_stream(Path::new(path), Duration::from_secs(1))
                .ok()
                .map(|_| String::new())
        },
        "file" => |path| Path::new(path).exists().then(String::new),
        "pid-file" => |path| {
            let text = std::fs::read_to_string(path).ok()?;
            let first = text.lines().next()?.trim().parse::<u32>().ok()?;
            Some(first.to_string())
        },
        _ => return None,
    };
    let is_port = || what.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if kind == "tcp" && !is_port() {
        return None;
    }
    let mut pause = PACE.0;
    loop {
        if let Some(answer) = ask(what) {
            return Some(answer);
        }
        Waiting::<()>::new().wait(Some(Moment::now() + pause));
        pause = (pause * 2).min(PACE.1);
    }
}
