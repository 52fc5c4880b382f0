//! What a supervisor is found by: its folder, lock, socket, record, snapshot and token. Whoever removes or
//! replaces them under it (a clean-up of /run, a careless hand) would make a running site look like
//! none, so it is told by the kernel and puts them back.
//!
//! Must never: put anything back while another supervisor has the lock.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use super::event_loop::Supervisor;
use super::launch::Launch;
use crate::history;
use crate::linux::files;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::watch::{Watch, Watcher};
use crate::site::SitePlaces;
use crate::values::Moment;

/// How soon it is tried again to put back what could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Foothold {
    lock: Lock,
    listener: UnixListener,
    /// Which file the socket is.
    socket: (u64, u64),
    /// By which the folder is watched.
    watch: Option<Watch>,
    /// By which the folder of the sockets of sd_notify(3) is.
    ears: Option<Watch>,
    pub(super) look_at: Option<Moment>,
    /// What was wrong the last time, so that it is said once.
    complaint: Option<String>,
}

impl Foothold {
    /// Listens, in a folder in which `lock` is ours.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn new(
        lock: Lock,
        places: &SitePlaces,
        watcher: Option<&Watcher>,
    ) -> io::Result<Self> {
        let (listener, socket) = listen(&places.socket())?;
        let mut foothold = Self {
            lock,
            listener,
            socket,
            watch: None,
            ears: None,
            look_at: None,
            complaint: None,
        };
        foothold.watch(places, watcher);
        Ok(foothold)
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Whether one of them says that something in the folder was taken away or replaced.
    pub(super) fn is_told_of_a_loss(&self, watches: &[Watch]) -> bool {
        [self.watch, self.ears].into_iter().flatten().any(|watch| watches.contains(&watch))
    }

    /// From now on it is told of losses among the sockets of sd_notify(3) as well.
    pub(super) fn watch_ears(&mut self, places: &SitePlaces, watcher: Option<&Watcher>) {
        self.ears = watcher.and_then(|w| w.losses_in(&places.notify_folder()).ok());
    }

    fn watch(&mut self, places: &SitePlaces, watcher: Option<&Watcher>) {
        self.watch = watcher.and_then(|w| w.losses_in(&places.runtime).ok());
        if self.watch.is_none() {
            log::info!("nobody tells when {} is removed", places.runtime.display());
        }
    }

    /// Puts back the folder, the lock and the socket. Says what was missing.
    fn restore(&mut self, places: &SitePlaces) -> io::Result<Vec<&'static str>> {
        let mut missing = Vec::new();
        if !places.runtime.is_dir() {
            missing.push("folder");
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
    // The lock is ours, so a socket that is there belongs to nobody.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok((listener, id(&fs::symlink_metadata(path)?)))
}

impl Supervisor {
    /// Something happened in the folder, or it is time to try again.
    pub(super) fn look_to_foothold(&mut self) {
        self.foothold.look_at = None;
        let before = self.foothold.complaint.take();
        let restored = self.foothold.restore(&self.places).and_then(|mut missing| {
            if !self.places.snapshot().exists() {
                missing.push("snapshot");
                files::write_durably(&self.places.snapshot(), self.written.text.as_bytes())?;
            }
            // As it was: what runs was given no other.
            if let Some(token) = self.launches.first().and_then(Launch::token)
                && token.put_back(&self.places)?
            {
                missing.push("token");
            }
            if !self.places.record().exists() {
                missing.push("record");
                self.write_record();
            }
            if self.put_ears_back()? {
                missing.push("sockets of sd_notify(3)");
            }
            Ok(missing)
        });
        match restored {
            Ok(missing) if missing.is_empty() => {
                // The folder may have been made anew by a look that then failed.
                if before.is_some() || self.foothold.watch.is_none() {
                    self.foothold.watch(&self.places, self.watcher.as_ref());
                }
            }
            Ok(missing) => {
                self.foothold.watch(&self.places, self.watcher.as_ref());
                // Nobody has told of what was taken between this look and the watch, nor tells of
                // anything where the folder itself was.
                let is_watched = self.foothold.watch.is_some();
                let pause = if is_watched { Duration::ZERO } else { AGAIN };
                self.foothold.look_at = Some(Moment::now() + pause);
                let words = format!(
                    "the {} of the supervisor in {} had been taken away, and is put back",
                    missing.join(", "),
                    self.places.runtime.display()
                );
                log::warn!("{words}");
                history::add(&self.places.history(), "restored", &words);
            }
            Err(error) => {
                let complaint = error.to_string();
                if before.as_ref() != Some(&complaint) {
                    let folder = self.places.runtime.display();
                    log::error!(
                        "what the supervisor is found by in {folder} cannot be put back: {complaint}"
                    );
                }
                self.foothold.complaint = Some(complaint);
                self.foothold.look_at = Some(Moment::now() + AGAIN);
            }
        }
    }
}
