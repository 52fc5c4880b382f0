//! What `siteward generate` prints, read by those who would have to read it: shells, systemd, and
//! parsers that know crsctl's and Serviceguard's ways. (Pacemaker's runs in `cluster`, ExpressCluster's
//! scripts in `managers`.)

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, ExitCode};

use common::*;
use libtest_mimic::{Arguments, Failed, Trial};

fn trial(name: &str, missing: Option<&str>, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
    })
    .with_ignored_flag(missing.is_some())
}

fn main() -> ExitCode {
    let has_systemd = Command::new("systemd-analyze").arg("--version").output().is_ok();
    let missing = (!has_systemd).then_some("systemd-analyze; get it with: apt-get install systemd");
    if missing.is_some_and(|what| {
        leave_out(&format!("what systemd says of a generated unit. Missing: {what}"))
    }) {
        return ExitCode::FAILURE;
    }
    let tests = vec![
        trial("shells_can_read_it", None, shells_can_read_it),
        trial("crsctl_can_read_it", None, crsctl_can_read_it),
        trial("cmcheckconf_can_read_it", None, cmcheckconf_can_read_it),
        trial("placeholders_stand_at_the_top", None, placeholders_stand_at_the_top),
        trial("values_take_the_place_of_placeholders", None, values_are_filled_in),
        trial("no_manager_gives_up_before_the_site", None, no_manager_gives_up_before_the_site),
        trial("directories_are_named_to_every_manager", None, directories_are_named),
        trial("the_default_directories_are_not_named", None, defaults_are_not_named),
        trial("steps_are_numbered_in_order", None, steps_are_numbered_in_order),
        trial("pacemaker_is_told_when_to_give_up", None, pacemaker_is_told_when_to_give_up),
        trial("clusterware_may_have_a_server_pool", None, clusterware_may_have_a_server_pool),
        trial("expresscluster_is_told_what_to_look_at", None, expresscluster_is_told),
        trial("the_scripts_of_powerha_run", None, the_scripts_of_powerha_run),
        trial("systemd_can_read_it", missing, systemd_can_read_it),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

const WITH_ALL: &str = "database: /mnt/job db\naddress: 10.10.100.100\n\
                        processes: {a: {command: [ACT, steady]}}\n";
const BARE: &str = "processes: {a: {command: [ACT, steady]}}\n";
const WRAPPED: &str = "database: /mnt/jobdb\naddress: 2001:db8::1\nsupervisor: jobcenter\n";
const SLOW: &str = "boot_timeout: 30m\nstop_timeout: 45m\nforcekill_time: 60s\n\
                    processes: {a: {command: [ACT, steady]}}\n";
const SITES: [(&str, &str); 4] =
    [("all.example.com", WITH_ALL), ("bare", BARE), ("wrapped", WRAPPED), ("slow", SLOW)];

fn bench() -> Bench {
    let bench = Bench::new();
    for (name, text) in SITES {
        bench.define(name, text);
    }
    bench
}

fn generate(bench: &Bench, generator: &str, site: &str) -> String {
    succeed(bench.hand(&["generate", generator, site]))
}

fn shells_can_read_it() {
    let bench = bench();
    let file = bench.path("script");
    for (site, _) in SITES {
        for generator in
            ["pacemaker-pcs", "clusterware", "serviceguard-legacy", "expresscluster", "powerha"]
        {
            fs::write(&file, generate(&bench, generator, site)).unwrap();
            for shell in ["bash", "dash"] {
                let read = Command::new(shell).arg("-n").arg(&file).output().unwrap();
                assert!(
                    read.status.success() && read.stderr.is_empty(),
                    "{shell}, {generator}, {site}: {}",
                    String::from_utf8_lossy(&read.stderr)
                );
            }
        }
    }
}

/// The attributes of `crsctl ... -attr "A=b,C='d,e'"`: a comma ends a value, unless it stands in
/// single quotes (Clusterware Administration and Deployment Guide, crsctl add resource).
fn attributes(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(|| format!("`{rest}` has no `=`"))?;
        let good = |c: char| c.is_ascii_uppercase() || c == '_';
        if name.is_empty() || !name.chars().all(good) {
            return Err(format!("`{name}` is no attribute"));
        }
        let (value, tail) = match after.strip_prefix('\'') {
            Some(quoted) => {
                let (value, tail) = quoted.split_once('\'').ok_or("a quote is not closed")?;
                if !(tail.is_empty() || tail.starts_with(',')) {
                    return Err(format!("`{tail}` stands behind a quote"));
                }
                (value, tail.trim_start_matches(','))
            }
            None => {
                let (value, tail) = after.split_once(',').unwrap_or((after, ""));
                if value.contains([' ', '(', ')']) {
                    return Err(format!("`{value}` needs quotes"));
                }
                (value, tail)
            }
        };
        if value.len() > 254 {
            return Err(format!("the value of {name} is longer than 254 characters"));
        }
        if found.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{name} stands there twice"));
        }
        rest = tail;
    }
    Ok(found)
}

fn crsctl_can_read_it() {
    let bench = bench();
    for (site, text) in SITES {
        let printed = generate(&bench, "clusterware", site);
        let line = printed.lines().find(|l| l.starts_with("crsctl add resource")).unwrap();
        let (words, attributes_text) = line.split_once(" -attr \"").unwrap();
        assert_eq!(words, format!("crsctl add resource {site} -type cluster_resource"));
        let text_of_all = attributes_text.strip_suffix('"').expect("one closing quote, at the end");
        let all = attributes(text_of_all).unwrap();
        assert_eq!(all["ACTION_SCRIPT"], format!("/opt/siteward/crs/{site}"));
        for key in [
            "CHECK_INTERVAL",
            "RESTART_ATTEMPTS",
            "SCRIPT_TIMEOUT",
            "START_TIMEOUT",
            "STOP_TIMEOUT",
        ] {
            assert!(all[key].parse::<u64>().is_ok(), "{key}");
        }
        assert_eq!(all["PLACEMENT"], "restricted");
        assert_eq!(all["HOSTING_MEMBERS"].split(' ').count(), 2);
        let starts = all.get("START_DEPENDENCIES").cloned().unwrap_or_default();
        let stops = all.get("STOP_DEPENDENCIES").cloned().unwrap_or_default();
        // The manual's own registration forgets the disk (CRS-13).
        assert_eq!(starts.contains("<DISK-RESOURCE>"), text.contains("database:"), "{starts}");
        assert_eq!(stops.contains("<DISK-RESOURCE>"), text.contains("database:"), "{stops}");
        let vip = format!("{site}_vip");
        assert_eq!(starts.contains(&vip), text.contains("address:"));
        assert_eq!(printed.contains(&format!("-vipname={vip} ")), text.contains("address:"));
        if !starts.is_empty() {
            let list = starts.strip_prefix("hard(").and_then(|s| s.split_once(')')).unwrap().0;
            assert_eq!(starts, format!("hard({list}) pullup({list})"));
            assert_eq!(stops, format!("hard({list})"));
        }
    }
    // The parser sees what the manual's own line gets wrong: a quote that closes too early.
    for wrong in ["STOP_TIMEOUT='600'x,A=b", "HOSTING_MEMBERS=a b", "A='b", "A=b,A=c", "a=b", "A"] {
        assert!(attributes(wrong).is_err(), "{wrong}");
    }
}

/// The parameters of a modular package that are used here (Managing Serviceguard, "Package modules
/// and their parameters").
const PACKAGE: [&str; 30] = [
    "package_name",
    "package_type",
    "node_name",
    "auto_run",
    "node_fail_fast_enabled",
    "failover_policy",
    "failback_policy",
    "run_script_timeout",
    "halt_script_timeout",
    "vg",
    "fs_name",
    "fs_directory",
    "fs_type",
    "fs_mount_opt",
    "fs_umount_opt",
    "fs_fsck_opt",
    "ip_subnet",
    "ip_address",
    "external_script",
    "service_name",
    "service_cmd",
    "service_restart",
    "service_fail_fast_enabled",
    "service_halt_timeout",
    "script_log_file",
    "pev_siteward_site",
    "pev_siteward_config_dir",
    "pev_siteward_runtime_dir",
    "pev_siteward_log_dir",
    "pev_siteward_link_dir",
];

fn cmcheckconf_can_read_it() {
    let bench = bench();
    for (site, text) in SITES {
        let printed = generate(&bench, "serviceguard", site);
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in printed.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
            let (key, value) = line.split_once(' ').expect("a parameter and its value");
            assert!(PACKAGE.contains(&key), "`{key}` is no parameter");
            values.entry(key).or_default().push(value.trim());
        }
        let one = |key: &str| values[key][0];
        assert!(one("package_name").len() <= 39 && one("service_name").len() <= 39);
        assert!(one("service_cmd").starts_with("\"/"), "an absolute path: no PATH is passed");
        let number = |key: &str| one(key).parse::<u64>().unwrap();
        // Without a timeout a service would be killed at once; the halt must outlast its services.
        assert!(number("service_halt_timeout") > 0);
        assert!(number("halt_script_timeout") > number("service_halt_timeout"));
        assert_eq!(values.contains_key("fs_directory"), text.contains("database:"));
        assert_eq!(values.contains_key("ip_address"), text.contains("address:"));
        let legacy = generate(&bench, "serviceguard-legacy", site);
        assert!(legacy.contains("SERVICE_CMD[0]=\"/") && legacy.contains("test_return 51"));
    }
}

fn placeholders_stand_at_the_top() {
    let bench = bench();
    for (site, _) in SITES {
        for generator in [
            "pacemaker-pcs",
            "pacemaker-crm",
            "clusterware",
            "serviceguard",
            "serviceguard-legacy",
            "expresscluster",
            "powerha",
            "systemd",
        ] {
            let printed = generate(&bench, generator, site);
            let third = printed.lines().nth(2).unwrap();
            let body: String = printed.lines().skip(3).collect::<Vec<_>>().join("\n");
            let used: Vec<&str> = body
                .split('<')
                .skip(1)
                .filter_map(|part| Some(part.split_once('>')?.0))
                .filter(|w| {
                    !w.is_empty() && w.chars().all(|c| c.is_ascii_uppercase() || "-12".contains(c))
                })
                .collect();
            match used.is_empty() {
                true => assert_eq!(third, "# Nothing is left to fill in.", "{generator} {site}"),
                false => {
                    assert!(third.starts_with("# TO FILL IN: "), "{third}");
                    for word in used {
                        assert!(third.contains(&format!("<{word}>")), "{word} in {third}");
                    }
                }
            }
        }
    }
}

/// With `--set` the output can be piped into a shell.
fn values_are_filled_in() {
    let bench = bench();
    let set = |words: &[&str]| {
        let all = words.iter().flat_map(|word| ["--set", word]);
        let call: Vec<&str> =
            ["generate", "pacemaker-pcs", "all.example.com"].into_iter().chain(all).collect();
        bench.hand(&call)
    };
    let printed = succeed(set(&["DEVICE=/dev/sdb1", "FSTYPE=ext4", "NETMASK-BITS=24"]));
    assert_eq!(printed.lines().nth(2), Some("# Nothing is left to fill in."), "{printed}");
    for value in ["'device=/dev/sdb1'", "'fstype=ext4'", "'cidr_netmask=24'"] {
        assert!(printed.contains(value), "{value} in {printed}");
    }
    let printed = succeed(set(&["DEVICE=/dev/sdb1"]));
    assert_eq!(printed.lines().nth(2), Some("# TO FILL IN: <FSTYPE> <NETMASK-BITS>"));
    for (word, code, why) in [
        ("DEVCE=/dev/sdb1", 6, "did you mean DEVICE?"),
        ("SUBNET=10.0.0.0", 6, "those to fill in are DEVICE, FSTYPE, NETMASK-BITS"),
        ("DEVICE='; reboot'", 2, "letters, digits and"),
        ("DEVICE", 2, "write PLACEHOLDER=VALUE"),
    ] {
        let refused = output(set(&[word]));
        assert_eq!(refused.status.code(), Some(code), "{word}: {}", said(&refused));
        assert!(said(&refused).contains(why), "{word}: {}", said(&refused));
    }
}

fn no_manager_gives_up_before_the_site() {
    use siteward::agent::{reserve_of_start, time_for_start, time_for_stop};
    use siteward::site::load;
    let bench = bench();
    for (site, _) in SITES {
        let definition = load(&bench.places, &site.parse().unwrap()).unwrap();
        let (start, stop) = (time_for_start(&definition), time_for_stop(&definition));
        let boot = start - reserve_of_start(start, definition.kill_reserve());
        assert!(boot >= definition.boot_timeout, "{site}: of {start:?} a start has {boot:?}");
        assert!(stop > definition.stop_timeout + definition.kill_reserve(), "{site}: {stop:?}");
        let (start, stop) = (start.as_secs(), stop.as_secs());
        for (generator, texts) in [
            ("pacemaker-pcs", [format!("start timeout={start}s"), format!("stop timeout={stop}s")]),
            ("pacemaker-crm", [format!("timeout={start}s"), format!("timeout={stop}s")]),
            ("clusterware", [format!("START_TIMEOUT={start}"), format!("STOP_TIMEOUT={stop}")]),
            ("expresscluster", [format!("timeout {start} s"), format!("timeout {stop} s")]),
            (
                "powerha",
                [format!("A start may take {start} s"), format!("a stop may take {stop} s")],
            ),
            ("systemd", [format!("TimeoutStartSec={start}"), format!("TimeoutStopSec={stop}")]),
            ("serviceguard-legacy", [format!("SERVICE_HALT_TIMEOUT        {stop}"), String::new()]),
        ] {
            let printed = generate(&bench, generator, site);
            for text in texts {
                assert!(printed.contains(&text), "{generator} {site}: {text}");
            }
        }
    }
}

fn systemd_can_read_it() {
    let bench = bench();
    for (site, _) in SITES {
        let unit = bench.path(&format!("site-{site}.service"));
        fs::write(&unit, generate(&bench, "systemd", site)).unwrap();
        let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
        let said = said(&verified);
        // It knows no manual page that is not installed yet, and says so on any machine.
        let complaints: Vec<&str> = said.lines().filter(|l| !l.contains("man siteward")).collect();
        assert!(complaints.is_empty(), "{site}: {complaints:?}");
    }
}

const GENERATORS: [&str; 8] = [
    "pacemaker-pcs",
    "pacemaker-crm",
    "clusterware",
    "serviceguard",
    "serviceguard-legacy",
    "expresscluster",
    "powerha",
    "systemd",
];

/// What is printed is typed, with nothing in the environment that names a directory: it must find the
/// site, which is nowhere else.
fn directories_are_named() {
    let bench = Bench::new();
    bench.define("bare", BARE);
    let shell = |script: &str, variables: &[(&str, &str)]| {
        let mut command = Command::new("/bin/sh");
        command.args(["-ec", script]).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(variables.iter().copied());
        output(command)
    };
    let lives = |how: &str, start: &dyn Fn(&str) -> std::process::Output| {
        let started = start("start");
        assert!(started.status.success(), "{how}: {}", said(&started));
        assert_eq!(bench.monitor("bare"), (0, 0, 0), "{how}");
        let stopped = start("stop");
        assert!(stopped.status.success(), "{how}: {}", said(&stopped));
        assert_eq!(bench.monitor("bare"), (7, 7, 3), "{how}");
    };
    for generator in GENERATORS {
        let printed = generate(&bench, generator, "bare");
        let places = &bench.places;
        for place in [&places.config, &places.runtime, &places.logs, &places.links] {
            let place = place.display().to_string();
            assert!(printed.contains(&place), "{generator} does not name {place}: {printed}");
        }
    }

    let pcs = generate(&bench, "pacemaker-pcs", "bare");
    let parameters: Vec<(String, String)> = pcs
        .split_whitespace()
        .skip_while(|word| *word != "ocf:siteward:site")
        .take_while(|word| *word != "op")
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (format!("OCF_RESKEY_{name}"), value.to_owned()))
        .collect();
    lives("pacemaker-pcs", &|verb| {
        let pairs = parameters.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let variables: Vec<(&str, &str)> =
            pairs.chain([("OCF_RESOURCE_INSTANCE", "bare")]).collect();
        shell(&format!("{SITEWARD} {verb}"), &variables)
    });

    let folder = bench.path("crs").display().to_string();
    let clusterware = generate(&bench, "clusterware", "bare").replace("/opt/siteward/crs", &folder);
    let install: Vec<&str> =
        clusterware.lines().take_while(|line| !line.starts_with("# 2.")).collect();
    let installed = shell(&install.join("\n"), &[]);
    assert!(installed.status.success(), "{}", said(&installed));
    let crs = [("_CRS_NAME", "r")];
    lives("clusterware", &|verb| shell(&format!("{folder}/bare {verb}"), &crs));

    let package = generate(&bench, "serviceguard", "bare");
    let variables: Vec<(String, String)> = package
        .lines()
        .filter(|line| line.starts_with("pev_"))
        .filter_map(|line| line.split_once(' '))
        .map(|(key, value)| (key.to_uppercase(), value.trim().to_owned()))
        .chain([("PEV_SITEWARD_SITE".to_owned(), "bare".to_owned())])
        .chain([("SG_PACKAGE".to_owned(), "bare".to_owned())])
        .collect();
    lives("serviceguard", &|verb| {
        let pairs: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        shell(&format!("{SITEWARD} {verb}"), &pairs)
    });

    let scripts = generate(&bench, "expresscluster", "bare");
    let clp = [("CLP_EVENT", "START"), ("CLP_DISK", "SUCCESS")];
    lives("expresscluster", &|verb| {
        let begins = format!(" {verb} bare ");
        let line = scripts.lines().find(|line| line.contains(&begins)).unwrap();
        shell(line, &clp)
    });
}

fn defaults_are_not_named() {
    let bench = Bench::new();
    bench.define("bare", BARE);
    for generator in GENERATORS {
        let mut command = bench.hand(&["generate", generator, "bare"]);
        command
            .env("SITEWARD_RUNTIME_DIR", "/run/siteward")
            .env("SITEWARD_LOG_DIR", "/var/log/siteward")
            .env("SITEWARD_LINK_DIR", "/var/lib/siteward");
        let printed = succeed(command);
        for name in ["RUNTIME_DIR", "LOG_DIR", "LINK_DIR", "runtime", "log_dir", "link-dir"] {
            assert!(!printed.contains(name), "{generator} names {name}: {printed}");
        }
    }
}

fn steps_are_numbered_in_order() {
    let bench = bench();
    for (site, _) in SITES {
        let printed = generate(&bench, "clusterware", site);
        let numbers: Vec<usize> = printed
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(". ")?.0.parse().ok())
            .collect();
        assert!(numbers.len() >= 2, "{printed}");
        assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{site}");
    }
}

/// JobCenter's manual, 6.2.3.1 and 6.2.3.3 (CRS-04, CRS-09).
fn clusterware_may_have_a_server_pool() {
    let bench = bench();
    let call =
        ["generate", "clusterware", "wrapped", "--set", "SERVER-1=one", "--set", "SERVER-2=two"];
    let printed = succeed(bench.hand(&call));
    let line = printed.lines().find(|line| line.contains("crsctl add serverpool")).unwrap();
    let (words, text) = line.trim_start_matches(['#', ' ']).split_once(" -attr \"").unwrap();
    assert_eq!(words, "crsctl add serverpool wrapped_sp");
    let all = attributes(text.strip_suffix('"').unwrap()).unwrap();
    assert_eq!((&*all["PARENT_POOLS"], &*all["SERVER_NAMES"]), ("Generic", "one two"));
    assert!(
        printed.contains("SERVER_POOLS=wrapped_sp in the place of HOSTING_MEMBERS"),
        "{printed}"
    );
}

/// JobCenter's manual, 4.1.1.4 and 4.1.2 (ECL-09): the address and the mount are looked at, and the group is stopped
/// before its script is registered.
fn expresscluster_is_told() {
    let bench = bench();
    for (site, text) in SITES {
        let printed = generate(&bench, "expresscluster", site);
        assert!(printed.contains("clpgrp -t GROUP"), "{printed}");
        assert!(printed.contains(&format!(" doctor {site} --here")), "{printed}");
        assert_eq!(printed.contains("#   findmnt /mnt/"), text.contains("database:"), "{printed}");
        assert_eq!(printed.contains("#   ip address show to "), text.contains("address:"));
    }
}

/// A controller calls its scripts without arguments, and the method of a monitor says 0 for a living site.
fn the_scripts_of_powerha_run() {
    let bench = Bench::new();
    bench.define("bare", BARE);
    let folder = bench.path("powerha").display().to_string();
    let printed = generate(&bench, "powerha", "bare").replace("/opt/siteward/powerha", &folder);
    succeed({
        let mut install = Command::new("/bin/sh");
        install.args(["-ec", &printed]);
        install
    });
    let run = |script: &str| code(Command::new(format!("{folder}/bare.{script}")));
    assert_ne!(run("monitor"), 0);
    for _ in 0..2 {
        assert_eq!(run("start"), 0);
        assert_eq!(run("monitor"), 0);
    }
    for _ in 0..2 {
        assert_eq!(run("stop"), 0);
        assert_ne!(run("monitor"), 0);
    }
}

fn pacemaker_is_told_when_to_give_up() {
    let bench = bench();
    for (site, _) in SITES {
        for generator in ["pacemaker-pcs", "pacemaker-crm"] {
            let printed = generate(&bench, generator, site);
            let meta = "meta migration-threshold=2 failure-timeout=1h";
            assert_eq!(printed.matches(meta).count(), 1, "{generator} {site}");
            assert!(printed.contains("# migration-threshold=2: a first failure"), "it says why");
        }
    }
}
