//! Facts about JobCenter beyond its commands: its files, its link, its processes.
//! They are taken from the source document 003 (R15.2, "Guide for using Cluster function").

mod conversion;
mod layout;
mod port;
mod processes;
mod queues;
mod reexecution;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::linux::{files, node};
use crate::process::Identity;
use crate::site::Jobcenter;

pub use conversion::{Conversion, conversion_of, is_jcdbs_of_nobody};
pub use layout::{OldLayout, old_layout};
pub use port::{PORT, PortHolders, guard};
pub use processes::{
    PROCESSES, Wanted, WhoCounts, Worker, is_named, is_watched, local_daemons, name_of,
    processes_of, words,
};
pub use queues::{BusyQueue, busy_queues};
pub use reexecution::{JobFate, JobRestart, PATIENCE, QueueRestart, after_an_unclean_end, fate_of};

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
    Layout,
    /// The name of the site, or JobCenter's port.
    Node,
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
    if let Some(OldLayout { sentence, conversion }) = old_layout(profile, site, database) {
        let sentence = format!("{sentence}; convert it with: {conversion}");
        add(ComplaintSubject::Layout, ComplaintKind::Warning, sentence);
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

/// What is risky on this node before the site comes to it: a person who prepares the node is told.
pub fn warnings_of_node(
    profile: &Jobcenter,
    site: &str,
    address: Option<IpAddr>,
) -> Vec<Complaint> {
    let ambiguous = is_name_of_node(site).then(|| {
        format!(
            "`{site}` is the name of this node too, and JobCenter's commands take it for the local site; give the site \
             a name of its own, which moves with it"
        )
    });
    let ports = PortHolders::of_site(site, address).warnings(profile);
    let warning = |sentence| Complaint {
        subject: ComplaintSubject::Node,
        sentence,
        kind: ComplaintKind::Warning,
    };
    ambiguous.into_iter().chain(ports).map(warning).collect()
}

/// Whether a site's name is this node's: NQS_SITE with that means the local site (ENV-02).
pub fn is_name_of_node(site: &str) -> bool {
    let node = node::name();
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    site.eq_ignore_ascii_case(&node)
        || (!(site.contains('.') && node.contains('.')) && short(site) == short(&node))
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
    fn daemon_conf_is_read_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("daemon.conf");
        fs::write(&file, "# local_daemon=OFF\n local_daemon = SITE \nmaintenance=on\n").unwrap();
        assert_eq!(setting(&file, "local_daemon").as_deref(), Some("SITE"));
        assert_eq!(setting(&file, "ipaddress"), None);
        assert_eq!(setting(&file, "local"), None);
    }
}
