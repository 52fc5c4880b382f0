//! Definitions as files: found, trusted, read.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::cursor::{DefinitionError, nearest};
use super::definition::{Definition, SiteName};
use super::parse::{parse, site_and_database};
use super::places::{Places, SitePlaces};
use crate::linux::files;

/// The longest definition that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// Why there is no definition to work with.
#[derive(Debug)]
pub enum LoadError {
    /// There is no such file; the nearest name that there is one for.
    Missing { file: PathBuf, nearest: Option<String> },
    /// It may not be read by this user.
    Denied { file: PathBuf, error: io::Error },
    /// Others than its owner could have written it.
    Untrusted(String),
    /// It cannot be read, or clashes with another.
    Unusable(String),
    /// What stands in it is wrong.
    Wrong(DefinitionError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file, nearest } => {
                write!(f, "there is no definition {} on this node", file.display())?;
                match nearest {
                    Some(name) => write!(f, "; did you mean the site `{name}`?"),
                    None => f.write_str("; copy it here from the node where it is"),
                }
            }
            Self::Denied { file, error } => {
                write!(f, "the definition {} cannot be read as this user: {error}", file.display())
            }
            Self::Untrusted(message) | Self::Unusable(message) => f.write_str(message),
            Self::Wrong(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// The names of all sites that have a file here, sorted. Files whose stem is no name are left out.
pub fn defined_sites(places: &Places) -> Vec<SiteName> {
    let Ok(entries) = fs::read_dir(&places.config) else { return Vec::new() };
    let mut names: Vec<SiteName> = entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.strip_suffix(".yaml")?.parse().ok())
        .collect();
    names.sort();
    names
}

/// Reads the definition of `name`, whole and trusted, and compares it with the other sites' here.
///
/// # Errors
/// See [`LoadError`].
pub fn load(places: &Places, name: &SiteName) -> Result<Definition, LoadError> {
    let file = places.of(name).definition;
    let text = read(&file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let names = defined_sites(places);
            let names: Vec<&str> = names.iter().map(SiteName::as_str).collect();
            let nearest = nearest(name.as_str(), &names).map(str::to_owned);
            LoadError::Missing { file: file.clone(), nearest }
        }
        io::ErrorKind::PermissionDenied => LoadError::Denied { file: file.clone(), error },
        _ => LoadError::Unusable(format!(
            "the definition {} cannot be read: {error}",
            file.display()
        )),
    })?;
    let definition = trusted(&file, name, &text)?;
    check_clash(places, &definition)?;
    Ok(definition)
}

/// Reads the definition of one site, trusted, without a look at the others.
///
/// # Errors
/// See [`LoadError`].
pub fn load_alone(places: &SitePlaces, name: &SiteName) -> Result<Definition, LoadError> {
    let file = &places.definition;
    let text = read(file).map_err(|error| LoadError::Denied { file: file.clone(), error })?;
    trusted(file, name, &text)
}

fn trusted(file: &Path, name: &SiteName, text: &str) -> Result<Definition, LoadError> {
    if files::is_root() {
        check_trust(file).map_err(LoadError::Untrusted)?;
    }
    parse(name, file, text).map_err(LoadError::Wrong)
}

/// Reads the snapshot that a supervisor left: the name and text are known to be good.
///
/// # Errors
/// See [`LoadError`].
pub fn load_snapshot(file: &Path, name: &SiteName) -> Result<Definition, LoadError> {
    let text = read(file).map_err(|error| {
        LoadError::Unusable(format!("the snapshot {} cannot be read: {error}", file.display()))
    })?;
    parse(name, file, &text).map_err(LoadError::Wrong)
}

fn read(file: &Path) -> io::Result<String> {
    String::from_utf8(files::read_plain(file, LONGEST)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Root runs what the definition says, so nobody but root may have written it or put it there.
fn check_trust(file: &Path) -> Result<(), String> {
    let resolved = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    for (i, part) in resolved.ancestors().enumerate() {
        let Ok(there) = fs::symlink_metadata(part) else { continue };
        let what = if i == 0 { "file" } else { "folder" };
        let at = part.display();
        if there.uid() != 0 {
            return Err(format!(
                "the {what} {at} belongs to user {}, and root runs what definitions say; \
                 give it to root: chown root {at}",
                there.uid()
            ));
        }
        let sticky = i > 0 && there.mode() & 0o1000 != 0;
        if there.mode() & 0o022 != 0 && !sticky {
            return Err(format!(
                "the {what} {at} may be written by others than its owner (mode {:04o}), and root \
                 runs what definitions say; take that away: chmod go-w {at}",
                there.mode() & 0o7777
            ));
        }
    }
    Ok(())
}

fn check_clash(places: &Places, definition: &Definition) -> Result<(), LoadError> {
    for other in defined_sites(places) {
        if other == definition.name {
            continue;
        }
        let file = places.of(&other).definition;
        // One that is broken is refused when it is its turn; it is no reason to refuse this one.
        let Some((site, database)) = read(&file).ok().and_then(|t| site_and_database(&other, &t))
        else {
            continue;
        };
        let clash = if site == definition.site {
            format!("the virtual host name {site}")
        } else if let Some(database) = database.filter(|d| Some(d) == definition.database.as_ref())
        {
            format!("the database {}", database.display())
        } else {
            continue;
        };
        return Err(LoadError::Unusable(format!(
            "the sites `{}` and `{other}` both claim {clash}; change {} or {}",
            definition.name,
            places.of(&definition.name).definition.display(),
            file.display()
        )));
    }
    Ok(())
}
