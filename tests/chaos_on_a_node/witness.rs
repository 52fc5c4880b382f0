//! A process of a site, and what a wrapped supervisor is: this program again, with hidden arguments. It takes the
//! lock of its name, which no second one can have, and tells its life to whoever judges it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// How often a process shows that it lives.
const BEAT: Duration = Duration::from_millis(40);

/// CLOCK_MONOTONIC, in nanoseconds.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("there is such a clock");
    u64::try_from(Duration::from(time).as_nanos()).expect("the machine is younger than that")
}

/// What the process does, as words of its command line.
#[derive(Clone, Debug, Default)]
struct Manner {
    /// It dies by itself, on average after this time.
    dies: Option<Duration>,
    /// It is ready after this time.
    slow: Duration,
    /// From SIGTERM to its end.
    term: Duration,
    /// It ignores SIGTERM.
    deaf: bool,
    /// It starts another process, in a session of its own.
    child: bool,
    /// It does its work once.
    once: bool,
    /// It is a supervisor, with this file for its number.
    leads: Option<String>,
}

impl Manner {
    fn read(words: &[String]) -> Self {
        let mut manner = Self::default();
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let time = || Duration::from_millis(value.parse().expect("milliseconds"));
            match key {
                "dies" => manner.dies = Some(time()),
                "slow" => manner.slow = time(),
                "term" => manner.term = time(),
                "deaf" => manner.deaf = true,
                "child" => manner.child = true,
                "once" => manner.once = true,
                "leads" => manner.leads = Some(value.to_owned()),
                other => panic!("no such manner: {other}"),
            }
        }
        manner
    }
}

/// Obeys the hidden arguments, if these are some.
pub(crate) fn obey(arguments: &[String]) -> Option<ExitCode> {
    let rest = arguments.get(2..).unwrap_or_default();
    match (arguments.get(1)?.as_str(), rest) {
        ("--live", [folder, site, name, manner @ ..]) => {
            Some(live(Path::new(folder), site, name, manner))
        }
        // Leaves its parent, as a daemon does.
        ("--daemon", words) => {
            let program = std::env::current_exe().expect("this program");
            let mut command = Command::new("setsid");
            command.arg("-f").arg(program).arg("--live").args(words);
            Some(ExitCode::from(u8::from(!command.status().is_ok_and(|s| s.success()))))
        }
        ("--stop-leader", [file]) => {
            if let Some(pid) = leader(file) {
                let _ = kill(pid, Signal::SIGTERM);
                while leader(file) == Some(pid) {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Some(ExitCode::SUCCESS)
        }
        ("--list-leader", [file]) => {
            Some(ExitCode::from(if leader(file).is_some() { 0 } else { 3 }))
        }
        _ => None,
    }
}

/// The wrapped supervisor that runs.
fn leader(file: &str) -> Option<Pid> {
    let pid: i32 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let word = format!("leads={file}");
    words.split(|b| *b == 0).any(|w| w == word.as_bytes()).then(|| Pid::from_raw(pid))
}

struct Life {
    folder: String,
    site: String,
    name: String,
    judge: UnixStream,
    /// Held until the end, and by no process that is started.
    _lock: File,
}

impl Life {
    /// Ends this program if there is nobody to tell.
    fn tell(&mut self, line: &str) {
        if self.judge.write_all(line.as_bytes()).is_err() {
            std::process::exit(9);
        }
    }

    fn begin(folder: &Path, site: &str, name: &str) -> Self {
        let begun = now();
        let Ok(mut judge) = UnixStream::connect(folder.join("judge")) else {
            std::process::exit(9);
        };
        let path = folder.join(format!("{site}-{name}.life"));
        let lock = OpenOptions::new().append(true).create(true).open(path).expect("its lock");
        let is_alone = lock.try_lock().is_ok();
        let (word, pid) = (if is_alone { "begin" } else { "overlap" }, std::process::id());
        let line = format!("{word} {site} {name} {pid} {begun}\n");
        (&lock).write_all(line.as_bytes()).expect("its journal");
        if judge.write_all(line.as_bytes()).is_err() || !is_alone {
            std::process::exit(8);
        }
        let folder = folder.display().to_string();
        Self { folder, site: site.to_owned(), name: name.to_owned(), judge, _lock: lock }
    }

    fn another(&self, name: &str) -> Child {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        let words = ["--live", &self.folder, &self.site, name];
        command.args(words).env_remove("NOTIFY_SOCKET").process_group(0);
        command.spawn().expect("this program can be run")
    }
}

fn live(folder: &Path, site: &str, name: &str, manner: &[String]) -> ExitCode {
    let manner = Manner::read(manner);
    let signals: SigSet =
        [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGCHLD].into_iter().collect();
    signals.thread_block().expect("signals can be blocked");
    let heard = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .expect("a descriptor for signals");
    let instance = std::env::var("SITEWARD_INSTANCE").map(|n| format!("-{n}")).unwrap_or_default();
    let mut life = Life::begin(folder, site, &format!("{name}{instance}"));
    if manner.once {
        return ExitCode::SUCCESS;
    }
    let mut child = manner.child.then(|| life.another(&format!("{}-child", life.name)));
    if let Some(file) = &manner.leads {
        child = Some(life.another("daemon"));
        fs::write(file, std::process::id().to_string()).expect("its number");
    }
    let ready_at = now() + nanos(manner.slow);
    let mut is_ready = false;
    let mut ends_at: Option<u64> = None;
    let dies_at = manner.dies.map(|mean| {
        // Each life has a time of its own: a number that nobody has chosen.
        let some = (now() ^ u64::from(std::process::id())).wrapping_mul(6_364_136_223_846_793_005);
        now() + nanos(mean) * (some >> 33) / (1 << 30)
    });
    loop {
        let time = now();
        life.tell(&format!("beat {time}\n"));
        if !is_ready && time >= ready_at {
            is_ready = true;
            notify_ready();
        }
        if ends_at.is_some_and(|at| time >= at) {
            end(child, manner.leads.as_deref());
            return ExitCode::SUCCESS;
        }
        if dies_at.is_some_and(|at| time >= at) {
            return ExitCode::from(1);
        }
        // A supervisor ends with what it supervises.
        let has_lost_it = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
        if manner.leads.is_some() && child.as_mut().is_some_and(has_lost_it) {
            return ExitCode::from(1);
        }
        let next = [Some(time + nanos(BEAT)), ends_at, dies_at, (!is_ready).then_some(ready_at)];
        let next = next.into_iter().flatten().min().unwrap_or(time).saturating_sub(time);
        let wait = u16::try_from(next / 1_000_000 + 1).unwrap_or(u16::MAX);
        let mut sources = [PollFd::new(heard.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut sources, PollTimeout::from(wait));
        while let Ok(Some(signal)) = heard.read_signal() {
            let is = |which: Signal| signal.ssi_signo.cast_signed() == which as i32;
            if (is(Signal::SIGTERM) || is(Signal::SIGINT)) && !manner.deaf && ends_at.is_none() {
                ends_at = Some(now() + nanos(manner.term));
            }
        }
    }
}

/// As an ordered end: what it has started ends before it.
fn end(child: Option<Child>, leads: Option<&str>) {
    if let Some(mut child) = child {
        let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
        let _ = child.wait();
    }
    if let Some(file) = leads {
        let _ = fs::remove_file(file);
    }
}

fn notify_ready() {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET") {
        let sent = UnixDatagram::unbound().and_then(|any| any.send_to(b"READY=1", &socket));
        if let Err(error) = sent {
            println!("nobody heard that it is ready: {error}");
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("no test is that long")
}
