//! The processes of the site and what is known of them: the main process of each unit, its output, its notices,
//! its helpers, and the record by which a later verb or supervisor finds them.
//!
//! Promises: what the machine must be told is returned as an event. Must never: find out by itself what
//! lives of a unit; that is `deaths`.

use std::collections::HashSet;
use std::time::Duration;

use super::configuration::Configuration;
use super::helpers::Helpers;
use super::machine::{Clearance, Event, Machine, Rung, Unit, UnitEvent};
use super::main_process::{MainProcess, signal};
use super::notices::Notices;
use super::output::Output;
use super::plan::UnitId;
use super::ports::Reserved;
use super::tracker::{ProcessTracker, TrackerInput, UnitProcesses};
use crate::history::{Entry, HistoryEvent};
use crate::linux::process::command_line;
use crate::linux::spawn::ExecReport;
use crate::linux::watch::Watcher;
use crate::process::{Groups, Identity, ProcessRecord, Record, Seen};
use crate::values::{Moment, Pid, Signal};

/// Between two looks at processes that are being killed and may fork meanwhile.
const KILL_PACE: Duration = Duration::from_millis(20);

/// Between two attempts to look at the processes when all units are down.
const LOOK_PACE: Duration = Duration::from_millis(200);

/// How long after a failed readiness probe the next one is made: soon at first.
pub(super) const PROBE_PACE: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_secs(1));

/// What the methods of [`Processes`] read besides their own fields.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) machine: &'a Machine,
    /// The keeper of the lease, which may be a child of the supervisor.
    pub(super) keeper: Option<Pid>,
    pub(super) watcher: Option<&'a Watcher>,
}

/// What the supervisor holds of one unit.
pub(super) struct UnitRuntime {
    pub(super) main: Option<MainProcess>,
    pub(super) exec_report: Option<ExecReport>,
    /// When this run began, and when its main process was told to end.
    pub(super) begun: Option<Moment>,
    pub(super) told_to_end: Option<Moment>,
    /// It has sent READY=1 in this run.
    pub(super) said_ready: bool,
    /// What it sent as STATUS=.
    pub(super) status: Option<String>,
    pub(super) output: Output,
    /// When its readiness is probed again.
    pub(super) probe_at: Option<Moment>,
    pub(super) probe_pause: Duration,
    /// The last negative answer of a probe.
    pub(super) probe_answer: Option<String>,
    /// The last answer of its healthcheck.
    pub(super) health_answer: Option<Result<(), String>>,
}

impl UnitRuntime {
    fn new(output: Output) -> Self {
        Self {
            main: None,
            exec_report: None,
            begun: None,
            told_to_end: None,
            said_ready: false,
            status: None,
            output,
            probe_at: None,
            probe_pause: PROBE_PACE.0,
            probe_answer: None,
            health_answer: None,
        }
    }

    pub(super) fn main_pid(&self) -> Option<Pid> {
        self.main.as_ref().map(|main| main.pid)
    }

    /// A new run begins.
    pub(super) fn begin_run(&mut self) {
        self.begun = Some(Moment::now());
        self.told_to_end = None;
        self.said_ready = false;
        self.status = None;
        self.probe_answer = None;
        self.health_answer = None;
        self.probe_pause = PROBE_PACE.0;
    }
}

/// See the module.
pub(super) struct Processes {
    /// By unit.
    pub(super) units: Vec<UnitRuntime>,
    pub(super) notices: Notices,
    pub(super) helpers: Helpers,
    pub(super) tracker: ProcessTracker,
    /// The site's control groups; None where this node has none for it.
    pub(super) groups: Option<Groups>,
    /// Ports that are held for processes that are yet to be started.
    pub(super) reserved: Reserved,
    pub(super) record: Record,
    /// The record as it was written last.
    written: Option<Record>,
    /// What was found to live, for all actions of one step.
    looked: Option<UnitProcesses>,
    /// When the processes of units that are being cleared are looked at again.
    look_again: Option<Moment>,
}

impl Processes {
    /// Of a site of which nothing was started by this supervisor yet.
    pub(super) fn new(
        configuration: &Configuration,
        record: Record,
        groups: Option<Groups>,
        reserved: Reserved,
    ) -> Self {
        let output = |unit| configuration.output(unit);
        let units: Vec<UnitRuntime> =
            configuration.units().map(|unit| UnitRuntime::new(output(unit))).collect();
        Self {
            notices: Notices::new(units.len()),
            units,
            helpers: Helpers::default(),
            tracker: ProcessTracker::default(),
            groups,
            reserved,
            record,
            written: None,
            looked: None,
            look_again: None,
        }
    }

    // --- what lives -----------------------------------------------------------------------------

    /// The living processes of the site; None, and logged, where /proc cannot be read.
    pub(super) fn look(&mut self, around: &Surroundings<'_>) -> Option<UnitProcesses> {
        let mains = self.mains();
        let excluded: HashSet<Pid> = self.helpers.pids().chain(around.keeper).collect();
        let input = TrackerInput {
            configuration: around.configuration,
            record: &self.record,
            mains: &mains,
            excluded: &excluded,
        };
        let found = self.tracker.look(&input);
        found.inspect_err(|error| log::error!("/proc cannot be read: {error}")).ok()
    }

    /// The living processes of the site, as they were looked at for the same step of the machine, or are now.
    fn look_once(&mut self, around: &Surroundings<'_>) -> Option<&UnitProcesses> {
        if self.looked.is_none() {
            self.looked = self.look(around);
        }
        self.looked.as_ref()
    }

    /// What was looked at is not what lives any more.
    pub(super) fn look_anew(&mut self) {
        self.looked = None;
    }

    /// The main process of a unit is being told to end.
    pub(super) fn is_told_to_end(&mut self, unit: UnitId) {
        let runtime = &mut self.units[unit.0];
        if runtime.main.is_some() {
            runtime.told_to_end.get_or_insert(Moment::now());
        }
    }

    // --- killing --------------------------------------------------------------------------------

    /// When [`Self::clear`] is to be called again.
    pub(super) fn look_again_at(&self) -> Option<Moment> {
        self.look_again
    }

    /// The processes that are being ended are looked at in the next turn.
    pub(super) fn look_soon(&mut self) {
        self.look_again = Some(Moment::now());
    }

    /// Signals every process of a unit, and the strays if it is the last one.
    pub(super) fn signal_all(&mut self, unit: UnitId, what: Signal, around: &Surroundings<'_>) {
        let last = is_last(around.machine, unit);
        let Some(found) = self.look_once(around) else { return };
        let strays = found.strays.iter().filter(|_| last);
        for seen in found.of(unit).iter().chain(strays) {
            signal(*seen, what);
            if what == Signal::TERM {
                signal(*seen, Signal::CONT);
            }
        }
    }

    /// The units of which processes are being ended that have no main process, or whose main process does
    /// not die by its KILL.
    fn being_cleared(&mut self, around: &Surroundings<'_>) -> Vec<UnitId> {
        self.look_again = None;
        let units = around.configuration.units();
        let clearing: Vec<UnitId> =
            units.filter(|unit| self.is_being_cleared(*unit, around.machine)).collect();
        if self.tracker.has_adopted() && !clearing.is_empty() {
            // The death of a process that is no descendant is not reported.
            self.look_again = Some(Moment::now() + KILL_PACE);
        }
        clearing
    }

    /// Looks at the units that are being cleared: says of which nothing is left, and kills what has come since of the
    /// others.
    pub(super) fn clear(&mut self, around: &Surroundings<'_>) -> Vec<Event> {
        let clearing = self.being_cleared(around);
        let living = self.living_of(&clearing, around);
        self.look_anew();
        for unit in clearing.iter().filter(|unit| living.contains(unit)) {
            if is_being_killed(around.machine.unit(*unit)) {
                self.signal_all(*unit, Signal::KILL, around);
                self.look_again = Some(Moment::now() + KILL_PACE);
            }
        }
        let emptied = clearing.into_iter().filter(|unit| !living.contains(unit));
        emptied.map(|unit| Event::Unit(unit, UnitEvent::Emptied)).collect()
    }

    fn is_being_cleared(&self, unit: UnitId, machine: &Machine) -> bool {
        match machine.unit(unit) {
            Unit::Clearing { .. } | Unit::Following { .. } => true,
            Unit::Stopping { rung: Rung::Killed, .. } => self.units[unit.0].main.is_some(),
            Unit::Idle
            | Unit::Backoff { .. }
            | Unit::Done
            | Unit::GivenUp
            | Unit::Spawning
            | Unit::Forked { .. }
            | Unit::Starting { .. }
            | Unit::Ready { .. }
            | Unit::Stopping { .. } => false,
        }
    }

    /// All units are down: kills what lives of the site all the same. True as long as there is something.
    pub(super) fn sweep(&mut self, around: &Surroundings<'_>) -> bool {
        if self.has_no_orphan(around) {
            return false;
        }
        let Some(found) = self.look(around) else {
            self.look_again = Some(Moment::now() + LOOK_PACE);
            return true;
        };
        let left: Vec<Seen> = found.units.into_values().flatten().chain(found.strays).collect();
        if left.is_empty() {
            for (seen, why) in found.spared {
                let line = command_line(seen.pid).unwrap_or_default();
                let words = format!("{} ({line}), {why}, is left alone", seen.pid);
                log::warn!("{words}");
                around.configuration.note(&Entry::new(HistoryEvent::Spared, words));
            }
            return false;
        }
        for seen in left {
            signal(seen, Signal::KILL);
        }
        self.look_again = Some(Moment::now() + KILL_PACE);
        true
    }

    // --- the record -----------------------------------------------------------------------------

    /// Writes the record, with the processes as they are now, unless it is written so already.
    pub(super) fn write_record(&mut self, around: &Surroundings<'_>) {
        let Surroundings { configuration, machine, .. } = around;
        self.record.processes = configuration
            .units()
            .filter_map(|unit| {
                let runtime = &self.units[unit.0];
                let main = runtime.main.as_ref()?;
                let boot = self.record.supervisor.boot.clone();
                Some(ProcessRecord {
                    name: configuration.name(unit).to_owned(),
                    identity: Identity { boot, pid: main.pid, start: main.start()? },
                    ready: machine.unit(unit).is_up(),
                    printed_from: runtime.output.begins(),
                })
            })
            .collect();
        let done = configuration.units().filter(|unit| *machine.unit(*unit) == Unit::Done);
        self.record.done = done.map(|unit| configuration.name(unit).to_owned()).collect();
        let path = configuration.places.record();
        // A death whose unit was started again at once has been recorded with that start.
        if self.written.as_ref() == Some(&self.record) && path.exists() {
            return;
        }
        self.written = match self.record.write(&configuration.places) {
            Ok(()) => Some(self.record.clone()),
            Err(error) => {
                log::error!("the record {} cannot be written: {error}", path.display());
                None
            }
        };
    }
}

/// All other units are down.
fn is_last(machine: &Machine, unit: UnitId) -> bool {
    machine.ids().all(|u| u == unit || machine.unit(u).is_down())
}

fn is_being_killed(unit: &Unit) -> bool {
    matches!(
        unit,
        Unit::Clearing { rung: Clearance::Killed, .. } | Unit::Stopping { rung: Rung::Killed, .. }
    )
}
