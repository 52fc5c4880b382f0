//! A real Pacemaker drives real sites on two nodes. Needs root and some packages; what is missing
//! is said loudly, the tests then count as ignored, and fail where `SITEWARD_TEST_ALL` is set.

mod compare;
mod faults;
mod generated;
mod lab;
mod letter;
mod loss;
mod profiles;
mod shop;
mod small;
mod story;
mod timing;

use std::process::ExitCode;

use lab::Lab;
use libtest_mimic::{Arguments, Failed, Trial};

/// Test functions panic with what they found; here that becomes a failure.
fn trial(name: &str, missing: Option<&str>, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
    })
    .with_ignored_flag(missing.is_some())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each cluster takes both cores for itself.
    arguments.test_threads = Some(1);
    let missing = lab::missing();
    if let Some(what) = &missing {
        eprintln!("\n*** LEFT OUT: the tests in a real Pacemaker cluster. Missing: {what} ***\n");
        if std::env::var_os("SITEWARD_TEST_ALL").is_some() {
            eprintln!("SITEWARD_TEST_ALL is set, so that is a failure.");
            return ExitCode::FAILURE;
        }
    }
    let tests = vec![
        trial("real_services_through_every_mishap", missing.as_deref(), shop::through_every_mishap),
        trial("ten_deaths", missing.as_deref(), letter::ten_deaths),
        trial("while_a_monitor_is_held", missing.as_deref(), letter::while_a_monitor_is_held),
        trial("on_fail_of_each_kind", missing.as_deref(), letter::on_fail_of_each_kind),
        trial("mishaps", missing.as_deref(), letter::mishaps),
        trial("forty_sites", missing.as_deref(), letter::forty_sites),
        trial("busy_machine", missing.as_deref(), letter::busy_machine),
        trial("what_is_generated_runs", missing.as_deref(), generated::runs),
        trial("a_wrapped_site_lives", missing.as_deref(), generated::a_wrapped_site_lives),
        trial("other_supervisors_live", missing.as_deref(), profiles::other_supervisors_live),
        trial(
            "a_mistyped_site_fences_nobody",
            missing.as_deref(),
            faults::a_mistyped_site_fences_nobody,
        ),
        trial(
            "a_killed_keeper_makes_no_second_active_node",
            missing.as_deref(),
            faults::a_killed_keeper_makes_no_second_active_node,
        ),
        trial(
            "a_flood_of_notices_is_no_failure",
            missing.as_deref(),
            faults::a_flood_of_notices_is_no_failure,
        ),
        trial("the_address_and_the_disk_go", missing.as_deref(), loss::the_address_and_the_disk_go),
        trial(
            "what_is_computed_is_measured",
            missing.as_deref(),
            timing::what_is_computed_is_measured,
        ),
        trial("ten_differences_are_found", missing.as_deref(), compare::ten_differences_are_found),
        trial(
            "both_nodes_tell_the_same_story",
            missing.as_deref(),
            story::both_nodes_tell_the_same_story,
        ),
        trial("the_tools_of_the_cluster_like_the_agent", missing.as_deref(), tools_like_the_agent),
    ];
    let conclusion = libtest_mimic::run(&arguments, tests);
    if let Some(what) = &missing {
        eprintln!("*** LEFT OUT: the tests in a real Pacemaker cluster. Missing: {what} ***");
    }
    conclusion.exit_code()
}

fn tools_like_the_agent() {
    let lab = Lab::up();
    lab.define("plain", "version: 1\nboot_timeout: 10s\nstop_timeout: 5s\nprocesses:\n  x: {command: [/usr/local/bin/siteward, act, steady]}\n");
    let agent = "/usr/lib/ocf/resource.d/siteward/site";
    let tested = lab.on("node1", &["ocf-tester", "-n", "plain", "-o", "site=plain", agent]);
    assert!(tested.contains("passed all tests"), "{tested}");
    for words in [
        &["crm", "ra", "info", "ocf:siteward:site"][..],
        &["pcs", "resource", "describe", "ocf:siteward:site"],
        &["crm_resource", "--show-metadata", "ocf:siteward:site"],
    ] {
        let text = lab.on("node1", words);
        assert!(
            text.contains("config_dir") && text.contains("ame of the site"),
            "{words:?}: {text}"
        );
    }
    // The document type is for the DTD of OCF 1.0; the rules of 1.1 are a schema.
    lab.share(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/ocf-1.1.rng"));
    let check = format!(
        "{agent} meta-data | sed '/<!DOCTYPE/,/^]>/d' | xmllint --noout --relaxng /mnt/shared/ocf-1.1.rng -"
    );
    let valid = lab.on("node1", &["sh", "-c", &check]);
    assert!(valid.contains("- validates"), "{valid}");
    lab.on("node1", &["su", "-s", "/bin/sh", "nobody", "-c", &format!("{agent} meta-data")]);
    let validate = |parameters: &[&str]| {
        let command = [
            &[
                "crm_resource",
                "--validate",
                "--class",
                "ocf",
                "--provider",
                "siteward",
                "--agent",
                "site",
            ],
            parameters,
        ];
        lab.try_on("node1", &command.concat())
    };
    assert!(validate(&["site=plain"]).0);
    let (good, text) = validate(&["site=No/Name"]);
    assert!(!good && text.contains("not configured"), "{text}");
    let (good, text) =
        lab.try_on("node1", &["pcs", "resource", "create", "x", "ocf:siteward:site"]);
    assert!(!good && text.contains("required resource option 'site' is missing"), "{text}");
    let create =
        ["pcs", "resource", "create", "x", "ocf:siteward:site", "site=plain", "colour=red"];
    let (good, text) = lab.try_on("node1", &create);
    assert!(!good && text.contains("invalid resource option 'colour'"), "{text}");
    lab.on(
        "node1",
        &["pcs", "resource", "create", "x", "ocf:siteward:site", "site=plain", "--disabled"],
    );
    let again = ["pcs", "resource", "create", "y", "ocf:siteward:site", "site=plain"];
    let (good, text) = lab.try_on("node1", &again);
    assert!(!good && text.contains("is not unique across"), "{text}");
}
