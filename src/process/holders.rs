//! The processes that keep a file system busy: with a working folder, an open file or a mapping below a
//! path. They are found in /proc by path, without touching that file system.

use std::io;
use std::path::{Path, PathBuf};

use super::environment::LEASE;
use super::identity::Seen;
use super::judge::is_keeper;
use super::members::{Member, Members};
use super::spared::UNREADABLE;
use crate::linux::descriptors::open_paths_below;
use crate::linux::process::{Stat, all, command_line, mapped_below, working_folder};
use crate::linux::{StartTicks, node};
use crate::site::SitePlaces;
use crate::values::Pid;

/// A process that holds something below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: Pid,
    pub start: StartTicks,
    pub comm: String,
    /// Its working folder, or an open or mapped file.
    pub what: PathBuf,
}

impl Holder {
    /// One line for a process: its number, its command, its site, and the file that it uses.
    pub fn describe(&self, places: &SitePlaces) -> String {
        self.describe_among(places, &Members::default())
    }

    /// The same, of a site with these members: one that has lost the mark in its environment is known by another.
    pub fn describe_among(&self, places: &SitePlaces, members: &Members) -> String {
        let line = command_line(self.pid).unwrap_or_else(|| format!("[{}]", self.comm));
        let member = members.of(self.pid, self.start);
        let whose = whose(places, self.seen().environment_mark(), member);
        format!("{} ({line}), {whose}, holds {}", self.pid, self.what.display())
    }

    pub fn seen(&self) -> Seen {
        Seen { pid: self.pid, start: self.start }
    }

    /// Whether it keeps the lease of the site at `places`; it ends after that site's processes.
    pub fn keeps_lease(&self, places: &SitePlaces) -> bool {
        self.seen().stat().is_some_and(|stat| is_keeper(places, &stat).unwrap_or(false))
    }
}

/// Whose a process is, in words: by the mark in its environment, and by what it is among the members of the site.
fn whose<E>(
    places: &SitePlaces,
    mark: Result<Option<(Vec<u8>, String)>, E>,
    member: Option<&Member>,
) -> String {
    let folder = places.runtime.as_os_str().as_encoded_bytes();
    match (mark, member) {
        (Ok(Some((of, who))), _) if of == folder && who == LEASE => {
            "the keeper of the lease".to_owned()
        }
        (Ok(Some((of, who))), _) if of == folder => format!("`{who}` of the site"),
        (_, Some(Member { process: Some(process), .. })) => format!("`{process}` of the site"),
        (_, Some(Member { process: None, .. })) => "of the site".to_owned(),
        (Ok(Some((of, _))), None) => {
            format!("of another site ({})", String::from_utf8_lossy(&of))
        }
        (Ok(None), None) => "not of the site".to_owned(),
        (Err(_), None) => UNREADABLE.to_owned(),
    }
}

/// Every living process but this one that holds something at or below `folder`.
///
/// # Errors
/// /proc cannot be read: then nothing is known.
pub fn holders(folder: &Path) -> io::Result<Vec<Holder>> {
    let others =
        all()?.into_iter().filter(|s| s.pid != Pid::this() && s.is_alive() && !s.is_kernels);
    let mut found = Vec::new();
    for stat in others {
        if let Some(what) = held_below(&stat, folder)? {
            found.push(Holder { pid: stat.pid, start: stat.start, comm: stat.comm, what });
        }
    }
    Ok(found)
}

/// A path at or below `folder` that this process holds.
fn held_below(stat: &Stat, folder: &Path) -> io::Result<Option<PathBuf>> {
    if let Some(path) = working_folder(stat.pid).filter(|path| path.starts_with(folder)) {
        return Ok(Some(path));
    }
    let open = open_paths_below(stat.pid, folder)?.into_iter().find(|p| p.starts_with(folder));
    Ok(open.or_else(|| mapped_below(stat, folder)))
}

/// Sentences about the file systems that are mounted below `folder`: they prevent its unmount, too.
pub fn mounted_below(folder: &Path) -> Vec<String> {
    let mut mounts = node::mount_points().unwrap_or_default();
    mounts.retain(|mount| mount.starts_with(folder) && mount != folder);
    mounts.iter().map(|mount| format!("something is mounted on {}", mount.display())).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::environment::{MARK, mark_entry};
    use super::super::members::member;
    use super::super::membership::Mark;
    use super::super::samples::{Running, copy, site};
    use super::*;

    #[test]
    fn a_holder_is_named_by_its_mark_or_by_what_else_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let ours = places.runtime.as_os_str().as_encoded_bytes();
        let process = Running::unmarked();
        let stat = process.stat();
        let named = member(&stat, Some("b".to_owned()), Mark::Session);
        let nameless = member(&stat, None, Mark::Session);
        let theirs = b"/run/siteward/other".as_slice();
        for (mark, member, words) in [
            (Ok(Some((ours, LEASE))), None, "the keeper of the lease"),
            (Ok(Some((ours, "a"))), None, "`a` of the site"),
            (Ok(Some((ours, "a"))), Some(&named), "`a` of the site"),
            (Ok(Some((theirs, LEASE))), Some(&named), "`b` of the site"),
            (Ok(Some((theirs, "a"))), Some(&named), "`b` of the site"),
            (Ok(Some((theirs, "a"))), Some(&nameless), "of the site"),
            (Ok(Some((theirs, LEASE))), None, "of another site (/run/siteward/other)"),
            (Ok(Some((theirs, "a"))), None, "of another site (/run/siteward/other)"),
            (Ok(None), Some(&named), "`b` of the site"),
            (Ok(None), Some(&nameless), "of the site"),
            (Ok(None), None, "not of the site"),
            (Err(()), Some(&named), "`b` of the site"),
            (Err(()), Some(&nameless), "of the site"),
            (Err(()), None, UNREADABLE),
        ] {
            let of = mark.map(|told| told.map(|(of, who)| (of.to_vec(), who.to_owned())));
            assert_eq!(whose(&places, of, member), words, "{mark:?} {member:?}");
        }
    }

    #[test]
    fn a_folder_is_held_by_who_works_there_or_has_a_file_open_or_runs_a_program_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let _mine = std::fs::File::create(data.join("mine")).unwrap();
        let mark = String::from_utf8(mark_entry(&places, "a")).unwrap();
        let works = Running::new(Command::new("cat").current_dir(&data).env(MARK, mark));
        let script = format!("exec 3>{}; echo up; read x", data.join("file").display());
        let opens = Running::shell(&script, |_| {});
        let runs = Running::new(&mut Command::new(copy("/bin/cat", &data.join("cat"))));
        let beside = Running::new(Command::new("cat").current_dir(folder.path()));
        let found = holders(&data).unwrap();
        let what = |pid: Pid| found.iter().find(|h| h.pid == pid).map(|h| h.what.clone());
        assert_eq!(what(works.pid()), Some(data.clone()));
        assert_eq!(what(opens.pid()), Some(data.join("file")));
        assert_eq!(what(runs.pid()), Some(data.join("cat")));
        assert_eq!(what(beside.pid()), None);
        assert_eq!(what(Pid::this()), None, "this process ends by itself");
        let holder = found.iter().find(|holder| holder.pid == works.pid()).unwrap();
        let line = format!("{} (cat), `a` of the site, holds {}", works.pid(), data.display());
        assert_eq!(holder.describe(&places), line);
        assert!(!holder.keeps_lease(&places));
    }
}
