//! The walk of /proc: every process that can be seen.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;

use super::proc::patiently;
use super::stat::Stat;
use crate::values::Pid;

/// Every process that can be seen here, zombies included. `more` is called for each process as soon as
/// it is seen, as it may be gone a moment later.
///
/// The walk reads one process after the other, and a process may fork and end meanwhile, so that neither
/// it nor its child is seen. So the walk ends only when two listings in a row are equal and everything
/// in them was read: a walk that finds nothing is then a proof. A process that comes or goes costs one
/// more listing, not a whole walk. On a machine that forks all the time the number of listings is
/// limited, and processes that are gone by then are given as they were seen.
///
/// # Errors
/// /proc cannot be listed, or a process that is there cannot be looked at: then nothing is known.
pub fn all_with<T>(more: impl Fn(&Stat) -> T) -> io::Result<Vec<(Stat, T)>> {
    const LISTINGS: usize = 100;
    enum Looked<T> {
        Seen(Stat, T),
        /// It may not be seen (proc(5), hidepid=1), and a second look would not help.
        Forbidden,
        Gone,
        Failed(io::Error),
    }
    let look = |pid: Pid| match Stat::look(pid) {
        Ok(Some(stat)) => {
            let told = more(&stat);
            Looked::Seen(stat, told)
        }
        Ok(None) => Looked::Gone,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Looked::Forbidden,
        Err(error) => Looked::Failed(error),
    };
    let mut listed = Vec::new();
    let mut seen: BTreeMap<Pid, Option<(Stat, T)>> = BTreeMap::new();
    let mut gone = BTreeMap::new();
    // Of the last listing.
    let mut failed: BTreeMap<Pid, io::Error> = BTreeMap::new();
    for _ in 0..LISTINGS {
        let before = std::mem::take(&mut listed);
        failed.clear();
        for pid in numbers()? {
            listed.push(pid);
            if let Entry::Vacant(new) = seen.entry(pid) {
                match look(pid) {
                    Looked::Seen(stat, told) => drop(new.insert(Some((stat, told)))),
                    Looked::Forbidden => drop(new.insert(None)),
                    Looked::Gone => {}
                    Looked::Failed(error) => drop(failed.insert(pid, error)),
                }
            }
        }
        listed.sort_unstable();
        let is_listed = |pid: &Pid| listed.binary_search(pid).is_ok();
        let is_settled = |pid: &Pid| seen.contains_key(pid) || failed.contains_key(pid);
        if listed == before && listed.iter().all(is_settled) {
            // Two listings have failed to read it.
            if let Some((_, error)) = failed.pop_first() {
                return Err(error);
            }
            return Ok(seen.into_values().flatten().collect());
        }
        let (here, went): (BTreeMap<_, _>, BTreeMap<_, _>) =
            seen.into_iter().partition(|(pid, _)| is_listed(pid));
        seen = here;
        gone.extend(went);
        // A process whose parent has ended has another parent by now.
        let lost_parent = |stat: &Stat| stat.parent.is_some_and(|parent| !is_listed(&parent));
        for (pid, found) in &mut seen {
            if found.as_ref().is_some_and(|(stat, _)| lost_parent(stat))
                && let Looked::Seen(stat, told) = look(*pid)
            {
                *found = Some((stat, told));
            }
        }
    }
    if let Some((_, error)) = failed.pop_first() {
        return Err(error);
    }
    gone.extend(seen);
    Ok(gone.into_values().flatten().collect())
}

/// As [`all_with`], with nothing called.
///
/// # Errors
/// /proc cannot be read.
pub fn all() -> io::Result<Vec<Stat>> {
    Ok(all_with(|_| ())?.into_iter().map(|(stat, ())| stat).collect())
}

/// One listing of the numbers of all processes.
fn numbers() -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in patiently(|| fs::read_dir("/proc"))? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        found.extend(number.and_then(Pid::from_raw));
    }
    if !found.contains(&Pid::this()) {
        return Err(io::Error::other("it does not show this very process"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_among_all() {
        let me = Stat::of(Pid::this()).unwrap();
        assert!(me.is_alive());
        assert!(all().unwrap().iter().any(|s| s.pid == me.pid && s.start == me.start));
    }
}
