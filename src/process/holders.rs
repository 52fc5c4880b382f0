//! Who keeps a file system busy: processes with their working folder, an open file or a mapping
//! below a path. Nothing on that file system is touched for it: /proc tells by name.

use std::io;
use std::path::Path;

use super::identity::Seen;
use super::members::LEASE;
use crate::linux::process::{Stat, all, mapped_below, open_paths_below, working_folder};
use crate::linux::{Pid, StartTicks};

/// A process that holds something below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: Pid,
    pub start: StartTicks,
    pub comm: String,
    /// What it holds: its working folder, an open file, or one that it has mapped.
    pub what: std::path::PathBuf,
}

impl Holder {
    pub fn seen(&self) -> Seen {
        Seen { pid: self.pid, start: self.start }
    }

    /// It keeps a site's lease, and goes when nothing of that site lives.
    pub fn is_keeper(&self) -> bool {
        matches!(self.seen().told(), Ok(Some((_, who))) if who == LEASE)
    }
}

/// Every living process that holds something at or below `folder`, but this one.
///
/// # Errors
/// /proc cannot be read.
pub fn holders(folder: &Path) -> io::Result<Vec<Holder>> {
    let of = |stat: &Stat| {
        let cwd = working_folder(stat.pid).filter(|path| path.starts_with(folder));
        let open =
            || open_paths_below(stat.pid, folder).into_iter().find(|p| p.starts_with(folder));
        let mapped = || mapped_below(stat, folder);
        let what = cwd.or_else(open).or_else(mapped)?;
        Some(Holder { pid: stat.pid, start: stat.start, comm: stat.comm.clone(), what })
    };
    let others =
        all()?.into_iter().filter(|s| s.pid != Pid::this() && s.is_alive() && !s.is_kernels);
    Ok(others.filter_map(|stat| of(&stat)).collect())
}
