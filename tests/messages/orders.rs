//! Orders to a site that is up, or is not.

use siteward::manager::Verb;
use siteward::values::Signal;

use crate::common::*;
use crate::jobcenter::Jobcenter;
use crate::{Test, by_hand, everywhere};

pub(crate) const TESTS: &[Test] = &[
    ("nobody_to_order", false, nobody_to_order),
    ("what_is_refused", false, what_is_refused),
    ("not_in_time", false, not_in_time),
    ("a_wrapped_site_that_is_down", false, a_wrapped_site_that_is_down),
    ("a_watch", false, a_watch),
];

const STEADY: &str = "processes: {a: {command: [ACT, steady]}}\n";

fn nobody_to_order() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    for verb in ["pause", "resume", "reload"] {
        everywhere("no-supervisor", Verb::Other, || bench.hand(&[verb, "a"]));
    }
}

fn what_is_refused() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    succeed(bench.hand(&["start", "a"]));
    everywhere("order-refused", Verb::Other, || bench.hand(&["reload", "a"]));
    succeed(bench.hand(&["stop", "a"]));
}

fn not_in_time() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    succeed(bench.hand(&["start", "a"]));
    let supervisor = bench.pid("a", "supervisor");
    signal(supervisor, Signal::STOP);
    by_hand("order-not-in-time", Verb::Other, bench.hand(&["pause", "a", "--timeout", "1s"]));
    signal(supervisor, Signal::CONT);
    succeed(bench.hand(&["stop", "a"]));
}

fn a_wrapped_site_that_is_down() {
    let center = Jobcenter::new("testsite");
    by_hand("not-up-to-pause", Verb::Other, center.hand(&["pause", &center.site]));
}

fn a_watch() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    everywhere("not-well", Verb::Other, || bench.hand(&["watch", "a"]));
}
