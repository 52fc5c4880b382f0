//! Ending a site with a supervisor of its own by that one's stop command, and proving it where its list
//! does not answer.

use std::os::fd::AsFd;

use super::External;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::wait::Waiting;
use crate::process::{Identity, Phase, ProcessRecord, Record, holders};
use crate::site::WRAPPED;
use crate::values::{Moment, Pid};

impl External {
    /// Writes that it is being stopped, and every process that was seen: those are found by their
    /// descendants and sessions then, though they bear no mark.
    pub fn note_stopping(&self, living: &[Identity]) -> Record {
        let me = Identity::of(Pid::this()).unwrap_or_else(Identity::nobody);
        let mut record = Record::read(&self.places)
            .ok()
            .flatten()
            .unwrap_or_else(|| Record::begun(self.definition.name.clone(), me.clone()));
        // The verb that started it is no part of it, and this verb is not either.
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

    /// Runs the stop command, and waits for the end of everybody in `living`, at most until `until`. One
    /// stop at a time: the command of a second one would only fail.
    pub fn stop(&self, living: &[Identity], until: Moment) {
        let _lock = self.one_at_a_time(until);
        if living.iter().all(|identity| !identity.is_alive()) {
            return;
        }
        let words = &self.wrapped.stop;
        let complaint = match self.command(words, until) {
            Ok(ran) => ran.complaint(),
            Err(why) => Some(why),
        };
        let mut until = until;
        if let Some(why) = complaint {
            log::warn!("`{}` {why}", words.join(" "));
            // It failed, so nothing may come of it; and it may have been heard all the same.
            until = until.min(Moment::now() + self.definition.countsleep);
        }
        loop {
            let handles: Vec<_> = living.iter().filter_map(Identity::open).collect();
            if handles.is_empty() || until.passed() {
                return;
            }
            // The oldest ones end last; any end is a reason to look again.
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

    /// Proves that nothing of the site lives where its list does not answer (`why`) and no mark is left.
    /// A process that a person started by hand bears no mark, but works on the database.
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
        // The keeper of the lease goes when this is proved.
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
