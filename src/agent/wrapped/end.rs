//! Ending a site that has a supervisor of its own, and proving it.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::time::Duration;

use super::super::deadline::StopTimes;
use super::super::stop::tidy_up;
use super::{Fault, Target, note, wrapped_of};
use crate::agent::ownership;
use crate::backend::command::{Marked, run as run_command};
use crate::backend::external::{self, Daemon, Look};
use crate::history;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::wait::Waiting;
use crate::observe::wrapped_definition;
use crate::process::{
    Identity, Members, Phase, ProcessRecord, Record, find_members, holders, sweep,
};
use crate::site::{Definition, WRAPPED, Wrapped};
use crate::values::{Moment, Pid};

/// How it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// By its own stop command first.
    Polite,
    Rough,
}

/// Ends the site and proves it. Says whether there was anything.
pub(crate) fn end(target: &Target, times: &StopTimes, manners: Manners) -> Result<bool, Fault> {
    let Some(definition) = wrapped_definition(&target.site) else { return Ok(false) };
    let wrapped = wrapped_of(&definition)?;
    let mut ending =
        Ending { target, definition: &definition, wrapped, times, kin: HashMap::new() };
    let _one_at_a_time = ending.one_at_a_time()?;
    ending.carry_out(manners)
}

struct Ending<'a> {
    target: &'a Target,
    definition: &'a Definition,
    wrapped: &'a Wrapped,
    times: &'a StopTimes,
    /// Every process that was seen to belong to the site since the ending began.
    kin: HashMap<Pid, Identity>,
}

impl Ending<'_> {
    fn one_at_a_time(&self) -> Result<Option<Lock>, Fault> {
        if !self.target.site.runtime.is_dir() {
            return Ok(None);
        }
        loop {
            match Lock::attempt(&self.target.site.stop_lock()) {
                Ok(Attempt::Taken(lock)) => return Ok(Some(lock)),
                Ok(Attempt::Held) if self.times.until.passed() => {
                    return Err(Fault::failed(format!(
                        "another stop of `{}` has not come to an end",
                        self.target.name
                    )));
                }
                Ok(Attempt::Held) => {
                    Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(20)));
                }
                Err(error) => {
                    log::warn!("{} is of no use: {error}", self.target.site.stop_lock().display());
                    return Ok(None);
                }
            }
        }
    }

    fn carry_out(&mut self, manners: Manners) -> Result<bool, Fault> {
        // The list may hang: it gets a tenth of the time, and what lives is found without it.
        let share = Moment::now() + Moment::now().until(self.times.until) / 10;
        let look = self.look(share)?;
        self.gather(&look)?;
        let had_something = !self.kin.is_empty();
        if had_something {
            note(self.target, |record| record.phase = Some(Phase::Stopping));
            let supervised = !look.supervisors.is_empty() || matches!(look.daemon, Daemon::Up(_));
            if manners == Manners::Polite && supervised {
                self.ask_to_stop();
            }
            self.gather_members()?;
            self.sweep()?;
        }
        self.prove()?;
        let record = Record::read(&self.target.site).ok().flatten();
        ownership::let_go(self.target, Some(self.definition), record.as_ref());
        tidy_up(self.target, Record::read(&self.target.site).ok().flatten());
        Ok(had_something)
    }

    fn look(&self, until: Moment) -> Result<Look, Fault> {
        external::look(self.wrapped, self.definition, &self.target.site, until).map_err(|why| {
            Fault::failed(format!("nothing can be found out of `{}`: {why}", self.target.name))
        })
    }

    /// Takes down who belongs to the site: its supervisors, its daemon, and all that descends from
    /// them or bears its marks.
    fn gather(&mut self, look: &Look) -> Result<(), Fault> {
        let mut roots = look.supervisors.clone();
        if let Daemon::Up(Some(daemon)) = &look.daemon {
            roots.push(daemon.clone());
        }
        roots.extend(look.workers.iter().cloned());
        for root in roots {
            self.kin.insert(root.pid, root);
        }
        self.gather_members()
    }

    fn gather_members(&mut self) -> Result<(), Fault> {
        let members = find_members(&self.target.site, Some(&self.record()))
            .map_err(|error| self.unreadable(&error))?;
        for member in &members.ours {
            if let Some(identity) = Identity::of(member.pid).filter(|i| i.start == member.start) {
                self.kin.insert(member.pid, identity);
            }
        }
        Ok(())
    }

    /// The record, with everybody who was seen: their descendants and sessions are then found too.
    fn record(&self) -> Record {
        let mut record = Record::read(&self.target.site)
            .ok()
            .flatten()
            .unwrap_or_else(|| Record::begun(self.target.name.clone(), me()));
        // Whoever started it is no part of it, and this verb is not either.
        record.supervisor = me();
        record.processes.extend(
            self.kin.values().map(|identity| ProcessRecord::started(WRAPPED, identity.clone())),
        );
        record
    }

    /// The supervisor's own stop command, and then its own time.
    fn ask_to_stop(&mut self) {
        let words = &self.wrapped.stop;
        let until = self.times.polite_until;
        let ran = run_command(words, self.definition, &self.target.site, Marked::Yes, until);
        let complaint = match &ran {
            Ok(ran) => ran.complaint(),
            Err(why) => Some(why.clone()),
        };
        let mut until = until;
        if let Some(why) = complaint {
            log::warn!("`{}` {why}", words.join(" "));
            // It failed, so nothing may come of it; and it may have been heard all the same.
            until = until.min(Moment::now() + self.definition.countsleep);
        }
        self.until_down(until);
    }

    /// Waits for the end of everybody who was seen.
    fn until_down(&self, until: Moment) {
        loop {
            let handles: Vec<_> = self.kin.values().filter_map(Identity::open).collect();
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

    fn sweep(&self) -> Result<(), Fault> {
        let places = &self.target.site;
        let term_until = self.times.kill_at.min(Moment::now() + self.definition.forcekill_time);
        // What was found before is in the record by now.
        let before = Members::default();
        let swept = sweep(places, Some(&self.record()), &before, term_until, self.times.until)
            .map_err(|error| self.unreadable(&error))?;
        if swept.signalled > 0 {
            log::warn!("{} processes that outlived their stop were ended", swept.signalled);
            let words =
                format!("{} processes that outlived their stop were ended", swept.signalled);
            history::add(&places.history(), "swept", &words);
        }
        Ok(())
    }

    fn unreadable(&self, error: &std::io::Error) -> Fault {
        Fault::failed(format!("/proc cannot be read, so nothing can be proved: {error}"))
    }

    /// Nothing of it lives, by every mark and by its own list.
    fn prove(&self) -> Result<(), Fault> {
        let name = &self.target.name;
        let not_stopped = |what: &str| {
            Fault::failed(format!(
                "the site `{name}` is not stopped: {what}; see to that, then: siteward clean {name}"
            ))
        };
        loop {
            let left = Moment::now().until(self.times.until);
            let look = self.look(Moment::now() + (left / 2).max(Duration::from_millis(200)))?;
            let members = find_members(&self.target.site, Some(&self.record()))
                .map_err(|error| self.unreadable(&error))?;
            let living = match (&look.supervisors[..], &look.daemon, members.is_empty()) {
                ([first, ..], _, _) => format!("its supervisor {} lives", first.pid),
                (_, _, false) => members.describe(),
                ([], _, true) if !look.workers.is_empty() => {
                    format!("its process {} lives", look.workers[0].pid)
                }
                ([], Daemon::Up(Some(daemon)), _) => format!("its daemon {} lives", daemon.pid),
                ([], Daemon::Up(None), _) => "its list says that it is up".to_owned(),
                ([], Daemon::Unknown(why), true) => return self.prove_without_list(why),
                ([], Daemon::Shut(_) | Daemon::Absent, true)
                | ([], Daemon::NotAsked | Daemon::NotInstalled, true) => return Ok(()),
            };
            if self.times.until.passed() {
                return Err(not_stopped(&living));
            }
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(50)));
        }
    }

    /// The list is of no use, and no mark is left. What a person started by hand bears none, but
    /// it works on the database.
    fn prove_without_list(&self, why: &str) -> Result<(), Fault> {
        let name = &self.target.name;
        let Some(database) = &self.definition.database else {
            log::warn!("{why}; `{name}` is proved stopped by the marks of its processes alone");
            return Ok(());
        };
        let holding = holders(database).map_err(|error| self.unreadable(&error))?;
        // The keeper of the lease goes when this is proved.
        match holding.iter().find(|holder| !holder.keeps_lease(&self.target.site)) {
            None => {
                log::warn!("{why}; `{name}` is proved stopped by its marks and its free database");
                Ok(())
            }
            Some(holder) => Err(Fault::failed(format!(
                "the site `{name}` is not proved stopped: {why}, and {} ({}) holds {}; see to \
                 that, then: siteward clean {name}",
                holder.pid,
                holder.comm,
                holder.what.display()
            ))),
        }
    }
}

fn me() -> Identity {
    // /proc was read a moment ago.
    Identity::of(Pid::this()).unwrap_or_else(Identity::nobody)
}
