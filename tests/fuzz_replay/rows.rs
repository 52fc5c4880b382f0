//! The record of the long runs, from the statistics that libFuzzer prints at the end of each.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use super::record::Record;
use super::targets::TARGETS;

const COLUMNS: [&str; 6] =
    ["target", "executions", "corpus", "executions a second", "crashes", "hangs"];

const ABOUT: &str = "libFuzzer makes inputs for everything that siteward reads, led by the branches of the code that an \
                     input reaches. A panic, an overflow of a number, more than a minute or 512 MB for one input, or \
                     something else than what was written when it is read again, counts as a crash or a hang.";

/// Writes a row for each log, which is called by its target. Logs of one target are parts of one run.
pub(crate) fn record(logs: &[String]) -> ExitCode {
    let command = "tests/fuzz --record";
    let mut record = Record::open("fuzz", "Made-up inputs", ABOUT, command, &COLUMNS);
    record.notes = NOTES.iter().map(|&note| note.to_owned()).collect();
    for target in &TARGETS {
        let of_target = logs.iter().filter(|log| is_of(log, target.name));
        let runs: Vec<FuzzerRun> = of_target
            .filter_map(|log| FuzzerRun::of(&fs::read_to_string(log).expect("a log")))
            .collect();
        let Some(last) = runs.last() else { continue };
        let sum = |of: fn(&FuzzerRun) -> u64| runs.iter().map(of).sum::<u64>();
        let (executions, seconds) = (sum(|run| run.executions), sum(|run| run.seconds));
        let cells = [
            grouped(executions),
            last.corpus.clone(),
            grouped(executions / seconds.max(1)),
            sum(|run| run.crashes).to_string(),
            sum(|run| run.hangs).to_string(),
        ];
        println!("{}: {}", target.name, cells.join(", "));
        record.put(&target.name.replace('_', " "), &cells, Duration::from_secs(seconds));
    }
    record.write("fuzz");
    ExitCode::SUCCESS
}

const NOTES: [&str; 5] = [
    "Found and mended: a definition of five lines could ask for thousands of processes, and its supervisor never came up. A site \
     has 1000 at most, each instance counted.",
    "Found and mended: in a table of mounts that changed while it was read, two mounts could be the parents of each other, and \
     the search for the mount of a path never ended.",
    "Found and mended: `RTMIN+-10` and `RTMIN+2147483647` were taken for signals.",
    "Found and mended: messages held control characters of definitions and of a manager's variables as they were.",
    "Found and mended: numbers near 2^64 in the settings of cluster managers, and years far from ours, overflowed.",
];

fn is_of(log: &str, target: &str) -> bool {
    let name = log.rsplit('/').next().unwrap_or(log);
    name.split('.').next() == Some(target)
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What one run says of itself at its end.
#[derive(Debug, PartialEq)]
struct FuzzerRun {
    executions: u64,
    seconds: u64,
    /// How many inputs reach something that the others do not, and their size.
    corpus: String,
    crashes: u64,
    hangs: u64,
}

impl FuzzerRun {
    /// None: the run has not ended.
    fn of(log: &str) -> Option<Self> {
        let after = |word: &str| {
            let rest = log.rsplit_once(word)?.1.trim_start();
            Some(rest.split_whitespace().next()?.to_owned())
        };
        let number = |word: &str| after(word)?.parse::<u64>().ok();
        let executions = number("stat::number_of_executed_units:")?;
        let speed = number("stat::average_exec_per_sec:")?;
        let count = |word: &str| log.matches(word).count() as u64;
        let hangs = count("SUMMARY: libFuzzer: timeout");
        let crashes = count("SUMMARY: libFuzzer: ") - hangs;
        // `corp: 321/45Kb`
        let corpus = after(" corp: ").unwrap_or_default();
        let (inputs, size) = corpus.split_once('/').unwrap_or((&corpus, "0b"));
        let size = size.replace("Kb", " kB").replace("Mb", " MB");
        let size = size.strip_suffix('b').map_or(size.clone(), |bytes| format!("{bytes} bytes"));
        Some(Self {
            executions,
            seconds: number("runs in ").unwrap_or(executions / speed.max(1)),
            corpus: format!("{inputs} inputs, {size}"),
            crashes,
            hangs,
        })
    }
}

pub(crate) fn a_log_of_the_fuzzer_is_read() {
    let log = "#524288\tpulse  corp: 22/456b lim: 341 exec/s: 174762 rss: 62Mb\n\
               #1000000\tDONE   cov: 88 ft: 99 corp: 27/1520Kb lim: 512 exec/s: 200000 rss: 70Mb\n\
               Done 1000000 runs in 5 second(s)\n\
               stat::number_of_executed_units: 1000000\nstat::average_exec_per_sec:     200000\n\
               stat::new_units_added:          20\nstat::slowest_unit_time_sec:    0\n";
    let whole = FuzzerRun {
        executions: 1_000_000,
        seconds: 5,
        corpus: "27 inputs, 1520 kB".to_owned(),
        crashes: 0,
        hangs: 0,
    };
    assert_eq!(FuzzerRun::of(log).as_ref(), Some(&whole));
    let hung = format!("{log}SUMMARY: libFuzzer: timeout\n");
    assert_eq!(FuzzerRun::of(&hung).map(|run| (run.crashes, run.hangs)), Some((0, 1)));
    let dead = format!("{log}SUMMARY: libFuzzer: deadly signal\n");
    assert_eq!(FuzzerRun::of(&dead).map(|run| (run.crashes, run.hangs)), Some((1, 0)));
    assert_eq!(FuzzerRun::of("#2\tINITED cov: 5 ft: 5 corp: 1/1b exec/s: 0 rss: 30Mb\n"), None);
    assert_eq!(grouped(10_000_000), "10,000,000");
    assert_eq!((grouped(7), grouped(1234)), ("7".to_owned(), "1,234".to_owned()));
    assert!(is_of("/x/log_lines.2.log", "log_lines") && !is_of("log_index.log", "log_lines"));
}
