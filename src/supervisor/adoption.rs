//! Taking over the living processes of a site whose supervisor is gone: what its record names and the
//! kernel confirms, and what was started and not recorded any more. Nothing of them is touched, and
//! nothing is believed of what is gone.
//!
//! Must never: say of a unit that it was never started while anything of it lives.

use crate::linux::process::{Stat, arguments};
use crate::linux::{StartTicks, lock};
use crate::process::{Groups, Record, Seen, Tree, locked_by};
use crate::site::Ready;
use crate::values::Moment;

use super::actions::{Main, Origin, Start};
use super::event_loop::Supervisor;
use super::machine::{AdoptionState, Run};
use super::plan::UnitId;

/// What the record alone says of a unit.
enum Recorded {
    Known(AdoptionState),
    /// It was started, and its main process is gone.
    Gone,
    /// Nothing: it was not started yet, or the record was not written yet, or what it left was being
    /// ended.
    Nothing,
}

impl Supervisor {
    /// Each unit as it is found; the main processes that live are held by a handle from here on.
    pub(super) fn adopt(&mut self, before: &Record) -> Vec<AdoptionState> {
        self.kin.adopts();
        let units: Vec<UnitId> = self.machine.ids().collect();
        let recorded: Vec<Recorded> =
            units.iter().map(|u| self.adopt_recorded(*u, before)).collect();
        // Only when all main processes are known it can be told what else lives of a unit.
        let found = units
            .into_iter()
            .zip(recorded)
            .map(|(unit, recorded)| match recorded {
                Recorded::Known(found) => found,
                Recorded::Gone => AdoptionState::Gone { rest: self.something_lives_of(unit) },
                Recorded::Nothing => self.adopt_unrecorded(unit),
            })
            .collect();
        self.write_record();
        found
    }

    fn adopt_recorded(&mut self, unit: UnitId, before: &Record) -> Recorded {
        let name = self.name(unit).to_owned();
        if before.done.contains(&name) {
            return Recorded::Known(AdoptionState::Done);
        }
        let Some(known) = before.processes.iter().find(|p| p.name == name) else {
            return Recorded::Nothing;
        };
        let Some(handle) = known.identity.open() else { return Recorded::Gone };
        let (pid, start) = (known.identity.pid, known.identity.start);
        self.shells[unit.0].output.go_on(known.printed_from, self.watcher.as_ref());
        let main = Main { pid, start: Start::Known(start), handle, origin: Origin::Adopted };
        Recorded::Known(self.adopt_main(unit, main, start, known.ready))
    }

    fn adopt_main(
        &mut self,
        unit: UnitId,
        main: Main,
        start: StartTicks,
        ready: bool,
    ) -> AdoptionState {
        let pid = main.pid;
        let now = Moment::now();
        let since = now - start.age();
        // One that daemonises was followed to this process; the rest are what was started.
        let main_since = if self.machine.plan().units[unit.0].forks { now } else { since };
        self.kin.started(unit, pid);
        self.shells[unit.0].main = Some(main);
        if self.process(unit).ready == Ready::Notify {
            self.shells[unit.0].notify = self.hear_adopted(unit, pid);
            self.foothold.watch_ears(&self.places, self.watcher.as_ref());
        }
        log::info!("`{}` is adopted as {pid}", self.name(unit));
        AdoptionState::Alive { run: Run { pid, since, main_since }, ready }
    }

    /// A unit of which the record says nothing. What lives of it is adopted where it can only be what
    /// was started last, and is to be ended otherwise.
    fn adopt_unrecorded(&mut self, unit: UnitId) -> AdoptionState {
        let is_held = lock::is_held(&self.places.process_lock(self.name(unit))).unwrap_or(true);
        if !is_held && !self.something_of(unit) {
            return AdoptionState::Never;
        }
        if let Some(found) = self.adopt_leader(unit) {
            return found;
        }
        log::warn!(
            "something of `{}` lives that the record does not name; it is ended first",
            self.name(unit)
        );
        AdoptionState::Gone { rest: true }
    }

    /// As of [`Self::something_lives_of`], of this unit alone.
    fn something_of(&mut self, unit: UnitId) -> bool {
        (0..2).any(|_| self.family().is_none_or(|family| !family.of(unit).is_empty()))
    }

    fn adopt_leader(&mut self, unit: UnitId) -> Option<AdoptionState> {
        // Of one that daemonises it is not known how far it is, of one that is ready by what it
        // prints not from where its output counts.
        let is_clear = !self.machine.plan().units[unit.0].forks
            && !matches!(self.process(unit).ready, Ready::Log(_));
        let family = self.family().filter(|_| is_clear)?;
        let groups = Groups::of(&self.places);
        let name = self.name(unit).to_owned();
        let is_started = |seen: &&Seen| {
            let leads = seen.stat().is_some_and(|stat: Stat| stat.session == Some(stat.pid));
            let grouped = || groups.as_ref()?.process_of(seen.pid).ok().flatten();
            let locked = || locked_by(seen.pid, &self.places).ok().flatten();
            leads && grouped().or_else(locked).is_some_and(|of| of == name)
        };
        let leaders: Vec<Seen> = family.of(unit).iter().filter(is_started).copied().collect();
        let [leader] = leaders[..] else { return None };
        // What a process left may lead a session of its own, and is not the process.
        let command = &self.process(unit).command;
        let words = arguments(&leader.stat()?).ok()?;
        let is_it =
            words.ends_with(&command.iter().map(|w| w.clone().into_bytes()).collect::<Vec<_>>());
        let tree = Tree::look().ok()?;
        let alone = family.of(unit).iter().all(|seen| tree.descends(seen.pid, leader.pid));
        let handle = leader.open().filter(|_| is_it && alone)?;
        let size = self.shells[unit.0].output.size();
        self.shells[unit.0].output.go_on(size, self.watcher.as_ref());
        let start = Start::Known(leader.start);
        let main = Main { pid: leader.pid, start, handle, origin: Origin::Adopted };
        Some(self.adopt_main(unit, main, leader.start, false))
    }
}
