//! Who owns a site's database: a lock on it that lasts as long as the owner's keeper lives, and a
//! durable record beside it of who that is.
//!
//! Promises: whoever holds the lock is named in the record; an owner that ended without releasing it
//! is told to the next one. It is no fence: flock(2) is cluster-wide on GFS2 and OCFS2, emulated on
//! NFS, and local on ext4 and XFS, where only one node may mount. Must never: touch the database in
//! the process of a verb or of the supervisor, which a disk that hangs would hold; that is the
//! keeper's work, a process of its own that may hang and be killed.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::linux::clock::WallTime;
use crate::linux::lock::whole_file_lock;
use crate::linux::process::{Stat, all, reap_one};
use crate::linux::signals::Inbox;
use crate::linux::spawn::{self, Command};
use crate::linux::wait::Waiting;
use crate::linux::{BootId, Moment, Signal, files, inherit, node, ourselves};
use crate::process::{Identity, LEASE, MARK, mark_entry, mark_of};
use crate::site::{SiteName, SitePlaces, on_database};

/// How long a keeper is given to release the lease.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The record beside the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub site: SiteName,
    pub node: String,
    pub boot: BootId,
    /// Of the definition that it ran.
    pub fingerprint: String,
    pub since: WallTime,
    /// It ended the site and let go.
    pub released: bool,
}

/// What was found when the lease was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Whoever had it before, and never let go: the site ended uncleanly there.
    pub unclean: Option<Owner>,
    /// The fingerprint of the definition that the last owner ran, if that was another.
    pub other_definition: Option<String>,
}

/// What the keeper says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// Somebody holds it; who, if that can be read.
    Waiting(Option<Owner>),
    Taken(Taken),
    Failed(String),
}

fn lock_path(database: &Path) -> PathBuf {
    on_database(database).join("lease")
}

fn record_path(database: &Path) -> PathBuf {
    on_database(database).join("owner.json")
}

/// Who holds, or last held, the lease on this database. Reads the disk: for keepers and persons.
pub fn owner(database: &Path) -> Option<Owner> {
    let bytes = files::read_plain(&record_path(database), 64 << 10).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Takes the lease for a site on this node, waiting for it until `deadline`. Its keeper lives on, and
/// is found by its mark.
///
/// # Errors
/// A sentence: who has it, or what keeps us from it.
pub fn take(
    site: &SiteName,
    places: &SitePlaces,
    database: &Path,
    fingerprint: &str,
    deadline: Moment,
) -> Result<Taken, String> {
    let failed = |why: String| format!("the lease on {} is not had: {why}", database.display());
    let (reader, writer) =
        spawn::pipe().map_err(|e| failed(format!("no pipe can be made: {e}")))?;
    let node = node::name();
    let words = [
        OsStr::new("siteward"),
        OsStr::new("keep-lease"),
        OsStr::new(site.as_str()),
        database.as_os_str(),
        OsStr::new(fingerprint),
        OsStr::new(&node),
    ];
    let mut mark = format!("{MARK}=").into_bytes();
    mark.extend(mark_entry(places, LEASE));
    let mark = CString::new(mark).into_iter().collect();
    let command = Command::plain(ourselves::program(), &words, mark, writer.as_fd());
    let child = spawn::spawn(&command).map_err(|error| failed(format!("its keeper {error}")))?;
    drop(command);
    drop(writer);
    let mut child = child;
    let taken = hear(File::from(reader), deadline).map_err(|why| match child.report.outcome() {
        Some(Err(error)) => format!("its keeper {error}"),
        _ => why,
    });
    if taken.is_err() {
        let _ = child.handle.send(Signal::KILL);
        let mut waiting = Waiting::new();
        waiting.readable(child.handle.as_fd(), ());
        // One that hangs on the disk is not waited for.
        if !waiting.wait(Some(Moment::now() + Duration::from_millis(200))).is_empty() {
            let _ = reap_one(child.pid);
        }
    } else {
        // Reaped when it ends, should this process live so long: a verb in the foreground does.
        let pid = child.pid;
        let _ = std::thread::Builder::new().spawn(move || reap_one(pid));
    }
    taken.map_err(failed)
}

/// Hears the keeper until it has the lease.
fn hear(mut pipe: File, deadline: Moment) -> Result<Taken, String> {
    let mut said = Vec::new();
    let mut waits_for: Option<Option<Owner>> = None;
    loop {
        while let Some(end) = said.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = said.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(Word::Taken(taken)) => return Ok(taken),
                Ok(Word::Failed(why)) => return Err(why),
                Ok(Word::Waiting(owner)) => waits_for = Some(owner),
                Err(_) => return Err(String::from_utf8_lossy(&line).trim().to_owned()),
            }
        }
        if deadline.passed() {
            return Err(match waits_for {
                Some(Some(owner)) => format!(
                    "the node `{}` has it, since {}; stop the site there, or fence that node",
                    owner.node, owner.since
                ),
                Some(None) => "somebody has it, and does not say who".to_owned(),
                None => "the disk does not answer".to_owned(),
            });
        }
        let mut waiting = Waiting::new();
        waiting.readable(pipe.as_fd(), ());
        waiting.wait(Some(deadline));
        let mut chunk = [0u8; 4096];
        match pipe.read(&mut chunk) {
            Ok(0) => return Err("its keeper ended without a word".to_owned()),
            Ok(n) => said.extend_from_slice(&chunk[..n]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(format!("its keeper cannot be heard: {error}")),
        }
    }
}

/// The keepers of this site's lease on this node.
fn keepers(places: &SitePlaces) -> Vec<Identity> {
    let folder = places.runtime.as_os_str().as_bytes();
    let is_one = |stat: &Stat| mark_of(stat).is_some_and(|(of, who)| of == folder && who == LEASE);
    let stats = all().unwrap_or_default().into_iter().filter(|s| s.is_alive() && is_one(s));
    stats.filter_map(|s| Identity::of(s.pid).filter(|i| i.start == s.start)).collect()
}

/// Whether a keeper of this site's lease lives on this node.
pub fn is_kept(places: &SitePlaces) -> bool {
    !keepers(places).is_empty()
}

/// Ends this site's keepers on this node: they release the lease, or are killed after `patience`.
/// False: one could not be ended in its time, as on a disk that hangs; the lease then reads as
/// unclean.
pub fn release(places: &SitePlaces, patience: Duration) -> bool {
    let term_until = Moment::now() + patience;
    let kill_until = term_until + Duration::from_millis(500);
    let mut termed = false;
    loop {
        let handles: Vec<_> = keepers(places).iter().filter_map(Identity::open).collect();
        if handles.is_empty() {
            return true;
        }
        let polite = !term_until.passed();
        for handle in &handles {
            if !polite || !termed {
                let _ = handle.send(if polite { Signal::TERM } else { Signal::KILL });
                let _ = handle.send(Signal::CONT);
            }
        }
        termed = true;
        if kill_until.passed() {
            return false;
        }
        let mut waiting = Waiting::new();
        for handle in &handles {
            waiting.readable(handle.as_fd(), ());
        }
        waiting.wait(Some(if polite { term_until } else { Moment::now() + patience / 10 }));
    }
}

/// Ends this site's keepers without a word in the record: the next start finds the lease unclean.
pub fn abandon(places: &SitePlaces) {
    for keeper in keepers(places).iter().filter_map(Identity::open) {
        let _ = keeper.send(Signal::KILL);
    }
}

/// Marks a lease as released that this node holds no more, or that a person breaks; by a keeper of
/// its own, so that a disk that hangs holds nobody.
///
/// # Errors
/// A sentence.
pub fn settle(database: &Path, broken: bool, deadline: Moment) -> Result<(), String> {
    let word = if broken { "break-lease" } else { "settle-lease" };
    let said = ourselves::ask(&[OsStr::new(word), database.as_os_str()], deadline, None)
        .map_err(|lost| format!("{} {lost}", database.display()))?;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if said.is_empty() { Ok(()) } else { Err(said) }
}

// --- in the keeper's own process ----------------------------------------------------------------

/// Between two attempts at the lock: nothing tells of its release on every file system.
const PACE: Duration = Duration::from_millis(50);

/// Takes the lease, says so, and keeps it until TERM.
pub fn keep(site: SiteName, database: &Path, fingerprint: String, node: String) -> bool {
    let Ok(inbox) = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP]) else { return false };
    // As the supervisor's, where that is allowed: what it keeps is worth more than its memory.
    let _ = inherit::set_oom_score(-1000);
    match take_here(site, database, fingerprint, node, &inbox) {
        Ok(Some((_lock, owner))) => {
            // Nobody hears us any more, and no pipe of a verb may stay open.
            if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
                let null = null.into();
                let _ = inherit::replace_standard_streams(&null, &null);
            }
            while inbox.next().is_none() {
                let mut waiting = Waiting::new();
                waiting.readable(inbox.as_fd(), ());
                waiting.wait(None);
            }
            write_owner(database, &Owner { released: true, ..owner }).is_ok()
        }
        Ok(None) => true,
        Err(why) => {
            say(&Word::Failed(why));
            false
        }
    }
}

fn take_here(
    site: SiteName,
    database: &Path,
    fingerprint: String,
    node: String,
    inbox: &Inbox,
) -> Result<Option<(File, Owner)>, String> {
    if !database.is_dir() {
        return Err("it is not a folder on this node; mount its disk, or make it".to_owned());
    }
    let folder = on_database(database);
    let at = |error: io::Error| format!("{} cannot be used: {error}", folder.display());
    files::private_folder(&folder).map_err(at)?;
    let file = files::append_to(&lock_path(database)).map_err(at)?;
    let mut said = false;
    while !whole_file_lock(&file).map_err(at)? {
        if !said {
            say(&Word::Waiting(owner(database)));
            said = true;
        }
        let mut waiting = Waiting::new();
        waiting.readable(inbox.as_fd(), ());
        waiting.wait(Some(Moment::now() + PACE));
        if inbox.next().is_some() {
            return Ok(None);
        }
    }
    let before = owner(database);
    let boot = BootId::current().map_err(|e| format!("/proc is not mounted: {e}"))?;
    let now = Owner { site, node, boot, fingerprint, since: WallTime::now(), released: false };
    write_owner(database, &now).map_err(at)?;
    say(&Word::Taken(Taken {
        other_definition: before
            .as_ref()
            .map(|b| b.fingerprint.clone())
            .filter(|f| *f != now.fingerprint),
        unclean: before.filter(|b| !b.released),
    }));
    Ok(Some((file, now)))
}

fn write_owner(database: &Path, owner: &Owner) -> io::Result<()> {
    // The database may be another user's, who can put a link where our folder was.
    if !files::is_own_folder(&on_database(database)) {
        return Err(io::Error::new(
            ErrorKind::NotFound,
            "its folder is gone, or not ours any more",
        ));
    }
    files::write_durably(&record_path(database), &serde_json::to_vec(owner)?)
}

fn say(word: &Word) {
    let mut line = serde_json::to_vec(word).unwrap_or_default();
    line.push(b'\n');
    let _ = io::stdout().write_all(&line);
    let _ = io::stdout().flush();
}

/// Writes that the lease is released, where this node wrote that it is not; or, `broken`, whoever
/// wrote it. Complaints go to standard output.
pub fn settle_here(database: &Path, broken: bool) -> bool {
    if !files::is_own_folder(&on_database(database)) {
        return true;
    }
    let Some(before) = owner(database) else { return true };
    let this_boot = BootId::current().is_ok_and(|boot| boot == before.boot);
    let ours = before.node == node::name() && this_boot;
    let free = || {
        files::append_to(&lock_path(database)).is_ok_and(|f| whole_file_lock(&f).unwrap_or(false))
    };
    if before.released || !(broken || (ours && free())) {
        return true;
    }
    if broken {
        // Whoever still holds the lock keeps it, on a file that nobody looks at any more.
        let aside = lock_path(database).with_extension("broken");
        if let Err(error) = std::fs::rename(lock_path(database), aside)
            && error.kind() != ErrorKind::NotFound
        {
            let _ = writeln!(io::stdout(), "the lock cannot be set aside: {error}");
            return false;
        }
    }
    match write_owner(database, &Owner { released: true, ..before }) {
        Ok(()) => true,
        Err(error) => {
            let _ = writeln!(io::stdout(), "the record cannot be written: {error}");
            false
        }
    }
}
