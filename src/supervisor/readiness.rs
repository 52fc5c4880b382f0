//! Finding out when a unit is ready, and which of its processes is the main one: by its output, its
//! notices, its PID file, and by asking.

use super::helpers::Role;
use super::machine::{Event, Unit, UnitEvent};
use super::main_process::{MainProcess, Origin};
use super::notices::{NoticeLine, sender};
use super::plan::UnitId;
use super::processes::{PROBE_PACE, Processes, Surroundings};
use super::tracker::UnitProcesses;
use crate::linux::process::Stat;
use crate::process::Seen;
use crate::site::Ready;
use crate::values::{ExecError, Moment, Pid};

/// The words that run this program as a probe.
fn own_probe(kind: &str, what: String) -> Vec<String> {
    vec!["/proc/self/exe".to_owned(), "await".to_owned(), kind.to_owned(), what]
}

impl Processes {
    /// Begins to find out when a unit is ready. Returns an event if it is ready already.
    pub(super) fn await_ready(&mut self, unit: UnitId, around: &Surroundings<'_>) -> Option<Event> {
        let is_ready = match &around.configuration.process(unit).ready {
            Ready::AtExec | Ready::Delay(_) => false,
            Ready::Notify => self.units[unit.0].said_ready,
            Ready::Log(pattern) => {
                let output = &mut self.units[unit.0].output;
                output.search_for(pattern);
                output.look(true, around.watcher, Moment::now())
            }
            Ready::Tcp(_) | Ready::Socket(_) | Ready::File(_) | Ready::Exec(_) => {
                self.probe(unit, around);
                false
            }
        };
        is_ready.then_some(Event::Unit(unit, UnitEvent::Ready))
    }

    fn probe(&mut self, unit: UnitId, around: &Surroundings<'_>) {
        let words = match &around.configuration.process(unit).ready {
            Ready::Tcp(address) => own_probe("tcp", address.clone()),
            Ready::Socket(path) => own_probe("socket", path.display().to_string()),
            Ready::File(path) => own_probe("file", path.display().to_string()),
            Ready::Exec(words) => words.clone(),
            Ready::AtExec | Ready::Notify | Ready::Log(_) | Ready::Delay(_) => return,
        };
        if let Err(error) = self.start_helper(unit, Role::Ready, &words, around) {
            self.probe_failed(unit, error.to_string());
        }
    }

    /// Starts a helper that is told the main process in MAINPID.
    pub(super) fn start_helper(
        &mut self,
        unit: UnitId,
        role: Role,
        words: &[String],
        around: &Surroundings<'_>,
    ) -> Result<(), ExecError> {
        let main = self.units[unit.0].main_pid();
        let variables: Vec<_> = main.iter().map(|pid| ("MAINPID", pid.to_string())).collect();
        self.helpers.start(around.configuration, unit, role, words, &variables)
    }

    pub(super) fn probe_failed(&mut self, unit: UnitId, answer: String) {
        self.units[unit.0].probe_answer = Some(answer);
        self.probe_later(unit);
    }

    /// Soon at first, then less and less often.
    pub(super) fn probe_later(&mut self, unit: UnitId) {
        let runtime = &mut self.units[unit.0];
        runtime.probe_at = Some(Moment::now() + runtime.probe_pause);
        runtime.probe_pause = (runtime.probe_pause * 2).min(PROBE_PACE.1);
    }

    /// Probes again, if it is time.
    pub(super) fn probe_again(
        &mut self,
        unit: UnitId,
        now: Moment,
        around: &Surroundings<'_>,
    ) -> Option<Event> {
        if self.units[unit.0].probe_at.is_none_or(|at| at > now) {
            return None;
        }
        self.units[unit.0].probe_at = None;
        if matches!(around.machine.unit(unit), Unit::Following { .. }) {
            return self.follow(unit, around);
        }
        self.probe(unit, around);
        None
    }

    // --- the main process -----------------------------------------------------------------------

    /// Finds the main process of a unit that has daemonised.
    pub(super) fn follow(&mut self, unit: UnitId, around: &Surroundings<'_>) -> Option<Event> {
        if let Some(path) = &around.configuration.process(unit).pid_file {
            let words = own_probe("pid-file", path.display().to_string());
            if self.start_helper(unit, Role::Follow, &words, around).is_ok() {
                return None;
            }
        }
        let found = self.look(around).unwrap_or_default();
        // The oldest orphan: it has forked the others.
        let oldest = found
            .of(unit)
            .iter()
            .filter_map(|seen| Stat::of(seen.pid))
            .filter(|stat| stat.parent == Some(Pid::this()))
            .min_by_key(|stat| (stat.start, stat.pid));
        let event = oldest.and_then(|stat| self.set_main(unit, stat.pid, around));
        if event.is_none() {
            // It may show up yet; the machine limits the time.
            self.probe_later(unit);
        }
        event
    }

    /// The process `pid`, as its PID file names it, is the main process if it belongs to the unit.
    pub(super) fn follow_pid_file(
        &mut self,
        unit: UnitId,
        pid: Option<Pid>,
        around: &Surroundings<'_>,
    ) -> Option<Event> {
        let found = self.look(around).unwrap_or_default();
        let own = pid.filter(|pid| found.has(unit, *pid));
        let event = own.and_then(|pid| self.set_main(unit, pid, around));
        if event.is_none() {
            // The file of an earlier run, or its parent lives still; the machine limits the time.
            self.probe_later(unit);
        }
        event
    }

    /// Makes `pid`, a process of the unit, its main process.
    fn set_main(&mut self, unit: UnitId, pid: Pid, around: &Surroundings<'_>) -> Option<Event> {
        let name = around.configuration.name(unit);
        let stat = Stat::of(pid)?;
        let handle = Seen::from(&stat).open()?;
        // The kernel reports the exit status of children only.
        if stat.parent != Some(Pid::this()) {
            log::info!("{pid} cannot be the main process of `{name}`: its parent lives still");
            return None;
        }
        let now = Moment::now();
        let main = MainProcess::new(pid, Some(stat.start), handle, Origin::Child, now);
        self.units[unit.0].main = Some(main);
        self.write_record(around);
        log::info!("the main process of `{name}` is {pid}");
        Some(Event::Unit(unit, UnitEvent::Main(pid)))
    }

    // --- notices --------------------------------------------------------------------------------

    /// Handles the notices that have come for a unit, up to `most`.
    pub(super) fn read_notices(
        &mut self,
        unit: UnitId,
        most: usize,
        around: &Surroundings<'_>,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        let notices = self.notices.receive(unit, most);
        if notices.is_empty() {
            return events;
        }
        let sender = sender(around.configuration.launch(unit).credentials());
        // Looked at once for all of them, and only if a sender is not the main process.
        let mut found = None;
        for notice in &notices {
            let (pid, uid) = (notice.from.pid, notice.from.uid);
            let may_send = sender.is_none_or(|sender| uid == sender || uid == 0);
            // The kernel names the sender; it must be a process of the unit.
            let is_accepted =
                may_send && pid.is_some_and(|pid| self.is_of(unit, pid, &mut found, around));
            if is_accepted {
                let lines = notice.text.lines().filter_map(NoticeLine::parse);
                events.extend(
                    lines.filter_map(|line| self.on_notice_line(unit, line, &mut found, around)),
                );
            } else {
                self.notices.refused(unit, around.configuration.name(unit), pid, uid);
            }
        }
        self.notices.handled(unit, notices.len() == most, found.is_some());
        events
    }

    fn is_of(
        &mut self,
        unit: UnitId,
        pid: Pid,
        found: &mut Option<UnitProcesses>,
        around: &Surroundings<'_>,
    ) -> bool {
        self.units[unit.0].main_pid() == Some(pid)
            || found.get_or_insert_with(|| self.look(around).unwrap_or_default()).has(unit, pid)
    }

    fn on_notice_line(
        &mut self,
        unit: UnitId,
        line: NoticeLine,
        found: &mut Option<UnitProcesses>,
        around: &Surroundings<'_>,
    ) -> Option<Event> {
        let runtime = &mut self.units[unit.0];
        match line {
            NoticeLine::Ready => {
                runtime.said_ready = true;
                Some(Event::Unit(unit, UnitEvent::Ready))
            }
            NoticeLine::Status(text) => {
                runtime.status = Some(text);
                None
            }
            NoticeLine::Stopping => {
                runtime.status = Some("says that it is stopping".to_owned());
                None
            }
            NoticeLine::MainPid(pid) => {
                let is_new = runtime.main_pid() != Some(pid);
                let is_own = is_new && self.is_of(unit, pid, found, around);
                is_own.then(|| self.set_main(unit, pid, around)).flatten()
            }
        }
    }

    /// Binds again the notice sockets that were removed, after their last notices are handled. Says
    /// whether there were any.
    pub(super) fn restore_notices(
        &mut self,
        events: &mut Vec<Event>,
        most: usize,
        around: &Surroundings<'_>,
    ) -> std::io::Result<bool> {
        let lost = self.notices.lost();
        for unit in &lost {
            events.extend(self.read_notices(*unit, most, around));
            self.notices.bind_again(*unit, around.configuration)?;
        }
        Ok(!lost.is_empty())
    }
}
