//! What every part uses: times and what is made of them, a node with other processes or with busy cores, and what
//! /proc tells of a process that is at rest. Whatever is started here ends with its value.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use siteward::linux::process::{Stat, all};
use siteward::values::{Pid, Signal};

use crate::common::{Bystander, signal_if_there, wait_for};

/// Times in milliseconds.
#[derive(Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1000.0);
    }

    pub(crate) fn median(&self) -> Option<f64> {
        self.share(0.5)
    }

    /// The time that this share of them does not exceed.
    pub(crate) fn share(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = (sorted.len() as f64 * share).floor() as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).copied()
    }

    pub(crate) fn longest(&self) -> Option<f64> {
        self.share(1.0)
    }
}

/// Milliseconds in words.
pub(crate) fn ms(time: f64) -> String {
    match time {
        t if t >= 9_999.5 => format!("{:.1} s", t / 1000.0),
        t if t >= 999.5 => format!("{:.2} s", t / 1000.0),
        t if t >= 99.95 => format!("{t:.0} ms"),
        t if t >= 9.995 => format!("{t:.1} ms"),
        t => format!("{t:.2} ms"),
    }
}

/// The same, and a dash for what was not measured.
pub(crate) fn ms_or_none(time: Option<f64>) -> String {
    time.map_or_else(|| "–".to_owned(), ms)
}

pub(crate) fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

/// Says what is measured, for a person who waits.
pub(crate) fn tell(what: &str) {
    eprintln!("  {what}");
}

/// All that a part needs is there, or which package brings it.
pub(crate) fn need(programs: &[(&str, &str)]) -> Result<(), String> {
    let lacking = programs.iter().filter(|(program, _)| !Path::new(program).exists());
    let packages: Vec<&str> = lacking.map(|(_, package)| *package).collect();
    match packages.is_empty() {
        true => Ok(()),
        false => Err(format!("get it with: apt-get install {}", packages.join(" "))),
    }
}

/// A command that prints nothing.
pub(crate) fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs it to its end; its exit code.
pub(crate) fn code_of(command: Command) -> i32 {
    quiet(command).status().expect("the program can be run").code().unwrap_or(-1)
}

/// The same call of another program.
pub(crate) fn by_another(program: impl AsRef<OsStr>, call: &Command) -> Command {
    let mut command = Command::new(program);
    command.args(call.get_args()).env_clear();
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// A shell agent of the package resource-agents, called as Pacemaker calls it.
pub(crate) fn shell_agent(
    agent: &str,
    verb: &str,
    folder: &Path,
    with: &[(&str, &str)],
) -> Command {
    let mut command = Command::new(format!("/usr/lib/ocf/resource.d/heartbeat/{agent}"));
    command.arg(verb).env_clear().process_group(0);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    command.env("OCF_ROOT", "/usr/lib/ocf").env("OCF_RESOURCE_INSTANCE", format!("r-{agent}"));
    command.env("OCF_RESOURCE_TYPE", agent).env("OCF_RESOURCE_PROVIDER", "heartbeat");
    command.env("OCF_RA_VERSION_MAJOR", "1").env("OCF_RA_VERSION_MINOR", "1");
    command.env("OCF_RESKEY_CRM_meta_interval", "10000");
    command.env("HA_RSCTMP", folder).env("HA_LOGFILE", "/dev/null");
    command.envs(with.iter().copied());
    command
}

/// A check in the shape of the documents': for each process, what ps(1) prints is searched for its command line.
pub(crate) fn documents_check(names: &[String]) -> Command {
    let look =
        |name: &String| format!("ps -ef | grep '{name}' | grep -v grep >/dev/null || exit 1\n");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(names.iter().map(look).collect::<String>());
    command
}

/// sleep(1) by a name that nothing else has, so that its processes can be counted.
pub(crate) struct Payload {
    pub(crate) program: PathBuf,
    name: String,
}

impl Payload {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("payload-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let program = folder.join(&name);
        fs::copy("/bin/sleep", &program).unwrap();
        Self { program, name }
    }

    pub(crate) fn processes(&self) -> Vec<Pid> {
        let all = all().unwrap();
        all.into_iter().filter(|s| s.is_alive() && s.comm == self.name).map(|s| s.pid).collect()
    }

    /// Waits until so many run; false: they do not, in this time.
    pub(crate) fn come_to(&self, count: usize, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.processes().len() != count {
            if begun.elapsed() > limit {
                return false;
            }
            wait_for(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.processes().into_iter().for_each(|pid| signal_if_there(pid, Signal::KILL));
    }
}

/// Writes a script that can be executed.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A shell that dies with this program.
fn shell(script: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "unshare", "--pid", "--fork", "--kill-child", "--"]);
    command.args(["sh", "-c", script]).stdin(Stdio::null());
    command
}

/// Processes that have nothing to do with a site.
pub(crate) struct Others(Child);

impl Others {
    pub(crate) fn so_many(count: usize) -> Self {
        let each = "sleep infinity & i=$((i + 1))";
        let all = format!("i=0; while [ $i -lt {count} ]; do {each}; done; echo; wait");
        let mut child = shell(&all).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        // Each of them holds the pipe open.
        let _ = self.0.stdout.take().map(|mut pipe| pipe.read_to_end(&mut Vec::new()));
    }
}

/// Each core has a loop that never waits, as long as these are kept.
pub(crate) fn busy_cores() -> Vec<Bystander> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cores).map(|_| Bystander::of(quiet(shell("while :; do :; done")))).collect()
}

/// A process and all below it.
pub(crate) fn family(root: Pid) -> Vec<Stat> {
    let mut left = all().unwrap();
    let mut found: Vec<Stat> = left.extract_if(.., |stat| stat.pid == root).collect();
    loop {
        let is_below = |stat: &mut Stat| found.iter().any(|of| stat.parent == Some(of.pid));
        let more: Vec<Stat> = left.extract_if(.., is_below).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// What processes have used and hold.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) wakeups: u64,
    pub(crate) cpu: Duration,
    pub(crate) pss_kib: u64,
    pub(crate) private_kib: u64,
    pub(crate) descriptors: usize,
    pub(crate) processes: usize,
}

impl Usage {
    /// Of all of these together.
    pub(crate) fn of(pids: &[Pid]) -> Self {
        let mut sum = Self { processes: pids.len(), ..Self::default() };
        for pid in pids {
            let read = |name| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let status = read("status");
            sum.wakeups += number_after(&status, "voluntary_ctxt_switches:");
            let ran = read("schedstat");
            let ran = ran.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
            sum.cpu += Duration::from_nanos(ran);
            let memory = read("smaps_rollup");
            sum.pss_kib += number_after(&memory, "Pss:");
            // Whether a part of a file counts as shared depends on who else runs the program at the moment.
            sum.private_kib += number_after(&memory, "Anonymous:");
            sum.descriptors += fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        }
        sum
    }
}

/// The number of the line that begins so.
fn number_after(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
