//! The supervisor's own log, to which its standard output goes; its size is bounded.
//!
//! Promises: no line is lost; one earlier file is kept. Must never: touch the output of a supervisor in the
//! foreground, which belongs to its caller.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::linux::{files, inherit};
use crate::values::Moment;

/// The size at which the file is set aside as `.1` and begun anew, in bytes.
const BOUND: u64 = 1 << 20;

/// Between two looks at its size, if the supervisor is awake at all.
const PACE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct OwnLog {
    path: PathBuf,
    looked: Moment,
}

impl OwnLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, looked: Moment::now() }
    }

    /// Begins the file anew if it has grown too long. Costs nothing most of the time.
    pub(super) fn bound(&mut self, now: Moment) {
        if now.since(self.looked) < PACE {
            return;
        }
        self.looked = now;
        if let Err(error) = self.begin_anew_if_long() {
            log::warn!("{} cannot be begun anew: {error}", self.path.display());
        }
    }

    fn begin_anew_if_long(&self) -> io::Result<()> {
        // The file that is written to; another may be at its path by now.
        let ours = fs::metadata("/proc/self/fd/2")?;
        if !ours.is_file() || ours.len() <= BOUND {
            return Ok(());
        }
        if set_aside(&self.path, (ours.dev(), ours.ino()))? {
            log::info!("the log goes on in a new file");
        }
        let file = files::append_to(&self.path)?;
        let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
        inherit::replace_standard_streams(&null.into(), &file.into())
    }
}

/// Renames the file at `path`, if it `is` that one. Says whether it was.
fn set_aside(path: &Path, is: (u64, u64)) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) if (there.dev(), there.ino()) == is => {
            fs::rename(path, path.with_extension("log.1"))?;
            Ok(true)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_that_is_written_to_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("siteward.log");
        assert!(!set_aside(&path, (0, 0)).unwrap(), "there is none");
        fs::write(&path, "lines").unwrap();
        let there = fs::metadata(&path).unwrap();
        assert!(!set_aside(&path, (there.dev(), there.ino() + 1)).unwrap());
        assert!(set_aside(&path, (there.dev(), there.ino())).unwrap());
        assert_eq!(fs::read(folder.path().join("siteward.log.1")).unwrap(), b"lines");
    }
}
