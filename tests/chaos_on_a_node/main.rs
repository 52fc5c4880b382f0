//! Chaos on one node: fifty callers call verbs of every kind on ten sites at once, and supervisors, keepers and processes
//! are killed and stopped at random. What is judged is what the processes themselves have told of their lives.
//!
//! `tests/chaos --seconds N --seed S [--record]`; `cargo test` does a short one.

mod calls;
mod judge;
mod lives;
mod monkey;
mod pace;
#[path = "../common/record.rs"]
mod record;
mod rest;
mod sites;
mod witness;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calls::{Called, Caller, Node, Verb};
use lives::Lives;
use pace::Pace;
use witness::now;

/// How many verbs are called at once.
const CALLERS: u64 = 50;

/// Random numbers, the same ones again for the same seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX: the high bits are random enough.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(code) = witness::obey(&arguments) {
        return code;
    }
    if arguments.iter().any(|a| a == "--list") {
        println!("chaos: test");
        return ExitCode::SUCCESS;
    }
    let number = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let seconds = number("--seconds").unwrap_or(15);
    let seed = number("--seed").unwrap_or(1);
    let begun = Instant::now();
    let run = Run::begin();
    let done = run.chaos(seconds, seed);
    let mut wrong = run.judge();
    wrong.extend(run.end());
    run.tell(seconds, seed, &done, &wrong);
    if arguments.iter().any(|a| a == "--record") {
        run.record(seconds, seed, &done, &wrong, begun.elapsed());
    }
    if !wrong.is_empty() {
        println!("kept: {}", run.folder.keep().display());
    }
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// What was done beside the verbs, by its name.
type Done = BTreeMap<&'static str, u64>;

struct Run {
    folder: tempfile::TempDir,
    node: Arc<Node>,
    lives: Lives,
    pace: Pace,
}

impl Run {
    fn begin() -> Self {
        let folder =
            tempfile::Builder::new().prefix("siteward-chaos-").tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("sites")).expect("a folder for definitions");
        let lives = Lives::watch(folder.path());
        let node = Node::new(folder.path(), sites::define(folder.path()));
        Self { folder, node, lives, pace: Pace::measure() }
    }

    fn chaos(&self, seconds: u64, seed: u64) -> Done {
        let until = now() + seconds * 1_000_000_000;
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                let mut random = Random(seed.wrapping_mul(1000) + caller);
                scope.spawn(move || self.node.work(&mut random, until));
            }
            let mut random = Random(seed.wrapping_mul(1000) + CALLERS);
            monkey::play(&self.node.folder, &self.lives, &mut random, until)
        })
    }

    fn calls(&self) -> Vec<Called> {
        self.node.calls.lock().expect("no thread has panicked").clone()
    }

    fn judge(&self) -> Vec<String> {
        // What a process said last has to arrive.
        std::thread::sleep(Duration::from_millis(500));
        judge::judge(&self.node.sites, &self.lives.all(), &self.calls(), &self.pace)
    }

    /// Every site can be stopped, started and stopped again, and leaves nothing.
    fn end(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (index, site) in self.node.sites.iter().enumerate() {
            let mut must = |verb: Verb, code: i32| {
                let called = self.node.call(index, verb, Caller::Hand, Duration::ZERO, None);
                if called.code != Some(code) {
                    wrong.push(format!("AT THE END: {called:?}"));
                }
            };
            must(Verb::Stop, 0);
            must(Verb::Monitor, 3);
            must(Verb::Start, 0);
            must(Verb::Resume, 0);
            must(Verb::Monitor, 0);
            must(Verb::Stop, 0);
            must(Verb::Clean, 0);
            must(Verb::Monitor, 3);
            let left = rest::left(self.folder.path(), site.name);
            wrong.extend(left.iter().map(|what| format!("LEFT of {}: {what}", site.name)));
        }
        let left = monkey::of_folder(self.folder.path());
        wrong.extend(left.iter().map(|found| format!("LEFT: {found:?}")));
        wrong
    }

    /// Verbs by kind, and how they ended.
    fn verbs(&self) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
        let mut verbs: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for call in self.calls() {
            let code = match call.code {
                _ if call.was_killed => "killed".to_owned(),
                Some(code) => code.to_string(),
                None => "by a signal".to_owned(),
            };
            *verbs.entry(call.verb.shown()).or_default().entry(code).or_default() += 1;
        }
        verbs
    }

    fn tell(&self, seconds: u64, seed: u64, done: &Done, wrong: &[String]) {
        let verbs = self.verbs();
        let calls: u64 = verbs.values().flat_map(BTreeMap::values).sum();
        println!("chaos: {seconds} s with seed {seed}: {calls} verbs on ten sites");
        for (verb, codes) in &verbs {
            let slowest = self.calls().into_iter().filter(|c| c.verb.shown() == *verb);
            let slowest = slowest.map(|c| c.ended - c.begun).max().unwrap_or_default();
            println!("  {verb:13} {codes:?}, the slowest in {} ms", slowest / 1_000_000);
        }
        println!("  {done:?}");
        println!("  {} lives of processes", self.lives.all().len());
        println!("  the machine was {} times slower at worst", self.pace.slowest(0, u64::MAX));
        for line in wrong {
            println!("VIOLATION {line}");
        }
        println!("  {} violations", wrong.len());
    }

    fn record(&self, seconds: u64, seed: u64, done: &Done, wrong: &[String], took: Duration) {
        let mut record = record::Record::open(
            "chaos",
            "Chaos on one node",
            "Fifty verbs of every kind at once on ten sites, called by hand and as cluster managers call them, while \
             supervisors, keepers, processes and verbs are killed and stopped at random. A violation is: two processes of \
             one name at once, a process that lives behind a stop that succeeded, a stop that failed, a monitor that says \
             what is not so, a verb that breaks or exceeds its time, or anything left at the end.",
            "tests/chaos --seconds 600 --seed 1 --record",
            &["what", "times", "violations"],
        );
        record.rows.clear();
        let mut put = |what: String, times: u64, violations: usize| {
            record.put(&what, &[times.to_string(), violations.to_string()], took);
        };
        let with = |word: &str| wrong.iter().filter(|line| line.contains(word)).count();
        for (verb, codes) in self.verbs() {
            let of_verb = format!("[{verb}]");
            put(format!("verb: {verb}"), codes.values().sum(), with(&of_verb));
        }
        for (what, times) in done {
            put(format!("fault: {what}"), *times, 0);
        }
        let killed = self.calls().iter().filter(|call| call.was_killed).count();
        put("fault: verbs killed".to_owned(), killed as u64, 0);
        let lives = self.lives.all().len() as u64;
        put("lives of processes".to_owned(), lives, with("TWO OF A NAME"));
        put("in all".to_owned(), self.calls().len() as u64, wrong.len());
        record.notes = vec![format!("Seed {seed}, {seconds} seconds.")];
        record.write("chaos");
    }
}
