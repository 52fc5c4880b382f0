//! Runs a tool of a cluster manager within a deadline, and reads a saved file of what it printed.

use std::env;
use std::ffi::{CString, OsStr};
use std::path::Path;

use crate::linux::bounded::{self, Bounds, Ran};
use crate::linux::files;
use crate::linux::spawn::Command;
use crate::values::Moment;

/// The most that is read of a tool's output or of a file, in bytes.
const MOST: usize = 32 << 20;

/// Where the tools are, after the caller's own PATH, which sudo may have shortened.
const FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The answer of a tool.
#[derive(Debug)]
pub(super) enum ToolAnswer {
    /// It is not installed.
    Absent,
    Said(String),
    /// What went wrong, for the end of a sentence.
    Failed(String),
}

/// Where it is searched: in `folders` first.
fn path_with(folders: &[String]) -> String {
    let path = env::var("PATH").unwrap_or_default();
    [folders.join(":").as_str(), &path, FOLDERS].join(":")
}

fn candidates(program: &OsStr, path: &str) -> Vec<CString> {
    let found = Command::candidates(program, path).into_iter();
    found.filter(|file| is_executable(Path::new(&*file.to_string_lossy()))).collect()
}

/// Whether it is there.
pub(super) fn is_installed(program: &str, folders: &[String]) -> bool {
    !candidates(OsStr::new(program), &path_with(folders)).is_empty()
}

/// Runs it, and kills it at the deadline. `folders` are searched first.
pub(super) fn ask(words: &[&str], folders: &[String], deadline: Moment) -> ToolAnswer {
    let path = path_with(folders);
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let Some(program) = words.first() else { return ToolAnswer::Absent };
    let candidates = candidates(program, &path);
    if candidates.is_empty() {
        return ToolAnswer::Absent;
    }
    let environment = ["CRS_HOME", "ORACLE_HOME", "CIB_file"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}", env::var(name).ok()?)))
        .chain([format!("PATH={path}"), "LC_ALL=C".to_owned()])
        .filter_map(|entry| CString::new(entry).ok())
        .collect();
    let ran = bounded::run(Bounds { deadline, cut: None, output: MOST }, |output| {
        Command::plain(candidates, &words, environment, output)
    });
    match ran {
        Ran::Ended { .. } if ran.is_success() => ToolAnswer::Said(ran.text()),
        _ => ToolAnswer::Failed(ran.complaint().unwrap_or_default()),
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The text of a file.
///
/// # Errors
/// A sentence without its full stop.
pub(super) fn read_saved(path: &Path) -> Result<String, String> {
    let whole = std::fs::canonicalize(path);
    let bytes = whole.and_then(|path| files::read_plain(&path, MOST as u64));
    match bytes {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(format!("the file {} cannot be read: {error}", path.display())),
    }
}
