//! The targets of `fuzz/` without a nightly compiler: every input of their corpora, and then inputs that a mutator makes
//! of these.
//!
//! `-- --seed N` makes others, `-- --executions N` more of them, `-- --target NAME --input FILE` runs one input.
//! `-- --record-rows LOG...` writes what the runs of `tests/fuzz` have shown.

#[path = "../common/record.rs"]
mod record;
mod rows;
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use targets::{TARGETS, Target};

/// How long one input may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many inputs are made for a target, and for one that reads definitions or expressions.
const EXECUTIONS: u64 = 1000;
const SLOW_EXECUTIONS: u64 = 100;
const SLOW: [&str; 5] = ["definition", "keys", "snapshot", "log_lines", "cib"];

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "--record-rows") {
        return rows::record(&words[at + 1..]);
    }
    let mut take = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.remove(at);
        (at < words.len()).then(|| words.remove(at))
    };
    let number = |text: Option<String>| text.map(|text| text.parse().expect("a number"));
    let seed: u64 = number(take("--seed")).unwrap_or(1);
    let executions: Option<u64> = number(take("--executions"));
    if let (Some(name), Some(file)) = (take("--target"), take("--input")) {
        let target = targets::named(&name).expect("the name of a target");
        (target.run)(&fs::read(file).expect("the input can be read"));
        return ExitCode::SUCCESS;
    }
    let trials = TARGETS.iter().map(|target| {
        let usual = if SLOW.contains(&target.name) { SLOW_EXECUTIONS } else { EXECUTIONS };
        let executions = executions.unwrap_or(usual);
        Trial::test(target.name, move || attack(target, seed, executions))
    });
    let mut trials: Vec<Trial> = trials.collect();
    trials.push(Trial::test("every_target_has_a_corpus", || {
        every_target_has_a_corpus();
        Ok(())
    }));
    trials.push(Trial::test("a_log_of_the_fuzzer_is_read", || {
        rows::a_log_of_the_fuzzer_is_read();
        Ok(())
    }));
    libtest_mimic::run(&Arguments::from_iter(words), trials).exit_code()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a corpus, in the order of their names.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join("corpus").join(target.name)).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("an input"))).collect()
}

/// Runs the corpus of a target and so many inputs made of it.
fn attack(target: &'static Target, seed: u64, executions: u64) -> Result<(), Failed> {
    let under_way = Arc::new(Mutex::new((Instant::now(), Vec::new())));
    let (tell, told) = channel();
    let worker = {
        let under_way = Arc::clone(&under_way);
        std::thread::spawn(move || {
            let run = |input: &[u8]| {
                *under_way.lock().expect("no panic holds it") = (Instant::now(), input.to_vec());
                catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok()
            };
            let _ = tell.send(all_inputs(target, seed, executions, run));
        })
    };
    loop {
        match told.recv_timeout(Duration::from_secs(1)) {
            Ok(result) => {
                worker.join().expect("it has ended");
                return result.map_err(Failed::from);
            }
            Err(RecvTimeoutError::Timeout) => {
                let (since, input) = under_way.lock().expect("no panic holds it").clone();
                if since.elapsed() > PATIENCE {
                    let file = keep(target, &input);
                    return Err(format!("{}: it hangs with {}", target.name, file.display()).into());
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err("the worker is gone".into()),
        }
    }
}

fn all_inputs(
    target: &Target,
    seed: u64,
    executions: u64,
    run: impl Fn(&[u8]) -> bool,
) -> Result<(), String> {
    let corpus = corpus(target);
    for (file, input) in &corpus {
        if !run(input) {
            return Err(format!("{}: {} of the corpus fails", target.name, file.display()));
        }
    }
    let words = words_of(corpus.iter().map(|(_, input)| input.as_slice()));
    let mut mutator = Mutator { dice: Dice(seed), words };
    for nth in 0..executions {
        let input = mutator.input(&corpus, target.longest);
        if !run(&input) {
            let file = keep(target, &input);
            return Err(format!(
                "{}: input {nth} of seed {seed} fails; it is kept as {}. Run it again: cargo test --test \
                 fuzz_replay -- --target {} --input {}",
                target.name,
                file.display(),
                target.name,
                file.display()
            ));
        }
    }
    Ok(())
}

/// Keeps an input that fails.
fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
    fs::write(&file, input).expect("the input can be kept");
    file
}

/// Random numbers that are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % (most.max(1) as u64)).expect("it is below a usize")
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }
}

/// The words of a corpus, so that a mutator can put one in the place of another.
fn words_of<'a>(inputs: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut words = BTreeSet::new();
    for input in inputs {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-';
        words.extend(input.split(|byte| !is_part(byte)).filter(|word| word.len() > 1));
    }
    words.into_iter().map(<[u8]>::to_vec).collect()
}

/// What breaks readers.
const TROUBLE: [&[u8]; 24] = [
    b"-1",
    b"0",
    b"2147483648",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"99999999999999999999999",
    b"1e308",
    b".inf",
    b"null",
    b"\x00",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"\xcc\x81",
    b"\xd9\xa1",
    b"\x1b[31m",
    b"\\u001b",
    b"\r\n",
    b"\n\n",
    b"\t",
    b"{",
    b"]",
    b"\"",
    b": ",
    b"=",
];

struct Mutator {
    dice: Dice,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    fn input(&mut self, corpus: &[(PathBuf, Vec<u8>)], longest: usize) -> Vec<u8> {
        let mut input = self.dice.of(corpus).map(|(_, input)| input.clone()).unwrap_or_default();
        for _ in 0..=self.dice.below(4) {
            let at = self.dice.below(input.len() + 1);
            let to = (at + 1 + self.dice.below(16)).min(input.len());
            match self.dice.below(8) {
                0 if at < input.len() => input[at] ^= 1 << self.dice.below(8),
                1 if at < input.len() => input[at] = self.dice.next().to_le_bytes()[0],
                2 => drop(input.drain(at..to)),
                3 => {
                    let piece = input[at..to].repeat(1 + self.dice.below(30));
                    input.splice(at..at, piece);
                }
                4 => {
                    let other = self.dice.of(corpus).map(|(_, o)| o.as_slice()).unwrap_or_default();
                    let from = self.dice.below(other.len() + 1);
                    let piece = other[from..(from + 64).min(other.len())].to_vec();
                    input.splice(at..at, piece);
                }
                5 => {
                    let word = self.dice.of(&self.words).cloned().unwrap_or_default();
                    input.splice(at..to, word);
                }
                6 => drop(input.splice(at..to, TROUBLE[self.dice.below(TROUBLE.len())].to_vec())),
                _ => input.truncate(at),
            }
        }
        input.truncate(longest);
        input
    }
}

fn every_target_has_a_corpus() {
    let entries = fs::read_dir(folder().join("corpus")).expect("the folder").flatten();
    let there: BTreeSet<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(there, names);
    for target in &TARGETS {
        assert!(!corpus(target).is_empty(), "{} has no input", target.name);
    }
}
