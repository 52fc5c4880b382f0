//! The process that holds the start lock.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use crate::linux::descriptors::locked_files_below;
use crate::linux::files;
use crate::linux::lock::Lock;
use crate::linux::process::{Stat, all, command_line};
use crate::linux::wait::Waiting;
use crate::process::{Identity, Spared};
use crate::site::SitePlaces;
use crate::values::{Moment, Pid, Signal};

/// The longest time that a child of a killed start holds its lock: from fork to exec.
pub(super) const FORK: Duration = Duration::from_secs(1);

/// Writes this process's identity into the lock, for a stop to which the start does not yield.
pub(super) fn sign(lock: &Lock) {
    let signed = Identity::of(Pid::this())
        .ok_or_else(|| io::Error::other("/proc is not mounted"))
        .and_then(|me| lock.write(&serde_json::to_vec(&me)?));
    if let Err(error) = signed {
        log::info!("a stop cannot tell who starts the site: {error}");
    }
}

/// The process that holds a lock, with advice; for the end of a sentence.
pub(super) fn who_holds(lock: &Path) -> Option<String> {
    let holds = |stat: &Stat| {
        let held = locked_files_below(stat.pid, lock, files::effective_user());
        held.is_ok_and(|held| held.iter().any(|path| path == lock))
    };
    let holder = all().ok()?.into_iter().find(holds)?;
    let (pid, line) = (holder.pid, command_line(holder.pid).unwrap_or(holder.comm.clone()));
    Some(match holder.is_stopped() {
        true => format!(
            "process {pid} ({line}) is stopped by a signal; let it go on with: kill -CONT {pid}"
        ),
        false => format!("wait for process {pid} ({line}), or end it"),
    })
}

/// Kills a start that does not yield, if the lock names it. True: it is gone.
pub(super) fn kill_starter(places: &SitePlaces) -> bool {
    let signed = files::read_plain(&places.start_lock(), 1 << 10).ok();
    let Some(starter) = signed.and_then(|bytes| serde_json::from_slice::<Identity>(&bytes).ok())
    else {
        return false;
    };
    let Some(handle) = starter.open() else { return !starter.lives().unwrap_or(true) };
    if !Spared::now().is_ok_and(|spared| spared.why(starter.pid).is_none()) {
        return false;
    }
    log::warn!("the start {} does not yield to the stop; it is killed", starter.pid);
    let mut waiting = Waiting::new();
    waiting.readable(handle.as_fd(), ());
    handle.send(Signal::KILL).is_ok() && !waiting.wait(Some(Moment::now() + FORK)).is_empty()
}
