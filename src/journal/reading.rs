//! Reads the whole history of a site: what this node wrote, and what all nodes left on the site's database.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::on_disk::{self, OnDisk};
use crate::history::{self, History};
use crate::linux::own_program::{self, Unanswered};
use crate::site::duration::show;
use crate::site::{SitePlaces, load_snapshot_first};
use crate::values::Moment;

/// The hidden subcommand of the helper.
const WORD: &str = "read-histories";

/// A history, and what a reader has to know about it: whole sentences without their full stop.
#[derive(Debug, Default)]
pub struct WholeHistory {
    pub history: History,
    pub notes: Vec<String>,
}

/// The database of the site, by the definition that was started last, else by its file.
pub fn database_of(places: &SitePlaces) -> Option<PathBuf> {
    let name = places.name()?;
    load_snapshot_first(places, &name).ok()?.database
}

/// Reads the history of a site. A disk that hangs or is not here, and a file that this user may not read, cost
/// only what stands there, which a note says. The disk has until `deadline`.
pub fn read_all(places: &SitePlaces, deadline: Moment) -> WholeHistory {
    let mut whole = WholeHistory { history: history::read(&places.history()), notes: Vec::new() };
    let here = fs::File::open(places.history());
    if let Some(error) = here.err().filter(|error| error.kind() != ErrorKind::NotFound) {
        whole.notes.push(format!(
            "what this node wrote in {} cannot be read: {error}",
            places.history().display()
        ));
    }
    if let Some(database) = database_of(places) {
        match ask(&database, deadline) {
            Ok(found) => whole.add(found),
            Err(why) => whole.notes.push(format!("only what this node wrote is shown: {why}")),
        }
    }
    match whole.history.torn {
        0 => {}
        1 => whole
            .notes
            .push("a line was cut off, as by a power failure, and is left out".to_owned()),
        n => whole
            .notes
            .push(format!("{n} lines were cut off, as by power failures, and are left out")),
    }
    for (node, step) in &whole.history.set_back {
        whole.notes.push(format!(
            "the clock of {node} was set back by at least {}: what happened around then is not told in its \
             true order",
            show(in_round_numbers(*step))
        ));
    }
    whole
}

/// Cut to hours, minutes or seconds.
fn in_round_numbers(time: Duration) -> Duration {
    let seconds = time.as_secs();
    let unit = match seconds {
        3600.. => 3600,
        600.. => 60,
        _ => 1,
    };
    Duration::from_secs(seconds - seconds % unit)
}

impl WholeHistory {
    fn add(&mut self, found: OnDisk) {
        let OnDisk { entries, torn, set_back, left_out } = found;
        if left_out > 0 {
            self.notes.push(format!("the disk holds {left_out} older entries, which are left out"));
        }
        let history = std::mem::take(&mut self.history);
        self.history = history.joined(History { entries, torn, set_back });
    }
}

fn ask(database: &Path, deadline: Moment) -> Result<OnDisk, String> {
    let words = [OsStr::new("siteward"), OsStr::new(WORD), database.as_os_str()];
    let said = own_program::ask(&words, deadline, None).map_err(|why| match why {
        Unanswered::TimedOut => format!("the disk at {} does not answer", database.display()),
        other => format!("a helper for the disk at {} {other}", database.display()),
    })?;
    serde_json::from_slice::<Result<OnDisk, String>>(&said).map_err(|_| {
        format!("a helper for the disk at {} gave no usable answer", database.display())
    })?
}

/// Reads the database in the helper process. Returns the answer to print.
pub fn read_here(database: &Path) -> Option<String> {
    serde_json::to_string(&on_disk::read(database)).ok()
}
