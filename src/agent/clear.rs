//! The first steps of a start: take the turn, then end, adopt or report an earlier run.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::deadline::keeper_by;
use super::halt::Halt;
use super::waiting::{Awaited, already_up};
use super::{Deadline, Fault, Outcome, Target, down};
use crate::backend::{Backend, Boot, own};
use crate::control::{Pause, State};
use crate::hold::{self, Interrupts, StartAttempt, StartTurn};
use crate::messages::{self, Message};
use crate::observe::{Observation, observe};
use crate::process::{ProcessRecord, Record};
use crate::site::{SiteName, load};
use crate::values::Moment;

/// The verb that brings the site up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// A supervisor that outlives this process.
    Start,
    /// The supervisor is this process, or its child.
    Run,
    /// A new supervisor for processes that are still running.
    Adopt,
    /// A paused siteward supervisor, as a placeholder for an external one that cannot pause.
    Hold(Pause),
    /// The external supervisor again, after its placeholder.
    Resume,
}

/// The start has its turn.
pub(super) struct Locked<'a> {
    pub(super) turn: StartTurn<'a>,
    pub(super) target: &'a Target,
    pub(super) deadline: Deadline,
    pub(super) way: &'a Way,
    pub(super) look_until: Moment,
    pub(super) attempt: &'a StartAttempt<'a>,
}

pub(super) enum Clearing<'a> {
    /// There is nothing to bring up.
    Settled(Outcome),
    Cleared(Box<Cleared<'a>>),
}

/// No supervisor runs, and no process of the site except those to adopt.
pub(super) struct Cleared<'a> {
    pub(super) locked: Locked<'a>,
    /// The record of the processes to adopt.
    pub(super) record: Option<Record>,
}

impl<'a> Locked<'a> {
    pub(super) fn take(
        target: &'a Target,
        interrupts: &'a Interrupts<'a>,
        deadline: &Deadline,
        way: &'a Way,
        attempt: &'a StartAttempt<'a>,
    ) -> Result<Self, Halt> {
        target.site.check_length().map_err(messages::path_too_long)?;
        can_serve(target, way, &Backend::at(&target.site))?;
        check_exists(target)?;
        let look_until = deadline.for_turn();
        let turn = StartTurn::take(&target.site, interrupts, look_until)
            .map_err(|why| Halt::of_turn(target, why))?;
        Ok(Self { turn, target, deadline: *deadline, way, look_until, attempt })
    }

    pub(super) fn look(self) -> Result<Clearing<'a>, Halt> {
        match self.way {
            Way::Start | Way::Run => self.clear_earlier(),
            Way::Adopt => self.find_adoptable(),
            Way::Hold(_) => {
                down::end_unsupervised(self.target, &self.deadline)?;
                self.cleared()
            }
            Way::Resume => {
                own::end_placeholder(&self.target.site, &self.target.by(), self.look_until);
                self.cleared()
            }
        }
    }

    fn cleared(self) -> Result<Clearing<'a>, Halt> {
        Halt::if_cut(self.turn.interrupts)?;
        Ok(Clearing::Cleared(Cleared { locked: self, record: None }.into()))
    }

    pub(super) fn another(&self) -> Halt {
        messages::another_supervisor(&self.target.name).into()
    }

    /// Waits for an earlier run, ends it, or reports it, by the state of the site.
    fn clear_earlier(self) -> Result<Clearing<'a>, Halt> {
        let (name, places) = (&self.target.name, &self.target.site);
        let mut was_stopping = false;
        loop {
            Halt::if_cut(self.turn.interrupts)?;
            let seen = observe(places, self.deadline.begun, self.look_until)?;
            hold::note_found(places, &seen);
            match Earlier::of(seen.state, seen.view.is_some(), was_stopping) {
                Earlier::IsUp => {
                    self.keep_lease(&seen)?;
                    return self.settled(already_up(self.target, &seen));
                }
                Earlier::ComesUp => {
                    let backend = Backend::at(places);
                    let waits = self.found(&backend);
                    let outcome = waits.finish(backend.found(), self.turn.interrupts)?;
                    return self.settled(outcome);
                }
                Earlier::Stops => {
                    if self.look_until.passed() {
                        return Err(messages::still_stopping(name).into());
                    }
                    was_stopping = true;
                    let soon = Moment::now() + Duration::from_millis(100);
                    own::wait_for_end(places, soon.min(self.look_until));
                }
                Earlier::StillStops => {
                    return Err(messages::still_stopping(name).into());
                }
                Earlier::Unknown => {
                    let why = seen.why.unwrap_or_default();
                    return Err(messages::state_unknown(name, why).into());
                }
                Earlier::Lives => {
                    log::warn!("{}; that is ended first", seen.why.unwrap_or_default());
                    down::end_unsupervised(self.target, &self.deadline)?;
                    return self.cleared();
                }
                Earlier::IsGone => return self.cleared(),
            }
        }
    }

    /// Nobody but the verbs watches the keeper of a site with a supervisor of its own.
    fn keep_lease(&self, seen: &Observation) -> Result<(), Halt> {
        let (Some(wrapping), Some(Record { ending: None, .. })) = (&seen.wrapped, &seen.record)
        else {
            return Ok(());
        };
        let until = keeper_by(Moment::now(), self.look_until);
        let kept = hold::keep(&self.target.site, &wrapping.external.definition, until);
        kept.map(drop)
            .map_err(|why| messages::lease_lost(format!("the lease is not kept: {why}")).into())
    }

    /// A site that another verb or a person has started. With an external supervisor it is rolled back here
    /// if it does not come up; siteward's own supervisor rolls back itself.
    fn found<'b>(&'b self, backend: &'b Backend) -> Awaited<'b> {
        let boot = Boot::until(self.look_until);
        let boot = backend.external().map_or(boot, |e| self.deadline.for_start(&e.definition));
        Awaited { target: self.target, backend, boot, is_ours: backend.external().is_some() }
    }

    /// Another supervisor runs: a success for `start`, an error for `run`.
    fn settled(&self, outcome: Outcome) -> Result<Clearing<'a>, Halt> {
        match self.way {
            Way::Run => Err(self.another()),
            Way::Start | Way::Adopt | Way::Hold(_) | Way::Resume => Ok(Clearing::Settled(outcome)),
        }
    }

    /// Finds the record of the processes to adopt.
    fn find_adoptable(self) -> Result<Clearing<'a>, Halt> {
        let name = &self.target.name;
        let seen = observe(&self.target.site, self.deadline.begun, self.look_until)?;
        if let Some(view) = &seen.view {
            return Ok(Clearing::Settled(Outcome::Done(format!(
                "the site `{name}` has its supervisor, {}, and is {}",
                view.supervisor, view.state
            ))));
        }
        let why = seen.why.unwrap_or_else(|| format!("it is {}", seen.state));
        let record = adoptable(name, seen.state, seen.record, why)?;
        Ok(Clearing::Cleared(Cleared { locked: self, record: Some(record) }.into()))
    }
}

/// What a start finds of an earlier run.
#[derive(Debug, PartialEq, Eq)]
enum Earlier {
    IsUp,
    /// Another start is under way: its outcome is the outcome of this one.
    ComesUp,
    Stops,
    /// The last look had no time left for an answer.
    StillStops,
    Unknown,
    /// Processes live without a supervisor.
    Lives,
    IsGone,
}

impl Earlier {
    fn of(state: State, has_view: bool, was_stopping: bool) -> Self {
        match state {
            State::Running | State::Degraded | State::Maintenance => Self::IsUp,
            State::Starting if has_view => Self::ComesUp,
            State::StoppingOrdered | State::StoppingFailed => Self::Stops,
            State::Unknown if was_stopping => Self::StillStops,
            State::Unknown => Self::Unknown,
            State::Unsupervised | State::FailedWithSurvivors => Self::Lives,
            // `Starting` without a view: an external supervisor, which this start is bringing up.
            State::Starting | State::Stopped | State::Failed => Self::IsGone,
        }
    }
}

/// The record of the processes to adopt, of a site that no supervisor answers for.
fn adoptable(
    name: &SiteName,
    state: State,
    record: Option<Record>,
    why: String,
) -> Result<Record, Message> {
    Err(match (state, record) {
        (State::Unsupervised, Some(record)) if !living(&record).is_empty() => return Ok(record),
        (State::Unsupervised, Some(_)) => messages::nothing_to_adopt(
            name,
            "no process that its record names lives, and what else does cannot be verified",
        ),
        (State::Unsupervised, None) => messages::no_record_to_adopt(name, why),
        (State::Stopped | State::Failed, _) => messages::nothing_lives(name, state),
        (State::FailedWithSurvivors, _) => messages::given_up_not_adopted(name, why),
        (
            State::Unknown
            | State::Starting
            | State::Running
            | State::Degraded
            | State::Maintenance
            | State::StoppingOrdered
            | State::StoppingFailed,
            _,
        ) => messages::adopt_refused(name, why),
    })
}

/// The recorded processes that are still running.
pub(super) fn living(record: &Record) -> Vec<&ProcessRecord> {
    record.processes.iter().filter(|p| p.identity.is_alive()).collect()
}

/// An external supervisor cannot be adopted; one that detaches cannot run in the foreground.
pub(super) fn can_serve(target: &Target, way: &Way, backend: &Backend) -> Result<(), Fault> {
    let Some(external) = backend.external() else { return Ok(()) };
    let name = &target.name;
    match way {
        Way::Adopt => Err(messages::wrapped_not_adoptable(name).into()),
        Way::Run if external.wrapped.detached => Err(messages::wrapped_not_runnable(name).into()),
        Way::Start | Way::Run | Way::Hold(_) | Way::Resume => Ok(()),
    }
}

/// A mistyped name must not create a directory.
fn check_exists(target: &Target) -> Result<(), Fault> {
    let is_missing = |path: &Path| {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match is_missing(&target.site.runtime) && is_missing(&target.site.definition) {
        true => load(&target.places, &target.name).map(|_| ()).map_err(Fault::from),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{KEEPER, Site, ourselves, record};
    use crate::process::Identity;

    #[test]
    fn a_start_joins_waits_for_ends_or_replaces_an_earlier_run() {
        for (state, earlier) in [
            (State::Running, Earlier::IsUp),
            (State::Degraded, Earlier::IsUp),
            (State::Maintenance, Earlier::IsUp),
            (State::StoppingOrdered, Earlier::Stops),
            (State::StoppingFailed, Earlier::Stops),
            (State::Unsupervised, Earlier::Lives),
            (State::FailedWithSurvivors, Earlier::Lives),
            (State::Stopped, Earlier::IsGone),
            (State::Failed, Earlier::IsGone),
        ] {
            for (has_view, was_stopping) in [(false, false), (true, false), (false, true)] {
                assert_eq!(Earlier::of(state, has_view, was_stopping), earlier, "{state}");
            }
        }
        assert_eq!(Earlier::of(State::Starting, true, false), Earlier::ComesUp);
        assert_eq!(Earlier::of(State::Starting, false, false), Earlier::IsGone);
        assert_eq!(Earlier::of(State::Unknown, false, false), Earlier::Unknown);
        assert_eq!(Earlier::of(State::Unknown, false, true), Earlier::StillStops);
    }

    fn with(identity: Identity) -> Record {
        let name = "web".to_owned();
        let web = ProcessRecord { name, identity, ready: true, printed_from: 0 };
        Record { processes: vec![web], ..record() }
    }

    #[test]
    fn only_processes_that_live_and_are_named_by_the_record_are_adopted() {
        let name = "shop".parse().unwrap();
        let why = |state, record| {
            let adoptable = adoptable(&name, state, record, "a reason".to_owned());
            adoptable.map(|record| living(&record).len()).map_err(|why| why.id.to_string())
        };
        let of = |state, id: &str| {
            assert_eq!(why(state, Some(with(ourselves()))), Err(id.to_owned()), "{state}");
        };
        assert_eq!(why(State::Unsupervised, Some(with(ourselves()))), Ok(1));
        let dead = why(State::Unsupervised, Some(with(ourselves().ended())));
        assert_eq!(dead, Err("nothing-to-adopt".to_owned()));
        assert_eq!(why(State::Unsupervised, None), Err("no-record-to-adopt".to_owned()));
        of(State::Stopped, "nothing-lives");
        of(State::Failed, "nothing-lives");
        of(State::FailedWithSurvivors, "given-up-not-adopted");
        of(State::Unknown, "adopt-refused");
        of(State::Running, "adopt-refused");
    }

    #[test]
    fn a_supervisor_of_its_own_is_not_adopted_and_not_run_in_the_foreground_if_it_detaches() {
        let site = Site::new();
        let target = site.target();
        let mut external = site.external(KEEPER);
        for detached in [false, true] {
            external.wrapped.detached = detached;
            let backend = Backend::External(Box::new(external.clone()));
            let can = |way| can_serve(&target, &way, &backend).is_ok();
            assert!(!can(Way::Adopt));
            assert_eq!(can(Way::Run), !detached);
            assert!(can(Way::Start) && can(Way::Resume) && can(Way::Hold(Pause::because("a"))));
        }
        let own = Backend::Own(site.places.clone());
        assert!(can_serve(&target, &Way::Adopt, &own).is_ok());
    }

    #[test]
    fn a_site_exists_if_it_has_a_definition_or_a_folder_of_this_boot() {
        for (has_folder, has_definition) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let site = Site::new();
            if !has_folder {
                fs::remove_dir_all(&site.places.runtime).unwrap();
            }
            if has_definition {
                fs::write(&site.places.definition, "").unwrap();
            }
            let exists = check_exists(&site.target()).is_ok();
            assert_eq!(exists, has_folder || has_definition, "{has_folder}, {has_definition}");
        }
    }
}
