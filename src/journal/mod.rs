//! Writes the history of a site, for the supervisor and for the verbs, and reads it.
//!
//! Promises: an entry is appended to this node's file at once; a helper process makes it durable and copies it
//! to the site's database, so that it follows the site. Must never: make a verb or the supervisor fail, wait for
//! a disk longer than it is told, or hold a site.

mod flapping;
mod helper;
mod on_disk;
mod reading;
mod saver;

use crate::history::{self, Entry};
use crate::linux::files;
use crate::site::{Definition, SitePlaces};
use crate::values::Moment;
use flapping::Flapping;
use saver::Saver;

pub use reading::{WholeHistory, database_of, read_all, read_here};
pub use saver::save_here;

/// Writes an entry down, for a verb. `definition`: as far as it is known.
pub fn note(places: &SitePlaces, _definition: Option<&Definition>, entry: &Entry) {
    let _ = files::private_folder(&places.logs);
    history::add(&places.history(), entry);
}

/// Waits until the entries of this verb have reached the disks, at most until `until`.
pub fn save(places: &SitePlaces, definition: Option<&Definition>, until: Moment) {
    let database = definition.and_then(|definition| definition.database.as_deref());
    let mut saver = Saver::new(places, database);
    saver.is_due();
    saver.finish(until);
}

/// The history as one supervisor writes it.
#[derive(Debug)]
pub struct Journal {
    places: SitePlaces,
    saver: Saver,
    flapping: Flapping,
}

impl Journal {
    pub fn new(places: &SitePlaces, definition: &Definition) -> Self {
        let saver = Saver::new(places, definition.database.as_deref());
        Self { places: places.clone(), saver, flapping: Flapping::default() }
    }

    /// Writes an entry down; not each restart of a process that dies again and again.
    pub fn note(&mut self, entry: &Entry) {
        if !self.flapping.admits(entry, Moment::now()) {
            return;
        }
        history::add(&self.places.history(), entry);
        self.saver.is_due();
    }

    /// Whether a process dies again and again.
    pub fn flaps(&self) -> bool {
        self.flapping.any(Moment::now())
    }

    /// Starts the helpers that are due; never waits.
    pub fn go_on(&mut self) {
        self.saver.go_on();
    }

    /// When [`Self::go_on`] is to be called without an event.
    pub fn next(&self) -> Option<Moment> {
        self.saver.next()
    }

    /// The last entry is written: waits until they have reached the disks, at most until `until`.
    pub fn finish(&mut self, until: Moment) {
        self.saver.finish(until);
    }
}
