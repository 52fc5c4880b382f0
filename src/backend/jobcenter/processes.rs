//! The processes of a JobCenter site, and how one is known (source document 003, PROC-01 to PROC-05).

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::backend::nqs_site::SITE_VARIABLE;
use crate::linux::descriptors::open_paths_below;
use crate::linux::process::{Stat, all, arguments, environment_value, program, working_folder};
use crate::process::{Identity, is_of_another_site};
use crate::site::{Jobcenter, SitePlaces};
use crate::values::Pid;

/// A kind of process that a running site must have (PROC-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The base name of the program, or the last word of a title like `NQS nqsdaemon`.
    pub names: &'static [&'static str],
    pub counts: WhoCounts,
}

/// Which processes of a name count (PROC-01, PROC-04): cjcpw watches some of them by their parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoCounts {
    Each,
    /// It has left its family for whichever process reaps orphans, init or a subreaper. Its forks have the same name.
    NoFork,
    /// The parent of another of the same name: two run, and the parent is the one.
    ParentOfItsOwn,
    /// The child of nqsdaemon. The manual does not ask for it after a start, so a site may do without; one that is there
    /// and has another parent is left over from an earlier run.
    ChildOfNqsdaemon,
}

const fn wanted(names: &'static [&'static str], counts: WhoCounts) -> Wanted {
    Wanted { names, counts }
}

/// The kinds that the manual lists for a check after a start (PROC-02), without the supervisor, and netdaemon. The
/// manual has two names for jcdbs (PROC-03).
pub const PROCESSES: [Wanted; 8] = [
    wanted(&["nqsdaemon"], WhoCounts::NoFork),
    wanted(&["netdaemon"], WhoCounts::ChildOfNqsdaemon),
    wanted(&["jnwcaster"], WhoCounts::ParentOfItsOwn),
    wanted(&["jnwengine"], WhoCounts::Each),
    wanted(&["sclaunchd"], WhoCounts::Each),
    wanted(&["comagent"], WhoCounts::Each),
    wanted(&["jcdbs", "jcdb"], WhoCounts::Each),
    wanted(&["jnwlauncher"], WhoCounts::Each),
];

/// A process with its command line and its parent's, by which its kind is known.
#[derive(Clone, Debug)]
pub struct Worker {
    pid: Pid,
    parent: Option<Pid>,
    words: Vec<Vec<u8>>,
    of_parent: Vec<Vec<u8>>,
}

impl Worker {
    pub fn of(stat: &Stat) -> Self {
        let parent = stat.parent.and_then(Stat::of).filter(Stat::is_alive);
        Self {
            pid: stat.pid,
            parent: stat.parent,
            words: words(stat),
            of_parent: parent.as_ref().map(words).unwrap_or_default(),
        }
    }
}

impl Wanted {
    /// What is wrong with the site's processes of this kind, for the end of a sentence; None: nothing.
    pub fn complaint(&self, of_site: &[Worker]) -> Option<String> {
        let all: Vec<&Worker> =
            of_site.iter().filter(|worker| is_named(&worker.words, self.names)).collect();
        let name = self.names.join("` or `");
        let none = || format!("no `{name}` runs");
        match self.counts {
            WhoCounts::Each => all.is_empty().then(none),
            WhoCounts::NoFork => {
                let is_fork = |worker: &&&Worker| is_named(&worker.of_parent, self.names);
                match all.iter().find(|worker| !is_fork(worker)) {
                    Some(_) => None,
                    None if all.is_empty() => Some(none()),
                    None => Some(format!("of `{name}` only forks run")),
                }
            }
            WhoCounts::ParentOfItsOwn => {
                let is_parent =
                    |one: &&Worker| all.iter().any(|other| other.parent == Some(one.pid));
                match all.iter().any(is_parent) {
                    true => None,
                    false => Some(format!(
                        "of `{name}` a parent and its child should run, and {} can be seen",
                        match all.len() {
                            1 => "one alone".to_owned(),
                            n => format!("{n} without that tie"),
                        }
                    )),
                }
            }
            WhoCounts::ChildOfNqsdaemon => {
                let is_child = |worker: &&Worker| is_named(&worker.of_parent, &["nqsdaemon"]);
                let orphan = all.first().filter(|_| !all.iter().any(is_child));
                orphan.map(|orphan| {
                    format!("`{name}` (process {}) is no child of its nqsdaemon", orphan.pid)
                })
            }
        }
    }
}

/// The names of a site's programs (PROC-01), without cjcpw, which is found by its command line.
pub(super) const NAMES: [&str; 16] = [
    "nqsdaemon",
    "netdaemon",
    "logdaemon",
    "NQSlogdaemon",
    "jnwengine",
    "jnwengine-qwb",
    "jnwengine-trkrdr",
    "jnwengine-spawn",
    "sclaunchd",
    "jnwcaster",
    "comagent",
    "jcdb",
    "jcdbs",
    "jnwlauncher",
    "jl_logmonitor",
    "jl_submit",
];

/// The JobCenter processes of a site on this node: by program name, and by NQS_SITE or the use of the database
/// (PROC-05). A process that was started by hand has no mark.
///
/// # Errors
/// /proc cannot be read.
pub fn processes_of(
    places: &SitePlaces,
    profile: &Jobcenter,
    site: &str,
    database: Option<&Path>,
) -> io::Result<Vec<Identity>> {
    let mut theirs = Vec::new();
    for stat in all()?.into_iter().filter(|s| s.is_alive() && is_named(&words(s), &NAMES)) {
        // A process with another site's mark is not taken, even if it uses this database.
        if works_for(&stat, profile, site, database)? && !is_of_another_site(places, &stat)? {
            theirs.extend(Identity::of(stat.pid).filter(|i| i.start == stat.start));
        }
    }
    Ok(theirs)
}

/// Whether a process of JobCenter works for the site: by NQS_SITE, or by the use of its database.
pub(super) fn works_for(
    stat: &Stat,
    profile: &Jobcenter,
    site: &str,
    database: Option<&Path>,
) -> io::Result<bool> {
    let commands = profile.commands.as_os_str().as_encoded_bytes();
    // Behind an interpreter, too.
    let is_started_for_it = words(stat).iter().take(2).any(|word| word.starts_with(commands))
        && environment_value(stat, SITE_VARIABLE)
            .is_ok_and(|value| value.is_some_and(|value| value == site.as_bytes()));
    if is_started_for_it {
        return Ok(true);
    }
    let Some(database) = database else { return Ok(false) };
    Ok(working_folder(stat.pid).is_some_and(|folder| folder.starts_with(database))
        || open_paths_below(stat.pid, database)?.iter().any(|p| p.starts_with(database)))
}

/// The daemons of this machine's local site: named so, and for no site.
pub fn local_daemons() -> Vec<Stat> {
    let is_for_a_site = |of: &Stat| environment_value(of, SITE_VARIABLE).is_ok_and(|v| v.is_some());
    let is_local = |stat: &Stat| {
        stat.is_alive() && is_named(&words(stat), &["nqsdaemon"]) && !is_for_a_site(stat)
    };
    all().unwrap_or_default().into_iter().filter(is_local).collect()
}

/// The arguments of a process. If they cannot be read, as of a process that hangs: the path of its program.
pub fn words(stat: &Stat) -> Vec<Vec<u8>> {
    arguments(stat).unwrap_or_else(|_| {
        program(stat.pid).map(|path| path.into_os_string().into_vec()).into_iter().collect()
    })
}

/// Whether a command line is that of a program of this name: by its path, behind an interpreter, or by the
/// title that the process has set (`NQS nqsdaemon`, PROC-01).
pub fn is_named(arguments: &[Vec<u8>], names: &[&str]) -> bool {
    let base = |word: &[u8]| {
        let text = String::from_utf8_lossy(word).into_owned();
        let title = text.rsplit(' ').next().unwrap_or_default().to_owned();
        title.rsplit('/').next().unwrap_or_default().to_owned()
    };
    arguments.iter().take(2).any(|word| names.contains(&base(word).as_str()))
}

/// What a process of a site is called: the name of its program, or of its title. A fork of nqsdaemon is none itself
/// (PROC-04), and a jnwcaster below another is its child.
pub fn name_of(worker: &Identity) -> Option<&'static str> {
    let stat = worker.stat()?;
    let line = words(&stat);
    let name = NAMES.into_iter().find(|name| is_named(&line, &[name]))?;
    // A monitor names every process, and looks at no parent without need.
    let is_below_its_own = || {
        let parent = stat.parent.and_then(Stat::of).filter(Stat::is_alive);
        parent.is_some_and(|parent| is_named(&words(&parent), &[name]))
    };
    Some(match name {
        "nqsdaemon" if is_below_its_own() => FORK,
        "jnwcaster" if is_below_its_own() => CHILD,
        name => name,
    })
}

const FORK: &str = "nqsdaemon-fork";
const CHILD: &str = "jnwcaster-child";

/// Whether cjcpw ends the site when a process of this name ends.
pub fn is_watched(name: &str) -> bool {
    name != FORK && name != CHILD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_known_by_its_program_or_its_title() {
        let line = |words: &[&str]| -> Vec<Vec<u8>> {
            words.iter().map(|w| w.as_bytes().to_vec()).collect()
        };
        assert!(is_named(&line(&["/usr/lib/nqs/nqsdaemon"]), &["nqsdaemon"]));
        assert!(is_named(&line(&["NQS nqsdaemon"]), &["nqsdaemon"]));
        assert!(is_named(&line(&["/bin/sh", "/usr/lib/nqs/nqsdaemon"]), &["nqsdaemon"]));
        assert!(!is_named(&line(&["sleep", "100"]), &["nqsdaemon"]));
        assert!(!is_named(&line(&["/usr/lib/nqs/gui/bin/jnwengine-qwb"]), &["jnwengine"]));
    }

    #[test]
    fn of_each_kind_those_count_that_cjcpw_watches_by_their_parents() {
        let pid = |number: i32| Pid::try_from(number).unwrap();
        let worker = |number: i32, name: &str, parent: i32, of_parent: &str| Worker {
            pid: pid(number),
            parent: Some(pid(parent)),
            words: vec![name.as_bytes().to_vec()],
            of_parent: vec![of_parent.as_bytes().to_vec()],
        };
        let complaint = |names: &[&str], of_site: &[Worker]| {
            let kind = PROCESSES.into_iter().find(|kind| kind.names == names).unwrap();
            kind.complaint(of_site)
        };
        let daemon = worker(10, "NQS nqsdaemon", 1, "/sbin/init");
        let fork = worker(11, "NQS nqsdaemon", 10, "NQS nqsdaemon");
        let of_reaper = worker(12, "/usr/lib/nqs/nqsdaemon", 2, "/usr/lib/systemd/systemd --user");
        for well in [&[daemon.clone(), fork.clone()][..], &[daemon][..], &[of_reaper][..]] {
            assert_eq!(complaint(&["nqsdaemon"], well), None, "{well:?}");
        }
        assert!(complaint(&["nqsdaemon"], &[fork]).unwrap().contains("only forks"));
        assert!(complaint(&["nqsdaemon"], &[]).unwrap().contains("no `nqsdaemon` runs"));
        let net = worker(20, "NQS netdaemon", 10, "NQS nqsdaemon");
        let left = worker(21, "NQS netdaemon", 1, "/sbin/init");
        assert_eq!(complaint(&["netdaemon"], &[]), None, "a site may have none");
        assert_eq!(complaint(&["netdaemon"], &[left.clone(), net]), None);
        assert!(complaint(&["netdaemon"], &[left]).unwrap().contains("process 21"));
        let parent = worker(30, "/usr/lib/nqs/jnwcaster", 1, "/sbin/init");
        let child = worker(31, "/usr/lib/nqs/jnwcaster", 30, "/usr/lib/nqs/jnwcaster");
        assert_eq!(complaint(&["jnwcaster"], &[parent.clone(), child.clone()]), None);
        for alone in [&parent, &child] {
            let alone = complaint(&["jnwcaster"], std::slice::from_ref(alone)).unwrap();
            assert!(alone.contains("one alone"), "{alone}");
        }
        let second = Worker { pid: pid(32), ..parent.clone() };
        assert!(complaint(&["jnwcaster"], &[parent, second]).unwrap().contains("2 without"));
    }
}
