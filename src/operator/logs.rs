//! The logs of a site for a person: what its processes and its supervisor have printed, merged by time.
//!
//! Needs no supervisor and no definition: it reads the files in the site's folder of logs.

mod follow;
mod last_run;
mod merge;
mod paint;
mod select;
mod source;

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;

use crate::agent::{Fault, Target};
use crate::messages;

use merge::Merged;
use paint::Painter;
pub use select::{has_logs, has_process, nearest_process};
use source::{PrintedLine, Source};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct LogsOptions {
    /// Names of processes; none: all of them, and the supervisor.
    pub processes: Vec<String>,
    pub follow: bool,
    /// How many lines from the end; None: what is usual.
    pub tail: Option<TailLength>,
    pub since: Option<Timestamp>,
    pub last_run: bool,
    pub prefix: bool,
}

/// How many lines from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailLength {
    All,
    Lines(usize),
}

/// How many lines are printed if nothing else is said.
const USUAL: usize = 100;

/// Prints them. Ends with success when standard output is closed.
///
/// # Errors
/// There is no such process, or the logs cannot be read.
pub fn print_logs(target: &Target, options: &LogsOptions) -> Result<(), Fault> {
    let chosen = select::choose(target, &options.processes)?;
    if let Some(note) = select::note(target, &chosen).filter(|_| !options.follow) {
        say(&note);
    }
    let mut sources: Vec<Source> = chosen.sources;
    let wanted = match options.last_run {
        true => {
            let told = last_run::pick(target, &mut sources, chosen.are_named);
            told.iter().for_each(|line| say(line));
            TailLength::All
        }
        false => {
            let usual = match options.since {
                Some(_) => TailLength::All,
                None => TailLength::Lines(USUAL),
            };
            if let Some(since) = options.since {
                sources.iter_mut().for_each(|source| {
                    source.begin_since(u64::try_from(since.as_millisecond()).unwrap_or(0));
                });
            }
            usual
        }
    };
    let wanted = options.tail.unwrap_or(wanted);
    if let TailLength::Lines(count) = wanted {
        sources.iter_mut().for_each(|source| source.begin_with_last(count));
    }
    let names: Vec<String> = sources.iter().map(|source| source.shown.clone()).collect();
    let mut painter = Painter::new(&names, options.prefix, io::stdout().is_terminal());
    let printed = print_all(&mut sources, wanted, options.follow, &mut painter).and_then(|()| {
        if !options.follow {
            return Ok(());
        }
        follow::follow(target, sources, chosen.are_named, &mut painter)
    });
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(messages::logs_not_printed(error).into()),
        Ok(()) => Ok(()),
    }
}

fn print_all(
    sources: &mut [Source],
    wanted: TailLength,
    is_followed: bool,
    painter: &mut Painter,
) -> io::Result<()> {
    let merged = Merged::of(sources, !is_followed);
    match wanted {
        TailLength::All => {
            for (of, line) in merged {
                painter.print(of, &line)?;
            }
        }
        TailLength::Lines(0) => {}
        TailLength::Lines(count) => {
            let mut last: VecDeque<(usize, PrintedLine)> = VecDeque::new();
            for line in merged {
                if last.len() == count {
                    last.pop_front();
                }
                last.push_back(line);
            }
            for (of, line) in last {
                painter.print(of, &line)?;
            }
        }
    }
    painter.flush()
}

/// Tells a person something that is no line of a log.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "siteward: {line}");
}
