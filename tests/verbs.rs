//! The verbs through the built binary: real processes, real signals, every exit code that
//! Pacemaker and a person can meet.

mod common;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use common::*;
use siteward::values::Signal;

const SIMPLE: &str = "processes:\n  store: {command: [ACT, notifier], ready: {notify: true}}\n  \
                      web: {command: [ACT, steady]}\n";

// --- the table: one test for each state ---------------------------------------------------------

#[test]
fn stopped() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}

#[test]
fn running() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.starts_with("siteward: the site `a` is running.\n"), "{said}");
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    for level in ["10", "20", "15", "99"] {
        assert_eq!(code(bench.ocf("a", "monitor", &[("OCF_CHECK_LEVEL", level)])), 0);
    }
    let said = succeed(bench.hand(&["stop", "a"]));
    assert!(said.starts_with("siteward: the site `a` is stopped.\n"), "{said}");
    assert_eq!(bench.monitor("a"), (7, 7, 3));
    let said = succeed(bench.hand(&["stop", "a"]));
    assert_eq!(said, "siteward: the site `a` is already stopped.\n");
    assert_eq!(bench.living("a"), "");
}

#[test]
fn maintenance() {
    let bench = Bench::new();
    bench.define("a", &format!("maintenance: true\n{SIMPLE}"));
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.contains("in maintenance (the definition says `maintenance: true`)"), "{said}");
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    assert_eq!(bench.record("a").unwrap().processes, []);
    succeed(bench.hand(&["resume", "a"]));
    assert_eq!(bench.record("a").unwrap().processes.len(), 2);
    succeed(bench.hand(&["pause", "a", "--reason", "new disks"]));
    assert_eq!(bench.record("a").unwrap().processes, []);
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    let status = succeed(bench.hand(&["status", "a"]));
    assert!(status.contains("maintenance") && status.contains("new disks"), "{status}");
}

#[test]
fn degraded() {
    let bench = Bench::new();
    let processes = "processes:\n  store: {command: [ACT, steady]}\n  \
                     extra: {command: [ACT, steady], essential: false}\n";
    bench.define("told", &format!("degraded_is: degraded\ndegraded_after: 0s\n{processes}"));
    bench.define(
        "later",
        &format!("site: later\ndegraded_is: degraded\ndegraded_after: 1h\n{processes}"),
    );
    bench.define("never", &format!("site: never\ndegraded_after: 0s\n{processes}"));
    for (site, codes) in [("told", (0, 190, 0)), ("later", (0, 0, 0)), ("never", (0, 0, 0))] {
        succeed(bench.hand(&["start", site]));
        signal(bench.pid(site, "extra"), Signal::KILL);
        until("degraded", || succeed(bench.hand(&["status", site])).starts_with("degraded"));
        assert_eq!(bench.monitor(site), codes, "{site}");
        let again = succeed(bench.hand(&["start", site]));
        assert!(again.contains("already up, but degraded: `extra` is given up"), "{again}");
        assert_eq!(code(bench.ocf(site, "start", &[])), 0, "start never answers 190");
    }
}

#[test]
fn starting() {
    let bench = Bench::new();
    bench.define(
        "a",
        "boot_timeout: 60s\nprocesses:\n  slow: {command: [ACT, steady], ready: {notify: true}}\n",
    );
    let mut start = background(bench.hand(&["start", "a"]));
    until("starting", || bench.record("a").is_some_and(|r| !r.processes.is_empty()));
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    let stop = Instant::now();
    succeed(bench.hand(&["stop", "a"]));
    assert!(stop.elapsed() < PATIENCE / 4, "a stop does not wait for a start");
    let start_output = start.wait().map(|status| status.code());
    assert_eq!(start_output.unwrap(), Some(1), "the overtaken start fails");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut start.stderr.take().unwrap(), &mut text).unwrap();
    let answer = "siteward: the start of `a` was overtaken by stop. [overtaken]\n";
    assert!(text.ends_with(answer), "{text}");
    assert_eq!(text.matches("was overtaken").count(), 1, "told once: {text}");
    assert_eq!(bench.living("a"), "");
}

#[test]
fn stopping_as_ordered() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  slow: {command: [ACT, stubborn], stop_grace_period: 60s}\nstop_timeout: 60s\n");
    succeed(bench.hand(&["start", "a"]));
    let stop = background(bench.hand(&["stop", "a"]));
    until("stopping", || bench.monitor("a") == (1, 1, 1));
    let said = said(&output(bench.hand(&["status", "a"])));
    assert!(said.starts_with("stopping"), "{said}");
    // A second stop shortens the time of the first.
    succeed(bench.ocf("a", "stop", &[("OCF_RESKEY_CRM_meta_timeout", "4000")]));
    let first = stop.wait_with_output().unwrap();
    assert!(first.status.success(), "{}", common::said(&first));
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}

#[test]
fn stopping_after_a_failure() {
    let bench = Bench::new();
    bench.define(
        "a",
        "stop_timeout: 60s\nprocesses:\n  slow: {command: [ACT, stubborn], stop_grace_period: 60s}\n  \
         store: {command: [ACT, steady], depends_on: []}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "store"), Signal::KILL);
    until("stopping", || bench.monitor("a") == (1, 1, 1));
    let probe = output(bench.ocf("a", "monitor", &[]));
    assert_eq!(
        reason(&probe),
        "stopping: `store` was killed by SIGKILL, which siteward did not send"
    );
    // The supervisor dies in the middle of it: failed, with something left.
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    until("the supervisor is gone", || bench.living("a").starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(bench.monitor("a"), (1, 1, 1));
    let said = said(&output(bench.hand(&["status", "a"])));
    assert!(said.starts_with("failed: a on "), "{said}");
    assert!(said.contains("\n  `store` was killed by SIGKILL"), "{said}");
    succeed(bench.ocf("a", "stop", &[("OCF_RESKEY_CRM_meta_timeout", "5000")]));
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}

#[test]
fn failed() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "store"), Signal::KILL);
    until("failed", || bench.monitor("a") == (7, 7, 1));
    let recurring = output(bench.ocf("a", "monitor", &[("OCF_RESKEY_CRM_meta_interval", "1000")]));
    assert_eq!(
        reason(&recurring),
        "failed: `store` was killed by SIGKILL, which siteward did not send"
    );
    assert_eq!(bench.living("a"), "");
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.monitor("a"), (7, 7, 3), "failed ends by a stop");
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "web"), Signal::TERM);
    until("failed", || bench.monitor("a") == (7, 7, 1));
    succeed(bench.hand(&["start", "a"]));
    assert_eq!(bench.monitor("a"), (0, 0, 0), "failed ends by a start");
    signal(bench.pid("a", "web"), Signal::KILL);
    until("failed", || bench.monitor("a") == (7, 7, 1));
    succeed(bench.hand(&["clean", "a"]));
    assert_eq!(bench.monitor("a"), (7, 7, 3), "failed ends by a clean");
}

#[test]
fn unsupervised() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    until("unsupervised", || bench.monitor("a") == (1, 1, 1));
    let said = said(&output(bench.hand(&["status", "a"])));
    assert!(said.starts_with("unsupervised: a on "), "{said}");
    assert!(said.contains("\n  the supervisor is gone, and nobody watches"), "{said}");
    let list = succeed(bench.hand(&["list"]));
    assert!(
        list.contains("SHUT") && list.contains("OFF") && list.contains("unsupervised"),
        "{list}"
    );
    succeed(bench.hand(&["start", "a"]));
    assert_eq!(bench.monitor("a"), (0, 0, 0), "start sweeps and starts anew");
}

#[test]
fn unknown() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.hand(&["start", "a"]));
    let supervisor = bench.pid("a", "supervisor");
    signal(supervisor, Signal::STOP);
    let begun = Instant::now();
    assert_eq!(code(bench.ocf("a", "monitor", &[("OCF_RESKEY_CRM_meta_timeout", "2000")])), 1);
    let took = begun.elapsed().as_millis();
    assert!((1700..2000).contains(&took), "unknown only after nine tenths of the time: {took} ms");
    assert_eq!(code(bench.hand(&["status", "a", "--timeout", "1s"])), 4);
    let start = output(bench.ocf("a", "start", &[("OCF_RESKEY_CRM_meta_timeout", "2000")]));
    assert_eq!(start.status.code(), Some(1), "unknown is never taken for stopped");
    // A stop wakes it, and does all the rest.
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.living("a"), "");
}

// --- start --------------------------------------------------------------------------------------

#[test]
fn start_of_a_site_that_is_not_defined_or_wrong() {
    let bench = Bench::new();
    bench.define("good", SIMPLE);
    bench.define("wrong", "processes: {a: {comand: [x]}}\n");
    let missing = output(bench.ocf("goof", "start", &[]));
    assert_eq!(missing.status.code(), Some(5));
    assert!(reason(&missing).contains("there is no definition"), "{}", reason(&missing));
    assert!(said(&missing).contains("did you mean the site `good`?"), "{}", said(&missing));
    assert_eq!(code(bench.ocf("wrong", "start", &[])), 2);
    assert_eq!(code(bench.ocf("wrong", "validate-all", &[])), 2);
    assert_eq!(code(bench.ocf("goof", "validate-all", &[])), 5);
    for site in ["wrong", "goof"] {
        assert_eq!(code(bench.ocf(site, "monitor", &[])), 7, "a probe");
        assert_eq!(code(bench.ocf(site, "stop", &[])), 0);
    }
    let said = said(&output(bench.hand(&["start", "wrong"])));
    assert!(
        said.contains(
            "wrong.yaml:6:17: processes.a.comand: there is no such key; did you mean `command`?"
        ),
        "{said}"
    );
}

#[test]
fn a_definition_that_goes_missing_or_wrong_does_not_matter_to_a_site_that_runs() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.hand(&["start", "a"]));
    bench.define("a", "processes: nonsense\n");
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    assert_eq!(code(bench.ocf("a", "start", &[])), 0, "it is up already");
    fs::remove_file(bench.places.config.join("a.yaml")).unwrap();
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    succeed(bench.ocf("a", "stop", &[]));
    assert_eq!(bench.living("a"), "");
}

#[test]
fn parameters_that_are_wrong_everywhere() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let no_site = |verb: &str| {
        let mut command = bench.ocf("a", verb, &[]);
        command.env_remove("OCF_RESKEY_site");
        command
    };
    assert_eq!(code(no_site("start")), 6);
    assert_eq!(code(no_site("validate-all")), 6);
    assert_eq!(code(no_site("stop")), 0);
    assert_eq!(code(bench.ocf("Not/A/Name", "start", &[])), 6);
    let clone = [("OCF_RESKEY_CRM_meta_clone", "0")];
    assert_eq!(code(bench.ocf("a", "start", &clone)), 6);
    assert_eq!(code(bench.ocf("a", "validate-all", &clone)), 6);
    assert_eq!(code(bench.ocf("a", "monitor", &clone)), 7);
    assert_eq!(code(bench.ocf("a", "stop", &clone)), 0);
    assert_eq!(code(bench.ocf("a", "promote", &[])), 3);
    assert_eq!(code(bench.hand(&["promote", "a"])), 3);
    bench.define("b", SIMPLE);
    assert_eq!(code(bench.hand(&["start"])), 6, "which of the two?");
    assert_eq!(code(bench.hand(&["start", "../a"])), 6);
}

#[test]
fn the_stop_of_an_orphan_finds_the_site_by_the_name_of_the_resource() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    let mut orphan = bench.ocf("a", "stop", &[]);
    orphan.env_remove("OCF_RESKEY_site");
    succeed(orphan);
    assert_eq!(bench.living("a"), "");
}

#[test]
fn the_gate_names_each_cause() {
    let bench = Bench::new();
    let cases = [
        (
            "database: /no/such/disk\n",
            1,
            "/no/such/disk of the site `a` is not mounted on this node",
        ),
        ("database: /usr/share\n", 1, "/usr/share of the site `a` is not mounted"),
        (
            "database: /no/such\nprerequisites: {mounted: false}\n",
            1,
            "is not a folder on this node",
        ),
        ("address: 192.0.2.77\n", 1, "the address 192.0.2.77 of the site `a` is not on this node"),
        ("user: nobody-at-all\n", 5, "this node knows no user `nobody-at-all`"),
        ("group: no-such-group\n", 5, "this node knows no group `no-such-group`"),
        ("env_file: /no/such/env\n", 5, "the env_file /no/such/env cannot be read"),
    ];
    for (head, expected, words) in cases {
        bench.define("a", &format!("{head}{SIMPLE}"));
        let begun = Instant::now();
        let refused = output(bench.ocf("a", "start", &[]));
        assert_eq!(refused.status.code(), Some(expected), "{head}: {}", said(&refused));
        assert!(said(&refused).contains(words), "{head}: {}", said(&refused));
        assert!(begun.elapsed().as_millis() < 1000, "{head}");
        assert!(!exists(&bench.places.runtime.join("a/record.json")), "nothing was begun");
    }
    bench.define("a", "processes: {x: {command: [/no/such/program]}}\n");
    let refused = output(bench.ocf("a", "start", &[]));
    assert_eq!(refused.status.code(), Some(5));
    assert!(
        reason(&refused).contains("`x` needs the program /no/such/program"),
        "{}",
        reason(&refused)
    );
    bench.define("a", "processes: {x: {command: [no-such-program-in-path]}}\n");
    assert_eq!(code(bench.ocf("a", "start", &[])), 5);
    bench.define("a", "processes: {x: {command: [/etc/passwd]}}\n");
    let refused = output(bench.ocf("a", "start", &[]));
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
}

#[test]
fn a_failed_start_says_which_process_and_what_it_printed_and_leaves_nothing() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes:\n  first: {command: [ACT, escaper]}\n  second: {command: [ACT, failing, \"3\"], ready: {notify: true}}\n",
    );
    let failed = output(bench.ocf("a", "start", &[]));
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(
        reason(&failed),
        "the site `a` did not start: `second` ended with exit status 3 while the site was starting"
    );
    assert!(said(&failed).contains("second: something is very wrong"), "{}", said(&failed));
    assert_eq!(bench.living("a"), "");
    assert_eq!(bench.monitor("a"), (7, 7, 1));
}

#[test]
fn a_start_that_takes_too_long_is_rolled_back_in_the_managers_time() {
    let bench = Bench::new();
    bench.define("a", "boot_timeout: 60s\nprocesses:\n  slow: {command: [ACT, stubborn], ready: {tcp: \"127.0.0.1:1\"}, stop_grace_period: 60s}\n");
    let begun = Instant::now();
    let failed = output(bench.ocf("a", "start", &[("OCF_RESKEY_CRM_meta_timeout", "6000")]));
    assert!(begun.elapsed().as_secs() < 6, "it ended before Pacemaker would have killed it");
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        said(&failed).contains("nothing accepts connections at 127.0.0.1:1"),
        "{}",
        said(&failed)
    );
    assert_eq!(bench.living("a"), "");
}

#[test]
fn a_failed_exec_is_told_apart_from_a_program_that_ends_with_127() {
    let bench = Bench::new();
    let script = bench.path("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    Command::new("chmod").args(["755", script.to_str().unwrap()]).status().unwrap();
    bench.define("a", &format!("processes: {{x: {{command: [{}]}}}}\n", script.display()));
    let failed = output(bench.hand(&["start", "a"]));
    assert!(
        said(&failed).contains("could not execute its program: No such file or directory"),
        "{}",
        said(&failed)
    );
    bench.define("a", "processes: {x: {command: [ACT, failing, \"127\"]}}\nsettle: 500ms\n");
    let failed = output(bench.hand(&["start", "a"]));
    assert!(said(&failed).contains("`x` ended with exit status 127"), "{}", said(&failed));
    bench.define(
        "a",
        "processes: {x: {command: [ACT, steady], working_directory: /no/such/folder}}\n",
    );
    let failed = output(bench.hand(&["start", "a"]));
    assert!(
        said(&failed).contains("could not change to its working directory"),
        "{}",
        said(&failed)
    );
}

#[test]
fn two_starts_at_once_are_one_start() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady], ready: {delay: 300ms}}\n");
    let children: Vec<_> = (0..8).map(|_| background(bench.hand(&["start", "a"]))).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    let log = bench.log("a", "x.log");
    assert_eq!(log.matches("steady is on").count(), 1, "it was started once: {log}");
}

#[test]
fn start_is_killed_by_the_manager_and_the_supervisor_is_not() {
    let bench = Bench::new();
    bench.define(
        "a",
        "boot_timeout: 60s\nprocesses:\n  slow: {command: [ACT, steady], ready: {notify: true}}\n",
    );
    let mut command = bench.ocf("a", "start", &[("OCF_RESKEY_CRM_meta_timeout", "600000")]);
    command.process_group(0);
    let mut start = background(command);
    until("starting", || bench.record("a").is_some_and(|r| !r.processes.is_empty()));
    // As Pacemaker does at a timeout: KILL for the whole group.
    let group = format!("-{}", start.id());
    Command::new("kill").args(["-KILL", "--", &group]).status().unwrap();
    start.wait().unwrap();
    assert_eq!(bench.monitor("a"), (0, 0, 0), "it is still starting");
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.living("a"), "");
}

#[test]
fn the_supervisor_has_nothing_of_its_caller() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "umask 077; cd \"$3\"; exec 7>\"$3/open\"; exec \"$1\" start \"$2\"",
            "sh",
            SITEWARD,
            "a",
        ])
        .arg(bench.path(""))
        .envs([
            ("SITEWARD_CONFIG_DIR", &bench.places.config),
            ("SITEWARD_RUNTIME_DIR", &bench.places.runtime),
            ("SITEWARD_LOG_DIR", &bench.places.logs),
        ])
        .env("NQS_SITE", "wrong");
    // Whoever waits for the end of the output must not wait for the site.
    let begun = Instant::now();
    assert!(command.output().unwrap().status.success());
    assert!(begun.elapsed().as_secs() < 5);
    for who in ["supervisor", "store"] {
        let pid = bench.pid("a", who);
        let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
        assert_eq!(link("cwd").to_str(), Some("/"), "{who}");
        let files: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .flatten()
            .filter_map(|e| fs::read_link(e.path()).ok())
            .collect();
        assert!(!files.iter().any(|f| f.ends_with("open")), "{who}: {files:?}");
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(!String::from_utf8_lossy(&environ).contains("NQS_SITE"), "{who}");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("Umask:\t0022"), "{who}");
        let stat = siteward::linux::process::Stat::of(pid).unwrap();
        assert_eq!(stat.session, Some(pid), "{who} leads a session of its own");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", bench.pid("a", "store"))).unwrap();
    let stack = limits.lines().find(|l| l.starts_with("Max stack size")).unwrap();
    assert!(stack.contains(" 8388608 "), "{stack}");
}

// --- other verbs ----------------------------------------------------------------------------------

#[test]
fn stop_from_within_the_site_is_refused_as_it_could_not_be_proved() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.hand(&["start", "a"]));
    let mark = format!("{}:web", bench.places.runtime.join("a").display());
    // A shell that bears the site's mark calls the verb: it is an ancestor, and is not signalled.
    let mut command = Command::new("sh");
    command
        .args(["-c", "\"$1\" stop a --timeout 3s; echo code=$?", "sh", SITEWARD])
        .env("SITEWARD_MARK", mark)
        .envs([
            ("SITEWARD_CONFIG_DIR", &bench.places.config),
            ("SITEWARD_RUNTIME_DIR", &bench.places.runtime),
            ("SITEWARD_LOG_DIR", &bench.places.logs),
        ]);
    let output = command.output().unwrap();
    assert!(said(&output).contains("code=1"), "{}", said(&output));
    assert!(said(&output).contains("from which this verb was called"), "{}", said(&output));
}

#[test]
fn a_process_that_starts_another_site_does_not_take_it_along() {
    let bench = Bench::new();
    bench.define("b", "site: b\nprocesses: {y: {command: [ACT, steady]}}\n");
    let environment = format!(
        "environment: {{SITEWARD_CONFIG_DIR_: x}}\nprocesses:\n  x: {{command: [/bin/sh, -c, \"{SITEWARD} start b --config-dir {} --runtime-dir {} --log-dir {}; exec sleep 1000\"]}}\n",
        bench.places.config.display(),
        bench.places.runtime.display(),
        bench.places.logs.display()
    )
    .replace("SITEWARD_CONFIG_DIR_", "NOTHING");
    bench.define("a", &environment);
    succeed(bench.hand(&["start", "a"]));
    until("the inner site runs", || bench.monitor("b") == (0, 0, 0));
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.living("a"), "");
    assert_eq!(bench.monitor("b"), (0, 0, 0), "the other site lives on");
    succeed(bench.hand(&["stop", "b"]));
}

#[test]
fn sites_whose_names_begin_alike_do_not_touch_each_other() {
    let bench = Bench::new();
    for site in ["job", "job.a", "job-a", "jo"] {
        bench.define(
            site,
            &format!("site: {site}.example\nprocesses: {{x: {{command: [ACT, escaper]}}}}\n"),
        );
        succeed(bench.hand(&["start", site]));
    }
    signal(bench.pid("job", "supervisor"), Signal::KILL);
    succeed(bench.hand(&["clean", "job"]));
    assert_eq!(bench.living("job"), "");
    for site in ["job.a", "job-a", "jo"] {
        assert_eq!(bench.monitor(site), (0, 0, 0), "{site}");
        succeed(bench.hand(&["stop", site]));
    }
}

#[test]
fn run_is_a_supervisor_in_the_foreground() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let mut run = background(bench.hand(&["run", "a"]));
    until("running", || bench.monitor("a") == (0, 0, 0));
    assert_eq!(bench.pid("a", "supervisor").number(), run.id().cast_signed());
    let refused = output(bench.hand(&["run", "a"]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("is run by another supervisor already"), "{}", said(&refused));
    signal(bench.pid("a", "supervisor"), Signal::TERM);
    assert_eq!(run.wait().unwrap().code(), Some(0), "TERM is an ordered stop");
    assert_eq!(bench.living("a"), "");
    let mut run = background(bench.hand(&["run", "a"]));
    until("running", || bench.record("a").is_some_and(|r| r.processes.len() == 2));
    signal(bench.pid("a", "web"), Signal::KILL);
    assert_eq!(run.wait().unwrap().code(), Some(1), "it ends when the site fails");
    assert_eq!(bench.living("a"), "");
}

#[test]
fn reload_by_signal_and_by_command() {
    let bench = Bench::new();
    let proof = bench.path("reloaded");
    bench.define(
        "a",
        &format!(
            "processes:\n  x: {{command: [ACT, steady], reload: {{signal: HUP}}}}\n  \
             y: {{command: [ACT, steady], reload: {{command: [/usr/bin/touch, {}]}}}}\n",
            proof.display()
        ),
    );
    assert_eq!(code(bench.hand(&["reload", "a"])), 1, "nobody is there to reload");
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["reload", "a"]));
    assert!(exists(&proof));
    until("HUP has come", || bench.log("a", "x.log").contains("SIGHUP has come"));
    bench.define("b", &format!("site: b\n{SIMPLE}"));
    succeed(bench.hand(&["start", "b"]));
    let refused = output(bench.hand(&["reload", "b"]));
    assert!(
        said(&refused).contains("no process of the site that is up has a `reload`"),
        "{}",
        said(&refused)
    );
}

/// A site with a database, and the mark of a pause on it.
fn with_a_database() -> (Bench, std::path::PathBuf) {
    let bench = Bench::new();
    let database = bench.path("db");
    fs::create_dir(&database).unwrap();
    let head = format!("database: {}\nprerequisites: {{mounted: false}}\n", database.display());
    bench.define("a", &format!("{head}{SIMPLE}"));
    (bench, database.join(".siteward/paused"))
}

#[test]
fn a_pause_follows_the_database() {
    let (bench, _) = with_a_database();
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["pause", "a", "--reason", "new disks"]));
    succeed(bench.hand(&["stop", "a"]));
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.contains("in maintenance") && said.contains("new disks"), "{said}");
    succeed(bench.hand(&["resume", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.starts_with("siteward: the site `a` is running.\n"), "{said}");
}

#[test]
fn a_pause_whose_verb_is_killed_is_marked_and_ordered() {
    let (bench, mark) = with_a_database();
    succeed(bench.hand(&["start", "a"]));
    let supervisor = bench.pid("a", "supervisor");
    signal(supervisor, Signal::STOP);
    let mut pause = background(bench.hand(&["pause", "a"]));
    let pid = siteward::values::Pid::try_from(pause.id().cast_signed()).unwrap();
    until("it is marked, and the verb waits for the supervisor", || {
        let socket = siteward::linux::process::waits_in(pid).unwrap_or_default();
        mark.exists() && socket.contains("unix_stream")
    });
    signal(pid, Signal::KILL);
    pause.wait().unwrap();
    signal(supervisor, Signal::CONT);
    until("it is paused", || bench.record("a").is_some_and(|r| r.processes.is_empty()));
    until("its mark is settled", || {
        fs::read_to_string(&mark).is_ok_and(|text| text.contains("\"begun\":false"))
    });
    succeed(bench.hand(&["stop", "a"]));
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.contains("in maintenance"), "{said}");
    succeed(bench.hand(&["resume", "a"]));
}

#[test]
fn a_pause_that_was_marked_and_never_ordered_is_none() {
    let (bench, mark) = with_a_database();
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    fs::write(&mark, r#"{"words": "paused by nobody", "until": null, "begun": true}"#).unwrap();
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.starts_with("siteward: the site `a` is running.\n"), "{said}");
}

#[test]
fn a_pause_that_fails_leaves_an_earlier_one_in_force() {
    let (bench, _) = with_a_database();
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["pause", "a", "--reason", "new disks"]));
    succeed(bench.hand(&["stop", "a"]));
    let refused = output(bench.hand(&["pause", "a", "--reason", "more disks"]));
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let said = succeed(bench.hand(&["start", "a"]));
    assert!(said.contains("in maintenance") && said.contains("new disks"), "{said}");
    succeed(bench.hand(&["resume", "a"]));
}

#[test]
fn pause_overtakes_a_resume_and_stop_overtakes_both() {
    let bench = Bench::new();
    bench.define("a", "boot_timeout: 60s\nmaintenance: true\nprocesses:\n  slow: {command: [ACT, steady], ready: {notify: true}}\n");
    succeed(bench.hand(&["start", "a"]));
    let resume = background(bench.hand(&["resume", "a"]));
    until("resuming", || bench.record("a").is_some_and(|r| !r.processes.is_empty()));
    succeed(bench.hand(&["pause", "a"]));
    let resumed = resume.wait_with_output().unwrap();
    assert_eq!(resumed.status.code(), Some(1));
    assert!(said(&resumed).contains("overtaken by pause"), "{}", said(&resumed));
    let resume = background(bench.hand(&["resume", "a"]));
    until("resuming", || bench.record("a").is_some_and(|r| !r.processes.is_empty()));
    succeed(bench.hand(&["stop", "a"]));
    let resumed = resume.wait_with_output().unwrap();
    assert!(said(&resumed).contains("overtaken by stop"), "{}", said(&resumed));
}

#[test]
fn list_shows_every_site() {
    let bench = Bench::new();
    assert!(succeed(bench.hand(&["list"])).starts_with("no site is defined in"));
    bench.define("a", SIMPLE);
    bench.define("b", &format!("site: b\n{SIMPLE}"));
    succeed(bench.hand(&["start", "b"]));
    let list = succeed(bench.hand(&["list"]));
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("SITE-NAME"), "{list}");
    assert!(
        lines[1].starts_with("a ") && lines[1].contains("SHUT") && lines[1].contains("OFF"),
        "{list}"
    );
    let supervisor = bench.pid("b", "supervisor").to_string();
    assert!(lines[2].contains(&supervisor) && lines[2].contains("ON"), "{list}");
    let json = succeed(bench.hand(&["list", "--json"]));
    let row: serde_json::Value = serde_json::from_str(json.lines().nth(1).unwrap()).unwrap();
    assert_eq!(row["state"], "running");
}

#[test]
fn two_sites_cannot_claim_one_database_or_one_name() {
    let bench = Bench::new();
    bench.define("a", &format!("site: same.example\n{SIMPLE}"));
    bench.define("b", &format!("site: same.example\n{SIMPLE}"));
    let refused = output(bench.hand(&["start", "b"]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused)
            .contains("the sites `b` and `a` both claim the virtual host name same.example"),
        "{}",
        said(&refused)
    );
    bench.define("a", &format!("database: /mnt/x\n{SIMPLE}"));
    bench.define("b", &format!("database: /mnt/x\n{SIMPLE}"));
    assert!(
        said(&output(bench.hand(&["validate-all", "b"])))
            .contains("both claim the database /mnt/x")
    );
}

#[test]
fn a_runtime_folder_too_long_for_a_socket_is_a_clear_error() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let long = bench.path(&"x".repeat(90));
    let refused = output(bench.hand(&["start", "a", "--runtime-dir", long.to_str().unwrap()]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("choose a shorter runtime folder"), "{}", said(&refused));
}

#[test]
fn whoever_asks_for_help_gets_it() {
    let bench = Bench::new();
    let help = succeed(bench.hand(&["--help"]));
    for verb in [
        "start",
        "stop",
        "monitor",
        "clean",
        "run",
        "validate-all",
        "meta-data",
        "pause",
        "resume",
        "reload",
        "list",
        "rehearse",
    ] {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}: {help}");
    }
    assert!(!help.contains("supervise "), "what is for siteward itself is not shown");
    assert!(succeed(bench.hand(&["--version"])).starts_with("siteward 0."));
    let near = said(&output(bench.hand(&["strat", "a"])));
    assert!(near.contains("'start'"), "{near}");
}

#[test]
fn a_run_in_the_foreground_keeps_nothing_of_its_callers_open() {
    let mut bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    let kept = bench.path("kept");
    let script = format!("exec 9>{}; exec \"$0\" \"$@\"", kept.display());
    bench.within = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
    let run = background(bench.hand(&["run", "a"]));
    bench.within.clear();
    until("it runs", || bench.monitor("a") == (0, 0, 0));
    assert!(kept.exists());
    for process in ["supervisor", "x"] {
        let folder = format!("/proc/{}/fd", bench.pid("a", process));
        let open: Vec<_> =
            fs::read_dir(folder).unwrap().flatten().flat_map(|e| fs::read_link(e.path())).collect();
        assert!(!open.contains(&kept), "{process}: {open:?}");
    }
    succeed(bench.hand(&["stop", "a"]));
    assert!(run.wait_with_output().unwrap().status.success());
}

#[test]
fn a_supervisor_removes_what_killed_writers_left() {
    use std::os::unix::fs::OpenOptionsExt;
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    let mut gone = Command::new("true").spawn().unwrap();
    let dead = gone.id();
    gone.wait().unwrap();
    let places = bench.places.of(&"a".parse().unwrap());
    let left = [
        places.runtime.join(format!("record.json.new.{dead}")),
        places.runtime.join(format!("stop.order.new.{dead}")),
        places.logs.join(format!("x.log.1.new.{dead}")),
    ];
    for path in &left {
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    }
    succeed(bench.hand(&["start", "a"]));
    for path in &left {
        assert!(!path.exists(), "{}", path.display());
    }
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_verb_whose_words_cannot_be_written_does_its_work() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady]}\n");
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (verb, seen) in [("start", 0), ("pause", 0), ("resume", 0), ("stop", 3)] {
        let mut command = bench.hand(&[verb, "a"]);
        command.stdout(full()).stderr(full());
        let status = command.status().unwrap();
        assert_eq!(status.code(), Some(0), "{verb}");
        assert_eq!(code(bench.hand(&["monitor", "a"])), seen, "after {verb}");
    }
    let mut command = bench.hand(&["no-such-verb"]);
    assert_eq!(command.stderr(full()).status().unwrap().code(), Some(3));
}
