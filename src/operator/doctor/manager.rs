//! The cluster managers of this node: the link by which each calls siteward, and the values that it was given.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::examined::Examined;
use crate::linux::attributes::{Attributes, is_of_the_system};
use crate::linux::files;
use crate::linux::node::check_executable;
use crate::manager::Manager;
use crate::operator::finding::{Finding, Severity};
use crate::operator::settings::{
    SettingDifference, SettingsSource, Urgency, differences, read_settings,
};

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

/// The time that the tools of the managers have.
const TOOLS: Duration = Duration::from_secs(10);

/// The values that each manager was given, against what `generate` says.
pub(super) fn settings(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "manager-settings";
    let (name, definition) = (&examined.target.name, &examined.definition);
    let source = SettingsSource::default();
    let read = read_settings(name, Some(definition), &source, examined.share(TOOLS));
    let mut found: Vec<Finding> =
        read.failures.iter().map(|why| Finding::unchecked(CHECK, why)).collect();
    found.extend(read.without.iter().map(|manager| {
        Finding::ok(CHECK, format!("{} has no resource for this site", manager.who()))
    }));
    for settings in &read.found {
        let differences = differences(definition, settings);
        found.extend(differences.iter().filter_map(|difference| {
            let SettingDifference { urgency, name, configured, wanted, why, mend } = difference;
            let severity = match urgency {
                Urgency::Error => Severity::Error,
                Urgency::Warning => Severity::Warning,
                Urgency::Advice => return None,
            };
            let said = format!("{name} is {configured}, and is to be {wanted}: {why}");
            Some(Finding::bad(severity, CHECK, said, mend))
        }));
        if !found.iter().any(|finding| finding.severity > Severity::Ok) {
            let who = settings.manager.who();
            found.push(Finding::ok(
                CHECK,
                format!("{who} has `{}` as it is to be", settings.resource),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "not here: no cluster manager"));
    }
    found
}

/// The link by which each manager calls siteward.
pub(super) fn agent_links(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "agent-link";
    if !files::is_root() {
        return vec![Finding::ok(CHECK, "not here: a cluster manager runs the sites of root")];
    }
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
    if !is_of_the_system(&leads_to, &leads_to, None) {
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
