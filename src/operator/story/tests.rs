use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::history::HistoryEvent;
use crate::linux::BootId;

/// A month of a site on two nodes, written by hand.
fn month() -> Vec<Entry> {
    let text = include_str!("../../../tests/report/month.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn wiring() -> Wiring {
    let needs = [("schema", vec![]), ("store", vec!["schema"]), ("engine", vec!["store"])];
    let needs = needs.into_iter().chain([("web", vec!["store"])]);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Wiring {
        needs: needs.map(|(name, names)| (name.to_owned(), owned(names))).collect(),
        optional: ["web".to_owned()].into(),
        oneshot: ["schema".to_owned()].into(),
    }
}

fn told() -> Story {
    Story::tell(&month(), at("2026-11-26T16:00:00Z"), &wiring(), None)
}

fn words(lane: &Lane) -> Vec<(&'static str, String)> {
    lane.stretches.iter().map(|s| (s.is.word(), s.from.to_string())).collect()
}

#[test]
fn the_lanes_of_a_month() {
    let story = told();
    assert_eq!(story.lanes.len(), 2);
    let expected = [
        ("starting", "2026-10-27T04:12:09.12Z"),
        ("running", "2026-10-27T04:12:13.559Z"),
        ("degraded", "2026-11-08T13:37:02.415Z"),
        ("running", "2026-11-08T13:37:02.505Z"),
        ("stopping", "2026-11-15T20:00:03.501Z"),
        ("maintenance", "2026-11-15T20:00:05.761Z"),
        ("starting", "2026-11-15T21:30:41.007Z"),
        ("running", "2026-11-15T21:30:45.897Z"),
        ("degraded", "2026-11-20T03:02:17.25Z"),
        ("stopping", "2026-11-20T03:02:17.251Z"),
        ("failed", "2026-11-20T03:02:17.698Z"),
        ("starting", "2026-11-25T09:41:55Z"),
        ("stopping", "2026-11-25T09:41:58.701Z"),
        ("failed", "2026-11-25T09:41:58.75Z"),
        ("starting", "2026-11-25T09:42:00.1Z"),
        ("running", "2026-11-25T09:42:08.739Z"),
    ];
    let found = words(&story.lanes[0]);
    assert_eq!(
        found.iter().map(|(word, from)| (*word, from.as_str())).collect::<Vec<_>>(),
        expected
    );
    let b = &story.lanes[1].stretches;
    assert_eq!(b.len(), 2, "{b:?}");
    assert_eq!(b[1].to, at("2026-11-25T09:41:55.011Z"));
    assert_eq!(b[1].end, StretchEnd::Unseen { after: at("2026-11-20T03:02:22.565Z") });
    assert_eq!(story.ongoing().unwrap().node, "node-a");
    assert_eq!(story.doubts, Vec::<String>::new());
}

#[test]
fn the_outages_of_a_month() {
    let story = told();
    let told: Vec<_> = story
        .outages
        .iter()
        .map(|o| (o.kind, o.is_failover(), o.took().as_millis(), o.cause.as_str()))
        .collect();
    let expected = [
        (
            OutageKind::Pause,
            false,
            5_442_396,
            "by order of a person (sato); the processes are held down",
        ),
        (OutageKind::Failure, true, 5_314, "`engine` ended with exit status 3"),
        (
            OutageKind::Lost,
            true,
            13_728,
            "the last owner of the database, node-b, did not end cleanly",
        ),
    ];
    assert_eq!(told, expected);
    let steps: Vec<_> = story.outages[1]
        .steps
        .iter()
        .map(|s| (s.name, s.node.as_str(), between(s.from, s.to).as_millis()))
        .collect();
    let expected = [
        ("stopping the processes", "node-a", 447),
        ("proving that nothing lives", "node-a", 108),
        ("until the start was ordered", "node-b", 320),
        ("checks and lease", "node-b", 30),
        ("starting the supervisor", "node-b", 40),
        ("starting the processes", "node-b", 4_369),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn what_went_wrong_in_a_month_and_what_followed() {
    let story = told();
    let told: Vec<_> = story
        .incidents
        .iter()
        .map(|i| (i.kind, i.process.as_deref().unwrap_or(""), i.node.as_str()))
        .collect();
    let expected = [
        ("fault of a process", "web", "node-a"),
        ("fault of a process", "engine", "node-a"),
        ("unclean end", "", "node-a"),
        ("fault of a process", "store", "node-a"),
    ];
    assert_eq!(told, expected);
    let followed = |index: usize| -> Vec<&str> {
        story.incidents[index].followed.iter().map(|(_, words)| words.as_str()).collect()
    };
    assert_eq!(followed(0), ["it was started again after 4 ms", "it was ready again after 90 ms"]);
    assert_eq!(
        followed(1),
        [
            "the site was given up",
            "all processes had ended after 448 ms",
            "node-b served again; 5.314 s without service"
        ]
    );
    assert_eq!(story.incidents[1].last_lines.len(), 3);
}

#[test]
fn the_critical_path_of_a_start() {
    let story = told();
    let last = story.startups.last().unwrap();
    assert_eq!(last.outcome, StartupOutcome::Up);
    assert_eq!(last.took().as_millis(), 8_639);
    let names: Vec<&str> =
        last.critical.iter().map(|at| last.processes[*at].name.as_str()).collect();
    assert_eq!(names, ["schema", "store", "engine"]);
    assert_eq!(last.ordered_by.as_deref(), Some("Pacemaker (jobs)"));
    let outcomes: Vec<_> = story.startups.iter().map(|s| s.outcome.clone()).collect();
    assert_eq!(outcomes.len(), 5, "{outcomes:?}");
    assert!(matches!(outcomes[3], StartupOutcome::Failed(_)));
}

fn entry(node: &str, second: i64, event: HistoryEvent) -> Entry {
    let at = Timestamp::from_second(1_790_000_000 + second).unwrap();
    Entry { at, node: node.to_owned(), boot: BootId::none(), ..Entry::new(event, "words") }
}

fn lanes_of(entries: &[Entry], present: Option<&Present>) -> Vec<(String, StretchEnd)> {
    let now = Timestamp::from_second(1_790_001_000).unwrap();
    let story = Story::tell(entries, now, &Wiring::default(), present);
    let word = |s: &Stretch| (format!("{} {}", s.node, s.is.word()), s.end);
    story.lanes.iter().flat_map(|lane| &lane.stretches).map(word).collect()
}

/// The first pause never came to rest, and the second one is another.
#[test]
fn the_cause_of_an_outage_lies_within_it() {
    use HistoryEvent as E;
    let lived = [
        (E::Up, 0),
        (E::Pausing, 10),
        (E::Resuming, 11),
        (E::Up, 12),
        (E::Pausing, 50),
        (E::Paused, 51),
        (E::Resuming, 60),
        (E::Up, 61),
    ];
    let lived: Vec<Entry> = lived
        .iter()
        .map(|(event, second)| Entry { detail: event.to_string(), ..entry("a", *second, *event) })
        .collect();
    let story = Story::tell(&lived, lived[7].at, &Wiring::default(), None);
    let causes: Vec<&str> = story.outages.iter().map(|outage| outage.cause.as_str()).collect();
    assert_eq!(causes, ["pausing", "pausing; paused"]);
}

#[test]
fn an_adoption_goes_on_with_the_same_life() {
    use HistoryEvent::*;
    let events = [StartOrdered, Started, Up, Started, Adopted];
    let entries: Vec<Entry> =
        (0..).zip(events).map(|(second, event)| entry("a", second, event)).collect();
    let lanes = lanes_of(&entries, None);
    assert_eq!(
        lanes,
        [
            ("a starting".to_owned(), StretchEnd::Seen),
            ("a running".to_owned(), StretchEnd::Ongoing)
        ]
    );
}

#[test]
fn a_start_over_a_life_without_an_end_is_two_lives() {
    use HistoryEvent::*;
    let events = [StartOrdered, Started, Up, StartOrdered, Swept, Started, Up];
    let entries: Vec<Entry> =
        (0..).zip(events).map(|(second, event)| entry("a", second, event)).collect();
    let lanes = lanes_of(&entries, None);
    let names: Vec<&str> = lanes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a starting", "a running", "a starting", "a running"]);
    assert!(matches!(lanes[1].1, StretchEnd::Unseen { .. }));
}

#[test]
fn what_is_seen_now_counts_for_its_node_alone() {
    use HistoryEvent::*;
    let entries = [entry("a", 0, StartOrdered), entry("a", 1, Up)];
    let is = |node: &str| Present {
        node: node.to_owned(),
        state: "stopped".to_owned(),
        why: None,
        is_up: false,
    };
    assert_eq!(lanes_of(&entries, Some(&is("b")))[1].1, StretchEnd::Ongoing);
    let after = entries[1].at;
    assert_eq!(lanes_of(&entries, Some(&is("a")))[1].1, StretchEnd::Unseen { after });
}

#[test]
fn clocks_that_differ_are_told() {
    use HistoryEvent::*;
    let entries = [
        entry("a", 0, StartOrdered),
        entry("a", 1, Up),
        entry("a", 30, Stopping),
        entry("a", 31, Down),
        entry("b", 10, StartOrdered),
        entry("b", 12, Up),
        entry("b", 11, Fault),
    ];
    let now = Timestamp::from_second(1_790_000_020).unwrap();
    let doubts = Story::tell(&entries, now, &Wiring::default(), None).doubts;
    assert_eq!(doubts.len(), 3, "{doubts:?}");
    assert!(doubts[0].contains("a was ahead of this node's by at least 11.0 s"), "{doubts:?}");
    assert!(doubts[1].contains("b was set back by at least 1.000 s"), "{doubts:?}");
    assert!(doubts[2].contains("a and b both served for 8.000 s"), "{doubts:?}");
}

#[test]
fn durations_are_said_to_the_millisecond_where_that_counts() {
    for (millis, words) in [
        (0, "0 ms"),
        (90, "90 ms"),
        (1_000, "1.000 s"),
        (9_999, "9.999 s"),
        (10_049, "10.0 s"),
        (59_949, "59.9 s"),
        (59_950, "1 min 0 s"),
        (3_599_499, "59 min 59 s"),
        (3_599_500, "1 h 0 min"),
        (86_399_999, "1 d 0 h"),
        (2_592_000_000, "30 d 0 h"),
    ] {
        assert_eq!(say_exactly(Duration::from_millis(millis)), words, "{millis}");
    }
}

fn any_event() -> impl Strategy<Value = HistoryEvent> {
    let words = [
        "start-ordered",
        "leased",
        "unclean",
        "repaired",
        "started",
        "spawned",
        "ready",
        "up",
        "rolled-back",
        "adopted",
        "fault",
        "restarting",
        "degraded",
        "recovered",
        "failed",
        "prerequisite-lost",
        "prerequisite-back",
        "stopping",
        "ended",
        "down",
        "stopped",
        "not-stopped",
        "swept",
        "pausing",
        "paused",
        "resuming",
        "reloaded",
        "other",
    ];
    prop::sample::select(words.to_vec())
        .prop_map(|word| serde_json::from_value(serde_json::json!(word)).unwrap())
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let process = prop::option::of(prop::sample::select(vec!["x", "y", "web@1", "web@2"]));
    let parts = (0..3u8, 0..2u8, 0..40i64, any_event(), process, prop::option::of(0..60u64));
    parts.prop_map(|(node, boot, second, event, process, took)| Entry {
        boot: serde_json::from_value(serde_json::json!(format!("boot-{boot}"))).unwrap(),
        process: process.map(str::to_owned),
        took: took.map(Duration::from_secs),
        ..entry(&format!("n{node}"), second, event)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entries_make_a_story_that_holds_together(
        entries in prop::collection::vec(any_entry(), 0..60),
        now in 0..60i64,
        is_up in prop::option::of(any::<bool>()),
    ) {
        let now = Timestamp::from_second(1_790_000_000 + now).unwrap();
        let present = is_up.map(|is_up| Present {
            node: "n0".to_owned(), state: "x".to_owned(), why: None, is_up,
        });
        let mut wiring = wiring();
        wiring.needs.insert("web".to_owned(), vec!["x".to_owned()]);
        let story = Story::tell(&entries, now, &wiring, present.as_ref());
        let moments: Vec<Timestamp> = entries.iter().map(|e| e.at).chain([now]).collect();
        let known = |at: &Timestamp| moments.contains(at);
        for lane in &story.lanes {
            for pair in lane.stretches.windows(2) {
                prop_assert!(pair[0].to <= pair[1].from, "{lane:?}");
            }
            for stretch in &lane.stretches {
                prop_assert!(stretch.from < stretch.to);
                prop_assert!(known(&stretch.from) && known(&stretch.to), "{stretch:?}");
                if let StretchEnd::Unseen { after } = stretch.end {
                    prop_assert!(stretch.from <= after && after <= stretch.to);
                }
            }
            let open = lane.stretches.iter().rev().skip(1);
            prop_assert!(open.clone().all(|s| s.end != StretchEnd::Ongoing));
        }
        for lane in &story.process_lanes {
            prop_assert!(lane.stretches.windows(2).all(|pair| pair[0].to <= pair[1].from));
            prop_assert!(lane.stretches.iter().all(|stretch| stretch.from < stretch.to));
        }
        for outage in &story.outages {
            prop_assert!(outage.from < outage.to);
            let sum: Duration = outage.steps.iter().map(|s| between(s.from, s.to)).sum();
            prop_assert_eq!(sum, outage.took());
            prop_assert!(outage.steps.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
        for startup in &story.startups {
            prop_assert!(startup.from <= startup.to);
            prop_assert!(startup.processes.iter().all(|p| p.spawned <= p.to));
            prop_assert!(startup.critical.windows(2).all(
                |pair| startup.processes[pair[0]].to <= startup.processes[pair[1]].spawned
            ));
        }
    }
}
