//! Random faults in a real Pacemaker cluster of two nodes, judged by a witness that shares no code with the product.
//!
//! `tests/soak --minutes N --seed S [--record]`; `cargo test` alone lives through a short one. The program is also the process
//! that the sites run (`witness`), and the client that writes to their PostgreSQL (`client`).

mod checks;
mod client;
mod evidence;
mod eye;
mod faults;
#[allow(dead_code)]
#[path = "../cluster/lab.rs"]
mod lab;
mod note;
mod plan;
#[path = "../common/record.rs"]
mod record;
mod settle;
mod summary;
mod watch;
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::Signal;

use checks::Read;
use plan::{Plan, Random};
use summary::Summary;
use world::{World, lock};

/// What `cargo test` lives through.
const SHORT: Duration = Duration::from_secs(90);
const SHORT_SEED: u64 = 15;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    match word(0) {
        "witness" => return note::live(word(1), word(2)),
        "client" => return client::write_for_ever(word(1)),
        _ => {}
    }
    let missing = lab::missing();
    let number = |name: &str| {
        let at = words.iter().position(|w| w == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(minutes) = number("--minutes") {
        if let Some(what) = missing {
            eprintln!("Missing: {what}");
            return ExitCode::FAILURE;
        }
        let summary = live(Duration::from_secs(60 * minutes), number("--seed").unwrap_or(1));
        if words.iter().any(|w| w == "--record") {
            summary.record();
        }
        return ExitCode::from(u8::from(summary.violations > 0));
    }
    let left_out = missing.map(|what| {
        format!("\n*** LEFT OUT: the soak in a real Pacemaker cluster. Missing: {what} ***\n")
    });
    if let Some(said) = &left_out {
        eprintln!("{said}");
        if std::env::var_os("SITEWARD_TEST_ALL").is_some() {
            eprintln!("SITEWARD_TEST_ALL is set, so that is a failure.");
            return ExitCode::FAILURE;
        }
    }
    let short = || {
        let summary = live(SHORT, SHORT_SEED);
        (summary.violations == 0).then_some(()).ok_or_else(|| Failed::from("violations, see above"))
    };
    let trial = Trial::test("a_short_soak", short).with_ignored_flag(left_out.is_some());
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

/// Lives through faults for this long.
fn live(time: Duration, seed: u64) -> Summary {
    let kept = std::env::temp_dir().join(format!("siteward-soak-{seed}-{}", std::process::id()));
    let world = World::new(kept);
    let mut client = watch::start_client(&world);
    let client_pid = client.id();
    println!("the lab is in {}, the seed is {seed}", world.folder().display());
    let mut summary = Summary::new(seed, time);
    std::thread::scope(|scope| {
        scope.spawn(|| watch::witness(&world));
        scope.spawn(|| watch::listen(&world, &mut client));
        scope.spawn(|| watch::judge(&world, seed));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            through_faults(&world, time, seed, &mut summary);
        }));
        if ended.is_err() {
            world.violation("the soak itself panicked, see above");
        }
        world.is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        let pid = nix::unistd::Pid::from_raw(client_pid.cast_signed());
        let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
    });
    let _ = client.wait();
    if std::env::var_os("SITEWARD_SOAK_KEEP").is_some() {
        let _ = std::fs::create_dir_all(&world.kept);
        evidence::copy_logs(&world, &world.kept);
        println!("the logs are in {}", world.kept.display());
    }
    summary.close(&world);
    println!("{}", summary.table());
    summary
}

fn through_faults(world: &World, time: Duration, seed: u64, summary: &mut Summary) {
    let mut random = Random::new(seed);
    let mut plan = Plan::new();
    let mut read = Read::default();
    let begun = Instant::now();
    let all = faults::Done::to(&world::SITES);
    world.settle(&all);
    while begun.elapsed() < time {
        let fault = plan.next(&mut random);
        let before = lock(&world.violations).len();
        *lock(&world.under_way) = fault.words().to_owned();
        world.tell(fault.words());
        let (detail, done) = world.do_fault(fault, &mut random);
        world.tell(&format!("  done: {detail}"));
        let took = world.settle(&done);
        world.read_logs(&mut read, Some(&done));
        world.rows_are_there();
        lock(&world.under_way).clear();
        let violations = lock(&world.violations).len() - before;
        if let Some(took) = took {
            world.tell(&format!("  recovered {:.1} s after it", took.as_secs_f64()));
        }
        summary.enter(fault, took, violations);
        let calm = Instant::now() + Duration::from_millis(300 + random.below(3000));
        while Instant::now() < calm {
            world.tell_what_was_found();
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    world.rows_are_there();
    world.read_logs(&mut read, None);
    *lock(&world.under_way) = "the end".to_owned();
    world.end();
    world.tell_what_was_found();
    world.read_logs(&mut read, None);
    summary.fences = read.fences;
    summary.stops = read.stops;
    summary.failed_stops = read.failed_stops;
    summary.unasked = read.unasked;
}
