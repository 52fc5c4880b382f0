//! Oracle Clusterware: the profile of a resource, as `crsctl stat res -p` prints it.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::Duration;

use super::crm_time;
use super::model::{
    ClusterwareDetails, ManagerDetails, ManagerSettings, NeededResource, RestartsHere, Setting,
    WantedSite,
};
use super::tool::{ToolAnswer, ask, is_installed, read_saved};
use crate::manager::{CLUSTERWARE_ATTRIBUTE, Manager};
use crate::values::Moment;

const COMMAND: &str = "crsctl stat res -p";

/// From the cluster that runs on this node. None: Clusterware is not installed here.
pub(super) fn read(
    wanted: &WantedSite<'_>,
    deadline: Moment,
) -> Option<Result<Vec<ManagerSettings>, String>> {
    match ask(&["crsctl", "stat", "res", "-p"], &homes(), deadline) {
        ToolAnswer::Absent => None,
        ToolAnswer::Said(text) => Some(Ok(settings(wanted, &text, COMMAND, false))),
        ToolAnswer::Failed(why) => Some(Err(format!("`{COMMAND}` {why}"))),
    }
}

/// Asks it to check a resource now, in place of at its next interval. Nobody waits for what comes of that.
pub(super) fn ask_to_check(resource: &str, deadline: Moment) -> ToolAnswer {
    ask(&["crsctl", "check", "resource", resource], &homes(), deadline)
}

/// Whether its tool is on this node.
pub(super) fn is_here() -> bool {
    is_installed("crsctl", &homes())
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
    if resources(&text).is_empty() {
        return Err(format!(
            "the file {} holds no resource; save it with: {COMMAND} >FILE",
            file.display()
        ));
    }
    Ok(settings(wanted, &text, &file.display().to_string(), true))
}

/// The folders of Clusterware's commands, which are seldom in a PATH.
fn homes() -> Vec<String> {
    let of_file = || {
        let text = std::fs::read_to_string("/etc/oracle/olr.loc").ok()?;
        text.lines().find_map(|line| line.strip_prefix("crs_home=").map(str::to_owned))
    };
    let home = env::var("CRS_HOME").ok().filter(|h| !h.is_empty()).or_else(of_file);
    home.map(|home| format!("{home}/bin")).into_iter().collect()
}

type ResourceProfile = BTreeMap<String, String>;

/// The attributes of each resource. An empty line separates two resources.
fn resources(text: &str) -> Vec<ResourceProfile> {
    let mut all = vec![ResourceProfile::new()];
    for line in text.lines() {
        let pair = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let is_key = |k: &str| k.starts_with(|c: char| c.is_ascii_uppercase()) && !k.contains(' ');
        match pair.filter(|(key, _)| is_key(key)) {
            Some(("NAME", _)) if all.last().is_some_and(|a| a.contains_key("NAME")) => {
                all.push(ResourceProfile::new());
            }
            _ if line.trim().is_empty() => all.push(ResourceProfile::new()),
            _ => {}
        }
        if let (Some((key, value)), Some(last)) = (pair.filter(|(k, _)| is_key(k)), all.last_mut())
        {
            last.insert(key.to_owned(), value.to_owned());
        }
    }
    all.retain(|attributes| attributes.contains_key("NAME"));
    all
}

pub(super) fn settings(
    wanted: &WantedSite<'_>,
    text: &str,
    source: &str,
    saved: bool,
) -> Vec<ManagerSettings> {
    let all = resources(text);
    let mut mine: Vec<&ResourceProfile> = all.iter().filter(|a| is_site(wanted, a)).collect();
    let scripted: Vec<&ResourceProfile> =
        all.iter().filter(|a| a.get("ACTION_SCRIPT").is_some_and(|s| !s.is_empty())).collect();
    // A file was given for this site. If there is but one resource with a script in it, it is meant.
    if let ([], [only], true, None) = (&mine[..], &scripted[..], saved, wanted.resource) {
        mine = vec![*only];
    }
    mine.iter().map(|attributes| one(wanted, attributes, &all, source)).collect()
}

fn is_site(wanted: &WantedSite<'_>, attributes: &ResourceProfile) -> bool {
    let name = wanted.name.as_str();
    let get = |key: &str| attributes.get(key).map(String::as_str);
    if let Some(resource) = wanted.resource {
        return get("NAME") == Some(resource);
    }
    let script = get("ACTION_SCRIPT").map(Path::new);
    get(CLUSTERWARE_ATTRIBUTE) == Some(name)
        || script.and_then(Path::file_name).is_some_and(|file| file == name)
}

fn one(
    wanted: &WantedSite<'_>,
    attributes: &ResourceProfile,
    all: &[ResourceProfile],
    source: &str,
) -> ManagerSettings {
    let resource = attributes.get("NAME").cloned().unwrap_or_default();
    let mut notes = Vec::new();
    let text = |key: &str| {
        let value = attributes.get(key).filter(|value| !value.is_empty())?;
        Some(Setting { value: value.clone(), origin: format!("{resource}, {key}") })
    };
    let mut time = |key: &str| {
        let Setting { value, origin } = text(key)?;
        match crs_time(&value) {
            // 0: not set.
            Some(time) if time.is_zero() => None,
            Some(value) => Some(Setting { value, origin }),
            None => {
                notes.push(format!("{key} of `{resource}` is `{value}`, which is no time"));
                None
            }
        }
    };
    let (start_timeout, stop_timeout) = (time("START_TIMEOUT"), time("STOP_TIMEOUT"));
    let (clean_timeout, monitor_timeout) = (time("CLEAN_TIMEOUT"), time("CHECK_TIMEOUT"));
    let monitor_interval = time("CHECK_INTERVAL");
    let script_timeout = time("SCRIPT_TIMEOUT");
    let uptime_threshold = time("UPTIME_THRESHOLD");
    let restarts_here = text("RESTART_ATTEMPTS").and_then(|setting| {
        let times = setting.value.parse().ok()?;
        Some(Setting { value: RestartsHere::Times(times), origin: setting.origin })
    });
    let (disk, address) = needed(wanted, attributes, all);
    ManagerSettings {
        manager: Manager::Clusterware,
        agent: attributes.get("ACTION_SCRIPT").cloned().unwrap_or_default(),
        source: source.to_owned(),
        start_timeout,
        stop_timeout,
        clean_timeout,
        monitor_timeout,
        monitor_interval,
        restarts_here,
        disk,
        address,
        details: ManagerDetails::Clusterware(Box::new(ClusterwareDetails {
            script_timeout,
            action_script: attributes.get("ACTION_SCRIPT").cloned(),
            uptime_threshold,
            placement: text("PLACEMENT"),
            start_dependencies: text("START_DEPENDENCIES"),
            stop_dependencies: text("STOP_DEPENDENCIES"),
            attributes: attributes.clone(),
        })),
        resource,
        notes,
    }
}

/// The resources of the disk and of the address, as far as the dependencies name them.
fn needed(
    wanted: &WantedSite<'_>,
    attributes: &ResourceProfile,
    all: &[ResourceProfile],
) -> (Option<NeededResource>, Option<NeededResource>) {
    let Some(definition) = wanted.definition else { return (None, None) };
    let names = |key: &str| -> Vec<&str> {
        let text = attributes.get(key).map(String::as_str).unwrap_or_default();
        text.split(|c: char| "(), ".contains(c)).filter(|w| !w.is_empty()).collect()
    };
    let (start, stop) = (names("START_DEPENDENCIES"), names("STOP_DEPENDENCIES"));
    let of = |other: &ResourceProfile, kind: &str| {
        let id = other.get("NAME").cloned().unwrap_or_default();
        let says = |list: &[&str]| list.iter().any(|word| *word == id || word.ends_with(&id));
        NeededResource {
            is_ordered: says(&start),
            is_together: says(&start) && says(&stop),
            agent: kind.to_owned(),
            id,
        }
    };
    let address = definition.address.map(|a| a.to_string()).and_then(|address| {
        let is_it = |a: &&ResourceProfile| {
            ["USR_ORA_VIP", "APPSVIP_VIP"].iter().any(|key| a.get(*key) == Some(&address))
        };
        all.iter().find(is_it).map(|a| of(a, a.get("TYPE").map_or("", |t| t)))
    });
    let disk = definition.prerequisites.mounted.as_ref().and_then(|mount| {
        let mount = mount.display().to_string();
        let is_it = |a: &&ResourceProfile| {
            ["MOUNTPOINT_PATH", "MOUNTPOINT_PATH_SET"].iter().any(|k| a.get(*k) == Some(&mount))
        };
        all.iter().find(is_it).map(|a| of(a, a.get("TYPE").map_or("", |t| t)))
    });
    (disk, address)
}

/// Seconds, or a number with a unit: `7d`, `1h`.
fn crs_time(text: &str) -> Option<Duration> {
    match text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()) {
        Some(days) => crm_time::parse(&format!("{}s", days.checked_mul(86_400)?)),
        None => crm_time::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As printed in the cluster manual of JobCenter, section 6.2.3.3.
    pub(super) const MANUAL: &str = "NAME=jobcenter_res\nTYPE=cluster_resource\n\
        ACTION_SCRIPT=/opt/oracle/cluster/scripts/as_jobcenter.sh\nCHECK_INTERVAL=30\n\
        PLACEMENT=restricted\nRESTART_ATTEMPTS=1\nSCRIPT_TIMEOUT=300\nSTART_TIMEOUT=600\n\
        STOP_TIMEOUT=600\nUPTIME_THRESHOLD=1h\nSTART_DEPENDENCIES=hard(jobcenter_vip)pullup(jobcenter_vip)\n\
        STOP_DEPENDENCIES=hard(jobcenter_vip)\nCHECK_TIMEOUT=0\n\n\
        NAME=jobcenter_vip\nTYPE=app.appvip.type\nUSR_ORA_VIP=10.10.100.100\n";

    #[test]
    fn the_profile_of_the_manual_is_read() {
        let name = "testsite".parse().unwrap();
        let wanted = WantedSite { name: &name, definition: None, resource: Some("jobcenter_res") };
        let [one] = &settings(&wanted, MANUAL, "x", false)[..] else { panic!("one") };
        let seconds = |s: &Option<Setting<Duration>>| s.as_ref().map(|s| s.value.as_secs());
        assert_eq!(seconds(&one.start_timeout), Some(600));
        assert_eq!(seconds(&one.monitor_interval), Some(30));
        assert_eq!(seconds(&one.monitor_timeout), None, "0 is not set");
        assert_eq!(one.restarts_here.as_ref().unwrap().value, RestartsHere::Times(1));
        let by_name = WantedSite { resource: None, ..wanted };
        assert!(settings(&by_name, MANUAL, "x", false).is_empty(), "it is not named so");
        assert_eq!(
            settings(&by_name, MANUAL, "x", true).len(),
            1,
            "it is the only one of the file"
        );
    }

    #[test]
    fn resources_are_told_apart_with_and_without_empty_lines() {
        let tight = MANUAL.replace("\n\n", "\n");
        for text in [MANUAL, tight.as_str(), &format!("CRS-4000: a warning = here\n{MANUAL}\n\n")] {
            let names: Vec<String> = resources(text).iter().map(|a| a["NAME"].clone()).collect();
            assert_eq!(names, ["jobcenter_res", "jobcenter_vip"], "{text}");
        }
        for nothing in ["", "\n\n", "=", "===\nNAME", "CRS-4639: Could not contact"] {
            assert!(resources(nothing).is_empty(), "{nothing}");
        }
    }
}
