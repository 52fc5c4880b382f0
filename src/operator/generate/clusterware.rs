//! Oracle Clusterware: an application VIP, and a cluster_resource whose action script is a link to
//! this program, named after the site.

use std::fmt::Write;

use super::advice::ADVISED_RESTARTS;
use super::facts::{SiteFacts, quoted as quoted_for_shell};
use crate::manager::{CLUSTERWARE_ATTRIBUTE, Manager};

/// The directory of the links, the same on every server.
const LINKS: &str = "/opt/siteward/crs";

pub(super) fn generate(facts: &SiteFacts<'_>) -> (String, String) {
    let name = facts.name;
    let mut step = 1..;
    let mut number = move || step.next().unwrap_or_default();
    let mut body = format!(
        "# {}. On every server of the cluster, as root: the action script.\nmkdir -p {LINKS}\n",
        number()
    );
    body.push_str(&action_script(facts));
    let mut needs = Vec::new();
    if let Some(address) = facts.address() {
        let vip = format!("{name}_vip");
        let _ = writeln!(
            body,
            "# {}. On one server, as root: the relocatable address.\n\
             appvipcfg create -network=1 -ip={address} -vipname={vip} -user=root\n",
            number()
        );
        needs.push(vip);
    }
    if let Some(mount) = facts.mount() {
        let _ = writeln!(
            body,
            "# {}. The resource that mounts {mount} (an ACFS file system, or an action script of\n\
             #    your own). Clusterware does not keep other servers from the disk: siteward only\n\
             #    refuses to start where it is not mounted.\n",
            number()
        );
        needs.push("<DISK-RESOURCE>".to_owned());
    }
    let times = facts.times(Manager::Clusterware);
    let mut attributes = vec![
        ("ACTION_SCRIPT", format!("{LINKS}/{name}")),
        ("PLACEMENT", "restricted".to_owned()),
        ("HOSTING_MEMBERS", "<SERVER-1> <SERVER-2>".to_owned()),
        ("CHECK_INTERVAL", times.monitor_interval.as_secs().to_string()),
        ("RESTART_ATTEMPTS", ADVISED_RESTARTS.to_string()),
        ("UPTIME_THRESHOLD", "1h".to_owned()),
        ("SCRIPT_TIMEOUT", times.monitor_timeout.as_secs().to_string()),
        ("START_TIMEOUT", facts.start.to_string()),
        // Limits `clean` as well.
        ("STOP_TIMEOUT", facts.stop.to_string()),
        ("AUTO_START", "restore".to_owned()),
    ];
    if !needs.is_empty() {
        let list = needs.join(",");
        attributes.push(("START_DEPENDENCIES", format!("hard({list}) pullup({list})")));
        attributes.push(("STOP_DEPENDENCIES", format!("hard({list})")));
    }
    let attributes: Vec<String> =
        attributes.iter().map(|(key, value)| format!("{key}={}", quoted(value))).collect();
    let _ = write!(
        body,
        "# {}. On one server, as root: the site.\n\
         crsctl add resource {name} -type cluster_resource -attr \"{}\"\n\
         crsctl start resource {name}\n",
        number(),
        attributes.join(",")
    );
    body.push_str(&server_pool(name));
    let title = format!("The site `{name}` in Oracle Clusterware.");
    (title, body)
}

/// The other way to say where the site may run, which JobCenter's manual shows (source document 003, CRS-04, CRS-09).
fn server_pool(name: &str) -> String {
    format!(
        "\n# Where the servers are to be in a server pool: add it before the site,\n\
         #   crsctl add serverpool {name}_sp -attr \"PARENT_POOLS=Generic,SERVER_NAMES='<SERVER-1> <SERVER-2>'\"\n\
         # and write SERVER_POOLS={name}_sp in the place of HOSTING_MEMBERS. PLACEMENT=restricted stays.\n"
    )
}

/// A link that is named after the site, or a script if directories must be named.
fn action_script(facts: &SiteFacts<'_>) -> String {
    let SiteFacts { name, program, .. } = facts;
    let folders = facts.folders();
    if folders.is_empty() {
        return format!("ln -sfn {program} {LINKS}/{name}\n\n");
    }
    let mut text = format!("cat >{LINKS}/{name} <<'END'\n#!/bin/sh\n");
    for folder in &folders {
        text.push_str(&format!(
            "export {}={}\n",
            folder.variable,
            quoted_for_shell(&folder.path())
        ));
    }
    // A link names the site by its own name; a script must do so by the attribute.
    text.push_str(&format!(
        "export _CRS_{CLUSTERWARE_ATTRIBUTE}={name}\nexec {program} \"$@\"\nEND\n\
         chmod 755 {LINKS}/{name}\n\n"
    ));
    text
}

/// The value in single quotes if necessary: crsctl ends a value at a comma.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{value}'") }
}
