//! Guards the runtime directory: its lock, control socket, record, snapshot and token. If they are removed
//! or replaced, by a clean-up of /run or by mistake, a running site would look like a stopped one.
//! inotify tells the supervisor of it, and the supervisor restores them.
//!
//! Must never: restore anything while another supervisor holds the lock.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use super::configuration::Configuration;
use crate::history::{Entry, HistoryEvent};
use crate::linux::files;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::watch::{Watch, Watcher};
use crate::site::SitePlaces;
use crate::values::Moment;

/// How soon a failed restoration is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct RuntimeGuard {
    lock: Lock,
    listener: UnixListener,
    /// Device and inode of the socket.
    socket: (u64, u64),
    /// Of the runtime directory.
    watch: Option<Watch>,
    look_at: Option<Moment>,
    /// The last error, which is logged once.
    error: Option<String>,
}

impl RuntimeGuard {
    /// Listens in a runtime directory of which the supervisor holds the `lock`.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn new(
        lock: Lock,
        places: &SitePlaces,
        watcher: Option<&Watcher>,
    ) -> io::Result<Self> {
        let (listener, socket) = listen(&places.socket())?;
        let mut guard = Self { lock, listener, socket, watch: None, look_at: None, error: None };
        guard.watch(places, watcher);
        Ok(guard)
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// One of these watches says that something in the directory was removed or replaced.
    pub(super) fn is_told_of_a_loss(&self, watches: &[Watch]) -> bool {
        self.watch.is_some_and(|watch| watches.contains(&watch))
    }

    /// When [`Self::look`] is to be called without an event.
    pub(super) fn look_at(&self) -> Option<Moment> {
        self.look_at
    }

    /// What it was watched by is gone; it is to be looked at then.
    pub(super) fn forget_watch(&mut self, look_at: Moment) {
        self.watch = None;
        self.look_at = Some(look_at);
    }

    fn watch(&mut self, places: &SitePlaces, watcher: Option<&Watcher>) {
        self.watch = watcher.and_then(|w| w.losses_in(&places.runtime).ok());
        if self.watch.is_none() {
            let directory = places.runtime.display();
            log::info!("{directory} cannot be watched; its removal would not be noticed");
        }
    }

    /// Looks whether everything is there, and restores what is not. `others` restores what other parts of
    /// the supervisor keep in the directory, and adds to the names of what was missing.
    pub(super) fn look(
        &mut self,
        configuration: &Configuration,
        watcher: Option<&Watcher>,
        others: impl FnOnce(&mut Vec<&'static str>) -> io::Result<()>,
    ) {
        let places = &configuration.places;
        self.look_at = None;
        let before = self.error.take();
        let restored = self.restore(configuration).and_then(|mut missing| {
            others(&mut missing)?;
            Ok(missing)
        });
        match restored {
            Ok(missing) if missing.is_empty() => {
                // The directory may have been made anew by an attempt that then failed.
                if before.is_some() || self.watch.is_none() {
                    self.watch(places, watcher);
                }
            }
            Ok(missing) => {
                self.watch(places, watcher);
                // A loss between this look and the watch is not reported; where the directory itself was
                // lost, nothing is.
                let pause = if self.watch.is_some() { Duration::ZERO } else { AGAIN };
                self.look_at = Some(Moment::now() + pause);
                let words = format!(
                    "the {} in {} had been removed or replaced, and is restored",
                    missing.join(", "),
                    places.runtime.display()
                );
                log::warn!("{words}");
                configuration.note(&Entry::new(HistoryEvent::Restored, words));
            }
            Err(error) => {
                let error = error.to_string();
                if before.as_ref() != Some(&error) {
                    let directory = places.runtime.display();
                    log::error!("the runtime directory {directory} cannot be restored: {error}");
                }
                self.error = Some(error);
                self.look_at = Some(Moment::now() + AGAIN);
            }
        }
    }

    /// Restores the directory, the lock, the socket, the snapshot and the token. Says what was missing.
    fn restore(&mut self, configuration: &Configuration) -> io::Result<Vec<&'static str>> {
        let places = &configuration.places;
        let mut missing = Vec::new();
        if !places.runtime.is_dir() {
            missing.push("directory");
        }
        files::private_folder(&places.runtime)?;
        if !is_file(&places.lock(), id(&self.lock.file().metadata()?)) {
            match Lock::attempt(&places.lock())? {
                Attempt::Taken(lock) => self.lock = lock,
                Attempt::Held => return Err(io::Error::other("another supervisor has the lock")),
            }
            missing.push("lock");
        }
        files::private_folder(&places.process_locks())?;
        if !is_file(&places.socket(), self.socket) {
            (self.listener, self.socket) = listen(&places.socket())?;
            missing.push("socket");
        }
        if !places.snapshot().exists() {
            missing.push("snapshot");
            files::write_durably(&places.snapshot(), configuration.written.text.as_bytes())?;
        }
        // The same token, as the processes that run were given it.
        if let Some(token) = configuration.token()
            && token.put_back(places)?
        {
            missing.push("token");
        }
        Ok(missing)
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn is_file(path: &Path, is: (u64, u64)) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| id(&there) == is)
}

fn listen(path: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    // The supervisor holds the lock, so that a socket found here is a stale one.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok((listener, id(&fs::symlink_metadata(path)?)))
}
