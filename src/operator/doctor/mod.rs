//! What would break a site at its next start or failover, found before it.
//!
//! Promises: every check is done and reported, not only the first that finds something; a check that could not
//! be done is reported as such. Must never: change anything, or wait for a disk, a name server or a manager's
//! command without a deadline.

mod boot;
mod definition;
mod disk;
mod examined;
mod jobcenter;
mod lan;
mod limits;
mod lookup;
mod manager;
mod names;
mod node;
mod ports;
mod programs;
mod units;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts;
use super::finding::{Finding, Severity};
use crate::agent::{Deadline, Target};
use crate::disk::{ask, pause_path, read_pause};
use crate::process::holders;
use crate::site::{Definition, Places, SiteName};
pub use examined::DoctorOptions;
use examined::Examined;

/// Checks that read what is local to this node, or wait with a deadline of their own.
const CHECKS: [fn(&Examined<'_>) -> Vec<Finding>; 30] = [
    definition::state,
    definition::in_use,
    definition::misnamed,
    definition::path_length,
    definition::machine_id,
    definition::nested_database,
    definition::shared_address,
    definition::maintenance,
    paused,
    names::all,
    lan::address,
    lan::networks,
    on_disk,
    held,
    jobcenter::all,
    ports::free,
    ports::of_jobcenter,
    ports::ephemeral,
    ports::shared,
    limits::ulimits,
    limits::open_files,
    limits::ipc,
    limits::watches,
    boot::all,
    manager::agent_links,
    manager::settings,
    node::clock,
    node::selinux,
    node::control_groups,
    node::folders,
];

/// Does every check for a site on this node.
pub fn examine(target: &Target, options: DoctorOptions, deadline: &Deadline) -> Vec<Finding> {
    let (definition, mut found) = definition::read(target);
    let Some(definition) = definition else { return found };
    let examined = Examined::read(target, definition, options, deadline);
    for check in CHECKS {
        found.extend(check(&examined));
    }
    found.extend(facts::compare_with_database(target, deadline));
    found
}

/// The time that a disk has to answer.
const DISK: Duration = Duration::from_secs(10);

/// A pause that follows the site, with no end or with one that is past (MNT-05).
fn paused(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "pause";
    let Some(database) = examined.definition.database.as_ref().filter(|_| examined.has_disk) else {
        return vec![Finding::ok(CHECK, "the mark of a pause would be on the disk, not here")];
    };
    let name = &examined.target.name;
    match read_pause(&examined.target.places, database, examined.share(DISK), None) {
        Ok(None) => vec![Finding::ok(CHECK, "the site is not paused")],
        Ok(Some(pause)) => vec![Finding::warning(
            CHECK,
            format!("every start, on any node, comes up without processes: {pause}"),
            match examined.is_up() {
                true => format!("siteward resume {name}"),
                // Only a supervisor resumes a site.
                false => format!("rm {}", pause_path(database).display()),
            },
        )],
        Err(why) => vec![Finding::unchecked(CHECK, why)],
    }
}

/// No other process keeps the database of a site that is down: neither an unmount nor a failover would
/// succeed (NOTE-02, DB-18).
fn held(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "database-holders";
    let database = examined.definition.database.as_ref();
    let Some(database) = database.filter(|_| examined.has_disk && !examined.is_up()) else {
        return vec![Finding::ok(CHECK, "the site is up, or its disk is not here")];
    };
    let site = &examined.target.site;
    let holders = match holders(database) {
        Ok(holders) => holders,
        Err(error) => return vec![Finding::unchecked(CHECK, error)],
    };
    let found = holders.iter().filter(|holder| !holder.keeps_lease(site)).map(|holder| {
        Finding::warning(
            CHECK,
            format!("{}, while the site is down", holder.describe(site)),
            format!("siteward holders {}, then end it: kill {}", examined.target.name, holder.pid),
        )
    });
    let found: Vec<Finding> = found.collect();
    if found.is_empty() {
        return vec![Finding::ok(CHECK, "nobody uses the database")];
    }
    found
}

/// The checks of programs and of the disk, as a job for a helper.
#[derive(Debug, Serialize, Deserialize)]
struct DoctorJob {
    name: SiteName,
    has_disk: bool,
    is_here: bool,
}

/// The hidden subcommand of this job.
const WORD: &str = "doctor-job";

/// A finding, as the helper prints it.
#[derive(Serialize, Deserialize)]
struct ToldFinding {
    severity: Severity,
    check: String,
    sentence: String,
    mend: Option<String>,
}

/// The names of the checks that the helper does.
const OF_HELPER: [&str; 22] = [
    "user",
    "supervisor",
    "program",
    "healthcheck",
    "working-directory",
    "env-file",
    "local-daemon",
    "jobcenter-maintenance",
    "jobcenter-site",
    "link",
    "listen-address",
    "program-trust",
    "mount",
    "mount-point",
    "mount-options",
    "database-directory",
    "database-permissions",
    "lease-directory",
    "database-space",
    "clock-of-nodes",
    "database-layout",
    "address",
];

fn on_disk(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "disk";
    let (has_disk, is_here) = (examined.has_disk, examined.is_here);
    let Some(database) = &examined.definition.database else {
        return of_helper(&examined.definition, has_disk, is_here);
    };
    let job = DoctorJob { name: examined.target.name.clone(), has_disk, is_here };
    let places = &examined.target.places;
    let told: Result<Vec<ToldFinding>, _> =
        ask(places, (WORD, &job), database, examined.share(DISK), None);
    match told {
        Ok(told) => told.into_iter().filter_map(ToldFinding::into_finding).collect(),
        Err(why) => vec![Finding::error(
            CHECK,
            format!("programs, users and the disk could not be checked: {why}"),
            format!("find out why {} does not answer: dmesg, multipath -ll", database.display()),
        )],
    }
}

impl ToldFinding {
    fn into_finding(self) -> Option<Finding> {
        let Self { severity, check, sentence, mend } = self;
        let check = OF_HELPER.into_iter().find(|known| *known == check)?;
        Some(Finding { severity, check, sentence, mend })
    }
}

fn of_helper(definition: &Definition, has_disk: bool, is_here: bool) -> Vec<Finding> {
    let mut found = programs::all(definition, has_disk);
    found.extend(disk::all(definition, has_disk, is_here));
    found
}

/// Does the checks of programs and of the disk in the helper process. Returns the answer to print.
pub fn examine_disk_here(job: &str, places: &Places) -> Option<String> {
    let DoctorJob { name, has_disk, is_here } = serde_json::from_str(job).ok()?;
    let target = Target::new(name, places.clone(), None);
    let definition = definition::read(&target).0?;
    serde_json::to_string(&of_helper(&definition, has_disk, is_here)).ok()
}
