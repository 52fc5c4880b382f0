//! `siteward history`: what happened to a site, on which node, when, and by whose order.

mod chosen;
mod follow;
mod interrupted;
mod lines;
mod log_lines;
mod options;
mod printer;

use std::time::Duration;

use crate::agent::Fault;
use crate::journal::{WholeHistory, read_all};
use crate::messages;
use crate::site::{SiteName, SitePlaces, load_snapshot_first};
use crate::values::Moment;
use printer::Printer;

pub use log_lines::read_log_here;
pub use options::HistoryOptions;

/// How long the disk may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows the history of a site. True: with `interrupted`, an operation was.
///
/// # Errors
/// There is no such site, or nothing of it can be read.
pub fn history(
    name: &SiteName,
    places: &SitePlaces,
    options: &HistoryOptions,
    patience: Option<Duration>,
) -> Result<bool, Fault> {
    let patience = patience.unwrap_or(PATIENCE);
    let whole = read_all(places, Moment::now() + patience);
    if whole.history.entries.is_empty() && whole.notes.is_empty() && !places.definition.exists() {
        return Err(messages::history_missing(name).into());
    }
    if options.interrupted {
        let definition = load_snapshot_first(places, name)?;
        warn(&whole);
        return Ok(interrupted::show(&definition, &whole, options, patience));
    }
    warn(&whole);
    let shown = chosen::choose(&whole.history.entries, options);
    let mut printer = Printer::new(options);
    if !printer.print(&shown) {
        return Ok(false);
    }
    if shown.is_empty() && !options.json && !options.follow {
        let what = if whole.history.entries.is_empty() {
            "no history"
        } else {
            "nothing of that in the history"
        };
        log::warn!("there is {what} of the site `{name}`");
    }
    if options.follow {
        follow::follow(places, options, &whole.history.entries, &mut printer, patience)?;
    }
    Ok(false)
}

fn warn(whole: &WholeHistory) {
    for note in &whole.notes {
        log::warn!("{note}");
    }
}
