//! What a definition can ask of a process, with real processes.

mod common;

use std::fs;
use std::path::Path;

use common::*;
use siteward::values::Signal;

/// A command of a shell as YAML words.
fn sh(script: &str) -> String {
    format!("[/bin/sh, -c, {}]", serde_json::to_string(script).unwrap())
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn each_way_to_be_ready_is_waited_for_before_the_next_is_started() {
    let bench = Bench::new();
    let order = bench.path("order");
    let at = |name: &str| format!("echo {name} >> {}", order.display());
    let socket = bench.path("s.sock");
    let file = bench.path("file");
    let proof = bench.path("proof");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let definition = format!(
        "processes:\n\
         \x20 once: {{command: {once}, oneshot: true}}\n\
         \x20 notify: {{command: {notify}, ready: {{notify: true}}}}\n\
         \x20 tcp: {{command: {tcp}, ready: {{tcp: \"127.0.0.1:{port}\"}}}}\n\
         \x20 socket: {{command: {unix}, ready: {{socket: {socket}}}}}\n\
         \x20 file: {{command: {file_command}, ready: {{file: {file}}}}}\n\
         \x20 log: {{command: {log}, ready: {{log: \"^ready in \\\\d+ ms$\"}}}}\n\
         \x20 exec: {{command: {exec}, ready: {{exec: [test, -e, {proof}]}}}}\n\
         \x20 delay: {{command: {delay}, ready: {{delay: 200ms}}}}\n\
         \x20 last: {{command: {last}}}\n",
        once = sh(&format!("sleep 0.2; {}", at("once"))),
        notify = sh(&format!("sleep 0.1; {}; exec {SITEWARD} act notifier", at("notify"))),
        tcp =
            sh(&format!("sleep 0.2; {}; exec {SITEWARD} act listener 127.0.0.1:{port}", at("tcp"))),
        unix = sh(&format!(
            "sleep 0.2; {}; exec python3 -c 'import socket,time; s=socket.socket(socket.AF_UNIX); \
             s.bind(\"{}\"); s.listen(); time.sleep(1000)'",
            at("socket"),
            socket.display()
        )),
        socket = socket.display(),
        file_command =
            sh(&format!("sleep 0.2; {}; touch {}; exec sleep 1000", at("file"), file.display())),
        file = file.display(),
        log = sh(&format!("sleep 0.2; {}; echo ready in 12 ms; exec sleep 1000", at("log"))),
        exec =
            sh(&format!("sleep 0.2; {}; touch {}; exec sleep 1000", at("exec"), proof.display())),
        proof = proof.display(),
        delay = sh(&format!("{}; exec sleep 1000", at("delay"))),
        last = sh(&format!("{}; exec sleep 1000", at("last"))),
    );
    bench.define("a", &definition);
    succeed(bench.hand(&["start", "a"]));
    let expected = ["once", "notify", "tcp", "socket", "file", "log", "exec", "delay", "last"];
    until("the last one has begun", || lines(&order).len() == expected.len());
    assert_eq!(lines(&order), expected);
    let status = succeed(bench.hand(&["status", "a"]));
    assert!(status.contains("all is well"), "the words of STATUS= are shown: {status}");
}

#[test]
fn a_stop_goes_in_reverse_and_each_ends_before_the_next_is_asked() {
    let bench = Bench::new();
    let order = bench.path("order");
    let process = |name: &str| {
        let script = format!(
            "trap 'sleep 0.1; echo {name} >> {}; exit 0' TERM; while :; do sleep 0.05; done",
            order.display()
        );
        format!("  {name}: {{command: {}, ready: {{delay: 100ms}}}}\n", sh(&script))
    };
    bench.define(
        "a",
        &format!("processes:\n{}{}{}", process("one"), process("two"), process("three")),
    );
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(lines(&order), ["three", "two", "one"]);
}

#[test]
fn a_oneshot_that_runs_again_is_not_recorded_as_done_any_more_when_it_begins() {
    let bench = Bench::new();
    let (record, seen) = (bench.places.runtime.join("a/record.json"), bench.path("seen"));
    let once = sh(&format!("cp {} {}", record.display(), seen.display()));
    let processes = format!(
        "boot_timeout: 60s\nprocesses:\n  once: {{command: {once}, oneshot: true}}\n  \
         b: {{command: [ACT, steady], depends_on: [once]}}\n"
    );
    bench.define("a", &processes);
    let done = |path: &Path| {
        let text = fs::read(path).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["done"].clone()
    };
    succeed(bench.hand(&["start", "a"]));
    assert_eq!(done(&record), serde_json::json!(["once"]));
    succeed(bench.hand(&["pause", "a"]));
    succeed(bench.hand(&["resume", "a"]));
    let at_its_start = done(&seen);
    assert!(
        at_its_start.as_array().is_none_or(Vec::is_empty),
        "a supervisor that adopts the site now would not look for it: {at_its_start}"
    );
}

#[test]
fn a_oneshot_that_fails_is_the_failure_of_the_start() {
    let bench = Bench::new();
    let never = bench.path("never");
    bench.define(
        "a",
        &format!(
            "processes:\n  schema: {{command: {}, oneshot: true}}\n  next: {{command: [/usr/bin/touch, {}]}}\n",
            sh("echo the schema is too old; exit 4"),
            never.display()
        ),
    );
    let failed = output(bench.hand(&["start", "a"]));
    assert!(said(&failed).contains("`schema` ended with exit status 4"), "{}", said(&failed));
    assert!(said(&failed).contains("schema: the schema is too old"), "{}", said(&failed));
    assert!(!exists(&never), "what depends on it was not started");
}

#[test]
fn a_process_that_daemonises_is_followed() {
    let bench = Bench::new();
    let pid_file = bench.path("d.pid");
    // Twice forked, with a helper beside it: the pid file says which is the main one.
    let script = format!(
        "setsid sh -c 'sleep 1000 & exec sleep 1001 & echo $! > {}' & exit 0",
        pid_file.display()
    );
    bench.define(
        "a",
        &format!(
            "processes:\n  d: {{command: [ACT, daemon], forks: true}}\n  \
             e: {{command: {}, forks: true, pid_file: {}}}\n",
            sh(&script),
            pid_file.display()
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    let main: i32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    assert_eq!(bench.pid("a", "e").number(), main);
    let words = words_of(bench.pid("a", "d"));
    assert!(words.ends_with(&[b"act".to_vec(), b"daemon-main".to_vec()]), "{words:?}");
    signal(bench.pid("a", "d"), Signal::KILL);
    until("failed", || bench.monitor("a") == (7, 7, 1));
    assert_eq!(bench.living("a"), "");
}

/// `b` starts a second after the boot began, and is not blamed for that second.
#[test]
fn a_process_that_is_not_ready_in_time_is_told_with_the_time_that_it_had() {
    let nowhere = tempfile::tempdir().unwrap();
    let path = nowhere.path().join("not-there").display().to_string();
    for (ready, why) in [
        ("{notify: true".to_owned(), "it did not send READY=1".to_owned()),
        (
            "{tcp: \"127.0.0.1:1\"".to_owned(),
            "nothing accepts connections at 127.0.0.1:1".to_owned(),
        ),
        (format!("{{socket: {path}"), format!("nothing accepts connections at {path}")),
        (format!("{{file: {path}"), format!("there is no {path}")),
        (
            "{log: \"^it serves$\"".to_owned(),
            "it printed nothing that matches ^it serves$".to_owned(),
        ),
        ("{exec: [/bin/sh, -c, \"echo not yet; exit 1\"]".to_owned(), "its probe: ".to_owned()),
        ("{delay: 90s".to_owned(), "waits 90 s after its start".to_owned()),
    ] {
        for own_timeout in [false, true] {
            let timeout = if own_timeout { ", timeout: 500ms}" } else { "}" };
            let bench = Bench::new();
            bench.define(
                "a",
                &format!(
                    "boot_timeout: 2500ms\nprocesses:\n  \
                     a: {{command: [ACT, steady], ready: {{delay: 1s}}}}\n  \
                     b: {{command: [ACT, steady], depends_on: [a], ready: {ready}{timeout}}}\n"
                ),
            );
            let failed = output(bench.hand(&["start", "a"]));
            let said = said(&failed);
            assert_eq!(failed.status.code(), Some(1), "{said}");
            let begin = match own_timeout {
                true => "`b` was not ready within 0.5 s (",
                false => "`b` was not ready when the boot_timeout of 2.5 s ended; it had 1.",
            };
            assert!(said.contains(begin), "{ready}: {said}");
            assert!(said.contains(&why), "{ready}: {said}");
        }
    }
}

/// A start with less time than the boot_timeout does not blame that.
#[test]
fn a_start_with_less_time_than_the_boot_timeout_says_how_much_it_had() {
    let bench = Bench::new();
    bench.define(
        "a",
        "boot_timeout: 60s\nprocesses:\n  b: {command: [ACT, steady], ready: {notify: true}}\n",
    );
    let said = said(&output(bench.hand(&["start", "a", "--timeout", "4s"])));
    assert!(
        said.contains("`b` was not ready when the ") && !said.contains("boot_timeout"),
        "{said}"
    );
    assert!(said.contains(" s of this start ended; it had "), "{said}");
}

#[test]
fn a_process_that_should_daemonise_and_only_ends_is_told() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  d: {command: [/bin/true], forks: true}\n");
    let failed = output(bench.hand(&["start", "a"]));
    assert!(
        said(&failed).contains("`d` was to daemonise, and no main process was found"),
        "{}",
        said(&failed)
    );
}

#[test]
fn instances_are_told_apart() {
    let bench = Bench::new();
    bench.define(
        "a",
        &format!(
            "processes:\n  w: {{command: {}, instances: 3}}\n",
            sh("echo I am $SITEWARD_INSTANCE of $SITEWARD_PROCESS of $SITEWARD_SITE; exec sleep 1000")
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    until("they have spoken", || {
        (1..=3).all(|n| !bench.log("a", &format!("w@{n}.log")).is_empty())
    });
    assert_eq!(bench.log("a", "w@2.log"), "I am 2 of w@2 of a\n");
    signal(bench.pid("a", "w@2"), Signal::KILL);
    until("failed", || bench.monitor("a") == (7, 7, 1));
}

#[test]
fn a_process_that_dies_is_started_again_within_its_budget_and_then_the_site_fails() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes:\n  x: {command: [ACT, steady], restart: {attempts: 2, within: 60s, delay: 10ms}}\n  y: {command: [ACT, steady]}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let y = bench.pid("a", "y");
    for _ in 0..2 {
        let before = bench.pid("a", "x");
        signal(before, Signal::KILL);
        until("it runs again", || {
            let now = bench.record("a").unwrap().processes.into_iter().find(|p| p.name == "x");
            now.is_some_and(|p| p.identity.pid != before)
                && succeed(bench.hand(&["status", "a"])).starts_with("running")
        });
    }
    assert_eq!(bench.pid("a", "y"), y, "the other one was left alone");
    assert!(succeed(bench.hand(&["status", "a"])).contains("started again 2 times"));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("failed", || bench.monitor("a") == (7, 7, 1));
    assert_eq!(bench.living("a"), "");
}

#[test]
fn a_failed_healthcheck_is_a_failure_with_its_last_words() {
    let bench = Bench::new();
    let sick = bench.path("sick");
    let test = sh(&format!(
        "test ! -e {0} || {{ echo no answer from the engine; exit 1; }}",
        sick.display()
    ));
    bench.define(
        "a",
        &format!(
            "processes:\n  x: {{command: [ACT, steady], healthcheck: {{test: {test}, interval: 50ms, timeout: 2s, retries: 2}}}}\n"
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    assert_eq!(code(bench.ocf("a", "monitor", &[("OCF_CHECK_LEVEL", "20")])), 0);
    fs::write(&sick, "").unwrap();
    until("failed", || bench.monitor("a") == (7, 7, 1));
    let status = said(&output(bench.hand(&["status", "a"])));
    let words = "`x` failed its healthcheck 2 times in a row: it ended with exit status 1: no answer from the engine";
    assert!(status.contains(words), "{status}");
}

#[test]
fn the_deepest_monitor_runs_each_healthcheck_once_and_a_hanging_one_is_bounded() {
    let bench = Bench::new();
    let sick = bench.path("sick");
    let test = sh(&format!("test ! -e {0} || exec sleep 1000", sick.display()));
    bench.define(
        "a",
        &format!("processes:\n  x: {{command: [ACT, steady], healthcheck: {{test: {test}, interval: 1h}}}}\n"),
    );
    succeed(bench.hand(&["start", "a"]));
    let deep = [("OCF_CHECK_LEVEL", "20"), ("OCF_RESKEY_CRM_meta_timeout", "1500")];
    assert_eq!(code(bench.ocf("a", "monitor", &deep)), 0);
    fs::write(&sick, "").unwrap();
    let begun = std::time::Instant::now();
    let hung = output(bench.ocf("a", "monitor", &deep));
    assert_eq!(hung.status.code(), Some(1));
    assert!(
        reason(&hung).contains("not healthy") || reason(&hung).contains("in time"),
        "{}",
        reason(&hung)
    );
    assert!(begun.elapsed().as_millis() < 1500);
    assert_eq!(bench.monitor("a"), (0, 0, 0), "a look changes nothing");
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.living("a"), "", "nor does it leave anything");
}

#[test]
fn evidence_is_gathered_before_the_rest_is_stopped() {
    let bench = Bench::new();
    let evidence = bench.path("evidence");
    let script = format!(
        "{{ echo \"$SITEWARD_REASON\"; {SITEWARD} status a | head -1; }} > {}",
        evidence.display()
    );
    let environment = format!(
        "environment: {{X: y}}\nprocesses:\n  y: {{command: [ACT, steady]}}\n  x: {{command: [ACT, steady], on_failure: {}}}\n",
        sh(&script.replace(
            "status a",
            &format!(
                "status a --config-dir {} --runtime-dir {} --log-dir {}",
                bench.places.config.display(),
                bench.places.runtime.display(),
                bench.places.logs.display()
            )
        ))
    );
    bench.define("a", &environment);
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("failed", || bench.monitor("a") == (7, 7, 1));
    let said = lines(&evidence);
    assert_eq!(said[0], "`x` was killed by SIGKILL, which siteward did not send");
    assert!(said[1].starts_with("stopping"), "the others still live: {said:?}");
}

/// What a site's job starts of the cluster's is left; what its definition names is its own.
#[test]
fn a_process_of_the_definition_may_be_called_like_a_cluster_daemon() {
    let bench = Bench::new();
    let daemon = bench.path("corosync");
    std::os::unix::fs::symlink("/bin/bash", &daemon).unwrap();
    bench.define(
        "a",
        &format!(
            "stop_timeout: 1s\nforcekill_time: 200ms\nprocesses:\n  \
             x: {{command: [{}, -c, \"trap '' TERM; while :; do sleep 0.1; done\"]}}\n",
            daemon.display()
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}

#[test]
fn a_stop_has_its_own_signal_or_its_own_command() {
    let bench = Bench::new();
    let proof = bench.path("proof");
    let by_signal = sh(&format!(
        "trap 'echo by INT >> {0}; exit 0' INT; trap 'echo by TERM >> {0}; exit 0' TERM; while :; do sleep 0.05; done",
        proof.display()
    ));
    let by_command =
        sh(&format!("echo by command $MAINPID >> {}; kill -KILL $MAINPID", proof.display()));
    bench.define(
        "a",
        &format!(
            "processes:\n  x: {{command: {by_signal}, stop_signal: SIGINT, ready: {{delay: 100ms}}}}\n  \
             y: {{command: [ACT, stubborn], stop_command: {by_command}}}\n"
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    let y = bench.pid("a", "y");
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(lines(&proof), [format!("by command {y}"), "by INT".to_owned()]);
}

#[test]
fn the_context_of_a_process_is_as_it_was_said() {
    let bench = Bench::new();
    let file = bench.path("env");
    fs::write(&file, "FROM_FILE=yes\nBOTH=file\n").unwrap();
    let folder = bench.path("work");
    fs::create_dir(&folder).unwrap();
    let script =
        "pwd; umask; ulimit -n; echo $FROM_FILE $BOTH $SITE_WIDE; cat /proc/self/oom_score_adj";
    bench.define(
        "a",
        &format!(
            "environment: {{SITE_WIDE: w}}\nprocesses:\n  x:\n    command: {}\n    working_directory: {}\n    \
             umask: \"0027\"\n    ulimits: {{nofile: 99}}\n    env_file: {}\n    environment: {{BOTH: own}}\n    \
             oom_score_adj: 77\n    oneshot: true\n",
            sh(script),
            folder.display(),
            file.display()
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    let log = bench.log("a", "x.log");
    let said: Vec<&str> = log.lines().collect();
    assert_eq!(said, [folder.to_str().unwrap(), "0027", "99", "yes own w", "77"]);
}

/// What a person's shell allows reaches the processes as it is, and does not bind the supervisor.
#[test]
fn a_callers_limits_are_the_processes_and_not_the_supervisors() {
    let mut bench = Bench::new();
    let narrow = "ulimit -S -n 50 -t 7 -f 1000; exec \"$@\"";
    bench.within = ["bash", "-c", narrow, "-"].map(str::to_owned).to_vec();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let soft = |name: &str| {
        let limits = fs::read_to_string(format!("/proc/{}/limits", bench.pid("a", name))).unwrap();
        ["Max open files", "Max cpu time", "Max file size"].map(|limit| {
            let line = limits.lines().find_map(|l| l.strip_prefix(limit)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap_or(u64::MAX)
        })
    };
    assert_eq!(soft("x"), [50, 7, 1_024_000]);
    let [files, cpu, size] = soft("supervisor");
    assert!(files > 50 && cpu > 7 && size > 1_024_000, "{files} {cpu} {size}");
    succeed(bench.hand(&["stop", "a"]));
}

/// The mark that is inherited goes lower then, and holds all the same.
#[test]
fn few_descriptors_are_enough() {
    let mut bench = Bench::new();
    bench.within = ["bash", "-c", "ulimit -n 60; exec \"$@\"", "-"].map(str::to_owned).to_vec();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let locks = bench.places.of(&"a".parse().unwrap()).process_locks();
    let held = siteward::linux::descriptors::open_paths_below(bench.pid("a", "x"), &locks).unwrap();
    assert_eq!(held, [locks.join("x")]);
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_notice_is_believed_only_from_the_process_itself() {
    let bench = Bench::new();
    let target = bench.path("target");
    bench.define(
        "a",
        &format!(
            "boot_timeout: 2s\nprocesses:\n  x: {{command: {}, ready: {{notify: true}}}}\n",
            sh(&format!("echo $NOTIFY_SOCKET > {}; exec sleep 1000", target.display()))
        ),
    );
    let start = background(bench.hand(&["start", "a"]));
    until("the process has begun", || !lines(&target).is_empty());
    // We know the address, and are not of the site.
    siteward::linux::sockets::notify(&lines(&target)[0], "READY=1").unwrap();
    let failed = start.wait_with_output().unwrap();
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("it did not send READY=1"), "{}", said(&failed));
    assert!(bench.log("a", "siteward.log").contains("is not believed"));
}

#[test]
fn while_nothing_happens_the_supervisor_sleeps() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady]}\n  y: {command: [ACT, notifier], ready: {notify: true}}\n");
    succeed(bench.hand(&["start", "a"]));
    let supervisor = bench.pid("a", "supervisor");
    let switches = || {
        let status = fs::read_to_string(format!("/proc/{supervisor}/status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        line("voluntary_ctxt_switches") + line("nonvoluntary_ctxt_switches")
    };
    // What the start has left to do, a look at each log a few seconds later, is let pass.
    let quiet = std::time::Duration::from_secs(7);
    siteward::linux::wait::Waiting::<()>::new().wait(Some(siteward::values::Moment::now() + quiet));
    let before = switches();
    let second = std::time::Duration::from_secs(2);
    siteward::linux::wait::Waiting::<()>::new()
        .wait(Some(siteward::values::Moment::now() + second));
    assert_eq!(switches(), before);
}

#[test]
fn a_death_is_logged_once_whether_the_site_goes_on_or_fails() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {x: {command: [ACT, steady], restart: {attempts: 1, within: 60s, delay: 0s}}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("it runs again", || {
        succeed(bench.hand(&["status", "a"])).contains("ready, started again once")
    });
    let told = || {
        let log = bench.log("a", "siteward.log");
        let by_supervisor = |line: &&str| !line.contains("the site `a` failed: ");
        log.lines().filter(by_supervisor).filter(|l| l.contains("killed by SIGKILL")).count()
    };
    assert_eq!(told(), 1, "{}", bench.log("a", "siteward.log"));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("it has failed", || bench.monitor("a") == (7, 7, 1));
    assert_eq!(told(), 2, "{}", bench.log("a", "siteward.log"));
}
