//! Work on a site's disk outside the supervisor. A helper process does it, as the disk may hang.
//!
//! Promises: the caller continues at its deadline, or when it is interrupted, and the helper is killed then.
//! Must never: touch the disk in the caller's process, or report work as done that was not.

mod facts;
mod folder;
mod pause_mark;
mod redis;
mod work_list;
mod work_search;

use std::ffi::OsStr;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::control::Pause;
use crate::linux::own_program::{self, Unanswered};
use crate::site::{Places, WorkKind};
use crate::values::Moment;

pub use facts::{end_detached_facts, leave_facts_detached, leaving_words};
pub use folder::FolderJob;
pub use pause_mark::{Settled, confirm_pause, path as pause_path, pause_of};
pub use redis::RedisAnswer;
pub use work_list::{BegunList, WorkEnd, WorkItem, WorkList, WorkMark, WorkState};
use work_search::WantedWork;
pub use work_search::WorkFound;

/// Why a helper has not done its job.
#[derive(Debug, PartialEq, Eq)]
pub enum Undone {
    /// The caller was interrupted.
    Interrupted,
    /// For the end of a sentence.
    Because(String),
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("it was interrupted"),
            Self::Because(why) => f.write_str(why),
        }
    }
}

/// A job on the disk. It is passed on the command line, so it contains no secret.
#[derive(Debug, Serialize, Deserialize)]
enum DiskJob {
    ReadPause { database: PathBuf },
    BeginPause { database: PathBuf, pause: Pause },
    SettlePause { database: PathBuf, settled: Settled },
    ClearPause { database: PathBuf },
    Folder { database: PathBuf, job: FolderJob },
    AskRedis { database: PathBuf },
    SearchWork { database: PathBuf, wanted: Vec<WantedWork> },
    BeginWork { database: PathBuf, wanted: Vec<WantedWork>, end: WorkEnd },
    MarkWork { database: PathBuf, marks: Vec<WorkMark> },
    CloseWork { database: PathBuf },
    ReadWork { database: PathBuf },
}

/// The hidden subcommand of these jobs.
const WORD: &str = "disk-job";

/// Runs `job` in a helper, which is this program with the hidden subcommand `word`. Returns its answer. The
/// helper is killed at `deadline`, or when `cut` becomes readable.
///
/// # Errors
/// See [`Undone`].
pub fn ask<T: DeserializeOwned>(
    places: &Places,
    (word, job): (&str, &impl Serialize),
    database: &Path,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<T, Undone> {
    let job = serde_json::to_string(job).map_err(|e| Undone::Because(e.to_string()))?;
    let words = [
        OsStr::new("siteward"),
        OsStr::new(word),
        OsStr::new(&job),
        OsStr::new("--config-dir"),
        places.config.as_os_str(),
        OsStr::new("--runtime-dir"),
        places.runtime.as_os_str(),
        OsStr::new("--log-dir"),
        places.logs.as_os_str(),
        OsStr::new("--link-dir"),
        places.links.as_os_str(),
    ];
    answered(&words, database, deadline, cut)
}

fn answered<T: DeserializeOwned>(
    words: &[&OsStr],
    database: &Path,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<T, Undone> {
    let at = database.display();
    let said = own_program::ask(words, deadline, cut).map_err(|why| match why {
        Unanswered::Interrupted => Undone::Interrupted,
        Unanswered::TimedOut => Undone::Because(format!("the disk at {at} does not answer")),
        other => Undone::Because(format!("a helper for the disk at {at} {other}")),
    })?;
    serde_json::from_slice(&said).map_err(|_| {
        let words = String::from_utf8_lossy(&said);
        Undone::Because(format!("a helper for the disk at {at} failed: {}", words.trim()))
    })
}

/// As [`ask`], for a job that needs no folder of siteward's. An error of the job is returned as it is.
fn order_alone<T: DeserializeOwned>(
    job: &DiskJob,
    database: &Path,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<T, Undone> {
    let job = serde_json::to_string(job).map_err(|e| Undone::Because(e.to_string()))?;
    let words = [OsStr::new("siteward"), OsStr::new(WORD), OsStr::new(&job)];
    answered::<Result<T, String>>(&words, database, deadline, cut)?.map_err(Undone::Because)
}

/// As [`ask`], without an interruption. An error of the job is returned as it is.
fn order<T: DeserializeOwned>(
    places: &Places,
    job: &DiskJob,
    database: &Path,
    deadline: Moment,
) -> Result<T, String> {
    ask::<Result<T, String>>(places, (WORD, job), database, deadline, None)
        .map_err(|undone| undone.to_string())?
}

/// The pause that is in force on `database`, if there is one.
///
/// # Errors
/// See [`Undone`].
pub fn read_pause(
    places: &Places,
    database: &Path,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Option<Pause>, Undone> {
    let job = DiskJob::ReadPause { database: database.to_owned() };
    ask(places, (WORD, &job), database, deadline, cut)
}

/// Writes the mark of a pause that is about to be ordered. It is in force once it is settled.
///
/// # Errors
/// A sentence: it is not written.
pub fn begin_pause(
    places: &Places,
    database: &Path,
    pause: &Pause,
    deadline: Moment,
) -> Result<(), String> {
    let job = DiskJob::BeginPause { database: database.to_owned(), pause: pause.clone() };
    order(places, &job, database, deadline)
}

/// Settles the mark of a pause that was begun.
///
/// # Errors
/// A sentence: the mark is as it was.
pub fn settle_pause(
    places: &Places,
    database: &Path,
    settled: Settled,
    deadline: Moment,
) -> Result<(), String> {
    order(
        places,
        &DiskJob::SettlePause { database: database.to_owned(), settled },
        database,
        deadline,
    )
}

/// Removes the mark of a pause, if it is there.
///
/// # Errors
/// A sentence: the mark is as it was.
pub fn clear_pause(places: &Places, database: &Path, deadline: Moment) -> Result<(), String> {
    order(places, &DiskJob::ClearPause { database: database.to_owned() }, database, deadline)
}

/// Asks the Redis of a JobCenter site on this database.
///
/// # Errors
/// See [`Undone`].
pub fn ask_redis(
    places: &Places,
    database: &Path,
    deadline: Moment,
) -> Result<RedisAnswer, Undone> {
    let job = DiskJob::AskRedis { database: database.to_owned() };
    ask(places, (WORD, &job), database, deadline, None)
}

/// The work that runs now: the items of each kind that are there.
///
/// # Errors
/// See [`Undone`].
pub fn search_work(
    database: &Path,
    kinds: &[WorkKind],
    deadline: Moment,
) -> Result<WorkFound, Undone> {
    let wanted = kinds.iter().map(WantedWork::from).collect();
    let job = DiskJob::SearchWork { database: database.to_owned(), wanted };
    order_alone(&job, database, deadline, None)
}

/// Goes on with the list of what this end has interrupted, or makes it, durably.
///
/// # Errors
/// See [`Undone`].
pub fn begin_work(
    (database, kinds): (&Path, &[WorkKind]),
    end: WorkEnd,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<BegunList, Undone> {
    let wanted = kinds.iter().map(WantedWork::from).collect();
    let job = DiskJob::BeginWork { database: database.to_owned(), wanted, end };
    order_alone(&job, database, deadline, cut)
}

/// Records durably what has become of items. A helper that is killed may have done it.
///
/// # Errors
/// It is not known to be recorded: see [`Undone`].
pub fn mark_work(
    database: &Path,
    marks: Vec<WorkMark>,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(), Undone> {
    let job = DiskJob::MarkWork { database: database.to_owned(), marks };
    order_alone(&job, database, deadline, cut)
}

/// The start has done all that it does about that end.
///
/// # Errors
/// See [`Undone`].
pub fn close_work(database: &Path, deadline: Moment) -> Result<(), Undone> {
    let job = DiskJob::CloseWork { database: database.to_owned() };
    order_alone(&job, database, deadline, None)
}

/// The list, if there is one.
///
/// # Errors
/// See [`Undone`].
pub fn read_work(database: &Path, deadline: Moment) -> Result<Option<WorkList>, Undone> {
    let job = DiskJob::ReadWork { database: database.to_owned() };
    order_alone(&job, database, deadline, None)
}

/// Does `job` with the folder `database`.
///
/// # Errors
/// It cannot be done, or the disk has not answered by `deadline`; a sentence.
pub fn do_with_folder(
    places: &Places,
    database: &Path,
    job: FolderJob,
    deadline: Moment,
) -> Result<bool, String> {
    order(places, &DiskJob::Folder { database: database.to_owned(), job }, database, deadline)
}

/// Does the job in the helper process. Returns the answer to print.
pub fn obey(job: &str) -> Option<String> {
    match serde_json::from_str(job).ok()? {
        DiskJob::ReadPause { database } => serde_json::to_string(&pause_mark::read(&database)),
        DiskJob::BeginPause { database, pause } => {
            serde_json::to_string(&pause_mark::begin(&database, pause))
        }
        DiskJob::SettlePause { database, settled } => {
            serde_json::to_string(&pause_mark::settle(&database, settled))
        }
        DiskJob::ClearPause { database } => serde_json::to_string(&pause_mark::clear(&database)),
        DiskJob::Folder { database, job } => serde_json::to_string(&job.carry_out(&database)),
        DiskJob::AskRedis { database } => serde_json::to_string(&redis::ping(&database)),
        DiskJob::SearchWork { database, wanted } => {
            serde_json::to_string(&work_search::search(&database, &wanted))
        }
        DiskJob::BeginWork { database, wanted, end } => {
            serde_json::to_string(&work_list::begin(&database, &end, &wanted))
        }
        DiskJob::MarkWork { database, marks } => {
            serde_json::to_string(&work_list::mark(&database, &marks))
        }
        DiskJob::CloseWork { database } => serde_json::to_string(&work_list::close(&database)),
        DiskJob::ReadWork { database } => serde_json::to_string(&work_list::read(&database)),
    }
    .ok()
}
