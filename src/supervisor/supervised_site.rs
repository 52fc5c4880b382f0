//! A site under its supervisor: the parts joined. What happens to one part is told to the machine, and what
//! the machine decides is carried out by the others.
//!
//! Must never: wait. That is the event loop's.

use std::time::Duration;

use super::actions::Done;
use super::answers::HelperAnswer;
use super::configuration::Configuration;
use super::control_server::{ControlServer, Situation};
use super::helpers::Role;
use super::lease_watch::LeaseWatch;
use super::machine::{Action, Desired, Event, Machine, Milestone, Note, SitePhase, UnitEvent};
use super::main_process::MainProcess;
use super::notices::{ALL, AT_A_TIME};
use super::plan::UnitId;
use super::prerequisite_watch::PrerequisiteWatch;
use super::processes::{Processes, Surroundings, UnitRuntime};
use super::report::Reporter;
use super::runtime_guard::RuntimeGuard;
use super::site_status::SiteStatus;
use crate::control::{State, View};
use crate::history::{Entry, HistoryEvent};
use crate::linux::thread::{self, StackSize};
use crate::linux::watch::Watcher;
use crate::process::{Ending, Record};
use crate::values::Moment;

/// See the module.
pub(super) struct SupervisedSite {
    pub(super) configuration: Configuration,
    pub(super) machine: Machine,
    pub(super) processes: Processes,
    pub(super) control: ControlServer,
    pub(super) guard: RuntimeGuard,
    pub(super) lease: LeaseWatch,
    pub(super) prerequisites: PrerequisiteWatch,
    pub(super) status: SiteStatus,
    /// None: files cannot be watched on this node, or are not for a moment, as the site is stopping.
    pub(super) watcher: Option<Watcher>,
    /// To be ended in a thread, once this turn of the loop has sent its signals.
    pub(super) old_watcher: Option<Watcher>,
}

/// A stop that takes longer has its files watched again.
const SHORT_STOP: Duration = Duration::from_secs(1);

impl SupervisedSite {
    /// The processes, and what they are seen in connection with.
    pub(super) fn split(&mut self) -> (&mut Processes, Surroundings<'_>) {
        let around = Surroundings {
            configuration: &self.configuration,
            machine: &self.machine,
            keeper: self.lease.keeper(),
            watcher: self.watcher.as_ref(),
        };
        (&mut self.processes, around)
    }

    pub(super) fn reporter(&self) -> Reporter<'_> {
        Reporter {
            configuration: &self.configuration,
            machine: &self.machine,
            processes: &self.processes,
            status: &self.status,
            prerequisites: &self.prerequisites,
        }
    }

    /// The control server, used with the site as it is at this moment.
    pub(super) fn with_situation<T>(
        &mut self,
        serve: impl FnOnce(&mut ControlServer, &Situation<'_>) -> T,
    ) -> T {
        let reporter = Reporter {
            configuration: &self.configuration,
            machine: &self.machine,
            processes: &self.processes,
            status: &self.status,
            prerequisites: &self.prerequisites,
        };
        let situation = Situation {
            desired: self.machine.desired(),
            phase: self.machine.phase(),
            verdict: reporter.verdict(),
            view: &|| reporter.view(),
        };
        serve(&mut self.control, &situation)
    }

    pub(super) fn view(&self) -> View {
        self.reporter().view()
    }

    pub(super) fn is_over(&self) -> bool {
        self.machine.phase() == &SitePhase::Over
    }

    /// When something is due in one of the parts, without an event.
    pub(super) fn next_deadline(&self, now: Moment) -> Option<Moment> {
        let units = self.processes.units.iter();
        units
            .flat_map(|unit| {
                let identify_at = unit.main.as_ref().and_then(MainProcess::identify_at);
                [unit.probe_at, unit.output.look_at(), identify_at]
            })
            .flatten()
            .chain(self.processes.notices.read_again_at(now))
            .chain(self.processes.look_again_at())
            .chain(self.control.closed_until(now))
            .chain(self.control.next_deadline())
            .chain(self.machine.next_tick())
            .chain(self.guard.look_at())
            .chain(self.lease.look_at())
            .chain(self.prerequisites.look_at())
            .chain(self.configuration.history_is_due_at())
            .chain(self.reporter().reported_degraded_at().filter(|at| !at.passed()))
            .min()
    }

    // --- the machine ----------------------------------------------------------------------------

    /// Tells the machine, carries out what it decides, and tells it what came of that.
    pub(super) fn tell(&mut self, event: Event) {
        self.tell_together(vec![event]);
    }

    /// The same with events that have come together.
    pub(super) fn tell_together(&mut self, events: Vec<Event>) {
        let mut events = events;
        while !events.is_empty() {
            let now = Moment::now();
            let actions = self.machine.step_all(events, now);
            self.status.is_in(self.machine.state(), now);
            events = self.carry_out(&actions);
        }
        self.note_degradation();
    }

    /// Carries out the actions of one step, and returns what the machine is to be told of next. What starts, or is
    /// ready, in one step is recorded in one write.
    fn carry_out(&mut self, actions: &[Action]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut fault_told = false;
        // Of units that are ready: written down together.
        let mut entries = Vec::new();
        self.processes.look_anew();
        // A supervisor that adopts the site must know it: some units say READY=1 only once.
        if actions.iter().any(|action| matches!(action, Action::Note(Note::Ready(_)))) {
            self.write_record();
        }
        for group in actions.chunk_by(|one, next| spawned(one).and(spawned(next)).is_some()) {
            let is_of_ready = |action: &Action| {
                matches!(action, Action::Note(Note::Ready(_)) | Action::DropHelpers(_))
            };
            if !group.iter().all(is_of_ready) {
                self.configuration.note_all(&std::mem::take(&mut entries));
            }
            let units: Vec<UnitId> = group.iter().filter_map(spawned).collect();
            if !units.is_empty() {
                let (processes, around) = self.split();
                events.extend(processes.spawn_all(&units, &around));
                continue;
            }
            let failure = self.status.failure.as_ref();
            let reason = failure.map(|f| f.reason.clone()).unwrap_or_default();
            for action in group {
                let (processes, around) = self.split();
                match processes.carry_out(action.clone(), &reason, &around) {
                    Done::Nothing => {}
                    Done::Tell(told) => events.extend(told),
                    Done::PortsTaken(why) => {
                        self.refuse_resume(&why);
                        events.push(Event::PortsTaken);
                    }
                    Done::Note(note) => {
                        let entry = self.note(&note, fault_told);
                        entries.extend(entry);
                        if !is_of_ready(action) {
                            self.configuration.note_all(&std::mem::take(&mut entries));
                        }
                        fault_told = matches!(note, Note::Fault(..));
                    }
                }
            }
        }
        self.configuration.note_all(&entries);
        self.processes.look_anew();
        events
    }

    /// Writes down that the site has become degraded, or is well again.
    fn note_degradation(&mut self) {
        let is_degraded =
            self.machine.degraded_since().is_some() && self.is_without_one_that_failed();
        // Of a process that dies again and again, the end is told once it is calm.
        if is_degraded == self.status.is_degraded || self.configuration.flaps() {
            return;
        }
        self.status.is_degraded = is_degraded;
        let entry = match (is_degraded, self.machine.state()) {
            (true, _) => self.reporter().degraded(),
            (false, State::Running) => {
                Entry::new(HistoryEvent::Recovered, "the site is whole again")
            }
            // It is being stopped or paused.
            (false, _) => return,
        };
        self.configuration.note(&entry);
    }

    /// The disk or the address is lost, or a process is down after a fault. One that is still coming up for the
    /// first time is no failure.
    fn is_without_one_that_failed(&self) -> bool {
        let failed = |unit: &UnitId| {
            !self.machine.unit(*unit).is_up() && self.machine.memory(*unit).last_cause.is_some()
        };
        let is_short =
            !self.machine.lost().is_empty() || self.machine.ids().any(|unit| failed(&unit));
        *self.machine.phase() == SitePhase::Serving && is_short
    }

    /// The site stays paused, as one of its ports is taken.
    fn refuse_resume(&mut self, why: &str) {
        log::warn!("the site stays paused: {why}");
        self.status.paused = self.status.resumed_from.take();
        self.control.refuse_resume(why);
    }

    pub(super) fn tell_all(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.tell(event);
        }
    }

    /// Writes a note down, but for its entry of the history. `fault_told`: the fault that fails the site was written
    /// down just before.
    fn note(&mut self, note: &Note, fault_told: bool) -> Option<Entry> {
        let failure = self.reporter().failure(note, self.lease.why_lost());
        let entry = self.reporter().entry(note, failure.as_ref(), fault_told);
        if let Some(failure) = failure {
            // Before anything is stopped for it: a crash of the supervisor must not lose the reason.
            self.processes.record.ending = Some(Ending::Failed(failure.clone()));
            self.status.failure = Some(failure);
            self.write_record();
        }
        log::log!(entry.level, "{}", entry.text);
        self.status.follow(note);
        match note {
            Note::Site(Milestone::Held) => {
                self.processes.helpers.confirm_pause(&self.configuration);
            }
            Note::Site(Milestone::Up) => {
                self.processes.helpers.leave_facts(&self.configuration);
            }
            Note::Site(Milestone::Stopping | Milestone::Failing(_) | Milestone::LeaseLost) => {
                self.processes.helpers.drop_facts();
                self.pause_watching();
            }
            Note::Fault(unit, _) => self.processes.units[unit.0].output.failed(&entry.text),
            Note::Ready(_)
            | Note::RestartIn(..)
            | Note::GaveUp(_)
            | Note::NotAsked(..)
            | Note::Insisting(..)
            | Note::Site(_) => {}
        }
        entry.history
    }

    pub(super) fn write_record(&mut self) {
        let (processes, around) = self.split();
        processes.write_record(&around);
    }

    // --- what happens to the processes ----------------------------------------------------------

    /// Takes over the units as the record of an earlier supervisor names them.
    pub(super) fn adopt(&mut self, before: &Record, boot: Duration) -> Event {
        let (processes, around) = self.split();
        Event::Adopt { units: processes.adopt(before, &around), boot }
    }

    /// Some notices of a unit have come.
    pub(super) fn on_notices(&mut self, unit: UnitId) {
        self.read_notices(unit, AT_A_TIME);
    }

    pub(super) fn read_notices(&mut self, unit: UnitId, most: usize) {
        let (processes, around) = self.split();
        let events = processes.read_notices(unit, most, &around);
        self.tell_all(events);
    }

    /// The machine is done: kills what lives of the site all the same. True as long as there is something.
    pub(super) fn sweep(&mut self) -> bool {
        let (processes, around) = self.split();
        processes.sweep(&around)
    }

    /// A helper's answer, for the machine or for a verb.
    pub(super) fn on_answer(&mut self, answer: Option<HelperAnswer>) {
        match answer {
            None => {}
            Some(HelperAnswer::Tell(event)) => self.tell(event),
            Some(HelperAnswer::Part { connection, outcome }) => {
                self.control.add_answer(connection, outcome);
            }
            Some(HelperAnswer::Again { connection, unit }) => {
                self.control.check_later(connection, unit);
            }
        }
    }

    /// Starts the healthcheck of a unit for the verb on this connection.
    pub(super) fn check_health_for(&mut self, connection: u64, unit: UnitId) {
        let (processes, around) = self.split();
        let answer = processes.check_health(unit, Role::HealthFor(connection), &around);
        self.on_answer(answer);
    }

    /// Time has passed.
    pub(super) fn on_time(&mut self, now: Moment) {
        if self.processes.look_again_at().is_some_and(|at| at <= now) {
            self.clear_units();
        }
        for (connection, unit) in self.control.take_due_checks(now) {
            self.check_health_for(connection, unit);
        }
        for unit in self.configuration.units() {
            let (processes, around) = self.split();
            let event = processes.identify(unit, now, &around);
            self.tell_all(event);
            let (processes, around) = self.split();
            let output = &mut processes.units[unit.0].output;
            let is_due = output.look_at().is_some_and(|at| at <= now);
            if is_due && output.look(false, around.watcher, now) {
                self.tell(Event::Unit(unit, UnitEvent::Ready));
            }
            let (processes, around) = self.split();
            let event = processes.probe_again(unit, now, &around);
            self.tell_all(event);
        }
        if self.guard.look_at().is_some_and(|at| at <= now) {
            self.guard_runtime();
        }
    }

    // --- files, the lease, and what the site needs of its node --------------------------------------------------------------------

    /// A watched file was written to, or something was removed.
    pub(super) fn on_watches(&mut self) {
        let Some(watcher) = &self.watcher else { return };
        let watches = watcher.told();
        if self.guard.is_told_of_a_loss(&watches)
            || self.processes.notices.is_told_of_a_loss(&watches)
        {
            self.guard_runtime();
        }
        self.look_at_outputs(|unit| watches.iter().any(|watch| unit.output.is_watched_by(*watch)));
    }

    /// Looks at the output of these units as if they had just written.
    fn look_at_outputs(&mut self, is_meant: impl Fn(&UnitRuntime) -> bool) {
        let now = Moment::now();
        let mut ready = Vec::new();
        for (index, unit) in self.processes.units.iter_mut().enumerate() {
            if is_meant(unit) && unit.output.look(true, self.watcher.as_ref(), now) {
                ready.push(UnitId(index));
            }
        }
        self.tell_all(ready.into_iter().map(|unit| Event::Unit(unit, UnitEvent::Ready)));
    }

    /// The end of this process waits until the kernel has ended its inotify(7) instance, for which that takes a grace
    /// period: it begins with the stop. Who stops a site removes nothing from its runtime directory meanwhile.
    fn pause_watching(&mut self) {
        self.old_watcher = self.watcher.take();
        if self.old_watcher.is_none() {
            return;
        }
        self.guard.forget_watch(Moment::now() + SHORT_STOP);
        self.processes.notices.forget_watch();
        self.processes.units.iter_mut().for_each(|unit| unit.output.forget_watch());
    }

    /// See [`Self::pause_watching`].
    pub(super) fn end_old_watcher(&mut self) {
        if let Some(watcher) = self.old_watcher.take() {
            let _ = thread::start("watcher", StackSize::Small, move || drop(watcher));
        }
    }

    /// The stop takes longer, or has become a start.
    fn watch_again(&mut self) {
        self.watcher = Watcher::new().ok();
        self.processes.notices.watch_folder(&self.configuration.places, self.watcher.as_ref());
        self.look_at_outputs(|unit| unit.main.is_some() && !unit.output.is_watched());
    }

    /// Restores what was removed from the runtime directory.
    fn guard_runtime(&mut self) {
        if self.watcher.is_none() {
            self.watch_again();
        }
        let mut events = Vec::new();
        let around = Surroundings {
            configuration: &self.configuration,
            machine: &self.machine,
            keeper: self.lease.keeper(),
            watcher: self.watcher.as_ref(),
        };
        let processes = &mut self.processes;
        self.guard.look(&self.configuration, self.watcher.as_ref(), |missing| {
            if !self.configuration.places.record().exists() {
                missing.push("record");
                processes.write_record(&around);
            }
            if processes.restore_notices(&mut events, ALL, &around)? {
                missing.push("notice sockets");
            }
            Ok(())
        });
        self.tell_all(events);
    }

    /// The keeper of the lease may have ended, or a time has come.
    pub(super) fn look_to_lease(&mut self) {
        let is_ending = matches!(self.machine.desired(), Desired::Down(_));
        let event = self.lease.look(&self.configuration, is_ending);
        self.tell_all(event);
    }

    /// The mounts or addresses of the node may have changed, or a time has come.
    pub(super) fn look_to_prerequisites(&mut self) {
        let known = self.prerequisites.disk().cloned();
        let events = self.prerequisites.look(self.machine.state());
        // For the supervisor after this one.
        if self.prerequisites.disk() != known.as_ref() {
            self.processes.record.disk = self.prerequisites.disk().cloned();
            self.write_record();
        }
        self.tell_all(events);
    }
}

/// The unit that an action starts.
fn spawned(action: &Action) -> Option<UnitId> {
    if let Action::Spawn(unit) = action { Some(*unit) } else { None }
}
