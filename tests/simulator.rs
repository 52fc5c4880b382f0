//! Lives random lives of random sites against the pure machine and checks the promises after every step.
//!
//! `cargo test --test simulator` lives 10,000; `cargo test --test simulator -- --lives 1000000 --threads 4` a million, and
//! `--record` keeps what they have shown. `-- --seed N` lives the one life of that seed again
//! and prints every step. The decisions of a life that failed are made as few as can be: `-- --kind K --decisions
//! LIST` lives those.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dice::Dice;
use siteward::supervisor::machine::{Desired, Why};
use two_nodes::TwoNodes;
use world::{Trouble, World};

#[path = "simulator/actions.rs"]
mod actions;
#[path = "simulator/crash.rs"]
mod crash;
#[path = "simulator/dice.rs"]
mod dice;
#[path = "simulator/orders.rs"]
mod orders;
#[path = "simulator/promises.rs"]
mod promises;
#[path = "simulator/random_plan.rs"]
mod random_plan;
#[path = "common/record.rs"]
mod record;
#[path = "simulator/shrink.rs"]
mod shrink;
#[path = "simulator/two_nodes.rs"]
mod two_nodes;
#[path = "simulator/world.rs"]
mod world;

/// What a life is full of; a seed divided by their number leaves the kind of its life.
const KINDS: [&str; 6] = [
    "orders, deaths and losses",
    "the supervisor dies between two actions, and another one takes over",
    "many orders at one moment or shortly one after the other",
    "late steps, suspended nodes, many events at one moment",
    "dying supervisors, many orders at once and late steps together",
    "two nodes with one database: starts and stops on both, dying keepers, supervisors and nodes",
];

fn trouble(kind: usize) -> Trouble {
    let all = kind == 4;
    Trouble { crashes: all || kind == 1, races: all || kind == 2, clock: all || kind == 3 }
}

/// A life, and what is left of it.
struct Lived {
    outcome: Result<(), String>,
    decisions: Vec<u64>,
    steps: u64,
    end: Option<Desired>,
}

fn live(kind: usize, dice: Dice, trace: bool) -> Lived {
    if kind == 5 {
        let mut nodes = TwoNodes::new(dice, trace);
        let outcome = nodes.live();
        return Lived { outcome, steps: nodes.steps(), decisions: nodes.decisions(), end: None };
    }
    let mut world = World::new(dice, trouble(kind), trace);
    if trace {
        println!("{:#?}\n{:#?}", world.machine.plan(), world.characters);
    }
    let outcome = world.live();
    let end = Some(world.machine.desired().clone());
    Lived { outcome, decisions: world.dice.taken, steps: world.steps, end }
}

/// Prints the shortest life that fails like this one.
fn explain(kind: usize, seed: u64, decisions: Vec<u64>) {
    let mut why = String::new();
    let short = shrink::shrink(decisions, &mut |list| {
        let lived = live(kind, Dice::of_list(list.to_vec()), false);
        why = lived.outcome.err()?;
        Some(lived.decisions)
    });
    eprintln!(
        "  the shortest life that fails too has {} decisions; every step of it:",
        short.len()
    );
    let lived = live(kind, Dice::of_list(short.clone()), true);
    println!("{:?}", lived.outcome);
    let list = shrink::printed(&short);
    eprintln!("  this one again: cargo test --test simulator -- --kind {kind} --decisions {list}");
    eprintln!("  the whole one:  cargo test --test simulator -- --seed {seed}");
}

/// How a life ends.
const ENDS: [&str; 6] =
    ["served", "were held", "were stopped", "failed", "lost their lease", "their disk or address"];

/// What became of the lives of one kind.
#[derive(Clone, Copy, Default)]
struct Count {
    lives: u64,
    steps: u64,
    violations: u64,
    took: Duration,
    ends: [u64; ENDS.len()],
}

impl Count {
    fn add(&mut self, of: &Self) {
        self.lives += of.lives;
        self.steps += of.steps;
        self.violations += of.violations;
        self.took += of.took;
        for (all, of) in self.ends.iter_mut().zip(of.ends) {
            *all += of;
        }
    }
}

/// Lives the next seeds until all are lived, or too many have failed.
fn live_some(next: &AtomicU64, lives: u64, broken: &AtomicU64) -> [Count; KINDS.len()] {
    let mut counts = [Count::default(); KINDS.len()];
    while broken.load(Ordering::Relaxed) < MOST_BROKEN {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= lives {
            break;
        }
        let kind = (seed % KINDS.len() as u64) as usize;
        let begun = Instant::now();
        let lived = live(kind, Dice::of_seed(seed), false);
        let of = &mut counts[kind];
        of.lives += 1;
        of.steps += lived.steps;
        of.took += begun.elapsed();
        if let Err(why) = lived.outcome {
            of.violations += 1;
            broken.fetch_add(1, Ordering::Relaxed);
            eprintln!("seed {seed}: {why}");
            explain(kind, seed, lived.decisions);
        }
        let end = match lived.end {
            Some(Desired::Up) => 0,
            Some(Desired::Held) => 1,
            Some(Desired::Down(Why::Ordered)) => 2,
            Some(Desired::Down(Why::Failed(_))) => 3,
            Some(Desired::Down(Why::LeaseLost)) => 4,
            Some(Desired::Down(Why::Without(_))) => 5,
            None => continue,
        };
        of.ends[end] += 1;
    }
    counts
}

/// After this many lives that failed no more are begun.
const MOST_BROKEN: u64 = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let text = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)
    };
    let value = |name: &str| text(name)?.parse::<u64>().ok();
    if arguments.iter().any(|a| a == "--list") {
        println!("random_lives: test");
        return ExitCode::SUCCESS;
    }
    let count = KINDS.len() as u64;
    if let Some(list) = text("--decisions") {
        let kind = value("--kind").unwrap_or(0) as usize;
        let lived = live(kind, Dice::of_list(shrink::read(list)), true);
        println!("{:?}", lived.outcome);
        return ExitCode::from(u8::from(lived.outcome.is_err()));
    }
    if let Some(seed) = value("--seed") {
        let lived = live((seed % count) as usize, Dice::of_seed(seed), true);
        println!("{:?}", lived.outcome);
        return ExitCode::from(u8::from(lived.outcome.is_err()));
    }
    let lives = value("--lives").unwrap_or(10_000);
    let threads = value("--threads").unwrap_or(1);
    let next = AtomicU64::new(0);
    let broken = AtomicU64::new(0);
    let mut counts = [Count::default(); KINDS.len()];
    std::thread::scope(|scope| {
        let lives_some = || live_some(&next, lives, &broken);
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(lives_some)).collect();
        for thread in all {
            for (all, of) in counts.iter_mut().zip(thread.join().expect("no life panics")) {
                all.add(&of);
            }
        }
    });
    for (kind, of) in KINDS.iter().zip(&counts) {
        println!("{} lives in {} steps, {} violations: {kind}", of.lives, of.steps, of.violations);
    }
    let ends: Vec<String> = ENDS
        .iter()
        .enumerate()
        .map(|(i, end)| format!("{} {end}", counts.iter().map(|c| c.ends[i]).sum::<u64>()))
        .collect();
    println!("at the end: {}", ends.join(", "));
    let broken: u64 = counts.iter().map(|c| c.violations).sum();
    println!("{} passed, {broken} failed", counts.iter().map(|c| c.lives).sum::<u64>() - broken);
    if arguments.iter().any(|a| a == "--record") {
        keep(&counts);
    }
    ExitCode::from(u8::from(broken > 0))
}

fn keep(counts: &[Count]) {
    let mut record = record::Record::open(
        "simulator",
        "Random lives",
        "Random sites live random lives under the code that decides what the supervisor does; time and processes are \
         simulated. After every step: never two processes of one name, nothing started before what it needs, nothing \
         after a stop was answered, no answer \"up\" while something that is needed is down, no process on two nodes, \
         every stop and every start over in its time.",
        "cargo test --test simulator -- --lives 1000000 --threads 4 --record",
        &["kind of life", "lives", "steps", "violations"],
    );
    for (kind, of) in KINDS.iter().zip(counts) {
        let cells = [of.lives, of.steps, of.violations].map(|n| n.to_string());
        record.put(kind, &cells, of.took);
    }
    record.notes = vec![
        "On two nodes, the death of a node's supervisor and keeper at one time is left out: the processes then live \
         without anything of siteward, and only fencing helps."
            .to_owned(),
    ];
    record.write("simulator");
}
