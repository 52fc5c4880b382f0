use super::*;
use crate::observe::samples::{KEEPER, Site};
use crate::site::parse;

const NOW: Moment = Moment::since_boot(Duration::from_secs(1000));

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `drain`: its command and its undo.
fn definition(site: &Site, drain: Option<(&str, Option<&str>)>) -> Definition {
    let text = "version: 1\nprocesses: {a: {command: [/bin/true]}}\n";
    let mut definition = parse(&"shop".parse().unwrap(), &site.places.definition, text).unwrap();
    definition.drain = drain.map(|(command, undo)| Drain {
        command: vec![command.to_owned()],
        undo: undo.map(|undo| vec![undo.to_owned()]),
        timeout: s(30),
    });
    definition
}

#[test]
fn the_work_has_the_managers_time_or_that_of_the_definition() {
    let site = Site::new();
    let (with, without) = (definition(&site, Some(("a", None))), definition(&site, None));
    for (definition, given, expected) in [
        (&with, None, s(30)),
        (&without, None, TIME),
        (&with, Some(s(7)), s(7)),
        (&without, Some(s(7)), s(7)),
    ] {
        let until = until_of(definition, &Deadline { begun: NOW, given });
        assert_eq!(until, NOW + expected);
    }
}

#[test]
fn a_look_and_a_command_end_with_the_wait_or_a_little_later() {
    assert_eq!(look_by(NOW, NOW + s(60)), NOW + LOOK);
    assert_eq!(look_by(NOW, NOW + s(5)), NOW + s(5));
    assert_eq!(look_by(NOW, NOW), NOW + LAST_LOOK);
    assert_eq!(command_by(NOW, NOW + s(90)), NOW + COMMAND);
    assert_eq!(command_by(NOW, NOW + s(9)), NOW + s(9));
}

#[test]
fn what_runs_is_known_by_the_definition_or_by_jobcenter() {
    let site = Site::new();
    assert!(!is_work_known(&definition(&site, None)));
    assert!(!is_work_known(&site.external(KEEPER).definition));
    assert!(is_work_known(&site.jobcenter().definition));
    let text = "version: 1\ndatabase: /srv/shop\nwork: {jobs: {files: running/*}}\n\
                processes: {a: {command: [/bin/true]}}\n";
    let name = "shop".parse().unwrap();
    assert!(is_work_known(&parse(&name, &site.places.definition, text).unwrap()));
}

fn again(pause: Duration, news: Option<&str>) -> Next {
    Next::Again { pause, news: news.map(str::to_owned) }
}

fn work(items: &[&str]) -> Result<Vec<String>, String> {
    Ok(items.iter().map(|item| (*item).to_owned()).collect())
}

#[test]
fn the_work_has_ended_if_two_looks_one_after_another_find_none() {
    let (mut looks, until) = (Looks::none(), NOW + s(600));
    assert_eq!(looks.next(&work(&[]), NOW, until), again(SOON, None));
    assert_ne!(looks.next(&work(&["a"]), NOW, until), Next::Drained);
    assert_ne!(looks.next(&work(&[]), NOW, until), Next::Drained);
    // What could not be looked at is not taken for ended.
    let unknown = Err("it hangs".to_owned());
    let news = "what runs cannot be looked at: it hangs";
    let Next::Again { news: Some(told), .. } = looks.next(&unknown, NOW, until) else {
        panic!("it is told")
    };
    assert_eq!(told, news);
    assert_eq!(looks.next(&work(&[]), NOW, until), again(SOON, None));
    // Also when the time is over.
    assert_eq!(looks.next(&work(&[]), until + s(1), until), Next::Drained);
}

#[test]
fn a_person_is_told_what_runs_when_it_changes_and_every_half_minute() {
    let (mut looks, until) = (Looks::none(), NOW + s(600));
    let (a, b) = (Some("still running: a"), Some("still running: b"));
    for (after, item, news) in [
        (s(0), "a", a),
        (s(1), "a", None),
        (s(29), "a", None),
        (s(30), "a", a),
        (s(31), "b", b),
        (s(32), "a", a),
        (s(61), "a", None),
        (s(62), "a", a),
    ] {
        let next = looks.next(&work(&[item]), NOW + after, until);
        let Next::Again { news: told, .. } = next else { panic!("{next:?}") };
        assert_eq!(told.as_deref(), news, "after {after:?}");
    }
}

#[test]
fn it_is_looked_at_soon_and_then_less_often() {
    let (mut looks, until) = (Looks::none(), NOW + s(600));
    for milliseconds in [200, 400, 800, 1600, 2000, 2000] {
        let next = looks.next(&work(&["a"]), NOW, until);
        let Next::Again { pause, .. } = next else { panic!("{next:?}") };
        assert_eq!(pause, Duration::from_millis(milliseconds));
    }
    assert_eq!(looks.next(&work(&[]), NOW, until), again(SOON, None));
}

#[test]
fn work_that_runs_when_the_time_is_over_is_late() {
    let late = Next::Late("still running: a".to_owned());
    assert_eq!(Looks::none().next(&work(&["a"]), NOW, NOW), late);
    assert_eq!(Looks::none().next(&work(&["a"]), NOW + s(1), NOW), late);
    let quiet = Next::Late("still running: ".to_owned());
    assert_eq!(Looks::none().next(&work(&[]), NOW, NOW), quiet, "one look is no proof");
}

#[test]
fn a_queue_is_told_with_the_number_of_its_requests() {
    assert_eq!(requests_in("batch", 1), "1 request in batch");
    assert_eq!(requests_in("batch", 2), "2 requests in batch");
}

#[test]
fn new_work_is_let_in_again_by_the_command_for_that() {
    let site = Site::new();
    for (drain, is_done, words) in [
        (None, true, "new work was not stopped"),
        (Some(("/bin/true", None)), false, "as `drain` has no `undo`"),
        (Some(("/bin/true", Some("/bin/true"))), true, "new work is let in again"),
        (Some(("/bin/true", Some("/bin/false"))), false, "still stopped: `/bin/false` "),
    ] {
        let definition = definition(&site, drain);
        let undone = undo(&site.places, &definition);
        assert_eq!(undone.is_ok(), is_done, "{drain:?}: {undone:?}");
        let places = site.places.clone();
        let said = Drained { places, definition }.undo();
        assert!(said.contains(words), "{drain:?}: {said}");
    }
}

/// What a beginning and a wait return, and the history after them.
fn drained(drain: Option<(&str, Option<&str>)>, left: Duration) -> (Result<(), String>, String) {
    let site = Site::new();
    let definition = definition(&site, drain);
    let target = site.target();
    let interrupts = Interrupts::first(&site.places, Moment::now()).unwrap();
    let draining = Draining {
        target: &target,
        definition: &definition,
        until: Moment::now() + left,
        interrupts: &interrupts,
    };
    let order = DrainOrder { anyway: false };
    let ended = draining.begin().and_then(|()| draining.wait(order));
    interrupts.end();
    (ended, std::fs::read_to_string(site.places.history()).unwrap_or_default())
}

#[test]
fn new_work_is_stopped_before_the_wait_and_both_are_in_the_history() {
    let (ended, history) = drained(Some(("/bin/true", None)), s(30));
    assert_eq!(ended, Ok(()));
    assert!(history.contains("new work is stopped by `/bin/true`"), "{history}");
    assert!(history.contains("nothing of its work runs any more"), "{history}");
    let (ended, history) = drained(None, s(30));
    assert_eq!(ended, Ok(()));
    assert!(history.contains("is not held back"), "{history}");
    let (ended, history) = drained(Some(("/bin/false", None)), s(30));
    assert!(ended.unwrap_err().starts_with("new work is not stopped: `/bin/false` "));
    assert!(!history.contains("nothing of its work"), "{history}");
    let (ended, _) = drained(None, s(0));
    assert!(ended.unwrap_err().starts_with("the time is over"));
}

#[test]
fn a_site_is_paused_with_its_work_only_on_demand() {
    let site = Site::new();
    let definition = definition(&site, None);
    let target = site.target();
    let interrupts = Interrupts::first(&site.places, Moment::now()).unwrap();
    let draining =
        Draining { target: &target, definition: &definition, until: NOW, interrupts: &interrupts };
    let late = |anyway| draining.late(DrainOrder { anyway }, "a runs");
    assert_eq!(late(false), Err("the time is over, and a runs".to_owned()));
    assert_eq!(late(true), Ok(()));
    interrupts.end();
}

#[test]
fn a_stop_of_the_site_ends_the_wait() {
    let site = Site::new();
    let definition = definition(&site, None);
    let target = site.target();
    let begun = Moment::now();
    let interrupts = Interrupts::first(&site.places, begun).unwrap();
    interrupts.watch_orders();
    drop(crate::hold::StopTurn::begin(&site.places, begun + s(10)).unwrap());
    let until = begun + s(30);
    let draining =
        Draining { target: &target, definition: &definition, until, interrupts: &interrupts };
    let ended = draining.wait(DrainOrder { anyway: true });
    interrupts.end();
    assert_eq!(ended, Err(INTERRUPTED.to_owned()));
}
