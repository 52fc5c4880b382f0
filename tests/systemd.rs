//! A real systemd, booted as PID 1 of namespaces of its own (tests/lab/systemd-lab), with a real
//! Pacemaker in it: the scope of a site is made, outlives what it must, and a shutdown ends the site by
//! its own stop.

#[path = "systemd/owned.rs"]
mod owned;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use siteward::linux::{cgroup, files};
use siteward::process::Identity;
use siteward::values::{Pid, Signal};

const SITEWARD: &str = env!("CARGO_BIN_EXE_siteward");
const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/systemd-lab");
const PATIENCE: Duration = Duration::from_secs(60);

fn missing() -> Option<&'static str> {
    let probe = cgroup::mount().map(|m| m.join(format!("siteward-lab-{}", std::process::id())));
    if !files::is_root() {
        Some("root: sudo tests/run")
    } else if !probe.is_some_and(|p| cgroup::make_anew(&p).is_ok() && fs::remove_dir(&p).is_ok()) {
        Some("a cgroup2 mount that may be written")
    } else if !Path::new("/usr/bin/mmdebstrap").exists() {
        Some("mmdebstrap: apt-get install mmdebstrap")
    } else {
        None
    }
}

fn main() -> ExitCode {
    let missing = missing();
    if let Some(what) = missing {
        eprintln!("\n*** LEFT OUT: a site under a real systemd. Missing: {what} ***\n");
    }
    let trial = Trial::test("a_site_lives_in_a_scope_of_its_own", || {
        std::panic::catch_unwind(live).map_err(|_| Failed::from("it panicked, see above"))
    });
    let trials = vec![trial.with_ignored_flag(missing.is_some())];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A machine that is on.
struct Machine(PathBuf);

impl Machine {
    /// Made once, and kept for the next time.
    fn new() -> Self {
        let machine = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join("systemd-lab"));
        let built = machine.root("built");
        if !built.exists() {
            let _ = fs::remove_dir_all(machine.root(""));
            machine.lab(&["build", "pacemaker,corosync,pacemaker-cli-utils,crmsh,perl"]);
            fs::write(built, "").unwrap();
        }
        machine.lab(&["down"]);
        for old in [
            "var/log/siteward",
            "var/log/journal",
            "var/lib/pacemaker/cib",
            "etc/systemd/system/owned.service.d",
        ] {
            let _ = fs::remove_dir_all(machine.root(old));
        }
        for folder in ["var/log/journal", "etc/siteward/sites", "usr/lib/ocf/resource.d/siteward"] {
            fs::create_dir_all(machine.root(folder)).unwrap();
        }
        // Made by the package, and refused by Pacemaker where another owns it.
        let cib = machine.root("var/lib/pacemaker/cib");
        fs::create_dir_all(&cib).unwrap();
        let daemon = machine.root("var/lib/pacemaker/pengine");
        let owner = fs::metadata(daemon).unwrap();
        use std::os::unix::fs::MetadataExt;
        std::os::unix::fs::chown(cib, Some(owner.uid()), Some(owner.gid())).unwrap();
        let _ = fs::remove_file(machine.root("usr/local/sbin/siteward"));
        fs::copy(SITEWARD, machine.root("usr/local/sbin/siteward")).unwrap();
        let agent = machine.root("usr/lib/ocf/resource.d/siteward/site");
        let _ = fs::remove_file(&agent);
        std::os::unix::fs::symlink("/usr/local/sbin/siteward", agent).unwrap();
        machine
    }

    fn root(&self, path: &str) -> PathBuf {
        self.0.join("root").join(path)
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(LAB).env("SD_DIR", &self.0).args(words).output().expect("the lab can be run")
    }

    /// A word of the lab, which must work.
    fn lab(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = said(&output);
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }

    /// A command inside: its code and what it printed.
    fn inside(&self, words: &[&str]) -> (i32, String) {
        let output = self.run(&[&["exec"], words].concat());
        (output.status.code().unwrap_or(-1), said(&output))
    }

    /// A command inside, which must succeed.
    fn must(&self, words: &[&str]) -> String {
        let (code, said) = self.inside(words);
        assert_eq!(code, 0, "{words:?}: {said}");
        said
    }

    fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "it never came: {what}");
        }
    }

    /// The processes of the site, by the numbers that they have inside.
    fn processes(&self) -> String {
        let record = self.must(&["cat", "/run/siteward/shop/record.json"]);
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        record["processes"].to_string()
    }

    /// PID 1 of the inside, as it is seen here.
    fn init(&self) -> Pid {
        let unshare = fs::read_to_string(self.0.join("unshare.pid")).unwrap();
        let unshare = unshare.trim();
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
        let first = children.unwrap().split(' ').next().unwrap().parse::<i32>().unwrap();
        Pid::try_from(first).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn send(pid: Pid, signal: Signal) {
    Identity::of(pid).and_then(|i| i.open()).expect("it lives").send(signal).unwrap();
}

/// `a` takes a second to end and says so; `b` has a child that gets away from it.
const SITE: &str = "version: 1\nforcekill_time: 1s\nstop_timeout: 20s\nprocesses:\n  \
    a: {command: [/usr/bin/perl, -e, \"$SIG{TERM} = sub { sleep 1; print qq{ended by itself\\\\n}; \
    exit 0 }; $| = 1; sleep 1 while 1\"]}\n  \
    b: {command: [/bin/sh, -c, \"(setsid sleep 4321 &); exec sleep 1234\"]}\n";

fn live() {
    let machine = Machine::new();
    fs::write(machine.root("etc/siteward/sites/shop.yaml"), SITE).unwrap();
    let state = machine.lab(&["up"]);
    println!(
        "systemd {}is {}",
        machine
            .must(&["systemctl", "--version"])
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("systemd ")
            .to_owned()
            + " ",
        state.trim()
    );
    by_hand(&machine);
    a_wrapped_supervisor(&machine);
    a_pacemaker_from_within_a_site(&machine);
    a_systemd_that_does_not_answer(&machine);
    a_site_from_its_generated_unit(&machine);
    owned::a_unit_that_the_cluster_owns(&machine);
    under_pacemaker(&machine);
}

fn scopes(machine: &Machine) -> Vec<String> {
    let list =
        machine.must(&["systemctl", "list-units", "--all", "--no-legend", "--plain", "siteward-*"]);
    list.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect()
}

fn by_hand(machine: &Machine) {
    // From within a unit that ends with its command.
    machine.must(&["systemd-run", "--wait", "--pipe", "--quiet", "siteward", "start", "shop"]);
    let before = machine.processes();
    let made = scopes(machine);
    assert_eq!(made.len(), 1, "{made:?}");
    let shown = machine.must(&[
        "systemctl",
        "show",
        &made[0],
        "-p",
        "DefaultDependencies,Delegate,Slice,Before,After,Conflicts",
    ]);
    for property in ["DefaultDependencies=no", "Delegate=yes", "Slice=system.slice", "Conflicts=\n"]
    {
        assert!(shown.contains(property), "{property}: {shown}");
    }
    assert!(!shown.contains("pacemaker") && !shown.contains("shutdown"), "{shown}");
    let fled = machine.must(&["pgrep", "-f", "sleep 4321"]);
    let group = machine.must(&["cat", &format!("/proc/{}/cgroup", fled.trim())]);
    assert!(group.contains(&format!("/system.slice/{}/b", made[0])), "{group}");
    for verb in ["daemon-reload", "daemon-reexec"] {
        machine.must(&["systemctl", verb]);
        machine.must(&["siteward", "status", "shop"]);
    }
    assert_eq!((machine.processes(), scopes(machine)), (before.clone(), made));
    let explained = machine.must(&["siteward", "status", "shop", "--explain"]);
    assert!(explained.contains(".scope, killed as one"), "{explained}");
    // Adopted, its new supervisor has a scope of its own, and both are the site's.
    machine.must(&["sh", "-c", "kill -9 $(pgrep -f '[s]iteward supervise')"]);
    machine.until("it is unsupervised", || machine.inside(&["siteward", "status", "shop"]).0 == 1);
    machine.must(&["siteward", "adopt", "shop"]);
    assert_eq!(machine.processes(), before);
    assert_eq!(scopes(machine).len(), 2);
    machine.must(&["siteward", "clean", "shop"]);
    machine.until("the scopes are gone", || scopes(machine).is_empty());
    assert_eq!(machine.inside(&["pgrep", "sleep"]).0, 1, "nothing of it lives");
    // Again and again, while systemd still tidies up after the one before.
    for _ in 0..5 {
        machine.must(&["siteward", "start", "shop"]);
        assert_eq!(scopes(machine).len(), 1);
        machine.must(&["siteward", "clean", "shop"]);
    }
    let explained = machine.inside(&["siteward", "status", "shop", "--explain"]).1;
    assert!(explained.contains("proved by: cgroup, session"), "{explained}");
}

/// A supervisor of somebody else's, with a daemon that leaves its session.
const KEEPER: &str = "#!/bin/bash\ncase $1 in\nrun) setsid sleep 5678 & trap 'kill $!; exit 0' TERM; \
    while :; do sleep 0.1; done ;;\nstop) pkill -TERM -f 'keeper run' ;;\n\
    status) pgrep -f 'sleep 5678' >/dev/null || exit 3 ;;\nesac\n";

fn a_wrapped_supervisor(machine: &Machine) {
    let keeper = machine.root("usr/local/sbin/keeper");
    fs::write(&keeper, KEEPER).unwrap();
    fs::set_permissions(&keeper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(
        machine.root("etc/siteward/sites/kept.yaml"),
        "version: 1\nboot_timeout: 10s\nstop_timeout: 5s\nsupervisor:\n  \
         start: [/usr/local/sbin/keeper, run]\n  stop: [/usr/local/sbin/keeper, stop]\n  \
         process: [/usr/local/sbin/keeper, run]\n  \
         list: {command: [/usr/local/sbin/keeper, status], rows: exit-status}\n",
    )
    .unwrap();
    // From a unit that ends with the start: what is started must not be of it.
    machine.must(&["systemd-run", "--wait", "--pipe", "--quiet", "siteward", "start", "kept"]);
    let made = scopes(machine);
    assert_eq!(made.len(), 1, "{made:?}");
    for process in ["keeper run", "sleep 5678"] {
        let pid = machine.must(&["pgrep", "-o", "-f", process]);
        let group = machine.must(&["cat", &format!("/proc/{}/cgroup", pid.trim())]);
        assert!(
            group.contains(&format!("/system.slice/{}/@wrapped", made[0])),
            "{process}: {group}"
        );
    }
    machine.must(&["siteward", "status", "kept"]);
    machine.must(&["siteward", "stop", "kept"]);
    machine.until("the scope is gone", || scopes(machine).is_empty());
    machine.must(&["siteward", "start", "kept"]);
    machine.must(&["siteward", "clean", "kept"]);
    machine.until("the scope is gone", || scopes(machine).is_empty());
    assert_eq!(machine.inside(&["pgrep", "-f", "sleep 5678"]).0, 1);
    fs::remove_file(machine.root("etc/siteward/sites/kept.yaml")).unwrap();
}

/// A job of a site starts the node's cluster software: ending that would take the node away.
fn a_pacemaker_from_within_a_site(machine: &Machine) {
    machine.must(&["timeout", "60", "systemctl", "stop", "pacemaker", "corosync"]);
    fs::write(
        machine.root("etc/siteward/sites/job.yaml"),
        "version: 1\nforcekill_time: 1s\nstop_timeout: 5s\nprocesses:\n  \
         job: {command: [/bin/sh, -c, \"setsid -f corosync -f; until corosync-cfgtool -s; do sleep \
         0.2; done; setsid -f pacemakerd; exec sleep 7777\"]}\n",
    )
    .unwrap();
    machine.must(&["siteward", "start", "job"]);
    let cluster = ["corosync", "pacemakerd", "pacemaker-execd", "pacemaker-contr"];
    let daemons = || cluster.map(|name| machine.inside(&["pgrep", "-x", name]).1);
    machine.until("all of them run", || daemons().iter().all(|pid| !pid.is_empty()));
    let before = daemons();
    for verb in ["stop", "clean"] {
        let (code, said) = machine.inside(&["siteward", verb, "job"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("a cluster manager's daemon"), "{said}");
        assert_eq!(daemons(), before, "they are left alone");
        assert_eq!(machine.inside(&["pgrep", "-f", "sleep 7777"]).0, 1, "the rest is ended");
    }
    machine.must(&["pkill", "-KILL", "-f", "pacemaker|corosync"]);
    machine.until("they are gone", || daemons().iter().all(String::is_empty));
    machine.must(&["siteward", "stop", "job"]);
    fs::remove_file(machine.root("etc/siteward/sites/job.yaml")).unwrap();
    machine.must(&["timeout", "60", "systemctl", "start", "corosync", "pacemaker"]);
}

fn a_systemd_that_does_not_answer(machine: &Machine) {
    let init = machine.init();
    send(init, Signal::STOP);
    let begun = Instant::now();
    let started = machine.inside(&["siteward", "start", "shop"]);
    let took = begun.elapsed();
    let explained = machine.inside(&["siteward", "status", "shop", "--explain"]).1;
    send(init, Signal::CONT);
    assert_eq!(started.0, 0, "{}", started.1);
    assert!(took < Duration::from_secs(5), "a systemd that is silent holds nobody: {took:?}");
    assert!(explained.contains("not here: the supervisor got none"), "{explained}");
    machine.must(&["siteward", "stop", "shop"]);
    machine.until("no scope is left", || scopes(machine).is_empty());
}

/// Where the processes of the site from a unit write down by which signal each is told to end.
const ORDERS: &str = "var/lib/jobdb/orders";

fn teller(name: &str, signal: &str) -> String {
    format!(
        "  {name}:\n    command: [/bin/sh, -c, \"trap 'echo {name} {signal} >>/{ORDERS}; exit 0' \
         {signal}; echo listening; while :; do sleep 0.02; done\"]\n    \
         stop_signal: {signal}\n    ready: {{log: listening}}\n"
    )
}

/// The main process of the unit: its code (1: it exited, 2: it was killed) and its status.
fn how_it_ended(machine: &Machine) -> (String, String) {
    let shown =
        machine.must(&["systemctl", "show", "site-unit", "-p", "ExecMainCode,ExecMainStatus"]);
    let of = |name: &str| {
        let line = shown.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches('=').to_owned()
    };
    (of("ExecMainCode"), of("ExecMainStatus"))
}

/// A stop of the unit that `siteward generate systemd` prints is an ordered stop, at any moment.
fn a_site_from_its_generated_unit(machine: &Machine) {
    let database = machine.root("var/lib/jobdb");
    let _ = fs::remove_dir_all(&database);
    fs::create_dir_all(&database).unwrap();
    let head = "version: 1\nforcekill_time: 1s\nboot_timeout: 20s\nstop_timeout: 20s\nsettle: 50ms\n\
                database: /var/lib/jobdb\nprerequisites: {mounted: false}\nprocesses:\n";
    let text = [head, &teller("a", "INT"), &teller("b", "USR1"), &teller("c", "TERM")].concat();
    fs::write(machine.root("etc/siteward/sites/unit.yaml"), text).unwrap();
    let unit = machine.root("etc/systemd/system/site-unit.service");
    fs::write(&unit, machine.must(&["siteward", "generate", "systemd", "unit"])).unwrap();
    machine.must(&["systemctl", "daemon-reload"]);
    // Else systemd forgets how it ended.
    machine.must(&["systemctl", "--runtime", "add-wants", "multi-user.target", "site-unit"]);
    let is_at_rest = |story: &str| {
        assert_eq!(machine.inside(&["pgrep", "-f", "keep-lease unit"]).0, 1, "{story}");
        assert_eq!(machine.inside(&["pgrep", "-f", "echo listening"]).0, 1, "{story}");
        let owner = siteward::lease::owner(&database);
        assert!(owner.as_ref().is_none_or(|owner| owner.released), "{story}: {owner:?}");
        let result = machine.must(&["systemctl", "show", "site-unit", "-p", "Result"]);
        assert_eq!(result.trim(), "Result=success", "{story}");
        let (code, status) = machine.inside(&["siteward", "status", "unit"]);
        assert_eq!(code, 3, "{story}: {status}");
    };
    for round in 0..3 {
        let story = format!("round {round}");
        let _ = fs::remove_file(machine.root(ORDERS));
        machine.must(&["systemctl", "start", "site-unit"]);
        machine.until("it runs", || {
            machine.inside(&["siteward", "status", "unit"]).1.starts_with("running")
        });
        assert!(!siteward::lease::owner(&database).unwrap().released);
        machine.must(&["systemctl", "stop", "site-unit"]);
        let journal =
            machine.inside(&["journalctl", "-u", "site-unit", "-o", "cat", "--no-pager"]).1;
        let orders = fs::read_to_string(machine.root(ORDERS)).unwrap_or_default();
        assert_eq!(orders, "c TERM\nb USR1\na INT\n", "{story}: {journal}");
        assert_eq!(how_it_ended(machine), ("1".to_owned(), "0".to_owned()), "{story}: {journal}");
        is_at_rest(&story);
    }
    // At a moment of its beginning that grows from round to round.
    let history =
        || fs::read(machine.root("var/log/siteward/unit/history.jsonl")).unwrap_or_default();
    for round in 0..20 {
        let story = format!("stopped {} ms after its start", round * 8);
        let seconds = format!("{:.3}", f64::from(round * 8) / 1000.0);
        let before = history();
        let script = "systemctl reset-failed site-unit; systemctl start site-unit; sleep $1; \
                      systemctl stop site-unit";
        machine.must(&["sh", "-c", script, "-", &seconds]);
        let (code, status) = how_it_ended(machine);
        // Killed by TERM: it was no program of ours yet, and had begun nothing.
        let too_early = (code.as_str(), status.as_str()) == ("2", "15") && history() == before;
        let words = ["journalctl", "-u", "site-unit", "-o", "cat", "--no-pager", "-n", "20"];
        let journal = machine.inside(&words).1;
        assert!((code == "1" && status == "0") || too_early, "{story}: {code} {status}: {journal}");
        is_at_rest(&story);
    }
    machine.must(&["siteward", "start", "unit"]);
    machine.must(&["siteward", "stop", "unit"]);
    is_at_rest("a start by hand works then");
    fs::remove_file(machine.root("etc/siteward/sites/unit.yaml")).unwrap();
    fs::remove_file(unit).unwrap();
    machine.must(&["systemctl", "daemon-reload"]);
}

fn under_pacemaker(machine: &Machine) {
    machine.until("the cluster is up", || {
        machine.inside(&["crm_mon", "-1"]).1.contains("Online: [ node1 ]")
    });
    machine.must(&["crm_attribute", "-n", "stonith-enabled", "-v", "false"]);
    machine.must(&[
        "crm",
        "configure",
        "primitive",
        "shop",
        "ocf:siteward:site",
        "params",
        "site=shop",
        "op",
        "monitor",
        "interval=1s",
        "timeout=40s",
        "op",
        "stop",
        "timeout=60s",
        "interval=0",
    ]);
    machine.until("the cluster runs it", || {
        machine.inside(&["crm_mon", "-1"]).1.contains("Started node1")
    });
    owned::in_the_cluster(machine);
    let before = machine.processes();
    let made = scopes(machine);
    assert_eq!(made.len(), 1, "{made:?}");
    machine.must(&["systemctl", "daemon-reload"]);
    machine.must(&["crm_attribute", "-n", "maintenance-mode", "-v", "true"]);
    machine.must(&["timeout", "60", "systemctl", "restart", "pacemaker"]);
    machine.must(&["siteward", "status", "shop"]);
    assert_eq!((machine.processes(), scopes(machine)), (before.clone(), made), "the same ones");
    machine.until("the cluster is back", || {
        machine.inside(&["crm_mon", "-1"]).1.contains("Started node1")
    });
    machine.must(&["crm_attribute", "-n", "maintenance-mode", "-v", "false"]);
    machine.until("the cluster watches it", || {
        !machine.inside(&["crm_mon", "-1"]).1.contains("unmanaged")
    });
    assert_eq!(machine.processes(), before);
    machine.lab(&["poweroff"]);
    owned::ended_by_the_cluster(machine);
    let log = |name: &str| {
        fs::read_to_string(machine.root("var/log/siteward/shop").join(name)).unwrap_or_default()
    };
    let history = log("history.jsonl");
    let last = history.lines().next_back().unwrap_or_default();
    assert!(last.contains("\"stopped\""), "it came to its end: {history}");
    assert!(history.contains("\"down\""), "all processes had ended: {history}");
    assert!(log("a.log").ends_with("ended by itself\n"), "{}", log("a.log"));
    assert!(
        log("siteward.log").trim_end().ends_with("the site `shop` is stopped"),
        "{}",
        log("siteward.log")
    );
    let journal = Command::new("journalctl")
        .arg("-D")
        .arg(machine.root("var/log/journal"))
        .args(["--no-pager", "-o", "cat"])
        .output()
        .unwrap();
    let journal = said(&journal);
    assert!(journal.contains("Result of stop operation for shop on node1: ok"), "{journal}");
    for line in journal.lines().filter(|l| l.contains("siteward-shop")) {
        assert!(!line.contains("Killing") && !line.contains("timed out"), "{line}");
    }
}
