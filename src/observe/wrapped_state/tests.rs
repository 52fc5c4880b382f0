use super::super::samples::{
    Idle, KEEPER, Site, UNIT, failure, in_phase, look, look_at_nobody, ourselves, paused, record,
    starting,
};
use super::*;
use crate::control::State::{
    Degraded, Failed, FailedWithSurvivors, Maintenance, Running, Starting, Stopped, StoppingFailed,
    StoppingOrdered, Unknown, Unsupervised,
};
use crate::linux::clock::WallTime;
use crate::process::{Member, ProcessRecord};
use crate::site::WRAPPED;
use crate::values::Pid;

/// A verdict with its reason; None: it is unexplained.
type Told = (Option<State>, String);

const HOUR: Duration = Duration::from_secs(3600);

fn told(verdict: RestVerdict) -> Told {
    match verdict {
        RestVerdict::Judged((state, why)) => (Some(state), why.unwrap_or_default()),
        RestVerdict::Unexplained(why) => (None, why),
    }
}

fn judged(external: &External, look: Look, record: Option<Record>) -> Told {
    let seen = WrappedLook { look, record, members: Members::default() };
    told(judge(&external.places, external, &seen).unwrap())
}

/// The state, and a part of the reason; an empty one: there is no reason.
fn assert_told(told: &Told, state: impl Into<Option<State>>, why: &str, case: &str) {
    let fits = match why {
        "" => told.1.is_empty(),
        why => told.1.contains(why),
    };
    assert!(told.0 == state.into() && fits, "{case}: {told:?}");
}

/// It does not stay once the site is up.
fn detached(external: &External) -> External {
    let mut external = external.clone();
    external.wrapped.detached = true;
    external
}

/// It has not had its time to come up.
fn young(external: &External) -> External {
    let mut external = external.clone();
    external.definition.boot_timeout = HOUR;
    external
}

/// Its stop command is also its pause command.
fn stopped_by_pause(external: &External) -> External {
    let mut external = external.clone();
    external.wrapped.pause = Some(external.wrapped.stop.clone());
    external
}

fn partly() -> Daemon {
    Daemon::Partly("`a` is down".to_owned())
}

fn broken() -> Daemon {
    Daemon::Broken("`a` is down for good".to_owned())
}

fn claim() -> Daemon {
    Daemon::Shut(Some("the daemon 7 is gone".to_owned()))
}

#[test]
fn the_supervisor_and_its_list_together_give_the_state() {
    let site = Site::new();
    let stays = site.external(KEEPER);
    let ends = detached(&stays);
    let unknown = || Daemon::Unknown("the list hangs".to_owned());
    let pid = Pid::this();
    for (daemon, lives, external, state, why) in [
        (Daemon::Up(None), true, &stays, Running, ""),
        (Daemon::Up(None), true, &ends, Running, ""),
        (Daemon::Up(None), false, &ends, Running, ""),
        (
            Daemon::Up(None),
            false,
            &stays,
            Unsupervised,
            "the site is up, and no `keeper` watches it",
        ),
        (
            Daemon::Up(Some(ourselves())),
            false,
            &stays,
            Unsupervised,
            &format!("its daemon {pid} is up, and no `keeper` watches it"),
        ),
        (unknown(), true, &stays, Unknown, "the list hangs"),
        (unknown(), false, &stays, Unknown, "the list hangs"),
        (Daemon::NotInstalled, true, &stays, Unknown, "is not on this node"),
        (Daemon::NotInstalled, false, &stays, Stopped, ""),
        (partly(), true, &stays, Degraded, "`a` is down"),
        (partly(), false, &ends, Degraded, "`a` is down"),
        (partly(), false, &stays, Stopped, ""),
        (broken(), true, &stays, FailedWithSurvivors, "`a` is down for good"),
        (broken(), false, &ends, FailedWithSurvivors, "`a` is down for good"),
        (broken(), false, &stays, Stopped, ""),
        (Daemon::NotAsked, true, &stays, Running, ""),
        (Daemon::NotAsked, false, &stays, Stopped, ""),
        (claim(), true, &stays, StoppingFailed, "the daemon 7 is gone"),
        (claim(), false, &stays, Stopped, ""),
        (Daemon::Shut(None), true, &stays, FailedWithSurvivors, "nobody has paused the site"),
        (Daemon::Shut(None), false, &stays, Stopped, ""),
        (Daemon::Absent, true, &stays, FailedWithSurvivors, "nobody has paused the site"),
        (Daemon::Absent, false, &stays, Stopped, ""),
    ] {
        let case = format!("{daemon:?}, {lives}, {}", external.wrapped.detached);
        let look = if lives { look(daemon) } else { look_at_nobody(daemon) };
        assert_told(&judged(external, look, None), state, why, &case);
    }
}

#[test]
fn a_supervisor_that_changed_its_title_is_known_by_the_record() {
    let site = Site::new();
    let stays = site.external(KEEPER);
    let ends = detached(&stays);
    let of = |identity| Record {
        processes: vec![ProcessRecord::started(WRAPPED, identity)],
        ..record()
    };
    for (identity, external, state) in [
        (ourselves(), &stays, Running),
        (ourselves().ended(), &stays, Stopped),
        // What starts such a site is not its supervisor.
        (ourselves(), &ends, Stopped),
    ] {
        let case = format!("{identity:?}, {}", external.wrapped.detached);
        let told = judged(external, look_at_nobody(Daemon::NotAsked), Some(of(identity)));
        assert_told(&told, state, "", &case);
    }
}

#[test]
fn a_supervisor_without_a_list_runs_until_it_is_told_to_stop() {
    let external = Site::new().external(KEEPER);
    let [in_time, late] = starting();
    for (phase, state) in [
        (Phase::Stopping, StoppingOrdered),
        (Phase::Up, Running),
        (in_time, Running),
        (late, Running),
    ] {
        let told = judged(&external, look(Daemon::NotAsked), Some(in_phase(phase)));
        assert_told(&told, state, "", &format!("{phase:?}"));
    }
}

#[test]
fn a_supervisor_that_a_signal_has_stopped_watches_nothing() {
    let external = Site::new().external(KEEPER);
    let halted = |daemon| Look { halted: Some(ourselves()), ..look(daemon) };
    let advice = format!("let it go on with: kill -CONT {}", Pid::this());
    for (daemon, state) in [
        (Daemon::Shut(None), FailedWithSurvivors),
        (broken(), FailedWithSurvivors),
        (Daemon::Absent, FailedWithSurvivors),
        (Daemon::Up(None), Unsupervised),
        (partly(), Unsupervised),
        (Daemon::NotAsked, Unsupervised),
        (Daemon::NotInstalled, Unsupervised),
        (Daemon::Unknown("the list hangs".to_owned()), Unsupervised),
    ] {
        let case = format!("{daemon:?}");
        let told = judged(&external, halted(daemon), None);
        assert_told(&told, state, &advice, &case);
        let are_down = told.1.contains("the site's daemons are down");
        assert_eq!(are_down, state == FailedWithSurvivors, "{case}: {told:?}");
    }
    let up = judged(&external, halted(Daemon::Up(None)), Some(in_phase(Phase::Up)));
    assert_told(&up, Unsupervised, &advice, "up");
    // A stop lets it go on.
    let stopping = in_phase(Phase::Stopping);
    let stopped = judged(&external, halted(Daemon::Absent), Some(stopping));
    assert_told(&stopped, StoppingOrdered, "is being stopped", "stopping");
}

#[test]
fn what_misses_a_service_is_judged_by_the_last_order() {
    let site = Site::new();
    let old = site.external(KEEPER);
    let (young, by_pause) = (young(&old), stopped_by_pause(&old));
    let [in_time, late] = starting();
    let (plain, stopping) = (|| look(partly()), || Look { stopping: true, ..look(partly()) });
    let pausing = || Look { pausing: true, ..look(partly()) };
    let phase = |phase| Some(in_phase(phase));
    for (case, external, look, record, state) in [
        ("an order to stop", &old, plain(), phase(Phase::Stopping), StoppingOrdered),
        ("a stop by hand", &old, stopping(), phase(Phase::Up), StoppingOrdered),
        ("a stop of a start", &old, stopping(), phase(in_time), StoppingOrdered),
        ("a stop of a pause", &old, stopping(), Some(paused(record())), StoppingOrdered),
        ("a pause by its stop", &by_pause, stopping(), Some(paused(record())), Maintenance),
        ("a start in time", &old, plain(), phase(in_time), Starting),
        ("a start in time, paused", &old, plain(), Some(paused(in_phase(in_time))), Starting),
        ("a start that is late", &old, plain(), phase(late), FailedWithSurvivors),
        ("a start that is late, young", &young, plain(), phase(late), FailedWithSurvivors),
        ("a start by hand", &young, plain(), None, Starting),
        ("long after a start by hand", &old, plain(), None, Degraded),
        ("up, and started again", &young, plain(), phase(Phase::Up), Degraded),
        ("a pause command", &old, pausing(), phase(Phase::Up), Maintenance),
        ("a pause of ours", &old, plain(), Some(paused(in_phase(Phase::Up))), Maintenance),
        ("a pause of a late start", &old, plain(), Some(paused(in_phase(late))), Maintenance),
        ("up", &old, plain(), phase(Phase::Up), Degraded),
    ] {
        let is_ours = record.as_ref().is_some_and(|record| record.paused.is_some());
        let why = match (state, is_ours) {
            (Maintenance, true) => "held by a test",
            _ => "`a` is down",
        };
        assert_told(&judged(external, look, record), state, why, case);
    }
}

#[test]
fn what_is_down_for_good_is_failed_unless_an_order_explains_it() {
    let site = Site::new();
    let old = site.external(KEEPER);
    let [in_time, late] = starting();
    for (case, external, record, state) in [
        ("up", &old, Some(in_phase(Phase::Up)), FailedWithSurvivors),
        ("no record", &old, None, FailedWithSurvivors),
        ("a late start", &old, Some(in_phase(late)), FailedWithSurvivors),
        ("a start in time", &old, Some(in_phase(in_time)), Starting),
        ("a start by hand", &young(&old), None, Starting),
        ("a pause", &old, Some(paused(in_phase(Phase::Up))), Maintenance),
        ("a stop", &old, Some(in_phase(Phase::Stopping)), StoppingOrdered),
    ] {
        let told = judged(external, look(broken()), record);
        assert_eq!(told.0, Some(state), "{case}: {told:?}");
    }
}

#[test]
fn what_has_no_daemon_is_judged_by_the_last_order() {
    let site = Site::new();
    let old = site.external(KEEPER);
    let (young, by_pause) = (young(&old), stopped_by_pause(&old));
    let [in_time, late] = starting();
    let plain = || look(Daemon::Absent);
    let claims = || look(claim());
    let stops = |look: Look| Look { stopping: true, ..look };
    let pausing = || Look { pausing: true, ..plain() };
    let phase = |phase| Some(in_phase(phase));
    let up = || in_phase(Phase::Up);
    let (is_stopped, not_up, rest) =
        ("`keeper` is being stopped", "`keeper` lives, and its daemon is not up yet", "held by");
    let failed = "`keeper` lives, and its daemons are down, and nobody has paused the site";
    for (case, external, look, record, state, why) in [
        ("a stop", &old, plain(), phase(Phase::Stopping), StoppingOrdered, is_stopped),
        ("a stop, claim", &old, claims(), phase(Phase::Stopping), StoppingOrdered, is_stopped),
        ("a start", &old, plain(), phase(in_time), Starting, not_up),
        ("a start, claim", &old, claims(), phase(in_time), Starting, not_up),
        ("a start, stop by hand", &old, stops(plain()), phase(in_time), Starting, not_up),
        ("late, stop", &old, stops(plain()), phase(late), StoppingOrdered, is_stopped),
        ("stop by hand", &old, stops(plain()), phase(Phase::Up), StoppingOrdered, is_stopped),
        ("stop by hand, claim", &old, stops(claims()), None, StoppingOrdered, is_stopped),
        ("stop of a pause", &old, stops(plain()), Some(paused(up())), StoppingOrdered, is_stopped),
        ("pause by its stop", &by_pause, stops(plain()), Some(paused(up())), Maintenance, rest),
        ("stop by its pause", &by_pause, stops(plain()), Some(up()), StoppingOrdered, is_stopped),
        ("claim", &old, claims(), Some(up()), StoppingFailed, "the daemon 7 is gone"),
        ("claim, late", &old, claims(), phase(late), StoppingFailed, "the daemon 7 is gone"),
        ("claim, pause", &old, claims(), Some(paused(up())), StoppingFailed, "the daemon 7"),
        ("late", &old, plain(), phase(late), FailedWithSurvivors, "not up within its time"),
        ("late, young", &young, plain(), phase(late), FailedWithSurvivors, "within its time"),
        ("pause", &old, plain(), Some(paused(up())), Maintenance, rest),
        ("pause, by hand", &young, plain(), Some(paused(record())), Maintenance, rest),
        ("start by hand", &young, plain(), None, Starting, not_up),
        ("start by hand, record", &young, plain(), Some(record()), Starting, not_up),
        ("up, young", &young, plain(), Some(up()), FailedWithSurvivors, failed),
        ("up", &old, plain(), Some(up()), FailedWithSurvivors, failed),
        ("no record", &old, plain(), None, FailedWithSurvivors, failed),
        ("pause command", &old, pausing(), Some(up()), Maintenance, "a command takes its daemons"),
    ] {
        assert_told(&judged(external, look, record), state, why, case);
    }
}

#[test]
fn a_stop_command_that_is_also_the_pause_command_stops_only_what_is_not_paused() {
    let site = Site::new();
    let apart = site.external(KEEPER).wrapped;
    let same = stopped_by_pause(&site.external(KEEPER)).wrapped;
    let held = paused(record());
    for (wrapped, stopping, record, is) in [
        (&apart, false, None, false),
        (&apart, true, None, true),
        (&apart, true, Some(&record()), true),
        (&apart, true, Some(&held), true),
        (&apart, false, Some(&held), false),
        (&same, false, None, false),
        (&same, false, Some(&held), false),
        (&same, true, None, true),
        (&same, true, Some(&record()), true),
        (&same, true, Some(&held), false),
    ] {
        let look = Look { stopping, ..look(Daemon::Absent) };
        let case = format!("{:?}, {stopping}, {record:?}", wrapped.pause);
        assert_eq!(is_stopping(wrapped, &look, record), is, "{case}");
    }
}

#[test]
fn a_supervisor_is_young_until_its_boot_timeout() {
    let (second, twice) = (Duration::from_secs(1), Duration::from_secs(2));
    assert!(is_within_boot(second, twice));
    assert!(!is_within_boot(second, second) && !is_within_boot(twice, second));
    let site = Site::new();
    let old = site.external(KEEPER).definition;
    let young = young(&site.external(KEEPER)).definition;
    assert!(is_young(&look(Daemon::Absent), &young));
    assert!(!is_young(&look(Daemon::Absent), &old));
    assert!(!is_young(&look_at_nobody(Daemon::Absent), &young), "nobody has no age");
    let gone = Look { supervisors: vec![ourselves().ended()], ..look(Daemon::Absent) };
    assert!(!is_young(&gone, &young), "what is gone has no age");
}

/// Writes the file that all sites of a machine have in common, so long ago.
fn write_machine_conf(site: &Site, text: &str, age: Duration) {
    let folder = site.folder().join("rc");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("daemon.conf");
    std::fs::write(&file, text).unwrap();
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_modified(std::time::SystemTime::now() - age).unwrap();
}

#[test]
fn a_jobcenter_whose_daemons_are_down_is_explained_by_the_machines_file() {
    let site = Site::new();
    let external = site.jobcenter();
    let judged = |look, record| judged(&external, look, record);
    let up = || Some(in_phase(Phase::Up));
    let [in_time, late] = starting();
    write_machine_conf(&site, "maintenance=OFF\n", HOUR);
    let rest = "`cjcpw` lives, and its daemons are down";
    assert_told(&judged(look(Daemon::Absent), up()), None, rest, "OFF");
    write_machine_conf(&site, "maintenance=ON\n", HOUR);
    let by_file = "daemon.conf says maintenance=ON";
    for (case, look, record, state, why) in [
        ("up", look(Daemon::Absent), up(), Maintenance, by_file),
        ("no record", look(Daemon::Shut(None)), None, Maintenance, by_file),
        ("a late start", look(Daemon::Absent), Some(in_phase(late)), Maintenance, by_file),
        ("a start", look(Daemon::Absent), Some(in_phase(in_time)), Starting, "kinds of its"),
        ("a claim", look(claim()), up(), StoppingFailed, "the daemon 7 is gone"),
        (
            "a stop",
            Look { stopping: true, ..look(Daemon::Absent) },
            up(),
            StoppingOrdered,
            "is being stopped",
        ),
    ] {
        assert_told(&judged(look, record), state, why, case);
    }
    assert!(!is_at_rest_by_file(&external.wrapped, &look_at_nobody(Daemon::Absent)));
    let other = site.external(KEEPER);
    assert!(!is_at_rest_by_file(&other.wrapped, &look(Daemon::Absent)), "it reads no such file");
}

#[test]
fn a_jobcenter_whose_daemons_are_down_by_no_order_of_ours() {
    let site = Site::new();
    let external = site.jobcenter();
    let judged = |look| judged(&external, look, Some(in_phase(Phase::Up)));
    let pausing = Look { pausing: true, ..look(Daemon::Absent) };
    assert_told(&judged(pausing), Maintenance, "`cjcpw` lives, and a command", "pausing");
    let worker = Idle::called("jnwengine");
    let left = Look { workers: vec![worker.identity()], ..look(Daemon::Absent) };
    let words = format!("{} (jnwengine) still lives", worker.identity().pid);
    assert_told(&judged(left), StoppingFailed, &words, "a worker");
    let rest = "`cjcpw` lives, and its daemons are down";
    assert_told(&judged(look(Daemon::Absent)), None, rest, "nobody");
}

#[test]
fn a_jobcenter_that_comes_up_tells_how_far_it_is() {
    let external = young(&Site::new().jobcenter());
    let told = judged(&external, look(Daemon::Absent), None);
    assert_told(&told, Starting, "of 8 kinds of its processes are up", "young");
}

#[test]
fn a_program_is_named_by_its_unit_or_the_last_part_of_its_path() {
    let site = Site::new();
    assert_eq!(program(&site.external(KEEPER).wrapped), "keeper");
    assert_eq!(program(&site.external(UNIT).wrapped), "shop.service");
    let mut bare = site.external(KEEPER).wrapped;
    bare.process = vec!["keeper".to_owned()];
    assert_eq!(program(&bare), "keeper");
    bare.process.clear();
    assert_eq!(program(&bare), "");
}

fn member(of: &Identity) -> Member {
    Member {
        pid: of.pid,
        start: of.start,
        comm: "cat".to_owned(),
        state: 'S',
        parent: None,
        session: None,
        process: None,
        by: "lock",
    }
}

#[test]
fn what_outlives_the_supervisor_is_unsupervised() {
    let site = Site::new();
    let external = site.external(KEEPER);
    let idle = Idle::called("jnwengine");
    let pid = idle.identity().pid;
    let failed = Record { ending: Some(Ending::Failed(failure("it broke"))), ..record() };
    let gone = format!("`keeper` is gone, and nobody watches {pid} (jnwengine)");
    let judged_with = |look, members| {
        let seen = WrappedLook { look, record: Some(failed.clone()), members };
        told(judge(&site.places, &external, &seen).unwrap())
    };
    let nobody = || look_at_nobody(Daemon::Absent);
    let worker = Look { workers: vec![idle.identity()], ..nobody() };
    assert_told(&judged_with(worker, Members::default()), Unsupervised, &gone, "a worker");
    let members = Members { ours: vec![member(&idle.identity())], ..Members::default() };
    assert_told(&judged_with(nobody(), members), Unsupervised, &gone, "a member");
    let held = Site::hold(&site.places.process_lock("a"));
    let unseen = "a process that this user cannot see";
    assert_told(&judged_with(nobody(), Members::default()), Unsupervised, unseen, "a lock");
    drop(held);
    let told = judged_with(nobody(), Members::default());
    assert_told(&told, Failed, "it broke", "nobody");
}

#[test]
fn a_start_in_progress_is_seen_before_anything_of_it_lives() {
    let site = Site::new();
    let external = site.external(KEEPER);
    let judged = || judged(&external, look_at_nobody(Daemon::Absent), Some(in_phase(Phase::Up)));
    let held = Site::hold(&site.places.start_lock());
    assert_told(&judged(), Starting, "a start of the site is in progress", "held");
    drop(held);
    assert_told(&judged(), Failed, "ended without being told to", "free");
    std::fs::remove_file(site.places.start_lock()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", site.places.start_lock()).unwrap();
    let seen = WrappedLook {
        look: look_at_nobody(Daemon::Absent),
        record: None,
        members: Members::default(),
    };
    let error = judge(&site.places, &external, &seen).err();
    assert!(matches!(&error, Some(ObserveError::Unknown(why)) if why.contains("start.lock")));
}

#[test]
fn what_ended_without_an_order_has_failed() {
    let site = Site::new();
    let external = site.external(KEEPER);
    let stopped = || {
        let (at, by) = (WallTime::now(), "a test".to_owned());
        Some(Ending::Stopped { at, by, proved_by: Vec::new() })
    };
    let up = || in_phase(Phase::Up);
    let [in_time, late] = starting();
    let untold = "`keeper` ended without being told to by siteward";
    let failed = Some(Ending::Failed(failure("it broke")));
    for (case, daemon, record, state, why) in [
        ("it failed", Daemon::Absent, Some(Record { ending: failed, ..up() }), Failed, "it broke"),
        ("it was up", Daemon::Absent, Some(up()), Failed, untold),
        ("it was up, claim", claim(), Some(up()), Failed, "the daemon 7 is gone"),
        ("stopped", Daemon::Absent, Some(Record { ending: stopped(), ..up() }), Stopped, ""),
        ("stopping", Daemon::Absent, Some(in_phase(Phase::Stopping)), Stopped, ""),
        ("starting", Daemon::Absent, Some(in_phase(in_time)), Stopped, ""),
        ("late", Daemon::Absent, Some(in_phase(late)), Stopped, ""),
        ("no phase", Daemon::Absent, Some(record()), Stopped, ""),
        ("no record", Daemon::Absent, None, Stopped, ""),
    ] {
        assert_told(&judged(&external, look_at_nobody(daemon), record), state, why, case);
    }
    let conversion = Some(Conversion::UnderWay(ourselves()));
    let converted = Look { conversion, ..look_at_nobody(Daemon::Absent) };
    let told = judged(&external, converted, None);
    assert_told(&told, Stopped, "converts its database", "a conversion");
}
