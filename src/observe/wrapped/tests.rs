use std::cell::RefCell;

use super::super::samples::{
    Idle, KEEPER, Site, UNIT, failure, in_phase, look, look_at_nobody, ourselves, paused, record,
    starting,
};
use super::*;
use crate::process::Ending;
use crate::site::WhenLost;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn looks_become_rarer_and_end_with_the_patience() {
    let (now, slowest) = (Moment::now(), Duration::from_millis(150));
    let far = now + SECOND;
    let (first, pace) = next_look(now, FIRST_PACE, slowest, far);
    assert_eq!((now.until(first), pace), (FIRST_PACE, FIRST_PACE * 2));
    let (second, pace) = next_look(first, pace, slowest, far);
    assert_eq!((first.until(second), pace), (FIRST_PACE * 2, slowest));
    assert_eq!(next_look(second, pace, slowest, far), (second + slowest, slowest));
    assert_eq!(next_look(now, slowest, slowest, now + FIRST_PACE).0, now + FIRST_PACE);
}

/// With a list that ends with this status and notes in a file that it was asked; no supervisor stays.
fn listed(site: &Site, status: u8) -> External {
    let asked = site.folder().join("asked");
    site.external(&format!(
        "{{start: [/opt/keeper, up], stop: [/opt/keeper, down], process: [/opt/keeper, watch], detached: true, \
         list: {{command: [/bin/sh, -c, \"echo x >> '{}'; exit {status}\"], rows: exit-status}}}}",
        asked.display()
    ))
}

fn times_asked(site: &Site) -> usize {
    std::fs::read_to_string(site.folder().join("asked")).unwrap().lines().count()
}

#[test]
fn a_list_that_gives_no_answer_is_asked_until_the_patience_ends_and_not_without_pause() {
    let site = Site::new();
    let external = listed(&site, 9);
    let patience = Moment::now() + SECOND / 2;
    let seen = observe(&site.places, &external, patience).unwrap();
    assert_eq!(seen.state, State::Unknown);
    assert!(patience.passed(), "it is not unknown before");
    // At 0, 50, 150 and 350 ms, and once more at the end.
    let times = times_asked(&site);
    assert!((1..=5).contains(&times), "{times}");
}

#[test]
fn a_list_that_gives_an_answer_is_asked_once() {
    for (status, state) in [(0, State::Running), (3, State::Stopped)] {
        let site = Site::new();
        let external = listed(&site, status);
        let seen = observe(&site.places, &external, Moment::now() + SECOND * 20).unwrap();
        assert_eq!((seen.state, times_asked(&site)), (state, 1));
    }
}

#[test]
fn only_a_site_that_runs_can_lose_what_it_needs() {
    for (status, when_lost, state) in [
        (0, OnLoss::Fail, State::FailedWithSurvivors),
        (0, OnLoss::Degrade, State::Degraded),
        (0, OnLoss::Ignore, State::Running),
        (3, OnLoss::Fail, State::Stopped),
    ] {
        let site = Site::new();
        let mut external = listed(&site, status);
        external.definition.prerequisites.mounted = Some("/mnt/nothing is mounted here".into());
        external.definition.prerequisites.when_lost = WhenLost::all(when_lost);
        let seen = observe(&site.places, &external, Moment::now() + SECOND * 20).unwrap();
        assert_eq!(seen.state, state, "{status}, {when_lost:?}: {:?}", seen.why);
    }
}

#[test]
fn a_supervisor_has_its_grace_and_half_of_the_time_at_most() {
    let now = Moment::now();
    assert_eq!(end_of_grace(now, now + GRACE * 10), now + GRACE);
    assert_eq!(end_of_grace(now, now + SECOND), now + SECOND / 2);
    assert_eq!(end_of_grace(now, now), now);
}

/// What is lost, each with its sentence.
type Told = Vec<(Prerequisite, String)>;

fn unmounted() -> (Prerequisite, Loss) {
    (Prerequisite::Disk, Loss::Unmounted("/mnt/shop".into()))
}

/// The looks, each with its time and with how long it might take, and what they have found.
fn confirmed(
    found: impl Fn(usize) -> Vec<(Prerequisite, Loss)>,
    deadline: Moment,
) -> (Vec<(Moment, Duration)>, Told) {
    let looks = RefCell::new(Vec::new());
    let losses = confirmed_losses(
        |patience| {
            looks.borrow_mut().push((Moment::now(), patience));
            found(looks.borrow().len())
        },
        deadline,
    );
    (looks.into_inner(), losses)
}

#[test]
fn a_loss_counts_if_a_second_look_finds_it_too() {
    let deadline = Moment::now() + SECOND * 20;
    let (looks, losses) = confirmed(|_| vec![unmounted()], deadline);
    assert_eq!(looks.len(), 2);
    assert!(looks[0].0.until(looks[1].0) >= CONFIRMED_AFTER, "{looks:?}");
    for (at, patience) in looks {
        // The list was asked by the same deadline.
        let half = at.until(deadline) / 2;
        assert!(patience >= half && patience <= half + SECOND, "{patience:?} of {half:?}");
    }
    let (which, sentence) = losses.into_iter().next().unwrap();
    assert_eq!(which, Prerequisite::Disk);
    assert!(sentence.starts_with("/mnt/shop was unmounted under the running site"), "{sentence}");

    let (looks, losses) = confirmed(|_| Vec::new(), deadline);
    assert_eq!((looks.len(), losses), (1, Vec::new()), "nothing is lost");
    let back = |look| if look == 1 { vec![unmounted()] } else { Vec::new() };
    let (looks, losses) = confirmed(back, deadline);
    assert_eq!((looks.len(), losses), (2, Vec::new()), "it was back at once");
}

#[test]
fn a_second_look_for_a_loss_does_not_wait_beyond_the_deadline() {
    let deadline = Moment::now();
    let (looks, losses) = confirmed(|_| vec![unmounted()], deadline);
    assert_eq!((looks.len(), losses.len()), (2, 1));
    assert!(looks[0].0.until(looks[1].0) < CONFIRMED_AFTER, "{looks:?}");
}

#[test]
fn a_running_site_without_its_disk_is_told_by_its_definition() {
    let mut definition = Site::new().external(KEEPER).definition;
    let deadline = Moment::now() + SECOND * 20;
    assert_eq!(find_losses(&definition, None, deadline), []);
    definition.prerequisites.mounted = Some("/mnt/nothing is mounted here".into());
    definition.prerequisites.when_lost = WhenLost::all(OnLoss::Fail);
    let losses = find_losses(&definition, None, deadline);
    assert_eq!(losses.len(), 1);
    assert!(losses[0].1.contains("was unmounted"), "{losses:?}");
}

#[test]
fn a_loss_fails_the_site_or_degrades_it_as_the_definition_says() {
    let mut definition = Site::new().external(KEEPER).definition;
    let running = || (State::Running, None);
    let disk = (Prerequisite::Disk, "no disk".to_owned());
    let address = (Prerequisite::Address, "no address".to_owned());
    let failed = |why: &str| (State::FailedWithSurvivors, Some(why.to_owned()));
    let degraded = |why: &str| (State::Degraded, Some(why.to_owned()));
    let (fail, degrade) = (OnLoss::Fail, OnLoss::Degrade);
    for (mounted, address_present, losses, judged) in [
        (fail, fail, vec![], running()),
        (fail, fail, vec![disk.clone(), address.clone()], failed("no disk")),
        (degrade, degrade, vec![disk.clone(), address.clone()], degraded("no disk")),
        (degrade, fail, vec![disk.clone(), address.clone()], failed("no address")),
        (degrade, fail, vec![disk.clone()], degraded("no disk")),
        (fail, degrade, vec![address.clone()], degraded("no address")),
    ] {
        definition.prerequisites.when_lost = WhenLost { mounted, address_present };
        assert_eq!(without(&definition, running(), &losses), judged, "{losses:?}");
    }
}

#[test]
fn a_failure_that_nobody_has_written_down_is_that_of_a_site_that_was_up() {
    let external = Site::new().external(KEEPER);
    let found = |state, record: Option<&Record>| {
        let untold = Some("it ended by itself".to_owned());
        let found = found_failure(&external, state, untold, record, Some("it is gone"));
        found.map(|failure| failure.reason)
    };
    let up = in_phase(Phase::Up);
    let written = Record { ending: Some(Ending::Failed(failure("it broke"))), ..up.clone() };
    assert_eq!(found(State::Failed, Some(&up)).as_deref(), Some("it is gone"));
    assert_eq!(found(State::Starting, Some(&up)).as_deref(), Some("it ended by itself"));
    for state in State::ALL {
        assert_eq!(found(state, None), None, "{state:?}");
        assert_eq!(found(state, Some(&written)), None, "{state:?}");
        for phase in [starting()[0], starting()[1], Phase::Stopping] {
            assert_eq!(found(state, Some(&in_phase(phase))), None, "{state:?}, {phase:?}");
        }
        if !matches!(state, State::Failed | State::Starting) {
            assert_eq!(found(state, Some(&up)), None, "{state:?}");
        }
    }
    // Its supervisor lives: nothing has ended.
    assert_eq!(found_failure(&external, State::Starting, None, Some(&up), None), None);
}

fn service(name: &str, is_up: bool, is_idle: bool) -> ListedService {
    let words = format!("{name} is listed");
    ListedService { name: name.to_owned(), identity: is_up.then(ourselves), is_up, is_idle, words }
}

fn observed(external: &External, look: Look, record: Option<Record>, state: State) -> Observation {
    let why = Some("a reason".to_owned());
    observation(external, look, record, Members::default(), (state, why))
}

fn names(observation: &Observation) -> Vec<&str> {
    let view = observation.view.as_ref().unwrap();
    view.processes.iter().map(|process| process.name.as_str()).collect()
}

#[test]
fn the_services_of_a_site_are_those_that_should_be_up() {
    let mut external = Site::new().external(KEEPER);
    let services = || {
        vec![service("web", true, false), service("mail", false, false), service("x", false, true)]
    };
    let seen = |external: &External| {
        let look = Look { services: services(), ..look(partly()) };
        observed(external, look, None, State::Degraded)
    };
    let all = seen(&external);
    assert_eq!(names(&all), ["keeper", "web", "mail"]);
    let view = all.view.unwrap();
    let told: Vec<_> =
        view.processes.iter().map(|p| (p.doing.as_str(), p.up, p.essential)).collect();
    assert_eq!(told, [("running", true, true), ("running", true, true), ("down", false, true)]);
    let [keeper, web, mail] = view.processes.try_into().unwrap();
    let me = ourselves();
    assert_eq!((keeper.pid, keeper.start, keeper.detail), (Some(me.pid), Some(me.start), None));
    assert_eq!((web.pid, web.start), (Some(me.pid), Some(me.start)));
    assert_eq!((mail.pid, mail.start), (None, None));
    assert_eq!(mail.detail.as_deref(), Some("mail is listed"));
    assert_eq!(all.wrapped.unwrap().services, [me], "those that have a process are watched");
    // The definition names those that must run.
    external.wrapped.services = vec!["mail".to_owned()];
    let processes = seen(&external).view.unwrap().processes;
    let essential: Vec<bool> = processes.iter().map(|p| p.essential).collect();
    assert_eq!(essential, [true, false, true]);
}

fn partly() -> Daemon {
    Daemon::Partly("`a` is down".to_owned())
}

#[test]
fn each_process_of_jobcenter_has_a_name_and_a_number_where_there_are_several() {
    let external = Site::new().jobcenter();
    let [daemon, one, two] = ["sclaunchd", "jnwengine", "jnwengine"].map(Idle::called);
    let other = Idle::called("something");
    let all = [&daemon, &one, &two, &other].map(Idle::identity);
    let look = Look { workers: all.to_vec(), ..look(Daemon::Up(Some(daemon.identity()))) };
    let seen = observed(&external, look, None, State::Running);
    assert_eq!(names(&seen), ["cjcpw", "sclaunchd", "jnwengine@1", "jnwengine@2"]);
    let wrapped = seen.wrapped.unwrap();
    assert_eq!(wrapped.daemon, Some(daemon.identity()));
    assert_eq!(wrapped.workers, all);
    // A daemon of a supervisor that is not JobCenter's.
    let look = super::super::samples::look(Daemon::Up(Some(other.identity())));
    assert_eq!(names(&observed(&external, look, None, State::Running)), ["cjcpw", "daemon"]);
}

#[test]
fn a_view_needs_a_supervisor_or_the_process_of_a_unit() {
    let site = Site::new();
    let (keeper, unit) = (site.external(KEEPER), site.external(UNIT));
    let idle = Idle::called("something");
    let alone = || Look { workers: vec![idle.identity()], ..look_at_nobody(Daemon::Up(None)) };
    let supervisor = |external, look| {
        let seen = observed(external, look, None, State::Running);
        seen.view.map(|view| view.supervisor)
    };
    assert_eq!(supervisor(&keeper, look(Daemon::Up(None))), Some(ourselves().pid));
    assert_eq!(supervisor(&unit, alone()), Some(idle.identity().pid));
    assert_eq!(supervisor(&keeper, alone()), None);
    assert_eq!(supervisor(&unit, look_at_nobody(Daemon::Up(None))), None);
    let both = Look { workers: vec![idle.identity()], ..look(Daemon::Up(None)) };
    assert_eq!(supervisor(&unit, both), Some(ourselves().pid));
}

#[test]
fn the_list_says_that_the_site_is_up_where_its_stop_has_an_effect() {
    let external = Site::new().external(KEEPER);
    let broken = Daemon::Broken("`a` is down".to_owned());
    let me = ourselves;
    for (daemon, is_up, of) in [
        (Daemon::Up(Some(me())), true, Some(me())),
        (Daemon::Up(None), true, None),
        (partly(), true, None),
        (broken, true, None),
        (Daemon::Shut(Some("7 is gone".to_owned())), false, None),
        (Daemon::Absent, false, None),
        (Daemon::NotAsked, false, None),
        (Daemon::NotInstalled, false, None),
        (Daemon::Unknown("the list hangs".to_owned()), false, None),
    ] {
        let case = format!("{daemon:?}");
        let seen = observed(&external, look_at_nobody(daemon), None, State::Running);
        let wrapped = seen.wrapped.unwrap();
        assert_eq!((wrapped.is_listed_up, wrapped.daemon), (is_up, of), "{case}");
    }
}

#[test]
fn a_view_says_what_was_ordered_and_why_it_is_paused() {
    let external = Site::new().external(KEEPER);
    let view =
        |state, record| observed(&external, look(Daemon::Absent), record, state).view.unwrap();
    let desired = |phase| view(State::Running, Some(in_phase(phase))).desired;
    assert_eq!(desired(Phase::Stopping), "down");
    assert_eq!([desired(Phase::Up), desired(starting()[0])], ["up", "up"]);
    assert_eq!(view(State::Running, None).desired, "up");
    for state in State::ALL {
        let seen = view(state, Some(paused(record())));
        assert_eq!(seen.state, state);
        let words = seen.paused.map(|pause| pause.words);
        let expected = (state == State::Maintenance).then_some("held by a test");
        assert_eq!(words.as_deref(), expected, "{state:?}");
        assert_eq!(seen.degraded_for.is_some(), state == State::Degraded, "{state:?}");
    }
    let by_hand = view(State::Maintenance, Some(record())).paused.unwrap();
    assert_eq!(by_hand.words, "a reason");
    let since = WallTime::from_millis(7000);
    assert_eq!(view(State::Running, Some(Record { since, ..record() })).since, since);
}

#[test]
fn the_end_of_a_supervisor_that_was_up_is_found() {
    let external = Site::new().external(KEEPER);
    let found = |look, state| {
        let seen = observed(&external, look, Some(in_phase(Phase::Up)), state);
        seen.found.map(|failure| failure.reason)
    };
    let nobody = || look_at_nobody(Daemon::Absent);
    assert_eq!(found(nobody(), State::Failed).as_deref(), Some("a reason"));
    let untold = "`keeper` ended without being told to by siteward";
    assert_eq!(found(nobody(), State::Starting).as_deref(), Some(untold));
    assert_eq!(found(look(Daemon::Absent), State::Starting), None);
}
