//! The verbs for a site that has a supervisor of its own: started, stopped and asked by its
//! commands, and never believed without a look at the processes.

mod end;
mod run;

use std::os::fd::AsFd;
use std::time::Duration;

use super::deadline::StartTimes;
use super::orders::held_down;
use super::start::only_start;
use super::{Deadline, Fault, FaultKind, Outcome, Target, gate, ownership, ports};
use crate::backend::command::{Marked, how_it_ended, run as run_command};
use crate::backend::external::{self, Daemon, Started};
use crate::backend::jobcenter;
use crate::backend::own::{self, Launched, Orders};
use crate::control::{Failure, Pause, Request, State};
use crate::history;
use crate::linux::clock::WallTime;
use crate::linux::process::{ExitStatus, arguments};
use crate::linux::wait::Waiting;
use crate::linux::{Moment, Pid, files};
use crate::observe::{Observation, Wrapping, observe};
use crate::process::{Ending, Identity, Phase, ProcessRecord, Record, find_members, holders};
use crate::site::{Definition, WRAPPED, Wrapped, load};

pub(super) use end::{Manners, announce, end};
pub(super) use run::run;

/// Starts the wrapped supervisor and waits until its site is up. Already up: nothing is done.
pub(super) fn start(target: &Target, deadline: &Deadline) -> Result<Outcome, Fault> {
    let definition = load(&target.places, &target.name);
    let patience = definition.as_ref().map_or(Duration::from_secs(60), |d| d.boot_timeout);
    let look_until = deadline.begun + deadline.given.unwrap_or(patience);
    let _only_one = only_start(target, look_until)?;
    if let Some(outcome) = clear_the_way(target, deadline, look_until)? {
        return Ok(outcome);
    }
    let definition = definition.map_err(Fault::from)?.adjusted(&target.adjustments);
    let wrapped = wrapped_of(&definition)?;
    let times = deadline.for_start(&definition);
    if let Some(why) = held_down(&definition) {
        return hold(target, &definition, &why, times.until);
    }
    bring_up(target, &definition, wrapped, deadline.begun, times)
}

fn wrapped_of(definition: &Definition) -> Result<&Wrapped, Fault> {
    definition.wrapped.as_ref().ok_or_else(|| {
        Fault::failed(format!(
            "the definition of `{}` has no `supervisor` any more; start it again",
            definition.name
        ))
    })
}

/// A paused site has no process, and its own supervisor may not be able to come up without any: one
/// of ours is at rest in its place, so that the cluster sees a healthy site.
fn hold(
    target: &Target,
    definition: &Definition,
    why: &Pause,
    until: Moment,
) -> Result<Outcome, Fault> {
    let orders = Orders {
        name: &target.name,
        places: &target.places,
        held: Some(why),
        boot: definition.boot_timeout,
        rollback: definition.stop_timeout,
        known_as: target.known_as.as_deref(),
        adjustments: &target.adjustments,
    };
    match own::launch(&orders, until) {
        Ok(Launched::AtWork | Launched::AnotherIs) => Ok(Outcome::Done(format!(
            "the site `{}` is in maintenance ({why}): no process of it runs until `siteward \
             resume {}`",
            target.name, target.name
        ))),
        Err(error) => {
            Err(Fault::failed(format!("the site `{}` could not be held: {error:#}", target.name)))
        }
    }
}

/// Deals with whatever is there already. The outcome, if the start ends with that.
fn clear_the_way(
    target: &Target,
    deadline: &Deadline,
    until: Moment,
) -> Result<Option<Outcome>, Fault> {
    let name = &target.name;
    loop {
        let seen = observe(&target.site, deadline.begun, until)?;
        match seen.state {
            State::Running | State::Degraded | State::Maintenance => {
                let why = seen.why.map_or_else(String::new, |w| format!(" ({w})"));
                let words = format!("the site `{name}` is already {}{why}", up_word(seen.state));
                return Ok(Some(Outcome::Done(words)));
            }
            // Started by a person, or by a start that was cut off: its outcome is ours.
            State::Starting if seen.view.is_some() => {
                return await_begun(target, &seen, deadline).map(Some);
            }
            State::StoppingOrdered | State::StoppingFailed => {
                if until.passed() {
                    return Err(Fault::failed(format!(
                        "the site `{name}` is still being stopped; wait for that, or end it \
                         with: siteward clean {name}"
                    )));
                }
                Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(100)));
            }
            State::Unknown => {
                return Err(Fault::failed(format!(
                    "it cannot be found out whether the site `{name}` runs: {}",
                    seen.why.unwrap_or_default()
                )));
            }
            State::Unsupervised | State::FailedWithSurvivors => {
                log::warn!("{}; that is ended first", seen.why.as_deref().unwrap_or_default());
                let times = super::stop::stop_times(deadline, &target.site);
                end(target, &times, Manners::Polite)?;
                return Ok(None);
            }
            // The start that is under way is this one.
            State::Starting | State::Stopped | State::Failed => return Ok(None),
        }
    }
}

fn up_word(state: State) -> &'static str {
    match state {
        State::Maintenance => "in maintenance",
        State::Degraded => "up, but degraded",
        _ => "running",
    }
}

/// A supervisor is there, and its site is not up yet; nobody waits for it but us.
fn await_begun(target: &Target, seen: &Observation, deadline: &Deadline) -> Result<Outcome, Fault> {
    let Some(wrapping) = &seen.wrapped else { return Err(overtaken(target)) };
    let definition = (*wrapping.definition).clone();
    let wrapped = wrapped_of(&definition)?;
    let times = deadline.for_start(&definition);
    let mut awaiting = Awaiting::new(target, &definition, wrapped, deadline.begun, times);
    awaiting.known = wrapping.supervisors.first().cloned();
    awaiting.finish()
}

fn overtaken(target: &Target) -> Fault {
    Fault::failed(format!("the start of `{}` was overtaken by stop", target.name))
}

/// Gate, record, process, and waiting for its site.
fn bring_up(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    begun: Moment,
    times: StartTimes,
) -> Result<Outcome, Fault> {
    let (keeper, started) = begin(target, definition, wrapped, begun, times)?;
    let mut awaiting = Awaiting::new(target, definition, wrapped, begun, times);
    awaiting.known = Identity::of(started.child.pid);
    awaiting.started = Some(started);
    awaiting.keeper = keeper;
    awaiting.finish()
}

/// From the gate to the process; whatever fails, nothing is held any more.
fn begin(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    begun: Moment,
    times: StartTimes,
) -> Result<(Option<Identity>, Started), Fault> {
    let boot_until = begun + times.boot;
    let reserved = prepare(target, definition, wrapped, boot_until)?;
    let started = keep_port(target, definition, wrapped, times.until).and_then(|keeper| {
        drop(reserved);
        Ok((keeper, launch(target, definition, wrapped, boot_until)?))
    });
    if started.is_err() {
        ownership::let_go(target, None, None);
    }
    started
}

/// What must be so before anything is started.
fn prepare(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    until: Moment,
) -> Result<ports::Reserved, Fault> {
    gate::check(definition)?;
    ownership::take(target, definition, until)?;
    let prepared = prepared(target, definition, wrapped);
    if prepared.is_err() {
        ownership::let_go(target, None, None);
    }
    prepared
}

fn prepared(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
) -> Result<ports::Reserved, Fault> {
    gate::wrapped_here(definition, wrapped)?;
    files::write_durably(&target.site.snapshot(), definition.text.as_bytes()).map_err(|error| {
        Fault::failed(format!("{} cannot be written: {error}", target.site.snapshot().display()))
    })?;
    ports::reserve(definition)
}

/// JobCenter's own port keeper (PORT-01..07), which holds the port until its daemon binds it.
fn keep_port(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    until: Moment,
) -> Result<Option<Identity>, Fault> {
    let Some(profile) = wrapped.jobcenter.as_ref().filter(|p| p.port_keeper) else {
        return Ok(None);
    };
    ports::check_free(definition, ports::NQS)?;
    let address = definition.address.map_or_else(|| definition.site.clone(), |a| a.to_string());
    let words = vec![profile.command("nqsportkpr"), address];
    let refused = |why: String| {
        Fault::failed(format!("the port of `{}` is not kept: `{}` {why}", target.name, words[0]))
    };
    let patience = until.min(Moment::now() + Duration::from_secs(10));
    let ran =
        run_command(&words, definition, &target.site, Marked::Yes, patience).map_err(refused)?;
    match ran.complaint() {
        Some(why) => Err(refused(why)),
        None => Ok(None),
    }
}

/// Starts the supervisor and writes down who it is.
fn launch(
    target: &Target,
    definition: &Definition,
    wrapped: &Wrapped,
    until: Moment,
) -> Result<Started, Fault> {
    let failed = |why: String| {
        Fault::failed(format!("the site `{}` could not be started: {why}", target.name))
    };
    let started = external::start(wrapped, definition, &target.site)
        .map_err(|error| failed(format!("`{}`: {error:#}", wrapped.start[0])))?;
    let identity = Identity::of(started.child.pid);
    let me = Identity::of(Pid::this()).ok_or_else(|| failed("/proc is not mounted".to_owned()))?;
    let record = Record {
        version: Record::VERSION,
        site: target.name.clone(),
        known_as: target.known_as.clone(),
        supervisor: me,
        since: WallTime::now(),
        fingerprint: definition.fingerprint.clone(),
        adjustments: target.adjustments.clone(),
        processes: identity
            .into_iter()
            .map(|identity| ProcessRecord { name: WRAPPED.to_owned(), identity })
            .collect(),
        ending: None,
        phase: Some(Phase::Starting { until }),
        paused: None,
    };
    if let Err(error) = record.write(&target.site) {
        log::warn!("the record {} cannot be written: {error}", target.site.record().display());
    }
    history::add(&target.site.history(), "started", &format!("`{}` is at work", wrapped.start[0]));
    Ok(started)
}

/// Waiting for a site to come up.
struct Awaiting<'a> {
    target: &'a Target,
    definition: &'a Definition,
    wrapped: &'a Wrapped,
    begun: Moment,
    times: StartTimes,
    /// The supervisor, as the process that was started or found.
    known: Option<Identity>,
    /// None: somebody else started it.
    started: Option<Started>,
    keeper: Option<Identity>,
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
    fn new(
        target: &'a Target,
        definition: &'a Definition,
        wrapped: &'a Wrapped,
        begun: Moment,
        times: StartTimes,
    ) -> Self {
        Self { target, definition, wrapped, begun, times, known: None, started: None, keeper: None }
    }

    /// Up, or rolled back.
    fn finish(mut self) -> Result<Outcome, Fault> {
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
            Err(fault) if is_overtaken(self.target, self.begun) => {
                // The stop may have looked before our process bore its marks: it is ours to end.
                if let Some(handle) = self.known.as_ref().and_then(Identity::open) {
                    let _ = handle.send(crate::linux::Signal::KILL);
                }
                ownership::let_go(self.target, None, None);
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
            if is_overtaken(self.target, self.begun) {
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
                    crate::site::duration::show(self.times.boot)
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
            status => Some(how_it_ended(status)),
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
        let times = super::deadline::StopTimes {
            polite_until,
            kill_at: polite_until
                + self.definition.forcekill_time.min(polite_until.until(self.times.until)),
            until: self.times.until.max(now + Duration::from_secs(2)),
        };
        if let Some(handle) = self.keeper.as_ref().and_then(Identity::open) {
            let _ = handle.send(crate::linux::Signal::TERM);
        }
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

/// Changes the record, if there is one.
pub(super) fn note(target: &Target, change: impl FnOnce(&mut Record)) {
    let Some(mut record) = Record::read(&target.site).ok().flatten() else { return };
    change(&mut record);
    if let Err(error) = record.write(&target.site) {
        log::warn!("the record {} cannot be written: {error}", target.site.record().display());
    }
}

/// Whether a stop was ordered since `begun`.
fn is_overtaken(target: &Target, begun: Moment) -> bool {
    files::read_plain(&target.site.stop_order(), 1 << 10)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Moment>(&bytes).ok())
        .is_some_and(|at| at > begun)
}

/// Stops the processes under a supervisor that stays, or puts one of ours in its place.
pub(super) fn pause(
    target: &Target,
    definition: &Definition,
    why: &Pause,
    deadline: &Deadline,
) -> Result<(), Fault> {
    let wrapped = wrapped_of(definition)?;
    let times = super::stop::stop_times(deadline, &target.site);
    let seen = observe(&target.site, deadline.begun, times.until)?;
    let runs = match seen.state {
        State::Maintenance => return Ok(()),
        State::Running | State::Degraded => true,
        _ => false,
    };
    if !runs {
        return Err(Fault::failed(format!(
            "the site `{}` is {}, so it has no supervisor to pause it; start it with: siteward \
             start {}",
            target.name, seen.state, target.name
        )));
    }
    let Some(command) = &wrapped.pause else {
        end(target, &times, Manners::Polite)?;
        return hold(target, definition, why, times.until).map(drop);
    };
    note(target, |record| record.paused = Some(why.clone()));
    order(target, definition, command, times.polite_until)?;
    until_state(target, definition, State::Maintenance, times.until)
}

/// Starts the processes again, under the supervisor that stayed, or in place of ours.
pub(super) fn resume(
    target: &Target,
    definition: &Definition,
    deadline: &Deadline,
) -> Result<Outcome, Fault> {
    let wrapped = wrapped_of(definition)?;
    let times = deadline.for_start(definition);
    let in_our_hands = own::glance(&target.site, &Request::Look, times.until).is_some();
    if in_our_hands {
        let _only_one = only_start(target, times.until)?;
        let request = Request::Stop { polite_until: times.until, by: target.caller.to_owned() };
        own::ask(&target.site, &request, times.until);
        own::wait_for_end(&target.site, times.until);
        return bring_up(target, definition, wrapped, deadline.begun, times);
    }
    let seen = observe(&target.site, deadline.begun, times.until)?;
    match (seen.state, &wrapped.resume) {
        (State::Running | State::Degraded, _) => {}
        (State::Maintenance | State::Starting, Some(command)) => {
            order(target, definition, command, times.until)?;
            until_state(target, definition, State::Running, times.until)?;
            note(target, |record| record.paused = None);
        }
        (state, _) => {
            return Err(Fault::failed(format!(
                "the site `{}` is {state}, and cannot be resumed; start it with: siteward start {}",
                target.name, target.name
            )));
        }
    }
    Ok(Outcome::Done(format!("the site `{}` is running", target.name)))
}

fn order(
    target: &Target,
    definition: &Definition,
    words: &[String],
    until: Moment,
) -> Result<(), Fault> {
    let refused =
        |why: String| Fault::new(FaultKind::Failed, format!("`{}` {why}", words.join(" ")));
    let ran = run_command(words, definition, &target.site, Marked::Yes, until).map_err(refused)?;
    // What it says of itself is not what counts; what comes of it is.
    if let Some(why) = ran.complaint() {
        log::warn!("`{}` {why}", words.join(" "));
    }
    Ok(())
}

fn until_state(
    target: &Target,
    definition: &Definition,
    wanted: State,
    until: Moment,
) -> Result<(), Fault> {
    let mut pace = Duration::from_millis(50);
    loop {
        let seen = observe(&target.site, Moment::now(), until)?;
        if seen.state == wanted {
            return Ok(());
        }
        if until.passed() {
            return Err(Fault::failed(format!(
                "the site `{}` is not {wanted} in time, but {}: {}",
                target.name,
                seen.state,
                seen.why.unwrap_or_default()
            )));
        }
        Waiting::<()>::new().wait(Some((Moment::now() + pace).min(until)));
        pace = (pace * 2).min(definition.countsleep);
    }
}

/// A kind of process of JobCenter's table that is not there, or not often enough (PROC-02). Not
/// looked at while the site is at rest (PROC-07, MNT-04): the caller sees to that.
pub(super) fn missing_kind(target: &Target, wrapping: &Wrapping) -> Option<Fault> {
    let wrapped = wrapping.definition.wrapped.as_ref()?;
    wrapped.jobcenter.as_ref()?;
    let mut record = Record::read(&target.site).ok().flatten();
    // What was started by hand bears no mark, but it descends from these.
    if let Some(record) = &mut record {
        let known = wrapping.supervisors.iter().chain(&wrapping.daemon);
        record
            .processes
            .extend(known.map(|i| ProcessRecord { name: WRAPPED.to_owned(), identity: i.clone() }));
    }
    let members = find_members(&target.site, record.as_ref()).ok()?;
    let mut lines: Vec<Vec<Vec<u8>>> = members.ours.iter().map(|m| arguments(m.pid)).collect();
    if record.is_none()
        && let Some(database) = &wrapping.definition.database
    {
        let holding = holders(database).ok()?;
        lines.extend(holding.iter().map(|h| arguments(h.pid)));
    }
    jobcenter::PROCESSES.iter().find_map(|kind| {
        let there = lines.iter().filter(|line| jobcenter::is_named(line, kind.names)).count();
        (there < kind.at_least).then(|| {
            Fault::failed(format!(
                "the site `{}` should run {} of `{}`, and {there} can be seen",
                target.name,
                kind.at_least,
                kind.names.join("` or `")
            ))
        })
    })
}
