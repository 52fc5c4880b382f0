//! Pacemaker: the configuration that `cibadmin -Q` prints.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use roxmltree::{Document, Node};

use super::cib::Cib;
use super::crm_time;
use super::model::{
    FencingSettings, ManagerDetails, ManagerSettings, PacemakerDetails, RestartsHere, Setting,
    WantedSite,
};
use super::pacemaker_order::{Arrangement, agent, group_of, has_tag, id};
use super::tool::{ToolAnswer, ask, read_saved};
use crate::manager::Manager;
use crate::site::SiteName;
use crate::site::duration::LONGEST;
use crate::values::Moment;

const COMMAND: &str = "cibadmin -Q";

/// The configuration that a node keeps for the next start of its cluster.
const KEPT: &str = "/var/lib/pacemaker/cib/cib.xml";

/// From the cluster that runs on this node, or from what it has left there. None: there is no Pacemaker here.
pub(super) fn read(
    wanted: &WantedSite<'_>,
    deadline: Moment,
) -> Option<Result<Vec<ManagerSettings>, String>> {
    let kept = |why: String| {
        let file = Path::new(KEPT);
        match std::fs::metadata(file) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Some(Err(format!("`{COMMAND}` {why}; try as root")));
            }
            Err(_) => return None,
        }
        let mut read = read_file(wanted, file);
        for settings in read.iter_mut().flatten() {
            settings.notes.push(format!(
                "Pacemaker does not run on this node; this is from {KEPT}, as the cluster left it"
            ));
        }
        Some(read)
    };
    match ask(&["cibadmin", "-Q"], &[], deadline) {
        ToolAnswer::Absent => None,
        ToolAnswer::Said(text) => Some(match settings(wanted, &text, COMMAND) {
            Ok(found) => Ok(with_silence(found, deadline)),
            Err(why) => Err(format!("the answer of `{COMMAND}` is not understood: {why}")),
        }),
        // As it is where the cluster does not run.
        ToolAnswer::Failed(why) if !deadline.passed() => kept(why),
        ToolAnswer::Failed(why) => Some(Err(format!("`{COMMAND}` {why}"))),
    }
}

/// Adds how long corosync waits for a node that is silent.
fn with_silence(mut found: Vec<ManagerSettings>, deadline: Moment) -> Vec<ManagerSettings> {
    if found.is_empty() {
        return found;
    }
    let words = ["corosync-cmapctl", "-g"];
    let get = |key: &str| match ask(&[words[0], words[1], key], &[], deadline) {
        // `runtime.config.totem.token (u32) = 1000`
        ToolAnswer::Said(text) => text.rsplit_once('=')?.1.trim().parse::<u64>().ok(),
        ToolAnswer::Absent | ToolAnswer::Failed(_) => None,
    };
    let token = get("runtime.config.totem.token");
    let silence = token.map(|token| {
        // consensus is 1.2 times the token unless it is set (corosync.conf(5)).
        let consensus =
            get("runtime.config.totem.consensus").unwrap_or(token.saturating_mul(6) / 5);
        let value = Duration::from_millis(token.saturating_add(consensus)).min(LONGEST);
        Setting { value, origin: "corosync, totem token and consensus".to_owned() }
    });
    for settings in &mut found {
        if let ManagerDetails::Pacemaker(details) = &mut settings.details {
            details.fencing.silence = silence.clone();
        }
    }
    found
}

/// From a file that holds what the command printed.
///
/// # Errors
/// A sentence without its full stop.
pub(super) fn read_file(
    wanted: &WantedSite<'_>,
    file: &Path,
) -> Result<Vec<ManagerSettings>, String> {
    let text = read_saved(file)?;
    settings(wanted, &text, &file.display().to_string()).map_err(|why| {
        format!(
            "the file {} is no configuration of Pacemaker ({why}); save one with: {COMMAND} >FILE",
            file.display()
        )
    })
}

pub(super) fn settings(
    wanted: &WantedSite<'_>,
    text: &str,
    source: &str,
) -> Result<Vec<ManagerSettings>, String> {
    // The tool's warnings may stand before and after it.
    let begin = text.find("<cib").ok_or("there is no <cib> in it")?;
    let end = text.rfind("</cib>").map_or(text.len(), |at| at + "</cib>".len());
    let document = Document::parse(text.get(begin..end).unwrap_or_default())
        .map_err(|error| error.to_string())?;
    let cib = Cib { root: document.root_element() };
    let mine = cib.primitives().filter(|primitive| cib.is_site(wanted, *primitive));
    Ok(mine.map(|primitive| cib.one(wanted, primitive, source)).collect())
}

/// A resource of the cluster that may be the site.
impl<'a, 'input> Cib<'a, 'input> {
    fn is_site(self, wanted: &WantedSite<'_>, primitive: Node<'a, 'input>) -> bool {
        if let Some(resource) = wanted.resource {
            return id(primitive) == resource;
        }
        let nodes = self.with_template(primitive);
        let get = |name: &str| nodes.iter().find_map(|node| node.attribute(name));
        let kind = get("type").unwrap_or_default();
        match get("class").unwrap_or_default() {
            "ocf" if get("provider") == Some("siteward") => self
                .pair(&nodes, "instance_attributes", "site")
                .is_some_and(|site| site == wanted.name.as_str()),
            class @ ("systemd" | "lsb" | "service") => runs_siteward(class, kind, wanted.name),
            _ => false,
        }
    }

    fn one(
        self,
        wanted: &WantedSite<'_>,
        primitive: Node<'a, 'input>,
        source: &str,
    ) -> ManagerSettings {
        let mut notes = self.rules(primitive);
        let nodes = self.with_template(primitive);
        let kinds =
            ["class", "provider", "type"].map(|n| nodes.iter().find_map(|x| x.attribute(n)));
        let monitor = self.recurring_monitor(primitive);
        let single = |name: &str| self.operations(primitive, name).first().copied();
        let mut time = |found: Option<Setting<String>>| read_time(found, &mut notes);
        let start_timeout = time(self.option(primitive, single("start"), "start", "timeout"));
        let stop_timeout = time(self.option(primitive, single("stop"), "stop", "timeout"));
        let monitor_timeout = time(self.option(primitive, monitor, "monitor", "timeout"));
        let monitor_interval = time(monitor.and_then(|op| {
            let value = op.attribute("interval")?.to_owned();
            Some(Setting { value, origin: format!("{}, op monitor interval", id(primitive)) })
        }));
        let arrangement = Arrangement { cib: self.root, site: primitive };
        let definition = wanted.definition;
        let mount = definition.and_then(|d| d.prerequisites.mounted.as_ref());
        let address = definition.filter(|d| d.prerequisites.address_present);
        let disk = mount.and_then(|mount| {
            arrangement.needed(&["Filesystem"], &["directory"], &mount.display().to_string())
        });
        let address = address.and_then(|d| d.address).and_then(|address| {
            let agents = ["IPaddr2", "IPaddr", "IPv6addr"];
            arrangement.needed(&agents, &["ip", "ipv6addr"], &address.to_string())
        });
        let details = self.details(primitive, &mut notes);
        let restarts_here = details.migration_threshold.as_ref().map(|setting| Setting {
            value: setting
                .value
                .map_or(RestartsHere::Unlimited, |n| RestartsHere::Times(n.saturating_sub(1))),
            origin: setting.origin.clone(),
        });
        ManagerSettings {
            manager: Manager::Pacemaker,
            resource: id(primitive).to_owned(),
            agent: kinds.into_iter().flatten().collect::<Vec<_>>().join(":"),
            source: source.to_owned(),
            start_timeout,
            stop_timeout,
            clean_timeout: None,
            monitor_timeout,
            monitor_interval,
            restarts_here,
            disk,
            address,
            details: ManagerDetails::Pacemaker(Box::new(details)),
            notes,
        }
    }

    fn details(self, primitive: Node<'a, 'input>, notes: &mut Vec<String>) -> PacemakerDetails {
        let meta = |name: &str| self.meta(primitive, name);
        let on_fail = ["start", "stop", "monitor"].into_iter().filter_map(|name| {
            let op = match name {
                "monitor" => self.recurring_monitor(primitive),
                _ => self.operations(primitive, name).first().copied(),
            };
            Some((name.to_owned(), self.option(primitive, op, name, "on-fail")?))
        });
        let of_resource = flag(meta("maintenance")).filter(|setting| setting.value);
        PacemakerDetails {
            parameters: self.parameters(primitive),
            migration_threshold: meta("migration-threshold").and_then(threshold),
            failure_timeout: read_time(meta("failure-timeout"), notes),
            resource_stickiness: meta("resource-stickiness"),
            on_fail: on_fail.collect(),
            start_failure_is_fatal: flag(self.property("start-failure-is-fatal")),
            maintenance: of_resource.or_else(|| flag(self.property("maintenance-mode"))),
            is_managed: flag(meta("is-managed")),
            target_role: meta("target-role"),
            no_quorum_policy: self.property("no-quorum-policy"),
            fencing: self.fencing(notes),
            group: group_of(primitive).map(|group| id(group).to_owned()),
            is_clone: primitive.ancestors().any(|n| has_tag(&n, "clone") || has_tag(&n, "master")),
            left_constraints: self.left_constraints(primitive),
        }
    }

    fn fencing(self, notes: &mut Vec<String>) -> FencingSettings {
        let devices: Vec<Node<'a, 'input>> =
            self.primitives().filter(|p| p.attribute("class") == Some("stonith")).collect();
        let delays = devices.iter().flat_map(|device| {
            ["pcmk_delay_base", "pcmk_delay_max", "delay"].map(|name| {
                let value = self.parameters(*device).get(name)?.clone();
                // `node1:2s;node2:5s`: the longest of them.
                let times = value.split([';', ',', ' ']).filter_map(|part| {
                    crm_time::parse(part.rsplit_once(':').map_or(part, |(_, time)| time))
                });
                let origin = format!("{}, {name}", id(*device));
                Some(Setting { value: times.max()?, origin })
            })
        });
        FencingSettings {
            enabled: flag(
                self.property("stonith-enabled").or_else(|| self.property("fencing-enabled")),
            ),
            timeout: read_time(
                self.property("stonith-timeout").or_else(|| self.property("fencing-timeout")),
                notes,
            ),
            delay: delays.flatten().max_by_key(|setting| setting.value),
            silence: None,
            devices: devices
                .iter()
                .map(|device| format!("{} ({})", id(*device), agent(*device)))
                .collect(),
        }
    }

    /// Constraints of the site or of its group that a command has made, and nobody has cleared.
    fn left_constraints(self, primitive: Node<'a, 'input>) -> Vec<String> {
        let names: Vec<&str> =
            primitive.ancestors().map(id).filter(|name| !name.is_empty()).collect();
        self.root
            .descendants()
            .filter(|node| has_tag(node, "rsc_location") && id(*node).starts_with("cli-"))
            .filter(|node| node.attribute("rsc").is_some_and(|rsc| names.contains(&rsc)))
            .map(|node| id(node).to_owned())
            .collect()
    }

    /// A sentence, if sets with a rule were left out.
    fn rules(self, primitive: Node<'a, 'input>) -> Vec<String> {
        let defaults = ["op_defaults", "rsc_defaults", "crm_config"];
        let looked = defaults.iter().flat_map(|tag| self.section(tag)).chain([primitive]);
        let is_ruled = |set: &Node<'_, '_>| {
            let tags = ["meta_attributes", "instance_attributes", "cluster_property_set"];
            tags.iter().any(|tag| has_tag(set, tag)) && set.children().any(|c| has_tag(&c, "rule"))
        };
        let mut found = looked.flat_map(|node| node.descendants()).filter(is_ruled);
        let first = found.next().map(|set| {
            format!("values that hold by a rule only were left out, such as those of `{}`", id(set))
        });
        first.into_iter().collect()
    }
}

/// Whether a service of the node is this site, by its name or by its file.
fn runs_siteward(class: &str, kind: &str, name: &SiteName) -> bool {
    let kind = kind.trim_end_matches(".service");
    if kind == format!("site-{name}") {
        return true;
    }
    if kind.contains('/') || kind.is_empty() {
        return false;
    }
    let files = match class {
        "lsb" => vec![format!("/etc/init.d/{kind}")],
        _ => ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
            .iter()
            .map(|folder| format!("{folder}/{kind}.service"))
            .collect(),
    };
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).any(|text| {
        let is_call =
            |line: &&str| !line.trim_start().starts_with('#') && line.contains("siteward");
        let names = |line: &str| line.split_whitespace().any(|word| word == name.as_str());
        text.lines().filter(is_call).any(names)
    })
}

fn read_time(found: Option<Setting<String>>, notes: &mut Vec<String>) -> Option<Setting<Duration>> {
    let Setting { value, origin } = found?;
    match crm_time::parse(&value) {
        Some(value) => Some(Setting { value, origin }),
        None => {
            notes.push(format!("{origin} is `{value}`, which is no time"));
            None
        }
    }
}

fn flag(found: Option<Setting<String>>) -> Option<Setting<bool>> {
    let Setting { value, origin } = found?;
    let value = match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "y" | "1" => true,
        "false" | "off" | "no" | "n" | "0" => false,
        _ => return None,
    };
    Some(Setting { value, origin })
}

fn threshold(found: Setting<String>) -> Option<Setting<Option<u32>>> {
    let Setting { value, origin } = found;
    let value = match value.as_str() {
        "INFINITY" | "+INFINITY" => None,
        // Both mean that failures never move the resource.
        text => text.parse::<u32>().ok().map(|n| (n > 0 && n < 1_000_000).then_some(n))?,
    };
    Some(Setting { value, origin })
}

#[cfg(test)]
mod tests;
