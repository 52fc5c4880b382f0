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
mod teller;

use std::sync::{Mutex, PoisonError};

use crate::history::{self, Entry};
use crate::linux::files;
use crate::site::{Definition, SitePlaces};
use crate::values::{Moment, Pid};
use flapping::Flapping;
use helper::Starter;
use saver::Saver;
use teller::Teller;

pub use reading::{WholeHistory, database_of, read_all, read_here};
pub use saver::save_here;
pub use teller::tell_here;

/// The events of this verb that are yet to be told.
static OF_THIS_VERB: Mutex<Option<Teller>> = Mutex::new(None);

fn with_teller(make: impl FnOnce() -> Option<Teller>, act: impl FnOnce(&mut Teller)) {
    // No thread panics while it holds the lock.
    let mut teller = OF_THIS_VERB.lock().unwrap_or_else(PoisonError::into_inner);
    if teller.is_none() {
        *teller = make();
    }
    if let Some(teller) = &mut *teller {
        act(teller);
    }
}

/// Writes an entry down, for a verb, and tells of it. `definition`: as far as it is known.
pub fn note(places: &SitePlaces, definition: Option<&Definition>, entry: &Entry) {
    let _ = files::private_folder(&places.logs);
    history::add(&places.history(), entry);
    let notify = definition.and_then(|definition| definition.notify.as_ref());
    let teller = || notify.map(|notify| Teller::new(places, Starter::Verb, Some(notify)));
    with_teller(teller, |teller| {
        teller.take(entry);
        teller.go_on();
    });
}

/// The verb ends: what is yet to be told is left to a helper.
pub fn tell_rest() {
    with_teller(|| None, Teller::finish);
}

/// The verb ends: waits until its entries have reached the disks, at most until `until`. The rest is left to
/// helpers.
pub fn save(places: &SitePlaces, definition: Option<&Definition>, until: Moment) {
    tell_rest();
    let database = definition.and_then(|definition| definition.database.as_deref());
    let mut saver = Saver::new(places, Starter::Verb, database);
    saver.is_due();
    saver.finish(until);
}

/// The history as one supervisor writes it.
#[derive(Debug)]
pub struct Journal {
    places: SitePlaces,
    saver: Saver,
    teller: Teller,
    flapping: Flapping,
}

impl Journal {
    pub fn new(places: &SitePlaces, definition: &Definition) -> Self {
        let mut saver = Saver::new(places, Starter::Supervisor, definition.database.as_deref());
        // The processes are about to be started.
        saver.put_off();
        let teller = Teller::new(places, Starter::Supervisor, definition.notify.as_ref());
        Self { places: places.clone(), saver, teller, flapping: Flapping::default() }
    }

    /// Writes entries down that belong to one moment; not each restart of a process that dies again and again.
    pub fn note_all(&mut self, entries: &[Entry]) {
        let now = Moment::now();
        let is_admitted = |entry: &&Entry| self.flapping.admits(entry, now);
        let entries: Vec<&Entry> = entries.iter().filter(is_admitted).collect();
        if entries.is_empty() {
            return;
        }
        history::add_all(&self.places.history(), &entries);
        self.saver.is_due();
        entries.iter().for_each(|entry| self.teller.take(entry));
    }

    /// The helpers that run.
    pub fn helpers(&self) -> impl Iterator<Item = Pid> {
        self.saver.helper().into_iter().chain(self.teller.helper())
    }

    /// Whether a process dies again and again.
    pub fn flaps(&self) -> bool {
        self.flapping.any(Moment::now())
    }

    /// Starts the helpers that are due; never waits.
    pub fn go_on(&mut self) {
        self.saver.go_on();
        self.teller.go_on();
    }

    /// When [`Self::go_on`] is to be called without an event.
    pub fn next(&self) -> Option<Moment> {
        self.saver.next()
    }

    /// More entries come soon: they are made durable together.
    pub fn put_off(&mut self) {
        self.saver.put_off();
    }

    /// The last entry is written.
    pub fn begin_to_finish(&mut self) {
        self.teller.finish();
        self.saver.begin_to_finish();
    }

    /// After [`Self::begin_to_finish`]: waits until the entries have reached the disks, at most until `until`.
    pub fn finish(&mut self, until: Moment) {
        self.saver.finish(until);
    }
}
