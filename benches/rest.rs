//! What a supervisor costs while nothing happens: how often it wakes, its CPU and its memory, with 1, 10 and 1,000
//! processes. All of them rest side by side through the same minute.

use std::time::Duration;

use siteward::linux::process::program;
use siteward::values::Pid;

use crate::chart::Bars;
use crate::common::{Bench, SITEWARD, wait_for};
use crate::page::{Section, picture, table};
use crate::peers::{Maker, Peer};
use crate::tools::{Usage, code_of, family, need, tell};

const SIZES: [usize; 3] = [1, 10, 1000];
const MINUTE: Duration = Duration::from_secs(60);

/// Until what a start leaves to be done is done.
const CALM: Duration = Duration::from_secs(10);

/// Of one supervisor: what it used in the minute and what it holds.
struct Rest {
    name: &'static str,
    size: usize,
    used: Usage,
}

/// One that has been started. When it is dropped, it ends.
enum Supervisor {
    Ours(Bench),
    Of(Maker, Peer),
}

impl Supervisor {
    fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "siteward",
            Self::Of(maker, _) => maker.name(),
        }
    }

    fn own(&self) -> Vec<Pid> {
        match self {
            Self::Ours(bench) => own_of(bench),
            Self::Of(_, peer) => peer.own(),
        }
    }
}

pub(crate) fn measure() -> Result<Section, String> {
    need(&Maker::NEEDED)?;
    // The many have a minute of their own: monit looks at all processes of the node.
    let mut rests = minute(&SIZES[..2]);
    rests.extend(minute(&SIZES[2..]));
    Ok(written(&rests))
}

/// All supervisors with so many processes each, side by side.
fn minute(sizes: &[usize]) -> Vec<Rest> {
    let mut all: Vec<(usize, Supervisor)> = Vec::new();
    for size in sizes {
        tell(&format!("{size} under each"));
        all.push((*size, Supervisor::Ours(our_site(*size))));
        for maker in Maker::ALL {
            let prepared = Peer::prepare(maker, *size);
            let peer = match maker {
                Maker::Monit => prepared.start_with_living(),
                Maker::Supervisord | Maker::S6 | Maker::Runit => prepared.start(),
            };
            assert!(peer.is_up(MINUTE), "{} does not start {size}", maker.name());
            all.push((*size, Supervisor::Of(maker, peer)));
        }
    }
    wait_for(CALM);
    tell("all rest for a minute");
    let own: Vec<Vec<Pid>> = all.iter().map(|(_, supervisor)| supervisor.own()).collect();
    let before: Vec<Usage> = own.iter().map(|pids| Usage::of(pids)).collect();
    wait_for(MINUTE);
    let of = |((size, supervisor), (own, before)): (&(usize, Supervisor), (&Vec<Pid>, Usage))| {
        let after = Usage::of(own);
        let (wakeups, cpu) = (after.wakeups - before.wakeups, after.cpu.saturating_sub(before.cpu));
        Rest { name: supervisor.name(), size: *size, used: Usage { wakeups, cpu, ..after } }
    };
    all.iter().zip(own.iter().zip(before)).map(of).collect()
}

fn our_site(size: usize) -> Bench {
    let bench = Bench::in_memory();
    let process = |n| format!("  p{n}: {{command: [/bin/sleep, infinity], depends_on: []}}\n");
    let all: String = (0..size).map(process).collect();
    bench.define("shop", &format!("settle: 0\nboot_timeout: 200s\nprocesses:\n{all}"));
    let time = ("OCF_RESKEY_CRM_meta_timeout", "300000");
    assert_eq!(code_of(bench.ocf("shop", "start", &[time])), 0);
    bench
}

/// The supervisor, and what else of siteward stays beside the site.
fn own_of(bench: &Bench) -> Vec<Pid> {
    let all = family(bench.pid("shop", "supervisor"));
    let is_own = |pid: &Pid| program(*pid).is_some_and(|path| path.as_os_str() == SITEWARD);
    all.iter().map(|stat| stat.pid).filter(is_own).collect()
}

pub(crate) fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn written(rests: &[Rest]) -> Section {
    let row = |rest: &Rest| {
        let used = &rest.used;
        vec![
            rest.name.to_owned(),
            rest.size.to_string(),
            used.processes.to_string(),
            used.wakeups.to_string(),
            format!("{:.2} ms", used.cpu.as_secs_f64() * 1000.0),
            mib(used.pss_kib),
            mib(used.private_kib),
            used.descriptors.to_string(),
        ]
    };
    let head = [
        "supervisor",
        "processes it watches",
        "processes of its own",
        "wake-ups a minute",
        "CPU a minute",
        "memory (PSS)",
        "of that private",
        "descriptors",
    ];
    let text = format!(
        "Nothing happens for a minute: no death, no question. A wake-up is a voluntary context switch of the supervisor's own \
         processes, which for s6 and runit are one for each service; CPU is what the scheduler gave them. Memory is theirs \
         alone, not that of the processes that they watch: PSS shares out what several have in common, private is what \
         is no part of a file. monit looks every 10 s here, at all processes of the node, as it learns of a death by looking. \
         One minute with 1 and 10 under each supervisor side by side, and one with 1,000.\n{}\
         What it means: siteward waits for events, so that a site at rest costs the node no CPU, however many processes it \
         has.\n{}{}",
        table(&head, &rests.iter().map(row).collect::<Vec<_>>()),
        picture("rest-wakeups", "Wake-ups a minute at rest, by supervisor and number of processes"),
        picture("rest-memory", "Private memory at rest, by supervisor and number of processes")
    );
    let groups = |value: fn(&Usage) -> f64| {
        let names = rests.iter().take(rests.len() / SIZES.len()).map(|rest| rest.name);
        let values = |name: &str| -> Vec<Option<f64>> {
            rests
                .iter()
                .filter(|rest| rest.name == name)
                .map(|rest| Some(value(&rest.used)))
                .collect()
        };
        names.map(|name| (name.to_owned(), values(name))).collect::<Vec<_>>()
    };
    let series = &["1 process", "10 processes", "1,000 processes"][..];
    let wakeups = Bars {
        title: "Wake-ups a minute while nothing happens",
        axis: "wake-ups a minute, logarithmic; less is better",
        series,
        groups: groups(|used| used.wakeups as f64),
        shown: |value| format!("{value:.0}"),
    };
    let memory = Bars {
        title: "Private memory while nothing happens",
        axis: "MiB, logarithmic; less is better",
        series,
        groups: groups(|used| used.private_kib as f64 / 1024.0),
        shown: |value| format!("{value:.1} MiB"),
    };
    let pictures = vec![("rest-wakeups", wakeups.draw()), ("rest-memory", memory.draw())];
    Section { title: "5. At rest", text, pictures }
}
