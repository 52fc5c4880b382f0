//! The doctor beside a site that lives, and what a person and a script get of it.

use std::process::Output;

use serde_json::Value;

use crate::common::*;
use siteward::linux::health;
use siteward::values::Signal;

fn finding(output: &Output, check: &str) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let all = told["findings"].as_array().unwrap().clone();
    let of_check = all.iter().filter(|f| f["check"] == check);
    of_check
        .map(|f| {
            let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
            (text("severity"), text("mend"))
        })
        .collect()
}

fn severity(output: &Output, check: &str) -> String {
    finding(output, check).first().map_or_else(String::new, |(severity, _)| severity.clone())
}

pub(crate) fn a_site_that_is_up_is_looked_at() {
    let bench = Bench::new();
    let site = "processes:\n  web: {command: [ACT, steady]}\n";
    bench.define("shop", site);
    let doctor = || output(bench.hand(&["doctor", "shop", "--json"]));
    assert_eq!(severity(&doctor(), "state"), "ok");
    succeed(bench.hand(&["start", "shop"]));
    assert_eq!(severity(&doctor(), "state"), "ok");
    assert_eq!(severity(&doctor(), "definition-in-use"), "ok");
    // The change takes effect at the next start, which may be a failover.
    bench.define("shop", &format!("# new\n{site}"));
    assert_eq!(severity(&doctor(), "definition-in-use"), "warning");
    bench.define("shop", site);
    assert_eq!(severity(&doctor(), "definition-in-use"), "ok");
    signal(bench.pid("shop", "supervisor"), Signal::KILL);
    until("nobody watches the site", || severity(&doctor(), "state") == "error");
    assert_eq!(finding(&doctor(), "state")[0].1, "siteward adopt shop");
    succeed(bench.hand(&["adopt", "shop"]));
    assert_eq!(severity(&doctor(), "state"), "ok");
    // What a person sees of a failure stays until the site is started or cleaned.
    signal(bench.pid("shop", "web"), Signal::KILL);
    until("the site has failed", || severity(&doctor(), "state") == "warning");
    succeed(bench.hand(&["clean", "shop"]));
    assert_eq!(severity(&doctor(), "state"), "ok");
}

pub(crate) fn the_answer_fits_the_reader() {
    let bench = Bench::new();
    bench.define("shop", "processes:\n  web: {command: [/no/such/program]}\n");
    bench.define("well", "processes:\n  web: {command: [/bin/true]}\n");
    let first = output(bench.hand(&["doctor", "--json"]));
    let is_right = health::clock_is_synchronised().unwrap() || !health::may_set_clock();
    assert_eq!(severity(&first, "clock") == "ok", is_right);
    for width in [40, 80] {
        let mut command = bench.hand(&["doctor"]);
        command.env("COLUMNS", width.to_string());
        let said = said(&output(command));
        for line in said.lines() {
            let longest = line.split_whitespace().map(str::len).max().unwrap_or(0);
            let fits = line.chars().count() <= width || longest + 8 > width;
            assert!(fits, "{width}: {line}");
        }
        assert!(said.contains("shop: ") && said.contains("well: "), "{said}");
        assert!(!said.contains('\x1b'), "no colour but on a terminal");
        let place = |word: &str| said.find(word).unwrap_or_else(|| panic!("{word}: {said}"));
        assert!(place("  error   program") < place("  ok      definition"), "{said}");
    }
    let quiet = output(bench.hand(&["doctor", "shop", "-q"]));
    let said = said(&quiet);
    assert!(said.contains("error   program: `web` needs the program /no/such/program"), "{said}");
    assert!(said.contains("mend: install /no/such/program on this node"), "{said}");
    assert!(!said.contains("  ok "), "{said}");
    assert_eq!(quiet.status.code(), Some(1));
    assert_eq!(code(bench.hand(&["doctor", "no-such-site"])), 5);
    assert_eq!(code(bench.hand(&["doctor", "--compare", "a", "--here"])), 2);
    let json = output(bench.hand(&["doctor", "--json"]));
    let text = String::from_utf8_lossy(&json.stdout).into_owned();
    let sites: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["site"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(sites, ["shop", "well"]);
}
