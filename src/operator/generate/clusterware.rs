//! Oracle Clusterware: an application VIP, and a cluster_resource whose action script is a link to
//! this program, named after the site.

use std::fmt::Write;

use super::Facts;

/// Where the links lie, at the same path on every server.
const LINKS: &str = "/opt/siteward/crs";

pub(super) fn generate(facts: &Facts<'_>) -> (String, String) {
    let name = facts.name;
    let mut body = format!(
        "# 1. On every server of the cluster, as root: the action script.\n\
         mkdir -p {LINKS}\n\
         ln -sfn {} {LINKS}/{name}\n\n",
        facts.program
    );
    let mut needs = Vec::new();
    if let Some(address) = facts.address() {
        let vip = format!("{name}_vip");
        let _ = writeln!(
            body,
            "# 2. On one server, as root: the relocatable address.\n\
             appvipcfg create -network=1 -ip={address} -vipname={vip} -user=root\n"
        );
        needs.push(vip);
    }
    if let Some(mount) = facts.mount() {
        let _ = writeln!(
            body,
            "# 3. The resource that mounts {mount} (an ACFS file system, or an action script of\n\
             #    your own). Clusterware does not keep other servers from the disk: siteward only\n\
             #    refuses to start where it is not mounted.\n"
        );
        needs.push("<DISK-RESOURCE>".to_owned());
    }
    let mut attributes = vec![
        ("ACTION_SCRIPT", format!("{LINKS}/{name}")),
        ("PLACEMENT", "restricted".to_owned()),
        ("HOSTING_MEMBERS", "<SERVER-1> <SERVER-2>".to_owned()),
        ("CHECK_INTERVAL", if facts.is_wrapped() { "30" } else { "10" }.to_owned()),
        ("RESTART_ATTEMPTS", "1".to_owned()),
        ("UPTIME_THRESHOLD", "1h".to_owned()),
        ("SCRIPT_TIMEOUT", "60".to_owned()),
        ("START_TIMEOUT", facts.start.to_string()),
        // Bounds `clean` as well.
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
        "# 4. On one server, as root: the site.\n\
         crsctl add resource {name} -type cluster_resource -attr \"{}\"\n\
         crsctl start resource {name}\n",
        attributes.join(",")
    );
    let title = format!("The site `{name}` in Oracle Clusterware.");
    (title, body)
}

/// crsctl ends a value at a comma, unless it stands in single quotes.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{value}'") }
}
