use super::*;
use crate::observe::samples::{KEEPER, Site, UNIT, failure, ourselves, record, view};
use crate::process::{Member, ProcessRecord};

fn seen(state: State, wrapped: Option<Wrapping>) -> Observation {
    Observation { state, wrapped, ..Observation::of_nothing() }
}

fn wrapping(site: &Site, supervisor: &str, lives: bool, is_listed_up: bool) -> Wrapping {
    Wrapping {
        external: Box::new(site.external(supervisor)),
        supervisors: lives.then(ourselves).into_iter().collect(),
        daemon: None,
        is_listed_up,
        workers: Vec::new(),
        services: Vec::new(),
    }
}

fn member(of: &Identity) -> Member {
    Member {
        pid: of.pid,
        start: of.start,
        comm: "a".to_owned(),
        state: 'S',
        parent: None,
        session: None,
        process: None,
        by: "a mark",
    }
}

fn spare(seen: &mut Observation) {
    seen.members.spared.push((member(&ourselves()), "a reason"));
}

#[test]
fn a_process_that_has_the_number_of_one_that_was_seen_is_not_ended() {
    let of = |marked: Identity, wrapped| {
        let mut seen = seen(State::Unsupervised, wrapped);
        seen.members.ours.push(member(&marked));
        living(&seen)
    };
    assert_eq!(of(ourselves(), None), [ourselves()]);
    assert_eq!(of(ourselves().ended(), None), []);
    let listed = wrapping(&Site::new(), KEEPER, true, true);
    assert_eq!(of(ourselves(), Some(listed)), [ourselves()], "once");
}

#[test]
fn there_is_something_to_end_if_a_process_lives_or_the_list_says_so() {
    let site = Site::new();
    for (state, expected) in [
        (State::Stopped, false),
        (State::Failed, false),
        (State::Unsupervised, true),
        (State::Unknown, true),
    ] {
        assert_eq!(has_something(&seen(state, None), &[]), expected, "{state}");
    }
    for (lives, is_listed_up) in [(false, false), (true, false), (false, true), (true, true)] {
        let seen = seen(State::Stopped, Some(wrapping(&site, UNIT, false, is_listed_up)));
        let living: Vec<Identity> = lives.then(ourselves).into_iter().collect();
        assert_eq!(has_something(&seen, &living), lives || is_listed_up, "{seen:?}");
    }
}

#[test]
fn a_stop_ends_in_order_what_has_a_supervisor_and_a_clean_ends_what_another_would_start_again() {
    let site = Site::new();
    let mut detached = wrapping(&site, UNIT, false, true);
    detached.external.wrapped.detached = true;
    for (seen, in_order, elsewhere) in [
        (seen(State::Unsupervised, None), true, false),
        (seen(State::Unsupervised, Some(wrapping(&site, KEEPER, true, false))), true, false),
        (seen(State::Unsupervised, Some(wrapping(&site, KEEPER, false, false))), false, false),
        (seen(State::Running, Some(detached)), true, true),
    ] {
        assert_eq!(ends_in_order(StopMode::Graceful, &seen), in_order, "{seen:?}");
        assert!(!ends_in_order(StopMode::Kill, &seen));
        assert_eq!(goes_on_elsewhere(StopMode::Kill, &seen), elsewhere, "{seen:?}");
        assert!(!goes_on_elsewhere(StopMode::Graceful, &seen));
    }
}

#[test]
fn a_stop_is_proved_by_the_state_or_without_its_list_if_nothing_lives() {
    let site = Site::new();
    let of = |state, lives| seen(state, Some(wrapping(&site, KEEPER, lives, false)));
    for (state, lives, proof) in [
        (State::Stopped, false, Proof::Proved),
        (State::Failed, false, Proof::Proved),
        // The start under way is the one that is rolled back.
        (State::Starting, false, Proof::Proved),
        (State::Starting, true, Proof::NotYet),
        (State::Unknown, false, Proof::WithoutList),
        (State::Unknown, true, Proof::NotYet),
        (State::Running, false, Proof::NotYet),
    ] {
        assert_eq!(Proof::of(&of(state, lives)), proof, "{state}, {lives}");
    }
    let view = Some(view(State::Starting, Vec::new()));
    let answered = Observation { view, ..of(State::Starting, false) };
    assert_eq!(Proof::of(&answered), Proof::NotYet, "its supervisor answers");
}

#[test]
fn a_process_that_must_not_be_signalled_refutes_a_stop_at_once() {
    let site = Site::new();
    for state in [State::Starting, State::Unknown, State::Running, State::Unsupervised] {
        let mut wrapped = seen(state, Some(wrapping(&site, KEEPER, false, false)));
        spare(&mut wrapped);
        assert_eq!(Proof::of(&wrapped), Proof::Refuted, "{state}");
        assert_eq!(Proof::of(&seen(state, None)), Proof::Refuted, "{state}, no list");
    }
    assert_eq!(Proof::of(&seen(State::Stopped, None)), Proof::Proved);
}

fn times(left: Duration) -> StopTimes {
    let until = Moment::now() + left;
    StopTimes { graceful_until: until, kill_at: until, until }
}

const DEADLINE: Duration = Duration::from_secs(10);

fn deadline() -> Deadline {
    Deadline { begun: Moment::now(), given: Some(DEADLINE) }
}

#[test]
fn a_list_that_may_be_late_is_looked_at_again_while_there_is_time() {
    let site = Site::new();
    let target = site.target();
    let context = SiteContext::read(&target, &deadline());
    let listed = || seen(State::Running, Some(wrapping(&site, KEEPER, false, true)));
    assert!(prove(&context, listed(), &times(DEADLINE)).is_ok());
    let fault = prove(&context, listed(), &times(Duration::ZERO)).unwrap_err();
    assert!(fault.sentence.contains("it is running"), "{fault}");
}

#[test]
fn a_stop_of_nothing_says_so() {
    let site = Site::new();
    let said = |outcome| match outcome {
        Outcome::Done(said) => said,
        other => panic!("{other:?}"),
    };
    let (target, deadline) = (site.target(), deadline());
    let stopped = said(stop(&target, &deadline));
    assert!(stopped.contains("already stopped"), "{stopped}");
    for break_lease in [false, true] {
        // Without a definition, there is no lease to break.
        match (break_lease, clean_and_break(&target, break_lease, &deadline)) {
            (false, Outcome::Done(said)) => assert!(said.contains("nothing"), "{said}"),
            (true, Outcome::Fault(_)) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_rollback_leaves_the_reason_of_the_start_in_the_record() {
    let site = Site::new();
    record().write(&site.places).unwrap();
    let of = |fault: Option<&Fault>| {
        roll_back(&site.target(), &times(DEADLINE), StopMode::Graceful, fault).unwrap();
        Record::read(&site.places).unwrap().unwrap().ending
    };
    assert!(matches!(of(None), Some(Ending::Stopped { .. })), "it was interrupted");
    let fault = Fault::from(messages::file_missing());
    let Some(Ending::Failed(failure)) = of(Some(&fault)) else { panic!("it failed") };
    assert_eq!((failure.id, failure.reason), (Some(fault.id), fault.sentence));
}

#[test]
fn a_proved_stop_is_recorded_with_its_proof_and_only_once() {
    let site = Site::new();
    let identity = ourselves().ended();
    let web = ProcessRecord { name: "web".to_owned(), identity, ready: true, printed_from: 0 };
    let with = |ending| Record { ending, processes: vec![web.clone()], ..record() };
    let tidied = |before: Record| {
        before.write(&site.places).unwrap();
        tidy_up(&site.target());
        Record::read(&site.places).unwrap().unwrap()
    };
    let failed = tidied(with(Some(Ending::Failed(failure("it fell")))));
    let Some(Ending::Stopped { at, by, proved_by }) = &failed.ending else { panic!() };
    assert!(by == "a person" && !proved_by.is_empty() && failed.processes.is_empty());
    // The time and the name of the first stop stay.
    let stopped = |proved_by: &[String]| {
        let (at, by, proved_by) = (*at, "somebody".to_owned(), proved_by.to_vec());
        Some(Ending::Stopped { at, by, proved_by })
    };
    let proved_now = tidied(with(stopped(&[])));
    assert_eq!(proved_now.ending, stopped(proved_by));
    assert!(proved_now.processes.is_empty());
    let before = with(stopped(proved_by));
    assert_eq!(tidied(before.clone()), before, "it is not written again");
}

#[test]
fn a_stop_of_a_supervisor_that_is_down_ends_nothing() {
    let site = Site::new();
    std::fs::write(&site.places.definition, site.external(KEEPER).definition.text).unwrap();
    let outcome = stop(&site.target(), &deadline());
    assert!(matches!(&outcome, Outcome::Done(said) if said.contains("already")), "{outcome:?}");
    let history = std::fs::read_to_string(site.places.history()).unwrap_or_default();
    assert!(!history.contains("all processes have ended"), "{history}");
}
