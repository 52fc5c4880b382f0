//! What a supervisor runs: the definition, where the site's files are, and how each program is started.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::forward::Forward;
use super::launch::Launch;
use super::output::Output;
use super::plan::{Plan, UnitId};
use crate::history::Entry;
use crate::journal::Journal;
use crate::logs::{LogBounds, LogWriter};
use crate::process::Token;
use crate::site::{Adjustments, Definition, Process, SitePlaces};
use crate::values::{Moment, Pid};

/// See the module. Changed only by the manager's parameters.
pub(super) struct Configuration {
    pub(super) places: SitePlaces,
    /// With the manager's parameters.
    pub(super) definition: Definition,
    /// As it was read.
    pub(super) written: Definition,
    /// One for each process of the definition.
    launches: Vec<Rc<Launch>>,
    journal: RefCell<Journal>,
    units: Vec<ConfiguredUnit>,
    ids: HashMap<String, UnitId>,
}

struct ConfiguredUnit {
    name: String,
    /// Its place among the processes of the definition.
    process: usize,
    /// From 1.
    instance: u32,
}

impl Configuration {
    /// Of a definition as it was read; `launches` has one entry for each of its processes.
    pub(super) fn new(
        places: SitePlaces,
        written: Definition,
        adjustments: &Adjustments,
        launches: Vec<Rc<Launch>>,
    ) -> Self {
        let definition = written.clone().adjusted(adjustments);
        let units: Vec<ConfiguredUnit> = Plan::of(&definition)
            .units
            .into_iter()
            .map(|unit| ConfiguredUnit {
                name: unit.name,
                process: unit.process,
                instance: unit.instance,
            })
            .collect();
        let ids = units.iter().enumerate().map(|(i, u)| (u.name.clone(), UnitId(i))).collect();
        let journal = RefCell::new(Journal::new(&places, &definition));
        Self { places, definition, written, launches, journal, units, ids }
    }

    /// Writes an entry of the history down.
    pub(super) fn note(&self, entry: &Entry) {
        self.note_all(std::slice::from_ref(entry));
    }

    /// Writes entries down that belong to one moment.
    pub(super) fn note_all(&self, entries: &[Entry]) {
        self.journal.borrow_mut().note_all(entries);
    }

    /// The helpers of the history that run.
    pub(super) fn history_helpers(&self) -> Vec<Pid> {
        self.journal.borrow().helpers().collect()
    }

    /// Whether a process dies again and again.
    pub(super) fn flaps(&self) -> bool {
        self.journal.borrow().flaps()
    }

    /// Starts the helpers of the history that are due.
    pub(super) fn go_on_with_history(&self) {
        self.journal.borrow_mut().go_on();
    }

    /// When that is to be done without an event.
    pub(super) fn history_is_due_at(&self) -> Option<Moment> {
        self.journal.borrow().next()
    }

    /// The site is told to stop, of which there will be more to write down.
    pub(super) fn put_history_off(&self) {
        self.journal.borrow_mut().put_off();
    }

    /// The last entry is written.
    pub(super) fn begin_to_finish_history(&self) {
        self.journal.borrow_mut().begin_to_finish();
    }

    /// Waits until the history has reached the disks, at most until `until`.
    pub(super) fn finish_history(&self, until: Moment) {
        self.journal.borrow_mut().finish(until);
    }

    /// Uses these parameters of the manager from now on.
    pub(super) fn adjust(&mut self, adjustments: &Adjustments) {
        self.definition = self.written.clone().adjusted(adjustments);
    }

    /// Every unit, in the order of the plan.
    pub(super) fn units(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.units.len()).map(UnitId)
    }

    pub(super) fn unit_called(&self, name: &str) -> Option<UnitId> {
        self.ids.get(name).copied()
    }

    pub(super) fn name(&self, unit: UnitId) -> &str {
        &self.units[unit.0].name
    }

    pub(super) fn instance(&self, unit: UnitId) -> u32 {
        self.units[unit.0].instance
    }

    /// Its place among the processes of the definition.
    pub(super) fn process_index(&self, unit: UnitId) -> usize {
        self.units[unit.0].process
    }

    pub(super) fn process(&self, unit: UnitId) -> &Process {
        &self.definition.processes[self.process_index(unit)]
    }

    /// What the unit prints, and how it is kept.
    pub(super) fn output(&self, unit: UnitId) -> Output {
        let logging = self.process(unit).logging;
        let log = self.places.process_log(self.name(unit));
        let index = SitePlaces::log_index(&log);
        let bounds = LogBounds { max_size: logging.max_size, max_file: logging.max_file };
        let forward =
            logging.journal.then(|| Forward::new(self.definition.name.as_str(), self.name(unit)));
        Output::new(LogWriter::new(log, index, bounds), forward)
    }

    pub(super) fn launch(&self, unit: UnitId) -> &Launch {
        &self.launches[self.process_index(unit)]
    }

    /// The site's token; every process is given the same.
    pub(super) fn token(&self) -> Option<&Token> {
        self.launches.first().and_then(|launch| launch.token())
    }
}
