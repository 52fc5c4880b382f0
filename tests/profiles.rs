//! The built-in profiles, each with the real program from Debian's package: whole lives, deaths, pauses, and what is left.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::*;
use serde_json::Value;
use siteward::process::find_by_command_line;
use siteward::site::PROFILES;
use siteward::values::{Pid, Signal};

const TESTS: &[(&str, fn())] = &[
    ("supervisord_lives", supervisord_lives),
    ("supervisord_gives_a_program_up", supervisord_gives_a_program_up),
    ("a_service_that_is_given_up_is_told_at_once", a_service_that_is_given_up_is_told_at_once),
    ("runit_lives", runit_lives),
    ("a_rehearsal_finds_nothing", a_rehearsal_finds_nothing),
    ("runit_starts_a_service_again_and_again", runit_starts_a_service_again_and_again),
    ("s6_lives", s6_lives),
    ("s6_gives_a_service_up", s6_gives_a_service_up),
    ("monit_lives", monit_lives),
    ("monit_monitors_a_process_no_longer", monit_monitors_a_process_no_longer),
    ("systemctl_says_what_a_unit_does", systemctl_says_what_a_unit_does),
    ("compose_says_what_a_container_does", compose_says_what_a_container_does),
    ("each_profile_says_what_it_needs", each_profile_says_what_it_needs),
    ("each_profile_says_what_is_not_proved", each_profile_says_what_is_not_proved),
];

const PROGRAMS: [(&str, &str); 4] = [
    ("/usr/bin/supervisord", "supervisor"),
    ("/usr/bin/runsvdir", "runit"),
    ("/usr/bin/s6-svscan", "s6"),
    ("/usr/bin/monit", "monit"),
];

fn main() -> ExitCode {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !Path::new(program).exists())
        .map(|(_, package)| *package)
        .collect();
    let words =
        format!("the supervisors of the profiles. Missing: apt-get install {}", missing.join(" "));
    live_through((!missing.is_empty()).then_some(words.as_str()), true, TESTS)
}

/// A site of the profile's on its own node.
struct Wrapped {
    bench: Bench,
    /// How the supervisor's command line begins.
    process: Vec<String>,
    /// A folder of the supervisor's own.
    own: PathBuf,
}

const SITE: &str = "shop";

impl Wrapped {
    /// `keys`: what stands in `supervisor:`, with OWN for its own folder.
    fn new(keys: &str, process: &str, make: impl FnOnce(&Path)) -> Self {
        let bench = Bench::new();
        let own = bench.path("own");
        fs::create_dir(&own).unwrap();
        make(&own);
        let filled = |text: &str| text.replace("OWN", &own.display().to_string());
        let times = "boot_timeout: 40s\nstop_timeout: 30s\ncountsleep: 1s\n";
        bench.define(SITE, &format!("{times}supervisor: {}\n", filled(keys)));
        let process = filled(process).split(' ').map(str::to_owned).collect();
        Self { bench, process, own }
    }

    fn hand(&self, words: &[&str]) -> std::process::Command {
        self.bench.hand(words)
    }

    fn succeed(&self, verb: &str) -> String {
        succeed(self.hand(&[verb, SITE]))
    }

    fn monitor(&self) -> (i32, i32, i32) {
        let recurring = [("OCF_RESKEY_CRM_meta_interval", "10000")];
        (
            code(self.bench.ocf(SITE, "monitor", &[])),
            code(self.bench.ocf(SITE, "monitor", &recurring)),
            code(self.hand(&["status", SITE, "--timeout", "20s"])),
        )
    }

    fn status(&self) -> Value {
        let output = output(self.hand(&["status", SITE, "--json"]));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
    }

    fn state(&self) -> String {
        self.status()["state"].as_str().unwrap_or_default().to_owned()
    }

    fn told(&self) -> String {
        said(&output(self.hand(&["status", SITE])))
    }

    fn supervisor(&self) -> Pid {
        let found = find_by_command_line(&self.process).unwrap();
        found.first().unwrap_or_else(|| panic!("{:?} lives", self.process)).pid
    }

    /// The process of a service, as the status tells it.
    fn service(&self, name: &str) -> Option<Pid> {
        let status = self.status();
        let all = status["processes"].as_array().cloned().unwrap_or_default();
        let of = all.iter().find(|of| of["name"] == name)?;
        let pid = i32::try_from(of["pid"].as_i64()?).ok()?;
        Pid::try_from(pid).ok()
    }

    fn left(&self, story: &str) {
        nothing_is_left(&self.bench, SITE, story);
        assert_eq!(find_by_command_line(&self.process).unwrap().len(), 0, "{story}");
    }

    /// What every one of them must do alike.
    fn live(&self, services: &[&str]) {
        assert_eq!(self.monitor(), (7, 7, 3));
        assert!(said(&output(self.hand(&["start", SITE]))).contains("is running"));
        assert_eq!(self.monitor(), (0, 0, 0), "{}", self.told());
        for level in ["10", "20"] {
            let deep = output(self.bench.ocf(SITE, "monitor", &[("OCF_CHECK_LEVEL", level)]));
            assert_eq!(deep.status.code(), Some(0), "{level}: {}", said(&deep));
        }
        for name in services {
            assert!(self.service(name).is_some(), "{name}: {}", self.told());
        }
        // Each is measured, and what is below another one is counted there alone.
        let told = self.status();
        let rows = told["processes"].as_array().unwrap();
        for row in rows.iter().filter(|row| row["pid"].is_number()) {
            assert!(row["usage"]["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{row}");
        }
        let before = self.supervisor();
        self.succeed("start");
        assert_eq!(self.supervisor(), before, "it is up already");
        assert!(succeed(self.hand(&["list"])).contains(SITE));
        // A service dies, and its supervisor starts it again.
        let first = services[0];
        let dead = self.service(first).unwrap();
        signal(dead, Signal::KILL);
        until("it is another process, and all is well", || {
            self.service(first).is_some_and(|pid| pid != dead) && self.state() == "running"
        });
        // A pause, also across a stop.
        let processes: Vec<Pid> = services.iter().map(|name| self.service(name).unwrap()).collect();
        succeed(self.hand(&["pause", SITE, "--reason", "new disks"]));
        assert_eq!(self.monitor(), (0, 0, 0), "{}", self.told());
        assert!(
            self.told().contains("maintenance") && self.told().contains("new disks"),
            "{}",
            self.told()
        );
        assert_eq!(self.supervisor(), before, "the supervisor stays");
        let lives =
            |pid: &Pid| siteward::linux::process::Stat::of(*pid).is_some_and(|s| s.is_alive());
        assert!(!processes.iter().any(lives), "no service of it runs");
        self.succeed("resume");
        assert_eq!(self.monitor(), (0, 0, 0), "{}", self.told());
        assert_eq!(self.supervisor(), before);
        // Its supervisor dies: nobody watches what is left, and all of that is ended.
        let killed = self.supervisor();
        signal(killed, Signal::KILL);
        until("nobody watches it", || self.monitor() == (1, 1, 1));
        assert_eq!(self.state(), "unsupervised", "{}", self.told());
        self.succeed("stop");
        self.left("a stop after the death of its supervisor");
        assert_eq!(self.monitor(), (7, 7, 3));
        // monit takes one that nobody has reaped for one that lives.
        let is_reaped = |pid: Pid| siteward::linux::process::Stat::of(pid).is_none();
        until("it is reaped", || is_reaped(killed));
        self.succeed("start");
        let killed = self.supervisor();
        signal(killed, Signal::KILL);
        until("nobody watches it", || self.state() == "unsupervised");
        until("it is reaped", || is_reaped(killed));
        self.succeed("start");
        assert_eq!(self.monitor(), (0, 0, 0), "{}", self.told());
        let begun = std::time::Instant::now();
        self.succeed("stop");
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "by its own command");
        self.left("a stop");
        assert_eq!(self.monitor(), (7, 7, 3));
        let history = self.succeed("history");
        assert!(history.contains("all processes have ended"), "{history}");
        self.succeed("start");
        self.succeed("clean");
        self.left("a clean");
        self.succeed("stop");
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        let _ = self.hand(&["clean", SITE, "--timeout", "20s"]).output();
    }
}

fn script(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn supervisord(programs: &str) -> Wrapped {
    let keys = "{profile: supervisord, config: OWN/site.conf}";
    let process = "/usr/bin/supervisord --nodaemon --configuration OWN/site.conf";
    Wrapped::new(keys, process, |own| {
        let at = own.display();
        let text = format!(
            "[unix_http_server]\nfile={at}/sock\n[supervisord]\nlogfile={at}/log\npidfile={at}/pid\n\
             childlogdir={at}\n[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://{at}/sock\n{programs}"
        );
        fs::write(own.join("site.conf"), text).unwrap();
    })
}

const TWO_PROGRAMS: &str = "[program:web]\ncommand=/bin/sleep 1001\nstartsecs=0\n[program:store]\ncommand=/bin/sleep 1002\n\
    startsecs=0\n[program:off]\ncommand=/bin/sleep 1003\nautostart=false\n";

fn supervisord_lives() {
    let site = supervisord(TWO_PROGRAMS);
    site.live(&["web", "store"]);
}

fn supervisord_gives_a_program_up() {
    let once = "[program:once]\ncommand=/bin/sleep 1004\nautorestart=false\nstartsecs=0\n";
    let site = supervisord(&format!("{TWO_PROGRAMS}{once}"));
    site.succeed("start");
    assert!(site.service("off").is_none(), "it is not meant to be up");
    signal(site.service("once").unwrap(), Signal::KILL);
    until("it is failed", || site.monitor() == (1, 1, 1));
    assert!(site.told().contains("`once` is EXITED"), "{}", site.told());
    site.succeed("stop");
    site.left("a stop of what is failed");
    // One that must not run is no failure.
    let config = site.own.join("site.conf").display().to_string();
    site.bench.define(
        SITE,
        &format!(
            "boot_timeout: 40s\nsupervisor: {{profile: supervisord, config: {config}, services: [web, store]}}\n"
        ),
    );
    site.succeed("start");
    signal(site.service("once").unwrap(), Signal::KILL);
    until("it is gone", || site.service("once").is_none());
    assert_eq!(site.monitor(), (0, 0, 0), "{}", site.told());
    site.succeed("stop");
    // One that never comes up.
    let bad =
        supervisord(&format!("{TWO_PROGRAMS}[program:bad]\ncommand=/bin/false\nstartretries=0\n"));
    let failed = output(bad.bench.ocf(SITE, "start", &[]));
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(reason(&failed).contains("`bad` is FATAL"), "{}", reason(&failed));
    bad.left("a start that was rolled back");
}

/// A monitor that is held hears of the death of a service, as of one of a site of siteward's.
fn a_service_that_is_given_up_is_told_at_once() {
    let once = "[program:once]\ncommand=/bin/sleep 1005\nautorestart=false\nstartsecs=0\n";
    let site = supervisord(once);
    site.succeed("start");
    let recurring = || {
        let call = [("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", "20")];
        Call::begin(site.bench.ocf(SITE, "monitor", &call))
    };
    let first = recurring().end_within(PATIENCE, "the first of a series");
    assert_eq!(first.code, Some(0), "{}", first.said);
    let mut held = recurring();
    until("it is held", || held.is_over() || waits(held.pid()));
    let once = site.service("once").unwrap();
    assert!(!held.is_over(), "{}", held.said());
    let killed = std::time::Instant::now();
    signal(once, Signal::KILL);
    let mut told = held.end_within(PATIENCE, "the death of a service");
    if told.said.contains("the process of `once` is gone") {
        // A busy supervisord has not noticed it yet.
        told = recurring().end_within(PATIENCE, "what came of it");
    }
    assert_eq!(told.code, Some(1), "{}", told.said);
    assert!(told.said.contains("`once` is EXITED"), "{}", told.said);
    assert!(killed.elapsed() < std::time::Duration::from_secs(6), "{:?}", killed.elapsed());
    site.succeed("stop");
}

fn a_rehearsal_finds_nothing() {
    let site = runit(&TWO_SERVICES);
    let played = output(site.hand(&["rehearse", SITE, "--as", "pacemaker", "--yes"]));
    assert!(played.status.success(), "{}", said(&played));
    site.left("a rehearsal");
}

/// Service directories for runit and s6, each with what it runs.
fn services(own: &Path, each: &[(&str, &str)]) {
    for (name, run) in each {
        let folder = own.join("services").join(name);
        fs::create_dir_all(&folder).unwrap();
        script(&folder.join("run"), &format!("#!/bin/sh\n{run}\n"));
    }
}

const TWO_SERVICES: [(&str, &str); 2] = [("web", "exec sleep 1011"), ("store", "exec sleep 1012")];

fn runit(each: &[(&str, &str)]) -> Wrapped {
    let keys = "{profile: runit, directory: OWN/services}";
    Wrapped::new(keys, "/usr/bin/runsvdir -P OWN/services", |own| {
        services(own, each);
        services(own, &[("off", "exec sleep 1013")]);
        fs::write(own.join("services/off/down"), "").unwrap();
    })
}

fn runit_lives() {
    let site = runit(&TWO_SERVICES);
    site.live(&["web", "store"]);
}

fn runit_starts_a_service_again_and_again() {
    let site = runit(&TWO_SERVICES);
    site.succeed("start");
    script(&site.own.join("services/web/run"), "#!/bin/sh\nexit 3\n");
    signal(site.service("web").unwrap(), Signal::KILL);
    until("it is degraded", || site.state() == "degraded");
    until("with its reason", || site.told().contains("`web` is down, and wanted up"));
    // Told by hand to be down: nobody has paused the site.
    let web = site.own.join("services/web").display().to_string();
    let told = std::process::Command::new("/usr/bin/sv").args(["down", &web]).status().unwrap();
    assert!(told.success());
    until("it is failed", || site.monitor() == (1, 1, 1));
    assert!(site.told().contains("`web` is down"), "{}", site.told());
    site.succeed("stop");
    site.left("a stop of what is failed");
}

fn s6(each: &[(&str, &str)]) -> Wrapped {
    let keys = "{profile: s6, directory: OWN/services}";
    Wrapped::new(keys, "/usr/bin/s6-svscan OWN/services", |own| services(own, each))
}

fn s6_lives() {
    let site = s6(&TWO_SERVICES);
    site.live(&["web", "store"]);
}

fn s6_gives_a_service_up() {
    let site = s6(&TWO_SERVICES);
    script(&site.own.join("services/web/finish"), "#!/bin/sh\nexit 125\n");
    site.succeed("start");
    signal(site.service("web").unwrap(), Signal::KILL);
    until("it is failed", || site.monitor() == (1, 1, 1));
    assert!(site.told().contains("`web` is down, by signal 9"), "{}", site.told());
    site.succeed("stop");
    site.left("a stop of what is failed");
}

fn monit() -> Wrapped {
    let keys = "{profile: monit, config: OWN/monitrc}";
    Wrapped::new(keys, "/usr/bin/monit -I -c OWN/monitrc", |own| {
        let at = own.display();
        script(
            &own.join("service"),
            &format!(
                "#!/bin/sh\ncase $1 in\nstart) setsid sleep 102$3 >/dev/null 2>&1 & echo $! >{at}/$2.pid ;;\n\
                 stop) kill $(cat {at}/$2.pid); rm -f {at}/$2.pid ;;\nesac\n"
            ),
        );
        let mut text = format!(
            "set daemon 1\nset httpd unixsocket {at}/sock\n  allow localhost\nset statefile {at}/state\nset idfile {at}/id\n\
             set pidfile {at}/pid\n"
        );
        for (number, name) in ["web", "store"].into_iter().enumerate() {
            text.push_str(&format!(
                "check process {name} with pidfile {at}/{name}.pid\n  start program = \"{at}/service start {name} {number}\"\n  \
                 stop program = \"{at}/service stop {name}\"\n"
            ));
        }
        fs::write(own.join("monitrc"), text).unwrap();
        fs::set_permissions(own.join("monitrc"), fs::Permissions::from_mode(0o600)).unwrap();
    })
}

fn monit_lives() {
    let site = monit();
    site.live(&["web", "store"]);
}

fn monit_monitors_a_process_no_longer() {
    let site = monit();
    site.succeed("start");
    let control = site.own.join("monitrc").display().to_string();
    let words = ["-c", &control, "stop", "web"];
    assert!(std::process::Command::new("/usr/bin/monit").args(words).status().unwrap().success());
    until("it is failed", || site.monitor() == (1, 1, 1));
    assert!(site.told().contains("`web` is Not monitored"), "{}", site.told());
    site.succeed("stop");
    site.left("a stop of what is failed");
    // monit would leave it as it was: a start wakes it.
    site.succeed("start");
    assert_eq!(site.monitor(), (0, 0, 0), "{}", site.told());
    site.succeed("stop");
}

/// A stand-in for a program that this machine cannot run: it prints what stands in a file.
fn standin(own: &Path, program: &str) -> PathBuf {
    let at = own.display();
    script(
        &own.join(program),
        &format!(
            "#!/bin/sh\necho \"$*\" >>{at}/calls\ncase \"$*\" in\n\
             start*|*\" up \"*) cat {at}/up >{at}/now ;;\nstop*|*\" down\") cat {at}/down >{at}/now ;;\n\
             *) cat {at}/now ;;\nesac\n"
        ),
    );
    own.join("now")
}

fn systemctl_says_what_a_unit_does() {
    let of = |active: &str, sub: &str, more: &str| {
        format!(
            "Id=shop.service\nLoadState=loaded\nActiveState={active}\nSubState={sub}\nMainPID=0\n{more}"
        )
    };
    let site = Wrapped::new(
        "{profile: systemd, unit: shop.service, commands: OWN}",
        "OWN/systemctl start shop.service",
        |own| {
            let now = standin(own, "systemctl");
            fs::write(own.join("up"), of("active", "exited", "")).unwrap();
            fs::write(own.join("down"), of("inactive", "dead", "")).unwrap();
            fs::write(now, of("inactive", "dead", "")).unwrap();
        },
    );
    let now = |text: &str| fs::write(site.own.join("now"), text).unwrap();
    assert_eq!(site.monitor(), (7, 7, 3));
    site.succeed("start");
    assert_eq!(site.monitor(), (0, 0, 0), "{}", site.told());
    now(&of("activating", "auto-restart", ""));
    assert_eq!(site.state(), "degraded");
    assert!(site.told().contains("`shop.service` is activating (auto-restart)"), "{}", site.told());
    now(&of("failed", "failed", "Result=exit-code\n"));
    assert_eq!(site.monitor(), (7, 7, 1));
    assert!(site.told().contains("failed: exit-code"), "{}", site.told());
    now("");
    assert_eq!(site.bench.monitor(SITE), (1, 1, 4), "no answer is unknown");
    now(&of("active", "running", ""));
    assert_eq!(site.monitor(), (0, 0, 0));
    // Without a pause of its own, one of siteward's takes its place.
    site.succeed("pause");
    assert_eq!(site.monitor(), (0, 0, 0));
    site.succeed("resume");
    assert_eq!(site.monitor(), (0, 0, 0), "{}", site.told());
    site.succeed("stop");
    site.left("a stop");
    assert_eq!(site.monitor(), (7, 7, 3));
    let calls = fs::read_to_string(site.own.join("calls")).unwrap();
    assert_eq!(calls.lines().filter(|line| *line == "start shop.service").count(), 2, "{calls}");
    // One that is enabled is never started.
    now(&of("inactive", "dead", "UnitFileState=enabled\nRestart=always\n"));
    let refused = output(site.bench.ocf(SITE, "start", &[]));
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(reason(&refused).ends_with("systemctl disable shop.service"), "{}", said(&refused));
    let told = said(&output(site.hand(&["validate-all", SITE, "--level", "10"])));
    assert!(told.contains("Restart=always"), "{told}");
}

fn compose_says_what_a_container_does() {
    let row = |name: &str, state: &str| {
        format!("{{\"Service\":\"{name}\",\"State\":\"{state}\",\"Health\":\"\"}}\n")
    };
    let site = Wrapped::new(
        "{profile: compose, config: OWN/compose.yaml, commands: OWN}",
        "OWN/docker compose --file OWN/compose.yaml up --detach --wait",
        |own| {
            let now = standin(own, "docker");
            fs::write(own.join("compose.yaml"), "services: {}\n").unwrap();
            fs::write(own.join("up"), row("web", "running") + &row("store", "running")).unwrap();
            fs::write(own.join("down"), "").unwrap();
            fs::write(now, "").unwrap();
        },
    );
    assert_eq!(site.monitor(), (7, 7, 3));
    site.succeed("start");
    assert_eq!(site.monitor(), (0, 0, 0), "{}", site.told());
    let now = site.own.join("now");
    fs::write(&now, row("web", "restarting") + &row("store", "running")).unwrap();
    assert_eq!(site.state(), "degraded", "{}", site.told());
    fs::write(&now, row("web", "exited") + &row("store", "running")).unwrap();
    assert_eq!(site.monitor(), (1, 1, 1), "{}", site.told());
    assert!(site.told().contains("`web` is exited"), "{}", site.told());
    site.succeed("stop");
    assert_eq!(site.monitor(), (7, 7, 3), "{}", site.told());
}

fn each_profile_says_what_it_needs() {
    let bench = Bench::new();
    for profile in PROFILES {
        bench.define("a", &format!("supervisor: {}\n", profile.word));
        let said = said(&output(bench.hand(&["validate-all", "a"])));
        assert!(said.contains(&format!("`{}`", profile.needs.word())), "{}: {said}", profile.word);
    }
    for (keys, told) in [
        ("{profile: runit, directory: /tmp, config: /tmp/x}", "config"),
        ("{profile: systemd, unit: --now}", "`--now`"),
        ("{profile: systemd, unit: shop}", "shop.service"),
        ("{profile: s6, directory: /tmp, services: [a/b]}", "`a/b`"),
        ("{start: [/a], stop: [/a], process: [/a], unit: a.service}", "profile: systemd"),
        ("{profile: jobcenter, services: [a]}", "services"),
    ] {
        bench.define("a", &format!("supervisor: {keys}\n"));
        let output = output(bench.hand(&["validate-all", "a"]));
        assert!(
            !output.status.success() && said(&output).contains(told),
            "{keys}: {}",
            said(&output)
        );
    }
}

fn each_profile_says_what_is_not_proved() {
    let bench = Bench::new();
    for (profile, key) in [
        ("supervisord", "config: /no/such/file"),
        ("monit", "config: /no/such/file"),
        ("runit", "directory: /no/such/folder"),
        ("s6", "directory: /no/such/folder"),
        ("systemd", "unit: no-such-unit.service"),
        ("compose", "config: /no/such/file"),
    ] {
        bench.define("a", &format!("supervisor: {{profile: {profile}, {key}}}\n"));
        let told = said(&output(bench.hand(&["validate-all", "a"])));
        let count = told.matches(&format!("with `profile: {profile}` it is not proved")).count();
        assert!(count >= 1, "{profile}: {told}");
        // What is missing on this node is named, and where it comes from.
        let lacks = output(bench.hand(&["validate-all", "a", "--level", "10"]));
        assert_eq!(lacks.status.code(), Some(5), "{profile}: {}", said(&lacks));
        let named = said(&lacks).contains("no-such")
            || said(&lacks).contains("/no/such")
            || said(&lacks).contains("/usr/bin/");
        assert!(named, "{profile}: {}", said(&lacks));
        bench.define(
            "a",
            &format!("supervisor: {{profile: {profile}, {key}, commands: /no/such/bin}}\n"),
        );
        let lacks = said(&output(bench.hand(&["validate-all", "a", "--level", "10"])));
        assert!(
            lacks.contains("/no/such/bin/") && lacks.contains("install it"),
            "{profile}: {lacks}"
        );
    }
}
