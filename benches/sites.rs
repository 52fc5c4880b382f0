//! A hundred and a thousand sites on one node: their starts and probes all at once, what a list and a status of all cost,
//! and a minute in which a monitor of each is held.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use siteward::linux::process::{all, program};
use siteward::values::Pid;

use crate::common::{Bench, SITEWARD, wait_for};
use crate::page::{Section, table};
use crate::rest::mib;
use crate::tools::{Usage, code_of, ms, quiet, tell, timed};

const SIZES: [usize; 2] = [100, 1000];

/// So many are started at once.
const AT_ONCE: usize = 200;

const WATCHED: Duration = Duration::from_secs(60);

/// Much time: a hundred and more starts share the cores.
const TIME: (&str, &str) = ("OCF_RESKEY_CRM_meta_timeout", "300000");

/// What a cluster asks with `interval=1s`, which the supervisor holds.
const HELD: [(&str, &str); 3] =
    [("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", "20"), TIME];

/// Of so many sites.
struct Node {
    sites: usize,
    starts: Duration,
    probes: Duration,
    list: Duration,
    status: Duration,
    /// Of the supervisors and of all monitors, in the minute.
    cpu: Duration,
    answers: usize,
    held: Usage,
    stops: Duration,
}

pub(crate) fn measure() -> Result<Section, String> {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances");
    let limit: usize = limit.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if limit < 2 * SIZES[1] {
        return Err(format!(
            "fs.inotify.max_user_instances is {limit}, and each site needs one; benches/run raises it as root"
        ));
    }
    Ok(written(&SIZES.map(node)))
}

fn node(sites: usize) -> Node {
    tell(&format!("{sites} sites"));
    let bench = Bench::in_memory();
    let name = |n: usize| format!("s{n}");
    let command = "processes: {x: {command: [/bin/sleep, infinity]}}\n";
    (0..sites)
        .for_each(|n| bench.define(&name(n), &format!("settle: 0\nboot_timeout: 200s\n{command}")));
    let call = |n: usize, verb: &str, more: &[(&str, &str)]| quiet(bench.ocf(&name(n), verb, more));
    let all_at_once = |from: usize, to: usize, verb: &str| {
        let begin = |n| call(n, verb, &[TIME]).spawn().unwrap();
        let mut children: Vec<Child> = (from..to).map(begin).collect();
        children
            .iter_mut()
            .for_each(|child| assert_eq!(child.wait().unwrap().code(), Some(0), "{verb}"));
    };
    let some = AT_ONCE.min(sites);
    let starts = timed(|| all_at_once(0, some, "start"));
    (some..sites).step_by(AT_ONCE).for_each(|n| all_at_once(n, sites.min(n + AT_ONCE), "start"));
    tell("probes, list, status");
    let probes = timed(|| all_at_once(0, sites, "monitor"));
    let list = timed(|| assert_eq!(code_of(bench.hand(&["list"])), 0));
    let status = timed(|| assert_eq!(code_of(bench.hand(&["status"])), 0));
    tell("a monitor of each is held for a minute");
    let (cpu, answers, held) = watched(sites, &|n| call(n, "monitor", &HELD));
    tell("stops");
    let stops = timed(|| all_at_once(0, some, "stop"));
    (some..sites).step_by(AT_ONCE).for_each(|n| all_at_once(n, sites.min(n + AT_ONCE), "stop"));
    Node { sites, starts, probes, list, status, cpu, answers, held, stops }
}

/// As Pacemaker does it: a second after an answer, it asks again.
fn watched(sites: usize, ask: &dyn Fn(usize) -> Command) -> (Duration, usize, Usage) {
    // The first of a series is answered at once, and the second is held if it comes soon.
    let first_two = |n| {
        assert_eq!(code_of(ask(n)), 0);
        Some(ask(n).spawn().unwrap())
    };
    let mut asked: Vec<Option<Child>> = (0..sites).map(first_two).collect();
    let mut next = vec![Instant::now(); sites];
    // All of them have been held once before it is measured.
    let mut answers = 0;
    let mut turn = |until: Instant, answers: &mut usize| {
        while Instant::now() < until {
            for (n, slot) in asked.iter_mut().enumerate() {
                let has_ended = slot.as_mut().map(|child| child.try_wait().unwrap().is_some());
                match has_ended {
                    Some(true) => {
                        *answers += 1;
                        next[n] = Instant::now() + Duration::from_secs(1);
                        *slot = None;
                    }
                    None if Instant::now() >= next[n] => *slot = Some(ask(n).spawn().unwrap()),
                    Some(false) | None => {}
                }
            }
            wait_for(Duration::from_millis(100));
        }
    };
    turn(Instant::now() + Duration::from_secs(22), &mut answers);
    answers = 0;
    let ours = own();
    let (before, ended) = (Usage::of(&ours), ended_children());
    turn(Instant::now() + WATCHED, &mut answers);
    let ours = own();
    let after = Usage::of(&ours);
    let ended = ended_children().saturating_sub(ended);
    // What a monitor that waited before had used by then is in what it used until its end.
    let cpu = (after.cpu + ended).saturating_sub(before.cpu);
    for child in asked.iter_mut().flatten() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let left = Usage::of(&own());
    (cpu, answers, left)
}

/// All processes of siteward's on this node.
fn own() -> Vec<Pid> {
    let is_own = |pid: &Pid| program(*pid).is_some_and(|path| path.as_os_str() == SITEWARD);
    all().unwrap().iter().map(|stat| stat.pid).filter(is_own).collect()
}

/// The CPU of the monitors that have ended.
fn ended_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let sum = usage.user_time() + usage.system_time();
    Duration::from_micros(u64::try_from(sum.tv_sec() * 1_000_000 + sum.tv_usec()).unwrap_or(0))
}

fn written(nodes: &[Node]) -> Section {
    let shown = |time: Duration| ms(time.as_secs_f64() * 1000.0);
    let percent = |time: Duration| {
        format!("{:.2} % of one core", time.as_secs_f64() / WATCHED.as_secs_f64() * 100.0)
    };
    let per_site =
        |node: &Node, kib: u64| format!("{} ({} each)", mib(kib), mib(kib / node.sites as u64));
    let line = |what: String, cell: &dyn Fn(&Node) -> String| {
        [vec![what], nodes.iter().map(cell).collect()].concat()
    };
    let at_once = |node: &Node| node.sites.min(AT_ONCE);
    let rows = [
        line(format!("start of {AT_ONCE} at once (of 100 where there are no more)"), &|n| {
            shown(n.starts)
        }),
        line("a probe of each, all at once".into(), &|n| shown(n.probes)),
        line("`siteward list`".into(), &|n| shown(n.list)),
        line("`siteward status`, of all".into(), &|n| shown(n.status)),
        line("a minute with a held monitor of each: CPU of all that is siteward's".into(), &|n| {
            percent(n.cpu)
        }),
        line("the same: answers".into(), &|n| n.answers.to_string()),
        line("memory of all supervisors (PSS)".into(), &|n| per_site(n, n.held.pss_kib)),
        line("of that private".into(), &|n| per_site(n, n.held.private_kib)),
        line("processes of siteward's own".into(), &|n| n.held.processes.to_string()),
        line("open descriptors of theirs".into(), &|n| n.held.descriptors.to_string()),
        line("stop of as many at once".into(), &|n| {
            format!("{} ({} sites)", shown(n.stops), at_once(n))
        }),
    ];
    let text = format!(
        "Sites of one process each, a `sleep`, all defined and running on one node. Each was measured once. \"At once\" means that \
         the commands were started one after the other without waiting for any, as a cluster that boots does if nothing limits it \
         (Pacemaker's `node-action-limit` is twice the cores unless it is set). For a minute a monitor of each was held as with \
         `interval=1s`, and asked again a second after each answer.\n\nEach supervisor has an inotify instance, and \
         `fs.inotify.max_user_instances` is 128 unless it is raised, which `siteward doctor` tells. It was raised for this part and \
         set back.\n{}What it means: what a node pays is in proportion to its sites, and little while nothing happens.\n",
        table(&["", "100 sites", "1,000 sites"], &rows)
    );
    Section { title: "6. Many sites on one node", text, pictures: Vec::new() }
}
