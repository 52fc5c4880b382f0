//! What one look at a site costs, beside the looks of others, with more and more other processes on the node.

use std::fs;
use std::process::Command;

use siteward::values::Signal;

use crate::chart::{Bars, Lines};
use crate::common::{Bench, signal, until};
use crate::page::{Section, picture, table};
use crate::peers::{Maker, Peer};
use crate::tools::{
    Others, Payload, Times, by_another, code_of, documents_check, ms, ms_or_none, need, script,
    shell_agent, tell, timed,
};

const OTHERS: [usize; 3] = [100, 1000, 5000];
const ROUNDS: usize = 100;
/// Of what takes a tenth of a second or more.
const FEW: usize = 10;
const OF_STATES: usize = 20;

pub(crate) const AGENTS: [(&str, &str); 2] = [
    ("/usr/lib/ocf/resource.d/heartbeat/anything", "resource-agents"),
    ("/usr/lib/ocf/resource.d/heartbeat/Dummy", "resource-agents"),
];

/// A recurring monitor, as Pacemaker calls it, that is answered at once.
pub(crate) const RECURRING: (&str, &str) = ("OCF_RESKEY_CRM_meta_interval", "10000");

/// One of those that are compared: how it is called, what it must answer, how often it is tried.
struct Contender<'a> {
    name: String,
    call: Box<dyn Fn() -> Command + 'a>,
    code: i32,
    rounds: usize,
    /// For each number of other processes.
    took: Vec<Times>,
}

impl<'a> Contender<'a> {
    fn new(name: &str, rounds: usize, code: i32, call: impl Fn() -> Command + 'a) -> Self {
        Self { name: name.to_owned(), call: Box::new(call), code, rounds, took: Vec::new() }
    }

    fn median(&self, at: usize) -> Option<f64> {
        self.took[at].median()
    }
}

pub(crate) fn measure() -> Result<Section, String> {
    need(&Maker::NEEDED)?;
    need(&AGENTS)?;
    let bench = Bench::in_memory();
    let payload = Payload::in_folder(&bench.path(""));
    let sleeps = |names: &[&str]| -> String {
        let one = |name: &&str| {
            format!("  p{name}: {{command: [{}, \"77{name}\"]}}\n", payload.program.display())
        };
        format!("processes:\n{}", names.iter().map(one).collect::<String>())
    };
    for (site, names) in
        [("up", &["1", "2", "3"][..]), ("off", &["4"]), ("failed", &["5", "6"]), ("alone", &["7"])]
    {
        bench.define(site, &sleeps(names));
    }
    let service = bench.path("scan/web");
    fs::create_dir_all(&service).unwrap();
    script(&service.join("run"), &format!("exec {} 778", payload.program.display()));
    let folder = bench.path("scan");
    bench.define(
        "wrapped",
        &format!("supervisor: {{profile: runit, directory: {}}}\n", folder.display()),
    );
    for site in ["up", "failed", "alone", "wrapped"] {
        assert_eq!(code_of(bench.ocf(site, "start", &[])), 0, "{site}");
    }
    signal(bench.pid("failed", "p5"), Signal::KILL);
    until("it has failed", || code_of(bench.ocf("failed", "monitor", &[])) == 7);
    signal(bench.pid("alone", "supervisor"), Signal::KILL);

    let peers: Vec<Peer> = Maker::ALL.map(|maker| Peer::prepare(maker, 1).start()).into();
    for peer in &peers {
        assert!(peer.is_up(crate::common::PATIENCE), "a peer does not start");
    }
    let anything = [
        ("OCF_RESKEY_binfile", payload.program.to_str().unwrap()),
        ("OCF_RESKEY_cmdline_options", "779"),
        ("OCF_RESKEY_pidfile", &bench.path("anything.pid").display().to_string()),
    ];
    let dummy = [("OCF_RESKEY_state", &*bench.path("dummy.state").display().to_string())];
    let folder = bench.path("");
    let agent = |verb: &str, which: usize| match which {
        0 => shell_agent("anything", verb, &folder, &anything),
        _ => shell_agent("Dummy", verb, &folder, &dummy),
    };
    for which in [0, 1] {
        assert_eq!(code_of(agent("start", which)), 0);
    }
    let ordinary = std::env::var_os("SITEWARD_ORDINARY");
    let of = |site: &'static str| bench.ocf(site, "monitor", &[RECURRING]);
    let lines: Vec<String> =
        ["771", "772", "773"].map(|n| format!("{} {n}", payload.program.display())).into();

    let mut all = vec![
        Contender::new("/bin/true", ROUNDS, 0, || Command::new("/bin/true")),
        Contender::new("siteward monitor", ROUNDS, 0, || of("up")),
    ];
    if let Some(program) = &ordinary {
        let call = move || by_another(program, &of("up"));
        all.push(Contender::new("the same, built with glibc", ROUNDS, 0, call));
    }
    all.push(Contender::new("ocf:heartbeat:Dummy", ROUNDS, 0, || agent("monitor", 1)));
    all.push(Contender::new("ocf:heartbeat:anything", ROUNDS, 0, || agent("monitor", 0)));
    for (maker, peer) in Maker::ALL.iter().zip(&peers) {
        let rounds = if *maker == Maker::Supervisord { FEW } else { ROUNDS };
        all.push(Contender::new(maker.question(), rounds, 0, || peer.question()));
    }
    all.push(Contender::new("ps \\| grep for 3 processes", FEW, 0, || documents_check(&lines)));
    let compared = all.len();
    for (state, site, code) in [
        ("running", "up", 0),
        ("stopped", "off", 7),
        ("failed, nothing left alive", "failed", 7),
        ("unsupervised (its supervisor was killed)", "alone", 1),
        ("wrapped (runit is its supervisor)", "wrapped", 0),
    ] {
        all.push(Contender::new(state, OF_STATES, code, move || of(site)));
    }

    for count in OTHERS {
        tell(&format!("with {count} other processes"));
        let _others = Others::so_many(count);
        all.iter_mut().for_each(|one| one.took.push(Times::default()));
        for round in 0..ROUNDS {
            for one in all.iter_mut().filter(|one| round % (ROUNDS / one.rounds) == 0) {
                let command = (one.call)();
                let mut code = 0;
                let time = timed(|| code = code_of(command));
                assert_eq!(code, one.code, "{}", one.name);
                one.took.last_mut().unwrap().add(time);
            }
        }
    }
    let (compared, states) = all.split_at(compared);
    let section = written(compared, states);
    drop(all);
    Ok(section)
}

fn written(compared: &[Contender<'_>], states: &[Contender<'_>]) -> Section {
    let ours = |at| compared[1].median(at);
    let row = |one: &Contender<'_>| {
        let times = (0..OTHERS.len()).map(|at| ms_or_none(one.median(at)));
        let ratio = |at| Some(format!("{:.1}", one.median(at)? / ours(at)?));
        let last = OTHERS.len() - 1;
        let mut row = vec![one.name.clone()];
        row.extend(times);
        row.extend([0, last].map(|at| ratio(at).unwrap_or_default()));
        row.push(one.rounds.to_string());
        row
    };
    let rows: Vec<_> = compared.iter().map(row).collect();
    let head =
        ["asked", "100 others", "1,000", "5,000", "times siteward's, at 100", "at 5,000", "rounds"];
    let mut text = format!(
        "A cluster manager asks each resource every few seconds, so that this is what a site costs for as long as it runs. Each \
         command was run to its end, in turn with the others, with 100, 1,000 and 5,000 other processes on the node. `/bin/true` \
         is the floor: what it costs to start any program at all. siteward and the two shell agents were called as Pacemaker \
         calls them, and nothing was held (`monitor_wait=0`). The site has three processes; the others watch one each, but for \
         `ps | grep`, the check that cluster guides print: it looks for each of the three.\n{}\
         What it means: a monitor of siteward costs little more than starting a program, and the same on a node with many \
         processes, as it asks the supervisor and looks at nothing else.\n{}",
        table(&head, &rows),
        picture("monitor", "Time of one monitor, by tool and by other processes on the node")
    );
    let row = |one: &Contender<'_>| {
        let times = (0..OTHERS.len()).map(|at| ms_or_none(one.median(at)));
        let mut row = vec![one.name.clone(), one.code.to_string()];
        row.extend(times);
        row.push(one.rounds.to_string());
        row
    };
    let rows: Vec<_> = states.iter().map(row).collect();
    let head = ["the site is", "exit code", "100 others", "1,000", "5,000", "rounds"];
    text += &format!(
        "A site that runs is asked about through its supervisor. Every other answer must be proved, so that siteward looks at all \
         processes of the node, or asks the supervisor that it wraps:\n{}\
         What it means: these answers are given rarely, at a probe or after a failure; they grow with the node's processes.\n",
        table(&head, &rows)
    );
    let label = |one: &Contender<'_>| one.name.replace("\\|", "|");
    let bars = Bars {
        title: "One monitor, with 100, 1,000 and 5,000 other processes",
        axis: "milliseconds, logarithmic; less is better",
        series: &["100 others", "1,000 others", "5,000 others"],
        groups: compared
            .iter()
            .map(|one| (label(one), (0..OTHERS.len()).map(|at| one.median(at)).collect()))
            .collect(),
        shown: ms,
    };
    let names = ["running", "stopped", "failed", "unsupervised", "wrapped"];
    let points = |one: &Contender<'_>| {
        let point = |(at, count): (usize, usize)| Some((count as f64, one.median(at)?));
        OTHERS.into_iter().enumerate().filter_map(point).collect()
    };
    let lines = Lines {
        title: "One monitor of siteward, by the state of the site",
        across: "other processes on the node, logarithmic",
        up: "time of one monitor, logarithmic",
        series: names.into_iter().zip(states.iter().map(points)).collect(),
        shown: ms,
    };
    text += &picture("monitor-states", "Time of one monitor, by the state of the site");
    let pictures = vec![("monitor", bars.draw()), ("monitor-states", lines.draw())];
    Section { title: "1. One monitor", text, pictures }
}
