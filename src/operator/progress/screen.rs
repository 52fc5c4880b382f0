//! The lines at a terminal, redrawn in place.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines;
use super::verb::SlowVerb;
use crate::agent::Target;
use crate::history::Entry;
use crate::linux::terminal;
use crate::values::Moment;

/// What stands at the terminal at this moment, so that other lines are written above it.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// The lines of one verb.
#[derive(Debug)]
pub(super) struct VerbScreen {
    verb: SlowVerb,
    /// Until then nothing is shown.
    from: Moment,
    bar: Option<ProgressBar>,
    story: lines::VerbStory,
}

impl VerbScreen {
    pub(super) fn new(verb: SlowVerb, target: &Target, from: Moment) -> Self {
        Self { verb, from, bar: None, story: lines::VerbStory::new(verb, target) }
    }

    /// Draws what the site is doing. `is_over`: for the last time; the lines then stay.
    pub(super) fn show(&mut self, target: &Target, entries: &[Entry], is_over: bool) {
        self.story.add(entries);
        if is_over {
            if let Some(bar) = self.bar.take() {
                self.draw(&bar, target, is_over);
                self.forget();
                bar.abandon();
            }
            return;
        }
        if !self.from.passed() {
            return;
        }
        let bar = self.bar.get_or_insert_with(begin).clone();
        self.draw(&bar, target, is_over);
    }

    fn draw(&mut self, bar: &ProgressBar, target: &Target, is_over: bool) {
        let (columns, rows) = terminal::size_of_stderr().unwrap_or((80, 24));
        let lines = self.story.lines(target, is_over, rows.saturating_sub(2));
        // One column is left free: a terminal breaks a line that fills all of them.
        let width = columns.saturating_sub(1);
        let cut: Vec<String> = lines.iter().map(|line| cut(line, width)).collect();
        bar.set_message(cut.join("\n"));
        bar.tick();
    }

    /// Takes the lines off the terminal.
    pub(super) fn leave(&mut self) {
        self.forget();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn forget(&self) {
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        log::debug!("the progress of the {} is shown no longer", self.verb.word());
    }
}

/// Two dots say that more was there.
fn cut(line: &str, width: usize) -> String {
    match line.chars().count() > width {
        true => line.chars().take(width.saturating_sub(2)).chain("..".chars()).collect(),
        false => line.to_owned(),
    }
}

fn begin() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // The template is a constant; where it could not be read, the usual one is used.
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    bar
}

/// Standard error, for lines that must not be drawn over.
#[derive(Debug)]
pub struct StderrBesideScreen;

impl Write for StderrBesideScreen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shown {
            Some(bar) => bar.suspend(|| io::stderr().write_all(bytes)),
            None => io::stderr().write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
