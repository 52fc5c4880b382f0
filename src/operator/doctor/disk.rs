//! The site's disk: its mount, its options, its permissions, its content. Done in a helper, as it may hang.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::backend::jobcenter::old_layout;
use crate::lease;
use crate::linux::clock::WallTime;
use crate::linux::health;
use crate::linux::mounts::{Mount, MountTable};
use crate::linux::spawn::Credentials;
use crate::operator::finding::Finding;
use crate::site::{Definition, on_database};
use crate::supervisor::launch::credentials;

/// Every check. `has_disk`: it is mounted here, or needs no mount. `is_here`: it must be mounted here.
pub(super) fn all(definition: &Definition, has_disk: bool, is_here: bool) -> Vec<Finding> {
    let mut found = vec![mount(definition, has_disk, is_here)];
    let Some(database) = &definition.database else { return found };
    if !has_disk {
        found.push(below_the_mount(definition, database));
        return found;
    }
    let all = MountTable::read().unwrap_or_default();
    if let Some(mount) = all.of(database) {
        found.extend(options(definition, mount));
    }
    if !database.is_dir() {
        let at = database.display();
        found.push(Finding::error(
            "database-directory",
            format!("{at} is no directory"),
            format!("siteward create {}", definition.name),
        ));
        return found;
    }
    found.push(Finding::ok("database-directory", format!("{} is there", database.display())));
    found.extend(permissions(definition, database));
    found.push(own_folder(database));
    found.push(room(database));
    found.push(times(database));
    found.extend(layout(definition, database));
    found
}

fn mount(definition: &Definition, has_disk: bool, is_here: bool) -> Finding {
    const CHECK: &str = "mount";
    let Some(point) = &definition.prerequisites.mounted else {
        return Finding::ok(CHECK, "the site needs none");
    };
    let at = point.display();
    if has_disk {
        return Finding::ok(CHECK, format!("{at} is mounted"));
    }
    if is_here {
        return Finding::error(
            CHECK,
            format!("{at} is not mounted on this node"),
            format!("let the cluster manager mount {at} before the site is started"),
        );
    }
    Finding::ok(CHECK, format!("{at} is not mounted on this node, where the site is down"))
}

/// While the disk is elsewhere, its place here is an empty directory: a copy of the data there would be
/// taken for the data where a mount fails (PP-08).
fn below_the_mount(definition: &Definition, database: &Path) -> Finding {
    const CHECK: &str = "mount-point";
    let point = definition.prerequisites.mounted.as_deref().unwrap_or(database);
    let at = point.display();
    match fs::read_dir(point) {
        Ok(mut entries) => match entries.next() {
            None => Finding::ok(CHECK, format!("{at} is an empty directory")),
            Some(_) => Finding::warning(
                CHECK,
                format!("{at} holds files on this node's own disk, which the mount hides"),
                format!("mv {at} {at}.stale && mkdir {at}"),
            ),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::warning(
            CHECK,
            format!("{at} is not there, and nothing can be mounted on it"),
            format!("mkdir -p {at}"),
        ),
        Err(error) => Finding::unchecked(CHECK, error),
    }
}

/// File systems that several nodes may mount at once.
pub(super) fn is_shared(kind: &str) -> bool {
    let kind = kind.trim_start_matches("fuse.");
    ["nfs", "nfs4", "gfs2", "ocfs2", "ceph", "glusterfs", "lustre", "gpfs", "acfs", "cifs", "smb3"]
        .contains(&kind)
}

/// Options with which data that was written is not there after a failover, or the lease does not hold
/// (JP-05): the option, what it does, and what to write in its place.
const RISKY: [(&str, &str, &str); 6] = [
    ("soft", "gives up writes when the server is slow", "hard"),
    ("nolock", "keeps locks from other nodes", "lock"),
    ("local_lock=all", "keeps locks from other nodes", "local_lock=none"),
    ("local_lock=flock", "keeps locks from other nodes", "local_lock=none"),
    ("nobarrier", "may lose what was synced when the power fails", "barrier"),
    ("data=writeback", "may show old data in files after a crash", "data=ordered"),
];

fn options(definition: &Definition, mount: &Mount) -> Vec<Finding> {
    const CHECK: &str = "mount-options";
    let at = mount.point.display();
    let mut found = Vec::new();
    if mount.has("ro") {
        found.push(Finding::error(
            CHECK,
            format!("{at} is mounted read-only"),
            format!("mount -o remount,rw {at}, once the file system is known to be in order"),
        ));
    }
    let on_it = |words: &Vec<String>| {
        words.first().is_some_and(|program| Path::new(program).starts_with(&mount.point))
    };
    // The root file system holds every program.
    if mount.has("noexec") && definition.processes.iter().any(|p| on_it(&p.command)) {
        found.push(Finding::error(
            CHECK,
            format!("{at} is mounted noexec, and a program of the site is on it"),
            format!("take noexec out of the options with which the cluster mounts {at}"),
        ));
    }
    // Of a journal on another device or in another file system, the same option means something else.
    let barrier_off = mount.has("barrier=0").then_some(("barrier=0", RISKY[4].1, "barrier=1"));
    for (option, does, better) in
        RISKY.iter().copied().filter(|(option, ..)| mount.has(option)).chain(barrier_off)
    {
        found.push(Finding::warning(
            CHECK,
            format!("{at} is mounted with {option}, which {does}"),
            format!("let the cluster mount {at} with {better} in place of {option}"),
        ));
    }
    if ["tmpfs", "ramfs"].contains(&mount.kind.as_str()) {
        found.push(Finding::warning(
            CHECK,
            format!(
                "the database is in memory ({at} is {}), and is gone at a failover",
                mount.kind
            ),
            "put the database on a disk that the other nodes reach",
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, format!("{at} is {} with no risky option", mount.kind)));
    }
    found
}

/// Every user of the site can enter the database; for JobCenter, everybody can (DB-12).
fn permissions(definition: &Definition, database: &Path) -> Vec<Finding> {
    const CHECK: &str = "database-permissions";
    let mut found = Vec::new();
    let mut folders: Vec<&Path> = database.ancestors().collect();
    let spool = database.join("nqs");
    let is_jobcenters = definition.jobcenter().is_some();
    if is_jobcenters && spool.is_dir() {
        folders.insert(0, &spool);
    }
    let users: Vec<Credentials> = definition
        .processes
        .iter()
        .filter_map(|process| credentials(&process.context).ok().flatten())
        .map(|(_, who)| who)
        .filter(|who| who.uid != 0)
        .collect();
    for folder in folders {
        let Ok(there) = fs::metadata(folder) else { continue };
        let mode = there.mode();
        let at = folder.display();
        let is_closed = is_jobcenters && mode & 0o055 != 0o055;
        let kept_out = users.iter().find(|who| !may_enter(who, mode, there.uid(), there.gid()));
        let said = match (is_closed, kept_out) {
            (true, _) => format!("{at} has mode {:03o}, and JobCenter needs 755", mode & 0o777),
            (false, Some(who)) => format!("the user {} cannot enter {at}", who.uid),
            (false, None) => continue,
        };
        let mend = if is_jobcenters { "chmod 755" } else { "chmod a+x" };
        found.push(Finding::error(CHECK, said, format!("{mend} {at}")));
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "every user of the site can enter it"));
    }
    found
}

fn may_enter(who: &Credentials, mode: u32, owner: u32, group: u32) -> bool {
    let bit = if owner == who.uid {
        0o100
    } else if who.gid == group || who.groups.contains(&group) {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

/// The folder that siteward keeps on the database belongs to root alone, or no start takes the lease.
fn own_folder(database: &Path) -> Finding {
    const CHECK: &str = "lease-directory";
    let folder = on_database(database);
    let at = folder.display();
    let there = match fs::symlink_metadata(&folder) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::ok(CHECK, format!("{at} is made at the first start"));
        }
        Err(error) => return Finding::unchecked(CHECK, error),
    };
    let me = crate::linux::files::effective_user();
    if !there.is_dir() || there.uid() != me || there.mode() & 0o022 != 0 {
        return Finding::error(
            CHECK,
            format!("{at} is not a directory that only its owner, user {me}, may write to"),
            format!("chown {me} {at}; chmod 700 {at}"),
        );
    }
    Finding::ok(CHECK, format!("{at} is only its owner's"))
}

fn room(database: &Path) -> Finding {
    const CHECK: &str = "database-space";
    let at = database.display();
    match health::room(database) {
        Err(error) => Finding::unchecked(CHECK, error),
        Ok(left) if left.bytes < 16 << 20 || left.files.is_some_and(|files| files < 100) => {
            Finding::warning(
                CHECK,
                format!("{at} is nearly full ({} MiB left)", left.bytes >> 20),
                format!("du -xh {at} | sort -h, and make room"),
            )
        }
        Ok(left) => Finding::ok(CHECK, format!("{at} has {} MiB left", left.bytes >> 20)),
    }
}

/// What another node wrote is not from the future.
fn times(database: &Path) -> Finding {
    const CHECK: &str = "clock-of-nodes";
    let now = WallTime::now();
    let late = lease::owner(database).filter(|owner| owner.since > now);
    match late {
        Some(owner) => Finding::error(
            CHECK,
            format!(
                "this node's clock shows {now}, and `{}` took the lease at {}",
                owner.node, owner.since
            ),
            "chronyc makestep (or: timedatectl set-ntp true) on both nodes",
        ),
        None => Finding::ok(CHECK, format!("nothing on the database is later than {now}")),
    }
}

/// The storage of R12.10.x and older must be converted before R13.1 or newer can use it (UPG-01).
fn layout(definition: &Definition, database: &Path) -> Vec<Finding> {
    const CHECK: &str = "database-layout";
    let Some(profile) = definition.jobcenter() else { return Vec::new() };
    let Some(old) = old_layout(profile, &definition.site, database) else {
        return vec![Finding::ok(CHECK, "there is nothing to convert")];
    };
    vec![Finding::error(CHECK, old.sentence, old.conversion)]
}
