//! The supervisor of the rehearsal's wrapped site, with its commands to stop and to list. It starts one process, and ends
//! when that ends. A file makes its list lie.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio, exit};
use std::time::Duration;

use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::process::Identity;
use crate::values::{Moment, Pid, Signal};

/// How its list lies: the word in the file.
pub(super) const LIES: &str = "lies";
/// The number of the process that it has started.
pub(super) const WORKER: &str = "worker";
/// Its own number.
const WARDEN: &str = "warden";

/// How long its stop command waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Plays one of its parts in `folder`. False: there is no such part.
pub(super) fn play(part: &str, folder: &Path) -> bool {
    match part {
        "warden" => watch(folder),
        "warden-stop" => stop(folder),
        "warden-list" => list(folder),
        _ => return false,
    }
    true
}

/// The living process whose number is in the file.
pub(super) fn numbered(folder: &Path, file: &str) -> Option<Identity> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    let pid = Pid::try_from(text.trim().parse::<i32>().ok()?).ok()?;
    Identity::of(pid).filter(Identity::is_alive)
}

fn watch(folder: &Path) {
    let Ok(inbox) = Inbox::new(&[Signal::TERM]) else { exit(1) };
    let me = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let worker = Command::new(me).args(["act", "steady"]).stdin(Stdio::null()).spawn();
    let Ok(mut worker) = worker else { exit(1) };
    let note = |file: &str, number: u32| fs::write(folder.join(file), number.to_string());
    let noted = note(WARDEN, std::process::id()).and_then(|()| note(WORKER, worker.id()));
    let watched = numbered(folder, WORKER).and_then(|worker| worker.open());
    if let (Ok(()), Some(watched)) = (noted, watched) {
        let mut waiting = Waiting::new();
        waiting.readable(inbox.as_fd(), ());
        waiting.readable(watched.as_fd(), ());
        waiting.wait(None);
    }
    let _ = worker.kill();
    let _ = worker.wait();
    let _ = fs::remove_file(folder.join(WORKER));
}

fn stop(folder: &Path) {
    let Some(warden) = numbered(folder, WARDEN).and_then(|warden| warden.open()) else { return };
    let _ = warden.send(Signal::TERM);
    let mut waiting = Waiting::new();
    waiting.readable(warden.as_fd(), ());
    waiting.wait(Some(Moment::now() + PATIENCE));
}

fn list(folder: &Path) {
    const DOWN: i32 = 3;
    let lie = fs::read_to_string(folder.join(LIES)).unwrap_or_default();
    match lie.as_str() {
        "up" => {}
        "down" => exit(DOWN),
        "hangs" => {
            Waiting::<()>::new().wait(None);
        }
        _ if numbered(folder, WORKER).is_none() => exit(DOWN),
        _ => {}
    }
}
