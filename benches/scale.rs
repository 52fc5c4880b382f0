//! The time of a start and a stop of 1 to 1,000 processes that need nothing of each other: siteward as Pacemaker calls it,
//! the floor, a posix_spawn(3), a TERM and a wait(2) for each, and supervisors of other makers, systemd among them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use siteward::linux::PidFd;
use siteward::values::{Pid, Signal};

use crate::chart::Lines;
use crate::clean_root::CleanRoot;
use crate::common::Bench;
use crate::page::{Section, picture, table};
use crate::peers::{Maker, Peer};
use crate::tools::{Times, code_of, ms, ms_or_none, need, quiet, tell, timed};

const SIZES: [usize; 6] = [1, 10, 50, 200, 500, 1000];

/// Of raw processes and of siteward's, and of the peers up to [`SMALL`]; beyond, of them one.
const ROUNDS: usize = 5;
const PEERS_ROUNDS: usize = 3;
const SMALL: usize = 10;

/// monit starts one after the other, and waits for each.
const MONIT_AT_MOST: usize = 50;

const LIMIT: Duration = Duration::from_secs(60);

/// The bounds that siteward has set itself: a share of raw and milliseconds beyond.
const START_BOUND: (f64, f64) = (1.3, 15.0);
const STOP_BOUND: (f64, f64) = (1.0, 20.0);

/// How long starts and stops took.
#[derive(Default)]
pub(crate) struct Lives {
    pub(crate) start: Times,
    pub(crate) stop: Times,
}

impl Lives {
    fn add(&mut self, (start, stop): (Duration, Duration)) {
        self.start.add(start);
        self.stop.add(stop);
    }
}

/// The starts or the stops.
type Which = fn(&Lives) -> &Times;

/// Of one size.
struct Row {
    size: usize,
    raw: Lives,
    ours: Lives,
    on_disk: Lives,
    peers: Vec<(&'static str, Lives)>,
}

pub(crate) fn measure() -> Result<Section, String> {
    need(&Maker::NEEDED)?;
    let mut rows: Vec<Row> = SIZES.into_iter().map(row).collect();
    if let Some(what) = CleanRoot::missing() {
        eprintln!("\n*** LEFT OUT: systemd. Missing: {what} ***\n");
    } else {
        tell("systemd");
        let machine = CleanRoot::boot("bench-scale", "");
        for row in &mut rows {
            let mut lives = Lives::default();
            (0..rounds_of_peers(row.size))
                .for_each(|_| lives.add(systemd_life(&machine, row.size)));
            row.peers.push(("systemd", lives));
        }
    }
    Ok(written(&rows))
}

fn rounds_of_peers(size: usize) -> usize {
    if size <= SMALL { PEERS_ROUNDS } else { 1 }
}

fn row(size: usize) -> Row {
    tell(&format!("{size} processes"));
    let memory = Path::new("/dev/shm");
    let disk = std::env::temp_dir();
    let mut row = Row {
        size,
        raw: Lives::default(),
        ours: Lives::default(),
        on_disk: Lives::default(),
        peers: Maker::ALL.map(|maker| (maker.name(), Lives::default())).into(),
    };
    for round in 0..ROUNDS {
        row.raw.add(raw_life(size));
        row.ours.add(our_life(size, memory, None));
        row.on_disk.add(our_life(size, &disk, None));
        for (maker, (_, lives)) in Maker::ALL.into_iter().zip(&mut row.peers) {
            let is_too_slow = maker == Maker::Monit && size > MONIT_AT_MOST;
            if round < rounds_of_peers(size) && !is_too_slow {
                peers_life(maker, size, lives);
            }
        }
    }
    row
}

fn sleep() -> Command {
    let mut command = quiet(Command::new("/bin/sleep"));
    command.arg("infinity").env_clear();
    command
}

pub(crate) fn raw_life(size: usize) -> (Duration, Duration) {
    let mut children: Vec<Child> = Vec::new();
    let start = timed(|| children.extend((0..size).map(|_| sleep().spawn().unwrap())));
    let handle =
        |child: &Child| PidFd::open(Pid::try_from(child.id().cast_signed()).unwrap()).unwrap();
    let handles: Vec<PidFd> = children.iter().map(handle).collect();
    let stop = timed(|| {
        handles.iter().for_each(|handle| handle.send(Signal::TERM).unwrap());
        children.iter_mut().for_each(|child| assert!(!child.wait().unwrap().success()));
    });
    (start, stop)
}

/// `place`: of the runtime directory. `logs`: where its logs are, if not in memory.
pub(crate) fn our_life(size: usize, place: &Path, logs: Option<&Path>) -> (Duration, Duration) {
    let mut bench = Bench::in_memory();
    // Named after the bench, so that it outlives the sites in it.
    let runtime = tempfile::tempdir_in(place).unwrap();
    bench.places.runtime = runtime.path().join("run");
    if let Some(logs) = logs {
        bench.places.logs = logs.to_owned();
    }
    let process = |n| format!("  p{n}: {{command: [/bin/sleep, infinity], depends_on: []}}\n");
    let all: String = (0..size).map(process).collect();
    bench.define("shop", &format!("settle: 0\nboot_timeout: 200s\nprocesses:\n{all}"));
    let time = ("OCF_RESKEY_CRM_meta_timeout", "300000");
    let call = |verb| assert_eq!(code_of(bench.ocf("shop", verb, &[time])), 0, "{verb}");
    let took = (timed(|| call("start")), timed(|| call("stop")));
    drop(bench);
    took
}

fn peers_life(maker: Maker, size: usize, lives: &mut Lives) {
    let prepared = Peer::prepare(maker, size);
    let mut peer = None;
    let mut good = true;
    let start = timed(|| good = peer.insert(prepared.start()).is_up(LIMIT));
    let mut peer = peer.unwrap();
    let stop = timed(|| good &= peer.stop(LIMIT));
    if good {
        lives.add((start, stop));
    } else {
        tell(&format!("{} of {size}: not up and down within {LIMIT:?}", maker.name()));
    }
}

/// Timed by a shell inside, so that the way in does not count.
fn systemd_life(machine: &CleanRoot, size: usize) -> (Duration, Duration) {
    let unit =
        "[Service]\nExecStart=/bin/sleep infinity\nStandardOutput=null\nStandardError=null\n";
    fs::write(machine.path("/etc/systemd/system/p@.service"), unit).unwrap();
    let told = machine.shell(&format!(
        "systemctl daemon-reload; units=$(printf 'p@%s.service ' $(seq {size})); a=$(date +%s%N); \
         systemctl start $units; b=$(date +%s%N); systemctl stop $units; c=$(date +%s%N); \
         echo $((b - a)) $((c - b))"
    ));
    let mut nanos = told.split_whitespace().map(|n| Duration::from_nanos(n.parse().unwrap()));
    (nanos.next().unwrap(), nanos.next().unwrap())
}

fn written(rows: &[Row]) -> Section {
    let mut text = format!(
        "Processes that need nothing of each other, each a `sleep`; `settle: 0`. siteward is called as Pacemaker calls it: a start \
         ends when all are ready, a stop when it is proved that nothing of the site lives. Raw is the floor, without any \
         supervision: a posix_spawn(3), a TERM and a wait(2) for each. The others have started when all of their processes run, \
         and have stopped when none does; systemd when `systemctl` returns. \"On a disk\": the runtime directory, where the record of what was started is written durably, lies on a disk; on a usual \
         node it is in memory, below /run. Medians of {ROUNDS} \
         rounds in turn; of the others {PEERS_ROUNDS} up to {SMALL} processes, and 1 beyond. The bounds are those that \
         siteward has set itself.\n\n### Start\n"
    );
    let (start, stop): (Which, Which) = (|l| &l.start, |l| &l.stop);
    text += &one_way(rows, start, START_BOUND);
    text += &picture("start", "Time of a start, by number of processes");
    text += "### Stop\n";
    text += &one_way(rows, stop, STOP_BOUND);
    text += &picture("stop", "Time of a stop, by number of processes");
    let each = |times: Which, of: fn(&Row) -> &Lives| {
        let at = |size| {
            let row = rows.iter().find(|row| row.size == size)?;
            Some(times(of(row)).median()? / size as f64)
        };
        let (few, many) = (at(50), at(1000));
        let share =
            few.zip(many).map_or_else(String::new, |(few, many)| format!("{:.2}", many / few));
        [ms_or_none(few), ms_or_none(many), share]
    };
    let line = |name: &str, cells: [String; 3]| [vec![name.to_owned()], cells.into()].concat();
    text += "What one process costs, which must not grow with their number:\n";
    text += &table(
        &["", "among 50", "among 1,000", "ratio"],
        &[
            line("start, raw", each(start, |row| &row.raw)),
            line("start, siteward", each(start, |row| &row.ours)),
            line("stop, raw", each(stop, |row| &row.raw)),
            line("stop, siteward", each(stop, |row| &row.ours)),
        ],
    );
    text += "What it means: a process costs about the same among a thousand as among fifty, so that a large site starts and stops \
             in proportion to its size.\n";
    let pictures = vec![
        ("start", drawn("A start, by number of processes", rows, start)),
        ("stop", drawn("A stop, by number of processes", rows, stop)),
    ];
    Section { title: "4. Start and stop of many processes", text, pictures }
}

fn one_way(rows: &[Row], times: Which, (share, beyond): (f64, f64)) -> String {
    let peers = rows[0].peers.iter().map(|(name, _)| *name);
    let bound = format!("bound: {share} × raw + {beyond} ms").replace("1 × ", "");
    let head: Vec<&str> =
        ["processes", "raw", "siteward", "times raw", "beyond raw", &bound, "on a disk"]
            .into_iter()
            .chain(peers)
            .collect();
    let line = |row: &Row| {
        let (raw, ours) = (times(&row.raw).median().unwrap(), times(&row.ours).median().unwrap());
        let most = share * raw + beyond;
        let verdict = if ours <= most { "met" } else { "not met" };
        let mut cells = vec![
            row.size.to_string(),
            ms(raw),
            ms(ours),
            format!("{:.2}", ours / raw),
            ms((ours - raw).max(0.0)),
            format!("{}: {verdict}", ms(most)),
            ms_or_none(times(&row.on_disk).median()),
        ];
        cells.extend(row.peers.iter().map(|(_, lives)| ms_or_none(times(lives).median())));
        cells
    };
    table(&head, &rows.iter().map(line).collect::<Vec<_>>())
}

fn drawn(title: &str, rows: &[Row], times: Which) -> String {
    let points = |of: &dyn Fn(&Row) -> Option<&Lives>| -> Vec<(f64, f64)> {
        rows.iter().filter_map(|row| Some((row.size as f64, times(of(row)?).median()?))).collect()
    };
    let mut series = vec![
        ("siteward", points(&|row| Some(&row.ours))),
        ("raw (the floor)", points(&|row| Some(&row.raw))),
        ("siteward on a disk", points(&|row| Some(&row.on_disk))),
    ];
    for (at, (name, _)) in rows[0].peers.iter().enumerate() {
        series.push((*name, points(&|row| row.peers.get(at).map(|(_, lives)| lives))));
    }
    let (across, up) = ("processes, logarithmic", "time, logarithmic; less is better");
    Lines { title, across, up, series, shown: ms }.draw()
}
