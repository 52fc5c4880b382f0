//! A command of another's supervisor, run within bounds: it is killed with all that it started
//! when its time is over, and what it said is heard.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::linux::process::reap_one;
use crate::linux::spawn::{self, Child, Command};
use crate::linux::wait::Waiting;
use crate::process::kill_below;
use crate::site::{Definition, SitePlaces};
use crate::supervisor::launch::{DEFAULT_PATH, Launch};
use crate::values::ExecError;
use crate::values::ExitStatus;
use crate::values::{Moment, Signal};

/// The most that is kept of what a command says, in bytes.
const KEPT: usize = 1 << 20;

/// What came of a command.
#[derive(Debug)]
pub enum Ran {
    Ended {
        status: ExitStatus,
        said: String,
    },
    /// It could not be executed.
    NotRun(ExecError),
    /// It did not end in its time, and was killed with what it had started.
    TimedOut,
    /// Whoever waited for it was called away, and it was killed with what it had started.
    Interrupted,
}

impl Ran {
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Ended { status: ExitStatus::Code(0), .. })
    }

    /// What went wrong, for the end of a sentence; None if nothing did.
    pub fn complaint(&self) -> Option<String> {
        let (how, said) = match self {
            Self::Ended { status: ExitStatus::Code(0), .. } => return None,
            Self::Ended { status, said } => (how_it_ended(*status), said.as_str()),
            Self::NotRun(error) => (error.to_string(), ""),
            Self::TimedOut => ("did not end in its time, and was killed".to_owned(), ""),
            Self::Interrupted => ("was cut short, and killed".to_owned(), ""),
        };
        let last = said.lines().rev().find(|l| !l.trim().is_empty());
        Some(last.map_or_else(|| how.clone(), |l| format!("{how}: {}", l.trim())))
    }
}

/// In words, for the end of a sentence.
pub fn how_it_ended(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("ended with exit status {code}"),
        ExitStatus::Signal(signal) => format!("was killed by {signal}"),
        ExitStatus::Untold => "ended, and nobody saw how".to_owned(),
    }
}

/// Whether a command's processes bear the site's mark: those that may leave something behind do,
/// those that only ask do not, so that nobody takes a question for a part of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    Yes,
    No,
}

/// Runs `words` in the site's context until they end, or until `deadline`.
pub fn run(
    words: &[String],
    definition: &Definition,
    places: &SitePlaces,
    marked: Marked,
    deadline: Moment,
) -> Result<Ran, String> {
    run_or_cut(words, definition, places, marked, deadline, None)
}

/// As [`run`], until `cut` becomes readable.
pub fn run_or_cut(
    words: &[String],
    definition: &Definition,
    places: &SitePlaces,
    marked: Marked,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Ran, String> {
    let launch = Launch::of(&definition.context, definition)?;
    let launch = match marked {
        Marked::Yes => launch.with_token(places),
        Marked::No => launch,
    };
    let (reader, writer) =
        spawn::pipe().map_err(|error| format!("a pipe cannot be made: {error}"))?;
    let mut command = launch.command(words, &[], (places, "@command"), writer.as_fd());
    if marked == Marked::No {
        command.unmark();
    }
    command.dies_with_parent = true;
    let child = spawn::spawn(&command);
    drop(command);
    drop(writer);
    Ok(child.map_or_else(Ran::NotRun, |child| attend(child, File::from(reader), deadline, cut)))
}

/// Runs a program of the node, with nothing of the site or of ours, until it ends or until
/// `deadline`.
///
/// # Errors
/// What went wrong, for the end of a sentence.
pub fn run_of_node(words: &[&str], deadline: Moment) -> Result<String, String> {
    let (reader, writer) =
        spawn::pipe().map_err(|error| format!("cannot be heard: no pipe can be made: {error}"))?;
    let program = words.first().copied().unwrap_or_default();
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let path = CString::new(format!("PATH={DEFAULT_PATH}")).into_iter().collect();
    let candidates = Command::candidates(OsStr::new(program), DEFAULT_PATH);
    let mut command = Command::plain(candidates, &words, path, writer.as_fd());
    command.dies_with_parent = true;
    let child = spawn::spawn(&command);
    drop(command);
    drop(writer);
    let attended = |child| attend(child, File::from(reader), deadline, None);
    let ran = child.map_or_else(Ran::NotRun, attended);
    match (ran.complaint(), ran) {
        (None, Ran::Ended { said, .. }) => Ok(said),
        (complaint, _) => Err(complaint.unwrap_or_default()),
    }
}

/// Hears it out, and ends it when its time is over or `cut` becomes readable.
fn attend(mut child: Child, mut pipe: File, deadline: Moment, cut: Option<BorrowedFd<'_>>) -> Ran {
    let mut said = Vec::new();
    let mut open = true;
    while !child.handle.is_dead() {
        if deadline.passed() {
            end(&child);
            return Ran::TimedOut;
        }
        let mut waiting = Waiting::new();
        waiting.readable(child.handle.as_fd(), false);
        if open {
            waiting.readable(pipe.as_fd(), false);
        }
        if let Some(cut) = cut {
            waiting.readable(cut, true);
        }
        if waiting.wait(Some(deadline)).contains(&true) {
            end(&child);
            return Ran::Interrupted;
        }
        open = open && listen(&mut pipe, &mut said);
    }
    // Not to the end of file: a daemon that it left behind may hold the pipe for ever.
    listen(&mut pipe, &mut said);
    let status = reap_one(child.pid).unwrap_or(ExitStatus::Untold);
    match child.report.outcome() {
        Some(Err(error)) => Ran::NotRun(error),
        Some(Ok(())) | None => {
            Ran::Ended { status, said: String::from_utf8_lossy(&said).into_owned() }
        }
    }
}

/// KILL for it and for what it has started.
fn end(child: &Child) {
    kill_below(child.pid);
    let _ = child.handle.send(Signal::KILL);
    // One that waits uninterruptibly is not waited for: init will reap it.
    let mut waiting = Waiting::new();
    waiting.readable(child.handle.as_fd(), ());
    if !waiting.wait(Some(Moment::now() + std::time::Duration::from_millis(100))).is_empty() {
        let _ = reap_one(child.pid);
    }
}

/// Takes in what there is; false at its end.
fn listen(pipe: &mut File, said: &mut Vec<u8>) -> bool {
    let mut chunk = [0u8; 16 << 10];
    // One that never stops talking must not keep us from looking at the clock.
    for _ in 0..64 {
        match pipe.read(&mut chunk) {
            Ok(0) => return false,
            Ok(n) => {
                said.extend_from_slice(&chunk[..n]);
                let surplus = said.len().saturating_sub(KEPT);
                said.drain(..surplus);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_nobody_saw_is_no_success() {
        let ran = Ran::Ended { status: ExitStatus::Untold, said: "all is well\n".to_owned() };
        assert!(!ran.is_success());
        assert!(ran.complaint().is_some_and(|why| why.contains("nobody saw how")));
    }
}
