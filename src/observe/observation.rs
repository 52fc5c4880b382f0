//! The state of a site, with the facts behind it.

use super::evidence::{Denied, ObserveError};
use crate::backend::external::External;
use crate::control::{Failure, State, View};
use crate::process::{Identity, Members, Record};
use crate::site::SitePlaces;

/// The state of a site, and the facts behind it.
#[derive(Debug)]
pub struct Observation {
    pub state: State,
    /// The supervisor's answer, if it answered.
    pub view: Option<View>,
    /// The record, if there is one of this boot and it can be read.
    pub record: Option<Record>,
    /// The living processes of the site, if no supervisor watches them.
    pub members: Members,
    /// The reason for a state other than running or stopped: a sentence without its full stop.
    pub why: Option<String>,
    /// The look at the wrapped supervisor, if the site has one.
    pub wrapped: Option<Wrapping>,
    /// A failure that this observation has found, and that nobody has written down.
    pub found: Option<Failure>,
}

/// The processes of a wrapped supervisor, and what its list says.
#[derive(Debug)]
pub struct Wrapping {
    /// The wrapped supervisor.
    pub external: Box<External>,
    pub supervisors: Vec<Identity>,
    /// The process that its list names, after a check against /proc.
    pub daemon: Option<Identity>,
    /// The list says that the site is up.
    pub is_listed_up: bool,
    /// Other known processes of the site.
    pub workers: Vec<Identity>,
    /// The processes that its list names for its services.
    pub services: Vec<Identity>,
}

impl Wrapping {
    /// All its processes that were seen.
    pub fn living(&self) -> impl Iterator<Item = &Identity> {
        self.supervisors.iter().chain(&self.daemon).chain(&self.workers)
    }

    /// All whose end may change the state of the site.
    pub fn watched(&self) -> impl Iterator<Item = &Identity> {
        self.living().chain(&self.services)
    }

    /// Its stop command may have an effect: a supervisor lives, or the list says that the site is up.
    pub fn is_supervised(&self) -> bool {
        !self.supervisors.is_empty() || self.is_listed_up
    }

    /// What starts its processes is no supervisor of its own, and lives on without it: systemd, or Docker.
    pub fn is_known_to_another(&self) -> bool {
        let wrapped = &self.external.wrapped;
        wrapped.detached && wrapped.subject.is_some() && self.is_listed_up
    }

    /// A sentence about a kind of process that is missing.
    pub fn missing_kind(&self) -> Option<String> {
        let known: Vec<Identity> = self.supervisors.iter().chain(&self.daemon).cloned().collect();
        self.external.missing_kind(&known)
    }
}

impl Observation {
    /// The site serves.
    pub fn serves(&self) -> bool {
        matches!(self.state, State::Running | State::Degraded)
    }

    /// Something of the site is up, or may be.
    pub fn is_up(&self) -> bool {
        !matches!(self.state, State::Stopped | State::Failed)
    }

    /// The failure, if the site failed.
    pub fn failure(&self) -> Option<&Failure> {
        let of_view = self.view.as_ref().and_then(|v| v.failure.as_ref());
        of_view.or_else(|| self.record.as_ref()?.failure()).or(self.found.as_ref())
    }

    /// The observation of a site that cannot exist, such as a clone.
    pub fn of_nothing() -> Self {
        Self {
            state: State::Stopped,
            view: None,
            record: None,
            members: Members::default(),
            why: None,
            wrapped: None,
            found: None,
        }
    }

    /// Whether a supervisor answered.
    pub fn is_supervised(&self) -> bool {
        self.view.is_some()
    }
}

/// The observation. The state is `unknown` if something could not be read.
pub(super) fn or_unknown(
    places: &SitePlaces,
    seen: Result<Observation, ObserveError>,
) -> Result<Observation, Denied> {
    match seen {
        Ok(seen) => Ok(seen),
        Err(ObserveError::Denied(denied)) => Err(denied),
        Err(ObserveError::Unknown(why)) => Ok(unknown(places, why)),
    }
}

pub(super) fn unknown(places: &SitePlaces, why: String) -> Observation {
    Observation {
        state: State::Unknown,
        view: None,
        record: Record::read(places).ok().flatten(),
        members: Members::default(),
        why: Some(why),
        wrapped: None,
        found: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Idle, KEEPER, Site, UNIT, failure, ourselves, record, view};
    use super::*;
    use crate::process::Ending;

    #[test]
    fn each_state_says_whether_the_site_serves_and_whether_something_may_be_up() {
        let of = |state| Observation { state, ..Observation::of_nothing() };
        for (state, serves, is_up) in [
            (State::Running, true, true),
            (State::Degraded, true, true),
            (State::Starting, false, true),
            (State::Maintenance, false, true),
            (State::StoppingOrdered, false, true),
            (State::StoppingFailed, false, true),
            (State::FailedWithSurvivors, false, true),
            (State::Unsupervised, false, true),
            (State::Unknown, false, true),
            (State::Stopped, false, false),
            (State::Failed, false, false),
        ] {
            let observation = of(state);
            assert_eq!((observation.serves(), observation.is_up()), (serves, is_up), "{state:?}");
            assert!(!observation.is_supervised(), "no supervisor answered");
            assert_eq!(observation.failure(), None);
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_what_is_forbidden_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let places = SitePlaces {
            definition: folder.path().join("shop.yaml"),
            runtime: folder.path().join("shop"),
            logs: folder.path().join("log"),
        };
        let seen = or_unknown(&places, Err(ObserveError::Unknown("a disk hangs".to_owned())));
        let seen = seen.unwrap();
        assert_eq!((seen.state, seen.why.as_deref()), (State::Unknown, Some("a disk hangs")));
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(or_unknown(&places, Err(ObserveError::Denied(Denied(denied)))).is_err());
        let nothing = or_unknown(&places, Ok(Observation::of_nothing())).unwrap();
        assert_eq!((nothing.state, nothing.why), (State::Stopped, None));
    }

    fn wrapping(external: External) -> Wrapping {
        Wrapping {
            external: Box::new(external),
            supervisors: Vec::new(),
            daemon: None,
            is_listed_up: false,
            workers: Vec::new(),
            services: Vec::new(),
        }
    }

    #[test]
    fn a_site_lives_on_without_its_starter_if_another_supervisor_lists_it_as_up() {
        let site = Site::new();
        for (supervisor, detached, is_listed_up, is_known) in [
            (UNIT, true, true, true),
            (UNIT, true, false, false),
            (UNIT, false, true, false),
            (KEEPER, true, true, false),
        ] {
            let mut external = site.external(supervisor);
            external.wrapped.detached = detached;
            let wrapping = Wrapping { is_listed_up, ..wrapping(external) };
            let case = format!("{supervisor}, {detached}, {is_listed_up}");
            assert_eq!(wrapping.is_known_to_another(), is_known, "{case}");
        }
    }

    #[test]
    fn a_stop_may_have_an_effect_on_a_supervisor_or_on_what_is_listed_as_up() {
        let external = Site::new().external(KEEPER);
        for (lives, is_listed_up) in [(false, false), (true, false), (false, true), (true, true)] {
            let supervisors = lives.then(ourselves).into_iter().collect();
            let wrapping = Wrapping { supervisors, is_listed_up, ..wrapping(external.clone()) };
            assert_eq!(wrapping.is_supervised(), lives || is_listed_up, "{lives}, {is_listed_up}");
        }
    }

    #[test]
    fn all_that_was_seen_lives_and_the_services_are_watched_too() {
        let [supervisor, daemon, worker, service] = ["a", "b", "c", "d"].map(Idle::called);
        let all = [&supervisor, &daemon, &worker, &service].map(Idle::identity);
        let [supervisor, daemon, worker, service] = all.clone();
        let wrapping = Wrapping {
            supervisors: vec![supervisor],
            daemon: Some(daemon),
            workers: vec![worker],
            services: vec![service],
            ..wrapping(Site::new().external(KEEPER))
        };
        assert_eq!(wrapping.living().cloned().collect::<Vec<_>>(), all[..3]);
        assert_eq!(wrapping.watched().cloned().collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_kind_of_process_is_missing_only_where_kinds_are_known() {
        let site = Site::new();
        assert_eq!(wrapping(site.external(KEEPER)).missing_kind(), None);
        let missing = wrapping(site.jobcenter()).missing_kind().unwrap();
        assert!(missing.contains("`shop` lacks a process: no `nqsdaemon` runs"), "{missing}");
    }

    #[test]
    fn the_supervisors_own_failure_is_told_before_what_was_written_and_what_was_found() {
        let answered = View { failure: Some(failure("told")), ..view(State::Failed, Vec::new()) };
        let silent = view(State::Failed, Vec::new());
        let written = Record { ending: Some(Ending::Failed(failure("written"))), ..record() };
        for (view, record, found, expected) in [
            (Some(answered), Some(written.clone()), Some("found"), Some("told")),
            (Some(silent.clone()), Some(written.clone()), Some("found"), Some("written")),
            (None, Some(written), None, Some("written")),
            (None, Some(record()), Some("found"), Some("found")),
            (None, None, Some("found"), Some("found")),
            (Some(silent), Some(record()), None, None),
        ] {
            let found = found.map(failure);
            let is_supervised = view.is_some();
            let seen = Observation { view, record, found, ..Observation::of_nothing() };
            let reason = seen.failure().map(|failure| failure.reason.as_str());
            assert_eq!(reason, expected);
            assert_eq!(seen.is_supervised(), is_supervised);
        }
    }
}
