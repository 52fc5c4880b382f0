//! Files for a person.

use std::fs;

use siteward::manager::Verb;

use crate::common::*;
use crate::{Test, by_hand};

pub(crate) const TESTS: &[Test] = &[
    ("history_of_nobody", false, history_of_nobody),
    ("facts", false, facts),
    ("saved_settings", false, saved_settings),
    ("what_cannot_be_written", false, what_cannot_be_written),
    ("a_failure_to_clear", false, a_failure_to_clear),
    ("a_rehearsal", false, a_rehearsal),
];

const STEADY: &str = "processes: {a: {command: [ACT, steady]}}\n";

fn history_of_nobody() {
    let bench = Bench::new();
    by_hand("history-missing", Verb::Other, bench.hand(&["history", "a"]));
}

fn facts() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    bench.define("b", &format!("site: b\n{STEADY}"));
    let export = |site: &str| {
        let file = bench.path(&format!("{site}.json"));
        fs::write(&file, succeed(bench.hand(&["doctor", site, "--export"]))).unwrap();
        file.display().to_string()
    };
    let (a, b) = (export("a"), export("b"));
    by_hand("facts-of-other-site", Verb::Other, bench.hand(&["doctor", "--compare", &a, &b]));
    by_hand("facts-missing", Verb::Other, bench.hand(&["doctor", "--compare", "-"]));
    let empty = bench.path("empty");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    by_hand("facts-unreadable", Verb::Other, bench.hand(&["doctor", "--compare", empty]));
}

fn saved_settings() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let cib = bench.path("cib.xml");
    let file = cib.to_str().unwrap();
    fs::write(&cib, "this is no XML").unwrap();
    by_hand("settings-unreadable", Verb::Other, bench.hand(&["timing", "a", "--cib", file]));
    fs::write(&cib, "<cib><configuration><resources/></configuration></cib>").unwrap();
    by_hand("resource-not-found", Verb::Other, bench.hand(&["timing", "a", "--cib", file]));
    let named = bench.hand(&["timing", "a", "--cib", file, "--resource", "shop"]);
    by_hand("resource-unknown", Verb::Other, named);
}

fn what_cannot_be_written() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    succeed(bench.hand(&["start", "a"]));
    let page = bench.path("page.html");
    fs::write(&page, "").unwrap();
    let page = page.to_str().unwrap();
    by_hand("report-not-written", Verb::Other, bench.hand(&["report", "a", "-o", page]));
    let metrics = bench.path("no/such/folder/x.prom");
    let metrics = metrics.to_str().unwrap();
    by_hand("metrics-not-written", Verb::Other, bench.hand(&["metrics", "--write", metrics]));
    let mut printed = bench.hand(&["logs", "a"]);
    printed.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    by_hand("logs-not-printed", Verb::Other, printed);
    succeed(bench.hand(&["stop", "a"]));
    by_hand("site-not-made", Verb::Other, bench.hand(&["create", "b"]));
    by_hand("database-missing", Verb::Other, bench.hand(&["holders", "a"]));
    by_hand("lease-not-broken", Verb::Other, bench.hand(&["clean", "a", "--break-lease"]));
}

fn a_failure_to_clear() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    bench.define("b", &format!("site: b\n{STEADY}"));
    let all = bench.hand(&["status", "--clear-failure"]);
    by_hand("site-to-clear-missing", Verb::Other, all);
}

fn a_rehearsal() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    by_hand("rehearsal-refused", Verb::Other, bench.hand(&["rehearse", "a"]));
}
