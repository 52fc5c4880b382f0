//! What JobCenter needs on this node beside its site (source document 003, CONF-01 to CONF-11).

use std::fs;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::examined::Examined;
use super::programs::link_mend;
use crate::backend::jobcenter::{link_complaint, local_daemons, machine_conf, setting};
use crate::linux::files;
use crate::linux::node::check_executable;
use crate::linux::process::Stat;
use crate::operator::finding::Finding;
use crate::site::Jobcenter;

/// Every check; none for another site.
pub(super) fn all(examined: &Examined<'_>) -> Vec<Finding> {
    let Some(profile) = examined.jobcenter() else { return Vec::new() };
    let mut found = vec![
        programs(profile),
        in_force(profile),
        local_address(examined, profile),
        umask(examined),
        names_of_its_own(examined, profile),
    ];
    // With the disk, the check of the disk compares where it really leads.
    if !examined.has_disk {
        found.push(link(examined, profile));
    }
    found
}

// CONF-11: those that the definition itself names are checked with the other programs.
fn programs(profile: &Jobcenter) -> Finding {
    const CHECK: &str = "jobcenter-programs";
    let mut wanted = vec!["cluster/cjcmksite", "nqsstart", "nqsstop"];
    if profile.port_keeper {
        wanted.push("nqsportkpr");
    }
    let missing: Vec<String> = wanted
        .iter()
        .map(|below| profile.commands.join(below))
        .filter(|path| check_executable(path).is_err())
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        return Finding::ok(CHECK, format!("{} has them", profile.commands.display()));
    }
    Finding::error(
        CHECK,
        format!("{} cannot be executed", missing.join(", ")),
        "install JobCenter's server and its cluster commands on this node",
    )
}

// CONF-04: it is read when the local site starts.
fn in_force(profile: &Jobcenter) -> Finding {
    const CHECK: &str = "daemon-conf-in-force";
    let conf = machine_conf(profile);
    let at = conf.display();
    let Ok(written) = fs::metadata(&conf).and_then(|found| found.modified()) else {
        return Finding::ok(CHECK, format!("{at} is not there"));
    };
    let oldest = local_daemons().iter().filter_map(since).min();
    match oldest {
        None => Finding::ok(CHECK, "the local site is down, and reads it at its start"),
        // A start takes a moment, and times of files are rounded.
        Some(started) if written > started + Duration::from_secs(2) => Finding::warning(
            CHECK,
            format!("{at} was changed after the local site was started, which has not read it"),
            format!("{} && {}", profile.command("nqsstop"), profile.command("nqsstart")),
        ),
        Some(_) => Finding::ok(CHECK, "the local site has read it"),
    }
}

fn since(stat: &Stat) -> Option<SystemTime> {
    SystemTime::now().checked_sub(stat.start.age())
}

// CONF-05: where both sites run on one machine, each listens on an address of its own.
fn local_address(examined: &Examined<'_>, profile: &Jobcenter) -> Finding {
    const CHECK: &str = "local-listen-address";
    let conf = profile.spool.join("daemon.conf");
    let at = conf.display();
    let mend = format!("write ipaddress=ADDRESS-OF-THIS-NODE to {at}, and restart the local site");
    let given = setting(&conf, "ipaddress");
    let address: Option<IpAddr> = given.as_ref().and_then(|text| text.parse().ok());
    let runs_beside = setting(&machine_conf(profile), "local_daemon").as_deref() == Some("SITE");
    match (given, address) {
        (Some(_), Some(address)) if Some(address) == examined.definition.address => Finding::error(
            CHECK,
            format!("{at} gives the local site the address {address} of this site"),
            mend,
        ),
        (Some(_), Some(address)) => Finding::ok(CHECK, format!("the local site has {address}")),
        (Some(text), None) => {
            Finding::error(CHECK, format!("{at} says ipaddress={text}, which is no address"), mend)
        }
        (None, _) if !runs_beside => {
            Finding::ok(CHECK, "the local site does not run beside this site")
        }
        (None, _) => Finding::warning(
            CHECK,
            format!(
                "{at} names no ipaddress, so the local site listens on this site's address too"
            ),
            mend,
        ),
    }
}

// CONF-09. The manual names no folder for it; it is looked for beside daemon.conf, and in `etc` as on Windows.
fn names_of_its_own(examined: &Examined<'_>, profile: &Jobcenter) -> Finding {
    const CHECK: &str = "resolv-def";
    let definition = &examined.definition;
    let files = ["rc", "etc"].map(|folder| profile.commands.join(folder).join("resolv.def"));
    let read = files.iter().find_map(|file| Some((file, files::read_plain(file, 1 << 20).ok()?)));
    let Some((file, text)) = read else {
        return Finding::ok(CHECK, "this JobCenter has no resolv.def");
    };
    let (at, text) = (file.display(), String::from_utf8_lossy(&text).into_owned());
    let site = &definition.site;
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let of_site =
        |words: &&Vec<&str>| words.iter().skip(1).any(|name| name.eq_ignore_ascii_case(site));
    let Some(words) = lines.iter().find(of_site) else {
        return match definition.address {
            None => Finding::ok(CHECK, format!("{at} does not name {site}")),
            Some(address) => {
                let short = site.split('.').next().unwrap_or_default();
                Finding::warning(
                    CHECK,
                    format!("{at} does not name {site}"),
                    format!("echo '{address} {site} {short}' >>{at}, on every node"),
                )
            }
        };
    };
    match definition.address.filter(|address| words[0].parse() != Ok(*address)) {
        None => Finding::ok(CHECK, format!("{at} says {}", words.join(" "))),
        Some(address) => Finding::error(
            CHECK,
            format!("{at} says that {site} is {}, and the definition says {address}", words[0]),
            format!("write {address} there, on every node"),
        ),
    }
}

// DB-07: the link is on each node, the database is not.
fn link(examined: &Examined<'_>, profile: &Jobcenter) -> Finding {
    const CHECK: &str = "link";
    let definition = &examined.definition;
    let (Some(database), Some(address)) = (&definition.database, definition.address) else {
        return Finding::ok(CHECK, "the definition names no address, so its name is not known");
    };
    match link_complaint(profile, database, address, false) {
        None => Finding::ok(CHECK, format!("it leads to {}", database.display())),
        Some(complaint) => {
            let said = complaint.sentence.split("; ").next().unwrap_or_default();
            Finding::error(CHECK, said, link_mend(definition))
        }
    }
}

// DB-12: the mode 755 must not be masked.
fn umask(examined: &Examined<'_>) -> Finding {
    const CHECK: &str = "umask";
    match examined.definition.context.umask.filter(|mask| mask & 0o055 != 0) {
        None => Finding::ok(CHECK, "the mode 755 is not masked"),
        Some(mask) => Finding::warning(
            CHECK,
            format!("{mask:04o} takes rights from the mode 755, which JobCenter's database needs"),
            format!("write umask: \"0022\" in {}", examined.target.site.definition.display()),
        ),
    }
}
