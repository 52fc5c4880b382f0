//! What managers and people say at the doors and should not: names that are none, numbers that are
//! none, any bytes at all. Nobody's slip fences a node, and nothing aborts or hangs.

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use siteward::values::Signal;

const SIMPLE: &str = "processes:\n  store: {command: [ACT, steady]}\n";

/// What no site can be called; none at all is the empty one.
const NO_NAMES: [&str; 7] = ["Shop", "my_site", "a b", "../a", "-a", "ä", ""];

fn recurring(verb: &'static str) -> [(&'static str, &'static str); 1] {
    match verb {
        "monitor" => [("OCF_RESKEY_CRM_meta_interval", "10000")],
        _ => [("A", "b")],
    }
}

#[test]
fn a_name_that_no_site_can_have_fences_nobody_in_pacemaker() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    for name in NO_NAMES {
        assert_eq!(code(bench.ocf(name, "monitor", &[])), 7, "a probe of `{name}`");
        assert_eq!(code(bench.ocf(name, "monitor", &recurring("monitor"))), 7, "`{name}`");
        assert_eq!(code(bench.ocf(name, "stop", &[])), 0, "`{name}`");
        for verb in ["start", "validate-all"] {
            let refused = output(bench.ocf(name, verb, &[]));
            assert_eq!(refused.status.code(), Some(6), "{verb} `{name}`");
            assert!(!reason(&refused).is_empty());
        }
    }
    let mut bytes = bench.ocf("a", "stop", &[]);
    bytes.env("OCF_RESKEY_site", OsString::from_vec(vec![0xff]));
    assert_eq!(code(bytes), 0);
    assert!(!exists(&bench.places.runtime), "nothing is made for a site that cannot be");
}

#[test]
fn a_name_that_became_wrong_still_means_the_site_that_was_started_for_the_resource() {
    for name in ["Shop", ""] {
        let bench = Bench::new();
        bench.define("a", SIMPLE);
        succeed(bench.ocf("a", "start", &[]));
        let resource = [("OCF_RESOURCE_INSTANCE", "r-a")];
        assert_eq!(code(bench.ocf(name, "monitor", &resource)), 0);
        assert_eq!(code(bench.ocf(name, "start", &resource)), 6);
        assert_eq!(code(bench.ocf(name, "stop", &[("OCF_RESOURCE_INSTANCE", "other")])), 0);
        assert_eq!(bench.monitor("a"), (0, 0, 0), "that was another's stop");
        assert_eq!(code(bench.ocf(name, "stop", &resource)), 0);
        assert_eq!(bench.living("a"), "");
        assert_eq!(code(bench.ocf(name, "monitor", &resource)), 7);
    }
}

#[test]
fn a_name_that_no_site_can_have_is_no_failure_to_any_other_manager() {
    let bench = Bench::new();
    let call = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = bench.hand(words);
        command.envs(variables.iter().copied());
        code(command)
    };
    for name in NO_NAMES {
        let crs = [("_CRS_NAME", "r"), ("_CRS_SITEWARD_SITE", name)];
        for (entry, expected) in [("stop", 0), ("clean", 0), ("start", 1), ("abort", 0)] {
            assert_eq!(call(&[entry], &crs), expected, "Clusterware: {entry} `{name}`");
        }
        if !name.is_empty() {
            assert_eq!(call(&["check"], &crs), 1, "offline: `{name}`");
        }
        let sg = [("SG_PACKAGE", "p"), ("PEV_SITEWARD_SITE", name)];
        for (entry, expected) in [("stop", 0), ("start", 1), ("validate", 1)] {
            assert_eq!(call(&[entry], &sg), expected, "Serviceguard: {entry} `{name}`");
        }
        let clp = [("CLP_EVENT", "START"), ("CLP_DISK", "SUCCESS")];
        if !name.is_empty() && !name.starts_with('-') {
            for (verb, expected) in [("stop", 0), ("clean", 0), ("start", 1), ("monitor", 1)] {
                assert_eq!(call(&[verb, name], &clp), expected, "ExpressCluster: {verb} `{name}`");
            }
        }
    }
}

#[test]
fn clusterware_and_serviceguard_stop_what_they_started_when_the_name_became_wrong() {
    for (started_by, name, stop) in [
        ("_CRS_NAME", "_CRS_SITEWARD_SITE", "clean"),
        ("_CRS_NAME", "_CRS_SITEWARD_SITE", "stop"),
        ("SG_PACKAGE", "PEV_SITEWARD_SITE", "stop"),
    ] {
        let bench = Bench::new();
        bench.define("a", SIMPLE);
        let call = |verb: &str, site: &str| {
            let mut command = bench.hand(&[verb]);
            command.env(started_by, "ora.shop").env(name, site);
            code(command)
        };
        assert_eq!(call("start", "a"), 0, "{started_by}");
        assert_eq!(call(stop, "Shop"), 0);
        assert_eq!(bench.living("a"), "", "{started_by} {stop}");
    }
}

/// All that a person can say of a site.
const WORDS: [&str; 12] = [
    "start", "stop", "clean", "pause", "resume", "reload", "watch", "status", "monitor", "adopt",
    "holders", "run",
];

#[test]
fn a_person_who_mistypes_a_name_is_told_the_nearest() {
    let bench = Bench::new();
    bench.define("shop", SIMPLE);
    for verb in WORDS {
        let refused = output(bench.hand(&[verb, "shpo"]));
        assert_eq!(refused.status.code(), Some(5), "{verb}: {}", said(&refused));
        let words = "siteward: there is no site `shpo` here; did you mean the site `shop`?";
        assert!(said(&refused).contains(words), "{verb}: {}", said(&refused));
        assert!(!said(&refused).contains("?."), "{verb}: {}", said(&refused));
    }
    let far = said(&output(bench.hand(&["stop", "elsewhere"])));
    assert!(far.contains("there is no site `elsewhere` here; see: siteward list"), "{far}");
    assert!(!exists(&bench.places.runtime.join("shpo")), "nothing is left of it");
    assert_eq!(code(bench.ocf("shpo", "stop", &[])), 0, "a manager keeps its answer");
    assert_eq!(code(bench.ocf("shpo", "monitor", &[])), 7);
}

#[test]
fn a_site_that_lost_its_definition_is_still_one_for_a_person() {
    let bench = Bench::new();
    bench.define("shop", SIMPLE);
    succeed(bench.hand(&["start", "shop"]));
    fs::remove_file(bench.places.config.join("shop.yaml")).unwrap();
    succeed(bench.hand(&["status", "shop"]));
    succeed(bench.hand(&["stop", "shop"]));
    assert_eq!(bench.living("shop"), "");
    succeed(bench.hand(&["stop", "shop"]));
    // Its folder is gone too, and a process of it lives: the mark is enough.
    bench.define("shop", SIMPLE);
    succeed(bench.hand(&["start", "shop"]));
    signal(bench.pid("shop", "supervisor"), Signal::KILL);
    until("unsupervised", || bench.monitor("shop").0 == 1);
    fs::remove_file(bench.places.config.join("shop.yaml")).unwrap();
    let folder = bench.places.runtime.join("shop");
    for name in ["record.json", "definition.yaml", "control", "lock"] {
        let _ = fs::remove_file(folder.join(name));
    }
    assert_eq!(code(bench.hand(&["stop", "shop"])), 0);
    assert_eq!(bench.living("shop"), "");
}

#[test]
fn a_number_that_is_none_is_warned_of_and_stops_nothing() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let meta = ["OCF_RESKEY_CRM_meta_timeout", "OCF_CHECK_LEVEL", "OCF_RESKEY_CRM_meta_interval"];
    let none = ["-5", "abc", "1.5", "999999999999999", "99999999999999999999"];
    for name in meta {
        for value in none {
            let with = [(name, value)];
            let start = output(bench.ocf("a", "start", &with));
            assert_eq!(start.status.code(), Some(0), "{name}={value}: {}", said(&start));
            let warned = format!("{name} is `{value}`, which is no number");
            assert!(said(&start).contains(&warned), "{}", said(&start));
            assert_eq!(code(bench.ocf("a", "validate-all", &with)), 0, "{name}={value}");
            assert_eq!(code(bench.ocf("a", "monitor", &with)), 0, "{name}={value}");
            assert_eq!(code(bench.ocf("a", "stop", &with)), 0, "{name}={value}");
            assert_eq!(bench.monitor("a"), (7, 7, 3));
            assert_eq!(code(bench.ocf("a", "monitor", &with)), 7, "{name}={value}");
        }
        assert_eq!(code(bench.ocf("a", "stop", &[(name, "")])), 0, "not given");
    }
}

#[test]
fn a_parameter_that_is_none_is_told_by_start_and_stops_nothing() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.ocf("a", "start", &[]));
    for name in ["boot_timeout", "stop_timeout", "countmax", "countsleep", "degraded_is"] {
        let variable = format!("OCF_RESKEY_{name}");
        let with = [(variable.as_str(), "-7")];
        for verb in ["start", "validate-all"] {
            let refused = output(bench.ocf("a", verb, &with));
            assert_eq!(refused.status.code(), Some(6), "{verb} {name}");
            assert!(reason(&refused).contains(&format!("the parameter {name}:")));
        }
        assert_eq!(code(bench.ocf("a", "monitor", &with)), 0, "{name}");
    }
    assert_eq!(code(bench.ocf("a", "stop", &[("OCF_RESKEY_stop_timeout", "abc")])), 0);
    assert_eq!(bench.living("a"), "");
}

#[test]
fn a_time_of_clusterware_that_is_none_is_warned_of_and_stops_nothing() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let call = |entry: &str| {
        let mut command = bench.hand(&[entry]);
        command.env("_CRS_NAME", "r").env("_CRS_SITEWARD_SITE", "a");
        for bound in ["START", "STOP", "CHECK", "CLEAN", "SCRIPT"] {
            command.env(format!("_CRS_{bound}_TIMEOUT"), "-1s");
        }
        output(command)
    };
    for (entry, expected) in [("start", 0), ("check", 0), ("stop", 0), ("check", 1), ("clean", 0)] {
        let told = call(entry);
        assert_eq!(told.status.code(), Some(expected), "{entry}: {}", said(&told));
    }
    assert!(said(&call("start")).contains("CRS_WARNING:_CRS_START_TIMEOUT is `-1s`"));
}

#[test]
fn a_person_is_told_of_a_level_that_there_is_not() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    for verb in ["status", "validate-all"] {
        let refused = output(bench.hand(&[verb, "a", "--level", "99"]));
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains("99"), "{}", said(&refused));
    }
    succeed(bench.hand(&["validate-all", "a", "--level", "0"]));
}

#[test]
fn a_site_is_looked_at_and_stopped_by_what_it_was_started_with_and_never_by_the_file() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    succeed(bench.hand(&["start", "a"]));
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    // By this file the site would have another supervisor, which does not run.
    bench.define(
        "a",
        "supervisor: {start: [/bin/true], stop: [/bin/true], process: [/bin/true, x]}\n",
    );
    until("unsupervised", || bench.monitor("a") == (1, 1, 1));
    let status = said(&output(bench.hand(&["status", "a"])));
    assert!(status.contains("take it over: siteward adopt a"), "{status}");
    succeed(bench.ocf("a", "stop", &[]));
    assert_eq!(bench.living("a"), "");
    assert_eq!(bench.monitor("a"), (7, 7, 3));
    // Without the snapshot the record says whose site it was.
    fs::remove_file(bench.places.runtime.join("a/definition.yaml")).unwrap();
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}

#[test]
fn a_file_that_is_called_so_that_no_site_is_found_in_it_is_told() {
    let bench = Bench::new();
    bench.define("other", SIMPLE);
    for (file, name) in [("shop.yml", "shop"), ("UPPER.yaml", "upper"), ("site.YAML", "site")] {
        let file = bench.places.config.join(file);
        fs::write(&file, "version: 1\n").unwrap();
        let list = succeed(bench.hand(&["list"]));
        let line = format!("{} defines no site: a definition is called NAME.yaml", file.display());
        assert!(list.contains(&line), "{list}");
        let right = bench.places.config.join(format!("{name}.yaml"));
        let refused = said(&output(bench.hand(&["stop", name])));
        let next = format!("rename {} to {}", file.display(), right.display());
        assert!(refused.contains(&next), "{refused}");
        let refused = said(&output(bench.ocf(name, "start", &[])));
        assert!(refused.contains(&format!("{} is there, and must be renamed", file.display())));
    }
}

// --- what a node lacks ---------------------------------------------------------------------------

#[test]
fn a_relative_program_is_looked_for_where_its_process_runs() {
    let bench = Bench::new();
    let here = bench.path("here");
    fs::create_dir(&here).unwrap();
    std::os::unix::fs::symlink("/bin/sleep", here.join("napper")).unwrap();
    let from = |folder: &str| {
        let mut command = bench.hand(&["validate-all", "a"]);
        command.current_dir(folder);
        output(command)
    };
    bench.define("a", "processes: {x: {command: [bin/sleep, \"60\"]}}\n");
    assert_eq!(from("/usr").status.code(), Some(0), "a process runs in / unless it says otherwise");
    assert_eq!(from(here.to_str().unwrap()).status.code(), Some(0));
    bench.define("a", "processes: {x: {command: [./napper, \"60\"]}}\n");
    let refused = from(here.to_str().unwrap());
    assert_eq!(refused.status.code(), Some(5), "the caller's folder says nothing");
    assert!(said(&refused).contains("there is no such file in /"), "{}", said(&refused));
    bench.define(
        "a",
        &format!(
            "processes: {{x: {{command: [./napper, \"60\"], working_directory: {}}}}}\n",
            here.display()
        ),
    );
    assert_eq!(from("/").status.code(), Some(0));
    succeed(bench.hand(&["start", "a"]));
}

#[test]
fn all_that_a_node_lacks_is_told_at_once() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes:\n  x: {command: [/no/such/program]}\n  \
         y: {command: [/bin/sleep], working_directory: /no/such/folder}\n  \
         z: {command: [/bin/sleep], healthcheck: {test: [/no/such/check]}}\n",
    );
    let refused = output(bench.hand(&["validate-all", "a"]));
    assert_eq!(refused.status.code(), Some(5));
    for words in [
        "/no/such/program",
        "(and 2 more)",
        "/no/such/folder, which is no folder",
        "/no/such/check",
    ] {
        assert!(said(&refused).contains(words), "{words}: {}", said(&refused));
    }
    succeed(bench.hand(&["validate-all", "a", "--level", "0"]));
}

// --- any bytes -----------------------------------------------------------------------------------

#[test]
fn a_trace_takes_variables_of_any_bytes() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let trace = bench.path("trace");
    for (verb, expected) in
        [("monitor", 7), ("start", 0), ("monitor", 0), ("validate-all", 0), ("stop", 0)]
    {
        let mut command = bench.ocf("a", verb, &[("OCF_TRACE_RA", "1")]);
        command
            .env("OCF_TRACE_FILE", &trace)
            .env("OCF_RESKEY_other", OsString::from_vec(vec![0xff, 0xfe]))
            .env(OsString::from_vec(b"OCF_\xff".to_vec()), "x")
            .env("FOO", OsString::from_vec(vec![0xff]));
        let told = output(command);
        assert_eq!(told.status.code(), Some(expected), "{verb}: {}", said(&told));
    }
    assert!(fs::read_to_string(&trace).unwrap().contains("OCF_RESKEY_site=a"));
}

/// Pseudo-random numbers (xorshift64*), the same for every run of a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    /// A value that somebody might give: a number, a name, a path, or any bytes but NUL.
    fn value(&mut self) -> OsString {
        const SOME: [&str; 22] = [
            "",
            "0",
            "-1",
            "1",
            "10",
            "20",
            "5000",
            "999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "1e9",
            "365d",
            "99999d",
            "a",
            "Shop",
            "../a",
            "/",
            "rel",
            "none",
            "true",
            "START",
            "\u{202e}x",
        ];
        match self.roll(4) {
            0 => {
                let length = self.roll(40);
                let bytes = (0..length).map(|_| 1 + self.roll(255) as u8).collect();
                OsString::from_vec(bytes)
            }
            1 => OsString::from_vec(vec![0xff; 1 + self.roll(3000)]),
            _ => self.pick(&SOME).into(),
        }
    }
}

const SEED: u64 = 20_261_125;
/// How long the doors are tried, and how long one call may take on a machine that is busy.
const TRIED_FOR: Duration = Duration::from_secs(8);
const HANGS_AFTER: Duration = Duration::from_secs(60);

#[test]
fn no_bytes_at_any_door_abort_or_hang() {
    let seed =
        std::env::var("SITEWARD_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(SEED);
    println!("seed {seed}");
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let mut dice = Dice(seed);
    let end = Instant::now() + TRIED_FOR;
    let mut calls = 0;
    while Instant::now() < end {
        let mut command = at_a_door(&bench, &mut dice);
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let gone = Instant::now() + HANGS_AFTER;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < gone, "call {calls} hangs: {shown}");
            use siteward::linux::wait::Waiting;
            use siteward::values::Moment;
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(2)));
        };
        let mut told = Vec::new();
        std::io::Read::read_to_end(&mut child.stderr.take().unwrap(), &mut told).unwrap();
        let told = String::from_utf8_lossy(&told);
        assert!(!told.contains("panicked"), "call {calls}: {shown}: {told}");
        assert_eq!(status.signal(), None, "call {calls}: {shown}: {told}");
        assert!(![101, 134].contains(&status.code().unwrap()), "call {calls}: {shown}: {told}");
        calls += 1;
    }
    println!("{calls} calls");
    assert!(calls > 20, "only {calls} calls");
}

/// A call of one of the managers, or a person, with something wrong with it. Nothing is started: the
/// words are those that look, check and stop.
fn at_a_door(bench: &Bench, dice: &mut Dice) -> Command {
    const OCF: [&str; 14] = [
        "OCF_RESKEY_site",
        "OCF_RESKEY_config_dir",
        "OCF_RESKEY_boot_timeout",
        "OCF_RESKEY_stop_timeout",
        "OCF_RESKEY_countmax",
        "OCF_RESKEY_countsleep",
        "OCF_RESKEY_monitor_wait",
        "OCF_RESKEY_degraded_after",
        "OCF_RESKEY_CRM_meta_timeout",
        "OCF_RESKEY_CRM_meta_interval",
        "OCF_RESKEY_CRM_meta_on_node",
        "OCF_CHECK_LEVEL",
        "OCF_RESOURCE_INSTANCE",
        "OCF_RESKEY_other",
    ];
    const CRS: [&str; 6] = [
        "_CRS_SITEWARD_SITE",
        "_CRS_NAME",
        "_CRS_STOP_TIMEOUT",
        "_CRS_CHECK_TIMEOUT",
        "_CRS_SCRIPT_TIMEOUT",
        "_CRS_ACTION_SCRIPT",
    ];
    const SG: [&str; 3] = ["SG_PACKAGE", "PEV_SITEWARD_SITE", "SG_PACKAGE_NAME"];
    const CLP: [&str; 4] = ["CLP_EVENT", "CLP_DISK", "CLP_GROUPNAME", "SITEWARD_SITE"];
    let (variables, words): (&[&str], &[&str]) = match dice.roll(5) {
        0 => {
            (&OCF, &["monitor", "stop", "validate-all", "clean", "meta-data", "promote", "reload"])
        }
        1 => (&CRS, &["check", "stop", "clean", "abort", "modify", "x"]),
        2 => (&SG, &["stop", "validate", "x"]),
        3 => (&CLP, &["monitor", "stop", "clean"]),
        _ => (
            &["SITEWARD_SITE", "NOTIFY_SOCKET"],
            &[
                "monitor",
                "stop",
                "clean",
                "pause",
                "holders",
                "validate-all",
                "list",
                "generate",
                "--help",
                "errand",
                "read-file",
            ],
        ),
    };
    let mut command = bench.hand(&[]);
    command.arg(dice.pick(words));
    if variables.len() == OCF.len() {
        let trace = ("OCF_TRACE_FILE", bench.path("trace"));
        command.env("OCF_RESOURCE_INSTANCE", "r").env("OCF_RESKEY_site", "a").env(trace.0, trace.1);
        if dice.roll(2) == 0 {
            command.env("OCF_TRACE_RA", "1");
        }
    } else {
        if variables.len() == CLP.len() {
            command.env("CLP_EVENT", "START");
        }
        let options = ["--level", "--timeout", "--as", "--until", "--reason", "a", "-q", "-v"];
        for _ in 0..dice.roll(4) {
            let word = if dice.roll(2) == 0 { dice.pick(&options).into() } else { dice.value() };
            command.arg(word);
        }
    }
    for _ in 0..1 + dice.roll(3) {
        command.env(dice.pick(variables), dice.value());
    }
    if dice.roll(20) == 0 {
        let folder = ["SITEWARD_RUNTIME_DIR", "SITEWARD_CONFIG_DIR", "SITEWARD_LOG_DIR"];
        command.env(dice.pick(&folder), PathBuf::from("/dev/null").join("x"));
    }
    if dice.roll(20) == 0 {
        command.arg0(dice.value());
    }
    command
}

#[test]
fn pacemakers_agent_says_how_it_is_used_and_which_values_it_takes() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let usage = succeed(bench.ocf("", "usage", &[]));
    for action in ["start", "stop", "monitor", "reload-agent", "validate-all", "meta-data"] {
        assert!(usage.contains(action), "{usage}");
    }
    let unknown = output(bench.ocf("a", "promote", &[]));
    assert_eq!(unknown.status.code(), Some(3));
    assert!(reason(&unknown).contains("there is no action `promote`"), "{}", reason(&unknown));
    for verb in ["validate-all", "start"] {
        let refused = output(bench.ocf("a", verb, &[("OCF_RESKEY_degraded_is", "foo")]));
        assert_eq!(refused.status.code(), Some(6), "{verb}");
        let words = "the parameter degraded_is: `foo` is none of running, degraded";
        assert!(reason(&refused).contains(words), "{}", reason(&refused));
    }
    assert_eq!(code(bench.ocf("a", "validate-all", &[("OCF_RESKEY_degraded_is", "degraded")])), 0);
    let longdesc = succeed(bench.ocf("", "meta-data", &[]));
    assert!(longdesc.contains("validate-all and start refuse any other value"), "{longdesc}");
}

#[test]
fn pacemakers_agent_finds_a_site_by_the_directories_that_its_parameters_name() {
    let bench = Bench::new();
    bench.define("a", SIMPLE);
    let call = |verb: &str, named: bool| {
        let mut command = bench.ocf("a", verb, &[]);
        for (variable, parameter, place) in [
            ("SITEWARD_CONFIG_DIR", "config_dir", &bench.places.config),
            ("SITEWARD_RUNTIME_DIR", "runtime_dir", &bench.places.runtime),
            ("SITEWARD_LOG_DIR", "log_dir", &bench.places.logs),
            ("SITEWARD_LINK_DIR", "link_dir", &bench.places.links),
        ] {
            command.env(variable, bench.path("elsewhere"));
            if named {
                command.env(format!("OCF_RESKEY_{parameter}"), place);
            }
        }
        code(command)
    };
    assert_eq!(call("start", true), 0);
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    assert_eq!((call("monitor", true), call("monitor", false)), (0, 7));
    assert_eq!(call("stop", true), 0);
    assert_eq!(bench.living("a"), "");
    assert!(bench.places.logs.join("a").is_dir());
}
