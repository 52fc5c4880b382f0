//! HPE Serviceguard: a modular package with this program as external_script and a service that
//! watches, and the legacy control script with the site in the foreground.

use std::fmt::Write;

use super::advice::{SERVICEGUARD_RESERVE, WATCHER_HALT};
use super::facts::SiteFacts;
use crate::manager::Manager;

/// The directory of the external scripts. Each is a link to this program, named after its site.
const LINKS: &str = "/opt/siteward/serviceguard";
/// The directory of the maintenance flags.
const FLAGS: &str = "/etc/siteward/serviceguard";

pub(super) fn modular(facts: &SiteFacts<'_>) -> (String, String) {
    let name = facts.name;
    let package = package_name(name);
    let options = facts.options();
    let times = facts.times(Manager::Serviceguard);
    let (run, halt) = (times.start.as_secs(), times.stop.as_secs());
    let mut body = format!(
        "# On every node, as root:\n\
         #   mkdir -p {LINKS} {FLAGS}\n\
         #   ln -sfn {} {LINKS}/{name}\n\
         # touch {FLAGS}/{name}.debug pauses the watching; rm resumes it.\n\n\
         package_name                    {package}\n\
         package_type                    failover\n\
         node_name                       <NODE-1>\n\
         node_name                       <NODE-2>\n\
         auto_run                        yes\n\
         node_fail_fast_enabled          no\n\
         failover_policy                 configured_node\n\
         failback_policy                 manual\n\
         run_script_timeout              {run}\n\
         halt_script_timeout             {halt}\n",
        facts.program
    );
    if let Some(mount) = facts.mount() {
        let _ = write!(
            body,
            "\nvg                              <VOLUME-GROUP>\n\
             fs_name                         <DEVICE>\n\
             fs_directory                    {mount}\n\
             fs_type                         \"<FSTYPE>\"\n\
             fs_mount_opt                    \"\"\n\
             fs_umount_opt                   \"\"\n\
             fs_fsck_opt                     \"\"\n"
        );
    }
    if let Some(address) = facts.address() {
        let _ = write!(
            body,
            "\nip_subnet                       <SUBNET>\n\
             ip_address                      {address}\n"
        );
    }
    let _ = write!(
        body,
        "\nexternal_script                 {LINKS}/{name}\n\
         \nservice_name                    {package}\n\
         service_cmd                     \"{} watch {name} --as serviceguard --maintenance-flag {FLAGS}/{name}.debug{options}\"\n\
         service_restart                 none\n\
         service_fail_fast_enabled       no\n\
         service_halt_timeout            {}\n",
        facts.program,
        WATCHER_HALT.as_secs()
    );
    // Serviceguard passes these variables to the external script.
    for folder in facts.folders() {
        let key = format!("pev_siteward_{}", folder.parameter.name());
        let _ = writeln!(body, "{key:31} {}", folder.path());
    }
    let title = format!(
        "The site `{name}` in Serviceguard (modular): save this, then cmcheckconf -P and cmapplyconf -P."
    );
    (title, body)
}

pub(super) fn legacy(facts: &SiteFacts<'_>) -> (String, String) {
    let name = facts.name;
    let package = package_name(name);
    let program = &facts.program;
    let options = facts.options();
    let reserve = SERVICEGUARD_RESERVE.as_secs();
    let (run, halt) = (facts.start + reserve, facts.stop * 2 + reserve);
    let mut body = format!(
        "# In the package's configuration file:\n\
         #   PACKAGE_NAME                {package}\n\
         #   NODE_NAME                   <NODE-1>\n\
         #   NODE_NAME                   <NODE-2>\n\
         #   RUN_SCRIPT_TIMEOUT          {run}\n\
         #   HALT_SCRIPT_TIMEOUT         {halt}\n\
         #   SERVICE_NAME                {package}\n\
         #   SERVICE_FAIL_FAST_ENABLED   NO\n\
         #   SERVICE_HALT_TIMEOUT        {}\n\n\
         # In its control script:\n",
        facts.stop
    );
    if let Some(mount) = facts.mount() {
        let _ = write!(
            body,
            "VG[0]=\"<VOLUME-GROUP>\"\n\
             LV[0]=\"<DEVICE>\"; FS[0]=\"{mount}\"; FS_TYPE[0]=\"<FSTYPE>\"; FS_MOUNT_OPT[0]=\"\"\n"
        );
    }
    if let Some(address) = facts.address() {
        let _ = writeln!(body, "IP[0]=\"{address}\"; SUBNET[0]=\"<SUBNET>\"");
    }
    let _ = write!(
        body,
        "SERVICE_NAME[0]=\"{package}\"\n\
         SERVICE_CMD[0]=\"{program} run {name} --as serviceguard{options}\"\n\
         SERVICE_RESTART[0]=\"\"\n\n\
         customer_defined_run_cmds()\n{{\n\
         \x20   # No process of an earlier run may live when the service starts.\n\
         \x20   {program} clean {name} --as serviceguard{options}\n\
         \x20   test_return 51\n}}\n\n\
         customer_defined_halt_cmds()\n{{\n\
         \x20   # The service has got SIGTERM. This checks that no process is left.\n\
         \x20   {program} stop {name} --as serviceguard{options}\n\
         \x20   test_return 52\n}}\n"
    );
    let title = format!("The site `{name}` in Serviceguard (legacy package control script).");
    (title, body)
}

/// At most 39 characters, without a dot.
fn package_name(name: &str) -> String {
    name.replace('.', "_").chars().take(39).collect()
}
