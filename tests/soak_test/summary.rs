//! What came of it: a table, and the record.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::plan::Fault;
use crate::record::Record;
use crate::settle::{BOUND, POSTGRES};
use crate::world::{World, lock};

const COLUMNS: [&str; 5] =
    ["fault", "times", "recovered, median", "recovered, worst", "violations"];

#[derive(Default)]
struct Row {
    times: u64,
    recovered: Vec<Duration>,
    violations: usize,
}

pub(crate) struct Summary {
    seed: u64,
    time: Duration,
    begun: Instant,
    rows: BTreeMap<Fault, Row>,
    acknowledged: usize,
    longest_gap: Duration,
    judged: BTreeMap<i32, u64>,
    loads: Vec<f64>,
    stretched: Vec<f64>,
    pub(crate) fences: u64,
    pub(crate) stops: u64,
    pub(crate) failed_stops: u64,
    pub(crate) unasked: u64,
    pub(crate) violations: usize,
}

impl Summary {
    pub(crate) fn new(seed: u64, time: Duration) -> Self {
        Self {
            seed,
            time,
            begun: Instant::now(),
            rows: BTreeMap::new(),
            acknowledged: 0,
            longest_gap: Duration::ZERO,
            judged: BTreeMap::new(),
            loads: Vec::new(),
            stretched: Vec::new(),
            fences: 0,
            stops: 0,
            failed_stops: 0,
            unasked: 0,
            violations: 0,
        }
    }

    pub(crate) fn enter(&mut self, fault: Fault, took: Option<Duration>, violations: usize) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        self.loads.extend(load.split(' ').next().and_then(|l| l.parse::<f64>().ok()));
        let row = self.rows.entry(fault).or_default();
        row.times += 1;
        row.recovered.extend(took);
        row.violations += violations;
    }

    pub(crate) fn close(&mut self, world: &World) {
        let written = lock(&world.written);
        self.acknowledged = written.rows.len();
        self.longest_gap =
            written.gaps.iter().map(|(a, b)| b.duration_since(*a)).max().unwrap_or_default();
        self.judged = lock(&world.judged).clone();
        self.stretched = lock(&world.stretched).clone();
        self.violations = lock(&world.violations).len();
    }

    fn cells(row: &Row) -> [String; 4] {
        let mut all = row.recovered.clone();
        all.sort();
        let words = |time: Option<&Duration>| match time {
            None => "not recovered".to_owned(),
            Some(time) if time.is_zero() => "not interrupted".to_owned(),
            Some(time) => format!("{:.1} s", time.as_secs_f64()),
        };
        let median = (!all.is_empty()).then(|| (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2);
        [
            row.times.to_string(),
            words(median.as_ref()),
            words(all.last()),
            row.violations.to_string(),
        ]
    }

    fn notes(&self) -> Vec<String> {
        let mut loads = self.loads.clone();
        loads.sort_by(f64::total_cmp);
        let faults: u64 = self.rows.values().map(|r| r.times).sum();
        vec![
            format!("Seed {}, {} minutes, {faults} faults, {} violations.", self.seed, self.time.as_secs() / 60, self.violations),
            format!(
                "{} rows were acknowledged, and all of them were looked for after every fault; the longest time without one was {:.1} s.",
                self.acknowledged,
                self.longest_gap.as_secs_f64()
            ),
            format!(
                "The cluster fenced {} times, {} of them without a fault that asks for it (a node without power, a cable that was pulled). Of {} stops {} failed.",
                self.fences, self.unasked, self.stops, self.failed_stops
            ),
            format!(
                "`monitor` was asked at {} random moments and compared with /proc: it said running {} times, stopped {} times, and something else {} times.",
                self.judged.values().sum::<u64>(),
                self.judged.get(&0).unwrap_or(&0),
                self.judged.get(&3).unwrap_or(&0),
                self.judged.iter().filter(|(code, _)| ![0, 3].contains(*code)).map(|(_, n)| n).sum::<u64>()
            ),
            format!(
                "A site has to be back {} s after a fault, plus what the fault itself takes: 25 s for a fencing and the boot of the node, the time that a process stays stopped or ignores TERM, the timeout of a monitor; the site with PostgreSQL {} s later, which is what that takes to shut down or to recover from an unclean end. The time is counted until a row is acknowledged again, or the process of a site without PostgreSQL lives again.",
                BOUND.as_secs(),
                POSTGRES.as_secs()
            ),
            format!(
                "The machine has other work: its load was {:.0} in the median, {:.0} at most. Where a process was on a core for less than a tenth of the time that it wanted to be, the bound grew in proportion; {} recoveries were later than the usual bound, and it was then {:.1} times that at most.",
                loads.get(loads.len() / 2).unwrap_or(&0.0),
                loads.last().unwrap_or(&0.0),
                self.stretched.len(),
                self.stretched.iter().fold(1.0_f64, |a, b| a.max(*b))
            ),
            "Not tried: a clock that is set, because both nodes have the clock of the machine that they are on. The node that loses its power loses its processes and not the page cache of that machine, so that what PostgreSQL has on its disk after a real loss of power is not shown.".to_owned(),
        ]
    }

    pub(crate) fn table(&self) -> String {
        let width = self.rows.keys().map(|f| f.words().len()).max().unwrap_or(10);
        let line = |cells: [&str; 5]| {
            let [fault, times, median, worst, violations] = cells;
            format!("{fault:width$}  {times:>5}  {median:>17}  {worst:>16}  {violations:>10}\n")
        };
        let mut text = format!("\n{}", line(COLUMNS));
        for (fault, row) in &self.rows {
            let [times, median, worst, violations] = Self::cells(row);
            text += &line([fault.words(), &times, &median, &worst, &violations]);
        }
        for note in self.notes() {
            let _ = writeln!(text, "- {note}");
        }
        text
    }

    pub(crate) fn record(&self) {
        let mut record = Record::open(
            "soak",
            "Soak in a cluster",
            "Random faults in a Pacemaker cluster of two nodes with three sites, one of which has a PostgreSQL, an address and a disk. A violation is \
             a site that is active on two nodes, that is away longer than the bound, a fencing that no fault asks for, an acknowledged row that is \
             gone, an answer of `monitor` that /proc contradicts, or anything that is left at the end.",
            &format!("tests/soak --minutes {} --seed {}", self.time.as_secs() / 60, self.seed),
            &COLUMNS,
        );
        record.rows.clear();
        let took = self.begun.elapsed();
        for (fault, row) in &self.rows {
            record.put(fault.words(), &Self::cells(row), took);
        }
        record.notes = self.notes();
        record.write("soak");
    }
}
