//! The helper processes of a history: this program, in a session of its own, that ends itself at its deadline.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::linux::PidFd;
use crate::linux::detached::spawn_detached;
use crate::linux::wait::Waiting;
use crate::process::{HELPER, MARK, mark_entry};
use crate::site::SitePlaces;
use crate::values::{Moment, Pid};

const PATH: &CStr = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A helper that was started.
#[derive(Debug)]
pub(super) struct Running {
    pid: Pid,
    handle: PidFd,
    begun: Moment,
}

/// Who starts a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starter {
    Verb,
    /// Its children would count as processes of the site, so that a mark says that this is none.
    Supervisor,
}

/// Starts this program with `words`, the first of which is its name. It finds `handover` as descriptor 3.
pub(super) fn start(
    places: &SitePlaces,
    starter: Starter,
    words: &[&OsStr],
    handover: Option<File>,
) -> io::Result<Running> {
    let handover = handover.map_or_else(|| File::open("/dev/null"), Ok)?;
    let arguments: Vec<CString> =
        words.iter().map(|word| CString::new(word.as_bytes())).collect::<Result<_, _>>()?;
    let mut environment = vec![PATH.to_owned()];
    if starter == Starter::Supervisor {
        let mark = [MARK.as_bytes(), b"=", &mark_entry(places, HELPER)].concat();
        environment.push(CString::new(mark)?);
    }
    let program = Path::new("/proc/self/exe");
    let pid = spawn_detached(program, &arguments, &environment, handover.as_fd())
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Running { pid, handle: PidFd::open(pid)?, begun: Moment::now() })
}

impl Running {
    pub(super) fn has_ended(&self) -> bool {
        self.handle.is_dead()
    }

    /// Its number; None once it has ended, as the number may be used again.
    pub(super) fn living(&self) -> Option<Pid> {
        (!self.has_ended()).then_some(self.pid)
    }

    pub(super) fn begun(&self) -> Moment {
        self.begun
    }

    /// Waits until it has ended. False: it has not by `until`.
    pub(super) fn wait(&self, until: Moment) -> bool {
        let mut waiting = Waiting::new();
        waiting.readable(self.handle.as_fd(), ());
        waiting.wait(Some(until));
        self.has_ended()
    }
}
