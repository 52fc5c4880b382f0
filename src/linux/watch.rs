//! Watching files and folders for changes (inotify(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// Watches files and folders. It is readable when something has changed.
#[derive(Debug)]
pub struct Watcher(Inotify);

/// One watched file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watch(WatchDescriptor);

impl Watcher {
    /// Without a watch yet.
    ///
    /// # Errors
    /// EMFILE: too many of them (`fs.inotify.max_user_instances`).
    pub fn new() -> io::Result<Self> {
        Ok(Self(Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?))
    }

    /// Reports the next write to the file at `path`, once.
    ///
    /// # Errors
    /// ENOENT, ENOSPC.
    pub fn next_write(&self, path: &Path) -> io::Result<Watch> {
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ONESHOT;
        Ok(Watch(self.0.add_watch(path, flags)?))
    }

    /// Reports when the folder, or something in it, is removed, moved or replaced.
    ///
    /// # Errors
    /// ENOENT, ENOSPC.
    pub fn losses_in(&self, folder: &Path) -> io::Result<Watch> {
        let flags = AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF;
        Ok(Watch(self.0.add_watch(folder, flags)?))
    }

    /// Reports when the file at `path` is written to or replaced.
    ///
    /// # Errors
    /// ENOENT, ENOSPC.
    pub fn changes_of(&self, path: &Path) -> io::Result<Watch> {
        // IN_ATTRIB: the old file loses its name when another file is renamed over it.
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        Ok(Watch(self.0.add_watch(path, flags)?))
    }

    /// Reports what is written to, made, renamed or removed in a folder.
    ///
    /// # Errors
    /// ENOENT, ENOSPC.
    pub fn anything_in(&self, folder: &Path) -> io::Result<Watch> {
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF;
        Ok(Watch(self.0.add_watch(folder, flags)?))
    }

    /// The watches that have something to report.
    pub fn told(&self) -> Vec<Watch> {
        let mut found = Vec::new();
        while let Ok(events) = self.0.read_events() {
            if events.is_empty() {
                break;
            }
            found.extend(
                events
                    .iter()
                    // The end of a watch is no change.
                    .filter(|e| !e.mask.contains(AddWatchFlags::IN_IGNORED))
                    .map(|e| Watch(e.wd)),
            );
        }
        found
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "").unwrap();
        let watcher = Watcher::new().unwrap();
        let watch = watcher.next_write(&path).unwrap();
        assert_eq!(watcher.told(), []);
        std::fs::write(&path, "one").unwrap();
        std::fs::write(&path, "two").unwrap();
        assert_eq!(watcher.told(), [watch]);
    }

    #[test]
    fn a_file_that_takes_the_place_of_another_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("order"), folder.path().join("other"));
        std::fs::write(&path, "").unwrap();
        std::fs::write(&other, "new").unwrap();
        let watcher = Watcher::new().unwrap();
        let watch = watcher.changes_of(&path).unwrap();
        assert_eq!(watcher.told(), []);
        std::fs::rename(&other, &path).unwrap();
        assert!(watcher.told().contains(&watch));
    }

    #[test]
    fn a_loss_is_told_and_a_new_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let watcher = Watcher::new().unwrap();
        let watch = watcher.losses_in(folder.path()).unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        assert_eq!(watcher.told(), []);
        std::fs::remove_file(folder.path().join("a")).unwrap();
        assert_eq!(watcher.told(), [watch]);
    }
}
