//! What the last monitor of a series was told, for a site whose supervisor keeps no such list: a file for each series in
//! the runtime directory. The files go with a stop, and with a probe.

use std::fs;
use std::path::PathBuf;

use crate::linux::files;
use crate::site::SitePlaces;

/// A series' name ends the name of its file.
const PREFIX: &str = "monitored.";

/// The longest text of one, in bytes.
const LONGEST: u64 = 1 << 16;

fn file_of(places: &SitePlaces, series: &str) -> PathBuf {
    places.runtime.join(format!("{PREFIX}{series}"))
}

/// Takes it away, so that a monitor which is cut off leaves none.
pub fn take_told(places: &SitePlaces, series: &str) -> Option<Vec<u8>> {
    let file = file_of(places, series);
    let told = files::read_plain(&file, LONGEST).ok();
    // If it stays, what is in it is of no use: the next one would take an old answer for a new one.
    fs::remove_file(&file).ok()?;
    told
}

/// Without it, the next monitor is answered at once.
pub fn keep_told(places: &SitePlaces, series: &str, told: &[u8]) {
    let file = file_of(places, series);
    if let Err(error) = files::write_durably(&file, told) {
        log::debug!("{} cannot be written: {error}", file.display());
    }
}

/// Ends every series.
pub fn forget_told(places: &SitePlaces) {
    for entry in fs::read_dir(&places.runtime).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
