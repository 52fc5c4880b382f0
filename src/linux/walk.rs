//! The walk of /proc: every process that can be seen.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;

use super::proc::patiently;
use super::stat::Stat;
use crate::values::Pid;

/// Every process that can be seen here, the dead among them too. `more` is asked of each as soon as
/// it is seen, as it may be gone a moment later.
///
/// /proc is read one process after the other, and a process may fork and die meanwhile, so that
/// neither it nor its child is seen. Hence the look is over only when two listings in a row are the
/// same and everything in them was read: that makes one that finds nothing worth something. What
/// comes and goes costs a listing more, not a whole look. On a machine that forks all the time the
/// listings come to an end, and what has gone since it was seen is then given as it was seen.
///
/// # Errors
/// /proc cannot be listed, or a process that is there cannot be looked at: then nothing is known.
pub fn all_with<T>(more: impl Fn(&Stat) -> T) -> io::Result<Vec<(Stat, T)>> {
    const LISTINGS: usize = 100;
    enum Looked<T> {
        Seen(Stat, T),
        /// It may not be (proc(5), hidepid=1): to look again would not help.
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
            // It was tried in two listings.
            if let Some((_, error)) = failed.pop_first() {
                return Err(error);
            }
            return Ok(seen.into_values().flatten().collect());
        }
        let (here, went): (BTreeMap<_, _>, BTreeMap<_, _>) =
            seen.into_iter().partition(|(pid, _)| is_listed(pid));
        seen = here;
        gone.extend(went);
        // What has lost its parent has another one by now.
        let bereft = |stat: &Stat| stat.parent.is_some_and(|parent| !is_listed(&parent));
        for (pid, found) in &mut seen {
            if found.as_ref().is_some_and(|(stat, _)| bereft(stat))
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

/// As [`all_with`], with nothing more asked.
///
/// # Errors
/// /proc cannot be read.
pub fn all() -> io::Result<Vec<Stat>> {
    Ok(all_with(|_| ())?.into_iter().map(|(stat, ())| stat).collect())
}

/// The numbers of all processes, one after the other.
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
