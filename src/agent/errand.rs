//! What a verb has done on the site's disk by a process of its own, as a disk that hangs must hold
//! nobody: reading and writing the mark of a pause, those questions of the gate that touch it, and
//! the making of a new site's folder.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Fault, Target, gate};
use crate::control::Pause;
use crate::linux::{Moment, files, ourselves};
use crate::site::{Adjustments, Definition, Places, SiteName, load, on_database};

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
    WritePause { database: PathBuf, pause: Pause },
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

/// The mark on the database that makes every later start, on any node, come up in maintenance.
pub(super) fn pause_mark(database: &Path) -> PathBuf {
    on_database(database).join("paused")
}

fn send<T: DeserializeOwned>(
    places: &Places,
    errand: &Errand,
    database: &Path,
    deadline: Moment,
) -> Result<T, String> {
    let at = database.display();
    let errand = serde_json::to_string(errand).map_err(|e| e.to_string())?;
    let words = [
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
    let said = ourselves::ask(&words, deadline).map_err(|lost| match lost {
        ourselves::Lost::Silent => format!("the disk at {at} does not answer"),
        other => format!("a helper for the disk at {at} {other}"),
    })?;
    serde_json::from_slice(&said).map_err(|_| {
        format!("a helper for the disk at {at} failed: {}", String::from_utf8_lossy(&said).trim())
    })
}

/// The gate, by a helper where the site has a disk that may hang.
pub(super) fn pass_gate(
    target: &Target,
    definition: &Definition,
    part: Part,
    deadline: Moment,
) -> Result<(), Fault> {
    let passed = match &definition.database {
        None => gate::check(definition, part),
        Some(database) => {
            let (name, adjustments) = (target.name.clone(), target.adjustments.clone());
            let errand = Errand::Gate { name, adjustments, part };
            send(&target.places, &errand, database, deadline).map_err(|why| {
                Fault::failed(format!(
                    "it cannot be found out whether the site `{}` may be started: {why}",
                    target.name
                ))
            })?
        }
    };
    for warning in passed.warnings {
        log::warn!("{warning}");
    }
    passed.fault.map_or(Ok(()), Err)
}

/// What the mark of a pause says, if it is there.
pub(super) fn read_pause(
    target: &Target,
    database: &Path,
    deadline: Moment,
) -> Result<Option<Pause>, String> {
    let errand = Errand::ReadPause { database: database.to_owned() };
    send(&target.places, &errand, database, deadline)
}

/// Leaves the mark of a pause.
pub(super) fn write_pause(
    target: &Target,
    database: &Path,
    pause: &Pause,
    deadline: Moment,
) -> Result<(), String> {
    let errand = Errand::WritePause { database: database.to_owned(), pause: pause.clone() };
    send::<Result<(), String>>(&target.places, &errand, database, deadline)?
}

/// Takes the mark of a pause away, if it is there.
pub(super) fn clear_pause(
    target: &Target,
    database: &Path,
    deadline: Moment,
) -> Result<(), String> {
    let errand = Errand::ClearPause { database: database.to_owned() };
    send::<Result<(), String>>(&target.places, &errand, database, deadline)?
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
    send::<Result<bool, String>>(places, &errand, database, deadline)?
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
        Errand::ReadPause { database } => serde_json::to_string(&read_here(&database)),
        Errand::WritePause { database, pause } => {
            serde_json::to_string(&write_here(&database, &pause))
        }
        Errand::ClearPause { database } => {
            let folder = on_database(&database);
            if folder.exists() && !files::is_own_folder(&folder) {
                let why = format!("{} is a link or somebody else's", folder.display());
                return serde_json::to_string(&Err::<(), _>(why)).ok();
            }
            serde_json::to_string(&match fs::remove_file(pause_mark(&database)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error.to_string()),
                Ok(()) | Err(_) => Ok(()),
            })
        }
        Errand::Folder { database, job } => serde_json::to_string(&match job {
            FolderJob::Make => make_here(&database),
            FolderJob::Remove => fs::remove_dir(&database)
                .map(|()| true)
                .map_err(|e| format!("{} cannot be removed: {e}", database.display())),
            FolderJob::Look => Ok(database.is_dir()),
        }),
    }
    .ok()
}

fn make_here(database: &Path) -> Result<bool, String> {
    let at = database.display();
    let made = match fs::create_dir(database) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(format!("{at} cannot be made: {error}")),
    };
    let found = fs::symlink_metadata(database).map_err(|e| format!("{at} cannot be read: {e}"))?;
    if !found.is_dir() {
        return Err(format!("{at} is there, and is no folder"));
    }
    // Whatever the umask is: others must be able to enter (source document 003, DB-12).
    if made || found.mode() & 0o755 != 0o755 {
        fs::set_permissions(database, fs::Permissions::from_mode(0o755))
            .map_err(|e| format!("the mode of {at} cannot be set: {e}"))?;
    }
    Ok(made)
}

fn read_here(database: &Path) -> Option<Pause> {
    let bytes = files::read_plain(&pause_mark(database), 64 << 10).ok()?;
    // A mark that cannot be understood is a pause all the same.
    let words = || Pause::because(String::from_utf8_lossy(&bytes).trim());
    Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| words()))
}

fn write_here(database: &Path, pause: &Pause) -> Result<(), String> {
    // Nothing is made in the place of a disk that is gone.
    if !database.is_dir() {
        return Err(format!("{} is no folder on this node", database.display()));
    }
    let mark = &pause_mark(database);
    let bytes = serde_json::to_vec(pause).map_err(|e| e.to_string())?;
    mark.parent()
        .map_or(Ok(()), files::private_folder)
        .and_then(|()| files::write_durably(mark, &bytes))
        .map_err(|e| e.to_string())
}
