//! The process that the sites run: it notes, under a lock on the shared disk, each beginning and end of its life.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{SigSet, Signal};

/// Lives until TERM. In `folder`: `SITE.lock` is held for the whole life, `SITE.notes` is written, and `SITE.slow` says
/// for how many seconds TERM is ignored.
pub(crate) fn live(site: &str, folder: &str) -> ExitCode {
    let folder = Path::new(folder);
    let mut term = SigSet::empty();
    term.add(Signal::SIGTERM);
    term.thread_block().expect("signals can be blocked");
    let lock = File::create(folder.join(format!("{site}.lock"))).expect("the shared folder");
    if lock.try_lock().is_err() {
        note(folder, site, "overlap");
        return ExitCode::FAILURE;
    }
    note(folder, site, "begin");
    term.wait().expect("a signal");
    let slow = std::fs::read_to_string(folder.join(format!("{site}.slow"))).unwrap_or_default();
    if let Ok(seconds) = slow.trim().parse() {
        std::thread::sleep(Duration::from_secs(seconds));
    }
    note(folder, site, "end");
    ExitCode::SUCCESS
}

/// One line, in one write.
fn note(folder: &Path, site: &str, what: &str) {
    let node = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let line = format!("{at} {what} on {} as {}\n", node.trim(), std::process::id());
    let file =
        OpenOptions::new().append(true).create(true).open(folder.join(format!("{site}.notes")));
    file.and_then(|mut f| f.write_all(line.as_bytes())).expect("the shared folder can be written");
}
