//! One child within bounds: it is started, its output is read, and it is reaped. At its deadline, or
//! when the caller is called away, it is killed with all that it has started.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::captured::CapturedChild;
use super::command::Command;
use super::reap::reap_one;
use super::wait::Waiting;
use crate::values::{ExecError, ExitStatus, Moment};

/// The bounds of a child.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    pub deadline: Moment,
    /// Once this is readable, the child is not waited for any longer.
    pub cut: Option<BorrowedFd<'a>>,
    /// How many bytes of its output are kept; of a longer one, the last.
    pub output: usize,
}

/// How a bounded child ended.
#[derive(Debug)]
pub enum Ran {
    Ended {
        status: ExitStatus,
        /// What it printed, to standard output and standard error.
        said: Vec<u8>,
    },
    /// Its program could not be executed.
    NotRun(ExecError),
    /// It had not ended at the deadline, and was killed with all that it had started.
    TimedOut,
    /// The wait for it was cut short, and it was killed with all that it had started.
    Interrupted,
}

impl Ran {
    /// It ended with exit status 0.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Ended { status: ExitStatus::Code(0), .. })
    }

    /// Its output as text; empty if it did not end by itself.
    pub fn text(&self) -> String {
        match self {
            Self::Ended { said, .. } => String::from_utf8_lossy(said).into_owned(),
            Self::NotRun(_) | Self::TimedOut | Self::Interrupted => String::new(),
        }
    }

    /// What went wrong, with the last line of its output, for the end of a sentence; None if it
    /// succeeded.
    pub fn complaint(&self) -> Option<String> {
        let how = match self {
            Self::Ended { status: ExitStatus::Code(0), .. } => return None,
            Self::Ended { status, .. } => status.to_string(),
            Self::NotRun(error) => error.to_string(),
            Self::TimedOut => "did not end in its time, and was killed".to_owned(),
            Self::Interrupted => "was cut short, and killed".to_owned(),
        };
        let said = self.text();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        Some(last.map_or_else(|| how.clone(), |line| format!("{how}: {}", line.trim())))
    }
}

/// Runs the command that `prepare` makes for the descriptor that it is to print into. Returns when the
/// child has ended, at the latest shortly after the deadline.
pub fn run<F>(bounds: Bounds<'_>, prepare: F) -> Ran
where
    F: for<'a> FnOnce(BorrowedFd<'a>) -> Command<'a>,
{
    match CapturedChild::start(bounds.output, prepare) {
        Ok(child) => attend(child, bounds),
        Err(error) => Ran::NotRun(error),
    }
}

fn attend(mut child: CapturedChild, bounds: Bounds<'_>) -> Ran {
    let mut is_open = true;
    while !child.handle().is_dead() {
        if bounds.deadline.passed() {
            end(&mut child);
            return Ran::TimedOut;
        }
        let mut waiting = Waiting::new();
        waiting.readable(child.handle().as_fd(), false);
        if is_open {
            waiting.readable(child.pipe(), false);
        }
        if let Some(cut) = bounds.cut {
            waiting.readable(cut, true);
        }
        if waiting.wait(Some(bounds.deadline)).contains(&true) {
            end(&mut child);
            return Ran::Interrupted;
        }
        is_open = is_open && child.read();
    }
    // Not to the end of file: a daemon that it has left behind may hold the pipe for ever.
    child.read();
    let status = reap_one(child.pid()).unwrap_or(ExitStatus::Untold);
    match child.exec_error() {
        Some(error) => Ran::NotRun(error),
        None => Ran::Ended { status, said: child.output().to_vec() },
    }
}

/// How long a child that was killed is waited for.
const GRACE: Duration = Duration::from_millis(100);

/// Kills it with all that it has started, and reaps it.
fn end(child: &mut CapturedChild) {
    child.kill();
    // A child in an uninterruptible wait is not waited for: init reaps it when this process has ended.
    let mut waiting = Waiting::new();
    waiting.readable(child.handle().as_fd(), ());
    if !waiting.wait(Some(Moment::now() + GRACE)).is_empty() {
        let _ = reap_one(child.pid());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;
    use crate::values::{ExecStage, Pid};
    use std::ffi::OsStr;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(100);

    fn shell(script: &str, time: Duration, cut: Option<&UnixStream>) -> Ran {
        let cut = cut.map(|stream| stream.as_fd());
        let bounds = Bounds { deadline: Moment::now() + time, cut, output: 100 };
        let words = ["sh", "-c", script].map(OsStr::new);
        run(bounds, |output| {
            let path = vec![c"PATH=/usr/bin:/bin".to_owned()];
            Command::plain(vec![c"/bin/sh".to_owned()], &words, path, output)
        })
    }

    /// Whether a process of this script lives.
    fn lives(seconds: &str) -> bool {
        let is_it = |pid: Pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|&b| b == 0).any(|word| word == seconds.as_bytes())
        };
        let tree = Tree::look().unwrap();
        tree.stats().any(|stat| is_it(stat.pid))
    }

    #[test]
    fn a_child_that_ends_is_heard_to_its_end() {
        let ran = shell("echo out; echo err >&2; exit 3", LONG, None);
        assert!(!ran.is_success());
        assert_eq!(ran.complaint().as_deref(), Some("ended with exit status 3: err"));
        assert!(shell("exit 0", LONG, None).is_success());
        let long = shell("for i in 1 2 3 4 5 6 7 8; do printf '%0100d' $i; done", LONG, None);
        assert_eq!(long.text(), format!("{:0100}", 8));
    }

    #[test]
    fn what_a_child_leaves_behind_is_not_waited_for() {
        let begun = Moment::now();
        assert_eq!(shell("sleep 5.0311 & echo up", LONG, None).text(), "up\n");
        assert!(Moment::now().since(begun) < Duration::from_secs(4));
    }

    #[test]
    fn a_child_is_killed_with_all_that_it_has_started() {
        let ran = shell("(setsid sleep 1013.1 & sleep 1013.1) & wait", SHORT * 3, None);
        assert!(matches!(ran, Ran::TimedOut), "{ran:?}");
        assert!(!lives("1013.1"));
        let ran = shell("while :; do echo without end; done", SHORT, None);
        assert!(matches!(ran, Ran::TimedOut), "{ran:?}");
        let (cut, mut order) = UnixStream::pair().unwrap();
        let ran = shell("sleep 1013.2 & wait", SHORT, Some(&cut));
        assert!(matches!(ran, Ran::TimedOut), "{ran:?}");
        order.write_all(b"x").unwrap();
        let ran = shell("sleep 1013.2 & wait", LONG, Some(&cut));
        assert!(matches!(ran, Ran::Interrupted), "{ran:?}");
        assert!(!lives("1013.2"));
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let bounds = Bounds { deadline: Moment::now() + LONG, cut: None, output: 100 };
        let ran = run(bounds, |output| {
            Command::plain(vec![c"/no/such/program".to_owned()], &[], Vec::new(), output)
        });
        let Ran::NotRun(error) = ran else { panic!("{ran:?}") };
        assert_eq!((error.stage, error.errno), (ExecStage::Exec, libc::ENOENT));
    }

    #[test]
    fn an_end_that_nobody_saw_is_no_success() {
        let ran = Ran::Ended { status: ExitStatus::Untold, said: b"all is well\n".to_vec() };
        assert!(!ran.is_success());
        assert!(ran.complaint().is_some_and(|why| why.contains("nobody saw how")));
    }
}
