//! A hundred typos, each with its place and the one word that must be suggested.

use std::fs;

use crate::common::*;

/// Where the line is put: at the top, or in a process; the line; its place in the file as LINE:COLUMN; the word that
/// is suggested.
type Typo = (Spot, &'static str, &'static str, &'static str);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Spot {
    Top,
    Process,
}

use Spot::{Process, Top};

pub(crate) const TYPOS: &[Typo] = &[
    // Letters that changed places, are missing, or are too many.
    (Top, "stie: a.example.com", "4:1", "site"),
    (Top, "machineid: 3", "4:1", "machine_id"),
    (Top, "databse: /mnt/b", "4:1", "database"),
    (Top, "adress: 10.0.0.1", "4:1", "address"),
    (Top, "boot_timout: 60s", "4:1", "boot_timeout"),
    (Top, "stop-timeout: 60s", "4:1", "stop_timeout"),
    (Top, "forcekil_time: 5s", "4:1", "forcekill_time"),
    (Top, "count_max: 5", "4:1", "countmax"),
    (Top, "countslep: 5s", "4:1", "countsleep"),
    (Top, "degradedis: running", "4:1", "degraded_is"),
    (Top, "degraded_aftr: 5s", "4:1", "degraded_after"),
    (Top, "setle: 1s", "4:1", "settle"),
    (Top, "prerequisits: {mounted: false}", "4:1", "prerequisites"),
    (Top, "prerequisites: {mouted: false}", "4:17", "mounted"),
    (Top, "prerequisites: {address_presnt: false}", "4:17", "address_present"),
    (Top, "prerequisites: {when_los: fail}", "4:17", "when_lost"),
    (Top, "reserved_ports: []", "4:1", "reserve_ports"),
    (Top, "reserve_ports: [{prot: 80, process: web}]", "4:18", "port"),
    (Top, "reserve_ports: [{port: 80, proces: web}]", "4:28", "process"),
    (Top, "holder: kill", "4:1", "holders"),
    (Top, "on_unclean_shutdwn: [/bin/true]", "4:1", "on_unclean_shutdown"),
    (Top, "notifi: {command: [/bin/true]}", "4:1", "notify"),
    (Top, "notify: {comand: [/bin/true]}", "4:10", "command"),
    (Top, "operation: {}", "4:1", "operations"),
    (Top, "operations: {a: {log: /l, begin: x, ends: y}}", "4:27", "begins"),
    (Top, "maintainance: true", "4:1", "maintenance"),
    (Top, "same_on_all_node: [/etc]", "4:1", "same_on_all_nodes"),
    (Top, "loging: {}", "4:1", "logging"),
    (Top, "logging: {maxsize: 1m}", "4:11", "max_size"),
    (Top, "logging: {journl: true}", "4:11", "journal"),
    (Top, "usr: root", "4:1", "user"),
    (Top, "working_dir: /", "4:1", "working_directory"),
    (Top, "enviroment: {}", "4:1", "environment"),
    (Top, "ulimit: {}", "4:1", "ulimits"),
    (Top, "ulimits: {nofiles: 9}", "4:11", "nofile"),
    (Top, "ulimits: {nofile: {sof: 1, hard: 2}}", "4:20", "soft"),
    (Top, "cap_drp: [ALL]", "4:1", "cap_drop"),
    (Process, "comand: [x]", "8:5", "command"),
    (Process, "depend_on: []", "8:5", "depends_on"),
    (Process, "esential: false", "8:5", "essential"),
    (Process, "instance: 2", "8:5", "instances"),
    (Process, "one_shot: true", "8:5", "oneshot"),
    (Process, "fork: true", "8:5", "forks"),
    (Process, "pidfile: /run/a", "8:5", "pid_file"),
    (Process, "redy: {delay: 1s}", "8:5", "ready"),
    (Process, "ready: {tpc: \"127.0.0.1:1\"}", "8:13", "tcp"),
    (Process, "ready: {sokcet: /run/a}", "8:13", "socket"),
    (Process, "healthchek: {test: [x]}", "8:5", "healthcheck"),
    (Process, "healthcheck: {test: [x], intervall: 1s}", "8:30", "interval"),
    (Process, "healthcheck: {test: [x], retires: 1}", "8:30", "retries"),
    (Process, "restarts: {attempts: 1}", "8:5", "restart"),
    (Process, "restart: {attempts: 1, withn: 1m}", "8:28", "within"),
    (Process, "stop_singal: INT", "8:5", "stop_signal"),
    (Process, "stop_graceperiod: 1s", "8:5", "stop_grace_period"),
    (Process, "on_failur: [x]", "8:5", "on_failure"),
    (Process, "reload: {singal: HUP}", "8:14", "signal"),
    (Process, "oom_score_adjust: 5", "8:5", "oom_score_adj"),
    (Process, "no_new_privilege: true", "8:5", "no_new_privileges"),
    // Keys that belong elsewhere.
    (Top, "command: [/bin/true]", "4:1", "command"),
    (Top, "ready: {delay: 1s}", "4:1", "ready"),
    (Top, "depends_on: [web]", "4:1", "depends_on"),
    (Top, "stop_grace_period: 5s", "4:1", "stop_grace_period"),
    (Process, "boot_timeout: 5s", "8:5", "timeout"),
    (Process, "database: /mnt/a", "8:5", "database"),
    (Process, "interval: 5s", "8:5", "interval"),
    (Process, "tcp: \"127.0.0.1:1\"", "8:5", "tcp"),
    (Process, "holders: kill", "8:5", "holders"),
    // The words of Compose, systemd, supervisord, Kubernetes and JobCenter.
    (Process, "image: redis", "8:5", "command"),
    (Top, "services: {}", "4:1", "processes"),
    (Top, "volumes: [a]", "4:1", "database"),
    (Process, "ports: [80]", "8:5", "reserve_ports"),
    (Process, "deploy: {replicas: 2}", "8:5", "instances"),
    (Process, "restart_policy: {}", "8:5", "restart"),
    (Process, "env: {A: b}", "8:5", "environment"),
    (Process, "ExecStart: /bin/true", "8:5", "command"),
    (Process, "TimeoutStopSec: 5", "8:5", "stop_grace_period"),
    (Process, "KillSignal: INT", "8:5", "stop_signal"),
    (Process, "RestartSec: 5", "8:5", "delay"),
    (Process, "WorkingDirectory: /", "8:5", "working_directory"),
    (Process, "autorestart: true", "8:5", "restart"),
    (Process, "startretries: 3", "8:5", "attempts"),
    (Process, "stopwaitsecs: 3", "8:5", "stop_grace_period"),
    (Process, "stopsignal: INT", "8:5", "stop_signal"),
    (Process, "livenessProbe: {}", "8:5", "healthcheck"),
    (Top, "cjcpw: /usr/lib/nqs", "4:1", "supervisor"),
    (Top, "virtual_ip: 10.0.0.1", "4:1", "address"),
    // Values.
    (Process, "essential: yes", "8:16", "true"),
    (Process, "essential: off", "8:16", "false"),
    (Top, "boot_timeout: 90 sec", "4:15", "90s"),
    (Top, "boot_timeout: 5 min", "4:15", "5m"),
    (Top, "stop_timeout: 1h30", "4:15", "1h30m"),
    (Top, "degraded_is: degrade", "4:14", "degraded"),
    (Top, "holders: terminat", "4:10", "terminate"),
    (Top, "prerequisites: {when_lost: degraded}", "4:28", "degrade"),
    (Top, "notify: {command: [x], on: [faild]}", "4:29", "failed"),
    (Top, "logging: {max_size: 10 MB}", "4:21", "10m"),
    (Top, "cap_drop: [NET_RAWW]", "4:12", "NET_RAW"),
    (Process, "stop_signal: SIGTREM", "8:18", "TERM"),
    (Process, "restart: always", "8:14", "restart: {attempts: 3, within: 60s}"),
    (Process, "ready: notify", "8:12", "ready: {notify: true}"),
    (Process, "depends_on: [stroe]", "8:18", "store"),
    (Process, "healthcheck: {test: [x], retries: \"3\"}", "8:39", "3 without quotes"),
];

/// A definition that is right but for this line.
pub(crate) fn definition(spot: Spot, line: &str) -> String {
    let (top, process) = match spot {
        Top => (format!("{line}\n"), String::new()),
        Process => ("x-: {}\n".to_owned(), format!("    {line}\n")),
    };
    let (database, address) = match line {
        line if line.starts_with("database") && matches!(spot, Top) => ("x-a: 1", "x-b: 1"),
        _ => ("database: /mnt/a", "address: 192.0.2.1"),
    };
    format!(
        "version: 1\n{database}\n{address}\n{top}processes:\n  store: {{command: [/bin/true]}}\n  \
         web:\n{process}    command: [/bin/true]\n"
    )
}

/// The word that a complaint suggests; every way in which one can.
fn suggested(complaint: &str) -> Option<&str> {
    for before in ["did you mean `", "you may mean `", "here; `"] {
        if let Some((_, after)) = complaint.split_once(before) {
            return after.split_once('`').map(|(word, _)| word);
        }
    }
    for before in ["did you mean ", "write for example ", "write "] {
        if let Some((_, after)) = complaint.rsplit_once(before) {
            return Some(after.trim_end_matches('.').trim_end_matches('?'));
        }
    }
    None
}

pub(crate) fn each_gets_its_word() {
    assert!(TYPOS.len() >= 100, "only {}", TYPOS.len());
    let bench = Bench::new();
    let file = bench.places.config.join("a.yaml");
    fs::write(&file, definition(Process, "essential: true")).unwrap();
    succeed(bench.hand(&["validate-all", "a"]));
    let mut wrong = Vec::new();
    for (spot, line, at, word) in TYPOS {
        fs::write(&file, definition(*spot, line)).unwrap();
        let output = output(bench.hand(&["validate-all", "a"]));
        assert!(!output.status.success(), "{line} is accepted");
        let shown = said(&output);
        let place = format!("{}:{at}: ", file.display());
        let complaint = shown.lines().find_map(|l| l.split_once(&place)).map(|(_, rest)| rest);
        // Its identifier stands at its end.
        let complaint = complaint.and_then(|words| words.rsplit_once(" [")).map(|(words, _)| words);
        if complaint.and_then(suggested) != Some(word) {
            wrong.push(format!("{spot:?} {line}\n  {at}: `{word}` is not suggested:\n  {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TYPOS.len(), wrong.join("\n"));
}
