//! What processes say of themselves by sd_notify(3): who may say it, and how much of it is listened to.
//!
//! Promises: the socket of a unit can be reached by its own user and by root alone; where a unit runs
//! as root, and may change its user by itself, by whoever was told its name, which can be read nowhere.
//! A bounded share of each turn goes to notices, and a unit that says much is listened to at a pace, so
//! that nobody makes the supervisor deaf to the others. Must never: believe who is not of the unit, or
//! fill the log with those who are not believed.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::event_loop::Supervisor;
use super::kin::Family;
use super::machine::{Event, UnitEvent};
use super::plan::UnitId;
use crate::linux::process::{Stat, environment_value};
use crate::linux::sockets::{Notice, NotifySocket};
use crate::linux::users::Credentials;
use crate::linux::{files, node};
use crate::site::SitePlaces;
use crate::values::{Moment, Pid};

/// So many notices of one unit are read at a time.
const AT_A_TIME: usize = 32;

/// And when its main process has ended: more than a queue can hold (`net.unix.max_dgram_qlen`).
const LAST_WORDS: usize = 1024;

/// A unit is listened to so many times in a second as soon as it says something.
const AT_ONCE: u32 = 16;

/// Beyond that, what it says waits for so long; where its family has to be looked at, longer.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_AFTER_LOOK: Duration = Duration::from_millis(50);

/// Of those who are not believed it is said so often.
const COMPLAINT: Duration = Duration::from_secs(60);

/// The socket to which one unit sends, and how it is listened to.
#[derive(Debug)]
pub(super) struct Ear {
    socket: NotifySocket,
    pace: Pace,
    complaints: Complaints,
}

impl Ear {
    /// For a unit that runs as `who`.
    ///
    /// # Errors
    /// The folder cannot be made, or as bind(2).
    pub(super) fn new(places: &SitePlaces, who: Option<&Credentials>) -> io::Result<Self> {
        Self::at(places, &places.notify_socket(&node::random_name()), who)
    }

    fn at(places: &SitePlaces, path: &Path, who: Option<&Credentials>) -> io::Result<Self> {
        let folder = places.notify_folder();
        common_folder(&folder)?;
        if let Some(who) = who
            && let Some(closed) = closed_to(who, &folder)
        {
            log::warn!(
                "user {} may not enter {}, so that what it says by NOTIFY_SOCKET will not be heard; \
                 let it, or choose another folder with --runtime-dir",
                who.uid,
                closed.display()
            );
        }
        let socket = NotifySocket::bind(path, &places.notify_unseen(), owner(who))?;
        Ok(Self { socket, pace: Pace::default(), complaints: Complaints::default() })
    }

    /// What `NOTIFY_SOCKET` must hold.
    pub(super) fn target(&self) -> String {
        self.socket.path().display().to_string()
    }

    /// When it is listened to again, if not now.
    pub(super) fn rests_until(&self, now: Moment) -> Option<Moment> {
        self.pace.rests_until.filter(|until| *until > now)
    }

    pub(super) fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.socket)
    }

    /// As many notices as have come, up to `most`.
    fn hear(&self, most: usize) -> Vec<Notice> {
        std::iter::from_fn(|| self.socket.receive()).take(most).collect()
    }
}

/// Who alone may send to a unit's socket. None: one that begins as root may be another user by the time
/// it has something to say.
fn owner(who: Option<&Credentials>) -> Option<u32> {
    Some(who.map_or_else(files::effective_user, |who| who.uid)).filter(|uid| *uid != 0)
}

/// The folder of all sockets: everybody may pass, and nobody may list.
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

/// The first folder on the way to `folder` and with it that `who` may not pass, by its mode.
fn closed_to(who: &Credentials, folder: &Path) -> Option<PathBuf> {
    let is_closed = |path: &&Path| {
        let Ok(there) = fs::metadata(path) else { return false };
        let needed = match () {
            () if there.uid() == who.uid => 0o100,
            () if who.groups.contains(&there.gid()) => 0o010,
            () => 0o001,
        };
        there.mode() & needed == 0
    };
    if who.uid == 0 {
        return None;
    }
    let mut all: Vec<&Path> = folder.ancestors().collect();
    all.reverse();
    all.into_iter().find(is_closed).map(Path::to_owned)
}

/// How often one unit is listened to.
#[derive(Debug, Default)]
struct Pace {
    second: Option<Moment>,
    /// Within that second.
    turns: u32,
    rests_until: Option<Moment>,
}

impl Pace {
    /// It was listened to; `much`: there may be more; `looked`: its family was looked at for it.
    fn listened(&mut self, now: Moment, much: bool, looked: bool) {
        if self.second.is_none_or(|second| now.since(second) >= Duration::from_secs(1)) {
            (self.second, self.turns) = (Some(now), 0);
        }
        self.turns = self.turns.saturating_add(1);
        let rests = much || self.turns > AT_ONCE;
        let pause = if looked { PAUSE_AFTER_LOOK } else { PAUSE };
        self.rests_until = rests.then(|| now + pause);
    }
}

/// Those who were not believed.
#[derive(Debug, Default)]
struct Complaints {
    said: Option<Moment>,
    /// Since it was said last.
    others: u32,
}

impl Complaints {
    /// One more; what is to be said of that now.
    fn about(&mut self, now: Moment, pid: Option<Pid>, uid: u32) -> Option<String> {
        if self.said.is_some_and(|said| now.since(said) < COMPLAINT) {
            self.others = self.others.saturating_add(1);
            return None;
        }
        let others = match std::mem::take(&mut self.others) {
            0 => String::new(),
            others => format!("; nor were {others} others since that was said last"),
        };
        self.said = Some(now);
        let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        Some(format!(
            "process {pid} of user {uid} is not believed, as that is none of its own{others}"
        ))
    }
}

impl Supervisor {
    /// A share of what has come for a unit.
    pub(super) fn on_notices(&mut self, unit: UnitId) {
        self.hear(unit, AT_A_TIME);
    }

    /// All of it, when the unit's main process has ended.
    pub(super) fn on_last_words(&mut self, unit: UnitId) {
        self.hear(unit, LAST_WORDS);
    }

    fn hear(&mut self, unit: UnitId, most: usize) {
        let Some(ear) = &self.shells[unit.0].notify else { return };
        let notices = ear.hear(most);
        if notices.is_empty() {
            return;
        }
        let owner = owner(self.launch_of(unit).credentials());
        let mut family = None;
        for notice in &notices {
            let (pid, uid) = (notice.from.pid, notice.from.uid);
            let may_send = owner.is_none_or(|owner| uid == owner || uid == 0);
            // The kernel vouches for the sender; it must be one of this unit's own processes. Of the
            // main one that is known, and the others are looked at once for all that have come.
            let is_believed = may_send
                && pid.is_some_and(|pid| {
                    self.shells[unit.0].main_pid() == Some(pid)
                        || self.family_once(&mut family).has(unit, pid)
                });
            if is_believed {
                for line in notice.text.lines() {
                    self.on_notice_line(unit, line, &mut family);
                }
            } else if let Some(ear) = &mut self.shells[unit.0].notify
                && let Some(words) = ear.complaints.about(Moment::now(), pid, uid)
            {
                log::warn!("a notice for `{}` from {words}", self.name(unit));
            }
        }
        if let Some(ear) = &mut self.shells[unit.0].notify {
            ear.pace.listened(Moment::now(), notices.len() == most, family.is_some());
        }
    }

    fn family_once<'a>(&mut self, family: &'a mut Option<Family>) -> &'a Family {
        family.get_or_insert_with(|| self.family().unwrap_or_default())
    }

    fn on_notice_line(&mut self, unit: UnitId, line: &str, family: &mut Option<Family>) {
        match line.split_once('=') {
            Some(("READY", "1")) => {
                self.shells[unit.0].said_ready = true;
                self.tell(Event::Unit(unit, UnitEvent::Ready));
            }
            Some(("STATUS", text)) => {
                let text = text.chars().filter(|c| !c.is_control()).take(200).collect();
                self.shells[unit.0].status = Some(text);
            }
            Some(("STOPPING", "1")) => {
                self.shells[unit.0].status = Some("says that it is stopping".to_owned());
            }
            Some(("MAINPID", number)) => {
                let pid = number.trim().parse::<i32>().ok().and_then(|n| Pid::try_from(n).ok());
                if let Some(pid) = pid.filter(|pid| self.shells[unit.0].main_pid() != Some(*pid))
                    && self.family_once(family).has(unit, pid)
                    && let Some(event) = self.new_main(unit, pid)
                {
                    self.tell(event);
                }
            }
            _ => {}
        }
    }

    /// The socket to which the adopted `pid` was told to send its notices, taken over from the
    /// supervisor that is gone.
    pub(super) fn hear_adopted(&self, unit: UnitId, pid: Pid) -> Option<Ear> {
        let target = environment_value(&Stat::of(pid)?, "NOTIFY_SOCKET").ok()??;
        let path = PathBuf::from(String::from_utf8(target).ok()?);
        let secret = path.file_name()?.to_str()?.strip_prefix(&self.places.notify_prefix())?;
        let is_one = secret.len() == 16 && secret.bytes().all(|b| b.is_ascii_hexdigit());
        // The process could have been told anything by whoever made it.
        if !is_one || path != self.places.notify_socket(secret) {
            return None;
        }
        let ear = Ear::at(&self.places, &path, self.launch_of(unit).credentials());
        ear.inspect_err(|error| {
            log::warn!("the notices of `{}` cannot be heard again: {error}", self.name(unit));
        })
        .ok()
    }

    /// Binds again what somebody has removed. Says whether there was anything.
    pub(super) fn put_ears_back(&mut self) -> io::Result<bool> {
        let mut any = false;
        for unit in self.machine.ids() {
            let Some(ear) = &self.shells[unit.0].notify else { continue };
            if ear.socket.is_in_place() {
                continue;
            }
            self.on_last_words(unit);
            if let Some(path) =
                self.shells[unit.0].notify.as_ref().map(|e| e.socket.path().to_owned())
            {
                let who = self.launch_of(unit).credentials().cloned();
                self.shells[unit.0].notify = Some(Ear::at(&self.places, &path, who.as_ref())?);
                any = true;
            }
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(1000) + Duration::from_millis(millis))
    }

    #[test]
    fn a_quiet_unit_is_heard_at_once_and_a_loud_one_at_a_pace() {
        let mut pace = Pace::default();
        for turn in 0..u64::from(AT_ONCE) {
            pace.listened(ms(turn), false, false);
            assert_eq!(pace.rests_until, None, "turn {turn}");
        }
        pace.listened(ms(20), false, false);
        assert_eq!(pace.rests_until, Some(ms(20) + PAUSE));
        pace.listened(ms(40), false, true);
        assert_eq!(pace.rests_until, Some(ms(40) + PAUSE_AFTER_LOOK));
        pace.listened(ms(2000), false, true);
        assert_eq!(pace.rests_until, None, "it has been quiet");
        pace.listened(ms(2001), true, false);
        assert_eq!(pace.rests_until, Some(ms(2001) + PAUSE), "a queue that is full");
    }

    #[test]
    fn those_who_are_not_believed_fill_no_log() {
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
