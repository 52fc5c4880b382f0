//! How long it takes, on one node, from the death of a process to the decision about it, as a held monitor tells it, and
//! until the rest of the site has been told to end.

use std::os::fd::AsFd;
use std::process::Child;
use std::time::{Duration, Instant};

use siteward::linux::PidFd;
use siteward::linux::wait::Waiting;
use siteward::values::{Moment, Pid, Signal};

use crate::chart::Bars;
use crate::common::{Bench, wait_for};
use crate::page::{Section, picture, table};
use crate::tools::{Times, busy_cores, code_of, ms, ms_or_none, quiet, tell};

const QUIET: usize = 200;
const BUSY: usize = 100;
const SITE: &str = "shop";
const SIBLINGS: [&str; 3] = ["a", "b", "c"];

/// A recurring monitor that the supervisor holds.
const HELD: [(&str, &str); 2] =
    [("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", "20")];

#[derive(Default)]
struct Deaths {
    told: Times,
    last_term: Times,
    rounds: usize,
    /// Answers that said that nothing lives any more.
    proved: usize,
}

pub(crate) fn measure() -> Result<Section, String> {
    let bench = Bench::in_memory();
    let process =
        |name: &str| format!("  {name}: {{command: [/bin/sleep, infinity], depends_on: []}}\n");
    let all: String = SIBLINGS.iter().chain(&["x"]).map(|name| process(name)).collect();
    bench.define(SITE, &format!("settle: 0\nboot_timeout: 60s\nprocesses:\n{all}"));
    tell("quiet");
    let calm = deaths(&bench, QUIET);
    tell("with both cores busy");
    let busy = {
        let _busy = busy_cores();
        deaths(&bench, BUSY)
    };
    Ok(written(&[("quiet", calm), ("every core busy", busy)]))
}

fn deaths(bench: &Bench, rounds: usize) -> Deaths {
    let mut deaths = Deaths::default();
    while deaths.rounds < rounds {
        assert_eq!(code_of(bench.ocf(SITE, "start", &[])), 0);
        // The first of a series is answered at once, and the second is held.
        assert_eq!(code_of(bench.ocf(SITE, "monitor", &HELD)), 0);
        let mut monitor = quiet(bench.ocf(SITE, "monitor", &HELD)).spawn().unwrap();
        wait_for(Duration::from_millis(40));
        while !is_held(&monitor) {
            wait_for(Duration::from_millis(5));
        }
        one(bench, &mut monitor, &mut deaths);
        deaths.rounds += 1;
    }
    assert_eq!(code_of(bench.ocf(SITE, "stop", &[])), 0);
    deaths
}

/// It sleeps, after it has had time to ask.
fn is_held(monitor: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", monitor.id())).unwrap_or_default();
    stat.contains(") S ")
}

/// Kills `x`, and waits for the answer and for the end of each sibling: a sleep(1) dies of its TERM at once.
fn one(bench: &Bench, monitor: &mut Child, deaths: &mut Deaths) {
    let handle = |pid: Pid| PidFd::open(pid).unwrap();
    let victim = handle(bench.pid(SITE, "x"));
    let asked = handle(Pid::try_from(monitor.id().cast_signed()).unwrap());
    let mut siblings: Vec<PidFd> = SIBLINGS.map(|name| handle(bench.pid(SITE, name))).into();
    let begun = Instant::now();
    victim.send(Signal::KILL).unwrap();
    let mut is_told = false;
    let mut term = None;
    while !(is_told && siblings.is_empty()) {
        let mut waiting = Waiting::new();
        if !is_told {
            waiting.readable(asked.as_fd(), None);
        }
        for (at, sibling) in siblings.iter().enumerate() {
            waiting.readable(sibling.as_fd(), Some(at));
        }
        let ready = waiting.wait(Some(Moment::now() + Duration::from_secs(30)));
        let now = begun.elapsed();
        assert!(!ready.is_empty(), "nothing came of a death");
        if ready.contains(&None) {
            is_told = true;
            deaths.told.add(now);
        }
        for at in ready.into_iter().flatten().rev() {
            siblings.remove(at);
            term = Some(now);
        }
    }
    deaths.last_term.add(term.unwrap());
    let code = monitor.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 7)), "it tells of the death: {code:?}");
    deaths.proved += usize::from(code == Some(7));
}

fn written(all: &[(&'static str, Deaths)]) -> Section {
    let rows: Vec<Vec<String>> = all
        .iter()
        .flat_map(|(node, deaths)| {
            let row = |what: &str, times: &Times| {
                let figures = [times.median(), times.share(0.99), times.longest()].map(ms_or_none);
                let begin = vec![(*node).to_owned(), what.to_owned()];
                [begin, figures.into(), vec![deaths.rounds.to_string()]].concat()
            };
            [
                row("the held monitor has ended with the reason", &deaths.told),
                row("the last of the others has had its TERM", &deaths.last_term),
            ]
        })
        .collect();
    let head = ["node", "from the KILL until", "median", "99th percentile", "longest", "deaths"];
    let proved: Vec<String> = all
        .iter()
        .map(|(node, deaths)| format!("{node}: {} of {}", deaths.proved, deaths.rounds))
        .collect();
    let groups = all
        .iter()
        .flat_map(|(node, deaths)| {
            let bars = |what: &str, times: &Times| {
                (format!("{what}, {node}"), vec![times.median(), times.share(0.99)])
            };
            [bars("told", &deaths.told), bars("last TERM", &deaths.last_term)]
        })
        .collect();
    let bars = Bars {
        title: "From the death of a process to the decision",
        axis: "milliseconds, logarithmic; less is better",
        series: &["median", "99th percentile"],
        groups,
        shown: ms,
    };
    let text = format!(
        "A site of four processes that need nothing of each other. One of them is killed by KILL while a recurring monitor is held, \
         as Pacemaker's is. The decision is told when that monitor has ended: Pacemaker then knows that the site has failed, and \
         why. The site meanwhile stops itself: the others, each a `sleep`, get their TERM. Each death is followed by a new start.\n{}\
         Most answers are that the site is stopping. Where all of it has ended already when the agent looks, the answer is that it \
         has failed and nothing of it lives, which is proved among all processes of the node and takes longer ({}).\n\n\
         What it means: a failure is known to the cluster in milliseconds, and not at its next question.\n{}",
        table(&head, &rows),
        proved.join("; "),
        picture("death", "From the death of a process to the decision")
    );
    Section {
        title: "2. From a death to the decision",
        text,
        pictures: vec![("death", bars.draw())],
    }
}
