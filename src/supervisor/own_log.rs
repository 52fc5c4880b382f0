//! The supervisor's own log: a file that is bounded in size, and the node's own log.
//!
//! A detached supervisor's standard error is that file. A supervisor in the foreground writes to its caller's
//! standard error, and its lines are put into the file as well.
//!
//! Promises: no line is lost in the file. Must never: touch the output of a supervisor in the foreground, which
//! belongs to its caller, or wait for the node's log.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::linux::inherit;
use crate::linux::syslog::{Gravity, NodeLog};
use crate::logs::{LogBounds, LogWriter};
use crate::site::{Definition, OWN_LOG, SitePlaces};
use crate::values::{Moment, Pid};

/// A file holds at most so much, in bytes, or as much as one of a process's if that is less.
const LONGEST: u64 = 1 << 20;

/// Between two looks at its size, if the supervisor is awake at all.
const PACE: Duration = Duration::from_secs(1);

/// Where the lines go besides standard error.
struct Also {
    /// None: they get there by standard error.
    node: Option<NodeLog>,
    file: Option<File>,
}

/// None: this process is no supervisor at work.
static ALSO: Mutex<Option<Also>> = Mutex::new(None);

fn also() -> MutexGuard<'static, Option<Also>> {
    ALSO.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a line where the lines of a supervisor go besides its standard error: `text` to the node's own log,
/// `line` to the file. Whatever fails there is not told, as there is nowhere to tell it.
pub fn log_also(level: log::Level, text: &str, line: &str) {
    let mut also = also();
    let Some(also) = also.as_mut() else { return };
    let severity = match level {
        log::Level::Error => Gravity::Error,
        log::Level::Warn => Gravity::Warning,
        log::Level::Info | log::Level::Debug | log::Level::Trace => Gravity::Info,
    };
    if let Some(node) = &mut also.node {
        node.send(severity, text.as_bytes());
    }
    if let Some(file) = &mut also.file {
        let _ = writeln!(file, "{line}");
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct OwnLog {
    log: LogWriter,
    bound: u64,
    looked: Moment,
    foreground: bool,
}

impl OwnLog {
    /// From now on the lines of this process are those of the site's supervisor.
    pub(super) fn begin(places: &SitePlaces, definition: &Definition, foreground: bool) -> Self {
        let logging = definition.logging;
        let bounds =
            LogBounds { max_size: logging.max_size.min(LONGEST), max_file: logging.max_file };
        let path = places.supervisor_log();
        let index = SitePlaces::log_index(&path);
        let mut log = LogWriter::new(path, index, bounds);
        let file = match foreground {
            true => log.open().ok(),
            false => None,
        };
        log.go_on();
        log.run_began(log.end(), Pid::this().number());
        let identifier = format!("siteward/{}", definition.name);
        let fields = [("SITEWARD_SITE", definition.name.as_str()), ("SITEWARD_PROCESS", OWN_LOG)];
        let is_journals = foreground && stderr_is_journals();
        let node = (!is_journals).then(|| NodeLog::new(identifier, &fields));
        *also() = Some(Also { node, file });
        Self { log, bound: bounds.max_size, looked: Moment::now(), foreground }
    }

    /// The supervisor's work has ended in this way.
    pub(super) fn ended(&mut self, how: &str) {
        self.log.run_ended(how.to_owned());
    }

    /// Begins the file anew if it has grown too long. Costs nothing most of the time.
    pub(super) fn bound(&mut self, now: Moment) {
        if now.since(self.looked) < PACE {
            return;
        }
        self.looked = now;
        match self.begin_anew_if_long() {
            Ok(true) => log::info!("the log goes on in a new file"),
            Ok(false) => {}
            Err(error) => {
                log::warn!("{} cannot be begun anew: {error}", self.log.path().display());
            }
        }
    }

    fn begin_anew_if_long(&mut self) -> io::Result<bool> {
        // The file that is written to; another may be at its path by now.
        let ours = match (self.foreground, also().as_ref()) {
            (true, Some(Also { file: Some(file), .. })) => file.metadata()?,
            (true, _) => return Ok(false),
            (false, _) => fs::metadata("/proc/self/fd/2")?,
        };
        if !ours.is_file() || ours.len() <= self.bound {
            return Ok(false);
        }
        let there = fs::symlink_metadata(self.log.path()).ok();
        let is_there = there.is_some_and(|t| (t.dev(), t.ino()) == (ours.dev(), ours.ino()));
        let file = if is_there { self.log.set_aside()? } else { self.log.open()? };
        if self.foreground {
            if let Some(also) = also().as_mut() {
                also.file = Some(file);
            }
        } else {
            let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
            inherit::replace_standard_streams(&null.into(), &file.into())?;
        }
        Ok(is_there)
    }
}

impl Drop for OwnLog {
    /// This process may outlive its work as a supervisor.
    fn drop(&mut self) {
        *also() = None;
    }
}

/// Whether standard error goes to the journal already (`JOURNAL_STREAM` of systemd.exec(5)).
fn stderr_is_journals() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2").is_ok_and(|e| named == format!("{}:{}", e.dev(), e.ino()))
}
