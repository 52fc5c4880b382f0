//! This very program once more, for work that may hang: a disk that does not answer holds that
//! process, and whoever asked for the work goes on when its time is over.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

use super::process::reap_one;
use super::spawn::{Command, ExecError, pipe, spawn};
use super::wait::Waiting;
use super::{Moment, Signal};

/// Why the work was not done.
#[derive(Debug)]
pub enum Lost {
    /// Its time is over.
    Silent,
    NotRun(ExecError),
    NotHeard(io::Error),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent => f.write_str("does not answer"),
            Self::NotRun(error) => error.fmt(f),
            Self::NotHeard(error) => write!(f, "cannot be heard: {error}"),
        }
    }
}

/// This program, wherever it lies and whatever has become of its file.
pub fn program() -> Vec<CString> {
    vec![c"/proc/self/exe".to_owned()]
}

/// Runs this program with `words` behind its name and nothing of ours in its environment, and gives
/// what it prints; killed at `deadline`.
///
/// # Errors
/// See [`Lost`].
pub fn ask(words: &[&OsStr], deadline: Moment) -> Result<Vec<u8>, Lost> {
    let (reader, writer) = pipe().map_err(Lost::NotHeard)?;
    let words: Vec<&OsStr> =
        [OsStr::new("siteward")].into_iter().chain(words.iter().copied()).collect();
    let mut command = Command::plain(program(), &words, Vec::new(), writer.as_fd());
    command.dies_with_parent = true;
    let mut child = spawn(&command).map_err(Lost::NotRun)?;
    drop(command);
    drop(writer);
    let heard = hear(File::from(reader), deadline);
    if heard.is_err() {
        let _ = child.handle.send(Signal::KILL);
    }
    // One that waits uninterruptibly is not waited for: init will reap it.
    let grace = Moment::now() + std::time::Duration::from_millis(100);
    let mut waiting = Waiting::new();
    waiting.readable(child.handle.as_fd(), ());
    if !waiting.wait(Some(grace)).is_empty() {
        let _ = reap_one(child.pid);
    }
    match child.report.outcome() {
        Some(Err(error)) => Err(Lost::NotRun(error)),
        Some(Ok(())) | None => heard,
    }
}

fn hear(mut pipe: File, deadline: Moment) -> Result<Vec<u8>, Lost> {
    let mut said = Vec::new();
    let mut chunk = [0u8; 16 << 10];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return Ok(said),
            Ok(n) => said.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if deadline.passed() {
                    return Err(Lost::Silent);
                }
                let mut waiting = Waiting::new();
                waiting.readable(pipe.as_fd(), ());
                waiting.wait(Some(deadline));
            }
            Err(error) => return Err(Lost::NotHeard(error)),
        }
    }
}
