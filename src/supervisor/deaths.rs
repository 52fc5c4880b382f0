//! The deaths of main processes, and whether something lives of the units that they were of.
//!
//! Promises: all deaths since the last look cost one look. Must never: report that no process of a unit lives without
//! the kernel's own list of children, or two looks at all processes.

use std::collections::{HashMap, HashSet};

use super::machine::{Desired, Event, Machine, UnitEvent};
use super::main_process::Origin;
use super::notices::ALL;
use super::plan::UnitId;
use super::processes::{Processes, Surroundings};
use super::supervised_site::SupervisedSite;
use super::tracker::UnitProcesses;
use crate::history::{Entry, HistoryEvent};
use crate::linux::children;
use crate::linux::process::{reap, reap_one};
use crate::values::{ExitStatus, Moment, Pid};

impl Processes {
    // --- what lives -----------------------------------------------------------------------------

    /// The main processes, with their units.
    pub(super) fn mains(&self) -> HashMap<Pid, UnitId> {
        let units = self.units.iter().enumerate();
        units.filter_map(|(index, unit)| Some((unit.main_pid()?, UnitId(index)))).collect()
    }

    /// Whether every child of this process is a main process, a helper or the keeper of the lease. Then no process of
    /// the site lives but those that descend from main processes: this process is a subreaper, so that an orphan is
    /// its child before the death of its parent is known here. False also where that cannot be told, or where
    /// processes of the site need not descend from this one.
    pub(super) fn has_no_orphan(&self, around: &Surroundings<'_>) -> bool {
        if self.tracker.has_adopted() {
            return false;
        }
        let Ok(Some(children)) = children::unreaped() else { return false };
        let mains = self.mains();
        let others = self.helpers.pids().chain(around.keeper);
        let others: HashSet<Pid> = others.chain(around.configuration.history_helpers()).collect();
        children.iter().all(|child| mains.contains_key(child) || others.contains(child))
    }

    /// Of these units, those of which a process lives. Strays count as those of the last unit that is not down.
    ///
    /// A walk of /proc can miss a process that is forked meanwhile, so that an empty result is confirmed by a second
    /// one. Where it fails, something may live of each.
    pub(super) fn living_of(
        &mut self,
        units: &[UnitId],
        around: &Surroundings<'_>,
    ) -> HashSet<UnitId> {
        if units.is_empty() {
            return HashSet::new();
        }
        if self.has_no_orphan(around) {
            let has_main = |unit: &UnitId| self.units[unit.0].main.is_some();
            return units.iter().copied().filter(has_main).collect();
        }
        let last = last_of(units, around.machine);
        // A daemonising process may be caught in an exec, in which none of its marks can be read.
        let strays_count =
            |unit: UnitId| around.configuration.process(unit).forks || Some(unit) == last;
        let mut living = HashSet::new();
        for _ in 0..2 {
            let Some(found) = self.look(around) else { return units.iter().copied().collect() };
            living.extend(units.iter().copied().filter(|unit| {
                let has_stray = !found.strays.is_empty() && strays_count(*unit);
                has_stray || !found.of(*unit).is_empty()
            }));
            if units.iter().all(|unit| living.contains(unit)) {
                break;
            }
        }
        living
    }

    /// The same for one unit, by a question of the caller's.
    pub(super) fn lives_after_two_looks(
        &mut self,
        around: &Surroundings<'_>,
        lives: impl Fn(&UnitProcesses) -> bool,
    ) -> bool {
        (0..2).any(|_| self.look(around).as_ref().is_none_or(&lives))
    }

    /// Whether a process of a unit lives.
    pub(super) fn something_lives_of(&mut self, unit: UnitId, around: &Surroundings<'_>) -> bool {
        !self.living_of(&[unit], around).is_empty()
    }

    // --- deaths ---------------------------------------------------------------------------------

    /// The exit status of an adopted main process, if it has ended.
    fn death_of_adopted(&self, unit: UnitId) -> Option<ExitStatus> {
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

    /// Main processes have ended. What is to be written down of each, and what the machine is told.
    fn mains_ended(
        &mut self,
        ended: &[(UnitId, ExitStatus)],
        around: &Surroundings<'_>,
    ) -> Vec<(Option<Entry>, Event)> {
        for (unit, status) in ended {
            let runtime = &mut self.units[unit.0];
            runtime.main = None;
            if !(around.configuration.process(*unit).forks && *status == ExitStatus::Code(0)) {
                runtime.output.ended(status.to_string());
            }
        }
        let units: Vec<UnitId> = ended.iter().map(|(unit, _)| *unit).collect();
        let living = self.living_of(&units, around);
        let told = ended.iter().map(|(unit, status)| {
            let rest = living.contains(unit);
            let event = Event::Unit(*unit, UnitEvent::Ended { status: *status, rest });
            (self.entry_of_end(*unit, *status, around), event)
        });
        told.collect()
    }

    /// What is written down of a main process that has ended as it was told, or while the site is being stopped. Any
    /// other end is a fault, of which the machine speaks.
    fn entry_of_end(
        &mut self,
        unit: UnitId,
        status: ExitStatus,
        around: &Surroundings<'_>,
    ) -> Option<Entry> {
        let told = self.units[unit.0].told_to_end.take();
        if told.is_none() && *around.machine.desired() == Desired::Up {
            return None;
        }
        let name = around.configuration.name(unit);
        let took = told.map(|told| Moment::now().since(told));
        let entry = Entry::new(HistoryEvent::Ended, format!("`{name}` {status}"));
        Some(entry.of(name).exiting(status).taking(took))
    }
}

/// The last of these units, if all others are down.
fn last_of(units: &[UnitId], machine: &Machine) -> Option<UnitId> {
    let asked: HashSet<UnitId> = units.iter().copied().collect();
    let is_down = |unit: UnitId| asked.contains(&unit) || machine.unit(unit).is_down();
    units.last().copied().filter(|_| machine.ids().all(is_down))
}

impl SupervisedSite {
    /// Programs may have been executed.
    pub(super) fn on_exec_reports(&mut self, units: impl IntoIterator<Item = UnitId>) {
        let reports = units.into_iter().filter_map(|unit| self.processes.read_exec_report(unit));
        let events: Vec<Event> = reports.collect();
        self.tell_together(events);
    }

    /// Hears of every death until this moment: a verb may ask after one that came since the last wait.
    pub(super) fn catch_up(&mut self) {
        self.on_deaths();
        let count = self.processes.units.len();
        self.on_adopted_ended((0..count).map(UnitId));
    }

    /// Children may have ended.
    pub(super) fn on_deaths(&mut self) {
        let reaped: Vec<(Pid, ExitStatus)> = std::iter::from_fn(reap).collect();
        if reaped.is_empty() {
            return;
        }
        let mains = self.processes.mains();
        let mut ended: Vec<(UnitId, ExitStatus)> = Vec::new();
        for (pid, status) in reaped {
            if let Some(unit) = mains.get(&pid) {
                ended.push((*unit, status));
                continue;
            }
            let (processes, around) = self.split();
            let answer = processes.helper_ended(pid, status, &around);
            self.on_answer(answer);
        }
        self.mains_ended(&ended);
        self.clear_units();
    }

    /// Adopted main processes may have ended.
    pub(super) fn on_adopted_ended(&mut self, units: impl Iterator<Item = UnitId>) {
        let ended: Vec<(UnitId, ExitStatus)> =
            units.filter_map(|unit| Some((unit, self.processes.death_of_adopted(unit)?))).collect();
        self.mains_ended(&ended);
    }

    fn mains_ended(&mut self, ended: &[(UnitId, ExitStatus)]) {
        if ended.is_empty() {
            return;
        }
        for (unit, _) in ended {
            // Before it ended it may have reported a failed exec, or sent READY=1.
            if let Some(report) = &mut self.processes.units[unit.0].exec_report {
                report.child_has_ended();
            }
            self.on_exec_reports([*unit]);
            self.read_notices(*unit, ALL);
        }
        let (processes, around) = self.split();
        let told = processes.mains_ended(ended, &around);
        if *self.machine.desired() == Desired::Up {
            // The first one may fail the site, and the others are then written down.
            for ((entry, event), (unit, status)) in told.into_iter().zip(ended) {
                let (processes, around) = self.split();
                let entry = entry.or_else(|| processes.entry_of_end(*unit, *status, &around));
                entry.iter().for_each(|entry| self.configuration.note(entry));
                self.tell(event);
            }
            self.write_record();
        } else {
            let (entries, events): (Vec<_>, Vec<_>) = told.into_iter().unzip();
            let entries: Vec<Entry> = entries.into_iter().flatten().collect();
            self.configuration.note_all(&entries);
            self.tell_together(events);
            self.record_deaths();
        }
    }

    /// Writes the record, unless the site is being stopped for good: then it is written at the end, and until then
    /// names processes of which each is known to have ended by its start time.
    fn record_deaths(&mut self) {
        if !matches!(self.machine.desired(), Desired::Down(_)) {
            self.write_record();
        }
    }

    /// Looks at the units that are being cleared.
    pub(super) fn clear_units(&mut self) {
        let (processes, around) = self.split();
        let events = processes.clear(&around);
        self.tell_together(events);
    }
}
