//! jcdbs, JobCenter's Redis, asked on the socket that it has on the site's database (source document 003, DB-15).

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What it answers to a PING.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedisAnswer {
    /// It works, whatever it thinks of who asks.
    Lives,
    /// It has no socket there: this JobCenter may keep it elsewhere.
    NoSocket,
    /// A sentence: the socket is there, and nobody answers on it.
    Silent(String),
}

pub(super) fn socket_of(database: &Path) -> PathBuf {
    database.join("database/.jcdbs.sock")
}

/// Asks once. The helper that this runs in is killed at its deadline.
pub(super) fn ping(database: &Path) -> RedisAnswer {
    let socket = socket_of(database);
    let at = socket.display();
    let mut stream = match UnixStream::connect(&socket) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::NotFound => return RedisAnswer::NoSocket,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            return RedisAnswer::Silent(format!("nobody listens on the socket {at}: it is stale"));
        }
        Err(error) => {
            return RedisAnswer::Silent(format!("the socket {at} cannot be used: {error}"));
        }
    };
    let mut answer = [0u8; 64];
    match stream.write_all(b"PING\r\n").and_then(|()| stream.read(&mut answer)) {
        // Redis' protocol: `+PONG`, or an error as `-NOAUTH ...`, which shows that it works too.
        Ok(n) if n > 0 && matches!(answer[0], b'+' | b'-') => RedisAnswer::Lives,
        Ok(0) => RedisAnswer::Silent(format!("what listens on {at} closes the connection")),
        Ok(_) => RedisAnswer::Silent(format!("what listens on {at} is no Redis")),
        Err(error) => RedisAnswer::Silent(format!("what listens on {at} does not answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::linux::thread::{self, StackSize};

    /// The answer to a PING of something that answers so.
    fn told(answer: Option<&'static [u8]>) -> RedisAnswer {
        let database = tempfile::tempdir().unwrap();
        std::fs::create_dir(database.path().join("database")).unwrap();
        let listener = UnixListener::bind(socket_of(database.path())).unwrap();
        let server = thread::start("redis", StackSize::Usual, move || {
            let (mut asked, _) = listener.accept().unwrap();
            let mut ping = [0u8; 6];
            asked.read_exact(&mut ping).unwrap();
            assert_eq!(&ping, b"PING\r\n");
            if let Some(answer) = answer {
                asked.write_all(answer).unwrap();
            }
        })
        .unwrap();
        let told = ping(database.path());
        server.join().unwrap();
        told
    }

    #[test]
    fn an_answer_of_redis_is_one_that_it_lives() {
        assert_eq!(told(Some(b"+PONG\r\n")), RedisAnswer::Lives);
        assert_eq!(told(Some(b"-NOAUTH Authentication required.\r\n")), RedisAnswer::Lives);
        assert!(
            matches!(told(Some(b"220 smtp\r\n")), RedisAnswer::Silent(why) if why.contains("no Redis"))
        );
        assert!(matches!(told(None), RedisAnswer::Silent(why) if why.contains("closes")));
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_stale_and_none_is_none() {
        let database = tempfile::tempdir().unwrap();
        assert_eq!(ping(database.path()), RedisAnswer::NoSocket);
        std::fs::create_dir(database.path().join("database")).unwrap();
        drop(UnixListener::bind(socket_of(database.path())).unwrap());
        assert!(matches!(ping(database.path()), RedisAnswer::Silent(why) if why.contains("stale")));
    }
}
