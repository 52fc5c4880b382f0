//! Makes a copy of the tree in which every mutant that cargo-mutants knows stands behind a switch, builds it once, and
//! runs for each mutant the tests that reach it. See `tests/mutants`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use mutant::Mutant;
use run::{Job, Outcome};
use tree::Tree;

mod broken;
mod mutant;
mod record;
mod run;
mod switch;
mod tree;

/// A test as it was without a mutant.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    seconds: f64,
    passed: bool,
    /// The keys of the mutants that it reaches.
    reached: BTreeSet<String>,
}

/// What became of a mutant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    key: String,
    /// `caught`, `missed`, `not reached`, or `unfinished` where its time did not suffice for every test.
    outcome: String,
    /// The test that noticed it.
    by: String,
    seconds: f64,
}

struct Options {
    room: String,
    shard: Option<(usize, usize)>,
    sample: Option<(usize, u64)>,
    jobs: usize,
    budget: f64,
    only_missed: bool,
    again: Vec<String>,
    is_record: bool,
    /// The copy stands as it is to be tried.
    is_built: bool,
}

fn options() -> Options {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = words.iter().position(|w| w == name)?;
        words.get(at + 1).cloned()
    };
    let number = |name: &str| value(name).and_then(|v| v.parse::<u64>().ok());
    let shard = value("--shard").and_then(|v| {
        let (k, n) = v.split_once('/')?;
        Some((k.parse().ok()?, n.parse().ok()?))
    });
    let room = words.first().filter(|w| !w.starts_with('-')).cloned().unwrap_or_default();
    Options {
        room,
        shard,
        sample: number("--sample").map(|n| (n as usize, number("--seed").unwrap_or(1))),
        jobs: number("--jobs").unwrap_or(2) as usize,
        budget: number("--budget").unwrap_or(90) as f64,
        only_missed: words.iter().any(|w| w == "--missed"),
        again: value("--again")
            .map(|v| v.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        is_built: words.iter().any(|w| w == "--built"),
        is_record: words.iter().any(|w| w == "--record"),
    }
}

fn main() {
    let options = options();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = fs::canonicalize(root).expect("the tree");
    let base = std::env::var_os("SITEWARD_MUTANTS").map_or("/tmp/sm".into(), PathBuf::from);
    let rooms: Vec<&str> = mutant::ROOMS.iter().map(|(name, _)| *name).collect();
    if options.room == "record" {
        record::write(&root, &mutant::list(&root), &base);
        return;
    }
    if options.room == "broken" {
        let is_all = broken::try_all(&root, &base, options.is_record, options.is_built);
        std::process::exit(i32::from(!is_all));
    }
    if !rooms.contains(&options.room.as_str()) {
        eprintln!("tests/mutants ROOM: one of {}", rooms.join(", "));
        std::process::exit(2);
    }
    let mut tree = Tree::new(&root, &base, &options.room);
    if options.is_built {
        tree.take();
    } else {
        tree.make();
    }
    let seen = look(&tree, &options);
    let chosen = choose(&tree, &options);
    println!("{} mutants of {}", chosen.len(), options.room);
    let found = try_all(&tree, &chosen, &seen, &options);
    let missed: Vec<&Found> = found.iter().filter(|f| f.outcome != "caught").collect();
    for one in &missed {
        println!("{}: {}", one.outcome, one.key);
    }
    println!("{} caught, {} missed", found.len() - missed.len(), missed.len());
    if options.is_record {
        record::write(&root, &tree.mutants, &base);
    }
}

/// The mutants of the room that are to be tried.
fn choose<'a>(tree: &'a Tree, options: &Options) -> Vec<&'a Mutant> {
    let before = results(&tree.base);
    let mut chosen: Vec<&Mutant> = tree
        .mutants
        .iter()
        .filter(|m| {
            m.room() == options.room && !tree.refused.contains(&m.key) && !m.has_no_switch()
        })
        .filter(|m| {
            !options.only_missed || before.get(&m.key).is_some_and(|f| f.outcome != "caught")
        })
        .collect();
    if let Some((k, n)) = options.shard {
        chosen =
            chosen.into_iter().enumerate().filter(|(i, _)| i % n == k).map(|(_, m)| m).collect();
    }
    if let Some((count, seed)) = options.sample {
        let mut state = seed;
        chosen.sort_by_cached_key(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        });
        chosen.truncate(count);
    }
    chosen
}

/// The last result of each mutant.
pub(crate) fn results(base: &Path) -> BTreeMap<String, Found> {
    let text = fs::read_to_string(base.join("results.jsonl")).unwrap_or_default();
    let found = text.lines().filter_map(|line| serde_json::from_str::<Found>(line).ok());
    found.map(|f| (f.key.clone(), f)).collect()
}

/// How a test of a binary is called.
fn words(binary: &str, test: &str) -> Vec<String> {
    match binary {
        "simulator" => ["--lives", "1000"].map(str::to_owned).to_vec(),
        _ => [test, "--exact", "--test-threads", "1"].map(str::to_owned).to_vec(),
    }
}

/// Runs every test once without a mutant, and notes which it reaches.
fn look(tree: &Tree, options: &Options) -> BTreeMap<(String, String), Seen> {
    let file = tree.base.join("seen.json");
    let mut seen: Vec<((String, String), Seen)> =
        fs::read(&file).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    seen.retain(|((binary, _), _)| !options.again.contains(binary));
    let known: BTreeSet<(String, String)> = seen.iter().map(|(name, _)| name.clone()).collect();
    let mut todo = Vec::new();
    let mut all = BTreeSet::new();
    for (binary, program) in &tree.binaries {
        let list = std::process::Command::new(program)
            .arg("--list")
            .current_dir(tree.folder())
            .output()
            .expect("a test can be run");
        for line in String::from_utf8_lossy(&list.stdout).lines() {
            let Some(test) = line.strip_suffix(": test") else { continue };
            let name = (binary.clone(), test.to_owned());
            if !known.contains(&name) {
                todo.push(name.clone());
            }
            all.insert(name);
        }
    }
    let kept: Vec<_> =
        seen.iter().filter(|(name, _)| !tree.binaries.contains_key(&name.0)).cloned().collect();
    seen.retain(|(name, _)| all.contains(name));
    println!("{} tests, {} of them not seen yet", all.len(), todo.len());
    let next = AtomicUsize::new(0);
    let noted = Mutex::new(seen);
    std::thread::scope(|scope| {
        for number in 0..options.jobs {
            let (next, noted, todo, file) = (&next, &noted, &todo, &file);
            scope.spawn(move || {
                let job = Job::new(&tree.base, &tree.folder(), number, tree.mutants.len());
                while let Some(name) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (binary, test) = name;
                    let limit = Duration::from_secs(120);
                    let program = &tree.binaries[binary];
                    let (outcome, time) = job.run(program, &words(binary, test), "record", limit);
                    if outcome != Outcome::Passed {
                        println!("without a mutant: {binary} {test}: {outcome:?}");
                        let log =
                            tree.base.join(format!("{binary}-{}.log", test.replace(':', "_")));
                        let _ = fs::write(log, job.output());
                    }
                    let reached =
                        job.hits().into_iter().map(|id| tree.mutants[id].key.clone()).collect();
                    let passed = outcome == Outcome::Passed;
                    let one = Seen { seconds: time.as_secs_f64(), passed, reached };
                    let mut noted = noted.lock().unwrap();
                    noted.push((name.clone(), one));
                    if noted.len() % 20 == 0 {
                        fs::write(file, serde_json::to_vec(&*noted).unwrap()).unwrap();
                    }
                }
            });
        }
    });
    let noted = noted.into_inner().unwrap();
    let whole: Vec<_> = noted.iter().chain(&kept).collect();
    fs::write(&file, serde_json::to_vec(&whole).unwrap()).expect("the copy can be written to");
    noted.into_iter().filter(|(_, s)| s.passed).collect()
}

/// Tries each, several at once.
fn try_all(
    tree: &Tree,
    chosen: &[&Mutant],
    seen: &BTreeMap<(String, String), Seen>,
    options: &Options,
) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    // How often a test has caught a mutant of a file: such a test comes first for the next one of it.
    let luck: Mutex<HashMap<(String, String), usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for number in 0..options.jobs {
            let (next, found, luck) = (&next, &found, &luck);
            scope.spawn(move || {
                let job = Job::new(&tree.base, &tree.folder(), number, tree.mutants.len());
                while let Some(mutant) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = try_one(tree, &job, mutant, seen, luck, options.budget);
                    println!("{} {:.1} s {} {}", one.outcome, one.seconds, one.key, one.by);
                    let mut found = found.lock().unwrap();
                    let file = tree.base.join("results.jsonl");
                    let mut file =
                        fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
                    writeln!(file, "{}", serde_json::to_string(&one).unwrap()).unwrap();
                    found.push(one);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

fn try_one(
    tree: &Tree,
    job: &Job,
    mutant: &Mutant,
    seen: &BTreeMap<(String, String), Seen>,
    luck: &Mutex<HashMap<(String, String), usize>>,
    budget: f64,
) -> Found {
    let begun = Instant::now();
    let active = mutant.id.to_string();
    let reach: Vec<(&(String, String), &Seen)> =
        seen.iter().filter(|(_, s)| s.reached.contains(&mutant.key)).collect();
    let ends = |outcome: &str, by: String| Found {
        key: mutant.key.clone(),
        outcome: outcome.to_owned(),
        by,
        seconds: begun.elapsed().as_secs_f64(),
    };
    if reach.is_empty() {
        return ends("not reached", String::new());
    }
    let units: Vec<&(String, String)> =
        reach.iter().filter(|(name, _)| name.0 == "siteward").map(|(name, _)| *name).collect();
    if !units.is_empty() {
        let mut words: Vec<String> = units.iter().map(|(_, test)| test.clone()).collect();
        words.extend(["--exact", "--test-threads", "2"].map(str::to_owned));
        let time: f64 = units.iter().map(|name| seen[*name].seconds).sum();
        let limit = Duration::from_secs_f64(20.0 + 3.0 * time);
        let (outcome, _) = job.run(&tree.binaries["siteward"], &words, &active, limit);
        if outcome != Outcome::Passed {
            let output = job.output();
            let failed = output.lines().find_map(|line| {
                line.strip_prefix("test ").and_then(|l| l.strip_suffix(" ... FAILED"))
            });
            let by = failed.unwrap_or("a unit test that did not end").to_owned();
            return ends("caught", by);
        }
    }
    let mut others: Vec<_> = reach.iter().filter(|(name, _)| name.0 != "siteward").collect();
    let lucky = luck.lock().unwrap().clone();
    let rank = |name: &(String, String), seen: &Seen| {
        let key = (mutant.file.clone(), format!("{} {}", name.0, name.1));
        let times = lucky.get(&key).copied().unwrap_or(0) as f64;
        seen.seconds / (1.0 + times)
    };
    others.sort_by(|a, b| rank(a.0, a.1).total_cmp(&rank(b.0, b.1)));
    let mut is_whole = true;
    for (name, seen) in others {
        if begun.elapsed().as_secs_f64() + seen.seconds > budget {
            is_whole = false;
            continue;
        }
        let limit = Duration::from_secs_f64(30.0 + 2.0 * seen.seconds);
        let words = words(&name.0, &name.1);
        let program = &tree.binaries[&name.0];
        let fails = || job.run(program, &words, &active, limit).0 != Outcome::Passed;
        // And not without the mutant: a test may fail for the load of the machine.
        if fails() && job.run(program, &words, "none", limit).0 == Outcome::Passed {
            let by = format!("{} {}", name.0, name.1);
            *luck.lock().unwrap().entry((mutant.file.clone(), by.clone())).or_default() += 1;
            return ends("caught", by);
        }
    }
    // With tests left over that reach it, nothing is known of it.
    ends(if is_whole { "missed" } else { "unfinished" }, String::new())
}
