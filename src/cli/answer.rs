//! How an answer reaches the caller: lines and an exit code.

use std::io::Write;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};

use crate::agent::Outcome;
use crate::manager::{self, Manager, Verb};
use crate::operator::layout;
use crate::operator::page::PageLine;

/// Gives the caller the answer of its manager.
pub(super) fn give(
    manager: Manager,
    verb: Verb,
    recurring: bool,
    outcome: &Outcome,
    quiet: bool,
) -> ExitCode {
    let mut answer = manager.answer(verb, recurring, outcome);
    if manager == Manager::Hand {
        let width = layout::columns();
        answer.stdout = layout::fit_all(&answer.stdout, width);
        answer.stderr = layout::fit_all(&answer.stderr, width);
    }
    // A person who wants quiet gets it on success; a cluster's log always gets everything.
    if !(quiet && answer.code == 0) {
        answer.give();
    }
    log::debug!("answered {}", answer.code);
    ExitCode::from(answer.code)
}

pub(super) fn print_metadata() -> ExitCode {
    print_lines(&[manager::metadata().trim_end().to_owned()])
}

/// Prints lines that are as wide as the terminal already, with colours where those are wanted.
pub(super) fn print_page(lines: &[PageLine]) -> ExitCode {
    let colours = wants_colours();
    print_lines(&lines.iter().map(|line| line.print(colours)).collect::<Vec<_>>())
}

/// Standard output is a terminal with colours, and NO_COLOR is not set.
pub(super) fn wants_colours() -> bool {
    AutoStream::choice(&std::io::stdout()) != ColorChoice::Never
}

/// Prints lines for a person, in the width of the terminal.
pub(super) fn print_fitted(lines: &[String]) -> ExitCode {
    print_lines(&layout::fit_all(lines, layout::columns()))
}

pub(super) fn print_lines(lines: &[String]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            return ExitCode::SUCCESS;
        }
    }
    ExitCode::SUCCESS
}
