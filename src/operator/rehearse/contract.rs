//! The contract of each cluster manager: its calls, and the exit codes that it expects.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::manager::Manager;
use crate::site::{Places, duration};

/// The expected result of a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Well,
    Stopped,
    Failed,
    Unsupervised,
    Unknown,
}

/// The expected reason for a refused start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It fails on this node, and may succeed on another.
    Here,
    WrongDefinition,
    MissingDefinition,
    WrongName,
}

/// The exit code of a monitor. This repeats DESIGN's table, so that it checks the program.
pub(super) fn code(manager: Manager, want: Want) -> i32 {
    match (manager, want) {
        (_, Want::Well) => 0,
        (Manager::Pacemaker, Want::Stopped | Want::Failed) => 7,
        (Manager::Pacemaker, Want::Unsupervised | Want::Unknown) => 1,
        (Manager::Clusterware, Want::Stopped | Want::Failed) => 1,
        (Manager::Clusterware, Want::Unsupervised) => 5,
        (Manager::Clusterware, Want::Unknown) => 3,
        (Manager::Serviceguard | Manager::Expresscluster, _) => 1,
        (Manager::Hand, Want::Stopped) => 3,
        (Manager::Hand, Want::Failed | Want::Unsupervised) => 1,
        (Manager::Hand, Want::Unknown) => 4,
    }
}

/// The exit code of a start that is refused.
pub(super) fn refused(manager: Manager, refusal: Refusal) -> i32 {
    match (manager, refusal) {
        (Manager::Pacemaker | Manager::Hand, Refusal::Here) => 1,
        (Manager::Pacemaker | Manager::Hand, Refusal::WrongDefinition) => 2,
        (Manager::Pacemaker | Manager::Hand, Refusal::MissingDefinition) => 5,
        (Manager::Pacemaker | Manager::Hand, Refusal::WrongName) => 6,
        (Manager::Clusterware | Manager::Expresscluster, _) => 1,
        (Manager::Serviceguard, Refusal::WrongName) => 1,
        (Manager::Serviceguard, _) => 2,
    }
}

/// A call as the manager makes it.
pub(super) fn command(
    manager: Manager,
    name: &str,
    places: &Places,
    verb: &str,
    extra: &[(&str, &str)],
    timeout: Duration,
) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env_clear();
    let seconds = timeout.as_secs().max(1).to_string();
    let by_words = |command: &mut Command, word: &str| {
        command.args([verb, name, "--as", word, "--timeout", &duration::show(timeout)]);
    };
    match (manager, verb) {
        // With any manager, only a person calls it.
        (_, "adopt") => by_words(&mut command, "hand"),
        (Manager::Hand, _) | (_, "pause" | "resume") if manager != Manager::Pacemaker => {
            by_words(&mut command, "hand");
        }
        (Manager::Pacemaker | Manager::Hand, _) => {
            command
                .arg0("/usr/lib/ocf/resource.d/siteward/site")
                .arg(verb)
                .env("LC_ALL", "C")
                .env("OCF_ROOT", "/usr/lib/ocf")
                .env("OCF_RA_VERSION_MAJOR", "1")
                .env("OCF_RA_VERSION_MINOR", "1")
                .env("OCF_RESOURCE_INSTANCE", format!("rehearsed-{name}"))
                .env("OCF_RESKEY_site", name)
                .env("OCF_RESKEY_CRM_meta_timeout", timeout.as_millis().to_string())
                // Otherwise each monitor would be held.
                .env("OCF_RESKEY_monitor_wait", "0");
        }
        (Manager::Clusterware, _) => {
            command
                .arg0(format!("/opt/siteward/crs/{name}"))
                .arg(if verb == "monitor" { "check" } else { verb })
                .env("_CRS_NAME", name)
                .env("_CRS_TYPE", "cluster_resource")
                .env("_CRS_ACTION_SCRIPT", format!("/opt/siteward/crs/{name}"))
                .env("_CRS_SCRIPT_TIMEOUT", &seconds)
                .env("_CRS_START_TIMEOUT", &seconds)
                .env("_CRS_STOP_TIMEOUT", &seconds)
                .env("_CRS_CHECK_TIMEOUT", "0");
        }
        (Manager::Serviceguard, "start" | "stop" | "validate") => {
            command
                .arg0(format!("/opt/siteward/serviceguard/{name}"))
                .arg(verb)
                .env("SG_PACKAGE", name)
                .env("SG_PACKAGE_NAME", name)
                .env("SG_SCRIPT_ACTION", verb);
        }
        (Manager::Serviceguard, _) => by_words(&mut command, "serviceguard"),
        (Manager::Expresscluster, _) => {
            by_words(&mut command, "expresscluster");
            command
                .env("CLP_EVENT", "START")
                .env("CLP_DISK", "SUCCESS")
                .env("CLP_SERVER", "HOME")
                .env("CLP_GROUPNAME", name);
        }
    }
    // Serviceguard sets no PATH for a service.
    if manager != Manager::Serviceguard {
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    }
    command
        .env("SITEWARD_CONFIG_DIR", &places.config)
        .env("SITEWARD_RUNTIME_DIR", &places.runtime)
        .env("SITEWARD_LOG_DIR", &places.logs)
        .envs(extra.iter().copied())
        .stdin(Stdio::null())
        // A manager makes a process group for a call, and kills the group at its timeout.
        .process_group(0);
    command
}
