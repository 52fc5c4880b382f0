//! The list of the work that failures and unclean ends have interrupted: `DATABASE/.siteward/work.json`. Read and written by a
//! helper: see the header of `disk`.
//!
//! Promises: each change is durable before it is reported. An item that was being handed over when its node died is
//! handed over again; one that was handed over is not. What nobody has decided on stays, whatever happens later.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::work_search::{FoundItem, WantedWork, search};
use crate::linux::clock::WallTime;
use crate::linux::folder::Folder;
use crate::linux::lock::whole_file_lock;
use crate::linux::wait::Waiting;
use crate::site::{AtFailover, on_database};
use crate::values::Moment;

const LIST: &str = "work.json";
const LOCK: &str = "work.lock";
const BROKEN: &str = "work.broken";

/// The longest list that is read, in bytes. The bounds of the search keep it shorter.
const LONGEST: u64 = 3 << 20;

/// How often, and after which pause, the lock of the list is tried.
const ATTEMPTS: usize = 100;
const PACE: Duration = Duration::from_millis(10);

/// What has become of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkState {
    /// It is to be handed over.
    Due,
    /// The command was started with it, and is not known to have ended.
    Begun,
    HandedOver,
    /// The command failed, or there was no time for it: a person decides.
    Failed,
    /// A person decides.
    Asked,
    Dropped,
}

impl WorkState {
    /// A start hands it over.
    pub fn is_due(self) -> bool {
        match self {
            Self::Due | Self::Begun => true,
            Self::HandedOver | Self::Failed | Self::Asked | Self::Dropped => false,
        }
    }

    /// Something is still to be done with it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Due | Self::Begun | Self::Failed | Self::Asked => true,
            Self::HandedOver | Self::Dropped => false,
        }
    }
}

/// An item of interrupted work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    pub kind: String,
    /// Its path below the database.
    pub file: String,
    pub state: WorkState,
    /// Why it is not handed over, for the end of a sentence.
    #[serde(default)]
    pub why: Option<String>,
    /// The end that interrupted it, in words.
    pub end: String,
    /// When it was found.
    pub found: WallTime,
}

impl WorkItem {
    /// What has become of it, in words.
    pub fn told(&self) -> String {
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        match self.state {
            WorkState::Due => "to be handed over by a start".to_owned(),
            WorkState::Begun => "handed over, and not known to be done".to_owned(),
            WorkState::HandedOver => "handed over".to_owned(),
            WorkState::Failed => format!("not handed over{why}"),
            WorkState::Asked => format!("waits for a decision{why}"),
            WorkState::Dropped => "dropped".to_owned(),
        }
    }
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkList {
    /// The last of these ends, in words.
    pub end: String,
    /// All of it is done that a start does about that end.
    pub closed: bool,
    /// How many items there were beyond the bounds.
    pub more: usize,
    pub items: Vec<WorkItem>,
}

/// The list as a start has begun it, or goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunList {
    pub list: WorkList,
    /// An earlier start has begun it.
    pub goes_on: bool,
    /// An earlier list cannot be understood, and stands in this file now.
    pub set_aside: Option<PathBuf>,
}

/// A change of an item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkMark {
    pub kind: String,
    pub file: String,
    pub state: WorkState,
    pub why: Option<String>,
}

impl WorkMark {
    pub fn of(item: &WorkItem, state: WorkState, why: Option<String>) -> Self {
        Self { kind: item.kind.clone(), file: item.file.clone(), state, why }
    }
}

/// A failure or an unclean end after which work is looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkEnd {
    pub words: String,
    /// The words tell it from every other end.
    pub is_certain: bool,
}

impl WorkList {
    pub fn open(&self) -> impl Iterator<Item = &WorkItem> {
        self.items.iter().filter(|item| item.state.is_open())
    }

    /// A start after this very end has begun its list before. It was not able to finish it; or it was, and the site has
    /// not been up since.
    fn goes_on(&self, end: &WorkEnd) -> bool {
        end.is_certain && self.end == end.words
    }

    /// The list after another such end: what was open and is not found again, then what was found.
    fn after(
        self,
        end: &WorkEnd,
        found: Vec<FoundItem>,
        more: usize,
        wanted: &[WantedWork],
        now: WallTime,
    ) -> Self {
        let is_again = |item: &WorkItem| {
            found.iter().any(|new| new.kind == item.kind && new.file == item.file)
        };
        // A start that did not finish: what it left is handed over by this one, unless that is wanted no more.
        let is_rerun = |item: &WorkItem| {
            wanted.iter().any(|w| w.kind == item.kind && w.at_failover == AtFailover::Rerun)
        };
        let left = |item: WorkItem| match item.state.is_due() && !is_rerun(&item) {
            true => WorkItem {
                state: WorkState::Failed,
                why: item
                    .why
                    .or_else(|| Some("its node died before it was handed over".to_owned())),
                ..item
            },
            false => item,
        };
        let old = self.items.into_iter().filter(|item| item.state.is_open() && !is_again(item));
        let mut items: Vec<WorkItem> = old.map(left).collect();
        items.extend(found.into_iter().map(|new| {
            let rule = wanted.iter().find(|wanted| wanted.kind == new.kind);
            let (state, why) = match (rule.map(|rule| rule.at_failover), new.is_garbled) {
                (Some(AtFailover::Drop), _) => (WorkState::Dropped, None),
                (_, true) => (
                    WorkState::Asked,
                    Some("its name is no text, so that no command is given it".to_owned()),
                ),
                (Some(AtFailover::Rerun), false) => (WorkState::Due, None),
                (Some(AtFailover::Ask) | None, false) => (WorkState::Asked, None),
            };
            WorkItem {
                kind: new.kind,
                file: new.file,
                state,
                why,
                end: end.words.clone(),
                found: now,
            }
        }));
        Self { end: end.words.clone(), closed: false, more, items }
    }

    fn marked(&mut self, mark: &WorkMark) {
        let is_it = |item: &&mut WorkItem| item.kind == mark.kind && item.file == mark.file;
        if let Some(item) = self.items.iter_mut().find(is_it) {
            item.state = mark.state;
            item.why.clone_from(&mark.why);
        }
    }
}

/// siteward's folder on the database, which the lease has made.
fn folder(database: &Path) -> io::Result<Folder> {
    let path = on_database(database);
    Folder::open(database)?.own(path.file_name().unwrap_or_default())
}

fn read_from(folder: &Folder) -> Result<Option<WorkList>, String> {
    match folder.read_plain(OsStr::new(LIST), LONGEST) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| format!("{LIST} cannot be understood: {error}")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{LIST} cannot be read: {error}")),
    }
}

/// The list while it is changed: a person and a start may work on it at once.
struct LockedList {
    at: PathBuf,
    folder: Folder,
    _lock: File,
}

impl LockedList {
    fn open(database: &Path) -> Result<Self, String> {
        let at = on_database(database);
        let failed = |error: io::Error| format!("{} cannot be used: {error}", at.display());
        let folder = folder(database).map_err(failed)?;
        let lock = folder.append_to(OsStr::new(LOCK)).map_err(failed)?;
        let mut left = ATTEMPTS;
        // A file system without locks: nobody else changes it.
        while !whole_file_lock(&lock).unwrap_or(true) {
            left = left.checked_sub(1).ok_or("another process holds its lock")?;
            Waiting::<()>::new().wait(Some(Moment::now() + PACE));
        }
        Ok(Self { at, folder, _lock: lock })
    }

    fn read(&self) -> Result<Option<WorkList>, String> {
        read_from(&self.folder)
    }

    fn write(&self, list: &WorkList) -> Result<(), String> {
        let bytes = serde_json::to_vec(list).map_err(|error| error.to_string())?;
        let failed = |error| format!("{} cannot be written: {error}", self.at.join(LIST).display());
        self.folder.write(OsStr::new(LIST), &bytes).map_err(failed)
    }

    /// Gives a list that cannot be understood another name, so that it keeps no site from starting.
    fn set_aside(&self) -> Result<PathBuf, String> {
        let path = self.at.join(BROKEN);
        let failed = |error| format!("{} cannot be written: {error}", path.display());
        self.folder.rename(OsStr::new(LIST), OsStr::new(BROKEN)).map_err(failed)?;
        Ok(path)
    }
}

/// The list, if there is one.
pub(super) fn read(database: &Path) -> Result<Option<WorkList>, String> {
    match folder(database) {
        Ok(folder) => read_from(&folder),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be used: {error}", on_database(database).display())),
    }
}

/// Goes on with the list of this end, or makes it from what is found now.
pub(super) fn begin(
    database: &Path,
    end: &WorkEnd,
    wanted: &[WantedWork],
) -> Result<BegunList, String> {
    let locked = LockedList::open(database)?;
    let (before, set_aside) = match locked.read() {
        Ok(before) => (before.unwrap_or_default(), None),
        Err(_) => (WorkList::default(), Some(locked.set_aside()?)),
    };
    if before.goes_on(end) {
        return Ok(BegunList { list: before, goes_on: true, set_aside });
    }
    let found = search(database, wanted)?;
    let list = before.after(end, found.items, found.more, wanted, WallTime::now());
    locked.write(&list)?;
    Ok(BegunList { list, goes_on: false, set_aside })
}

/// Records what has become of items.
pub(super) fn mark(database: &Path, marks: &[WorkMark]) -> Result<(), String> {
    let locked = LockedList::open(database)?;
    let mut list = locked.read()?.ok_or("the list is gone")?;
    marks.iter().for_each(|mark| list.marked(mark));
    locked.write(&list)
}

/// The end is repaired: what is found after another one belongs to that. Only what is open is kept.
pub(super) fn close(database: &Path) -> Result<(), String> {
    let locked = LockedList::open(database)?;
    let Some(mut list) = locked.read()? else { return Ok(()) };
    list.closed = true;
    list.items.retain(|item| item.state.is_open());
    locked.write(&list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn wanted(at_failover: AtFailover) -> Vec<WantedWork> {
        let files = "running/*".parse().unwrap();
        vec![WantedWork { kind: "jobs".to_owned(), files, at_failover }]
    }

    fn end(words: &str) -> WorkEnd {
        WorkEnd { words: words.to_owned(), is_certain: true }
    }

    fn disk(names: &[&str]) -> tempfile::TempDir {
        let disk = tempfile::tempdir().unwrap();
        for folder in ["running", ".siteward"] {
            fs::create_dir(disk.path().join(folder)).unwrap();
        }
        for name in names {
            fs::write(disk.path().join("running").join(name), "").unwrap();
        }
        disk
    }

    fn states(list: &WorkList) -> Vec<(&str, WorkState)> {
        list.items.iter().map(|item| (item.file.as_str(), item.state)).collect()
    }

    fn mark_as(disk: &Path, file: &str, state: WorkState) {
        let marks = [WorkMark { kind: "jobs".into(), file: file.into(), state, why: None }];
        mark(disk, &marks).unwrap();
    }

    #[test]
    fn a_start_that_was_cut_off_goes_on_with_its_list_and_another_end_makes_a_new_one() {
        use WorkState::{Asked, Begun, Due, Failed, HandedOver};
        let disk = disk(&["a", "b", "c"]);
        let disk = disk.path();
        let rerun = wanted(AtFailover::Rerun);
        let list = begin(disk, &end("one"), &rerun).unwrap().list;
        let all = [("running/a", Due), ("running/b", Due), ("running/c", Due)];
        assert_eq!(states(&list), all);
        mark_as(disk, "running/a", HandedOver);
        mark_as(disk, "running/b", Begun);
        // The command has moved its files; the list is what counts.
        fs::remove_file(disk.join("running/a")).unwrap();
        fs::write(disk.join("running/new"), "").unwrap();
        let again = begin(disk, &end("one"), &rerun).unwrap();
        assert!(again.goes_on);
        let left = [("running/a", HandedOver), ("running/b", Begun), ("running/c", Due)];
        assert_eq!(states(&again.list), left);
        // Without an end that is told from every other, all that is there is found anew.
        let unknown = WorkEnd { is_certain: false, ..end("one") };
        let anew = begin(disk, &unknown, &wanted(AtFailover::Ask)).unwrap();
        let found = [("running/b", Asked), ("running/c", Asked), ("running/new", Asked)];
        assert_eq!(states(&anew.list), found);
        close(disk).unwrap();
        for name in ["b", "c", "new"] {
            fs::remove_file(disk.join("running").join(name)).unwrap();
        }
        mark_as(disk, "running/b", Failed);
        mark_as(disk, "running/c", WorkState::Dropped);
        let next = begin(disk, &end("two"), &rerun).unwrap();
        let kept = [("running/b", Failed), ("running/new", Asked)];
        assert_eq!(states(&next.list), kept, "what nobody has decided on stays");
    }

    #[test]
    fn what_a_start_left_is_not_forgotten_when_another_end_comes() {
        let disk = disk(&["a", "b"]);
        let disk = disk.path();
        begin(disk, &end("one"), &wanted(AtFailover::Rerun)).unwrap();
        mark_as(disk, "running/a", WorkState::Begun);
        fs::remove_file(disk.join("running/a")).unwrap();
        let next = begin(disk, &end("two"), &wanted(AtFailover::Rerun)).unwrap().list;
        assert_eq!(
            states(&next),
            [("running/a", WorkState::Begun), ("running/b", WorkState::Due)],
            "no process of the site has run since, so it is handed over now"
        );
        assert_eq!(next.items[1].end, "two");
        fs::remove_file(disk.join("running/b")).unwrap();
        let next = begin(disk, &end("three"), &wanted(AtFailover::Ask)).unwrap().list;
        assert_eq!(
            states(&next),
            [("running/a", WorkState::Failed), ("running/b", WorkState::Failed)]
        );
        assert!(next.items[0].why.as_ref().unwrap().contains("died"));
    }

    #[test]
    fn a_list_that_cannot_be_understood_is_set_aside_and_told() {
        let disk = disk(&["a"]);
        let file = disk.path().join(".siteward/work.json");
        fs::write(&file, "{\"end\"").unwrap();
        for refused in [read(disk.path()).map(drop), close(disk.path()), mark(disk.path(), &[])] {
            assert!(refused.unwrap_err().contains("cannot be understood"));
        }
        let begun = begin(disk.path(), &end("one"), &wanted(AtFailover::Ask)).unwrap();
        assert_eq!(fs::read_to_string(begun.set_aside.unwrap()).unwrap(), "{\"end\"");
        assert_eq!(begun.list.items.len(), 1);
        fs::remove_file(&file).unwrap();
        assert_eq!(read(disk.path()).unwrap(), None);
        assert!(mark(disk.path(), &[]).is_err());
        close(disk.path()).unwrap();
        assert!(!file.exists(), "nothing is written where nothing is to be told");
    }
}
