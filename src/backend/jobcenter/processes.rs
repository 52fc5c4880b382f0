//! The processes of a JobCenter site, and how one is known (source document 003, PROC-01 to PROC-05).

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::linux::descriptors::open_paths_below;
use crate::linux::process::{Stat, all, arguments, environment_value, program, working_folder};
use crate::process::{Identity, is_of_another_site};
use crate::site::{Jobcenter, SitePlaces};

/// A kind of process that a running site must have (PROC-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The base name of the program, or the last word of a title like `NQS nqsdaemon`.
    pub names: &'static [&'static str],
    pub at_least: usize,
}

/// The kinds that the manual lists for a check after a start (PROC-02), without the supervisor. The manual
/// has two names for jcdbs (PROC-03).
pub const PROCESSES: [Wanted; 7] = [
    Wanted { names: &["nqsdaemon"], at_least: 1 },
    Wanted { names: &["jnwcaster"], at_least: 2 },
    Wanted { names: &["jnwengine"], at_least: 1 },
    Wanted { names: &["sclaunchd"], at_least: 1 },
    Wanted { names: &["comagent"], at_least: 1 },
    Wanted { names: &["jcdbs", "jcdb"], at_least: 1 },
    Wanted { names: &["jnwlauncher"], at_least: 1 },
];

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
        && environment_value(stat, "NQS_SITE")
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
    let is_for_a_site = |of: &Stat| environment_value(of, "NQS_SITE").is_ok_and(|v| v.is_some());
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

/// What a process of a site is called: the name of its program, or of its title.
pub fn name_of(worker: &Identity) -> Option<&'static str> {
    let words = words(&worker.stat()?);
    NAMES.into_iter().find(|name| is_named(&words, &[name]))
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
}
