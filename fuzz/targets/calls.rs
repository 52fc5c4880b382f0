//! The calls of cluster managers: arguments and environments of any bytes.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use siteward::manager::{
    ClusterwareCall, ExpressclusterCall, Manager, MonitorKind, OcfAction, OcfCall,
    ServiceguardCall, SiteAction,
};
use siteward::site::duration::LONGEST;
use siteward::values::Moment;

use super::input::{assert_sentence, first};

/// The words, and the variables that follow them as NAME=VALUE; a NUL ends each. A name may be one byte, which
/// stands for one of `names`.
struct Call {
    words: Vec<OsString>,
    variables: HashMap<String, OsString>,
}

impl Call {
    fn of(bytes: &[u8], words: usize, names: &[&str]) -> Self {
        let mut parts = bytes.split(|byte| *byte == 0);
        let words = (0..words).map(|_| parts.next().unwrap_or_default().to_vec());
        let words = words.map(OsString::from_vec).collect();
        let variables = parts.filter_map(|part| {
            let at = part.iter().position(|byte| *byte == b'=')?;
            let name = match &part[..at] {
                [byte] => (*names.get(usize::from(*byte) % names.len())?).to_owned(),
                name => String::from_utf8(name.to_vec()).ok()?,
            };
            Some((name, OsString::from_vec(part[at + 1..].to_vec())))
        });
        Self { words, variables: variables.collect() }
    }

    fn get(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn recognised(&self) -> Manager {
        let called_as = self.words.first().map(OsString::as_os_str);
        let _ = called_as.is_some_and(Manager::is_called_by_link);
        Manager::recognise_from(called_as, |name| self.variables.contains_key(name))
    }
}

fn assert_time(time: Option<Duration>) {
    assert!(time.is_none_or(|time| time <= LONGEST), "{time:?}");
}

/// The call of the manager that the first byte says.
pub(crate) fn calls(bytes: &[u8]) {
    let (which, bytes) = first(bytes);
    match which % 4 {
        0 => pacemaker(bytes),
        1 => clusterware(bytes),
        2 => serviceguard(bytes),
        _ => expresscluster(bytes),
    }
}

/// Pacemaker: an action, and `OCF_*`.
fn pacemaker(bytes: &[u8]) {
    const NAMES: [&str; 20] = [
        "OCF_RESKEY_site",
        "OCF_RESKEY_config_dir",
        "OCF_RESKEY_runtime_dir",
        "OCF_RESKEY_log_dir",
        "OCF_RESKEY_link_dir",
        "OCF_RESKEY_monitor_wait",
        "OCF_RESKEY_boot_timeout",
        "OCF_RESKEY_stop_timeout",
        "OCF_RESKEY_countmax",
        "OCF_RESKEY_countsleep",
        "OCF_RESKEY_degraded_is",
        "OCF_RESKEY_degraded_after",
        "OCF_RESKEY_CRM_meta_interval",
        "OCF_RESKEY_CRM_meta_timeout",
        "OCF_RESKEY_CRM_meta_on_node",
        "OCF_RESKEY_CRM_meta_clone",
        "OCF_CHECK_LEVEL",
        "OCF_RESOURCE_INSTANCE",
        "OCF_ROOT",
        "OCF_RESKEY_crm_feature_set",
    ];
    let call = Call::of(bytes, 1, &NAMES);
    let _ = call.recognised();
    let read = OcfCall::read_from(&call.words[0], &call.variables);
    assert_time(read.timeout);
    for warning in &read.warnings {
        assert_sentence(warning);
    }
    match &read.values {
        Ok(values) => {
            assert_time(Some(values.monitor_wait));
            assert_time(values.adjustments.boot_timeout);
            assert_time(values.adjustments.stop_timeout);
        }
        Err(why) => assert_sentence(why),
    }
    if let OcfAction::OfSite(SiteAction::Monitor(MonitorKind::Recurring { interval })) = read.action
    {
        assert!(read.is_recurring() && !interval.is_zero());
        assert_time(Some(interval));
    }
    let begun = Moment::since_boot(Duration::from_secs(1000));
    if let Some(until) = read.hold_until(begun) {
        assert!(until > begun);
    }
}

/// Clusterware: the name of the link, an entry point, and `_CRS_*`.
fn clusterware(bytes: &[u8]) {
    const NAMES: [&str; 10] = [
        "_CRS_NAME",
        "_CRS_SITEWARD_SITE",
        "_CRS_ACTION_SCRIPT",
        "_CRS_SCRIPT_TIMEOUT",
        "_CRS_START_TIMEOUT",
        "_CRS_STOP_TIMEOUT",
        "_CRS_CLEAN_TIMEOUT",
        "_CRS_CHECK_TIMEOUT",
        "_CRS_TYPE",
        "_CRS_REASON",
    ];
    let call = Call::of(bytes, 2, &NAMES);
    let _ = call.recognised();
    let read = ClusterwareCall::read_from(&call.words[0], &call.words[1], |name| call.get(name));
    assert_time(read.timeout);
    assert!(read.timeout.is_none_or(|time| !time.is_zero()));
    for warning in &read.warnings {
        assert_sentence(warning);
    }
}

/// Serviceguard: the name of the link, an entry point, and `SG_*` and `PEV_*`.
fn serviceguard(bytes: &[u8]) {
    const NAMES: [&str; 8] = [
        "SG_PACKAGE",
        "SG_PACKAGE_NAME",
        "PEV_SITEWARD_SITE",
        "PEV_SITEWARD_CONFIG_DIR",
        "PEV_SITEWARD_RUNTIME_DIR",
        "PEV_SITEWARD_LOG_DIR",
        "PEV_SITEWARD_LINK_DIR",
        "SG_SERVICE_NAME",
    ];
    let call = Call::of(bytes, 2, &NAMES);
    let _ = call.recognised();
    let read = ServiceguardCall::read_from(&call.words[0], &call.words[1], |name| call.get(name));
    let given = |name: &str| call.get(name).filter(|value| !value.is_empty());
    let folder = given("PEV_SITEWARD_CONFIG_DIR");
    assert_eq!(read.overrides.config.map(OsString::from), folder, "a folder keeps its bytes");
}

/// ExpressCluster: `CLP_*`.
fn expresscluster(bytes: &[u8]) {
    const NAMES: [&str; 5] =
        ["CLP_EVENT", "CLP_DISK", "CLP_GROUPNAME", "CLP_RESOURCENAME", "CLP_SERVER"];
    let call = Call::of(bytes, 1, &NAMES);
    let _ = call.recognised();
    let read = ExpressclusterCall::read_from(|name| call.get(name));
    if let Err(fault) = read.start_order() {
        assert_sentence(&fault.sentence);
    }
    let is = |name: &str, word: &str| {
        call.get(name).as_deref() == Some(OsStr::from_bytes(word.as_bytes()))
    };
    if is("CLP_EVENT", "START") && is("CLP_DISK", "SUCCESS") {
        assert!(read.start_order().is_ok());
    }
}
