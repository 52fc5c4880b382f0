//! Waits for a site with an external supervisor to come up.

use std::os::fd::AsFd;
use std::time::Duration;

use super::{Daemon, External, ListedService, Started};
use crate::backend::jobcenter;
use crate::backend::orders::{Boot, Cut, NotDone, Up};
use crate::disk;
use crate::history::{Entry, HistoryEvent, OrderedStart};
use crate::journal;
use crate::linux::wait::Waiting;
use crate::process::{Identity, Phase};
use crate::site::{WRAPPED, duration};
use crate::values::Moment;

/// The time for the other processes to appear once the daemon is up.
const COMPLETE: Duration = Duration::from_secs(15);

/// For how long the services of a start must be down, so that they are down for good.
const FOR_GOOD: Duration = Duration::from_secs(1);

/// The shortest timeout of the list command.
const SHORT: Duration = Duration::from_millis(500);

/// The result of one observation.
enum Coming {
    Up,
    /// The supervisor runs, and is configured to run no processes.
    AtRest(String),
    NotYet(String),
    Never(String),
}

/// A site that is coming up.
struct ComingUp<'a> {
    external: &'a External,
    /// None: another verb or a person started the supervisor.
    started: Option<&'a mut Started>,
    /// The process of the supervisor, as started or found.
    known: Option<Identity>,
    /// Its services were told to start, once.
    is_woken: bool,
    /// Since when services are down for good.
    broken: Option<Moment>,
    /// Since when these processes of its services are up.
    steady: Option<(Moment, Vec<Identity>)>,
}

impl External {
    /// Waits until the site is up. Nothing is rolled back.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub fn await_up(
        &self,
        started: Option<&mut Started>,
        boot: &Boot,
        cut: Cut<'_>,
    ) -> Result<Up, NotDone> {
        let known = match &started {
            Some(started) => Identity::of(started.child.pid),
            None => super::supervisors(&self.wrapped).unwrap_or_default().into_iter().next(),
        };
        let mut coming = ComingUp {
            external: self,
            started,
            known,
            is_woken: false,
            broken: None,
            steady: None,
        };
        let up = coming.until_up(boot, cut)?;
        coming.note(&up);
        self.note(|record| record.phase = Some(Phase::Up));
        if self.definition.database.is_some() {
            disk::leave_facts_detached(&self.places);
        }
        if matches!(up, Up::Running) {
            coming.until_complete(boot.up_by);
        }
        Ok(up)
    }
}

impl ComingUp<'_> {
    /// Writes down that it is up; where another verb has started it, that one does.
    fn note(&self, up: &Up) {
        let Some(started) = &self.started else { return };
        let entry = match up {
            Up::AtRest(why) => Entry::new(HistoryEvent::Paused, why),
            Up::Running | Up::Seen(_) => Entry::new(HistoryEvent::Up, "the site is running"),
        };
        let OrderedStart { by, at } = &started.order;
        let entry = entry.ordered_by(by.clone()).taking(Moment::now().since(*at));
        journal::note(&self.external.places, Some(&self.external.definition), &entry);
    }

    fn until_up(&mut self, boot: &Boot, cut: Cut<'_>) -> Result<Up, NotDone> {
        let until = boot.up_by;
        // The interval doubles up to countsleep. The last observation is at the deadline.
        let mut pace = Duration::from_millis(50);
        loop {
            if (cut.is_cut)() {
                return Err(NotDone::Interrupted);
            }
            let is_last = until.passed();
            let why = match self.look(until) {
                Ok(Coming::Up) => return Ok(Up::Running),
                Ok(Coming::AtRest(why)) => return Ok(Up::AtRest(why)),
                Ok(Coming::NotYet(why)) => why,
                Ok(Coming::Never(why)) | Err(why) => return Err(self.failed(why)),
            };
            if is_last {
                let time = duration::say(boot.time);
                return Err(self.failed(format!("it was not up within {time}: {why}")));
            }
            self.pause((Moment::now() + pace).min(until), cut);
            pace = (pace * 2).min(self.external.definition.countsleep);
        }
    }

    /// JobCenter's daemon is up before its other processes. The start waits for them, so that a deep monitor
    /// right after it does not find some of them missing.
    fn until_complete(&self, boot_until: Moment) {
        let until = boot_until.min(Moment::now() + COMPLETE);
        let known: Vec<Identity> = self.known.iter().cloned().collect();
        while let Some(missing) = self.external.missing_kind(&known) {
            if until.passed() {
                return log::warn!("{missing}");
            }
            Waiting::<()>::new().wait(Some(Moment::now() + SHORT / 10));
        }
    }

    fn failed(&self, why: String) -> NotDone {
        let places = &self.external.places;
        let mut details = Vec::new();
        if let Some(started) = &self.started {
            let lines = started.last_lines(places, 10);
            details.extend(lines.into_iter().map(|line| format!("{WRAPPED}: {line}")));
            details.push(format!("all that it printed is in {}", places.wrapped_log().display()));
            // Without its port JobCenter cannot start, and does not say so to us.
            if self.external.wrapped.jobcenter.is_some() {
                details.extend(self.external.check_port().err());
            }
        }
        NotDone::NotInTime { why, details }
    }

    fn look(&mut self, until: Moment) -> Result<Coming, String> {
        let external = self.external;
        let wrapped = &external.wrapped;
        let program = self.external.program().to_owned();
        let never = |how: &str| Ok(Coming::Never(format!("`{program}` {how}")));
        if let Some(how) = self.ended() {
            return never(&how);
        }
        // One list command must leave time for the next one and for the last observation.
        let left = until.left();
        let share = Moment::now() + (left / 3).max(Duration::from_secs(1)).min(left.max(SHORT));
        let look = self.external.look(share)?;
        let supervised =
            !look.supervisors.is_empty() || self.known.as_ref().is_some_and(Identity::is_alive);
        if !matches!(look.daemon, Daemon::Broken(_) | Daemon::Shut(Some(_))) {
            self.broken = None;
        }
        Ok(match look.daemon {
            Daemon::Up(_) | Daemon::Broken(_) if self.is_still_starting(&look.services) => {
                Coming::NotYet(format!("`{program}` has not ended yet"))
            }
            Daemon::Up(_) if supervised || wrapped.detached => self.steady(&look.services),
            Daemon::Up(_) => Coming::Never(format!("`{program}` is gone, and its daemon is up")),
            Daemon::NotAsked if supervised => self.settled(),
            Daemon::NotInstalled => {
                Coming::Never("the program of its `list` is missing".to_owned())
            }
            _ if supervised
                && wrapped.jobcenter.as_ref().is_some_and(jobcenter::in_maintenance) =>
            {
                Coming::AtRest("maintenance=ON stands in this machine's daemon.conf".to_owned())
            }
            _ if !supervised && !wrapped.detached => {
                return never(self.ended().as_deref().unwrap_or("is gone"));
            }
            // Its start command has ended well, and what it started has not.
            Daemon::Shut(Some(why))
                if wrapped.detached && wrapped.subject.is_some() && !supervised =>
            {
                self.broken(&program, why)
            }
            Daemon::Shut(Some(claim)) | Daemon::Partly(claim) => Coming::NotYet(claim),
            Daemon::Broken(why) => self.broken(&program, why),
            Daemon::Shut(None) if wrapped.remembers() && !self.is_woken => {
                self.wake(share);
                Coming::NotYet("its services are started, as they were down before".to_owned())
            }
            Daemon::Shut(None) | Daemon::NotAsked => {
                Coming::NotYet("its list shows the site as down".to_owned())
            }
            Daemon::Absent => Coming::NotYet("its list does not know the site".to_owned()),
            Daemon::Unknown(why) => Coming::NotYet(why),
        })
    }

    /// Without a list, the site is up once its supervisor has run for `settle`.
    fn settled(&self) -> Coming {
        let age = self.known.as_ref().and_then(Identity::age).unwrap_or_default();
        match age >= self.external.definition.settle.max(Duration::from_millis(20)) {
            true => Coming::Up,
            false => Coming::NotYet("it has only just begun".to_owned()),
        }
    }

    /// Services are down for good, if that stays so: before its first answer a supervisor may show those of its last run.
    fn broken(&mut self, program: &str, why: String) -> Coming {
        let since = *self.broken.get_or_insert_with(Moment::now);
        match Moment::now().since(since) >= FOR_GOOD {
            true => Coming::Never(format!("`{program}` has given it up: {why}")),
            false => Coming::NotYet(why),
        }
    }

    /// The command that starts services, and then ends, has not ended.
    fn is_still_starting(&self, services: &[ListedService]) -> bool {
        let runs = self.started.as_ref().is_some_and(|started| !started.child.handle.is_dead());
        runs && self.external.wrapped.detached && !services.is_empty()
    }

    /// Services that are up only just may die at once: they are looked at again after `settle`.
    fn steady(&mut self, services: &[ListedService]) -> Coming {
        let now: Vec<Identity> = services.iter().filter_map(|of| of.identity.clone()).collect();
        if now.is_empty() {
            return Coming::Up;
        }
        match &self.steady {
            Some((since, those)) if *those == now => {
                if Moment::now().since(*since) >= self.external.definition.settle {
                    return Coming::Up;
                }
            }
            Some(_) | None => self.steady = Some((Moment::now(), now)),
        }
        Coming::NotYet("its services have only just begun".to_owned())
    }

    /// Starts the services that were down when their supervisor was stopped.
    fn wake(&mut self, until: Moment) {
        self.is_woken = true;
        let Some(words) = &self.external.wrapped.resume else { return };
        let complaint = match self.external.order_services(words, until) {
            Ok(complaint) => complaint,
            Err(why) => Some(why),
        };
        if let Some(why) = complaint {
            log::warn!("`{}` {why}", words.join(" "));
        }
    }

    fn ended(&mut self) -> Option<String> {
        let detached = self.external.wrapped.detached;
        self.started.as_deref_mut()?.ending(detached)
    }

    /// Waits until the supervisor dies, the wait is interrupted, or `until`.
    fn pause(&self, until: Moment, cut: Cut<'_>) {
        let mut waiting = Waiting::new();
        let started = self.started.as_ref().filter(|s| !s.child.handle.is_dead());
        if let Some(started) = started {
            waiting.readable(started.child.handle.as_fd(), ());
        }
        waiting.readable((cut.fd)(), ());
        waiting.wait(Some(until));
    }
}
