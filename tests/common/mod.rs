//! A site of a test's own: folders that vanish, the built binary, and nothing left behind.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use siteward::linux::wait::Waiting;
use siteward::process::{Identity, Record, find_members};
use siteward::site::{Overrides, Places, SiteName};
use siteward::values::{Moment, Pid, Signal};

/// The program under test.
pub(crate) const SITEWARD: &str = env!("CARGO_BIN_EXE_siteward");

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Lives through tests for which a machine may lack something: they then count as ignored, which is
/// said loudly. `can_be_had`: what is missing can be got on any machine, so that it is a failure where
/// `SITEWARD_TEST_ALL` is set.
pub(crate) fn live_through(
    missing: Option<&str>,
    can_be_had: bool,
    tests: &[(&'static str, fn())],
) -> std::process::ExitCode {
    use libtest_mimic::{Arguments, Failed, Trial};
    match missing {
        Some(what) if can_be_had && leave_out(what) => return std::process::ExitCode::FAILURE,
        Some(what) if !can_be_had => say_left_out(what),
        Some(_) | None => {}
    }
    let trial = |(name, test): &(&'static str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
        })
        .with_ignored_flag(missing.is_some())
    };
    // Written before any test forks: a copy of a descriptor that writes to a program makes it busy.
    let folder = tempfile::Builder::new().prefix("siteward-program-").tempdir().unwrap();
    let program = folder.path().join("siteward");
    fs::copy(SITEWARD, &program).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let _ = PROGRAM.set(program);
    let conclusion = libtest_mimic::run(&Arguments::from_args(), tests.iter().map(trial).collect());
    missing.iter().for_each(|what| say_left_out(what));
    conclusion.exit_code()
}

fn say_left_out(what: &str) {
    eprintln!("\n*** LEFT OUT: {what} ***\n");
}

/// Says loudly what is left out, as this machine lacks something that can be got on any. True: everything was
/// demanded, so that it is a failure.
pub(crate) fn leave_out(what: &str) -> bool {
    say_left_out(what);
    let is_failure = std::env::var_os("SITEWARD_TEST_ALL").is_some();
    if is_failure {
        eprintln!("SITEWARD_TEST_ALL is set, so that is a failure.");
    }
    is_failure
}

static PROGRAM: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();

/// The program under test, where every user may execute it; within [`live_through`].
pub(crate) fn program_for_all() -> &'static Path {
    PROGRAM.get().expect("live_through has made it")
}

/// What is said where only root can try.
pub(crate) fn missing_root() -> Option<&'static str> {
    (!is_root()).then_some("what only root can try. Run the tests as root: sudo tests/run")
}

/// Folders of sites, of one test.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) places: Places,
    /// What every call is made by: words that end where the program's begin.
    pub(crate) within: Vec<String>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// In memory, as the runtime directory of a node is; where this machine has no such place, as [`Self::new`]. For a
    /// test that writes the record thousands of times.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::new() }
    }

    fn below(place: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("siteward-test-").tempdir_in(place).unwrap();
        let at = |name: &str| Some(folder.path().join(name));
        let places = Places::resolve(Overrides {
            config: at("sites"),
            runtime: at("run"),
            logs: at("log"),
            links: at("links"),
        })
        .unwrap();
        fs::create_dir(&places.config).unwrap();
        Self { folder, places, within: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// With a site that has a database in a folder of its own; its processes are given as lines of YAML.
    pub(crate) fn with_database(name: &str, head: &str, processes: &str) -> (Self, PathBuf) {
        let bench = Self::new();
        let database = bench.path("disk");
        fs::create_dir(&database).unwrap();
        bench.define_with_database(name, &database, head, processes);
        (bench, database)
    }

    pub(crate) fn define_with_database(
        &self,
        name: &str,
        database: &Path,
        head: &str,
        processes: &str,
    ) {
        let at = database.display();
        let head = format!("database: {at}\nprerequisites: {{mounted: false}}\n{head}");
        self.define(name, &format!("{head}processes:\n{processes}"));
    }

    /// Writes a definition: `version: 1`, quick timeouts, and what is given. `ACT` stands for the
    /// words that start one of the built-in actors.
    pub(crate) fn define(&self, name: &str, rest: &str) {
        let act = format!("\"{SITEWARD}\", act");
        let mut text = String::from("version: 1\n");
        for (key, value) in [
            ("boot_timeout", "10s"),
            ("stop_timeout", "10s"),
            ("forcekill_time", "500ms"),
            ("settle", "50ms"),
        ] {
            if !rest.contains(&format!("{key}:")) {
                text.push_str(&format!("{key}: {value}\n"));
            }
        }
        text.push_str(&rest.replace("ACT", &act));
        fs::write(self.places.config.join(format!("{name}.yaml")), text).unwrap();
    }

    fn command(&self) -> Command {
        let mut words = self.within.iter().map(String::as_str).chain([SITEWARD]);
        let mut command = Command::new(words.next().unwrap_or(SITEWARD));
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("SITEWARD_CONFIG_DIR", &self.places.config)
            .env("SITEWARD_RUNTIME_DIR", &self.places.runtime)
            .env("SITEWARD_LOG_DIR", &self.places.logs)
            .env("SITEWARD_LINK_DIR", &self.places.links)
            .stdin(Stdio::null());
        command
    }

    /// Called by a person.
    pub(crate) fn hand(&self, words: &[&str]) -> Command {
        let mut command = self.command();
        command.args(words);
        command
    }

    /// Called by Pacemaker.
    pub(crate) fn ocf(&self, site: &str, verb: &str, extra: &[(&str, &str)]) -> Command {
        let mut command = self.command();
        command
            .arg(verb)
            .env("OCF_ROOT", "/usr/lib/ocf")
            .env("OCF_RESOURCE_INSTANCE", format!("r-{site}"))
            .env("OCF_RESKEY_site", site)
            .env("OCF_RESKEY_CRM_meta_timeout", "30000")
            .env("OCF_RESKEY_monitor_wait", "0")
            .envs(extra.iter().copied());
        command
    }

    /// The exit codes of a monitor: a probe by Pacemaker, a recurring one, and a person's.
    pub(crate) fn monitor(&self, site: &str) -> (i32, i32, i32) {
        let short = ("OCF_RESKEY_CRM_meta_timeout", "3000");
        (
            code(self.ocf(site, "monitor", &[short])),
            code(self.ocf(site, "monitor", &[short, ("OCF_RESKEY_CRM_meta_interval", "10000")])),
            code(self.hand(&["status", site, "--timeout", "3s"])),
        )
    }

    /// The number of a process, or of the supervisor.
    pub(crate) fn pid(&self, site: &str, process: &str) -> Pid {
        self.pid_if_it_runs(site, process).unwrap_or_else(|| panic!("`{process}` does not run"))
    }

    /// The same, and nothing of a process between its death and its next start.
    pub(crate) fn pid_if_it_runs(&self, site: &str, process: &str) -> Option<Pid> {
        let record = self.record(site).expect("a record");
        if process == "supervisor" {
            return Some(record.supervisor.pid);
        }
        let found = record.processes.iter().find(|p| p.name == process);
        found.map(|p| p.identity.pid)
    }

    pub(crate) fn record(&self, site: &str) -> Option<Record> {
        let site: SiteName = site.parse().unwrap();
        Record::read(&self.places.of(&site)).unwrap()
    }

    /// What lives of a site, supervisor included, in words; empty: nothing.
    pub(crate) fn living(&self, site: &str) -> String {
        let places = self.places.of(&site.parse::<SiteName>().unwrap());
        let record = Record::read(&places).unwrap();
        let mut words = find_members(&places, record.as_ref()).unwrap().describe();
        if let Some(record) = record.filter(|r| r.supervisor.is_alive()) {
            words = format!("supervisor {}; {words}", record.supervisor.pid);
        }
        words
    }

    pub(crate) fn log(&self, site: &str, name: &str) -> String {
        fs::read_to_string(self.places.logs.join(site).join(name)).unwrap_or_default()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.places.runtime).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // No site is called so.
            if name.starts_with('.') {
                continue;
            }
            let _ = self.hand(&["clean", &name, "--timeout", "20s"]).output();
            let left = self.living(&name);
            if !left.is_empty() && !std::thread::panicking() {
                panic!("the test left something of `{name}` alive: {left}");
            }
        }
    }
}

/// Runs it to its end.
pub(crate) fn output(mut command: Command) -> Output {
    command.output().expect("the program can be run")
}

/// Its exit code; -1 for a signal.
pub(crate) fn code(command: Command) -> i32 {
    output(command).status.code().unwrap_or(-1)
}

/// Runs it, which must succeed; what it printed.
pub(crate) fn succeed(command: Command) -> String {
    let output = output(command);
    let text = said(&output);
    assert!(output.status.success(), "{:?}: {text}", output.status);
    text
}

/// All that it printed.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The reason that Pacemaker shows.
pub(crate) fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().rev().find_map(|l| l.strip_prefix("ocf-exit-reason:"));
    line.unwrap_or_default().to_owned()
}

/// Starts it and does not wait.
pub(crate) fn background(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can be run")
}

/// Waits for something to become true.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came: {what}");
        pause();
    }
}

/// Between two looks at something that tells no event: as short as is polite.
fn pause() {
    Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(10)));
}

/// Sends a signal to the process that has this number now.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    let handle = Identity::of(pid).and_then(|i| i.open()).expect("the process lives");
    handle.send(signal).expect("it may be signalled");
}

/// As [`signal`], to one that may be gone.
pub(crate) fn signal_if_there(pid: Pid, signal: Signal) {
    let handle = Identity::of(pid).and_then(|i| i.open());
    handle.map(|handle| handle.send(signal));
}

/// The words of its command line; none once it is gone.
pub(crate) fn words_of(pid: Pid) -> Vec<Vec<u8>> {
    let stat = siteward::linux::process::Stat::of(pid);
    let words = stat.map(|stat| siteward::linux::process::arguments(&stat));
    words.and_then(Result::ok).unwrap_or_default()
}

pub(crate) fn is_root() -> bool {
    siteward::linux::files::is_root()
}

pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Each call in a mount namespace without the tree of control groups.
pub(crate) fn no_groups() -> Vec<String> {
    let Some(mount) = siteward::linux::cgroup::mount() else { return Vec::new() };
    let script = format!("umount -l '{}' && exec \"$@\"", mount.display());
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", &script, "-"]
        .map(str::to_owned)
        .to_vec()
}

/// A process that has nothing to do with any site, and ends with the value.
pub(crate) struct Bystander(Child);

impl Bystander {
    pub(crate) fn of(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("the program can be run"))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::try_from(self.0.id().cast_signed()).unwrap()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A call that is under way. What it prints goes to a file, so that nothing that it leaves behind can
/// hold the test up.
pub(crate) struct Call {
    child: Child,
    printed: tempfile::NamedTempFile,
    begun: Instant,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) took: Duration,
}

impl Call {
    pub(crate) fn begin(mut command: Command) -> Self {
        let printed = tempfile::NamedTempFile::new().unwrap();
        let file = || fs::OpenOptions::new().append(true).open(printed.path()).unwrap();
        command.stdout(file()).stderr(file());
        let begun = Instant::now();
        Self { child: command.spawn().expect("the program can be run"), printed, begun }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::try_from(self.child.id().cast_signed()).unwrap()
    }

    /// All that it has printed.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.printed.path()).unwrap()).into_owned()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal, if it has not ended.
    pub(crate) fn signal(&self, what: Signal) {
        signal_if_there(self.pid(), what);
    }

    /// Waits for its end, which must come within this time from now. `story`: what happened to it.
    pub(crate) fn end_within(mut self, limit: Duration, story: &str) -> Ended {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "not ended after {limit:?}: {story}: {}",
                self.said()
            );
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(1)));
        };
        Ended { code: status.code(), said: self.said(), took: self.begun.elapsed() }
    }

    /// As [`Self::end_within`], with as much time as a test has.
    pub(crate) fn end(self, story: &str) -> Ended {
        self.end_within(PATIENCE, story)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// It executes the program and waits for something, or has ended.
pub(crate) fn waits(pid: Pid) -> bool {
    use siteward::linux::process::{Stat, program};
    let stat = Stat::of(pid);
    let executes = || program(pid).is_some_and(|exe| exe.ends_with("siteward"));
    stat.is_none_or(|stat| !stat.is_alive() || (stat.state == 'S' && executes()))
}

/// What lives of a site on a node and bears its mark, the keepers of its lease too.
pub(crate) fn marked_of(bench: &Bench, site: &str) -> Vec<(Pid, String)> {
    let folder = bench.places.runtime.join(site);
    let mark = |stat: &siteward::linux::process::Stat| {
        let (of, who) = siteward::process::mark_of(stat).filter(|_| stat.is_alive())?;
        (of == folder.as_os_str().as_encoded_bytes()).then_some((stat.pid, who))
    };
    siteward::linux::process::all().unwrap().iter().filter_map(mark).collect()
}

/// Nothing of the site is left on this node, at this very moment: no process, no keeper, no lock, no
/// socket, no control group. `story`: what happened before.
pub(crate) fn nothing_is_left(bench: &Bench, site: &str, story: &str) {
    let places = bench.places.of(&site.parse::<SiteName>().unwrap());
    assert_eq!(bench.living(site), "", "{story}");
    assert_eq!(marked_of(bench, site), [], "{story}");
    let held = |path: &PathBuf| siteward::linux::lock::is_held(path).unwrap_or(false);
    let own = [places.lock(), places.start_lock(), places.stopping_lock(), places.stop_lock()];
    let of_processes = fs::read_dir(places.process_locks()).into_iter().flatten().flatten();
    let locks: Vec<PathBuf> = own.into_iter().chain(of_processes.map(|e| e.path())).collect();
    let held: Vec<&PathBuf> = locks.iter().filter(|path| held(path)).collect();
    assert!(held.is_empty(), "locked: {held:?}; {story}");
    // One that nobody listens at, as a killed supervisor leaves it, claims nothing.
    let answers = std::os::unix::net::UnixStream::connect(places.socket()).is_ok();
    assert!(!answers, "somebody listens at its socket; {story}");
    let prefix = places.notify_prefix();
    let ears = fs::read_dir(places.notify_folder()).into_iter().flatten().flatten();
    let ears: Vec<PathBuf> = ears
        .filter(|e| e.file_name().to_string_lossy().starts_with(&prefix))
        .map(|e| e.path())
        .filter(|path| {
            let any = std::os::unix::net::UnixDatagram::unbound().unwrap();
            any.connect(path).is_ok()
        })
        .collect();
    assert!(ears.is_empty(), "{ears:?}; {story}");
    let inside = processes_below(&group_of(bench, site).unwrap_or_default());
    assert_eq!(inside, "", "in its control groups; {story}");
}

/// Where the control groups of a site are, or would be.
pub(crate) fn group_of(bench: &Bench, site: &str) -> Option<PathBuf> {
    let places = bench.places.of(&site.parse::<SiteName>().unwrap());
    siteward::process::Groups::of(&places).map(|groups| groups.path())
}

/// The processes in a tree of control groups, one a line.
fn processes_below(tree: &Path) -> String {
    let own = fs::read_to_string(tree.join("cgroup.procs")).unwrap_or_default();
    let below = fs::read_dir(tree).into_iter().flatten().flatten().map(|entry| entry.path());
    own + &below.filter(|path| path.is_dir()).map(|path| processes_below(&path)).collect::<String>()
}

/// The lease on a database is free for everybody: nobody holds its lock, and its record, if there is
/// one, says that it was released.
pub(crate) fn lease_is_free(database: &Path, story: &str) {
    let owner = siteward::lease::owner(database);
    assert!(owner.as_ref().is_none_or(|owner| owner.released), "{owner:?}; {story}");
    let file = match fs::File::open(database.join(".siteward/lease")) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("{error}; {story}"),
    };
    assert!(file.try_lock().is_ok(), "somebody holds the lease; {story}");
}

/// KILL for everything of a site on this node at once, its keeper too, as when a node loses its power.
pub(crate) fn lose_power(bench: &Bench, site: &str) {
    until("it is dark", || {
        let left = marked_of(bench, site);
        for (pid, _) in &left {
            signal_if_there(*pid, Signal::KILL);
        }
        left.is_empty() && bench.living(site).is_empty()
    });
}

/// Random numbers, the same ones again for the same `SITEWARD_SEED`.
pub(crate) struct Random {
    pub(crate) seed: u64,
    state: u64,
}

impl Random {
    pub(crate) fn new() -> Self {
        use std::time::{SystemTime, UNIX_EPOCH};
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_secs());
        let seed = number_of("SITEWARD_SEED").unwrap_or_else(now);
        println!("SITEWARD_SEED={seed}");
        Self { seed, state: seed }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX: the high bits are random enough.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % bound
    }
}

/// A number that the environment gives.
pub(crate) fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Waits for this long.
pub(crate) fn wait_for(time: Duration) {
    Waiting::<()>::new().wait(Some(Moment::now() + time));
}
