//! The site that is walked through: its definition, its folders, and the calls of the program.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::tracer::{End, Tracer};
use crate::witness::{Look, Process};

/// Of which kind the site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With a database, and so with a lease.
    Database,
    /// Without one.
    Plain,
    /// With a supervisor of its own, which siteward wraps, and a database.
    Wrapped,
}

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) base: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) clock: i32,
    /// Text that only the main process of one of the definition's processes has among its words.
    pub(crate) mains: Vec<String>,
    /// How many processes live when all is well, children included.
    pub(crate) expected: usize,
    /// The files that may be there after a stop.
    pub(crate) allowed: BTreeSet<String>,
    _folder: tempfile::TempDir,
}

/// What a call has answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// None: it hung, and was killed.
    pub(crate) code: Option<End>,
    pub(crate) text: String,
    pub(crate) took: Duration,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text.chars().take(400).collect();
        match self.code {
            Some(code) => write!(f, "{code} after {:.2?} ({text})", self.took),
            None => write!(f, "no answer within {:.2?} ({text})", self.took),
        }
    }
}

/// How the name of every site and its folder begins.
pub(crate) const UNIQUE: &str = "sw-walk-";

/// The time limit of every verb.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);

/// Where what is started prints to.
pub(crate) fn output_files() -> (File, File) {
    let file = File::options().create(true).append(true).open(output_path()).unwrap();
    (file.try_clone().unwrap(), file)
}

fn output_path() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    let folder = if shm.is_dir() { shm } else { std::env::temp_dir() };
    folder.join(format!("siteward-walk-{}.output", namespace()))
}

/// A number that no other PID namespace has at this time.
fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

/// The program that is killed: the one built with this test, or another build of the same.
pub(crate) fn program() -> String {
    std::env::var("SITEWARD_WALK_PROGRAM")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_siteward").to_owned())
}

impl Site {
    pub(crate) fn new(kind: Kind, clock: i32) -> Self {
        let mut builder = tempfile::Builder::new();
        let shm = PathBuf::from("/dev/shm");
        let folder = match shm.is_dir() {
            true => builder.prefix(UNIQUE).tempdir_in(shm),
            false => builder.prefix(UNIQUE).tempdir(),
        };
        let folder = folder.unwrap();
        let base = folder.path().to_owned();
        let unique = base.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        for name in ["sites", "run", "log", "links"] {
            fs::create_dir(base.join(name)).unwrap();
        }
        let (mains, expected) = match kind {
            Kind::Database | Kind::Plain => {
                (["sleep 100000", "100001 &", "100003", "sleep 100004"].as_slice(), 6)
            }
            Kind::Wrapped => (["/overseer run"].as_slice(), 2),
        };
        let site = Self {
            name: unique.to_lowercase(),
            base,
            kind,
            clock,
            mains: mains.iter().map(|&main| main.to_owned()).collect(),
            expected,
            allowed: BTreeSet::new(),
            _folder: folder,
        };
        if kind != Kind::Plain {
            fs::create_dir(site.base.join("disk")).unwrap();
        }
        site.define();
        site
    }

    /// The file at which the last process of the site fails.
    pub(crate) fn flag(&self) -> PathBuf {
        self.base.join("fails")
    }

    pub(crate) fn define(&self) {
        let base = self.base.display();
        let mut text = String::from(
            "version: 1\nboot_timeout: 10s\nstop_timeout: 4s\nforcekill_time: 300ms\nsettle: 10ms\n",
        );
        if self.kind != Kind::Plain {
            text += &format!("database: {base}/disk\n");
            text += "prerequisites: {mounted: false, address_present: false}\n";
        }
        match self.kind {
            Kind::Database | Kind::Plain => text += &self.processes(),
            Kind::Wrapped => {
                self.write_scripts();
                text += &format!(
                    "countsleep: 50ms\nsupervisor:\n  start: [{base}/overseer, run]\n  stop: [{base}/stopper]\n  \
                     process: [{base}/overseer, run]\n  list: {{command: [{base}/lister], rows: exit-status}}\n"
                );
            }
        }
        fs::write(self.base.join(format!("sites/{}.yaml", self.name)), text).unwrap();
    }

    /// After the walk of `create`: the definition and the folders are there again.
    pub(crate) fn restore(&self) {
        for name in ["sites", "run", "log", "links", "disk"] {
            if name != "disk" || self.kind != Kind::Plain {
                let _ = fs::create_dir(self.base.join(name));
            }
        }
        self.define();
    }

    /// One with a child in another session, one that is started again, one that can fail, one that is started together
    /// with the first, and short commands at every occasion for one.
    fn processes(&self) -> String {
        let flag = self.flag().display().to_string();
        let unclean = match self.kind {
            Kind::Database => "on_unclean_shutdown: {command: [/bin/true], timeout: 5s}\n",
            Kind::Plain | Kind::Wrapped => "",
        };
        format!(
            "notify: {{command: [/bin/true], on: [failed, degraded]}}\n{unclean}processes:\n  a:\n    \
             command: [sleep, \"100000\"]\n    on_failure: {{command: [/bin/true]}}\n  b:\n    command: [/bin/sh, -c, \
             \"trap '' HUP; sleep 100001 & sleep 100002 & echo up; wait\"]\n    ready: {{log: up}}\n    reload: \
             {{signal: HUP}}\n    restart: {{attempts: 50, within: 60s, delay: 20ms, max_delay: 20ms}}\n  c:\n    \
             command: [/bin/sh, -c, \"[ ! -e {flag} ] || exit 7; exec sleep 100003\"]\n    stop_grace_period: 2s\n  \
             d: {{command: [sleep, \"100004\"], depends_on: []}}\n"
        )
    }

    fn write_scripts(&self) {
        let base = self.base.display();
        for (name, text) in [
            (
                "overseer",
                format!(
                    "sleep 100000 & echo $$ >{base}/pid; trap 'kill $!; rm -f {base}/pid; exit 0' TERM; wait"
                ),
            ),
            (
                "stopper",
                format!(
                    "read p <{base}/pid && kill $p; while [ -e {base}/pid ]; do sleep 0.02; done"
                ),
            ),
            ("lister", format!("read p <{base}/pid && kill -0 $p && exit 0; exit 3")),
        ] {
            let path = self.base.join(name);
            fs::write(&path, format!("#!/bin/sh\nexec 2>/dev/null\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// By the words of the definition, of which no other process has one.
    pub(crate) fn is_member(&self, words: &[String]) -> bool {
        if words.first().is_some_and(|word| word.ends_with("siteward")) {
            return false;
        }
        let numbers = ["100000", "100001", "100002", "100003", "100004"];
        let by_number = words.iter().any(|word| numbers.iter().any(|n| word.contains(n)));
        by_number || words.iter().any(|word| word.ends_with("/overseer"))
    }

    pub(crate) fn is_main(&self, process: &Process, main: &str) -> bool {
        // A child of the shell has its words until it executes its own.
        let is_child = crate::witness::argv(process.parent()).iter().any(|w| w.contains(main));
        !is_child && process.words.contains(main) && !process.words.starts_with("sleep 100001")
    }

    /// A call by a person.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        for (variable, folder) in [
            ("SITEWARD_CONFIG_DIR", "sites"),
            ("SITEWARD_RUNTIME_DIR", "run"),
            ("SITEWARD_LOG_DIR", "log"),
            ("SITEWARD_LINK_DIR", "links"),
        ] {
            command.env(variable, self.base.join(folder));
        }
        command
    }

    /// A verb, with a time limit of its own.
    pub(crate) fn verb(&self, verb: &str) -> Command {
        self.command(&[verb, &self.name, "--timeout", "15s"])
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, tracer: &mut Tracer, mut command: Command) -> Answer {
        let begun = Instant::now();
        let _ = fs::remove_file(output_path());
        let (out, err) = output_files();
        command.stdout(out).stderr(err);
        let pid = tracer.spawn(command);
        let ended = tracer.watch(LIMIT * 2, |tracer, _| tracer.ended.contains_key(&pid));
        let code = tracer.ended.remove(&pid);
        if !ended {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
            tracer.watch(LIMIT, |tracer, _| tracer.ended.contains_key(&pid));
        }
        Answer { code, text: self.printed(), took: begun.elapsed() }
    }

    /// What the last call has printed.
    pub(crate) fn printed(&self) -> String {
        let bytes = fs::read(output_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().replace('\n', " | ")
    }

    pub(crate) fn forget_printed() {
        let _ = fs::remove_file(output_path());
    }

    /// Kills the processes that `which` chooses, and waits for their end.
    pub(crate) fn kill(&self, tracer: &mut Tracer, which: impl Fn(&Look) -> Vec<i32>) {
        let pids = which(&Look::now(self));
        for &pid in &pids {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
        let dead =
            tracer.watch(LIMIT, |_, _| !pids.iter().any(|&pid| crate::witness::is_alive(pid)));
        assert!(dead, "killed, and alive");
    }

    /// Ends everything that lives in this namespace besides the test.
    pub(crate) fn kill_all(&self, tracer: &mut Tracer) {
        for _ in 0..5 {
            self.kill(tracer, |look| {
                let all = [&look.supervisors, &look.keepers, &look.others, &look.members];
                all.into_iter().flatten().map(|process| process.pid).collect()
            });
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        Self::forget_printed();
    }
}
