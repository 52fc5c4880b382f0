//! A definition as a file: trusted, read.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::bounds::LONGEST;
use super::claims::clash_with_installed;
use super::cursor::DefinitionError;
use super::definition::{Definition, SiteName};
use super::installed::{misnamed_site, nearest_site, no_directory};
use super::parse::{fingerprint, parse};
use super::places::{Places, SitePlaces, on_database};
use crate::linux::files::{self, Plain};
use crate::messages::{self, Message};

/// Why there is no definition to work with.
#[derive(Debug)]
pub enum LoadError {
    /// There is no such file; one that is called nearly so, and the nearest name that there is one for.
    Missing { file: PathBuf, misnamed: Option<PathBuf>, nearest: Option<String> },
    /// It may not be read by this user.
    Denied { file: PathBuf, error: io::Error },
    /// Others than its owner could have written it.
    Untrusted(String),
    /// It cannot be read, or clashes with another.
    Unusable(String),
    /// Its text is wrong.
    Wrong(DefinitionError),
}

impl LoadError {
    /// The failure in the catalogue; of a wrong text, all that is wrong in one.
    pub fn message(&self) -> Message {
        match self {
            Self::Missing { file, misnamed, nearest } => {
                let next = match (misnamed, nearest) {
                    (Some(other), _) => {
                        format!("{} is there, and must be renamed to that", other.display())
                    }
                    (None, Some(name)) => format!("did you mean the site `{name}`?"),
                    (None, None) => "copy it here from the node where it is".to_owned(),
                };
                messages::definition_missing(file.display(), next)
            }
            Self::Denied { file, error } => messages::definition_denied(file.display(), error),
            Self::Untrusted(why) => messages::definition_untrusted(why),
            Self::Unusable(why) => messages::definition_unusable(why),
            Self::Wrong(wrong) => messages::definition_unusable(wrong),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

impl std::error::Error for LoadError {}

/// Reads the definition of `name`, whole and trusted, and compares it with the other sites' here.
///
/// # Errors
/// See [`LoadError`].
pub fn load(places: &Places, name: &SiteName) -> Result<Definition, LoadError> {
    let definition = load_uncompared(places, name)?;
    let file = places.of(name).definition;
    match clash_with_installed(places, &definition, &file, &[name]) {
        Some(clash) => Err(LoadError::Unusable(clash)),
        None => Ok(definition),
    }
}

/// As [`load`], without a look at the other sites, so that its cost does not grow with their number.
///
/// # Errors
/// See [`LoadError`].
pub fn load_uncompared(places: &Places, name: &SiteName) -> Result<Definition, LoadError> {
    let file = places.of(name).definition;
    let read = files::read_plain_of(&file, LONGEST).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let (misnamed, nearest) = (misnamed_site(places, name), nearest_site(places, name));
            LoadError::Missing { file: file.clone(), misnamed, nearest }
        }
        io::ErrorKind::PermissionDenied => LoadError::Denied { file: file.clone(), error },
        _ => no_directory(places).map_or_else(|| unreadable(&file, &error), LoadError::Unusable),
    })?;
    let definition = trusted(&file, name, read)?;
    check_database(&definition)?;
    Ok(definition)
}

/// Reads the definition of one site, trusted, without a look at the others.
///
/// # Errors
/// See [`LoadError`].
pub fn load_alone(places: &SitePlaces, name: &SiteName) -> Result<Definition, LoadError> {
    let file = &places.definition;
    let read = files::read_plain_of(file, LONGEST)
        .map_err(|error| LoadError::Denied { file: file.clone(), error })?;
    trusted(file, name, read)
}

/// A definition in a file that need not be installed.
#[derive(Debug)]
pub struct FoundDefinition {
    pub definition: Definition,
    /// Why root would refuse the file where it lies.
    pub untrusted: Option<String>,
}

/// Reads a definition from a file that need not be installed, without a look at other sites.
///
/// # Errors
/// See [`LoadError`].
pub fn load_file(file: &Path, name: &SiteName) -> Result<FoundDefinition, LoadError> {
    let read = files::read_plain_of(file, LONGEST).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => LoadError::Denied { file: file.to_owned(), error },
        io::ErrorKind::NotFound => {
            LoadError::Missing { file: file.to_owned(), misnamed: None, nearest: None }
        }
        _ => unreadable(file, &error),
    })?;
    let untrusted = files::is_root().then(|| check_trust(&read).err()).flatten();
    let text = as_text(read.bytes).map_err(|error| unreadable(file, &error))?;
    let definition = parsed(name, file, &text)?;
    check_database(&definition)?;
    Ok(FoundDefinition { definition, untrusted })
}

/// Parses the text, if the file that it was read from may be trusted; its path may name another file by
/// now.
fn trusted(file: &Path, name: &SiteName, read: Plain) -> Result<Definition, LoadError> {
    if files::is_root() {
        check_trust(&read).map_err(LoadError::Untrusted)?;
    }
    let text = as_text(read.bytes).map_err(|error| unreadable(file, &error))?;
    parsed(name, file, &text)
}

fn unreadable(file: &Path, error: &io::Error) -> LoadError {
    LoadError::Unusable(format!("the definition {} cannot be read: {error}", file.display()))
}

/// Reads the snapshot that a supervisor left: the name and text are known to be good.
///
/// # Errors
/// See [`LoadError`].
pub fn load_snapshot(file: &Path, name: &SiteName) -> Result<Definition, LoadError> {
    parsed(name, file, &read_snapshot(file)?)
}

/// As [`load_snapshot`], for a process that lives on and keeps what it reads: nothing else remembers it.
///
/// # Errors
/// See [`LoadError`].
pub fn load_snapshot_to_keep(file: &Path, name: &SiteName) -> Result<Definition, LoadError> {
    parse(name, file, &read_snapshot(file)?).map_err(LoadError::Wrong)
}

fn read_snapshot(file: &Path) -> Result<String, LoadError> {
    read(file).map_err(|error| {
        LoadError::Unusable(format!("the snapshot {} cannot be read: {error}", file.display()))
    })
}

/// Whether the snapshot is the text with this fingerprint, so that it need not be parsed.
pub fn is_snapshot_of(file: &Path, known: &str) -> bool {
    read(file).is_ok_and(|text| fingerprint(&text) == known)
}

/// The definition that was parsed last: a verb comes to the same text again, in the snapshot and in the file, and a text
/// of a thousand processes takes longer to parse than they take to start.
static PARSED: Mutex<Option<Definition>> = Mutex::new(None);

/// The definition in the text of `file`, which says nothing but what stands in it.
fn parsed(name: &SiteName, file: &Path, text: &str) -> Result<Definition, LoadError> {
    let mut last = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(last) = last.as_ref().filter(|last| last.name == *name && last.text == text) {
        return Ok(last.clone());
    }
    let definition = parse(name, file, text).map_err(LoadError::Wrong)?;
    *last = Some(definition.clone());
    Ok(definition)
}

/// Frees the definition that was parsed last: for a process that lives on, and keeps its own.
pub fn forget_parsed() {
    *PARSED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The definition of a site as its file has it, or where that cannot be used, as its supervisor had it last.
///
/// # Errors
/// What is wrong with the file, where there is no snapshot either.
pub fn load_file_first(places: &Places, name: &SiteName) -> Result<Definition, LoadError> {
    let snapshot = || load_snapshot(&places.of(name).snapshot(), name);
    load_uncompared(places, name).or_else(|error| snapshot().map_err(|_| error))
}

/// The definition of a site as its supervisor had it last, or where there is none, as its file has it.
///
/// # Errors
/// What is wrong with the file.
pub fn load_snapshot_first(places: &SitePlaces, name: &SiteName) -> Result<Definition, LoadError> {
    load_snapshot(&places.snapshot(), name).or_else(|_| load_alone(places, name))
}

fn read(file: &Path) -> io::Result<String> {
    as_text(files::read_plain(file, LONGEST)?)
}

fn as_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Root runs what the definition says, so nobody but root may have written it or put it there.
fn check_trust(read: &Plain) -> Result<(), String> {
    check_part("file", &read.path, read.owner, read.mode)?;
    for folder in read.path.ancestors().skip(1) {
        let there = fs::symlink_metadata(folder).map_err(|error| {
            format!(
                "the folder {} cannot be looked at, and root runs what definitions in it say: {error}",
                folder.display()
            )
        })?;
        // In a directory with the sticky bit a user cannot replace the file of another.
        let open_to_all = if there.mode() & 0o1000 != 0 { 0o022 } else { 0 };
        check_part("folder", folder, there.uid(), there.mode() & !open_to_all)?;
    }
    Ok(())
}

fn check_part(what: &str, path: &Path, owner: u32, mode: u32) -> Result<(), String> {
    let at = path.display();
    if owner != 0 {
        return Err(format!(
            "the {what} {at} belongs to user {owner}, and root runs what definitions say; \
             give it to root: chown root {at}"
        ));
    }
    if mode & 0o022 != 0 {
        return Err(format!(
            "the {what} {at} may be written by others than its owner (mode {:04o}), and root \
             runs what definitions say; take that away: chmod go-w {at}",
            mode & 0o7777
        ));
    }
    Ok(())
}

/// The path of the database must leave room for the names of siteward's own files below it.
fn check_database(definition: &Definition) -> Result<(), LoadError> {
    let Some(database) = &definition.database else { return Ok(()) };
    let longest = on_database(database).join("owner.json.new.4194304").as_os_str().len();
    if longest <= files::LONGEST_PATH {
        return Ok(());
    }
    Err(LoadError::Unusable(format!(
        "the path of the database of `{}` has {} characters, with which a path below it can have \
         {longest}, and a path may have {}; mount it at a shorter one",
        definition.name,
        database.as_os_str().len(),
        files::LONGEST_PATH
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_trusted_by_its_own_owner_and_not_by_what_stands_at_its_path() {
        let read = |owner, mode: u32, path: &str| Plain {
            bytes: Vec::new(),
            owner,
            mode: 0o100_000 | mode,
            path: path.into(),
        };
        assert_eq!(check_trust(&read(0, 0o644, "/etc/passwd")), Ok(()));
        // Nobody but root can put a file of root's into a folder with the sticky bit.
        assert_eq!(check_trust(&read(0, 0o644, "/tmp/shop.yaml")), Ok(()));
        let refused = |read| check_trust(&read).unwrap_err();
        assert!(refused(read(65534, 0o644, "/etc/passwd")).contains("belongs to user 65534"));
        assert!(refused(read(0, 0o664, "/etc/passwd")).contains("(mode 0664)"));
        assert!(refused(read(0, 0o644, "/no/such/folder/x")).contains("cannot be looked at"));
    }
}
