//! What goes wrong with a process.

use siteward::manager::Verb;
use siteward::values::Signal;

use crate::common::*;
use crate::jobcenter::Jobcenter;
use crate::{Test, by_hand, everywhere, is_seen};

pub(crate) const TESTS: &[Test] = &[
    ("it_ends_in_a_start", false, it_ends_in_a_start),
    ("it_is_not_ready", false, it_is_not_ready),
    ("it_is_killed", false, it_is_killed),
    ("its_healthcheck", false, its_healthcheck),
    ("it_is_to_daemonise", false, it_is_to_daemonise),
    ("it_cannot_be_executed", false, it_cannot_be_executed),
    ("a_wrapped_one", false, a_wrapped_one),
];

fn it_ends_in_a_start() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [/bin/sh, -c, exit 3]}}\n");
    everywhere("process-ended", Verb::Start, || bench.hand(&["start", "a"]));
    bench.define(
        "a",
        "boot_timeout: 1s\nprocesses:\n  a: {command: [ACT, steady], ready: {file: /no/such/file}}\n  b: {command: [ACT, steady]}\n",
    );
    let text = said(&output(bench.hand(&["start", "a"])));
    assert!(
        text.contains("[process-not-ready-at-boot]") || text.contains("[process-never-started]"),
        "{text}"
    );
}

fn it_is_not_ready() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {a: {command: [ACT, steady], ready: {file: /no/such/file, timeout: 300ms}}}\n",
    );
    everywhere("process-not-ready", Verb::Start, || bench.hand(&["start", "a"]));
    bench.define("a", "boot_timeout: 1s\nprocesses: {a: {command: [ACT, steady], ready: {file: /no/such/file}}}\n");
    everywhere("process-not-ready-at-boot", Verb::Start, || bench.hand(&["start", "a"]));
    // A process that is not essential holds up one that is, and is itself no reason to fail.
    bench.define(
        "a",
        "boot_timeout: 1s\nprocesses:\n  a: {command: [ACT, steady], essential: false, ready: {file: /no/such/file}}\n  b: {command: [ACT, steady]}\n",
    );
    by_hand("process-never-started", Verb::Start, bench.hand(&["start", "a"]));
}

fn it_is_killed() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "a"), Signal::KILL);
    until("it has failed", || code(bench.hand(&["monitor", "-q", "a"])) == 1);
    is_seen("process-killed", &bench, "a", 1);
    succeed(bench.hand(&["stop", "a"]));
}

fn its_healthcheck() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [ACT, steady], healthcheck: {test: [/bin/false], interval: 1s, retries: 1}}}\n");
    succeed(bench.hand(&["start", "a"]));
    everywhere("site-unhealthy", Verb::Monitor, || bench.hand(&["monitor", "a", "--level", "20"]));
    until("it has failed", || code(bench.hand(&["monitor", "-q", "a"])) == 1);
    is_seen("process-unhealthy", &bench, "a", 1);
    succeed(bench.hand(&["stop", "a"]));
}

fn it_is_to_daemonise() {
    let bench = Bench::new();
    bench.define("a", "processes: {a: {command: [/bin/true], forks: true}}\n");
    everywhere("main-process-missing", Verb::Start, || bench.hand(&["start", "a"]));
}

fn it_cannot_be_executed() {
    let bench = Bench::new();
    let script = bench.path("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    bench.define("a", &format!("processes: {{a: {{command: [{}]}}}}\n", script.display()));
    everywhere("process-not-run", Verb::Start, || bench.hand(&["start", "a"]));
}

fn a_wrapped_one() {
    let center = Jobcenter::new("testsite");
    let (site, bench) = (&center.site, &center.bench);
    // Its supervisor does not see that a daemon of it has ended.
    center.switch("blind", "");
    succeed(center.hand(&["start", site]));
    until("all daemons are there", || center.is_up());
    signal(center.daemon("jnwengine"), Signal::KILL);
    let look = || bench.hand(&["monitor", site, "--level", "10"]);
    until("it is missing", || said(&output(look())).contains("[wrapped-process-missing]"));
    everywhere("wrapped-process-missing", Verb::Monitor, look);
    succeed(center.hand(&["stop", site]));
    // A socket on the database that nobody listens on.
    succeed(center.hand(&["start", site]));
    let sockets = center.database.join("database");
    let deep = || bench.hand(&["monitor", site, "--level", "20"]);
    assert!(output(deep()).status.success(), "this JobCenter has none there");
    drop(std::os::unix::net::UnixListener::bind(sockets.join(".jcdbs.sock")).unwrap());
    everywhere("redis-silent", Verb::Monitor, deep);
    succeed(center.hand(&["clean", site]));
}
