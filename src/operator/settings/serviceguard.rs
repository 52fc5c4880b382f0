//! HPE Serviceguard: the configuration file of a package, modular or legacy.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::model::{
    ManagerDetails, ManagerSettings, RestartsHere, ServiceguardDetails, Setting, WantedSite,
};
use super::tool::read_saved;
use crate::manager::Manager;
use crate::site::duration::LONGEST;

/// From the packages of this node. None: there is no configuration of Serviceguard here.
pub(super) fn read(wanted: &WantedSite<'_>) -> Option<Result<Vec<ManagerSettings>, String>> {
    let of_environment = env::var_os("SGCONF").filter(|v| !v.is_empty()).map(PathBuf::from);
    let folders = [
        of_environment,
        Some(PathBuf::from("/usr/local/cmcluster/conf")),
        Some(PathBuf::from("/etc/cmcluster")),
    ];
    let folder = folders.into_iter().flatten().find(|folder| folder.is_dir())?;
    let mut found = Vec::new();
    for file in package_files(&folder) {
        // A file that cannot be read may be of any other package.
        if let Ok(text) = read_saved(&file) {
            found.extend(package(wanted, &file, &text, false));
        }
    }
    Some(Ok(found))
}

/// From one file.
///
/// # Errors
/// A sentence without its full stop.
pub(super) fn read_file(
    wanted: &WantedSite<'_>,
    file: &Path,
) -> Result<Vec<ManagerSettings>, String> {
    let text = read_saved(file)?;
    if key(&text, "package_name").is_none() {
        return Err(format!(
            "the file {} is no package of Serviceguard: it has no package_name",
            file.display()
        ));
    }
    Ok(package(wanted, file, &text, true).into_iter().collect())
}

/// The `.conf` and `.ascii` files of the folder, and of the folders in it.
fn package_files(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let read = std::fs::read_dir(folder).into_iter().flatten().flatten();
        read.take(1000).map(|entry| entry.path()).collect()
    };
    let mut files: Vec<PathBuf> = entries(folder);
    let below: Vec<PathBuf> =
        files.iter().filter(|path| path.is_dir()).flat_map(|path| entries(path)).collect();
    files.extend(below);
    files.retain(|path| path.extension().is_some_and(|e| e == "conf" || e == "ascii"));
    files.sort();
    files
}

/// The value of the first line that begins with this word, in any case.
fn key(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim();
        let (word, value) = line.split_once(char::is_whitespace)?;
        let value = value.trim().trim_matches('"');
        (word.eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

pub(super) fn package(
    wanted: &WantedSite<'_>,
    file: &Path,
    text: &str,
    given: bool,
) -> Option<ManagerSettings> {
    let name = key(text, "package_name")?;
    let site = wanted.name.as_str();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let is_site = |line: &str| {
        let mut words = line.split(|c: char| c.is_whitespace() || c == '"' || c == '/');
        words.any(|word| word == site)
            && (line.contains("siteward") || line.contains("external_script"))
    };
    let is_meant = match wanted.resource {
        Some(resource) => resource == name,
        None => given || lines.into_iter().any(is_site),
    };
    if !is_meant {
        return None;
    }
    let origin = |key: &str| format!("{name}, {key}");
    let word = |name: &str| Some(Setting { value: key(text, name)?, origin: origin(name) });
    let time = |name: &str| {
        let value = key(text, name)?.parse::<u64>().ok().filter(|seconds| *seconds > 0)?;
        Some(Setting { value: Duration::from_secs(value).min(LONGEST), origin: origin(name) })
    };
    let restart = word("service_restart");
    let restarts_here = restart.as_ref().map(|setting| Setting {
        value: match setting.value.as_str() {
            "unlimited" => RestartsHere::Unlimited,
            other => RestartsHere::Times(other.parse().unwrap_or(0)),
        },
        origin: setting.origin.clone(),
    });
    Some(ManagerSettings {
        manager: Manager::Serviceguard,
        agent: key(text, "external_script").or_else(|| key(text, "run_script")).unwrap_or_default(),
        source: file.display().to_string(),
        start_timeout: time("run_script_timeout"),
        stop_timeout: time("halt_script_timeout"),
        clean_timeout: None,
        monitor_timeout: None,
        monitor_interval: None,
        restarts_here,
        disk: None,
        address: None,
        details: ManagerDetails::Serviceguard(Box::new(ServiceguardDetails {
            service_halt_timeout: time("service_halt_timeout"),
            service_restart: restart,
            node_fail_fast: word("node_fail_fast_enabled"),
            failover_policy: word("failover_policy"),
        })),
        resource: name,
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_styles_of_a_package_are_read() {
        let name = "shop".parse().unwrap();
        let wanted = WantedSite { name: &name, definition: None, resource: None };
        let modular = "# shop\npackage_name  shop_pkg\nrun_script_timeout 360\nhalt_script_timeout 400\n\
                       external_script /opt/siteward/serviceguard/shop\nservice_restart none\n";
        let legacy = "PACKAGE_NAME SHOP\nRUN_SCRIPT_TIMEOUT NO_TIMEOUT\n\
                      service_cmd \"/usr/sbin/siteward run shop\"\n";
        let read = |text: &str| package(&wanted, Path::new("x.conf"), text, false);
        let one = read(modular).unwrap();
        assert_eq!(one.start_timeout.unwrap().value.as_secs(), 360);
        assert_eq!(one.restarts_here.unwrap().value, RestartsHere::Times(0));
        let endless = modular.replace("360", "18446744073709551615");
        assert_eq!(read(&endless).unwrap().start_timeout.unwrap().value, LONGEST);
        assert!(read(legacy).is_some_and(|one| one.start_timeout.is_none()));
        assert!(read(&modular.replace("/shop", "/shop2")).is_none(), "of another site");
    }
}
