//! Entries on the standard output.

use std::io::Write;

use super::lines::Pages;
use super::options::HistoryOptions;
use crate::history::Entry;
use crate::operator::layout;

/// Prints entries, in one form or the other.
pub(super) struct Printer {
    json: bool,
    width: Option<usize>,
    pages: Pages,
}

impl Printer {
    pub(super) fn new(options: &HistoryOptions) -> Self {
        Self { json: options.json, width: layout::columns(), pages: Pages::new(options.failed) }
    }

    /// False: nobody reads any more.
    pub(super) fn print(&mut self, entries: &[Entry]) -> bool {
        let lines = match self.json {
            // Serialization fails only for maps whose keys are no text, and no entry has one.
            true => entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).collect(),
            false => layout::fit_all(&self.pages.lines(entries), self.width),
        };
        let mut out = std::io::stdout().lock();
        lines.iter().all(|line| writeln!(out, "{line}").is_ok()) && out.flush().is_ok()
    }
}
