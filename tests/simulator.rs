//! Lives random lives of random sites against the pure machine and checks the invariants after
//! every step.
//!
//! `cargo test --test simulator` lives 10,000; `cargo test --release --test simulator -- --lives
//! 1000000` a million; `-- --seed N` lives the one life of that seed again and prints every step.

use std::process::ExitCode;

use siteward::supervisor::machine::{Desired, Why};
use world::World;

#[path = "simulator/random_plan.rs"]
mod random_plan;
#[path = "simulator/world.rs"]
mod world;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    if arguments.iter().any(|a| a == "--list") {
        println!("random_lives: test");
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = value("--seed") {
        let mut world = World::new(seed, true);
        println!("{:#?}\n{:#?}", world.machine.plan(), world.characters);
        let outcome = world.live();
        println!("{outcome:?}");
        return ExitCode::from(u8::from(outcome.is_err()));
    }
    let lives = value("--lives").unwrap_or(10_000);
    let (mut steps, mut failed, mut served, mut held, mut lost) = (0, 0, 0, 0, 0);
    let (mut without, mut broken) = (0, 0);
    for seed in 0..lives {
        let mut world = World::new(seed, false);
        if let Err(why) = world.live() {
            eprintln!(
                "seed {seed}: {why}\n  live it again: cargo test --test simulator -- --seed {seed}"
            );
            broken += 1;
            if broken >= 10 {
                break;
            }
        }
        steps += world.steps;
        match world.machine.desired() {
            Desired::Up => served += 1,
            Desired::Held => held += 1,
            Desired::Down(Why::Failed(_)) => failed += 1,
            Desired::Down(Why::LeaseLost) => lost += 1,
            Desired::Down(Why::Without(_)) => without += 1,
            Desired::Down(Why::Ordered) => {}
        }
    }
    println!(
        "{lives} lives in {steps} steps: {served} served at the end, {held} were held, {failed} failed, \
         {lost} lost their lease, {without} their disk or address, the rest were stopped"
    );
    println!("{} passed, {broken} failed", lives - broken);
    ExitCode::from(u8::from(broken > 0))
}
