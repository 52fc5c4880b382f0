//! Who lived when: each process of a site has a connection to here, which ends with it.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::witness::now;

/// The life of one process, by CLOCK_MONOTONIC in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) site: String,
    pub(crate) name: String,
    pub(crate) pid: i32,
    /// It lived then.
    pub(crate) begun: u64,
    /// It lived until then at least.
    pub(crate) seen: u64,
    /// It was dead by then; none: it lives.
    pub(crate) ended: Option<u64>,
    /// Another one of its name had the lock.
    pub(crate) overlaps: bool,
}

/// All lives of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives(Arc<Mutex<Vec<Life>>>);

struct Connection {
    stream: UnixStream,
    unread: Vec<u8>,
    life: Option<usize>,
}

impl Lives {
    /// Listens from now until the program ends.
    pub(crate) fn watch(folder: &Path) -> Self {
        let lives = Self::default();
        let listener = UnixListener::bind(folder.join("judge")).expect("a socket to be told at");
        listener.set_nonblocking(true).expect("it need not block");
        let its = lives.clone();
        std::thread::spawn(move || its.listen(&listener));
        lives
    }

    pub(crate) fn all(&self) -> Vec<Life> {
        self.0.lock().expect("no thread has panicked").clone()
    }

    fn listen(&self, listener: &UnixListener) {
        let mut connections: Vec<Connection> = Vec::new();
        loop {
            let mut sources = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            let of_lives = connections.iter().map(|c| c.stream.as_fd());
            sources.extend(of_lives.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            let _ = poll(&mut sources, PollTimeout::NONE);
            let mut told = sources.iter().map(|source| source.any().unwrap_or(true));
            let is_called = told.next().unwrap_or_default();
            let told: Vec<bool> = told.collect();
            let mut told = told.into_iter();
            connections.retain_mut(|it| !told.next().unwrap_or_default() || self.read(it));
            while is_called && let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).expect("it need not block");
                connections.push(Connection { stream, unread: Vec::new(), life: None });
            }
        }
    }

    /// Whether more can come.
    fn read(&self, connection: &mut Connection) -> bool {
        let mut bytes = [0; 4096];
        let goes_on = loop {
            match connection.stream.read(&mut bytes) {
                Ok(0) => break false,
                Ok(count) => connection.unread.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        let mut lives = self.0.lock().expect("no thread has panicked");
        while let Some(end) = connection.unread.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = connection.unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| words[at].parse::<u64>().expect("a number");
            match words[0] {
                "beat" => {
                    if let Some(life) = connection.life {
                        lives[life].seen = number(1);
                    }
                }
                begun => {
                    connection.life = Some(lives.len());
                    lives.push(Life {
                        site: words[1].to_owned(),
                        name: words[2].to_owned(),
                        pid: words[3].parse().expect("a number"),
                        begun: number(4),
                        seen: number(4),
                        ended: None,
                        overlaps: begun == "overlap",
                    });
                }
            }
        }
        if let Some(life) = connection.life.filter(|_| !goes_on) {
            lives[life].ended = Some(now());
        }
        goes_on
    }
}
