//! A process of this very program beside a site: it is none of the site's, outlives who starts it, and is found by its
//! mark.

use std::ffi::{CString, OsStr, OsString};
use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::environment::{MARK, mark_entry};
use crate::linux::detached::spawn_detached;
use crate::site::SitePlaces;
use crate::values::Pid;

/// These words after the program's name, and then where the things of this site's node live.
pub fn words_beside(places: &SitePlaces, words: &[&str]) -> Vec<OsString> {
    let named = std::iter::once("siteward").chain(words.iter().copied());
    let mut all: Vec<OsString> = named.map(OsString::from).collect();
    for (option, path) in [
        ("--config-dir", &places.definition),
        ("--runtime-dir", &places.runtime),
        ("--log-dir", &places.logs),
    ] {
        let folder = path.parent().unwrap_or(Path::new("/"));
        all.extend([OsStr::new(option), folder.as_os_str()].map(OsStr::to_owned));
    }
    all
}

/// Starts it with these words, under the mark `name`, and does not wait for it. `kept`: the rest of its environment.
///
/// # Errors
/// For the end of a sentence: it does not run.
pub fn start_beside(
    places: &SitePlaces,
    name: &str,
    words: &[OsString],
    kept: impl IntoIterator<Item = CString>,
) -> Result<Pid, String> {
    let words: Vec<CString> =
        words.iter().filter_map(|word| CString::new(word.as_bytes()).ok()).collect();
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| error.to_string())?;
    let mark = [MARK.as_bytes(), b"=", &mark_entry(places, name)].concat();
    let environment: Vec<CString> = CString::new(mark).into_iter().chain(kept).collect();
    spawn_detached(Path::new("/proc/self/exe"), &words, &environment, null.as_fd())
        .map_err(|error| error.to_string())
}
