//! What the tools of cluster managers print, and their files.

use std::path::Path;

use siteward::manager::Manager;
use siteward::operator::settings::{ManagerSettings, settings_of};
use siteward::site::duration::LONGEST;
use siteward::site::{Definition, SiteName, parse};

use super::input::first;

thread_local! {
    static SITE: (SiteName, Definition) = {
        let name = "shop".parse().expect("a name");
        let text = "{version: 1, database: /mnt/db, address: 10.0.0.5, \
                    processes: {a: {command: [x]}}}";
        let definition = parse(&name, Path::new("shop.yaml"), text).expect("a definition");
        (name, definition)
    };
}

fn read(manager: Manager, text: &str) -> Result<Vec<ManagerSettings>, String> {
    SITE.with(|(name, definition)| settings_of(manager, name, Some(definition), text))
}

fn assert_settings(found: &[ManagerSettings]) {
    for settings in found {
        let times = [&settings.start_timeout, &settings.stop_timeout, &settings.monitor_timeout];
        for time in times.into_iter().flatten() {
            assert!(time.value <= LONGEST, "{}: {:?}", time.origin, time.value);
        }
    }
}

/// The configuration that `cibadmin -Q` prints.
pub(crate) fn cib(bytes: &[u8]) {
    match read(Manager::Pacemaker, &String::from_utf8_lossy(bytes)) {
        Ok(found) => assert_settings(&found),
        Err(why) => assert!(!why.is_empty()),
    }
}

/// The profiles of Clusterware's resources, and a package of Serviceguard.
pub(crate) fn profiles(bytes: &[u8]) {
    let (which, text) = first(bytes);
    let manager = if which % 2 == 0 { Manager::Clusterware } else { Manager::Serviceguard };
    let found = read(manager, &String::from_utf8_lossy(text));
    assert_settings(&found.expect("it refuses no text"));
}
