//! To which site a process belongs. No claim of a process takes it out of its site, makes a foreign
//! process one of the site's, or protects it from a signal. A process that cannot be looked at does not
//! count as gone.

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::*;
use siteward::linux::process::{Stat, all, working_folder};
use siteward::process::{Groups, LEASE, MARK, SUPERVISOR, Token, is_keeper};
use siteward::site::SitePlaces;
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    live_through(
        missing_root(),
        true,
        &[
            ("a_forged_mark_takes_no_process_out_of_its_site", a_forged_mark_takes_no_process_out),
            (
                "a_forged_mark_of_a_running_site_takes_no_process_out_either",
                a_forged_mark_of_a_running_site,
            ),
            ("a_process_that_claims_to_be_the_keeper_belongs_to_the_site", a_forged_keeper),
            ("a_site_that_is_started_from_within_keeps_its_lease", from_within_with_a_lease),
            (
                "a_reader_of_a_lock_file_does_not_hold_the_lock",
                a_reader_of_a_lock_file_does_not_hold_the_lock,
            ),
            ("a_stranger_with_the_mark_is_named_and_left_alone", a_stranger_is_left_alone),
            ("strangers_that_come_again_fail_no_stop", strangers_that_come_again),
            ("members_that_come_again_fail_a_stop_at_its_deadline", members_that_come_again),
            ("the_token_proves_the_mark_of_another_user_s_process", the_token_proves),
            ("the_token_is_written_nowhere_else", the_token_is_written_nowhere_else),
            ("a_removed_runtime_folder_gets_its_token_back", the_token_is_restored),
            ("a_child_with_a_daemon_s_name_is_ended", a_child_with_a_daemons_name),
            ("an_inherited_lock_cannot_be_written_to", an_inherited_lock_is_not_writable),
            ("a_forged_mark_lets_no_process_stay_on_the_site_s_disk", a_forged_mark_on_the_disk),
            ("a_stranger_s_path_that_is_too_long_hides_nothing", a_path_that_is_too_long),
            (
                "a_process_that_cannot_be_looked_at_is_unknown",
                a_process_that_cannot_be_looked_at_is_unknown,
            ),
        ],
    )
}

/// A site with a process of the user nobody, on a bench that all users may enter. The test finds its
/// processes by their working folder, without any mark.
struct Site {
    bench: Bench,
    folder: PathBuf,
}

impl Site {
    fn new(script: &str) -> Self {
        let bench = Bench::new();
        fs::set_permissions(bench.path(""), Permissions::from_mode(0o755)).unwrap();
        let folder = bench.path("work");
        fs::create_dir(&folder).unwrap();
        let file = bench.path("script.pl");
        fs::write(&file, script).unwrap();
        bench.define(
            SITE,
            &format!(
                "working_directory: {}\nforcekill_time: 200ms\nprocesses:\n  a:\n    \
                 user: nobody\n    stop_grace_period: 100ms\n    command: [/usr/bin/perl, {}]\n",
                folder.display(),
                file.display()
            ),
        );
        Self { bench, folder }
    }

    fn places(&self) -> SitePlaces {
        self.bench.places.of(&SITE.parse().unwrap())
    }

    fn living(&self) -> Vec<Pid> {
        let here = |pid: Pid| working_folder(pid).is_some_and(|f| f == self.folder);
        let stats = all().unwrap().into_iter().filter(|s| s.is_alive() && here(s.pid));
        stats.map(|s| s.pid).collect()
    }

    /// Waits until `count` of them sleep, which each process does in the end.
    fn start(&self, count: usize) -> Vec<Pid> {
        succeed(self.bench.hand(&["start", SITE]));
        let sleeps = |pid: Pid| words_of(pid).first().is_some_and(|word| word == b"sleep");
        until("all of them sleep", || {
            let living = self.living();
            living.len() == count && living.into_iter().all(sleeps)
        });
        self.living()
    }

    fn kill_supervisor(&self) {
        let supervisor = self.bench.pid(SITE, "supervisor");
        signal(supervisor, Signal::KILL);
        until("it is gone", || {
            self.bench.record(SITE).is_some_and(|record| !record.supervisor.is_alive())
        });
    }

    fn is_over(&self) {
        assert_eq!(self.living(), []);
        assert_eq!(self.bench.monitor(SITE), (7, 7, 3));
    }
}

/// Two processes without locks and with a forged mark; one of them is in no session of the site.
fn escape(mark: &str) -> String {
    format!(
        "use POSIX; POSIX::close($_) for 3..120; $ENV{{{MARK}}} = '{mark}';\n\
         if (fork() == 0) {{ setsid(); exec 'sleep', '1000'; }}\n\
         exec 'sleep', '1000';\n"
    )
}

fn live(mut site: Site) {
    for within in [Vec::new(), no_groups()] {
        site.bench.within = within;
        site.start(2);
        succeed(site.bench.hand(&["stop", SITE]));
        site.is_over();

        let first = site.start(2);
        site.kill_supervisor();
        assert_eq!(site.bench.monitor(SITE), (1, 1, 1));
        let second = site.start(2);
        assert!(first.iter().all(|pid| !second.contains(pid)), "what was left is ended first");
        site.kill_supervisor();
        succeed(site.bench.hand(&["clean", SITE]));
        site.is_over();
    }
}

fn a_forged_mark_takes_no_process_out() {
    for mark in ["/x:y", "/tmp:a", "/proc/1:a"] {
        live(Site::new(&escape(mark)));
    }
    // The same folder by another name, and a folder in which its own user has written a record.
    let site = Site::new("");
    let same = site.places().runtime.display().to_string().replace("/run/", "/run/./");
    fs::write(site.bench.path("script.pl"), escape(&format!("{same}:a"))).unwrap();
    live(site);
    let site = Site::new("");
    let planted = site.bench.path("planted");
    fs::create_dir(&planted).unwrap();
    let script = escape(&format!("{}:a", planted.display()));
    fs::write(site.bench.path("script.pl"), script).unwrap();
    site.start(2);
    fs::copy(site.places().record(), planted.join("record.json")).unwrap();
    std::os::unix::fs::chown(&planted, Some(NOBODY), None).unwrap();
    site.kill_supervisor();
    assert_eq!(site.bench.monitor(SITE), (1, 1, 1));
    succeed(site.bench.hand(&["stop", SITE]));
    site.is_over();
}

fn a_forged_mark_of_a_running_site() {
    for name in ["a", SUPERVISOR] {
        let site = Site::new("");
        site.bench.define("other", "processes: {a: {command: [ACT, steady]}}\n");
        succeed(site.bench.hand(&["start", "other"]));
        let other = site.bench.places.of(&"other".parse().unwrap()).runtime;
        let script = escape(&format!("{}:{name}", other.display()));
        fs::write(site.bench.path("script.pl"), script).unwrap();
        site.start(2);
        // The other site does not take them over, and their own site still finds them.
        succeed(site.bench.hand(&["stop", "other"]));
        assert_eq!(site.living().len(), 2);
        succeed(site.bench.hand(&["start", "other"]));
        site.kill_supervisor();
        assert_eq!(site.bench.monitor(SITE), (1, 1, 1));
        succeed(site.bench.hand(&["stop", SITE]));
        site.is_over();
        assert_eq!(site.bench.monitor("other"), (0, 0, 0));
        succeed(site.bench.hand(&["stop", "other"]));
    }
}

fn a_forged_keeper() {
    let site = Site::new("");
    let mark = format!("{}:{LEASE}", site.places().runtime.display());
    fs::write(site.bench.path("script.pl"), escape(&mark)).unwrap();
    live(site);
    // A process of root in a control group of the site.
    let site = Site::new(&escape(&mark));
    let mark = format!("{}:{LEASE}", site.places().runtime.display());
    fs::write(site.bench.path("script.pl"), escape(&mark)).unwrap();
    let file = site.bench.places.config.join(format!("{SITE}.yaml"));
    let text = fs::read_to_string(&file).unwrap().replace("user: nobody", "user: root");
    fs::write(&file, text).unwrap();
    if Groups::of(&site.places()).is_some_and(|groups| groups.describe().is_ok()) {
        site.start(2);
        site.kill_supervisor();
        succeed(site.bench.hand(&["stop", SITE]));
        site.is_over();
    }
}

/// The verb that forks the keeper is a process of the outer site.
fn from_within_with_a_lease() {
    let mut bench = Bench::new();
    let disk = bench.path("disk");
    fs::create_dir(&disk).unwrap();
    bench.define(
        "inner",
        &format!(
            "database: {}\nprerequisites: {{mounted: false}}\nprocesses: {{a: {{command: [ACT, \
             steady]}}}}\n",
            disk.display()
        ),
    );
    let places = &bench.places;
    let start = format!(
        "{SITEWARD} start inner --config-dir {} --runtime-dir {} --log-dir {}; exec sleep 1000",
        places.config.display(),
        places.runtime.display(),
        places.logs.display()
    );
    bench.define("outer", &format!("processes: {{job: {{command: [/bin/sh, -c, {start:?}]}}}}\n"));
    let inner = bench.places.of(&"inner".parse().unwrap());
    let keepers = || -> Vec<Pid> {
        let stats = all().unwrap().into_iter().filter(Stat::is_alive);
        stats.filter(|s| is_keeper(&inner, s).unwrap()).map(|s| s.pid).collect()
    };
    for within in [Vec::new(), no_groups()] {
        bench.within = within;
        for (verb, bereft) in [("stop", None), ("clean", Some("outer")), ("stop", Some("inner"))] {
            succeed(bench.hand(&["start", "outer"]));
            until("the inner one runs", || bench.monitor("inner") == (0, 0, 0));
            // A start that still waits would end what a killed supervisor leaves.
            until("its start has ended", || {
                words_of(bench.pid("outer", "job")).first().is_some_and(|w| w == b"sleep")
            });
            let before = (keepers(), bench.pid("inner", "a"));
            assert_eq!(before.0.len(), 1);
            if let Some(site) = bereft {
                signal(bench.pid(site, "supervisor"), Signal::KILL);
            }
            succeed(bench.hand(&[verb, "outer"]));
            assert_eq!(bench.living("outer"), "");
            assert_eq!((keepers(), bench.pid("inner", "a")), before, "{verb} {bereft:?}");
            succeed(bench.hand(&["stop", "inner"]));
            assert_eq!(keepers(), []);
        }
    }
}

struct Other(Child);

impl Other {
    fn new(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> Pid {
        Pid::try_from(self.0.id().cast_signed()).unwrap()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn a_reader_of_a_lock_file_does_not_hold_the_lock() {
    let site = Site::new("exec 'sleep', '1000';\n");
    for supervised in [true, false] {
        site.start(1);
        let mut readers = Vec::new();
        for path in [site.places().process_lock("a"), site.places().process_locks()] {
            let mut reader = Command::new("sleep");
            reader.arg("1000").stdin(File::open(path).unwrap());
            readers.push(Other::new(reader));
        }
        if !supervised {
            site.kill_supervisor();
            let seen = said(&output(site.bench.hand(&["status", SITE])));
            assert!(seen.contains("unsupervised"), "{seen}");
            for reader in &readers {
                assert!(!seen.contains(&reader.pid().to_string()), "{seen}");
            }
        }
        succeed(site.bench.hand(&["stop", SITE]));
        site.is_over();
        assert!(readers.iter_mut().all(Other::lives), "whoever reads is none of the site's");
    }
}

fn sleeper(mark: &str) -> Command {
    let mut sleeper = Command::new("sleep");
    sleeper.arg("1000").env(MARK, mark).uid(NOBODY).gid(NOBODY);
    sleeper
}

fn a_stranger_is_left_alone() {
    let site = Site::new("exec 'sleep', '1000';\n");
    let runtime = site.places().runtime.display().to_string();
    let mut strangers: Vec<Other> = ["a", "b", SUPERVISOR, LEASE]
        .iter()
        .map(|name| Other::new(sleeper(&format!("{runtime}:{name}"))))
        .collect();
    // A process that guesses the token.
    let mut guesses = sleeper(&format!("{runtime}:a"));
    guesses.env(Token::VARIABLE, "0".repeat(32));
    strangers.push(Other::new(guesses));
    let explained = |site: &Site| said(&output(site.bench.hand(&["status", SITE, "--explain"])));
    assert_eq!(site.bench.monitor(SITE), (7, 7, 3), "where the site never ran");
    succeed(site.bench.hand(&["stop", SITE]));
    for round in 0..2 {
        site.start(1);
        let words = explained(&site);
        for stranger in &strangers {
            let named = format!(
                "process {} (sleep 1000) of user nobody has this site's mark but does not belong \
                 to it: it is left alone",
                stranger.pid()
            );
            assert!(words.contains(&named), "{named}: {words}");
        }
        let own = format!("process {} ", site.bench.pid(SITE, "a"));
        assert!(!words.contains(&own), "{words}");
        if round == 1 {
            site.kill_supervisor();
            let seen = said(&output(site.bench.hand(&["status", SITE])));
            for stranger in &strangers {
                assert!(!seen.contains(&stranger.pid().to_string()), "{seen}");
            }
        }
        succeed(site.bench.hand(&["stop", SITE]));
        site.is_over();
    }
    succeed(site.bench.hand(&["clean", SITE]));
    assert!(strangers.iter_mut().all(Other::lives));
}

/// Starts processes with the site's mark again and again. Each ignores TERM and ends by itself.
fn start_again_and_again(mark: &str) -> Command {
    let mut shell = Command::new("sh");
    let script = format!(
        "while :; do for i in 1 2 3; do {MARK}={mark} sh -c 'trap \"\" TERM; sleep 0.2; :' & done; \
         wait; done"
    );
    shell.args(["-c", &script]);
    shell
}

fn strangers_that_come_again() {
    let site = Site::new("exec 'sleep', '1000';\n");
    let mut loops = start_again_and_again(&format!("{}:a", site.places().runtime.display()));
    let mut stranger = Other::new({
        loops.uid(NOBODY).gid(NOBODY);
        loops
    });
    assert_eq!(site.bench.monitor(SITE), (7, 7, 3));
    for verb in ["stop", "clean"] {
        succeed(site.bench.hand(&[verb, SITE]));
        site.start(1);
        site.kill_supervisor();
        succeed(site.bench.hand(&[verb, SITE]));
        site.is_over();
    }
    assert!(stranger.lives());
}

fn members_that_come_again() {
    let site = Site::new("exec 'sleep', '1000';\n");
    site.start(1);
    site.kill_supervisor();
    // The processes run as root, so their environment is believed, which is their only mark. Four loops
    // run, so that one of them lives at any time.
    let over = site.bench.path("over");
    let script = format!(
        "for i in 1 2 3 4; do until [ -e {} ]; do {MARK}={}:a sh -c 'trap \"\" TERM; sleep 0.2; :'; \
         done & done; wait",
        over.display(),
        site.places().runtime.display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]);
    let _loops = Other::new(shell);
    until("it has begun", || site.bench.living(SITE).contains("sleep 0.2"));
    let begun = Instant::now();
    let failed = output(site.bench.hand(&["stop", SITE, "--timeout", "4s"]));
    let (took, words) = (begun.elapsed(), said(&failed));
    fs::write(over, "").unwrap();
    assert_eq!(failed.status.code(), Some(1), "{words}");
    assert!(words.contains("is not stopped") && words.contains("nobody watches"), "{words}");
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(8), "{took:?}: {words}");
    until("the last ones are gone", || site.bench.living(SITE).is_empty());
    succeed(site.bench.hand(&["stop", SITE]));
    site.is_over();
}

/// A process with no mark but its environment: no group, record, lock, session or parent.
const BARE: &str = "use POSIX; POSIX::close($_) for 3..120;\n\
    if (fork() == 0) { setsid(); exec 'sleep', '1000'; }\n\
    exec 'sleep', '1000';\n";

fn the_token_proves() {
    let mut site = Site::new(BARE);
    site.bench.within = no_groups();
    for token in ["there", "lost", "another"] {
        let living = site.start(2);
        let supervisor = site.bench.pid(SITE, "supervisor");
        let main = site.bench.pid(SITE, "a");
        let bare = *living.iter().find(|pid| **pid != main).unwrap();
        signal(supervisor, Signal::KILL);
        signal(main, Signal::KILL);
        until("one is left", || site.living() == [bare]);
        fs::remove_file(site.places().record()).unwrap();
        match token {
            "lost" => fs::remove_file(site.places().token()).unwrap(),
            "another" => fs::write(site.places().token(), "0".repeat(32)).unwrap(),
            _ => {}
        }
        if token == "another" {
            // Its environment may be forged.
            assert_eq!(site.bench.monitor(SITE), (7, 7, 3));
            let explained = said(&output(site.bench.hand(&["status", SITE, "--explain"])));
            assert!(explained.contains(&format!("process {bare} ")), "{explained}");
            signal(bare, Signal::KILL);
            until("it is gone", || site.living().is_empty());
        } else {
            assert_eq!(site.bench.monitor(SITE), (1, 1, 1), "{token}");
            succeed(site.bench.hand(&["stop", SITE]));
        }
        site.is_over();
    }
}

fn token_of(site: &Site) -> String {
    fs::read_to_string(site.places().token()).unwrap().trim().to_owned()
}

fn the_token_is_written_nowhere_else() {
    let site = Site::new("exec 'sleep', '1000';\n");
    site.start(1);
    let token = token_of(&site);
    assert_eq!(token.len(), 32);
    let mode = fs::metadata(site.places().token()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let environ = fs::read(format!("/proc/{}/environ", site.bench.pid(SITE, "a"))).unwrap();
    let entry = format!("{}={token}", Token::VARIABLE);
    assert!(String::from_utf8_lossy(&environ).contains(&entry), "its process has it");
    let mut told = String::new();
    for words in [&["status", SITE, "--explain"][..], &["status", SITE], &["monitor", "-v", SITE]] {
        told += &said(&output(site.bench.hand(words)));
    }
    site.kill_supervisor();
    told += &said(&output(site.bench.hand(&["status", SITE, "--explain"])));
    told += &succeed(site.bench.hand(&["adopt", SITE, "-v"]));
    told += &succeed(site.bench.hand(&["stop", SITE, "-v"]));
    assert!(!told.contains(&token), "{told}");
    fs::remove_file(site.places().token()).unwrap();
    let found =
        Command::new("grep").args(["-rl", &token]).arg(site.bench.path("")).output().unwrap();
    assert_eq!(said(&found), "", "no other file of ours has it");
}

fn the_token_is_restored() {
    let site = Site::new("exec 'sleep', '1000';\n");
    site.start(1);
    let token = token_of(&site);
    fs::remove_file(site.places().token()).unwrap();
    until("it is put back", || exists(&site.places().token()));
    assert_eq!(token_of(&site), token);
    // It may also be restored while the folder is removed.
    let _ = fs::remove_dir_all(site.places().runtime);
    until("it is put back", || exists(&site.places().token()));
    assert_eq!(token_of(&site), token);
    until("the site is seen", || site.bench.monitor(SITE) == (0, 0, 0));
    succeed(site.bench.hand(&["stop", SITE]));
    site.is_over();
}

fn a_child_with_a_daemons_name() {
    // By title, by the name of the program, and by both; the last one as root.
    let folder = tempfile::Builder::new().prefix("siteward-test-").tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("corosync");
    fs::copy("/bin/sleep", &copy).unwrap();
    let titled = "if (fork() == 0) { $0 = 'sbd'; $SIG{TERM} = 'IGNORE'; sleep 1 while 1; }\n";
    let copied = format!("if (fork() == 0) {{ exec '{}', '1000'; }}\n", copy.display());
    let called = "if (fork() == 0) { exec {'/bin/sleep'} 'pacemakerd', '1000'; }\n";
    let script = format!("{titled}{copied}{called}sleep 1 while 1;\n");
    for user in ["nobody", "root"] {
        let site = Site::new(&script);
        let file = site.bench.places.config.join(format!("{SITE}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("user: nobody", &format!("user: {user}"))).unwrap();
        for verb in ["stop", "clean", "bereft"] {
            succeed(site.bench.hand(&["start", SITE]));
            let words = |pid: Pid| words_of(pid).into_iter().next().unwrap_or_default();
            let is_there = |name: &[u8]| site.living().into_iter().any(|pid| words(pid) == name);
            until("all of them run", || {
                is_there(b"sbd")
                    && is_there(copy.as_os_str().as_encoded_bytes())
                    && is_there(b"pacemakerd")
            });
            if verb == "bereft" {
                site.kill_supervisor();
            }
            let verb = if verb == "bereft" { "stop" } else { verb };
            succeed(site.bench.hand(&[verb, SITE]));
            site.is_over();
        }
    }
}

fn an_inherited_lock_is_not_writable() {
    // The inherited descriptors begin at 100.
    let script = "use POSIX; $| = 1;\n\
        for my $n (100..102) {\n\
          next unless -e \"/proc/self/fd/$n\";\n\
          print \"WROTE $n\\n\" if POSIX::write($n, 'x', 1);\n\
          print \"OPENED $n\\n\" if defined POSIX::open(\"/proc/self/fd/$n\", O_WRONLY);\n\
          print \"TRIED $n\\n\";\n\
        }\n\
        print \"DONE\\n\";\n\
        exec 'sleep', '1000';\n";
    let site = Site::new(script);
    site.start(1);
    until("it has tried", || site.bench.log(SITE, "a.log").contains("DONE"));
    let log = site.bench.log(SITE, "a.log");
    assert!(log.contains("TRIED 100"), "{log}");
    assert!(!log.contains("WROTE") && !log.contains("OPENED"), "{log}");
    let lock = site.places().process_lock("a");
    assert_eq!(fs::metadata(&lock).unwrap().len(), 0);
    assert!(siteward::linux::lock::is_held(&lock).unwrap());
    succeed(site.bench.hand(&["stop", SITE]));
    site.is_over();
}

fn a_forged_mark_on_the_disk() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    fs::create_dir(&disk).unwrap();
    bench.define(
        SITE,
        &format!(
            "database: {}\nprerequisites: {{mounted: false}}\nholders: kill\nprocesses: {{a: \
             {{command: [ACT, steady]}}}}\n",
            disk.display()
        ),
    );
    succeed(bench.hand(&["start", SITE]));
    let mut holder = Command::new("sleep");
    holder.arg("1000").env(MARK, "/x:y").current_dir(&disk);
    let mut holder = Other::new(holder);
    succeed(bench.hand(&["stop", SITE]));
    until("it is ended", || !holder.lives());
}

/// The kernel shows no path longer than a page, and any user can create one.
fn a_path_that_is_too_long() {
    let site = Site::new("exec 'sleep', '1000';\n");
    let deep = site.bench.path("deep");
    fs::create_dir(&deep).unwrap();
    std::os::unix::fs::chown(&deep, Some(NOBODY), None).unwrap();
    let script = "import os, sys, time\n\
        os.chdir(sys.argv[1])\n\
        for i in range(25): os.mkdir('x' * 200); os.chdir('x' * 200)\n\
        held = open('held', 'w')\n\
        open(sys.argv[1] + '/done', 'w')\n\
        time.sleep(1000)\n";
    let mut stranger = Command::new("python3");
    stranger.args(["-c", script]).arg(&deep).uid(NOBODY).gid(NOBODY);
    let mut stranger = Other::new(stranger);
    until("it has such a file open", || exists(&deep.join("done")));
    assert_eq!(site.bench.monitor(SITE), (7, 7, 3));
    for bereft in [false, true] {
        site.start(1);
        if bereft {
            site.kill_supervisor();
            assert_eq!(site.bench.monitor(SITE), (1, 1, 1));
        }
        succeed(site.bench.hand(&["stop", SITE]));
        site.is_over();
    }
    assert!(stranger.lives());
}

/// Makes one system call fail always, by its number on x86_64 (seccomp(2)).
fn without(call: u32, errno: u32) -> Vec<String> {
    let script = format!(
        "import ctypes, os, struct, sys\n\
         def op(code, jt, jf, k): return struct.pack('HBBI', code, jt, jf, k)\n\
         program = op(0x20,0,0,0) + op(0x15,0,1,{call}) + op(0x06,0,0,0x00050000|{errno}) \\\n    \
             + op(0x06,0,0,0x7fff0000)\n\
         class Program(ctypes.Structure): _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_char_p)]\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         zero = ctypes.c_ulong(0)\n\
         if libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) \\\n   \
            or libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(Program(4, program)), zero, zero): \\\n    \
             raise OSError(ctypes.get_errno(), 'prctl')\n\
         os.execv(sys.argv[1], sys.argv[1:])\n"
    );
    vec!["/usr/bin/python3".to_owned(), "-c".to_owned(), script]
}

fn a_process_that_cannot_be_looked_at_is_unknown() {
    const GETDENTS64: u32 = 217;
    const READLINK: u32 = 89;
    let mut site = Site::new(BARE);
    site.start(2);
    site.kill_supervisor();
    let few = |n: u32| {
        let script = format!("ulimit -n {n}; exec \"$@\"");
        ["sh", "-c", &script, "-"].map(str::to_owned).to_vec()
    };
    let mut ways = vec![few(4)];
    if cfg!(target_arch = "x86_64") {
        for errno in [5, 12, 23, 4] {
            ways.push(without(GETDENTS64, errno));
        }
        // Descriptors, namespaces and programs in /proc.
        ways.push(without(READLINK, 12));
    }
    for way in ways {
        site.bench.within = way.clone();
        assert_eq!(site.bench.monitor(SITE), (1, 1, 4), "{way:?}");
        let seen = said(&output(site.bench.hand(&["status", SITE])));
        assert!(seen.contains("unknown") && seen.contains("cannot be"), "{way:?}: {seen}");
        let stopped = output(site.bench.hand(&["stop", SITE, "--timeout", "3s"]));
        let words = said(&stopped);
        assert_eq!(stopped.status.code(), Some(1), "{way:?}: {words}");
        site.bench.within = Vec::new();
    }
    // Processes of the site that still live are ended as soon as they can be looked at.
    succeed(site.bench.hand(&["stop", SITE]));
    site.is_over();
    // A lock that cannot be checked does not count as free.
    let odd = site.places().process_locks().join("odd");
    std::os::unix::fs::symlink("/etc/passwd", &odd).unwrap();
    assert_eq!(site.bench.monitor(SITE), (1, 1, 4));
    let seen = said(&output(site.bench.hand(&["status", SITE])));
    assert!(seen.contains(&format!("the lock {} cannot be asked", odd.display())), "{seen}");
    fs::remove_file(&odd).unwrap();
    assert_eq!(site.bench.monitor(SITE), (7, 7, 3));
}
