//! Taking over the living processes of a site whose supervisor is gone: those that the record names and
//! the kernel confirms, and one that was started just before the record could be written. The processes
//! are not touched; nothing is assumed of those that are gone.
//!
//! Must never: say of a unit that it was never started while a process of it lives.

use crate::linux::process::{Stat, arguments};
use crate::linux::{StartTicks, lock};
use crate::process::{Groups, Record, Seen, Tree, locked_by};
use crate::site::Ready;
use crate::values::Moment;

use super::machine::{AdoptionState, Run};
use super::main_process::{MainProcess, Origin};
use super::plan::UnitId;
use super::processes::{Processes, Surroundings};

/// What the record alone says of a unit.
enum Recorded {
    Known(AdoptionState),
    /// It was started, and its main process is gone.
    Gone,
    /// Nothing: it was not started yet, the record was not written yet, or its remaining processes were
    /// being ended.
    Nothing,
}

impl Processes {
    /// Each unit as it is found. From here on a handle is held for each living main process.
    pub(super) fn adopt(
        &mut self,
        before: &Record,
        around: &Surroundings<'_>,
    ) -> Vec<AdoptionState> {
        self.tracker.adopt();
        let units: Vec<UnitId> = around.configuration.units().collect();
        let recorded: Vec<Recorded> =
            units.iter().map(|unit| self.adopt_recorded(*unit, before, around)).collect();
        // What else lives of a unit can be told only when all main processes are known.
        let found = units
            .into_iter()
            .zip(recorded)
            .map(|(unit, recorded)| match recorded {
                Recorded::Known(state) => state,
                Recorded::Gone => {
                    AdoptionState::Gone { rest: self.something_lives_of(unit, around) }
                }
                Recorded::Nothing => self.adopt_unrecorded(unit, around),
            })
            .collect();
        self.write_record(around);
        found
    }

    fn adopt_recorded(
        &mut self,
        unit: UnitId,
        before: &Record,
        around: &Surroundings<'_>,
    ) -> Recorded {
        let name = around.configuration.name(unit);
        if before.done.iter().any(|done| done == name) {
            return Recorded::Known(AdoptionState::Done);
        }
        let Some(known) = before.processes.iter().find(|p| p.name == name) else {
            return Recorded::Nothing;
        };
        let Some(handle) = known.identity.open() else { return Recorded::Gone };
        let (pid, start) = (known.identity.pid, known.identity.start);
        self.units[unit.0].output.go_on(Some(known.printed_from), around.watcher);
        let main = MainProcess::new(pid, Some(start), handle, Origin::Adopted, Moment::now());
        Recorded::Known(self.adopt_main(unit, main, start, known.ready, around))
    }

    fn adopt_main(
        &mut self,
        unit: UnitId,
        main: MainProcess,
        start: StartTicks,
        ready: bool,
        around: &Surroundings<'_>,
    ) -> AdoptionState {
        let process = around.configuration.process(unit);
        let pid = main.pid;
        let now = Moment::now();
        let since = now - start.age();
        // The main process of one that daemonised is not the process that was started.
        let main_since = if process.forks { now } else { since };
        self.tracker.started(unit, pid);
        self.units[unit.0].main = Some(main);
        if process.ready == Ready::Notify {
            self.notices.take_over(unit, pid, around.configuration, around.watcher);
        }
        log::info!("`{}` is adopted as {pid}", around.configuration.name(unit));
        AdoptionState::Alive { run: Run { pid, since, main_since }, ready }
    }

    /// A unit of which the record says nothing. Its process is adopted if it can only be the one that was
    /// started last; otherwise the processes of the unit are to be ended.
    fn adopt_unrecorded(&mut self, unit: UnitId, around: &Surroundings<'_>) -> AdoptionState {
        let name = around.configuration.name(unit);
        let lock = around.configuration.places.process_lock(name);
        let is_held = lock::is_held(&lock).unwrap_or(true);
        if !is_held && !self.lives_after_two_looks(around, |found| !found.of(unit).is_empty()) {
            return AdoptionState::Never;
        }
        if let Some(state) = self.adopt_leader(unit, around) {
            return state;
        }
        log::warn!(
            "processes of `{name}` live that the record does not name; they are ended first"
        );
        AdoptionState::Gone { rest: true }
    }

    fn adopt_leader(&mut self, unit: UnitId, around: &Surroundings<'_>) -> Option<AdoptionState> {
        let process = around.configuration.process(unit);
        let places = &around.configuration.places;
        let name = around.configuration.name(unit);
        // It is not known how far one that daemonises has come, nor from where the output counts of one
        // that is ready by what it prints.
        if process.forks || matches!(process.ready, Ready::Log(_)) {
            return None;
        }
        let found = self.look(around)?;
        let groups = Groups::of(places);
        let is_started = |seen: &&Seen| {
            let leads = seen.stat().is_some_and(|stat: Stat| stat.session == Some(stat.pid));
            let grouped = || groups.as_ref()?.process_of(seen.pid).ok().flatten();
            let locked = || locked_by(seen.pid, places).ok().flatten();
            leads && grouped().or_else(locked).is_some_and(|of| of == name)
        };
        let leaders: Vec<Seen> = found.of(unit).iter().filter(is_started).copied().collect();
        let [leader] = leaders[..] else { return None };
        // A process that the main one left behind may lead a session too; it runs another command.
        let words: Vec<Vec<u8>> =
            process.command.iter().map(|word| word.clone().into_bytes()).collect();
        let runs_it = arguments(&leader.stat()?).ok()?.ends_with(&words);
        let tree = Tree::look().ok()?;
        let alone = found.of(unit).iter().all(|seen| tree.descends(seen.pid, leader.pid));
        let handle = leader.open().filter(|_| runs_it && alone)?;
        let output = &mut self.units[unit.0].output;
        output.go_on(None, around.watcher);
        let (pid, start) = (leader.pid, Some(leader.start));
        let main = MainProcess::new(pid, start, handle, Origin::Adopted, Moment::now());
        Some(self.adopt_main(unit, main, leader.start, false, around))
    }
}
