//! Nobody gets in who should not: an ordinary user against root's site, links and files that were
//! planted wherever we look, and where a secret may be seen. What needs root is said loudly where there
//! is none.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use common::*;
use siteward::linux::process::all;

const SITE: &str = "shop";
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    live_through(
        missing_root(),
        true,
        &[
            ("an_ordinary_user_is_refused_in_every_verb", an_ordinary_user_is_refused),
            ("an_ordinary_user_is_refused_on_the_socket", an_ordinary_user_on_the_socket),
            ("an_ordinary_user_gains_nothing_by_our_own_words", by_our_own_words),
            ("planted_links_are_harmless", planted_links_are_harmless),
            ("a_planted_folder_in_tmp_is_not_used", a_planted_folder_in_tmp_is_not_used),
            ("a_secret_stands_in_no_command_line_and_no_file", a_secret_stands_nowhere),
            ("a_caller_s_environment_does_not_come_along", a_callers_environment),
        ],
    )
}

/// A site of root's that runs, on a bench that others may enter.
fn running(more: &str) -> Bench {
    let bench = Bench::new();
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(bench.path("disk")).unwrap();
    bench.define(
        SITE,
        &format!(
            "database: {}\nprerequisites: {{mounted: false}}\n{more}processes:\n  \
             a: {{command: [/bin/sleep, \"1000\"]}}\n",
            bench.path("disk").display()
        ),
    );
    succeed(bench.hand(&["start", SITE]));
    bench
}

/// The same call by somebody else.
fn as_nobody(call: &Command) -> Command {
    let mut command = Command::new(program_for_all());
    command.args(call.get_args()).env_clear().uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
    command.env("HOME", "/nonexistent");
    command.envs(call.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command
}

fn an_ordinary_user_is_refused() {
    let bench = running("");
    let before = (bench.pid(SITE, "supervisor"), bench.pid(SITE, "a"));
    let verbs: &[&[&str]] = &[
        &["start", SITE],
        &["stop", SITE],
        &["clean", SITE],
        &["clean", SITE, "--break-lease"],
        &["status", SITE],
        &["monitor", SITE, "--level", "20"],
        &["status", SITE, "--explain"],
        &["pause", SITE],
        &["resume", SITE],
        &["reload", SITE],
        &["adopt", SITE],
        &["run", SITE],
        &["watch", SITE],
    ];
    for verb in verbs {
        let refused = output(as_nobody(&bench.hand(verb)));
        let words = said(&refused);
        assert_eq!(refused.status.code(), Some(4), "{verb:?}: {words}");
        assert!(words.contains("as this user") || words.contains("this user may not"), "{words}");
    }
    for verb in ["start", "stop", "monitor", "clean", "pause", "resume", "reload", "reload-agent"] {
        let refused = output(as_nobody(&bench.ocf(SITE, verb, &[])));
        let code = refused.status.code();
        // OCF lets a stop say 0 or 1 alone.
        let expected = if verb == "stop" { 1 } else { 4 };
        assert_eq!(code, Some(expected), "{verb}: {}", said(&refused));
    }
    // What may be read may be read: nothing comes of it, and nothing of the site is told.
    for verb in [&["list"][..], &["holders", SITE], &["generate", "pacemaker", SITE]] {
        let words = said(&output(as_nobody(&bench.hand(verb))));
        assert!(!words.contains(&format!(" {} ", before.1)), "{verb:?}: {words}");
    }
    let list = said(&output(as_nobody(&bench.hand(&["list"]))));
    let line = list.lines().find(|line| line.starts_with(SITE)).unwrap_or_default();
    assert_eq!(line.split_whitespace().filter(|word| *word == "?").count(), 2, "{list}");
    assert!(!line.contains("SHUT") && !line.contains("OFF"), "{list}");
    assert_eq!((bench.pid(SITE, "supervisor"), bench.pid(SITE, "a")), before);
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    succeed(bench.hand(&["stop", SITE]));
}

/// Where the folder was opened to all by a careless hand, the kernel still says who it is.
fn an_ordinary_user_on_the_socket() {
    let bench = running("");
    let places = bench.places.of(&SITE.parse().unwrap());
    for folder in [&bench.places.runtime, &places.runtime, &places.socket()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let script = "use Socket; $SIG{PIPE} = 'IGNORE'; socket(S, PF_UNIX, SOCK_STREAM, 0); \
        connect(S, sockaddr_un($ARGV[0])) or die; \
        syswrite S, qq{{\"stop\":{\"polite-until\":{\"secs\":0,\"nanos\":0},\"by\":\"me\"}}\\n\"look\"\\n}; \
        shutdown S, 1; print while <S>;";
    let asked = Command::new("perl")
        .args(["-e", script])
        .arg(places.socket())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let answer = said(&asked);
    assert!(answer.contains("only root and the owner of the site"), "{answer}");
    for verb in ["stop", "pause", "status"] {
        assert_eq!(code(as_nobody(&bench.hand(&[verb, SITE]))), 4, "{verb}");
    }
    // Noise, and far too much of it, from one who may speak.
    for noise in [&b"\x00\xff\xfe nonsense \n"[..], &[b'x'; 200_000], b"{\"stop\":[]}\n"] {
        let mut stream = UnixStream::connect(places.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(noise);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    succeed(bench.hand(&["stop", SITE]));
}

/// The words that siteward says to itself are no way around.
fn by_our_own_words() {
    let bench = running("");
    let before = (bench.pid(SITE, "supervisor"), bench.pid(SITE, "a"));
    let places = bench.places.of(&SITE.parse().unwrap());
    let (disk, supervisor) = (bench.path("disk"), before.0.to_string());
    let disk = disk.to_str().unwrap();
    let secret = bench.path("secret");
    fs::write(&secret, "only root's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let group = fs::read_to_string(format!("/proc/{supervisor}/cgroup")).unwrap();
    let clear = format!("{{\"ClearPause\":{{\"database\":{disk:?}}}}}");
    let pause = format!(
        "{{\"WritePause\":{{\"database\":{disk:?},\"pause\":{{\"words\":\"x\",\"until\":null}}}}}}"
    );
    let words: &[&[&str]] = &[
        &["supervise", SITE, "--boot", "1", "--rollback", "1", "--adjust", "{}", "--node", "n"],
        &[
            "supervise",
            SITE,
            "--boot",
            "1",
            "--rollback",
            "1",
            "--adjust",
            "{}",
            "--node",
            "n",
            "--adopt",
        ],
        &["settle-lease", disk],
        &["break-lease", disk],
        &["errand", &clear],
        &["errand", &pause],
        &["move-in", &supervisor, "/sys/fs/cgroup/unified/nobody"],
        &["read-file", secret.to_str().unwrap()],
    ];
    for word in words {
        let tried = output(as_nobody(&bench.hand(word)));
        assert!(!said(&tried).contains("only root's"), "{word:?}");
    }
    assert!(!disk_files(&bench).iter().any(|f| f == "paused"));
    assert!(!siteward::lease::owner(&bench.path("disk")).unwrap().released);
    assert_eq!(fs::read_to_string(format!("/proc/{supervisor}/cgroup")).unwrap(), group);
    assert_eq!((bench.pid(SITE, "supervisor"), bench.pid(SITE, "a")), before);
    assert_eq!(fs::metadata(&places.runtime).unwrap().mode() & 0o777, 0o700);
    succeed(bench.hand(&["stop", SITE]));
}

fn disk_files(bench: &Bench) -> Vec<String> {
    let entries = fs::read_dir(bench.path("disk/.siteward")).unwrap().flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

// --- what was planted ---------------------------------------------------------------------------

/// Every file and folder of a site that somebody could have put a link in the place of.
fn planted_links_are_harmless() {
    let of_folder = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect()
    };
    // What there is, is found out from a site that has lived.
    let bench = running("");
    succeed(bench.hand(&["pause", SITE]));
    let places = bench.places.of(&SITE.parse().unwrap());
    let mut targets =
        vec![places.runtime.clone(), places.logs.clone(), bench.path("disk/.siteward")];
    for folder in targets.clone() {
        targets.extend(of_folder(&folder));
    }
    targets.extend(of_folder(&places.process_locks()));
    targets.push(places.process_lock("a"));
    targets.push(places.start_lock());
    targets.push(places.logs.join("a.log.1"));
    succeed(bench.hand(&["resume", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    targets.sort();
    targets.dedup();
    assert!(targets.len() > 12, "{targets:?}");
    let below = |path: &Path| path.strip_prefix(bench.path("")).unwrap().to_owned();
    let targets: Vec<PathBuf> = targets.iter().map(|path| below(path)).collect();
    for target in targets {
        for to in ["victim", "folder"] {
            plant(&target, to);
        }
    }
}

/// A life of a site, in which a link to a file or a folder of somebody's stands where one of ours
/// should: it may fail, with a sentence, and what the link leads to is as it was.
fn plant(target: &Path, to: &str) {
    let bench = Bench::new();
    fs::create_dir(bench.path("disk")).unwrap();
    bench.define(
        SITE,
        &format!(
            "database: {}\nprerequisites: {{mounted: false}}\nprocesses:\n  \
             a: {{command: [ACT, steady]}}\n",
            bench.path("disk").display()
        ),
    );
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("victim"), "precious").unwrap();
    fs::create_dir(outside.path().join("folder")).unwrap();
    for name in ["a", "control", "paused", "lease"] {
        fs::write(outside.path().join("folder").join(name), "precious").unwrap();
    }
    for (name, mode) in [("victim", 0o640), ("folder", 0o750)] {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(outside.path().join(name), mode).unwrap();
    }
    let at = bench.path("").join(target);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    for folder in ["run", "log"] {
        // As they are where nobody has opened them.
        let _ = fs::set_permissions(bench.path(folder), fs::Permissions::from_mode(0o755));
    }
    symlink(outside.path().join(to), &at).unwrap();
    let mut told = String::new();
    for verb in ["start", "status", "pause", "resume", "stop", "clean"] {
        let called = output(bench.hand(&[verb, SITE, "--timeout", "2s"]));
        assert!(
            called.status.code().is_some_and(|c| c < 10),
            "{target:?}: {verb}: {}",
            said(&called)
        );
        told.push_str(&said(&called));
    }
    assert!(!told.contains("panicked"), "{target:?}: {told}");
    let victim = outside.path().join("victim");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{target:?} -> {to}");
    assert_eq!(fs::metadata(&victim).unwrap().mode() & 0o777, 0o640, "{target:?} -> {to}");
    let folder = outside.path().join("folder");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o750, "{target:?} -> {to}");
    let inside: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|e| e.path()).collect();
    let precious = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text == "precious");
    assert!(inside.len() == 4 && inside.iter().all(precious), "{target:?} -> {to}: {inside:?}");
    assert_eq!(bench.living(SITE), "", "{target:?} -> {to}: {told}");
    let _ = fs::remove_file(&at);
}

fn a_planted_folder_in_tmp_is_not_used() {
    let bench = running("");
    let home = bench.path("home");
    fs::create_dir_all(home.join(".config/siteward/sites")).unwrap();
    let own = home.join(".config/siteward/sites/mine.yaml");
    fs::write(own, "version: 1\nprocesses: {x: {command: [/bin/sleep, \"1000\"]}}\n").unwrap();
    // Where an ordinary user without a session has its sockets; another one was there before.
    let user = 64_001;
    std::os::unix::fs::chown(&home, Some(user), Some(user)).unwrap();
    let planted = PathBuf::from(format!("/tmp/siteward-{user}"));
    let _ = fs::remove_dir_all(&planted);
    fs::create_dir(&planted).unwrap();
    std::os::unix::fs::chown(&planted, Some(user + 1), Some(user + 1)).unwrap();
    fs::set_permissions(&planted, fs::Permissions::from_mode(0o777)).unwrap();
    let mut start = Command::new(program_for_all());
    start.args(["start", "mine"]).env_clear().env("HOME", &home).uid(user).gid(user);
    let refused = start.output().unwrap();
    let left: Vec<_> = fs::read_dir(planted.join("mine")).into_iter().flatten().flatten().collect();
    let empty = left.is_empty();
    fs::remove_dir_all(&planted).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    assert!(
        said(&refused).contains(&format!("belongs to user {}", user + 1)),
        "{}",
        said(&refused)
    );
    assert!(empty, "{left:?}");
    succeed(bench.hand(&["stop", SITE]));
}

// --- secrets and environments -------------------------------------------------------------------

fn a_secret_stands_nowhere() {
    let secret = "hunter2-correct-horse";
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, format!("PASSWORD={secret}\n")).unwrap();
    let bench = running(&format!("env_file: {}\n", file.path().display()));
    let environ = fs::read(format!("/proc/{}/environ", bench.pid(SITE, "a"))).unwrap();
    assert!(String::from_utf8_lossy(&environ).contains(secret), "its process has it");
    for stat in all().unwrap() {
        let line = fs::read(format!("/proc/{}/cmdline", stat.pid)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(secret), "{stat:?}");
    }
    succeed(bench.hand(&["stop", SITE]));
    let found = Command::new("grep").args(["-rl", secret]).arg(bench.path("")).output().unwrap();
    assert_eq!(said(&found), "", "no file of ours has it");
}

fn a_callers_environment() {
    let bench = Bench::new();
    bench.define(SITE, "processes:\n  a: {command: [/bin/sleep, \"1000\"]}\n");
    let mut start = bench.hand(&["start", SITE]);
    for variable in ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "PYTHONPATH", "TMPDIR", "OCF_X"] {
        start.env(variable, "/nonexistent/evil");
    }
    succeed(start);
    for process in ["supervisor", "a"] {
        let environ = fs::read(format!("/proc/{}/environ", bench.pid(SITE, process))).unwrap();
        let text = String::from_utf8_lossy(&environ);
        assert!(!text.contains("evil"), "{process}: {text}");
    }
    succeed(bench.hand(&["stop", SITE]));
}
