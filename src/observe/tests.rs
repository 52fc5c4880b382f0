use super::samples::{Idle, Site, failure, ourselves, record, view};
use super::*;
use crate::control::{Pause, ProcessView};
use crate::linux::wait::Waiting;
use crate::process::{Ending, Identity, MARK, ProcessRecord, mark_entry};
use crate::values::Signal;

fn process(name: &str, up: bool, detail: Option<&str>) -> ProcessView {
    ProcessView {
        name: name.to_owned(),
        pid: None,
        start: None,
        doing: if up { "ready" } else { "waiting" }.to_owned(),
        up,
        essential: true,
        restarts: 0,
        detail: detail.map(str::to_owned),
    }
}

#[test]
fn unknown_is_said_only_when_nine_tenths_of_the_time_are_gone() {
    let begun = Moment::now();
    let deadline = begun + Duration::from_secs(20);
    assert_eq!(patience_of(begun, deadline), begun + Duration::from_secs(18));
    assert_eq!(patience_of(begun, begun), begun);
}

#[test]
fn a_supervisors_answer_gives_the_reason_that_fits_its_state() {
    let site = Site::new();
    let places = &site.places;
    let why = |view: View| believed(places, view).why;
    let (up, down) = (|| process("a", true, Some("fine")), || process("b", false, None));
    let told = || process("c", false, Some("no disk"));
    let lost = || vec!["the disk is gone".to_owned()];
    for (state, processes, lost, expected) in [
        (
            State::Degraded,
            vec![up(), down(), told()],
            vec![],
            Some("`b` is waiting; `c` is waiting (no disk)"),
        ),
        (State::Starting, vec![up(), down()], vec![], Some("`b` is waiting")),
        (State::Degraded, vec![up(), down()], lost(), Some("the disk is gone; `b` is waiting")),
        (State::Degraded, vec![up()], lost(), Some("the disk is gone")),
        (State::Degraded, vec![up()], vec![], None),
        (State::Starting, vec![up()], vec![], None),
        (State::Maintenance, vec![down()], vec![], None),
        (State::Maintenance, vec![down()], lost(), Some("the disk is gone")),
        (State::Running, vec![up(), down()], lost(), None),
        (State::StoppingOrdered, vec![up(), down()], lost(), None),
    ] {
        let case = format!("{state:?}, {processes:?}, {lost:?}");
        let seen = believed(places, View { lost, ..view(state, processes) });
        assert_eq!(seen.state, state);
        assert!(seen.is_supervised());
        assert_eq!(seen.why.as_deref(), expected, "{case}");
    }
    let paused = Some(Pause::because("held by a test"));
    let held = View { paused, ..view(State::Maintenance, vec![down()]) };
    assert_eq!(why(held.clone()).as_deref(), Some("held by a test"));
    let both = View { lost: lost(), ..held.clone() };
    assert_eq!(why(both).as_deref(), Some("held by a test; the disk is gone"));
    let resumed = View { state: State::Running, ..held };
    assert_eq!(why(resumed), None);
    for state in State::ALL {
        let failed = View { failure: Some(failure("it broke")), ..view(state, vec![down()]) };
        assert_eq!(why(failed).as_deref(), Some("it broke"), "{state:?}");
    }
}

#[test]
fn a_supervisor_that_answers_comes_with_its_record() {
    let site = Site::new();
    let places = &site.places;
    assert_eq!(believed(places, view(State::Running, vec![])).record, None);
    record().write(places).unwrap();
    assert!(believed(places, view(State::Running, vec![])).record.is_some());
}

fn of_record(record: Record) -> Observation {
    Observation { record: Some(record), ..Observation::of_nothing() }
}

/// The site with this process, and no other.
fn with_member(idle: &Idle) -> Observation {
    let Identity { pid, start, .. } = idle.identity();
    let member = Member {
        pid,
        start,
        comm: "cat".to_owned(),
        state: 'S',
        parent: None,
        session: None,
        process: None,
        by: "environment",
    };
    let members = Members { ours: vec![member], ..Members::default() };
    Observation { members, ..Observation::of_nothing() }
}

#[test]
fn what_was_seen_is_final_unless_a_supervisor_may_live() {
    let site = Site::new();
    let places = &site.places;
    let changes = |seen: &Observation| is_about_to_change(places, seen);
    assert!(!changes(&Observation::of_nothing()));
    assert!(!changes(&of_record(record())), "its supervisor has ended");
    let living = Record { supervisor: ourselves(), ..record() };
    assert!(changes(&of_record(living)));
    let marked = |name: &str| {
        let mark = String::from_utf8(mark_entry(places, name)).unwrap();
        Idle::new(|command| command.env(MARK, mark))
    };
    let (supervisor, process) = (marked(SUPERVISOR), marked("web"));
    assert!(changes(&with_member(&supervisor)));
    assert!(!changes(&with_member(&process)));
}

#[test]
fn processes_beside_a_held_lock_have_a_supervisor() {
    let site = Site::new();
    let changes = |seen: &Observation| is_about_to_change(&site.places, seen);
    let idle = Idle::called("web");
    let held = Site::hold(&site.places.lock());
    assert!(changes(&with_member(&idle)));
    assert!(!changes(&Observation::of_nothing()), "nothing of the site lives");
    drop(held);
    assert!(!changes(&with_member(&idle)), "the lock is free");
    std::fs::remove_file(site.places.lock()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", site.places.lock()).unwrap();
    assert!(changes(&with_member(&idle)), "the lock cannot be asked");
}

#[test]
fn a_supervisor_that_is_silent_is_unknown_and_one_that_is_stopped_is_let_go_on() {
    let site = Site::new();
    let places = &site.places;
    let why = || {
        let seen = silent(places);
        assert_eq!(seen.state, State::Unknown);
        seen.why.unwrap()
    };
    assert_eq!(why(), "the supervisor does not answer");
    let idle = Idle::called("siteward");
    let supervisor = idle.identity();
    let pid = supervisor.pid;
    Record { supervisor: supervisor.clone(), ..record() }.write(places).unwrap();
    assert_eq!(why(), format!("the supervisor {pid} does not answer"));
    supervisor.open().unwrap().send(Signal::STOP).unwrap();
    let deadline = Moment::now() + Duration::from_secs(20);
    while !supervisor.stat().is_some_and(|stat| stat.is_stopped()) && !deadline.passed() {
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(5)));
    }
    let why = why();
    assert!(why.ends_with(&format!("let it go on with: kill -CONT {pid}")), "{why}");
}

#[test]
fn without_a_supervisor_the_processes_and_the_record_give_the_state() {
    let site = Site::new();
    let seen = |record: &Record| {
        record.write(&site.places).unwrap();
        let seen = without_supervisor(&site.places, None).unwrap();
        (seen.state, seen.why.unwrap_or_default())
    };
    let failed =
        |record: Record| Record { ending: Some(Ending::Failed(failure("it broke"))), ..record };
    let nothing = without_supervisor(&site.places, None).unwrap();
    assert_eq!((nothing.state, nothing.why), (State::Stopped, None));
    assert_eq!(seen(&record()), (State::Stopped, String::new()));
    assert_eq!(seen(&failed(record())), (State::Failed, "it broke".to_owned()));

    let idle = Idle::called("web");
    let of_idle = ProcessRecord::started("web", idle.identity());
    let living = Record { processes: vec![of_idle], ..record() };
    let described = format!("nobody watches {} (web)", idle.identity().pid);
    let (state, why) = seen(&living);
    assert_eq!(state, State::Unsupervised);
    assert_eq!(why, format!("the supervisor is gone, and {described}"));
    let (state, why) = seen(&failed(living));
    assert_eq!((state, why), (State::FailedWithSurvivors, format!("it broke; {described}")));
}

#[test]
fn nobody_watches_what_lives_and_what_has_failed_stays_so() {
    let idle = Idle::called("web");
    let none = Members::default;
    let some = || with_member(&idle).members;
    let spared = || {
        let spared = some().ours.into_iter().map(|member| (member, "it is the cluster's"));
        Members { spared: spared.collect(), ..none() }
    };
    let web = ["`web`".to_owned(), "`db`".to_owned()];
    let broke = || Some("it broke".to_owned());
    let unseen = "a process that this user cannot see still belongs to `web`, `db`";
    let (left, left_by_failed) =
        (format!("the supervisor is gone, and {unseen}"), format!("it broke; {unseen}"));
    for (failed, members, held, state, why) in [
        (None, none(), &web[..0], State::Stopped, ""),
        (broke(), none(), &web[..0], State::Failed, "it broke"),
        (
            None,
            some(),
            &web[..0],
            State::Unsupervised,
            "the supervisor is gone, and nobody watches",
        ),
        (broke(), some(), &web[..0], State::FailedWithSurvivors, "it broke; nobody watches"),
        (
            None,
            spared(),
            &web[..0],
            State::Unsupervised,
            "the supervisor is gone, and nobody watches",
        ),
        (None, some(), &web[..], State::Unsupervised, "the supervisor is gone, and nobody watches"),
        (None, none(), &web[..], State::Unsupervised, &*left),
        (broke(), none(), &web[..], State::FailedWithSurvivors, &*left_by_failed),
    ] {
        let told = unwatched(failed, &members, held);
        let words = told.1.unwrap_or_default();
        assert!(told.0 == state && words.starts_with(why), "{state:?}, {why}: {words}");
        assert_eq!(words.is_empty(), why.is_empty(), "{state:?}: {words}");
    }
}
