//! What moves with a site: its disk, the lease on it, and its address. The disk itself is never touched in
//! this process: it may hang.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::{AddressStatus, DiskStatus, LeaseStatus, WorkItemStatus, WorkStatus};
use crate::agent::Target;
use crate::disk::{self, WorkItem};
use crate::lease::{self, Owner};
use crate::linux::node;
use crate::site::Definition;
use crate::values::Moment;

/// How long the disk may take to tell who owns it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many items of interrupted work are listed.
const MOST: usize = 100;

/// The hidden subcommand that reads the owner's record.
const WORD: &str = "read-owner";

/// Reads the owner's record in a helper process. Returns the answer to print.
pub fn read_owner_here(job: &str) -> Option<String> {
    let database: PathBuf = serde_json::from_str(job).ok()?;
    serde_json::to_string(&lease::owner(&database)).ok()
}

pub(super) fn disk(definition: &Definition) -> Option<DiskStatus> {
    let database = definition.database.clone()?;
    let mount_point = definition.prerequisites.mounted.clone();
    let mounted = mount_point.as_deref().and_then(|path| node::is_mount_point(path).ok());
    Some(DiskStatus { database, mount_point, mounted })
}

pub(super) fn lease(
    target: &Target,
    definition: &Definition,
    until: Moment,
) -> Option<LeaseStatus> {
    let database = definition.database.as_deref()?;
    let held_here = lease::is_kept(&target.site);
    let asked = owner(target, database, until.min(Moment::now() + PATIENCE));
    let (owner, note) = match asked {
        Ok(owner) => (owner, None),
        Err(why) => (None, Some(why)),
    };
    Some(LeaseStatus {
        held_here,
        node: owner.as_ref().map(|owner| owner.node.clone()),
        since: owner.as_ref().and_then(|owner| owner.since.to_string().parse().ok()),
        released: owner.as_ref().map(|owner| owner.released),
        note,
    })
}

/// The owner of the database by its record.
pub(in crate::operator) fn owner(
    target: &Target,
    database: &Path,
    until: Moment,
) -> Result<Option<Owner>, String> {
    disk::ask(&target.places, (WORD, &database), database, until, None)
        .map_err(|undone| undone.to_string())
}

/// The interrupted work that nobody has decided on.
pub(super) fn work(definition: &Definition, until: Moment) -> Option<WorkStatus> {
    let database = definition.database.as_deref().filter(|_| !definition.work.is_empty())?;
    let list = match disk::read_work(database, until.min(Moment::now() + PATIENCE)) {
        Ok(list) => list.unwrap_or_default(),
        Err(why) => {
            return Some(WorkStatus { note: Some(why.to_string()), ..WorkStatus::default() });
        }
    };
    let item = |item: &WorkItem| WorkItemStatus {
        kind: item.kind.clone(),
        file: item.file.clone(),
        state: item.state,
        told: item.told(),
        found: item.found.to_string().parse().ok(),
    };
    Some(WorkStatus {
        open: list.open().count(),
        items: list.open().take(MOST).map(item).collect(),
        note: None,
    })
}

pub(super) fn address(definition: &Definition) -> Option<AddressStatus> {
    let address = definition.address?;
    let on_this_node = node::addresses().ok().map(|all| all.contains(&address));
    Some(AddressStatus { address: address.to_string(), on_this_node })
}
