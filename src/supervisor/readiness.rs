//! When a unit is ready, and which of its processes is the main one: by what it prints, by asking.
//! What it says of itself is in `notices`.

use std::time::Duration;

use super::actions::{Main, Origin, Start};
use super::event_loop::Supervisor;
use super::helpers::Role;
use super::machine::{Event, Unit, UnitEvent};
use super::plan::UnitId;
use crate::linux::process::Stat;
use crate::process::Seen;
use crate::site::Ready;
use crate::values::{Moment, Pid};

/// How long after a failed readiness probe the next one is made: soon at first.
pub(super) const PROBE_PACE: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_secs(1));

impl Supervisor {
    /// Begins to find out when a unit is ready. True if it is ready already.
    pub(super) fn await_ready(&mut self, unit: UnitId) -> bool {
        match &self.process(unit).ready {
            Ready::AtExec | Ready::Delay(_) => false,
            Ready::Notify => self.shells[unit.0].said_ready,
            Ready::Log(pattern) => {
                let pattern = pattern.clone();
                let watcher = self.watcher.as_ref();
                let output = &mut self.shells[unit.0].output;
                output.search_for(&pattern);
                output.look(watcher, Moment::now())
            }
            Ready::Tcp(_) | Ready::Socket(_) | Ready::File(_) | Ready::Exec(_) => {
                self.start_readiness_probe(unit);
                false
            }
        }
    }

    pub(super) fn start_readiness_probe(&mut self, unit: UnitId) {
        let own = |kind: &str, what: String| {
            vec!["/proc/self/exe".to_owned(), "await".to_owned(), kind.to_owned(), what]
        };
        let words = match &self.process(unit).ready {
            Ready::Tcp(address) => own("tcp", address.clone()),
            Ready::Socket(path) => own("socket", path.display().to_string()),
            Ready::File(path) => own("file", path.display().to_string()),
            Ready::Exec(words) => words.clone(),
            Ready::AtExec | Ready::Notify | Ready::Log(_) | Ready::Delay(_) => return,
        };
        if let Err(error) = self.start_helper(unit, Role::Ready, &words, &[]) {
            self.probe_said_no(unit, error.to_string());
        }
    }

    pub(super) fn probe_said_no(&mut self, unit: UnitId, said: String) {
        self.shells[unit.0].last_no = Some(said);
        self.ask_again(unit);
    }

    /// Soon at first, then less and less often.
    pub(super) fn ask_again(&mut self, unit: UnitId) {
        let shell = &mut self.shells[unit.0];
        shell.retry_at = Some(Moment::now() + shell.retry_pause);
        shell.retry_pause = (shell.retry_pause * 2).min(PROBE_PACE.1);
    }

    /// The time for another question has come.
    pub(super) fn retry(&mut self, unit: UnitId) {
        if !matches!(self.machine.unit(unit), Unit::Following { .. }) {
            self.start_readiness_probe(unit);
        } else if let Some(event) = self.follow(unit) {
            self.tell(event);
        }
    }

    /// Finds the main process of one that daemonised.
    pub(super) fn follow(&mut self, unit: UnitId) -> Option<Event> {
        if let Some(path) = self.process(unit).pid_file.clone() {
            let words = ["/proc/self/exe", "await", "pid-file", &path.display().to_string()]
                .map(str::to_owned);
            if self.start_helper(unit, Role::Follow, &words, &[]).is_ok() {
                return None;
            }
        }
        let family = self.family().unwrap_or_default();
        // The oldest orphan: it has forked the others.
        let me = Pid::this();
        let oldest = family
            .of(unit)
            .iter()
            .filter_map(|seen| Stat::of(seen.pid))
            .filter(|stat| stat.parent == Some(me))
            .min_by_key(|stat| (stat.start, stat.pid));
        let event = oldest.and_then(|stat| self.new_main(unit, stat.pid));
        if event.is_none() {
            // Not to be recognised at this moment; the machine says when it has been long enough.
            self.ask_again(unit);
        }
        event
    }

    /// Makes `pid`, a member of the unit, its main process.
    pub(super) fn new_main(&mut self, unit: UnitId, pid: Pid) -> Option<Event> {
        let stat = Stat::of(pid)?;
        let handle = Seen::from(&stat).open()?;
        // Only of a child of ours the kernel tells us the death and its status.
        if stat.parent != Some(Pid::this()) {
            log::info!(
                "{pid} cannot be the main process of `{}`: its parent lives still",
                self.name(unit)
            );
            return None;
        }
        let start = Start::Known(stat.start);
        self.shells[unit.0].main = Some(Main { pid, start, handle, origin: Origin::Child });
        self.write_record();
        log::info!("the main process of `{}` is {pid}", self.name(unit));
        Some(Event::Unit(unit, UnitEvent::Main(pid)))
    }
}
