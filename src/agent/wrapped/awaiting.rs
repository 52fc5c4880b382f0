//! Waiting for a wrapped site to come up; rolled back if it does not.

use std::os::fd::AsFd;
use std::time::Duration;

use super::{Fault, Manners, Outcome, Target, end, is_overtaken, missing_kind, note, overtaken};
use crate::agent::deadline::{StartTimes, StopTimes};
use crate::backend::external::{self, Daemon, Started};
use crate::backend::jobcenter;
use crate::control::Failure;
use crate::history;
use crate::linux::clock::WallTime;
use crate::linux::wait::Waiting;
use crate::observe::Wrapping;
use crate::process::{Ending, Identity, Phase};
use crate::site::{Definition, WRAPPED, Wrapped, duration};
use crate::values::ExitStatus;
use crate::values::Moment;

/// Waiting for a site to come up.
pub(super) struct Awaiting<'a> {
    target: &'a Target,
    definition: &'a Definition,
    wrapped: &'a Wrapped,
    begun: Moment,
    times: StartTimes,
    /// The supervisor, as the process that was started or found.
    pub(super) known: Option<Identity>,
    /// None: somebody else started it.
    pub(super) started: Option<Started>,
}

/// What a look at a site that is coming up says.
enum Coming {
    Up,
    /// The supervisor is there, and is to stay alone.
    AtRest(String),
    NotYet(String),
    Never(String),
}

impl<'a> Awaiting<'a> {
    pub(super) fn new(
        target: &'a Target,
        definition: &'a Definition,
        wrapped: &'a Wrapped,
        begun: Moment,
        times: StartTimes,
    ) -> Self {
        Self { target, definition, wrapped, begun, times, known: None, started: None }
    }

    /// Up, or rolled back.
    pub(super) fn finish(mut self) -> Result<Outcome, Fault> {
        let name = &self.target.name;
        match self.until_up() {
            Ok(None) => {
                self.note_up();
                self.until_complete();
                Ok(Outcome::Done(format!("the site `{name}` is running")))
            }
            Ok(Some(why)) => {
                self.note_up();
                log::warn!("the site `{name}` is in maintenance: {why}");
                Ok(Outcome::Done(format!("the site `{name}` is in maintenance: {why}")))
            }
            // What was launched is the stop's to end, which finds it: it was recorded within our turn.
            Err(fault) if is_overtaken(&self.target.site, self.begun) => {
                log::info!("{fault}");
                Err(overtaken(self.target))
            }
            Err(mut fault) => {
                if let Some(started) = &self.started {
                    let lines = started.last_lines(&self.target.site, 10);
                    fault.details.extend(lines.into_iter().map(|l| format!("{WRAPPED}: {l}")));
                    let log = self.target.site.wrapped_log();
                    fault.details.push(format!("all that it printed is in {}", log.display()));
                }
                self.roll_back(&fault);
                Err(fault)
            }
        }
    }

    /// Ok(None): up; Ok(Some): at rest, for this reason.
    fn until_up(&mut self) -> Result<Option<String>, Fault> {
        let boot_until = self.begun + self.times.boot;
        // At once, soon, and then at most every countsleep, with a last look at the end.
        let mut pace = Duration::from_millis(50);
        loop {
            if is_overtaken(&self.target.site, self.begun) {
                return Err(overtaken(self.target));
            }
            let is_last = boot_until.passed();
            let why = match self.look(boot_until)? {
                Coming::Up => return Ok(None),
                Coming::AtRest(why) => return Ok(Some(why)),
                Coming::NotYet(why) => why,
                Coming::Never(why) => return Err(self.did_not_start(&why)),
            };
            if is_last {
                return Err(self.did_not_start(&format!(
                    "it was not up within {}: {why}",
                    duration::show(self.times.boot)
                )));
            }
            self.pause((Moment::now() + pace).min(boot_until));
            pace = (pace * 2).min(self.definition.countsleep);
        }
    }

    /// JobCenter's daemon is up before its other processes are: they get a while, so that a deep
    /// monitor right after the start does not find half a site.
    fn until_complete(&self) {
        let until = (self.begun + self.times.boot).min(Moment::now() + COMPLETE);
        loop {
            let missing = self.target_missing();
            match missing {
                Some(fault) if until.passed() => return log::warn!("{fault}"),
                Some(_) => Waiting::<()>::new().wait(Some(Moment::now() + SHORT / 10)),
                None => return,
            };
        }
    }

    fn target_missing(&self) -> Option<Fault> {
        let wrapping = Wrapping {
            definition: Box::new(self.definition.clone()),
            supervisors: self.known.iter().cloned().collect(),
            daemon: None,
        };
        missing_kind(self.target, &wrapping)
    }

    fn did_not_start(&self, why: &str) -> Fault {
        Fault::failed(format!("the site `{}` did not start: {why}", self.target.name))
    }

    fn look(&mut self, boot_until: Moment) -> Result<Coming, Fault> {
        let program = self.wrapped.start[0].clone();
        let never = |how: &str| Ok(Coming::Never(format!("`{program}` {how}")));
        if let Some(how) = self.ended() {
            return never(&how);
        }
        // One question must leave time for the next, and for the last look.
        let left = boot_until.left();
        let share = Moment::now() + (left / 3).max(Duration::from_secs(1)).min(left.max(SHORT));
        let look = external::look(self.wrapped, self.definition, &self.target.site, share)
            .map_err(|why| self.did_not_start(&why))?;
        let supervised =
            !look.supervisors.is_empty() || self.known.as_ref().is_some_and(Identity::is_alive);
        Ok(match look.daemon {
            Daemon::Up(_) if supervised || self.wrapped.detached => Coming::Up,
            Daemon::Up(_) => Coming::Never(format!("`{program}` is gone, and its daemon is up")),
            Daemon::NotAsked if supervised => self.settled(),
            Daemon::NotInstalled => {
                Coming::Never("the program of its `list` is missing".to_owned())
            }
            _ if self.maintenance() && supervised => {
                Coming::AtRest("maintenance=ON stands in this machine's daemon.conf".to_owned())
            }
            _ if !supervised && !self.wrapped.detached => {
                let how = self.ended();
                return never(how.as_deref().unwrap_or("is gone"));
            }
            Daemon::Shut(Some(claim)) => Coming::NotYet(claim),
            Daemon::Shut(None) | Daemon::NotAsked => {
                Coming::NotYet("its list shows the site as down".to_owned())
            }
            Daemon::Absent => Coming::NotYet("its list does not know the site".to_owned()),
            Daemon::Unknown(why) => Coming::NotYet(why),
        })
    }

    fn maintenance(&self) -> bool {
        self.wrapped.jobcenter.as_ref().is_some_and(jobcenter::in_maintenance)
    }

    /// Without a list nothing says that it is up, but that it has not died for a while.
    fn settled(&self) -> Coming {
        let age = self.known.as_ref().and_then(Identity::age).unwrap_or_default();
        match age >= self.definition.settle.max(Duration::from_millis(20)) {
            true => Coming::Up,
            false => Coming::NotYet("it has only just begun".to_owned()),
        }
    }

    /// How the supervisor that we started ended, if it did and should not have.
    fn ended(&mut self) -> Option<String> {
        let started = self.started.as_mut()?;
        if !started.child.handle.is_dead() {
            return None;
        }
        if let Some(Err(error)) = started.child.report.outcome() {
            return Some(error.to_string());
        }
        match started.status()? {
            ExitStatus::Code(0) if self.wrapped.detached => None,
            status => Some(status.to_string()),
        }
    }

    /// Until the supervisor dies, or the moment comes.
    fn pause(&self, until: Moment) {
        let mut waiting = Waiting::new();
        let handle = match &self.started {
            Some(started) if !started.child.handle.is_dead() => Some(started.child.handle.as_fd()),
            Some(_) | None => None,
        };
        if let Some(handle) = handle {
            waiting.readable(handle, ());
        }
        waiting.wait(Some(until));
    }

    fn note_up(&self) {
        note(self.target, |record| record.phase = Some(Phase::Up));
    }

    /// What was begun is ended, so that nothing comes up later that nobody waits for.
    fn roll_back(&self, fault: &Fault) {
        let now = Moment::now();
        let polite_until = (now + self.times.rollback).min(self.times.until);
        let times = StopTimes {
            polite_until,
            kill_at: polite_until
                + self.definition.forcekill_time.min(polite_until.until(self.times.until)),
            until: self.times.until.max(now + Duration::from_secs(2)),
        };
        if let Err(left) = end(self.target, &times, Manners::Polite) {
            log::error!("what the start had begun is not ended: {left}");
        }
        let failure = Failure {
            process: None,
            reason: fault.sentence.clone(),
            at: WallTime::now(),
            last_lines: Vec::new(),
            signal: None,
        };
        history::add(&self.target.site.history(), "failed", &fault.sentence);
        note(self.target, |record| record.ending = Some(Ending::Failed(failure)));
    }
}

/// How long the processes beside the daemon may take to appear.
const COMPLETE: Duration = Duration::from_secs(15);

/// The shortest time that a list is given.
const SHORT: Duration = Duration::from_millis(500);
