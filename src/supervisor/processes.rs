//! The processes of the site and what is known of them: the main process of each unit, its output, its notices,
//! its helpers, and the record by which a later verb or supervisor finds them.
//!
//! Promises: what the machine must be told is returned as an event. Must never: report that no process of a
//! unit lives without two looks at all processes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::configuration::Configuration;
use super::helpers::Helpers;
use super::machine::{Clearance, Event, Machine, Rung, Unit, UnitEvent};
use super::main_process::{MainProcess, Origin, signal};
use super::notices::Notices;
use super::output::Output;
use super::plan::UnitId;
use super::ports::Reserved;
use super::tracker::{ProcessTracker, TrackerInput, UnitProcesses};
use crate::history::{self, Entry, HistoryEvent};
use crate::linux::process::{command_line, reap_one};
use crate::linux::spawn::ExecReport;
use crate::linux::watch::Watcher;
use crate::process::{Groups, Identity, ProcessRecord, Record, Seen};
use crate::values::{ExitStatus, Moment, Pid, Signal};

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
        let output = |unit| Output::new(configuration.places.process_log(configuration.name(unit)));
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
            look_again: None,
        }
    }

    // --- what lives -----------------------------------------------------------------------------

    /// The living processes of the site; None, and logged, where /proc cannot be read.
    pub(super) fn look(&mut self, around: &Surroundings<'_>) -> Option<UnitProcesses> {
        let mains: HashMap<Pid, UnitId> = around
            .configuration
            .units()
            .filter_map(|unit| Some((self.units[unit.0].main_pid()?, unit)))
            .collect();
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

    /// Whether a process of a unit lives. Strays count as the last unit's.
    pub(super) fn something_lives_of(&mut self, unit: UnitId, around: &Surroundings<'_>) -> bool {
        // A daemonising process may be caught in an exec, in which none of its marks can be read.
        let strays_count =
            around.configuration.process(unit).forks || is_last(around.machine, unit);
        self.lives_after_two_looks(around, |found| {
            !found.of(unit).is_empty() || (strays_count && !found.strays.is_empty())
        })
    }

    /// The walk of /proc can miss a process that is forked meanwhile, so that an empty result is confirmed
    /// by a second one. Where it fails, something may live.
    pub(super) fn lives_after_two_looks(
        &mut self,
        around: &Surroundings<'_>,
        lives: impl Fn(&UnitProcesses) -> bool,
    ) -> bool {
        (0..2).any(|_| self.look(around).as_ref().is_none_or(&lives))
    }

    // --- deaths ---------------------------------------------------------------------------------

    pub(super) fn unit_of_main(&self, pid: Pid) -> Option<UnitId> {
        self.units.iter().position(|unit| unit.main_pid() == Some(pid)).map(UnitId)
    }

    /// The exit status of an adopted main process, if it has ended.
    pub(super) fn death_of_adopted(&self, unit: UnitId) -> Option<ExitStatus> {
        let main = self.units[unit.0].main.as_ref()?;
        let has_ended = main.origin == Origin::Adopted && main.handle.is_dead();
        has_ended.then(|| main.handle.exit_status(main.pid))
    }

    /// Whether the program of a unit could be executed, if that is known since.
    pub(super) fn read_exec_report(&mut self, unit: UnitId) -> Option<Event> {
        let runtime = &mut self.units[unit.0];
        let outcome = runtime.exec_report.as_mut()?.outcome()?;
        runtime.exec_report = None;
        let event = match outcome {
            Ok(()) => UnitEvent::Running,
            Err(error) => {
                // The forked process exits at once; its exit status has no meaning.
                if let Some(main) = runtime.main.take() {
                    reap_one(main.pid);
                }
                UnitEvent::NotRun(error)
            }
        };
        Some(Event::Unit(unit, event))
    }

    /// The main process of a unit has ended.
    pub(super) fn main_ended(
        &mut self,
        unit: UnitId,
        status: ExitStatus,
        around: &Surroundings<'_>,
    ) -> Event {
        self.units[unit.0].main = None;
        let rest = self.something_lives_of(unit, around);
        Event::Unit(unit, UnitEvent::Ended { status, rest })
    }

    // --- killing --------------------------------------------------------------------------------

    /// When [`Self::being_cleared`] is to be asked again.
    pub(super) fn look_again_at(&self) -> Option<Moment> {
        self.look_again
    }

    /// The processes that are being ended are looked at in the next turn.
    pub(super) fn look_soon(&mut self) {
        self.look_again = Some(Moment::now());
    }

    /// Signals every process of a unit, and the strays if it is the last one.
    pub(super) fn signal_all(&mut self, unit: UnitId, what: Signal, around: &Surroundings<'_>) {
        let Some(found) = self.look(around) else { return };
        let last = is_last(around.machine, unit);
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
    pub(super) fn being_cleared(&mut self, around: &Surroundings<'_>) -> Vec<UnitId> {
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

    /// Looks at a unit that is being cleared: kills what has come since, or says that nothing is left.
    pub(super) fn clear(&mut self, unit: UnitId, around: &Surroundings<'_>) -> Option<Event> {
        if !self.something_lives_of(unit, around) {
            return Some(Event::Unit(unit, UnitEvent::Emptied));
        }
        if is_being_killed(around.machine.unit(unit)) {
            self.signal_all(unit, Signal::KILL, around);
            self.look_again = Some(Moment::now() + KILL_PACE);
        }
        None
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
                let entry = Entry::new(HistoryEvent::Spared, words);
                history::add(&around.configuration.places.history(), &entry);
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
