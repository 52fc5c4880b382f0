//! Calls that name no verb, no site, or what cannot be.

use siteward::manager::{Manager, Verb};

use crate::common::*;
use crate::{Test, by_hand, everywhere, is_told};

pub(crate) const TESTS: &[Test] = &[
    ("the_command_line_is_wrong", false, the_command_line_is_wrong),
    ("no_site_is_named", false, no_site_is_named),
    ("a_name_that_is_none", false, a_name_that_is_none),
    ("parameters_of_pacemaker", false, parameters_of_pacemaker),
    ("scripts_without_a_site", false, scripts_without_a_site),
    ("the_variables_of_expresscluster", false, the_variables_of_expresscluster),
    ("in_the_background", false, in_the_background),
    ("nothing_to_explain", false, nothing_to_explain),
];

const STEADY: &str = "processes: {store: {command: [ACT, steady]}}\n";

fn the_command_line_is_wrong() {
    let bench = Bench::new();
    by_hand("usage", Verb::Other, bench.hand(&["start", "a", "--no-such-option"]));
    by_hand("verb-not-known", Verb::Other, bench.hand(&["strat", "a"]));
    let mut promote = bench.ocf("a", "promote", &[]);
    promote.env("HA_debug", "0");
    is_told("action-unknown", Manager::Pacemaker, Verb::Other, &output(promote));
}

fn no_site_is_named() {
    let bench = Bench::new();
    let start = || bench.hand(&["start"]);
    everywhere("site-not-named", Verb::Start, start);
    bench.define("a", STEADY);
    bench.define("b", &format!("site: b.example.com\n{STEADY}"));
    everywhere("site-not-named", Verb::Start, start);
    let with_variable = |value: &str| {
        let mut command = bench.hand(&["start"]);
        command.env("SITEWARD_SITE", value);
        command
    };
    everywhere("site-of-environment-wrong", Verb::Start, || with_variable("nowhere"));
    by_hand("site-of-environment-wrong", Verb::Start, with_variable("No Name"));
    by_hand("site-unknown", Verb::Start, bench.hand(&["start", "c"]));
    by_hand("process-unknown", Verb::Other, bench.hand(&["logs", "a", "paper"]));
    std::fs::remove_file(bench.places.config.join("b.yaml")).unwrap();
    by_hand("site-or-process-unknown", Verb::Other, bench.hand(&["logs", "stoer"]));
}

fn a_name_that_is_none() {
    let bench = Bench::new();
    everywhere("name-wrong", Verb::Start, || bench.hand(&["start", "No_Name"]));
}

fn parameters_of_pacemaker() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let told = |id: &str, command| is_told(id, Manager::Pacemaker, Verb::Start, &output(command));
    let mut nameless = bench.ocf("a", "start", &[]);
    nameless.env_remove("OCF_RESKEY_site");
    told("site-parameter-missing", nameless);
    told("clone-refused", bench.ocf("a", "start", &[("OCF_RESKEY_CRM_meta_clone", "0")]));
    told("parameter-wrong", bench.ocf("a", "start", &[("OCF_RESKEY_boot_timeout", "soon")]));
}

fn scripts_without_a_site() {
    let bench = Bench::new();
    let mut check = bench.hand(&["start"]);
    check.env("_CRS_NAME", "nobody").env("_CRS_SCRIPT_TIMEOUT", "20");
    is_told("site-attribute-missing", Manager::Clusterware, Verb::Start, &output(check));
}

fn the_variables_of_expresscluster() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    let start = |variables: &[(&str, &str)]| {
        let mut command = bench.hand(&["start", "a", "--as", "expresscluster"]);
        command.envs(variables.iter().copied());
        output(command)
    };
    let told = |id: &str, output| is_told(id, Manager::Expresscluster, Verb::Start, &output);
    told("caller-not-cluster", start(&[]));
    told("cluster-event-unknown", start(&[("CLP_EVENT", "PARTY")]));
    told("cluster-disk-failed", start(&[("CLP_EVENT", "START"), ("CLP_DISK", "FAILURE")]));
}

fn in_the_background() {
    let bench = Bench::new();
    bench.define("a", STEADY);
    for (manager, word) in crate::CALLERS.iter().filter(|(m, _)| *m != Manager::Hand) {
        let mut command = bench.hand(&["start", "a", "--no-wait", "--as", word]);
        command.env("CLP_EVENT", "START");
        is_told("background-refused", *manager, Verb::Start, &output(command));
    }
}

fn nothing_to_explain() {
    let bench = Bench::new();
    by_hand("nothing-to-explain", Verb::Other, bench.hand(&["explain", "the-meaning-of-life"]));
    for id in siteward::messages::all() {
        let page = succeed(bench.hand(&["explain", &format!("[{id}]")]));
        assert!(page.contains(id.entry().cause), "{page}");
    }
}
