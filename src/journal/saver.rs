//! Makes a history durable and copies it to the site's database, in a helper process: see `on_disk`.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::helper::{self, Running, Starter};
use super::on_disk;
use crate::linux::{node, signals};
use crate::site::SitePlaces;
use crate::values::{Moment, Pid};

/// The hidden subcommand of the helper.
pub(super) const WORD: &str = "save-history";

/// After this time a helper ends itself: its disk does not answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Between the starts of two helpers, where many entries follow one another.
const PACE: Duration = Duration::from_millis(500);

/// A helper that has run for so long is not waited for.
const HANGS: Duration = Duration::from_secs(2);

/// Starts one helper after the other, never two at a time.
#[derive(Debug)]
pub(super) struct Saver {
    places: SitePlaces,
    starter: Starter,
    database: Option<PathBuf>,
    running: Option<Running>,
    /// There are entries that no helper has seen.
    is_due: bool,
    not_before: Moment,
}

impl Saver {
    pub(super) fn new(places: &SitePlaces, starter: Starter, database: Option<&Path>) -> Self {
        Self {
            places: places.clone(),
            starter,
            database: database.map(Path::to_owned),
            running: None,
            is_due: false,
            not_before: Moment::now(),
        }
    }

    /// The helper that runs.
    pub(super) fn helper(&self) -> Option<Pid> {
        self.running.as_ref().and_then(Running::living)
    }

    /// An entry was written.
    pub(super) fn is_due(&mut self) {
        self.is_due = true;
    }

    /// More entries are to come soon, which one helper saves with those before.
    pub(super) fn put_off(&mut self) {
        self.not_before = self.not_before.max(Moment::now() + PACE);
    }

    /// Starts a helper for the last entries, if none runs.
    pub(super) fn begin_to_finish(&mut self) {
        self.running.take_if(|running| running.has_ended());
        if self.is_due && self.running.is_none() {
            self.start();
        }
    }

    /// When [`Self::go_on`] has something to do, if no helper ends before.
    pub(super) fn next(&self) -> Option<Moment> {
        (self.is_due && self.running.is_none()).then_some(self.not_before)
    }

    /// Starts a helper if one is due and may be started.
    pub(super) fn go_on(&mut self) {
        self.running.take_if(|running| running.has_ended());
        if self.next().is_some_and(Moment::passed) {
            self.start();
        }
    }

    fn start(&mut self) {
        self.is_due = false;
        self.not_before = Moment::now() + PACE;
        let (history, node) = (self.places.history(), node::name());
        let mut words =
            vec![OsStr::new("siteward"), OsStr::new(WORD), history.as_os_str(), OsStr::new(&node)];
        words.extend(self.database.as_deref().map(Path::as_os_str));
        match helper::start(&self.places, self.starter, &words, None) {
            Ok(running) => self.running = Some(running),
            Err(error) => log::info!("the history is not made durable yet: {error}"),
        }
    }

    /// Waits until all entries are saved, at most until `until`, and not for a disk that hangs.
    pub(super) fn finish(&mut self, until: Moment) {
        for _ in 0..2 {
            if let Some(running) = &self.running {
                let hangs = running.begun() + HANGS <= Moment::now();
                if hangs || !running.wait(until) {
                    return;
                }
                self.running = None;
            }
            if self.is_due {
                self.start();
            }
        }
    }
}

/// Saves in the helper process.
///
/// # Errors
/// The file system's.
pub fn save_here(history: &Path, database: Option<&Path>, node: &str) -> io::Result<()> {
    signals::end_after(DEADLINE);
    on_disk::save(history, database, node)
}
