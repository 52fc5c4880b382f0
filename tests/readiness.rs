//! Readiness by what a process prints: a line counts at whatever moment it is printed.

mod common;

use common::*;

/// Much is printed, which takes a while to be searched, and the line comes meanwhile, once and last.
#[test]
fn a_line_that_is_printed_while_the_ones_before_are_searched_is_seen() {
    let bench = Bench::new();
    let mut text = "boot_timeout: 15s\nprocesses:\n".to_owned();
    for pause in ["0.003", "0.01", "0.02", "0.03"] {
        let words =
            format!("head -c 400000 /dev/zero; sleep {pause}; echo; echo serving; exec sleep 1000");
        text.push_str(&format!(
            "  p{pause}:\n    command: [/bin/sh, -c, {words:?}]\n    ready: {{log: serving}}\n"
        ));
    }
    bench.define("a", &text);
    for round in 0..2 {
        let started = output(bench.hand(&["start", "a"]));
        assert!(started.status.success(), "round {round}: {}", said(&started));
        succeed(bench.hand(&["stop", "a"]));
    }
}
