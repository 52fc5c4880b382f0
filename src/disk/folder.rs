//! The folder of a new site's database.

use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::linux::folder::Folder;
use crate::site::on_database;

/// An operation on the folder while a site is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FolderJob {
    /// Makes it if it is missing. True: it was made.
    Make,
    /// Removes it if it is empty.
    Remove,
    /// Whether it is a folder.
    Look,
    /// Whether it holds anything but what a new file system and siteward have there.
    IsUsed,
}

impl FolderJob {
    pub(super) fn carry_out(self, database: &Path) -> Result<bool, String> {
        match self {
            Self::Make => make(database),
            Self::Remove => remove(database),
            Self::Look => Ok(database.is_dir()),
            Self::IsUsed => is_used(database),
        }
    }
}

/// The parent folder, and the name in it.
fn place_of(database: &Path) -> Result<(Folder, &OsStr), String> {
    let at = database.display();
    let (Some(above), Some(name)) = (database.parent(), database.file_name()) else {
        return Err(format!("{at} is no folder that could be made"));
    };
    let above = Folder::open(above).map_err(|e| format!("{at} cannot be reached: {e}"))?;
    Ok((above, name))
}

fn make(database: &Path) -> Result<bool, String> {
    let at = database.display();
    let (above, name) = place_of(database)?;
    let made = above.make(name, 0o755).map_err(|e| format!("{at} cannot be made: {e}"))?;
    let folder = above.below(name).map_err(|e| match e.raw_os_error() {
        None => format!("{at} is there, and is no folder"),
        Some(_) => format!("{at} cannot be read: {e}"),
    })?;
    // The mode of an existing folder is its owner's choice.
    if made {
        let mode = folder.mode().map_err(|e| format!("{at} cannot be read: {e}"))?;
        // Independent of the umask: others must be able to enter (source document 003, DB-12).
        folder
            .set_mode(mode | 0o755)
            .map_err(|e| format!("the mode of {at} cannot be set: {e}"))?;
    }
    Ok(made)
}

fn is_used(database: &Path) -> Result<bool, String> {
    let unreadable = |e: std::io::Error| format!("{} cannot be read: {e}", database.display());
    let own = on_database(database);
    for entry in std::fs::read_dir(database).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if name != "lost+found" && Some(name.as_os_str()) != own.file_name() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove(database: &Path) -> Result<bool, String> {
    let (above, name) = place_of(database)?;
    above
        .remove_folder(name)
        .map(|()| true)
        .map_err(|e| format!("{} cannot be removed: {e}", database.display()))
}
