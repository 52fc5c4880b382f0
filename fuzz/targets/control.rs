//! The bytes on the control socket, on both sides.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use siteward::control::{Client, ClientError, Reply, Request, decode, encode};
use siteward::linux::wait::Waiting;
use siteward::supervisor::Connection;
use siteward::values::Moment;

use super::input::first;

/// Sends the bytes in pieces whose length the first byte says, and calls `after` for each.
fn in_pieces(stream: &UnixStream, bytes: &[u8], mut after: impl FnMut() -> bool) {
    let (step, bytes) = first(bytes);
    // 255: each piece is sent many times over, as by a client that never ends its line.
    let repeated = if step == 255 { 80 } else { 1 };
    let size = match step & 0x3f {
        0 => bytes.len().max(1),
        n => usize::from(n) * 32,
    };
    for piece in bytes.chunks(size) {
        for _ in 0..repeated {
            // A socket that is full or closed takes no more.
            if (&mut &*stream).write_all(piece).is_err() || !after() {
                return;
            }
        }
    }
}

/// What a client sends, as the supervisor reads it.
pub(crate) fn request(bytes: &[u8]) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    for stream in [&ours, &theirs] {
        stream.set_nonblocking(true).expect("a socket");
    }
    let mut connection = Connection::new(theirs);
    in_pieces(&ours, bytes, || {
        let (line, is_gone) = connection.read();
        let Some(line) = line else { return !is_gone };
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        if let Ok(request) = decode::<Request>(&line) {
            let again = decode::<Request>(&encode(&request)).expect("it was read before");
            assert_eq!(again, request);
        }
        !is_gone
    });
    drop(ours);
    // Whoever reads /proc/PID/fd at this moment keeps the other end open until that is done.
    let deadline = Moment::now() + Duration::from_secs(60);
    while !connection.read().1 {
        let mut waiting = Waiting::new();
        waiting.readable(connection.as_fd(), ());
        assert!(!waiting.wait(Some(deadline)).is_empty(), "the end of the connection is not seen");
    }
}

/// What a supervisor answers, as a verb reads it.
pub(crate) fn reply(bytes: &[u8]) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    theirs.set_nonblocking(true).expect("a socket");
    in_pieces(&theirs, bytes, || true);
    drop(theirs);
    let mut client = Client::from(ours);
    let deadline = Moment::now() + Duration::from_secs(60);
    loop {
        match client.receive(deadline) {
            Ok(reply) => {
                let again = decode::<Reply>(&encode(&reply)).expect("it was read before");
                assert_eq!(again, reply);
            }
            Err(ClientError::NotUnderstood(_) | ClientError::Denied(_)) => {}
            Err(ClientError::Closed) => return,
            Err(other) => panic!("{other}"),
        }
    }
}
