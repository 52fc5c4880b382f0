//! Files of /proc that the kernel reads out of a process's memory: environ, cmdline and maps.
//!
//! The kernel takes the lock of the memory map for them. A process that hangs on a disk may hold that
//! lock for as long as the disk hangs (a mmap(2) that waits for a page, or on NFS for the server), and
//! a reader then hangs too, as ps(1) does. So if the process may hang, a thread reads the file, and a
//! thread that does not return in time is given up.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::proc::{copied, unless_denied, whole};
use super::stat::{StartTicks, Stat};
use super::thread::{self, StackSize};
use crate::values::Pid;

/// Such a file of a process.
#[derive(Clone, Copy, Debug)]
pub(super) enum MemoryFile {
    Environ,
    Cmdline,
    Maps,
}

impl MemoryFile {
    fn of(self, pid: Pid) -> PathBuf {
        let name = match self {
            Self::Environ => "environ",
            Self::Cmdline => "cmdline",
            Self::Maps => "maps",
        };
        PathBuf::from(format!("/proc/{pid}/{name}"))
    }
}

/// A process whose memory cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// It was not known before this read.
    pub is_news: bool,
    /// The error of the read; None: the process hangs, and a reader would hang too.
    errno: Option<i32>,
}

impl Unreadable {
    pub(crate) fn hangs(is_news: bool) -> Self {
        Self { is_news, errno: None }
    }

    /// The error of the read; None if the process hangs.
    pub fn error(self) -> Option<std::io::Error> {
        self.errno.map(std::io::Error::from_raw_os_error)
    }
}

/// How long a read is waited for while no other thread is given up. A machine that swaps is slow.
const PATIENCE: Duration = Duration::from_millis(500);

/// The content of the file; empty if it may not be read, or does not exist.
fn contents(path: PathBuf, file: MemoryFile) -> Result<Vec<u8>, Unreadable> {
    let content = match file {
        MemoryFile::Environ => copied(path),
        MemoryFile::Cmdline | MemoryFile::Maps => whole(path),
    };
    let read = unless_denied(content).map_err(|error| Unreadable {
        is_news: true,
        errno: Some(error.raw_os_error().unwrap_or(libc::EIO)),
    })?;
    Ok(read.unwrap_or_default())
}

/// The content of the file, read by a thread if the process may hang; empty if it may not be read, or
/// does not exist.
pub(super) fn read(stat: &Stat, file: MemoryFile) -> Result<Vec<u8>, Unreadable> {
    let path = file.of(stat.pid);
    if !may_hang(stat) {
        return contents(path, file);
    }
    let process = (stat.pid, stat.start);
    let (reader, given_up) = {
        let mut readers = readers();
        if readers.hanging.contains(&process) {
            return Err(Unreadable::hangs(false));
        }
        (readers.idle.take(), readers.hanging.len())
    };
    let (answer, answered) = channel();
    // If no thread can be made, the file is read here: most processes do not hang.
    let asked = reader.or_else(ReaderThread::begin).and_then(|reader| {
        reader.jobs.send(Job { path: path.clone(), file, process, answer }).ok().map(|()| reader)
    });
    match asked {
        Some(reader) => reader.listen(answered, process, PATIENCE / (1 << given_up.min(5))),
        None => contents(path, file),
    }
}

/// Whether a thread of the process may wait while it holds the lock of the memory map. A process with
/// one thread does so only in an uninterruptible wait.
fn may_hang(stat: &Stat) -> bool {
    stat.threads > 1 || stat.state == 'D'
}

type ProcessKey = (Pid, StartTicks);

type Contents = Result<Vec<u8>, Unreadable>;

struct Job {
    path: PathBuf,
    file: MemoryFile,
    process: ProcessKey,
    answer: Sender<Contents>,
}

struct Readers {
    /// A thread without a job.
    idle: Option<ReaderThread>,
    /// The processes that a thread has not returned from yet.
    hanging: BTreeSet<ProcessKey>,
}

static READERS: Mutex<Readers> = Mutex::new(Readers { idle: None, hanging: BTreeSet::new() });

fn readers() -> MutexGuard<'static, Readers> {
    READERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that reads such files.
struct ReaderThread {
    jobs: Sender<Job>,
    /// The folder of the thread in /proc.
    place: Arc<OnceLock<PathBuf>>,
}

impl ReaderThread {
    fn begin() -> Option<Self> {
        let (jobs, jobs_to_do) = channel::<Job>();
        let place = Arc::new(OnceLock::new());
        let reader = Self { jobs, place: place.clone() };
        let begun = thread::start("reader", StackSize::Small, move || {
            if let Ok(link) = fs::read_link("/proc/thread-self") {
                let _ = place.set(PathBuf::from("/proc").join(link));
            }
            for job in jobs_to_do {
                let read = contents(job.path, job.file);
                // Under the lock, so that the caller either gets the answer or has given this thread up.
                let mut readers = readers();
                if job.answer.send(read).is_err() {
                    readers.hanging.remove(&job.process);
                }
            }
        });
        begun.ok().map(|_| reader)
    }

    fn listen(
        self,
        answered: Receiver<Contents>,
        process: ProcessKey,
        patience: Duration,
    ) -> Result<Vec<u8>, Unreadable> {
        loop {
            let read = match answered.recv_timeout(patience) {
                Ok(read) => Some(read),
                // On a very busy machine the thread may not have run yet.
                Err(RecvTimeoutError::Timeout) if !self.is_waiting() => continue,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            };
            let mut readers = readers();
            return match read.or_else(|| answered.try_recv().ok()) {
                Some(read) => {
                    readers.idle = Some(self);
                    read
                }
                None => {
                    readers.hanging.insert(process);
                    drop(answered);
                    Err(Unreadable::hangs(true))
                }
            };
        }
    }

    /// Whether the thread is in an uninterruptible wait.
    fn is_waiting(&self) -> bool {
        let stat = self.place.get().and_then(|place| whole(place.join("stat")).ok());
        stat.and_then(|line| Stat::parse(&line)).is_none_or(|stat| stat.state == 'D')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_with_several_threads_is_read_all_the_same() {
        let (tell, told) = channel::<()>();
        let wait = move || told.recv().is_err();
        let other = thread::start("other", StackSize::Small, wait).unwrap();
        let me = Stat::of(Pid::this()).unwrap();
        assert!(may_hang(&me));
        for _ in 0..100 {
            let maps = read(&me, MemoryFile::Maps).unwrap();
            assert!(maps.windows(7).any(|w| w == b"[stack]"));
        }
        drop(tell);
        assert!(other.join().unwrap());
    }
}
