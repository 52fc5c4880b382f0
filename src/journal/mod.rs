//! Writes the history of a site: for the supervisor and for the verbs.
//!
//! Promises: an entry is appended to this node's file at once. Must never: make a verb or the supervisor fail,
//! wait for a disk, or hold a site.

use crate::history::{self, Entry};
use crate::linux::files;
use crate::site::{Definition, SitePlaces};
use crate::values::Moment;

/// Writes an entry down, for a verb. `definition`: as far as it is known.
pub fn note(places: &SitePlaces, _definition: Option<&Definition>, entry: &Entry) {
    let _ = files::private_folder(&places.logs);
    history::add(&places.history(), entry);
}

/// Waits until the entries of this verb have reached the disks, at most until `until`.
pub fn save(_places: &SitePlaces, _definition: Option<&Definition>, _until: Moment) {}

/// The history as one supervisor writes it.
#[derive(Debug)]
pub struct Journal {
    places: SitePlaces,
}

impl Journal {
    pub fn new(places: &SitePlaces) -> Self {
        Self { places: places.clone() }
    }

    /// Writes an entry down.
    pub fn note(&mut self, entry: &Entry) {
        history::add(&self.places.history(), entry);
    }
}
