//! The locks that a site's processes inherit.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::linux::lock;
use crate::site::SitePlaces;

/// A lock, or the folder of them, of which it is not known whether it is held.
#[derive(Debug)]
pub struct UnaskedLock {
    pub path: PathBuf,
    pub error: io::Error,
}

/// The processes of the site, by name, whose locks anybody holds.
///
/// # Errors
/// One of them cannot be asked.
pub fn held_locks(places: &SitePlaces) -> Result<Vec<String>, UnaskedLock> {
    let folder = places.process_locks();
    let unread = |error| UnaskedLock { path: folder.clone(), error };
    let entries = match std::fs::read_dir(&folder) {
        // Without the directory there are no locks.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(unread)?,
    };
    let mut held = Vec::new();
    for entry in entries {
        let path = entry.map_err(unread)?.path();
        match lock::is_held(&path) {
            Ok(true) => {
                held.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            }
            Ok(false) => {}
            Err(error) => return Err(UnaskedLock { path, error }),
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::super::members::find_members;
    use super::super::record::{Ending, Record};
    use super::super::samples::site;
    use crate::linux::StartTicks;
    use crate::linux::clock::WallTime;
    use crate::linux::files::private_folder;
    use crate::linux::lock::{Attempt, Lock};
    use crate::values::Pid;
    use std::process::Command;

    #[test]
    fn a_lock_that_was_handed_over_is_found_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        private_folder(&places.process_locks()).unwrap();
        let Attempt::Taken(lock) = Lock::inheritable(&places.process_lock("a")).unwrap() else {
            panic!("it is free")
        };
        let held = lock.file().try_clone().unwrap();
        let mut holder = Command::new("sleep").arg("1017").stdin(held).spawn().unwrap();
        drop(lock);
        let pid = Pid::from_raw(holder.id().cast_signed()).unwrap();
        let began = Identity::of(pid).unwrap().start;
        let supervisor = Identity::of(Pid::this()).unwrap().ended();
        let record =
            Record { began: Some(began), ..Record::begun("shop".parse().unwrap(), supervisor) };
        let stopped = |proved_by: &str| {
            let (at, by) = (WallTime::now(), "a test".to_owned());
            Some(Ending::Stopped { at, by, proved_by: vec![proved_by.to_owned()] })
        };
        for (record, is_looked_at) in [
            (record.clone(), true),
            (Record { began: None, ..record.clone() }, true),
            (Record { ending: stopped("descent"), ..record.clone() }, true),
            (Record { began: Some(StartTicks::NEVER), ..record.clone() }, false),
            (Record { ending: stopped("lock"), ..record.clone() }, false),
        ] {
            assert_eq!(record.may_have_lock(began), is_looked_at, "{record:?}");
            let found = find_members(&places, Some(&record)).unwrap();
            let found: Vec<_> = found.ours.iter().map(|m| (m.pid, m.by)).collect();
            assert_eq!(found, [(pid, "lock")], "{record:?}");
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        let stopped = Record { ending: stopped("lock"), ..record };
        assert!(find_members(&places, Some(&stopped)).unwrap().is_empty());
    }
}
