//! Facts about JobCenter beyond its commands: its files, its link, its processes.
//! They are taken from the source document 003 (R15.2, "Guide for using Cluster function").

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::linux::descriptors::open_paths_below;
use crate::linux::files;
use crate::linux::process::{Stat, all, arguments, environment_value, program, working_folder};
use crate::process::{Identity, is_of_another_site, mark_of};
use crate::site::{Jobcenter, SitePlaces};

/// `KEY=VALUE` lines of a daemon.conf; the last one counts.
pub fn setting(file: &Path, key: &str) -> Option<String> {
    let bytes = files::read_plain(file, 1 << 20).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))
        .next_back()
        .map(|value| value.trim().to_owned())
}

/// The file that all sites of a machine have in common (CONF-01).
pub fn machine_conf(profile: &Jobcenter) -> PathBuf {
    profile.commands.join("rc/daemon.conf")
}

/// `maintenance=ON`: cjcpw comes up alone, for every site of this machine (CONF-07).
pub fn in_maintenance(profile: &Jobcenter) -> bool {
    setting(&machine_conf(profile), "maintenance").is_some_and(|v| v.eq_ignore_ascii_case("on"))
}

/// Whether that stood there when `supervisor` read it, at its start. A file that was written since says nothing
/// of it (CONF-04).
pub fn was_in_maintenance(profile: &Jobcenter, supervisor: &Identity) -> bool {
    /// A file system's clock may be behind.
    const SLACK: Duration = Duration::from_secs(1);
    let written = fs::metadata(machine_conf(profile)).and_then(|meta| meta.modified());
    let before = written.ok().and_then(|written| written.elapsed().ok());
    let is_older = before.is_some_and(|before| {
        supervisor.age().is_some_and(|age| before.saturating_add(SLACK) >= age)
    });
    is_older && in_maintenance(profile)
}

/// The name of a site's link by its address (DB-07): IPv4 as eight hexadecimal digits in capitals;
/// IPv6 without its colons. The document is not more exact, so all possible spellings are looked for; a
/// message that advises to make the link uses the first one.
pub fn link_names(address: IpAddr) -> Vec<String> {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            vec![format!("{a:02X}{b:02X}{c:02X}{d:02X}")]
        }
        IpAddr::V6(v6) => {
            let full: String = v6.segments().iter().map(|s| format!("{s:04x}")).collect();
            let short = v6.to_string().replace(':', "");
            let mut names = vec![full.clone(), full.to_uppercase(), short.clone()];
            names.push(short.to_uppercase());
            names.dedup();
            names
        }
    }
}

/// The link of a site and its target, if there is one.
pub fn find_link(folder: &Path, address: IpAddr) -> Option<(PathBuf, PathBuf)> {
    link_names(address).into_iter().find_map(|name| {
        let link = folder.join(name);
        let target = fs::read_link(&link).ok()?;
        Some((link, target))
    })
}

/// One deviation from JobCenter's manual.
#[derive(Debug, PartialEq, Eq)]
pub struct Complaint {
    pub subject: ComplaintSubject,
    pub sentence: String,
    pub kind: ComplaintKind,
}

/// What a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComplaintSubject {
    LocalDaemon,
    Maintenance,
    SiteFolder,
    Link,
    ListenAddress,
    Conversion,
}

/// Whether the site can be started in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComplaintKind {
    /// The site starts, but not as intended.
    Warning,
    /// The site cannot start on this node; it may on another.
    Wrong,
    /// Something that is set up once is missing.
    Missing,
}

/// Every deviation on this node. `on_disk`: the disk is mounted here, so its files are checked as well.
pub fn complaints(
    profile: &Jobcenter,
    site: &str,
    database: &Path,
    address: Option<IpAddr>,
    on_disk: bool,
) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut add = |subject, kind, sentence: String| {
        found.push(Complaint { subject, sentence, kind });
    };
    let machine = machine_conf(profile);
    match setting(&machine, "local_daemon").as_deref() {
        Some("SITE" | "OFF") => {}
        other => add(
            ComplaintSubject::LocalDaemon,
            ComplaintKind::Warning,
            format!(
                "{} says {}; a cluster site needs local_daemon=SITE or local_daemon=OFF there, \
                 read when the local site starts",
                machine.display(),
                other.map_or_else(
                    || "nothing of local_daemon".to_owned(),
                    |v| format!("local_daemon={v}")
                )
            ),
        ),
    }
    if in_maintenance(profile) {
        add(
            ComplaintSubject::Maintenance,
            ComplaintKind::Warning,
            format!(
                "{} says maintenance=ON: every site of this machine comes up without its \
                 processes until that is taken out",
                machine.display()
            ),
        );
    }
    if !on_disk {
        return found;
    }
    // What cannot be told is no reason to refuse.
    if let Ok(Some(conversion)) = conversion_of(profile, site, Some(database)) {
        let kind = ComplaintKind::Wrong;
        add(ComplaintSubject::Conversion, kind, conversion.describe());
    }
    if !database.join("nqs").is_dir() {
        add(
            ComplaintSubject::SiteFolder,
            ComplaintKind::Missing,
            format!(
                "{} holds no site of JobCenter (no folder nqs); make it with: {} {site} MACHINE-ID {}",
                database.display(),
                profile.command("cluster/cjcmksite"),
                database.display()
            ),
        );
    }
    let Some(address) = address else { return found };
    found.extend(link_complaint(profile, database, address, on_disk));
    let mut add = |subject, kind, sentence: String| {
        found.push(Complaint { subject, sentence, kind });
    };
    let conf = database.join("nqs/daemon.conf");
    match setting(&conf, "ipaddress") {
        Some(ip) if ip.parse() == Ok(address) => {}
        other => add(
            ComplaintSubject::ListenAddress,
            ComplaintKind::Warning,
            format!(
                "{} says {}; without ipaddress={address} the site listens on other addresses too",
                conf.display(),
                other.map_or_else(
                    || "nothing of ipaddress".to_owned(),
                    |v| format!("ipaddress={v}")
                )
            ),
        ),
    }
    found
}

/// What is wrong with the site's link on this node. Without the disk, where it leads is compared by its text.
pub fn link_complaint(
    profile: &Jobcenter,
    database: &Path,
    address: IpAddr,
    on_disk: bool,
) -> Option<Complaint> {
    let at = database.display();
    let (kind, sentence) = match find_link(&profile.spool, address) {
        Some((_, to)) if to == database || (on_disk && is_same_place(&to, database)) => {
            return None;
        }
        Some((link, to)) => (
            ComplaintKind::Wrong,
            format!(
                "the link {} leads to {} and not to the database {at}; remove it and make the site \
                 again with cjcmksite",
                link.display(),
                to.display(),
            ),
        ),
        None => {
            let link = profile.spool.join(&link_names(address)[0]);
            let link = link.display();
            (
                ComplaintKind::Missing,
                format!(
                    "the site's link {link} is not there; make it on this node with: ln -s {at} {link}"
                ),
            )
        }
    };
    Some(Complaint { subject: ComplaintSubject::Link, sentence, kind })
}

fn is_same_place(a: &Path, b: &Path) -> bool {
    a == b || (fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b)))
}

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
const NAMES: [&str; 16] = [
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

/// What converts a database to another layout (UPG-02).
const CONVERTER: &str = "spoolconv";

/// The two names of the process that is Redis (PROC-03, DB-15).
const DATABASES: [&str; 2] = ["jcdb", "jcdbs"];

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
fn works_for(
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

/// A conversion of the site's database to another layout (UPG-02, UPG-03). It is neither the site nor left over from it,
/// and is never ended by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// spoolconv runs.
    UnderWay(Identity),
    /// Nothing of the site lives but a jcdbs that no site of siteward's has started: spoolconv starts one for its time.
    Alone(Identity),
}

impl Conversion {
    /// What is under way, and what to do about it: a sentence without its end.
    pub fn describe(&self) -> String {
        match self {
            Self::UnderWay(by) => {
                format!(
                    "spoolconv (process {}) converts its database; wait until that has ended",
                    by.pid
                )
            }
            Self::Alone(jcdbs) => format!(
                "jcdbs (process {0}) runs alone on its database, as it does while spoolconv converts it; wait until that \
                 has ended, or if no conversion runs, end it with: kill {0}",
                jcdbs.pid
            ),
        }
    }
}

/// A jcdbs that no site of siteward's has started.
pub fn is_jcdbs_of_nobody(stat: &Stat) -> bool {
    is_named(&words(stat), &DATABASES) && mark_of(stat).is_none()
}

/// The conversion of the site's database on this node, if there is one. A site that runs is not asked for.
///
/// # Errors
/// /proc cannot be read.
pub fn conversion_of(
    profile: &Jobcenter,
    site: &str,
    database: Option<&Path>,
) -> io::Result<Option<Conversion>> {
    let mut alone = Vec::new();
    let mut is_site = false;
    for stat in all()?.into_iter().filter(Stat::is_alive) {
        let words = words(&stat);
        let is = |names: &[&str]| is_named(&words, names);
        if !is(&NAMES) && !is(&[CONVERTER]) || !works_for(&stat, profile, site, database)? {
            continue;
        }
        let Some(identity) = Identity::of(stat.pid).filter(|i| i.start == stat.start) else {
            continue;
        };
        if is(&[CONVERTER]) {
            return Ok(Some(Conversion::UnderWay(identity)));
        }
        match is_jcdbs_of_nobody(&stat) {
            true => alone.push(identity),
            false => is_site = true,
        }
    }
    Ok(alone.into_iter().next().filter(|_| !is_site).map(Conversion::Alone))
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
    fn links_are_named_by_the_address() {
        // Source document 003, 2.5.3 and 2.6.2.2, and the examples of its other chapters.
        for (address, name) in [
            ("10.192.18.10", "0AC0120A"),
            ("10.192.18.11", "0AC0120B"),
            ("192.168.26.10", "C0A81A0A"),
            ("192.168.50.194", "C0A832C2"),
            ("10.10.100.100", "0A0A6464"),
        ] {
            assert_eq!(link_names(address.parse().unwrap()), [name]);
        }
        let v6 = link_names("2001:db8::1".parse().unwrap());
        assert_eq!(v6[0], "20010db8000000000000000000000001");
        assert!(v6.contains(&"2001db81".to_owned()), "{v6:?}");
    }

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
    fn daemon_conf_is_read_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("daemon.conf");
        fs::write(&file, "# local_daemon=OFF\n local_daemon = SITE \nmaintenance=on\n").unwrap();
        assert_eq!(setting(&file, "local_daemon").as_deref(), Some("SITE"));
        assert_eq!(setting(&file, "ipaddress"), None);
        assert_eq!(setting(&file, "local"), None);
    }
}
