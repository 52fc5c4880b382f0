//! Files of /proc that the kernel reads out of a process's memory: environ, cmdline and maps.
//!
//! For these it waits for the lock of the memory map. A process that hangs on a disk may hold that
//! lock for as long as the disk hangs (a mmap(2) that waits for a page, or on NFS for the server),
//! and whoever reads then hangs with it, as ps(1) does. So where it may be so, a thread reads, and
//! one that does not come back is given up.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::proc::{unless_denied, whole};
use super::stat::{StartTicks, Stat};
use super::thread::{self, StackSize};
use crate::values::Pid;

/// Such a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Environ,
    Cmdline,
    Maps,
}

impl Part {
    fn of(self, pid: Pid) -> PathBuf {
        let name = match self {
            Self::Environ => "environ",
            Self::Cmdline => "cmdline",
            Self::Maps => "maps",
        };
        PathBuf::from(format!("/proc/{pid}/{name}"))
    }
}

/// A process whose memory cannot be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mute {
    /// That was found out just now.
    pub is_news: bool,
    /// What /proc says; None: the process hangs, and whoever reads would hang with it.
    errno: Option<i32>,
}

impl Mute {
    /// It hangs, and that was known or not.
    fn hangs(is_news: bool) -> Self {
        Self { is_news, errno: None }
    }

    /// What went wrong, where it does not hang.
    pub fn error(self) -> Option<std::io::Error> {
        self.errno.map(std::io::Error::from_raw_os_error)
    }
}

/// How long a read is waited for, while no other one is lost; a machine that swaps takes its time.
const PATIENCE: Duration = Duration::from_millis(500);

/// The file as it is; empty where it may not be read, or there is none.
fn contents(path: PathBuf) -> Result<Vec<u8>, Mute> {
    let read = unless_denied(whole(path)).map_err(|error| Mute {
        is_news: true,
        errno: Some(error.raw_os_error().unwrap_or(libc::EIO)),
    })?;
    Ok(read.unwrap_or_default())
}

/// Reads it, by a thread if the process may hang; empty where it may not be read, or there is none.
pub(super) fn read(stat: &Stat, part: Part) -> Result<Vec<u8>, Mute> {
    let path = part.of(stat.pid);
    if !may_hang(stat) {
        return contents(path);
    }
    let whom = (stat.pid, stat.start);
    let (reader, lost) = {
        let mut readers = readers();
        if readers.mute.contains(&whom) {
            return Err(Mute::hangs(false));
        }
        (readers.idle.take(), readers.mute.len())
    };
    let (answer, heard) = channel();
    // Where no thread can be had, whoever can be read must be read all the same.
    let asked = reader.or_else(Reader::begin).and_then(|reader| {
        reader.jobs.send(Job { path: path.clone(), whom, answer }).ok().map(|()| reader)
    });
    match asked {
        Some(reader) => reader.listen(heard, whom, PATIENCE / (1 << lost.min(5))),
        None => contents(path),
    }
}

/// Whether somebody may wait while he holds the lock of the memory map: the only thread, which then
/// waits uninterruptibly, or another one.
fn may_hang(stat: &Stat) -> bool {
    stat.threads > 1 || stat.state == 'D'
}

type Whom = (Pid, StartTicks);

type Contents = Result<Vec<u8>, Mute>;

struct Job {
    path: PathBuf,
    whom: Whom,
    answer: Sender<Contents>,
}

struct Readers {
    /// The one that has nothing to do.
    idle: Option<Reader>,
    /// Of whom one has not come back yet.
    mute: BTreeSet<Whom>,
}

static READERS: Mutex<Readers> = Mutex::new(Readers { idle: None, mute: BTreeSet::new() });

fn readers() -> MutexGuard<'static, Readers> {
    READERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that reads.
struct Reader {
    jobs: Sender<Job>,
    /// Its folder in /proc.
    place: Arc<OnceLock<PathBuf>>,
}

impl Reader {
    fn begin() -> Option<Self> {
        let (jobs, to_do) = channel::<Job>();
        let place = Arc::new(OnceLock::new());
        let reader = Self { jobs, place: place.clone() };
        let begun = thread::start("reader", StackSize::Small, move || {
            if let Ok(link) = fs::read_link("/proc/thread-self") {
                let _ = place.set(PathBuf::from("/proc").join(link));
            }
            for job in to_do {
                let read = contents(job.path);
                // Under the lock, so that it is either heard or known to be unheard.
                let mut readers = readers();
                if job.answer.send(read).is_err() {
                    readers.mute.remove(&job.whom);
                }
            }
        });
        begun.ok().map(|_| reader)
    }

    fn listen(
        self,
        heard: Receiver<Contents>,
        whom: Whom,
        patience: Duration,
    ) -> Result<Vec<u8>, Mute> {
        loop {
            let read = match heard.recv_timeout(patience) {
                Ok(read) => Some(read),
                // On a machine that is very busy it may not have had its turn yet.
                Err(RecvTimeoutError::Timeout) if !self.waits() => continue,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            };
            let mut readers = readers();
            return match read.or_else(|| heard.try_recv().ok()) {
                Some(read) => {
                    readers.idle = Some(self);
                    read
                }
                None => {
                    readers.mute.insert(whom);
                    drop(heard);
                    Err(Mute::hangs(true))
                }
            };
        }
    }

    /// It waits in the kernel, for something that no signal ends.
    fn waits(&self) -> bool {
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
            let maps = read(&me, Part::Maps).unwrap();
            assert!(maps.windows(7).any(|w| w == b"[stack]"));
        }
        drop(tell);
        assert!(other.join().unwrap());
    }
}
