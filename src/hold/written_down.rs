//! What a verb writes into the history of its site.

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use crate::control::State;
use crate::history::{By, Entry, HistoryEvent, OrderedStart};
use crate::journal;
use crate::messages::MessageId;
use crate::observe::Observation;
use crate::process::Phase;
use crate::site::{Definition, SitePlaces, load_snapshot};
use crate::values::Moment;

/// How long a verb waits for its entries to reach the disks: this share of its time that is left, and not longer.
const SHARE: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(1);

/// An attempt to bring a site up, from its order to its end.
#[derive(Debug)]
pub struct StartAttempt<'a> {
    save_until: Option<Moment>,
    places: &'a SitePlaces,
    order: OrderedStart,
    is_told: bool,
    is_begun: Cell<bool>,
    definition: OnceCell<Definition>,
}

impl<'a> StartAttempt<'a> {
    /// `is_told`: it is a start; what else brings a site up has entries of its own.
    pub fn new(places: &'a SitePlaces, by: By, at: Moment, is_told: bool) -> Self {
        let order = OrderedStart { by, at };
        Self {
            save_until: None,
            places,
            order,
            is_told,
            is_begun: Cell::new(false),
            definition: OnceCell::new(),
        }
    }

    /// Its entries are saved until then at the latest.
    #[must_use]
    pub fn saved_until(self, save_until: Option<Moment>) -> Self {
        Self { save_until, ..self }
    }

    pub fn order(&self) -> &OrderedStart {
        &self.order
    }

    /// There is a site to be brought up. `definition`: None if it cannot be read.
    pub fn begin(&self, definition: Option<&Definition>) {
        self.is_begun.set(true);
        if let Some(definition) = definition {
            let _ = self.definition.set(definition.clone());
        }
        if self.is_told {
            let entry = Entry::new(HistoryEvent::StartOrdered, "a start was ordered");
            let entry = entry.ordered_by(self.order.by.clone()).happened(self.order.at);
            journal::note(self.places, definition, &entry);
        }
    }

    /// The site was up, and what ends it now is no failed start.
    pub fn was_up(&self) {
        self.is_begun.set(false);
    }

    /// It has failed.
    pub fn failed(&self, message: MessageId, sentence: &str, details: &[String]) {
        let definition = self.definition.get();
        if self.is_begun.get() && self.is_told {
            let entry = Entry::new(HistoryEvent::RolledBack, sentence)
                .identified(message)
                .ordered_by(self.order.by.clone())
                .taking(Moment::now().since(self.order.at))
                .having_printed(details.to_vec());
            journal::note(self.places, definition, &entry);
        }
        self.save();
    }

    /// It has succeeded.
    pub fn succeeded(&self) {
        match self.definition.get() {
            Some(definition) if definition.wrapped.is_some() => self.save(),
            // siteward's own supervisor saves its entries and these.
            Some(_) | None => journal::tell_rest(),
        }
    }

    /// Waits for a moment until the entries have reached the disks.
    fn save(&self) {
        let until = Moment::now() + PATIENCE;
        let until = self.save_until.map_or(until, |latest| until.min(latest));
        journal::save(self.places, self.definition.get(), until);
    }
}

/// A stop has ended; `why`: it could not prove that nothing lives. `had_something`: there was something to stop.
pub fn note_end(
    places: &SitePlaces,
    definition: Option<&Definition>,
    (by, begun): (By, Moment),
    until: Moment,
    outcome: Result<bool, (MessageId, &str)>,
) {
    let entry = match outcome {
        // The managers stop a stopped site again and again.
        Ok(false) => return,
        Ok(true) => {
            Entry::new(HistoryEvent::Stopped, "it is proved that nothing of the site lives")
        }
        Err((message, why)) => Entry::new(HistoryEvent::NotStopped, why).identified(message),
    };
    let took = Moment::now().since(begun);
    journal::note(places, definition, &entry.ordered_by(by).taking(took));
    let now = Moment::now();
    journal::save(places, definition, now + (now.until(until) / SHARE).min(PATIENCE));
}

/// A verb has found a site without a supervisor. If that has not ended as it was told, nobody has written so.
pub fn note_found(places: &SitePlaces, seen: &Observation) {
    let Some(record) = seen.record.as_ref().filter(|record| record.ending.is_none()) else {
        return;
    };
    let found = seen.found.as_ref();
    let words = match (seen.state, record.phase) {
        _ if found.is_some() => found.map(|found| found.reason.clone()).unwrap_or_default(),
        (State::Stopped, None) => {
            "the supervisor ended without being told to, and no process of the site lives"
                .to_owned()
        }
        (State::Unsupervised | State::FailedWithSurvivors, Some(Phase::Up) | None) => {
            seen.why.clone().unwrap_or_else(|| "nobody watches the site".to_owned())
        }
        _ => return,
    };
    let definition = places.name().and_then(|name| load_snapshot(&places.snapshot(), &name).ok());
    let entry =
        Entry::new(HistoryEvent::Failed, format!("{words} (found by this node's next verb)"));
    let printed = found.map(|found| found.last_lines.clone()).unwrap_or_default();
    let entry = entry.having_printed(printed);
    journal::note(places, definition.as_ref(), &entry);
}

/// The processes of a wrapped supervisor are being ended, or have ended (`since`: when that began).
pub fn note_wrapped_stop(
    places: &SitePlaces,
    definition: Option<&Definition>,
    by: Option<By>,
    since: Option<Moment>,
) {
    let entry = match since {
        None => Entry::new(HistoryEvent::Stopping, "the site is being stopped").ordered_by(by),
        Some(since) => Entry::new(HistoryEvent::Down, "all processes have ended")
            .taking(Moment::now().since(since)),
    };
    journal::note(places, definition, &entry);
}

/// Processes without a supervisor were ended.
pub fn note_swept(places: &SitePlaces, definition: Option<&Definition>, signalled: usize) {
    if signalled > 0 {
        let words = format!("{signalled} processes without a supervisor were ended");
        journal::note(places, definition, &Entry::new(HistoryEvent::Swept, words));
    }
}
