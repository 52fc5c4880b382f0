//! What a verb has done on the site's disk by a process of its own, as a disk that hangs must hold
//! nobody: reading and writing the mark of a pause, those questions of the gate that touch it, and
//! the making of a new site's folder.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::pause_mark::{self, Settled};
use super::{Fault, Target, gate};
use crate::control::Pause;
use crate::linux::folder::Folder;
use crate::linux::own_program::{self, Unanswered};
use crate::site::{Adjustments, Definition, Places, SiteName, load};
use crate::values::Moment;

/// Which questions of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    /// Whether this node can run it, and what moves with the site.
    Whole,
    /// Whether this node can run it.
    Node,
    /// What a supervisor that is not ours needs of this node and of the disk.
    Disk,
}

/// An errand, as it is said on a command line: nothing in it is a secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Errand {
    Gate { name: SiteName, adjustments: Adjustments, part: Part },
    ReadPause { database: PathBuf },
    BeginPause { database: PathBuf, pause: Pause },
    SettlePause { database: PathBuf, settled: Settled },
    ClearPause { database: PathBuf },
    Folder { database: PathBuf, job: FolderJob },
}

/// What is done with a folder on the disk while a site is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FolderJob {
    /// Made if it is not there, and opened for others to enter; whether it was made.
    Make,
    /// Removed if it is empty: nothing that anybody put there is ours to remove.
    Remove,
    /// Whether it is one.
    Look,
}

/// What the gate found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Passed {
    pub warnings: Vec<String>,
    pub fault: Option<Fault>,
}

/// Why an errand came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// Whoever waited for it was called away.
    Interrupted,
    /// For the end of a sentence.
    Because(String),
}

impl std::fmt::Display for Undone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interrupted => f.write_str("an order to stop came in between"),
            Self::Because(why) => f.write_str(why),
        }
    }
}

/// What keeps a step of a start from being done.
#[derive(Debug)]
pub(super) enum Halt {
    /// Whoever waited for it was called away: nothing of the step is left.
    Interrupted,
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn send<T: DeserializeOwned>(
    places: &Places,
    errand: &Errand,
    database: &Path,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<T, Undone> {
    let at = database.display();
    let errand = serde_json::to_string(errand).map_err(|e| Undone::Because(e.to_string()))?;
    let words = [
        OsStr::new("siteward"),
        OsStr::new("errand"),
        OsStr::new(&errand),
        OsStr::new("--config-dir"),
        places.config.as_os_str(),
        OsStr::new("--runtime-dir"),
        places.runtime.as_os_str(),
        OsStr::new("--log-dir"),
        places.logs.as_os_str(),
        OsStr::new("--link-dir"),
        places.links.as_os_str(),
    ];
    let said = own_program::ask(&words, deadline, cut).map_err(|lost| match lost {
        Unanswered::Interrupted => Undone::Interrupted,
        Unanswered::TimedOut => Undone::Because(format!("the disk at {at} does not answer")),
        other => Undone::Because(format!("a helper for the disk at {at} {other}")),
    })?;
    serde_json::from_slice(&said).map_err(|_| {
        let words = String::from_utf8_lossy(&said);
        Undone::Because(format!("a helper for the disk at {at} failed: {}", words.trim()))
    })
}

/// As [`send`], of what nobody is called away from; what went wrong there is what went wrong.
fn order<T: DeserializeOwned>(
    places: &Places,
    errand: &Errand,
    database: &Path,
    deadline: Moment,
) -> Result<T, String> {
    send::<Result<T, String>>(places, errand, database, deadline, None)
        .map_err(|undone| undone.to_string())?
}

/// The gate, by a helper where the site has a disk that may hang; not waited for any more when `cut`
/// becomes readable.
pub(super) fn pass_gate(
    target: &Target,
    definition: &Definition,
    part: Part,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(), Halt> {
    let passed = match &definition.database {
        None => gate::check(definition, part),
        Some(database) => {
            let (name, adjustments) = (target.name.clone(), target.adjustments.clone());
            let errand = Errand::Gate { name, adjustments, part };
            send(&target.places, &errand, database, deadline, cut).map_err(|why| match why {
                Undone::Interrupted => Halt::Interrupted,
                Undone::Because(why) => Halt::Fault(Fault::failed(format!(
                    "it cannot be found out whether the site `{}` may be started: {why}",
                    target.name
                ))),
            })?
        }
    };
    for warning in passed.warnings {
        log::warn!("{warning}");
    }
    passed.fault.map_or(Ok(()), |fault| Err(fault.into()))
}

/// What the mark of a pause says, if it is there; not waited for any more when `cut` becomes readable.
pub(super) fn read_pause(
    target: &Target,
    database: &Path,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Option<Pause>, Undone> {
    let errand = Errand::ReadPause { database: database.to_owned() };
    send(&target.places, &errand, database, deadline, cut)
}

/// Leaves the mark of a pause that is about to be ordered; it counts once it is settled.
pub(super) fn begin_pause(
    target: &Target,
    database: &Path,
    pause: &Pause,
    deadline: Moment,
) -> Result<(), String> {
    let errand = Errand::BeginPause { database: database.to_owned(), pause: pause.clone() };
    order(&target.places, &errand, database, deadline)
}

/// Says what came of the pause whose mark was left.
pub(super) fn settle_pause(
    target: &Target,
    database: &Path,
    settled: Settled,
    deadline: Moment,
) -> Result<(), String> {
    let errand = Errand::SettlePause { database: database.to_owned(), settled };
    order(&target.places, &errand, database, deadline)
}

/// Takes the mark of a pause away, if it is there.
pub(super) fn clear_pause(
    target: &Target,
    database: &Path,
    deadline: Moment,
) -> Result<(), String> {
    let errand = Errand::ClearPause { database: database.to_owned() };
    order(&target.places, &errand, database, deadline)
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
    let errand = Errand::Folder { database: database.to_owned(), job };
    order(places, &errand, database, deadline)
}

/// In the helper's own process: does the errand; what is to be printed.
pub fn run_errand(errand: &str, places: &Places) -> Option<String> {
    match serde_json::from_str(errand).ok()? {
        Errand::Gate { name, adjustments, part } => {
            let passed = match load(places, &name) {
                Ok(definition) => gate::check(&definition.adjusted(&adjustments), part),
                Err(error) => Passed { fault: Some(error.into()), ..Passed::default() },
            };
            serde_json::to_string(&passed)
        }
        Errand::ReadPause { database } => serde_json::to_string(&pause_mark::read(&database)),
        Errand::BeginPause { database, pause } => {
            serde_json::to_string(&pause_mark::begin(&database, pause))
        }
        Errand::SettlePause { database, settled } => {
            serde_json::to_string(&pause_mark::settle(&database, settled))
        }
        Errand::ClearPause { database } => serde_json::to_string(&pause_mark::clear(&database)),
        Errand::Folder { database, job } => serde_json::to_string(&match job {
            FolderJob::Make => make_here(&database),
            FolderJob::Remove => remove_here(&database),
            FolderJob::Look => Ok(database.is_dir()),
        }),
    }
    .ok()
}

/// The folder in which a folder lies, and its name there.
fn place_of(database: &Path) -> Result<(Folder, &OsStr), String> {
    let at = database.display();
    let (Some(above), Some(name)) = (database.parent(), database.file_name()) else {
        return Err(format!("{at} is no folder that could be made"));
    };
    let above = Folder::open(above).map_err(|e| format!("{at} cannot be reached: {e}"))?;
    Ok((above, name))
}

fn make_here(database: &Path) -> Result<bool, String> {
    let at = database.display();
    let (above, name) = place_of(database)?;
    let made = above.make(name, 0o755).map_err(|e| format!("{at} cannot be made: {e}"))?;
    let folder = above.below(name).map_err(|e| match e.raw_os_error() {
        None => format!("{at} is there, and is no folder"),
        Some(_) => format!("{at} cannot be read: {e}"),
    })?;
    // The owner of a folder that was there before has decided who may enter it.
    if made {
        let mode = folder.mode().map_err(|e| format!("{at} cannot be read: {e}"))?;
        // Whatever the umask is: others must be able to enter (source document 003, DB-12).
        folder
            .set_mode(mode | 0o755)
            .map_err(|e| format!("the mode of {at} cannot be set: {e}"))?;
    }
    Ok(made)
}

fn remove_here(database: &Path) -> Result<bool, String> {
    let (above, name) = place_of(database)?;
    above
        .remove_folder(name)
        .map(|()| true)
        .map_err(|e| format!("{} cannot be removed: {e}", database.display()))
}
