//! Stops a site by the stop command of its external supervisor, and proves it if the list does not answer.

use std::os::fd::AsFd;
use std::time::Duration;

use super::{Daemon, External, Look};
use crate::linux::lock::{Attempt, Lock};
use crate::linux::wait::Waiting;
use crate::process::{Identity, Phase, ProcessRecord, Record, holders};
use crate::site::WRAPPED;
use crate::values::{Moment, Pid, Signal};

impl External {
    /// Records the stop and every process that was seen. Their descendants and sessions are then found, even
    /// without a mark.
    pub fn note_stopping(&self, living: &[Identity]) -> Record {
        let me = Identity::of(Pid::this()).unwrap_or_else(Identity::nobody);
        let mut record = Record::read(&self.places)
            .ok()
            .flatten()
            .unwrap_or_else(|| Record::begun(self.definition.name.clone(), me.clone()));
        // A verb stands in this field, and is no process of the site.
        record.supervisor = me;
        record.phase = Some(Phase::Stopping);
        for identity in living {
            if record.processes.iter().all(|known| known.identity != *identity) {
                record.processes.push(ProcessRecord::started(WRAPPED, identity.clone()));
            }
        }
        self.write(&record);
        record
    }

    /// Runs the stop command, signals the supervisor if that is how it is stopped, and waits until every process in
    /// `living` has ended, at most until `until`. Only one stop at a time: the command of a second one would fail.
    pub fn stop(&self, living: &[Identity], until: Moment) {
        let _lock = self.one_at_a_time(until);
        if !living.is_empty() && living.iter().all(|identity| !identity.is_alive()) {
            return;
        }
        let mut until = until;
        let words = &self.wrapped.stop;
        let supervisors = super::supervisors(&self.wrapped).unwrap_or_default();
        let has_supervisor = !supervisors.is_empty();
        supervisors.iter().for_each(let_go_on);
        let complaint = match words.is_empty() {
            // There is nothing to be signalled either.
            true if !has_supervisor => return,
            true => None,
            false => self.command(words, until).map_or_else(Some, |ran| self.complaint(&ran)),
        };
        if let Some(why) = complaint {
            log::warn!("`{}` {why}", words.join(" "));
            // Services do not end because their supervisor is told to that is gone.
            if !has_supervisor && !self.wrapped.detached && self.wrapped.subject.is_some() {
                return;
            }
            // A failed command may have no effect, or a late one: the wait is shorter.
            until = until.min(Moment::now() + self.definition.countsleep);
        }
        if let Some(signal) = self.wrapped.stop_signal {
            if !words.is_empty() {
                self.until_shut(until);
            }
            self.signal_supervisors(signal);
        }
        loop {
            let handles: Vec<_> = living.iter().filter_map(Identity::open).collect();
            if handles.is_empty() || until.passed() {
                return;
            }
            // The wait is over when any of them ends; the loop then waits for the others.
            let mut waiting = Waiting::new();
            for handle in &handles {
                waiting.readable(handle.as_fd(), ());
            }
            waiting.wait(Some(until));
        }
    }

    /// Waits until the list shows nothing of the site as up.
    fn until_shut(&self, until: Moment) {
        let mut pace = Duration::from_millis(50);
        while let Ok(Look { daemon, supervisors, .. }) = self.look(until)
            && !supervisors.is_empty()
            && !until.passed()
        {
            match daemon {
                Daemon::Shut(_) | Daemon::Absent | Daemon::NotAsked | Daemon::NotInstalled => {
                    return;
                }
                Daemon::Up(_) | Daemon::Partly(_) | Daemon::Broken(_) | Daemon::Unknown(_) => {}
            }
            Waiting::<()>::new().wait(Some((Moment::now() + pace).min(until)));
            pace = (pace * 2).min(self.definition.countsleep);
        }
    }

    fn signal_supervisors(&self, signal: Signal) {
        for supervisor in super::supervisors(&self.wrapped).unwrap_or_default() {
            let sent = supervisor.open().map(|handle| handle.send(signal));
            if let Some(Err(error)) = sent {
                log::warn!("{} cannot be sent to {}: {error}", signal, supervisor.pid);
            }
        }
    }

    fn one_at_a_time(&self, until: Moment) -> Option<Lock> {
        loop {
            match Lock::attempt(&self.places.stop_lock()) {
                Ok(Attempt::Taken(lock)) => return Some(lock),
                Ok(Attempt::Held) if until.passed() => return None,
                Ok(Attempt::Held) => {
                    let soon = Moment::now() + Duration::from_millis(20);
                    Waiting::<()>::new().wait(Some(soon));
                }
                Err(error) => {
                    log::warn!("{} cannot be used: {error}", self.places.stop_lock().display());
                    return None;
                }
            }
        }
    }

    /// Proves that no process of the site is left, if its list does not answer (`why`) and no mark is found. A
    /// process that was started by hand has no mark, but uses the database.
    ///
    /// # Errors
    /// For the end of a sentence: it is not proved.
    pub fn prove_without_list(&self, why: &str) -> Result<(), String> {
        let name = &self.definition.name;
        let Some(database) = &self.definition.database else {
            log::warn!("{why}; `{name}` is proved stopped by the marks of its processes alone");
            return Ok(());
        };
        let holding = holders(database)
            .map_err(|error| format!("/proc cannot be read, so nothing can be proved: {error}"))?;
        // The keeper of the lease ends after the proof.
        match holding.iter().find(|holder| !holder.keeps_lease(&self.places)) {
            None => {
                log::warn!("{why}; `{name}` is proved stopped by its marks and its free database");
                Ok(())
            }
            Some(holder) => Err(format!(
                "{why}, and {} ({}) holds {}",
                holder.pid,
                holder.comm,
                holder.what.display()
            )),
        }
    }
}

/// A supervisor that a signal or a debugger has stopped cannot end its site.
fn let_go_on(supervisor: &Identity) {
    if supervisor.stat().is_some_and(|stat| stat.is_stopped())
        && let Some(handle) = supervisor.open()
    {
        log::warn!("{} is stopped by a signal or a debugger; it is sent CONT", supervisor.pid);
        let _ = handle.send(Signal::CONT);
    }
}
