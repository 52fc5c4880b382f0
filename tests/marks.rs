//! The marks of a site's processes, each taken away in turn; processes that must never be signalled; and
//! PIDs that are used again. Tests that need root are ignored for an ordinary user, with a notice, and
//! fail if `SITEWARD_TEST_ALL` is set.

mod common;

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use common::*;
use siteward::linux::pidfd;
use siteward::linux::process::{Stat, all, environment_value, working_folder};
use siteward::process::{Groups, MARK};
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";

fn main() -> ExitCode {
    live_through(
        missing_root(),
        true,
        &[
            ("a_life_with_every_mark", with_every_mark),
            ("a_life_without_control_groups", without_control_groups),
            ("a_life_without_signals_to_process_groups", without_group_signals),
            ("a_life_with_an_environment_that_cannot_be_read", without_environment),
            ("a_life_without_inherited_locks", without_locks),
            ("a_life_without_a_record", without_a_record),
            ("a_life_with_nothing_but_the_lock", with_nothing_but_the_lock),
            ("a_life_with_nothing_but_the_environment", with_nothing_but_the_environment),
            ("a_life_with_nothing_but_the_session", with_nothing_but_the_session),
            ("three_hundred_that_escape_without_control_groups", three_hundred_without_groups),
            (
                "a_process_that_forks_all_the_time_is_found",
                a_process_that_forks_all_the_time_is_found,
            ),
            ("a_login_shell_and_a_cluster_manager_are_spared", protected_processes_are_spared),
            ("a_pid_that_is_used_again", a_pid_that_is_used_again),
            (
                "a_process_that_cannot_die_is_named_and_the_stop_fails",
                a_process_that_cannot_die_is_named,
            ),
            ("an_unmount_right_after_a_stop_works", an_unmount_right_after_a_stop_works),
            ("marks_and_proof_are_explained", marks_and_proof_are_explained),
        ],
    )
}

// --- a life -------------------------------------------------------------------------------------

/// Ignores TERM, and has a grandchild in another session that ignores it too.
const ESCAPES: &str = "\
    use POSIX;\n\
    DISGUISE\n\
    $SIG{TERM} = 'IGNORE';\n\
    if (fork() == 0) { setsid(); exit 0 if fork() != 0; sleep 1 while 1; }\n\
    sleep 1 while 1;\n";

/// As [`ESCAPES`], but the grandchild stays in the session of the main process.
const STAYS: &str = "\
    use POSIX;\n\
    DISGUISE\n\
    $SIG{TERM} = 'IGNORE';\n\
    if (fork() == 0) { exit 0 if fork() != 0; sleep 1 while 1; }\n\
    sleep 1 while 1;\n";

/// Perl writes its title over its arguments and the environment that follows them in memory.
const WITHOUT_ENVIRONMENT: &str = "$0 = 'x' x 20000;";

/// The inherited descriptors begin at 100.
const WITHOUT_LOCKS: &str = "POSIX::close($_) for 3..120;";

struct Life {
    bench: Bench,
    /// The working folder of all its processes, by which the test finds them without any mark.
    folder: std::path::PathBuf,
    has_record: bool,
}

impl Life {
    fn new(disguise: &str) -> Self {
        Self::of(ESCAPES, disguise)
    }

    fn of(script: &str, disguise: &str) -> Self {
        let bench = Bench::new();
        let folder = bench.path("work");
        fs::create_dir(&folder).unwrap();
        let script = script.replace("DISGUISE", disguise);
        let file = bench.path("flees.pl");
        fs::write(&file, script).unwrap();
        bench.define(
            SITE,
            &format!(
                "working_directory: {}\nforcekill_time: 200ms\nprocesses:\n  \
                 a: {{command: [/usr/bin/perl, {}], stop_grace_period: 100ms}}\n",
                folder.display(),
                file.display()
            ),
        );
        Self { bench, folder, has_record: true }
    }

    fn within(mut self, words: Vec<String>) -> Self {
        self.bench.within = words;
        self
    }

    fn living(&self) -> Vec<Pid> {
        let here = |pid: Pid| working_folder(pid).is_some_and(|f| f == self.folder);
        let stats = all().unwrap().into_iter().filter(|s| s.is_alive() && here(s.pid));
        stats.map(|s| s.pid).collect()
    }

    /// Two processes: the main process, and the grandchild in another session.
    fn start(&self) -> Vec<Pid> {
        succeed(self.bench.hand(&["start", SITE]));
        // The child between them ends.
        until("one has fled", || {
            let living = self.living();
            living.len() == 2 && living.iter().all(|pid| words_of(*pid) != [b""])
        });
        self.living()
    }

    fn is_over(&self) {
        assert_eq!(self.living(), []);
        assert_eq!(self.bench.monitor(SITE), (7, 7, 3));
    }

    /// Kills the supervisor and the main process, so that the grandchild has no living relative.
    fn kill_supervisor_and_main(&self) {
        let (supervisor, main) = (self.bench.pid(SITE, "supervisor"), self.bench.pid(SITE, "a"));
        signal(supervisor, Signal::KILL);
        signal(main, Signal::KILL);
        if !self.has_record {
            fs::remove_file(self.bench.places.of(&SITE.parse().unwrap()).record()).unwrap();
        }
        until("one is left", || self.living().len() == 1);
        until("it is seen", || self.bench.monitor(SITE) == (1, 1, 1));
    }

    fn live(&self) {
        self.start();
        succeed(self.bench.hand(&["stop", SITE]));
        self.is_over();

        self.start();
        self.kill_supervisor_and_main();
        succeed(self.bench.hand(&["stop", SITE]));
        self.is_over();

        self.start();
        self.kill_supervisor_and_main();
        let again = self.start();
        assert_eq!(again.len(), 2, "what was left is ended by the next start");
        succeed(self.bench.hand(&["clean", SITE]));
        self.is_over();

        let before = self.start();
        signal(self.bench.pid(SITE, "supervisor"), Signal::KILL);
        until("that is seen", || self.bench.monitor(SITE) == (1, 1, 1));
        succeed(self.bench.hand(&["adopt", SITE]));
        assert_eq!(self.living(), before);
        assert_eq!(self.bench.monitor(SITE), (0, 0, 0));
        succeed(self.bench.hand(&["stop", SITE]));
        self.is_over();
    }
}

fn with_every_mark() {
    Life::new("").live();
}

fn without_control_groups() {
    Life::new("").within(no_groups()).live();
}

/// Makes pidfd_send_signal(2) with any flag fail as an older kernel does (seccomp(2)).
const NO_GROUP_SIGNALS: &str = "\
import ctypes, os, struct, sys\n\
def op(code, jt, jf, k): return struct.pack('HBBI', code, jt, jf, k)\n\
program = op(0x20,0,0,0) + op(0x15,0,3,424) + op(0x20,0,0,40) + op(0x15,1,0,0) \\\n\
    + op(0x06,0,0,0x00050016) + op(0x06,0,0,0x7fff0000)\n\
class Program(ctypes.Structure): _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_char_p)]\n\
libc = ctypes.CDLL(None, use_errno=True)\n\
zero = ctypes.c_ulong(0)\n\
if libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) \\\n\
   or libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(Program(6, program)), zero, zero): \\\n\
    raise OSError(ctypes.get_errno(), 'prctl')\n\
os.execv(sys.argv[1], sys.argv[1:])\n";

fn no_group_signals() -> Vec<String> {
    ["/usr/bin/python3", "-c", NO_GROUP_SIGNALS].map(str::to_owned).to_vec()
}

fn without_group_signals() {
    let life = Life::new("").within(no_group_signals());
    if pidfd::signals_groups() {
        let explained = said(&output(life.bench.hand(&["status", SITE, "--explain"])));
        assert!(explained.contains("one by one"), "the kernel refuses: {explained}");
    }
    life.live();
    // Without control groups too, so that the processes can only be ended one by one.
    let both = no_groups().into_iter().chain(no_group_signals()).collect();
    life.within(both).live();
}

fn without_environment() {
    let life = Life::new(WITHOUT_ENVIRONMENT);
    for pid in life.start() {
        let stat = Stat::of(pid).unwrap();
        assert_eq!(environment_value(&stat, MARK), Ok(None), "it has overwritten its environment");
    }
    succeed(life.bench.hand(&["stop", SITE]));
    life.live();
    life.within(no_groups()).live();
}

fn without_locks() {
    Life::new(WITHOUT_LOCKS).live();
    Life::new(WITHOUT_LOCKS).within(no_groups()).live();
}

fn without_a_record() {
    let mut life = Life::new("");
    life.has_record = false;
    life.live();
}

fn with_nothing_but_the_lock() {
    let mut life = Life::new(WITHOUT_ENVIRONMENT).within(no_groups());
    life.has_record = false;
    life.live();
}

fn with_nothing_but_the_environment() {
    let mut life = Life::new(WITHOUT_LOCKS).within(no_groups());
    life.has_record = false;
    life.live();
}

fn with_nothing_but_the_session() {
    let disguise = format!("{WITHOUT_LOCKS} {WITHOUT_ENVIRONMENT}");
    let life = Life::of(STAYS, &disguise).within(no_groups());
    // It counts as long as its leader lives: afterwards the number could be another session's.
    for verbs in [&["stop"][..], &["clean"], &["adopt", "stop"], &["start", "stop"]] {
        life.start();
        signal(life.bench.pid(SITE, "supervisor"), Signal::KILL);
        until("it is seen", || life.bench.monitor(SITE) == (1, 1, 1));
        for verb in verbs {
            succeed(life.bench.hand(&[verb, SITE]));
        }
        life.is_over();
    }
}

// --- many ---------------------------------------------------------------------------------------

/// Forks, changes session, ignores TERM, and forks again while it is killed.
const MANY: &str = "\
    use POSIX;\n\
    $SIG{TERM} = 'IGNORE'; $SIG{CHLD} = 'IGNORE';\n\
    for (1..300) {\n\
      if (fork() == 0) {\n\
        setsid(); exit 0 if fork() != 0;\n\
        while (1) { sleep 1; if (fork() == 0) { setsid(); select(undef, undef, undef, 0.2); exit 0; } }\n\
      }\n\
    }\n\
    sleep 1 while 1;\n";

fn three_hundred_without_groups() {
    let mut life = Life::new("").within(no_groups());
    fs::write(life.bench.path("flees.pl"), MANY).unwrap();
    for has_record in [true, false] {
        life.has_record = has_record;
        succeed(life.bench.hand(&["start", SITE]));
        until("all of them have fled", || life.living().len() >= 301);
        if !has_record {
            signal(life.bench.pid(SITE, "supervisor"), Signal::KILL);
            fs::remove_file(life.bench.places.of(&SITE.parse().unwrap()).record()).unwrap();
        }
        let begun = Instant::now();
        succeed(life.bench.hand(&["clean", SITE]));
        println!(
            "without a control group, 300 processes that flee were ended, and that was proved, in {:?}",
            begun.elapsed()
        );
        life.is_over();
    }
}

/// Forks again and again while each parent ends at once, so that a walk of /proc can miss it. Only its
/// environment shows that it belongs to the site.
const RELAY: &str = "\
    use POSIX; use Time::HiRes 'usleep';\n\
    $SIG{TERM} = 'IGNORE'; $SIG{CHLD} = 'IGNORE';\n\
    if (fork() == 0) {\n\
      setsid(); POSIX::_exit(0) if fork() != 0;\n\
      POSIX::close($_) for 3..120;\n\
      open(my $held, '>', 'held') or die;\n\
      until (-e 'over' || !-e 'held') { usleep(1500); POSIX::_exit(0) if fork(); }\n\
      POSIX::_exit(0);\n\
    }\n\
    sleep 1 while 1;\n";

fn a_process_that_forks_all_the_time_is_found() {
    let mut life = Life::new("").within(no_groups());
    life.has_record = false;
    fs::write(life.bench.path("flees.pl"), RELAY).unwrap();
    let pipe = life.folder.join("held");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut held = fs::File::options()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(&pipe)
        .unwrap();
    // The proof does not depend on /proc: the pipe ends when no process has it open.
    let mut is_held = || held.read(&mut [0]).is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
    succeed(life.bench.hand(&["start", SITE]));
    until("it relays", &mut is_held);
    let (supervisor, main) = (life.bench.pid(SITE, "supervisor"), life.bench.pid(SITE, "a"));
    signal(supervisor, Signal::KILL);
    signal(main, Signal::KILL);
    fs::remove_file(life.bench.places.of(&SITE.parse().unwrap()).record()).unwrap();
    for _ in 0..20 {
        assert_eq!(life.bench.monitor(SITE), (1, 1, 1));
    }
    let stopped = output(life.bench.hand(&["stop", SITE, "--timeout", "5s"]));
    let words = said(&stopped);
    match stopped.status.code() {
        Some(0) => assert!(!is_held(), "{words}"),
        code => assert!(code == Some(1) && words.contains("is not stopped"), "{words}"),
    }
    fs::write(life.folder.join("over"), "").unwrap();
    until("it has ended", || !is_held());
    succeed(life.bench.hand(&["stop", SITE]));
    life.is_over();
}

// --- protected processes ------------------------------------------------------------------------

struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        // Processes in the terminal ignore SIGHUP if this test does, as under nohup(1).
        let within = all()
            .unwrap()
            .into_iter()
            .filter(|s| s.parent == Pid::try_from(self.0.id().cast_signed()).ok());
        for seen in within {
            signal(seen.pid, Signal::KILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn of_command(words: &[&str]) -> Option<Pid> {
    let is =
        |pid: Pid| words_of(pid).iter().map(Vec::as_slice).eq(words.iter().map(|w| w.as_bytes()));
    all().unwrap().into_iter().find(|s| s.is_alive() && is(s.pid)).map(|s| s.pid)
}

fn protected_processes_are_spared() {
    let bench = Bench::new();
    // A terminal that does not belong to the site.
    let tty = bench.path("tty");
    let keep = format!("tty >{0}.new; mv {0}.new {0}; exec sleep 98763", tty.display());
    let terminal = Command::new("script")
        .args(["-qfc", &keep, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _terminal = Terminal(terminal);
    until("there is a terminal", || exists(&tty));
    let tty = fs::read_to_string(tty).unwrap();
    // In a folder that only root can write to, like the cluster manager's own programs.
    let system = tempfile::Builder::new().prefix("siteward-test-").tempdir_in("/opt").unwrap();
    fs::set_permissions(system.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let pacemakerd = system.path().join("pacemakerd");
    fs::copy("/bin/bash", &pacemakerd).unwrap();
    let job = format!(
        "setsid -f {} -c 'sleep 98761 & wait' </dev/null >/dev/null 2>&1\n\
         setsid --fork --ctty su root --session-command 'sleep 98762; true' \
         <>{} >/dev/null 2>&1\n\
         setsid -f sleep 98764\nexec sleep 98765",
        pacemakerd.display(),
        tty.trim()
    );
    let file = bench.path("job");
    fs::write(&file, job).unwrap();
    bench.define(
        SITE,
        &format!("processes:\n  job: {{command: [/bin/bash, {}]}}\n", file.display()),
    );
    let left = |number: &str| of_command(&["sleep", number]);
    let verbs: [&[&str]; 3] = [&["stop", SITE], &["clean", SITE], &["stop", SITE]];
    for (round, verb) in verbs.into_iter().enumerate() {
        succeed(bench.hand(&["start", SITE]));
        until("all of them run", || {
            ["98761", "98762", "98764", "98765"].iter().all(|n| left(n).is_some())
        });
        if round == 2 {
            signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        }
        let (daemon, shell) = (left("98761").unwrap(), left("98762").unwrap());
        let refused = output(bench.hand(verb));
        let words = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{words}");
        assert!(words.contains("a cluster manager's daemon"), "{words}");
        assert!(words.contains("a login shell"), "{words}");
        assert_eq!((left("98761"), left("98762")), (Some(daemon), Some(shell)));
        assert_eq!((left("98764"), left("98765")), (None, None), "the rest is ended");
        assert_eq!(bench.monitor(SITE), (1, 1, 1), "and the site is not said to be stopped");
        // The person ends the processes that the stop spared.
        for pid in [daemon, shell] {
            let above = all().unwrap().into_iter().find(|s| s.pid == pid).unwrap().parent.unwrap();
            for one in [above, pid] {
                // The second may end with the first.
                signal_if_there(one, Signal::KILL);
            }
        }
        until("they are gone", || bench.living(SITE).is_empty());
        succeed(bench.hand(&["stop", SITE]));
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
    }
}

// --- PIDs that are used again -------------------------------------------------------------------

/// In a PID namespace of its own, where the next number can be chosen (`ns_last_pid` of proc(5)).
const REUSE: &str = r#"
set -u
fail() { echo "FAILED: $*"; exit 1; }
json() { python3 -c "import json,sys; r=json.load(open('$RECORD')); print($1)"; }
gone() { for i in $(seq 500); do [ -e "/proc/$1" ] || return 0; sleep 0.01; done; fail "$1 does not go"; }
# A stranger with that number.
stranger() {
	for i in $(seq 200); do
		echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
		sleep 54321 & pid=$!
		[ "$pid" = "$1" ] && return 0
		kill -9 $pid; wait $pid 2>/dev/null
	done
	fail "no stranger got the number $1"
}
for part in process supervisor both; do
	"$SITEWARD" start shop || fail "start"
	process=$(json "r['processes'][0]['identity']['pid']")
	supervisor=$(json "r['supervisor']['pid']")
	kill -9 "$supervisor" "$process"
	gone "$supervisor"; gone "$process"
	strangers=
	if [ $part != supervisor ]; then stranger "$process"; strangers="$strangers $pid"; fi
	if [ $part != process ]; then stranger "$supervisor"; strangers="$strangers $pid"; fi
	"$SITEWARD" status shop; code=$?
	[ $code = 3 ] || fail "with a stranger as $part, status says $code"
	"$SITEWARD" adopt shop && fail "a stranger is adopted as $part"
	"$SITEWARD" stop shop || fail "stop"
	"$SITEWARD" clean shop || fail "clean"
	"$SITEWARD" start shop || fail "start beside the stranger"
	"$SITEWARD" stop shop || fail "stop beside the stranger"
	for one in $strangers; do
		kill -0 "$one" || fail "a stranger as $part was signalled"
		kill -9 "$one"; wait "$one" 2>/dev/null
	done
done
# A session whose leader is a stranger's, and a main process that is adopted and dies: its number
# goes to a stranger before the site is stopped.
"$SITEWARD" start shop || fail "start"
kill -9 "$(json "r['supervisor']['pid']")"
"$SITEWARD" adopt shop || fail "adopt"
process=$(json "r['processes'][0]['identity']['pid']")
supervisor=$(json "r['supervisor']['pid']")
kill -STOP "$supervisor"
kill -9 "$process"; gone "$process"
stranger "$process"
kill -CONT "$supervisor"
for i in $(seq 500); do "$SITEWARD" status shop >/dev/null || break; sleep 0.01; done
"$SITEWARD" status shop && fail "the death of an adopted process is not seen"
"$SITEWARD" stop shop || fail "stop"
kill -0 "$pid" || fail "the stranger was signalled"
echo "ALL IS WELL"
"#;

fn a_pid_that_is_used_again() {
    let bench = Bench::new();
    bench.define(SITE, "processes:\n  a: {command: [ACT, steady]}\n");
    let record = bench.places.of(&SITE.parse().unwrap()).record();
    let tried = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", REUSE])
        .env("SITEWARD", SITEWARD)
        .env("RECORD", record)
        .env("SITEWARD_CONFIG_DIR", &bench.places.config)
        .env("SITEWARD_RUNTIME_DIR", &bench.places.runtime)
        .env("SITEWARD_LOG_DIR", &bench.places.logs)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = said(&tried);
    assert!(tried.status.success() && words.contains("ALL IS WELL"), "{words}");
    // The node is gone, and the site with it.
    let _ = fs::remove_dir_all(&bench.places.runtime);
}

// --- processes that cannot die ------------------------------------------------------------------

/// A group of the freezer of control groups version 1: its processes wait uninterruptibly, even for KILL.
struct Freezer(std::path::PathBuf);

impl Freezer {
    fn new() -> Option<Self> {
        let group = std::path::Path::new("/sys/fs/cgroup/freezer");
        let group = group.join(format!("siteward-test-{}", std::process::id()));
        (group.parent()?.join("cgroup.procs").exists() && fs::create_dir(&group).is_ok())
            .then_some(Self(group))
    }

    fn freeze(&self, pid: Pid) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
        fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
        let state = || fs::read_to_string(self.0.join("freezer.state")).unwrap();
        until("it is frozen", || state().trim() == "FROZEN");
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.thaw();
        let empty = || fs::read_to_string(self.0.join("cgroup.procs")).unwrap().is_empty();
        until("nothing is in it", empty);
        fs::remove_dir(&self.0).unwrap();
    }
}

fn a_process_that_cannot_die_is_named() {
    let Some(freezer) = Freezer::new() else {
        return eprintln!(
            "\n*** LEFT OUT: a process that cannot be killed. Missing: the freezer of control groups, \
             version 1, at /sys/fs/cgroup/freezer ***\n"
        );
    };
    let bench = Bench::new();
    bench.define(
        SITE,
        "stop_timeout: 1s\nforcekill_time: 200ms\nprocesses:\n  a: {command: [ACT, steady]}\n  \
         b: {command: [ACT, steady]}\n",
    );
    for with_supervisor in [true, false] {
        succeed(bench.hand(&["start", SITE]));
        let stuck = bench.pid(SITE, "a");
        freezer.freeze(stuck);
        if !with_supervisor {
            signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        }
        for verb in ["stop", "clean"] {
            let begun = Instant::now();
            let failed = output(bench.hand(&[verb, SITE, "--timeout", "4s"]));
            let words = said(&failed);
            assert_eq!(failed.status.code(), Some(1), "{verb}: {words}");
            assert!(begun.elapsed().as_secs() < 6, "{verb}: {:?}", begun.elapsed());
            for word in [&stuck.to_string(), "act steady", "old, which waits uninterruptibly in"] {
                assert!(words.contains(word), "{verb}: {word}: {words}");
            }
        }
        assert_ne!(bench.monitor(SITE).0, 7, "it is not said to be stopped");
        freezer.thaw();
        until("it dies of its KILL", || bench.living(SITE).is_empty());
        succeed(bench.hand(&["stop", SITE]));
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
    }
}

fn an_unmount_right_after_a_stop_works() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    fs::create_dir(&disk).unwrap();
    // It has its working folder, open and mapped files, and its program on the disk.
    let script = "exec 7>>open; (setsid ./program 1000 &) ; trap '' TERM; exec ./program 2000";
    bench.define(
        SITE,
        &format!(
            "database: {0}\nworking_directory: {0}\nstop_timeout: 1s\nforcekill_time: 100ms\n\
             processes:\n  a: {{command: [/bin/bash, -c, {script:?}]}}\n",
            disk.display()
        ),
    );
    let run = |program: &str, words: &[&str]| {
        let status = Command::new(program).args(words).arg(&disk).status().unwrap();
        assert!(status.success(), "{program} {words:?}");
    };
    for verb in ["stop", "clean", "stop"] {
        run("mount", &["-t", "tmpfs", "siteward-test"]);
        fs::copy("/bin/sleep", disk.join("program")).unwrap();
        succeed(bench.hand(&["start", SITE]));
        if verb == "clean" {
            signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        }
        succeed(bench.hand(&[verb, SITE]));
        run("umount", &[]);
    }
    // Another mount below the disk is named, and is not unmounted.
    run("mount", &["-t", "tmpfs", "siteward-test"]);
    fs::copy("/bin/sleep", disk.join("program")).unwrap();
    let below = disk.join("below");
    fs::create_dir(&below).unwrap();
    succeed(bench.hand(&["start", SITE]));
    let mounted = Command::new("mount").args(["-t", "tmpfs", "siteward-test"]).arg(&below).status();
    assert!(mounted.unwrap().success());
    let held = succeed(bench.hand(&["holders", SITE]));
    let stopped = succeed(bench.hand(&["stop", SITE]));
    assert!(Command::new("umount").arg(&below).status().unwrap().success());
    run("umount", &[]);
    for words in [held, stopped] {
        assert!(words.contains(&format!("mounted on {}", below.display())), "{words}");
    }
}

// --- messages -----------------------------------------------------------------------------------

fn marks_and_proof_are_explained() {
    let bench = Bench::new();
    bench.define(SITE, "processes:\n  a: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", SITE]));
    let explained = succeed(bench.hand(&["status", SITE, "--explain"]));
    for mark in
        ["cgroup", "session", "lock", "record", "environment", "descent", "no stop is on record"]
    {
        assert!(explained.contains(mark), "{mark}: {explained}");
    }
    succeed(bench.hand(&["stop", SITE]));
    let explained = said(&output(bench.hand(&["monitor", "-v", SITE])));
    let has_groups = Groups::of(&bench.places.of(&SITE.parse().unwrap()))
        .is_some_and(|groups| groups.describe().is_ok());
    let proof = "session, lock, record, environment, descent";
    let proof = if has_groups { format!("cgroup, {proof}") } else { proof.to_owned() };
    assert!(explained.contains(&format!("by a person, proved by: {proof}")), "{explained}");
    let stopped = said(&output(bench.hand(&["stop", SITE, "-v"])));
    assert!(stopped.contains(&format!("is proved by: {proof}")), "{stopped}");
    let mut blind = bench;
    blind.within = no_groups();
    let explained = said(&output(blind.hand(&["status", SITE, "--explain"])));
    assert!(explained.contains("not here: version 2 is not mounted"), "{explained}");
}
