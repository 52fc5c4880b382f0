//! Taking over the living processes of a site whose supervisor is gone: only what its record names
//! and the kernel confirms. Nothing of them is touched, and nothing is believed of what is gone.

use crate::linux::Moment;
use crate::linux::process::{Stat, environment_value};
use crate::linux::sockets::NotifySocket;
use crate::process::Record;
use crate::site::Ready;

use super::actions::{Main, Origin};
use super::event_loop::Supervisor;
use super::machine::{Found, Run};
use super::plan::UnitId;

impl Supervisor {
    /// Each unit as it is found; the main processes that live are held by a handle from here on.
    pub(super) fn adopt(&mut self, before: &Record) -> Vec<Found> {
        self.kin.adopts();
        let units: Vec<UnitId> = self.machine.ids().collect();
        let found: Vec<Option<Found>> = units.iter().map(|u| self.adopt_unit(*u, before)).collect();
        // Only when all main processes are known it can be told what else lives of a unit.
        let gone = |(unit, found): (UnitId, Option<Found>)| {
            found.unwrap_or_else(|| Found::Gone { rest: self.something_lives_of(unit) })
        };
        units.into_iter().zip(found).map(gone).collect()
    }

    /// None: it was started, and its main process is gone.
    fn adopt_unit(&mut self, unit: UnitId, before: &Record) -> Option<Found> {
        let name = self.name(unit).to_owned();
        if before.done.contains(&name) {
            return Some(Found::Done);
        }
        let Some(known) = before.processes.iter().find(|p| p.name == name) else {
            return Some(Found::Never);
        };
        let handle = known.identity.open()?;
        let identity = known.identity.clone();
        let pid = identity.pid;
        let now = Moment::now();
        let since = now - identity.age().unwrap_or_default();
        // One that daemonises was followed to this process; the rest are what was started.
        let main_since = if self.machine.plan().units[unit.0].forks { now } else { since };
        self.kin.started(unit, pid);
        let shell = &mut self.shells[unit.0];
        shell.output.go_on(known.printed_from, self.watcher.as_ref());
        shell.main = Some(Main { identity, handle, origin: Origin::Adopted });
        if self.process(unit).ready == Ready::Notify {
            self.shells[unit.0].notify = heard_by(pid);
        }
        log::info!("`{name}` is adopted as {pid}");
        Some(Found::Alive { run: Run { pid, since, main_since }, ready: known.ready })
    }
}

/// The socket to which `pid` was told to send its notices: its name was the old supervisor's.
fn heard_by(pid: crate::linux::Pid) -> Option<NotifySocket> {
    let target = environment_value(&Stat::of(pid)?, "NOTIFY_SOCKET").ok()??;
    let name = std::str::from_utf8(&target).ok()?.strip_prefix("@siteward/")?;
    NotifySocket::bind(&format!("siteward/{name}")).ok().map(|(socket, _)| socket)
}
