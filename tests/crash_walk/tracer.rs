//! A tracer over ptrace(2): it counts the system calls of one process, all its threads included, and does something at
//! the N-th: nothing, SIGKILL, an error in its place, or a shorter read or write.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::calls;

/// What is done to the traced process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Its calls are counted and noted.
    Learn,
    /// It is killed instead of its N-th call.
    Kill(u64),
    /// The `time`-th call of a kind on an object is not made and fails; `persist`: so do the later ones.
    Fail { call: Call, time: u64, with: Failure, persist: bool },
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Errno(i32),
    /// Only one byte of what was asked for is read or written.
    Short,
}

/// One system call, at its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: i64,
    /// What it works on: the path of its descriptor or its first text.
    pub(crate) object: String,
}

/// The process that is counted, of those that are begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The first program that is executed.
    First,
    /// A descendant that is executed with this first argument.
    Word(&'static str),
    Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Its calls are counted.
    Target,
    /// Only its children are of interest.
    Parent,
    /// It is let go at its next stop.
    Leaving,
}

/// The end of a process: an exit code, or minus the signal.
pub(crate) type End = i32;

#[derive(Debug)]
pub(crate) struct Tracer {
    /// A traced child that stops itself at a pace, so that a wait never lasts longer.
    clock: Child,
    tasks: HashMap<i32, (Role, Option<Failure>)>,
    wanted: Wanted,
    aim: Aim,
    /// The process whose calls are counted.
    pub(crate) target: Option<i32>,
    pub(crate) count: u64,
    /// Those that were not counted, as they only look.
    pub(crate) passed: u64,
    /// Only calls that can change something are counted.
    pub(crate) only_changes: bool,
    pub(crate) calls: Vec<Call>,
    /// How often the call that is to fail was made.
    times: u64,
    /// The call at which it was done.
    pub(crate) hit: Option<Call>,
    /// When the last call was counted.
    pub(crate) last: Instant,
    /// Children that have ended.
    pub(crate) ended: BTreeMap<i32, End>,
}

const FOLLOW: Options = Options::PTRACE_O_TRACESYSGOOD
    .union(Options::PTRACE_O_EXITKILL)
    .union(Options::PTRACE_O_TRACECLONE);
const DESCENDANTS: Options = FOLLOW
    .union(Options::PTRACE_O_TRACEFORK)
    .union(Options::PTRACE_O_TRACEVFORK)
    .union(Options::PTRACE_O_TRACEEXEC);

/// The argument by which this program is a clock.
pub(crate) const CLOCK: &str = "clock";
const TICK: Duration = Duration::from_millis(4);

/// Stops itself at a pace. Its tracer takes each signal for itself; without a tracer it ends.
pub(crate) fn be_clock() -> ! {
    let mut byte = String::new();
    let _ = std::io::stdin().read_line(&mut byte);
    loop {
        std::thread::sleep(TICK);
        let _ = nix::sys::signal::raise(Signal::SIGUSR1);
    }
}

impl Tracer {
    pub(crate) fn new() -> Self {
        let own = std::env::current_exe().expect("a program has a path");
        let mut clock = Command::new(own).arg(CLOCK).stdin(Stdio::piped()).spawn().unwrap();
        ptrace::seize(nix_pid(clock.id()), Options::PTRACE_O_EXITKILL)
            .expect("a child can be traced");
        // Its end lets the clock begin.
        drop(clock.stdin.take());
        Self {
            clock,
            tasks: HashMap::new(),
            wanted: Wanted::Found,
            aim: Aim::Learn,
            target: None,
            count: 0,
            passed: 0,
            only_changes: false,
            calls: Vec::new(),
            hit: None,
            times: 0,
            last: Instant::now(),
            ended: BTreeMap::new(),
        }
    }

    pub(crate) fn clock(&self) -> i32 {
        self.clock.id().cast_signed()
    }

    fn begin(&mut self, aim: &Aim, wanted: Wanted) {
        self.tasks.clear();
        self.aim = aim.clone();
        (self.wanted, self.target, self.hit) = (wanted, None, None);
        (self.count, self.passed, self.times) = (0, 0, 0);
        self.last = Instant::now();
        self.calls.clear();
    }

    /// Starts a command without tracing it.
    pub(crate) fn spawn(&mut self, mut command: Command) -> i32 {
        let pid = command.spawn().expect("a command can be started").id().cast_signed();
        self.ended.remove(&pid);
        pid
    }

    /// Starts a command whose calls are counted, or those of a descendant whose first argument is `word`.
    pub(crate) fn spawn_traced(
        &mut self,
        command: &Command,
        word: Option<&'static str>,
        aim: &Aim,
    ) -> i32 {
        self.begin(aim, word.map_or(Wanted::First, Wanted::Word));
        // It stops itself, so that it is traced before the program begins.
        let mut held = Command::new("/bin/sh");
        held.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]);
        held.arg(command.get_program()).args(command.get_args());
        held.env_clear().envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        held.stdin(Stdio::null()).process_group(0);
        let (out, err) = crate::site::output_files();
        held.stdout(out).stderr(err);
        let pid = self.spawn(held);
        let stopped = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WUNTRACED));
        assert!(matches!(stopped, Ok(WaitStatus::Stopped(..))), "{stopped:?}");
        ptrace::seize(Pid::from_raw(pid), DESCENDANTS).expect("a child can be traced");
        self.tasks.insert(pid, (Role::Parent, None));
        kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
        pid
    }

    /// Counts the calls of a process that runs. False: it has ended.
    pub(crate) fn attach(&mut self, pid: i32, aim: &Aim) -> bool {
        self.begin(aim, Wanted::Found);
        self.target = Some(pid);
        for tid in tasks_of(pid) {
            if ptrace::seize(Pid::from_raw(tid), FOLLOW).is_ok() {
                self.tasks.insert(tid, (Role::Target, None));
                let _ = ptrace::interrupt(Pid::from_raw(tid));
            }
        }
        !self.tasks.is_empty()
    }

    /// Waits until `is_over`, asked after each event and at each tick, says so. False: the time was over before.
    pub(crate) fn watch(
        &mut self,
        patience: Duration,
        mut is_over: impl FnMut(&mut Self, bool) -> bool,
    ) -> bool {
        let until = Instant::now() + patience;
        if is_over(self, true) {
            return true;
        }
        loop {
            let before = self.count + self.passed;
            let is_tick = self.next();
            let quiet_event = !is_tick && self.count + self.passed != before;
            if !quiet_event && is_over(self, is_tick) {
                return true;
            }
            if is_tick && Instant::now() > until {
                return false;
            }
        }
    }

    /// Lets go what is traced.
    pub(crate) fn release(&mut self) {
        let ids: Vec<i32> = self.tasks.keys().copied().collect();
        for tid in ids {
            self.leave(tid);
        }
        let until = Instant::now() + Duration::from_secs(10);
        while !self.tasks.is_empty() {
            self.next();
            self.tasks.retain(|tid, _| fs::exists(format!("/proc/{tid}")).unwrap_or(true));
            assert!(Instant::now() < until, "not let go: {:?}", self.tasks);
        }
        self.wanted = Wanted::Found;
    }

    fn leave(&mut self, tid: i32) {
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.0 = Role::Leaving;
            let _ = ptrace::interrupt(Pid::from_raw(tid));
        }
    }

    /// Handles one event. True: it was the clock.
    fn next(&mut self) -> bool {
        let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(status) => status,
            Err(error) => panic!("waitpid: {error}"),
        };
        let clock = self.clock();
        match status {
            WaitStatus::Exited(pid, code) => self.end(pid.as_raw(), code),
            WaitStatus::Signaled(pid, signal, _) => self.end(pid.as_raw(), -(signal as i32)),
            WaitStatus::Stopped(pid, _) if pid.as_raw() == clock => {
                let _ = ptrace::cont(pid, None);
                return true;
            }
            WaitStatus::PtraceEvent(pid, ..) if pid.as_raw() == clock => {
                let _ = ptrace::cont(pid, None);
            }
            WaitStatus::Stopped(pid, signal) => self.go_on(pid, Some(signal)),
            WaitStatus::PtraceEvent(pid, _, event) => {
                if event == Options::PTRACE_O_TRACEEXEC.bits().trailing_zeros().cast_signed() {
                    self.executed(pid);
                }
                self.go_on(pid, None);
            }
            WaitStatus::PtraceSyscall(pid) => self.at_call(pid),
            WaitStatus::Continued(_) | WaitStatus::StillAlive => {}
        }
        false
    }

    fn end(&mut self, pid: i32, how: End) {
        let role = self.tasks.remove(&pid);
        // A thread that is not the first has no end of its own.
        if role.is_none()
            || role.is_some_and(|(role, _)| role != Role::Target)
            || self.target == Some(pid)
        {
            self.ended.insert(pid, how);
        }
    }

    fn executed(&mut self, pid: Pid) {
        let raw = pid.as_raw();
        let is_wanted = match self.wanted {
            Wanted::First => true,
            Wanted::Word(word) => crate::witness::argv(raw).get(1).is_some_and(|w| w == word),
            Wanted::Found => false,
        };
        if is_wanted {
            (self.wanted, self.target) = (Wanted::Found, Some(raw));
            self.last = Instant::now();
            self.tasks.insert(raw, (Role::Target, None));
            let _ = ptrace::setoptions(pid, FOLLOW);
            let others: Vec<i32> = self.tasks.keys().copied().filter(|&t| t != raw).collect();
            for other in others {
                self.leave(other);
            }
        } else if self.tasks.get(&raw).is_some_and(|(role, _)| *role == Role::Parent)
            && crate::witness::argv(raw)
                .first()
                .is_some_and(|word| word != "siteward" && !word.ends_with("/siteward"))
        {
            self.leave(raw);
        }
    }

    /// Lets a stopped task go on as its role says.
    fn go_on(&mut self, pid: Pid, signal: Option<Signal>) {
        let raw = pid.as_raw();
        let (target, wanted) = (self.target, self.wanted);
        let task = self.tasks.entry(raw).or_insert_with(|| {
            let is_thread = |target: i32| fs::exists(format!("/proc/{target}/task/{raw}"));
            let is_of_target = target.is_some_and(|target| is_thread(target).unwrap_or(false));
            let role = match (is_of_target, wanted) {
                (true, _) => Role::Target,
                (false, Wanted::Found) => Role::Leaving,
                (false, Wanted::First | Wanted::Word(_)) => Role::Parent,
            };
            (role, None)
        });
        let _ = match task.0 {
            Role::Target => ptrace::syscall(pid, signal),
            Role::Parent => ptrace::cont(pid, signal),
            Role::Leaving => {
                self.tasks.remove(&raw);
                ptrace::detach(pid, signal)
            }
        };
    }

    fn at_call(&mut self, pid: Pid) {
        /// Of `ptrace_syscall_info`: the task enters a system call.
        const ENTRY: u8 = 1;
        let raw = pid.as_raw();
        let is_target = self.tasks.get(&raw).is_some_and(|(role, _)| *role == Role::Target);
        let op = ptrace::syscall_info(pid).map(|info| info.op);
        if !is_target || op.is_err() {
            return self.go_on(pid, None);
        }
        if op != Ok(ENTRY) {
            let failure = self.tasks.get_mut(&raw).and_then(|task| task.1.take());
            if let Some(Failure::Errno(errno)) = failure
                && let Ok(mut registers) = ptrace::getregs(pid)
            {
                registers.rax = i64::from(-errno).cast_unsigned();
                let _ = ptrace::setregs(pid, registers);
            }
            return self.go_on(pid, None);
        }
        self.last = Instant::now();
        if self.only_changes && !calls::changes(pid) {
            self.passed += 1;
            return self.go_on(pid, None);
        }
        self.count += 1;
        match self.aim.clone() {
            Aim::Learn => self.calls.extend(calls::at_entry(pid)),
            Aim::Kill(at) if at == self.count => {
                self.hit = calls::at_entry(pid);
                let target = self.target.unwrap_or(raw);
                let _ = kill(Pid::from_raw(target), Signal::SIGKILL);
                return;
            }
            Aim::Kill(_) => {}
            Aim::Fail { call, time, with, persist } => self.fail(pid, &call, time, with, persist),
        }
        self.go_on(pid, None);
    }

    fn fail(&mut self, pid: Pid, call: &Call, time: u64, with: Failure, persist: bool) {
        let is_it = ptrace::getregs(pid).is_ok_and(|r| r.orig_rax.cast_signed() == call.number)
            && calls::at_entry(pid).as_ref() == Some(call);
        self.times += u64::from(is_it);
        if !is_it || self.times < time || (self.times > time && !persist) {
            return;
        }
        let Ok(mut registers) = ptrace::getregs(pid) else { return };
        self.hit = Some(call.clone());
        match with {
            // No call has this number.
            Failure::Errno(_) => registers.orig_rax = u64::MAX,
            Failure::Short => registers.rdx = registers.rdx.min(1),
        }
        if ptrace::setregs(pid, registers).is_ok()
            && let Some(task) = self.tasks.get_mut(&pid.as_raw())
        {
            task.1 = Some(with);
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.clock.kill();
        let _ = self.clock.wait();
    }
}

fn nix_pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed())
}

fn tasks_of(pid: i32) -> Vec<i32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
