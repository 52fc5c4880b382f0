//! The report of a rehearsal: for each step the expected result, the actual result, and the time.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use crate::operator::layout;
use crate::values::Moment;

/// The result of one step.
pub(super) struct StepResult {
    pub(super) what: String,
    pub(super) as_expected: bool,
}

impl StepResult {
    pub(super) fn new(as_expected: bool, what: impl Into<String>) -> Self {
        Self { what: what.into(), as_expected }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    step: &'a str,
    expected: &'a str,
    seen: &'a str,
    held: bool,
    seconds: f64,
}

/// Prints each step when it is done, and counts the steps.
pub(super) struct Report {
    json: bool,
    /// The step under way is shown, and replaced by its result.
    redraws: bool,
    colour: bool,
    begun: Moment,
    held: usize,
    broken: usize,
}

impl Report {
    pub(super) fn new(json: bool, terminal: bool) -> Self {
        let redraws = terminal && !json;
        let colour = redraws && std::env::var_os("NO_COLOR").is_none();
        Self { json, redraws, colour, begun: Moment::now(), held: 0, broken: 0 }
    }

    /// The heading for a manager, if there are several.
    pub(super) fn part(&self, manager: &str, of: usize) {
        if !self.json && of > 1 {
            say(&format!("\n=== {manager} ==="));
        }
    }

    pub(super) fn chapter(&self, title: &str) {
        if !self.json {
            say(&format!("\n{title}"));
        }
    }

    /// Does a step and prints its result.
    pub(super) fn step(
        &mut self,
        step: &str,
        expected: &str,
        act: impl FnOnce() -> StepResult,
    ) -> bool {
        let begun = Moment::now();
        if self.redraws {
            print(&under_way(step, expected));
        }
        let seen = act();
        if self.redraws {
            print(CLEAR);
        }
        let took = Moment::now().since(begun);
        *(if seen.as_expected { &mut self.held } else { &mut self.broken }) += 1;
        if self.json {
            let line = Line {
                step,
                expected,
                seen: &seen.what,
                held: seen.as_expected,
                seconds: took.as_secs_f64(),
            };
            say(&serde_json::to_string(&line).unwrap_or_default());
        } else {
            let line = self.line(step, expected, &seen, took);
            for line in layout::fit_all(&[line], layout::columns()) {
                say(&line);
            }
        }
        seen.as_expected
    }

    fn line(&self, step: &str, expected: &str, seen: &StepResult, took: Duration) -> String {
        let (mark, colour) = if seen.as_expected { ("ok", "32") } else { ("BROKEN", "31;1") };
        let mark = match self.colour {
            true => format!("\x1b[{colour}m{mark:6}\x1b[0m"),
            false => format!("{mark:6}"),
        };
        let seconds = took.as_secs_f64();
        format!("  {mark} {step:46} expected {expected:24} saw {:30} {seconds:6.2} s", seen.what)
    }

    /// Prints the totals. True if each step had the expected result.
    pub(super) fn finish(self) -> bool {
        let (held, broken) = (self.held, self.broken);
        let seconds = Moment::now().since(self.begun).as_secs_f64();
        if !self.json {
            say(&format!("\n{held} steps held, {broken} broken, in {seconds:.1} s"));
        }
        broken == 0
    }
}

/// Back to the beginning of the line, and clears it (ECMA-48, CR and EL).
const CLEAR: &str = "\r\x1b[2K";

/// The line of a step that is not done yet. It is cut, as only one line of the terminal is cleared.
fn under_way(step: &str, expected: &str) -> String {
    let width = layout::columns().unwrap_or(80).saturating_sub(1);
    format!("  {:6} {step:46} expected {expected}", "...").chars().take(width).collect()
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

// If the reader of the output has gone, the rehearsal still goes on to its end.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
