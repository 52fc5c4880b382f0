//! This very program once more, for work that may hang: a disk that does not answer holds that
//! process, and whoever asked for the work goes on when its time is over.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

use super::process::reap_one;
use super::spawn::{Command, pipe, spawn};
use super::wait::Waiting;
use crate::values::ExecError;
use crate::values::{Moment, Signal};

/// Why the work was not done.
#[derive(Debug)]
pub enum Lost {
    /// Its time is over.
    Silent,
    /// Whoever waited for it was called away.
    Interrupted,
    NotRun(ExecError),
    NotHeard(io::Error),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent => f.write_str("does not answer"),
            Self::Interrupted => f.write_str("is not waited for any more"),
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
/// what it prints; killed at `deadline`, or when `cut` becomes readable.
///
/// # Errors
/// See [`Lost`].
pub fn ask(
    words: &[&OsStr],
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Vec<u8>, Lost> {
    let (reader, writer) = pipe().map_err(Lost::NotHeard)?;
    let words: Vec<&OsStr> =
        [OsStr::new("siteward")].into_iter().chain(words.iter().copied()).collect();
    let mut command = Command::plain(program(), &words, Vec::new(), writer.as_fd());
    command.dies_with_parent = true;
    let mut child = spawn(&command).map_err(Lost::NotRun)?;
    drop(command);
    drop(writer);
    let heard = hear(File::from(reader), deadline, cut);
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

fn hear(mut pipe: File, deadline: Moment, cut: Option<BorrowedFd<'_>>) -> Result<Vec<u8>, Lost> {
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
                waiting.readable(pipe.as_fd(), false);
                if let Some(cut) = cut {
                    waiting.readable(cut, true);
                }
                if waiting.wait(Some(deadline)).contains(&true) {
                    return Err(Lost::Interrupted);
                }
            }
            Err(error) => return Err(Lost::NotHeard(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn what_hangs_is_waited_for_until_its_deadline_or_until_that_is_cut_short() {
        let heard = |deadline: Duration, cut: Option<&UnixStream>, said: &[u8]| {
            let (reader, writer) = pipe().unwrap();
            let mut writer = File::from(writer);
            writer.write_all(said).unwrap();
            let hangs = said.is_empty().then_some(writer);
            let heard = hear(
                File::from(reader),
                Moment::now() + deadline,
                cut.map(|stream| stream.as_fd()),
            );
            drop(hangs);
            heard
        };
        let (cut, mut order) = UnixStream::pair().unwrap();
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(60));
        assert!(matches!(heard(short, Some(&cut), b""), Err(Lost::Silent)));
        assert_eq!(heard(long, Some(&cut), b"word").unwrap(), b"word");
        order.write_all(b"x").unwrap();
        assert!(matches!(heard(long, Some(&cut), b""), Err(Lost::Interrupted)));
        assert!(matches!(heard(short, None, b""), Err(Lost::Silent)));
    }
}
