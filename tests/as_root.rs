//! What only root can try: other users, and who may do what to whom. As an ordinary user these count
//! as ignored, said loudly; they fail where `SITEWARD_TEST_ALL` is set.

mod common;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use common::*;
use siteward::values::Signal;

fn main() -> ExitCode {
    live_through(
        missing_root(),
        true,
        &[
            (
                "root_runs_no_definition_that_others_may_write",
                root_runs_no_definition_that_others_may_write,
            ),
            (
                "a_failure_is_told_though_the_disk_is_full",
                a_failure_is_told_though_the_disk_is_full,
            ),
            ("the_rehearsal_holds_for_an_ordinary_user", the_rehearsal_holds_for_an_ordinary_user),
            (
                "an_ordinary_user_has_sites_of_its_own_and_no_say_in_roots",
                an_ordinary_user_has_sites_of_its_own_and_no_say_in_roots,
            ),
            ("a_process_gains_nothing_beyond_its_bound", a_process_gains_nothing_beyond_its_bound),
            (
                "a_process_runs_as_the_user_and_group_that_were_said",
                a_process_runs_as_the_user_and_group_that_were_said,
            ),
            ("a_user_that_only_getent_knows_is_known", a_user_that_only_getent_knows_is_known),
            ("another_time_namespace_is_the_same_node", another_time_namespace_is_the_same_node),
            (
                "a_process_possesses_no_key_of_its_caller_s",
                a_process_possesses_no_key_of_its_callers,
            ),
        ],
    )
}

/// A small file system of its own on this folder.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let words = ["-t", "tmpfs", "-o", "size=64k", "siteward-test"];
        assert!(Command::new("mount").args(words).arg(at).status().unwrap().success());
        Self(at)
    }

    fn fill(&self) {
        let full = fs::write(self.0.join("fill"), vec![0; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("fill")).unwrap();
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn a_failure_is_told_though_the_disk_is_full() {
    let bench = Bench::new();
    let disk = Small::mount(&bench.places.runtime);
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    disk.fill();
    let start = output(bench.hand(&["start", "a"]));
    assert_eq!(start.status.code(), Some(1));
    assert!(said(&start).contains("No space left on device"), "{}", said(&start));
    assert_eq!(bench.monitor("a"), (7, 7, 3));
    disk.empty();
    succeed(bench.hand(&["start", "a"]));
    disk.fill();
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("it has failed", || bench.monitor("a") == (7, 7, 1));
    let status = said(&output(bench.hand(&["status", "a"])));
    assert!(status.contains("`x` was killed by SIGKILL"), "{status}");
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}

fn the_rehearsal_holds_for_an_ordinary_user() {
    let bench = Bench::new();
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    let rehearsal = Command::new(program_for_all())
        .arg("rehearse")
        .env_clear()
        // No home at all, as a service may be.
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", bench.path(""))
        .env("SITEWARD_CONFIG_DIR", bench.path("none"))
        .env("SITEWARD_LOG_DIR", bench.path("none"))
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert!(rehearsal.status.success(), "{}", said(&rehearsal));
}

fn a_process_runs_as_the_user_and_group_that_were_said() {
    let bench = Bench::new();
    bench.define(
        "a",
        "user: nobody\ngroup: daemon\nprocesses:\n  x: {command: [/bin/sh, -c, \"id -un; id -gn; id -G; echo $HOME $USER\"], oneshot: true}\n",
    );
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    succeed(bench.hand(&["start", "a"]));
    let log = bench.log("a", "x.log");
    let said: Vec<&str> = log.lines().collect();
    assert_eq!(said[..2], ["nobody", "daemon"]);
    assert!(said[2].split(' ').all(|group| group != "0"), "none of root's groups: {log}");
    assert_eq!(said[3], "/nonexistent nobody");
}

/// A static program has no NSS modules: a user of a directory server is asked for at getent, at a start and never by
/// a monitor, and a server that hangs does not hang the start.
fn a_user_that_only_getent_knows_is_known() {
    let mut bench = Bench::new();
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    bench.define(
        "a",
        "user: ldap-user\nprocesses:\n  x: {command: [/bin/sh, -c, \"id -u; id -g; id -G; exec sleep 1000\"]}\n",
    );
    let asked = bench.path("asked");
    let calls = || fs::read_to_string(&asked).unwrap_or_default();
    let in_the_place_of_getent = |bench: &mut Bench, script: &str| {
        let stub = bench.path("getent");
        fs::write(&stub, format!("#!/bin/sh\necho \"$*\" >>{}\n{script}", asked.display()))
            .unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        let mount = format!("mount --bind {} /usr/bin/getent && exec \"$@\"", stub.display());
        let words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &mount, "-"];
        bench.within = words.map(str::to_owned).to_vec();
    };
    in_the_place_of_getent(
        &mut bench,
        "case $* in\n\
         'passwd ldap-user') echo 'ldap-user:*:4711:4712:from a server:/nonexistent:/bin/sh' ;;\n\
         'initgroups ldap-user') echo 'ldap-user 4712 4713' ;;\n\
         *) exit 2 ;;\nesac\n",
    );
    succeed(bench.hand(&["start", "a"]));
    until("it has printed who it is", || bench.log("a", "x.log").lines().count() == 3);
    assert_eq!(bench.log("a", "x.log"), "4711\n4712\n4712 4713\n");
    let before = calls();
    assert!(before.contains("passwd ldap-user"), "{before}");
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    assert_eq!(calls(), before, "a monitor asks no directory server");
    succeed(bench.hand(&["stop", "a"]));
    in_the_place_of_getent(&mut bench, "exec sleep 1000\n");
    let refused = Call::begin(bench.hand(&["start", "a"])).end("no server answers");
    assert_eq!(refused.code, Some(5), "{}", refused.said);
    assert!(refused.said.contains("ldap-user"), "{}", refused.said);
}

fn root_runs_no_definition_that_others_may_write() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    let file = bench.places.config.join("a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let refused = output(bench.hand(&["start", "a"]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("may be written by others than its owner (mode 0666)"),
        "{}",
        said(&refused)
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&bench.places.config, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(code(bench.hand(&["validate-all", "a"])), 2);
    fs::set_permissions(&bench.places.config, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
    let refused = output(bench.hand(&["start", "a"]));
    assert!(said(&refused).contains("belongs to user 65534"), "{}", said(&refused));
    std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    succeed(bench.hand(&["start", "a"]));
}

fn an_ordinary_user_has_sites_of_its_own_and_no_say_in_roots() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [/bin/sleep, \"1000\"]}}\n");
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    succeed(bench.hand(&["start", "a"]));
    let as_nobody = |words: &[&str], home: &Path| {
        let mut command = Command::new(program_for_all());
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .uid(65534)
            .gid(65534)
            .stdin(std::process::Stdio::null());
        command
    };
    let folders = |words: &[&str]| {
        let mut command = as_nobody(words, &bench.path(""));
        command
            .env("SITEWARD_CONFIG_DIR", &bench.places.config)
            .env("SITEWARD_RUNTIME_DIR", &bench.places.runtime)
            .env("SITEWARD_LOG_DIR", &bench.places.logs);
        command
    };
    for verb in ["start", "stop", "status", "clean", "pause", "resume", "reload", "run"] {
        let refused = output(folders(&[verb, "a"]));
        assert_eq!(refused.status.code(), Some(4), "{verb}: {}", said(&refused));
    }
    assert_eq!(bench.monitor("a"), (0, 0, 0));

    let home = bench.path("home");
    for folder in ["", ".config/siteward/sites", "run"] {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
    let own = home.join(".config/siteward/sites/mine.yaml");
    fs::write(&own, "version: 1\nprocesses: {x: {command: [/bin/sleep, \"1000\"]}}\n").unwrap();
    for path in [home.clone(), home.join("run"), home.join(".config/siteward"), own] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    for (verb, expected) in [("start", 0), ("status", 0), ("list", 0), ("stop", 0), ("status", 3)] {
        let words: &[&str] = if verb == "list" { &["list"] } else { &[verb, "mine"] };
        let output = output(as_nobody(words, &home));
        assert_eq!(output.status.code(), Some(expected), "{verb}: {}", said(&output));
    }
    assert!(exists(&home.join(".local/state/siteward/mine/siteward.log")));
}

fn a_process_gains_nothing_beyond_its_bound() {
    let bench = Bench::new();
    // What it may have, what it has, and whether a program can give it more.
    let script = "grep -E 'CapBnd|CapEff|NoNewPrivs' /proc/self/status >PATH; exec sleep 1000";
    let script = script.replace("PATH", &bench.path("status").display().to_string());
    bench.define(
        "bound",
        &format!(
            "cap_drop: [ALL]\nprocesses:\n  a:\n    command: [/bin/sh, -c, {script:?}]\n    \
             cap_add: [NET_BIND_SERVICE, CAP_DAC_OVERRIDE]\n    no_new_privileges: true\n"
        ),
    );
    succeed(bench.hand(&["start", "bound"]));
    let status = fs::read_to_string(bench.path("status")).unwrap();
    let value = |key: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(key)).unwrap();
        line.trim_start_matches(':').trim().to_owned()
    };
    // Bits 1 and 10.
    assert_eq!(value("CapBnd"), "0000000000000402");
    assert_eq!(value("CapEff"), "0000000000000402", "root gains no more by its exec");
    assert_eq!(value("NoNewPrivs"), "1");
    succeed(bench.hand(&["stop", "bound"]));
}

fn a_process_possesses_no_key_of_its_callers() {
    let can = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !can("keyctl") {
        eprintln!(
            "\n*** LEFT OUT: whose keys a process has. Missing: keyctl (apt-get install keyutils) ***\n"
        );
        assert!(std::env::var_os("SITEWARD_TEST_ALL").is_none(), "SITEWARD_TEST_ALL is set");
        return;
    }
    let look = "keyctl show @s >KEYS-$SITEWARD_PROCESS 2>&1; exec sleep 1000";
    let bench = Bench::new();
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let keys = bench.path("keys");
    fs::create_dir(&keys).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o777)).unwrap();
    let look = look.replace("KEYS", &keys.join("of").display().to_string());
    bench.define(
        "a",
        &format!(
            "processes:\n  x: {{command: [/bin/sh, -c, {look:?}], user: nobody}}\n  \
             y: {{command: [/bin/sh, -c, {look:?}]}}\n"
        ),
    );
    // The secret is in the caller's session keyring; the caller itself finds it there.
    let call = |words: &[&str]| {
        let inner = bench.hand(words);
        let script = "keyctl add user siteward-secret precious @s >/dev/null && \
                      keyctl print $(keyctl search @s user siteward-secret) && exec \"$0\" \"$@\"";
        let mut call = Command::new("keyctl");
        call.args(["session", "-", "sh", "-c", script]).arg(inner.get_program());
        call.args(inner.get_args()).env_clear();
        call.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
        call
    };
    let started = output(call(&["start", "a"]));
    if !said(&started).contains("precious") {
        eprintln!(
            "\n*** LEFT OUT: whose keys a process has. This node has no keys: {started:?} ***\n"
        );
        return;
    }
    assert!(started.status.success(), "{}", said(&started));
    let seen = |process: &str| {
        let path = keys.join(format!("of-{process}"));
        // It has said all once it has become what it goes on as.
        until("it has looked", || {
            siteward::linux::process::command_line(bench.pid("a", process))
                .is_some_and(|line| line.starts_with("sleep"))
        });
        fs::read_to_string(path).unwrap()
    };
    for process in ["x", "y"] {
        let keys = seen(process);
        assert!(keys.contains("keyring"), "it has a session keyring of its own: {keys}");
        assert!(!keys.contains("siteward-secret"), "{process}: {keys}");
    }
    succeed(bench.hand(&["stop", "a"]));
}

fn another_time_namespace_is_the_same_node() {
    let within = ["unshare", "-T", "--fork", "--boottime", "100000", "--monotonic", "200000"];
    let can = Command::new(within[0]).args(&within[1..]).arg("true").output();
    if !can.is_ok_and(|tried| tried.status.success()) {
        eprintln!("\n*** LEFT OUT: another time namespace. This node makes none ***\n");
        return;
    }
    let mut bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let process = bench.pid("a", "x");
    let deep = |bench: &Bench| code(bench.hand(&["monitor", "a", "--level", "10"]));
    assert_eq!(deep(&bench), 0);
    bench.within = within.map(str::to_owned).into();
    assert_eq!(deep(&bench), 0, "seen from another time namespace");
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    signal(bench.pid("a", "supervisor"), Signal::KILL);
    until("nobody watches it", || bench.monitor("a").2 == 1);
    // Its supervisor lives there from now on.
    succeed(bench.hand(&["adopt", "a"]));
    assert_eq!(bench.pid("a", "x"), process, "it was found again");
    assert_eq!(deep(&bench), 0);
    bench.within.clear();
    assert_eq!(deep(&bench), 0, "seen from the first one");
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    let begun = std::time::Instant::now();
    succeed(bench.hand(&["stop", "a"]));
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "its deadline is the same moment");
    assert_eq!(bench.monitor("a"), (7, 7, 3));
}
