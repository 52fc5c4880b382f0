//! Stops a site by the stop command of its external supervisor, and proves it if the list does not answer.

use std::os::fd::AsFd;

use super::External;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::wait::Waiting;
use crate::process::{Identity, Phase, ProcessRecord, Record, holders};
use crate::site::WRAPPED;
use crate::values::{Moment, Pid};

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

    /// Runs the stop command, and waits until every process in `living` has ended, at most until `until`. Only
    /// one stop at a time: the command of a second one would fail.
    pub fn stop(&self, living: &[Identity], until: Moment) {
        let _lock = self.one_at_a_time(until);
        if living.iter().all(|identity| !identity.is_alive()) {
            return;
        }
        let words = &self.wrapped.stop;
        let complaint = match self.command(words, until) {
            Ok(ran) => self.complaint(&ran),
            Err(why) => Some(why),
        };
        let mut until = until;
        if let Some(why) = complaint {
            log::warn!("`{}` {why}", words.join(" "));
            // A failed command may have no effect, or a late one: the wait is shorter.
            until = until.min(Moment::now() + self.definition.countsleep);
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

    fn one_at_a_time(&self, until: Moment) -> Option<Lock> {
        loop {
            match Lock::attempt(&self.places.stop_lock()) {
                Ok(Attempt::Taken(lock)) => return Some(lock),
                Ok(Attempt::Held) if until.passed() => return None,
                Ok(Attempt::Held) => {
                    let soon = Moment::now() + std::time::Duration::from_millis(20);
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
