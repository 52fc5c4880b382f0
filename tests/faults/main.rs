//! Faults of the surroundings, real ones: folders without room or read-only, no room for a process, no memory, a wall
//! clock that jumps, and dead processes that nobody waits for. Each test says what a user sees; with `--record` that
//! becomes the table of docs/reliability.md.
//!
//! What stands elsewhere: a start on a full or read-only runtime folder (`undone`, `as_root`), a start on a full disk
//! (`hung_disk`), few descriptors (`messages`, `ears`), another time namespace (`as_root`).

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/record.rs"]
mod record;

mod clock;
mod dead;
mod folders;
mod limits;

use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::time::Instant;

use common::*;
use libtest_mimic::{Arguments, Failed, Trial};

type Test = (&'static str, fn());

const TESTS: [Test; 16] = [
    ("a_full_log_folder_stops_nothing", folders::a_full_log_folder_stops_nothing),
    ("a_log_folder_becomes_read_only", folders::a_log_folder_becomes_read_only),
    ("a_full_runtime_folder_while_it_runs", folders::a_full_runtime_folder_while_it_runs),
    ("a_runtime_folder_becomes_read_only", folders::a_runtime_folder_becomes_read_only),
    ("a_database_becomes_read_only", folders::a_database_becomes_read_only),
    ("a_database_becomes_full", folders::a_database_becomes_full),
    ("no_room_for_a_process", limits::no_room_for_a_process),
    ("no_room_for_the_supervisors_processes", limits::no_room_for_the_supervisors_processes),
    ("memory_is_used_up", limits::memory_is_used_up),
    ("the_clock_jumps_while_it_runs", clock::the_clock_jumps_while_it_runs),
    ("the_clock_jumps_while_it_starts", clock::the_clock_jumps_while_it_starts),
    ("the_clock_jumps_while_it_stops", clock::the_clock_jumps_while_it_stops),
    ("clocks_that_differ_share_a_lease", clock::clocks_that_differ_share_a_lease),
    ("a_history_loses_nothing", clock::a_history_loses_nothing),
    ("dead_children_that_nobody_waits_for", dead::dead_children_that_nobody_waits_for),
    ("a_dead_leader_with_a_living_thread", dead::a_dead_leader_with_a_living_thread),
];

/// A note of the record.
const ELSEWHERE: &str = "Tested elsewhere: a start on a full or read-only runtime directory (tests/undone.rs, tests/as_root.rs), a \
                         start on a full database (tests/hung_disk.rs), few descriptors (tests/messages, tests/ears.rs), \
                         another time namespace (tests/as_root.rs).";

/// What a user saw: the case, the sentence, and the exit code.
static SEEN: Mutex<Vec<[String; 3]>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let (record, words): (Vec<String>, Vec<String>) =
        std::env::args().partition(|word| word == "--record");
    let missing = missing_root();
    if missing.is_some_and(leave_out) {
        return ExitCode::FAILURE;
    }
    let trial = |(name, test): Test| {
        Trial::test(name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
        })
        .with_ignored_flag(missing.is_some())
    };
    let begun = Instant::now();
    let conclusion =
        libtest_mimic::run(&Arguments::from_iter(words), TESTS.into_iter().map(trial).collect());
    if !record.is_empty() {
        let mut record = record::Record::open(
            "faults",
            "Faults",
            "Errors injected into system calls, and resources taken away. A violation is a hang, a crash, a wrong answer, or something left behind.",
            "tests/crash-walk --errors --all --record; cargo test --test faults -- --record",
            &["case", "what the user sees", "exit code"],
        );
        for [case, sentence, code] in SEEN.lock().expect("no test holds it").iter() {
            record.put(case, &[sentence.clone(), code.clone()], begun.elapsed());
        }
        if !record.notes.iter().any(|note| note == ELSEWHERE) {
            record.notes.push(ELSEWHERE.to_owned());
        }
        record.write("faults");
    }
    conclusion.exit_code()
}

/// A program that a test needs, made of C; none, loudly: there is no compiler, or it is refused.
fn compiled(bench: &Bench, name: &str, source: &str) -> Option<std::path::PathBuf> {
    let (file, program) = (bench.path(&format!("{name}.c")), bench.path(name));
    std::fs::write(&file, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-pthread", "-o"]).arg(&program).arg(&file);
    let made = cc.output();
    if made.as_ref().is_ok_and(|made| made.status.success()) {
        return Some(program);
    }
    assert!(std::env::var_os("SITEWARD_TEST_ALL").is_none(), "a C compiler is missing: {made:?}");
    eprintln!(
        "\n*** LEFT OUT: what a C program does. Missing: cc (apt-get install gcc libc6-dev) ***\n"
    );
    None
}

/// Calls, and notes what the user sees: the line with these words, behind the state if it is the reason of one.
fn see(case: &str, bench: &Bench, command: Command, words: &str) -> Output {
    let output = output(command);
    // The same words on every machine.
    let said = said(&output)
        .replace(&bench.path("").display().to_string(), "/")
        .replace(SITEWARD, "/usr/bin/siteward");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let at = lines.iter().position(|line| line.contains(words)).unwrap_or_default();
    let line = lines.get(at).copied().unwrap_or_default().trim_start_matches("siteward: ");
    let sentence = match lines.first() {
        Some(state) if at == 1 && !state.contains(' ') => format!("{state}: {line}"),
        // Without the number of the supervisor and the time.
        _ => line.split(", supervisor ").next().unwrap_or_default().to_owned(),
    };
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    SEEN.lock().expect("no test holds it").push([case.to_owned(), sentence, code]);
    output
}

/// As [`see`], which must end with this code and say this.
fn sees(case: &str, bench: &Bench, command: Command, code: i32, words: &str) {
    let output = see(case, bench, command, words);
    assert_eq!(output.status.code(), Some(code), "{case}: {}", said(&output));
    assert!(said(&output).contains(words), "{case}: `{words}` is missing: {}", said(&output));
}
