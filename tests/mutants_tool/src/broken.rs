//! Six builds that are broken on purpose: each patch of tests/broken stands behind a switch in one copy, and the tests
//! that should notice it are run until one does.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::record;
use crate::run::{Job, Outcome};
use crate::tree::Tree;
use crate::words;

/// The patch, what it breaks, and the tests that should notice it: the likeliest first, then all of a name's.
pub(crate) const BROKEN: [(&str, &str, &[&str]); 6] = [
    (
        "1-stop-returns-early",
        "a stop returns before the processes are gone",
        &["marks: a_life_with_every_mark", "verbs: unsupervised", "marks", "verbs"],
    ),
    (
        "2-monitor-trusts-the-record",
        "a monitor trusts the record and does not look at the processes",
        &["verbs: unsupervised", "marks: a_life_without_a_record", "adoption", "verbs"],
    ),
    (
        "3-sweep-without-the-session-mark",
        "a process is not known by its session",
        &["marks: a_life_with_nothing_but_the_session", "marks"],
    ),
    (
        "4-dependencies-counted-off-by-one",
        "a process is started when all it depends on is ready but one",
        &["simulator", "siteward: supervisor::machine"],
    ),
    (
        "5-lease-not-released",
        "the lease is not released",
        &["ownership: a_start_or_run_that_fails_early_keeps_no_lease", "ownership"],
    ),
    (
        "6-held-monitor-well-after-a-death",
        "a held monitor is answered \"well\" after a death",
        &["held: a_death_ends_the_wait_at_once_with_the_reason", "held"],
    ),
];

/// The test binary, and how the names begin of those of its tests that are meant.
fn parts(tests: &str) -> (&str, &str) {
    tests.split_once(": ").unwrap_or((tests, ""))
}

/// All test binaries that are needed.
pub(crate) fn binaries() -> Vec<&'static str> {
    let all = BROKEN.iter().flat_map(|(_, _, tests)| tests.iter().map(|tests| parts(tests).0));
    let mut all: Vec<&str> = all.filter(|binary| *binary != "siteward").collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Tries all, and says whether each was noticed.
pub(crate) fn try_all(root: &Path, base: &Path, is_record: bool, is_built: bool) -> bool {
    let mut tree = Tree::of_patches(root, &base.join("broken"));
    if is_built {
        tree.take();
    } else {
        tree.make();
    }
    let job = Job::new(&tree.base, &tree.folder(), 0, 64);
    let mut rows = serde_json::Map::new();
    let mut is_all = true;
    for (number, (_, what, tests)) in BROKEN.iter().enumerate() {
        let begun = Instant::now();
        let by = notices(&tree, &job, &(number + 1).to_string(), tests);
        println!("{what}: {}", by.as_deref().unwrap_or("NOT NOTICED"));
        is_all &= by.is_some();
        let by = by.unwrap_or_else(|| "nothing".to_owned());
        rows.insert((*what).to_owned(), record::row(root, &[by], begun.elapsed().as_secs()));
    }
    if is_record {
        record::save(
            root,
            "broken-builds",
            "Builds that are broken on purpose",
            "Each of these is built into a copy of the source, and a test must fail because of it.",
            "tests/broken-builds --record",
            &["what was broken", "noticed by"],
            &rows,
            &json!([]),
        );
    }
    is_all
}

/// The first test that fails with the patch, and passes without it.
fn notices(tree: &Tree, job: &Job, active: &str, tests: &[&str]) -> Option<String> {
    for tests in tests {
        let (binary, begin) = parts(tests);
        let program = tree.binaries.get(binary)?;
        let list = Command::new(program).arg("--list").output().expect("a test can be run");
        for line in String::from_utf8_lossy(&list.stdout).lines() {
            let Some(test) = line.strip_suffix(": test") else { continue };
            if binary != "simulator" && !test.starts_with(begin) {
                continue;
            }
            let words = words(binary, test);
            let passes =
                |active: &str| job.run(program, &words, active, LIMIT).0 == Outcome::Passed;
            if !passes(active) && passes("none") {
                let binary = if binary == "siteward" { "unit tests" } else { binary };
                return Some(format!("{binary}: {test}"));
            }
        }
    }
    None
}

const LIMIT: Duration = Duration::from_secs(180);
