//! Every entry of the catalogue of messages, produced through the built binary: with its identifier, and with the exit
//! code that each cluster manager gets for it. An entry that no test produces is a failure, unless it is in
//! [`NOT_PRODUCED`] with the reason.

#[path = "../common/mod.rs"]
mod common;
#[path = "../jobcenter/mod.rs"]
mod jobcenter;

mod call;
mod definition;
mod disk;
mod files;
mod node;
mod orders;
mod process;
mod start;
mod stop;
mod work;

use std::collections::BTreeSet;
use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;

use common::*;
use libtest_mimic::{Arguments, Failed, Trial};
use siteward::manager::{Manager, Verb};
use siteward::messages::{self, MessageId};
use siteward::operator::answered_codes;

/// What no test here can bring about, and why.
const NOT_PRODUCED: [(&str, &str); 19] = [
    ("background-failed", "no call leaves too few descriptors for a pipe and enough to get there"),
    ("addresses-unreadable", "the kernel would have to refuse a netlink socket"),
    ("mounts-unreadable", "/proc without mountinfo cannot be made"),
    ("pause-unreadable", "the disk would have to hang after the gate and before the mark is read"),
    (
        "lease-disk-silent",
        "the disk would have to hang after the gate and before the lease is asked for",
    ),
    ("paused-here-only", "the disk would have to fail between the two writes of a pause"),
    ("start-not-rolled-back", "a process that cannot be killed would be needed at that moment"),
    ("root-not-entered", "/ can always be entered by who can call"),
    ("supervisor-not-killed", "a security module would have to refuse the signal"),
    ("process-ended-untold", "this kernel tells the end of adopted processes"),
    ("process-unidentified", "/proc would have to vanish under a supervisor"),
    (
        "process-missing",
        "a supervisor would have to miss a death; the unit tests of observe/missing.rs show it",
    ),
    (
        "healthcheck-not-run",
        "it takes longer than a test may; the unit tests of the machine show it",
    ),
    ("healthchecks-silent", "a supervisor would have to fall silent between two questions"),
    ("site-failed", "another version's record has a failure without an identifier"),
    ("given-up-not-adopted", "a supervisor would have to give up what it cannot end"),
    (
        "order-interrupted",
        "the orders of a person are not interrupted but followed by Ctrl-C's own end",
    ),
    ("facts-not-written", "what is written are words and numbers"),
    ("disk-silent", "tests/hung_disk.rs shows it"),
];

/// The identifiers that were seen.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

const CALLERS: [(Manager, &str); 5] = [
    (Manager::Pacemaker, "pacemaker"),
    (Manager::Clusterware, "clusterware"),
    (Manager::Serviceguard, "serviceguard"),
    (Manager::Expresscluster, "expresscluster"),
    (Manager::Hand, "hand"),
];

fn code_of(id: MessageId, manager: Manager, verb: Verb) -> i32 {
    let answered = answered_codes(id).into_iter().find(|a| a.caller == manager).unwrap();
    let [start, stop, monitor, other] = answered.codes;
    i32::from(match verb {
        Verb::Start => start,
        Verb::Stop => stop,
        Verb::Monitor => monitor,
        Verb::Other => other,
    })
}

/// The output is that of this message, to this caller.
fn is_told(id: &str, manager: Manager, verb: Verb, output: &Output) {
    let known = messages::find(id).unwrap_or_else(|| panic!("{id} is not in the catalogue"));
    let text = said(output);
    assert_eq!(
        output.status.code(),
        Some(code_of(known, manager, verb)),
        "{id}, {manager:?}, {verb:?}: {:?}: {text}",
        output.status
    );
    // Pacemaker shows 128 characters: the identifier is in its log, which a test has on its standard error.
    assert!(text.contains(&format!("[{id}]")), "{id}, {manager:?}: {text}");
    SEEN.lock().unwrap().insert(id.to_owned());
}

/// It was seen, as the test itself has found out.
fn seen(id: &str) {
    assert!(messages::find(id).is_some(), "{id} is not in the catalogue");
    SEEN.lock().unwrap().insert(id.to_owned());
}

/// By hand.
fn by_hand(id: &str, verb: Verb, command: Command) {
    is_told(id, Manager::Hand, verb, &output(command));
}

/// By each caller: `command` with `--as`. What has to be done before each call is done by `before`.
fn everywhere(id: &str, verb: Verb, command: impl Fn() -> Command) {
    for (manager, word) in CALLERS {
        let mut command = command();
        command.args(["--as", word]).env("CLP_EVENT", "START");
        is_told(id, manager, verb, &output(command));
    }
}

/// A monitor of each caller sees the failure of this site: by hand with its identifier and this code.
fn is_seen(id: &str, bench: &Bench, site: &str, code: i32) {
    let seen = output(bench.hand(&["monitor", site]));
    let text = said(&seen);
    assert_eq!(seen.status.code(), Some(code), "{id}: {text}");
    assert!(text.contains(&format!("[{id}]")), "{id}: {text}");
    let shown = said(&output(bench.hand(&["status", site])));
    assert!(shown.contains(&format!("[{id}]")), "{id}: {shown}");
    SEEN.lock().unwrap().insert(id.to_owned());
}

/// The program, where every user may execute it.
fn program() -> &'static std::path::Path {
    static PROGRAM: std::sync::OnceLock<(tempfile::TempDir, std::path::PathBuf)> =
        std::sync::OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new().prefix("siteward-program-").tempdir().unwrap();
        let program = folder.path().join("siteward");
        std::fs::copy(SITEWARD, &program).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, program)
    });
    program
}

fn main() -> ExitCode {
    // A disk and an address are taken away, so namespaces of its own are needed.
    const INSIDE: &str = "SITEWARD_TEST_INSIDE";
    if missing_root().is_none() && std::env::var_os(INSIDE).is_none() {
        let own = std::env::current_exe().unwrap();
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--mount", "--propagation", "private", "--"]).arg(own);
        let status = unshare.args(std::env::args_os().skip(1)).env(INSIDE, "1").status().unwrap();
        return ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1));
    }
    if missing_root().is_none() {
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    }
    // Written before any test forks: a copy of a descriptor that writes to a program makes it busy.
    let _ = program();
    let groups = [
        ("call", call::TESTS),
        ("definition", definition::TESTS),
        ("node", node::TESTS),
        ("process", process::TESTS),
        ("disk", disk::TESTS),
        ("start", start::TESTS),
        ("stop", stop::TESTS),
        ("orders", orders::TESTS),
        ("files", files::TESTS),
        ("work", work::TESTS),
    ];
    let missing = missing_root();
    if missing.is_some_and(leave_out) {
        return ExitCode::FAILURE;
    }
    let mut trials = Vec::new();
    for (group, tests) in groups {
        for (name, needs_root, test) in tests {
            let test = *test;
            let trial = Trial::test(format!("{group}::{name}"), move || {
                std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
            });
            trials.push(trial.with_ignored_flag(*needs_root && missing.is_some()));
        }
    }
    let arguments = Arguments::from_args();
    let is_whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if is_whole && missing.is_none() && !conclusion.has_failed() && !covered() {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Whether every entry was seen, or stands in the list with its reason.
fn covered() -> bool {
    let seen = SEEN.lock().unwrap();
    let mut is_whole = true;
    for id in messages::all().map(|id| id.to_string()) {
        let excused = NOT_PRODUCED.iter().find(|(excused, _)| *excused == id);
        match (seen.contains(&id), excused) {
            (true, None) => {}
            (true, Some(_)) => {
                eprintln!("`{id}` is produced, so it must not stand in NOT_PRODUCED");
                is_whole = false;
            }
            (false, Some((_, why))) => eprintln!("*** not produced: {id}: {why} ***"),
            (false, None) => {
                eprintln!("no test produces `{id}`");
                is_whole = false;
            }
        }
    }
    is_whole
}

/// A test: its name, whether it needs root, and itself.
type Test = (&'static str, bool, fn());
