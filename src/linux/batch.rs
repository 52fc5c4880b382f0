//! Several programs, started by a few threads, without a copy of this process's memory for each.
//!
//! Promises: each command is carried out once, by a thread or, if it is given back, by the caller. The caller waits no
//! longer than [`PATIENCE`] for programs that cannot be executed in that time, whatever hangs: their children are handed
//! to it as they are, with a report that is still to come, and all other commands are given back.
//!
//! Who does what is decided under one lock, which nobody holds across a system call that can hang. A thread takes a
//! command out of the queue to carry it out, and the birth of its child stands in `under_way` from then on; the caller
//! closes the queue and takes out what is left. A child that hangs has its number and its handle written by the kernel
//! before it runs. The one of thread and caller that takes its birth out of `under_way` has them. The command, with the
//! descriptors and the memory that the child still reads, stays with the thread until the child has executed its
//! program or ended. Then the thread sees that the birth was taken, and says so by its bell.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bell::Bell;
use super::child::{can_leave_descriptors, ignored_signals};
use super::command::{Command, OwnedCommand};
use super::exec::{ChildPlan, ReportTo};
use super::fork::pointers;
use super::late::Late;
use super::spawn::{Child, ExecReport};
use super::thread::{self, StackSize};
use super::vfork::{Birth, Stack, vfork};

/// How long programs may take to be executed before the others are started without waiting for them.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// The most threads. Each waits for its child, and for its turn after that, while the others go on.
const THREADS: usize = 4;

/// The handles get numbers from here on: a child gets a copy of all descriptors that are below those it needs, which are
/// the lowest that were free.
const HANDLES: i32 = 64;

/// What became of a command.
#[derive(Debug)]
pub enum Carried {
    /// Its process is there.
    Out(Child),
    /// It is the caller's to carry out.
    Back(Box<OwnedCommand>),
}

/// See the module. Each command has a token of the caller's. To be dropped once all have come back.
#[derive(Debug)]
pub struct Batch<T: Copy + Send + 'static>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Queue<T>>,
    /// There is something to do, and something was done.
    to_do: Condvar,
    done: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<(T, OwnedCommand)>,
    /// The children whose programs are being executed, or that are yet to be made.
    under_way: Vec<(T, Arc<Birth>)>,
    carried: VecDeque<(T, Carried)>,
    is_closed: bool,
}

impl<T> Queue<T> {
    fn close(&mut self) {
        self.is_closed = true;
        let back = |(token, command)| (token, Carried::Back(Box::new(command)));
        self.carried.extend(self.waiting.drain(..).map(back));
    }
}

impl<T> Shared<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Copy + Send + 'static> Batch<T> {
    /// For about so many commands.
    ///
    /// # Errors
    /// As mmap(2), pthread_create(3) and open(2); ENOSYS where a child cannot leave what it shares.
    pub fn begin(commands: usize) -> io::Result<Self> {
        if !can_leave_descriptors() {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                under_way: Vec::new(),
                carried: VecDeque::new(),
                is_closed: false,
            }),
            to_do: Condvar::new(),
            done: Condvar::new(),
        });
        let null = Arc::new(File::open("/dev/null")?);
        let ignored = ignored_signals();
        let batch = Self(Arc::clone(&shared));
        for made in 0..THREADS.min(commands.div_ceil(2)) {
            let starter = StartThread::new(Arc::clone(&shared), Arc::clone(&null), ignored);
            let started = starter.and_then(|mut starter| {
                thread::start("starter", StackSize::Small, move || starter.work())
            });
            match started {
                Err(error) if made == 0 => return Err(error),
                // Those that are there do.
                Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok(batch)
    }

    /// Whether a command can be carried out in this way: its child changes to no other user, and does not die with the
    /// thread that made it.
    fn takes(command: &OwnedCommand) -> bool {
        let command = command.get();
        command.credentials.is_none() && command.listen.is_empty() && !command.dies_with_parent
    }

    /// Hands over a command; one that cannot be carried out in this way comes back at once.
    pub fn hand_over(&self, token: T, command: OwnedCommand) {
        let mut queue = self.0.queue();
        if queue.is_closed || !Self::takes(&command) {
            queue.carried.push_back((token, Carried::Back(Box::new(command))));
        } else {
            queue.waiting.push_back((token, command));
            self.0.to_do.notify_one();
        }
    }

    /// What has become of a command, if anything has come back.
    pub fn carried(&self) -> Option<(T, Carried)> {
        self.0.queue().carried.pop_front()
    }

    /// What becomes of a command; None: all have come back.
    pub fn wait(&self) -> Option<(T, Carried)> {
        let mut queue = self.0.queue();
        loop {
            if let Some(carried) = queue.carried.pop_front() {
                return Some(carried);
            }
            if queue.waiting.is_empty() && queue.under_way.is_empty() {
                return None;
            }
            let waited = self.0.done.wait_timeout(queue, PATIENCE);
            let (now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = now;
            if waited.timed_out() && queue.carried.is_empty() {
                Self::give_up(&mut queue);
            }
        }
    }

    /// Takes over the children that hang, and closes the queue. A fork that hangs is waited for, as any fork is.
    fn give_up(queue: &mut Queue<T>) {
        let Queue { under_way, carried, .. } = queue;
        under_way.retain(|(token, birth)| {
            let Some(pid) = birth.pid() else { return true };
            // SAFETY: there is a child, and its birth is taken out of the list here.
            let handle = unsafe { birth.take_handle() };
            let report = ExecReport::Late(Late::new(Arc::clone(birth)));
            carried.push_back((*token, Carried::Out(Child { pid, handle, report })));
            false
        });
        queue.close();
    }
}

impl<T: Copy + Send + 'static> Drop for Batch<T> {
    fn drop(&mut self) {
        // A command that nobody has asked for is not carried out any more.
        self.0.queue().close();
        self.0.to_do.notify_all();
    }
}

struct StartThread<T> {
    shared: Arc<Shared<T>>,
    stack: Stack,
    null: Arc<File>,
    ignored: u64,
    bell: Bell,
}

impl<T: Copy> StartThread<T> {
    fn new(shared: Arc<Shared<T>>, null: Arc<File>, ignored: u64) -> io::Result<Self> {
        Ok(Self { shared, stack: Stack::new()?, null, ignored, bell: Bell::new()? })
    }

    fn work(&mut self) {
        while let Some((token, command, birth)) = self.next() {
            let failed = match self.carry_out(&command, &birth) {
                Ok(()) => {
                    // The lock that it holds is its child's alone once this is told.
                    drop(command);
                    None
                }
                Err(_) => Some(command),
            };
            birth.is_over.store(true, Ordering::Release);
            let mut queue = self.shared.queue();
            let Some(at) = queue.under_way.iter().position(|(_, of)| Arc::ptr_eq(of, &birth))
            else {
                birth.bell.ring();
                return;
            };
            queue.under_way.swap_remove(at);
            match (failed, birth.pid()) {
                (None, Some(pid)) => {
                    // SAFETY: there is a child, and its birth was taken out of the list here.
                    let handle = unsafe { birth.take_handle() }.raised(HANDLES);
                    let report = ExecReport::Known(birth.failure.outcome());
                    let child = Child { pid, handle, report };
                    queue.carried.push_back((token, Carried::Out(child)));
                }
                // It does so with the others too, as likely as not.
                (failed, _) => {
                    let back = failed.map(|command| (token, Carried::Back(Box::new(command))));
                    queue.carried.extend(back);
                    queue.close();
                }
            }
            drop(queue);
            self.shared.done.notify_one();
        }
    }

    fn next(&self) -> Option<(T, OwnedCommand, Arc<Birth>)> {
        let mut queue = self.shared.queue();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some((token, command)) = queue.waiting.pop_front() {
                let birth = Arc::new(Birth::new(self.bell.clone()));
                queue.under_way.push((token, Arc::clone(&birth)));
                return Some((token, command, birth));
            }
            queue = self.shared.to_do.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn carry_out(&mut self, command: &OwnedCommand, birth: &Birth) -> io::Result<()> {
        let command = command.get();
        let plan = ChildPlan {
            command,
            arguments: &pointers(&command.arguments),
            environment: &pointers(&command.environment),
            input: command.input.as_ref().map_or(self.null.as_raw_fd(), AsRawFd::as_raw_fd),
            output: command.output.as_raw_fd(),
            report: ReportTo::Memory(&birth.failure),
            signals: self.ignored,
            listen_pid: std::ptr::null_mut(),
            parent: 0,
            shares_from: Some(needed_below(command, self.null.as_raw_fd())),
            is_in_group: false,
        };
        // SAFETY: the pointers are those of values that live on here; the plan changes to no other user, and has no
        // sockets for which the child would write its number.
        unsafe { vfork(plan, &mut self.stack, birth) }
    }
}

/// The number above those that a child needs, besides the standard streams; `null` is one of them.
fn needed_below(command: &Command<'_>, null: RawFd) -> RawFd {
    let inherited = command.inherited.iter().map(AsRawFd::as_raw_fd);
    let group = command.group.map(|group| group.folder().as_raw_fd());
    let input = command.input.as_ref().map(AsRawFd::as_raw_fd);
    let output = [command.output.as_raw_fd(), null, 2];
    1 + output.into_iter().chain(inherited).chain(group).chain(input).max().unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::super::cgroup;
    use super::super::cgroup::tests::group_of_a_test;
    use super::super::command::{Descriptors, OwnedDoor};
    use super::super::inherit::set_oom_score;
    use super::super::reap::reap_one;
    use super::super::spawn::spawn;
    use super::super::wait::Waiting;
    use super::*;
    use crate::values::{ExecError, ExecStage, ExitStatus, Moment, Signal};
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn command_in(words: &[&str], output: File, group: Option<OwnedDoor>) -> OwnedCommand {
        let descriptors =
            Descriptors { output: output.into(), inherited: Vec::new(), listen: Vec::new(), group };
        OwnedCommand::new(descriptors, |output| {
            let candidates = Command::candidates(OsStr::new(words[0]), "/nowhere:/usr/bin:/bin");
            let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
            Command::plain(candidates, &words, vec![c"MARK=here".to_owned()], output)
        })
    }

    fn command(words: &[&str]) -> OwnedCommand {
        command_in(words, File::create("/dev/null").unwrap(), None)
    }

    fn out(carried: Option<((), Carried)>) -> Child {
        match carried {
            Some(((), Carried::Out(child))) => child,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn programs_run_as_they_were_told_and_their_handles_are_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let before = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        // Only root may protect itself.
        let _ = set_oom_score(-500);
        let protected = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        let batch = Batch::begin(1).unwrap();
        let script = "echo $MARK; pwd; cat /proc/self/oom_score_adj; ps -o sid= -p $$ | tr -d ' '; \
                      grep SigBlk /proc/self/status; sleep 1000";
        batch.hand_over((), command_in(&["sh", "-c", script], File::create(&path).unwrap(), None));
        for _ in 0..20 {
            batch.hand_over((), command(&["true"]));
        }
        let mut first = out(batch.wait());
        assert_eq!(first.report.outcome(), Some(Ok(())));
        assert_eq!(std::fs::read_to_string("/proc/self/oom_score_adj").unwrap(), protected);
        for _ in 0..20 {
            let mut child = out(batch.wait());
            assert_eq!(child.report.outcome(), Some(Ok(())));
            assert_eq!(reap_one(child.pid), Some(ExitStatus::Code(0)));
            assert!(child.handle.is_dead());
        }
        assert!(batch.wait().is_none());
        let until = Moment::now() + Duration::from_secs(10);
        let wanted = format!("here\n/\n0\n{}\nSigBlk:\t0000000000000000\n", first.pid);
        while std::fs::read_to_string(&path).unwrap() != wanted {
            assert!(!until.passed(), "{}", std::fs::read_to_string(&path).unwrap());
        }
        assert!(!first.handle.is_dead());
        first.handle.send(Signal::KILL).unwrap();
        assert_eq!(reap_one(first.pid), Some(ExitStatus::Signal(Signal::KILL)));
        let _ = std::fs::write("/proc/self/oom_score_adj", before);
    }

    #[test]
    fn a_failed_execution_is_told_by_stage_and_errno() {
        let batch = Batch::begin(1).unwrap();
        batch.hand_over((), command(&["/no/such/program"]));
        let folder = |descriptors: Descriptors| {
            OwnedCommand::new(descriptors, |output| Command {
                directory: c"/no/such/folder".to_owned(),
                ..Command::plain(vec![c"/bin/true".to_owned()], &[], Vec::new(), output)
            })
        };
        let output = File::create("/dev/null").unwrap().into();
        batch.hand_over(
            (),
            folder(Descriptors { output, inherited: Vec::new(), listen: Vec::new(), group: None }),
        );
        for stage in [ExecStage::Exec, ExecStage::Directory] {
            let mut child = out(batch.wait());
            let error = ExecError { stage, errno: libc::ENOENT };
            assert_eq!(child.report.outcome(), Some(Err(error)));
            assert_eq!(reap_one(child.pid), Some(ExitStatus::Code(127)));
        }
    }

    #[test]
    fn a_program_begins_its_life_in_its_control_group() {
        let Some(group) = group_of_a_test("batch") else { return };
        for door in [OwnedDoor::New, OwnedDoor::Old] {
            let batch = Batch::begin(1).unwrap();
            let null = File::create("/dev/null").unwrap();
            let door = door(cgroup::folder(&group).unwrap());
            batch.hand_over((), command_in(&["sleep", "1000"], null, Some(door)));
            let child = out(batch.wait());
            assert_eq!(cgroup::processes(&group).unwrap(), [child.pid]);
            child.handle.send(Signal::KILL).unwrap();
            let _ = reap_one(child.pid);
        }
        cgroup::remove_ended(&group);
    }

    /// `F_SETSIG` of fcntl(2).
    const SET_SIGNAL: i32 = 10;

    /// A program that cannot be executed before its holder lets go of it (fcntl(2), F_SETLEASE).
    struct Held(File);

    impl Held {
        fn at(path: &Path) -> Self {
            std::fs::copy("/bin/sleep", path).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let file = File::open(path).unwrap();
            // By default the holder is told by a signal that ends it.
            // SAFETY: it takes numbers.
            unsafe { libc::fcntl(file.as_raw_fd(), SET_SIGNAL, libc::SIGURG) };
            let until = Moment::now() + Duration::from_secs(10);
            // SAFETY: it takes numbers.
            while unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) } < 0 {
                // A child of another test may have inherited the file that was written.
                let error = io::Error::last_os_error();
                assert!(error.kind() == io::ErrorKind::WouldBlock && !until.passed(), "{error}");
            }
            Self(file)
        }

        fn let_go(self) {
            // SAFETY: it takes numbers.
            unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
        }
    }

    #[test]
    fn one_program_that_hangs_delays_no_other_and_is_reported_late() {
        let folder = tempfile::tempdir().unwrap();
        for is_killed in [false, true] {
            let path = folder.path().join(format!("program-{is_killed}"));
            let held = Held::at(&path);
            let batch = Batch::begin(1).unwrap();
            batch.hand_over((), command(&["true"]));
            batch.hand_over((), command(&[path.to_str().unwrap(), "1000"]));
            batch.hand_over((), command(&["true"]));
            let quick = out(batch.wait());
            assert_eq!(reap_one(quick.pid), Some(ExitStatus::Code(0)));
            let mut late = out(batch.wait());
            assert_eq!(late.report.outcome(), None);
            assert!(!late.handle.is_dead());
            let Some(((), Carried::Back(other))) = batch.wait() else {
                panic!("it was not carried out")
            };
            assert_eq!(reap_one(spawn(other.get()).unwrap().pid), Some(ExitStatus::Code(0)));
            batch.hand_over((), command(&["true"]));
            assert!(matches!(batch.wait(), Some(((), Carried::Back(_)))), "it is closed");
            assert!(batch.wait().is_none());
            if is_killed {
                late.handle.send(Signal::KILL).unwrap();
                assert_eq!(reap_one(late.pid), Some(ExitStatus::Signal(Signal::KILL)));
                late.report.child_has_ended();
                assert_eq!(late.report.outcome(), Some(Ok(())), "no step has failed");
                held.let_go();
                continue;
            }
            held.let_go();
            let mut waiting = Waiting::new();
            waiting.readable(late.report.awaited().unwrap(), ());
            assert_eq!(waiting.wait(Some(Moment::now() + Duration::from_secs(10))), [()]);
            assert_eq!(late.report.outcome(), Some(Ok(())));
            late.handle.send(Signal::KILL).unwrap();
            assert_eq!(reap_one(late.pid), Some(ExitStatus::Signal(Signal::KILL)));
        }
    }
}
