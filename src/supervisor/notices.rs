//! The sockets to which units send their notices (sd_notify(3)): which users may send, and how often a socket
//! is read.
//!
//! Promises: only the unit's own user and root may send to its socket. A unit that runs as root may change
//! its user by itself; its socket takes notices from any process that knows its random name, which no
//! directory listing shows. Each turn of the loop reads a bounded number of notices, and a unit that sends
//! many is read at a pace, so that it cannot delay the others. Must never: fill the log with notices that
//! were not accepted.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::configuration::Configuration;
use super::plan::UnitId;
use crate::linux::process::{Stat, environment_value};
use crate::linux::sockets::{Notice, NotifySocket};
use crate::linux::users::Credentials;
use crate::linux::watch::{Watch, Watcher};
use crate::linux::{files, node};
use crate::site::SitePlaces;
use crate::values::{Moment, Pid};

/// How many notices of one unit are read in a turn.
pub(super) const AT_A_TIME: usize = 32;

/// And when its main process has ended: more than a queue can hold (`net.unix.max_dgram_qlen`).
pub(super) const ALL: usize = 1024;

/// How often in a second a unit is read without a pause.
const WITHOUT_PAUSE: u32 = 16;

/// How long a unit that sends more than that is not read; longer where the processes had to be looked at.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_AFTER_LOOK: Duration = Duration::from_millis(50);

/// Between two log lines about notices of one unit that were not accepted.
const COMPLAINT: Duration = Duration::from_secs(60);

/// What a line of a notice says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeLine {
    Ready,
    Stopping,
    Status(String),
    MainPid(Pid),
}

impl NoticeLine {
    /// None: a line that has no effect here.
    pub fn parse(line: &str) -> Option<Self> {
        match line.split_once('=')? {
            ("READY", "1") => Some(Self::Ready),
            ("STOPPING", "1") => Some(Self::Stopping),
            ("STATUS", text) => {
                Some(Self::Status(text.chars().filter(|c| !c.is_control()).take(200).collect()))
            }
            ("MAINPID", number) => {
                let number = number.trim().parse::<i32>().ok()?;
                Pid::try_from(number).ok().map(Self::MainPid)
            }
            _ => None,
        }
    }
}

/// The socket of one unit.
#[derive(Debug)]
struct NoticeSocket {
    socket: NotifySocket,
    pace: Pace,
    complaints: Complaints,
}

impl NoticeSocket {
    /// For a unit that runs as `user`; None: as the supervisor.
    fn bind(places: &SitePlaces, path: &Path, user: Option<&Credentials>) -> io::Result<Self> {
        let folder = places.notify_folder();
        common_folder(&folder)?;
        if let Some(user) = user
            && let Some(closed) = closed_to(user, &folder)
        {
            log::warn!(
                "user {} may not enter {}, so that its notices by NOTIFY_SOCKET cannot arrive; \
                 permit it, or choose another directory with --runtime-dir",
                user.uid,
                closed.display()
            );
        }
        let socket = NotifySocket::bind(path, &places.notify_unseen(), sender(user))?;
        Ok(Self { socket, pace: Pace::default(), complaints: Complaints::default() })
    }
}

/// The sockets of all units.
#[derive(Debug)]
pub(super) struct Notices {
    /// By unit.
    sockets: Vec<Option<NoticeSocket>>,
    /// Of their folder.
    watch: Option<Watch>,
}

impl Notices {
    /// For so many units, with no socket yet.
    pub(super) fn new(units: usize) -> Self {
        Self { sockets: (0..units).map(|_| None).collect(), watch: None }
    }

    /// Makes a socket for a unit that is about to be started. Returns what `NOTIFY_SOCKET` must hold.
    ///
    /// # Errors
    /// The folder cannot be made, or as bind(2).
    pub(super) fn open(
        &mut self,
        unit: UnitId,
        configuration: &Configuration,
        watcher: Option<&Watcher>,
    ) -> io::Result<String> {
        let places = &configuration.places;
        let path = places.notify_socket(&node::random_name());
        let user = configuration.launch(unit).credentials();
        self.sockets[unit.0] = Some(NoticeSocket::bind(places, &path, user)?);
        self.watch_folder(places, watcher);
        Ok(path.display().to_string())
    }

    pub(super) fn close(&mut self, unit: UnitId) {
        self.sockets[unit.0] = None;
    }

    /// Binds the socket of an adopted unit again, at the path that the environment of its process `pid`
    /// names.
    pub(super) fn take_over(
        &mut self,
        unit: UnitId,
        pid: Pid,
        configuration: &Configuration,
        watcher: Option<&Watcher>,
    ) {
        let places = &configuration.places;
        self.sockets[unit.0] = told_path(places, pid).and_then(|path| {
            let user = configuration.launch(unit).credentials();
            let socket = NoticeSocket::bind(places, &path, user);
            socket
                .inspect_err(|error| {
                    let name = configuration.name(unit);
                    log::warn!("the notices of `{name}` cannot be received again: {error}");
                })
                .ok()
        });
        self.watch_folder(places, watcher);
    }

    /// What the folder was watched by is gone.
    pub(super) fn forget_watch(&mut self) {
        self.watch = None;
    }

    /// Whether a socket is removed is told by `watcher` from now on.
    pub(super) fn watch_folder(&mut self, places: &SitePlaces, watcher: Option<&Watcher>) {
        self.watch = watcher.and_then(|w| w.losses_in(&places.notify_folder()).ok());
    }

    /// One of these watches says that a socket may be gone.
    pub(super) fn is_told_of_a_loss(&self, watches: &[Watch]) -> bool {
        self.watch.is_some_and(|watch| watches.contains(&watch))
    }

    /// Those that are read now, with their units.
    pub(super) fn open_sockets(
        &self,
        now: Moment,
    ) -> impl Iterator<Item = (UnitId, BorrowedFd<'_>)> {
        self.sockets.iter().enumerate().filter_map(move |(index, socket)| {
            let socket = socket.as_ref().filter(|s| s.pace.rests_until(now).is_none())?;
            Some((UnitId(index), socket.socket.as_fd()))
        })
    }

    /// When the next one is read again that is not read now.
    pub(super) fn read_again_at(&self, now: Moment) -> Option<Moment> {
        self.sockets.iter().flatten().filter_map(|socket| socket.pace.rests_until(now)).min()
    }

    /// As many notices as have come for a unit, up to `most`.
    pub(super) fn receive(&self, unit: UnitId, most: usize) -> Vec<Notice> {
        let Some(socket) = &self.sockets[unit.0] else { return Vec::new() };
        std::iter::from_fn(|| socket.socket.receive()).take(most).collect()
    }

    /// Notices of a unit were handled; `full`: there may be more; `looked`: the processes were looked at
    /// for them.
    pub(super) fn handled(&mut self, unit: UnitId, full: bool, looked: bool) {
        if let Some(socket) = &mut self.sockets[unit.0] {
            socket.pace.handled(Moment::now(), full, looked);
        }
    }

    /// A notice for this unit was not accepted.
    pub(super) fn refused(&mut self, unit: UnitId, name: &str, pid: Option<Pid>, uid: u32) {
        if let Some(socket) = &mut self.sockets[unit.0]
            && let Some(words) = socket.complaints.about(Moment::now(), pid, uid)
        {
            log::warn!("a notice for `{name}` from {words}");
        }
    }

    /// The units whose sockets were removed.
    pub(super) fn lost(&self) -> Vec<UnitId> {
        let is_lost = |s: &NoticeSocket| !s.socket.is_in_place();
        let lost = self.sockets.iter().enumerate().filter(|(_, s)| s.as_ref().is_some_and(is_lost));
        lost.map(|(index, _)| UnitId(index)).collect()
    }

    /// Binds the socket of a unit again.
    ///
    /// # Errors
    /// The folder cannot be made, or as bind(2).
    pub(super) fn bind_again(
        &mut self,
        unit: UnitId,
        configuration: &Configuration,
    ) -> io::Result<()> {
        let Some(path) = self.sockets[unit.0].as_ref().map(|s| s.socket.path().to_owned()) else {
            return Ok(());
        };
        let user = configuration.launch(unit).credentials();
        self.sockets[unit.0] = Some(NoticeSocket::bind(&configuration.places, &path, user)?);
        Ok(())
    }
}

/// The path of the socket to which the adopted `pid` sends its notices.
fn told_path(places: &SitePlaces, pid: Pid) -> Option<PathBuf> {
    let target = environment_value(&Stat::of(pid)?, "NOTIFY_SOCKET").ok()??;
    let path = PathBuf::from(String::from_utf8(target).ok()?);
    let secret = path.file_name()?.to_str()?.strip_prefix(&places.notify_prefix())?;
    let is_one = secret.len() == 16 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    // The environment is not to be trusted: only a path that siteward itself could have chosen is used.
    (is_one && path == places.notify_socket(secret)).then_some(path)
}

/// The user that may send to the socket of a unit, besides root. None, any user: a unit that starts as root
/// may have changed its user by the time it sends a notice.
pub(super) fn sender(user: Option<&Credentials>) -> Option<u32> {
    Some(user.map_or_else(files::effective_user, |user| user.uid)).filter(|uid| *uid != 0)
}

/// The folder of all sockets: every user may pass through it, and none may list it.
fn common_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !files::is_own_folder(path) {
        let why = format!("{} is there, and is not a folder of this user", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if fs::symlink_metadata(path)?.mode() & 0o777 != 0o711 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o711))?;
    }
    Ok(())
}

/// The first directory on the way to `folder`, itself included, that `user` may not enter by its mode.
fn closed_to(user: &Credentials, folder: &Path) -> Option<PathBuf> {
    let is_closed = |path: &&Path| {
        let Ok(there) = fs::metadata(path) else { return false };
        let needed = match () {
            () if there.uid() == user.uid => 0o100,
            () if user.groups.contains(&there.gid()) => 0o010,
            () => 0o001,
        };
        there.mode() & needed == 0
    };
    if user.uid == 0 {
        return None;
    }
    let mut all: Vec<&Path> = folder.ancestors().collect();
    all.reverse();
    all.into_iter().find(is_closed).map(Path::to_owned)
}

/// How often one unit is read.
#[derive(Debug, Default)]
struct Pace {
    second: Option<Moment>,
    /// Within that second.
    turns: u32,
    rests_until: Option<Moment>,
}

impl Pace {
    /// See [`Notices::handled`].
    fn handled(&mut self, now: Moment, full: bool, looked: bool) {
        if self.second.is_none_or(|second| now.since(second) >= Duration::from_secs(1)) {
            (self.second, self.turns) = (Some(now), 0);
        }
        self.turns = self.turns.saturating_add(1);
        let rests = full || self.turns > WITHOUT_PAUSE;
        let pause = if looked { PAUSE_AFTER_LOOK } else { PAUSE };
        self.rests_until = rests.then(|| now + pause);
    }

    /// When the unit is read again, if not now.
    fn rests_until(&self, now: Moment) -> Option<Moment> {
        self.rests_until.filter(|until| *until > now)
    }
}

/// Notices that were not accepted.
#[derive(Debug, Default)]
struct Complaints {
    said: Option<Moment>,
    /// Since then.
    others: u32,
}

impl Complaints {
    /// One more; returns what is to be logged now.
    fn about(&mut self, now: Moment, pid: Option<Pid>, uid: u32) -> Option<String> {
        if self.said.is_some_and(|said| now.since(said) < COMPLAINT) {
            self.others = self.others.saturating_add(1);
            return None;
        }
        let others = match std::mem::take(&mut self.others) {
            0 => String::new(),
            others => format!("; {others} others were refused since the last such message"),
        };
        self.said = Some(now);
        let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        Some(format!(
            "process {pid} of user {uid} is not believed, as it is no process of the unit{others}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(1000) + Duration::from_millis(millis))
    }

    #[test]
    fn a_quiet_unit_is_read_at_once_and_a_loud_one_at_a_pace() {
        let mut pace = Pace::default();
        for turn in 0..u64::from(WITHOUT_PAUSE) {
            pace.handled(ms(turn), false, false);
            assert_eq!(pace.rests_until, None, "turn {turn}");
        }
        pace.handled(ms(20), false, false);
        assert_eq!(pace.rests_until, Some(ms(20) + PAUSE));
        pace.handled(ms(40), false, true);
        assert_eq!(pace.rests_until, Some(ms(40) + PAUSE_AFTER_LOOK));
        pace.handled(ms(2000), false, true);
        assert_eq!(pace.rests_until, None, "it has been quiet");
        pace.handled(ms(2001), true, false);
        assert_eq!(pace.rests_until, Some(ms(2001) + PAUSE), "a queue that is full");
    }

    #[test]
    fn refused_notices_do_not_fill_the_log() {
        let mut complaints = Complaints::default();
        assert!(complaints.about(ms(0), None, 7).unwrap().contains("user 7 is not believed"));
        for n in 1..60_000 {
            assert_eq!(complaints.about(ms(n), None, 7), None);
        }
        let said = complaints.about(ms(60_000), None, 7).unwrap();
        assert!(said.contains("59999 others"), "{said}");
    }

    #[test]
    fn a_folder_that_is_closed_to_a_user_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        common_folder(&below).unwrap();
        let nobody = Credentials { uid: 65_534, gid: 65_534, groups: vec![65_534] };
        assert_eq!(closed_to(&nobody, &below), Some(folder.path().to_owned()));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(closed_to(&nobody, &below), None);
    }
}
