//! The work of a site's programs, found on its database by the names of files. Done by a helper: see the header of
//! `disk`. No link is followed.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::linux::folder::Folder;
use crate::site::{AtFailover, WorkKind, WorkPattern, fits, is_wild};

/// The bounds of a list: as many items, and as many bytes of their names. A helper prints no more.
const MOST: usize = 5000;
const ROOM: usize = 1 << 20;

/// A kind of work that is looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct WantedWork {
    pub(super) kind: String,
    pub(super) files: WorkPattern,
    pub(super) at_failover: AtFailover,
}

impl From<&WorkKind> for WantedWork {
    fn from(kind: &WorkKind) -> Self {
        Self { kind: kind.name.clone(), files: kind.files.clone(), at_failover: kind.at_failover }
    }
}

/// What was found of all kinds.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkFound {
    pub items: Vec<FoundItem>,
    /// How many there are beyond the bounds.
    pub more: usize,
}

/// An item: a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundItem {
    pub kind: String,
    /// Its path below the database.
    pub file: String,
    /// The name has bytes that are no text, so that `file` is not its path.
    pub is_garbled: bool,
}

/// Looks for the items of each kind, in the order of their names.
///
/// # Errors
/// A sentence.
pub(super) fn search(database: &Path, wanted: &[WantedWork]) -> Result<WorkFound, String> {
    let mut all = WorkFound::default();
    let mut room = ROOM;
    for WantedWork { kind, files, .. } in wanted {
        let failed = |e: io::Error| {
            format!("{} cannot be looked for: {e}", database.join(files.to_string()).display())
        };
        let folder = Folder::open(database).map_err(failed)?;
        let mut found = Vec::new();
        walk(&folder, files.steps(), Path::new(""), &mut found).map_err(failed)?;
        found.sort_unstable();
        for path in found {
            let file = String::from_utf8_lossy(&path).into_owned();
            match room.checked_sub(file.len()).filter(|_| all.items.len() < MOST) {
                Some(rest) => {
                    room = rest;
                    let is_garbled = file.as_bytes() != path;
                    all.items.push(FoundItem { kind: kind.clone(), file, is_garbled });
                }
                None => all.more += 1,
            }
        }
    }
    Ok(all)
}

fn walk(folder: &Folder, steps: &[String], at: &Path, found: &mut Vec<Vec<u8>>) -> io::Result<()> {
    let Some((step, rest)) = steps.split_first() else { return Ok(()) };
    let names: Vec<OsString> = match is_wild(step) {
        true => {
            let names = folder.names()?.into_iter();
            names.filter(|name| fits(step, name.as_bytes())).collect()
        }
        false => vec![OsString::from(step)],
    };
    for name in names {
        let path = at.join(&name);
        if rest.is_empty() {
            if folder.inode_of(&name)?.is_some() {
                found.push(path.into_os_string().into_vec());
            }
            continue;
        }
        match below(folder, &name) {
            Ok(Some(inner)) => walk(&inner, rest, &path, found)?,
            // Among many names some are not those of folders.
            Err(error) if error.kind() == ErrorKind::PermissionDenied && is_wild(step) => {}
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn below(folder: &Folder, name: &OsStr) -> io::Result<Option<Folder>> {
    match folder.below(name) {
        Ok(inner) => Ok(Some(inner)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn wanted(files: &str) -> WantedWork {
        WantedWork {
            kind: "jobs".to_owned(),
            files: files.parse().unwrap(),
            at_failover: AtFailover::Rerun,
        }
    }

    fn files(database: &Path, pattern: &str) -> Vec<String> {
        let found = search(database, &[wanted(pattern)]).unwrap();
        found.items.into_iter().map(|item| item.file).collect()
    }

    #[test]
    fn items_are_found_below_the_database_and_behind_no_link() {
        let scratch = tempfile::tempdir().unwrap();
        let database = scratch.path().join("disk");
        for folder in ["a/running", "b/running", "c/done"] {
            fs::create_dir_all(database.join(folder)).unwrap();
        }
        for file in ["a/running/2", "a/running/1", "a/running/.new", "b/running/x y", "c/done/3"] {
            fs::write(database.join(file), "").unwrap();
        }
        fs::write(database.join("plain"), "").unwrap();
        std::os::unix::fs::symlink(database.join("c/done"), database.join("b/link")).unwrap();
        assert_eq!(
            files(&database, "*/running/*"),
            ["a/running/1", "a/running/2", "b/running/x y"]
        );
        assert_eq!(files(&database, "c/done/?"), ["c/done/3"]);
        assert_eq!(files(&database, "a/running/1"), ["a/running/1"]);
        assert_eq!(files(&database, "none/*/*"), [""; 0]);
        assert_eq!(files(&database, "b/*/*"), ["b/running/x y"]);
        assert!(search(&database, &[wanted("b/link/*")]).is_err(), "a link that is named is told");
        assert!(search(&scratch.path().join("no"), &[wanted("*")]).is_err());
    }

    #[test]
    fn too_many_items_are_counted_and_a_name_that_is_no_text_is_marked() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
        for number in 0..MOST + 2 {
            fs::write(scratch.path().join(format!("{number:05}")), "").unwrap();
        }
        let found = search(scratch.path(), &[wanted("*")]).unwrap();
        assert_eq!((found.items.len(), found.more), (MOST, 3));
        fs::remove_file(scratch.path().join("00000")).unwrap();
        let found = search(scratch.path(), &[wanted("?")]).unwrap();
        assert!(found.items[0].is_garbled, "{found:?}");
    }
}
