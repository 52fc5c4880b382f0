//! The cluster managers of this node: the link by which each calls siteward, and the values that it was given.

use std::fs;
use std::path::Path;

use super::examined::Examined;
use crate::linux::attributes::{Attributes, is_of_the_system};
use crate::linux::files;
use crate::linux::node::check_executable;
use crate::manager::Manager;
use crate::operator::finding::Finding;

/// A file that is there only with the manager.
const TRACES: [(&str, Manager); 6] = [
    ("/usr/sbin/pacemakerd", Manager::Pacemaker),
    ("/etc/oracle/olr.loc", Manager::Clusterware),
    ("/etc/init.d/ohasd", Manager::Clusterware),
    ("/usr/local/cmcluster/bin/cmviewcl", Manager::Serviceguard),
    ("/opt/cmcluster/bin/cmviewcl", Manager::Serviceguard),
    ("/opt/nec/clusterpro/bin/clpstat", Manager::Expresscluster),
];

/// The cluster managers that are installed here.
pub(super) fn managers_here() -> Vec<Manager> {
    let mut found: Vec<Manager> = Vec::new();
    for (trace, manager) in TRACES {
        if Path::new(trace).exists() && !found.contains(&manager) {
            found.push(manager);
        }
    }
    found
}

/// Every check.
pub(super) fn all(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "agent-link";
    let mut found = Vec::new();
    for manager in managers_here() {
        let name = examined.target.name.as_str();
        let link = match manager {
            Manager::Pacemaker => "/usr/lib/ocf/resource.d/siteward/site".to_owned(),
            Manager::Clusterware => format!("/opt/siteward/crs/{name}"),
            Manager::Serviceguard => format!("/opt/siteward/serviceguard/{name}"),
            // Its scripts are in its own configuration, and it needs no link.
            Manager::Expresscluster | Manager::Hand => continue,
        };
        found.push(agent_link(&link, manager));
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "not here: no cluster manager needs one"));
    }
    found
}

fn agent_link(link: &str, manager: Manager) -> Finding {
    const CHECK: &str = "agent-link";
    let path = Path::new(link);
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.display();
    let folder = path.parent().unwrap_or(path).display();
    let mend = format!("mkdir -p {folder} && ln -sfn {program} {link}");
    let who = manager.who();
    let Ok(leads_to) = fs::canonicalize(path) else {
        let how = if path.symlink_metadata().is_ok() { "leads to nothing" } else { "is not there" };
        // A legacy package of Serviceguard calls siteward by its path.
        let sentence = format!("{link}, by which {who} calls siteward, {how}");
        return match manager {
            Manager::Serviceguard => Finding::warning(CHECK, sentence, mend),
            _ => Finding::error(CHECK, sentence, mend),
        };
    };
    let at = leads_to.display();
    if let Err(error) = check_executable(&leads_to) {
        return Finding::error(
            CHECK,
            format!("{at}, which {who} runs, cannot be executed: {error}"),
            format!("chmod 755 {at}"),
        );
    }
    if files::is_root() && !is_of_the_system(&leads_to, &leads_to, None) {
        return Finding::error(
            CHECK,
            format!("others than root may replace {at}, which {who} runs as root"),
            format!("chown root {at}; chmod go-w {at}, and so for every directory above it"),
        );
    }
    let own = Attributes::of(Path::new("/proc/self/exe"));
    let same = own.is_ok_and(|own| Attributes::of(&leads_to).is_ok_and(|a| a.is_same_file(&own)));
    // A script that names directories, as `generate` prints it, is no link.
    let is_link = path.symlink_metadata().is_ok_and(|there| there.is_symlink());
    if is_link && !same {
        return Finding::warning(
            CHECK,
            format!("{link} leads to {at}, and not to this siteward, {program}"),
            mend,
        );
    }
    Finding::ok(CHECK, format!("{who} calls {at}"))
}
