//! The only place that waits. Each event of the kernel, the processes and the verbs is handed to the site; an
//! event that explains another one is handed over first.

use std::os::fd::AsFd;

use super::machine::Event;
use super::main_process::Origin;
use super::own_log::OwnLog;
use super::plan::UnitId;
use super::supervised_site::SupervisedSite;
use crate::linux::signals::Inbox;
use crate::linux::spawn::ExecReport;
use crate::linux::wait::Waiting;
use crate::values::{Moment, Signal};

/// A supervisor at work.
pub(super) struct EventLoop {
    pub(super) site: SupervisedSite,
    pub(super) inbox: Inbox,
    pub(super) own_log: OwnLog,
    pub(super) foreground: bool,
}

/// What has become ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    Signal,
    Listener,
    Connection(u64),
    ExecReport(UnitId),
    Notice(UnitId),
    /// An adopted main process has ended.
    AdoptedEnded(UnitId),
    /// The pipe of the helper at this index.
    Helper(usize),
    /// The node's own log takes lines of the unit again.
    NodeLog(UnitId),
    /// A watched file was written to, or something was removed.
    Watches,
    Lease,
    /// The mounts of the node have changed.
    Mounts,
    /// The addresses of the node have changed.
    Addresses,
}

impl EventLoop {
    /// Runs until the site is over and none of its processes lives.
    pub(super) fn run(&mut self, begin: Event) {
        self.site.tell(begin);
        while !self.site.is_over() || self.site.sweep() {
            self.site.configuration.go_on_with_history();
            let wakes = self.wait();
            self.attend(&wakes);
            self.site.tell(Event::Tick);
            self.site.answer_connections();
            self.site.end_old_watcher();
            self.own_log.bound(Moment::now());
        }
    }

    fn wait(&self) -> Vec<Wake> {
        let now = Moment::now();
        let site = &self.site;
        let mut waiting = Waiting::new();
        waiting.readable(self.inbox.as_fd(), Wake::Signal);
        if site.control.closed_until(now).is_none() {
            waiting.readable(site.guard.listener().as_fd(), Wake::Listener);
        }
        for (id, connection) in site.control.all() {
            if connection.has_output() {
                waiting.readable_or_writable(connection.as_fd(), Wake::Connection(id));
            } else {
                waiting.readable(connection.as_fd(), Wake::Connection(id));
            }
        }
        for (index, unit) in site.processes.units.iter().enumerate() {
            if let Some(report) = unit.exec_report.as_ref().and_then(ExecReport::awaited) {
                waiting.readable(report, Wake::ExecReport(UnitId(index)));
            }
            if let Some(log) = unit.output.stuck_on() {
                waiting.writable(log, Wake::NodeLog(UnitId(index)));
            }
            if let Some(main) = unit.main.as_ref().filter(|main| main.origin == Origin::Adopted) {
                waiting.readable(main.handle.as_fd(), Wake::AdoptedEnded(UnitId(index)));
            }
        }
        for (unit, socket) in site.processes.notices.open_sockets(now) {
            waiting.readable(socket, Wake::Notice(unit));
        }
        for (index, pipe) in site.processes.helpers.pipes() {
            waiting.readable(pipe, Wake::Helper(index));
        }
        if let Some(watcher) = &site.watcher {
            waiting.readable(watcher.as_fd(), Wake::Watches);
        }
        if let Some(keeper) = site.lease.fd() {
            waiting.readable(keeper, Wake::Lease);
        }
        if let Some(mounts) = site.prerequisites.mounts() {
            waiting.exceptional(mounts, Wake::Mounts);
        }
        if let Some(addresses) = site.prerequisites.addresses() {
            waiting.readable(addresses, Wake::Addresses);
        }
        waiting.wait(site.next_deadline(now))
    }

    fn attend(&mut self, wakes: &[Wake]) {
        let site = &mut self.site;
        // Before any process is started or any verb answered.
        let lease_is_due = site.lease.look_at().is_some_and(Moment::passed);
        if lease_is_due || wakes.contains(&Wake::Lease) {
            site.look_to_lease();
        }
        if wakes.contains(&Wake::Mounts) {
            site.prerequisites.on_mounts_changed();
        }
        if wakes.contains(&Wake::Addresses) {
            site.prerequisites.on_addresses_changed();
        }
        if site.prerequisites.look_at().is_some_and(Moment::passed) {
            site.look_to_prerequisites();
        }
        // An exec report comes before the death that may follow it, both before the requests of verbs.
        site.on_exec_reports(wakes.iter().filter_map(|wake| match wake {
            Wake::ExecReport(unit) => Some(*unit),
            _ => None,
        }));
        for wake in wakes {
            if let Wake::Notice(unit) = wake {
                site.on_notices(*unit);
            }
        }
        // Before helpers are removed, which would change the indices.
        for wake in wakes {
            if let Wake::Helper(index) = wake {
                site.processes.read_helper(*index);
            }
        }
        for wake in wakes {
            if let Wake::NodeLog(unit) = wake {
                site.processes.units[unit.0].output.forward_more();
            }
        }
        if wakes.contains(&Wake::Signal) {
            self.on_signals();
        }
        let site = &mut self.site;
        if wakes.contains(&Wake::Watches) {
            site.on_watches();
        }
        site.on_adopted_ended(wakes.iter().filter_map(|wake| match wake {
            Wake::AdoptedEnded(unit) => Some(*unit),
            _ => None,
        }));
        let now = Moment::now();
        site.on_time(now);
        // Connections that are closed at the other end make room for new ones.
        for wake in wakes {
            if let Wake::Connection(id) = wake {
                site.on_connection(*id);
            }
        }
        site.close_idle_connections(now);
        if wakes.contains(&Wake::Listener) {
            site.accept_connections();
        }
    }

    fn on_signals(&mut self) {
        let mut reaped = false;
        while let Some(signal) = self.inbox.next() {
            match signal {
                Signal::CHLD => reaped = true,
                Signal::TERM | Signal::INT => self.site.on_stop_signal(&signal.to_string()),
                // The terminal of a supervisor in the foreground is gone.
                Signal::HUP if self.foreground => self.site.on_stop_signal(&signal.to_string()),
                other => log::info!("{other} has no meaning to the supervisor of a site"),
            }
        }
        if reaped {
            self.site.on_deaths();
        }
    }
}
